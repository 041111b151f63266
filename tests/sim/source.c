/* The model source. State {"pos":N}: the first N entries of the history have been emitted (for a slice: looked at). */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <etlhost/ext/reject.h>
#include <etlhost/sdk/batch_builder.h>
#include <etlhost/sdk/error.h>

#define SLICES 3

struct etl_source {
    struct world *world;
    const struct etl_host *host;
};

struct etl_reader {
    struct world *world;
    const struct etl_host *host;
    char slice[32];
    int64_t position, end, told; /* told: position of the last checkpoint, -1 = none */
    bool is_uncovered;           /* records came after it */
    struct etl_builder *builder;
    bool is_wide, has_schema, has_ended;
    char state[STATE_MAX];
    uint64_t calls; /* with several readers the world's counter would depend on their order */
    uint64_t side;
};

static etl_status die(struct world *world, struct etl_error *err)
{
    atomic_store(&world->is_dead, 1);
    return etl_fail(err, ETL_INTERNAL, "simulated death");
}

static etl_status source_open(const struct etl_host *host, const char *config, size_t length,
                              struct etl_source **ret_source, struct etl_error *err)
{
    struct etl_source *source = calloc(1, sizeof(*source));
    (void)config;
    (void)length;
    if (!source)
        return etl_fail_memory(err);
    source->world = sim_world;
    source->host = host;
    *ret_source = source;
    return ETL_OK;
}

static etl_status source_check(struct etl_source *source, struct etl_error *err)
{
    (void)source;
    (void)err;
    return ETL_OK;
}

static etl_status make_schema(bool is_wide, struct ArrowSchema *ret_schema, struct etl_error *err)
{
    etl_status status = etl_schema_init_struct(ret_schema, "", err);
    if (status == ETL_OK)
        status = etl_schema_add_column(ret_schema, "id", "l", NULL, err);
    if (status == ETL_OK)
        status = etl_schema_add_column(ret_schema, "version", is_wide ? "l" : "i", NULL, err);
    if (status == ETL_OK)
        status = etl_schema_add_column(ret_schema, "op", "C", NULL, err);
    if (status == ETL_OK && is_wide)
        status = etl_schema_add_column(ret_schema, "extra", "u", NULL, err);
    if (status == ETL_OK)
        status = etl_schema_set_metadata(ret_schema, ETL_META_OP_COLUMN, "op", err);
    return status;
}

static etl_status source_discover(struct etl_source *source, etl_emit_stream emit, void *arg, struct etl_error *err)
{
    const char *json = source->world->mode == SIM_OVERWRITE
                           ? "{\"name\":\"t\"}"
                           : "{\"name\":\"t\",\"primary_key\":[\"id\"],\"incremental\":true,\"deletes\":true}";
    struct ArrowSchema schema = {0};
    etl_status status = make_schema(false, &schema, err);
    return status == ETL_OK ? emit(arg, json, strlen(json), &schema) : status;
}

static etl_status source_plan_slices(struct etl_source *source, const char *stream, uint32_t wanted, uint32_t flags,
                                     etl_emit_slice emit, void *arg, struct etl_error *err)
{
    etl_status status = ETL_OK;
    (void)stream;
    (void)wanted;
    (void)flags;
    (void)err;
    for (int i = 0; source->world->has_slices && i < SLICES && status == ETL_OK; i++) {
        char name[16];
        snprintf(name, sizeof(name), "s%d", i);
        status = emit(arg, name, strlen(name));
    }
    return status;
}

