/* CSV syntax, strictly: a quote stands at the start of a cell or not at all, a quote inside quotes is doubled, spaces count.
 *
 * libcsv works byte by byte and copies every cell, so most input does not go through it: a splitter looks for the bytes that mean
 * something and hands out plain cells, and quoted ones without quotes inside, where they stand. libcsv undoes the doubling of
 * quotes, and it is the judge of every record that the splitter does not understand. Both ways give the same cells: tests/fuzz/
 * fuzz_csv.c holds them against each other. */
#include "plugins/csv/csv_parse.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <csv.h>

#define ONES  UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

struct csv_splitter {
    struct csv_dialect dialect;
    uint64_t delimiters, quotes; /* the byte in all places of a word */
    bool is_special[256];
    struct etl_bytes *cells;
    bool *is_quoted;
    size_t count, capacity;
    char *arena; /* cells that had to be copied; never shorter than what is still to come of the record */
    size_t arena_length, arena_capacity;
    struct csv_parser lib; /* libcsv's; at the start of a row between calls */
    bool has_row;          /* libcsv has seen the end of a row */
    bool has_failed;       /* out of memory */
    const char *at, *end;  /* what libcsv is reading: where the raw text of the next cell starts, and where all ends */
};

/* ---- cells ---- */

static bool grow_cells(struct csv_splitter *splitter)
{
    size_t capacity = splitter->capacity ? splitter->capacity * 2 : 64;
    struct etl_bytes *cells = realloc(splitter->cells, capacity * sizeof *cells);
    if (cells)
        splitter->cells = cells;
    bool *is_quoted = realloc(splitter->is_quoted, capacity * sizeof *is_quoted);
    if (is_quoted)
        splitter->is_quoted = is_quoted;
    if (!cells || !is_quoted) {
        splitter->has_failed = true;
        return false;
    }
    splitter->capacity = capacity;
    return true;
}

static inline void add_cell(struct csv_splitter *splitter, const char *data, size_t length, bool is_quoted)
{
    size_t index = splitter->count++;
    if (index >= CSV_CELLS_MAX || (index >= splitter->capacity && !grow_cells(splitter)))
        return;
    splitter->cells[index].data = length > 0 || is_quoted ? data : NULL;
    splitter->cells[index].length = length;
    splitter->is_quoted[index] = is_quoted;
}

/* Makes room in the arena. Called at the first copied cell of a record with a bound for all of them, so that it does not move while
 * cells point into it. */
static bool reserve_arena(struct csv_splitter *splitter, size_t length)
{
    if (splitter->arena_capacity - splitter->arena_length >= length)
        return true;
    if (splitter->arena_length > 0 || length > SIZE_MAX / 2) {
        splitter->has_failed = true;
        return false;
    }
    size_t capacity = length < 4096 ? 4096 : length + length / 4;
    char *arena = realloc(splitter->arena, capacity);
    if (!arena) {
        splitter->has_failed = true;
        return false;
    }
    splitter->arena = arena;
    splitter->arena_capacity = capacity;
    return true;
}

static const char *copy_to_arena(struct csv_splitter *splitter, const void *data, size_t length)
{
    char *to = splitter->arena + splitter->arena_length;
    if (length > 0)
        memcpy(to, data, length);
    splitter->arena_length += length;
    return to;
}

/* ---- life ---- */

static int is_no_space(unsigned char byte)
{
    (void)byte;
    return 0;
}

etl_status csv_splitter_new(const struct csv_dialect *dialect, struct csv_splitter **ret_splitter,
                            struct etl_error *err)
{
    struct csv_splitter *splitter = calloc(1, sizeof *splitter);
    if (!splitter)
        return etl_fail_memory(err);
    splitter->dialect = *dialect;
    if (csv_init(&splitter->lib, CSV_STRICT | CSV_STRICT_FINI | CSV_EMPTY_IS_NULL) != 0) {
        free(splitter);
        return etl_fail_memory(err);
    }
    csv_set_delim(&splitter->lib, (unsigned char)dialect->delimiter);
    csv_set_quote(&splitter->lib, (unsigned char)dialect->quote);
    csv_set_space_func(&splitter->lib, is_no_space);
    /* Without quotes the delimiter fills in: the search then has one byte less to look for. */
    char quote = dialect->quote ? dialect->quote : dialect->delimiter;
    splitter->delimiters = (unsigned char)dialect->delimiter * ONES;
    splitter->quotes = (unsigned char)quote * ONES;
    splitter->is_special[(unsigned char)dialect->delimiter] = true;
    splitter->is_special[(unsigned char)quote] = true;
    splitter->is_special['\n'] = splitter->is_special['\r'] = true;
    *ret_splitter = splitter;
    return ETL_OK;
}

void csv_splitter_free(struct csv_splitter *splitter)
{
    if (!splitter)
        return;
    csv_free(&splitter->lib);
    free(splitter->cells);
    free(splitter->is_quoted);
    free(splitter->arena);
    free(splitter);
}

/* ---- libcsv ---- */

