/* State {"last_id":N,"run":R}: every letter up to N has been delivered (or set aside anew, with a greater number). The numbers are those of the
 * store that knows run R: a state from another one (the destination has it, or it was imported) says nothing about the letters
 * here. Letters that come in while the replay runs are left for the next one. One page of letters becomes one batch and one checkpoint. A letter is deleted when the checkpoint
 * that covers it is committed; what a death left undone is made up for when the next replay opens. */
#include "core/engine/dead_letter_source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk/json_writer.h>
#include <etlhost/sdk/schema.h>
#include <etlhost/sdk/shredder.h>

#include "core/base/json_text.h"
#include "core/base/string.h"
#include "core/data/schema_change.h"

#define PAGE_LETTERS 256
#define PAGE_BYTES   (4u * 1024 * 1024)

struct etl_source {
    struct state_store *store;
    const char *pipeline, *run_id;
    char **streams; /* with letters that can be replayed; NULL-terminated */
    size_t stream_count;
};

struct letter {
    int64_t id;
    char *record;
    size_t length;
};

enum step { STEP_LOAD, STEP_SCHEMA, STEP_BATCH, STEP_CHECKPOINT };

struct etl_reader {
    struct etl_source *source;
    char *stream;
    int64_t position, last; /* last: newest letter when the replay began */
    struct etl_shredder *shredder;
    struct ArrowSchema sent;
    enum step step;
    struct letter page[PAGE_LETTERS];
    size_t count, bytes;
    bool is_full;  /* the page had to be cut short */
    int64_t *done; /* emitted, not yet deleted */
    size_t done_count, done_capacity;
    char state[128];
};

/* ---- the instance -------------------------------------------------------------------------------------------------- */

struct scan {
    struct etl_source *source;
    uint64_t raw;
};

static etl_status add_stream(struct etl_source *source, const char *name)
{
    char **streams = NULL;
    if (source->streams && string_list_has((const char *const *)source->streams, name))
        return ETL_OK;
    streams = realloc(source->streams, (source->stream_count + 2) * sizeof(*streams));
    if (!streams)
        return ETL_NOMEM;
    source->streams = streams;
    streams[source->stream_count] = string_copy(name);
    streams[source->stream_count + 1] = NULL;
    return streams[source->stream_count] ? (source->stream_count++, ETL_OK) : ETL_NOMEM;
}

static etl_status scan_letter(void *arg, const struct state_dead_letter *letter)
{
    struct scan *scan = arg;
    if (letter->is_json)
        return add_stream(scan->source, letter->stream);
    scan->raw++;
    return ETL_OK;
}

etl_status dead_letter_source_new(struct state_store *store, const char *pipeline, const char *stream,
                                  const char *run_id, struct etl_source **ret_source, size_t *ret_count,
                                  uint64_t *ret_raw, struct etl_error *err)
{
    struct etl_source *source = calloc(1, sizeof(*source));
    struct scan scan = {.source = source};
    etl_status status = ETL_OK;
    if (!source)
        return etl_fail_memory(err);
    source->store = store;
    source->pipeline = pipeline;
    source->run_id = run_id;
    status = state_dead_letter_list(store, pipeline, stream, 0, 0, scan_letter, &scan, err);
    if (status != ETL_OK) {
        dead_letter_source_free(source);
        return status;
    }
    *ret_source = source;
    *ret_count = source->stream_count;
    *ret_raw = scan.raw;
    return ETL_OK;
}

void dead_letter_source_free(struct etl_source *source)
{
    if (!source)
        return;
    string_list_free(source->streams);
    free(source);
}

static etl_status source_check(struct etl_source *source, struct etl_error *err)
{
    (void)source;
    (void)err;
    return ETL_OK;
}

/* What the stream was when its letters were set aside: its keys, and whether it appends. */
static etl_status describe(struct etl_source *source, const char *stream, char **ret_json, struct etl_error *err)
{
    struct state_stream record = {0};
    bool found = false;
    json_t *fingerprint = NULL, *keys = NULL, *json = NULL;
    const char *mode = NULL;
    etl_status status = state_stream_get(source->store, source->pipeline, stream, &found, &record, err);
    if (status != ETL_OK)
        return status;
    fingerprint = json_loads(record.fingerprint ? record.fingerprint : "{}", 0, NULL);
    keys = json_object_get(fingerprint, "primary_key");
    mode = json_string_value(json_object_get(fingerprint, "mode"));
    json = json_pack("{s:s, s:b, s:o}", "name", stream, "incremental", mode && !strcmp(mode, "append"), "primary_key",
                     keys ? json_incref(keys) : json_array());
    *ret_json = json ? json_text(json, JSON_COMPACT) : NULL;
    json_decref(json);
    json_decref(fingerprint);
    state_stream_fini(&record);
    return *ret_json ? ETL_OK : etl_fail_memory(err);
}

