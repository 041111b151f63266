/* Fitting batches to the agreed schema. */
#include "tests/unit/data_helpers.h"

#include "core/data/fit.h"

struct seen {
    char text[4096];
    etl_status answer;
};

static etl_status note(void *arg, const struct etl_view *incoming, int64_t row, const char *column, const char *reason,
                       struct etl_error *err)
{
    struct seen *seen = arg;
    struct etl_buffer record = {0};
    size_t used = strlen(seen->text);
    etl_json_add_row(&record, incoming, row);
    cr_assert(etl_buffer_text(&record));
    snprintf(seen->text + used, sizeof seen->text - used, "%d %s: %s\n", (int)row, column, reason);
    etl_buffer_fini(&record);
    return seen->answer ? etl_fail(err, seen->answer, "stop") : ETL_OK;
}

static void expect_fit(const char *from_text, const char *to_text, const char *rows, const char *expected,
                       const char *misfits)
{
    struct ArrowSchema from = schema_of(from_text), to = schema_of(to_text);
    struct ArrowArray batch = batch_of(&from, rows);
    struct fit *fit = NULL;
    struct seen seen = {.text = ""};
    int64_t before = batch.length, rejected = -1;
    OK(fit_new(&from, &to, &fit, &err));
    OK(fit_apply(fit, &batch, note, &seen, &rejected, &err));
    expect_rows(&to, &batch, expected);
    cr_expect_str_eq(seen.text, misfits);
    cr_expect_eq(rejected, before - batch.length);
    etl_array_release(&batch);
    fit_free(fit);
    etl_schema_release(&from);
    etl_schema_release(&to);
}

Test(fit, equal_schemas_pass_untouched)
{
    struct ArrowSchema from = schema_of("a!:l b:{x:[u]}"), to = schema_of("a:l b:{x:[u]}");
    struct ArrowArray batch = batch_of(&from, "[{\"a\":1}]");
    const void *before = batch.private_data;
    int64_t rejected = -1;
    struct fit *fit = NULL;
    OK(fit_new(&from, &to, &fit, &err));
    OK(fit_apply(fit, &batch, NULL, NULL, &rejected, &err));
    cr_expect_eq(batch.private_data, before);
    cr_expect_eq(rejected, 0);
    etl_array_release(&batch);
    fit_free(fit);
    etl_schema_release(&from);
    etl_schema_release(&to);
}

Test(fit, reorders_and_fills_without_copying)
{
    struct ArrowSchema from = schema_of("a:u b:l"), to = schema_of("n:{x:[l] y:d:9,2} b:l m:u a:u o:b l:[u]");
    struct ArrowArray batch = batch_of(&from, "[{\"a\":\"x\",\"b\":7},{\"b\":null}]");
    const void *payload = batch.children[0]->buffers[2], *numbers = batch.children[1]->buffers[1];
    int64_t rejected = -1;
    struct fit *fit = NULL;
    OK(fit_new(&from, &to, &fit, &err));
    OK(fit_apply(fit, &batch, NULL, NULL, &rejected, &err));
    cr_expect_eq(batch.children[3]->buffers[2], payload);
    cr_expect_eq(batch.children[1]->buffers[1], numbers);
    expect_rows(&to, &batch,
                "{\"n\":null,\"b\":7,\"m\":null,\"a\":\"x\",\"o\":null,\"l\":null}\n"
                "{\"n\":null,\"b\":null,\"m\":null,\"a\":null,\"o\":null,\"l\":null}\n");
    etl_array_release(&batch);
    fit_free(fit);
    etl_schema_release(&from);
    etl_schema_release(&to);
}

