/* No descriptor at all. */
#define ENTRY
#include "skeleton.h"

const struct etl_plugin *etl_plugin_v1(void)
{
    return NULL;
}
