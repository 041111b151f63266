/* A commit goes: letters and stream record into the store -> commit at the destination -> checkpoint into the store -> acknowledgement. Each
 * step is durable before the next begins, and recovery (slice.c) can tell from the sequence numbers where a death has cut it.
 * Records are written as they come, so a unit holds records behind its last checkpoint until the next one arrives; when the stream
 * ends early, such a unit is rolled back. When nothing has come behind the last checkpoint, it is committed. */
#include "core/engine/writer.h"

#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk/failpoint.h>
#include <etlhost/sdk/schema.h>

#include "core/base/clock.h"
#include "core/base/string.h"

#define LETTERS_MAX       256
#define LETTERS_MAX_BYTES (1024 * 1024)
#define POP_WAIT_MS       200

struct writer {
    struct slice *slice;
    struct etl_writer *handle;
    struct unit unit;
    struct item *checkpoint; /* the last one in the open unit; NULL = none */
    bool is_behind;          /* records came after it */
    bool has_ended;
    struct item *letters[LETTERS_MAX]; /* not in the store yet */
    size_t letter_count, letter_bytes;
};

static void count(atomic_ullong *counter, uint64_t value)
{
    if (value)
        atomic_fetch_add_explicit(counter, value, memory_order_relaxed);
}

/* Whether to make the same call again; waits before it says so. */
static bool again(struct writer *writer, struct retry *retry, etl_status status, const struct etl_error *err)
{
    struct engine *engine = writer->slice->engine;
    int64_t wait_us = 0, until = 0;
    if (!retry_after(retry, &engine->retry, status, err->retry_after_ms, engine_random(engine), &wait_us))
        return false;
    count(&writer->slice->stream->report->retries, 1);
    /* A stop does not cut this short: what was read up to the last checkpoint is still to be committed. The fence does. */
    until = clock_monotonic_us() + wait_us;
    while (clock_monotonic_us() < until) {
        int64_t left = until - clock_monotonic_us();
        if (atomic_load(&engine->is_fenced))
            return false;
        clock_sleep_us(left > 50000 ? 50000 : left < 1 ? 1 : left);
    }
    return true;
}

/* ---- letters ------------------------------------------------------------------------------------------------------- */

static void drop_letters(struct writer *writer)
{
    for (size_t i = 0; i < writer->letter_count; i++)
        item_free(writer->letters[i]);
    writer->letter_count = 0;
    writer->letter_bytes = 0;
}

static etl_status store_letters(struct writer *writer, struct etl_error *err)
{
    const struct slice *slice = writer->slice;
    struct engine *engine = slice->engine;
    struct state_dead_letter *letters = NULL;
    etl_status status = ETL_OK;
    if (!writer->letter_count || !writer->handle)
        goto out;
    letters = calloc(writer->letter_count, sizeof(*letters));
    if (!letters)
        return etl_fail_memory(err);
    for (size_t i = 0; i < writer->letter_count; i++) {
        const struct item_letter *letter = &writer->letters[i]->letter;
        letters[i] = (struct state_dead_letter){.pipeline = engine->pipeline->id,
                                                .stream = slice->stream->plan.catalog->name,
                                                .slice = slice->name,
                                                .run_id = engine->report->run_id,
                                                .seq = slice->seq + 1,
                                                .column = letter->column,
                                                .reason = letter->reason,
                                                .location = letter->location,
                                                .record = letter->record,
                                                .record_len = letter->record_len,
                                                .is_json = letter->is_json,
                                                .created_at_us = clock_now_us()};
    }
    status = state_dead_letter_add(engine->input->store, &engine->lease, letters, writer->letter_count, err);
    free(letters);
out:
    drop_letters(writer);
    return status;
}

/* ---- commit -------------------------------------------------------------------------------------------------------- */

static etl_status commit_dest(struct writer *writer, const struct etl_commit *commit, struct etl_error *err)
{
    struct engine *engine = writer->slice->engine;
    bool is_final = commit->flags & ETL_COMMIT_FINAL;
    struct retry retry = {0};
    etl_status status = ETL_OK;
    do {
        etl_error_init(err);
        status = engine_may_commit(engine, err);
        if (status == ETL_OK)
            status = ETL_FAILPOINT("commit.before", err);
        if (status == ETL_OK && is_final)
            status = ETL_FAILPOINT("final.before", err);
        if (status == ETL_OK)
            status = engine_checked(engine->dest_name, "commit",
                                    engine->dest_ops->dest.commit(writer->handle, commit, err), err);
    } while (again(writer, &retry, status, err));
    if (status == ETL_OK)
        status = ETL_FAILPOINT("commit.after", err);
    if (status == ETL_OK && is_final)
        status = ETL_FAILPOINT("final.after", err);
    return status;
}

