/* The source twice. */
#define FIRST_CONNECTOR &source_connector
#include "skeleton.h"