static void on_cell(void *data, size_t length, void *arg)
{
    struct csv_splitter *splitter = arg;
    bool is_quoted = splitter->at < splitter->end && *splitter->at == splitter->dialect.quote;
    /* Where the next cell starts: behind this one as it was written, and the delimiter. */
    size_t raw_length = length;
    if (is_quoted) {
        raw_length += 2;
        const char *quote = data;
        for (size_t left = length; left > 0 && (quote = memchr(quote, splitter->dialect.quote, left)) != NULL;
             raw_length++) {
            quote++;
            left = length - (size_t)(quote - (const char *)data);
        }
    }
    splitter->at += raw_length + 1;
    add_cell(splitter, is_quoted || length > 0 ? copy_to_arena(splitter, data, length) : NULL, length, is_quoted);
}

static void on_row(int end, void *arg)
{
    struct csv_splitter *splitter = arg;
    (void)end;
    splitter->has_row = true;
}

static void reset_lib(struct csv_splitter *splitter)
{
    (void)csv_fini(&splitter->lib, NULL, NULL, NULL);
    splitter->lib.pstate = 0; /* after an error csv_fini leaves the state; 0 is the start of a row */
    splitter->lib.quoted = 0;
    splitter->lib.spaces = 0;
    splitter->lib.entry_pos = 0;
    splitter->lib.status = 0;
}

/* From `at` to behind the line end; NULL when there is none, or when CR is the last byte and LF may follow. */
static const char *line_end(const char *at, const char *end, bool is_end)
{
    const char *lf = memchr(at, '\n', (size_t)(end - at));
    const char *cr = memchr(at, '\r', (size_t)((lf ? lf : end) - at));
    if (!cr)
        return lf ? lf + 1 : NULL;
    if (cr + 1 == end)
        return is_end ? end : NULL;
    return cr[1] == '\n' ? cr + 2 : cr + 1;
}

size_t csv_line_length(const char *data, size_t length, bool is_end)
{
    const char *end = length > 0 ? line_end(data, data + length, is_end) : NULL;
    if (end)
        return (size_t)(end - data);
    return is_end ? length : 0;
}

static size_t count_lines(const char *data, size_t length)
{
    size_t lines = 0;
    const char *end = data + length;
    while (data < end && (data = line_end(data, end, true)) != NULL)
        lines++;
    return lines;
}

static void fill_record(const struct csv_splitter *splitter, struct csv_record *record, size_t length, size_t lines,
                        bool has_end)
{
    record->cells = splitter->cells;
    record->is_quoted = splitter->is_quoted;
    record->count = splitter->count;
    record->length = length;
    record->lines = lines;
    record->has_end = has_end;
}

/* Malformed at `at`: what is to be skipped ends with the line. */
static enum csv_result fail_record(struct csv_record *record, const char *data, const char *at, const char *end,
                                   bool is_end)
{
    const char *next = line_end(at, end, is_end);
    if (!next && !is_end)
        return CSV_MORE;
    record->length = (size_t)((next ? next : end) - data);
    record->lines = count_lines(data, record->length);
    record->has_end = next != NULL;
    record->problem = "a quote inside a cell without quotes, or text behind a closing quote";
    return CSV_BAD;
}

static enum csv_result split_by_lib(struct csv_splitter *splitter, const char *data, size_t length, bool is_end,
                                    struct csv_record *record)
{
    const char *at = data, *end = data + length;
    while (at < end && !splitter->has_row) {
        const char *next = line_end(at, end, is_end);
        if (!next && !is_end)
            return CSV_MORE;
        next = next ? next : end;
        size_t parsed = csv_parse(&splitter->lib, at, (size_t)(next - at), on_cell, on_row, splitter);
        if (parsed < (size_t)(next - at)) {
            if (csv_error(&splitter->lib) != CSV_EPARSE)
                splitter->has_failed = true;
            return fail_record(record, data, at + parsed, end, is_end);
        }
        at = next;
    }
    bool has_end = splitter->has_row;
    if (!splitter->has_row) {
        if (!is_end)
            return CSV_MORE;
        if (csv_fini(&splitter->lib, on_cell, on_row, splitter) != 0) {
            record->length = length;
            record->lines = count_lines(data, length);
            record->is_unclosed = true;
            record->problem = "a quoted cell is not closed";
            return CSV_BAD;
        }
    }
    fill_record(splitter, record, (size_t)(at - data), count_lines(data, (size_t)(at - data)), has_end);
    return CSV_RECORD;
}

static enum csv_result start_record(struct csv_splitter *splitter, const char *data, size_t length, bool is_end,
                                    struct csv_record *record)
{
    *record = (struct csv_record){0};
    splitter->count = 0;
    splitter->arena_length = 0;
    splitter->has_row = false;
    if (length == 0)
        return CSV_MORE;
    if (data[0] != '\n' && data[0] != '\r')
        return CSV_RECORD;
    if (data[0] == '\r' && length == 1 && !is_end)
        return CSV_MORE;
    record->length = data[0] == '\r' && length > 1 && data[1] == '\n' ? 2 : 1;
    record->lines = 1;
    record->has_end = true;
    return CSV_BLANK;
}

