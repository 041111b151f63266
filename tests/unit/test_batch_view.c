#include "tests/unit/sdk_helpers.h"

/* One foreign batch, as some other library would make it: plain static buffers. */
static void keep(struct ArrowArray *array)
{
    array->release = NULL;
}

static struct ArrowSchema schema;
static struct etl_view view;
static struct ArrowArray root, number, text, list, item;
static struct ArrowArray *root_children[] = {&number, &text, &list}, *list_children[] = {&item};
static int64_t numbers[] = {1, 2, 3, 4};
static int32_t text_offsets[] = {0, 1, 3, 3, 6}, list_offsets[] = {0, 2, 2, 3, 5};
static uint8_t validity[] = {0x0b}, item_bits[] = {0x15};
static const void *no_buffers[] = {NULL}, *number_buffers[] = {validity, numbers},
                  *text_buffers[] = {NULL, text_offsets, "a\xc3\xa9xyz"}, *list_buffers[] = {NULL, list_offsets},
                  *item_buffers[] = {NULL, item_bits};

static struct ArrowArray array_of(int64_t length, int64_t n_buffers, const void **buffers)
{
    return (struct ArrowArray){.length = length, .n_buffers = n_buffers, .buffers = buffers, .release = keep};
}

static void setup(void)
{
    struct ArrowSchema item_schema = {0}, list_schema = {0};
    struct etl_type type;
    OK(etl_schema_init_struct(&schema, "", &err));
    OK(etl_schema_add_column(&schema, "n", "l", NULL, &err));
    OK(etl_schema_add_column(&schema, "t", "u", NULL, &err));
    OK(etl_type_parse("b", NULL, &type, &err));
    OK(etl_schema_init_leaf(&item_schema, "item", &type, &err));
    OK(etl_schema_init_list(&list_schema, "l", &item_schema, &err));
    OK(etl_schema_add(&schema, &list_schema, &err));
    OK(etl_view_init(&view, &schema, &err));
    root = array_of(4, 1, no_buffers);
    root.n_children = 3;
    root.children = root_children;
    number = array_of(4, 2, number_buffers);
    number.null_count = 1;
    text = array_of(4, 3, text_buffers);
    list = array_of(4, 2, list_buffers);
    list.n_children = 1;
    list.children = list_children;
    item = array_of(5, 2, item_buffers);
}

static void teardown(void)
{
    etl_view_fini(&view);
    etl_schema_release(&schema);
}

TestSuite(view, .init = setup, .fini = teardown);

#define ACCEPTED()                                                                                                     \
    do {                                                                                                               \
        OK(etl_view_validate(&view, &root, false, &err));                                                              \
        OK(etl_view_validate(&view, &root, true, &err));                                                               \
    } while (0)
#define REFUSED(part)                                                                                                  \
    do {                                                                                                               \
        FAILS(ETL_DATA, part, etl_view_validate(&view, &root, false, &err));                                           \
        FAILS(ETL_DATA, part, etl_view_validate(&view, &root, true, &err));                                            \
    } while (0)
#define REFUSED_IN_FULL(part)                                                                                          \
    do {                                                                                                               \
        OK(etl_view_validate(&view, &root, false, &err));                                                              \
        FAILS(ETL_DATA, part, etl_view_validate(&view, &root, true, &err));                                            \
    } while (0)

Test(view, reads_a_foreign_batch)
{
    ACCEPTED();
    cr_expect_str_eq(rows_of(&schema, &root), "{\"n\":1,\"t\":\"a\",\"l\":[true,false]}\n"
                                              "{\"n\":2,\"t\":\"\xc3\xa9\",\"l\":[]}\n"
                                              "{\"n\":null,\"t\":\"\",\"l\":[true]}\n"
                                              "{\"n\":4,\"t\":\"xyz\",\"l\":[false,true]}\n");
}

Test(view, offsets_of_children)
{
    root.length = 2;
    number.offset = text.offset = list.offset = 2;
    number.length = text.length = list.length = 2;
    ACCEPTED();
    cr_expect_str_eq(rows_of(&schema, &root),
                     "{\"n\":null,\"t\":\"\",\"l\":[true]}\n{\"n\":4,\"t\":\"xyz\",\"l\":[false,true]}\n");
    item.offset = 1;
    item.length = 4;
    REFUSED("item: is shorter");
}

