/* Appending: records into the builder's columns, as strict as the schema says. The first value that does not fit ends the record; the
 * row is then taken back and the reason kept. This is the hot path: no allocation, no message unless something is wrong. */
#include <stdio.h>

#include "sdk/src/shredder_internal.h"

#define US_PER_DAY INT64_C(86400000000)
#define KEY_SHOWN  100 /* bytes of a key in a message */

static size_t path_of(const struct field *field, char *buffer, size_t size)
{
    size_t at = field->parent->parent ? path_of(field->parent, buffer, size) : 0;
    int written = 0;
    if (at + 1 >= size)
        return at;
    if (field->is_item)
        written = snprintf(buffer + at, size - at, "[]");
    else
        written = snprintf(buffer + at, size - at, "%s%s", at ? "." : "", field->name);
    at += written < 0 ? 0 : (size_t)written;
    return at < size ? at : size - 1;
}

/* Through the error formatter, which cuts at characters and replaces control characters. */
static void set_misfit(struct etl_shredder *shredder, const char *path, const char *value, size_t length,
                       const char *problem)
{
    struct etl_error text;
    int shown = length > 60 ? 60 : (int)length;
    etl_error_init(&text);
    etl_fail(&text, ETL_SCHEMA, "column %s: %.*s%s%s", path, shown, value, length > 60 ? "..." : "", problem);
    snprintf(shredder->misfit, sizeof shredder->misfit, "%s", text.message);
}

static void misfit_value(struct etl_shredder *shredder, const struct field *field, const char *value, size_t length)
{
    char path[200] = "", type[ETL_TYPE_NAME_MAX], problem[64];
    path_of(field, path, sizeof path);
    snprintf(problem, sizeof problem, " is not %s", etl_type_name(&field->column->type, type));
    set_misfit(shredder, path, value, length, problem);
}

static void misfit_new(struct etl_shredder *shredder, const struct field *parent, struct etl_bytes key)
{
    char path[200] = "";
    size_t at = parent->parent ? path_of(parent, path, sizeof path) : 0;
    snprintf(path + at, sizeof path - at, "%s%.*s", at ? "." : "", key.length > KEY_SHOWN ? KEY_SHOWN : (int)key.length,
             key.data);
    set_misfit(shredder, path, "", 0, "not in the schema");
}

const char *etl_shredder_misfit(const struct etl_shredder *shredder)
{
    return shredder->misfit;
}

/* ---- scalars ------------------------------------------------------------------------------------------------------- */

static bool parse_moment(const struct etl_type *type, struct etl_bytes text, int64_t *ret_us)
{
    bool has_zone = false;
    int32_t days = 0;
    if (etl_parse_timestamp(text.data, text.length, ret_us, &has_zone))
        return has_zone == type->is_utc;
    if (type->is_utc || !etl_parse_date(text.data, text.length, &days))
        return false;
    *ret_us = days * US_PER_DAY;
    return true;
}

static etl_status append_moment(struct etl_column *column, struct etl_bytes text, bool *ret_fits, struct etl_error *err)
{
    int64_t us = 0;
    *ret_fits = parse_moment(&column->type, text, &us);
    return *ret_fits ? etl_append_int(column, us, err) : ETL_OK;
}

static etl_status append_number(struct etl_column *column, struct etl_bytes text, bool is_cell, bool *ret_fits,
                                struct etl_error *err)
{
    struct etl_decimal decimal;
    int64_t integer = 0;
    if (column->type.kind == ETL_KIND_INT && column->type.bits == 64) {
        *ret_fits = etl_parse_int64(text.data, text.length, &integer);
        return *ret_fits ? etl_append_int(column, integer, err) : ETL_OK;
    }
    if (column->type.kind != ETL_KIND_DECIMAL)
        return etl_append_text(column, text.data, text.length, ret_fits, err);
    *ret_fits = etl_parse_decimal(text.data, text.length, column->type.precision, column->type.scale, &decimal);
    if (*ret_fits && is_cell)
        for (size_t i = 0; i < text.length; i++)
            if ((text.data[i] | 0x20) == 'e')
                *ret_fits = false;
    return *ret_fits ? etl_append_decimal(column, decimal, err) : ETL_OK;
}

