/* LD_PRELOAD shim: lets the Nth allocation of the process fail, once or for ever.
 *
 *     FAIL_ALLOCATION=N[+] LD_PRELOAD=./fail_allocations.so COMMAND
 *
 * With N=0 it only counts and writes the count to file descriptor FAIL_ALLOCATION_COUNT_FD at exit.
 *
 * Allocations of libcrypto always succeed: version 3.0 goes on with a NULL lock when its own first initialisation fails, and crashes. */
#include <errno.h>
#include <link.h>
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
static char *spared_begin, *spared_end; /* libcrypto in memory */

static int find_libcrypto(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size, (void)unused;
    if (!strstr(info->dlpi_name, "/libcrypto.so"))
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        char *begin = (char *)info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        if (info->dlpi_phdr[i].p_type != PT_LOAD)
            continue;
        if (!spared_begin)
            spared_begin = begin;
        spared_end = begin + info->dlpi_phdr[i].p_memsz;
    }
    return 1;
}

__attribute__((constructor)) static void read_environment(void)
{
    const char *text = getenv("FAIL_ALLOCATION");
    if (!text)
        return;
    dl_iterate_phdr(find_libcrypto, NULL);
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

static int fails(void *caller)
{
    if ((char *)caller >= spared_begin && (char *)caller < spared_end)
        return 0;
    unsigned long number = atomic_fetch_add(&count, 1) + 1;
    if (!victim || (for_ever ? number < victim : number != victim))
        return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(number, size);
}

void *realloc(void *old, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}
