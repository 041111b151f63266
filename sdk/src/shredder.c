/* Learning: from records to fields, from fields to a schema and its builder. The other half is shredder_append.c.
 *
 * A record is observed as a whole or not at all: JSON is checked to its end and cells are checked for UTF-8 before anything is
 * learnt. A field that has been part of a schema ("pinned") keeps its place in front of those that came later. */
#include <stdio.h>
#include <stdlib.h>

#include "sdk/src/shredder_internal.h"

#define DEPTH_DEFAULT  8
#define FIELDS_DEFAULT 256
/* Of the whole tree. Beyond it nested objects become arrow.json and a new column is an error: such keys are data, not names. */
#define FIELDS_MAX 65536

etl_status etl_shredder_new(const struct etl_shredder_options *options, struct etl_shredder **ret_shredder,
                            struct etl_error *err)
{
    struct etl_shredder *shredder = calloc(1, sizeof *shredder);
    if (!shredder)
        return etl_fail_memory(err);
    if (options)
        shredder->options = *options;
    if (!shredder->options.depth_max)
        shredder->options.depth_max = DEPTH_DEFAULT;
    if (shredder->options.depth_max > 60)
        shredder->options.depth_max = 60;
    if (!shredder->options.struct_fields_max)
        shredder->options.struct_fields_max = FIELDS_DEFAULT;
    etl_json_init(&shredder->json, "", 0, 0);
    shredder->root = field_new(NULL, "", 0, 0);
    if (!shredder->root) {
        etl_shredder_free(shredder);
        return etl_fail_memory(err);
    }
    shredder->root->known = KNOWN_STRUCT;
    *ret_shredder = shredder;
    return ETL_OK;
}

void etl_shredder_free(struct etl_shredder *shredder)
{
    if (!shredder)
        return;
    field_free(shredder->root);
    etl_builder_free(shredder->builder);
    etl_json_fini(&shredder->json);
    etl_buffer_fini(&shredder->name);
    free(shredder->columns);
    free(shredder);
}

/* ---- names --------------------------------------------------------------------------------------------------------- */

bool shredder_is_clean(struct etl_bytes text)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
    const char *at = text.data, *end = text.data + text.length;
    uint64_t word = 0, stop = 0;
    for (; end - at >= 8; at += 8) {
        memcpy(&word, at, sizeof word);
        stop |= (word | ((word - ones) & ~word)) & highs;
    }
    for (; at < end; at++)
        stop |= (uint64_t)(*at <= 0);
    return !stop || (etl_is_utf8(text.data, text.length) && !memchr(text.data, 0, text.length));
}

etl_status shredder_fail_cell(const struct field *field, struct etl_error *err)
{
    return etl_fail(err, ETL_DATA, "column %s: the text is not UTF-8 or holds a NUL byte", field->name);
}

/* Maps a key to a column name. False when memory is out. */
static bool map_key(struct etl_shredder *shredder, struct etl_bytes *key)
{
    if (key->length == 0)
        *key = (struct etl_bytes){"_", 1};
    if (!memchr(key->data, 0, key->length))
        return true;
    etl_buffer_reset(&shredder->name);
    for (size_t i = 0; i < key->length; i++) {
        if (key->data[i])
            etl_buffer_add(&shredder->name, key->data + i, 1);
        else
            etl_buffer_add(&shredder->name, "\xef\xbf\xbd", 3);
    }
    *key = (struct etl_bytes){shredder->name.data, shredder->name.length};
    return !shredder->name.failed;
}

struct field *shredder_find(struct etl_shredder *shredder, const struct field *parent, struct etl_bytes *key,
                            size_t *cursor)
{
    struct field *field = NULL;
    if (*cursor < parent->n_children) {
        field = parent->children[*cursor];
        if (field->name_length == key->length && memcmp(field->name, key->data, key->length) == 0) {
            ++*cursor;
            return field;
        }
    }
    field = map_key(shredder, key) ? field_find(parent, key->data, key->length) : NULL;
    if (field)
        *cursor = field->index + 1;
    return field;
}

/* ---- observing ----------------------------------------------------------------------------------------------------- */

