/* Points of failure for tests, configured by the environment. The variable is read once; each entry counts its own passes, so that
 * "after the third commit" can be asked for. Every library that links the SDK has its own counters. */
#include <etlhost/sdk/failpoint.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ENTRIES_MAX 16

struct entry {
    const char *name;
    size_t name_length;
    unsigned long hit;
    const char *action;
    size_t action_length;
    atomic_ulong passes;
};

/* global: written once under `once`, afterwards only the counters change. */
static struct entry entries[ENTRIES_MAX];
static size_t entry_count;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* NAME[:HIT]:ACTION */
static void parse_entry(const char *text, size_t length)
{
    struct entry *entry = &entries[entry_count];
    const char *end = text + length, *colon = memchr(text, ':', length), *second = NULL;

    if (!colon || entry_count == ENTRIES_MAX)
        return;
    entry->name = text;
    entry->name_length = (size_t)(colon - text);
    entry->hit = 1;
    second = memchr(colon + 1, ':', (size_t)(end - colon - 1));
    if (second) {
        entry->hit = strtoul(colon + 1, NULL, 10);
        colon = second;
    }
    entry->action = colon + 1;
    entry->action_length = (size_t)(end - entry->action);
    entry_count++;
}

static void read_environment(void)
{
    const char *list = getenv("ETLHOST_FAILPOINT");

    while (list && *list) {
        size_t length = strcspn(list, ",");
        parse_entry(list, length);
        list += length;
        if (*list == ',')
            list++;
    }
}

static bool action_is(const struct entry *entry, const char *action)
{
    return strlen(action) == entry->action_length && memcmp(entry->action, action, entry->action_length) == 0;
}

static etl_status act(const struct entry *entry, const char *name, struct etl_error *err)
{
    if (action_is(entry, "kill")) {
        kill(getpid(), SIGKILL);
        for (;;)
            pause();
    }
    if (action_is(entry, "delay")) {
        nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
        return ETL_OK;
    }
    if (action_is(entry, "error"))
        return etl_fail(err, ETL_IO, "failpoint %s: error", name);
    if (action_is(entry, "enospc")) {
        if (err)
            err->vendor_code = ENOSPC;
        return etl_fail(err, ETL_IO, "failpoint %s: no space left on device", name);
    }
    if (action_is(entry, "transient"))
        return etl_fail(err, ETL_TRANSIENT, "failpoint %s: transient", name);
    if (action_is(entry, "in_doubt"))
        return etl_fail(err, ETL_IN_DOUBT, "failpoint %s: in doubt", name);
    /* A mistyped action must not look like a passed test. */
    return etl_fail(err, ETL_INTERNAL, "failpoint %s: unknown action \"%.*s\"", name, (int)entry->action_length,
                    entry->action);
}

etl_status etl_failpoint(const char *name, struct etl_error *err)
{
    size_t length = strlen(name);
    const struct entry *due = NULL;

    pthread_once(&once, read_environment);
    for (size_t i = 0; i < entry_count; i++) {
        struct entry *entry = &entries[i];
        if (entry->name_length != length || memcmp(entry->name, name, length) != 0)
            continue;
        if (atomic_fetch_add(&entry->passes, 1) + 1 == entry->hit)
            due = entry;
    }
    return due ? act(due, name, err) : ETL_OK;
}
