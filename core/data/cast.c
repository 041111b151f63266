/* Cell casts. Widening always succeeds; narrowing succeeds when the value comes back unchanged: "12" is an int64, "012" is not; 5.00 is the
 * integer 5; midnight is a date. */
#include "core/data/cast.h"

#include <math.h>
#include <string.h>

#define DAY_US INT64_C(86400000000)

/* Written with the type's own size: memcpy of a constant size is one store. */
static bool store_int(const struct etl_type *to, int64_t value, void *slot)
{
    int8_t v8 = (int8_t)value;
    int16_t v16 = (int16_t)value;
    int32_t v32 = (int32_t)value;
    switch (to->bits) {
    case 8: memcpy(slot, &v8, sizeof v8); return v8 == value;
    case 16: memcpy(slot, &v16, sizeof v16); return v16 == value;
    case 32: memcpy(slot, &v32, sizeof v32); return v32 == value;
    default: memcpy(slot, &value, sizeof value); return true;
    }
}

static bool store_uint(const struct etl_type *to, uint64_t value, void *slot)
{
    if (to->bits < 64 && value >> to->bits)
        return false;
    memcpy(slot, &value, to->bits / 8u); /* little-endian, as all Arrow data here */
    return true;
}

static bool store_integer(const struct etl_type *to, bool is_negative, uint64_t bits, void *slot)
{
    if (to->kind == ETL_KIND_UINT)
        return !is_negative && store_uint(to, bits, slot);
    if (!is_negative && bits > INT64_MAX)
        return false;
    return store_int(to, (int64_t)bits, slot);
}

static bool is_negative_integer(const struct etl_view *column, int64_t row)
{
    return column->type.kind == ETL_KIND_INT && etl_view_int(column, row) < 0;
}

static uint64_t integer_bits(const struct etl_view *column, int64_t row)
{
    return column->type.kind == ETL_KIND_UINT ? etl_view_uint(column, row) : (uint64_t)etl_view_int(column, row);
}

static bool integer_to_integer(const struct etl_view *column, int64_t row, const struct etl_type *to, void *slot)
{
    return store_integer(to, is_negative_integer(column, row), integer_bits(column, row), slot);
}

/* ---- decimals ---- */

__extension__ typedef __int128 wide_int;
__extension__ typedef unsigned __int128 wide_uint;

static wide_int wide(struct etl_decimal value)
{
    return (wide_int)((wide_uint)(uint64_t)value.high << 64 | value.low);
}

static struct etl_decimal narrow(wide_int value)
{
    return (struct etl_decimal){.low = (uint64_t)value, .high = (int64_t)(value >> 64)};
}

/* To a smaller scale, when nothing is lost. */
static bool reduce_scale(struct etl_decimal *value, int8_t from, int8_t to)
{
    wide_int number = wide(*value);
    for (; from > to; from--) {
        if (number % 10)
            return false;
        number /= 10;
    }
    *value = narrow(number);
    return true;
}

static bool store_decimal(struct etl_decimal value, int8_t scale, const struct etl_type *to, void *slot)
{
    if (scale < to->scale && !etl_decimal_rescale(value, scale, to->scale, &value))
        return false;
    if (scale > to->scale && !reduce_scale(&value, scale, to->scale))
        return false;
    memcpy(slot, &value, sizeof value);
    return etl_decimal_digits(value) <= to->precision;
}

static bool integer_to_decimal(const struct etl_view *column, int64_t row, const struct etl_type *to, void *slot)
{
    struct etl_decimal value = column->type.kind == ETL_KIND_UINT
                                   ? (struct etl_decimal){.low = etl_view_uint(column, row)}
                                   : etl_decimal_from_int64(etl_view_int(column, row));
    return store_decimal(value, 0, to, slot);
}

static bool decimal_to_decimal(const struct etl_view *column, int64_t row, const struct etl_type *to, void *slot)
{
    return store_decimal(etl_view_decimal(column, row), column->type.scale, to, slot);
}

static bool decimal_to_integer(const struct etl_view *column, int64_t row, const struct etl_type *to, void *slot)
{
    struct etl_decimal value = etl_view_decimal(column, row);
    if (!reduce_scale(&value, column->type.scale, 0))
        return false;
    wide_int number = wide(value);
    if (number < INT64_MIN || number > (wide_int)UINT64_MAX)
        return false;
    return store_integer(to, number < 0, (uint64_t)number, slot);
}

/* ---- doubles ---- */

static bool store_double(double value, const struct etl_type *to, void *slot)
{
    float single = (float)value;
    if (to->bits == 64) {
        memcpy(slot, &value, sizeof value);
        return true;
    }
    memcpy(slot, &single, sizeof single);
    double back = (double)single;
    return isnan(value) || !(back < value || back > value);
}

static bool double_to_double(const struct etl_view *column, int64_t row, const struct etl_type *to, void *slot)
{
    return store_double(etl_view_double(column, row), to, slot);
}

