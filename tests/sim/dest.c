/* The model destination: atomic, idempotent or plain. What was written and not committed is gone with the writer. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk/batch_view.h>
#include <etlhost/sdk/error.h>

struct etl_dest {
    struct world *world;
};

struct pending {
    int64_t key, version;
    bool is_delete;
};

struct etl_writer {
    struct world *world;
    struct line *line;
    size_t line_index;
    uint64_t epoch, generation;
    uint32_t mode;
    struct ArrowSchema schema;
    struct etl_view view;
    bool has_schema;
    int64_t id, version, extra;
    struct pending *pending;
    size_t count, capacity;
    char state[STATE_MAX]; /* lent out by begin */
};

static etl_status die(struct world *world, struct etl_error *err)
{
    atomic_store(&world->is_dead, 1);
    return etl_fail(err, ETL_INTERNAL, "simulated death");
}

static uint64_t next_call(struct world *world)
{
    uint64_t call = 0;
    pthread_mutex_lock(&world->lock);
    call = world->dest_calls++;
    pthread_mutex_unlock(&world->lock);
    return call;
}

static etl_status dest_open(const struct etl_host *host, const char *config, size_t length, struct etl_dest **ret_dest,
                            struct etl_error *err)
{
    struct etl_dest *dest = calloc(1, sizeof(*dest));
    (void)host;
    (void)config;
    (void)length;
    if (!dest)
        return etl_fail_memory(err);
    dest->world = sim_world;
    *ret_dest = dest;
    return ETL_OK;
}

static etl_status dest_check(struct etl_dest *dest, struct etl_error *err)
{
    (void)dest;
    (void)err;
    return ETL_OK;
}

static uint64_t held_generation(const struct world *world)
{
    return world->is_staged_used ? world->staged_generation : world->live_generation;
}

static void fill_recovery(struct world *world, const struct line *line, uint64_t generation, char *state,
                          struct etl_recovery *recovery)
{
    recovery->guarantee = world->guarantee;
    recovery->generation = held_generation(world);
    recovery->is_final = !world->is_staged_used;
    if (world->guarantee != ETL_GUARANTEE_ATOMIC || !line || !line->seq || line->generation != generation)
        return;
    recovery->found = 1;
    recovery->seq = line->seq;
    memcpy(state, line->state, line->state_len);
    recovery->state = state;
    recovery->state_len = line->state_len;
}

static etl_status dest_explain(struct etl_dest *dest, const struct etl_write_plan *plan,
                               const struct ArrowSchema *schema, etl_emit_text emit, void *arg,
                               struct etl_recovery *recovery, struct etl_error *err)
{
    static char state[STATE_MAX];
    struct world *world = dest->world;
    (void)schema;
    (void)emit;
    (void)arg;
    (void)err;
    pthread_mutex_lock(&world->lock);
    fill_recovery(world, world_line(world, plan->slice, false), plan->generation, state, recovery);
    pthread_mutex_unlock(&world->lock);
    return ETL_OK;
}

/* I9: what an older unfinished load left is dropped when a newer one begins. */
static void take_generation(struct world *world, uint64_t generation)
{
    if (generation <= held_generation(world))
        return;
    table_clear(&world->staged);
    world->staged_generation = generation;
    world->is_staged_used = true;
}

static etl_status dest_begin(struct etl_dest *dest, const struct etl_write_plan *plan, struct etl_writer **ret_writer,
                             struct etl_recovery *recovery, struct etl_error *err)
{
    struct world *world = dest->world;
    uint64_t call = next_call(world);
    struct etl_writer *writer = NULL;
    if (atomic_load(&world->is_dead))
        return etl_fail(err, ETL_INTERNAL, "dead");
    if (world_fault(world, 2, call, 1, 25))
        return die(world, err);
    if (world_fault(world, 2, call, 2, 12))
        return etl_fail(err, ETL_TRANSIENT, "simulated: cannot connect");
    if (plan->generation < held_generation(world))
        return etl_fail(err, ETL_CONFLICT, "simulated: generation %llu is held",
                        (unsigned long long)held_generation(world));
    writer = calloc(1, sizeof(*writer));
    if (!writer)
        return etl_fail_memory(err);
    pthread_mutex_lock(&world->lock);
    writer->world = world;
    writer->line = world_line(world, plan->slice, true);
    writer->line_index = (size_t)(writer->line - world->lines);
    writer->epoch = ++writer->line->epoch;
    writer->generation = plan->generation;
    writer->mode = plan->mode;
    take_generation(world, plan->generation);
    fill_recovery(world, writer->line, plan->generation, writer->state, recovery);
    pthread_mutex_unlock(&world->lock);
    *ret_writer = writer;
    return ETL_OK;
}

