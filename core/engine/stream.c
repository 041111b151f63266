/* A stream's record in the store (generation, fingerprint, schema, names, slices) is written just before the first commit that changes it, so
 * that a run which commits nothing leaves no trace. Only a new generation is recorded before the destination hears of it, because the
 * destination refuses an older one from then on. When the store says that a load is unfinished, the destination is asked first: it may have
 * swapped the generation in just before the process died. */
#include "core/engine/stream.h"

#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk/schema.h>

#include "core/base/clock.h"
#include "core/base/json_text.h"
#include "core/base/string.h"
#include "core/engine/generation.h"
#include "core/observe/log.h"

#define SLICES_MAX     10000
#define SLICE_NAME_MAX 200

etl_status stream_init(struct stream *stream, struct engine *engine, const struct catalog_stream *catalog,
                       struct stream_report *report, struct etl_error *err)
{
    const struct connector *dest = engine->dest_ops; /* also of a dry run, which is to find what a run would */
    etl_status status = ETL_OK;
    memset(stream, 0, sizeof(*stream));
    pthread_mutex_init(&stream->lock, NULL);
    stream->engine = engine;
    stream->report = report;
    if (catalog->error)
        return etl_fail(err, ETL_AUTH, "the source cannot read it: %s", catalog->error);
    status = plan_resolve(engine->pipeline, engine->source_ops, dest, catalog, &stream->plan, err);
    if (status != ETL_OK)
        return status;
    if (report) {
        report->mode = stream->plan.mode_name;
        report->delivery =
            commit_delivery_name(commit_delivery(dest ? commit_guarantee(dest->caps) : ETL_GUARANTEE_FLUSH,
                                                 stream->plan.mode, stream->plan.keys[0] != NULL));
    }
    return ETL_OK;
}

void stream_make_replay(struct stream *stream)
{
    struct plan *plan = &stream->plan;
    const struct connector *dest = stream->engine->dest_ops;
    stream->is_replay = true;
    plan->rules.include = plan->rules.exclude = NULL;
    plan->rules.rule_count = 0;
    plan->columns = NULL;
    plan->cursor = "";
    plan->config.limit = -1;
    if (plan->mode == ETL_MODE_OVERWRITE)
        plan->mode = plan->keys[0] && (dest->caps & ETL_CAP_UPSERT) ? ETL_MODE_UPSERT : ETL_MODE_APPEND;
}

void stream_fini(struct stream *stream)
{
    plan_fini(&stream->plan);
    string_list_free(stream->slices);
    string_list_free(stream->target_keys);
    etl_schema_release(&stream->agreed);
    etl_schema_release(&stream->preview);
    free(stream->name_map);
    pthread_mutex_destroy(&stream->lock);
    memset(stream, 0, sizeof(*stream));
}

void stream_write_plan(const struct stream *stream, const char *slice, uint64_t committed_seq,
                       struct etl_write_plan *ret_plan)
{
    const struct engine *engine = stream->engine;
    *ret_plan = (struct etl_write_plan){
        .struct_size = sizeof(*ret_plan),
        .mode = stream->plan.mode,
        .pipeline_id = engine->pipeline->id,
        .stream = stream->plan.catalog->name,
        .slice = slice,
        .target = stream->plan.target,
        .keys = (const char *const *)stream->target_keys,
        .generation = stream->generation,
        .epoch = engine->lease.epoch,
        .committed_seq = committed_seq,
        .delete_mode = stream->plan.delete_mode,
        .run_id = engine->report ? engine->report->run_id : "",
    };
}

/* ---- names of keys at the destination ------------------------------------------------------------------------------ */

static char *target_name(const struct stream *stream, const struct transform *transform, const char *key)
{
    const struct plan *plan = &stream->plan;
    const char *name = transform ? transform_target_name(transform, key) : NULL;
    json_t *map = NULL;
    char *copy = NULL;
    if (name)
        return string_copy(name);
    map = json_loads(stream->name_map, 0, NULL);
    name = json_string_value(json_object_get(map, key));
    for (size_t i = 0; !name && i < plan->rules.rule_count; i++)
        if (!strcmp(plan->rules.rules[i].column, key))
            name = plan->rules.rules[i].rename;
    copy = string_copy(name ? name : key);
    json_decref(map);
    return copy;
}