static etl_status source_discover(struct etl_source *source, etl_emit_stream emit, void *arg, struct etl_error *err)
{
    etl_status status = ETL_OK;
    for (size_t i = 0; i < source->stream_count && status == ETL_OK; i++) {
        struct ArrowSchema schema = {0};
        char *json = NULL;
        status = describe(source, source->streams[i], &json, err);
        if (status == ETL_OK)
            status = etl_schema_init_struct(&schema, "", err);
        if (status == ETL_OK)
            status = emit(arg, json, strlen(json), &schema);
        free(json);
    }
    return status;
}

static void source_cancel(struct etl_source *source)
{
    (void)source;
}

/* ---- opening a reader ---------------------------------------------------------------------------------------------- */

static void free_page(struct etl_reader *reader)
{
    for (size_t i = 0; i < reader->count; i++)
        free(reader->page[i].record);
    reader->count = 0;
    reader->bytes = 0;
    reader->is_full = false;
}

static void read_close(struct etl_reader *reader)
{
    free_page(reader);
    etl_shredder_free(reader->shredder);
    etl_schema_release(&reader->sent);
    free(reader->done);
    free(reader->stream);
    free(reader);
}

static etl_status remember(struct etl_reader *reader, int64_t id)
{
    if (reader->done_count == reader->done_capacity) {
        size_t capacity = reader->done_capacity ? reader->done_capacity * 2 : PAGE_LETTERS;
        int64_t *done = realloc(reader->done, capacity * sizeof(*done));
        if (!done)
            return ETL_NOMEM;
        reader->done = done;
        reader->done_capacity = capacity;
    }
    reader->done[reader->done_count++] = id;
    return ETL_OK;
}

/* Finds the newest letter, and those that the saved position covers but that are still there. */
static etl_status survey_letter(void *arg, const struct state_dead_letter *letter)
{
    struct etl_reader *reader = arg;
    reader->last = letter->id;
    return letter->is_json && letter->id <= reader->position ? remember(reader, letter->id) : ETL_OK;
}

static etl_status delete_up_to(struct etl_reader *reader, int64_t last_id, struct etl_error *err)
{
    size_t count = 0;
    etl_status status = ETL_OK;
    while (count < reader->done_count && reader->done[count] <= last_id)
        count++;
    if (!count)
        return ETL_OK;
    status = state_dead_letter_delete(reader->source->store, reader->source->pipeline, reader->done, count, err);
    if (status != ETL_OK)
        return status;
    reader->done_count -= count;
    memmove(reader->done, reader->done + count, reader->done_count * sizeof(*reader->done));
    return ETL_OK;
}

/* The agreed schema without the columns that are the host's own, which no letter has. */
static etl_status seed_schema(const struct ArrowSchema *agreed, struct ArrowSchema *ret_seed, struct etl_error *err)
{
    int64_t op = etl_schema_op_column(agreed);
    etl_status status = etl_schema_init_struct(ret_seed, "", err);
    for (int64_t i = 0; i < agreed->n_children && status == ETL_OK; i++) {
        struct ArrowSchema child = {0};
        if (i == op || !strcmp(agreed->children[i]->name, ETL_SOFT_DELETE_COLUMN))
            continue;
        status = etl_schema_copy(agreed->children[i], &child, err);
        if (status == ETL_OK)
            status = etl_schema_add(ret_seed, &child, err);
    }
    return status;
}

