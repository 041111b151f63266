#include "tests/unit/sdk_helpers.h"

static struct etl_builder *make(struct ArrowSchema *ret_schema, const char *const (*columns)[3], size_t count)
{
    struct etl_builder *builder = NULL;
    OK(etl_schema_init_struct(ret_schema, "", &err));
    for (size_t i = 0; i < count; i++)
        OK(etl_schema_add_column(ret_schema, columns[i][0], columns[i][1], columns[i][2], &err));
    OK(etl_builder_new(ret_schema, &builder, &err));
    return builder;
}

static bool append_text(struct etl_column *column, const char *text)
{
    bool fits = false;
    OK(etl_append_text(column, text, strlen(text), &fits, &err));
    return fits;
}

Test(builder, text_forms_of_every_kind)
{
    static const char *const columns[][3] = {
        {"b", "b", NULL},         {"i8", "c", NULL},    {"u8", "C", NULL},       {"u64", "L", NULL},
        {"f", "f", NULL},         {"g", "g", NULL},     {"d", "d:5,2", NULL},    {"u", "u", NULL},
        {"U", "U", NULL},         {"z", "z", NULL},     {"Z", "Z", NULL},        {"date", "tdD", NULL},
        {"time", "ttu", NULL},    {"ts", "tsu:", NULL}, {"tz", "tsu:UTC", NULL}, {"j", "u", "arrow.json"},
        {"id", "u", "arrow.uuid"}};
    static const char *const good[] = {"true",
                                       "-128",
                                       "255",
                                       "18446744073709551615",
                                       "1.5",
                                       "2.5",
                                       "-999.99",
                                       "x",
                                       "",
                                       "aGk=",
                                       "",
                                       "2026-01-31",
                                       "10:00:00",
                                       "2026-01-31T10:00:00",
                                       "2026-01-31T10:00:00Z",
                                       "{\"a\":[1]}",
                                       "123E4567-e89b-12d3-a456-426614174000"};
    static const char *const bad[] = {"TRUE",
                                      "128",
                                      "256",
                                      "18446744073709551616",
                                      "1e99",
                                      "x",
                                      "1000.00",
                                      "\xff",
                                      "\xc3",
                                      "aGk",
                                      "aGl=",
                                      "2026-02-30",
                                      "24:00:00",
                                      "2026-01-31T10:00:00Z",
                                      "2026-01-31T10:00:00",
                                      "{\"a\":[1}",
                                      "123"};
    size_t count = sizeof columns / sizeof columns[0];
    struct ArrowSchema schema = {0};
    struct ArrowArray batch;
    struct etl_builder *builder = make(&schema, columns, count);
    for (size_t i = 0; i < count; i++) {
        cr_expect(!append_text(etl_builder_column(builder, (int64_t)i), bad[i]), "%s: %s", columns[i][0], bad[i]);
        cr_expect(append_text(etl_builder_column(builder, (int64_t)i), good[i]), "%s: %s", columns[i][0], good[i]);
    }
    OK(etl_builder_end_row(builder, &err));
    OK(etl_builder_end_row(builder, &err));
    OK(etl_builder_finish(builder, &batch, &err));
    cr_expect_str_eq(
        rows_of(&schema, &batch),
        "{\"b\":true,\"i8\":-128,\"u8\":255,\"u64\":18446744073709551615,\"f\":1.5,\"g\":2.5,\"d\":-999.99,\"u\":\"x\","
        "\"U\":\"\",\"z\":\"aGk=\",\"Z\":\"\",\"date\":\"2026-01-31\",\"time\":\"10:00:00\",\"ts\":\"2026-01-31T10:00:"
        "00\","
        "\"tz\":\"2026-01-31T10:00:00Z\",\"j\":{\"a\":[1]},\"id\":\"123e4567-e89b-12d3-a456-426614174000\"}\n"
        "{\"b\":null,\"i8\":null,\"u8\":null,\"u64\":null,\"f\":null,\"g\":null,\"d\":null,\"u\":null,\"U\":null,"
        "\"z\":null,\"Z\":null,\"date\":null,\"time\":null,\"ts\":null,\"tz\":null,\"j\":null,\"id\":null}\n");
    etl_array_release(&batch);
    etl_schema_release(&schema);
    etl_builder_free(builder);
}