static etl_status choose_target_keys(struct stream *stream, struct etl_error *err)
{
    const struct ArrowSchema *schema = &stream->plan.catalog->schema;
    struct transform *transform = NULL;
    char *ignored = NULL;
    size_t count = 0, i = 0;
    etl_status status = ETL_OK;
    while (stream->plan.keys[count])
        count++;
    stream->target_keys = calloc(count + 1, sizeof(*stream->target_keys));
    if (!stream->target_keys)
        return etl_fail_memory(err);
    if (schema->release && schema->n_children > 0 && !stream->is_replay)
        ETL_TRY(
            transform_new(schema, &stream->plan.rules, stream->plan.keys, stream->name_map, &transform, &ignored, err));
    ETL_TRY(transform ? etl_schema_copy(transform_schema(transform), &stream->preview, err)
                      : etl_schema_init_struct(&stream->preview, "", err));
    for (i = 0; i < count; i++) {
        stream->target_keys[i] = target_name(stream, transform, stream->plan.keys[i]);
        if (!stream->target_keys[i])
            ETL_TRY(etl_fail_memory(err));
    }
out:
    transform_free(transform);
    free(ignored);
    return status;
}

/* ---- generation ---------------------------------------------------------------------------------------------------- */

static etl_status ETL_CALL drop_text(void *arg, const char *text, size_t length)
{
    (void)arg;
    (void)text;
    (void)length;
    return ETL_OK;
}

/* What the destination holds, without touching it. *ret_known is false when it cannot tell. */
static etl_status look(struct stream *stream, const char *slice, uint64_t generation, struct etl_recovery *ret_recovery,
                       bool *ret_known, struct etl_error *err)
{
    struct engine *engine = stream->engine;
    struct etl_write_plan plan;
    etl_status status = ETL_OK;
    *ret_known = false;
    if (!engine->dest || !engine->dest_ops->dest.explain)
        return ETL_OK;
    stream_write_plan(stream, slice, 0, &plan);
    plan.generation = generation;
    pthread_mutex_lock(&engine->dest_lock);
    status = engine->dest_ops->dest.explain(engine->dest, &plan, &stream->preview, drop_text, NULL, ret_recovery, err);
    pthread_mutex_unlock(&engine->dest_lock);
    if (status == ETL_UNSUPPORTED)
        return ETL_OK;
    *ret_known = status == ETL_OK;
    return engine_checked(engine->dest_name, "explain", status, err);
}

/* A store that knows nothing of the stream may have been lost, or the pipeline moved: asks the destination what it holds. The generation
 * asked about is greater than any that it may hold, so that nothing stands in the way of an answer. */
static etl_status ask_dest(struct stream *stream, struct generation_facts *facts, struct etl_error *err)
{
    struct etl_recovery recovery = {.struct_size = sizeof(recovery)};
    bool is_known = false;
    etl_status status = look(stream, "", INT64_MAX, &recovery, &is_known, err);
    if (status != ETL_OK || !is_known || !recovery.generation)
        return status;
    facts->is_known = true;
    facts->generation = recovery.generation;
    facts->is_complete = facts->is_same = recovery.is_final != 0;
    return ETL_OK;
}

/* A load that starts from nothing may follow any other; so it also helps when the store is older than what the destination holds. */
static etl_status pass_dest(struct stream *stream, struct generation_facts *facts, struct etl_error *err)
{
    struct etl_recovery recovery = {.struct_size = sizeof(recovery)};
    bool is_known = false;
    etl_status status = look(stream, "", INT64_MAX, &recovery, &is_known, err);
    if (status == ETL_OK && is_known && recovery.generation > facts->generation)
        facts->generation = recovery.generation;
    return status;
}

/* Whether the unfinished load that the store remembers has been swapped in already. Outside of a run (no lease) the line is not opened for
 * that. */
