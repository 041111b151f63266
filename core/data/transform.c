/* Columns as the user wants them. The rules are matched once, against a source schema; a batch is then a walk over the kept columns that moves
 * the child as it is, or puts a masked one in its place. When nothing changes the batch is not touched at all. */
#include "core/data/transform.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/string.h"
#include "core/data/array.h"
#include "core/data/batch.h"
#include "core/data/mask.h"
#include "core/data/name_map.h"
#include "core/data/operation.h"

struct kept_column {
    int64_t source;
    enum mask_kind mask;
};

struct transform {
    struct ArrowSchema source, result;
    struct etl_view view; /* of the source schema */
    struct kept_column *columns;
    size_t count;
    int64_t operation; /* source column that becomes the operation column, -1 = not there */
    bool makes_operation, soft_delete, unchanged;
    struct mask_hasher *hasher;
    struct etl_buffer scratch;
};

/* ---- matching the rules ---- */

static bool is_glob(const char *pattern)
{
    return strpbrk(pattern, "*?[") != NULL;
}

static bool matches_any(const char *const *patterns, const char *name)
{
    for (; patterns && *patterns; patterns++) {
        if (strcmp(*patterns, name) == 0 || string_matches(*patterns, name))
            return true;
    }
    return false;
}

static bool is_selected(const struct transform_rules *rules, const char *name)
{
    return (!rules->include || matches_any(rules->include, name)) && !matches_any(rules->exclude, name);
}

/* An exact name wins over a glob, a later rule over an earlier one; rename and mask are looked up independently, so that a rename
 * never takes a mask away. */
static const char *find_rename(const struct transform_rules *rules, const char *name)
{
    const char *by_glob = NULL, *by_name = NULL;
    for (size_t i = 0; i < rules->rule_count; i++) {
        const struct column_rule *rule = &rules->rules[i];
        if (rule->rename && strcmp(rule->column, name) == 0)
            by_name = rule->rename;
        else if (rule->rename && string_matches(rule->column, name))
            by_glob = rule->rename;
    }
    return by_name ? by_name : by_glob;
}

static enum mask_kind find_mask(const struct transform_rules *rules, const char *name)
{
    enum mask_kind by_glob = MASK_NONE, by_name = MASK_NONE;
    for (size_t i = 0; i < rules->rule_count; i++) {
        const struct column_rule *rule = &rules->rules[i];
        if (rule->mask != MASK_NONE && strcmp(rule->column, name) == 0)
            by_name = rule->mask;
        else if (rule->mask != MASK_NONE && string_matches(rule->column, name))
            by_glob = rule->mask;
    }
    return by_name != MASK_NONE ? by_name : by_glob;
}

static void list_columns(const struct ArrowSchema *schema, struct etl_buffer *text)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        etl_buffer_add_text(text, i ? ", " : "");
        etl_buffer_add_text(text, schema->children[i]->name);
    }
}

static etl_status check_rules(const struct ArrowSchema *schema, const struct transform_rules *rules,
                              struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct etl_buffer names = {0};
    for (size_t i = 0; i < rules->rule_count; i++) {
        const struct column_rule *rule = &rules->rules[i];
        if (rule->mask == MASK_HASH && !rules->mask_key_len)
            ETL_TRY(etl_fail(err, ETL_CONFIG, "column %s: the mask hash needs a key: set mask_key", rule->column));
        if (is_glob(rule->column) || etl_schema_find(schema, rule->column) >= 0)
            continue;
        list_columns(schema, &names);
        const char *text = etl_buffer_text(&names);
        ETL_TRY(etl_fail(err, ETL_CONFIG, "a column rule names column %s, which is not there; the columns are: %s",
                         rule->column, text ? text : "?"));
    }
out:
    etl_buffer_fini(&names);
    return status;
}

