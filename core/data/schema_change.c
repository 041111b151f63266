/* Comparing and merging schemas. The types form a semilattice (merge_types), so that the agreed schema does not depend on the order in which
 * batches arrive, and only ever widens:
 *
 *     integers < decimal < text < json      date < timestamp < text      bool, double, time, uuid, binary < text
 *     struct, list < json                   integers count as 19 digits against a decimal (uint64: 20)
 *
 * The operation column is no data: it is in the result exactly when the incoming schema has one, under the incoming name. */
#include "core/data/schema_change.h"

#include <stdio.h>
#include <string.h>

#include <etlhost/sdk/json_writer.h>

enum { DECIMAL_DIGITS_MAX = 38, NESTING_MAX = 64, PATH_MAX_BYTES = 512 };

enum rule {
    RULE_WIDEN,  /* the merge */
    RULE_KEEP,   /* the agreed types and columns; columns that do not arrive become nullable */
    RULE_FREEZE, /* as WIDEN, but integers may arrive in a decimal column: their values decide */
};

/* ---- types ---- */

static bool is_nested(const struct etl_type *type)
{
    return type->kind == ETL_KIND_STRUCT || type->kind == ETL_KIND_LIST;
}

static bool is_integer(const struct etl_type *type)
{
    return type->kind == ETL_KIND_INT || type->kind == ETL_KIND_UINT;
}

static struct etl_type merge_integers(const struct etl_type *a, const struct etl_type *b)
{
    struct etl_type merged = *a;
    if (a->kind == b->kind) {
        merged.bits = a->bits > b->bits ? a->bits : b->bits;
        return merged;
    }
    const struct etl_type *with_sign = a->kind == ETL_KIND_INT ? a : b, *without = a->kind == ETL_KIND_INT ? b : a;
    merged = *with_sign;
    if (without->bits == 64)
        return (struct etl_type){.kind = ETL_KIND_DECIMAL, .precision = 20};
    if (merged.bits <= without->bits)
        merged.bits = (uint8_t)(2 * without->bits);
    return merged;
}

static struct etl_type as_decimal(const struct etl_type *type)
{
    if (type->kind == ETL_KIND_DECIMAL)
        return *type;
    return (struct etl_type){.kind = ETL_KIND_DECIMAL,
                             .precision = type->kind == ETL_KIND_UINT && type->bits == 64 ? 20 : 19};
}

/* False when 38 digits are not enough. */
static bool merge_decimals(const struct etl_type *a, const struct etl_type *b, struct etl_type *ret_merged)
{
    struct etl_type x = as_decimal(a), y = as_decimal(b);
    int whole_x = x.precision - x.scale, whole_y = y.precision - y.scale;
    int scale = x.scale > y.scale ? x.scale : y.scale;
    int precision = (whole_x > whole_y ? whole_x : whole_y) + scale;
    if (precision > DECIMAL_DIGITS_MAX)
        return false;
    *ret_merged = (struct etl_type){.kind = ETL_KIND_DECIMAL, .precision = (uint8_t)precision, .scale = (int8_t)scale};
    return true;
}

static bool is_date_or_local(const struct etl_type *type)
{
    return type->kind == ETL_KIND_DATE || (type->kind == ETL_KIND_TIMESTAMP && !type->is_utc);
}

static bool is_exact_number(const struct etl_type *type)
{
    return is_integer(type) || type->kind == ETL_KIND_DECIMAL;
}

static bool needs_json(const struct etl_type *type)
{
    return is_nested(type) || type->kind == ETL_KIND_JSON;
}

/* Not for two structs or two lists. */
static struct etl_type merge_types(const struct etl_type *a, const struct etl_type *b)
{
    struct etl_type merged = *a;
    bool is_large = a->is_large || b->is_large;
    if (etl_type_equal(a, b))
        return merged;
    if (needs_json(a) || needs_json(b))
        return (struct etl_type){.kind = ETL_KIND_JSON, .is_large = is_large};
    if (is_integer(a) && is_integer(b))
        return merge_integers(a, b);
    if (is_exact_number(a) && is_exact_number(b) && merge_decimals(a, b, &merged))
        return merged;
    if (a->kind == ETL_KIND_DOUBLE && b->kind == ETL_KIND_DOUBLE)
        return (struct etl_type){.kind = ETL_KIND_DOUBLE, .bits = 64};
    if (is_date_or_local(a) && is_date_or_local(b))
        return (struct etl_type){.kind = ETL_KIND_TIMESTAMP};
    if (a->kind == ETL_KIND_BINARY && b->kind == ETL_KIND_BINARY)
        return (struct etl_type){.kind = ETL_KIND_BINARY, .is_large = true};
    return (struct etl_type){.kind = ETL_KIND_STRING, .is_large = is_large};
}