Test(fit, widens)
{
    expect_fit("a:c", "a:l", "[{\"a\":-128},{\"a\":null},{\"a\":127}]", "{\"a\":-128}\n{\"a\":null}\n{\"a\":127}\n",
               "");
    expect_fit("a:L", "a:d:22,2", "[{\"a\":\"18446744073709551615\"}]", "{\"a\":18446744073709551615.00}\n", "");
    expect_fit("a:l", "a:d:38,19", "[{\"a\":-9223372036854775808}]",
               "{\"a\":-9223372036854775808.0000000000000000000}\n", "");
    expect_fit("a:d:5,2", "a:d:12,4", "[{\"a\":\"-1.25\"}]", "{\"a\":-1.2500}\n", "");
    expect_fit("a:f", "a:g", "[{\"a\":1.5}]", "{\"a\":1.5}\n", "");
    expect_fit("a:tdD", "a:tsu:", "[{\"a\":\"2026-01-31\"},{\"a\":\"1969-12-31\"}]",
               "{\"a\":\"2026-01-31T00:00:00\"}\n{\"a\":\"1969-12-31T00:00:00\"}\n", "");
    expect_fit(
        "a:b b:l c:d:9,2 d:tdD e:ttu f:tsu:UTC g:g h:u=arrow.uuid", "a:u b:u c:U d:u e:u f:u g:u h:u",
        "[{\"a\":true,\"b\":-5,\"c\":\"1.50\",\"d\":\"2026-02-28\",\"e\":\"23:59:59\",\"f\":\"2026-01-01T00:00:00Z\","
        "\"g\":\"2.5\",\"h\":\"01234567-89ab-cdef-0123-456789abcdef\"}]",
        "{\"a\":\"true\",\"b\":\"-5\",\"c\":\"1.50\",\"d\":\"2026-02-28\",\"e\":\"23:59:59\","
        "\"f\":\"2026-01-01T00:00:00Z\",\"g\":\"2.5\",\"h\":\"01234567-89ab-cdef-0123-456789abcdef\"}\n",
        "");
    expect_fit("a:l b:u c:{x:l} d:[u] e:u=arrow.json f:b",
               "a:u=arrow.json b:u=arrow.json c:u=arrow.json d:U=arrow.json e:U=arrow.json f:u=arrow.json",
               "[{\"a\":1,\"b\":\"q\\\"\",\"c\":{\"x\":null},\"d\":[\"p\",null],\"e\":\"[1]\",\"f\":false},{}]",
               "{\"a\":1,\"b\":\"q\\\"\",\"c\":{\"x\":null},\"d\":[\"p\",null],\"e\":[1],\"f\":false}\n"
               "{\"a\":null,\"b\":null,\"c\":null,\"d\":null,\"e\":null,\"f\":null}\n",
               "");
}

