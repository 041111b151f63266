/* ArrowSchema trees. A node made here owns its strings through `struct node` (private_data) and its children through
 * malloc'ed structs; node_release frees all of it, so a node is "ours" exactly when its release is node_release. */
#include <etlhost/sdk/schema.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk/value_text.h>

#define EXTENSION_KEY "ARROW:extension:name"
#define DEPTH_MAX     64

struct node {
    char *format;
    char *name;
    char *metadata;
    int64_t children_capacity;
};

static void node_release(struct ArrowSchema *schema)
{
    struct node *node = schema->private_data;
    for (int64_t i = 0; i < schema->n_children; i++) {
        etl_schema_release(schema->children[i]);
        free(schema->children[i]);
    }
    free(schema->children);
    free(node->format);
    free(node->name);
    free(node->metadata);
    free(node);
    memset(schema, 0, sizeof *schema);
}

void etl_schema_release(struct ArrowSchema *schema)
{
    if (schema && schema->release)
        schema->release(schema);
}

void etl_array_release(struct ArrowArray *array)
{
    if (array && array->release)
        array->release(array);
}

void etl_schema_move(struct ArrowSchema *from, struct ArrowSchema *ret)
{
    *ret = *from;
    memset(from, 0, sizeof *from);
}

void etl_array_move(struct ArrowArray *from, struct ArrowArray *ret)
{
    *ret = *from;
    memset(from, 0, sizeof *from);
}

static etl_status node_init(struct ArrowSchema *ret_schema, const char *name, const char *format, struct etl_error *err)
{
    struct ArrowSchema schema = {.flags = ARROW_FLAG_NULLABLE, .release = node_release};
    struct node *node = calloc(1, sizeof *node);
    if (!node)
        return etl_fail_memory(err);
    schema.private_data = node;
    node->format = strdup(format);
    node->name = strdup(name ? name : "");
    schema.format = node->format;
    schema.name = node->name;
    if (!node->format || !node->name) {
        node_release(&schema);
        return etl_fail_memory(err);
    }
    *ret_schema = schema;
    return ETL_OK;
}

static etl_status check_ours(const struct ArrowSchema *schema, struct etl_error *err)
{
    if (!schema || schema->release != node_release)
        return etl_fail(err, ETL_MISUSE, "schema node \"%s\" was not made by this library: copy it first",
                        schema && schema->release && schema->name ? schema->name : "");
    return ETL_OK;
}

etl_status etl_schema_init_struct(struct ArrowSchema *ret_schema, const char *name, struct etl_error *err)
{
    return node_init(ret_schema, name, "+s", err);
}

etl_status etl_schema_init_leaf(struct ArrowSchema *ret_schema, const char *name, const struct etl_type *type,
                                struct etl_error *err)
{
    char format[ETL_TYPE_FORMAT_MAX];
    struct ArrowSchema schema = {0};
    etl_status status = ETL_OK;
    if (type->kind == ETL_KIND_STRUCT || type->kind == ETL_KIND_LIST || !*etl_type_format(type, format))
        return etl_fail(err, ETL_MISUSE, "column \"%s\": not the type of a leaf", name ? name : "");
    ETL_TRY(node_init(&schema, name, format, err));
    if (etl_type_extension(type))
        ETL_TRY(etl_schema_set_metadata(&schema, EXTENSION_KEY, etl_type_extension(type), err));
    etl_schema_move(&schema, ret_schema);
out:
    etl_schema_release(&schema);
    return status;
}

static etl_status add_child(struct ArrowSchema *parent, struct ArrowSchema *child, struct etl_error *err)
{
    struct node *node = parent->private_data;
    struct ArrowSchema *slot = NULL;
    if (parent->n_children == node->children_capacity) {
        int64_t capacity = node->children_capacity ? node->children_capacity * 2 : 8;
        struct ArrowSchema **children = realloc(parent->children, (size_t)capacity * sizeof *children);
        if (!children)
            return etl_fail_memory(err);
        parent->children = children;
        node->children_capacity = capacity;
    }
    slot = malloc(sizeof *slot);
    if (!slot)
        return etl_fail_memory(err);
    etl_schema_move(child, slot);
    parent->children[parent->n_children++] = slot;
    return ETL_OK;
}

