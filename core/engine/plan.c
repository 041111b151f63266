/* Defaults: mode upsert when the user gave a primary key, or the source knows one and records may come again; append when later runs can be incremental, else overwrite where the
 * destination can, else append. See etlhost.conf(5), "Streams". */
#include "core/engine/plan.h"

#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk/schema.h>

#include "core/base/json_text.h"
#include "core/base/string.h"

static const char *const no_keys[] = {NULL};

static bool has_cap(const struct connector *connector, uint64_t cap)
{
    return !connector || (connector->caps & cap);
}

static etl_status parse_mode(const char *name, uint32_t *ret_mode, struct etl_error *err)
{
    if (!strcmp(name, "append"))
        *ret_mode = ETL_MODE_APPEND;
    else if (!strcmp(name, "overwrite"))
        *ret_mode = ETL_MODE_OVERWRITE;
    else if (!strcmp(name, "upsert"))
        *ret_mode = ETL_MODE_UPSERT;
    else
        return etl_fail(err, ETL_CONFIG, "mode \"%s\" is not one of append, overwrite, upsert", name);
    return ETL_OK;
}

static const char *mode_name(uint32_t mode)
{
    return mode == ETL_MODE_APPEND ? "append" : mode == ETL_MODE_OVERWRITE ? "overwrite" : "upsert";
}

/* A record of such a stream may come again, changed: an append would keep all of its versions. */
static bool has_changing_records(const struct plan *plan)
{
    return plan->catalog->primary_key && plan->catalog->primary_key[0] && (*plan->cursor || plan->catalog->has_deletes);
}

static etl_status choose_mode(struct plan *plan, const struct connector *dest, struct etl_error *err)
{
    const struct stream_config *config = &plan->config;
    etl_status status = ETL_OK;
    if (config->mode)
        status = parse_mode(config->mode, &plan->mode, err);
    else if (config->primary_key && config->primary_key[0])
        plan->mode = ETL_MODE_UPSERT;
    else if (has_changing_records(plan) && has_cap(dest, ETL_CAP_UPSERT))
        plan->mode = ETL_MODE_UPSERT;
    else if (plan->catalog->is_incremental || *plan->cursor)
        plan->mode = ETL_MODE_APPEND;
    else
        plan->mode = has_cap(dest, ETL_CAP_GENERATIONS) ? ETL_MODE_OVERWRITE : ETL_MODE_APPEND;
    if (status != ETL_OK)
        return status;
    plan->mode_name = mode_name(plan->mode);
    if (plan->mode == ETL_MODE_OVERWRITE && !has_cap(dest, ETL_CAP_GENERATIONS))
        return etl_fail(err, ETL_CONFIG, "destination %s cannot replace a target as a whole: use mode append%s",
                        dest->id, has_cap(dest, ETL_CAP_UPSERT) ? " or upsert" : "");
    if (plan->mode == ETL_MODE_UPSERT && !has_cap(dest, ETL_CAP_UPSERT))
        return etl_fail(err, ETL_CONFIG, "destination %s cannot upsert: use mode append%s", dest->id,
                        has_cap(dest, ETL_CAP_GENERATIONS) ? " or overwrite" : "");
    return ETL_OK;
}

static etl_status check_column(const struct plan *plan, const char *what, const char *column, struct etl_error *err)
{
    const struct ArrowSchema *schema = &plan->catalog->schema;
    const char **names = NULL, *near = NULL;
    if (!schema->release || !schema->n_children || etl_schema_find(schema, column) >= 0)
        return ETL_OK;
    names = calloc((size_t)schema->n_children + 1, sizeof(*names));
    if (!names)
        return etl_fail_memory(err);
    for (int64_t i = 0; i < schema->n_children; i++)
        names[i] = schema->children[i]->name;
    near = string_nearest(column, names);
    free(names);
    if (near)
        return etl_fail(err, ETL_CONFIG, "%s %s is not a column of this stream; did you mean %s?", what, column, near);
    return etl_fail(err, ETL_CONFIG, "%s %s is not a column of this stream; \"etlhost discover\" lists them", what,
                    column);
}