Test(builder, binary_comes_back)
{
    static const char *const columns[][3] = {{"z", "z", NULL}, {"Z", "Z", NULL}};
    static const char *const bad[] = {"=", "====", "a===", "aGk", "aG=k", "aGl=", "aGk=aGk=", "aG k", "-_-_", "aGk=\n"};
    struct ArrowSchema schema = {0};
    struct ArrowArray batch;
    struct etl_view view;
    struct etl_buffer text = {0};
    struct etl_builder *builder = make(&schema, columns, 2);
    char bytes[256];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect(!append_text(etl_builder_column(builder, 0), bad[i]), "%s", bad[i]);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 37);
    for (size_t length = 0; length < sizeof bytes; length++) {
        OK(etl_append_bytes(etl_builder_column(builder, 0), bytes, length, &err));
        OK(etl_builder_end_row(builder, &err));
    }
    OK(etl_builder_finish(builder, &batch, &err));
    OK(etl_view_init(&view, &schema, &err));
    etl_view_set(&view, &batch);
    for (int64_t row = 0; row < batch.length; row++) {
        etl_buffer_reset(&text);
        etl_text_add_cell(&text, &view.children[0], row);
        cr_assert(append_text(etl_builder_column(builder, 0), etl_buffer_text(&text)));
        cr_assert(append_text(etl_builder_column(builder, 1), etl_buffer_text(&text)));
        OK(etl_builder_end_row(builder, &err));
    }
    etl_array_release(&batch);
    OK(etl_builder_finish(builder, &batch, &err));
    etl_view_set(&view, &batch);
    for (int64_t row = 0; row < batch.length; row++) {
        for (int i = 0; i < 2; i++) {
            struct etl_bytes cell = etl_view_bytes(&view.children[i], row);
            cr_assert_eq(cell.length, (size_t)row);
            cr_assert_eq(memcmp(cell.data, bytes, cell.length), 0);
        }
    }
    etl_array_release(&batch);
    etl_buffer_fini(&text);
    etl_view_fini(&view);
    etl_schema_release(&schema);
    etl_builder_free(builder);
}

Test(builder, kinds_are_checked)
{
    static const char *const columns[][3] = {{"u", "u", NULL}, {"i", "s", NULL}, {"l", "l", NULL}, {"L", "L", NULL}};
    struct ArrowSchema schema = {0};
    struct etl_builder *builder = make(&schema, columns, 4);
    struct etl_column *text = etl_builder_column(builder, 0), *small = etl_builder_column(builder, 1),
                      *large = etl_builder_column(builder, 2), *natural = etl_builder_column(builder, 3);
    const int64_t values[] = {1, 40000};
    FAILS(ETL_MISUSE, "column u", etl_append_int(text, 1, &err));
    FAILS(ETL_MISUSE, "column u", etl_append_bool(text, true, &err));
    FAILS(ETL_MISUSE, "column u", etl_append_double(text, 1, &err));
    FAILS(ETL_MISUSE, "column u", etl_append_decimal(text, etl_decimal_from_int64(1), &err));
    FAILS(ETL_MISUSE, "column l", etl_append_bytes(large, "x", 1, &err));
    FAILS(ETL_MISUSE, "column l", etl_append_list_end(large, &err));
    FAILS(ETL_MISUSE, "column l", etl_append_struct_end(large, &err));
    FAILS(ETL_DATA, "int16", etl_append_int(small, 32768, &err));
    FAILS(ETL_DATA, "int16", etl_append_int_many(small, values, 2, &err));
    FAILS(ETL_DATA, "uint64", etl_append_int(natural, -1, &err));
    FAILS(ETL_DATA, "int64", etl_append_uint(large, UINT64_MAX, &err));
    OK(etl_append_uint(natural, UINT64_MAX, &err));
    cr_expect_eq(small->length, 0);
    FAILS(ETL_MISUSE, "reserve", etl_column_reserve(large, 1, 1, &err));
    OK(etl_append_int(large, 1, &err));
    OK(etl_append_int(large, 2, &err));
    FAILS(ETL_MISUSE, "more than one value", etl_builder_end_row(builder, &err));
    etl_builder_abort_row(builder);
    cr_expect_eq(large->length, 0);
    OK(etl_builder_end_row(builder, &err));
    etl_schema_release(&schema);
    etl_builder_free(builder);
}

