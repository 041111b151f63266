/* Decoders for the few encodings that CSV files come in besides UTF-8, and the names of columns. */
#include "plugins/csv/csv_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Windows-1252, 0x80 to 0x9f; bytes without a meaning keep their number. */
static const uint16_t windows_1252[32] = {0x20ac, 0x81,   0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
                                          0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8d,   0x017d, 0x8f,
                                          0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
                                          0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d,   0x017e, 0x0178};

static size_t put_character(char *to, uint32_t code)
{
    unsigned char *bytes = (unsigned char *)to;
    if (code < 0x80) {
        bytes[0] = (unsigned char)code;
        return 1;
    }
    if (code < 0x800) {
        bytes[0] = (unsigned char)(0xc0 | code >> 6);
        bytes[1] = (unsigned char)(0x80 | (code & 63));
        return 2;
    }
    if (code < 0x10000) {
        bytes[0] = (unsigned char)(0xe0 | code >> 12);
        bytes[1] = (unsigned char)(0x80 | (code >> 6 & 63));
        bytes[2] = (unsigned char)(0x80 | (code & 63));
        return 3;
    }
    bytes[0] = (unsigned char)(0xf0 | code >> 18);
    bytes[1] = (unsigned char)(0x80 | (code >> 12 & 63));
    bytes[2] = (unsigned char)(0x80 | (code >> 6 & 63));
    bytes[3] = (unsigned char)(0x80 | (code & 63));
    return 4;
}

static size_t decode_single(const struct csv_decoder *decoder, const char *from, size_t length, char *to)
{
    size_t at = 0;
    for (size_t i = 0; i < length; i++) {
        uint32_t code = (unsigned char)from[i];
        if (decoder->encoding == CSV_WINDOWS_1252 && code >= 0x80 && code < 0xa0)
            code = windows_1252[code - 0x80];
        at += put_character(to + at, code);
    }
    return at;
}

static uint32_t unit_at(const struct csv_decoder *decoder, const unsigned char *bytes)
{
    return decoder->is_big ? (uint32_t)bytes[0] << 8 | bytes[1] : (uint32_t)bytes[1] << 8 | bytes[0];
}

/* One complete pending unit or pair; returns the bytes written. A high surrogate waits for what follows it. */
static size_t take_pending(struct csv_decoder *decoder, char *to)
{
    uint32_t unit = unit_at(decoder, decoder->pending);
    if (unit >= 0xd800 && unit < 0xdc00) {
        if (decoder->pending_length < 4)
            return 0;
        uint32_t low = unit_at(decoder, decoder->pending + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            decoder->pending_length = 0;
            return put_character(to, 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
        }
    }
    decoder->pending_length -= 2;
    memmove(decoder->pending, decoder->pending + 2, 2);
    return put_character(to, unit);
}

static size_t decode_utf16(struct csv_decoder *decoder, const char *from, size_t length, bool is_end, char *to)
{
    size_t at = 0;
    for (size_t i = 0; i < length; i++) {
        decoder->pending[decoder->pending_length++] = (unsigned char)from[i];
        if (decoder->pending_length % 2 != 0)
            continue;
        if (!decoder->has_started) {
            decoder->has_started = true;
            decoder->is_big = decoder->pending[0] == 0xfe && decoder->pending[1] == 0xff;
            if (decoder->is_big || (decoder->pending[0] == 0xff && decoder->pending[1] == 0xfe)) {
                decoder->pending_length = 0;
                decoder->has_mark = true;
                continue;
            }
        }
        at += take_pending(decoder, to + at);
        if (decoder->pending_length == 2)
            at += take_pending(decoder, to + at);
    }
    if (is_end && decoder->pending_length >= 2)
        at += put_character(to + at, unit_at(decoder, decoder->pending));
    if (is_end && decoder->pending_length % 2 != 0)
        to[at++] = (char)0xff;
    if (is_end)
        decoder->pending_length = 0;
    return at;
}

size_t csv_decode(struct csv_decoder *decoder, const char *from, size_t length, bool is_end, char *to)
{
    if (decoder->encoding == CSV_UTF16)
        return decode_utf16(decoder, from, length, is_end, to);
    return decode_single(decoder, from, length, to);
}

uint64_t csv_encoded_length(enum csv_encoding encoding, const char *text, size_t length)
{
    uint64_t count = 0, longest = 0;
    if (encoding == CSV_UTF8)
        return length;
    for (size_t i = 0; i < length; i++) {
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
        longest += (unsigned char)text[i] >= 0xf0 && (unsigned char)text[i] != 0xff;
    }
    return encoding == CSV_UTF16 ? 2 * (count + longest) : count;
}

struct etl_bytes csv_trim(struct etl_bytes text)
{
    while (text.length > 0 && (*text.data == ' ' || *text.data == '\t')) {
        text.data++;
        text.length--;
    }
    while (text.length > 0 && (text.data[text.length - 1] == ' ' || text.data[text.length - 1] == '\t'))
        text.length--;
    return text;
}

/* ---- names of columns ---- */

void csv_header_fini(struct csv_header *header)
{
    for (size_t i = 0; header->names && i < header->count; i++)
        free(header->names[i]);
    free(header->names);
    *header = (struct csv_header){0};
}

struct name_index {
    const char *name;
    size_t index;
};

static int compare_names(const void *a, const void *b)
{
    const struct name_index *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

static int compare_only_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, ((const struct name_index *)b)->name);
}

