/* Builds a session. Everything here runs on the main thread before workers start. */
#include "core/cli/session.h"

#include "core/base/string.h"
#include "core/cli/load_guard.h"
#include "core/cli/signals.h"
#include "core/config/settings.h"
#include "core/observe/log.h"
#include "core/plugin/services.h"
#include <stdlib.h>
#include <string.h>

etl_status session_configure_log(const struct options *options, struct etl_error *err)
{
    static const char *const levels[] = {"", "error", "warn", "info", "debug"};
    uint32_t level = options->quiet ? ETL_LOG_ERROR : ETL_LOG_INFO;
    bool json = options->log_format && !strcmp(options->log_format, "json");
    if (options->log_format && !json && strcmp(options->log_format, "text"))
        return etl_fail(err, ETL_CONFIG, "--log-format: \"%s\" is neither text nor json", options->log_format);
    if (options->output && strcmp(options->output, "json") && strcmp(options->output, "text"))
        return etl_fail(err, ETL_CONFIG, "--output: \"%s\" is neither text nor json", options->output);
    if (options->log_level) {
        for (level = ETL_LOG_DEBUG; level && strcmp(options->log_level, levels[level]); level--)
            ;
        if (!level)
            return etl_fail(err, ETL_CONFIG, "--log-level: \"%s\" is none of error, warn, info, debug",
                            options->log_level);
    }
    log_configure(level, json);
    return ETL_OK;
}

/* ---- options over the pipeline file ---- */

static etl_status set_text(char **field, const char *value, struct etl_error *err)
{
    if (!value)
        return ETL_OK;
    char *copy = string_copy(value);
    if (!copy)
        return etl_fail_memory(err);
    free(*field);
    *field = copy;
    return ETL_OK;
}

static etl_status set_list(char ***field, char *const *value, struct etl_error *err)
{
    if (!value)
        return ETL_OK;
    char **copy = string_list_copy((const char *const *)value);
    if (!copy)
        return etl_fail_memory(err);
    string_list_free(*field);
    *field = copy;
    return ETL_OK;
}

/* The limits are those of the pipeline file's schema. */
static etl_status set_number(int64_t *field, const char *option, int64_t value, int64_t least, int64_t most,
                             struct etl_error *err)
{
    if (value < 0)
        return ETL_OK;
    if (value < least)
        return etl_fail(err, ETL_CONFIG, "--%s: %lld is less than %lld", option, (long long)value, (long long)least);
    if (value > most)
        return etl_fail(err, ETL_CONFIG, "--%s: %lld is more than %lld", option, (long long)value, (long long)most);
    *field = value;
    return ETL_OK;
}

/* Settings of one side: file first, then key=value pairs, each over what the pipeline file says. A connector given on the command line that differs
 * from the file's starts with no settings. */
static etl_status set_connector(char **connector, json_t **settings, const char *argument, const char *file,
                                const char *option, char *const *pairs, struct etl_error *err)
{
    etl_status status = ETL_OK;
    json_t *from_file = NULL;
    if (argument && *connector && strcmp(argument, *connector) != 0 && *settings)
        json_object_clear(*settings);
    ETL_TRY(set_text(connector, argument, err));
    if (!*settings && !(*settings = json_object()))
        return etl_fail_memory(err);
    if (file) {
        ETL_TRY(config_read_file(file, &from_file, err));
        if (!json_is_object(from_file)) {
            status = etl_fail(err, ETL_CONFIG, "%s: settings must be a mapping of names to values", file);
            goto out;
        }
        if (json_object_update(*settings, from_file)) {
            status = etl_fail_memory(err);
            goto out;
        }
    }
    for (; pairs && *pairs; pairs++) {
        status = settings_add_option(*settings, *pairs, err);
        if (status != ETL_OK) {
            etl_prefix(err, status, "%s: ", option);
            goto out;
        }
    }
out:
    json_decref(from_file);
    return status;
}