static struct ArrowSchema nested_schema(void)
{
    struct ArrowSchema root = {0}, item = {0}, list = {0};
    OK(etl_schema_init_struct(&root, "", &err));
    OK(etl_schema_add_column(&root, "a", "l", NULL, &err));
    OK(etl_schema_init_struct(&item, "item", &err));
    OK(etl_schema_add_column(&item, "x", "u", NULL, &err));
    OK(etl_schema_add_column(&item, "y", "b", NULL, &err));
    OK(etl_schema_init_list(&list, "list", &item, &err));
    OK(etl_schema_add(&root, &list, &err));
    return root;
}

/* One row by number: even rows have a list of row % 4 items. */
static void append_nested(struct etl_builder *builder, int64_t row)
{
    struct etl_column *list = etl_builder_column(builder, 1), *item = etl_column_child(list, 0);
    if (row % 3)
        OK(etl_append_int(etl_builder_column(builder, 0), row, &err));
    if (row % 2)
        return;
    for (int64_t i = 0; i < row % 4; i++) {
        OK(etl_append_bytes(etl_column_child(item, 0), "text", (size_t)(row % 5), &err));
        if (i)
            OK(etl_append_bool(etl_column_child(item, 1), row % 8 < 4, &err));
        if (i == 0 && row % 7 == 0)
            OK(etl_append_null(etl_column_child(item, 1), &err));
        OK(etl_append_struct_end(item, &err));
    }
    OK(etl_append_list_end(list, &err));
}

/* Rows that are taken back leave nothing behind: the result is the same as without them. */
Test(builder, aborted_rows_leave_no_trace)
{
    struct ArrowSchema schema = nested_schema();
    struct etl_builder *plain = NULL, *torn = NULL;
    struct ArrowArray a, b;
    struct etl_buffer text = {0};
    OK(etl_builder_new(&schema, &plain, &err));
    OK(etl_builder_new(&schema, &torn, &err));
    for (int batch = 0; batch < 3; batch++) {
        for (int64_t row = 0; row < 1000; row++) {
            append_nested(plain, row);
            OK(etl_builder_end_row(plain, &err));
            append_nested(torn, row * 31 + 2);
            etl_builder_abort_row(torn);
            append_nested(torn, row);
            OK(etl_builder_end_row(torn, &err));
        }
        /* half a row that finish throws away */
        OK(etl_append_bytes(etl_column_child(etl_column_child(etl_builder_column(torn, 1), 0), 0), "zz", 2, &err));
        cr_expect_eq(etl_builder_rows(torn), 1000);
        OK(etl_builder_finish(plain, &a, &err));
        OK(etl_builder_finish(torn, &b, &err));
        etl_buffer_reset(&text);
        etl_buffer_add_text(&text, rows_of(&schema, &a));
        cr_assert_str_eq(etl_buffer_text(&text), rows_of(&schema, &b));
        cr_expect_eq(a.children[0]->null_count, b.children[0]->null_count);
        cr_expect_eq(a.children[0]->null_count, 334);
        etl_array_release(&a);
        etl_array_release(&b);
        cr_expect_eq(etl_builder_rows(torn), 0);
        cr_expect_eq(etl_builder_bytes(torn), 0);
    }
    etl_buffer_fini(&text);
    etl_schema_release(&schema);
    etl_builder_free(plain);
    etl_builder_free(torn);
}

Test(builder, a_batch_owns_itself)
{
    struct ArrowSchema schema = nested_schema();
    struct etl_builder *builder = NULL;
    struct ArrowArray batch, moved, list;
    OK(etl_builder_new(&schema, &builder, &err));
    for (int64_t row = 0; row < 100; row++) {
        append_nested(builder, row);
        OK(etl_builder_end_row(builder, &err));
    }
    OK(etl_builder_finish(builder, &batch, &err));
    etl_builder_free(builder);
    for (int64_t i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++)
            cr_expect_eq((uintptr_t)batch.children[i]->buffers[j] % 64, 0);
    etl_array_move(&batch, &moved);
    cr_expect_null(batch.release);
    /* a child outlives its parent */
    etl_array_move(moved.children[1], &list);
    etl_array_release(&moved);
    cr_expect_null(moved.release);
    cr_expect_eq(list.length, 100);
    cr_expect_eq(((const int32_t *)list.buffers[1])[100], 50);
    cr_expect_eq(list.children[0]->length, 50);
    etl_array_release(&list);
    etl_schema_release(&schema);
}

