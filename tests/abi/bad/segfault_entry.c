/* Crashes when it is asked for its descriptor. */
#define ENTRY
#include "skeleton.h"

#include <signal.h>

const struct etl_plugin *etl_plugin_v1(void)
{
    (void)raise(SIGSEGV); /* what a wild pointer comes to, also under a sanitizer */
    return &descriptor;
}