static bool integer_to_double(const struct etl_view *column, int64_t row, const struct etl_type *to, void *slot)
{
    uint64_t bits = integer_bits(column, row);
    bool is_negative = is_negative_integer(column, row);
    uint64_t magnitude = is_negative ? 0 - bits : bits;
    if (magnitude > UINT64_C(1) << 53)
        return false;
    return store_double(is_negative ? -(double)magnitude : (double)magnitude, to, slot);
}

/* By way of the shortest text: 0.1 is the decimal 0.1, not what the binary digits say. */
static bool double_to_decimal(const struct etl_view *column, int64_t row, const struct etl_type *to, void *slot)
{
    char text[ETL_VALUE_TEXT_MAX];
    struct etl_decimal value = {0};
    size_t length = etl_format_double(text, etl_view_double(column, row));
    if (!etl_parse_decimal(text, length, to->precision, to->scale, &value))
        return false;
    memcpy(slot, &value, sizeof value);
    return true;
}

static bool decimal_to_double(const struct etl_view *column, int64_t row, const struct etl_type *to, void *slot)
{
    char text[ETL_VALUE_TEXT_MAX];
    struct etl_decimal value = etl_view_decimal(column, row), back = {0};
    double number = 0;
    size_t length = etl_format_decimal(text, value, column->type.scale);
    if (!etl_parse_double(text, length, &number))
        return false;
    length = etl_format_double(text, number);
    return etl_parse_decimal(text, length, column->type.precision, column->type.scale, &back) &&
           etl_decimal_compare(value, back) == 0 && store_double(number, to, slot);
}

static bool double_to_integer(const struct etl_view *column, int64_t row, const struct etl_type *to, void *slot)
{
    double value = etl_view_double(column, row);
    if (!(fabs(value) <= 0x1p53) || value < floor(value) || value > floor(value))
        return false;
    return store_integer(to, value < 0, (uint64_t)(int64_t)value, slot);
}

/* ---- times ---- */

static bool date_to_timestamp(const struct etl_view *column, int64_t row, const struct etl_type *to, void *slot)
{
    int64_t us = 0;
    (void)to;
    if (__builtin_mul_overflow(etl_view_int(column, row), DAY_US, &us))
        return false;
    memcpy(slot, &us, sizeof us);
    return true;
}

static bool timestamp_to_date(const struct etl_view *column, int64_t row, const struct etl_type *to, void *slot)
{
    int64_t us = etl_view_int(column, row);
    int32_t days = (int32_t)(us / DAY_US);
    (void)to;
    memcpy(slot, &days, sizeof days);
    return us % DAY_US == 0;
}

/* ---- text ---- */

static bool text_to_integer(const struct etl_view *column, int64_t row, const struct etl_type *to, void *slot)
{
    struct etl_bytes text = etl_view_bytes(column, row);
    int64_t value = 0;
    uint64_t bits = 0;
    if (to->kind == ETL_KIND_UINT)
        return etl_parse_uint64(text.data, text.length, &bits) && store_uint(to, bits, slot);
    return etl_parse_int64(text.data, text.length, &value) && store_int(to, value, slot);
}

static bool text_to_decimal(const struct etl_view *column, int64_t row, const struct etl_type *to, void *slot)
{
    struct etl_bytes text = etl_view_bytes(column, row);
    struct etl_decimal value = {0};
    bool fits = etl_parse_decimal(text.data, text.length, to->precision, to->scale, &value);
    memcpy(slot, &value, sizeof value);
    return fits;
}

static bool text_to_double(const struct etl_view *column, int64_t row, const struct etl_type *to, void *slot)
{
    struct etl_bytes text = etl_view_bytes(column, row);
    double value = 0;
    return etl_parse_double(text.data, text.length, &value) && store_double(value, to, slot);
}

static bool text_to_bool(const struct etl_view *column, int64_t row, const struct etl_type *to, void *slot)
{
    struct etl_bytes text = etl_view_bytes(column, row);
    bool value = false, fits = etl_parse_bool(text.data, text.length, &value);
    (void)to;
    *(uint8_t *)slot = value;
    return fits;
}

static bool text_to_date(const struct etl_view *column, int64_t row, const struct etl_type *to, void *slot)
{
    struct etl_bytes text = etl_view_bytes(column, row);
    int32_t days = 0;
    bool fits = etl_parse_date(text.data, text.length, &days);
    (void)to;
    memcpy(slot, &days, sizeof days);
    return fits;
}

static bool text_to_time(const struct etl_view *column, int64_t row, const struct etl_type *to, void *slot)
{
    struct etl_bytes text = etl_view_bytes(column, row);
    int64_t us = 0;
    bool fits = etl_parse_time(text.data, text.length, &us);
    (void)to;
    memcpy(slot, &us, sizeof us);
    return fits;
}