static struct column_config *column_entry(struct stream_config *config, const char *name, size_t length,
                                          struct etl_error *err)
{
    for (size_t i = 0; i < config->column_count; i++)
        if (strlen(config->columns[i].column) == length && !strncmp(config->columns[i].column, name, length))
            return &config->columns[i];
    struct column_config *grown = realloc(config->columns, (config->column_count + 1) * sizeof(*grown));
    if (!grown) {
        etl_fail_memory(err);
        return NULL;
    }
    config->columns = grown;
    memset(&grown[config->column_count], 0, sizeof(*grown));
    if (!(grown[config->column_count].column = string_format("%.*s", (int)length, name))) {
        etl_fail_memory(err);
        return NULL;
    }
    return &grown[config->column_count++];
}

/* COLUMN=VALUE pairs of --rename and --mask. */
static etl_status set_columns(struct stream_config *config, const char *option, char *const *pairs, bool is_mask,
                              struct etl_error *err)
{
    for (; pairs && *pairs; pairs++) {
        const char *equals = strchr(*pairs, '=');
        if (!equals || equals == *pairs || !equals[1])
            return etl_fail(err, ETL_CONFIG, "--%s: \"%s\" is not COLUMN=%s", option, *pairs,
                            is_mask ? "KIND" : "NAME");
        struct column_config *column = column_entry(config, *pairs, (size_t)(equals - *pairs), err);
        if (!column)
            return ETL_NOMEM;
        etl_status status = set_text(is_mask ? &column->mask : &column->rename, equals + 1, err);
        if (status != ETL_OK)
            return status;
    }
    return ETL_OK;
}

static etl_status set_choice(char **field, const char *option, const char *value, const char *const *choices,
                             struct etl_error *err)
{
    if (value && !string_list_has(choices, value)) {
        char known[128] = "";
        for (size_t i = 0, at = 0; choices[i] && at < sizeof(known); i++)
            at += (size_t)snprintf(known + at, sizeof(known) - at, "%s%s", i ? ", " : "", choices[i]);
        return etl_fail(err, ETL_CONFIG, "--%s: \"%s\" is none of %s", option, value, known);
    }
    return set_text(field, value, err);
}

static etl_status set_stream_defaults(struct stream_config *config, const struct options *options,
                                      struct etl_error *err)
{
    static const char *const modes[] = {"append", "overwrite", "upsert", NULL};
    static const char *const contracts[] = {"evolve", "freeze", "discard-row", "dead-letter", NULL};
    static const char *const deletes[] = {"hard", "soft", "ignore", NULL};
    etl_status status = ETL_OK;
    ETL_TRY(set_choice(&config->mode, "mode", options->mode, modes, err));
    ETL_TRY(set_choice(&config->contract, "contract", options->contract, contracts, err));
    ETL_TRY(set_choice(&config->deletes, "deletes", options->deletes, deletes, err));
    ETL_TRY(set_text(&config->operation_column, options->operation_column, err));
    ETL_TRY(set_text(&config->cursor, options->cursor, err));
    ETL_TRY(set_text(&config->cursor_from, options->cursor_from, err));
    ETL_TRY(set_text(&config->cursor_until, options->cursor_until, err));
    ETL_TRY(set_text(&config->target, options->target, err));
    ETL_TRY(set_list(&config->include_columns, options->columns, err));
    ETL_TRY(set_list(&config->exclude_columns, options->exclude_columns, err));
    ETL_TRY(set_columns(config, "rename", options->renames, false, err));
    ETL_TRY(set_columns(config, "mask", options->masks, true, err));
    ETL_TRY(set_number(&config->limit, "limit", options->limit, 0, INT64_MAX, err));
    if (options->cursor_lookback >= 0)
        config->cursor_lookback = (int64_t)options->cursor_lookback;
    if (options->primary_key) {
        char **keys = string_split(options->primary_key);
        if (!keys)
            return etl_fail_memory(err);
        if (!keys[0]) {
            string_list_free(keys);
            return etl_fail(err, ETL_CONFIG, "--primary-key: \"%s\" names no column", options->primary_key);
        }
        string_list_free(config->primary_key);
        config->primary_key = keys;
    }
out:
    return status;
}

