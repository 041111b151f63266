/* Binding cells of a batch to the parameters of a statement, column by column: one function per pair of incoming type and type of
 * the table's column, chosen once. Text and blobs are bound in place; short text forms go to the column's scratch memory.
 */
#include <math.h>
#include <stdlib.h>

#include "plugins/sqlite/sqlite_dest.h"

#define DAY_US        (INT64_C(86400) * 1000000)
#define EXACT_INTEGER (INT64_C(1) << 53) /* beyond it a double skips integers */

/* Runs `code` for each cell that is not NULL with `at` = its row, `index` = its parameter, `slot` = its scratch memory. */
#define EACH_CELL(code)                                                                                                \
    const struct etl_view *view = column->view;                                                                        \
    char *slot = column->scratch;                                                                                      \
    int rc = SQLITE_OK, index = first;                                                                                 \
    for (int64_t at = row; at < row + count && rc == SQLITE_OK; at++, index += stride, slot += ETL_VALUE_TEXT_MAX) {   \
        if (etl_view_is_null(view, at)) {                                                                              \
            rc = sqlite3_bind_null(statement, index);                                                                  \
            continue;                                                                                                  \
        }                                                                                                              \
        code                                                                                                           \
    }                                                                                                                  \
    return rc == SQLITE_OK ? ETL_OK : fail_bind(column, rc, err)

#define BINDER(name)                                                                                                   \
    static etl_status name(const struct sqlite_column *column, sqlite3_stmt *statement, int64_t row, int count,        \
                           int first, int stride, struct etl_error *err)

static etl_status fail_bind(const struct sqlite_column *column, int rc, struct etl_error *err)
{
    if (rc == SQLITE_NOMEM)
        return etl_fail_memory(err);
    return etl_fail(err, rc == SQLITE_TOOBIG ? ETL_DATA : ETL_INTERNAL, "column %s: cannot bind a value: %s",
                    column->view->name, sqlite3_errstr(rc));
}

BINDER(bind_bool)
{
    EACH_CELL({ rc = sqlite3_bind_int(statement, index, etl_view_bool(view, at)); });
}

BINDER(bind_int)
{
    EACH_CELL({ rc = sqlite3_bind_int64(statement, index, etl_view_int(view, at)); });
}

BINDER(bind_int64)
{
    EACH_CELL({ rc = sqlite3_bind_int64(statement, index, ((const int64_t *)view->data)[at + view->offset]); });
}

BINDER(bind_uint64)
{
    EACH_CELL({
        uint64_t value = etl_view_uint(view, at);
        if (value > INT64_MAX)
            return etl_fail(err, ETL_DATA,
                            "column %s: %llu is beyond SQLite's largest integer: cast the column to text", view->name,
                            (unsigned long long)value);
        rc = sqlite3_bind_int64(statement, index, (int64_t)value);
    });
}

/* Into a column of REAL affinity. */
BINDER(bind_int_as_real)
{
    EACH_CELL({
        int64_t value = view->type.kind == ETL_KIND_UINT && etl_view_uint(view, at) > INT64_MAX
                            ? INT64_MAX
                            : etl_view_int(view, at);
        if (value < -EXACT_INTEGER || value > EXACT_INTEGER)
            return etl_fail(err, ETL_SCHEMA,
                            "column %s: %lld would lose digits in a column declared as a floating-point number",
                            view->name, (long long)value);
        rc = sqlite3_bind_double(statement, index, (double)value);
    });
}

BINDER(bind_double)
{
    EACH_CELL({
        double value = etl_view_double(view, at);
        if (isnan(value))
            return etl_fail(err, ETL_DATA, "column %s: SQLite cannot hold NaN: replace it or cast the column to text",
                            view->name);
        rc = sqlite3_bind_double(statement, index, value);
    });
}

BINDER(bind_bytes)
{
    EACH_CELL({
        struct etl_bytes bytes = etl_view_bytes(view, at);
        rc = sqlite3_bind_text64(statement, index, bytes.data ? bytes.data : "", bytes.length, SQLITE_STATIC,
                                 SQLITE_UTF8);
    });
}

BINDER(bind_blob)
{
    EACH_CELL({
        struct etl_bytes bytes = etl_view_bytes(view, at);
        rc = sqlite3_bind_blob64(statement, index, bytes.data ? bytes.data : "", bytes.length, SQLITE_STATIC);
    });
}

BINDER(bind_date)
{
    EACH_CELL({
        size_t length = etl_format_date(slot, ((const int32_t *)view->data)[at + view->offset]);
        rc = sqlite3_bind_text64(statement, index, slot, length, SQLITE_STATIC, SQLITE_UTF8);
    });
}

BINDER(bind_date_as_timestamp)
{
    EACH_CELL({
        size_t length = etl_format_timestamp(slot, etl_view_int(view, at) * DAY_US, column->held.is_utc);
        rc = sqlite3_bind_text64(statement, index, slot, length, SQLITE_STATIC, SQLITE_UTF8);
    });
}

BINDER(bind_time)
{
    EACH_CELL({
        size_t length = etl_format_time(slot, ((const int64_t *)view->data)[at + view->offset]);
        rc = sqlite3_bind_text64(statement, index, slot, length, SQLITE_STATIC, SQLITE_UTF8);
    });
}

BINDER(bind_timestamp)
{
    EACH_CELL({
        size_t length = etl_format_timestamp(slot, ((const int64_t *)view->data)[at + view->offset], view->type.is_utc);
        rc = sqlite3_bind_text64(statement, index, slot, length, SQLITE_STATIC, SQLITE_UTF8);
    });
}

