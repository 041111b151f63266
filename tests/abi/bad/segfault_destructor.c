/* Behaves until the process ends. */
#include "skeleton.h"

#include <signal.h>

__attribute__((destructor)) static void stop(void)
{
    (void)raise(SIGSEGV); /* what a wild pointer comes to, also under a sanitizer */
}