static etl_status save_checkpoint(struct writer *writer, const struct etl_commit *commit, const char *cursor,
                                  struct etl_error *err)
{
    struct slice *slice = writer->slice;
    struct retry retry = {0};
    struct state_checkpoint checkpoint = {0};
    etl_status status = ETL_OK;
    slice_checkpoint(slice, commit->seq, commit->state, commit->state_len, cursor, &checkpoint);
    checkpoint.rows_read = writer->unit.read - (slice->read - slice->base_read);
    checkpoint.rows_rejected = writer->unit.rejected - (slice->rejected - slice->base_rejected);
    checkpoint.rows_written = writer->unit.rows;
    checkpoint.rows_deleted = writer->unit.deletes;
    checkpoint.bytes = writer->unit.bytes;
    checkpoint.committed_at_us = commit->time_us;
    do {
        etl_error_init(err);
        status = ETL_FAILPOINT("save.before", err);
        if (status == ETL_OK)
            status = state_checkpoint_save(slice->engine->input->store, &slice->engine->lease, &checkpoint, err);
    } while (again(writer, &retry, status, err));
    if (status == ETL_OK)
        status = ETL_FAILPOINT("save.after", err);
    return status;
}

/* The position moves on, the counters follow, the source is told. */
static etl_status move_on(struct writer *writer, const struct etl_commit *commit, const char *cursor,
                          struct etl_error *err)
{
    struct slice *slice = writer->slice;
    struct stream_report *report = slice->stream->report;
    slice->doubt = (struct unit){0};
    slice->seq = commit->seq;
    slice->read = slice->base_read + writer->unit.read;
    slice->rejected = slice->base_rejected + writer->unit.rejected;
    count(&report->rows_written, writer->unit.rows);
    count(&report->rows_deleted, writer->unit.deletes);
    count(&report->commits, 1);
    if (*cursor)
        report_set_text(slice->engine->report, &report->cursor_to, cursor);
    writer->unit = (struct unit){.read = writer->unit.read, .rejected = writer->unit.rejected};
    return slice_commit_done(slice, commit->state, commit->state_len, err);
}

static etl_status commit_unit(struct writer *writer, uint32_t flags, struct etl_error *err)
{
    struct slice *slice = writer->slice;
    struct item *item = writer->checkpoint;
    struct etl_commit commit = {.struct_size = sizeof(commit),
                                .flags = flags,
                                .seq = slice->seq + 1,
                                .state = item           ? item->state
                                         : slice->state ? slice->state
                                                        : "",
                                .state_len = item ? item->state_len : slice->state_len,
                                .time_us = clock_now_us()};
    const char *cursor = item ? item->cursor : "";
    etl_status status = ETL_OK;
    if (item) {
        writer->unit.read = item->read;
        writer->unit.rejected = item->rejected;
    }
    if (!writer->handle) {
        writer->unit = (struct unit){0};
        goto out;
    }
    ETL_TRY(store_letters(writer, err));
    ETL_TRY(stream_save(slice->stream, err));
    slice->doubt = writer->unit; /* until the position has moved on */
    slice->doubt.seq = commit.seq;
    ETL_TRY(commit_dest(writer, &commit, err));
    ETL_TRY(save_checkpoint(writer, &commit, cursor, err));
    ETL_TRY(move_on(writer, &commit, cursor, err));
    if (flags & ETL_COMMIT_FINAL)
        ETL_TRY(stream_complete(slice->stream, err));
out:
    item_free(writer->checkpoint);
    writer->checkpoint = NULL;
    return status;
}

/* A unit with neither records nor a state that says anything new is none. */
static bool is_news(const struct writer *writer)
{
    const struct slice *slice = writer->slice;
    const struct item *item = writer->checkpoint;
    if (!item)
        return false;
    return writer->unit.rows || writer->unit.deletes || writer->unit.letters || !slice->state ||
           item->state_len != slice->state_len || memcmp(item->state, slice->state, item->state_len) != 0;
}

static etl_status commit_if_due(struct writer *writer, bool now, struct etl_error *err)
{
    const struct slice *slice = writer->slice;
    int64_t age = writer->unit.started_us ? clock_monotonic_us() - writer->unit.started_us : 0;
    if (!writer->checkpoint || writer->is_behind || !is_news(writer))
        return ETL_OK;
    if (!now && !atomic_load(&slice->is_reader_failed) && !engine_is_stopping(slice->engine) &&
        !commit_is_due(&slice->engine->limits, writer->unit.rows + writer->unit.deletes, writer->unit.bytes, age))
        return ETL_OK;
    return commit_unit(writer, 0, err);
}

/* ---- items --------------------------------------------------------------------------------------------------------- */