/* An option speaks for every stream, so it also replaces what the file says for single streams. */
static etl_status set_streams(struct pipeline *pipeline, const struct options *options, struct etl_error *err)
{
    etl_status status = set_stream_defaults(&pipeline->defaults, options, err);
    for (size_t i = 0; i < pipeline->stream_count && status == ETL_OK; i++)
        status = set_stream_defaults(&pipeline->streams[i], options, err);
    return status;
}

static etl_status set_run(struct pipeline *pipeline, const struct options *options, struct etl_error *err)
{
    static const char *const classes[] = {"exactly-once", "effectively-once", "at-least-once", NULL};
    etl_status status = ETL_OK;
    ETL_TRY(set_text(&pipeline->id, options->pipeline, err));
    ETL_TRY(set_text(&pipeline->plugin_dir, options->plugin_dir, err));
    ETL_TRY(set_text(&pipeline->state, options->state, err));
    ETL_TRY(set_choice(&pipeline->delivery, "delivery", options->delivery, classes, err));
    ETL_TRY(set_list(&pipeline->include, options->include, err));
    ETL_TRY(set_list(&pipeline->exclude, options->exclude, err));
    ETL_TRY(set_number(&pipeline->parallel, "parallel", options->parallel, 1, 256, err));
    ETL_TRY(set_number(&pipeline->memory_limit_bytes, "memory-limit", options->memory_limit, 1 << 20, INT64_MAX, err));
    ETL_TRY(set_number(&pipeline->commit_rows, "commit-rows", options->commit_rows, 0, INT64_MAX, err));
    ETL_TRY(set_number(&pipeline->commit_bytes, "commit-bytes", options->commit_bytes, 0, INT64_MAX, err));
    ETL_TRY(set_number(&pipeline->batch_rows, "batch-rows", options->batch_rows, 1, 10000000, err));
    ETL_TRY(set_number(&pipeline->batch_bytes, "batch-bytes", options->batch_bytes, 1024, INT64_MAX, err));
    ETL_TRY(set_number(&pipeline->retries, "retries", options->retries, 0, 1000, err));
    if (options->commit_interval >= 0)
        pipeline->commit_seconds = options->commit_interval;
    pipeline->full_refresh |= options->full_refresh;
    pipeline->dry_run |= options->dry_run;
out:
    return status;
}

/* ${env:NAME} or ${file:PATH}: resolved as any setting is. */
static etl_status resolve_mask_key(struct pipeline *pipeline, const char *reference, struct etl_error *err)
{
    static const char schema[] =
        "{\"type\":\"object\",\"properties\":{\"mask_key\":{\"type\":\"string\",\"writeOnly\":true}}}";
    json_t *given = NULL, *resolved = NULL;
    etl_status status = ETL_OK;
    if (!reference)
        return ETL_OK;
    if (!(given = json_pack("{s:s}", "mask_key", reference)))
        return etl_fail_memory(err);
    ETL_TRY(settings_resolve("--mask-key", schema, given, &resolved, err));
    ETL_TRY(set_text(&pipeline->mask_key, json_string_value(json_object_get(resolved, "mask_key")), err));
out:
    json_decref(given);
    json_decref(resolved);
    return status;
}

etl_status session_read_pipeline(struct session *session, const struct options *options, struct etl_error *err)
{
    struct pipeline *pipeline = &session->pipeline;
    etl_status status = ETL_OK;
    if (options->operand_count > 1)
        return etl_fail(err, ETL_CONFIG, "one pipeline file at a time: \"%s\" is too much", options->operands[1]);
    if (options->operand_count)
        ETL_TRY(pipeline_read(options->operands[0], pipeline, err));
    ETL_TRY(set_connector(&pipeline->source, &pipeline->source_settings, options->source, options->source_config,
                          "--source-opt", options->source_opts, err));
    ETL_TRY(set_connector(&pipeline->dest, &pipeline->dest_settings, options->dest, options->dest_config, "--dest-opt",
                          options->dest_opts, err));
    ETL_TRY(set_streams(pipeline, options, err));
    ETL_TRY(set_run(pipeline, options, err));
    ETL_TRY(resolve_mask_key(pipeline, options->mask_key, err));
    if (pipeline->mask_key)
        log_add_secret(pipeline->mask_key);
out:
    return status;
}