static etl_status append_cell(struct etl_column *column, struct etl_bytes cell, bool *ret_fits, struct etl_error *err)
{
    switch (column->type.kind) {
    case ETL_KIND_STRING:
        *ret_fits = shredder_is_clean(cell);
        return *ret_fits ? etl_append_bytes(column, cell.data, cell.length, err) : ETL_OK;
    case ETL_KIND_INT:
    case ETL_KIND_DECIMAL: return append_number(column, cell, true, ret_fits, err);
    case ETL_KIND_TIMESTAMP: return append_moment(column, cell, ret_fits, err);
    case ETL_KIND_BOOL:
    case ETL_KIND_UINT:
    case ETL_KIND_DOUBLE:
    case ETL_KIND_DATE:
    case ETL_KIND_TIME:
    case ETL_KIND_UUID:
    case ETL_KIND_JSON:
    case ETL_KIND_BINARY: return etl_append_text(column, cell.data, cell.length, ret_fits, err);
    case ETL_KIND_STRUCT:
    case ETL_KIND_LIST: break;
    }
    *ret_fits = false;
    return ETL_OK;
}

static etl_status append_all_cells(struct etl_shredder *shredder, const struct etl_bytes *cells, size_t count,
                                   bool *ret_fits, struct etl_error *err)
{
    etl_status status = ETL_OK;
    for (size_t i = 0; i < count && *ret_fits; i++) {
        struct field *field = shredder->columns[i];
        if (!cells[i].data) {
            if (field->column)
                ETL_TRY(etl_append_null(field->column, err));
            continue;
        }
        if (field->column)
            ETL_TRY(append_cell(field->column, cells[i], ret_fits, err));
        else
            *ret_fits = false;
        if (*ret_fits)
            continue;
        if (!shredder_is_clean(cells[i]))
            return shredder_fail_cell(field, err);
        if (field->column)
            misfit_value(shredder, field, cells[i].data, cells[i].length);
        else
            misfit_new(shredder, shredder->root, (struct etl_bytes){field->name, field->name_length});
    }
    if (*ret_fits)
        ETL_TRY(etl_builder_end_row(shredder->builder, err));
out:
    return status;
}

static etl_status no_schema(struct etl_error *err)
{
    return etl_fail(err, ETL_MISUSE, "no schema has been taken yet");
}

