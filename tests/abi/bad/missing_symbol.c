/* A shared object that is no plugin. */
#include <etlhost/abi.h>

__attribute__((visibility("default"))) int some_other_symbol(void);

int some_other_symbol(void)
{
    return 1;
}
