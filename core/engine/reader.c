/* The reader thread of one slice. It makes every [reader] call of its handle, from read_open to read_close, including `committed`. A failure
 * closes the queue instead of cancelling it: the writer still commits the checkpoints that it has got, so that progress is kept.
 * Being asked to stop means: go on to the next checkpoint, then end. */
#include "core/engine/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk/failpoint.h>
#include <etlhost/sdk/schema.h>

#include "core/base/status.h"
#include "core/base/string.h"
#include "core/engine/intake.h"
#include "core/observe/log.h"

#define MAX_WAIT_MS 1000

static etl_status violation(const struct reader *reader, const char *what, struct etl_error *err)
{
    return etl_fail(err, ETL_INTERNAL, "%s: protocol violation: %s", reader->slice->engine->source_name, what);
}

/* ---- rejected records ---------------------------------------------------------------------------------------------- */

struct reader *reader_find(struct reader *list, const char *stream, const char *slice)
{
    for (; list; list = list->next)
        if (!strcmp(list->slice->stream->plan.catalog->name, stream) && !strcmp(list->slice->name, slice))
            return list;
    return NULL;
}

etl_status reader_reject(struct reader *reader, const struct etl_rejected *rejected, struct etl_error *err)
{
    struct stream *stream = reader->slice->stream;
    etl_status status = ETL_OK;
    if (stream->plan.contract != CONTRACT_DISCARD_ROW && stream->plan.contract != CONTRACT_DEAD_LETTER)
        return etl_fail(err, ETL_DATA,
                        "%s%s%s; contract discard-row or dead-letter would set such records aside and go on",
                        rejected->location, *rejected->location ? ": " : "", rejected->reason);
    status = intake_reject(reader, rejected->column, rejected->reason, rejected->location, rejected->record,
                           (size_t)rejected->record_len, false, err);
    if (status == ETL_OK) {
        reader->read++;
        atomic_fetch_add_explicit(&stream->report->rows_read, 1, memory_order_relaxed);
    }
    return status;
}

static void enlist(struct reader *reader)
{
    struct engine *engine = reader->slice->engine;
    pthread_mutex_lock(&engine->lock);
    reader->next = engine->readers;
    engine->readers = reader;
    pthread_mutex_unlock(&engine->lock);
}

static void delist(struct reader *reader)
{
    struct engine *engine = reader->slice->engine;
    pthread_mutex_lock(&engine->lock);
    for (struct reader **link = &engine->readers; *link; link = &(*link)->next)
        if (*link == reader) {
            *link = reader->next;
            break;
        }
    pthread_mutex_unlock(&engine->lock);
}

/* ---- open ---------------------------------------------------------------------------------------------------------- */

static const char *text(const char *value)
{
    return value ? value : "";
}

static void fill_request(const struct slice *slice, struct etl_read_request *request)
{
    const struct stream *stream = slice->stream;
    const struct plan *plan = &stream->plan;
    const struct pipeline *pipeline = slice->engine->pipeline;
    bool is_first = !slice->state;
    *request = (struct etl_read_request){
        .struct_size = sizeof(*request),
        .flags = (plan->mode == ETL_MODE_UPSERT ? 0u : (uint32_t)ETL_READ_EXACT_TIES) |
                 (stream->is_building && !*plan->cursor ? (uint32_t)ETL_READ_FULL : 0u),
        .stream = plan->catalog->name,
        .slice = slice->name,
        .columns = stream->is_replay ? NULL : plan->columns,
        .state = slice->state,
        .state_len = slice->state_len,
        .state_version = slice->state_version,
        .max_wait_ms = MAX_WAIT_MS,
        .cursor_column = plan->cursor,
        .cursor_from = is_first ? text(plan->config.cursor_from) : "",
        .cursor_until = text(plan->config.cursor_until),
        .cursor_lookback = plan->config.cursor_lookback > 0 ? plan->config.cursor_lookback : 0,
        .batch_rows_hint =
            plan_batch_rows(plan->config.limit, pipeline->batch_rows > 0 ? (uint64_t)pipeline->batch_rows : 8192),
        .batch_bytes_hint = pipeline->batch_bytes > 0 ? (uint64_t)pipeline->batch_bytes : 2 * 1024 * 1024,
    };
}

