/* An id that is no id. */
#define CONNECTOR_ID "Big Data"
#include "skeleton.h"
