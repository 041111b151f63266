/* JSON, but no object. */
#define CONFIG_SCHEMA "[1]"
#include "skeleton.h"