enum csv_result csv_split_reference(struct csv_splitter *splitter, const char *data, size_t length, bool is_end,
                                    struct csv_record *record)
{
    enum csv_result result = start_record(splitter, data, length, is_end, record);
    if (result != CSV_RECORD)
        return result;
    if (!reserve_arena(splitter, length))
        return CSV_FAILED;
    splitter->at = data;
    splitter->end = data + length;
    result = split_by_lib(splitter, data, length, is_end, record);
    reset_lib(splitter);
    if (splitter->has_failed) {
        splitter->has_failed = false;
        return CSV_FAILED;
    }
    return result;
}

/* ---- the splitter ---- */

/* A high bit in every byte of `word` that is 0; bits above the lowest may be wrong, which does no harm. */
static inline uint64_t zero_bytes(uint64_t word)
{
    return (word - ONES) & ~word;
}

/* The first delimiter, quote, LF or CR, or `end`. */
static inline const char *find_special(const struct csv_splitter *splitter, const char *at, const char *end)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    while (end - at >= 8) {
        uint64_t word = 0;
        memcpy(&word, at, 8);
        uint64_t found = (zero_bytes(word ^ splitter->delimiters) | zero_bytes(word ^ splitter->quotes) |
                          zero_bytes(word ^ ('\n' * ONES)) | zero_bytes(word ^ ('\r' * ONES))) &
                         HIGHS;
        if (found)
            return at + (__builtin_ctzll(found) >> 3);
        at += 8;
    }
#endif
    while (at < end && !splitter->is_special[(unsigned char)*at])
        at++;
    return at;
}

/* Hands one quoted cell with doubled quotes to libcsv. */
static bool unquote(struct csv_splitter *splitter, const char *from, const char *to, size_t left)
{
    if (!reserve_arena(splitter, left))
        return false;
    splitter->at = from;
    splitter->end = to;
    bool is_ok = csv_parse(&splitter->lib, from, (size_t)(to - from), on_cell, on_row, splitter) == (size_t)(to - from);
    return csv_fini(&splitter->lib, on_cell, on_row, splitter) == 0 && is_ok;
}

enum cell_end {
    CELL_ENDED,  /* at a delimiter, line end or the end of the data */
    CELL_MORE,   /* the data end too early to say */
    CELL_STRANGE /* libcsv has to look at the whole record */
};

/* The cell that starts with a quote at *at; moves *at behind it. */
static enum cell_end split_quoted(struct csv_splitter *splitter, const char **at, const char *end, bool is_end,
                                  size_t *lines)
{
    const char *from = *at, *quote = from + 1;
    bool has_double = false;
    for (;; quote += 2, has_double = true) {
        quote = quote < end ? memchr(quote, splitter->dialect.quote, (size_t)(end - quote)) : NULL;
        if (!quote || (quote + 1 == end && !is_end))
            return is_end ? CELL_STRANGE : CELL_MORE;
        if (quote + 1 == end || quote[1] != splitter->dialect.quote)
            break;
    }
    const char *next = quote + 1;
    if (next < end && *next != splitter->dialect.delimiter && *next != '\n' && *next != '\r')
        return CELL_STRANGE;
    size_t length = (size_t)(quote - from - 1);
    if (memchr(from + 1, '\n', length) || memchr(from + 1, '\r', length))
        *lines += count_lines(from + 1, length);
    if (!has_double)
        add_cell(splitter, from + 1, length, true);
    else if (!unquote(splitter, from, next, (size_t)(end - from)))
        return CELL_STRANGE;
    *at = next;
    return CELL_ENDED;
}

enum csv_result csv_split(struct csv_splitter *splitter, const char *data, size_t length, bool is_end,
                          struct csv_record *record)
{
    enum csv_result result = start_record(splitter, data, length, is_end, record);
    if (result != CSV_RECORD)
        return result;
    const char *at = data, *end = data + length;
    const char delimiter = splitter->dialect.delimiter, quote = splitter->dialect.quote;
    size_t lines = 0;
    for (;; at++) {
        if (at < end && *at == quote && quote) {
            enum cell_end ended = split_quoted(splitter, &at, end, is_end, &lines);
            if (ended == CELL_MORE)
                return CSV_MORE;
            if (ended == CELL_STRANGE)
                return csv_split_reference(splitter, data, length, is_end, record);
        } else {
            const char *from = at;
            at = find_special(splitter, at, end);
            if (at < end && *at == quote && quote)
                return csv_split_reference(splitter, data, length, is_end, record);
            add_cell(splitter, from, (size_t)(at - from), false);
        }
        if (at == end || *at != delimiter)
            break;
    }
    if (splitter->has_failed) {
        splitter->has_failed = false;
        return CSV_FAILED;
    }
    if (at == end && !is_end)
        return CSV_MORE;
    if (at < end) {
        if (*at == '\r' && at + 1 == end && !is_end)
            return CSV_MORE;
        at += *at == '\r' && at + 1 < end && at[1] == '\n' ? 2 : 1;
        fill_record(splitter, record, (size_t)(at - data), lines + 1, true);
    } else {
        fill_record(splitter, record, length, lines, false);
    }
    return CSV_RECORD;
}