static etl_status observe_value(struct etl_shredder *shredder, struct field *field, enum etl_json_token token,
                                uint32_t depth, struct etl_error *err);

/* Finds or makes the field of a key; *ret_field is NULL when the object has too many. */
static etl_status learn_key(struct etl_shredder *shredder, struct field *parent, struct etl_bytes key, size_t *cursor,
                            struct field **ret_field, struct etl_error *err)
{
    struct field *field = shredder_find(shredder, parent, &key, cursor);
    if (!field && shredder->name.failed) {
        etl_buffer_reset(&shredder->name);
        return etl_fail_memory(err);
    }
    if (!field && parent->parent && parent->n_children >= shredder->options.struct_fields_max) {
        *ret_field = NULL;
        return ETL_OK;
    }
    if (!field && shredder->n_fields >= FIELDS_MAX) {
        if (!parent->parent)
            return etl_fail(err, ETL_SCHEMA, "more than %d columns: the keys of the records are data, not names",
                            FIELDS_MAX);
        *ret_field = NULL;
        return ETL_OK;
    }
    if (!field) {
        field = field_add(parent, key.data, key.length);
        if (!field)
            return etl_fail_memory(err);
        shredder->n_fields++;
        *cursor = parent->n_children;
    }
    *ret_field = field;
    return ETL_OK;
}

static etl_status observe_object(struct etl_shredder *shredder, struct field *field, uint32_t depth,
                                 struct etl_error *err)
{
    enum etl_json_token token = ETL_JSON_ERROR;
    size_t cursor = 0;
    etl_status status = ETL_OK;
    while ((token = etl_json_next(&shredder->json)) == ETL_JSON_KEY) {
        struct field *child = NULL;
        if (field->known == KNOWN_STRUCT)
            ETL_TRY(learn_key(shredder, field, etl_json_text(&shredder->json), &cursor, &child, err));
        token = etl_json_next(&shredder->json);
        if (child) {
            ETL_TRY(observe_value(shredder, child, token, depth + 1, err));
        } else {
            field_set_json(field);
            etl_json_raw(&shredder->json, token);
        }
    }
    if (token != ETL_JSON_END_OBJECT)
        status = etl_json_fail(&shredder->json, ETL_DATA, err);
out:
    return status;
}

/* 0 nothing, 1 boolean, 2 number, 3 string, 4 object, 5 array: what may stand beside each other in one list. */
static int family_of_known(const struct field *field)
{
    switch (field->known) {
    case KNOWN_BOOL: return 1;
    case KNOWN_NUMBER:
    case KNOWN_DOUBLE: return 2;
    case KNOWN_DATE:
    case KNOWN_TIMESTAMP:
    case KNOWN_TIMESTAMP_UTC:
    case KNOWN_TEXT: return 3;
    case KNOWN_STRUCT: return 4;
    case KNOWN_LIST: return 5;
    case KNOWN_SEEDED:
        return field->pinned.kind == ETL_KIND_INT || field->pinned.kind == ETL_KIND_UINT ||
                       field->pinned.kind == ETL_KIND_DOUBLE
                   ? 2
                   : 3;
    case KNOWN_NOTHING:
    case KNOWN_JSON: break;
    }
    return 0;
}

static int family_of_token(enum etl_json_token token)
{
    switch (token) {
    case ETL_JSON_FALSE:
    case ETL_JSON_TRUE: return 1;
    case ETL_JSON_NUMBER: return 2;
    case ETL_JSON_STRING: return 3;
    case ETL_JSON_BEGIN_OBJECT: return 4;
    case ETL_JSON_BEGIN_ARRAY: return 5;
    default: return 0;
    }
}

static bool is_mixture(const struct field *item, enum etl_json_token token)
{
    int known = family_of_known(item), seen = family_of_token(token);
    if (item->is_pinned && item->known == KNOWN_TEXT && seen <= 3)
        return false;
    return known && seen && known != seen;
}