/* ---- schemas ---- */

static etl_status merge_node(enum rule rule, const struct ArrowSchema *agreed, const struct ArrowSchema *incoming,
                             struct ArrowSchema *ret_merged, struct etl_error *err);

static int64_t find_except(const struct ArrowSchema *schema, const char *name, int64_t except)
{
    int64_t index = etl_schema_find(schema, name);
    return index == except ? -1 : index;
}

static etl_status add_copy(struct ArrowSchema *parent, const struct ArrowSchema *column, bool nullable,
                           struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowSchema copy = {0};
    ETL_TRY(etl_schema_copy(column, &copy, err));
    if (nullable)
        copy.flags |= ARROW_FLAG_NULLABLE;
    ETL_TRY(etl_schema_add(parent, &copy, err));
out:
    return status;
}

static etl_status add_merged(enum rule rule, struct ArrowSchema *parent, const struct ArrowSchema *agreed,
                             const struct ArrowSchema *incoming, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowSchema merged = {0};
    ETL_TRY(merge_node(rule, agreed, incoming, &merged, err));
    ETL_TRY(etl_schema_add(parent, &merged, err));
out:
    return status;
}

/* Children of `agreed` in their order, then the new ones. The op indexes are -1 below the root. */
static etl_status merge_children(enum rule rule, const struct ArrowSchema *agreed, int64_t agreed_op,
                                 const struct ArrowSchema *incoming, int64_t incoming_op, struct ArrowSchema *parent,
                                 struct etl_error *err)
{
    etl_status status = ETL_OK;
    for (int64_t i = 0; i < agreed->n_children; i++) {
        if (i == agreed_op) {
            if (incoming_op >= 0)
                ETL_TRY(add_copy(parent, incoming->children[incoming_op], false, err));
            continue;
        }
        const struct ArrowSchema *column = agreed->children[i];
        int64_t other = etl_schema_find(incoming, column->name);
        if (other >= 0 && other == incoming_op)
            ETL_TRY(etl_fail(err, ETL_SCHEMA, "column %s held data and now holds the row operation", column->name));
        if (other < 0)
            ETL_TRY(add_copy(parent, column, true, err));
        else
            ETL_TRY(add_merged(rule, parent, column, incoming->children[other], err));
    }
    for (int64_t i = 0; i < incoming->n_children; i++) {
        bool is_op = i == incoming_op;
        if (is_op ? agreed_op >= 0
                  : rule == RULE_KEEP || find_except(agreed, incoming->children[i]->name, agreed_op) >= 0)
            continue;
        ETL_TRY(add_copy(parent, incoming->children[i], !is_op, err));
    }
out:
    return status;
}

static etl_status merge_leaf(enum rule rule, const struct ArrowSchema *agreed, const struct etl_type *a,
                             const struct etl_type *b, struct ArrowSchema *ret_merged, struct etl_error *err)
{
    struct etl_type merged = merge_types(a, b);
    if (rule == RULE_FREEZE && a->kind == ETL_KIND_DECIMAL && is_integer(b))
        merged = *a;
    return etl_schema_init_leaf(ret_merged, agreed->name, &merged, err);
}

static etl_status merge_list(enum rule rule, const struct ArrowSchema *agreed, const struct ArrowSchema *incoming,
                             struct ArrowSchema *ret_merged, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowSchema item = {0};
    ETL_TRY(merge_node(rule, agreed->children[0], incoming->children[0], &item, err));
    ETL_TRY(etl_schema_init_list(ret_merged, agreed->name, &item, err));
out:
    return status;
}

