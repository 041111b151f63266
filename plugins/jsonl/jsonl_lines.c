/* Cuts the bytes of input files into lines. The buffer holds the unread part of the file as far as it has been read; it grows up to
 * one record of the greatest size allowed and one block. Of a longer line only the beginning is kept, so that it can be shown. */
#include "plugins/jsonl/jsonl.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK       (256 * 1024)
#define SAMPLE_SIZE (64 * 1024) /* kept of a line that is too long */

void jsonl_lines_init(struct jsonl_lines *lines, struct etl_input_files *files, size_t record_max)
{
    memset(lines, 0, sizeof(*lines));
    lines->files = files;
    lines->record_max = record_max;
}

void jsonl_lines_fini(struct jsonl_lines *lines)
{
    free(lines->buffer);
    lines->buffer = NULL;
    lines->capacity = 0;
}

void jsonl_lines_start(struct jsonl_lines *lines)
{
    lines->begin = lines->end = lines->scanned = 0;
    lines->offset = etl_input_files_offset(lines->files);
    lines->number = 0;
    lines->is_at_end = false;
}

/* Makes room for a block behind the unread bytes. */
static etl_status make_room(struct jsonl_lines *lines, struct etl_error *err)
{
    size_t used = lines->end - lines->begin;

    if (lines->begin > 0) {
        memmove(lines->buffer, lines->buffer + lines->begin, used);
        lines->begin = 0;
        lines->end = used;
    }
    if (lines->capacity - used < BLOCK) {
        size_t capacity = used * 2 > used + BLOCK ? used * 2 : used + BLOCK;
        char *bigger = NULL;
        /* Not more than is ever needed, so that the limit of a record is the limit of memory. */
        if (capacity > lines->record_max + 2 * BLOCK)
            capacity = lines->record_max + 2 * BLOCK;
        bigger = realloc(lines->buffer, capacity);
        if (!bigger)
            return etl_fail_memory(err);
        lines->buffer = bigger;
        lines->capacity = capacity;
    }
    return ETL_OK;
}

static etl_status fill(struct jsonl_lines *lines, uint32_t max_wait_ms, bool *ret_ready, struct etl_error *err)
{
    size_t length = 0;
    etl_status status = ETL_OK;

    ETL_TRY(etl_input_files_wait(lines->files, max_wait_ms, ret_ready, err));
    if (!*ret_ready)
        return ETL_OK;
    ETL_TRY(make_room(lines, err));
    ETL_TRY(etl_input_files_read(lines->files, lines->buffer + lines->end, lines->capacity - lines->end, &length, err));
    lines->end += length;
    lines->is_at_end = length == 0;
out:
    return status;
}

/* Takes `length` bytes from the front as a line. */
static void take(struct jsonl_lines *lines, size_t length, bool is_terminated, struct jsonl_line *line)
{
    line->text.data = lines->buffer + lines->begin;
    line->text.length = length;
    line->offset = lines->offset;
    line->is_terminated = is_terminated;
    line->number = ++lines->number;
    lines->begin += length + is_terminated;
    lines->offset += length + is_terminated;
    line->end = lines->offset;
    lines->scanned = 0;
    line->kind = length > lines->record_max ? JSONL_TOO_LONG : JSONL_LINE;
}

/* Reads on to the end of a line that is too long already, keeping its beginning. Waits without a limit: the rest of a line is
 * on its way. */
