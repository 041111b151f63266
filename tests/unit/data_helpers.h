/* Schemas and batches from short texts, for the tests of core/data. Everything aborts the test when it fails. */
#ifndef TESTS_UNIT_DATA_HELPERS_H
#define TESTS_UNIT_DATA_HELPERS_H

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk.h>

#include "core/data/schema_change.h"

#define OK(expression)                                                                                                 \
    do {                                                                                                               \
        struct etl_error err;                                                                                          \
        etl_error_init(&err);                                                                                          \
        etl_status ok_status = (expression);                                                                           \
        cr_assert_eq(ok_status, ETL_OK, "%s: %s: %s", #expression, etl_status_name(ok_status), err.message);           \
    } while (0)

/* "a:l b!:u c:u=arrow.json d:{x:l y:[g]}": name, "!" for not nullable, type; {..} struct, [..] list. */
static inline void parse_columns(const char **text, struct ArrowSchema *parent);

static inline struct ArrowSchema parse_type(const char **text, const char *name)
{
    struct ArrowSchema schema = {0};
    if (**text == '{') {
        ++*text;
        OK(etl_schema_init_struct(&schema, name, &err));
        parse_columns(text, &schema);
        ++*text;
    } else if (**text == '[') {
        ++*text;
        struct ArrowSchema item = parse_type(text, "item");
        ++*text;
        OK(etl_schema_init_list(&schema, name, &item, &err));
    } else {
        char format[32] = "", extension[32] = "";
        size_t length = strcspn(*text, " ]}=");
        memcpy(format, *text, length);
        *text += length;
        if (**text == '=') {
            length = strcspn(*text, " ]}");
            memcpy(extension, *text + 1, length - 1);
            *text += length;
        }
        struct etl_type type;
        OK(etl_type_parse(format, extension, &type, &err));
        OK(etl_schema_init_leaf(&schema, name, &type, &err));
    }
    return schema;
}

static inline void parse_columns(const char **text, struct ArrowSchema *parent)
{
    while (**text && **text != '}') {
        char name[64] = "";
        size_t length = strcspn(*text, "!:");
        memcpy(name, *text, length);
        bool is_nullable = (*text)[length] != '!';
        *text += length + (is_nullable ? 1 : 2);
        struct ArrowSchema child = parse_type(text, name);
        child.flags = is_nullable ? ARROW_FLAG_NULLABLE : 0;
        OK(etl_schema_add(parent, &child, &err));
        while (**text == ' ')
            ++*text;
    }
}

static inline struct ArrowSchema schema_of(const char *text)
{
    struct ArrowSchema root = {0};
    OK(etl_schema_init_struct(&root, "", &err));
    parse_columns(&text, &root);
    OK(etl_schema_validate(&root, &err));
    return root;
}

static inline void append_json(struct etl_column *column, json_t *value)
{
    if (!value || json_is_null(value)) {
        OK(etl_append_null(column, &err));
    } else if (column->type.kind == ETL_KIND_STRUCT) {
        for (int64_t i = 0; i < column->n_children; i++)
            append_json(etl_column_child(column, i), json_object_get(value, etl_column_child(column, i)->name));
        OK(etl_append_struct_end(column, &err));
    } else if (column->type.kind == ETL_KIND_LIST) {
        for (size_t i = 0; i < json_array_size(value); i++)
            append_json(etl_column_child(column, 0), json_array_get(value, i));
        OK(etl_append_list_end(column, &err));
    } else if (json_is_string(value) && (column->type.kind == ETL_KIND_STRING || column->type.kind == ETL_KIND_BINARY ||
                                         column->type.kind == ETL_KIND_UUID || column->type.kind == ETL_KIND_JSON)) {
        OK(etl_append_bytes(column, json_string_value(value), json_string_length(value), &err));
    } else {
        char *text = json_is_string(value) ? strdup(json_string_value(value)) : json_dumps(value, JSON_ENCODE_ANY);
        bool fits = false;
        OK(etl_append_text(column, text, strlen(text), &fits, &err));
        cr_assert(fits, "%s does not fit column %s", text, column->name);
        free(text);
    }
}

/* Rows as a JSON array of objects; strings are the text forms of typed values. */
static inline struct ArrowArray batch_of(const struct ArrowSchema *schema, const char *rows)
{
    struct etl_builder *builder = NULL;
    struct ArrowArray batch = {0};
    json_error_t problem;
    json_t *array = json_loads(rows, 0, &problem);
    cr_assert(array, "%s", problem.text);
    OK(etl_builder_new(schema, &builder, &err));
    for (size_t i = 0; i < json_array_size(array); i++) {
        for (int64_t c = 0; c < etl_builder_column_count(builder); c++)
            append_json(etl_builder_column(builder, c),
                        json_object_get(json_array_get(array, i), etl_builder_column(builder, c)->name));
        OK(etl_builder_end_row(builder, &err));
    }
    OK(etl_builder_finish(builder, &batch, &err));
    etl_builder_free(builder);
    json_decref(array);
    return batch;
}

/* All rows as JSON objects, one per line, after a full validation. The caller frees. */
static inline char *text_of(const struct ArrowSchema *schema, const struct ArrowArray *batch)
{
    struct etl_view view;
    struct etl_buffer text = {0};
    OK(etl_view_init(&view, schema, &err));
    OK(etl_view_validate(&view, batch, true, &err));
    etl_view_set(&view, batch);
    for (int64_t row = 0; row < batch->length; row++) {
        etl_json_add_row(&text, &view, row);
        etl_buffer_add_text(&text, "\n");
    }
    char *copy = strdup(etl_buffer_text(&text));
    etl_buffer_fini(&text);
    etl_view_fini(&view);
    return copy;
}

static inline void expect_rows(const struct ArrowSchema *schema, const struct ArrowArray *batch, const char *expected)
{
    char *text = text_of(schema, batch);
    cr_expect_str_eq(text, expected);
    free(text);
}

static inline void expect_schema(const struct ArrowSchema *schema, const char *expected)
{
    struct ArrowSchema other = schema_of(expected);
    json_t *a = NULL, *b = NULL;
    OK(schema_to_json(schema, &a, &err));
    OK(schema_to_json(&other, &b, &err));
    json_object_del(a, "op_column");
    char *text_a = json_dumps(a, 0), *text_b = json_dumps(b, 0);
    cr_expect_str_eq(text_a, text_b);
    free(text_a);
    free(text_b);
    json_decref(a);
    json_decref(b);
    etl_schema_release(&other);
}

#endif