static etl_status choose_keys(struct plan *plan, struct etl_error *err)
{
    etl_status status = ETL_OK;
    plan->keys = no_keys;
    if (plan->config.primary_key && plan->config.primary_key[0])
        plan->keys = (const char *const *)plan->config.primary_key;
    else if (plan->mode == ETL_MODE_UPSERT)
        plan->keys = (const char *const *)plan->catalog->primary_key;
    if (plan->mode == ETL_MODE_UPSERT && !plan->keys[0])
        return etl_fail(err, ETL_CONFIG,
                        "mode upsert needs a primary key and the source declares none: set primary_key, or use "
                        "mode append or overwrite");
    for (const char *const *key = plan->keys; *key && status == ETL_OK; key++)
        status = check_column(plan, "primary key", *key, err);
    return status;
}

static etl_status choose_cursor(struct plan *plan, const struct connector *source, struct etl_error *err)
{
    plan->cursor = plan->config.cursor ? plan->config.cursor : "";
    if (!*plan->cursor) {
        if (plan->config.cursor_from || plan->config.cursor_until)
            return etl_fail(err, ETL_CONFIG, "cursor_from and cursor_until need a cursor column: set cursor");
        return ETL_OK;
    }
    if (!(source->caps & ETL_CAP_CURSOR))
        return etl_fail(err, ETL_CONFIG, "source %s does not read by cursor column: remove cursor \"%s\"%s", source->id,
                        plan->cursor, plan->catalog->is_incremental ? " (the stream is incremental by itself)" : "");
    return check_column(plan, "cursor", plan->cursor, err);
}

static etl_status choose_contract(struct plan *plan, struct etl_error *err)
{
    static const char *const names[] = {[CONTRACT_EVOLVE] = "evolve",
                                        [CONTRACT_FREEZE] = "freeze",
                                        [CONTRACT_DISCARD_ROW] = "discard-row",
                                        [CONTRACT_DEAD_LETTER] = "dead-letter"};
    const char *name = plan->config.contract ? plan->config.contract : "evolve";
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (!strcmp(name, names[i])) {
            plan->contract = (enum contract)i;
            return ETL_OK;
        }
    return etl_fail(err, ETL_CONFIG, "contract \"%s\" is not one of evolve, freeze, discard-row, dead-letter", name);
}

static etl_status choose_deletes(struct plan *plan, const struct pipeline *pipeline, struct etl_error *err)
{
    const char *name = plan->config.deletes;
    bool can_delete = plan->mode == ETL_MODE_UPSERT;
    if (!name)
        plan->delete_mode = can_delete ? ETL_DELETE_HARD : ETL_DELETE_IGNORE;
    else if (!strcmp(name, "ignore"))
        plan->delete_mode = ETL_DELETE_IGNORE;
    else if (!strcmp(name, "hard"))
        plan->delete_mode = ETL_DELETE_HARD;
    else if (!strcmp(name, "soft"))
        plan->delete_mode = ETL_DELETE_SOFT;
    else
        return etl_fail(err, ETL_CONFIG, "deletes \"%s\" is not one of hard, soft, ignore", name);
    if (plan->delete_mode == ETL_DELETE_IGNORE || can_delete)
        return ETL_OK;
    /* The defaults ask for deletes where they are possible; in an entry for this stream it is a mistake. */
    if (name == pipeline->defaults.deletes) {
        plan->delete_mode = ETL_DELETE_IGNORE;
        return ETL_OK;
    }
    return etl_fail(err, ETL_CONFIG, "deletes \"%s\" needs mode upsert: in mode %s deleted records are ignored", name,
                    plan->mode_name);
}

static etl_status choose_operation(struct plan *plan, struct etl_error *err)
{
    plan->rules.operation_column = plan->config.operation_column;
    if (!plan->config.operation_column || plan->mode == ETL_MODE_UPSERT)
        return ETL_OK;
    return etl_fail(err, ETL_CONFIG,
                    "operation column %s needs mode upsert; in mode %s no record can be replaced or deleted",
                    plan->config.operation_column, plan->mode_name);
}

