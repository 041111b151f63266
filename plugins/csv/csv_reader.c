/* One reader: records of one stream as batches. A record that does not fit the types ends the batch; then the schema widens and the
 * record, which has not been consumed, is appended again. A checkpoint follows every batch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <etlhost/ext/reject.h>

#include "plugins/csv/csv_sample.h"

#define STATE_VERSION 1

enum step {
    STEP_START,  /* nothing has been read */
    STEP_SAMPLE, /* the first file is open; the types are looked for */
    STEP_READ,
    STEP_FINISHED /* every file has been read */
};

struct etl_reader {
    struct etl_source *source;
    struct csv_input *input;
    struct etl_shredder *shredder;
    const struct etl_reject_service *reject;
    char *stream, *filter, *state;
    size_t state_len;
    int64_t rows_max;
    size_t bytes_max;
    uint32_t wait_ms;
    enum step step;
    bool is_whole;           /* a pipe that is read as a whole: one checkpoint at its end */
    size_t columns;          /* of the current file */
    bool has_new_schema;     /* SCHEMA is due */
    bool has_new_position;   /* something has been consumed since the last CHECKPOINT */
    bool has_widened;        /* for the record that is next: it must fit now */
    bool is_due;             /* CHECKPOINT is due */
    struct etl_buffer extra; /* the columns, for the state */
};

/* ---- opening ---- */

static etl_status take_request(struct etl_reader *reader, const struct etl_read_request *request, struct etl_error *err)
{
    const struct csv_source_settings *settings = &reader->source->format.settings;
    if (*request->slice)
        return etl_fail(err, ETL_UNSUPPORTED, "stream %s has no slice %s", request->stream, request->slice);
    if (request->state && request->state_len > 0 && request->state_version != STATE_VERSION)
        return etl_fail(err, ETL_STATE_INVALID,
                        "the saved state is of version %u: use a newer etlhost or run with --full-refresh",
                        (unsigned)request->state_version);
    reader->stream = strdup(request->stream);
    reader->filter = strdup(*settings->stream ? "" : request->stream);
    reader->state = malloc((size_t)request->state_len + 1);
    if (!reader->stream || !reader->filter || !reader->state)
        return etl_fail_memory(err);
    if (request->state)
        memcpy(reader->state, request->state, (size_t)request->state_len);
    reader->state_len = request->state ? (size_t)request->state_len : 0;
    reader->rows_max =
        request->batch_rows_hint > 0 && request->batch_rows_hint < INT32_MAX ? (int64_t)request->batch_rows_hint : 8192;
    reader->bytes_max = request->batch_bytes_hint > 0 && request->batch_bytes_hint < INT32_MAX
                            ? (size_t)request->batch_bytes_hint
                            : (size_t)4 * 1024 * 1024;
    reader->wait_ms = request->max_wait_ms > 0 ? request->max_wait_ms : 1000;
    if (*settings->stream && strcmp(settings->stream, request->stream) != 0)
        return etl_fail(err, ETL_NOT_FOUND, "there is no stream %s, only %s", request->stream, settings->stream);
    return ETL_OK;
}

/* The types of earlier runs, so that they never become narrower. */
static etl_status seed(struct etl_reader *reader, struct etl_error *err)
{
    struct etl_bytes extra = {NULL, 0};
    struct ArrowSchema schema = {.release = NULL};
    if (reader->state_len == 0 || !etl_json_find(reader->state, reader->state_len, "extra", &extra))
        return ETL_OK;
    etl_status status = etl_schema_read_json(extra.data, extra.length, &schema, err);
    if (status == ETL_DATA)
        status = etl_prefix(err, ETL_STATE_INVALID, "the saved state has malformed columns: ");
    if (status == ETL_OK)
        status = etl_shredder_seed(reader->shredder, &schema, err);
    etl_schema_release(&schema);
    return status;
}