static etl_status check_keys(const struct ArrowSchema *schema, const struct transform_rules *rules,
                             const char *const *keys, struct etl_error *err)
{
    for (; keys && *keys; keys++) {
        enum mask_kind mask = find_mask(rules, *keys);
        if (etl_schema_find(schema, *keys) < 0)
            return etl_fail(err, ETL_CONFIG, "key column %s is not in the schema of the stream", *keys);
        if (!is_selected(rules, *keys))
            return etl_fail(err, ETL_CONFIG, "key column %s is not selected; a key is needed to find its row", *keys);
        if (mask == MASK_NULL || mask == MASK_REDACT || mask == MASK_PARTIAL)
            return etl_fail(err, ETL_CONFIG,
                            "key column %s would lose its values to a mask; only hash keeps different keys apart",
                            *keys);
    }
    return ETL_OK;
}

/* ---- compiling ---- */

static etl_status choose_operation(struct transform *transform, const struct transform_rules *rules,
                                   struct etl_error *err)
{
    transform->makes_operation = rules->operation_column != NULL;
    transform->operation = -1;
    if (!transform->makes_operation)
        return ETL_OK;
    if (etl_schema_op_column(&transform->source) >= 0)
        return etl_fail(err, ETL_CONFIG, "operation column %s: this source says itself what each row does",
                        rules->operation_column);
    transform->operation = etl_schema_find(&transform->source, rules->operation_column);
    return transform->operation < 0 ? ETL_OK
                                    : operation_check_type(&transform->view.children[transform->operation], err);
}

static etl_status choose_columns(struct transform *transform, const struct transform_rules *rules,
                                 struct etl_error *err)
{
    const struct ArrowSchema *source = &transform->source;
    int64_t op = etl_schema_op_column(source);
    transform->columns = calloc((size_t)source->n_children + 1, sizeof *transform->columns);
    if (!transform->columns)
        return etl_fail_memory(err);
    for (int64_t i = 0; i < source->n_children; i++) {
        const char *name = source->children[i]->name;
        if (i == transform->operation)
            continue;
        if (i == op || is_selected(rules, name))
            transform->columns[transform->count++] =
                (struct kept_column){.source = i, .mask = i == op ? MASK_NONE : find_mask(rules, name)};
    }
    if (transform->count == (op >= 0 ? 1 : 0) && source->n_children > (op >= 0 ? 1 : 0))
        return etl_fail(err, ETL_CONFIG, "no column is selected");
    if (rules->soft_delete && etl_schema_find(source, ETL_SOFT_DELETE_COLUMN) >= 0 &&
        is_selected(rules, ETL_SOFT_DELETE_COLUMN) && !find_rename(rules, ETL_SOFT_DELETE_COLUMN))
        return etl_fail(err, ETL_CONFIG, "the source has a column %s, which soft deletes need: rename or exclude it",
                        ETL_SOFT_DELETE_COLUMN);
    return ETL_OK;
}

static etl_status add_column(struct transform *transform, const struct kept_column *kept, const char *name,
                             struct etl_error *err)
{
    static const struct etl_type text = {.kind = ETL_KIND_STRING};
    etl_status status = ETL_OK;
    const struct ArrowSchema *source = transform->source.children[kept->source];
    struct ArrowSchema column = {0};
    if (kept->mask == MASK_NONE || kept->mask == MASK_NULL) {
        ETL_TRY(etl_schema_copy(source, &column, err));
        ETL_TRY(etl_schema_set_name(&column, name, err));
    } else {
        ETL_TRY(etl_schema_init_leaf(&column, name, &text, err));
        column.flags = source->flags & ARROW_FLAG_NULLABLE;
    }
    if (kept->mask == MASK_NULL)
        column.flags |= ARROW_FLAG_NULLABLE;
    ETL_TRY(etl_schema_add(&transform->result, &column, err));
out:
    etl_schema_release(&column);
    return status;
}