Test(builder, empty_batches)
{
    struct ArrowSchema schema = nested_schema(), none = {0};
    struct etl_builder *builder = NULL;
    struct ArrowArray batch;
    OK(etl_builder_new(&schema, &builder, &err));
    OK(etl_builder_finish(builder, &batch, &err));
    cr_expect_eq(batch.length, 0);
    cr_expect_str_eq(rows_of(&schema, &batch), "");
    cr_expect_eq(((const int32_t *)batch.children[1]->buffers[1])[0], 0, "offsets have their first entry");
    etl_array_release(&batch);
    etl_builder_free(builder);
    OK(etl_schema_init_struct(&none, "", &err));
    OK(etl_builder_new(&none, &builder, &err));
    OK(etl_builder_end_rows(builder, 5, &err));
    OK(etl_builder_finish(builder, &batch, &err));
    cr_expect_str_eq(rows_of(&none, &batch), "{}\n{}\n{}\n{}\n{}\n");
    etl_array_release(&batch);
    etl_builder_free(builder);
    etl_schema_release(&none);
    etl_schema_release(&schema);
}

Test(builder, many_at_once)
{
    static const char *const columns[][3] = {
        {"l", "l", NULL}, {"s", "s", NULL}, {"f", "f", NULL}, {"u", "u", NULL}, {"n", "b", NULL}};
    const int64_t numbers[] = {1, -2, 3};
    const double doubles[] = {0.5, 1.5, 2.5};
    const struct etl_bytes texts[] = {{"a", 1}, {NULL, 0}, {"bcd", 3}};
    struct ArrowSchema schema = {0};
    struct ArrowArray batch;
    struct etl_builder *builder = make(&schema, columns, 5);
    OK(etl_append_int_many(etl_builder_column(builder, 0), numbers, 3, &err));
    OK(etl_append_int_many(etl_builder_column(builder, 1), numbers, 3, &err));
    OK(etl_append_double_many(etl_builder_column(builder, 2), doubles, 3, &err));
    OK(etl_append_bytes_many(etl_builder_column(builder, 3), texts, 3, &err));
    OK(etl_append_null_many(etl_builder_column(builder, 4), 2, &err));
    OK(etl_append_int_many(etl_builder_column(builder, 0), NULL, 0, &err));
    OK(etl_builder_end_rows(builder, 3, &err));
    OK(etl_builder_finish(builder, &batch, &err));
    cr_expect_str_eq(rows_of(&schema, &batch), "{\"l\":1,\"s\":1,\"f\":0.5,\"u\":\"a\",\"n\":null}\n"
                                               "{\"l\":-2,\"s\":-2,\"f\":1.5,\"u\":\"\",\"n\":null}\n"
                                               "{\"l\":3,\"s\":3,\"f\":2.5,\"u\":\"bcd\",\"n\":null}\n");
    etl_array_release(&batch);
    etl_schema_release(&schema);
    etl_builder_free(builder);
}

/* 32 bit offsets end at 2 GiB, exactly; 64 bit offsets do not. Only reserves, so no memory is touched. */
Test(builder, two_gibibytes)
{
    static const char *const columns[][3] = {{"u", "u", NULL}, {"U", "U", NULL}};
    struct ArrowSchema schema = {0};
    struct etl_builder *builder = make(&schema, columns, 2);
    struct etl_column *text = etl_builder_column(builder, 0), *large = etl_builder_column(builder, 1);
    OK(etl_append_bytes(text, "x", 1, &err));
    OK(etl_append_bytes(large, "x", 1, &err));
    FAILS(ETL_DATA, "column u", etl_column_reserve(text, 1, INT32_MAX, &err));
    OK(etl_column_reserve(text, 1, INT32_MAX - 1, &err));
    FAILS(ETL_DATA, "column u", etl__append_bytes(text, "x", (size_t)INT32_MAX, &err));
    FAILS(ETL_DATA, "too many rows", etl_column_reserve(text, INT64_MAX, 0, &err));
    FAILS(ETL_DATA, "", etl_column_reserve(large, 1, SIZE_MAX, &err));
#ifndef __SANITIZE_ADDRESS__ /* which ends the program instead of returning NULL */
    FAILS(ETL_NOMEM, "", etl_column_reserve(large, 1, (size_t)1 << 60, &err));
#endif
    OK(etl_append_bytes(text, "y", 1, &err));
    cr_expect_eq(text->length, 2);
    cr_expect_eq(text->bytes_length, 2);
    etl_schema_release(&schema);
    etl_builder_free(builder);
}