Test(view, unknown_null_counts)
{
    number.null_count = -1;
    text.null_count = -1;
    ACCEPTED();
    number.null_count = 2;
    REFUSED_IN_FULL("column n: null_count");
    number.null_count = 5;
    REFUSED("null_count out of range");
    number.null_count = -2;
    REFUSED("null_count out of range");
    number.null_count = 1;
    text.null_count = 1;
    REFUSED("column t: has nulls but no validity");
    text.null_count = 0;
    root.null_count = 1;
    REFUSED("record itself is null");
}

Test(view, structure)
{
    root.n_children = 2;
    REFUSED("wrong number of children");
    root.n_children = 3;
    number.n_buffers = 1;
    REFUSED("column n: wrong number of buffers");
    number.n_buffers = 2;
    number.length = 3;
    REFUSED("column n: is shorter");
    number.length = 5;
    number.length = -1;
    REFUSED("length or offset");
    number.length = 4;
    number.offset = INT64_MAX - 2;
    REFUSED("length or offset");
    number.offset = 0;
    number.dictionary = &item;
    REFUSED("dictionaries");
    number.dictionary = NULL;
    text.release = NULL;
    REFUSED("column t: array is missing or released");
    text.release = keep;
    list_children[0] = NULL;
    REFUSED("missing");
    list_children[0] = &item;
    list.children = NULL;
    REFUSED("children");
    list.children = list_children;
    root.release = NULL;
    REFUSED("released");
}

Test(view, buffers)
{
    number_buffers[1] = NULL;
    REFUSED("column n: has no data");
    number_buffers[1] = (const char *)numbers + 1;
    REFUSED("misaligned");
    number_buffers[1] = numbers;
    text_buffers[2] = NULL;
    REFUSED("column t: has no payload");
    text_buffers[1] = NULL;
    REFUSED("column t: has no data");
}

Test(view, offsets)
{
    text_offsets[0] = -1;
    REFUSED("offsets out of range");
    text_offsets[0] = 0;
    text_offsets[1] = 4;
    REFUSED_IN_FULL("offsets fall");
    text_offsets[1] = 1;
    text_offsets[4] = -5;
    REFUSED("offsets out of range");
    text_offsets[4] = 6;
    list_offsets[4] = 6;
    REFUSED("item: is shorter");
    list_offsets[4] = 5;
    list_offsets[1] = 3;
    REFUSED_IN_FULL("column l: offsets fall");
}

Test(view, text)
{
    text_offsets[1] = 2; /* cuts a character in two */
    REFUSED_IN_FULL("not valid UTF-8");
    text_offsets[1] = 1;
    text_buffers[2] = "a\xc3\xc3xyz";
    REFUSED_IN_FULL("not valid UTF-8");
    /* what a NULL hides is nobody's business */
    static uint8_t second_is_null[] = {0xfd};
    text_buffers[0] = second_is_null;
    text.null_count = 1;
    ACCEPTED();
}

Test(view, empty)
{
    static const void *nothing[] = {NULL, NULL, NULL};
    root.length = 0;
    number = array_of(0, 2, nothing);
    text = array_of(0, 3, nothing);
    item = array_of(0, 2, nothing);
    list = array_of(0, 2, nothing);
    list.n_children = 1;
    list.children = list_children;
    ACCEPTED();
    cr_expect_str_eq(rows_of(&schema, &root), "");
}

Test(view, operations)
{
    static const uint8_t ops[] = {9, 2, 1};
    static const void *op_buffers[] = {NULL, ops};
    struct ArrowArray op = array_of(2, 2, op_buffers), *children[] = {&op}, batch = array_of(2, 1, no_buffers);
    struct ArrowSchema with_ops = {0};
    struct etl_view ops_view;
    op.offset = 1;
    batch.n_children = 1;
    batch.children = children;
    OK(etl_schema_init_struct(&with_ops, "", &err));
    OK(etl_schema_add_column(&with_ops, "_op", "C", NULL, &err));
    OK(etl_schema_set_metadata(&with_ops, ETL_META_OP_COLUMN, "_op", &err));
    OK(etl_view_init(&ops_view, &with_ops, &err));
    OK(etl_view_validate(&ops_view, &batch, true, &err));
    etl_view_set(&ops_view, &batch);
    cr_expect_eq(etl_view_op(&ops_view, ETL_OP_INSERT, 0), ETL_OP_DELETE);
    cr_expect_eq(etl_view_op(&ops_view, ETL_OP_INSERT, 1), ETL_OP_UPSERT);
    cr_expect_eq(etl_view_op(&view, ETL_OP_DELETE, 0), ETL_OP_DELETE);
    etl_view_fini(&ops_view);
    etl_schema_release(&with_ops);
}