static etl_status start_columns(struct etl_reader *reader, struct etl_error *err)
{
    (void)csv_input_names(reader->input, &reader->columns);
    return csv_set_columns(reader->input, reader->shredder, err);
}

/* A pipe gives its records once: neither a second reader nor a later run can go on with it. */
static etl_status take_pipe(struct etl_reader *reader, const struct etl_read_request *request, struct etl_error *err)
{
    struct etl_source *source = reader->source;
    if (!etl_input_files_is_pipe(source->format.settings.path))
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
    const char *lost = etl_input_files_lost(csv_input_files(reader->input));
    if (!(request->flags & ETL_READ_FULL) || !lost)
        return ETL_OK;
    return etl_fail(err, ETL_STATE_INVALID,
                    "%s, which an interrupted load has read, has been removed or replaced: run with --full-refresh",
                    lost);
}

static etl_status open_input(struct etl_reader *reader, struct etl_error *err)
{
    struct etl_source *source = reader->source;
    if (source->standard_input) {
        reader->input = source->standard_input;
        source->standard_input = NULL;
        (void)csv_input_names(reader->input, &reader->columns);
        reader->step = reader->columns > 0 ? STEP_SAMPLE : STEP_START;
        return reader->columns > 0 ? start_columns(reader, err) : ETL_OK;
    }
    etl_status status = csv_input_open(source->host, &source->format, reader->filter, reader->state, reader->state_len,
                                       &reader->input, err);
    if (status == ETL_OK)
        csv_watch(source, reader->input);
    return status;
}

etl_status csv_read_open(struct etl_source *source, const struct etl_read_request *request,
                         struct etl_reader **ret_reader, struct etl_error *err)
{
    etl_status status = ETL_OK;
    const struct etl_reject_service *reject = source->host->get_extension(source->host, ETL_EXT_REJECT);
    struct etl_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return etl_fail_memory(err);
    reader->source = source;
    reader->reject = reject && ETL_HAS(reject, reject) ? reject : NULL;
    ETL_TRY(take_request(reader, request, err));
    ETL_TRY(csv_shredder_new(&source->format, &reader->shredder, err));
    ETL_TRY(seed(reader, err));
    ETL_TRY(take_pipe(reader, request, err));
    ETL_TRY(open_input(reader, err));
    ETL_TRY(check_whole(reader, request, err));
    *ret_reader = reader;
    reader = NULL;
out:
    csv_read_close(reader);
    return status;
}

void csv_read_close(struct etl_reader *reader)
{
    if (!reader)
        return;
    csv_input_close(reader->input);
    etl_shredder_free(reader->shredder);
    etl_buffer_fini(&reader->extra);
    free(reader->stream);
    free(reader->filter);
    free(reader->state);
    free(reader);
}

/* ---- files and types ---- */

static etl_status next_file(struct etl_reader *reader, struct etl_error *err)
{
    bool found = false;
    etl_status status = csv_input_next_file(reader->input, &found, err);
    if (status != ETL_OK)
        return status;
    if (!found) {
        reader->step = STEP_FINISHED;
        return ETL_OK;
    }
    if (reader->step == STEP_START)
        reader->step = STEP_SAMPLE;
    return start_columns(reader, err);
}

/* A sample of the files, through a second look at them. */
static etl_status sample_files(struct etl_reader *reader, struct etl_error *err)
{
    struct etl_source *source = reader->source;
    struct csv_input *input = NULL;
    bool found = false, waits = false;
    /* Without host: its warnings come from the main pass. */
    etl_status status =
        csv_input_open(NULL, &source->format, reader->filter, reader->state, reader->state_len, &input, err);
    if (status != ETL_OK)
        return status;
    csv_watch(source, input);
    ETL_TRY(csv_input_next_file(input, &found, err));
    if (found)
        ETL_TRY(csv_sample(input, &source->format, false, 1000, reader->shredder, &waits, err));
    ETL_TRY(start_columns(reader, err));
out:
    csv_input_close(input);
    return status;
}