static etl_status ask_is_final(struct stream *stream, const char *slice, bool *ret_is_final, struct etl_error *err)
{
    struct engine *engine = stream->engine;
    struct etl_recovery recovery = {.struct_size = sizeof(recovery)};
    struct etl_write_plan plan;
    struct etl_writer *writer = NULL;
    bool is_known = false;
    etl_status status = ETL_OK;
    if (!engine->dest)
        return ETL_OK;
    if (!engine->has_lease) {
        status = look(stream, slice, stream->generation, &recovery, &is_known, err);
    } else {
        stream_write_plan(stream, slice, 0, &plan);
        pthread_mutex_lock(&engine->dest_lock);
        status = engine->dest_ops->dest.begin(engine->dest, &plan, &writer, &recovery, err);
        pthread_mutex_unlock(&engine->dest_lock);
        status = engine_opened(engine->dest_name, "begin", status, writer, err);
        if (status == ETL_OK)
            engine->dest_ops->dest.end(writer);
    }
    *ret_is_final = status == ETL_OK && recovery.is_final && recovery.generation == stream->generation;
    return status;
}

static etl_status refuse_state(const struct stream *stream, const char *fingerprint, struct etl_error *err)
{
    char *words = plan_difference(fingerprint, stream->plan.fingerprint);
    etl_status status = etl_fail(
        err, ETL_STATE_INVALID,
        "the saved state does not belong to these settings: %s. Load the stream anew with --full-refresh, or put the "
        "settings back",
        words ? words : "they have changed");
    free(words);
    return status;
}

static struct generation_facts know(const struct stream *stream, const struct state_stream *record, bool found)
{
    const struct engine *engine = stream->engine;
    return (struct generation_facts){
        .is_overwrite = stream->plan.mode == ETL_MODE_OVERWRITE,
        .full_refresh = engine->pipeline->full_refresh,
        .can_build = engine->is_dry || (engine->dest_ops->caps & ETL_CAP_GENERATIONS),
        .is_known = found,
        .is_reset = found && !*record->fingerprint,
        .generation = record->generation,
        .is_complete = record->is_complete,
        .is_same = !strcmp(record->fingerprint, stream->plan.fingerprint),
    };
}

/* The first slice that the store remembers, or "": any line of the stream can tell. */
static etl_status ask_is_final_of(struct stream *stream, const struct state_stream *record, bool *ret_is_final,
                                  struct etl_error *err)
{
    json_t *slices = json_loads(record->slices ? record->slices : "[]", 0, NULL);
    const char *first = json_string_value(json_array_get(slices, 0));
    etl_status status = ask_is_final(stream, first ? first : "", ret_is_final, err);
    json_decref(slices);
    return status;
}

static etl_status choose_generation(struct stream *stream, const struct state_stream *record, bool found,
                                    struct generation_choice *ret_choice, struct etl_error *err)
{
    struct generation_facts facts = know(stream, record, found);
    bool is_final = false;
    etl_status status = ETL_OK;
    if (!found && facts.can_build)
        ETL_TRY(ask_dest(stream, &facts, err));
    *ret_choice = generation_choose(&facts);
    if (ret_choice->is_building && !ret_choice->is_new) {
        stream->generation = ret_choice->generation;
        ETL_TRY(ask_is_final_of(stream, record, &is_final, err));
        facts.is_complete = stream->is_dirty = is_final;
    }
    *ret_choice = generation_choose(&facts);
    if (found && ret_choice->is_new) {
        ETL_TRY(pass_dest(stream, &facts, err));
        *ret_choice = generation_choose(&facts);
    }
    stream->generation = ret_choice->generation;
    if (ret_choice->is_invalid)
        status = refuse_state(stream, record->fingerprint, err);
out:
    return status;
}

/* ---- slices -------------------------------------------------------------------------------------------------------- */

struct slice_list {
    char **names;
    size_t count, capacity;
    const char *who;
    struct etl_error error;
    etl_status status;
};

static etl_status ETL_CALL on_slice(void *arg, const char *slice, size_t length)
{
    struct slice_list *list = arg;
    if (!length || length > SLICE_NAME_MAX || memchr(slice, '\0', length) || list->count >= SLICES_MAX)
        return list->status =
                   etl_fail(&list->error, ETL_INTERNAL, "%s: protocol violation in plan_slices: %s", list->who,
                            list->count >= SLICES_MAX ? "too many slices" : "a name that is empty or too long");
    if (list->count + 2 > list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 16;
        char **names = realloc(list->names, capacity * sizeof(*names));
        if (!names)
            return list->status = etl_fail_memory(&list->error);
        list->names = names;
        list->capacity = capacity;
    }
    list->names[list->count] = string_format("%.*s", (int)length, slice);
    list->names[list->count + 1] = NULL;
    if (!list->names[list->count])
        return list->status = etl_fail_memory(&list->error);
    list->count++;
    return ETL_OK;
}