static etl_status build_schema(struct transform *transform, char *const *names, struct etl_error *err)
{
    etl_status status = ETL_OK;
    int64_t op = etl_schema_op_column(&transform->source);
    ETL_TRY(etl_schema_init_struct(&transform->result, "", err));
    transform->result.flags = transform->source.flags;
    for (size_t i = 0; i < transform->count; i++)
        ETL_TRY(add_column(transform, &transform->columns[i], names[i], err));
    if (transform->makes_operation) {
        ETL_TRY(etl_schema_add_column(&transform->result, OPERATION_COLUMN, "C", NULL, err));
        ETL_TRY(etl_schema_set_metadata(&transform->result, ETL_META_OP_COLUMN, OPERATION_COLUMN, err));
    }
    if (op >= 0)
        ETL_TRY(
            etl_schema_set_metadata(&transform->result, ETL_META_OP_COLUMN, transform->source.children[op]->name, err));
    if (transform->soft_delete)
        ETL_TRY(etl_schema_add_column(&transform->result, ETL_SOFT_DELETE_COLUMN, "tsu:UTC", NULL, err));
out:
    return status;
}

/* Names the kept columns; the operation column keeps its own name and is not in the map. */
static etl_status name_columns(struct transform *transform, const struct transform_rules *rules, const char *name_map,
                               char **names, char **ret_name_map, struct etl_error *err)
{
    etl_status status = ETL_OK;
    const struct ArrowSchema *source = &transform->source;
    int64_t op = etl_schema_op_column(source);
    const char *reserved[4] = {NULL, NULL, NULL, NULL};
    struct name_rules name_rules = {
        .reserved = reserved, .fold = rules->fold_names, .max_bytes = rules->name_max_bytes};
    size_t count = 0, n_reserved = 0;
    struct name_request *requests = calloc(transform->count + 1, sizeof *requests);
    if (!requests)
        return etl_fail_memory(err);
    if (op >= 0)
        reserved[n_reserved++] = source->children[op]->name;
    if (transform->makes_operation)
        reserved[n_reserved++] = OPERATION_COLUMN;
    if (rules->soft_delete)
        reserved[n_reserved++] = ETL_SOFT_DELETE_COLUMN;
    for (size_t i = 0; i < transform->count; i++) {
        const char *name = source->children[transform->columns[i].source]->name;
        if (transform->columns[i].source != op)
            requests[count++] = (struct name_request){.source = name, .rename = find_rename(rules, name)};
    }
    ETL_TRY(name_map_apply(name_map, &name_rules, requests, count, ret_name_map, err));
    for (size_t i = 0, next = 0; i < transform->count; i++)
        names[i] = transform->columns[i].source == op ? string_copy(reserved[0]) : requests[next++].ret_target;
out:
    free(requests);
    return status;
}

static bool changes_nothing(const struct transform *transform)
{
    if (transform->soft_delete || transform->makes_operation ||
        (int64_t)transform->count != transform->source.n_children)
        return false;
    for (size_t i = 0; i < transform->count; i++) {
        if (transform->columns[i].mask != MASK_NONE)
            return false;
    }
    return true;
}

static bool needs_hash(const struct transform *transform)
{
    for (size_t i = 0; i < transform->count; i++) {
        if (transform->columns[i].mask == MASK_HASH)
            return true;
    }
    return false;
}

static etl_status compile(struct transform *transform, const struct transform_rules *rules, const char *name_map,
                          char **ret_name_map, struct etl_error *err)
{
    etl_status status = ETL_OK;
    char **names = NULL, *map = NULL;
    ETL_TRY(choose_operation(transform, rules, err));
    ETL_TRY(choose_columns(transform, rules, err));
    transform->soft_delete = rules->soft_delete;
    names = calloc(transform->count + 1, sizeof *names);
    if (!names)
        ETL_TRY(etl_fail_memory(err));
    ETL_TRY(name_columns(transform, rules, name_map, names, &map, err));
    for (size_t i = 0; i < transform->count; i++) {
        if (!names[i])
            ETL_TRY(etl_fail_memory(err));
    }
    ETL_TRY(build_schema(transform, names, err));
    transform->unchanged = changes_nothing(transform);
    if (needs_hash(transform))
        ETL_TRY(mask_hasher_new(rules->mask_key, rules->mask_key_len, &transform->hasher, err));
    *ret_name_map = map;
    map = NULL;
out:
    for (size_t i = 0; names && i < transform->count; i++)
        free(names[i]);
    free(names);
    free(map);
    return status;
}