Test(fit, narrows_by_value)
{
    expect_fit("a:u", "a:l", "[{\"a\":\"12\"},{\"a\":\"012\"},{\"a\":\"\"},{\"a\":null},{\"a\":\"-3\"}]",
               "{\"a\":12}\n{\"a\":null}\n{\"a\":-3}\n", "1 a: \"012\" is not int64\n2 a: \"\" is not int64\n");
    expect_fit("a:l", "a:c", "[{\"a\":127},{\"a\":128},{\"a\":-129}]", "{\"a\":127}\n",
               "1 a: \"128\" is not int8\n2 a: \"-129\" is not int8\n");
    expect_fit("a:l", "a:S", "[{\"a\":-1},{\"a\":65535},{\"a\":65536}]", "{\"a\":65535}\n",
               "0 a: \"-1\" is not uint16\n2 a: \"65536\" is not uint16\n");
    expect_fit("a:L", "a:l", "[{\"a\":\"9223372036854775808\"},{\"a\":9223372036854775807}]",
               "{\"a\":9223372036854775807}\n", "0 a: \"9223372036854775808\" is not int64\n");
    expect_fit("a:d:20,2", "a:l", "[{\"a\":\"5.00\"},{\"a\":\"5.01\"},{\"a\":\"-7.00\"}]", "{\"a\":5}\n{\"a\":-7}\n",
               "1 a: \"5.01\" is not int64\n");
    expect_fit("a:d:20,0", "a:l", "[{\"a\":\"9223372036854775808\"},{\"a\":\"-9223372036854775808\"}]",
               "{\"a\":-9223372036854775808}\n", "0 a: \"9223372036854775808\" is not int64\n");
    expect_fit("a:l", "a:d:4,2", "[{\"a\":99},{\"a\":100}]", "{\"a\":99.00}\n", "1 a: \"100\" is not decimal(4,2)\n");
    expect_fit("a:d:9,4", "a:d:4,2", "[{\"a\":\"1.2300\"},{\"a\":\"1.2340\"},{\"a\":\"100.0000\"}]", "{\"a\":1.23}\n",
               "1 a: \"1.2340\" is not decimal(4,2)\n2 a: \"100.0000\" is not decimal(4,2)\n");
    expect_fit("a:tsu:", "a:tdD", "[{\"a\":\"1969-12-31T00:00:00\"},{\"a\":\"2026-01-01T00:00:01\"}]",
               "{\"a\":\"1969-12-31\"}\n", "1 a: \"2026-01-01T00:00:01\" is not date\n");
    expect_fit("a:g", "a:l", "[{\"a\":\"5.0\"},{\"a\":\"5.5\"},{\"a\":\"NaN\"},{\"a\":\"1e300\"}]", "{\"a\":5}\n",
               "1 a: \"5.5\" is not int64\n2 a: \"NaN\" is not int64\n3 a: \"1e+300\" is not int64\n");
    expect_fit("a:g", "a:d:9,2", "[{\"a\":\"0.1\"},{\"a\":\"0.123\"}]", "{\"a\":0.10}\n",
               "1 a: \"0.123\" is not decimal(9,2)\n");
    expect_fit("a:u", "a:b", "[{\"a\":\"true\"},{\"a\":\"1\"},{\"a\":\"false\"}]", "{\"a\":true}\n{\"a\":false}\n",
               "1 a: \"1\" is not boolean\n");
    expect_fit("a:u", "a:tsu:UTC", "[{\"a\":\"2026-01-01T01:00:00+01:00\"},{\"a\":\"2026-01-01T00:00:00\"}]",
               "{\"a\":\"2026-01-01T00:00:00Z\"}\n", "1 a: \"2026-01-01T00:00:00\" is not timestamp with time zone\n");
    expect_fit("a:u", "a:u=arrow.uuid", "[{\"a\":\"01234567-89AB-cdef-0123-456789abcdef\"},{\"a\":\"x\"}]",
               "{\"a\":\"01234567-89ab-cdef-0123-456789abcdef\"}\n", "1 a: \"x\" is not uuid\n");
    expect_fit("a:b", "a:l", "[{\"a\":true},{\"a\":null}]", "{\"a\":null}\n", "0 a: \"true\" is not int64\n");
    expect_fit("a:u", "a:{x:l}", "[{\"a\":\"q\"},{\"a\":null}]", "{\"a\":null}\n", "0 a: \"q\" is not struct\n");
}

Test(fit, null_where_a_value_is_needed)
{
    expect_fit("a:l b:u", "a!:l b:u", "[{\"a\":1},{\"b\":\"k\"},{\"a\":3}]",
               "{\"a\":1,\"b\":null}\n{\"a\":3,\"b\":null}\n", "1 a: NULL in a column that must have a value\n");
    expect_fit("s:{x:l}", "s:{x!:l}", "[{\"s\":null},{\"s\":{\"x\":null}},{\"s\":{\"x\":1}}]",
               "{\"s\":null}\n{\"s\":{\"x\":1}}\n", "1 s.x: NULL in a column that must have a value\n");
}