static bool text_to_timestamp(const struct etl_view *column, int64_t row, const struct etl_type *to, void *slot)
{
    struct etl_bytes text = etl_view_bytes(column, row);
    int64_t us = 0;
    int32_t days = 0;
    bool has_zone = false;
    bool fits = etl_parse_timestamp(text.data, text.length, &us, &has_zone) && has_zone == to->is_utc;
    if (!fits && !to->is_utc && etl_parse_date(text.data, text.length, &days)) {
        us = days * DAY_US;
        fits = true;
    }
    memcpy(slot, &us, sizeof us);
    return fits;
}

/* ---- choosing ---- */

bool cast_is_variable(const struct etl_type *to)
{
    return to->kind == ETL_KIND_STRING || to->kind == ETL_KIND_JSON || to->kind == ETL_KIND_UUID ||
           to->kind == ETL_KIND_BINARY;
}

static bool is_integer(const struct etl_type *type)
{
    return type->kind == ETL_KIND_INT || type->kind == ETL_KIND_UINT;
}

static bool is_text(const struct etl_type *type)
{
    return type->kind == ETL_KIND_STRING || type->kind == ETL_KIND_JSON || type->kind == ETL_KIND_UUID;
}

bool cast_is_relabel(const struct etl_type *from, const struct etl_type *to)
{
    return etl_type_equal(from, to) || (is_text(from) && to->kind == ETL_KIND_STRING && from->is_large == to->is_large);
}

static cast_cell find_from_text(const struct etl_type *to)
{
    switch (to->kind) {
    case ETL_KIND_BOOL: return text_to_bool;
    case ETL_KIND_INT:
    case ETL_KIND_UINT: return text_to_integer;
    case ETL_KIND_DOUBLE: return text_to_double;
    case ETL_KIND_DECIMAL: return text_to_decimal;
    case ETL_KIND_DATE: return text_to_date;
    case ETL_KIND_TIME: return text_to_time;
    case ETL_KIND_TIMESTAMP: return text_to_timestamp;
    case ETL_KIND_STRING:
    case ETL_KIND_JSON:
    case ETL_KIND_UUID:
    case ETL_KIND_BINARY:
    case ETL_KIND_STRUCT:
    case ETL_KIND_LIST: break;
    }
    return NULL;
}

static cast_cell by_number(const struct etl_type *from, cast_cell integer, cast_cell decimal, cast_cell floating)
{
    if (is_integer(from))
        return integer;
    return from->kind == ETL_KIND_DECIMAL ? decimal : from->kind == ETL_KIND_DOUBLE ? floating : NULL;
}

cast_cell cast_find_cell(const struct etl_type *from, const struct etl_type *to)
{
    if (is_text(from))
        return find_from_text(to);
    if (is_integer(to))
        return by_number(from, integer_to_integer, decimal_to_integer, double_to_integer);
    if (to->kind == ETL_KIND_DECIMAL)
        return by_number(from, integer_to_decimal, decimal_to_decimal, double_to_decimal);
    if (to->kind == ETL_KIND_DOUBLE)
        return by_number(from, integer_to_double, decimal_to_double, double_to_double);
    if (to->kind == ETL_KIND_TIMESTAMP && !to->is_utc && from->kind == ETL_KIND_DATE)
        return date_to_timestamp;
    if (to->kind == ETL_KIND_DATE && from->kind == ETL_KIND_TIMESTAMP && !from->is_utc)
        return timestamp_to_date;
    return NULL;
}

/* ---- payloads ---- */

static bool append_text(const struct etl_view *column, int64_t row, struct etl_buffer *payload)
{
    etl_text_add_cell(payload, column, row);
    return true;
}

static bool append_json(const struct etl_view *column, int64_t row, struct etl_buffer *payload)
{
    etl_json_add_cell(payload, column, row);
    return true;
}

static bool append_bytes(const struct etl_view *column, int64_t row, struct etl_buffer *payload)
{
    struct etl_bytes bytes = etl_view_bytes(column, row);
    etl_buffer_add(payload, bytes.data, bytes.length);
    return true;
}

static bool append_uuid(const struct etl_view *column, int64_t row, struct etl_buffer *payload)
{
    struct etl_bytes text = etl_view_bytes(column, row);
    if (!etl_is_uuid(text.data, text.length))
        return false;
    char *to = etl_buffer_reserve(payload, text.length);
    for (size_t i = 0; to && i < text.length; i++)
        to[i] = (char)(text.data[i] >= 'A' && text.data[i] <= 'F' ? text.data[i] + ('a' - 'A') : text.data[i]);
    payload->length += to ? text.length : 0;
    return true;
}

cast_append cast_find_append(const struct etl_type *from, const struct etl_type *to)
{
    if (to->kind == ETL_KIND_STRING)
        return append_text;
    if (to->kind == ETL_KIND_JSON)
        return append_json;
    if (to->kind == ETL_KIND_UUID)
        return is_text(from) ? append_uuid : NULL;
    return from->kind == ETL_KIND_BINARY ? append_bytes : NULL;
}
