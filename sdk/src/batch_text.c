/* Text forms into columns: the strict parsers of value_text.h, base64 for binary, a syntax check for JSON. */
#include <etlhost/sdk/batch_builder.h>

#include <math.h>

#include <etlhost/sdk/json_reader.h>

#include "sdk/src/batch_text.h"

bool etl__is_json(const char *text, size_t length)
{
    struct etl_json json;
    enum etl_json_token token = ETL_JSON_NULL;
    etl_json_init(&json, text, length, 0);
    while (token != ETL_JSON_ERROR && token != ETL_JSON_END)
        token = etl_json_next(&json);
    etl_json_fini(&json);
    return token == ETL_JSON_END;
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes into `ret` (length / 4 * 3 bytes of room, or NULL to check only); false unless it is padded base64 without unused bits. */
static bool decode_base64(const char *text, size_t length, char *ret, size_t *ret_length)
{
    size_t written = 0, padding = 0;
    if (length % 4)
        return false;
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < length; i += 4) {
        size_t digits = i + 4 == length ? 4 - padding : 4;
        unsigned bits = 0;
        for (size_t j = 0; j < 4; j++) {
            int digit = j < digits ? base64_digit(text[i + j]) : 0;
            if (digit < 0)
                return false;
            bits = bits << 6 | (unsigned)digit;
        }
        for (size_t j = 0; ret && j + 1 < digits; j++)
            ret[written + j] = (char)(bits >> (16 - 8 * j));
        written += digits ? digits - 1 : 0;
        if ((digits == 3 && (bits & 0xff)) || (digits == 2 && (bits & 0xffff)))
            return false;
    }
    *ret_length = written;
    return true;
}

bool etl__is_base64(const char *text, size_t length)
{
    size_t decoded = 0;
    return decode_base64(text, length, NULL, &decoded);
}

static etl_status append_binary(struct etl_column *column, const char *text, size_t length, bool *ret_fits,
                                struct etl_error *err)
{
    size_t decoded = 0;
    etl_status status = ETL_OK;
    if (!column->has_bytes)
        return etl_append_bytes(column, text, length, err);
    ETL_TRY(etl_column_reserve(column, 1, length / 4 * 3, err));
    *ret_fits = decode_base64(text, length, column->bytes + column->bytes_length, &decoded);
    if (*ret_fits) /* in place: source and target are the same bytes */
        status = etl_append_bytes(column, NULL, 0, err);
    if (*ret_fits && status == ETL_OK) {
        column->bytes_length += decoded;
        if (column->store == ETL_STORE_OFFSET64)
            ((int64_t *)column->data)[column->length] = (int64_t)column->bytes_length;
        else
            ((int32_t *)column->data)[column->length] = (int32_t)column->bytes_length;
    }
out:
    return status;
}

static etl_status append_uuid(struct etl_column *column, const char *text, size_t length, bool *ret_fits,
                              struct etl_error *err)
{
    char lower[36];
    *ret_fits = length == sizeof lower && etl_is_uuid(text, length);
    if (!*ret_fits)
        return ETL_OK;
    for (size_t i = 0; i < sizeof lower; i++)
        lower[i] = (char)(text[i] >= 'A' && text[i] <= 'F' ? text[i] + ('a' - 'A') : text[i]);
    return etl_append_bytes(column, lower, sizeof lower, err);
}

static etl_status append_integer(struct etl_column *column, const char *text, size_t length, bool *ret_fits,
                                 struct etl_error *err)
{
    unsigned bits = column->type.bits;
    if (column->type.kind == ETL_KIND_UINT) {
        uint64_t value = 0;
        *ret_fits = etl_parse_uint64(text, length, &value) && (bits == 64 || value >> bits == 0);
        return *ret_fits ? etl_append_uint(column, value, err) : ETL_OK;
    }
    int64_t value = 0;
    *ret_fits = etl_parse_int64(text, length, &value) &&
                (bits == 64 || (value >= -(INT64_C(1) << (bits - 1)) && value < INT64_C(1) << (bits - 1)));
    return *ret_fits ? etl_append_int(column, value, err) : ETL_OK;
}

static etl_status append_double(struct etl_column *column, const char *text, size_t length, bool *ret_fits,
                                struct etl_error *err)
{
    double value = 0;
    *ret_fits = etl_parse_double(text, length, &value) &&
                (column->type.bits == 64 || !isfinite(value) || isfinite((double)(float)value));
    return *ret_fits ? etl_append_double(column, value, err) : ETL_OK;
}

static etl_status append_moment(struct etl_column *column, const char *text, size_t length, bool *ret_fits,
                                struct etl_error *err)
{
    int32_t days = 0;
    int64_t us = 0;
    bool has_zone = false;
    switch (column->type.kind) {
    case ETL_KIND_DATE:
        *ret_fits = etl_parse_date(text, length, &days);
        us = days;
        break;
    case ETL_KIND_TIME: *ret_fits = etl_parse_time(text, length, &us); break;
    default: *ret_fits = etl_parse_timestamp(text, length, &us, &has_zone) && has_zone == column->type.is_utc; break;
    }
    return *ret_fits ? etl_append_int(column, us, err) : ETL_OK;
}

etl_status etl_append_text(struct etl_column *column, const char *text, size_t length, bool *ret_fits,
                           struct etl_error *err)
{
    struct etl_decimal decimal;
    bool truth = false;
    *ret_fits = false;
    switch (column->type.kind) {
    case ETL_KIND_BOOL:
        *ret_fits = etl_parse_bool(text, length, &truth);
        return *ret_fits ? etl_append_bool(column, truth, err) : ETL_OK;
    case ETL_KIND_INT:
    case ETL_KIND_UINT: return append_integer(column, text, length, ret_fits, err);
    case ETL_KIND_DOUBLE: return append_double(column, text, length, ret_fits, err);
    case ETL_KIND_DECIMAL:
        *ret_fits = etl_parse_decimal(text, length, column->type.precision, column->type.scale, &decimal);
        return *ret_fits ? etl_append_decimal(column, decimal, err) : ETL_OK;
    case ETL_KIND_DATE:
    case ETL_KIND_TIME:
    case ETL_KIND_TIMESTAMP: return append_moment(column, text, length, ret_fits, err);
    case ETL_KIND_UUID: return append_uuid(column, text, length, ret_fits, err);
    case ETL_KIND_BINARY: return append_binary(column, text, length, ret_fits, err);
    case ETL_KIND_STRING:
        *ret_fits = etl_is_utf8(text, length);
        return *ret_fits ? etl_append_bytes(column, text, length, err) : ETL_OK;
    case ETL_KIND_JSON:
        *ret_fits = etl__is_json(text, length);
        return *ret_fits ? etl_append_bytes(column, text, length, err) : ETL_OK;
    case ETL_KIND_STRUCT:
    case ETL_KIND_LIST: break;
    }
    return etl_fail(err, ETL_MISUSE, "column %s: text appended to a nested column", column->name);
}