static etl_status source_read_open(struct etl_source *source, const struct etl_read_request *request,
                                   struct etl_reader **ret_reader, struct etl_error *err)
{
    struct world *world = source->world;
    struct etl_reader *reader = NULL;
    uint64_t call = 0;
    pthread_mutex_lock(&world->lock);
    call = world->source_calls++;
    pthread_mutex_unlock(&world->lock);
    if (atomic_load(&world->is_dead))
        return etl_fail(err, ETL_INTERNAL, "dead");
    if (world_fault(world, 1, call, 1, 25))
        return die(world, err);
    if (world_fault(world, 1, call, 2, 12))
        return etl_fail(err, ETL_TRANSIENT, "simulated: cannot open now");
    reader = calloc(1, sizeof(*reader));
    if (!reader)
        return etl_fail_memory(err);
    reader->world = world;
    reader->host = source->host;
    snprintf(reader->slice, sizeof(reader->slice), "%s", request->slice);
    reader->position = request->state ? world_position(request->state, request->state_len) : 0;
    reader->told = request->state ? reader->position : -1;
    reader->end = (int64_t)world->history_count;
    reader->side = 20 + call;
    if (reader->position < 0 || reader->position > reader->end) {
        free(reader);
        return etl_fail(err, ETL_STATE_INVALID, "simulated: a state that was never emitted");
    }
    /* Without exact ties the rows that share the cursor value of the last one are read again. */
    if (world->has_ties && !(request->flags & ETL_READ_EXACT_TIES) && reader->position > 0) {
        int64_t tick = world->history[reader->position - 1].tick;
        while (reader->position > 0 && world->history[reader->position - 1].tick == tick)
            reader->position--;
    }
    *ret_reader = reader;
    return ETL_OK;
}

static etl_status send_schema(struct etl_reader *reader, bool is_wide, struct etl_message *message,
                              struct etl_error *err)
{
    etl_status status = make_schema(is_wide, &message->schema, err);
    etl_builder_free(reader->builder);
    reader->builder = NULL;
    if (status == ETL_OK)
        status = etl_builder_new(&message->schema, &reader->builder, err);
    if (status != ETL_OK) {
        etl_schema_release(&message->schema);
        return status;
    }
    reader->is_wide = is_wide;
    reader->has_schema = true;
    message->kind = ETL_MESSAGE_SCHEMA;
    return ETL_OK;
}

static etl_status reject(struct etl_reader *reader, int64_t position, struct etl_error *err)
{
    const struct etl_reject_service *service = reader->host->get_extension(reader->host, ETL_EXT_REJECT);
    char record[32], location[32];
    struct etl_rejected rejected = {.struct_size = sizeof(rejected), .stream = "t", .slice = reader->slice};
    snprintf(record, sizeof(record), "broken %lld", (long long)position);
    snprintf(location, sizeof(location), "entry %lld", (long long)position);
    rejected.location = location;
    rejected.column = "";
    rejected.reason = "simulated";
    rejected.record = record;
    rejected.record_len = strlen(record);
    return service ? service->reject(reader->host, &rejected, err) : etl_fail(err, ETL_INTERNAL, "no reject service");
}

static etl_status append(struct etl_reader *reader, int64_t position, struct etl_error *err)
{
    const struct change *change = &reader->world->history[position];
    uint64_t op = change->kind == CHANGE_DELETE ? ETL_OP_DELETE : ETL_OP_UPSERT;
    char text[32];
    etl_status status = etl_append_int(etl_builder_column(reader->builder, 0), change->key, err);
    if (status == ETL_OK)
        status = etl_append_int(etl_builder_column(reader->builder, 1), position + 1, err);
    if (status == ETL_OK)
        status = etl_append_uint(etl_builder_column(reader->builder, 2), op, err);
    if (status == ETL_OK && reader->is_wide) {
        snprintf(text, sizeof(text), "x%lld", (long long)position);
        status = etl_append_bytes(etl_builder_column(reader->builder, 3), text, strlen(text), err);
    }
    return status == ETL_OK ? etl_builder_end_row(reader->builder, err) : status;
}

static bool is_mine(const struct etl_reader *reader, int64_t position)
{
    return !reader->slice[0] || position % SLICES == reader->slice[1] - '0';
}

static bool wants_wide(const struct etl_reader *reader)
{
    return reader->position >= (int64_t)reader->world->schema_change_at;
}

static etl_status send_batch(struct etl_reader *reader, uint64_t dice, struct etl_message *message,
                             struct etl_error *err)
{
    int64_t rows = 1 + (int64_t)(dice % 7);
    bool is_wide = wants_wide(reader);
    etl_status status = ETL_OK;
    while (rows-- > 0 && reader->position < reader->end && wants_wide(reader) == is_wide && status == ETL_OK) {
        int64_t position = reader->position++;
        if (!is_mine(reader, position))
            continue;
        reader->is_uncovered = true;
        status = reader->world->history[position].kind == CHANGE_REJECT ? reject(reader, position, err)
                                                                        : append(reader, position, err);
    }
    if (status != ETL_OK)
        return status;
    if (!etl_builder_rows(reader->builder)) {
        message->kind = ETL_MESSAGE_IDLE;
        return ETL_OK;
    }
    message->kind = ETL_MESSAGE_BATCH;
    return etl_builder_finish(reader->builder, &message->batch, err);
}