static etl_status open_reader(struct reader *reader, struct etl_error *err)
{
    struct engine *engine = reader->slice->engine;
    struct etl_read_request request;
    etl_status status = ETL_FAILPOINT("src.open", err);
    if (status != ETL_OK)
        return status;
    fill_request(reader->slice, &request);
    pthread_mutex_lock(&engine->source_lock);
    status = engine->source_ops->source.read_open(engine->source, &request, &reader->handle, err);
    pthread_mutex_unlock(&engine->source_lock);
    return engine_opened(engine->source_name, "read_open", status, reader->handle, err);
}

/* ---- messages ------------------------------------------------------------------------------------------------------ */

static etl_status push_checkpoint(struct reader *reader, const struct etl_message *message, struct etl_error *err)
{
    struct item *item = NULL;
    etl_status status = ETL_OK;
    if (message->state_len > ETL_STATE_MAX_BYTES)
        return violation(reader, "CHECKPOINT with a state of more than 1 MiB", err);
    if (message->state_len && !message->state)
        return violation(reader, "CHECKPOINT with a state that is NULL", err);
    item = item_new(ITEM_CHECKPOINT);
    if (!item)
        return etl_fail_memory(err);
    item->state = malloc(message->state_len + 1);
    item->cursor = string_copy(message->cursor ? message->cursor : "");
    if (!item->state || !item->cursor) {
        status = etl_fail_memory(err);
    } else {
        if (message->state_len)
            memcpy(item->state, message->state, message->state_len);
        item->state[message->state_len] = '\0';
        item->state_len = message->state_len;
        item->bytes = sizeof(*item) + message->state_len;
        item->read = reader->read;
        item->rejected = reader->rejected;
        status = ETL_FAILPOINT("barrier.recv", err);
    }
    if (status != ETL_OK) {
        item_free(item);
        return status;
    }
    reader->is_uncovered = false;
    intake_push(reader, item);
    return ETL_OK;
}

static bool limit_is_reached(const struct reader *reader)
{
    int64_t limit = reader->slice->stream->plan.config.limit;
    return limit > 0 && reader->slice->base_read + reader->read >= (uint64_t)limit;
}

static etl_status push_end(struct reader *reader, struct etl_error *err)
{
    struct item *item = item_new(ITEM_END);
    if (!item)
        return etl_fail_memory(err);
    reader->is_ended = true;
    intake_push(reader, item);
    return ETL_OK;
}

static etl_status take_checkpoint(struct reader *reader, const struct etl_message *message, struct etl_error *err)
{
    etl_status status = push_checkpoint(reader, message, err);
    if (status == ETL_OK && limit_is_reached(reader))
        status = push_end(reader, err);
    return status;
}

static etl_status take_batch(struct reader *reader, struct etl_message *message, struct etl_error *err)
{
    etl_status status = ETL_FAILPOINT("src.batch", err);
    if (status != ETL_OK) {
        etl_array_release(&message->batch);
        return status;
    }
    return intake_batch(reader, &message->batch, message->flags, err);
}

/* A message may hold only what belongs to its kind. */
static etl_status check_message(struct reader *reader, struct etl_message *message, etl_status status,
                                struct etl_error *err)
{
    bool has_schema = message->schema.release != NULL, has_batch = message->batch.release != NULL;
    bool is_schema = status == ETL_OK && message->kind == ETL_MESSAGE_SCHEMA;
    bool is_batch = status == ETL_OK && message->kind == ETL_MESSAGE_BATCH;
    if (is_schema && !has_schema)
        return violation(reader, "SCHEMA without a schema (release is NULL)", err);
    if (has_schema == is_schema && (!has_batch || is_batch))
        return status;
    etl_schema_release(&message->schema);
    etl_array_release(&message->batch);
    if (status != ETL_OK)
        return etl_prefix(err, ETL_INTERNAL, "%s: protocol violation: read_next failed and left a live message: ",
                          reader->slice->engine->source_name);
    return violation(reader, "a message holds a schema or a batch that does not belong to its kind", err);
}

