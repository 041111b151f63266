/* Selection, names, masks. */
#include "tests/unit/data_helpers.h"

#include "core/data/transform.h"

static const char *const no_keys[] = {NULL};

struct result {
    struct transform *transform;
    char *map;
};

static struct result make(const struct ArrowSchema *schema, const struct transform_rules *rules, const char *map)
{
    struct result result = {0};
    OK(transform_new(schema, rules, no_keys, map, &result.transform, &result.map, &err));
    return result;
}

static void drop(struct result *result)
{
    transform_free(result->transform);
    free(result->map);
}

static void expect_refused(const char *columns, const struct transform_rules *rules, const char *const *keys,
                           const char *map, etl_status expected, const char *word)
{
    struct ArrowSchema schema = schema_of(columns);
    struct transform *transform = NULL;
    char *new_map = NULL;
    struct etl_error err;
    etl_error_init(&err);
    etl_status status = transform_new(&schema, rules, keys, map, &transform, &new_map, &err);
    cr_expect_eq(status, expected, "%s: %s", etl_status_name(status), err.message);
    cr_expect(strstr(err.message, word), "%s", err.message);
    cr_expect(!transform && !new_map);
    etl_schema_release(&schema);
}

Test(transform, without_rules_the_batch_is_not_touched)
{
    struct ArrowSchema schema = schema_of("a:l b:{c:u}");
    struct transform_rules rules = {0};
    struct result result = make(&schema, &rules, "{}");
    struct ArrowArray batch = batch_of(&schema, "[{\"a\":1}]");
    const void *before = batch.private_data;
    OK(transform_apply(result.transform, &batch, &err));
    cr_expect_eq(batch.private_data, before);
    cr_expect(etl_schema_equal(transform_schema(result.transform), &schema));
    cr_expect_str_eq(result.map, "{\"a\":\"a\",\"b\":\"b\"}");
    etl_array_release(&batch);
    drop(&result);
    etl_schema_release(&schema);
}

Test(transform, selects_and_renames_without_copying)
{
    struct ArrowSchema schema = schema_of("id!:l o!:C secret:u email:u x_1:u x_2:b");
    const char *include[] = {"id", "x_*", "secret", "email", NULL}, *exclude[] = {"sec?et", "x_[3-9]", NULL};
    struct column_rule renames[] = {{.column = "email", .rename = "mail"}};
    struct transform_rules rules = {.include = include, .exclude = exclude, .rules = renames, .rule_count = 1};
    OK(etl_schema_set_metadata(&schema, ETL_META_OP_COLUMN, "o", &err));
    struct result result = make(&schema, &rules, "{}");
    struct ArrowArray batch =
        batch_of(&schema, "[{\"id\":1,\"o\":2,\"secret\":\"s\",\"email\":\"e\",\"x_1\":\"1\",\"x_2\":true}]");
    const void *payload = batch.children[3]->buffers[2];
    OK(transform_apply(result.transform, &batch, &err));
    expect_schema(transform_schema(result.transform), "id!:l o!:C mail:u x_1:u x_2:b");
    cr_expect_eq(etl_schema_op_column(transform_schema(result.transform)), 1);
    cr_expect_eq(batch.children[2]->buffers[2], payload);
    expect_rows(transform_schema(result.transform), &batch, "{\"id\":1,\"mail\":\"e\",\"x_1\":\"1\",\"x_2\":true}\n");
    cr_expect_str_eq(transform_target_name(result.transform, "email"), "mail");
    cr_expect_null(transform_target_name(result.transform, "secret"));
    cr_expect_null(transform_target_name(result.transform, "mail"));
    etl_array_release(&batch);
    drop(&result);
    etl_schema_release(&schema);
}

