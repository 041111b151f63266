/* The growing buffer, and JSON text written into it. What is written is always one line: strings escape control characters, and
 * line ends between the tokens of JSON cells become blanks. */
#include <etlhost/sdk/json_writer.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/src/text_scan.h"

#define CAPACITY_MIN 256

/* ---- buffer ---- */

void etl_buffer_fini(struct etl_buffer *buffer)
{
    if (!buffer)
        return;
    free(buffer->data);
    buffer->data = NULL;
    buffer->length = buffer->capacity = 0;
    buffer->failed = 0;
}

void etl_buffer_reset(struct etl_buffer *buffer)
{
    buffer->length = 0;
    buffer->failed = 0;
}

static char *buffer_fail(struct etl_buffer *buffer)
{
    free(buffer->data);
    buffer->data = NULL;
    buffer->length = buffer->capacity = 0;
    buffer->failed = 1;
    return NULL;
}

char *etl_buffer_grow(struct etl_buffer *buffer, size_t more)
{
    size_t capacity = buffer->capacity ? buffer->capacity : CAPACITY_MIN, needed = buffer->length + more;
    char *bigger = NULL;

    if (buffer->failed)
        return NULL;
    if (needed < more || needed > SIZE_MAX / 2)
        return buffer_fail(buffer);
    while (capacity < needed)
        capacity *= 2;
    bigger = realloc(buffer->data, capacity);
    if (!bigger)
        return buffer_fail(buffer);
    buffer->data = bigger;
    buffer->capacity = capacity;
    return bigger + buffer->length;
}

/* Counts `length` bytes that were written at the reserved place, unless that exceeds the limit. */
static void buffer_advance(struct etl_buffer *buffer, size_t length)
{
    buffer->length += length;
    if (buffer->limit && buffer->length > buffer->limit)
        buffer_fail(buffer);
}

void etl_buffer_add(struct etl_buffer *buffer, const char *data, size_t length)
{
    char *to = etl_buffer_reserve(buffer, length);

    if (!to || !length)
        return;
    memcpy(to, data, length);
    buffer_advance(buffer, length);
}

void etl_buffer_add_text(struct etl_buffer *buffer, const char *text)
{
    etl_buffer_add(buffer, text, strlen(text));
}

void etl_buffer_add_format(struct etl_buffer *buffer, const char *format, ...)
{
    va_list args;
    int length = 0;
    char *to = NULL;

    va_start(args, format);
    length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    to = length < 0 ? NULL : etl_buffer_reserve(buffer, (size_t)length + 1);
    if (!to)
        return;
    va_start(args, format);
    vsnprintf(to, (size_t)length + 1, format, args);
    va_end(args);
    buffer_advance(buffer, (size_t)length);
}

const char *etl_buffer_text(struct etl_buffer *buffer)
{
    char *to = etl_buffer_reserve(buffer, 1);

    if (!to)
        return NULL;
    *to = '\0';
    return buffer->data;
}

/* ---- strings ---- */

/* Writes the escape of a byte below 0x20, '"' or '\\'; returns its length, at most 6. */
static size_t escape_byte(char *to, uint8_t byte)
{
    static const char hex[] = "0123456789abcdef";
    char letter = 0;

    switch (byte) {
    case '"':
    case '\\': letter = (char)byte; break;
    case '\b': letter = 'b'; break;
    case '\f': letter = 'f'; break;
    case '\n': letter = 'n'; break;
    case '\r': letter = 'r'; break;
    case '\t': letter = 't'; break;
    default: break;
    }
    to[0] = '\\';
    if (letter) {
        to[1] = letter;
        return 2;
    }
    memcpy(to + 1, "u00", 3);
    to[4] = hex[byte >> 4];
    to[5] = hex[byte & 15];
    return 6;
}

/* The part of a string from its first byte that may need care: room for the worst case is reserved first. */
static void add_string_rest(struct etl_buffer *buffer, const char *p, const char *end)
{
    char *to = NULL, *start = NULL;

    if ((size_t)(end - p) > SIZE_MAX / 8) {
        buffer_fail(buffer);
        return;
    }
    start = to = etl_buffer_reserve(buffer, (size_t)(end - p) * 6 + 1);
    if (!to)
        return;
    while (p < end) {
        const char *stop = etl__json_scan(p, end);
        memcpy(to, p, (size_t)(stop - p));
        to += stop - p;
        p = stop;
        while (p < end && etl__byte(p) >= 0x80) {
            size_t size = etl__utf8_sequence(p, end);
            memcpy(to, size ? p : "\xef\xbf\xbd", size ? size : 3);
            to += size ? size : 3;
            p += size ? size : 1;
        }
        if (p < end && (etl__byte(p) < 0x20 || *p == '"' || *p == '\\'))
            to += escape_byte(to, etl__byte(p++));
    }
    *to++ = '"';
    buffer_advance(buffer, (size_t)(to - start));
}