static etl_status skip_line(struct jsonl_lines *lines, struct jsonl_line *line, struct etl_error *err)
{
    size_t keep = lines->end - lines->begin < SAMPLE_SIZE ? lines->end - lines->begin : SAMPLE_SIZE;
    uint64_t start = lines->offset, skipped = lines->end - lines->begin - keep;
    char *newline = NULL;
    etl_status status = ETL_OK;

    lines->end = lines->begin + keep;
    while (!newline && !lines->is_at_end) {
        bool ready = false;
        ETL_TRY(fill(lines, 1000, &ready, err));
        newline = memchr(lines->buffer + lines->begin + keep, '\n', lines->end - lines->begin - keep);
        if (!newline) {
            skipped += lines->end - lines->begin - keep;
            lines->end = lines->begin + keep;
        }
    }
    line->kind = JSONL_TOO_LONG;
    line->text.data = lines->buffer + lines->begin;
    line->text.length = keep;
    line->offset = start;
    line->number = ++lines->number;
    line->is_terminated = newline != NULL;
    if (newline) {
        size_t behind = (size_t)(newline + 1 - lines->buffer);
        lines->offset = start + skipped + (behind - lines->begin);
        lines->begin = behind;
    } else {
        lines->offset = start + skipped + keep;
        lines->begin = lines->end;
    }
    line->end = lines->offset;
    lines->scanned = 0;
out:
    return status;
}

/* One line, blank or not. */
static etl_status next_line(struct jsonl_lines *lines, uint32_t max_wait_ms, struct jsonl_line *line,
                            struct etl_error *err)
{
    etl_status status = ETL_OK;

    for (;;) {
        size_t left = lines->end - lines->begin;
        bool ready = false;
        const char *from = left ? lines->buffer + lines->begin : NULL;
        const char *newline = left ? memchr(from + lines->scanned, '\n', left - lines->scanned) : NULL;
        if (newline) {
            take(lines, (size_t)(newline - from), true, line);
            return ETL_OK;
        }
        lines->scanned = left;
        if (left > lines->record_max)
            return skip_line(lines, line, err);
        if (lines->is_at_end) {
            line->kind = JSONL_END_OF_FILE;
            line->offset = line->end = lines->offset;
            if (left)
                take(lines, left, false, line);
            return ETL_OK;
        }
        ETL_TRY(fill(lines, max_wait_ms, &ready, err));
        if (!ready) {
            line->kind = JSONL_NOT_YET;
            return ETL_OK;
        }
    }
out:
    return status;
}

/* A byte order mark at the start of the file, and blanks and a carriage return at the end, are no part of a record. */
static void trim(struct jsonl_line *line)
{
    struct etl_bytes *text = &line->text;

    if (line->offset == 0 && text->length >= 3 && memcmp(text->data, "\xef\xbb\xbf", 3) == 0) {
        text->data += 3;
        text->length -= 3;
    }
    while (text->length && (text->data[text->length - 1] == '\r' || text->data[text->length - 1] == ' ' ||
                            text->data[text->length - 1] == '\t'))
        text->length--;
    /* What is nothing but blanks has been trimmed to nothing by now. */
}

/* Every line of such a file would be called broken, which does not help. */
static etl_status check_encoding(const struct jsonl_lines *lines, const struct jsonl_line *line, struct etl_error *err)
{
    if (line->offset != 0 || line->text.length < 2 ||
        (memcmp(line->text.data, "\xff\xfe", 2) != 0 && memcmp(line->text.data, "\xfe\xff", 2) != 0))
        return ETL_OK;
    return etl_fail(err, ETL_DATA, "%s is UTF-16, but JSON lines are UTF-8: convert it, with iconv for example",
                    etl_input_files_path(lines->files));
}

etl_status jsonl_lines_next(struct jsonl_lines *lines, uint32_t max_wait_ms, struct jsonl_line *ret_line,
                            struct etl_error *err)
{
    struct jsonl_line line = {.kind = JSONL_END_OF_FILE};
    etl_status status = ETL_OK;

    do {
        status = next_line(lines, max_wait_ms, &line, err);
        if (status != ETL_OK)
            return status;
        if (line.kind != JSONL_LINE)
            break;
        status = check_encoding(lines, &line, err);
        if (status != ETL_OK)
            return status;
        trim(&line);
    } while (line.text.length == 0);
    *ret_line = line;
    return ETL_OK;
}
