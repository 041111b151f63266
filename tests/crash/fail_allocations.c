/* LD_PRELOAD shim: lets the Nth allocation of the process fail, once or for ever.
 *
 *     FAIL_ALLOCATION=N[+] LD_PRELOAD=./fail_allocations.so COMMAND
 *
 * With N=0 it only counts and writes the count to file descriptor FAIL_ALLOCATION_COUNT_FD at exit. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

static atomic_ulong count;
static unsigned long victim;
static int for_ever;

__attribute__((constructor)) static void read_environment(void)
{
    const char *text = getenv("FAIL_ALLOCATION");
    if (!text)
        return;
    for_ever = strchr(text, '+') != NULL;
    atomic_store(&count, 0);
    victim = strtoul(text, NULL, 10);
}

__attribute__((destructor)) static void write_count(void)
{
    const char *text = getenv("FAIL_ALLOCATION_COUNT_FD");
    char line[32];
    if (!text)
        return;
    int length = snprintf(line, sizeof(line), "%lu\n", atomic_load(&count));
    if (write(atoi(text), line, (size_t)length) < 0)
        return;
}

static int fails(void)
{
    unsigned long number = atomic_fetch_add(&count, 1) + 1;
    if (!victim || (for_ever ? number < victim : number != victim))
        return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    return fails() ? NULL : __libc_calloc(number, size);
}

void *realloc(void *old, size_t size)
{
    return fails() ? NULL : __libc_realloc(old, size);
}