Test(fit, new_columns_must_be_null)
{
    expect_fit(
        "a:l b:u c:{x:l y:l}", "a:l c:{x:l}",
        "[{\"a\":1},{\"a\":2,\"b\":\"v\"},{\"a\":3,\"c\":{\"x\":1,\"y\":null}},{\"a\":4,\"c\":{\"x\":1,\"y\":9}}]",
        "{\"a\":1,\"c\":null}\n{\"a\":3,\"c\":{\"x\":1}}\n",
        "1 b: \"v\" is in a new column\n3 c.y: \"9\" is in a new column\n");
}

Test(fit, nested_misfits_find_their_row)
{
    expect_fit("k:l l:[{v:u}]", "k:l l:[{v:l w:b}]",
               "[{\"k\":1,\"l\":[{\"v\":\"1\"},{\"v\":\"2\"}]},{\"k\":2,\"l\":[]},{\"k\":3},{\"k\":4,\"l\":[{\"v\":"
               "\"3\"},{\"v\":\"x\"},"
               "{\"v\":\"y\"}]},{\"k\":5,\"l\":[null,{\"v\":\"4\"}]}]",
               "{\"k\":1,\"l\":[{\"v\":1,\"w\":null},{\"v\":2,\"w\":null}]}\n{\"k\":2,\"l\":[]}\n{\"k\":3,\"l\":null}\n"
               "{\"k\":5,\"l\":[null,{\"v\":4,\"w\":null}]}\n",
               "3 l[].v: \"x\" is not int64\n");
}

Test(fit, slices_of_other_producers)
{
    struct ArrowSchema from = schema_of("k:l s:{x:u} l:[u] b:b"), to = schema_of("k:i s:{x:l y:b} l:[l] b:u");
    struct ArrowArray batch = batch_of(&from, "[{\"k\":1,\"s\":{\"x\":\"no\"},\"l\":[\"no\"],\"b\":true},"
                                              "{\"k\":2,\"s\":{\"x\":\"7\"},\"l\":[\"8\",\"9\"],\"b\":false},"
                                              "{\"k\":3,\"s\":null,\"l\":[\"bad\"],\"b\":null},"
                                              "{\"k\":4,\"s\":{\"x\":null},\"l\":null,\"b\":true},{\"k\":5000000000}]");
    struct seen seen = {.text = ""};
    int64_t rejected = 0;
    struct fit *fit = NULL;
    batch.offset = 1;
    batch.length = 3;
    OK(fit_new(&from, &to, &fit, &err));
    OK(fit_apply(fit, &batch, note, &seen, &rejected, &err));
    expect_rows(&to, &batch,
                "{\"k\":2,\"s\":{\"x\":7,\"y\":null},\"l\":[8,9],\"b\":\"false\"}\n"
                "{\"k\":4,\"s\":{\"x\":null,\"y\":null},\"l\":null,\"b\":\"true\"}\n");
    cr_expect_str_eq(seen.text, "1 l[]: \"bad\" is not int64\n");
    etl_array_release(&batch);
    fit_free(fit);
    etl_schema_release(&from);
    etl_schema_release(&to);
}

Test(fit, misfit_below_a_null_parent_is_no_misfit)
{
    struct ArrowSchema from = schema_of("s:{x:u}"), to = schema_of("s:{x:l}");
    struct ArrowArray batch = batch_of(&from, "[{\"s\":{\"x\":\"junk\"}},{\"s\":{\"x\":\"1\"}}]");
    static const uint8_t second_only = 2;
    int64_t rejected = -1;
    struct fit *fit = NULL;
    batch.children[0]->buffers[0] = &second_only;
    batch.children[0]->null_count = 1;
    OK(fit_new(&from, &to, &fit, &err));
    OK(fit_apply(fit, &batch, NULL, NULL, &rejected, &err));
    expect_rows(&to, &batch, "{\"s\":null}\n{\"s\":{\"x\":1}}\n");
    etl_array_release(&batch);
    fit_free(fit);
    etl_schema_release(&from);
    etl_schema_release(&to);
}

