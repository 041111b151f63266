#include "tests/unit/sdk_helpers.h"

static struct etl_shredder *make(void)
{
    struct etl_shredder *shredder = NULL;
    OK(etl_shredder_new(NULL, &shredder, &err));
    return shredder;
}

/* Schema after observing the records, which are one JSON object a line. */
static const char *infer_with(const struct etl_shredder_options *options, const char *lines)
{
    struct etl_shredder *shredder = NULL;
    struct ArrowSchema schema;
    const char *text = NULL;
    OK(etl_shredder_new(options, &shredder, &err));
    for (const char *line = lines; *line;) {
        size_t length = strcspn(line, "\n");
        OK(etl_shredder_observe_json(shredder, line, length, &err));
        line += length + (line[length] == '\n');
    }
    OK(etl_shredder_schema(shredder, &schema, &err));
    text = describe(&schema);
    etl_schema_release(&schema);
    etl_shredder_free(shredder);
    return text;
}

static const char *infer(const char *lines)
{
    return infer_with(NULL, lines);
}

/* Type of one column of cells, separated by '|'; "\N" is NULL. */
static const char *infer_cells(const char *cells)
{
    struct etl_shredder *shredder = make();
    struct ArrowSchema schema;
    const char *names[] = {"c"}, *text = NULL;
    OK(etl_shredder_set_columns(shredder, names, 1, &err));
    for (const char *at = cells;; at++) {
        struct etl_bytes cell = {at, strcspn(at, "|")};
        at += cell.length;
        if (cell.length == 2 && memcmp(cell.data, "\\N", 2) == 0)
            cell.data = NULL;
        OK(etl_shredder_observe_cells(shredder, &cell, 1, &err));
        if (!*at)
            break;
    }
    OK(etl_shredder_schema(shredder, &schema, &err));
    text = describe(&schema);
    etl_schema_release(&schema);
    etl_shredder_free(shredder);
    return *text ? text + 2 : text;
}