static void send_checkpoint(struct etl_reader *reader, struct etl_message *message)
{
    int length = snprintf(reader->state, sizeof(reader->state), "{\"pos\":%lld}", (long long)reader->position);
    message->kind = ETL_MESSAGE_CHECKPOINT;
    message->state = reader->state;
    message->state_len = (uint64_t)length;
    reader->told = reader->position;
    reader->is_uncovered = false;
}

static etl_status source_read_next(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    struct world *world = reader->world;
    uint64_t call = reader->calls++, dice = world_random(world->seed, reader->side, call);
    if (atomic_load(&world->is_dead))
        return etl_fail(err, ETL_INTERNAL, "dead");
    if (world_fault(world, reader->side, call, 1, 60))
        return die(world, err);
    if (world_fault(world, reader->side, call, 2, 15))
        return etl_fail(err, ETL_TRANSIENT, "simulated: try again");
    if (world_fault(world, reader->side, call, 3, 40))
        return etl_fail(err, ETL_THROTTLED, "simulated: slow down");
    if (world_fault(world, reader->side, call, 4, 150))
        return etl_fail(err, ETL_IO, "simulated: broken for good");
    if (dice % 11 == 0) {
        message->kind = ETL_MESSAGE_IDLE;
        return ETL_OK;
    }
    if (!reader->has_schema || (reader->position < reader->end && wants_wide(reader) != reader->is_wide))
        return send_schema(reader, wants_wide(reader), message, err);
    if ((reader->is_uncovered || reader->position > reader->told) && reader->position >= reader->told &&
        ((dice >> 8) % 4 == 0 || reader->position == reader->end)) {
        send_checkpoint(reader, message);
        return ETL_OK;
    }
    if (reader->position < reader->end)
        return send_batch(reader, dice >> 16, message, err);
    message->kind = ETL_MESSAGE_END;
    return ETL_OK;
}

/* I4: what is acknowledged is durable. */
static etl_status source_committed(struct etl_reader *reader, const char *state, size_t length, struct etl_error *err)
{
    struct world *world = reader->world;
    int64_t position = world_position(state, length);
    if (atomic_load(&world->is_dead))
        return etl_fail(err, ETL_INTERNAL, "dead");
    pthread_mutex_lock(&world->lock);
    for (size_t i = 0; i < LINES_MAX; i++)
        if (world->lines[i].is_used && !strcmp(world->lines[i].slice, reader->slice) && position > world->durable[i])
            world_fail(world, "I4: %lld acknowledged, but only %lld is durable", (long long)position,
                       (long long)world->durable[i]);
    pthread_mutex_unlock(&world->lock);
    if (world_fault(world, reader->side, reader->calls++, 5, 30))
        return die(world, err);
    return ETL_OK;
}

static void source_cancel(struct etl_source *source)
{
    (void)source;
}

static void source_read_close(struct etl_reader *reader)
{
    etl_builder_free(reader->builder);
    free(reader);
}

static void source_close(struct etl_source *source)
{
    free(source);
}

void sim_source_connector(struct connector *connector)
{
    *connector = (struct connector){
        .id = "model",
        .summary = "",
        .config_schema = "{}",
        .version = "1",
        .path = "",
        .role = ETL_ROLE_SOURCE,
        .state_version = 1,
        .caps = ETL_CAP_DELETES | ETL_CAP_PARALLEL,
        .source = {.struct_size = sizeof(struct etl_source_ops),
                   .open = source_open,
                   .check = source_check,
                   .discover = source_discover,
                   .plan_slices = source_plan_slices,
                   .read_open = source_read_open,
                   .read_next = source_read_next,
                   .committed = source_committed,
                   .cancel = source_cancel,
                   .read_close = source_read_close,
                   .close = source_close},
    };
}
