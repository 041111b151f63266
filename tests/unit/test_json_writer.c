#include <etlhost/sdk/json_writer.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <etlhost/sdk/json_reader.h>

static struct etl_buffer buffer;

static void check(const char *expected)
{
    cr_assert_str_eq(etl_buffer_text(&buffer), expected);
    cr_assert_eq(buffer.length, strlen(expected));
    etl_buffer_reset(&buffer);
}

static void fini(void)
{
    etl_buffer_fini(&buffer);
}

TestSuite(json_writer, .fini = fini);

Test(json_writer, buffer_grows)
{
    char expected[5001];
    for (int i = 0; i < 1000; i++) {
        etl_buffer_add(&buffer, "ab", 2);
        etl_buffer_add_text(&buffer, "c");
        etl_buffer_add_format(&buffer, "%02d", i % 100);
        memcpy(expected + 5 * i, "abc", 3);
        expected[5 * i + 3] = (char)('0' + i % 100 / 10);
        expected[5 * i + 4] = (char)('0' + i % 10);
    }
    expected[5000] = '\0';
    check(expected);
    etl_buffer_add(&buffer, NULL, 0);
    check("");
}

Test(json_writer, limit)
{
    buffer.limit = 10;
    etl_buffer_add(&buffer, "0123456789", 10);
    cr_assert_not(buffer.failed);
    etl_buffer_add(&buffer, "x", 1);
    cr_assert(buffer.failed);
    cr_assert_eq(buffer.length, 0);
    cr_assert_null(etl_buffer_text(&buffer));
    etl_buffer_add_text(&buffer, "y");
    etl_json_add_string(&buffer, "y\n", 2);
    etl_buffer_add_format(&buffer, "%d", 1);
    cr_assert_eq(buffer.length, 0);
    etl_buffer_reset(&buffer);
    etl_buffer_add_text(&buffer, "y");
    check("y");
}

Test(json_writer, absurd_sizes_fail)
{
    etl_buffer_add_text(&buffer, "x");
    cr_assert_null(etl_buffer_reserve(&buffer, SIZE_MAX));
    cr_assert(buffer.failed);
    etl_buffer_reset(&buffer);
    cr_assert_null(etl_buffer_reserve(&buffer, SIZE_MAX / 2 + 2));
    etl_buffer_reset(&buffer);
    cr_assert_not_null(etl_buffer_reserve(&buffer, 0));
}