void etl_json_add_string(struct etl_buffer *buffer, const char *text, size_t length)
{
    const char *end = text + length, *stop = length ? etl__json_scan(text, end) : end;
    size_t plain = (size_t)(stop - text);
    char *to = etl_buffer_reserve(buffer, plain + 2);

    if (!to)
        return;
    *to++ = '"';
    if (plain)
        memcpy(to, text, plain);
    if (stop == end) {
        to[plain] = '"';
        buffer_advance(buffer, plain + 2);
        return;
    }
    buffer_advance(buffer, plain + 1);
    add_string_rest(buffer, stop, end);
}

/* ---- cells ---- */

static void add_base64(struct etl_buffer *buffer, const char *data, size_t length)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *to = length > SIZE_MAX / 2 ? buffer_fail(buffer) : etl_buffer_reserve(buffer, (length + 2) / 3 * 4),
         *start = to;

    if (!to)
        return;
    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        uint32_t bits = (uint32_t)etl__byte(data + i) << 16;
        if (left > 1)
            bits |= (uint32_t)etl__byte(data + i + 1) << 8;
        if (left > 2)
            bits |= etl__byte(data + i + 2);
        *to++ = letters[bits >> 18];
        *to++ = letters[bits >> 12 & 63];
        *to++ = left > 1 ? letters[bits >> 6 & 63] : '=';
        *to++ = left > 2 ? letters[bits & 63] : '=';
    }
    buffer_advance(buffer, (size_t)(to - start));
}

/* JSON text as it is, on one line: a raw line end can only stand between tokens, where a blank means the same. */
static void add_raw_json(struct etl_buffer *buffer, struct etl_bytes text)
{
    size_t from = buffer->length;

    if (text.length == 0) {
        etl_buffer_add_text(buffer, "null");
        return;
    }
    etl_buffer_add(buffer, text.data, text.length);
    if (buffer->failed)
        return;
    if (!memchr(text.data, '\n', text.length) && !memchr(text.data, '\r', text.length))
        return;
    for (char *p = buffer->data + from; p < buffer->data + buffer->length; p++)
        if (*p == '\n' || *p == '\r')
            *p = ' ';
}

/* The text form of a number, a boolean or a time; false for other kinds. `to` has ETL_VALUE_TEXT_MAX bytes. */
static bool format_scalar(char *to, const struct etl_view *view, int64_t row, size_t *ret_length)
{
    switch (view->type.kind) {
    case ETL_KIND_BOOL:
        *ret_length = etl_view_bool(view, row) ? 4 : 5;
        memcpy(to, *ret_length == 4 ? "true" : "false", *ret_length);
        return true;
    case ETL_KIND_INT: *ret_length = etl_format_int64(to, etl_view_int(view, row)); return true;
    case ETL_KIND_UINT: *ret_length = etl_format_uint64(to, etl_view_uint(view, row)); return true;
    case ETL_KIND_DOUBLE: *ret_length = etl_format_double(to, etl_view_double(view, row)); return true;
    case ETL_KIND_DECIMAL:
        *ret_length = etl_format_decimal(to, etl_view_decimal(view, row), view->type.scale);
        return true;
    case ETL_KIND_DATE: *ret_length = etl_format_date(to, (int32_t)etl_view_int(view, row)); return true;
    case ETL_KIND_TIME: *ret_length = etl_format_time(to, etl_view_int(view, row)); return true;
    case ETL_KIND_TIMESTAMP:
        *ret_length = etl_format_timestamp(to, etl_view_int(view, row), view->type.is_utc);
        return true;
    case ETL_KIND_STRING:
    case ETL_KIND_JSON:
    case ETL_KIND_UUID:
    case ETL_KIND_BINARY:
    case ETL_KIND_STRUCT:
    case ETL_KIND_LIST: break;
    }
    return false;
}

static bool is_quoted(const struct etl_view *view)
{
    return view->type.kind == ETL_KIND_DATE || view->type.kind == ETL_KIND_TIME ||
           view->type.kind == ETL_KIND_TIMESTAMP;
}

