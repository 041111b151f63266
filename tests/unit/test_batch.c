/* Whole batches, and arrays that the host builds. */
#include "tests/unit/data_helpers.h"

#include "core/data/array.h"
#include "core/data/batch.h"

#define COLUMNS "k:l s:u b:b d:d:9,2 t:{x:C y:[u]} l:[{z:i}] z:Z f:f h:s e:tdD"

static const char *const lines[] = {
    "{\"k\":1,\"s\":\"a\",\"b\":true,\"d\":1.00,\"t\":{\"x\":1,\"y\":[\"p\",\"q\"]},\"l\":[{\"z\":1}],\"z\":\"YQ==\","
    "\"f\":0.5,"
    "\"h\":-1,\"e\":\"2026-01-01\"}\n",
    "{\"k\":2,\"s\":null,\"b\":null,\"d\":null,\"t\":null,\"l\":null,\"z\":null,\"f\":null,\"h\":null,\"e\":null}\n",
    "{\"k\":3,\"s\":\"\",\"b\":false,\"d\":-3.25,\"t\":{\"x\":null,\"y\":null},\"l\":[],\"z\":\"\",\"f\":1.5,\"h\":3,"
    "\"e\":\"1969-12-31\"}\n",
    "{\"k\":4,\"s\":\"dd\",\"b\":true,\"d\":4.00,\"t\":{\"x\":4,\"y\":[null,\"\"]},\"l\":[null,{\"z\":null},{\"z\":4}],"
    "\"z\":\"ZGQ=\",\"f\":4.5,\"h\":4,\"e\":\"2026-04-04\"}\n",
};

static struct ArrowArray sample(const struct ArrowSchema *schema)
{
    return batch_of(
        schema, "[{\"k\":1,\"s\":\"a\",\"b\":true,\"d\":\"1.00\",\"t\":{\"x\":1,\"y\":[\"p\",\"q\"]},\"l\":[{\"z\":1}],"
                "\"z\":\"a\",\"f\":\"0.5\",\"h\":-1,\"e\":\"2026-01-01\"},{\"k\":2},"
                "{\"k\":3,\"s\":\"\",\"b\":false,\"d\":\"-3.25\",\"t\":{},\"l\":[],\"z\":\"\",\"f\":\"1.5\",\"h\":3,"
                "\"e\":\"1969-12-31\"},"
                "{\"k\":4,\"s\":\"dd\",\"b\":true,\"d\":\"4.00\",\"t\":{\"x\":4,\"y\":[null,\"\"]},"
                "\"l\":[null,{},{\"z\":4}],\"z\":\"dd\",\"f\":\"4.5\",\"h\":4,\"e\":\"2026-04-04\"}]");
}

static void expect_lines(const struct ArrowSchema *schema, const struct ArrowArray *batch, unsigned mask)
{
    char text[4096] = "";
    for (int i = 0; i < 4; i++) {
        if (mask >> i & 1)
            strcat(text, lines[i]);
    }
    expect_rows(schema, batch, text);
}

/* All subsets of the rows, of all slices of the batch. */
Test(batch, filters_every_subset_of_every_slice)
{
    struct ArrowSchema schema = schema_of(COLUMNS);
    for (unsigned offset = 0; offset < 4; offset++) {
        for (unsigned length = 0; offset + length <= 4; length++) {
            for (unsigned mask = 0; mask < 1u << length; mask++) {
                struct ArrowArray batch = sample(&schema);
                uint8_t keep[4] = {0};
                for (unsigned i = 0; i < length; i++)
                    keep[i] = mask >> i & 1;
                batch.offset = offset;
                batch.length = length;
                OK(batch_filter(&schema, &batch, keep, &err));
                OK(batch_normalise(&batch, &err));
                expect_lines(&schema, &batch, mask << offset);
                etl_array_release(&batch);
            }
        }
    }
    etl_schema_release(&schema);
}

Test(batch, head_and_normalise)
{
    struct ArrowSchema schema = schema_of(COLUMNS);
    struct ArrowArray batch = sample(&schema);
    OK(batch_head(&batch, 10, &err));
    expect_lines(&schema, &batch, 15);
    batch.offset = 1;
    batch.length = 3;
    OK(batch_head(&batch, 2, &err));
    cr_expect_eq(batch.offset, 0);
    cr_expect_eq(batch.children[0]->length, 2);
    expect_lines(&schema, &batch, 6);
    OK(batch_head(&batch, 0, &err));
    expect_lines(&schema, &batch, 0);
    etl_array_release(&batch);

    static const uint8_t all_but_first = 0xFE;
    batch = sample(&schema);
    batch.buffers[0] = &all_but_first;
    batch.offset = 1;
    batch.length = 3;
    OK(batch_normalise(&batch, &err));
    cr_expect_null(batch.buffers[0]);
    expect_lines(&schema, &batch, 14);
    etl_array_release(&batch);
    etl_schema_release(&schema);
}

Test(batch, null_rows_are_refused)
{
    struct ArrowSchema schema = schema_of("a:l");
    struct ArrowArray batch = batch_of(&schema, "[{\"a\":1},{\"a\":2}]");
    static const uint8_t first_only = 1;
    struct etl_error err;
    etl_error_init(&err);
    batch.buffers[0] = &first_only;
    batch.null_count = -1;
    cr_expect_eq(batch_normalise(&batch, &err), ETL_DATA);
    cr_expect_null(batch.release);
    etl_schema_release(&schema);
}