/* Replaces a name by the first of "name_2", "name_3" ... from *number on that no column has. Two different names never give the
 * same one: the number is what stands behind the last "_". */
static etl_status rename_column(char **name, const struct name_index *sorted, size_t count, unsigned *number,
                                struct etl_error *err)
{
    struct etl_buffer longer = {0};
    const char *text = NULL;
    char *copy = NULL;
    do {
        etl_buffer_reset(&longer);
        etl_buffer_add_format(&longer, "%s_%u", *name, (*number)++);
        text = etl_buffer_text(&longer);
    } while (text && bsearch(&text, sorted, count, sizeof *sorted, compare_only_names));
    copy = text ? strdup(text) : NULL;
    etl_buffer_fini(&longer);
    if (!copy)
        return etl_fail_memory(err);
    free(*name);
    *name = copy;
    return ETL_OK;
}

static etl_status make_unique(const struct etl_host *host, const char *where, struct csv_header *header,
                              struct etl_error *err)
{
    etl_status status = ETL_OK;
    unsigned number = 2, warned = 0;
    char **old = calloc(header->count + 1, sizeof *old);
    struct name_index *sorted = calloc(header->count + 1, sizeof *sorted);
    if (!sorted || !old) {
        status = etl_fail_memory(err);
        goto out;
    }
    for (size_t i = 0; i < header->count; i++)
        sorted[i] = (struct name_index){header->names[i], i};
    qsort(sorted, header->count, sizeof *sorted, compare_names);
    for (size_t i = 1; i < header->count; i++) {
        size_t index = sorted[i].index;
        if (strcmp(sorted[i - 1].name, sorted[i].name) != 0) {
            number = 2;
            continue;
        }
        /* The old name stays until the end: the sorted list points to it. */
        old[index] = header->names[index];
        header->names[index] = strdup(old[index]);
        if (!header->names[index]) {
            status = etl_fail_memory(err);
            goto out;
        }
        ETL_TRY(rename_column(&header->names[index], sorted, header->count, &number, err));
        if (warned++ < 10)
            etl_log(host, ETL_LOG_WARN, "%s: column %zu has the name of an earlier one and is read as %s", where,
                    index + 1, header->names[index]);
    }
out:
    for (size_t i = 0; old && i < header->count; i++)
        free(old[i]);
    free(old);
    free(sorted);
    return status;
}

etl_status csv_header_from_cells(const struct etl_host *host, const struct etl_bytes *cells, size_t count, bool trim,
                                 const char *where, struct csv_header *ret_header, struct etl_error *err)
{
    struct csv_header header = {calloc(count + 1, sizeof *header.names), count};
    etl_status status = ETL_OK;
    if (!header.names)
        return etl_fail_memory(err);
    for (size_t i = 0; i < count; i++) {
        struct etl_bytes cell = trim && cells[i].data ? csv_trim(cells[i]) : cells[i];
        char empty[40];
        if (cell.length == 0) {
            cell.length = (size_t)snprintf(empty, sizeof empty, "column_%zu", i + 1);
            cell.data = empty;
        }
        if (!etl_is_utf8(cell.data, cell.length) || memchr(cell.data, '\0', cell.length)) {
            status = etl_fail(err, ETL_DATA, "%s: the name of column %zu is not valid text: is the encoding right?",
                              where, i + 1);
            goto out;
        }
        header.names[i] = strndup(cell.data, cell.length);
        if (!header.names[i]) {
            status = etl_fail_memory(err);
            goto out;
        }
    }
    ETL_TRY(make_unique(host, where, &header, err));
    *ret_header = header;
    header = (struct csv_header){0};
out:
    csv_header_fini(&header);
    return status;
}

etl_status csv_header_from_list(char *const *names, size_t count, const char *where, struct csv_header *ret_header,
                                struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct csv_header header = {0};
    size_t given = 0;
    while (names[given])
        given++;
    count = given > 0 ? given : count;
    header.names = calloc(count + 1, sizeof *header.names);
    if (!header.names)
        return etl_fail_memory(err);
    header.count = count;
    for (size_t i = 0; i < count; i++) {
        char number[32];
        snprintf(number, sizeof number, "c%zu", i + 1);
        header.names[i] = strdup(given > 0 ? names[i] : number);
        if (!header.names[i]) {
            status = etl_fail_memory(err);
            goto out;
        }
    }
    ETL_TRY(make_unique(NULL, where, &header, err));
    *ret_header = header;
    header = (struct csv_header){0};
out:
    csv_header_fini(&header);
    return status;
}