static void touch(struct writer *writer)
{
    writer->is_behind = true;
    if (!writer->unit.started_us)
        writer->unit.started_us = clock_monotonic_us();
}

static etl_status take_schema(struct writer *writer, const struct item *item, struct etl_error *err)
{
    struct engine *engine = writer->slice->engine;
    struct retry retry = {0};
    etl_status status = ETL_OK;
    if (!writer->handle)
        return ETL_OK;
    do {
        etl_error_init(err);
        status = engine_checked(engine->dest_name, "set_schema",
                                engine->dest_ops->dest.set_schema(writer->handle, &item->schema, err), err);
    } while (again(writer, &retry, status, err));
    return status;
}

static etl_status take_batch(struct writer *writer, struct item *item, struct etl_error *err)
{
    struct engine *engine = writer->slice->engine;
    struct retry retry = {0};
    etl_status status = ETL_OK;
    touch(writer);
    do {
        if (!writer->handle)
            break;
        etl_error_init(err);
        status = engine->dest_ops->dest.write(writer->handle, &item->batch, item->flags, err);
        if ((status == ETL_TRANSIENT || status == ETL_THROTTLED) && !item->batch.release)
            return etl_fail(err, ETL_INTERNAL, "%s: protocol violation: write took the batch and answered %s",
                            engine->dest_name, etl_status_name(status));
        status = engine_checked(engine->dest_name, "write", status, err);
    } while (again(writer, &retry, status, err));
    if (status != ETL_OK)
        return status;
    writer->unit.rows += item->rows;
    writer->unit.deletes += item->deletes;
    writer->unit.bytes += item->bytes;
    return ETL_OK;
}

/* Takes the item. */
static etl_status take_letter(struct writer *writer, struct item *item, struct etl_error *err)
{
    touch(writer);
    writer->unit.letters++;
    writer->letters[writer->letter_count++] = item;
    writer->letter_bytes += item->bytes;
    if (writer->letter_count < LETTERS_MAX && writer->letter_bytes < LETTERS_MAX_BYTES)
        return ETL_OK;
    return store_letters(writer, err);
}

/* Takes the item. */
static etl_status take_checkpoint(struct writer *writer, struct item *item, struct etl_error *err)
{
    item_free(writer->checkpoint);
    writer->checkpoint = item;
    writer->is_behind = false;
    if (!writer->unit.started_us)
        writer->unit.started_us = clock_monotonic_us();
    return commit_if_due(writer, false, err);
}

/* Everything has been read: commits the rest, and FINAL when this completes a generation. */
static etl_status take_end(struct writer *writer, struct etl_error *err)
{
    struct slice *slice = writer->slice;
    struct stream *stream = slice->stream;
    etl_status status = ETL_OK;
    bool is_last = false;
    writer->has_ended = true;
    if (!stream->is_building || !writer->handle)
        return commit_if_due(writer, true, err);
    if (stream->slice_count > 1) {
        status = commit_if_due(writer, true, err);
        if (status != ETL_OK)
            return status;
    }
    is_last = slice->has_arrived || stream_arrive(stream); /* only the last one can come here twice */
    slice->has_arrived = true;
    return is_last ? commit_unit(writer, ETL_COMMIT_FINAL, err) : ETL_OK;
}

/* Takes the item. */
static etl_status take_item(struct writer *writer, struct item *item, struct etl_error *err)
{
    etl_status status = ETL_OK;
    switch (item->kind) {
    case ITEM_SCHEMA: status = take_schema(writer, item, err); break;
    case ITEM_BATCH: status = take_batch(writer, item, err); break;
    case ITEM_END: status = take_end(writer, err); break;
    case ITEM_LETTER: return take_letter(writer, item, err);
    case ITEM_CHECKPOINT: return take_checkpoint(writer, item, err);
    }
    item_free(item);
    return status;
}

etl_status writer_run(struct slice *slice, struct etl_writer *handle, struct etl_error *err)
{
    struct writer writer = {.slice = slice, .handle = handle};
    etl_status status = ETL_OK;
    while (status == ETL_OK && !queue_is_cancelled(slice->queue)) {
        struct item *item = queue_pop(slice->queue, POP_WAIT_MS);
        if (atomic_load(&slice->engine->is_fenced)) {
            item_free(item);
            status = engine_may_commit(slice->engine, err);
        } else if (item) {
            status = take_item(&writer, item, err);
        } else if (queue_is_closed(slice->queue)) {
            break;
        } else {
            status = commit_if_due(&writer, false, err);
        }
    }
    if (status == ETL_OK && !writer.has_ended)
        status = commit_if_due(&writer, true, err);
    item_free(writer.checkpoint);
    drop_letters(&writer);
    return status;
}
