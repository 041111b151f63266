/* Stored values as typed values. SQLite types values, not columns: the declaration is a promise that every value is checked against.
 * What does not fit widens the column along int -> decimal -> text, date -> timestamp -> text, anything -> text, and with
 * blobs to binary, so that nothing is lost.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "plugins/sqlite/sqlite_source.h"

#define EXACT_INTEGER (INT64_C(1) << 53)

/* ---- one value ---- */

struct text_cell {
    const char *data;
    size_t length;
};

static struct text_cell text_of(sqlite3_stmt *row, int index)
{
    struct text_cell text = {(const char *)sqlite3_column_text(row, index), (size_t)sqlite3_column_bytes(row, index)};

    if (!text.data)
        text = (struct text_cell){"", 0};
    return text;
}

/* Text form of a number, or the text itself. Only for INTEGER, FLOAT and TEXT. */
static struct text_cell number_text(sqlite3_stmt *row, int index, char *buffer)
{
    struct text_cell text = {buffer, 0};

    switch (sqlite3_column_type(row, index)) {
    case SQLITE_INTEGER: text.length = etl_format_int64(buffer, sqlite3_column_int64(row, index)); return text;
    case SQLITE_FLOAT: text.length = etl_format_double(buffer, sqlite3_column_double(row, index)); return text;
    default: return text_of(row, index);
    }
}

static bool read_int(sqlite3_stmt *row, int index, int64_t *ret_value)
{
    if (sqlite3_column_type(row, index) != SQLITE_INTEGER)
        return false;
    *ret_value = sqlite3_column_int64(row, index);
    return true;
}

static bool read_bool(sqlite3_stmt *row, int index, bool *ret_value)
{
    struct text_cell text;
    int64_t number = 0;

    if (read_int(row, index, &number)) {
        *ret_value = number == 1;
        return number == 0 || number == 1;
    }
    if (sqlite3_column_type(row, index) != SQLITE_TEXT)
        return false;
    text = text_of(row, index);
    return etl_parse_bool(text.data, text.length, ret_value);
}

static bool read_double(sqlite3_stmt *row, int index, double *ret_value)
{
    int64_t number = 0;

    if (sqlite3_column_type(row, index) == SQLITE_FLOAT) {
        *ret_value = sqlite3_column_double(row, index);
        return true;
    }
    if (!read_int(row, index, &number) || number < -EXACT_INTEGER || number > EXACT_INTEGER)
        return false;
    *ret_value = (double)number;
    return true;
}

static bool read_decimal(sqlite3_stmt *row, int index, const struct etl_type *type, struct etl_decimal *ret_value)
{
    char buffer[ETL_VALUE_TEXT_MAX];
    struct text_cell text;

    if (sqlite3_column_type(row, index) == SQLITE_BLOB)
        return false;
    text = number_text(row, index, buffer);
    return etl_parse_decimal(text.data, text.length, type->precision, type->scale, ret_value);
}

static bool read_date(sqlite3_stmt *row, int index, int64_t *ret_value)
{
    struct text_cell text;
    int32_t days = 0;

    if (sqlite3_column_type(row, index) != SQLITE_TEXT)
        return false;
    text = text_of(row, index);
    if (!etl_parse_date(text.data, text.length, &days))
        return false;
    *ret_value = days;
    return true;
}

static bool read_time(sqlite3_stmt *row, int index, int64_t *ret_value)
{
    struct text_cell text;

    if (sqlite3_column_type(row, index) != SQLITE_TEXT)
        return false;
    text = text_of(row, index);
    return etl_parse_time(text.data, text.length, ret_value);
}

/* A date counts as its midnight where there are no zones. */
static bool read_timestamp(sqlite3_stmt *row, int index, bool is_utc, int64_t *ret_value)
{
    struct text_cell text;
    bool has_zone = false;
    int32_t days = 0;

    if (sqlite3_column_type(row, index) != SQLITE_TEXT)
        return false;
    text = text_of(row, index);
    if (etl_parse_timestamp(text.data, text.length, ret_value, &has_zone))
        return has_zone == is_utc;
    if (is_utc || !etl_parse_date(text.data, text.length, &days))
        return false;
    *ret_value = days * (INT64_C(86400) * 1000000);
    return true;
}

static bool is_json(const char *text, size_t length)
{
    struct etl_json json;
    enum etl_json_token token = ETL_JSON_NULL;

    etl_json_init(&json, text, length, 0);
    do
        token = etl_json_next(&json);
    while (token != ETL_JSON_END && token != ETL_JSON_ERROR);
    etl_json_fini(&json);
    return token == ETL_JSON_END;
}

