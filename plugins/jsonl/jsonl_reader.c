/* Reads one stream: lines become rows, rows become batches, and each batch is followed by a checkpoint that covers it.
 *
 * The order of work: seed the types with those of the state, observe a sample, send the schema, then append line by line. A line
 * that does not fit stays `held` while the rows before it are handed out; then it widens the schema and is appended again. What is
 * read from a pipe cannot be read twice, so its sample is stored and replayed.
 *
 * `position` is the end of the last line that has been dealt with in the current file; the state is only taken when no row waits
 * in the shredder, so the marks never run ahead of what has been sent. */
#include "plugins/jsonl/jsonl_source.h"

#include <stdlib.h>
#include <string.h>

#include <etlhost/ext/reject.h>

#define STORED_BYTES_MAX  (16 * 1024 * 1024) /* of a sample that is kept for replay */
#define BATCH_ROWS_MAX    65536
#define BATCH_BYTES_MAX   (16 * 1024 * 1024)
#define ROWS_BETWEEN_LOOK 64 /* at the size of the batch */

/* A line of a stored sample; its text stands at `at` in the text of all. */
struct stored {
    struct jsonl_line line;
    size_t at;
};

enum outcome {
    OUTCOME_FULL,   /* the batch has its size */
    OUTCOME_MISFIT, /* the held line needs another schema */
    OUTCOME_WAIT,   /* nothing more for now */
    OUTCOME_END     /* of the last file */
};

struct etl_reader {
    struct etl_source *source;
    char *stream;
    const struct etl_reject_service *reject;
    struct etl_input_files *files;
    struct jsonl_lines lines;
    struct etl_shredder *shredder;
    uint64_t rows_hint, bytes_hint;
    uint32_t max_wait_ms;

    struct etl_buffer stored_text;
    struct stored *stored;
    size_t stored_count, stored_capacity, stored_next;

    struct jsonl_line held;
    bool has_held, held_was_observed;

    bool is_whole; /* a pipe that is read as a whole: one checkpoint at its end */
    bool has_file, is_sampled, has_schema, is_schema_due, is_checkpoint_due, is_dirty, is_end;
    uint64_t position;
    struct etl_buffer extra; /* the schema as the state keeps it */
    char *state;             /* of the request; for the sampling pass, then freed */
    size_t state_len;
};

/* ---- open and close ---- */

void jsonl_read_close(struct etl_reader *reader)
{
    if (!reader)
        return;
    jsonl_lines_fini(&reader->lines);
    etl_shredder_free(reader->shredder);
    etl_input_files_close(reader->files);
    etl_buffer_fini(&reader->stored_text);
    etl_buffer_fini(&reader->extra);
    free(reader->stored);
    free(reader->stream);
    free(reader->state);
    free(reader);
}

static const struct etl_reject_service *find_reject(const struct etl_host *host)
{
    if (!host || !ETL_HAS(host, get_extension) || !host->get_extension)
        return NULL;
    return host->get_extension(host, ETL_EXT_REJECT);
}

static etl_status seed(struct etl_reader *reader, struct etl_error *err)
{
    struct etl_bytes extra = etl_input_files_extra(reader->files);
    struct ArrowSchema schema = {0};
    etl_status status = ETL_OK;

    if (!extra.data || extra.length == 0)
        return ETL_OK;
    status = etl_schema_read_json(extra.data, extra.length, &schema, err);
    if (status == ETL_DATA)
        ETL_TRY(etl_prefix(err, ETL_STATE_INVALID, "the saved state cannot be used: "));
    ETL_TRY(status);
    if (schema.n_children > 0) {
        ETL_TRY(etl_shredder_seed(reader->shredder, &schema, err));
        reader->has_schema = reader->is_schema_due = true;
    }
out:
    etl_schema_release(&schema);
    return status;
}