Test(shredder, cells)
{
    static const char *const cases[][2] = {
        {"1|-5|0", "int64"},
        {"9223372036854775807|-9223372036854775808", "int64"},
        {"9223372036854775808", "decimal(19,0)"},
        {"1|9223372036854775808", "decimal(19,0)"},
        {"12345678901234567890123456789012345678", "decimal(38,0)"},
        {"123456789012345678901234567890123456789", "text"},
        {"007", "text"},
        {"1|007", "text"},
        {"+1", "text"},
        {"-0", "decimal(18,0)"},
        {"1.50|22.5", "decimal(18,2)"},
        {"1.50|3", "decimal(18,2)"},
        {"0.00|-0.00", "decimal(18,2)"},
        {".5", "text"},
        {"5.", "text"},
        {"00.5", "text"},
        {"1e5", "double"},
        {"1e5|-2.5E-3", "double"},
        {"1e5|7", "text"},
        {"7|1e5", "text"},
        {"", "text"},
        {"1|", "text"},
        {"true|false", "boolean"},
        {"True", "text"},
        {"true|1", "text"},
        {"2026-01-31", "date"},
        {"2026-02-30", "text"},
        {"2026-01-31|2026-02-30", "text"},
        {"2026-01-31T10:00:00", "timestamp"},
        {"2026-01-31 10:00:00.5", "timestamp"},
        {"2026-01-31T10:00:00Z|2026-01-31 10:00:00+02:00", "timestamp with time zone"},
        {"2026-01-31T10:00:00Z|2026-01-31T10:00:00", "text"},
        {"2026-01-31|2026-01-31T10:00:00", "timestamp"},
        {"2026-01-31T10:00:00|2026-01-31", "timestamp"},
        {"2026-01-31|2026-01-31T10:00:00Z", "text"},
        {"2026-01-31T10:00:00.1234567", "text"},
        {"2026-01-31|5", "text"},
        {"123e4567-e89b-12d3-a456-426614174000", "text"},
        {"10:00:00", "text"},
        {"NaN", "text"},
        {" 1", "text"},
        {"\\N", ""},
        {"\\N|1", "int64"},
        {"0.12345678901234567890123456789012345678", "decimal(38,38)"},
        {"0.123456789012345678901234567890123456789", "text"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_str_eq(infer_cells(cases[i][0]), cases[i][1], "%s -> %s, not %s", cases[i][0],
                         infer_cells(cases[i][0]), cases[i][1]);
}

Test(shredder, json_types)
{
    static const char *const cases[][2] = {
        {"{\"a\":1,\"b\":\"x\",\"c\":null,\"d\":true,\"e\":1.5}", "a int64, b text, d boolean, e decimal(18,1)"},
        {"{\"a\":\"1\",\"b\":\"true\",\"c\":\"2026-01-31\"}", "a text, b text, c date"},
        {"{\"a\":1e5}\n{\"a\":5}", "a decimal(18,0)"},
        {"{\"a\":1e300}\n{\"a\":5}", "a double"},
        {"{\"a\":1e99999999999}", "a text"},
        {"{\"a\":{}}\n{\"a\":{}}", "a json"},
        {"{\"a\":[]}\n{\"a\":[]}", "a json"},
        {"{\"a\":[null]}", "a json"},
        {"{\"a\":{\"b\":null}}", "a json"},
        {"{\"a\":{}}\n{\"a\":{\"b\":1}}", "a struct(b int64)"},
        {"{\"a\":[]}\n{\"a\":[1.5]}\n{\"a\":[2]}", "a list(item decimal(18,1))"},
        {"{\"a\":[1,\"x\"]}", "a json"},
        {"{\"a\":[1]}\n{\"a\":[\"x\"]}", "a json"},
        {"{\"a\":[1,{\"b\":1}]}", "a json"},
        {"{\"a\":[[1],[\"x\"]]}", "a list(item json)"},
        {"{\"a\":[[1],null,[2,null]]}", "a list(item list(item int64))"},
        {"{\"a\":[\"2026-01-31\",\"x\"]}", "a list(item text)"},
        {"{\"a\":1}\n{\"a\":{\"b\":1}}", "a json"},
        {"{\"a\":{\"b\":1}}\n{\"a\":1}", "a json"},
        {"{\"a\":{\"b\":1}}\n{\"a\":[1]}", "a json"},
        {"{\"a\":\"x\"}\n{\"a\":[1]}", "a json"},
        {"{\"a\":[{\"b\":1},{\"c\":\"x\"}]}", "a list(item struct(b int64, c text))"},
        {"{\"a\":{\"b\":{\"c\":{\"d\":1}}}}", "a struct(b struct(c struct(d int64)))"},
        {"{\"a.b\":1,\"\xc3\xa9\":2,\"\":3,\"A.B\":4,\"a.b\":5}", "a.b int64, \xc3\xa9 int64, _ int64, A.B int64"},
        {"{\"a\\u0000b\":1}", "a\xef\xbf\xbd"
                              "b int64"},
        {"{}", ""},
        {"{\"a\":true}\n{\"a\":1}", "a text"},
        {"{\"a\":-0}", "a decimal(18,0)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_str_eq(infer(cases[i][0]), cases[i][1], "%s -> %s", cases[i][0], infer(cases[i][0]));
}

/* What has not been announced yet does not depend on the order of the records. */
Test(shredder, order_means_nothing)
{
    static const char *const values[] = {"1",
                                         "1.5",
                                         "2e3",
                                         "1e300",
                                         "9223372036854775808",
                                         "true",
                                         "\"x\"",
                                         "\"2026-01-31\"",
                                         "{\"b\":1}",
                                         "{}",
                                         "[1]",
                                         "[]",
                                         "[\"x\"]",
                                         "null",
                                         "\"2026-01-31T10:00:00\"",
                                         "\"2026-01-31T10:00:00Z\"",
                                         "\"2026-13-01\""};
    size_t count = sizeof values / sizeof values[0];
    char forth[400], back[400], copy[400];
    for (size_t i = 0; i < count * count * count; i++) {
        const char *a = values[i % count], *b = values[i / count % count], *c = values[i / count / count];
        snprintf(forth, sizeof forth, "{\"a\":%s}\n{\"a\":%s}\n{\"a\":%s}", a, b, c);
        snprintf(back, sizeof back, "{\"a\":%s}\n{\"a\":%s}\n{\"a\":%s}", c, a, b);
        snprintf(copy, sizeof copy, "%s", infer(forth));
        /* members of structs keep the order in which they came */
        cr_assert_str_eq(copy, infer(back), "%s | %s | %s: %s, %s", a, b, c, copy, infer(back));
    }
}

Test(shredder, options)
{
    struct etl_shredder_options text = {.all_text = true}, untyped = {.keep_untyped = true},
                                small = {.struct_fields_max = 2, .depth_max = 2};
    cr_expect_str_eq(infer_with(&text, "{\"a\":1,\"b\":{\"c\":[]},\"d\":null}"), "a text, b text");
    cr_expect_str_eq(infer_with(&untyped, "{\"a\":null,\"b\":{\"c\":null}}"), "a text, b struct(c text)");
    cr_expect_str_eq(infer_with(&small, "{\"a\":{\"x\":1,\"y\":2},\"b\":{\"x\":1,\"y\":2,\"z\":3},\"c\":1}"),
                     "a struct(x int64, y int64), b json, c int64");
    cr_expect_str_eq(infer_with(&small, "{\"a\":{\"x\":{\"y\":{\"z\":1}}}}"), "a struct(x struct(y json))");
}

/* Appends every line, widening where it has to; the result is the schema and the rows of each batch. */
static const char *shred(struct etl_shredder *shredder, const char *lines)
{
    static struct etl_buffer out;
    struct ArrowSchema schema;
    struct ArrowArray batch;
    etl_buffer_reset(&out);
    OK(etl_shredder_schema(shredder, &schema, &err));
    for (const char *line = lines; *line;) {
        size_t length = strcspn(line, "\n");
        bool fits = false;
        for (int turn = 0; turn < 2 && !fits; turn++) {
            OK(etl_shredder_append_json(shredder, line, length, &fits, &err));
            if (fits)
                break;
            cr_assert_eq(turn, 0, "%.*s does not fit a schema that has seen it: %s", (int)length, line,
                         etl_shredder_misfit(shredder));
            OK(etl_shredder_finish(shredder, &batch, &err));
            if (batch.length)
                etl_buffer_add_format(&out, "%s\n%s", describe(&schema), rows_of(&schema, &batch));
            etl_array_release(&batch);
            etl_schema_release(&schema);
            OK(etl_shredder_observe_json(shredder, line, length, &err));
            OK(etl_shredder_schema(shredder, &schema, &err));
        }
        line += length + (line[length] == '\n');
    }
    OK(etl_shredder_finish(shredder, &batch, &err));
    etl_buffer_add_format(&out, "%s\n%s", describe(&schema), rows_of(&schema, &batch));
    etl_array_release(&batch);
    etl_schema_release(&schema);
    etl_shredder_free(shredder);
    return etl_buffer_text(&out);
}

Test(shredder, rows)
{
    cr_expect_str_eq(shred(make(), "{\"a\":1,\"b\":{\"c\":[1,2],\"d\":\"x\"}}\n"
                                   "{\"b\":{\"d\":null,\"c\":[]},\"a\":null}\n"
                                   "{\"b\":null}\n"
                                   "{}\n"
                                   "{\"a\":2,\"a\":3,\"b\":{\"c\":[9,9]},\"b\":{\"c\":[7],\"c\":[8]}}\n"),
                     "a int64, b struct(c list(item int64), d text)\n"
                     "{\"a\":1,\"b\":{\"c\":[1,2],\"d\":\"x\"}}\n"
                     "{\"a\":null,\"b\":{\"c\":[],\"d\":null}}\n"
                     "{\"a\":null,\"b\":null}\n"
                     "{\"a\":null,\"b\":null}\n"
                     "{\"a\":3,\"b\":{\"c\":[8],\"d\":null}}\n");
}

Test(shredder, widening)
{
    cr_expect_str_eq(
        shred(make(), "{\"a\":1}\n{\"a\":1.25,\"b\":null}\n{\"b\":[1]}\n{\"a\":\"x\",\"b\":[1.5]}\n{\"b\":3}\n"),
        "a int64\n{\"a\":1}\n"
        "a decimal(21,2)\n{\"a\":1.25}\n"
        "a decimal(21,2), b list(item int64)\n{\"a\":null,\"b\":[1]}\n"
        "a text, b list(item decimal(20,1))\n{\"a\":\"x\",\"b\":[1.5]}\n"
        "a text, b json\n{\"a\":null,\"b\":3}\n");
    cr_expect_str_eq(
        shred(make(), "{\"t\":\"2026-01-31\"}\n{\"t\":\"2026-01-31T10:00:00\"}\n{\"t\":\"2026-02-01\"}\n{\"t\":5}\n"),
        "t date\n{\"t\":\"2026-01-31\"}\n"
        "t timestamp\n{\"t\":\"2026-01-31T10:00:00\"}\n{\"t\":\"2026-02-01T00:00:00\"}\n"
        "t text\n{\"t\":\"5\"}\n");
    cr_expect_str_eq(shred(make(), "{\"d\":1e5}\n{\"d\":7}\n{\"d\":1e999}\n"),
                     "d double\n{\"d\":100000.0}\n{\"d\":7.0}\n"
                     "d text\n{\"d\":\"1e999\"}\n");
    /* columns found later come behind those that were announced, in whatever order their keys came */
    cr_expect_str_eq(shred(make(), "{\"b\":null,\"c\":1}\n{\"a\":1,\"b\":2,\"c\":3}\n"),
                     "c int64\n{\"c\":1}\nc int64, b int64, a int64\n{\"c\":3,\"b\":2,\"a\":1}\n");
}

/* Any two values one after the other: what was observed always fits afterwards, and nothing is lost. */
Test(shredder, every_widening_ends)
{
    static const char *const values[] = {"1",
                                         "-0",
                                         "1.5",
                                         "2e3",
                                         "1e300",
                                         "1e999",
                                         "1e-400",
                                         "9223372036854775808",
                                         "123456789012345678901234567890123456789",
                                         "0.123456789012345678901234567890123456789",
                                         "true",
                                         "\"x\"",
                                         "\"\"",
                                         "\"2026-01-31\"",
                                         "\"2026-01-31T10:00:00\"",
                                         "\"2026-01-31T10:00:00Z\"",
                                         "{\"b\":1}",
                                         "{\"b\":\"x\"}",
                                         "{}",
                                         "{\"b\":{\"c\":[1]}}",
                                         "[1]",
                                         "[]",
                                         "[\"x\"]",
                                         "[null,1]",
                                         "[[1]]",
                                         "[[\"x\"]]",
                                         "[{\"b\":1}]",
                                         "[{\"c\":[]}]",
                                         "null",
                                         "12345678901234567890123456789.123456789",
                                         "0.00000000000000000000000000001"};
    size_t count = sizeof values / sizeof values[0];
    char lines[1000];
    for (size_t i = 0; i < count * count; i++) {
        snprintf(lines, sizeof lines, "{\"a\":%s}\n{\"a\":%s}\n{\"a\":%s}\n", values[i % count], values[i / count],
                 values[i % count]);
        cr_assert(shred(make(), lines));
    }
}

static struct etl_shredder *seeded(const char *const (*columns)[2], size_t count)
{
    struct etl_shredder *shredder = make();
    struct ArrowSchema schema = {0};
    OK(etl_schema_init_struct(&schema, "", &err));
    for (size_t i = 0; i < count; i++)
        OK(etl_schema_add_column(&schema, columns[i][0], columns[i][1], i == 8 ? "arrow.uuid" : NULL, &err));
    OK(etl_shredder_seed(shredder, &schema, &err));
    FAILS(ETL_MISUSE, "before anything", etl_shredder_seed(shredder, &schema, &err));
    etl_schema_release(&schema);
    return shredder;
}

Test(shredder, seed)
{
    static const char *const columns[][2] = {{"i8", "c"}, {"u16", "S"}, {"u64", "L"}, {"f", "f"},  {"t", "ttu"},
                                             {"z", "z"},  {"big", "U"}, {"n", "l"},   {"id", "u"}, {"d", "d:10,2"}};
    cr_expect_str_eq(
        shred(seeded(columns, 10),
              "{\"i8\":127,\"u16\":65535,\"u64\":18446744073709551615,\"f\":1.5,\"t\":\"10:00:00\",\"z\":\"aGk=\","
              "\"big\":\"x\",\"id\":\"123E4567-E89B-12D3-A456-426614174000\",\"d\":12345678.25}\n"
              "{\"i8\":128,\"u16\":-1,\"u64\":-1,\"f\":1e99,\"t\":\"25:00:00\",\"z\":\"?\",\"big\":5,\"n\":2,\"id\":"
              "\"x\",\"d\":1.255}\n"),
        "i8 int8, u16 uint16, u64 uint64, f float, t time, z binary, big text, n int64, id uuid, d decimal(10,2)\n"
        "{\"i8\":127,\"u16\":65535,\"u64\":18446744073709551615,\"f\":1.5,\"t\":\"10:00:00\",\"z\":\"aGk=\",\"big\":"
        "\"x\","
        "\"n\":null,\"id\":\"123e4567-e89b-12d3-a456-426614174000\",\"d\":12345678.25}\n"
        "i8 int64, u16 int64, u64 int64, f double, t text, z text, big text, n int64, id text, d decimal(18,3)\n"
        "{\"i8\":128,\"u16\":-1,\"u64\":-1,\"f\":1e+99,\"t\":\"25:00:00\",\"z\":\"?\",\"big\":\"5\",\"n\":2,\"id\":"
        "\"x\","
        "\"d\":1.255}\n");
}

/* A value that fits widens nothing, also when its record does not fit elsewhere. */
Test(shredder, seeded_types_stay)
{
    static const char *const columns[][2] = {{"z", "z"}, {"t", "ttu"}, {"u", "C"}, {"f", "f"}, {"n", "l"}};
    cr_expect_str_eq(shred(seeded(columns, 5), "{\"z\":\"aGk=\",\"t\":\"10:00:00\",\"u\":7,\"f\":1,\"n\":\"x\"}\n"),
                     "z binary, t time, u uint8, f float, n text\n"
                     "{\"z\":\"aGk=\",\"t\":\"10:00:00\",\"u\":7,\"f\":1.0,\"n\":\"x\"}\n");
}

Test(shredder, bad_records)
{
    static const char *const records[] = {
        "",         "[1]",        "5",         "{", "{\"a\":1", "{\"a\":1}x", "null", "{\"a\":01}", "{\"a\":\"\xff\"}",
        "{\"b\":}", "{\"a\":[1}", "{\"a\":1,}"};
    struct etl_shredder *shredder = make();
    struct ArrowSchema schema;
    bool fits = false;
    FAILS(ETL_MISUSE, "no schema", etl_shredder_append_json(shredder, "{}", 2, &fits, &err));
    OK(etl_shredder_observe_json(shredder, "{\"a\":1,\"c\":[1]}", 15, &err));
    OK(etl_shredder_schema(shredder, &schema, &err));
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
        FAILS(ETL_DATA, "", etl_shredder_observe_json(shredder, records[i], strlen(records[i]), &err));
        etl_status status = etl_shredder_append_json(shredder, records[i], strlen(records[i]), &fits, NULL);
        cr_expect(status == ETL_DATA || (status == ETL_OK && !fits), "%s", records[i]);
        cr_expect_eq(etl_shredder_rows(shredder), 0);
        etl_schema_release(&schema);
        OK(etl_shredder_schema(shredder, &schema, &err));
        cr_expect_str_eq(describe(&schema), "a int64, c list(item int64)", "learnt from %s", records[i]);
    }
    OK(etl_shredder_append_json(shredder, "{\"c\":[1,\"x\"]}", 13, &fits, &err));
    cr_expect(!fits);
    cr_expect_str_eq(etl_shredder_misfit(shredder), "column c[]: x is not int64");
    OK(etl_shredder_append_json(shredder, "{\"c\":[1],\"new\":{}}", 18, &fits, &err));
    cr_expect(!fits);
    cr_expect_str_eq(etl_shredder_misfit(shredder), "column new: not in the schema");
    OK(etl_shredder_append_json(shredder, "{\"c\":[5],\"new\":null}", 20, &fits, &err));
    cr_expect(fits);
    /* a changed schema while rows are waiting */
    OK(etl_shredder_observe_json(shredder, "{\"new\":1}", 9, &err));
    etl_schema_release(&schema);
    FAILS(ETL_MISUSE, "hand out", etl_shredder_schema(shredder, &schema, &err));
    etl_shredder_free(shredder);
}

Test(shredder, bad_cells)
{
    struct etl_shredder *shredder = make();
    const char *names[] = {"a", ""}, *twice[] = {"a", "b", "a"}, *broken[] = {"\xff"};
    struct etl_bytes good[] = {{"1", 1}, {"x", 1}, {"y", 1}}, nul[] = {{"1", 1}, {"x\0y", 3}},
                     bad[] = {{"\xc3", 1}, {"x", 1}};
    struct ArrowSchema schema;
    bool fits = false;
    FAILS(ETL_DATA, "two columns are called \"a\"", etl_shredder_set_columns(shredder, twice, 3, &err));
    FAILS(ETL_DATA, "not UTF-8", etl_shredder_set_columns(shredder, broken, 1, &err));
    etl_shredder_free(shredder);
    shredder = make();
    OK(etl_shredder_set_columns(shredder, names, 2, &err));
    FAILS(ETL_DATA, "3 fields instead of 2", etl_shredder_observe_cells(shredder, good, 3, &err));
    OK(etl_shredder_observe_cells(shredder, good, 2, &err));
    FAILS(ETL_DATA, "column column_2", etl_shredder_observe_cells(shredder, nul, 2, &err));
    OK(etl_shredder_schema(shredder, &schema, &err));
    cr_expect_str_eq(describe(&schema), "a int64, column_2 text");
    etl_schema_release(&schema);
    FAILS(ETL_DATA, "column column_2", etl_shredder_append_cells(shredder, nul, 2, &fits, &err));
    FAILS(ETL_DATA, "column a", etl_shredder_append_cells(shredder, bad, 2, &fits, &err));
    FAILS(ETL_DATA, "3 fields instead of 2", etl_shredder_append_cells(shredder, good, 3, &fits, &err));
    OK(etl_shredder_append_cells(shredder, good, 1, &fits, &err));
    cr_expect(fits);
    cr_expect_eq(etl_shredder_rows(shredder), 1);
    etl_shredder_free(shredder);
}

/* ---- cells come back ------------------------------------------------------------------------------------------------ */

static uint64_t random_state = 42;

static unsigned pick(unsigned count)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(random_state >> 33) % count;
}

static size_t random_cell(char *buffer, unsigned family)
{
    static const char *const odd[] = {
        "",   "007", "+1",   "-0",   "1e5",        "-0.00", "1.",
        ".5", "NaN", "true", "TRUE", "2026-02-30", "x,y",   "99999999999999999999999999999999999999999"};
    switch (family) {
    case 0: return (size_t)snprintf(buffer, 64, "%d", (int)pick(2000) - 1000);
    case 1:
        return (size_t)snprintf(buffer, 64, "%s%u.%0*u", pick(2) ? "-" : "", pick(100000), (int)pick(6) + 1, pick(10));
    case 2: return (size_t)snprintf(buffer, 64, "%s", pick(2) ? "true" : "false");
    case 3: return (size_t)snprintf(buffer, 64, "%04u-%02u-%02u", pick(9999) + 1, pick(12) + 1, pick(28) + 1);
    case 4:
        return (size_t)snprintf(buffer, 64, "2026-01-%02u%c%02u:%02u:%02u.%u", pick(28) + 1, pick(2) ? 'T' : ' ',
                                pick(24), pick(60), pick(60), pick(1000000));
    case 5: return (size_t)snprintf(buffer, 64, "%u.%ue%d", pick(9) + 1, pick(1000), (int)pick(100) - 50);
    case 6:
        return (size_t)snprintf(buffer, 64, "%llu%llu", (unsigned long long)random_state,
                                (unsigned long long)pick(1000));
    default: return (size_t)snprintf(buffer, 64, "%s", odd[pick(sizeof odd / sizeof odd[0])]);
    }
}

static void check_back(const struct etl_type *type, struct etl_bytes cell, struct etl_bytes back)
{
    bool is_same = cell.length == back.length && memcmp(cell.data, back.data, cell.length) == 0, zone_a, zone_b;
    struct etl_decimal a, b;
    int64_t us_a = 0, us_b = 0;
    int32_t days = 0;
    double x = 0, y = 1;
    if (type->kind == ETL_KIND_DECIMAL && !is_same)
        is_same = etl_parse_decimal(cell.data, cell.length, 38, type->scale, &a) &&
                  etl_parse_decimal(back.data, back.length, 38, type->scale, &b) && etl_decimal_compare(a, b) == 0;
    if (type->kind == ETL_KIND_DOUBLE)
        is_same = etl_parse_double(cell.data, cell.length, &x) && etl_parse_double(back.data, back.length, &y) &&
                  memcmp(&x, &y, sizeof x) == 0;
    if (type->kind == ETL_KIND_TIMESTAMP && etl_parse_date(cell.data, cell.length, &days))
        is_same = etl_parse_timestamp(back.data, back.length, &us_b, &zone_b) && us_b == days * INT64_C(86400000000);
    else if (type->kind == ETL_KIND_TIMESTAMP)
        is_same = etl_parse_timestamp(cell.data, cell.length, &us_a, &zone_a) &&
                  etl_parse_timestamp(back.data, back.length, &us_b, &zone_b) && us_a == us_b;
    cr_assert(is_same, "kind %d: %.*s came back as %.*s", (int)type->kind, (int)cell.length, cell.data,
              (int)back.length, back.data);
}

Test(shredder, cells_come_back)
{
    const char *names[] = {"c"};
    for (int round = 0; round < 3000; round++) {
        char texts[8][64];
        struct etl_bytes cells[8];
        unsigned count = pick(8) + 1, family = pick(8), other = pick(4) ? family : pick(8);
        struct etl_shredder *shredder = make();
        struct ArrowSchema schema;
        struct ArrowArray batch;
        struct etl_view view;
        struct etl_buffer buffer = {0};
        bool fits = false;
        OK(etl_shredder_set_columns(shredder, names, 1, &err));
        for (unsigned i = 0; i < count; i++) {
            cells[i] = (struct etl_bytes){texts[i], random_cell(texts[i], i % 2 ? family : other)};
            OK(etl_shredder_observe_cells(shredder, &cells[i], 1, &err));
        }
        OK(etl_shredder_schema(shredder, &schema, &err));
        for (unsigned i = 0; i < count; i++) {
            OK(etl_shredder_append_cells(shredder, &cells[i], 1, &fits, &err));
            cr_assert(fits, "%s", etl_shredder_misfit(shredder));
        }
        OK(etl_shredder_finish(shredder, &batch, &err));
        OK(etl_view_init(&view, &schema, &err));
        OK(etl_view_validate(&view, &batch, true, &err));
        etl_view_set(&view, &batch);
        for (unsigned i = 0; i < count; i++) {
            etl_buffer_reset(&buffer);
            etl_text_add_cell(&buffer, &view.children[0], i);
            check_back(&view.children[0].type, cells[i], (struct etl_bytes){etl_buffer_text(&buffer), buffer.length});
        }
        etl_buffer_fini(&buffer);
        etl_view_fini(&view);
        etl_array_release(&batch);
        etl_schema_release(&schema);
        etl_shredder_free(shredder);
    }
}

Test(shredder, many_columns)
{
    struct etl_shredder *shredder = make();
    struct ArrowSchema schema;
    struct etl_error error;
    char record[100];
    etl_status status = ETL_OK;
    int length = 0, i = 0;
    etl_error_init(&error);
    for (; i < 100000 && status == ETL_OK; i++) {
        length = snprintf(record, sizeof record, "{\"k%d\":{\"k\":%d}}", i, i);
        status = etl_shredder_observe_json(shredder, record, (size_t)length, &error);
    }
    cr_expect_eq(status, ETL_SCHEMA);
    cr_expect(strstr(error.message, "65536 columns"), "%s", error.message);
    OK(etl_shredder_schema(shredder, &schema, &err));
    etl_schema_release(&schema);
    etl_shredder_free(shredder);
}
