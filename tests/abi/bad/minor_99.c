/* Made for a host of the future. */
#define PLUGIN_BUILT    99
#define PLUGIN_REQUIRED 99
#include "skeleton.h"
