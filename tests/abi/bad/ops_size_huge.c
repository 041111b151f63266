/* A table of ops that reaches far beyond itself. */
#define OPS_SIZE 1000000
#include "skeleton.h"
