/* A source that cannot read. */
#define READ_NEXT NULL
#include "skeleton.h"