static etl_status observe_array(struct etl_shredder *shredder, struct field *list, uint32_t depth,
                                struct etl_error *err)
{
    enum etl_json_token token = ETL_JSON_ERROR;
    etl_status status = ETL_OK;
    while ((token = etl_json_next(&shredder->json)) != ETL_JSON_END_ARRAY) {
        struct field *item = NULL;
        if (token == ETL_JSON_ERROR || token == ETL_JSON_END)
            return etl_json_fail(&shredder->json, ETL_DATA, err);
        if (list->known == KNOWN_LIST) {
            item = field_item(list);
            if (!item)
                return etl_fail_memory(err);
            if (is_mixture(item, token))
                field_set_json(list);
        }
        if (list->known == KNOWN_LIST)
            ETL_TRY(observe_value(shredder, item, token, depth + 1, err));
        else
            etl_json_raw(&shredder->json, token);
    }
out:
    return status;
}

static etl_status observe_nested(struct etl_shredder *shredder, struct field *field, bool is_object, uint32_t depth,
                                 struct etl_error *err)
{
    struct value value = {.look = is_object ? LOOK_OBJECT : LOOK_ARRAY};
    bool is_open = field->is_pinned && (field->known == KNOWN_STRUCT || field->known == KNOWN_LIST);
    if (shredder->options.all_text)
        field->known = KNOWN_TEXT;
    else if (depth > shredder->options.depth_max && !is_open)
        field_set_json(field);
    else
        infer_join(field, &value);
    if (field->known == KNOWN_STRUCT)
        return observe_object(shredder, field, depth, err);
    if (field->known == KNOWN_LIST)
        return observe_array(shredder, field, depth, err);
    etl_json_raw(&shredder->json, is_object ? ETL_JSON_BEGIN_OBJECT : ETL_JSON_BEGIN_ARRAY);
    return ETL_OK;
}

static etl_status observe_value(struct etl_shredder *shredder, struct field *field, enum etl_json_token token,
                                uint32_t depth, struct etl_error *err)
{
    struct value value = {.look = LOOK_NULL};
    switch (token) {
    case ETL_JSON_NULL: return ETL_OK;
    case ETL_JSON_FALSE:
    case ETL_JSON_TRUE: value.look = LOOK_BOOL; break;
    case ETL_JSON_NUMBER: value = infer_json_number(etl_json_text(&shredder->json)); break;
    case ETL_JSON_STRING: value = infer_json_string(etl_json_text(&shredder->json)); break;
    case ETL_JSON_BEGIN_OBJECT:
    case ETL_JSON_BEGIN_ARRAY: return observe_nested(shredder, field, token == ETL_JSON_BEGIN_OBJECT, depth, err);
    default: return etl_json_fail(&shredder->json, ETL_DATA, err);
    }
    if (shredder->options.all_text && !field->is_pinned)
        field->known = KNOWN_TEXT;
    else
        infer_join(field, &value);
    return ETL_OK;
}

static etl_status check_json(struct etl_shredder *shredder, const char *text, size_t length, struct etl_error *err)
{
    enum etl_json_token token = ETL_JSON_ERROR;
    etl_json_reset(&shredder->json, text, length);
    token = etl_json_next(&shredder->json);
    if (token != ETL_JSON_ERROR && token != ETL_JSON_BEGIN_OBJECT)
        return etl_fail(err, ETL_DATA, "the record is not a JSON object");
    while (token != ETL_JSON_ERROR && token != ETL_JSON_END)
        token = etl_json_next(&shredder->json);
    return token == ETL_JSON_END ? ETL_OK : etl_json_fail(&shredder->json, ETL_DATA, err);
}

etl_status etl_shredder_observe_json(struct etl_shredder *shredder, const char *text, size_t length,
                                     struct etl_error *err)
{
    etl_status status = ETL_OK;
    ETL_TRY(check_json(shredder, text, length, err));
    etl_json_reset(&shredder->json, text, length);
    etl_json_next(&shredder->json);
    ETL_TRY(observe_object(shredder, shredder->root, 0, err));
out:
    return status;
}

static int compare_pointers(const void *a, const void *b)
{
    uintptr_t left = (uintptr_t) * (struct field *const *)a, right = (uintptr_t) * (struct field *const *)b;
    return left < right ? -1 : left > right;
}