static etl_status plan_slices(struct stream *stream, struct slice_list *list, struct etl_error *err)
{
    struct engine *engine = stream->engine;
    etl_status status = ETL_OK;
    list->who = engine->source_name;
    etl_error_init(&list->error);
    pthread_mutex_lock(&engine->source_lock);
    status = engine->source_ops->source.plan_slices(engine->source, stream->plan.catalog->name,
                                                    (uint32_t)engine->parallel, 0, on_slice, list, err);
    pthread_mutex_unlock(&engine->source_lock);
    if (list->status != ETL_OK) {
        *err = list->error;
        return list->status;
    }
    status = engine_checked(engine->source_name, "plan_slices", status, err);
    for (size_t i = 1; i < list->count && status == ETL_OK; i++)
        for (size_t j = 0; j < i && status == ETL_OK; j++)
            if (!strcmp(list->names[i], list->names[j]))
                status =
                    etl_fail(err, ETL_INTERNAL, "%s: protocol violation in plan_slices: two slices are called \"%s\"",
                             engine->source_name, list->names[i]);
    return status;
}

static bool can_slice(const struct stream *stream)
{
    const struct engine *engine = stream->engine;
    return stream->is_building && engine->parallel > 1 && engine->source_ops->source.plan_slices &&
           !*stream->plan.cursor && !stream->plan.catalog->is_incremental && stream->plan.config.limit <= 0;
}

static etl_status stored_slices(const char *text, struct slice_list *list, struct etl_error *err)
{
    json_t *json = json_loads(text ? text : "[]", 0, NULL), *name = NULL;
    size_t i = 0;
    etl_status status = ETL_OK;
    list->who = "state store";
    etl_error_init(&list->error);
    json_array_foreach(json, i, name)
    {
        status = on_slice(list, json_string_value(name), json_string_length(name));
        if (status != ETL_OK) {
            *err = list->error;
            break;
        }
    }
    json_decref(json);
    return status;
}

static etl_status choose_slices(struct stream *stream, const struct state_stream *record, bool is_new,
                                struct etl_error *err)
{
    struct slice_list list = {0};
    const char *whole[] = {"", NULL};
    etl_status status = ETL_OK;
    if (stream->is_building && !is_new)
        ETL_TRY(stored_slices(record->slices, &list, err));
    else if (can_slice(stream))
        ETL_TRY(plan_slices(stream, &list, err));
    if (list.count) {
        stream->slices = list.names;
        stream->slice_count = list.count;
        list.names = NULL;
    } else {
        stream->slices = string_list_copy(whole);
        stream->slice_count = 1;
        if (!stream->slices)
            ETL_TRY(etl_fail_memory(err));
    }
out:
    string_list_free(list.names);
    return status;
}

/* ---- the store's record -------------------------------------------------------------------------------------------- */

static char *slices_json(const struct stream *stream)
{
    json_t *json = json_array();
    int failed = 0;
    for (size_t i = 0; i < stream->slice_count && stream->slices[i][0] && !stream->is_replay; i++)
        failed |= json_array_append_new(json, json_string(stream->slices[i]));
    char *text = failed ? NULL : json_text(json, JSON_COMPACT);
    json_decref(json);
    return text;
}

static etl_status put_record(struct stream *stream, struct etl_error *err)
{
    struct engine *engine = stream->engine;
    struct state_stream record = {.generation = stream->generation, .is_complete = stream->is_complete};
    json_t *schema = NULL;
    etl_status status = ETL_OK;
    if (stream->agreed.release)
        ETL_TRY(schema_to_json(&stream->agreed, &schema, err));
    record.schema = schema ? json_text(schema, JSON_COMPACT) : string_copy("");
    record.fingerprint = string_copy(stream->plan.fingerprint);
    record.name_map = string_copy(stream->name_map);
    record.slices = slices_json(stream);
    if (!record.schema || !record.fingerprint || !record.name_map || !record.slices)
        ETL_TRY(etl_fail_memory(err));
    ETL_TRY(state_stream_put(engine->input->store, &engine->lease, stream->plan.catalog->name, &record, err));
    stream->is_dirty = false;
out:
    json_decref(schema);
    state_stream_fini(&record);
    return status;
}