static etl_status merge_node(enum rule rule, const struct ArrowSchema *agreed, const struct ArrowSchema *incoming,
                             struct ArrowSchema *ret_merged, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowSchema merged = {0};
    struct etl_type a = {0}, b = {0};
    int64_t nullable = rule == RULE_KEEP ? agreed->flags : agreed->flags | incoming->flags;
    ETL_TRY(etl_type_of(agreed, &a, err));
    ETL_TRY(etl_type_of(incoming, &b, err));
    if (a.kind == ETL_KIND_STRUCT && b.kind == ETL_KIND_STRUCT) {
        ETL_TRY(etl_schema_init_struct(&merged, agreed->name, err));
        ETL_TRY(merge_children(rule, agreed, -1, incoming, -1, &merged, err));
    } else if (a.kind == ETL_KIND_LIST && b.kind == ETL_KIND_LIST) {
        ETL_TRY(merge_list(rule, agreed, incoming, &merged, err));
    } else if (rule == RULE_KEEP) {
        ETL_TRY(etl_schema_copy(agreed, &merged, err));
    } else {
        ETL_TRY(merge_leaf(rule, agreed, &a, &b, &merged, err));
    }
    merged.flags = (merged.flags & ~(int64_t)ARROW_FLAG_NULLABLE) | (nullable & ARROW_FLAG_NULLABLE);
    etl_schema_move(&merged, ret_merged);
out:
    etl_schema_release(&merged);
    return status;
}

static etl_status merge_root(enum rule rule, const struct ArrowSchema *agreed, const struct ArrowSchema *incoming,
                             struct ArrowSchema *ret_merged, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowSchema merged = {0};
    int64_t op = etl_schema_op_column(incoming);
    ETL_TRY(etl_schema_init_struct(&merged, "", err));
    merged.flags = agreed->flags;
    ETL_TRY(merge_children(rule, agreed, etl_schema_op_column(agreed), incoming, op, &merged, err));
    if (op >= 0)
        ETL_TRY(etl_schema_set_metadata(&merged, ETL_META_OP_COLUMN, incoming->children[op]->name, err));
    etl_schema_move(&merged, ret_merged);
out:
    etl_schema_release(&merged);
    return status;
}

etl_status schema_merge(const struct ArrowSchema *agreed, const struct ArrowSchema *incoming,
                        struct ArrowSchema *ret_merged, struct etl_error *err)
{
    return merge_root(RULE_WIDEN, agreed, incoming, ret_merged, err);
}

/* ---- differences in words ---- */

static void diff_children(const struct ArrowSchema *from, int64_t from_op, const struct ArrowSchema *to, int64_t to_op,
                          const char *prefix, schema_emit_change emit, void *arg);

static void diff_node(const struct ArrowSchema *from, const struct ArrowSchema *to, const char *path,
                      schema_emit_change emit, void *arg)
{
    struct etl_type a = {0}, b = {0};
    struct etl_error ignored;
    char inner[PATH_MAX_BYTES], name_a[ETL_TYPE_NAME_MAX], name_b[ETL_TYPE_NAME_MAX];
    char sentence[PATH_MAX_BYTES + 2 * ETL_TYPE_NAME_MAX + 16];
    etl_error_init(&ignored);
    if (etl_type_of(from, &a, &ignored) != ETL_OK || etl_type_of(to, &b, &ignored) != ETL_OK)
        return;
    if (a.kind == ETL_KIND_STRUCT && b.kind == ETL_KIND_STRUCT) {
        snprintf(inner, sizeof inner, "%s.", path);
        diff_children(from, -1, to, -1, inner, emit, arg);
    } else if (a.kind == ETL_KIND_LIST && b.kind == ETL_KIND_LIST) {
        snprintf(inner, sizeof inner, "%s[]", path);
        diff_node(from->children[0], to->children[0], inner, emit, arg);
    } else if (!etl_type_equal(&a, &b)) {
        snprintf(sentence, sizeof sentence, "column %s: %s -> %s", path, etl_type_name(&a, name_a),
                 etl_type_name(&b, name_b));
        emit(arg, sentence);
    }
}

