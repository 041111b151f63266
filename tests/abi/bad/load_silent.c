/* load() fails and says nothing. */
#define PLUGIN_LOAD lying_load
#include <etlhost/abi.h>

static etl_status lying_load(const struct etl_host *host, struct etl_error *err)
{
    (void)host;
    (void)err;
    return ETL_IO;
}

#include "skeleton.h"
