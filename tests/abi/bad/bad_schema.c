/* Settings described in something that is not JSON. */
#define CONFIG_SCHEMA "{\"type\": \"object\",\n \"properties\": {path}}"
#include "skeleton.h"
