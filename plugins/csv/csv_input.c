/* From bytes of files to records. A buffer holds UTF-8 text from `at` to `length`; it grows up to the longest record that is
 * allowed (more only while a sample is held), so that no input makes it grow without bound.
 *
 * Positions are those of the decompressed file before decoding: `base` belongs to buffer[base_at], and what has been consumed since is
 * counted when a position is asked for. Line numbers are known when a file has been read from its start. */
#include "plugins/csv/csv_input.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "plugins/csv/csv_text.h"

#define READ_BYTES  ((size_t)256 * 1024)
#define RAW_MAX     ((size_t)64 * 1024)
#define LONG_RECORD ((size_t)1024 * 1024)

struct csv_input {
    const struct etl_host *host;
    const struct csv_format *format;
    struct etl_input_files *files;
    struct csv_splitter *splitter;
    struct csv_decoder decoder;
    char *raw; /* before decoding */
    char *buffer;
    size_t at, length, capacity;
    size_t base_at;
    uint64_t base;
    uint64_t line; /* of the record at `at`, from 1 */
    bool knows_line;
    bool is_end;   /* nothing follows the buffer */
    bool is_ended; /* the end has been reported */
    bool is_done;  /* nothing of the file is left for a later run */
    struct csv_header header;
    struct csv_record record;
    bool has_record; /* `record` is the one at `at` */
    enum csv_found found;
    struct etl_bytes *cells; /* when they are not those of the splitter */
    size_t cells_capacity;
    struct etl_buffer problem, location;
    bool is_too_long;
    bool is_held;
    size_t hold_at;
    uint64_t hold_line;
};

/* A sample is taken before the records are read, and of a pipe nothing can be read twice. */
static etl_status check_regular(const struct csv_input *input, struct etl_error *err)
{
    const char *const *list = etl_input_files_list(input->files);
    struct stat info;
    for (size_t i = 0; list[i]; i++) {
        if (strcmp(list[i], "-") != 0 && stat(list[i], &info) == 0 && !S_ISREG(info.st_mode))
            return etl_fail(err, ETL_CONFIG,
                            "%s is no regular file, and can be read only once: set path to - and redirect it to "
                            "standard input",
                            list[i]);
    }
    return ETL_OK;
}

etl_status csv_input_open(const struct etl_host *host, const struct csv_format *format, const char *stream,
                          const char *state, size_t state_len, struct csv_input **ret_input, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct csv_input *input = calloc(1, sizeof *input);
    if (!input)
        return etl_fail_memory(err);
    input->host = host;
    input->format = format;
    ETL_TRY(csv_splitter_new(&format->dialect, &input->splitter, err));
    input->capacity = 2 * READ_BYTES;
    input->buffer = malloc(input->capacity);
    input->raw = format->encoding == CSV_UTF8 ? NULL : malloc(READ_BYTES);
    if (!input->buffer || (!input->raw && format->encoding != CSV_UTF8)) {
        status = etl_fail_memory(err);
        goto out;
    }
    ETL_TRY(etl_input_files_open_stream(host, format->settings.path, stream, format->settings.compression, state,
                                        state_len, &input->files, err));
    ETL_TRY(check_regular(input, err));
    *ret_input = input;
    input = NULL;
out:
    csv_input_close(input);
    return status;
}

void csv_input_close(struct csv_input *input)
{
    if (!input)
        return;
    etl_input_files_close(input->files);
    csv_splitter_free(input->splitter);
    csv_header_fini(&input->header);
    etl_buffer_fini(&input->problem);
    etl_buffer_fini(&input->location);
    free(input->cells);
    free(input->buffer);
    free(input->raw);
    free(input);
}

struct etl_input_files *csv_input_files(struct csv_input *input)
{
    return input->files;
}

const char *const *csv_input_names(const struct csv_input *input, size_t *ret_count)
{
    *ret_count = input->header.count;
    return (const char *const *)input->header.names;
}

/* ---- the buffer ---- */

static uint64_t position(struct csv_input *input)
{
    if (input->at > input->base_at) {
        input->base +=
            csv_encoded_length(input->format->encoding, input->buffer + input->base_at, input->at - input->base_at);
        input->base_at = input->at;
    }
    return input->base;
}

static void start_buffer(struct csv_input *input, uint64_t offset)
{
    input->at = input->length = input->base_at = 0;
    input->base = offset;
    input->is_end = input->is_ended = input->has_record = input->is_held = false;
}

