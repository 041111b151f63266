/* A role that nobody knows. */
#define CONNECTOR_ROLE 3
#include "skeleton.h"