static etl_status parse_mask(const char *name, enum mask_kind *ret_mask, struct etl_error *err)
{
    static const char *const names[] = {
        [MASK_HASH] = "hash", [MASK_REDACT] = "redact", [MASK_PARTIAL] = "partial", [MASK_NULL] = "null"};
    *ret_mask = MASK_NONE;
    if (!name)
        return ETL_OK;
    for (int i = MASK_HASH; i <= MASK_NULL; i++)
        if (!strcmp(name, names[i])) {
            *ret_mask = (enum mask_kind)i;
            return ETL_OK;
        }
    return etl_fail(err, ETL_CONFIG, "mask \"%s\" is not one of hash, redact, partial, null", name);
}

static etl_status make_rules(struct plan *plan, const struct pipeline *pipeline, const struct connector *dest,
                             struct etl_error *err)
{
    const struct stream_config *config = &plan->config;
    struct column_rule *rules = calloc(config->column_count + 1, sizeof(*rules));
    etl_status status = ETL_OK;
    if (!rules)
        return etl_fail_memory(err);
    plan->rules.rules = rules;
    plan->rules.rule_count = config->column_count;
    for (size_t i = 0; i < config->column_count && status == ETL_OK; i++) {
        rules[i].column = config->columns[i].column;
        rules[i].rename = config->columns[i].rename;
        status =
            etl_prefix(err, parse_mask(config->columns[i].mask, &rules[i].mask, err), "column %s: ", rules[i].column);
    }
    plan->rules.include = (const char *const *)config->include_columns;
    plan->rules.exclude = (const char *const *)config->exclude_columns;
    plan->rules.operation_column = config->operation_column;
    plan->rules.mask_key = pipeline->mask_key;
    plan->rules.mask_key_len = pipeline->mask_key ? strlen(pipeline->mask_key) : 0;
    plan->rules.soft_delete = plan->delete_mode == ETL_DELETE_SOFT;
    plan->rules.fold_names = dest && (dest->caps & ETL_CAP_FOLDS_NAMES);
    plan->rules.name_max_bytes = dest ? dest->identifier_max_bytes : 0;
    return status;
}

/* The source is told which columns are needed only when they are named one by one: a glob may match a column that appears later. */
static void choose_columns(struct plan *plan)
{
    const char *const *columns = plan->rules.operation_column ? NULL : plan->rules.include;
    for (const char *const *column = columns; column && *column; column++)
        if (strpbrk(*column, "*?["))
            return;
    plan->columns = columns && *columns ? columns : NULL;
}