Test(json_writer, strings)
{
    etl_json_add_string(&buffer, NULL, 0);
    check("\"\"");
    etl_json_add_string(&buffer, "abc", 3);
    check("\"abc\"");
    etl_json_add_string(&buffer, "\"\\/\b\f\n\r\t\x01\x1f\x7f", 11);
    check("\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
    etl_json_add_string(&buffer, "a\0b", 3);
    check("\"a\\u0000b\"");
    etl_json_add_string(&buffer, "\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e", 9);
    check("\"\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e\"");
    etl_json_add_string(&buffer, "a\xff\xc3", 3);
    check("\"a\xef\xbf\xbd\xef\xbf\xbd\"");
}

Test(json_writer, every_string_can_be_read)
{
    srandom(3);
    for (int i = 0; i < 20000; i++) {
        char text[80];
        size_t length = (size_t)random() % sizeof(text);
        struct etl_json json;
        struct etl_bytes back;
        for (size_t k = 0; k < length; k++) {
            long r = random();
            text[k] = (char)(r % 5 == 0 ? r >> 8 : 'a' + r % 26);
        }
        etl_buffer_reset(&buffer);
        etl_json_add_string(&buffer, text, length);
        etl_json_init(&json, buffer.data, buffer.length, 0);
        cr_assert_eq(etl_json_next(&json), ETL_JSON_STRING, "%.*s", (int)buffer.length, buffer.data);
        back = etl_json_text(&json);
        if (etl_is_utf8(text, length))
            cr_assert(back.length == length && memcmp(back.data, text, length) == 0);
        else
            cr_assert(etl_is_utf8(back.data, back.length));
        cr_assert_eq(etl_json_next(&json), ETL_JSON_END);
        etl_json_fini(&json);
    }
}

/* Views are built by hand here: the writer needs nothing else of a batch. */
static struct etl_view leaf(enum etl_kind kind, uint8_t bits, const void *data, const char *bytes)
{
    struct etl_view view = {
        .type = {.kind = kind, .bits = bits}, .name = "x", .data = data, .bytes = bytes, .length = 2, .op_column = -1};
    return view;
}

#define CHECK_CELL(view, row, json_text, plain_text)                                                                   \
    do {                                                                                                               \
        etl_json_add_cell(&buffer, view, row);                                                                         \
        check(json_text);                                                                                              \
        etl_text_add_cell(&buffer, view, row);                                                                         \
        check(plain_text);                                                                                             \
    } while (0)

Test(json_writer, scalar_cells)
{
    static const int64_t i64[] = {-5, 1500000};
    static const uint8_t u8[] = {255, 0}, bits[] = {2};
    static const uint64_t u64[] = {UINT64_MAX, 1};
    static const int32_t i32[] = {-1, 0};
    static const double f64[] = {1.5, (double)NAN};
    static const float f32[] = {0.5f, (float)INFINITY};
    static const struct etl_decimal decimals[] = {{12345, 0}, {(uint64_t)-5, -1}};
    struct etl_view view = leaf(ETL_KIND_INT, 64, i64, NULL);

    CHECK_CELL(&view, 0, "-5", "-5");
    view = leaf(ETL_KIND_UINT, 8, u8, NULL);
    CHECK_CELL(&view, 0, "255", "255");
    view = leaf(ETL_KIND_UINT, 64, u64, NULL);
    CHECK_CELL(&view, 0, "18446744073709551615", "18446744073709551615");
    view = leaf(ETL_KIND_BOOL, 0, bits, NULL);
    CHECK_CELL(&view, 0, "false", "false");
    CHECK_CELL(&view, 1, "true", "true");
    view = leaf(ETL_KIND_DOUBLE, 64, f64, NULL);
    CHECK_CELL(&view, 0, "1.5", "1.5");
    CHECK_CELL(&view, 1, "null", "NaN");
    view = leaf(ETL_KIND_DOUBLE, 32, f32, NULL);
    CHECK_CELL(&view, 0, "0.5", "0.5");
    CHECK_CELL(&view, 1, "null", "Infinity");
    view = leaf(ETL_KIND_DECIMAL, 0, decimals, NULL);
    view.type.scale = 3;
    CHECK_CELL(&view, 0, "12.345", "12.345");
    CHECK_CELL(&view, 1, "-0.005", "-0.005");
    view = leaf(ETL_KIND_DATE, 0, i32, NULL);
    CHECK_CELL(&view, 0, "\"1969-12-31\"", "1969-12-31");
    view = leaf(ETL_KIND_TIME, 64, i64, NULL);
    CHECK_CELL(&view, 1, "\"00:00:01.500000\"", "00:00:01.500000");
    view = leaf(ETL_KIND_TIMESTAMP, 64, i64, NULL);
    CHECK_CELL(&view, 1, "\"1970-01-01T00:00:01.500000\"", "1970-01-01T00:00:01.500000");
    view.type.is_utc = true;
    CHECK_CELL(&view, 1, "\"1970-01-01T00:00:01.500000Z\"", "1970-01-01T00:00:01.500000Z");
}

Test(json_writer, byte_cells)
{
    static const int32_t offsets[] = {0, 3, 5};
    static const int64_t large[] = {0, 3, 3};
    static const uint8_t validity[] = {1};
    struct etl_view view = leaf(ETL_KIND_STRING, 0, offsets, "a\"b\xc3\xa9");

    CHECK_CELL(&view, 0, "\"a\\\"b\"", "a\"b");
    CHECK_CELL(&view, 1, "\"\xc3\xa9\"", "\xc3\xa9");
    view.validity = validity;
    CHECK_CELL(&view, 1, "null", "");
    view = leaf(ETL_KIND_BINARY, 0, offsets, "\x00\xff\x10zz");
    CHECK_CELL(&view, 0, "\"AP8Q\"", "AP8Q");
    CHECK_CELL(&view, 1, "\"eno=\"", "eno=");
    view = leaf(ETL_KIND_JSON, 0, large, "[\n]");
    view.type.is_large = true;
    CHECK_CELL(&view, 0, "[ ]", "[\n]");
    CHECK_CELL(&view, 1, "null", "");
    view = leaf(ETL_KIND_STRING, 0, offsets, "a\"b\xc3\xa9");
    view.offset = 1;
    CHECK_CELL(&view, 0, "\"\xc3\xa9\"", "\xc3\xa9");
}

Test(json_writer, nested_cells_and_rows)
{
    static const int64_t numbers[] = {1, 2, 3, 4};
    static const int32_t offsets[] = {0, 1, 3};
    static const uint8_t ops[] = {0, 1}, validity[] = {2};
    struct etl_view item = leaf(ETL_KIND_INT, 64, numbers, NULL), children[3], fields[2],
                    root = leaf(ETL_KIND_STRUCT, 0, NULL, NULL);

    fields[0] = leaf(ETL_KIND_INT, 64, numbers, NULL);
    fields[0].name = "n\"";
    fields[0].offset = 1;
    fields[1] = leaf(ETL_KIND_LIST, 0, offsets, NULL);
    fields[1].name = "l";
    fields[1].children = &item;
    fields[1].n_children = 1;
    children[0] = leaf(ETL_KIND_UINT, 8, ops, NULL);
    children[0].name = "op";
    children[1] = leaf(ETL_KIND_STRUCT, 0, NULL, NULL);
    children[1].name = "s";
    children[1].children = fields;
    children[1].n_children = 2;
    children[2] = leaf(ETL_KIND_STRUCT, 0, NULL, NULL);
    children[2].name = "e";
    children[2].validity = validity;
    root.children = children;
    root.n_children = 3;
    root.op_column = 0;
    etl_json_add_row(&buffer, &root, 0);
    check("{\"s\":{\"n\\\"\":2,\"l\":[1]},\"e\":null}");
    etl_json_add_row(&buffer, &root, 1);
    check("{\"s\":{\"n\\\"\":3,\"l\":[2,3]},\"e\":{}}");
    etl_text_add_cell(&buffer, &fields[1], 1);
    check("[2,3]");
}