/* ---- preparation --------------------------------------------------------------------------------------------------- */

/* The schema that later batches are compared with: of the same generation, or what a strict contract holds on to. */
static etl_status choose_schema(struct stream *stream, const struct state_stream *record, bool is_new,
                                struct etl_error *err)
{
    bool is_forgotten = is_new && (stream->plan.contract == CONTRACT_EVOLVE || stream->engine->pipeline->full_refresh ||
                                   !*record->fingerprint);
    json_t *json = NULL;
    etl_status status = ETL_OK;
    if (is_forgotten || !record->schema || !*record->schema)
        return ETL_OK;
    json = json_loads(record->schema, 0, NULL);
    status = json ? schema_from_json(json, &stream->agreed, err)
                  : etl_fail(err, ETL_IO, "the state store holds a damaged schema");
    json_decref(json);
    return status;
}

static void warn_append(const struct stream *stream)
{
    const struct plan *plan = &stream->plan;
    struct log_context context = {.pipeline = stream->engine->pipeline->id,
                                  .run_id = stream->engine->report ? stream->engine->report->run_id : NULL,
                                  .stream = plan->catalog->name};
    if (plan->mode == ETL_MODE_APPEND && *plan->cursor && plan->config.cursor_lookback > 0)
        log_write(ETL_LOG_WARN, &context,
                  "cursor_lookback with mode append adds the rows that are read again as duplicates");
}

static etl_status load_record(struct stream *stream, bool *ret_found, struct state_stream *ret_record,
                              struct etl_error *err)
{
    const struct engine *engine = stream->engine;
    *ret_found = false;
    if (!engine->input->store)
        return ETL_OK;
    return state_stream_get(engine->input->store, engine->pipeline->id, stream->plan.catalog->name, ret_found,
                            ret_record, err);
}

/* A replay adds to what is live, under the names and the schema that are agreed on. */
static etl_status prepare_replay(struct stream *stream, const struct state_stream *record, struct etl_error *err)
{
    const char *slices[] = {STREAM_REPLAY_SLICE, NULL};
    stream->generation = record->generation;
    stream->is_complete = true;
    stream->slices = string_list_copy(slices);
    stream->slice_count = 1;
    free(stream->plan.fingerprint);
    stream->plan.fingerprint = string_copy(record->fingerprint);
    if (!stream->slices || !stream->plan.fingerprint)
        return etl_fail_memory(err);
    if (!record->is_complete)
        return etl_fail(err, ETL_CONFIG, "its load is unfinished: run the pipeline first, then retry the dead letters");
    return choose_schema(stream, record, false, err);
}

static etl_status prepare_load(struct stream *stream, const struct state_stream *record, bool found,
                               struct etl_error *err)
{
    struct generation_choice choice = {0};
    etl_status status = ETL_OK;
    ETL_TRY(choose_generation(stream, record, found, &choice, err));
    stream->is_building = choice.is_building;
    stream->ignore_state = choice.ignore_state;
    stream->is_complete = !choice.is_building;
    stream->is_dirty =
        stream->is_dirty || !found || choice.is_new || strcmp(record->fingerprint, stream->plan.fingerprint) != 0;
    ETL_TRY(choose_slices(stream, record, choice.is_new, err));
    ETL_TRY(choose_schema(stream, record, choice.is_new, err));
    warn_append(stream);
out:
    return status;
}

static void forget_preparation(struct stream *stream)
{
    string_list_free(stream->slices);
    string_list_free(stream->target_keys);
    etl_schema_release(&stream->agreed);
    etl_schema_release(&stream->preview);
    free(stream->name_map);
    stream->slices = stream->target_keys = NULL;
    stream->name_map = NULL;
    stream->is_dirty = false;
}