BINDER(bind_decimal)
{
    EACH_CELL({
        size_t length = etl_format_decimal(slot, etl_view_decimal(view, at), view->type.scale);
        rc = sqlite3_bind_text64(statement, index, slot, length, SQLITE_STATIC, SQLITE_UTF8);
    });
}

/* Into a decimal column of greater scale: "1.5" and "1.50" would be different keys. */
BINDER(bind_as_decimal)
{
    EACH_CELL({
        struct etl_decimal value;
        size_t length = 0;
        bool fits = true;
        if (view->type.kind == ETL_KIND_DECIMAL) {
            value = etl_view_decimal(view, at);
            fits = etl_decimal_rescale(value, view->type.scale, column->held.scale, &value);
        } else {
            length = view->type.kind == ETL_KIND_UINT ? etl_format_uint64(slot, etl_view_uint(view, at))
                                                      : etl_format_int64(slot, etl_view_int(view, at));
            fits = etl_parse_decimal(slot, length, column->held.precision, column->held.scale, &value);
        }
        if (!fits)
            return etl_fail(err, ETL_SCHEMA, "column %s: a value does not fit decimal(%u,%d) of the table", view->name,
                            (unsigned)column->held.precision, (int)column->held.scale);
        length = etl_format_decimal(slot, value, column->held.scale);
        rc = sqlite3_bind_text64(statement, index, slot, length, SQLITE_STATIC, SQLITE_UTF8);
    });
}

/* Text form of anything: nested values as JSON, and any type in a column that has been widened to text. */
BINDER(bind_as_text)
{
    struct etl_buffer text = {0};
    etl_status status = ETL_OK;
    int rc = SQLITE_OK;

    for (int i = 0; i < count && rc == SQLITE_OK; i++, first += stride) {
        if (etl_view_is_null(column->view, row + i)) {
            rc = sqlite3_bind_null(statement, first);
            continue;
        }
        etl_buffer_reset(&text);
        etl_text_add_cell(&text, column->view, row + i);
        rc = text.failed ? SQLITE_NOMEM
                         : sqlite3_bind_text64(statement, first, text.data ? text.data : "", text.length,
                                               SQLITE_TRANSIENT, SQLITE_UTF8);
    }
    etl_buffer_fini(&text);
    if (rc != SQLITE_OK)
        status = fail_bind(column, rc, err);
    return status;
}

/* ---- choice ---- */

static sqlite_binder natural_binder(const struct etl_type *type)
{
    switch (type->kind) {
    case ETL_KIND_BOOL: return bind_bool;
    case ETL_KIND_INT: return type->bits == 64 ? bind_int64 : bind_int;
    case ETL_KIND_UINT: return type->bits == 64 ? bind_uint64 : bind_int;
    case ETL_KIND_DOUBLE: return bind_double;
    case ETL_KIND_DECIMAL: return bind_decimal;
    case ETL_KIND_STRING:
    case ETL_KIND_JSON:
    case ETL_KIND_UUID: return bind_bytes;
    case ETL_KIND_BINARY: return bind_blob;
    case ETL_KIND_DATE: return bind_date;
    case ETL_KIND_TIME: return bind_time;
    case ETL_KIND_TIMESTAMP: return bind_timestamp;
    case ETL_KIND_STRUCT:
    case ETL_KIND_LIST: break;
    }
    return bind_as_text;
}

static bool is_json(enum etl_kind kind)
{
    return kind == ETL_KIND_JSON || kind == ETL_KIND_STRUCT || kind == ETL_KIND_LIST;
}

/* Binder for a table's column whose type is known and of another kind than the incoming one. */
static sqlite_binder converting_binder(const struct etl_type *from, const struct etl_type *held)
{
    bool is_integer = from->kind == ETL_KIND_INT || from->kind == ETL_KIND_UINT;

    if (held->kind == ETL_KIND_DECIMAL && is_integer)
        return bind_as_decimal;
    if (held->kind == ETL_KIND_DOUBLE && is_integer)
        return bind_int_as_real;
    if (held->kind == ETL_KIND_TIMESTAMP && from->kind == ETL_KIND_DATE)
        return bind_date_as_timestamp;
    if ((held->kind == ETL_KIND_INT && (from->kind == ETL_KIND_UINT || from->kind == ETL_KIND_BOOL)) ||
        (is_json(held->kind) && is_json(from->kind)) ||
        (held->kind == ETL_KIND_STRING && (from->kind == ETL_KIND_JSON || from->kind == ETL_KIND_UUID)))
        return natural_binder(from);
    return bind_as_text;
}

etl_status sqlite_choose_binder(struct sqlite_column *column, bool known, enum sqlite_affinity affinity,
                                struct etl_error *err)
{
    const struct etl_type *from = &column->view->type;
    bool is_integer = from->kind == ETL_KIND_INT || from->kind == ETL_KIND_UINT;

    column->bind = natural_binder(from);
    if (known && column->held.kind != from->kind)
        column->bind = converting_binder(from, &column->held);
    else if (known && from->kind == ETL_KIND_DECIMAL && from->scale != column->held.scale)
        column->bind = bind_as_decimal;
    else if (!known && affinity == SQLITE_AFF_TEXT && (from->kind == ETL_KIND_DOUBLE || from->kind == ETL_KIND_BOOL))
        column->bind = bind_as_text; /* SQLite would keep 15 digits */
    else if (!known && affinity == SQLITE_AFF_REAL && is_integer)
        column->bind = bind_int_as_real;
    free(column->scratch);
    column->scratch = malloc(SQLITE_ROWS_PER_STATEMENT * ETL_VALUE_TEXT_MAX);
    return column->scratch ? ETL_OK : etl_fail_memory(err);
}