static bool is_lower_uuid(const char *text, size_t length)
{
    if (!etl_is_uuid(text, length))
        return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] >= 'A' && text[i] <= 'F')
            return false;
    return true;
}

static bool read_text(sqlite3_stmt *row, int index, enum etl_kind kind, char *buffer, struct text_cell *ret_text)
{
    int storage = sqlite3_column_type(row, index);

    if (storage == SQLITE_BLOB || (kind != ETL_KIND_STRING && storage != SQLITE_TEXT))
        return false;
    *ret_text = number_text(row, index, buffer);
    if (kind == ETL_KIND_JSON)
        return is_json(ret_text->data, ret_text->length);
    if (kind == ETL_KIND_UUID)
        return is_lower_uuid(ret_text->data, ret_text->length);
    return storage != SQLITE_TEXT || etl_is_utf8(ret_text->data, ret_text->length);
}

static struct text_cell read_blob(sqlite3_stmt *row, int index, char *buffer)
{
    if (sqlite3_column_type(row, index) == SQLITE_BLOB) {
        struct text_cell blob = {sqlite3_column_blob(row, index), (size_t)sqlite3_column_bytes(row, index)};
        return blob.data ? blob : (struct text_cell){"", 0};
    }
    return number_text(row, index, buffer);
}

/* ---- appending ---- */

#define APPENDER(name)                                                                                                 \
    static etl_status name(struct etl_column *out, sqlite3_stmt *row, int index, const struct etl_type *type,          \
                           bool *ret_fits, struct etl_error *err)
#define NULL_AS_NULL                                                                                                   \
    (void)type;                                                                                                        \
    if (sqlite3_column_type(row, index) == SQLITE_NULL)                                                                \
    return etl_append_null(out, err)

APPENDER(append_bool)
{
    bool value = false;

    NULL_AS_NULL;
    *ret_fits = read_bool(row, index, &value);
    return *ret_fits ? etl_append_bool(out, value, err) : ETL_OK;
}

APPENDER(append_int)
{
    int64_t value = 0;

    NULL_AS_NULL;
    *ret_fits = read_int(row, index, &value);
    return *ret_fits ? etl_append_int(out, value, err) : ETL_OK;
}

APPENDER(append_double)
{
    double value = 0;

    NULL_AS_NULL;
    *ret_fits = read_double(row, index, &value);
    return *ret_fits ? etl_append_double(out, value, err) : ETL_OK;
}

APPENDER(append_decimal)
{
    struct etl_decimal value = {0, 0};

    NULL_AS_NULL;
    *ret_fits = read_decimal(row, index, type, &value);
    return *ret_fits ? etl_append_decimal(out, value, err) : ETL_OK;
}

APPENDER(append_date)
{
    int64_t value = 0;

    NULL_AS_NULL;
    *ret_fits = read_date(row, index, &value);
    return *ret_fits ? etl_append_int(out, value, err) : ETL_OK;
}

APPENDER(append_time)
{
    int64_t value = 0;

    NULL_AS_NULL;
    *ret_fits = read_time(row, index, &value);
    return *ret_fits ? etl_append_int(out, value, err) : ETL_OK;
}

APPENDER(append_timestamp)
{
    int64_t value = 0;

    NULL_AS_NULL;
    *ret_fits = read_timestamp(row, index, type->is_utc, &value);
    return *ret_fits ? etl_append_int(out, value, err) : ETL_OK;
}

APPENDER(append_text)
{
    char buffer[ETL_VALUE_TEXT_MAX];
    struct text_cell text = {"", 0};

    NULL_AS_NULL;
    *ret_fits = read_text(row, index, type->kind, buffer, &text);
    return *ret_fits ? etl_append_bytes(out, text.data, text.length, err) : ETL_OK;
}

APPENDER(append_blob)
{
    char buffer[ETL_VALUE_TEXT_MAX];
    struct text_cell blob;

    NULL_AS_NULL;
    *ret_fits = true;
    blob = read_blob(row, index, buffer);
    return etl_append_bytes(out, blob.data, blob.length, err);
}