Test(fit, long_values_are_shortened_at_a_character)
{
    struct ArrowSchema from = schema_of("a:u"), to = schema_of("a:l");
    char rows[600] = "[{\"a\":\"";
    struct seen seen = {.text = ""};
    int64_t rejected = 0;
    struct fit *fit = NULL;
    for (int i = 0; i < 100; i++)
        strcat(rows, "\xc3\xa9");
    strcat(rows, "\"}]");
    struct ArrowArray batch = batch_of(&from, rows);
    OK(fit_new(&from, &to, &fit, &err));
    OK(fit_apply(fit, &batch, note, &seen, &rejected, &err));
    cr_expect_eq(strlen(seen.text), strlen("0 a: \"") + 160 + strlen("...\" is not int64\n"));
    cr_expect(etl_is_utf8(seen.text, strlen(seen.text)));
    cr_expect_eq(rejected, 1);
    etl_array_release(&batch);
    fit_free(fit);
    etl_schema_release(&from);
    etl_schema_release(&to);
}

Test(fit, without_a_misfit_callback_it_fails_and_releases)
{
    struct ArrowSchema from = schema_of("k:l a:u"), to = schema_of("a:l k:i");
    struct ArrowArray batch = batch_of(&from, "[{\"a\":\"1\"},{\"a\":\"x\"}]");
    struct seen seen = {.text = "", .answer = ETL_IO};
    struct etl_error err;
    int64_t rejected = 77;
    struct fit *fit = NULL;
    etl_error_init(&err);
    cr_assert_eq(fit_new(&from, &to, &fit, &err), ETL_OK);
    cr_expect_eq(fit_apply(fit, &batch, NULL, NULL, &rejected, &err), ETL_SCHEMA);
    cr_expect_str_eq(err.message, "column a: \"x\" is not int64 (row 1 of the batch)");
    cr_expect_null(batch.release);
    batch = batch_of(&from, "[{\"a\":\"1\"},{\"a\":\"x\"},{\"a\":\"y\"}]");
    cr_expect_eq(fit_apply(fit, &batch, note, &seen, &rejected, &err), ETL_IO);
    cr_expect_null(batch.release);
    cr_expect_eq(rejected, 77);
    fit_free(fit);
    etl_schema_release(&from);
    etl_schema_release(&to);
}

Test(fit, delete_rows_need_only_their_key)
{
    struct ArrowSchema from = schema_of("o!:C id!:l a:u"), to = schema_of("o!:C id!:l a!:u");
    OK(etl_schema_set_metadata(&from, ETL_META_OP_COLUMN, "o", &err));
    OK(etl_schema_set_metadata(&to, ETL_META_OP_COLUMN, "o", &err));
    struct ArrowArray batch = batch_of(&from, "[{\"o\":2,\"id\":1},{\"o\":1,\"id\":2},{\"o\":1,\"id\":3,\"a\":\"x\"}]");
    struct seen seen = {.text = ""};
    int64_t rejected = 0;
    struct fit *fit = NULL;
    OK(fit_new(&from, &to, &fit, &err));
    OK(fit_apply(fit, &batch, note, &seen, &rejected, &err));
    cr_expect_eq(rejected, 1);
    cr_expect_eq(batch.length, 2);
    cr_expect_str_eq(seen.text, "1 a: NULL in a column that must have a value\n");
    etl_array_release(&batch);
    fit_free(fit);
    etl_schema_release(&from);
    etl_schema_release(&to);
}

/* Every value of either side fits the merged type, and where the way back exists, comes back the same. */
struct sample {
    const char *type, *rows;
};