etl_status etl_schema_add(struct ArrowSchema *parent, struct ArrowSchema *child, struct etl_error *err)
{
    etl_status status = ETL_OK;
    ETL_TRY(check_ours(parent, err));
    if (strcmp(parent->format, "+s") != 0) {
        status = etl_fail(err, ETL_MISUSE, "schema node \"%s\" is not a struct", parent->name);
        goto out;
    }
    ETL_TRY(add_child(parent, child, err));
out:
    if (status != ETL_OK)
        etl_schema_release(child);
    return status;
}

etl_status etl_schema_init_list(struct ArrowSchema *ret_schema, const char *name, struct ArrowSchema *item,
                                struct etl_error *err)
{
    struct ArrowSchema schema = {0};
    etl_status status = ETL_OK;
    ETL_TRY(node_init(&schema, name, "+l", err));
    ETL_TRY(add_child(&schema, item, err));
    etl_schema_move(&schema, ret_schema);
out:
    etl_schema_release(&schema);
    if (status != ETL_OK)
        etl_schema_release(item);
    return status;
}

etl_status etl_schema_add_column(struct ArrowSchema *parent, const char *name, const char *format,
                                 const char *extension, struct etl_error *err)
{
    struct etl_type type;
    struct ArrowSchema child = {0};
    etl_status status = ETL_OK;
    ETL_TRY(etl_type_parse(format, extension, &type, err));
    ETL_TRY(etl_schema_init_leaf(&child, name, &type, err));
    return etl_schema_add(parent, &child, err);
out:
    return etl_prefix(err, status, "column %s: ", name ? name : "");
}

/* ---- metadata ------------------------------------------------------------------------------------------------------ */

/* Walks the pairs of a metadata block. Arrow gives no length, so the counts in it have to be believed. */
struct pairs {
    const char *at;
    int32_t left;
};

static int32_t read_int32(const char **at)
{
    int32_t value = 0;
    memcpy(&value, *at, sizeof value);
    *at += sizeof value;
    return value;
}

static struct pairs pairs_begin(const char *metadata)
{
    struct pairs pairs = {metadata, 0};
    if (metadata)
        pairs.left = read_int32(&pairs.at);
    return pairs;
}

static bool pairs_next(struct pairs *pairs, struct etl_bytes *ret_key, struct etl_bytes *ret_value)
{
    struct etl_bytes *parts[2] = {ret_key, ret_value};
    if (pairs->left <= 0)
        return false;
    pairs->left--;
    for (int i = 0; i < 2; i++) {
        int32_t length = read_int32(&pairs->at);
        if (length < 0) {
            pairs->left = 0;
            return false;
        }
        parts[i]->data = pairs->at;
        parts[i]->length = (size_t)length;
        pairs->at += length;
    }
    return true;
}

static bool bytes_are(struct etl_bytes bytes, const char *text)
{
    return bytes.length == strlen(text) && memcmp(bytes.data, text, bytes.length) == 0;
}

struct etl_bytes etl_schema_metadata(const struct ArrowSchema *schema, const char *key)
{
    struct pairs pairs = pairs_begin(schema->metadata);
    struct etl_bytes found_key, value;
    while (pairs_next(&pairs, &found_key, &value))
        if (bytes_are(found_key, key))
            return value;
    return (struct etl_bytes){NULL, 0};
}

static size_t metadata_size(const char *metadata)
{
    struct pairs pairs = pairs_begin(metadata);
    struct etl_bytes key, value;
    while (pairs_next(&pairs, &key, &value))
        continue;
    return metadata ? (size_t)(pairs.at - metadata) : 0;
}