Test(batch, measures_the_slice)
{
    struct ArrowSchema schema = schema_of("a:l s:u");
    struct ArrowArray batch =
        batch_of(&schema, "[{\"a\":1,\"s\":\"four\"},{\"a\":2,\"s\":\"sixsix\"},{\"a\":3,\"s\":\"\"}]");
    cr_expect_eq(batch_bytes(&schema, &batch), 3 * 8 + 4 * 4 + 10);
    OK(batch_head(&batch, 1, &err));
    cr_expect_eq(batch_bytes(&schema, &batch), 8 + 2 * 4 + 4);
    OK(batch_head(&batch, 0, &err));
    cr_expect_leq(batch_bytes(&schema, &batch), 4);
    etl_array_release(&batch);
    etl_schema_release(&schema);
}

Test(batch, counts_operations)
{
    struct ArrowSchema plain = schema_of("a:l"), schema = schema_of("o:C a:l");
    struct ArrowArray batch = batch_of(&plain, "[{},{}]");
    struct etl_view view;
    struct etl_error err;
    int64_t counts[4] = {9, 9, 9, 9};
    etl_error_init(&err);
    cr_assert_eq(etl_view_init(&view, &plain, &err), ETL_OK);
    etl_view_set(&view, &batch);
    cr_expect_eq(batch_count_ops(&view, ETL_OP_UPSERT, counts, &err), ETL_OK);
    cr_expect(counts[0] == 0 && counts[1] == 2 && counts[2] == 0);
    cr_expect_eq(batch_count_ops(&view, 3, counts, &err), ETL_DATA);
    etl_view_fini(&view);
    etl_array_release(&batch);
    etl_schema_release(&plain);

    cr_assert_eq(etl_schema_set_metadata(&schema, ETL_META_OP_COLUMN, "o", &err), ETL_OK);
    cr_assert_eq(etl_view_init(&view, &schema, &err), ETL_OK);
    batch = batch_of(&schema, "[{\"o\":0},{\"o\":2},{\"o\":2},{\"o\":1}]");
    etl_view_set(&view, &batch);
    cr_expect_eq(batch_count_ops(&view, 3, counts, &err), ETL_OK);
    cr_expect(counts[0] == 1 && counts[1] == 1 && counts[2] == 2);
    etl_array_release(&batch);
    static const char *bad[] = {"[{\"o\":1},{\"o\":3}]", "[{\"o\":1},{\"o\":null}]"};
    for (int i = 0; i < 2; i++) {
        batch = batch_of(&schema, bad[i]);
        etl_view_set(&view, &batch);
        cr_expect_eq(batch_count_ops(&view, 0, counts, &err), ETL_DATA);
        cr_expect(strstr(err.message, "row 1"), "%s", err.message);
        etl_array_release(&batch);
    }
    etl_view_fini(&view);
    etl_schema_release(&schema);
}

Test(batch, from_columns)
{
    struct ArrowSchema schema = schema_of("a:l b:u");
    struct ArrowArray columns[2] = {0}, batch = {0};
    struct etl_error err;
    etl_error_init(&err);
    cr_assert_eq(array_nulls(schema.children[0], 3, &columns[0], &err), ETL_OK);
    cr_assert_eq(array_nulls(schema.children[1], 3, &columns[1], &err), ETL_OK);
    cr_assert_eq(batch_from_columns(columns, 2, 3, &batch, &err), ETL_OK);
    cr_expect(!columns[0].release && !columns[1].release);
    expect_rows(&schema, &batch, "{\"a\":null,\"b\":null}\n{\"a\":null,\"b\":null}\n{\"a\":null,\"b\":null}\n");
    etl_array_release(&batch);
    cr_assert_eq(array_nulls(schema.children[0], 3, &columns[0], &err), ETL_OK);
    cr_assert_eq(array_nulls(schema.children[1], 2, &columns[1], &err), ETL_OK);
    cr_expect_eq(batch_from_columns(columns, 2, 3, &batch, &err), ETL_MISUSE);
    cr_expect(!columns[0].release && !columns[1].release && !batch.release);
    etl_schema_release(&schema);
}

/* Above and below the size that the shared block of zeros covers. */
Test(array, nulls_of_every_type)
{
    struct ArrowSchema schema = schema_of("a:l b:b c:d:38,0 d:u e:U f:{x:[l] y:{}} g:[{x:u}] h:tsu:UTC i:Z");
    static const int64_t sizes[] = {0, 1, 9, 70000, 2000000};
    struct etl_view view;
    OK(etl_view_init(&view, &schema, &err));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct ArrowArray columns[9] = {0}, batch = {0};
        for (int c = 0; c < 9; c++)
            OK(array_nulls(schema.children[c], sizes[i], &columns[c], &err));
        OK(batch_from_columns(columns, 9, sizes[i], &batch, &err));
        OK(etl_view_validate(&view, &batch, true, &err));
        etl_view_set(&view, &batch);
        for (int c = 0; c < 9; c++) {
            cr_expect_eq(batch.children[c]->null_count, sizes[i]);
            cr_expect(sizes[i] == 0 || etl_view_is_null(&view.children[c], sizes[i] - 1));
        }
        etl_array_release(&batch);
    }
    etl_view_fini(&view);
    etl_schema_release(&schema);
}

Test(array, children_may_be_moved_out)
{
    struct ArrowSchema schema = schema_of("s:{a:l b:u}");
    struct ArrowArray array = {0}, child = {0};
    OK(array_nulls(schema.children[0], 5, &array, &err));
    etl_array_move(array.children[1], &child);
    etl_array_release(&array);
    cr_expect_eq(child.length, 5);
    etl_array_release(&child);
    cr_expect_null(child.release);
    etl_schema_release(&schema);
}
