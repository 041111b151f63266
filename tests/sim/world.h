/* A simulated world around one pipeline: a source that remembers everything that happened to it, and a destination that keeps what has been
 * committed. Both outlive the "processes" (runs) that use them. Faults are decided by the seed and the number of the call on that side
 * alone. */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "core/plugin/plugin.h"
#include "core/state/store.h"
#include <pthread.h>
#include <stdatomic.h>

#define STATE_MAX 128
#define LINES_MAX 8

enum sim_mode { SIM_APPEND, SIM_UPSERT, SIM_OVERWRITE };
enum change_kind { CHANGE_UPSERT, CHANGE_DELETE, CHANGE_REJECT };

struct change { /* one entry of the source's history; its index + 1 is its version */
    int64_t key;
    enum change_kind kind;
    int64_t tick; /* cursor value: never goes back, often ties */
};

struct row { /* at the destination */
    int64_t key, version;
};

struct table {
    struct row *rows;
    size_t count, capacity;
};

struct line { /* of commits: one per slice */
    char slice[32];
    uint64_t generation, seq, epoch;
    char state[STATE_MAX];
    size_t state_len;
    bool is_used;
};

struct world {
    uint64_t seed;
    bool verbose;
    /* the scenario */
    enum sim_mode mode;
    uint32_t guarantee;
    bool has_ties, has_slices, has_rejects;
    int64_t parallel;
    size_t schema_change_at; /* rows from this version on have one more column */

    pthread_mutex_t lock; /* guards everything below */
    bool is_calm;         /* no more faults */
    atomic_int is_dead;   /* the process has died: calls have no effect any more */
    uint64_t source_calls, dest_calls;

    struct change *history;
    size_t history_count, history_capacity;
    size_t rejects;

    struct table live, staged;
    uint64_t live_generation, staged_generation; /* staged 0 = none */
    bool is_staged_used;
    struct line lines[LINES_MAX];
    int64_t durable[LINES_MAX]; /* position that the last commit of the line covers, -1 = none */
    uint64_t commits, rows_committed;
    char failure[512]; /* first violated invariant; "" = none */
};

uint64_t world_random(uint64_t seed, uint64_t a, uint64_t b);
void world_init(struct world *world, uint64_t seed);
void world_fini(struct world *world);
/* Lets things happen to the source. */
void world_change(struct world *world, uint64_t round);
void world_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A fault with probability 1 in `odds`? `call` is the number of the call. */
bool world_fault(struct world *world, uint64_t side, uint64_t call, uint64_t what, uint64_t odds);
int64_t world_position(const char *state, size_t length); /* of a state, -1 = none */
struct line *world_line(struct world *world, const char *slice, bool make);

void table_add(struct table *table, int64_t key, int64_t version);
void table_upsert(struct table *table, int64_t key, int64_t version);
void table_delete(struct table *table, int64_t key);
void table_sort(struct table *table);
void table_clear(struct table *table);

/* What the destination must hold when the line "" is committed up to `position`. */
void world_expect(const struct world *world, int64_t position, struct table *ret_table);
/* Compares; `may_repeat`: the destination may hold rows more than once. */
void world_compare(struct world *world, const char *when, struct table *found, struct table *expected, bool may_repeat);

extern struct world *sim_world; /* the one that the models act in */
void sim_source_connector(struct connector *connector);
void sim_dest_connector(struct connector *connector);

#endif
