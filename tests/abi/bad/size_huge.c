/* A descriptor of four gigabytes. */
#define PLUGIN_SIZE 0xfffffff0u
#include "skeleton.h"
