/* struct_size of the connector forgotten. */
#define CONNECTOR_SIZE 0
#include "skeleton.h"