/* A sample of a pipe, which is held in memory. */
static etl_status sample_pipe(struct etl_reader *reader, bool *ret_waits, struct etl_error *err)
{
    csv_input_hold(reader->input);
    etl_status status =
        csv_sample(reader->input, &reader->source->format, true, reader->wait_ms, reader->shredder, ret_waits, err);
    csv_input_rewind(reader->input);
    return status;
}

static etl_status sample(struct etl_reader *reader, bool *ret_waits, struct etl_error *err)
{
    etl_status status = ETL_OK;
    *ret_waits = false;
    if (etl_input_files_can_seek(csv_input_files(reader->input)))
        status = sample_files(reader, err);
    else
        status = sample_pipe(reader, ret_waits, err);
    if (status == ETL_OK && !*ret_waits) {
        reader->step = STEP_READ;
        reader->has_new_schema = true;
    }
    return status;
}

/* ---- messages ---- */

static etl_status emit_schema(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    struct ArrowSchema schema = {.release = NULL};
    etl_status status = etl_shredder_schema(reader->shredder, &schema, err);
    if (status != ETL_OK)
        return status;
    etl_buffer_reset(&reader->extra);
    etl_schema_write_json(&reader->extra, &schema);
    if (!etl_buffer_text(&reader->extra))
        status = etl_fail_memory(err);
    else if (reader->extra.length > ETL_STATE_MAX_BYTES * 3 / 4)
        status =
            etl_fail(err, ETL_UNSUPPORTED, "the types of %zu columns do not fit a state of 1 MiB", reader->columns);
    if (status != ETL_OK) {
        etl_schema_release(&schema);
        return status;
    }
    etl_schema_move(&schema, &message->schema);
    message->kind = ETL_MESSAGE_SCHEMA;
    reader->has_new_schema = false;
    return ETL_OK;
}

static etl_status emit_batch(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    etl_status status = etl_shredder_finish(reader->shredder, &message->batch, err);
    if (status != ETL_OK)
        return status;
    message->kind = ETL_MESSAGE_BATCH;
    message->flags = ETL_OP_INSERT;
    reader->is_due = true;
    return ETL_OK;
}

static etl_status emit_checkpoint(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    const char *state = NULL;
    size_t length = 0;
    struct etl_input_files *files = csv_input_files(reader->input);
    if (reader->step == STEP_READ)
        csv_input_mark(reader->input);
    etl_status status = etl_input_files_state(files, reader->extra.data, &state, &length, err);
    if (status != ETL_OK)
        return status;
    message->kind = ETL_MESSAGE_CHECKPOINT;
    message->state = state;
    message->state_len = length;
    message->cursor = etl_input_files_cursor(files);
    reader->is_due = reader->has_new_position = false;
    return ETL_OK;
}

/* ---- records ---- */

static etl_status reject_record(struct etl_reader *reader, const char *reason, struct etl_error *err)
{
    char text[512];
    const char *location = csv_input_location(reader->input);
    snprintf(text, sizeof text, "%s", reason);
    if (!reader->reject)
        return etl_fail(err, ETL_DATA, "csv: stream \"%s\": %s: %s", reader->stream, location, text);
    struct etl_bytes raw = csv_input_raw(reader->input);
    struct etl_rejected rejected = {.struct_size = sizeof rejected,
                                    .stream = reader->stream,
                                    .slice = "",
                                    .location = location,
                                    .column = "",
                                    .reason = text,
                                    .record = raw.data,
                                    .record_len = raw.length};
    etl_error_init(err);
    etl_status status = reader->reject->reject(reader->source->host, &rejected, err);
    if (status == ETL_OK) {
        reader->has_new_position = true;
        return csv_input_consume(reader->input, err);
    }
    if (!err->message[0])
        return etl_fail(err, status, "csv: stream \"%s\": %s: %s", reader->stream, location, text);
    return status;
}

