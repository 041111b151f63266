/* Schema merge, contracts, differences in words, JSON form. */
#include "tests/unit/data_helpers.h"

static void expect_merge(const char *a, const char *b, const char *expected)
{
    struct ArrowSchema agreed = schema_of(a), incoming = schema_of(b), merged = {0};
    OK(schema_merge(&agreed, &incoming, &merged, &err));
    expect_schema(&merged, expected);
    etl_schema_release(&agreed);
    etl_schema_release(&incoming);
    etl_schema_release(&merged);
}

Test(schema_change, merges_scalars)
{
    static const struct {
        const char *a, *b, *merged;
    } cases[] = {
        {"l", "l", "l"},
        {"c", "s", "s"},
        {"C", "S", "S"},
        {"c", "C", "s"},
        {"I", "i", "l"},
        {"i", "C", "i"},
        {"L", "c", "d:20,0"},
        {"l", "d:18,2", "d:21,2"},
        {"L", "d:4,4", "d:24,4"},
        {"d:10,2", "d:8,4", "d:12,4"},
        {"d:38,0", "d:2,2", "u"},
        {"l", "d:38,20", "u"},
        {"f", "g", "g"},
        {"g", "l", "u"},
        {"g", "d:3,1", "u"},
        {"b", "l", "u"},
        {"tdD", "tsu:", "tsu:"},
        {"tdD", "tsu:UTC", "u"},
        {"tsu:", "tsu:UTC", "u"},
        {"ttu", "tdD", "u"},
        {"u=arrow.uuid", "u", "u"},
        {"u=arrow.uuid", "u=arrow.uuid", "u=arrow.uuid"},
        {"z", "Z", "Z"},
        {"z", "u", "u"},
        {"z", "l", "u"},
        {"u", "U", "U"},
        {"U", "l", "U"},
        {"u", "u=arrow.json", "u=arrow.json"},
        {"U", "u=arrow.json", "U=arrow.json"},
        {"{x:l}", "l", "u=arrow.json"},
        {"[l]", "{x:l}", "u=arrow.json"},
        {"[l]", "[b]", "[u]"},
        {"{x:l}", "{x:g}", "{x:u}"},
        {"[{x:l}]", "[{y:l}]", "[{x:l y:l}]"},
        {"[l]", "u", "u=arrow.json"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char a[64], b[64], merged[64];
        snprintf(a, sizeof a, "k:%s", cases[i].a);
        snprintf(b, sizeof b, "k:%s", cases[i].b);
        snprintf(merged, sizeof merged, "k:%s", cases[i].merged);
        expect_merge(a, b, merged);
        if (!strchr(a, '{'))
            expect_merge(b, a, merged);
    }
}

Test(schema_change, keeps_the_agreed_order_and_makes_the_rest_nullable)
{
    expect_merge("a!:l b!:u", "c!:b b!:u", "a:l b!:u c:b");
    expect_merge("a!:l", "a:l", "a:l");
    expect_merge("a:{x!:l}", "a:{y!:l}", "a:{x:l y:l}");
    expect_merge("", "a:l", "a:l");
    expect_merge("a:l", "", "a:l");
}

static struct ArrowSchema with_op(const char *text, const char *column)
{
    struct ArrowSchema schema = schema_of(text);
    OK(etl_schema_set_metadata(&schema, ETL_META_OP_COLUMN, column, &err));
    return schema;
}

static void expect_op(const struct ArrowSchema *agreed, const struct ArrowSchema *incoming, const char *columns,
                      const char *op)
{
    struct ArrowSchema merged = {0};
    OK(schema_merge(agreed, incoming, &merged, &err));
    expect_schema(&merged, columns);
    int64_t index = etl_schema_op_column(&merged);
    cr_expect_str_eq(index < 0 ? "none" : merged.children[index]->name, op);
    etl_schema_release(&merged);
}

Test(schema_change, operation_column_follows_the_incoming_schema)
{
    struct ArrowSchema plain = schema_of("a:l"), one = with_op("o!:C a:l", "o"), two = with_op("a:l p!:C", "p");
    struct ArrowSchema merged = {0};
    expect_op(&plain, &one, "a:l o!:C", "o");
    expect_op(&one, &plain, "a:l", "none");
    expect_op(&one, &two, "p!:C a:l", "p");
    OK(schema_agree(CONTRACT_FREEZE, &plain, &one, &merged, &err));
    expect_schema(&merged, "a:l o!:C");
    etl_schema_release(&merged);
    struct ArrowSchema data = schema_of("o:C a:l");
    struct etl_error err;
    etl_error_init(&err);
    cr_expect_eq(schema_merge(&data, &one, &merged, &err), ETL_SCHEMA);
    cr_expect(strstr(err.message, "column o"));
    etl_schema_release(&data);
    etl_schema_release(&plain);
    etl_schema_release(&one);
    etl_schema_release(&two);
}

static void collect(void *arg, const char *sentence)
{
    strcat(strcat(arg, sentence), "\n");
}

Test(schema_change, tells_the_differences)
{
    char text[1024] = "";
    struct ArrowSchema from = schema_of("a:l b:l gone:u c:{x:l} d:[{y:tdD}]");
    struct ArrowSchema to = schema_of("a:l b:d:18,2 c:{x:u z:[b]} d:[{y:tsu:}] e:l");
    schema_diff(&from, &to, collect, text);
    cr_expect_str_eq(text, "column b: int64 -> decimal(18,2)\ncolumn c.x: int64 -> text\nnew column c.z: list\n"
                           "column d[].y: date -> timestamp\nnew column e: int64\n");
    etl_schema_release(&from);
    etl_schema_release(&to);
}

static etl_status agree(enum contract contract, const char *a, const char *b, const char *expected, char *message)
{
    struct ArrowSchema agreed = schema_of(a), incoming = schema_of(b), result = {0};
    struct etl_error err;
    etl_error_init(&err);
    etl_status status = schema_agree(contract, &agreed, &incoming, &result, &err);
    if (status == ETL_OK)
        expect_schema(&result, expected);
    else
        strcpy(message, err.message);
    cr_expect_eq(status == ETL_OK, result.release != NULL);
    etl_schema_release(&agreed);
    etl_schema_release(&incoming);
    etl_schema_release(&result);
    return status;
}

Test(schema_change, contracts)
{
    char message[1024] = "";
    struct ArrowSchema incoming = schema_of("a!:l"), result = {0};
    OK(schema_agree(CONTRACT_FREEZE, NULL, &incoming, &result, &err));
    expect_schema(&result, "a!:l");
    etl_schema_release(&result);
    OK(schema_agree(CONTRACT_FREEZE, &result, &incoming, &result, &err));
    etl_schema_release(&result);
    etl_schema_release(&incoming);

    OK(agree(CONTRACT_EVOLVE, "a!:l", "a:g b:u", "a:u b:u", message));
    OK(agree(CONTRACT_DISCARD_ROW, "a!:l c!:u", "a:g b:u", "a!:l c:u", message));
    OK(agree(CONTRACT_DEAD_LETTER, "a:{x!:l y:l}", "a:{x:u z:l}", "a:{x!:l y:l}", message));
    OK(agree(CONTRACT_FREEZE, "a!:l b:u", "b:l a:i", "a!:l b:u", message));
    OK(agree(CONTRACT_FREEZE, "a:d:18,2", "a:l", "a:d:18,2", message)); /* the values decide */
    cr_expect_eq(agree(CONTRACT_FREEZE, "a:l", "a:u b:{x:l}", "", message), ETL_SCHEMA);
    cr_expect(strstr(message, "column a: int64 -> text; new column b: struct"), "%s", message);
    cr_expect(strstr(message, "evolve"), "%s", message);
    cr_expect_eq(agree(CONTRACT_FREEZE, "a:d:18,2", "a:d:18,4", "", message), ETL_SCHEMA);
}

Test(schema_change, json_form_comes_back)
{
    struct ArrowSchema schema =
        schema_of("id!:l o!:C m:d:38,9 t:tsu:UTC j:U=arrow.json u:u=arrow.uuid n:{a!:[{b:z}] e:{}} "
                  "l!:[[f]]");
    struct ArrowSchema back = {0};
    json_t *json = NULL;
    OK(etl_schema_set_metadata(&schema, ETL_META_OP_COLUMN, "o", &err));
    OK(schema_to_json(&schema, &json, &err));
    OK(schema_from_json(json, &back, &err));
    cr_expect(etl_schema_equal(&schema, &back));
    cr_expect_eq(etl_schema_op_column(&back), 1);
    json_decref(json);
    etl_schema_release(&schema);
    etl_schema_release(&back);
}

Test(schema_change, refuses_damaged_json)
{
    static const char *texts[] = {
        "{}",
        "{\"columns\":1}",
        "{\"columns\":[1]}",
        "{\"columns\":[{\"name\":\"a\"}]}",
        "{\"columns\":[{\"name\":\"a\",\"type\":\"?\"}]}",
        "{\"columns\":[{\"name\":\"\",\"type\":\"l\"}]}",
        "{\"columns\":[{\"name\":\"a\",\"type\":\"l\"},{\"name\":\"a\",\"type\":\"l\"}]}",
        "{\"columns\":[{\"name\":\"a\",\"type\":\"+l\"}]}",
        "{\"columns\":[{\"name\":\"a\",\"type\":\"+l\",\"children\":[]}]}",
        "{\"columns\":[{\"name\":\"a\",\"type\":\"d:40,2\"}]}",
        "{\"columns\":[{\"name\":\"a\",\"type\":\"l\"}],\"op_column\":\"a\"}",
        "{\"columns\":[{\"name\":\"a\",\"type\":\"l\"}],\"op_column\":\"b\"}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct ArrowSchema schema = {0};
        struct etl_error err;
        json_t *json = json_loads(texts[i], 0, NULL);
        etl_error_init(&err);
        cr_expect_neq(schema_from_json(json, &schema, &err), ETL_OK, "%s", texts[i]);
        cr_expect(err.message[0] != 0);
        cr_expect_null(schema.release);
        json_decref(json);
    }
}

Test(schema_change, refuses_endless_nesting)
{
    json_t *node = json_pack("{s:s, s:s}", "name", "x", "type", "l");
    struct ArrowSchema schema = {0};
    struct etl_error err;
    for (int i = 0; i < 200; i++)
        node = json_pack("{s:s, s:s, s:[o]}", "name", "x", "type", "+l", "children", node);
    node = json_pack("{s:[o]}", "columns", node);
    etl_error_init(&err);
    cr_expect_eq(schema_from_json(node, &schema, &err), ETL_DATA);
    json_decref(node);
}

/* Types are a semilattice: checked over all pairs and triples. */
static const char *const kinds[] = {"b",
                                    "c",
                                    "C",
                                    "s",
                                    "I",
                                    "l",
                                    "L",
                                    "d:5,2",
                                    "d:20,10",
                                    "d:38,0",
                                    "f",
                                    "g",
                                    "u",
                                    "U",
                                    "u=arrow.json",
                                    "u=arrow.uuid",
                                    "z",
                                    "tdD",
                                    "ttu",
                                    "tsu:",
                                    "tsu:UTC",
                                    "{x:l}",
                                    "{x:b y:l}",
                                    "[l]",
                                    "[g]"};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static struct ArrowSchema join(const struct ArrowSchema *a, const struct ArrowSchema *b)
{
    struct ArrowSchema merged = {0};
    OK(schema_merge(a, b, &merged, &err));
    OK(etl_schema_validate(&merged, &err));
    return merged;
}

/* Equal up to the order of struct children. */
static bool same_type(const struct ArrowSchema *a, const struct ArrowSchema *b)
{
    struct etl_type x, y;
    OK(etl_type_of(a, &x, &err));
    OK(etl_type_of(b, &y, &err));
    bool same = x.kind == y.kind && (x.kind == ETL_KIND_STRUCT || x.kind == ETL_KIND_LIST || etl_type_equal(&x, &y)) &&
                a->n_children == b->n_children && a->flags == b->flags;
    for (int64_t i = 0; same && i < a->n_children; i++) {
        int64_t other = etl_schema_find(b, a->children[i]->name);
        same = other >= 0 && same_type(a->children[i], b->children[other]);
    }
    return same;
}

Test(schema_change, merge_is_idempotent_commutative_and_associative)
{
    struct ArrowSchema all[KINDS];
    for (int i = 0; i < KINDS; i++) {
        char text[64];
        snprintf(text, sizeof text, "k:%s", kinds[i]);
        all[i] = schema_of(text);
    }
    for (int i = 0; i < KINDS; i++) {
        struct ArrowSchema self = join(&all[i], &all[i]);
        cr_expect(etl_schema_equal(&self, &all[i]), "%s", kinds[i]);
        etl_schema_release(&self);
        for (int j = 0; j < KINDS; j++) {
            struct ArrowSchema ij = join(&all[i], &all[j]), ji = join(&all[j], &all[i]), again = join(&ij, &all[j]);
            cr_expect(same_type(&ij, &ji), "%s %s", kinds[i], kinds[j]);
            cr_expect(etl_schema_equal(&ij, &again), "%s %s", kinds[i], kinds[j]);
            for (int k = 0; k < KINDS; k++) {
                struct ArrowSchema jk = join(&all[j], &all[k]), left = join(&ij, &all[k]), right = join(&all[i], &jk);
                cr_expect(same_type(&left, &right), "%s %s %s", kinds[i], kinds[j], kinds[k]);
                etl_schema_release(&jk);
                etl_schema_release(&left);
                etl_schema_release(&right);
            }
            etl_schema_release(&ij);
            etl_schema_release(&ji);
            etl_schema_release(&again);
        }
    }
    for (int i = 0; i < KINDS; i++)
        etl_schema_release(&all[i]);
}
