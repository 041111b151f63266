/* What a run would do, without doing it: `plan` and `discover`. No lease is taken, nothing is written, and the destination is asked with explain()
 * only. */
#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk/schema.h>

#include "core/engine/run.h"
#include "core/engine/stream.h"

static etl_status open_and_discover(struct engine *engine, const struct run_input *input, bool with_dest,
                                    struct catalog *ret_catalog, struct etl_error *err)
{
    etl_status status = engine_open(engine, input, NULL, NULL, with_dest, err);
    if (status != ETL_OK)
        return status;
    status = catalog_discover(engine->source_ops, engine->source, ret_catalog, err);
    if (status != ETL_OK)
        engine_close(engine);
    return status;
}

etl_status run_discover(const struct run_input *input, json_t **ret_catalog, struct etl_error *err)
{
    struct engine engine;
    struct catalog catalog = {0};
    etl_status status = open_and_discover(&engine, input, false, &catalog, err);
    if (status != ETL_OK)
        return status;
    status = catalog_json(&catalog, ret_catalog, err);
    catalog_fini(&catalog);
    engine_close(&engine);
    return status;
}

/* ---- plan ---------------------------------------------------------------------------------------------------------- */

static etl_status ETL_CALL add_action(void *arg, const char *text, size_t length)
{
    return json_array_append_new(arg, json_stringn(text, length)) ? ETL_NOMEM : ETL_OK;
}

static json_t *names_json(const char *const *names)
{
    json_t *json = json_array();
    for (; names && *names; names++)
        json_array_append_new(json, json_string(*names));
    return json;
}

static const char *contract_name(enum contract contract)
{
    switch (contract) {
    case CONTRACT_FREEZE: return "freeze";
    case CONTRACT_DISCARD_ROW: return "discard-row";
    case CONTRACT_DEAD_LETTER: return "dead-letter";
    case CONTRACT_EVOLVE: break;
    }
    return "evolve";
}

static void warn(json_t *entry, const char *text)
{
    json_array_append_new(json_object_get(entry, "warnings"), json_string(text));
}

/* What the destination would find and change, and the delivery that it promises. */
static etl_status add_actions(struct stream *stream, json_t *entry, struct etl_error *err)
{
    struct engine *engine = stream->engine;
    struct etl_recovery recovery = {.struct_size = sizeof(recovery)};
    struct etl_write_plan plan;
    json_t *actions = json_array();
    etl_status status = ETL_OK;
    uint32_t guarantee = commit_guarantee(engine->dest_ops->caps);
    if (engine->dest_ops->dest.explain) {
        stream_write_plan(stream, stream->slices[0], 0, &plan);
        status =
            engine->dest_ops->dest.explain(engine->dest, &plan, &stream->preview, add_action, actions, &recovery, err);
        if (status == ETL_OK)
            guarantee = recovery.guarantee;
        else if (status != ETL_UNSUPPORTED)
            ETL_TRY(engine_checked(engine->dest_name, "explain", status, err));
        status = ETL_OK;
    }
    json_object_set(entry, "actions", actions);
    json_object_set_new(
        entry, "delivery",
        json_string(commit_delivery_name(commit_delivery(guarantee, stream->plan.mode, stream->plan.keys[0]))));
out:
    json_decref(actions);
    return status;
}

static etl_status add_position(struct stream *stream, json_t *entry, struct etl_error *err)
{
    struct state_checkpoint checkpoint = {0};
    const struct plan *plan = &stream->plan;
    const char *from = plan->config.cursor_from ? plan->config.cursor_from : "";
    bool found = false;
    etl_status status = ETL_OK;
    if (stream->engine->input->store)
        status = state_checkpoint_latest(stream->engine->input->store, stream->engine->pipeline->id,
                                         plan->catalog->name, stream->slices[0], &found, &checkpoint, err);
    if (status != ETL_OK)
        return status;
    found = found && checkpoint.generation == stream->generation && !stream->ignore_state;
    json_object_set_new(entry, "cursor_from", json_string(found && checkpoint.cursor ? checkpoint.cursor : from));
    if (found && plan->mode == ETL_MODE_APPEND && !plan->catalog->is_incremental && !*plan->cursor)
        warn(entry, "every run adds all rows again: the stream is not incremental; set a cursor, a primary_key, or "
                    "mode overwrite");
    state_checkpoint_fini(&checkpoint);
    return ETL_OK;
}