static char *put_bytes(char *at, const char *data, size_t length)
{
    int32_t size = (int32_t)length;
    memcpy(at, &size, sizeof size);
    memcpy(at + sizeof size, data, length);
    return at + sizeof size + length;
}

etl_status etl_schema_set_metadata(struct ArrowSchema *schema, const char *key, const char *value,
                                   struct etl_error *err)
{
    struct pairs pairs;
    struct etl_bytes old_key, old_value;
    struct node *node = NULL;
    char *block = NULL, *at = NULL;
    int32_t count = 0;
    etl_status status = check_ours(schema, err);
    if (status != ETL_OK)
        return status;
    if (strlen(key) > INT32_MAX || (value && strlen(value) > INT32_MAX))
        return etl_fail(err, ETL_MISUSE, "schema metadata is longer than 2 GiB");
    node = schema->private_data;
    block = malloc(metadata_size(node->metadata) + 12 + strlen(key) + (value ? strlen(value) : 0));
    if (!block)
        return etl_fail_memory(err);
    at = block + sizeof count;
    pairs = pairs_begin(node->metadata);
    while (pairs_next(&pairs, &old_key, &old_value)) {
        if (bytes_are(old_key, key))
            continue;
        at = put_bytes(at, old_key.data, old_key.length);
        at = put_bytes(at, old_value.data, old_value.length);
        count++;
    }
    if (value) {
        at = put_bytes(at, key, strlen(key));
        put_bytes(at, value, strlen(value));
        count++;
    }
    memcpy(block, &count, sizeof count);
    free(node->metadata);
    node->metadata = block;
    if (count == 0) {
        free(block);
        node->metadata = NULL;
    }
    schema->metadata = node->metadata;
    return ETL_OK;
}

/* The extension name as a C string; names that are too long for `buffer` are none of ours. */
static const char *extension_name(const struct ArrowSchema *schema, char *buffer, size_t size)
{
    struct etl_bytes name = etl_schema_metadata(schema, EXTENSION_KEY);
    if (!name.data || name.length >= size)
        return NULL;
    memcpy(buffer, name.data, name.length);
    buffer[name.length] = '\0';
    return buffer;
}

etl_status etl_type_of(const struct ArrowSchema *schema, struct etl_type *ret_type, struct etl_error *err)
{
    char extension[32];
    return etl_type_parse(schema->format, extension_name(schema, extension, sizeof extension), ret_type, err);
}

etl_status etl_schema_set_name(struct ArrowSchema *schema, const char *name, struct etl_error *err)
{
    struct node *node = NULL;
    char *copy = NULL;
    etl_status status = check_ours(schema, err);
    if (status != ETL_OK)
        return status;
    copy = strdup(name);
    if (!copy)
        return etl_fail_memory(err);
    node = schema->private_data;
    free(node->name);
    node->name = copy;
    schema->name = copy;
    return ETL_OK;
}

/* ---- copy, find, compare ------------------------------------------------------------------------------------------- */

static etl_status copy_node(const struct ArrowSchema *schema, struct ArrowSchema *ret_schema, int depth,
                            struct etl_error *err)
{
    struct ArrowSchema copy = {0}, child = {0};
    etl_status status = ETL_OK;
    if (!schema || !schema->release || !schema->format || schema->n_children < 0)
        return etl_fail(err, ETL_MISUSE, "schema node is released or broken");
    if (schema->dictionary)
        return etl_fail(err, ETL_UNSUPPORTED, "column %s: dictionaries are not supported",
                        schema->name ? schema->name : "");
    if (depth > DEPTH_MAX)
        return etl_fail(err, ETL_UNSUPPORTED, "schema is nested deeper than %d", DEPTH_MAX);
    ETL_TRY(node_init(&copy, schema->name, schema->format, err));
    copy.flags = schema->flags;
    if (schema->metadata) {
        size_t size = metadata_size(schema->metadata);
        struct node *node = copy.private_data;
        node->metadata = malloc(size);
        copy.metadata = node->metadata;
        if (!node->metadata) {
            status = etl_fail_memory(err);
            goto out;
        }
        memcpy(node->metadata, schema->metadata, size);
    }
    for (int64_t i = 0; i < schema->n_children; i++) {
        ETL_TRY(copy_node(schema->children[i], &child, depth + 1, err));
        ETL_TRY(add_child(&copy, &child, err));
    }
    etl_schema_move(&copy, ret_schema);
out:
    etl_schema_release(&child);
    etl_schema_release(&copy);
    return status;
}

