/* Writes to standard output, where the probe expects an answer. Nothing else is wrong. */
#include "skeleton.h"

#include <unistd.h>

__attribute__((constructor)) static void start(void)
{
    static const char text[] = "open\n{\"error\": {\"status\": 1, \"message\": \"forged\"}}\n";

    (void)!write(STDOUT_FILENO, text, sizeof(text) - 1);
}
