/* Every batch is validated in full here, because this is the boundary: everything behind it trusts offsets, lengths and UTF-8. After
 * that: transform (names, masks) -> fit (agreed schema) -> deletes -> queue. Rows that do not fit are set aside before the rest
 * of their batch is queued. */
#include "core/engine/intake.h"

#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk/json_writer.h>
#include <etlhost/sdk/schema.h>

#include "core/base/string.h"
#include "core/data/batch.h"
#include "core/observe/log.h"

#define LETTER_RECORD_MAX (16u * 1024 * 1024)

static etl_status violation(const struct reader *reader, const char *what, struct etl_error *err)
{
    return etl_fail(err, ETL_INTERNAL, "%s: protocol violation: %s", reader->slice->engine->source_name, what);
}

static void add(atomic_ullong *counter, uint64_t value)
{
    if (value)
        atomic_fetch_add_explicit(counter, value, memory_order_relaxed);
}

void intake_push(struct reader *reader, struct item *item)
{
    if (!queue_push(reader->slice->queue, item))
        reader->is_gone = true;
}

void intake_fini(struct reader *reader)
{
    etl_view_fini(&reader->source_view);
    etl_view_fini(&reader->out_view);
    etl_schema_release(&reader->source_schema);
    etl_schema_release(&reader->agreed);
    transform_free(reader->transform);
    fit_free(reader->fit);
    reader->transform = NULL;
    reader->fit = NULL;
    reader->has_schema = false;
}

/* ---- schema -------------------------------------------------------------------------------------------------------- */

static etl_status push_schema(struct reader *reader, struct etl_error *err)
{
    struct item *item = item_new(ITEM_SCHEMA);
    etl_status status = ETL_OK;
    if (!item)
        return etl_fail_memory(err);
    status = etl_schema_copy(&reader->agreed, &item->schema, err);
    if (status == ETL_OK)
        intake_push(reader, item);
    else
        item_free(item);
    return status;
}

/* Agrees on the transformed schema, and announces the result when it is new. */
static etl_status agree(struct reader *reader, struct etl_error *err)
{
    struct stream *stream = reader->slice->stream;
    const struct ArrowSchema *incoming = transform_schema(reader->transform);
    struct ArrowSchema agreed = {0};
    bool is_new = false;
    etl_status status = ETL_OK;
    ETL_TRY(stream_agree(stream, incoming, &agreed, &reader->agreed_version, err));
    fit_free(reader->fit);
    reader->fit = NULL;
    ETL_TRY(fit_new(incoming, &agreed, &reader->fit, err));
    is_new = !reader->agreed.release || !etl_schema_equal(&reader->agreed, &agreed);
    if (is_new) {
        etl_view_fini(&reader->out_view);
        etl_schema_release(&reader->agreed);
        etl_schema_move(&agreed, &reader->agreed);
        ETL_TRY(etl_view_init(&reader->out_view, &reader->agreed, err));
        ETL_TRY(push_schema(reader, err));
    }
out:
    etl_schema_release(&agreed);
    return status;
}

etl_status intake_schema(struct reader *reader, struct ArrowSchema *schema, struct etl_error *err)
{
    etl_status status = ETL_OK;
    etl_view_fini(&reader->source_view);
    etl_schema_release(&reader->source_schema);
    transform_free(reader->transform);
    reader->transform = NULL;
    reader->has_schema = false;
    etl_schema_move(schema, &reader->source_schema);
    status = etl_schema_validate(&reader->source_schema, err);
    if (status != ETL_OK)
        return etl_prefix(err, ETL_INTERNAL, "%s: protocol violation: SCHEMA: ", reader->slice->engine->source_name);
    ETL_TRY(etl_view_init(&reader->source_view, &reader->source_schema, err));
    ETL_TRY(stream_transform(reader->slice->stream, &reader->source_schema, &reader->transform, err));
    ETL_TRY(agree(reader, err));
    reader->has_schema = true;
out:
    return status;
}

/* ---- records set aside --------------------------------------------------------------------------------------------- */

static etl_status push_letter(struct reader *reader, const char *column, const char *reason, const char *location,
                              const char *record, size_t length, bool is_json, struct etl_error *err)
{
    struct item *item = item_new(ITEM_LETTER);
    struct item_letter *letter = NULL;
    if (!item)
        return etl_fail_memory(err);
    letter = &item->letter;
    letter->column = string_copy(column);
    letter->reason = string_copy(reason);
    letter->location = string_copy(location);
    letter->record = malloc(length + 1);
    if (!letter->column || !letter->reason || !letter->location || !letter->record) {
        item_free(item);
        return etl_fail_memory(err);
    }
    memcpy(letter->record, record, length);
    letter->record[length] = '\0';
    letter->record_len = length;
    letter->is_json = is_json;
    item->bytes = sizeof(*item) + length;
    intake_push(reader, item);
    return ETL_OK;
}

