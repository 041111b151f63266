/* Nothing wrong: proves that the skeleton itself passes. */
#include "skeleton.h"