etl_status transform_new(const struct ArrowSchema *source_schema, const struct transform_rules *rules,
                         const char *const *keys, const char *name_map, struct transform **ret_transform,
                         char **ret_name_map, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct transform *transform = calloc(1, sizeof *transform);
    if (!transform)
        return etl_fail_memory(err);
    ETL_TRY(etl_schema_copy(source_schema, &transform->source, err));
    ETL_TRY(etl_view_init(&transform->view, &transform->source, err));
    ETL_TRY(check_rules(source_schema, rules, err));
    ETL_TRY(check_keys(source_schema, rules, keys, err));
    ETL_TRY(compile(transform, rules, name_map, ret_name_map, err));
    *ret_transform = transform;
    transform = NULL;
out:
    transform_free(transform);
    return status;
}

void transform_free(struct transform *transform)
{
    if (!transform)
        return;
    mask_hasher_free(transform->hasher);
    etl_buffer_fini(&transform->scratch);
    etl_view_fini(&transform->view);
    etl_schema_release(&transform->source);
    etl_schema_release(&transform->result);
    free(transform->columns);
    free(transform);
}

const struct ArrowSchema *transform_schema(const struct transform *transform)
{
    return &transform->result;
}

const char *transform_target_name(const struct transform *transform, const char *source_column)
{
    for (size_t i = 0; i < transform->count; i++) {
        if (strcmp(transform->source.children[transform->columns[i].source]->name, source_column) == 0)
            return transform->result.children[i]->name;
    }
    return NULL;
}

/* ---- batches ---- */

static etl_status transform_column(struct transform *transform, size_t index, struct ArrowArray *batch,
                                   struct ArrowArray *ret_column, struct etl_error *err)
{
    const struct kept_column *kept = &transform->columns[index];
    struct ArrowArray *child = batch->children[kept->source];
    if (kept->mask == MASK_NULL)
        return array_nulls(transform->source.children[kept->source], batch->length, ret_column, err);
    if (kept->mask != MASK_NONE)
        return mask_column(kept->mask, &transform->view.children[kept->source], child, transform->hasher,
                           &transform->scratch, ret_column, err);
    etl_array_move(child, ret_column);
    return ETL_OK;
}

etl_status transform_apply(struct transform *transform, struct ArrowArray *batch, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowArray result = {0};
    int64_t count = (int64_t)transform->count;
    if (transform->unchanged)
        return ETL_OK;
    if (batch->n_children != transform->source.n_children)
        ETL_TRY(etl_fail(err, ETL_DATA, "a batch has %lld columns, its schema has %lld", (long long)batch->n_children,
                         (long long)transform->source.n_children));
    ETL_TRY(batch_normalise(batch, err));
    etl_view_set(&transform->view, batch);
    ETL_TRY(array_init(&result, batch->length, 1, transform->result.n_children, err));
    for (size_t i = 0; i < transform->count; i++)
        ETL_TRY(transform_column(transform, i, batch, result.children[i], err));
    if (transform->makes_operation) {
        const struct etl_view *column =
            transform->operation < 0 ? NULL : &transform->view.children[transform->operation];
        ETL_TRY(operation_make(column, batch->length, result.children[count++], err));
    }
    if (transform->soft_delete)
        ETL_TRY(array_nulls(transform->result.children[count], batch->length, result.children[count], err));
    etl_array_release(batch);
    etl_array_move(&result, batch);
out:
    if (status != ETL_OK)
        etl_array_release(batch);
    etl_array_release(&result);
    return status;
}