static etl_status copy_request(struct etl_reader *reader, const struct etl_read_request *request, struct etl_error *err)
{
    reader->stream = strdup(request->stream);
    if (!reader->stream)
        return etl_fail_memory(err);
    reader->max_wait_ms = request->max_wait_ms;
    reader->rows_hint = request->batch_rows_hint ? request->batch_rows_hint : BATCH_ROWS_MAX;
    reader->bytes_hint = request->batch_bytes_hint ? request->batch_bytes_hint : BATCH_BYTES_MAX;
    if (!request->state || request->state_len == 0)
        return ETL_OK;
    if (request->state_version != JSONL_STATE_VERSION)
        return etl_fail(err, ETL_STATE_INVALID, "the saved state has version %u, this connector knows %d only",
                        request->state_version, JSONL_STATE_VERSION);
    reader->state = malloc(request->state_len);
    if (!reader->state)
        return etl_fail_memory(err);
    memcpy(reader->state, request->state, request->state_len);
    reader->state_len = request->state_len;
    return ETL_OK;
}

/* A pipe gives its records once: neither a second reader nor a later run can go on with it. */
static etl_status take_pipe(struct etl_reader *reader, const struct etl_read_request *request, struct etl_error *err)
{
    struct etl_source *source = reader->source;

    if (!etl_input_files_is_pipe(source->settings.path))
        return ETL_OK;
    if (source->is_pipe_taken)
        return etl_fail(err, ETL_IO,
                        "standard input cannot be read a second time: records read from it that were not committed are "
                        "gone; feed them in again");
    reader->is_whole = (request->flags & ETL_READ_FULL) != 0;
    if (reader->is_whole && reader->state_len > 0)
        return etl_fail(err, ETL_STATE_INVALID,
                        "the load of standard input was interrupted and cannot go on: run with --full-refresh");
    source->is_pipe_taken = true;
    return ETL_OK;
}

/* What a load has read must still be what the files hold. */
static etl_status check_whole(const struct etl_reader *reader, const struct etl_read_request *request,
                              struct etl_error *err)
{
    const char *lost = etl_input_files_lost(reader->files);

    if (!(request->flags & ETL_READ_FULL) || !lost)
        return ETL_OK;
    return etl_fail(err, ETL_STATE_INVALID,
                    "%s, which an interrupted load has read, has been removed or replaced: run with --full-refresh",
                    lost);
}

etl_status jsonl_read_open(struct etl_source *source, const struct etl_read_request *request,
                           struct etl_reader **ret_reader, struct etl_error *err)
{
    const char *name = source->settings.stream;
    struct etl_reader *reader = NULL;
    etl_status status = ETL_OK;

    if (*request->slice)
        return etl_fail(err, ETL_NOT_FOUND, "stream %s has no slice \"%s\"", request->stream, request->slice);
    if (*name && strcmp(name, request->stream) != 0)
        return etl_fail(err, ETL_NOT_FOUND, "there is no stream \"%s\", only \"%s\"", request->stream, name);
    reader = calloc(1, sizeof(*reader));
    if (!reader)
        return etl_fail_memory(err);
    reader->source = source;
    reader->reject = find_reject(source->host);
    ETL_TRY(copy_request(reader, request, err));
    ETL_TRY(take_pipe(reader, request, err));
    ETL_TRY(etl_input_files_open_stream(source->host, source->settings.path,
                                        jsonl_stream_filter(source, request->stream), source->settings.compression,
                                        reader->state, reader->state_len, &reader->files, err));
    ETL_TRY(check_whole(reader, request, err));
    etl_input_files_set_stop(reader->files, jsonl_is_stopped, source);
    jsonl_lines_init(&reader->lines, reader->files, (size_t)source->settings.record_size_max);
    ETL_TRY(jsonl_new_shredder(source, &reader->shredder, err));
    ETL_TRY(seed(reader, err));
    *ret_reader = reader;
    reader = NULL;
out:
    jsonl_read_close(reader);
    return status;
}

/* ---- files ---- */

static etl_status next_file(struct etl_reader *reader, struct etl_error *err)
{
    etl_status status = etl_input_files_next(reader->files, &reader->has_file, err);

    if (status != ETL_OK)
        return status;
    if (!reader->has_file) {
        reader->is_end = true;
        return ETL_OK;
    }
    jsonl_lines_start(&reader->lines);
    reader->position = etl_input_files_offset(reader->files);
    return ETL_OK;
}

/* Leaves the current file with everything up to `position` dealt with. */
static etl_status finish_file(struct etl_reader *reader, bool is_done, struct etl_error *err)
{
    etl_input_files_mark(reader->files, reader->position, is_done);
    reader->is_dirty |= is_done;
    return next_file(reader, err);
}

/* ---- sample ---- */