sqlite_appender sqlite_choose_appender(const struct etl_type *type)
{
    switch (type->kind) {
    case ETL_KIND_BOOL: return append_bool;
    case ETL_KIND_INT:
    case ETL_KIND_UINT: return append_int;
    case ETL_KIND_DOUBLE: return append_double;
    case ETL_KIND_DECIMAL: return append_decimal;
    case ETL_KIND_DATE: return append_date;
    case ETL_KIND_TIME: return append_time;
    case ETL_KIND_TIMESTAMP: return append_timestamp;
    case ETL_KIND_BINARY: return append_blob;
    case ETL_KIND_STRING:
    case ETL_KIND_JSON:
    case ETL_KIND_UUID:
    case ETL_KIND_STRUCT:
    case ETL_KIND_LIST: break;
    }
    return append_text;
}

bool sqlite_value_fits(struct sqlite_source_column *column, sqlite3_stmt *row, int index)
{
    char buffer[ETL_VALUE_TEXT_MAX];
    struct etl_decimal decimal;
    struct text_cell text;
    int64_t number = 0;
    double real = 0;
    bool flag = false;

    if (read_int(row, index, &number) && (number < -EXACT_INTEGER || number > EXACT_INTEGER))
        column->has_big_integer = true;
    switch (column->type.kind) {
    case ETL_KIND_BOOL: return read_bool(row, index, &flag);
    case ETL_KIND_INT:
    case ETL_KIND_UINT: return read_int(row, index, &number);
    case ETL_KIND_DOUBLE: return read_double(row, index, &real);
    case ETL_KIND_DECIMAL: return read_decimal(row, index, &column->type, &decimal);
    case ETL_KIND_DATE: return read_date(row, index, &number);
    case ETL_KIND_TIME: return read_time(row, index, &number);
    case ETL_KIND_TIMESTAMP: return read_timestamp(row, index, column->type.is_utc, &number);
    case ETL_KIND_BINARY: return true;
    case ETL_KIND_STRING:
    case ETL_KIND_JSON:
    case ETL_KIND_UUID:
    case ETL_KIND_STRUCT:
    case ETL_KIND_LIST: break;
    }
    return read_text(row, index, column->type.kind, buffer, &text);
}

/* ---- promises ---- */

static bool parse_user_decimal(const char *declared, struct etl_type *ret_type)
{
    const char *open = strchr(declared, '(');
    char *end = NULL;
    long precision = 0, scale = 0;

    if (!open || (strncasecmp(declared, "DECIMAL", 7) != 0 && strncasecmp(declared, "NUMERIC", 7) != 0))
        return false;
    precision = strtol(open + 1, &end, 10);
    if (*end == ',')
        scale = strtol(end + 1, &end, 10);
    if (*end != ')' || precision < 1 || precision > 38 || scale < 0 || scale > precision)
        return false;
    *ret_type = (struct etl_type){.kind = ETL_KIND_DECIMAL, .precision = (uint8_t)precision, .scale = (int8_t)scale};
    return true;
}

static bool promise_by_name(const char *declared, struct sqlite_source_column *column)
{
    if (sqlite_declared(declared, &column->type)) {
        if (column->type.kind == ETL_KIND_DOUBLE)
            column->type.bits = 64; /* whatever the name, SQLite stores doubles */
        return true;
    }
    if (parse_user_decimal(declared, &column->type))
        return true;
    if (strcasestr(declared, "BOOL"))
        column->type = (struct etl_type){.kind = ETL_KIND_BOOL};
    else if (strcasecmp(declared, "UUID") == 0 || strcasecmp(declared, "GUID") == 0)
        column->type = (struct etl_type){.kind = ETL_KIND_UUID};
    else if (strcasecmp(declared, "JSON") == 0)
        column->type = (struct etl_type){.kind = ETL_KIND_JSON};
    else
        return false;
    return true;
}

static void guess_temporal(const char *declared, struct sqlite_source_column *column)
{
    column->is_temporal = true;
    if (strcasecmp(declared, "DATE") == 0)
        column->type = (struct etl_type){.kind = ETL_KIND_DATE};
    else if (strcasecmp(declared, "TIME") == 0)
        column->type = (struct etl_type){.kind = ETL_KIND_TIME};
    else
        column->type = (struct etl_type){.kind = ETL_KIND_TIMESTAMP,
                                         .is_utc = strcasestr(declared, "TZ") || strcasestr(declared, "WITH TIME")};
}

