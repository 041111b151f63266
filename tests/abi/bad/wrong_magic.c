/* The magic of something else. */
#define PLUGIN_MAGIC 0x12345678
#include "skeleton.h"