etl_status etl_schema_copy(const struct ArrowSchema *schema, struct ArrowSchema *ret_schema, struct etl_error *err)
{
    return copy_node(schema, ret_schema, 0, err);
}

static const char *name_of(const struct ArrowSchema *schema)
{
    return schema->name ? schema->name : "";
}

int64_t etl_schema_find(const struct ArrowSchema *schema, const char *name)
{
    for (int64_t i = 0; i < schema->n_children; i++)
        if (strcmp(name_of(schema->children[i]), name) == 0)
            return i;
    return -1;
}

int64_t etl_schema_op_column(const struct ArrowSchema *schema)
{
    struct etl_bytes name = etl_schema_metadata(schema, ETL_META_OP_COLUMN);
    if (!name.data)
        return -1;
    for (int64_t i = 0; i < schema->n_children; i++)
        if (bytes_are(name, name_of(schema->children[i])))
            return i;
    return -1;
}

static bool same_type(const struct ArrowSchema *a, const struct ArrowSchema *b)
{
    struct etl_type type_a, type_b;
    if (etl_type_of(a, &type_a, NULL) != ETL_OK || etl_type_of(b, &type_b, NULL) != ETL_OK)
        return false;
    return etl_type_equal(&type_a, &type_b);
}

static bool same_nodes(const struct ArrowSchema *a, const struct ArrowSchema *b)
{
    if (!same_type(a, b) || a->n_children != b->n_children ||
        (a->flags & ARROW_FLAG_NULLABLE) != (b->flags & ARROW_FLAG_NULLABLE))
        return false;
    for (int64_t i = 0; i < a->n_children; i++) {
        /* The item of a list is called "item" by one producer and "element" by the next; it means nothing. */
        if (strcmp(a->format, "+s") == 0 && strcmp(name_of(a->children[i]), name_of(b->children[i])) != 0)
            return false;
        if (!same_nodes(a->children[i], b->children[i]))
            return false;
    }
    return true;
}

bool etl_schema_equal(const struct ArrowSchema *a, const struct ArrowSchema *b)
{
    return etl_schema_op_column(a) == etl_schema_op_column(b) && same_nodes(a, b);
}

/* ---- validation ---------------------------------------------------------------------------------------------------- */

/* The way from the root to a node, kept on the stack of the recursion and turned into text only for a message. */
struct path {
    const struct path *parent;
    const struct ArrowSchema *node;
    bool is_item;
};

static size_t path_text(const struct path *path, char *buffer, size_t size)
{
    size_t at = 0;
    int written = 0;
    if (!path->parent)
        return 0;
    at = path_text(path->parent, buffer, size);
    if (at + 1 >= size)
        return at;
    if (path->is_item)
        written = snprintf(buffer + at, size - at, "[]");
    else
        written = snprintf(buffer + at, size - at, "%s%s", at ? "." : "", name_of(path->node));
    at += written < 0 ? 0 : (size_t)written;
    return at < size ? at : size - 1;
}