static etl_status store_line(struct etl_reader *reader, const struct jsonl_line *line, struct etl_error *err)
{
    if (reader->stored_count == reader->stored_capacity) {
        size_t capacity = reader->stored_capacity ? 2 * reader->stored_capacity : 256;
        struct stored *bigger = realloc(reader->stored, capacity * sizeof(*bigger));
        if (!bigger)
            return etl_fail_memory(err);
        reader->stored = bigger;
        reader->stored_capacity = capacity;
    }
    reader->stored[reader->stored_count].line = *line;
    reader->stored[reader->stored_count++].at = reader->stored_text.length;
    etl_buffer_add(&reader->stored_text, line->text.data, line->text.length);
    return reader->stored_text.failed ? etl_fail_memory(err) : ETL_OK;
}

/* Reads and keeps the beginning of a pipe. *ret_ready is false when nothing has come yet. */
static etl_status sample_pipe(struct etl_reader *reader, uint64_t *ret_observed, bool *ret_ready, struct etl_error *err)
{
    uint64_t wanted = (uint64_t)reader->source->settings.sample_rows;
    struct jsonl_line line;
    etl_status status = ETL_OK;

    while (*ret_observed < wanted && reader->stored_text.length < STORED_BYTES_MAX) {
        ETL_TRY(jsonl_lines_next(&reader->lines, reader->max_wait_ms, &line, err));
        if (line.kind == JSONL_NOT_YET)
            *ret_ready = reader->stored_count > 0;
        if (line.kind == JSONL_NOT_YET || line.kind == JSONL_END_OF_FILE)
            break;
        ETL_TRY(store_line(reader, &line, err));
        if (line.kind != JSONL_LINE)
            continue;
        status = etl_shredder_observe_json(reader->shredder, line.text.data, line.text.length, err);
        if (status != ETL_DATA)
            ETL_TRY(status);
        *ret_observed += status == ETL_OK;
        status = ETL_OK;
    }
out:
    return status;
}

static etl_status sample(struct etl_reader *reader, bool *ret_ready, struct etl_error *err)
{
    uint64_t observed = 0;
    etl_status status = ETL_OK;

    *ret_ready = true;
    if (!reader->has_file && !reader->is_end)
        ETL_TRY(next_file(reader, err));
    if (reader->has_file && !etl_input_files_can_seek(reader->files))
        ETL_TRY(sample_pipe(reader, &observed, ret_ready, err));
    else if (reader->has_file)
        ETL_TRY(jsonl_sample(reader->source, reader->stream, reader->state, reader->state_len, reader->shredder,
                             &observed, err));
    if (!*ret_ready)
        return ETL_OK;
    reader->is_sampled = true;
    if (observed)
        reader->has_schema = reader->is_schema_due = true;
    free(reader->state);
    reader->state = NULL;
    reader->state_len = 0;
out:
    return status;
}

/* ---- records ---- */

static etl_status next_record(struct etl_reader *reader, struct jsonl_line *line, struct etl_error *err)
{
    if (reader->stored_next < reader->stored_count) {
        const struct stored *stored = &reader->stored[reader->stored_next++];
        *line = stored->line;
        line->text.data = reader->stored_text.data + stored->at;
        return ETL_OK;
    }
    if (reader->stored) {
        free(reader->stored);
        reader->stored = NULL;
        reader->stored_count = reader->stored_capacity = reader->stored_next = 0;
        etl_buffer_fini(&reader->stored_text);
    }
    return jsonl_lines_next(&reader->lines, reader->max_wait_ms, line, err);
}

/* Line numbers are only known where reading began at the start of the file. */
static void describe(const struct etl_reader *reader, const struct jsonl_line *line, struct etl_buffer *location)
{
    const char *path = etl_input_files_path(reader->files);

    if (etl_input_files_offset(reader->files) == 0)
        etl_buffer_add_format(location, "%s: line %llu (byte %llu)", path, (unsigned long long)line->number,
                              (unsigned long long)line->offset);
    else
        etl_buffer_add_format(location, "%s: byte %llu", path, (unsigned long long)line->offset);
}