/* A record that does not fit, with nothing before it in the batch: the types widen. */
static etl_status widen(struct etl_reader *reader, const struct etl_bytes *cells, struct etl_error *err)
{
    if (reader->has_widened)
        return etl_fail(err, ETL_INTERNAL, "csv: %s: the record does not fit the types found for it: %s",
                        csv_input_location(reader->input), etl_shredder_misfit(reader->shredder));
    etl_status status = etl_shredder_observe_cells(reader->shredder, cells, reader->columns, err);
    if (status == ETL_OK)
        reader->has_new_schema = reader->has_widened = true;
    return status;
}

/* Appends one record. *ret_flush: what has been appended has to be handed out first. */
static etl_status append(struct etl_reader *reader, const struct etl_bytes *cells, bool *ret_flush,
                         struct etl_error *err)
{
    bool fits = false;
    etl_status status = etl_shredder_append_cells(reader->shredder, cells, reader->columns, &fits, err);
    if (status == ETL_DATA)
        return reject_record(reader, err->message, err);
    if (status != ETL_OK)
        return status;
    if (fits) {
        reader->has_new_position = true;
        reader->has_widened = false;
        return csv_input_consume(reader->input, err);
    }
    *ret_flush = etl_shredder_rows(reader->shredder) > 0;
    return *ret_flush ? ETL_OK : widen(reader, cells, err);
}

static etl_status end_file(struct etl_reader *reader, struct etl_error *err)
{
    csv_input_mark(reader->input);
    reader->has_new_position = true;
    return next_file(reader, err);
}

static bool is_full(const struct etl_reader *reader)
{
    return etl_shredder_rows(reader->shredder) >= reader->rows_max ||
           etl_shredder_bytes(reader->shredder) >= reader->bytes_max;
}

/* Appends records until a message is due. *ret_waits: a pipe has nothing. */
static etl_status read_records(struct etl_reader *reader, bool *ret_waits, struct etl_error *err)
{
    bool must_flush = false;
    *ret_waits = false;
    while (reader->step == STEP_READ && !reader->has_new_schema && !must_flush && !is_full(reader)) {
        enum csv_found found = CSV_FOUND_END;
        const struct etl_bytes *cells = NULL;
        etl_status status = csv_input_record(reader->input, reader->wait_ms, &found, &cells, err);
        if (status == ETL_OK && found == CSV_FOUND_NOTHING) {
            *ret_waits = true;
            return ETL_OK;
        }
        if (status == ETL_OK && found == CSV_FOUND_RECORD)
            status = append(reader, cells, &must_flush, err);
        else if (status == ETL_OK && found == CSV_FOUND_BAD)
            status = reject_record(reader, csv_input_problem(reader->input), err);
        else if (status == ETL_OK)
            status = end_file(reader, err);
        if (status != ETL_OK)
            return status;
    }
    return ETL_OK;
}

static etl_status go_on(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    bool waits = false;
    etl_status status = ETL_OK;
    if (reader->step == STEP_START)
        ETL_TRY(next_file(reader, err));
    if (reader->step == STEP_SAMPLE)
        ETL_TRY(sample(reader, &waits, err));
    if (!waits && !reader->has_new_schema)
        ETL_TRY(read_records(reader, &waits, err));
    if (etl_shredder_rows(reader->shredder) > 0)
        status = emit_batch(reader, message, err);
    else if (reader->has_new_schema)
        status = emit_schema(reader, message, err);
    else if (waits)
        message->kind = ETL_MESSAGE_IDLE;
    else if (reader->has_new_position && (!reader->is_whole || reader->step == STEP_FINISHED))
        status = emit_checkpoint(reader, message, err);
    else
        message->kind = ETL_MESSAGE_END;
out:
    return status;
}

etl_status csv_read_next(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    if (reader->is_due && !reader->is_whole)
        return emit_checkpoint(reader, message, err);
    reader->has_new_position = reader->has_new_position || reader->is_due;
    reader->is_due = false;
    return go_on(reader, message, err);
}