Test(transform, masks)
{
    struct ArrowSchema schema = schema_of("h:u r:l p:u n:{x:l} j:{x:l} w:U d:d:9,2");
    struct column_rule masks[] = {{"h", NULL, MASK_HASH},   {"r", NULL, MASK_REDACT}, {"p", NULL, MASK_PARTIAL},
                                  {"n", NULL, MASK_NULL},   {"j", NULL, MASK_REDACT}, {"w", NULL, MASK_PARTIAL},
                                  {"d", NULL, MASK_PARTIAL}};
    struct transform_rules rules = {.rules = masks, .rule_count = 7, .mask_key = "Jefe", .mask_key_len = 4};
    struct result result = make(&schema, &rules, "{}");
    struct ArrowArray batch =
        batch_of(&schema, "[{\"h\":\"what do ya want for nothing?\",\"r\":1,\"p\":\"4111111111111234\",\"n\":{\"x\":1},"
                          "\"j\":{\"x\":1},\"w\":\"abc\",\"d\":\"1234.56\"},{},"
                          "{\"h\":\"\",\"r\":0,\"p\":\"\",\"w\":\"\\u00e9\\u00e8\\u00ea\\u00eb\\u00e9\"}]");
    OK(transform_apply(result.transform, &batch, &err));
    expect_schema(transform_schema(result.transform), "h:u r:u p:u n:{x:l} j:u w:u d:u");
    /* RFC 4231, test case 2 */
    expect_rows(transform_schema(result.transform), &batch,
                "{\"h\":\"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843\",\"r\":\"***\","
                "\"p\":\"************1234\",\"n\":null,\"j\":\"***\",\"w\":\"**c\",\"d\":\"****.56\"}\n"
                "{\"h\":null,\"r\":null,\"p\":null,\"n\":null,\"j\":null,\"w\":null,\"d\":null}\n"
                "{\"h\":\"923598ca6d64af2a5dba79dcd021a8a0fe5c5f557519adaaf0ad532d4506dd30\",\"r\":\"***\",\"p\":\"\","
                "\"n\":null,"
                "\"j\":null,\"w\":\"***\xc3\xab\xc3\xa9\",\"d\":null}\n");
    etl_array_release(&batch);
    drop(&result);
    etl_schema_release(&schema);
}

Test(transform, hash_depends_on_text_and_key_only)
{
    struct ArrowSchema text = schema_of("a:u"), number = schema_of("a:l"), json = schema_of("a:{x:l}"),
                       raw = schema_of("a:u=arrow.json");
    struct column_rule rule = {"*", NULL, MASK_HASH};
    struct transform_rules rules = {.rules = &rule, .rule_count = 1, .mask_key = "k", .mask_key_len = 1};
    const struct ArrowSchema *schemas[] = {&text, &number, &json, &raw};
    const char *rows[] = {"[{\"a\":\"42\"}]", "[{\"a\":42}]", "[{\"a\":{\"x\":1}}]", "[{\"a\":\"{\\\"x\\\":1}\"}]"};
    char *results[4];
    for (int i = 0; i < 4; i++) {
        struct result result = make(schemas[i], &rules, "{}");
        struct ArrowArray batch = batch_of(schemas[i], rows[i]);
        OK(transform_apply(result.transform, &batch, &err));
        results[i] = text_of(transform_schema(result.transform), &batch);
        etl_array_release(&batch);
        drop(&result);
    }
    cr_expect_str_eq(results[0], results[1]);
    cr_expect_str_eq(results[2], results[3]);
    cr_expect_str_neq(results[0], results[2]);
    for (int i = 0; i < 4; i++)
        free(results[i]);
    etl_schema_release(&text);
    etl_schema_release(&number);
    etl_schema_release(&json);
    etl_schema_release(&raw);
}

Test(transform, a_rename_does_not_take_a_mask_away)
{
    struct ArrowSchema schema = schema_of("email:u");
    struct column_rule list[] = {{"e*", NULL, MASK_REDACT}, {"email", "mail", MASK_NONE}};
    struct transform_rules rules = {.rules = list, .rule_count = 2};
    struct result result = make(&schema, &rules, "{}");
    struct ArrowArray batch = batch_of(&schema, "[{\"email\":\"a@b\"}]");
    OK(transform_apply(result.transform, &batch, &err));
    expect_rows(transform_schema(result.transform), &batch, "{\"mail\":\"***\"}\n");
    etl_array_release(&batch);
    drop(&result);
    etl_schema_release(&schema);
}