etl_status stream_prepare(struct stream *stream, struct etl_error *err)
{
    struct state_stream record = {0};
    bool found = false;
    etl_status status = ETL_OK;
    forget_preparation(stream);
    ETL_TRY(load_record(stream, &found, &record, err));
    stream->is_known = found;
    stream->name_map = string_copy(found && record.name_map && *record.name_map ? record.name_map : "{}");
    if (!record.fingerprint)
        record.fingerprint = string_copy("");
    if (!stream->name_map || !record.fingerprint)
        ETL_TRY(etl_fail_memory(err));
    ETL_TRY(choose_target_keys(stream, err));
    ETL_TRY(stream->is_replay ? prepare_replay(stream, &record, err) : prepare_load(stream, &record, found, err));
    if (stream->is_building && stream->is_dirty && stream->engine->has_lease)
        ETL_TRY(put_record(stream, err));
out:
    state_stream_fini(&record);
    return status;
}

/* ---- schema -------------------------------------------------------------------------------------------------------- */

etl_status stream_transform(struct stream *stream, const struct ArrowSchema *schema, struct transform **ret_transform,
                            struct etl_error *err)
{
    const char *const *keys = stream->is_replay ? (const char *const *)stream->target_keys : stream->plan.keys;
    char *name_map = NULL;
    etl_status status = ETL_OK;
    pthread_mutex_lock(&stream->lock);
    status = transform_new(schema, &stream->plan.rules, keys, stream->is_replay ? "{}" : stream->name_map,
                           ret_transform, &name_map, err);
    if (status == ETL_OK && !stream->is_replay && strcmp(name_map, stream->name_map) != 0) {
        free(stream->name_map);
        stream->name_map = name_map;
        name_map = NULL;
        stream->is_dirty = true;
    }
    pthread_mutex_unlock(&stream->lock);
    free(name_map);
    return status;
}

static void log_change(void *arg, const char *sentence)
{
    const struct stream *stream = arg;
    struct log_context context = {.pipeline = stream->engine->pipeline->id,
                                  .run_id = stream->engine->report->run_id,
                                  .stream = stream->plan.catalog->name};
    log_write(ETL_LOG_INFO, &context, "schema change: %s", sentence);
}

etl_status stream_agree(struct stream *stream, const struct ArrowSchema *incoming, struct ArrowSchema *ret_agreed,
                        unsigned *ret_version, struct etl_error *err)
{
    struct ArrowSchema agreed = {0};
    etl_status status = ETL_OK;
    pthread_mutex_lock(&stream->lock);
    ETL_TRY(
        schema_agree(stream->plan.contract, stream->agreed.release ? &stream->agreed : NULL, incoming, &agreed, err));
    if (!stream->agreed.release || !etl_schema_equal(&stream->agreed, &agreed)) {
        if (stream->agreed.release && stream->engine->report)
            schema_diff(&stream->agreed, &agreed, log_change, stream);
        etl_schema_release(&stream->agreed);
        etl_schema_move(&agreed, &stream->agreed);
        stream->agreed_version++;
        stream->is_dirty = true;
    }
    ETL_TRY(etl_schema_copy(&stream->agreed, ret_agreed, err));
    *ret_version = stream->agreed_version;
out:
    pthread_mutex_unlock(&stream->lock);
    etl_schema_release(&agreed);
    return status;
}

unsigned stream_agreed_version(struct stream *stream)
{
    unsigned version = 0;
    pthread_mutex_lock(&stream->lock);
    version = stream->agreed_version;
    pthread_mutex_unlock(&stream->lock);
    return version;
}

etl_status stream_save(struct stream *stream, struct etl_error *err)
{
    etl_status status = ETL_OK;
    pthread_mutex_lock(&stream->lock);
    if (stream->is_dirty)
        status = put_record(stream, err);
    pthread_mutex_unlock(&stream->lock);
    return status;
}

etl_status stream_complete(struct stream *stream, struct etl_error *err)
{
    etl_status status = ETL_OK;
    pthread_mutex_lock(&stream->lock);
    if (!stream->is_complete) {
        stream->is_complete = true;
        status = put_record(stream, err);
        stream->is_complete = status == ETL_OK;
    }
    pthread_mutex_unlock(&stream->lock);
    return status;
}

bool stream_arrive(struct stream *stream)
{
    bool is_last = false;
    pthread_mutex_lock(&stream->lock);
    is_last = ++stream->arrived == stream->slice_count;
    pthread_mutex_unlock(&stream->lock);
    return is_last;
}