etl_status etl_shredder_append_cells(struct etl_shredder *shredder, const struct etl_bytes *cells, size_t count,
                                     bool *ret_fits, struct etl_error *err)
{
    bool fits = true;
    etl_status status = ETL_OK;
    if (!shredder->builder)
        return no_schema(err);
    if (count > shredder->n_columns)
        return etl_fail(err, ETL_DATA, "the record has %zu fields instead of %zu", count, shredder->n_columns);
    status = append_all_cells(shredder, cells, count, &fits, err);
    if (status != ETL_OK || !fits)
        etl_builder_abort_row(shredder->builder);
    if (status == ETL_OK)
        *ret_fits = fits;
    return status;
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------- */

static etl_status append_value(struct etl_shredder *shredder, struct field *field, enum etl_json_token token,
                               bool *ret_fits, struct etl_error *err);

/* A key, cut for a message: the reader's text lasts only until the next token. */
struct key_copy {
    char data[KEY_SHOWN];
    size_t length;
};

static void keep_key(struct key_copy *copy, struct etl_bytes key)
{
    copy->length = key.length < KEY_SHOWN ? key.length : KEY_SHOWN;
    memcpy(copy->data, key.data, copy->length);
}

/* The members of an object into the children's row `row`; what is missing is left to the end of the struct or row. */
static etl_status append_members(struct etl_shredder *shredder, struct field *parent, int64_t row, bool *ret_fits,
                                 struct etl_error *err)
{
    struct etl_json *json = &shredder->json;
    enum etl_json_token token = ETL_JSON_ERROR;
    size_t cursor = 0;
    struct key_copy unknown;
    etl_status status = ETL_OK;
    while ((token = etl_json_next(json)) == ETL_JSON_KEY) {
        struct etl_bytes key = etl_json_text(json);
        struct field *field = shredder_find(shredder, parent, &key, &cursor);
        if (field && field->column) {
            if (field->column->length > row) /* the key again: the last one wins */
                etl_column_truncate(field->column, row);
            ETL_TRY(append_value(shredder, field, etl_json_next(json), ret_fits, err));
            if (!*ret_fits)
                return ETL_OK;
            continue;
        }
        if (shredder->name.failed) {
            etl_buffer_reset(&shredder->name);
            return etl_fail_memory(err);
        }
        keep_key(&unknown, key);
        token = etl_json_next(json);
        if (token == ETL_JSON_NULL)
            continue;
        if (token == ETL_JSON_ERROR)
            break;
        misfit_new(shredder, parent, (struct etl_bytes){unknown.data, unknown.length});
        *ret_fits = false;
        return ETL_OK;
    }
    if (token != ETL_JSON_END_OBJECT)
        status = etl_json_fail(json, ETL_DATA, err);
out:
    return status;
}

static etl_status append_items(struct etl_shredder *shredder, struct field *list, bool *ret_fits, struct etl_error *err)
{
    enum etl_json_token token = ETL_JSON_ERROR;
    etl_status status = ETL_OK;
    while ((token = etl_json_next(&shredder->json)) != ETL_JSON_END_ARRAY) {
        if (token == ETL_JSON_ERROR || token == ETL_JSON_END)
            return etl_json_fail(&shredder->json, ETL_DATA, err);
        if (!list->item || !list->item->column) { /* observed to be something else, and the schema not taken since */
            *ret_fits = false;
            return ETL_OK;
        }
        ETL_TRY(append_value(shredder, list->item, token, ret_fits, err));
        if (!*ret_fits)
            return ETL_OK;
    }
    ETL_TRY(etl_append_list_end(list->column, err));
out:
    return status;
}

static etl_status append_raw(struct etl_shredder *shredder, struct etl_column *column, enum etl_json_token token,
                             struct etl_error *err)
{
    struct etl_bytes raw = etl_json_raw(&shredder->json, token);
    if (!raw.data)
        return etl_json_fail(&shredder->json, ETL_DATA, err);
    return etl_append_bytes(column, raw.data, raw.length, err);
}

static etl_status append_text(struct etl_shredder *shredder, struct etl_column *column, enum etl_json_token token,
                              bool *ret_fits, struct etl_error *err)
{
    struct etl_bytes text = {NULL, 0};
    switch (token) {
    case ETL_JSON_STRING:
    case ETL_JSON_NUMBER: text = etl_json_text(&shredder->json); break;
    case ETL_JSON_TRUE: text = (struct etl_bytes){"true", 4}; break;
    case ETL_JSON_FALSE: text = (struct etl_bytes){"false", 5}; break;
    default:
        if (shredder->options.all_text)
            return append_raw(shredder, column, token, err);
        *ret_fits = false;
        return ETL_OK;
    }
    return etl_append_bytes(column, text.data, text.length, err);
}

static etl_status append_struct(struct etl_shredder *shredder, struct field *field, bool *ret_fits,
                                struct etl_error *err)
{
    etl_status status = ETL_OK;
    ETL_TRY(append_members(shredder, field, field->column->length, ret_fits, err));
    if (*ret_fits)
        ETL_TRY(etl_append_struct_end(field->column, err));
out:
    return status;
}

/* The value of a token that is not null, by the column's kind. *ret_fits comes in true. */
static etl_status append_typed(struct etl_shredder *shredder, struct field *field, enum etl_json_token token,
                               bool *ret_fits, struct etl_error *err)
{
    struct etl_column *column = field->column;
    struct etl_bytes text = etl_json_text(&shredder->json);
    switch (column->type.kind) {
    case ETL_KIND_STRING: return append_text(shredder, column, token, ret_fits, err);
    case ETL_KIND_JSON: return append_raw(shredder, column, token, err);
    case ETL_KIND_INT:
    case ETL_KIND_UINT:
    case ETL_KIND_DOUBLE:
    case ETL_KIND_DECIMAL:
        if (token == ETL_JSON_NUMBER)
            return append_number(column, text, false, ret_fits, err);
        break;
    case ETL_KIND_BOOL:
        if (token == ETL_JSON_TRUE || token == ETL_JSON_FALSE)
            return etl_append_bool(column, token == ETL_JSON_TRUE, err);
        break;
    case ETL_KIND_TIMESTAMP:
        if (token == ETL_JSON_STRING)
            return append_moment(column, text, ret_fits, err);
        break;
    case ETL_KIND_DATE:
    case ETL_KIND_TIME:
    case ETL_KIND_UUID:
    case ETL_KIND_BINARY:
        if (token == ETL_JSON_STRING)
            return etl_append_text(column, text.data, text.length, ret_fits, err);
        break;
    case ETL_KIND_STRUCT:
        if (token == ETL_JSON_BEGIN_OBJECT)
            return append_struct(shredder, field, ret_fits, err);
        break;
    case ETL_KIND_LIST:
        if (token == ETL_JSON_BEGIN_ARRAY)
            return append_items(shredder, field, ret_fits, err);
        break;
    }
    *ret_fits = false;
    return ETL_OK;
}

static void explain_misfit(struct etl_shredder *shredder, const struct field *field, enum etl_json_token token)
{
    struct etl_bytes text = etl_json_text(&shredder->json);
    switch (token) {
    case ETL_JSON_BEGIN_OBJECT: misfit_value(shredder, field, "an object", 9); break;
    case ETL_JSON_BEGIN_ARRAY: misfit_value(shredder, field, "an array", 8); break;
    case ETL_JSON_TRUE: misfit_value(shredder, field, "true", 4); break;
    case ETL_JSON_FALSE: misfit_value(shredder, field, "false", 5); break;
    default: misfit_value(shredder, field, text.data, text.length); break;
    }
}

static etl_status append_value(struct etl_shredder *shredder, struct field *field, enum etl_json_token token,
                               bool *ret_fits, struct etl_error *err)
{
    etl_status status = ETL_OK;
    bool fits = true, is_nested = false;
    if (token == ETL_JSON_NULL)
        return etl_append_null(field->column, err);
    if (token == ETL_JSON_ERROR)
        return etl_json_fail(&shredder->json, ETL_DATA, err);
    /* A misfit inside of a struct or list has been explained there. */
    is_nested = (field->column->type.kind == ETL_KIND_STRUCT && token == ETL_JSON_BEGIN_OBJECT) ||
                (field->column->type.kind == ETL_KIND_LIST && token == ETL_JSON_BEGIN_ARRAY);
    status = append_typed(shredder, field, token, &fits, err);
    if (status == ETL_OK && !fits) {
        *ret_fits = false;
        if (!is_nested)
            explain_misfit(shredder, field, token);
    }
    return status;
}

static etl_status append_record(struct etl_shredder *shredder, bool *ret_fits, struct etl_error *err)
{
    struct etl_json *json = &shredder->json;
    enum etl_json_token token = etl_json_next(json);
    etl_status status = ETL_OK;
    if (token == ETL_JSON_ERROR)
        return etl_json_fail(json, ETL_DATA, err);
    if (token != ETL_JSON_BEGIN_OBJECT)
        return etl_fail(err, ETL_DATA, "the record is not a JSON object");
    ETL_TRY(append_members(shredder, shredder->root, etl_builder_rows(shredder->builder), ret_fits, err));
    if (!*ret_fits)
        return ETL_OK;
    if (etl_json_next(json) != ETL_JSON_END)
        return etl_json_fail(json, ETL_DATA, err);
    ETL_TRY(etl_builder_end_row(shredder->builder, err));
out:
    return status;
}

etl_status etl_shredder_append_json(struct etl_shredder *shredder, const char *text, size_t length, bool *ret_fits,
                                    struct etl_error *err)
{
    bool fits = true;
    etl_status status = ETL_OK;
    if (!shredder->builder)
        return no_schema(err);
    etl_json_reset(&shredder->json, text, length);
    status = append_record(shredder, &fits, err);
    if (status != ETL_OK || !fits)
        etl_builder_abort_row(shredder->builder);
    if (status == ETL_OK)
        *ret_fits = fits;
    return status;
}

/* ---- rows ---------------------------------------------------------------------------------------------------------- */

int64_t etl_shredder_rows(const struct etl_shredder *shredder)
{
    return shredder->builder ? etl_builder_rows(shredder->builder) : 0;
}

size_t etl_shredder_bytes(const struct etl_shredder *shredder)
{
    return shredder->builder ? etl_builder_bytes(shredder->builder) : 0;
}

etl_status etl_shredder_finish(struct etl_shredder *shredder, struct ArrowArray *ret_batch, struct etl_error *err)
{
    if (!shredder->builder)
        return no_schema(err);
    return etl_builder_finish(shredder->builder, ret_batch, err);
}