static void diff_children(const struct ArrowSchema *from, int64_t from_op, const struct ArrowSchema *to, int64_t to_op,
                          const char *prefix, schema_emit_change emit, void *arg)
{
    char path[PATH_MAX_BYTES], name[ETL_TYPE_NAME_MAX];
    char sentence[PATH_MAX_BYTES + ETL_TYPE_NAME_MAX + 16];
    for (int64_t i = 0; i < to->n_children; i++) {
        const struct ArrowSchema *column = to->children[i];
        int64_t other = find_except(from, column->name, from_op);
        struct etl_type type = {0};
        struct etl_error ignored;
        if (i == to_op)
            continue;
        snprintf(path, sizeof path, "%s%s", prefix, column->name);
        etl_error_init(&ignored);
        if (other >= 0) {
            diff_node(from->children[other], column, path, emit, arg);
        } else if (etl_type_of(column, &type, &ignored) == ETL_OK) {
            snprintf(sentence, sizeof sentence, "new column %s: %s", path, etl_type_name(&type, name));
            emit(arg, sentence);
        }
    }
}

void schema_diff(const struct ArrowSchema *from, const struct ArrowSchema *to, schema_emit_change emit, void *arg)
{
    diff_children(from, etl_schema_op_column(from), to, etl_schema_op_column(to), "", emit, arg);
}

/* ---- contract ---- */

static void collect_change(void *arg, const char *sentence)
{
    struct etl_buffer *text = arg;
    if (text->length)
        etl_buffer_add_text(text, "; ");
    etl_buffer_add_text(text, sentence);
}

static etl_status refuse_changes(const struct ArrowSchema *agreed, const struct ArrowSchema *incoming,
                                 struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowSchema merged = {0};
    struct etl_buffer changes = {0};
    const char *text = NULL;
    ETL_TRY(merge_root(RULE_FREEZE, agreed, incoming, &merged, err));
    schema_diff(agreed, &merged, collect_change, &changes);
    text = etl_buffer_text(&changes);
    if (!text)
        ETL_TRY(etl_fail_memory(err));
    if (*text)
        status =
            etl_fail(err, ETL_SCHEMA,
                     "the schema is frozen and has changed: %s. To accept the change set the contract to evolve; to "
                     "keep the schema and leave out rows that do not fit it, to discard-row or dead-letter",
                     text);
out:
    etl_buffer_fini(&changes);
    etl_schema_release(&merged);
    return status;
}

etl_status schema_agree(enum contract contract, const struct ArrowSchema *agreed, const struct ArrowSchema *incoming,
                        struct ArrowSchema *ret_agreed, struct etl_error *err)
{
    etl_status status = ETL_OK;
    if (!agreed || !agreed->release)
        return etl_schema_copy(incoming, ret_agreed, err);
    if (contract == CONTRACT_EVOLVE)
        return schema_merge(agreed, incoming, ret_agreed, err);
    if (contract == CONTRACT_FREEZE)
        ETL_TRY(refuse_changes(agreed, incoming, err));
    ETL_TRY(merge_root(RULE_KEEP, agreed, incoming, ret_agreed, err));
out:
    return status;
}

/* ---- JSON form ---- */

static etl_status node_to_json(const struct ArrowSchema *schema, json_t **ret_json, struct etl_error *err);

static etl_status children_to_json(const struct ArrowSchema *schema, json_t **ret_array, struct etl_error *err)
{
    etl_status status = ETL_OK;
    json_t *array = json_array(), *child = NULL;
    if (!array)
        return etl_fail_memory(err);
    for (int64_t i = 0; i < schema->n_children; i++) {
        ETL_TRY(node_to_json(schema->children[i], &child, err));
        if (json_array_append_new(array, child))
            ETL_TRY(etl_fail_memory(err));
    }
    *ret_array = array;
    array = NULL;
out:
    json_decref(array);
    return status;
}

static etl_status node_to_json(const struct ArrowSchema *schema, json_t **ret_json, struct etl_error *err)
{
    etl_status status = ETL_OK;
    json_t *node = NULL, *children = NULL;
    struct etl_type type = {0};
    char format[ETL_TYPE_FORMAT_MAX];
    ETL_TRY(etl_type_of(schema, &type, err));
    node = json_pack("{s:s, s:s, s:b}", "name", schema->name ? schema->name : "", "type",
                     etl_type_format(&type, format), "nullable", (schema->flags & ARROW_FLAG_NULLABLE) != 0);
    if (!node)
        ETL_TRY(etl_fail_memory(err));
    if (etl_type_extension(&type) &&
        json_object_set_new(node, "extension", json_string(etl_type_extension(&type))) != 0)
        ETL_TRY(etl_fail_memory(err));
    if (is_nested(&type)) {
        ETL_TRY(children_to_json(schema, &children, err));
        if (json_object_set_new(node, "children", children))
            ETL_TRY(etl_fail_memory(err));
    }
    *ret_json = node;
    node = NULL;
out:
    json_decref(node);
    return status;
}