static etl_status take_message(struct reader *reader, struct etl_message *message, struct etl_error *err)
{
    char what[64];
    switch (message->kind) {
    case ETL_MESSAGE_SCHEMA: return intake_schema(reader, &message->schema, err);
    case ETL_MESSAGE_BATCH: return take_batch(reader, message, err);
    case ETL_MESSAGE_CHECKPOINT: return take_checkpoint(reader, message, err);
    case ETL_MESSAGE_IDLE: return ETL_OK;
    case ETL_MESSAGE_END:
        if (reader->is_uncovered)
            return violation(reader, "END after records that no CHECKPOINT covers", err);
        return push_end(reader, err);
    default:
        snprintf(what, sizeof(what), "unknown message kind %u", message->kind);
        return violation(reader, what, err);
    }
}

/* ---- loop ---------------------------------------------------------------------------------------------------------- */

/* Tells the source what has been committed since. True when the writer has said its last word. */
static bool acknowledge(struct reader *reader, bool wait)
{
    struct slice *slice = reader->slice;
    const struct engine *engine = slice->engine;
    struct log_context context = slice_log_context(slice);
    struct etl_error err;
    size_t length = 0;
    bool is_done = false;
    char *state = slice_take_ack(slice, wait, &length, &is_done);
    etl_status status = ETL_OK;
    if (!state)
        return is_done;
    etl_error_init(&err);
    status = ETL_FAILPOINT("ack.before", &err);
    if (status == ETL_OK && engine->source_ops->source.committed)
        status = engine_checked(engine->source_name, "committed",
                                engine->source_ops->source.committed(reader->handle, state, length, &err), &err);
    if (status == ETL_OK)
        status = ETL_FAILPOINT("ack.after", &err);
    if (status != ETL_OK)
        log_write(ETL_LOG_WARN, &context, "acknowledging a commit: %s", err.message);
    free(state);
    return is_done;
}

/* One call of read_next, again while it answers that it may work later. */
static etl_status read_message(struct reader *reader, struct etl_message *message, struct etl_error *err)
{
    struct slice *slice = reader->slice;
    struct engine *engine = slice->engine;
    struct retry retry = {0};
    int64_t wait_us = 0;
    for (;;) {
        etl_status status = ETL_OK;
        *message = (struct etl_message){.struct_size = sizeof(*message)};
        etl_error_init(err);
        status = engine->source_ops->source.read_next(reader->handle, message, err);
        status = check_message(reader, message, engine_checked(engine->source_name, "read_next", status, err), err);
        if (!retry_after(&retry, &engine->retry, status, err->retry_after_ms, engine_random(engine), &wait_us))
            return status;
        atomic_fetch_add_explicit(&slice->stream->report->retries, 1, memory_order_relaxed);
        if (!engine_wait(engine, wait_us) || queue_is_cancelled(slice->queue))
            return status;
    }
}

static bool may_stop(const struct reader *reader)
{
    return engine_is_stopping(reader->slice->engine) &&
           (!reader->is_uncovered || atomic_load(&reader->slice->engine->is_fenced));
}

static etl_status read_all(struct reader *reader, struct etl_error *err)
{
    etl_status status = ETL_OK;
    while (!reader->is_ended && !reader->is_gone && status == ETL_OK) {
        struct etl_message message;
        if (may_stop(reader)) {
            reader->slice->is_stopped = true;
            break;
        }
        acknowledge(reader, false);
        status = read_message(reader, &message, err);
        if (status == ETL_OK)
            status = take_message(reader, &message, err);
    }
    if (status != ETL_OK && engine_is_stopping(reader->slice->engine) &&
        (status == ETL_CANCELLED || status_is_retryable(status))) {
        reader->slice->is_stopped = true;
        status = ETL_OK;
    }
    return status;
}

void *reader_main(void *arg)
{
    struct reader *reader = arg;
    struct slice *slice = reader->slice;
    enlist(reader);
    reader->status = open_reader(reader, &reader->err);
    if (reader->status == ETL_OK)
        reader->status = read_all(reader, &reader->err);
    if (reader->status != ETL_OK || slice->is_stopped)
        atomic_store(&slice->is_reader_failed, 1);
    queue_close(slice->queue);
    if (reader->handle) {
        while (!acknowledge(reader, true))
            continue;
        slice->engine->source_ops->source.read_close(reader->handle);
    }
    delist(reader);
    intake_fini(reader);
    return NULL;
}