static const struct sample samples[] = {
    {"b", "[{\"k\":true},{\"k\":null},{\"k\":false}]"},
    {"c", "[{\"k\":-128},{\"k\":127}]"},
    {"C", "[{\"k\":255},{\"k\":0}]"},
    {"i", "[{\"k\":-2147483648},{\"k\":null}]"},
    {"l", "[{\"k\":-9223372036854775808},{\"k\":9223372036854775807}]"},
    {"L", "[{\"k\":\"18446744073709551615\"}]"},
    {"d:5,2", "[{\"k\":\"-999.99\"},{\"k\":\"0.01\"}]"},
    {"d:38,0", "[{\"k\":\"99999999999999999999999999999999999999\"}]"},
    {"d:20,20", "[{\"k\":\"-0.00000000000000000001\"}]"},
    {"f", "[{\"k\":\"1.5\"},{\"k\":\"NaN\"}]"},
    {"g", "[{\"k\":\"1e300\"},{\"k\":\"0.1\"},{\"k\":\"-Infinity\"},{\"k\":\"-0.0\"}]"},
    {"u", "[{\"k\":\"a\\\"b\"},{\"k\":\"\"},{\"k\":null}]"},
    {"U", "[{\"k\":\"long\"}]"},
    {"u=arrow.uuid", "[{\"k\":\"01234567-89ab-cdef-0123-456789abcdef\"}]"},
    {"u=arrow.json", "[{\"k\":\"{\\\"q\\\":[1]}\"}]"},
    {"tdD", "[{\"k\":\"0001-01-01\"},{\"k\":\"9999-12-31\"}]"},
    {"ttu", "[{\"k\":\"23:59:59.999999\"}]"},
    {"tsu:", "[{\"k\":\"9999-12-31T23:59:59.999999\"}]"},
    {"tsu:UTC", "[{\"k\":\"1969-12-31T23:59:59.999999Z\"}]"},
    {"{x:l}", "[{\"k\":{\"x\":1}},{\"k\":{\"x\":null}},{\"k\":null}]"},
    {"{x:u y:b}", "[{\"k\":{\"x\":\"t\",\"y\":true}}]"},
    {"[l]", "[{\"k\":[1,null,3]},{\"k\":[]},{\"k\":null}]"},
    {"[b]", "[{\"k\":[true]}]"},
};
enum { SAMPLES = sizeof samples / sizeof samples[0] };

static void check_pair(const struct sample *a, const struct sample *b)
{
    char left[64], right[64];
    snprintf(left, sizeof left, "k:%s", a->type);
    snprintf(right, sizeof right, "k:%s", b->type);
    struct ArrowSchema from = schema_of(left), other = schema_of(right), merged = {0};
    struct ArrowArray batch = batch_of(&from, a->rows);
    struct fit *fit = NULL, *back = NULL;
    int64_t rejected = 0;
    char *before = text_of(&from, &batch);
    OK(schema_merge(&from, &other, &merged, &err));
    OK(fit_new(&from, &merged, &fit, &err));
    OK(fit_apply(fit, &batch, NULL, NULL, &rejected, &err));
    char *after = text_of(&merged, &batch);
    struct etl_type type;
    OK(etl_type_of(merged.children[0], &type, &err));
    if (type.kind == ETL_KIND_JSON) {
        cr_expect_str_eq(after, before, "%s -> json", a->type);
    } else if (type.kind != ETL_KIND_STRUCT) {
        OK(fit_new(&merged, &from, &back, &err));
        OK(fit_apply(back, &batch, NULL, NULL, &rejected, &err));
        char *again = text_of(&from, &batch);
        cr_expect_str_eq(again, before, "%s and %s", a->type, b->type);
        free(again);
    }
    free(before);
    free(after);
    fit_free(fit);
    fit_free(back);
    etl_array_release(&batch);
    etl_schema_release(&from);
    etl_schema_release(&other);
    etl_schema_release(&merged);
}

Test(fit, every_value_fits_the_merge_and_comes_back)
{
    for (int i = 0; i < SAMPLES; i++) {
        for (int j = 0; j < SAMPLES; j++)
            check_pair(&samples[i], &samples[j]);
    }
}
