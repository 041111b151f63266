/* Crashes in load(). */
#define PLUGIN_LOAD lying_load
#include <etlhost/abi.h>
#include <signal.h>

static etl_status lying_load(const struct etl_host *host, struct etl_error *err)
{
    (void)host;
    (void)err;
    (void)raise(SIGSEGV); /* what a wild pointer comes to, also under a sanitizer */
    return ETL_OK;
}

#include "skeleton.h"