static etl_status seed_shredder(struct etl_reader *reader, struct etl_error *err)
{
    struct state_stream record = {0};
    struct ArrowSchema agreed = {0}, seed = {0};
    json_t *json = NULL;
    bool found = false;
    etl_status status = ETL_OK;
    ETL_TRY(state_stream_get(reader->source->store, reader->source->pipeline, reader->stream, &found, &record, err));
    json = found && record.schema ? json_loads(record.schema, 0, NULL) : NULL;
    if (json) {
        ETL_TRY(schema_from_json(json, &agreed, err));
        ETL_TRY(seed_schema(&agreed, &seed, err));
        ETL_TRY(etl_shredder_seed(reader->shredder, &seed, err));
    }
out:
    etl_schema_release(&seed);
    etl_schema_release(&agreed);
    json_decref(json);
    state_stream_fini(&record);
    return status;
}

static etl_status read_position(const struct etl_read_request *request, int64_t *ret_position, struct etl_error *err)
{
    json_t *json = NULL, *last = NULL;
    *ret_position = 0;
    if (!request->state)
        return ETL_OK;
    json = json_loadb(request->state, (size_t)request->state_len, 0, NULL);
    last = json_object_get(json, "last_id");
    if (!json_is_integer(last)) {
        json_decref(json);
        return etl_fail(err, ETL_STATE_INVALID, "the position of the replay is damaged: reset the stream");
    }
    *ret_position = (int64_t)json_integer_value(last);
    json_decref(json);
    return ETL_OK;
}

struct run_search {
    const char *id;
    bool is_found;
};

static etl_status search_run(void *arg, const struct state_run *run)
{
    struct run_search *search = arg;
    search->is_found = !strcmp(run->id, search->id);
    return search->is_found ? ETL_CANCELLED : ETL_OK;
}

/* *ret_own is false when the position was not counted in this store. */
static etl_status is_own_position(const struct etl_source *source, const struct etl_read_request *request,
                                  bool *ret_own, struct etl_error *err)
{
    json_t *json = request->state ? json_loadb(request->state, (size_t)request->state_len, 0, NULL) : NULL;
    struct run_search search = {.id = json_string_value(json_object_get(json, "run"))};
    etl_status status = ETL_OK;
    if (search.id)
        status = state_run_list(source->store, source->pipeline, 0, search_run, &search, err);
    if (search.is_found) {
        etl_error_init(err);
        status = ETL_OK;
    }
    json_decref(json);
    *ret_own = search.is_found;
    return status;
}

