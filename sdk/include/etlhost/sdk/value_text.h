/* Text forms of typed values, the same everywhere in etlhost: what CSV cells, JSON values, cursors and SQLite columns hold.
 * Parsers are strict: the whole input must be the value, no surrounding white space, and nothing is lost (a parser that would
 * have to round returns false). No locale, no allocation, any thread. */
#ifndef ETL_SDK_VALUE_TEXT_H
#define ETL_SDK_VALUE_TEXT_H

#include <etlhost/sdk/type.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 128 bit two's complement, little-endian halves: the layout of an Arrow decimal128 value. */
struct etl_decimal {
    uint64_t low;
    int64_t high;
};

/* "-12", "0", "9223372036854775807". No plus sign, no leading zeros ("007" is not an integer: it would not come back). */
bool etl_parse_int64(const char *text, size_t length, int64_t *ret_value);
bool etl_parse_uint64(const char *text, size_t length, uint64_t *ret_value);

/* Plain or exponent notation; exact at the given scale or false. At most `precision` digits. Leading zeros other than a
 * single one before the point are refused, "-0" and "-0.0" are zero. */
bool etl_parse_decimal(const char *text, size_t length, uint8_t precision, int8_t scale, struct etl_decimal *ret_value);

/* A JSON number or "NaN", "Infinity", "-Infinity"; nearest double. */
bool etl_parse_double(const char *text, size_t length, double *ret_value);

/* "true" or "false". */
bool etl_parse_bool(const char *text, size_t length, bool *ret_value);

/* "2026-01-31" -> days since 1970-01-01. Years 0001 to 9999, proleptic Gregorian. */
bool etl_parse_date(const char *text, size_t length, int32_t *ret_days);

/* "23:59:59" with up to 6 fractional digits (more only if they are zeros) -> microseconds. */
bool etl_parse_time(const char *text, size_t length, int64_t *ret_us);

/* "2026-01-31T23:59:59.123456Z" or a space instead of T; fraction as above; zone Z or +hh:mm, +hhmm, +hh. *ret_has_zone
 * tells whether there was one; the value is then in UTC, else wall-clock. Seconds are required, 24:00 and leap seconds
 * are refused. */
bool etl_parse_timestamp(const char *text, size_t length, int64_t *ret_us, bool *ret_has_zone);

/* 8-4-4-4-12 hex digits of either case. */
bool etl_is_uuid(const char *text, size_t length);

/* Valid UTF-8 (no surrogates, no overlong forms). */
bool etl_is_utf8(const char *text, size_t length);

/* Formatters write without a NUL and return the length. `buffer` needs ETL_VALUE_TEXT_MAX bytes. */
#define ETL_VALUE_TEXT_MAX 64
size_t etl_format_int64(char *buffer, int64_t value);
size_t etl_format_uint64(char *buffer, uint64_t value);
size_t etl_format_decimal(char *buffer, struct etl_decimal value, int8_t scale); /* "1.50", always `scale` digits */
size_t etl_format_double(char *buffer, double value); /* shortest text that comes back to the same double; always has an
                                                         exponent or a point; "NaN", "Infinity", "-Infinity" */
size_t etl_format_date(char *buffer, int32_t days);
size_t etl_format_time(char *buffer, int64_t us);                   /* "23:59:59" or with 6 fractional digits */
size_t etl_format_timestamp(char *buffer, int64_t us, bool is_utc); /* "2026-01-31T23:59:59[.123456][Z]" */

/* Rescales to a greater scale; false on overflow of 38 digits. */
bool etl_decimal_rescale(struct etl_decimal value, int8_t from, int8_t to, struct etl_decimal *ret_value);
struct etl_decimal etl_decimal_from_int64(int64_t value);
int etl_decimal_compare(struct etl_decimal a, struct etl_decimal b);
/* Number of decimal digits of the magnitude, at least 1. */
unsigned etl_decimal_digits(struct etl_decimal value);

#ifdef __cplusplus
}
#endif

#endif