/* Two cells of one row cannot be one column. */
static etl_status check_unique(struct field *const *columns, size_t count, struct etl_error *err)
{
    struct field **sorted = malloc(count * sizeof(struct field *) + 1);
    etl_status status = ETL_OK;
    if (!sorted)
        return etl_fail_memory(err);
    for (size_t i = 0; i < count; i++)
        sorted[i] = columns[i];
    qsort(sorted, count, sizeof(struct field *), compare_pointers);
    for (size_t i = 1; i < count && status == ETL_OK; i++)
        if (sorted[i] == sorted[i - 1])
            status = etl_fail(err, ETL_DATA, "two columns are called \"%s\"", sorted[i]->name);
    free(sorted);
    return status;
}

etl_status etl_shredder_set_columns(struct etl_shredder *shredder, const char *const *names, size_t count,
                                    struct etl_error *err)
{
    struct field **columns = calloc(count + 1, sizeof(struct field *));
    size_t cursor = 0;
    char unnamed[32];
    etl_status status = ETL_OK;
    if (!columns)
        return etl_fail_memory(err);
    for (size_t i = 0; i < count; i++) {
        struct etl_bytes name = {names[i], strlen(names[i])};
        if (name.length == 0) {
            snprintf(unnamed, sizeof unnamed, "column_%zu", i + 1);
            name = (struct etl_bytes){unnamed, strlen(unnamed)};
        }
        if (!shredder_is_clean(name)) {
            status = etl_fail(err, ETL_DATA, "the name of column %zu is not UTF-8", i + 1);
            goto out;
        }
        ETL_TRY(learn_key(shredder, shredder->root, name, &cursor, &columns[i], err));
    }
    ETL_TRY(check_unique(columns, count, err));
    free(shredder->columns);
    shredder->columns = columns;
    shredder->n_columns = count;
    columns = NULL;
out:
    free(columns);
    return status;
}

etl_status etl_shredder_observe_cells(struct etl_shredder *shredder, const struct etl_bytes *cells, size_t count,
                                      struct etl_error *err)
{
    if (count > shredder->n_columns)
        return etl_fail(err, ETL_DATA, "the record has %zu fields instead of %zu", count, shredder->n_columns);
    for (size_t i = 0; i < count; i++)
        if (cells[i].data && !shredder_is_clean(cells[i]))
            return shredder_fail_cell(shredder->columns[i], err);
    for (size_t i = 0; i < count; i++) {
        struct field *field = shredder->columns[i];
        struct value value;
        if (!cells[i].data || (field->known == KNOWN_TEXT && !field->is_pinned))
            continue;
        value = infer_cell(cells[i]);
        if (shredder->options.all_text && !field->is_pinned)
            field->known = KNOWN_TEXT;
        else
            infer_join(field, &value);
    }
    return ETL_OK;
}

/* ---- schema -------------------------------------------------------------------------------------------------------- */

static void settle_children(struct etl_shredder *shredder, struct field *parent);

/* Pins a field to the type known now; false when nothing is known of it. */
static bool settle(struct etl_shredder *shredder, struct field *field)
{
    struct etl_type type;
    if (field->known == KNOWN_NOTHING) {
        if (!shredder->options.keep_untyped)
            return false;
        field->known = KNOWN_TEXT;
    }
    if (field->known == KNOWN_STRUCT) {
        settle_children(shredder, field);
        if (field->n_pinned == 0 && !field->is_pinned)
            field_set_json(field);
    }
    if (field->known == KNOWN_LIST) {
        bool is_empty = !field->item || field->item->known == KNOWN_NOTHING;
        if (is_empty || !settle(shredder, field->item))
            field_set_json(field);
    }
    infer_type(field, &type);
    if (!field->is_pinned || !etl_type_equal(&type, &field->pinned))
        infer_seed(field, &type);
    return true;
}

/* Settles the children and moves those that are new in the schema behind the ones that were in it. */
static void settle_children(struct etl_shredder *shredder, struct field *parent)
{
    for (size_t i = 0; i < parent->n_children; i++) {
        struct field *child = parent->children[i];
        if (!settle(shredder, child) || i < parent->n_pinned)
            continue;
        memmove(parent->children + parent->n_pinned + 1, parent->children + parent->n_pinned,
                (i - parent->n_pinned) * sizeof(struct field *));
        parent->children[parent->n_pinned++] = child;
    }
    for (size_t i = 0; i < parent->n_children; i++)
        parent->children[i]->index = i;
}

