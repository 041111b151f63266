/* Schemas as short texts and rows as JSON, for the tests of the SDK's data parts. */
#ifndef TESTS_UNIT_SDK_HELPERS_H
#define TESTS_UNIT_SDK_HELPERS_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk.h>

#define OK(expression)                                                                                                 \
    do {                                                                                                               \
        struct etl_error err;                                                                                          \
        etl_error_init(&err);                                                                                          \
        etl_status ok_status = (expression);                                                                           \
        cr_assert_eq(ok_status, ETL_OK, "%s: %s: %s", #expression, etl_status_name(ok_status), err.message);           \
    } while (0)

#define FAILS(wanted, part, expression)                                                                                \
    do {                                                                                                               \
        struct etl_error err;                                                                                          \
        etl_error_init(&err);                                                                                          \
        etl_status fails_status = (expression);                                                                        \
        cr_assert_eq(fails_status, wanted, "%s: %s: %s", #expression, etl_status_name(fails_status), err.message);     \
        cr_assert(strstr(err.message, part), "%s: message \"%s\"", #expression, err.message);                          \
    } while (0)

static inline void describe_children(const struct ArrowSchema *schema, struct etl_buffer *buffer)
{
    char name[ETL_TYPE_NAME_MAX];
    for (int64_t i = 0; i < schema->n_children; i++) {
        const struct ArrowSchema *child = schema->children[i];
        struct etl_type type;
        OK(etl_type_of(child, &type, &err));
        etl_buffer_add_format(buffer, "%s%s %s", i ? ", " : "", child->name, etl_type_name(&type, name));
        if (child->n_children) {
            etl_buffer_add_text(buffer, "(");
            describe_children(child, buffer);
            etl_buffer_add_text(buffer, ")");
        }
    }
}

/* "a int64, b list(item text)" in a static buffer */
static inline const char *describe(const struct ArrowSchema *schema)
{
    static struct etl_buffer buffer;
    etl_buffer_reset(&buffer);
    describe_children(schema, &buffer);
    return etl_buffer_text(&buffer);
}

/* The rows of a batch as JSON, one a line, after full validation; static buffer */
static inline const char *rows_of(const struct ArrowSchema *schema, const struct ArrowArray *batch)
{
    static struct etl_buffer buffer;
    struct etl_view view;
    OK(etl_view_init(&view, schema, &err));
    OK(etl_view_validate(&view, batch, true, &err));
    etl_view_set(&view, batch);
    etl_buffer_reset(&buffer);
    for (int64_t row = 0; row < batch->length; row++) {
        etl_json_add_row(&buffer, &view, row);
        etl_buffer_add_text(&buffer, "\n");
    }
    etl_view_fini(&view);
    return etl_buffer_text(&buffer);
}

#endif