/* Room for at least `more` bytes behind what is there. */
static etl_status make_room(struct csv_input *input, size_t more, struct etl_error *err)
{
    if (input->capacity - input->length >= more)
        return ETL_OK;
    if (!input->is_held && input->at > 0) {
        (void)position(input);
        memmove(input->buffer, input->buffer + input->at, input->length - input->at);
        input->length -= input->at;
        input->at = input->base_at = 0;
    }
    if (input->capacity - input->length >= more)
        return ETL_OK;
    size_t capacity = input->capacity * 2 > input->length + more ? input->capacity * 2 : input->length + more;
    char *buffer = realloc(input->buffer, capacity);
    if (!buffer)
        return etl_fail_memory(err);
    input->buffer = buffer;
    input->capacity = capacity;
    return ETL_OK;
}

/* Reads more text. *ret_waits: a pipe has nothing yet. */
static etl_status fill(struct csv_input *input, uint32_t wait_ms, bool *ret_waits, struct etl_error *err)
{
    etl_status status = ETL_OK;
    bool is_ready = true, is_utf8 = input->format->encoding == CSV_UTF8;
    size_t length = 0;
    ETL_TRY(etl_input_files_wait(input->files, wait_ms, &is_ready, err));
    *ret_waits = !is_ready;
    if (!is_ready)
        goto out;
    ETL_TRY(make_room(input, is_utf8 ? READ_BYTES : CSV_DECODED_MAX(READ_BYTES), err));
    /* All of the free room: a long record then takes few rounds. */
    ETL_TRY(etl_input_files_read(input->files, is_utf8 ? input->buffer + input->length : input->raw,
                                 is_utf8 ? input->capacity - input->length : READ_BYTES, &length, err));
    input->is_end = length == 0;
    if (is_utf8)
        input->length += length;
    else
        input->length += csv_decode(&input->decoder, input->raw, length, length == 0, input->buffer + input->length);
out:
    return status;
}

/* ---- a record ---- */

static etl_status fail_header(struct csv_input *input, const char *why, struct etl_error *err)
{
    return etl_fail(err, ETL_DATA, "%s: %s", csv_input_location(input), why);
}

/* What is known of the bytes of a record that was not whole when it was last split. */
struct attempt {
    size_t tried; /* bytes that it had then; 0: not split yet */
    size_t seen;  /* bytes looked at since */
    bool has_line_end;
};

/* Whether to split again. Without a further line end the record is not whole either; and a long one is not gone through from its
 * start with every little piece that a pipe hands out. */
static bool is_worth_splitting(struct attempt *attempt, const char *from, size_t length)
{
    if (attempt->tried == 0)
        return true;
    const char *more = from + attempt->seen - 1; /* CR was at the end: LF might have followed */
    size_t count = length - attempt->seen + 1;
    attempt->has_line_end = attempt->has_line_end || memchr(more, '\n', count) || memchr(more, '\r', count);
    attempt->seen = length;
    return attempt->has_line_end && (attempt->tried <= LONG_RECORD || length - attempt->tried >= attempt->tried / 4);
}

/* Splits the record at `at`, reading as needed. */
static etl_status split_next(struct csv_input *input, uint32_t wait_ms, enum csv_result *ret_result, bool *ret_waits,
                             struct etl_error *err)
{
    size_t longest = (size_t)input->format->settings.record_size_max;
    struct attempt attempt = {0};
    *ret_waits = false;
    for (;;) {
        const char *from = input->buffer + input->at;
        size_t length = input->length - input->at;
        enum csv_result result = CSV_MORE;
        bool is_last = input->is_end || length >= longest;
        if (length > 0 && (is_last || is_worth_splitting(&attempt, from, length))) {
            attempt = (struct attempt){.tried = length, .seen = length};
            result = csv_split(input->splitter, from, length, input->is_end, &input->record);
        }
        if (result == CSV_FAILED)
            return etl_fail_memory(err);
        input->is_too_long =
            result == CSV_MORE ? length >= longest : result != CSV_BLANK && input->record.length > longest;
        if (result != CSV_MORE || input->is_end || input->is_too_long) {
            *ret_result = result;
            return ETL_OK;
        }
        etl_status status = fill(input, wait_ms, ret_waits, err);
        if (status != ETL_OK || *ret_waits)
            return status;
    }
}

/* An empty line is no record, except in a file of one column, where it is the way to write a NULL. */
static bool is_blank_skipped(const struct csv_input *input)
{
    return input->header.count != 1;
}

static void skip_blank(struct csv_input *input)
{
    input->at += input->record.length;
    input->line += input->record.lines;
}