static etl_status fail_at(const struct path *path, struct etl_error *err, const char *problem)
{
    char text[512] = "";
    if (path_text(path, text, sizeof text) == 0)
        return etl_fail(err, ETL_SCHEMA, "schema: %s", problem);
    return etl_fail(err, ETL_SCHEMA, "column %s: %s", text, problem);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static etl_status check_names(const struct path *path, struct etl_error *err)
{
    const struct ArrowSchema *schema = path->node;
    const char **names = NULL;
    char problem[256];
    etl_status status = ETL_OK;
    if (schema->n_children == 0)
        return ETL_OK;
    names = malloc((size_t)schema->n_children * sizeof *names);
    if (!names)
        return etl_fail_memory(err);
    for (int64_t i = 0; i < schema->n_children; i++) {
        names[i] = name_of(schema->children[i]);
        if (!*names[i] || !etl_is_utf8(names[i], strlen(names[i]))) {
            snprintf(problem, sizeof problem, "name of field %lld is %s", (long long)i + 1,
                     *names[i] ? "not UTF-8" : "empty");
            status = fail_at(path, err, problem);
            goto out;
        }
    }
    qsort(names, (size_t)schema->n_children, sizeof *names, compare_names);
    for (int64_t i = 1; i < schema->n_children; i++) {
        if (strcmp(names[i], names[i - 1]) == 0) {
            snprintf(problem, sizeof problem, "two fields are called \"%s\"", names[i]);
            status = fail_at(path, err, problem);
            goto out;
        }
    }
out:
    free(names);
    return status;
}

static etl_status check_type(const struct path *path, struct etl_type *ret_type, struct etl_error *err)
{
    char text[512] = "";
    etl_status status = etl_type_of(path->node, ret_type, err);
    if (status == ETL_OK)
        return ETL_OK;
    path_text(path, text, sizeof text);
    return etl_prefix(err, status, "column %s: ", text);
}

static etl_status check_node(const struct path *path, int depth, struct etl_error *err)
{
    const struct ArrowSchema *schema = path->node;
    struct etl_type type;
    etl_status status = ETL_OK;
    if (!schema || !schema->release)
        return fail_at(path->parent ? path->parent : path, err, "has a released node");
    if (depth > DEPTH_MAX)
        return fail_at(path, err, "nested deeper than 64");
    if (schema->dictionary)
        return fail_at(path, err, "dictionaries are not supported");
    ETL_TRY(check_type(path, &type, err));
    if (schema->n_children < 0 || (schema->n_children > 0 && !schema->children))
        return fail_at(path, err, "broken list of children");
    if (type.kind == ETL_KIND_LIST ? schema->n_children != 1 : type.kind != ETL_KIND_STRUCT && schema->n_children != 0)
        return fail_at(path, err, "wrong number of children for its type");
    for (int64_t i = 0; i < schema->n_children; i++) {
        struct path child = {path, schema->children[i], type.kind == ETL_KIND_LIST};
        ETL_TRY(check_node(&child, depth + 1, err));
    }
    if (type.kind == ETL_KIND_STRUCT)
        ETL_TRY(check_names(path, err));
out:
    return status;
}

etl_status etl_schema_validate(const struct ArrowSchema *schema, struct etl_error *err)
{
    struct path root = {NULL, schema, false};
    struct etl_bytes op_name;
    int64_t op_column = -1;
    etl_status status = ETL_OK;
    if (!schema || !schema->release)
        return etl_fail(err, ETL_SCHEMA, "schema is released");
    if (!schema->format || strcmp(schema->format, "+s") != 0)
        return etl_fail(err, ETL_SCHEMA, "schema: the root must be a struct (\"+s\"), not \"%s\"",
                        schema->format ? schema->format : "");
    ETL_TRY(check_node(&root, 0, err));
    op_name = etl_schema_metadata(schema, ETL_META_OP_COLUMN);
    op_column = etl_schema_op_column(schema);
    if (op_name.data && (op_column < 0 || strcmp(schema->children[op_column]->format, "C") != 0))
        return etl_fail(err, ETL_SCHEMA, "schema: operation column \"%.*s\" is missing or not uint8",
                        (int)(op_name.length > 200 ? 200 : op_name.length), op_name.data);
out:
    return status;
}