static etl_status read_open(struct etl_source *source, const struct etl_read_request *request,
                            struct etl_reader **ret_reader, struct etl_error *err)
{
    struct etl_reader *reader = calloc(1, sizeof(*reader));
    bool is_own = false;
    etl_status status = ETL_OK;
    if (!reader)
        return etl_fail_memory(err);
    reader->source = source;
    reader->stream = string_copy(request->stream);
    if (!reader->stream)
        ETL_TRY(etl_fail_memory(err));
    ETL_TRY(is_own_position(source, request, &is_own, err));
    if (is_own)
        ETL_TRY(read_position(request, &reader->position, err));
    ETL_TRY(state_dead_letter_list(source->store, source->pipeline, reader->stream, 0, 0, survey_letter, reader, err));
    ETL_TRY(delete_up_to(reader, reader->position, err));
    ETL_TRY(etl_shredder_new(&(struct etl_shredder_options){0}, &reader->shredder, err));
    ETL_TRY(seed_shredder(reader, err));
    *ret_reader = reader;
out:
    if (status != ETL_OK)
        read_close(reader);
    return status;
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

static etl_status page_letter(void *arg, const struct state_dead_letter *letter)
{
    struct etl_reader *reader = arg;
    struct letter *slot = NULL;
    if (letter->id > reader->last || !letter->is_json)
        return ETL_OK;
    if (reader->count == PAGE_LETTERS || reader->bytes >= PAGE_BYTES) {
        reader->is_full = true;
        return ETL_CANCELLED;
    }
    slot = &reader->page[reader->count];
    slot->record = malloc(letter->record_len + 1);
    if (!slot->record)
        return ETL_NOMEM;
    memcpy(slot->record, letter->record, letter->record_len);
    slot->length = letter->record_len;
    slot->id = letter->id;
    reader->count++;
    reader->bytes += letter->record_len;
    return ETL_OK;
}

/* Loads the next page and lets its records widen the schema where they must. */
static etl_status load_page(struct etl_reader *reader, struct etl_error *err)
{
    etl_status status = ETL_OK;
    free_page(reader);
    status = state_dead_letter_list(reader->source->store, reader->source->pipeline, reader->stream, reader->position,
                                    0, page_letter, reader, err);
    if (status == ETL_CANCELLED && reader->is_full) {
        etl_error_init(err);
        status = ETL_OK;
    }
    for (size_t i = 0; i < reader->count && status == ETL_OK; i++)
        status = etl_prefix(
            err, etl_shredder_observe_json(reader->shredder, reader->page[i].record, reader->page[i].length, err),
            "dead letter %" PRId64 ": ", reader->page[i].id);
    reader->step = STEP_SCHEMA;
    return status;
}

/* *ret_is_new is false when the schema that was sent still holds. */
static etl_status send_schema(struct etl_reader *reader, struct etl_message *message, bool *ret_is_new,
                              struct etl_error *err)
{
    struct ArrowSchema schema = {0};
    etl_status status = etl_shredder_schema(reader->shredder, &schema, err);
    *ret_is_new = false;
    reader->step = STEP_BATCH;
    if (status != ETL_OK || (reader->sent.release && etl_schema_equal(&schema, &reader->sent)))
        goto out;
    etl_schema_release(&reader->sent);
    ETL_TRY(etl_schema_copy(&schema, &reader->sent, err));
    etl_schema_move(&schema, &message->schema);
    message->kind = ETL_MESSAGE_SCHEMA;
    *ret_is_new = true;
out:
    etl_schema_release(&schema);
    return status;
}

static etl_status send_batch(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    for (size_t i = 0; i < reader->count; i++) {
        const struct letter *letter = &reader->page[i];
        bool fits = false;
        etl_status status = etl_shredder_append_json(reader->shredder, letter->record, letter->length, &fits, err);
        if (status == ETL_OK && !fits)
            status = etl_fail(err, ETL_INTERNAL, "dead letter %" PRId64 " does not fit the schema made for it: %s",
                              letter->id, etl_shredder_misfit(reader->shredder));
        if (status == ETL_OK && remember(reader, letter->id) != ETL_OK)
            status = etl_fail_memory(err);
        if (status != ETL_OK)
            return status;
    }
    reader->position = reader->page[reader->count - 1].id;
    reader->step = STEP_CHECKPOINT;
    message->kind = ETL_MESSAGE_BATCH;
    message->flags = ETL_OP_UPSERT;
    return etl_shredder_finish(reader->shredder, &message->batch, err);
}

static void send_checkpoint(struct etl_reader *reader, struct etl_message *message)
{
    message->kind = ETL_MESSAGE_CHECKPOINT;
    message->state = reader->state;
    message->state_len =
        (uint64_t)snprintf(reader->state, sizeof(reader->state), "{\"last_id\":%" PRId64 ",\"run\":\"%.64s\"}",
                           reader->position, reader->source->run_id);
    reader->step = STEP_LOAD;
}

static etl_status read_next(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    bool is_new = false;
    etl_status status = ETL_OK;
    if (reader->step == STEP_LOAD)
        status = load_page(reader, err);
    if (status == ETL_OK && !reader->count) {
        message->kind = ETL_MESSAGE_END;
        return ETL_OK;
    }
    if (status == ETL_OK && reader->step == STEP_SCHEMA)
        status = send_schema(reader, message, &is_new, err);
    if (status != ETL_OK || is_new)
        return status;
    if (reader->step == STEP_BATCH)
        return send_batch(reader, message, err);
    send_checkpoint(reader, message);
    return ETL_OK;
}

static etl_status committed(struct etl_reader *reader, const char *state, size_t length, struct etl_error *err)
{
    struct etl_read_request request = {.state = state, .state_len = length};
    int64_t position = 0;
    etl_status status = read_position(&request, &position, err);
    return status == ETL_OK ? delete_up_to(reader, position, err) : status;
}

const struct connector dead_letter_source = {
    .id = "dead-letter",
    .summary = "records that were set aside",
    .config_schema = "{}",
    .version = "",
    .path = "",
    .role = ETL_ROLE_SOURCE,
    .state_version = 1,
    .caps = ETL_CAP_CURSOR, /* a stream's cursor setting is no mistake here; it is not used */
    .source = {.struct_size = sizeof(struct etl_source_ops),
               .check = source_check,
               .discover = source_discover,
               .read_open = read_open,
               .read_next = read_next,
               .committed = committed,
               .cancel = source_cancel,
               .read_close = read_close,
               .close = dead_letter_source_free},
};