/* An unfinished last line of a file that may still grow: it is left for a later run. */
static bool is_left_for_later(const struct csv_input *input, enum csv_result result)
{
    if (!etl_input_files_can_grow(input->files) || input->record.has_end || input->is_too_long)
        return false;
    return (result == CSV_BAD && input->record.is_unclosed) ||
           (result == CSV_RECORD && input->record.count < input->header.count);
}

static void set_problem(struct csv_input *input, const char *text)
{
    etl_buffer_reset(&input->problem);
    etl_buffer_add_text(&input->problem, text);
}

static bool is_null_text(const struct csv_input *input, struct etl_bytes cell)
{
    for (char **text = input->format->settings.null_values; *text; text++) {
        if (strlen(*text) == cell.length && (cell.length == 0 || memcmp(*text, cell.data, cell.length) == 0))
            return true;
    }
    return false;
}

/* The cells as values: NULLs found, trimmed, filled up. */
static etl_status convert_cells(struct csv_input *input, struct etl_error *err)
{
    size_t count = input->header.count, found = input->record.count;
    if (input->cells_capacity < count) {
        struct etl_bytes *cells = realloc(input->cells, count * sizeof *cells);
        if (!cells)
            return etl_fail_memory(err);
        input->cells = cells;
        input->cells_capacity = count;
    }
    for (size_t i = 0; i < count; i++) {
        struct etl_bytes cell = {NULL, 0};
        if (i < found && input->record.is_quoted[i]) {
            cell = input->record.cells[i];
        } else if (i < found) {
            cell = input->record.cells[i];
            cell.data = cell.data ? cell.data : "";
            if (input->format->settings.trim)
                cell = csv_trim(cell);
            if (is_null_text(input, cell))
                cell = (struct etl_bytes){NULL, 0};
        }
        input->cells[i] = cell;
    }
    return ETL_OK;
}

static enum csv_found judge(struct csv_input *input, enum csv_result result)
{
    if (input->is_too_long) {
        etl_buffer_reset(&input->problem);
        etl_buffer_add_format(&input->problem, "the record is longer than record_size_max (%lld bytes)",
                              (long long)input->format->settings.record_size_max);
        return CSV_FOUND_BAD;
    }
    if (result == CSV_BAD) {
        set_problem(input, input->record.problem);
        return CSV_FOUND_BAD;
    }
    bool may_pad = strcmp(input->format->settings.ragged, "pad") == 0;
    size_t count = input->record.count, wanted = input->header.count;
    if (count > wanted || (count < wanted && !may_pad)) {
        etl_buffer_reset(&input->problem);
        etl_buffer_add_format(&input->problem, "%zu field%s, header has %zu", count, count == 1 ? "" : "s", wanted);
        return CSV_FOUND_BAD;
    }
    return CSV_FOUND_RECORD;
}

static void report_end(struct csv_input *input, bool is_done)
{
    input->found = CSV_FOUND_END;
    input->is_ended = true;
    input->is_done = is_done;
}

/* Finds the next record: sets `found`. */
static etl_status find_record(struct csv_input *input, uint32_t wait_ms, struct etl_error *err)
{
    for (;;) {
        enum csv_result result = CSV_MORE;
        bool waits = false;
        etl_status status = split_next(input, wait_ms, &result, &waits, err);
        if (status != ETL_OK)
            return status;
        if (waits) {
            input->found = CSV_FOUND_NOTHING;
            return ETL_OK;
        }
        if (result == CSV_BLANK && is_blank_skipped(input)) {
            skip_blank(input);
            continue;
        }
        if (result == CSV_BLANK) {
            static struct etl_bytes null_cell = {NULL, 0};
            static const bool unquoted = false;
            input->record.cells = &null_cell;
            input->record.is_quoted = &unquoted;
            input->record.count = 1;
        } else if (result == CSV_MORE && !input->is_too_long) {
            report_end(input, true);
            return ETL_OK;
        } else if (is_left_for_later(input, result)) {
            etl_log(input->host, ETL_LOG_WARN, "%s: %s: the record is left for a later run", csv_input_location(input),
                    result == CSV_BAD ? "a quote is opened here and not closed before the end of the file"
                                      : "the last line is not complete");
            report_end(input, false);
            return ETL_OK;
        }
        input->found = judge(input, result);
        input->has_record = true;
        return ETL_OK;
    }
}