/* Offers a bad line to the host; `err` holds the reason. */
static etl_status reject(struct etl_reader *reader, const struct jsonl_line *line, struct etl_error *err)
{
    struct etl_buffer location = {0};
    struct etl_rejected rejected = {.struct_size = sizeof(rejected)};
    struct etl_error reason = *err;
    const char *where = NULL;
    etl_status status = ETL_OK;

    describe(reader, line, &location);
    where = etl_buffer_text(&location);
    if (!where)
        ETL_TRY(etl_fail_memory(err));
    if (!reader->reject)
        ETL_TRY(etl_prefix(err, ETL_DATA, "%s: ", where));
    rejected.stream = reader->stream;
    rejected.slice = "";
    rejected.location = where;
    rejected.column = "";
    rejected.reason = reason.message;
    rejected.record = line->text.data;
    rejected.record_len = line->text.length;
    err->message[0] = '\0';
    ETL_TRY(reader->reject->reject(reader->source->host, &rejected, err));
    reader->position = line->end;
    reader->is_dirty = true;
out:
    etl_buffer_fini(&location);
    return status;
}

/* A last line without a line end may still be in the making, if the file can grow: it is left for a later run. */
static etl_status handle_bad(struct etl_reader *reader, const struct jsonl_line *line, struct etl_error *err)
{
    if (line->kind == JSONL_TOO_LONG)
        etl_fail(err, ETL_DATA, "the line is longer than record_size_max (%lld bytes)",
                 (long long)reader->source->settings.record_size_max);
    else if (strstr(err->message, " at byte "))
        etl_fail(err, ETL_DATA, "%s of the line", err->message); /* the location counts in the file */
    if (line->is_terminated || line->kind == JSONL_TOO_LONG || !etl_input_files_can_grow(reader->files))
        return reject(reader, line, err);
    etl_log(reader->source->host, ETL_LOG_WARN,
            "%s: the last line (byte %llu) has no line end and is not complete; it is left for a later run",
            etl_input_files_path(reader->files), (unsigned long long)line->offset);
    err->message[0] = '\0';
    reader->position = line->offset;
    return finish_file(reader, false, err);
}

/* Appends the line; *ret_fits is false when the schema must change first. */
static etl_status append(struct etl_reader *reader, const struct jsonl_line *line, bool *ret_fits,
                         struct etl_error *err)
{
    etl_status status = ETL_OK;

    *ret_fits = false;
    if (line->kind == JSONL_TOO_LONG) {
        *ret_fits = true;
        return handle_bad(reader, line, err);
    }
    if (!reader->has_schema && !reader->held_was_observed)
        return ETL_OK;
    status = etl_shredder_append_json(reader->shredder, line->text.data, line->text.length, ret_fits, err);
    if (status == ETL_DATA) {
        *ret_fits = true;
        return handle_bad(reader, line, err);
    }
    if (status != ETL_OK || !*ret_fits)
        return status;
    reader->position = line->end;
    reader->is_dirty = true;
    return ETL_OK;
}

static bool is_full(const struct etl_reader *reader, size_t line_bytes)
{
    uint64_t rows = (uint64_t)etl_shredder_rows(reader->shredder);

    if (rows >= reader->rows_hint)
        return true;
    if (rows % ROWS_BETWEEN_LOOK != 0 && line_bytes < reader->bytes_hint)
        return false;
    return rows > 0 && (line_bytes >= reader->bytes_hint || etl_shredder_bytes(reader->shredder) >= reader->bytes_hint);
}

/* Appends lines until there is a reason to stop. */
static etl_status collect(struct etl_reader *reader, enum outcome *ret_outcome, struct etl_error *err)
{
    size_t line_bytes = 0;
    etl_status status = ETL_OK;

    while (!reader->is_end) {
        struct jsonl_line line = reader->held;
        bool fits = false;
        if (is_full(reader, line_bytes)) {
            *ret_outcome = OUTCOME_FULL;
            return ETL_OK;
        }
        if (!reader->has_held)
            ETL_TRY(next_record(reader, &line, err));
        if (line.kind == JSONL_NOT_YET) {
            *ret_outcome = OUTCOME_WAIT;
            return ETL_OK;
        }
        if (line.kind == JSONL_END_OF_FILE) {
            ETL_TRY(finish_file(reader, true, err));
            continue;
        }
        ETL_TRY(append(reader, &line, &fits, err));
        line_bytes += line.text.length;
        if (!fits) {
            reader->held = line;
            reader->has_held = true;
            *ret_outcome = OUTCOME_MISFIT;
            return ETL_OK;
        }
        reader->has_held = reader->held_was_observed = false;
    }
    *ret_outcome = OUTCOME_END;
out:
    return status;
}

