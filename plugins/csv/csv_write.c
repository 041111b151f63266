/* One function per kind of column writes its cells; it is chosen once per schema. Text is looked over eight bytes at a time for what
 * makes quotes necessary. What comes back through the CSV source is exactly what was written: NULL is the null text without
 * quotes, and a text that looks like it, an empty one, and one with spaces at its ends get quotes. */
#include "plugins/csv/csv_write.h"

#include <stdlib.h>
#include <string.h>

#define ONES  UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

typedef void (*put_cell)(const struct csv_row_writer *rows, const struct etl_view *view, int64_t row,
                         struct etl_buffer *text);

struct csv_row_writer {
    const struct csv_layout *layout;
    struct ArrowSchema schema;
    struct etl_view view;
    put_cell *put; /* per column; NULL = the operation column */
    uint64_t delimiters;
    struct etl_buffer *scratch; /* a cell before quoting */
    size_t end_length;
};

/* Room for `more` bytes, or NULL when the buffer has failed. */
static inline char *room(struct etl_buffer *text, size_t more)
{
    if (text->capacity - text->length >= more && text->data)
        return text->data + text->length;
    return etl_buffer_reserve(text, more);
}

/* ---- text ---- */

static inline uint64_t zero_bytes(uint64_t word)
{
    return (word - ONES) & ~word;
}

/* Whether the text contains the delimiter, a quote or a line end. */
static inline bool has_special(const struct csv_row_writer *rows, const char *data, size_t length)
{
    while (length >= 8) {
        uint64_t word = 0;
        memcpy(&word, data, 8);
        if ((zero_bytes(word ^ rows->delimiters) | zero_bytes(word ^ ('"' * ONES)) | zero_bytes(word ^ ('\n' * ONES)) |
             zero_bytes(word ^ ('\r' * ONES))) &
            HIGHS)
            return true;
        data += 8;
        length -= 8;
    }
    for (size_t i = 0; i < length; i++) {
        if (data[i] == rows->layout->delimiter || data[i] == '"' || data[i] == '\n' || data[i] == '\r')
            return true;
    }
    return false;
}

static inline bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static bool needs_quotes(const struct csv_row_writer *rows, const char *data, size_t length)
{
    const struct csv_layout *layout = rows->layout;
    if (length == 0 || layout->quote_all || is_blank(data[0]) || is_blank(data[length - 1]))
        return true;
    if (length == layout->null_length && memcmp(data, layout->null_text, length) == 0)
        return true;
    return has_special(rows, data, length);
}

/* Quotes around, and each quote inside doubled. The room has been made. */
static char *copy_quoted(char *to, const char *data, size_t length)
{
    *to++ = '"';
    while (length > 0) {
        const char *quote = memchr(data, '"', length);
        size_t plain = quote ? (size_t)(quote - data) + 1 : length;
        memcpy(to, data, plain);
        to += plain;
        data += plain;
        length -= plain;
        if (quote)
            *to++ = '"';
    }
    *to++ = '"';
    return to;
}

static inline void put_text(const struct csv_row_writer *rows, const char *data, size_t length, struct etl_buffer *text)
{
    char *to = room(text, 2 * length + 2);
    if (!to)
        return;
    if (needs_quotes(rows, data, length)) {
        text->length = (size_t)(copy_quoted(to, data, length) - text->data);
        return;
    }
    memcpy(to, data, length);
    text->length += length;
}

/* ---- cells ---- */

static void put_string(const struct csv_row_writer *rows, const struct etl_view *view, int64_t row,
                       struct etl_buffer *text)
{
    struct etl_bytes bytes = etl_view_bytes(view, row);
    put_text(rows, bytes.data, bytes.length, text);
}

static void put_int(const struct csv_row_writer *rows, const struct etl_view *view, int64_t row,
                    struct etl_buffer *text)
{
    char *to = room(text, ETL_VALUE_TEXT_MAX);
    (void)rows;
    if (to)
        text->length += etl_format_int64(to, etl_view_int(view, row));
}

static void put_bool(const struct csv_row_writer *rows, const struct etl_view *view, int64_t row,
                     struct etl_buffer *text)
{
    bool value = etl_view_bool(view, row);
    char *to = room(text, 5);
    (void)rows;
    if (!to)
        return;
    memcpy(to, value ? "true" : "false", value ? 4 : 5);
    text->length += value ? 4 : 5;
}

static void put_decimal(const struct csv_row_writer *rows, const struct etl_view *view, int64_t row,
                        struct etl_buffer *text)
{
    char *to = room(text, ETL_VALUE_TEXT_MAX);
    (void)rows;
    if (to)
        text->length += etl_format_decimal(to, etl_view_decimal(view, row), view->type.scale);
}

static void put_timestamp(const struct csv_row_writer *rows, const struct etl_view *view, int64_t row,
                          struct etl_buffer *text)
{
    char *to = room(text, ETL_VALUE_TEXT_MAX);
    (void)rows;
    if (to)
        text->length += etl_format_timestamp(to, etl_view_int(view, row), view->type.is_utc);
}