Test(transform, soft_delete_column)
{
    struct ArrowSchema schema = schema_of("a:l");
    struct transform_rules rules = {.soft_delete = true};
    struct result result = make(&schema, &rules, "{}");
    struct ArrowArray batch = batch_of(&schema, "[{\"a\":1},{\"a\":2}]");
    OK(transform_apply(result.transform, &batch, &err));
    expect_schema(transform_schema(result.transform), "a:l _etl_deleted_at:tsu:UTC");
    expect_rows(transform_schema(result.transform), &batch,
                "{\"a\":1,\"_etl_deleted_at\":null}\n{\"a\":2,\"_etl_deleted_at\":null}\n");
    etl_array_release(&batch);
    drop(&result);
    etl_schema_release(&schema);
    expect_refused("a:l _etl_deleted_at:u", &rules, no_keys, "{}", ETL_CONFIG, "rename or exclude");
    expect_refused("a:l b:u",
                   &(struct transform_rules){
                       .soft_delete = true, .rules = &(struct column_rule){"b", "_etl_deleted_at", 0}, .rule_count = 1},
                   no_keys, "{}", ETL_CONFIG, "reserved");
}

static void expect_names(const char *columns, const struct transform_rules *rules, const char *map,
                         const char *expected)
{
    struct ArrowSchema schema = schema_of(columns);
    struct result result = make(&schema, rules, map);
    cr_expect_str_eq(result.map, expected);
    for (int64_t i = 0; i < schema.n_children; i++) {
        const char *name = transform_target_name(result.transform, schema.children[i]->name);
        cr_expect(name && etl_schema_find(transform_schema(result.transform), name) == i);
    }
    drop(&result);
    etl_schema_release(&schema);
}

Test(transform, names_are_unique_short_and_stable)
{
    struct transform_rules folding = {.fold_names = true}, shorter = {.name_max_bytes = 4}, plain = {0};
    expect_names("a:l A:l", &plain, "{}", "{\"a\":\"a\",\"A\":\"A\"}");
    expect_names("a:l A:l a_2:l", &folding, "{}", "{\"a\":\"a\",\"A\":\"A_2\",\"a_2\":\"a_2_2\"}");
    expect_names("A:l a:l", &folding, "{\"a\":\"a\",\"A\":\"A_2\"}", "{\"a\":\"a\",\"A\":\"A_2\"}");
    expect_names("A:l", &folding, "{\"a\":\"a\"}", "{\"a\":\"a\",\"A\":\"A_2\"}");
    expect_names("abcdef:l abcdeg:l abcd:l", &shorter, "{}",
                 "{\"abcdef\":\"abcd\",\"abcdeg\":\"ab_2\",\"abcd\":\"ab_3\"}");
    expect_names("ab\xc3\xa9\xc3\xa9:l abc\xc3\xa9:l", &shorter, "{}",
                 "{\"ab\xc3\xa9\xc3\xa9\":\"ab\xc3\xa9\",\"abc\xc3\xa9\":\"abc\"}");
    /* a map written for a destination that did not fold */
    expect_names("a:l A:l", &folding, "{\"a\":\"a\",\"A\":\"A\"}", "{\"a\":\"a\",\"A\":\"A_2\"}");
}

Test(transform, a_rename_wins_over_the_map)
{
    struct column_rule rule = {"b", "x", MASK_NONE};
    struct transform_rules rules = {.rules = &rule, .rule_count = 1, .fold_names = true, .name_max_bytes = 8};
    expect_names("a:l b:l", &rules, "{\"b\":\"b\"}", "{\"b\":\"x\",\"a\":\"a\"}");
    expect_names("b:l", &rules, "{\"x\":\"x\",\"b\":\"b\"}", "{\"b\":\"x\"}"); /* x is gone */
    expect_names("c:l b:l", &rules, "{\"b\":\"x\"}", "{\"b\":\"x\",\"c\":\"c\"}");
    expect_refused("X:l b:l", &rules, no_keys, "{}", ETL_CONFIG, "another column");
    expect_refused("c:l b:l", &rules, no_keys, "{\"c\":\"X\"}", ETL_CONFIG, "another column");
    rule.rename = "far_too_long";
    expect_refused("b:l", &rules, no_keys, "{}", ETL_CONFIG, "too long");
    rule.rename = "";
    expect_refused("b:l", &rules, no_keys, "{}", ETL_CONFIG, "empty");
}

