#include "tests/unit/sdk_helpers.h"

Test(type, every_format_comes_back)
{
    static const char *const formats[][3] = {
        {"b", NULL, "boolean"},
        {"c", NULL, "int8"},
        {"s", NULL, "int16"},
        {"i", NULL, "int32"},
        {"l", NULL, "int64"},
        {"C", NULL, "uint8"},
        {"S", NULL, "uint16"},
        {"I", NULL, "uint32"},
        {"L", NULL, "uint64"},
        {"f", NULL, "float"},
        {"g", NULL, "double"},
        {"u", NULL, "text"},
        {"U", NULL, "text"},
        {"z", NULL, "binary"},
        {"Z", NULL, "binary"},
        {"d:18,2", NULL, "decimal(18,2)"},
        {"d:38,38", NULL, "decimal(38,38)"},
        {"tdD", NULL, "date"},
        {"ttu", NULL, "time"},
        {"tsu:", NULL, "timestamp"},
        {"tsu:UTC", NULL, "timestamp with time zone"},
        {"+s", NULL, "struct"},
        {"+l", NULL, "list"},
        {"u", "arrow.json", "json"},
        {"U", "arrow.json", "json"},
        {"u", "arrow.uuid", "uuid"},
    };
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct etl_type type;
        char format[ETL_TYPE_FORMAT_MAX], name[ETL_TYPE_NAME_MAX];
        OK(etl_type_parse(formats[i][0], formats[i][1], &type, &err));
        cr_expect_str_eq(etl_type_format(&type, format), formats[i][0]);
        cr_expect_str_eq(etl_type_name(&type, name), formats[i][2]);
        cr_expect((formats[i][1] == NULL) == (etl_type_extension(&type) == NULL));
        for (size_t j = 0; j < sizeof formats / sizeof formats[0]; j++) {
            struct etl_type other;
            OK(etl_type_parse(formats[j][0], formats[j][1], &other, &err));
            cr_expect_eq(etl_type_equal(&type, &other), i == j, "%s %s", formats[i][0], formats[j][0]);
        }
    }
}

Test(type, outside_the_subset)
{
    static const char *const formats[] = {
        "",    "n",      "e",         "x",      "d:",   "d:0,0",   "d:39,2",    "d:5,6",
        "d:5", "d:5,-1", "d:5,2,256", "d:5,2x", "tsn:", "tss:UTC", "tsu:UTC+1", "tsu:Europe/Paris",
        "tdm", "w:16",   "+L",        "+m",     "vu",   "bb",      "d:0005,2"};
    struct etl_type type;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        FAILS(ETL_UNSUPPORTED, formats[i], etl_type_parse(formats[i], NULL, &type, &err));
    FAILS(ETL_UNSUPPORTED, "arrow.json", etl_type_parse("l", "arrow.json", &type, &err));
    FAILS(ETL_UNSUPPORTED, "arrow.uuid", etl_type_parse("U", "arrow.uuid", &type, &err));
    OK(etl_type_parse("u", "geoarrow.wkt", &type, &err));
    OK(etl_type_parse("d:5,2,128", "", &type, &err));
}

static struct ArrowSchema sample(void)
{
    struct ArrowSchema root = {0}, item = {0}, list = {0};
    OK(etl_schema_init_struct(&root, "", &err));
    OK(etl_schema_add_column(&root, "id", "l", NULL, &err));
    OK(etl_schema_add_column(&root, "doc", "u", "arrow.json", &err));
    OK(etl_schema_init_struct(&item, "item", &err));
    OK(etl_schema_add_column(&item, "zip", "u", NULL, &err));
    OK(etl_schema_init_list(&list, "addresses", &item, &err));
    OK(etl_schema_add(&root, &list, &err));
    OK(etl_schema_add_column(&root, "op", "C", NULL, &err));
    return root;
}