static void add_scalar(struct etl_buffer *buffer, const struct etl_view *view, int64_t row)
{
    char *to = etl_buffer_reserve(buffer, ETL_VALUE_TEXT_MAX + 2);
    bool quoted = is_quoted(view);
    size_t length = 0;

    if (!to)
        return;
    if (view->type.kind == ETL_KIND_DOUBLE && !isfinite(etl_view_double(view, row))) {
        memcpy(to, "null", 4);
        buffer_advance(buffer, 4);
        return;
    }
    if (quoted)
        *to = '"';
    format_scalar(to + quoted, view, row, &length);
    if (quoted)
        to[1 + length] = '"';
    buffer_advance(buffer, length + 2u * quoted);
}

static void add_object(struct etl_buffer *buffer, const struct etl_view *view, int64_t row, int64_t skip)
{
    bool first = true;

    etl_buffer_add(buffer, "{", 1);
    for (int64_t i = 0; i < view->n_children; i++) {
        const struct etl_view *child = &view->children[i];
        if (i == skip)
            continue;
        if (!first)
            etl_buffer_add(buffer, ",", 1);
        first = false;
        etl_json_add_string(buffer, child->name, strlen(child->name));
        etl_buffer_add(buffer, ":", 1);
        etl_json_add_cell(buffer, child, row);
    }
    etl_buffer_add(buffer, "}", 1);
}

static void add_array(struct etl_buffer *buffer, const struct etl_view *view, int64_t row)
{
    int64_t from = 0, to = 0;

    etl_view_list(view, row, &from, &to);
    etl_buffer_add(buffer, "[", 1);
    for (int64_t i = from; i < to && !buffer->failed; i++) {
        if (i > from)
            etl_buffer_add(buffer, ",", 1);
        etl_json_add_cell(buffer, &view->children[0], i);
    }
    etl_buffer_add(buffer, "]", 1);
}

/* Recursion: as deep as the schema, which etl_schema_validate limits to 64. */
void etl_json_add_cell(struct etl_buffer *buffer, const struct etl_view *view, int64_t row)
{
    struct etl_bytes bytes = {NULL, 0};

    if (etl_view_is_null(view, row)) {
        etl_buffer_add(buffer, "null", 4);
        return;
    }
    switch (view->type.kind) {
    case ETL_KIND_STRING:
    case ETL_KIND_UUID:
        bytes = etl_view_bytes(view, row);
        etl_json_add_string(buffer, bytes.data, bytes.length);
        break;
    case ETL_KIND_JSON: add_raw_json(buffer, etl_view_bytes(view, row)); break;
    case ETL_KIND_BINARY:
        bytes = etl_view_bytes(view, row);
        etl_buffer_add(buffer, "\"", 1);
        add_base64(buffer, bytes.data, bytes.length);
        etl_buffer_add(buffer, "\"", 1);
        break;
    case ETL_KIND_STRUCT: add_object(buffer, view, etl_view_struct_row(view, row), -1); break;
    case ETL_KIND_LIST: add_array(buffer, view, row); break;
    case ETL_KIND_BOOL:
    case ETL_KIND_INT:
    case ETL_KIND_UINT:
    case ETL_KIND_DOUBLE:
    case ETL_KIND_DECIMAL:
    case ETL_KIND_DATE:
    case ETL_KIND_TIME:
    case ETL_KIND_TIMESTAMP: add_scalar(buffer, view, row); break;
    }
}

void etl_json_add_row(struct etl_buffer *buffer, const struct etl_view *root, int64_t row)
{
    add_object(buffer, root, row, root->op_column);
}

void etl_text_add_cell(struct etl_buffer *buffer, const struct etl_view *view, int64_t row)
{
    struct etl_bytes bytes = {NULL, 0};
    char *to = NULL;
    size_t length = 0;

    if (etl_view_is_null(view, row))
        return;
    switch (view->type.kind) {
    case ETL_KIND_STRING:
    case ETL_KIND_JSON:
    case ETL_KIND_UUID:
        bytes = etl_view_bytes(view, row);
        etl_buffer_add(buffer, bytes.data, bytes.length);
        return;
    case ETL_KIND_BINARY:
        bytes = etl_view_bytes(view, row);
        add_base64(buffer, bytes.data, bytes.length);
        return;
    case ETL_KIND_STRUCT:
    case ETL_KIND_LIST: etl_json_add_cell(buffer, view, row); return;
    case ETL_KIND_BOOL:
    case ETL_KIND_INT:
    case ETL_KIND_UINT:
    case ETL_KIND_DOUBLE:
    case ETL_KIND_DECIMAL:
    case ETL_KIND_DATE:
    case ETL_KIND_TIME:
    case ETL_KIND_TIMESTAMP: break;
    }
    to = etl_buffer_reserve(buffer, ETL_VALUE_TEXT_MAX);
    if (to && format_scalar(to, view, row, &length))
        buffer_advance(buffer, length);
}