/* One warning per slice says what kind of record is meant; the report counts them all. */
static void warn_first_reject(const struct reader *reader, const char *column, const char *reason, const char *location)
{
    struct log_context context = slice_log_context(reader->slice);
    bool is_kept = reader->slice->stream->plan.contract == CONTRACT_DEAD_LETTER;
    log_write(ETL_LOG_WARN, &context, "%s%s%s%s%s%s; the record is %s, and so are further ones without a word",
              location, *location ? ": " : "", *location || !*column ? "" : "column ", *location ? "" : column,
              !*location && *column ? ": " : "", reason, is_kept ? "set aside (see etlhost dlq list)" : "discarded");
}

etl_status intake_reject(struct reader *reader, const char *column, const char *reason, const char *location,
                         const char *record, size_t length, bool is_json, struct etl_error *err)
{
    etl_status status = ETL_OK;
    if (reader->slice->stream->plan.contract == CONTRACT_DEAD_LETTER) {
        if (length > LETTER_RECORD_MAX)
            return etl_fail(err, ETL_DATA, "%s: %s; at %zu bytes the record is too large to be set aside", location,
                            reason, length);
        status = push_letter(reader, column, reason, location, record, length, is_json, err);
    }
    if (status == ETL_OK) {
        if (reader->rejected++ == 0)
            warn_first_reject(reader, column, reason, location);
        reader->is_uncovered = true;
        add(&reader->slice->stream->report->rows_rejected, 1);
    }
    return status;
}

/* A deletion is set aside as something to look at: replayed, its record would come to life again. */
static etl_status on_misfit(void *arg, const struct etl_view *incoming, int64_t row, const char *column,
                            const char *reason, struct etl_error *err)
{
    struct reader *reader = arg;
    struct etl_buffer buffer = {.limit = LETTER_RECORD_MAX};
    const char *text = "";
    bool is_delete = etl_view_op(incoming, reader->flags, row) == ETL_OP_DELETE;
    etl_status status = ETL_OK;
    if (reader->slice->stream->plan.contract == CONTRACT_DEAD_LETTER) {
        etl_json_add_row(&buffer, incoming, row);
        text = etl_buffer_text(&buffer);
    }
    status =
        text ? intake_reject(reader, column, reason, is_delete ? "deletion" : "", text, buffer.length, !is_delete, err)
             : etl_fail(err, ETL_DATA, "column %s: %s; the record is too large to be set aside", column, reason);
    etl_buffer_fini(&buffer);
    return status;
}

/* ---- batches ------------------------------------------------------------------------------------------------------- */

/* What batch_normalise and the validation rely on. */
static etl_status check_root(const struct reader *reader, const struct ArrowArray *batch, struct etl_error *err)
{
    if (!batch->release)
        return violation(reader, "BATCH without a batch (release is NULL)", err);
    if (batch->n_children != reader->source_schema.n_children || (batch->n_children && !batch->children))
        return violation(reader, "BATCH does not have as many columns as the last SCHEMA", err);
    for (int64_t i = 0; i < batch->n_children; i++)
        if (!batch->children[i])
            return violation(reader, "BATCH with a column that is NULL", err);
    return ETL_OK;
}

static etl_status check_batch(const struct reader *reader, struct ArrowArray *batch, struct etl_error *err)
{
    etl_status status = check_root(reader, batch, err);
    if (status != ETL_OK)
        return status;
    status = batch->offset ? batch_normalise(batch, err) : ETL_OK;
    if (status == ETL_OK)
        status = etl_view_validate(&reader->source_view, batch, true, err);
    if (status == ETL_OK || status == ETL_NOMEM)
        return status;
    return etl_prefix(err, status == ETL_DATA ? ETL_DATA : ETL_INTERNAL,
                      "%s: protocol violation: BATCH: ", reader->slice->engine->source_name);
}

static etl_status drop_deletes(struct reader *reader, struct ArrowArray *batch, uint64_t flags, struct etl_error *err)
{
    uint8_t *keep = malloc((size_t)batch->length);
    etl_status status = ETL_OK;
    if (!keep)
        return etl_fail_memory(err);
    for (int64_t i = 0; i < batch->length; i++)
        keep[i] = etl_view_op(&reader->out_view, flags, i) != ETL_OP_DELETE;
    status = batch_filter(&reader->agreed, batch, keep, err);
    free(keep);
    return status;
}

/* ---- keys ---------------------------------------------------------------------------------------------------------- */

static bool is_key(const struct reader *reader, const struct etl_view *column)
{
    char *const *keys = reader->slice->stream->target_keys;
    for (size_t i = 0; keys[i]; i++)
        if (!strcmp(keys[i], column->name))
            return true;
    return false;
}