void sqlite_promise(const char *declared, struct sqlite_source_column *column)
{
    column->type = (struct etl_type){.kind = ETL_KIND_STRING};
    column->is_settled = true;
    if (promise_by_name(declared, column))
        return;
    switch (sqlite_affinity_of(declared)) {
    case SQLITE_AFF_INTEGER: column->type = (struct etl_type){.kind = ETL_KIND_INT, .bits = 64}; return;
    case SQLITE_AFF_REAL: column->type = (struct etl_type){.kind = ETL_KIND_DOUBLE, .bits = 64}; return;
    case SQLITE_AFF_TEXT: return;
    case SQLITE_AFF_BLOB:
    case SQLITE_AFF_NUMERIC: break;
    }
    column->is_settled = false;
    if (strcasestr(declared, "DATE") || strcasestr(declared, "TIME"))
        guess_temporal(declared, column);
    else if (sqlite_affinity_of(declared) == SQLITE_AFF_NUMERIC)
        column->type = (struct etl_type){.kind = ETL_KIND_DOUBLE, .bits = 64};
}

/* ---- widening ---- */

static struct etl_type natural_text(struct text_cell text, bool is_temporal)
{
    bool has_zone = false;
    int64_t us = 0;
    int32_t days = 0;

    if (is_temporal && etl_parse_date(text.data, text.length, &days))
        return (struct etl_type){.kind = ETL_KIND_DATE};
    if (is_temporal && etl_parse_time(text.data, text.length, &us))
        return (struct etl_type){.kind = ETL_KIND_TIME};
    if (is_temporal && etl_parse_timestamp(text.data, text.length, &us, &has_zone))
        return (struct etl_type){.kind = ETL_KIND_TIMESTAMP, .is_utc = has_zone};
    return (struct etl_type){.kind = etl_is_utf8(text.data, text.length) ? ETL_KIND_STRING : ETL_KIND_BINARY};
}

static struct etl_type natural_type(const struct sqlite_source_column *column, sqlite3_stmt *row, int index)
{
    bool is_temporal =
        column->is_temporal || column->type.kind == ETL_KIND_DATE || column->type.kind == ETL_KIND_TIMESTAMP;

    switch (sqlite3_column_type(row, index)) {
    case SQLITE_INTEGER: return (struct etl_type){.kind = ETL_KIND_INT, .bits = 64};
    case SQLITE_FLOAT: return (struct etl_type){.kind = ETL_KIND_DOUBLE, .bits = 64};
    case SQLITE_TEXT: return natural_text(text_of(row, index), is_temporal);
    default: return (struct etl_type){.kind = ETL_KIND_BINARY};
    }
}

/* The smallest decimal that holds the number in the text and all of `held`; false when 38 digits do not do. */
static bool grow_decimal(const struct etl_type *held, struct text_cell text, struct etl_type *ret_type)
{
    int whole = held->kind == ETL_KIND_DECIMAL ? held->precision - held->scale : 19;
    int scale = held->kind == ETL_KIND_DECIMAL ? held->scale : 0;
    struct etl_decimal value;

    for (; scale <= 38 - 1; scale++) {
        int digits = 0;
        if (!etl_parse_decimal(text.data, text.length, 38, (int8_t)scale, &value))
            continue;
        digits = (int)etl_decimal_digits(value);
        whole = digits - scale > whole ? digits - scale : whole;
        if (whole + scale > 38)
            return false;
        *ret_type =
            (struct etl_type){.kind = ETL_KIND_DECIMAL, .precision = (uint8_t)(whole + scale), .scale = (int8_t)scale};
        return true;
    }
    return false;
}

static struct etl_type widened(const struct sqlite_source_column *column, sqlite3_stmt *row, int index,
                               bool has_emitted)
{
    const struct etl_type text_type = {.kind = ETL_KIND_STRING}, *held = &column->type;
    struct etl_type natural = natural_type(column, row, index), grown = text_type;
    char buffer[ETL_VALUE_TEXT_MAX];

    if (natural.kind == ETL_KIND_BINARY)
        return natural;
    if (held->kind == ETL_KIND_BOOL && natural.kind == ETL_KIND_INT)
        return natural;
    if (held->kind == ETL_KIND_INT && natural.kind == ETL_KIND_DOUBLE && !has_emitted && !column->has_big_integer)
        return natural;
    if ((held->kind == ETL_KIND_INT && natural.kind == ETL_KIND_DOUBLE) || held->kind == ETL_KIND_DECIMAL)
        return grow_decimal(held, number_text(row, index, buffer), &grown) ? grown : text_type;
    if (held->kind == ETL_KIND_DATE && natural.kind == ETL_KIND_TIMESTAMP && !natural.is_utc)
        return natural;
    return text_type;
}

void sqlite_widen(struct sqlite_source_column *column, sqlite3_stmt *row, int index, bool has_emitted)
{
    if (column->is_settled)
        column->type = widened(column, row, index, has_emitted);
    else
        column->type = natural_type(column, row, index);
    column->is_settled = true;
}