etl_status schema_to_json(const struct ArrowSchema *schema, json_t **ret_json, struct etl_error *err)
{
    etl_status status = ETL_OK;
    json_t *root = NULL, *columns = NULL;
    int64_t op = etl_schema_op_column(schema);
    ETL_TRY(children_to_json(schema, &columns, err));
    root = json_pack("{s:o}", "columns", columns);
    if (!root)
        ETL_TRY(etl_fail_memory(err));
    if (op >= 0 && json_object_set_new(root, "op_column", json_string(schema->children[op]->name)))
        ETL_TRY(etl_fail_memory(err));
    *ret_json = root;
    root = NULL;
out:
    json_decref(root);
    return status;
}

static etl_status node_from_json(const json_t *json, int depth, struct ArrowSchema *ret_schema, struct etl_error *err);

static etl_status children_from_json(const json_t *array, int depth, struct ArrowSchema *parent, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowSchema child = {0};
    for (size_t i = 0; i < json_array_size(array); i++) {
        ETL_TRY(node_from_json(json_array_get(array, i), depth + 1, &child, err));
        ETL_TRY(etl_schema_add(parent, &child, err));
    }
out:
    return status;
}

static etl_status list_from_json(const char *name, const json_t *children, int depth, struct ArrowSchema *ret_schema,
                                 struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowSchema item = {0};
    if (json_array_size(children) != 1)
        return etl_fail(err, ETL_DATA, "list column \"%s\" needs exactly one child", name);
    ETL_TRY(node_from_json(json_array_get(children, 0), depth + 1, &item, err));
    ETL_TRY(etl_schema_init_list(ret_schema, name, &item, err));
out:
    return status;
}

static etl_status node_from_json(const json_t *json, int depth, struct ArrowSchema *ret_schema, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowSchema node = {0};
    struct etl_type type = {0};
    const char *name = json_string_value(json_object_get(json, "name"));
    const char *format = json_string_value(json_object_get(json, "type"));
    const char *extension = json_string_value(json_object_get(json, "extension"));
    const json_t *nullable = json_object_get(json, "nullable"), *children = json_object_get(json, "children");
    if (!name || !format)
        return etl_fail(err, ETL_DATA, "a column of a saved schema lacks its name or type");
    if (depth > NESTING_MAX)
        return etl_fail(err, ETL_DATA, "a saved schema is nested deeper than %d", (int)NESTING_MAX);
    ETL_TRY(etl_type_parse(format, extension, &type, err));
    if (type.kind == ETL_KIND_STRUCT) {
        ETL_TRY(etl_schema_init_struct(&node, name, err));
        ETL_TRY(children_from_json(children, depth, &node, err));
    } else if (type.kind == ETL_KIND_LIST) {
        ETL_TRY(list_from_json(name, children, depth, &node, err));
    } else {
        ETL_TRY(etl_schema_init_leaf(&node, name, &type, err));
    }
    node.flags = (node.flags & ~(int64_t)ARROW_FLAG_NULLABLE) | (json_is_false(nullable) ? 0 : ARROW_FLAG_NULLABLE);
    etl_schema_move(&node, ret_schema);
out:
    etl_schema_release(&node);
    return status;
}

etl_status schema_from_json(const json_t *json, struct ArrowSchema *ret_schema, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowSchema root = {0};
    const json_t *columns = json_object_get(json, "columns"), *op = json_object_get(json, "op_column");
    if (!json_is_array(columns))
        return etl_fail(err, ETL_DATA, "a saved schema has no array \"columns\"");
    ETL_TRY(etl_schema_init_struct(&root, "", err));
    ETL_TRY(children_from_json(columns, 0, &root, err));
    if (op)
        ETL_TRY(etl_schema_set_metadata(&root, ETL_META_OP_COLUMN, json_string_value(op), err));
    ETL_TRY(etl_schema_validate(&root, err));
    etl_schema_move(&root, ret_schema);
out:
    etl_schema_release(&root);
    return status;
}
