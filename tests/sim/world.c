/* The world's memory and the oracle. */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world *sim_world;

uint64_t world_random(uint64_t seed, uint64_t a, uint64_t b)
{
    uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + a * UINT64_C(0xd1342543de82ef95) + b + 1;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

void world_init(struct world *world, uint64_t seed)
{
    memset(world, 0, sizeof(*world));
    world->seed = seed;
    world->mode = (enum sim_mode)(world_random(seed, 1, 1) % 3);
    world->guarantee = (uint32_t)(world_random(seed, 1, 2) % 4);
    if (world->guarantee == 3)
        world->guarantee = ETL_GUARANTEE_ATOMIC;
    world->has_ties = world_random(seed, 1, 3) % 2;
    world->has_slices = world->mode == SIM_OVERWRITE && world_random(seed, 1, 4) % 2;
    world->has_rejects = world->mode != SIM_OVERWRITE && world_random(seed, 1, 5) % 2;
    world->parallel = world->has_slices ? 3 : 1;
    /* A contract that sets records aside does not let the schema change. */
    world->schema_change_at = world->has_rejects ? SIZE_MAX / 2 : world_random(seed, 1, 6) % 120;
    for (size_t i = 0; i < LINES_MAX; i++)
        world->durable[i] = -1;
    pthread_mutex_init(&world->lock, NULL);
}

void world_fini(struct world *world)
{
    free(world->history);
    free(world->live.rows);
    free(world->staged.rows);
    pthread_mutex_destroy(&world->lock);
}

static void add_change(struct world *world, struct change change)
{
    if (world->history_count == world->history_capacity) {
        world->history_capacity = world->history_capacity ? world->history_capacity * 2 : 64;
        world->history = realloc(world->history, world->history_capacity * sizeof(*world->history));
        if (!world->history)
            abort();
    }
    world->history[world->history_count++] = change;
    world->rejects += change.kind == CHANGE_REJECT;
}

void world_change(struct world *world, uint64_t round)
{
    uint64_t count = world_random(world->seed, 2, round) % 40;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t dice = world_random(world->seed, 3, round * 1000 + i);
        size_t n = world->history_count;
        struct change change = {.key = (int64_t)(dice % 20)};
        int64_t tick = n ? world->history[n - 1].tick : 0;
        change.tick = tick + (int64_t)((dice >> 8) % 3 == 0);
        if (world->mode == SIM_UPSERT && (dice >> 16) % 5 == 0)
            change.kind = CHANGE_DELETE;
        if (world->has_rejects && (dice >> 24) % 9 == 0)
            change.kind = CHANGE_REJECT;
        add_change(world, change);
    }
}

void world_fail(struct world *world, const char *format, ...)
{
    va_list args;
    if (world->failure[0])
        return;
    va_start(args, format);
    vsnprintf(world->failure, sizeof(world->failure), format, args);
    va_end(args);
}

bool world_fault(struct world *world, uint64_t side, uint64_t call, uint64_t what, uint64_t odds)
{
    return !world->is_calm && world_random(world->seed, 100 + side * 10 + what, call) % odds == 0;
}

int64_t world_position(const char *state, size_t length)
{
    char text[STATE_MAX];
    if (!state || length >= sizeof(text) || length < 7)
        return -1;
    memcpy(text, state, length);
    text[length] = '\0';
    return strtoll(text + 7, NULL, 10); /* {"pos":N} */
}

struct line *world_line(struct world *world, const char *slice, bool make)
{
    for (size_t i = 0; i < LINES_MAX; i++) {
        struct line *line = &world->lines[i];
        if (line->is_used && !strcmp(line->slice, slice))
            return line;
        if (!line->is_used && make) {
            line->is_used = true;
            snprintf(line->slice, sizeof(line->slice), "%s", slice);
            return line;
        }
    }
    return NULL;
}

/* ---- tables -------------------------------------------------------------------------------------------------------- */

void table_add(struct table *table, int64_t key, int64_t version)
{
    if (table->count == table->capacity) {
        table->capacity = table->capacity ? table->capacity * 2 : 64;
        table->rows = realloc(table->rows, table->capacity * sizeof(*table->rows));
        if (!table->rows)
            abort();
    }
    table->rows[table->count++] = (struct row){key, version};
}

void table_delete(struct table *table, int64_t key)
{
    size_t kept = 0;
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].key != key)
            table->rows[kept++] = table->rows[i];
    table->count = kept;
}

void table_upsert(struct table *table, int64_t key, int64_t version)
{
    table_delete(table, key);
    table_add(table, key, version);
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    return x->version != y->version ? (x->version < y->version ? -1 : 1) : x->key < y->key ? -1 : x->key > y->key;
}

void table_sort(struct table *table)
{
    if (table->count)
        qsort(table->rows, table->count, sizeof(*table->rows), compare_rows);
}

void table_clear(struct table *table)
{
    table->count = 0;
}

void world_expect(const struct world *world, int64_t position, struct table *ret_table)
{
    for (int64_t i = 0; i < position && i < (int64_t)world->history_count; i++) {
        const struct change *change = &world->history[i];
        if (change->kind == CHANGE_REJECT)
            continue;
        if (world->mode != SIM_UPSERT)
            table_add(ret_table, change->key, i + 1);
        else if (change->kind == CHANGE_DELETE)
            table_delete(ret_table, change->key);
        else
            table_upsert(ret_table, change->key, i + 1);
    }
}

void world_compare(struct world *world, const char *when, struct table *found, struct table *expected, bool may_repeat)
{
    size_t at = 0;
    table_sort(found);
    table_sort(expected);
    for (size_t i = 0; i < expected->count; i++) {
        if (at == found->count || compare_rows(&found->rows[at], &expected->rows[i]) != 0) {
            world_fail(world, "%s: expected version %lld of key %lld, found %lld (%zu rows, %zu expected)", when,
                       (long long)expected->rows[i].version, (long long)expected->rows[i].key,
                       at < found->count ? (long long)found->rows[at].version : -1LL, found->count, expected->count);
            return;
        }
        at++;
        while (may_repeat && at < found->count && !compare_rows(&found->rows[at], &expected->rows[i]))
            at++;
    }
    if (at != found->count)
        world_fail(world, "%s: %zu rows too many, the first is version %lld", when, found->count - at,
                   (long long)found->rows[at].version);
}