static etl_status dest_set_schema(struct etl_writer *writer, const struct ArrowSchema *schema, struct etl_error *err)
{
    uint64_t call = next_call(writer->world);
    etl_status status = ETL_OK;
    if (atomic_load(&writer->world->is_dead))
        return etl_fail(err, ETL_INTERNAL, "dead");
    if (world_fault(writer->world, 2, call, 3, 20))
        return etl_fail(err, ETL_TRANSIENT, "simulated: schema");
    if (writer->has_schema && schema->n_children < writer->schema.n_children)
        return etl_fail(err, ETL_MISUSE, "the new schema has lost columns");
    etl_view_fini(&writer->view);
    etl_schema_release(&writer->schema);
    status = etl_schema_copy(schema, &writer->schema, err);
    if (status == ETL_OK)
        status = etl_view_init(&writer->view, &writer->schema, err);
    writer->has_schema = status == ETL_OK;
    writer->id = etl_schema_find(&writer->schema, "id");
    writer->version = etl_schema_find(&writer->schema, "version");
    writer->extra = etl_schema_find(&writer->schema, "extra");
    return status;
}

/* The column that came later holds what the source put there, and NULL in older rows. */
static void check_extra(struct etl_writer *writer, int64_t row, int64_t version)
{
    struct world *world = writer->world;
    bool is_wide = version > (int64_t)world->schema_change_at, is_null = true;
    char text[32];
    struct etl_bytes bytes = {0};
    if (writer->extra >= 0) {
        is_null = etl_view_is_null(&writer->view.children[writer->extra], row);
        bytes = etl_view_bytes(&writer->view.children[writer->extra], row);
    }
    snprintf(text, sizeof(text), "x%lld", (long long)version - 1);
    if (is_null == is_wide ||
        (!is_null && (bytes.length != strlen(text) || memcmp(bytes.data, text, bytes.length) != 0)))
        world_fail(world, "version %lld: the later column does not hold its value", (long long)version);
}

static etl_status add_pending(struct etl_writer *writer, struct pending pending, struct etl_error *err)
{
    if (writer->count == writer->capacity) {
        size_t capacity = writer->capacity ? writer->capacity * 2 : 64;
        struct pending *grown = realloc(writer->pending, capacity * sizeof(*grown));
        if (!grown)
            return etl_fail_memory(err);
        writer->pending = grown;
        writer->capacity = capacity;
    }
    writer->pending[writer->count++] = pending;
    return ETL_OK;
}

static etl_status dest_write(struct etl_writer *writer, struct ArrowArray *batch, uint64_t flags, struct etl_error *err)
{
    struct world *world = writer->world;
    uint64_t call = next_call(world);
    etl_status status = ETL_OK;
    if (atomic_load(&world->is_dead))
        return etl_fail(err, ETL_INTERNAL, "dead");
    if (world_fault(world, 2, call, 4, 60))
        return die(world, err);
    if (world_fault(world, 2, call, 5, 15))
        return etl_fail(err, ETL_TRANSIENT, "simulated: write");
    if (world_fault(world, 2, call, 6, 40))
        return etl_fail(err, ETL_THROTTLED, "simulated: too fast");
    if (!writer->has_schema)
        return etl_fail(err, ETL_MISUSE, "write before set_schema");
    status = etl_view_validate(&writer->view, batch, true, err);
    if (status != ETL_OK)
        return status;
    etl_view_set(&writer->view, batch);
    for (int64_t row = 0; row < batch->length && status == ETL_OK; row++) {
        struct pending pending = {.key = etl_view_int(&writer->view.children[writer->id], row),
                                  .version = etl_view_int(&writer->view.children[writer->version], row),
                                  .is_delete = etl_view_op(&writer->view, flags, row) == ETL_OP_DELETE};
        check_extra(writer, row, pending.version);
        status = add_pending(writer, pending, err);
    }
    return status;
}

static void check_order(struct etl_writer *writer, const struct etl_commit *commit)
{
    const struct line *line = writer->line;
    if (writer->world->guarantee == ETL_GUARANTEE_ATOMIC && line->seq && line->generation == writer->generation &&
        commit->seq != line->seq + 1)
        world_fail(writer->world, "I3: commit %llu follows %llu", (unsigned long long)commit->seq,
                   (unsigned long long)line->seq);
}

static void apply_rows(struct etl_writer *writer, struct table *table)
{
    struct world *world = writer->world;
    for (size_t i = 0; i < writer->count; i++) {
        const struct pending *pending = &writer->pending[i];
        if (writer->mode != ETL_MODE_UPSERT)
            table_add(table, pending->key, pending->version);
        else if (pending->is_delete)
            table_delete(table, pending->key);
        else
            table_upsert(table, pending->key, pending->version);
    }
    world->rows_committed += writer->count;
    writer->count = 0;
}