static etl_status build_schema(const struct field *field, struct ArrowSchema *ret_schema, struct etl_error *err)
{
    struct ArrowSchema schema = {0}, child = {0};
    etl_status status = ETL_OK;
    if (field->known == KNOWN_LIST) {
        ETL_TRY(build_schema(field->item, &child, err));
        ETL_TRY(etl_schema_init_list(&schema, field->name, &child, err));
    } else if (field->known == KNOWN_STRUCT) {
        ETL_TRY(etl_schema_init_struct(&schema, field->name, err));
        for (size_t i = 0; i < field->n_pinned; i++) {
            ETL_TRY(build_schema(field->children[i], &child, err));
            ETL_TRY(etl_schema_add(&schema, &child, err));
        }
    } else {
        ETL_TRY(etl_schema_init_leaf(&schema, field->name, &field->pinned, err));
    }
    etl_schema_move(&schema, ret_schema);
out:
    etl_schema_release(&schema);
    return status;
}

static void bind(struct field *field, struct etl_column *column)
{
    field->column = column;
    if (field->known == KNOWN_LIST)
        bind(field->item, etl_column_child(column, 0));
    for (size_t i = 0; field->known == KNOWN_STRUCT && i < field->n_pinned; i++)
        bind(field->children[i], etl_column_child(column, (int64_t)i));
}

/* Makes a builder for `schema` unless the present one has it. */
static etl_status renew_builder(struct etl_shredder *shredder, const struct ArrowSchema *schema, struct etl_error *err)
{
    struct etl_builder *builder = NULL;
    etl_status status = ETL_OK;
    if (shredder->builder && etl_schema_equal(schema, etl_builder_schema(shredder->builder)))
        return ETL_OK;
    if (shredder->builder && etl_builder_rows(shredder->builder) > 0)
        return etl_fail(err, ETL_MISUSE, "the schema has changed: hand out the rows of the old one first");
    ETL_TRY(etl_builder_new(schema, &builder, err));
    etl_builder_free(shredder->builder);
    shredder->builder = builder;
    for (size_t i = 0; i < shredder->root->n_pinned; i++)
        bind(shredder->root->children[i], etl_builder_column(builder, (int64_t)i));
out:
    return status;
}

etl_status etl_shredder_schema(struct etl_shredder *shredder, struct ArrowSchema *ret_schema, struct etl_error *err)
{
    struct ArrowSchema schema = {0};
    etl_status status = ETL_OK;
    settle_children(shredder, shredder->root);
    ETL_TRY(build_schema(shredder->root, &schema, err));
    ETL_TRY(renew_builder(shredder, &schema, err));
    etl_schema_move(&schema, ret_schema);
out:
    etl_schema_release(&schema);
    return status;
}

static etl_status seed_field(struct etl_shredder *shredder, struct field *field, const struct ArrowSchema *schema,
                             struct etl_error *err)
{
    struct etl_type type;
    etl_status status = ETL_OK;
    ETL_TRY(etl_type_of(schema, &type, err));
    infer_seed(field, &type);
    if (type.kind == ETL_KIND_LIST) {
        if (!field_item(field))
            return etl_fail_memory(err);
        return seed_field(shredder, field->item, schema->children[0], err);
    }
    for (int64_t i = 0; i < schema->n_children; i++) {
        const char *name = schema->children[i]->name;
        struct field *child = field_add(field, name, strlen(name));
        if (!child)
            return etl_fail_memory(err);
        shredder->n_fields++;
        ETL_TRY(seed_field(shredder, child, schema->children[i], err));
        field->n_pinned++;
    }
out:
    return status;
}

etl_status etl_shredder_seed(struct etl_shredder *shredder, const struct ArrowSchema *schema, struct etl_error *err)
{
    etl_status status = ETL_OK;
    if (shredder->root->n_children)
        return etl_fail(err, ETL_MISUSE, "a schema can only be seeded before anything is observed");
    ETL_TRY(etl_schema_validate(schema, err));
    ETL_TRY(seed_field(shredder, shredder->root, schema, err));
out:
    return status;
}