/* Any kind, through the common text form. */
static void put_any(const struct csv_row_writer *rows, const struct etl_view *view, int64_t row,
                    struct etl_buffer *text)
{
    etl_buffer_reset(rows->scratch);
    etl_text_add_cell(rows->scratch, view, row);
    if (rows->scratch->failed)
        text->failed = 1;
    else
        put_text(rows, rows->scratch->data ? rows->scratch->data : "", rows->scratch->length, text);
}

static put_cell choose(const struct csv_layout *layout, const struct etl_type *type)
{
    if (type->kind == ETL_KIND_STRING || type->kind == ETL_KIND_JSON || type->kind == ETL_KIND_UUID)
        return put_string;
    /* A delimiter that may stand in a number or time, and a null text that may look like one. */
    if (layout->quote_all || layout->null_length > 0 || strchr("0123456789+-.:TZaeflnrstuINy ", layout->delimiter))
        return put_any;
    switch (type->kind) {
    case ETL_KIND_BOOL: return put_bool;
    case ETL_KIND_INT: return put_int;
    case ETL_KIND_DECIMAL: return put_decimal;
    case ETL_KIND_TIMESTAMP: return put_timestamp;
    case ETL_KIND_UINT:
    case ETL_KIND_DOUBLE:
    case ETL_KIND_STRING:
    case ETL_KIND_JSON:
    case ETL_KIND_UUID:
    case ETL_KIND_BINARY:
    case ETL_KIND_DATE:
    case ETL_KIND_TIME:
    case ETL_KIND_STRUCT:
    case ETL_KIND_LIST: break;
    }
    return put_any;
}

/* ---- rows ---- */

etl_status csv_row_writer_new(const struct csv_layout *layout, const struct ArrowSchema *schema,
                              struct csv_row_writer **ret_rows, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct csv_row_writer *rows = calloc(1, sizeof *rows);
    if (!rows)
        return etl_fail_memory(err);
    rows->layout = layout;
    rows->delimiters = (unsigned char)layout->delimiter * ONES;
    rows->end_length = strlen(layout->line_end);
    ETL_TRY(etl_schema_copy(schema, &rows->schema, err));
    ETL_TRY(etl_view_init(&rows->view, &rows->schema, err));
    rows->put = calloc((size_t)rows->view.n_children + 1, sizeof *rows->put);
    rows->scratch = calloc(1, sizeof *rows->scratch);
    if (!rows->put || !rows->scratch) {
        status = etl_fail_memory(err);
        goto out;
    }
    for (int64_t i = 0; i < rows->view.n_children; i++)
        rows->put[i] = i == rows->view.op_column ? NULL : choose(layout, &rows->view.children[i].type);
    *ret_rows = rows;
    rows = NULL;
out:
    csv_row_writer_free(rows);
    return status;
}

void csv_row_writer_free(struct csv_row_writer *rows)
{
    if (!rows)
        return;
    etl_view_fini(&rows->view);
    etl_schema_release(&rows->schema);
    if (rows->scratch)
        etl_buffer_fini(rows->scratch);
    free(rows->scratch);
    free(rows->put);
    free(rows);
}

void csv_write_header(struct csv_row_writer *rows, struct etl_buffer *text)
{
    bool is_first = true;
    for (int64_t i = 0; i < rows->view.n_children; i++) {
        if (!rows->put[i])
            continue;
        if (!is_first)
            etl_buffer_add(text, &rows->layout->delimiter, 1);
        is_first = false;
        const char *name = rows->view.children[i].name;
        put_text(rows, name, strlen(name), text);
    }
    etl_buffer_add_text(text, rows->layout->line_end);
}

etl_status csv_row_writer_set(struct csv_row_writer *rows, const struct ArrowArray *batch, uint64_t flags,
                              struct etl_error *err)
{
    etl_view_set(&rows->view, batch);
    bool has_delete = rows->view.op_column < 0 && (flags & ETL_OP_MASK) == ETL_OP_DELETE;
    for (int64_t row = 0; rows->view.op_column >= 0 && row < batch->length && !has_delete; row++)
        has_delete = etl_view_op(&rows->view, flags, row) == ETL_OP_DELETE;
    if (has_delete)
        return etl_fail(err, ETL_UNSUPPORTED, "csv cannot delete rows: let deletes be ignored, or write them as rows");
    return ETL_OK;
}

int64_t csv_write_rows(struct csv_row_writer *rows, int64_t row, size_t enough, struct etl_buffer *text)
{
    const struct csv_layout *layout = rows->layout;
    const struct etl_view *view = &rows->view;
    const int64_t columns = view->n_children;
    for (; row < view->length && text->length < enough && !text->failed; row++) {
        bool is_first = true;
        for (int64_t i = 0; i < columns; i++) {
            const struct etl_view *cell = &view->children[i];
            if (!rows->put[i])
                continue;
            char *to = room(text, 1 + layout->null_length);
            if (!to)
                return row;
            if (!is_first) {
                *to++ = layout->delimiter;
                text->length++;
            }
            is_first = false;
            if (!etl_view_is_null(cell, row)) {
                rows->put[i](rows, cell, row, text);
            } else if (layout->null_length > 0) {
                memcpy(to, layout->null_text, layout->null_length);
                text->length += layout->null_length;
            }
        }
        char *to = room(text, 2);
        if (!to)
            return row;
        memcpy(to, layout->line_end, rows->end_length);
        text->length += rows->end_length;
    }
    return row;
}