Test(schema, build_copy_compare)
{
    struct ArrowSchema a = sample(), b = {0};
    OK(etl_schema_validate(&a, &err));
    OK(etl_schema_set_metadata(&a, ETL_META_OP_COLUMN, "op", &err));
    OK(etl_schema_set_metadata(&a, "k", "1", &err));
    OK(etl_schema_set_metadata(&a, "k", "22", &err));
    OK(etl_schema_validate(&a, &err));
    cr_expect_eq(etl_schema_op_column(&a), 3);
    cr_expect_eq(etl_schema_metadata(&a, "k").length, 2);
    cr_expect_null(etl_schema_metadata(&a, "K").data);
    OK(etl_schema_copy(&a, &b, &err));
    cr_expect(etl_schema_equal(&a, &b));
    cr_expect_str_eq(describe(&b), "id int64, doc json, addresses list(item struct(zip text)), op uint8");
    OK(etl_schema_set_metadata(&b, "k", NULL, &err));
    cr_expect(etl_schema_equal(&a, &b), "other metadata does not count");
    OK(etl_schema_set_metadata(&b, ETL_META_OP_COLUMN, NULL, &err));
    cr_expect_null(b.metadata);
    cr_expect(!etl_schema_equal(&a, &b));
    OK(etl_schema_set_metadata(&b, ETL_META_OP_COLUMN, "op", &err));
    OK(etl_schema_set_name(b.children[2]->children[0], "element", &err));
    cr_expect(etl_schema_equal(&a, &b), "names of list items do not count");
    OK(etl_schema_set_name(b.children[0], "ID", &err));
    cr_expect(!etl_schema_equal(&a, &b));
    cr_expect_eq(etl_schema_find(&b, "ID"), 0);
    cr_expect_eq(etl_schema_find(&b, "id"), -1);
    b.children[1]->flags = 0;
    OK(etl_schema_set_name(b.children[0], "id", &err));
    cr_expect(!etl_schema_equal(&a, &b), "nullability counts");
    etl_schema_release(&a);
    etl_schema_release(&a);
    etl_schema_release(&b);
    etl_schema_release(NULL);
}

Test(schema, validation)
{
    struct ArrowSchema a = sample(), foreign = {0}, leaf = {0};
    struct etl_type type;
    OK(etl_schema_set_name(a.children[2]->children[0]->children[0], "", &err));
    FAILS(ETL_SCHEMA, "column addresses[]: name of field 1 is empty", etl_schema_validate(&a, &err));
    OK(etl_schema_set_name(a.children[2]->children[0]->children[0], "\xff", &err));
    FAILS(ETL_SCHEMA, "not UTF-8", etl_schema_validate(&a, &err));
    OK(etl_schema_set_name(a.children[2]->children[0]->children[0], "zip", &err));
    OK(etl_schema_set_name(a.children[1], "id", &err));
    FAILS(ETL_SCHEMA, "two fields are called \"id\"", etl_schema_validate(&a, &err));
    OK(etl_schema_set_name(a.children[1], "doc", &err));
    OK(etl_schema_set_metadata(&a, ETL_META_OP_COLUMN, "id", &err));
    FAILS(ETL_SCHEMA, "operation column \"id\"", etl_schema_validate(&a, &err));
    OK(etl_schema_set_metadata(&a, ETL_META_OP_COLUMN, NULL, &err));
    a.children[0]->format = "tdm";
    FAILS(ETL_UNSUPPORTED, "column id: ", etl_schema_validate(&a, &err));
    a.children[0]->format = "l";
    a.children[0]->dictionary = &foreign;
    FAILS(ETL_SCHEMA, "dictionaries", etl_schema_validate(&a, &err));
    a.children[0]->dictionary = NULL;
    a.children[2]->n_children = 0;
    FAILS(ETL_SCHEMA, "number of children", etl_schema_validate(&a, &err));
    a.children[2]->n_children = 1;
    OK(etl_schema_validate(&a, &err));
    OK(etl_type_parse("l", NULL, &type, &err));
    OK(etl_schema_init_leaf(&leaf, "x", &type, &err));
    FAILS(ETL_SCHEMA, "root must be a struct", etl_schema_validate(&leaf, &err));
    FAILS(ETL_MISUSE, "not made by this library", etl_schema_add(&foreign, &leaf, &err));
    cr_expect_null(leaf.release, "moved in and released");
    FAILS(ETL_SCHEMA, "released", etl_schema_validate(&leaf, &err));
    etl_schema_release(&a);
}

Test(schema, depth)
{
    for (int depth = 62; depth <= 70; depth++) {
        struct ArrowSchema node = {0}, parent = {0}, root = {0};
        struct etl_type type;
        struct etl_error error;
        OK(etl_type_parse("l", NULL, &type, &err));
        OK(etl_schema_init_leaf(&node, "x", &type, &err));
        for (int i = 1; i < depth; i++) {
            OK(etl_schema_init_list(&parent, "x", &node, &err));
            etl_schema_move(&parent, &node);
        }
        OK(etl_schema_init_struct(&root, "", &err));
        OK(etl_schema_add(&root, &node, &err));
        cr_expect_eq(etl_schema_validate(&root, &error) == ETL_OK, depth <= 64, "%d", depth);
        etl_schema_release(&root);
    }
}
