/* An empty list of connectors. */
#define FIRST_CONNECTOR NULL
#include "skeleton.h"