/* A record without a key cannot be upserted. `keep` gets 0 for it. */
static etl_status check_key(struct reader *reader, const struct etl_view *column, uint8_t *keep, bool sets_aside,
                            struct etl_error *err)
{
    int64_t rows = reader->out_view.length;
    etl_status status = ETL_OK;
    for (int64_t row = 0; row < rows && status == ETL_OK; row++) {
        if (!etl_view_is_null(column, row) || !keep[row])
            continue;
        keep[row] = 0;
        if (!sets_aside)
            return etl_fail(err, ETL_DATA,
                            "column %s is NULL in record %llu of this run, but it is a key; contract discard-row or "
                            "dead-letter would set such records aside and go on",
                            column->name, (unsigned long long)(reader->read - (uint64_t)(rows - row) + 1));
        status = on_misfit(reader, &reader->out_view, row, column->name, "the key is NULL", err);
    }
    return status;
}

/* Leaves out, or fails for, records whose key is NULL. */
static etl_status check_keys(struct reader *reader, struct ArrowArray *batch, bool sets_aside, struct etl_error *err)
{
    uint8_t *keep = NULL;
    etl_status status = ETL_OK;
    if (reader->slice->stream->plan.mode != ETL_MODE_UPSERT)
        return ETL_OK;
    etl_view_set(&reader->out_view, batch);
    for (int64_t i = 0; i < reader->out_view.n_children; i++) {
        const struct etl_view *column = &reader->out_view.children[i];
        if (!column->validity || !is_key(reader, column))
            continue;
        if (!keep) {
            keep = malloc((size_t)batch->length);
            if (!keep)
                return etl_fail_memory(err);
            memset(keep, 1, (size_t)batch->length);
        }
        ETL_TRY(check_key(reader, column, keep, sets_aside, err));
    }
    if (keep && memchr(keep, 0, (size_t)batch->length))
        ETL_TRY(batch_filter(&reader->agreed, batch, keep, err));
out:
    free(keep);
    return status;
}

/* Dropping what the user did not ask to drop is said once. */
static void warn_of_dropped_deletes(struct reader *reader)
{
    const struct plan *plan = &reader->slice->stream->plan;
    struct log_context context = slice_log_context(reader->slice);
    if (reader->has_warned || plan->config.deletes)
        return;
    reader->has_warned = true;
    log_write(ETL_LOG_WARN, &context,
              "the source sends deletes, which mode %s ignores: use mode upsert, or set deletes to ignore",
              plan->mode_name);
}

/* Queues what is to be written. An append knows no other operation than to add. */
static etl_status push_batch(struct reader *reader, struct ArrowArray *batch, uint64_t flags, struct etl_error *err)
{
    const struct plan *plan = &reader->slice->stream->plan;
    int64_t counts[4] = {0};
    struct item *item = NULL;
    etl_status status = ETL_OK;
    etl_view_set(&reader->out_view, batch);
    status = batch_count_ops(&reader->out_view, flags, counts, err);
    if (status != ETL_OK)
        return etl_prefix(err, status, "%s: ", reader->slice->engine->source_name);
    if (counts[ETL_OP_DELETE] && plan->delete_mode == ETL_DELETE_IGNORE) {
        warn_of_dropped_deletes(reader);
        status = drop_deletes(reader, batch, flags, err);
        counts[ETL_OP_DELETE] = 0;
    }
    if (status != ETL_OK || !batch->length)
        return status;
    item = item_new(ITEM_BATCH);
    if (!item)
        return etl_fail_memory(err);
    item->bytes = batch_bytes(&reader->agreed, batch);
    item->flags =
        plan->mode == ETL_MODE_APPEND && !counts[ETL_OP_DELETE] ? (uint64_t)ETL_OP_INSERT : flags & ETL_OP_MASK;
    item->deletes = (uint64_t)counts[ETL_OP_DELETE];
    item->rows = (uint64_t)batch->length - item->deletes;
    add(&reader->slice->stream->report->bytes, item->bytes);
    etl_array_move(batch, &item->batch);
    intake_push(reader, item);
    return ETL_OK;
}

etl_status intake_batch(struct reader *reader, struct ArrowArray *batch, uint64_t flags, struct etl_error *err)
{
    struct stream *stream = reader->slice->stream;
    bool sets_aside = stream->plan.contract == CONTRACT_DISCARD_ROW || stream->plan.contract == CONTRACT_DEAD_LETTER;
    int64_t rows = 0, rejected = 0;
    etl_status status = ETL_OK;
    if (!reader->has_schema)
        ETL_TRY(violation(reader, "BATCH before SCHEMA", err));
    ETL_TRY(check_batch(reader, batch, err));
    rows = batch->length;
    if (!rows)
        goto out;
    reader->flags = flags;
    reader->read += (uint64_t)rows;
    reader->is_uncovered = true;
    add(&stream->report->rows_read, (uint64_t)rows);
    if (stream_agreed_version(stream) != reader->agreed_version)
        ETL_TRY(agree(reader, err));
    ETL_TRY(transform_apply(reader->transform, batch, err));
    ETL_TRY(fit_apply(reader->fit, batch, sets_aside ? on_misfit : NULL, reader, &rejected, err));
    if (batch->length)
        ETL_TRY(check_keys(reader, batch, sets_aside, err));
    if (batch->length)
        ETL_TRY(push_batch(reader, batch, flags, err));
out:
    etl_array_release(batch);
    return status;
}