/* I2, I6, I7: right after a commit the destination holds exactly what its state says. */
static void check_content(struct world *world, int64_t position, bool is_swap)
{
    struct table expected = {0}, found = {0};
    if (!is_swap && (world->mode == SIM_OVERWRITE || world->guarantee != ETL_GUARANTEE_ATOMIC))
        return;
    world_expect(world, is_swap ? (int64_t)world->history_count : position, &expected);
    for (size_t i = 0; i < world->live.count; i++)
        table_add(&found, world->live.rows[i].key, world->live.rows[i].version);
    world_compare(world, is_swap ? "I6 at the swap" : "I2 after a commit", &found, &expected,
                  world->guarantee != ETL_GUARANTEE_ATOMIC);
    free(expected.rows);
    free(found.rows);
}

static void apply(struct etl_writer *writer, const struct etl_commit *commit)
{
    struct world *world = writer->world;
    struct line *line = writer->line;
    bool is_staged = world->is_staged_used && writer->generation == world->staged_generation;
    bool is_swap = is_staged && (commit->flags & ETL_COMMIT_FINAL);
    int64_t position = world_position(commit->state, commit->state_len);
    check_order(writer, commit);
    apply_rows(writer, is_staged ? &world->staged : &world->live);
    if (line->generation != writer->generation)
        world->durable[writer->line_index] = -1;
    line->seq = commit->seq;
    line->generation = writer->generation;
    line->state_len = commit->state_len < STATE_MAX ? (size_t)commit->state_len : 0;
    memcpy(line->state, commit->state, line->state_len);
    if (position > world->durable[writer->line_index] || world->guarantee == ETL_GUARANTEE_ATOMIC)
        world->durable[writer->line_index] = position;
    world->commits++;
    if (is_swap) {
        struct table old = world->live;
        world->live = world->staged;
        world->staged = old;
        table_clear(&world->staged);
        world->live_generation = writer->generation;
        world->is_staged_used = false;
    }
    if (!is_staged || is_swap)
        check_content(world, position, is_swap);
}

static etl_status dest_commit(struct etl_writer *writer, const struct etl_commit *commit, struct etl_error *err)
{
    struct world *world = writer->world;
    uint64_t call = next_call(world);
    if (atomic_load(&world->is_dead))
        return etl_fail(err, ETL_INTERNAL, "dead");
    if (world_fault(world, 2, call, 7, 20))
        return die(world, err);
    if (world_fault(world, 2, call, 8, 12))
        return etl_fail(err, ETL_TRANSIENT, "simulated: commit");
    if (world_fault(world, 2, call, 9, 15)) {
        writer->count = 0;
        return etl_fail(err, ETL_IN_DOUBT, "simulated: connection lost before the commit arrived");
    }
    pthread_mutex_lock(&world->lock);
    if (world->guarantee == ETL_GUARANTEE_ATOMIC && world_fault(world, 3, call, 1, 60))
        writer->line->epoch++; /* another host has begun */
    if (world->guarantee == ETL_GUARANTEE_ATOMIC && writer->epoch != writer->line->epoch) {
        pthread_mutex_unlock(&world->lock);
        return etl_fail(err, ETL_CONFLICT, "simulated: fenced");
    }
    apply(writer, commit);
    pthread_mutex_unlock(&world->lock);
    if (world_fault(world, 3, call, 2, 15))
        return die(world, err);
    if (world_fault(world, 3, call, 3, 15))
        return etl_fail(err, ETL_IN_DOUBT, "simulated: connection lost after the commit arrived");
    return ETL_OK;
}

static etl_status dest_rollback(struct etl_writer *writer, struct etl_error *err)
{
    (void)err;
    writer->count = 0;
    return ETL_OK;
}

static void dest_cancel(struct etl_dest *dest)
{
    (void)dest;
}

static void dest_end(struct etl_writer *writer)
{
    etl_view_fini(&writer->view);
    etl_schema_release(&writer->schema);
    free(writer->pending);
    free(writer);
}

static void dest_close(struct etl_dest *dest)
{
    free(dest);
}

void sim_dest_connector(struct connector *connector)
{
    *connector = (struct connector){
        .id = "model",
        .summary = "",
        .config_schema = "{}",
        .version = "1",
        .path = "",
        .role = ETL_ROLE_DEST,
        .caps = ETL_CAP_UPSERT | ETL_CAP_GENERATIONS | ETL_CAP_PARALLEL | ETL_CAP_EVOLVES | ETL_CAP_ATOMIC,
        .dest = {.struct_size = sizeof(struct etl_dest_ops),
                 .open = dest_open,
                 .check = dest_check,
                 .explain = dest_explain,
                 .begin = dest_begin,
                 .set_schema = dest_set_schema,
                 .write = dest_write,
                 .commit = dest_commit,
                 .rollback = dest_rollback,
                 .cancel = dest_cancel,
                 .end = dest_end,
                 .close = dest_close},
    };
}
