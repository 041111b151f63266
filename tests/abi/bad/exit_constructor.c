/* Ends the process while it is mapped. */
#include "skeleton.h"

__attribute__((constructor)) static void start(void)
{
    _Exit(3);
}
