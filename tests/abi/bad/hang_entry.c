/* Never answers. */
#define ENTRY
#include "skeleton.h"

#include <unistd.h>

const struct etl_plugin *etl_plugin_v1(void)
{
    for (;;)
        pause();
}
