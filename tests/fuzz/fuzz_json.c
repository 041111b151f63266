/* The JSON reader and writer and the value parsers on arbitrary bytes. What must hold: skipping and reading agree on every document, what
 * is read and written again reads as the same, and a value that is parsed and formatted parses to the same value. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk/json_reader.h>
#include <etlhost/sdk/json_writer.h>
#include <etlhost/sdk/value_text.h>

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                            \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_decimal(const char *text, size_t length)
{
    char buffer[ETL_VALUE_TEXT_MAX];
    struct etl_decimal value = {0, 0}, again = {0, 0};

    for (int8_t scale = 0; scale <= 38; scale += 6) {
        if (!etl_parse_decimal(text, length, 38, scale, &value))
            continue;
        MUST(etl_decimal_digits(value) <= 38);
        MUST(etl_parse_decimal(buffer, etl_format_decimal(buffer, value, scale), 38, scale, &again));
        MUST(etl_decimal_compare(value, again) == 0);
    }
}

static void check_values(const char *text, size_t length)
{
    char buffer[ETL_VALUE_TEXT_MAX];
    int64_t i64 = 0, i64_again = 0;
    uint64_t u64 = 0;
    double f64 = 0, f64_again = 0;
    int32_t days = 0, days_again = 0;
    bool flag = false, flag_again = false;

    if (etl_parse_int64(text, length, &i64))
        MUST(etl_format_int64(buffer, i64) == length && memcmp(buffer, text, length) == 0);
    if (etl_parse_uint64(text, length, &u64))
        MUST(etl_format_uint64(buffer, u64) == length && memcmp(buffer, text, length) == 0);
    if (etl_parse_date(text, length, &days))
        MUST(etl_parse_date(buffer, etl_format_date(buffer, days), &days_again) && days == days_again);
    if (etl_parse_time(text, length, &i64))
        MUST(etl_parse_time(buffer, etl_format_time(buffer, i64), &i64_again) && i64 == i64_again);
    if (etl_parse_timestamp(text, length, &i64, &flag)) {
        MUST(etl_parse_timestamp(buffer, etl_format_timestamp(buffer, i64, flag), &i64_again, &flag_again));
        MUST(i64 == i64_again && flag == flag_again);
    }
    if (etl_parse_double(text, length, &f64)) {
        MUST(etl_parse_double(buffer, etl_format_double(buffer, f64), &f64_again));
        MUST(memcmp(&f64, &f64_again, sizeof(f64)) == 0 || (f64 != f64 && f64_again != f64_again));
    }
    check_decimal(text, length);
    (void)etl_is_uuid(text, length);
}

/* Writes the document token by token; false if it is malformed. */
static bool rewrite(const char *text, size_t length, struct etl_buffer *buffer)
{
    struct etl_json json;
    enum etl_json_token token = ETL_JSON_ERROR, before = ETL_JSON_BEGIN_ARRAY;

    etl_json_init(&json, text, length, 0);
    while ((token = etl_json_next(&json)) != ETL_JSON_END && token != ETL_JSON_ERROR) {
        struct etl_bytes value = etl_json_text(&json);
        bool closes = token == ETL_JSON_END_ARRAY || token == ETL_JSON_END_OBJECT;
        if (before != ETL_JSON_BEGIN_ARRAY && before != ETL_JSON_BEGIN_OBJECT && before != ETL_JSON_KEY && !closes)
            etl_buffer_add_text(buffer, ",");
        if (token == ETL_JSON_STRING || token == ETL_JSON_KEY) {
            MUST(etl_is_utf8(value.data, value.length));
            etl_json_add_string(buffer, value.data, value.length);
            check_values(value.data, value.length);
        } else if (token == ETL_JSON_NUMBER) {
            etl_buffer_add(buffer, value.data, value.length);
            check_values(value.data, value.length);
        } else {
            static const char *const words[] = {
                [ETL_JSON_NULL] = "null",      [ETL_JSON_FALSE] = "false",  [ETL_JSON_TRUE] = "true",
                [ETL_JSON_BEGIN_OBJECT] = "{", [ETL_JSON_END_OBJECT] = "}", [ETL_JSON_BEGIN_ARRAY] = "[",
                [ETL_JSON_END_ARRAY] = "]",
            };
            etl_buffer_add_text(buffer, words[token]);
        }
        if (token == ETL_JSON_KEY)
            etl_buffer_add_text(buffer, ":");
        before = token;
    }
    etl_json_fini(&json);
    return token == ETL_JSON_END;
}

static bool skip(const char *text, size_t length)
{
    struct etl_json json;
    bool ok = false;

    etl_json_init(&json, text, length, 0);
    ok = etl_json_raw(&json, etl_json_next(&json)).data && etl_json_next(&json) == ETL_JSON_END;
    etl_json_fini(&json);
    return ok;
}

static void check_string(const char *text, size_t length, struct etl_buffer *buffer)
{
    struct etl_json json;
    struct etl_bytes back = {NULL, 0};

    etl_buffer_reset(buffer);
    etl_json_add_string(buffer, text, length);
    etl_json_init(&json, buffer->data, buffer->length, 0);
    MUST(etl_json_next(&json) == ETL_JSON_STRING);
    back = etl_json_text(&json);
    if (etl_is_utf8(text, length))
        MUST(back.length == length && (length == 0 || memcmp(back.data, text, length) == 0));
    MUST(etl_json_next(&json) == ETL_JSON_END);
    etl_json_fini(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct etl_buffer once = {0}, twice = {0};
    struct etl_bytes value = {NULL, 0};
    bool ok = rewrite(text, size, &once);

    MUST(ok == skip(text, size));
    if (ok) {
        MUST(rewrite(once.data, once.length, &twice));
        MUST(once.length == twice.length && memcmp(once.data, twice.data, once.length) == 0);
        free(etl_json_to_string((struct etl_bytes){text, size}));
        (void)etl_json_find(text, size, "a", &value);
    }
    check_string(text, size, &twice);
    check_values(text, size);
    etl_buffer_fini(&once);
    etl_buffer_fini(&twice);
    return 0;
}
