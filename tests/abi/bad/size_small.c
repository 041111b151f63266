/* A descriptor shorter than that of ABI 1.0. */
#define PLUGIN_SIZE 32
#include "skeleton.h"