etl_status csv_input_record(struct csv_input *input, uint32_t wait_ms, enum csv_found *ret_found,
                            const struct etl_bytes **ret_cells, struct etl_error *err)
{
    if (!input->has_record && !input->is_ended) {
        etl_status status = find_record(input, wait_ms, err);
        if (status != ETL_OK)
            return status;
    }
    *ret_found = input->found;
    if (input->found != CSV_FOUND_RECORD)
        return ETL_OK;
    if (input->format->is_plain_null && input->record.count == input->header.count) {
        *ret_cells = input->record.cells;
        return ETL_OK;
    }
    etl_status status = convert_cells(input, err);
    *ret_cells = input->cells;
    return status;
}

/* Drops a record that is too long to be kept: up to the first line end outside quotes. */
static etl_status skip_long(struct csv_input *input, struct etl_error *err)
{
    const char quote = input->format->dialect.quote;
    bool in_quotes = false, waits = false;
    for (;;) {
        for (; input->at < input->length; input->at++) {
            char byte = input->buffer[input->at];
            if (byte == quote && quote)
                in_quotes = !in_quotes;
            if (byte != '\n')
                continue;
            input->line++;
            if (!in_quotes) {
                input->at++;
                return ETL_OK;
            }
        }
        if (input->is_end)
            return ETL_OK;
        etl_status status = fill(input, 1000, &waits, err);
        if (status != ETL_OK)
            return status;
    }
}

etl_status csv_input_consume(struct csv_input *input, struct etl_error *err)
{
    if (!input->has_record)
        return ETL_OK;
    input->has_record = false;
    if (input->is_too_long)
        return skip_long(input, err);
    input->at += input->record.length;
    input->line += input->record.lines;
    return ETL_OK;
}

const char *csv_input_problem(struct csv_input *input)
{
    const char *text = etl_buffer_text(&input->problem);
    return text ? text : "the record is malformed";
}

const char *csv_input_location(struct csv_input *input)
{
    etl_buffer_reset(&input->location);
    if (input->knows_line)
        etl_buffer_add_format(&input->location, "%s: line %llu", etl_input_files_path(input->files),
                              (unsigned long long)input->line);
    else
        etl_buffer_add_format(&input->location, "%s: byte %llu", etl_input_files_path(input->files),
                              (unsigned long long)position(input));
    const char *text = etl_buffer_text(&input->location);
    return text ? text : etl_input_files_path(input->files);
}

struct etl_bytes csv_input_raw(const struct csv_input *input)
{
    size_t length = input->is_too_long ? input->length - input->at : input->record.length;
    return (struct etl_bytes){input->buffer + input->at, length < RAW_MAX ? length : RAW_MAX};
}

void csv_input_mark(struct csv_input *input)
{
    etl_input_files_mark(input->files, position(input), input->is_ended && input->is_done);
}

/* ---- samples ---- */

void csv_input_hold(struct csv_input *input)
{
    (void)position(input);
    input->is_held = true;
    input->hold_at = input->at;
    input->hold_line = input->line;
}

bool csv_input_can_hold_more(const struct csv_input *input)
{
    return !(input->has_record && input->is_too_long) && input->length - input->hold_at < CSV_SAMPLE_BYTES;
}

void csv_input_rewind(struct csv_input *input)
{
    input->at = input->hold_at;
    input->line = input->hold_line;
    input->is_held = input->has_record = input->is_ended = false;
}

/* ---- the start of a file ---- */