static etl_status make_fingerprint(struct plan *plan, const struct connector *source, struct etl_error *err)
{
    json_t *keys = json_array(), *json = NULL;
    for (const char *const *key = plan->keys; *key; key++)
        json_array_append_new(keys, json_string(*key));
    json = json_pack("{s:s, s:s, s:s, s:s, s:o}", "source", source->id, "target", plan->target, "mode", plan->mode_name,
                     "cursor", plan->cursor, "primary_key", keys);
    plan->fingerprint = json ? json_text(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(json);
    return plan->fingerprint ? ETL_OK : etl_fail_memory(err);
}

static etl_status check_delivery(const struct plan *plan, const char *wanted, const struct connector *dest,
                                 struct etl_error *err)
{
    enum delivery minimum = DELIVERY_AT_LEAST_ONCE, best = DELIVERY_AT_LEAST_ONCE;
    if (!wanted || !dest)
        return ETL_OK;
    if (!commit_delivery_parse(wanted, &minimum))
        return etl_fail(err, ETL_CONFIG, "delivery \"%s\" is not one of at-least-once, effectively-once, exactly-once",
                        wanted);
    best = commit_delivery(commit_guarantee(dest->caps), plan->mode, plan->keys[0] != NULL);
    if (best >= minimum)
        return ETL_OK;
    return etl_fail(err, ETL_CONFIG, "delivery %s was asked for, but mode %s into destination %s gives %s%s", wanted,
                    plan->mode_name, dest->id, commit_delivery_name(best),
                    minimum == DELIVERY_EFFECTIVELY_ONCE ? ": use mode upsert with a primary key" : "");
}

etl_status plan_resolve(const struct pipeline *pipeline, const struct connector *source, const struct connector *dest,
                        const struct catalog_stream *stream, struct plan *ret_plan, struct etl_error *err)
{
    struct plan plan = {.catalog = stream};
    etl_status status = ETL_OK;
    pipeline_stream(pipeline, stream->name, &plan.config);
    plan.target = plan.config.target ? plan.config.target : stream->name;
    ETL_TRY(choose_cursor(&plan, source, err));
    ETL_TRY(choose_mode(&plan, dest, err));
    ETL_TRY(choose_keys(&plan, err));
    ETL_TRY(choose_contract(&plan, err));
    ETL_TRY(choose_deletes(&plan, pipeline, err));
    ETL_TRY(choose_operation(&plan, err));
    ETL_TRY(check_delivery(&plan, pipeline->delivery, dest, err));
    ETL_TRY(make_rules(&plan, pipeline, dest, err));
    choose_columns(&plan);
    ETL_TRY(make_fingerprint(&plan, source, err));
    if (dest && dest->identifier_max_bytes && strlen(plan.target) > dest->identifier_max_bytes)
        ETL_TRY(etl_fail(err, ETL_CONFIG,
                         "target name \"%s\" is longer than the %u bytes that destination %s allows: set target",
                         plan.target, dest->identifier_max_bytes, dest->id));
    *ret_plan = plan;
out:
    if (status != ETL_OK)
        plan_fini(&plan);
    return status;
}

void plan_fini(struct plan *plan)
{
    union {
        const struct column_rule *in;
        void *out;
    } rules = {.in = plan->rules.rules}; /* made here, constant for everybody else */
    free(rules.out);
    free(plan->fingerprint);
    memset(plan, 0, sizeof(*plan));
}

/* The value of a fingerprint's field in words. */
static char *field_text(const json_t *value)
{
    char *text = NULL;
    size_t i = 0;
    json_t *item = NULL;
    if (json_is_string(value) && *json_string_value(value))
        return string_copy(json_string_value(value));
    json_array_foreach((json_t *)(uintptr_t)value, i, item)
    {
        char *more =
            text ? string_format("%s, %s", text, json_string_value(item)) : string_copy(json_string_value(item));
        free(text);
        text = more;
    }
    return text ? text : string_copy("none");
}

char *plan_difference(const char *old_fingerprint, const char *new_fingerprint)
{
    static const char *const fields[][2] = {{"source", "source"},
                                            {"target", "target"},
                                            {"mode", "mode"},
                                            {"cursor", "cursor column"},
                                            {"primary_key", "primary key"}};
    json_t *before = json_loads(old_fingerprint, 0, NULL), *after = json_loads(new_fingerprint, 0, NULL);
    char *text = NULL;
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        const json_t *a = json_object_get(before, fields[i][0]), *b = json_object_get(after, fields[i][0]);
        char *old_text = NULL, *new_text = NULL, *more = NULL;
        if (a == b || json_equal(a, b))
            continue;
        old_text = field_text(a);
        new_text = field_text(b);
        more = string_format("%s%sthe %s was %s, is now %s", text ? text : "", text ? "; " : "", fields[i][1],
                             old_text ? old_text : "?", new_text ? new_text : "?");
        free(old_text);
        free(new_text);
        free(text);
        text = more;
    }
    json_decref(before);
    json_decref(after);
    return text;
}

uint64_t plan_batch_rows(int64_t limit, uint64_t rows)
{
    uint64_t wanted = limit > 0 ? (uint64_t)limit : 0, batches = 0;
    if (!wanted || !rows)
        return rows;
    if (wanted <= rows)
        return wanted;
    for (uint64_t divisor = rows; divisor > rows / 16; divisor--)
        if (wanted % divisor == 0)
            return divisor;
    batches = (wanted + rows - 1) / rows;
    return (wanted + batches - 1) / batches;
}