static etl_status add_columns(const struct stream *stream, json_t *entry, struct etl_error *err)
{
    json_t *schema = NULL, *columns = NULL;
    int64_t op = etl_schema_op_column(&stream->preview);
    etl_status status = schema_to_json(&stream->preview, &schema, err);
    if (status != ETL_OK)
        return status;
    columns = json_object_get(schema, "columns");
    if (op >= 0) /* reaches no table */
        json_array_remove(columns, (size_t)op);
    json_object_set(entry, "columns", columns);
    json_decref(schema);
    if (!stream->preview.n_children)
        warn(entry, "the source does not know the columns before it reads");
    return ETL_OK;
}

static etl_status fill_entry(struct stream *stream, json_t *entry, struct etl_error *err)
{
    const struct plan *plan = &stream->plan;
    etl_status status = ETL_OK;
    json_object_set_new(entry, "target", json_string(plan->target));
    json_object_set_new(entry, "mode", json_string(plan->mode_name));
    json_object_set_new(entry, "primary_key", names_json(plan->keys));
    json_object_set_new(entry, "cursor", json_string(plan->cursor));
    json_object_set_new(entry, "cursor_to", json_string(plan->config.cursor_until ? plan->config.cursor_until : ""));
    json_object_set_new(entry, "contract", json_string(contract_name(plan->contract)));
    ETL_TRY(stream_prepare(stream, err));
    json_object_set_new(entry, "generation", json_integer((json_int_t)stream->generation));
    json_object_set_new(entry, "slices",
                        stream->slices[0][0] ? names_json((const char *const *)stream->slices) : json_array());
    ETL_TRY(add_position(stream, entry, err));
    ETL_TRY(add_columns(stream, entry, err));
    ETL_TRY(add_actions(stream, entry, err));
    if (plan->delete_mode == ETL_DELETE_IGNORE && plan->catalog->has_deletes)
        warn(entry, "the source reports deleted records; they are ignored");
    if (stream->ignore_state)
        warn(entry, "the destination cannot swap a whole load in: rows that the source has lost stay");
out:
    return status;
}

/* A stream that cannot run has an "error" instead of the rest. */
static etl_status plan_stream(struct engine *engine, const struct catalog_stream *catalog, json_t *streams,
                              struct etl_error *err)
{
    struct stream stream;
    struct etl_error stream_err;
    json_t *entry = json_pack("{s:s, s:[]}", "stream", catalog->name, "warnings");
    etl_status status = ETL_OK;
    if (!entry || json_array_append_new(streams, entry) != 0)
        return etl_fail_memory(err);
    etl_error_init(&stream_err);
    status = stream_init(&stream, engine, catalog, NULL, &stream_err);
    if (status == ETL_OK)
        status = fill_entry(&stream, entry, &stream_err);
    stream_fini(&stream);
    if (status == ETL_NOMEM) {
        *err = stream_err;
        return status;
    }
    if (status != ETL_OK && json_object_set_new(entry, "error", json_string(stream_err.message)) != 0)
        return etl_fail_memory(err);
    return ETL_OK;
}

etl_status run_plan(const struct run_input *input, json_t **ret_plan, struct etl_error *err)
{
    struct engine engine;
    struct catalog catalog = {0};
    size_t *selected = NULL, count = 0;
    json_t *streams = json_array(), *plan = NULL;
    etl_status status = open_and_discover(&engine, input, true, &catalog, err);
    if (status != ETL_OK) {
        json_decref(streams);
        return status;
    }
    ETL_TRY(catalog_select(&catalog, engine.pipeline, &selected, &count, err));
    for (size_t i = 0; i < count; i++)
        ETL_TRY(plan_stream(&engine, &catalog.streams[selected[i]], streams, err));
    plan = json_pack("{s:s, s:O}", "pipeline", engine.pipeline->id, "streams", streams);
    if (!plan)
        ETL_TRY(etl_fail_memory(err));
    *ret_plan = plan;
out:
    json_decref(streams);
    free(selected);
    catalog_fini(&catalog);
    engine_close(&engine);
    return status;
}