/* ---- messages ---- */

static etl_status send_schema(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    struct ArrowSchema schema = {0};
    etl_status status = ETL_OK;

    ETL_TRY(etl_shredder_schema(reader->shredder, &schema, err));
    etl_buffer_reset(&reader->extra);
    etl_schema_write_json(&reader->extra, &schema);
    if (!etl_buffer_text(&reader->extra))
        ETL_TRY(etl_fail_memory(err));
    message->kind = ETL_MESSAGE_SCHEMA;
    etl_schema_move(&schema, &message->schema);
    reader->is_schema_due = false;
out:
    etl_schema_release(&schema);
    return status;
}

static etl_status send_batch(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    etl_status status = etl_shredder_finish(reader->shredder, &message->batch, err);

    if (status != ETL_OK)
        return status;
    message->kind = ETL_MESSAGE_BATCH;
    message->flags = ETL_OP_INSERT;
    reader->is_checkpoint_due = true;
    return ETL_OK;
}

static etl_status send_checkpoint(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    const char *state = NULL;
    size_t length = 0;
    etl_status status = ETL_OK;

    if (reader->has_file)
        etl_input_files_mark(reader->files, reader->position, false);
    ETL_TRY(etl_input_files_state(reader->files, reader->extra.length ? reader->extra.data : "", &state, &length, err));
    message->kind = ETL_MESSAGE_CHECKPOINT;
    message->state = state;
    message->state_len = length;
    message->cursor = etl_input_files_cursor(reader->files);
    reader->is_checkpoint_due = reader->is_dirty = false;
out:
    return status;
}

/* The schema must take in the held line; no row waits. */
static etl_status widen(struct etl_reader *reader, struct etl_error *err)
{
    const struct jsonl_line *line = &reader->held;
    etl_status status = ETL_OK;

    if (reader->held_was_observed)
        return etl_fail(err, ETL_INTERNAL, "a record does not fit the schema that it made: %s",
                        etl_shredder_misfit(reader->shredder));
    status = etl_shredder_observe_json(reader->shredder, line->text.data, line->text.length, err);
    if (status == ETL_DATA) {
        reader->has_held = false;
        return handle_bad(reader, line, err);
    }
    if (status != ETL_OK)
        return status;
    reader->held_was_observed = reader->has_schema = reader->is_schema_due = true;
    return ETL_OK;
}

/* What follows from the outcome when no row waits to be sent; ETL_MESSAGE_NONE = go on. */
static etl_status send_rest(struct etl_reader *reader, enum outcome outcome, struct etl_message *message,
                            struct etl_error *err)
{
    if (outcome == OUTCOME_MISFIT)
        return widen(reader, err);
    /* Files that held nothing and records set aside are progress, too. */
    if (reader->is_dirty && (!reader->is_whole || outcome == OUTCOME_END))
        return send_checkpoint(reader, message, err);
    if (outcome == OUTCOME_WAIT)
        message->kind = ETL_MESSAGE_IDLE;
    if (outcome == OUTCOME_END)
        message->kind = ETL_MESSAGE_END;
    return ETL_OK;
}

etl_status jsonl_read_next(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    enum outcome outcome = OUTCOME_FULL;
    bool ready = true;
    etl_status status = ETL_OK;

    message->kind = ETL_MESSAGE_NONE;
    if (reader->is_checkpoint_due && !reader->is_whole)
        return send_checkpoint(reader, message, err);
    reader->is_dirty |= reader->is_checkpoint_due;
    reader->is_checkpoint_due = false;
    if (!reader->is_sampled)
        ETL_TRY(sample(reader, &ready, err));
    if (!ready) {
        message->kind = ETL_MESSAGE_IDLE;
        return ETL_OK;
    }
    while (message->kind == ETL_MESSAGE_NONE) {
        if (jsonl_is_stopped(reader->source))
            return etl_fail(err, ETL_CANCELLED, "stopped");
        if (reader->is_schema_due)
            return send_schema(reader, message, err);
        ETL_TRY(collect(reader, &outcome, err));
        if (etl_shredder_rows(reader->shredder) > 0)
            return send_batch(reader, message, err);
        ETL_TRY(send_rest(reader, outcome, message, err));
    }
out:
    return status;
}