Test(transform, refuses_what_cannot_work)
{
    const char *keys[] = {"id", NULL}, *exclude[] = {"i*", NULL}, *nothing[] = {"zzz", NULL};
    struct column_rule rule = {"emial", NULL, MASK_REDACT};
    struct transform_rules rules = {.rules = &rule, .rule_count = 1};
    expect_refused("id:l email:u", &rules, keys, "{}", ETL_CONFIG,
                   "emial, which is not there; the columns are: id, email");
    rule.column = "i*";
    expect_refused("id:l email:u", &rules, keys, "{}", ETL_CONFIG, "key column id");
    rule.mask = MASK_PARTIAL;
    expect_refused("id:l email:u", &rules, keys, "{}", ETL_CONFIG, "key column id");
    rule.mask = MASK_NULL;
    expect_refused("id:l email:u", &rules, keys, "{}", ETL_CONFIG, "key column id");
    rule.mask = MASK_HASH;
    expect_refused("id:l email:u", &rules, keys, "{}", ETL_CONFIG, "mask_key");
    expect_refused("id:l", &(struct transform_rules){.exclude = exclude}, keys, "{}", ETL_CONFIG, "key column id");
    expect_refused("x:l", &(struct transform_rules){0}, keys, "{}", ETL_CONFIG, "key column id");
    expect_refused("x:l", &(struct transform_rules){.include = nothing}, no_keys, "{}", ETL_CONFIG, "no column");
    expect_refused("x:l", &(struct transform_rules){0}, no_keys, "[]", ETL_DATA, "damaged");
    expect_refused("x:l", &(struct transform_rules){0}, no_keys, "{\"x\":1}", ETL_DATA, "damaged");
    expect_refused("x:l", &(struct transform_rules){0}, no_keys, "{\"x", ETL_DATA, "damaged");
}

Test(transform, a_hashed_key_is_allowed_and_slices_work)
{
    struct ArrowSchema schema = schema_of("id!:u p:u s:{x:u}");
    const char *keys[] = {"id", NULL};
    struct column_rule list[] = {{"id", "key", MASK_HASH}, {"p", NULL, MASK_PARTIAL}, {"s", NULL, MASK_PARTIAL}};
    struct transform_rules rules = {.rules = list, .rule_count = 3, .mask_key = "k", .mask_key_len = 1};
    struct result result = {0};
    OK(transform_new(&schema, &rules, keys, "{}", &result.transform, &result.map, &err));
    struct ArrowArray batch =
        batch_of(&schema, "[{\"id\":\"1\",\"p\":null},{\"id\":\"2\",\"p\":\"abcdefghij\",\"s\":{\"x\":\"y\"}},"
                          "{\"id\":\"3\",\"p\":null},{\"id\":\"4\"}]");
    batch.offset = 1;
    batch.length = 2;
    OK(transform_apply(result.transform, &batch, &err));
    expect_rows(transform_schema(result.transform), &batch,
                "{\"key\":\"e94dc0787a13962ab08e6a258b9bb46eb05e968a3746dee179a4dd727b063de8\",\"p\":\"******ghij\","
                "\"s\":\"*****\\\"y\\\"}\"}\n{\"key\":"
                "\"73ad098009fda9c640365e02d5f49a48e48249d3ea32e9fbca172ce656802ec2\",\"p\":null,\"s\":null}\n");
    etl_array_release(&batch);
    struct ArrowSchema other = schema_of("id!:u");
    struct etl_error err;
    etl_error_init(&err);
    batch = batch_of(&other, "[{\"id\":\"1\"}]");
    cr_expect_eq(transform_apply(result.transform, &batch, &err), ETL_DATA);
    cr_expect_null(batch.release);
    etl_schema_release(&other);
    drop(&result);
    etl_schema_release(&schema);
}