/* ---- connectors ---- */

etl_status session_load_plugin(const char *argument, const char *plugin_dir, struct plugin **ret_plugin,
                               struct etl_error *err)
{
    static struct services services; /* global: given to load() ops, which run on the main thread only */
    char *path = NULL;
    etl_status status = ETL_OK;
    services_init(&services, "plugin", NULL, NULL, NULL);
    ETL_TRY(plugin_find(argument, plugin_dir, &path, err));
    load_guard_begin(path);
    status = plugin_load(path, &services.host, ret_plugin, err);
    load_guard_end();
out:
    free(path);
    return status;
}

static etl_status load_side(const char *argument, const char *plugin_dir, uint32_t role, const json_t *settings,
                            struct plugin **ret_plugin, const struct connector **ret_connector, json_t **ret_settings,
                            struct etl_error *err)
{
    char who[96];
    etl_status status = ETL_OK;
    if (!argument)
        return ETL_OK;
    ETL_TRY(session_load_plugin(argument, plugin_dir, ret_plugin, err));
    ETL_TRY(plugin_connector(*ret_plugin, role, ret_connector, err));
    snprintf(who, sizeof(who), "%s %s", role == ETL_ROLE_SOURCE ? "source" : "destination", (*ret_connector)->id);
    ETL_TRY(settings_resolve(who, (*ret_connector)->config_schema, settings, ret_settings, err));
    settings_each_secret((*ret_connector)->config_schema, settings, log_add_secret); /* what ${...} stands for */
    settings_each_secret((*ret_connector)->config_schema, *ret_settings, log_add_secret);
out:
    return status;
}

etl_status session_load(struct session *session, struct etl_error *err)
{
    struct pipeline *pipeline = &session->pipeline;
    etl_status status = ETL_OK;
    ETL_TRY(load_side(pipeline->source, pipeline->plugin_dir, ETL_ROLE_SOURCE, pipeline->source_settings,
                      &session->source_plugin, &session->source, &session->source_settings, err));
    ETL_TRY(load_side(pipeline->dest, pipeline->plugin_dir, ETL_ROLE_DEST, pipeline->dest_settings,
                      &session->dest_plugin, &session->dest, &session->dest_settings, err));
    if (session->source && session->dest)
        ETL_TRY(pipeline_finish(pipeline, session->source->config_schema, session->dest->config_schema, err));
out:
    return status;
}

etl_status session_open_store(struct session *session, const struct options *options, bool create,
                              struct etl_error *err)
{
    const char *location = options->state ? options->state : session->pipeline.state;
    if (!location)
        location = secure_getenv("ETLHOST_STATE");
    if (location && !*location)
        location = NULL;
    return create ? state_open(location, &session->store, err) : state_open_existing(location, &session->store, err);
}

etl_status session_open(struct session *session, const struct options *options, bool with_store, struct etl_error *err)
{
    etl_status status = ETL_OK;
    pipeline_init(&session->pipeline);
    ETL_TRY(session_read_pipeline(session, options, err));
    if (!session->pipeline.source || !session->pipeline.dest) {
        status =
            etl_fail(err, ETL_CONFIG, "no %s: give --%s CONNECTOR or a pipeline file",
                     session->pipeline.source ? "destination" : "source", session->pipeline.source ? "dest" : "source");
        goto out;
    }
    ETL_TRY(session_load(session, err));
    if (with_store)
        ETL_TRY(session_open_store(session, options, true, err));
out:
    return status;
}

void session_run_input(const struct session *session, struct run_input *ret_input)
{
    memset(ret_input, 0, sizeof(*ret_input));
    ret_input->pipeline = &session->pipeline;
    ret_input->source = session->source;
    ret_input->dest = session->dest;
    ret_input->source_settings = session->source_settings;
    ret_input->dest_settings = session->dest_settings;
    ret_input->store = session->store;
    ret_input->cancelled = signals_flag();
}

void session_close(struct session *session)
{
    state_close(session->store);
    json_decref(session->source_settings);
    json_decref(session->dest_settings);
    pipeline_fini(&session->pipeline);
    memset(session, 0, sizeof(*session));
}