/* Byte order marks: that of UTF-8 is skipped, those of UTF-16 tell that the encoding is not UTF-8. */
static etl_status start_text(struct csv_input *input, struct etl_error *err)
{
    bool waits = false;
    while (input->length < 3 && !input->is_end) {
        etl_status status = fill(input, 1000, &waits, err);
        if (status != ETL_OK)
            return status;
    }
    const char *text = input->buffer;
    input->base = input->decoder.has_mark ? 2 : 0; /* the mark of UTF-16, which the decoder has taken */
    if (input->format->encoding != CSV_UTF8 || input->length < 2)
        return ETL_OK;
    if (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0)
        return etl_fail(err, ETL_DATA, "%s is UTF-16: set encoding to utf-16", etl_input_files_path(input->files));
    if (input->length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        input->at = 3;
    return ETL_OK;
}

static etl_status skip_lines(struct csv_input *input, struct etl_error *err)
{
    int64_t left = input->format->settings.skip_rows;
    bool waits = false;
    while (left > 0) {
        size_t length = csv_line_length(input->buffer + input->at, input->length - input->at, input->is_end);
        if (length == 0 && input->is_end)
            return ETL_OK;
        if (length == 0 && input->length - input->at >= (size_t)input->format->settings.record_size_max)
            return fail_header(input, "a line to skip is longer than record_size_max", err);
        if (length == 0) {
            etl_status status = fill(input, 1000, &waits, err);
            if (status != ETL_OK)
                return status;
            continue;
        }
        input->at += length;
        input->line++;
        left--;
    }
    return ETL_OK;
}

/* The first record, whatever its length: it says how many columns there are. False: there is none. */
static etl_status first_record(struct csv_input *input, bool *ret_has, struct etl_error *err)
{
    for (;;) {
        enum csv_result result = CSV_MORE;
        bool waits = true;
        while (waits) {
            etl_status status = split_next(input, 1000, &result, &waits, err);
            if (status != ETL_OK)
                return status;
        }
        if (input->is_too_long)
            return fail_header(input, "the first record is longer than record_size_max", err);
        if (result == CSV_BAD)
            return fail_header(input, input->record.problem, err);
        *ret_has = result == CSV_RECORD;
        if (result != CSV_BLANK)
            return ETL_OK;
        skip_blank(input);
    }
}

static etl_status read_header(struct csv_input *input, bool *ret_has, struct etl_error *err)
{
    etl_status status = ETL_OK;
    const struct csv_source_settings *settings = &input->format->settings;
    struct csv_header header = {0};
    ETL_TRY(start_text(input, err));
    ETL_TRY(skip_lines(input, err));
    ETL_TRY(first_record(input, ret_has, err));
    if (!*ret_has)
        goto out;
    if (input->record.count > CSV_CELLS_MAX) {
        status = fail_header(input, "more than 65536 columns: is the delimiter right?", err);
        goto out;
    }
    if (settings->header) {
        ETL_TRY(csv_header_from_cells(input->host, input->record.cells, input->record.count, settings->trim,
                                      etl_input_files_path(input->files), &header, err));
        input->at += input->record.length;
        input->line += input->record.lines;
    } else {
        ETL_TRY(csv_header_from_list(settings->names, input->record.count, etl_input_files_path(input->files), &header,
                                     err));
    }
    csv_header_fini(&input->header);
    input->header = header;
out:
    return status;
}

/* Goes on at `offset`. When the text before it had no line end, the text behind it begins with one, which must not pass for an empty
 * line; so reading starts one character earlier, to see. */
static etl_status resume(struct csv_input *input, uint64_t offset, struct etl_error *err)
{
    etl_status status = ETL_OK;
    bool waits = false;
    char last = '\n';
    size_t before = input->format->encoding == CSV_UTF16 ? 2 : 1;
    ETL_TRY(etl_input_files_seek(input->files, offset - before, err));
    start_buffer(input, offset);
    input->decoder.pending_length = 0;
    input->knows_line = false;
    while (input->length < READ_BYTES / 2 && !input->is_end)
        ETL_TRY(fill(input, 1000, &waits, err));
    last = input->length > 0 ? input->buffer[0] : '\n';
    while (input->at < input->length && csv_encoded_length(input->format->encoding, input->buffer, input->at) < before)
        input->at++;
    while (input->at < input->length && input->format->encoding != CSV_UTF8 &&
           (input->buffer[input->at] & 0xc0) == 0x80)
        input->at++;
    input->base_at = input->at;
    if (last != '\n' && last != '\r' && input->at < input->length && input->buffer[input->at] == '\r')
        input->at++;
    if (last != '\n' && input->at < input->length && input->buffer[input->at] == '\n')
        input->at++;
out:
    return status;
}

static etl_status start_file(struct csv_input *input, bool *ret_has, struct etl_error *err)
{
    etl_status status = ETL_OK;
    uint64_t offset = etl_input_files_offset(input->files);
    start_buffer(input, 0);
    input->decoder = (struct csv_decoder){.encoding = input->format->encoding};
    input->line = 1;
    input->knows_line = true;
    if (offset > 0)
        ETL_TRY(etl_input_files_rewind(input->files, err));
    ETL_TRY(read_header(input, ret_has, err));
    if (!*ret_has)
        etl_input_files_mark(input->files, 0, true);
    if (offset > 0 && *ret_has)
        ETL_TRY(resume(input, offset, err));
out:
    return status;
}

etl_status csv_input_next_file(struct csv_input *input, bool *ret_found, struct etl_error *err)
{
    bool has_record = false;
    for (;;) {
        etl_status status = etl_input_files_next(input->files, ret_found, err);
        if (status != ETL_OK || !*ret_found)
            return status;
        status = start_file(input, &has_record, err);
        if (status != ETL_OK || has_record)
            return status;
    }
}
