/* The pipeline as plain data: defaults, reading of the file, which settings apply to a stream, and the computed name. */
#include "core/config/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/hash.h"
#include "core/base/json_text.h"
#include "core/base/string.h"
#include "core/config/pipeline_schema.h"
#include "core/config/reader.h"
#include "core/config/schema_check.h"

#define PARALLEL_MAX 8
#define ID_MAX_BYTES 100

/* ---- life ---- */

static void stream_init(struct stream_config *stream)
{
    *stream = (struct stream_config){.cursor_lookback = -1, .limit = -1};
}

static void columns_free(struct column_config *columns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(columns[i].column);
        free(columns[i].rename);
        free(columns[i].mask);
    }
    free(columns);
}

static void stream_fini(struct stream_config *stream)
{
    free(stream->name);
    free(stream->mode);
    string_list_free(stream->primary_key);
    free(stream->cursor);
    free(stream->cursor_from);
    free(stream->cursor_until);
    free(stream->target);
    free(stream->contract);
    free(stream->deletes);
    free(stream->operation_column);
    string_list_free(stream->include_columns);
    string_list_free(stream->exclude_columns);
    columns_free(stream->columns, stream->column_count);
}

void pipeline_init(struct pipeline *pipeline)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    *pipeline = (struct pipeline){0};
    stream_init(&pipeline->defaults);
    pipeline->parallel = processors < 1 ? 1 : processors < PARALLEL_MAX ? processors : PARALLEL_MAX;
    pipeline->commit_bytes = INT64_C(128) * 1024 * 1024;
    pipeline->commit_seconds = 10;
    pipeline->batch_rows = 8192;
    pipeline->batch_bytes = INT64_C(2) * 1024 * 1024;
    pipeline->retries = 5;
}

void pipeline_fini(struct pipeline *pipeline)
{
    free(pipeline->id);
    free(pipeline->source);
    free(pipeline->dest);
    json_decref(pipeline->source_settings);
    json_decref(pipeline->dest_settings);
    string_list_free(pipeline->include);
    string_list_free(pipeline->exclude);
    stream_fini(&pipeline->defaults);
    for (size_t i = 0; i < pipeline->stream_count; i++)
        stream_fini(&pipeline->streams[i]);
    free(pipeline->streams);
    free(pipeline->mask_key);
    free(pipeline->delivery);
    free(pipeline->state);
    free(pipeline->plugin_dir);
    *pipeline = (struct pipeline){0};
}

/* ---- from checked JSON to fields; each leaves the field alone when the key is not there ---- */

static etl_status get_text(const json_t *object, const char *key, char **field, struct etl_error *err)
{
    const char *value = json_string_value(json_object_get(object, key));
    if (value == NULL)
        return ETL_OK;
    char *copy = string_copy(value);
    if (copy == NULL)
        return etl_fail_memory(err);
    free(*field);
    *field = copy;
    return ETL_OK;
}

static void get_number(const json_t *object, const char *key, int64_t *field)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_integer(value))
        *field = json_integer_value(value);
}

static etl_status get_list(const json_t *object, const char *key, char ***field, struct etl_error *err)
{
    const json_t *value = json_object_get(object, key);
    size_t count = json_array_size(value);
    if (value == NULL)
        return ETL_OK;
    char **list = calloc(count + 1, sizeof(*list));
    for (size_t i = 0; list != NULL && i < count; i++) {
        list[i] = string_copy(json_string_value(json_array_get(value, i)));
        if (list[i] == NULL) {
            string_list_free(list);
            list = NULL;
        }
    }
    if (list == NULL)
        return etl_fail_memory(err);
    string_list_free(*field);
    *field = list;
    return ETL_OK;
}

static etl_status get_columns(const json_t *object, struct stream_config *stream, struct etl_error *err)
{
    json_t *value = json_object_get(object, "columns"), *item = NULL;
    const char *key = NULL;
    etl_status status = ETL_OK;
    if (json_object_size(value) == 0)
        return ETL_OK;
    struct column_config *columns = calloc(json_object_size(value), sizeof(*columns));
    size_t count = 0;
    if (columns == NULL)
        return etl_fail_memory(err);
    json_object_foreach(value, key, item)
    {
        struct column_config *column = &columns[count++];
        column->column = string_copy(key);
        if (column->column == NULL) {
            status = etl_fail_memory(err);
            goto out;
        }
        ETL_TRY(get_text(item, "rename", &column->rename, err));
        ETL_TRY(get_text(item, "mask", &column->mask, err));
    }
    columns_free(stream->columns, stream->column_count);
    stream->columns = columns;
    stream->column_count = count;
    columns = NULL;
    count = 0;
out:
    columns_free(columns, count);
    return status;
}

static etl_status get_stream(const json_t *object, struct stream_config *stream, struct etl_error *err)
{
    etl_status status = ETL_OK;
    ETL_TRY(get_text(object, "mode", &stream->mode, err));
    ETL_TRY(get_list(object, "primary_key", &stream->primary_key, err));
    ETL_TRY(get_text(object, "cursor", &stream->cursor, err));
    ETL_TRY(get_text(object, "cursor_from", &stream->cursor_from, err));
    ETL_TRY(get_text(object, "cursor_until", &stream->cursor_until, err));
    get_number(object, "cursor_lookback", &stream->cursor_lookback);
    ETL_TRY(get_text(object, "target", &stream->target, err));
    ETL_TRY(get_text(object, "contract", &stream->contract, err));
    ETL_TRY(get_text(object, "deletes", &stream->deletes, err));
    ETL_TRY(get_text(object, "operation_column", &stream->operation_column, err));
    ETL_TRY(get_list(object, "include_columns", &stream->include_columns, err));
    ETL_TRY(get_list(object, "exclude_columns", &stream->exclude_columns, err));
    ETL_TRY(get_columns(object, stream, err));
    get_number(object, "limit", &stream->limit);
out:
    return status;
}

static etl_status get_streams(const json_t *object, struct pipeline *pipeline, struct etl_error *err)
{
    json_t *value = json_object_get(object, "streams"), *item = NULL;
    const char *key = NULL;
    if (json_object_size(value) == 0)
        return ETL_OK;
    struct stream_config *streams =
        realloc(pipeline->streams, (pipeline->stream_count + json_object_size(value)) * sizeof(*streams));
    if (streams == NULL)
        return etl_fail_memory(err);
    pipeline->streams = streams;
    json_object_foreach(value, key, item)
    {
        struct stream_config *stream = &streams[pipeline->stream_count];
        stream_init(stream);
        stream->name = string_copy(key);
        if (stream->name == NULL)
            return etl_fail_memory(err);
        pipeline->stream_count++;
        etl_status status = get_stream(item, stream, err);
        if (status != ETL_OK)
            return status;
    }
    return ETL_OK;
}

/* "csv" or {connector: csv, path: ...}. */
static etl_status get_connector(const json_t *object, const char *key, char **connector, json_t **settings,
                                struct etl_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_string(value))
        return get_text(object, key, connector, err);
    etl_status status = get_text(value, "connector", connector, err);
    if (status != ETL_OK)
        return status;
    json_t *copy = json_deep_copy(value);
    if (copy == NULL)
        return etl_fail_memory(err);
    json_object_del(copy, "connector");
    json_decref(*settings);
    *settings = copy;
    return ETL_OK;
}

static etl_status get_pipeline(const json_t *object, struct pipeline *pipeline, struct etl_error *err)
{
    const json_t *commit = json_object_get(object, "commit"), *batch = json_object_get(object, "batch");
    const json_t *interval = json_object_get(commit, "interval");
    etl_status status = ETL_OK;
    ETL_TRY(get_text(object, "pipeline", &pipeline->id, err));
    ETL_TRY(get_connector(object, "source", &pipeline->source, &pipeline->source_settings, err));
    ETL_TRY(get_connector(object, "destination", &pipeline->dest, &pipeline->dest_settings, err));
    ETL_TRY(get_list(object, "include", &pipeline->include, err));
    ETL_TRY(get_list(object, "exclude", &pipeline->exclude, err));
    ETL_TRY(get_stream(object, &pipeline->defaults, err));
    ETL_TRY(get_streams(object, pipeline, err));
    ETL_TRY(get_text(object, "mask_key", &pipeline->mask_key, err));
    ETL_TRY(get_text(object, "delivery", &pipeline->delivery, err));
    ETL_TRY(get_text(object, "state", &pipeline->state, err));
    ETL_TRY(get_text(object, "plugin_dir", &pipeline->plugin_dir, err));
    get_number(object, "parallel", &pipeline->parallel);
    get_number(object, "memory_limit", &pipeline->memory_limit_bytes);
    get_number(commit, "rows", &pipeline->commit_rows);
    get_number(commit, "bytes", &pipeline->commit_bytes);
    if (json_is_number(interval))
        pipeline->commit_seconds = json_number_value(interval);
    get_number(batch, "rows", &pipeline->batch_rows);
    get_number(batch, "bytes", &pipeline->batch_bytes);
    get_number(object, "retries", &pipeline->retries);
out:
    return status;
}

/* The connector's name is taken out of the object before the settings are used, so it is checked here: its settings stay unresolved. */
static etl_status check_connector(const char *path, const struct places *places, const json_t *document,
                                  const char *key, struct etl_error *err)
{
    const json_t *value = json_object_get(document, key), *name = value;
    char line[32] = "";
    size_t number = places_line(places, document, key, 0);
    if (value == NULL)
        return ETL_OK; /* may come from the command line */
    if (number > 0)
        snprintf(line, sizeof(line), ":%zu", number);
    if (json_is_object(value))
        name = json_object_get(value, "connector");
    if (name == NULL)
        return etl_fail(err, ETL_CONFIG, "%s%s: key %s: key connector is missing, for example \"connector: csv\"", path,
                        line, key);
    if (json_string_length(name) == 0)
        return etl_fail(err, ETL_CONFIG, "%s%s: key %s: the name of the connector must be text that is not empty", path,
                        line, key);
    return ETL_OK;
}

etl_status pipeline_read(const char *path, struct pipeline *pipeline, struct etl_error *err)
{
    struct places places = {0};
    struct schema_check check = {.who = path, .noun = "key", .places = &places, .err = err};
    json_t *document = NULL, *checked = NULL;
    json_t *schema = json_loads(pipeline_schema_text, 0, NULL);
    etl_status status = schema != NULL ? ETL_OK : etl_fail_memory(err);
    if (status != ETL_OK)
        return status;
    ETL_TRY(reader_parse_file(path, &places, &document, err));
    if (!json_is_object(document)) {
        status =
            etl_fail(err, ETL_CONFIG, "%s: a pipeline file is a mapping with the keys source and destination", path);
        goto out;
    }
    ETL_TRY(schema_check_value(&check, schema, NULL, NULL, 0, document, &checked));
    ETL_TRY(check_connector(path, &places, document, "source", err));
    ETL_TRY(check_connector(path, &places, document, "destination", err));
    status = get_pipeline(checked, pipeline, err);
out:
    places_fini(&places);
    json_decref(checked);
    json_decref(document);
    json_decref(schema);
    return status;
}

/* ---- the computed name ---- */

/* "./lib/csv.so" and "csv" name the same connector. */
static char *connector_stem(const char *argument)
{
    const char *slash = strrchr(argument, '/');
    char *stem = string_copy(slash != NULL ? slash + 1 : argument);
    size_t length = stem != NULL ? strlen(stem) : 0;
    if (length > 3 && strcmp(stem + length - 3, ".so") == 0)
        stem[length - 3] = '\0';
    for (char *p = stem; p != NULL && *p != '\0'; p++) {
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '_' ||
              *p == '-'))
            *p = '-';
    }
    if (stem != NULL && strlen(stem) > 40)
        stem[40] = '\0';
    return stem;
}

/* Settings without secrets, scalars as text: "5" from a command line and 5 from a file are the same setting. */
static json_t *hashable(const json_t *schema, const json_t *value);

static json_t *hashable_object(const json_t *schema, const json_t *value)
{
    const char *key = NULL;
    json_t *item = NULL, *object = json_object();
    json_object_foreach((json_t *)(uintptr_t)value, key, item)
    {
        const json_t *member = schema_check_member(schema, key);
        if (!schema_check_is_secret(member) && json_object_set_new(object, key, hashable(member, item)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *hashable(const json_t *schema, const json_t *value)
{
    json_t *item = NULL;
    size_t i = 0;
    char text[64];
    if (json_is_object(value))
        return hashable_object(schema, value);
    if (json_is_array(value)) {
        json_t *list = json_array();
        json_array_foreach(value, i, item)
        {
            if (json_array_append_new(list, hashable(json_object_get(schema, "items"), item)) != 0) {
                json_decref(list);
                return NULL;
            }
        }
        return list;
    }
    if (json_is_integer(value)) {
        snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(value));
        return json_string(text);
    }
    if (json_is_boolean(value))
        return json_string(json_is_true(value) ? "true" : "false");
    return json_deep_copy(value);
}

static json_t *hashable_settings(const char *schema_text, const json_t *settings)
{
    json_t *schema = schema_text != NULL ? json_loads(schema_text, 0, NULL) : NULL;
    json_t *value = settings != NULL ? hashable(schema, settings) : json_object();
    json_decref(schema);
    return value;
}

static etl_status hash(const struct pipeline *pipeline, const char *source, const char *dest, const char *source_schema,
                       const char *dest_schema, char *hex, struct etl_error *err)
{
    json_t *all = json_pack("{s:s, s:s, s:o, s:o}", "source", source, "dest", dest, "source_settings",
                            hashable_settings(source_schema, pipeline->source_settings), "dest_settings",
                            hashable_settings(dest_schema, pipeline->dest_settings));
    char *text = all != NULL ? json_text(all, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    json_decref(all);
    if (text == NULL)
        return etl_fail_memory(err);
    snprintf(hex, 9, "%08x", (unsigned)(hash_bytes(text, strlen(text)) >> 32));
    free(text);
    return ETL_OK;
}

static bool is_valid_id(const char *id)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    size_t length = strlen(id);
    if (length == 0 || length > ID_MAX_BYTES || strchr(first, id[0]) == NULL)
        return false;
    for (size_t i = 1; i < length; i++) {
        if (strchr(first, id[i]) == NULL && id[i] != '.' && id[i] != '-')
            return false;
    }
    return true;
}

etl_status pipeline_finish(struct pipeline *pipeline, const char *source_schema, const char *dest_schema,
                           struct etl_error *err)
{
    char hex[16] = "";
    char *source = NULL, *dest = NULL;
    etl_status status = ETL_OK;
    if (pipeline->source == NULL || pipeline->dest == NULL)
        return etl_fail(err, ETL_CONFIG, "a pipeline needs a %s connector: name it in the pipeline file or with --%s",
                        pipeline->source == NULL ? "source" : "destination",
                        pipeline->source == NULL ? "source" : "dest");
    if (pipeline->id != NULL) {
        if (!is_valid_id(pipeline->id))
            return etl_fail(err, ETL_CONFIG,
                            "pipeline name \"%.120s\": 1 to %d letters, digits, '_', '.' and '-', the first one a "
                            "letter, digit or '_'",
                            pipeline->id, ID_MAX_BYTES);
        return ETL_OK;
    }
    source = connector_stem(pipeline->source);
    dest = connector_stem(pipeline->dest);
    if (source == NULL || dest == NULL) {
        status = etl_fail_memory(err);
        goto out;
    }
    ETL_TRY(hash(pipeline, source, dest, source_schema, dest_schema, hex, err));
    pipeline->id = string_format("%s-to-%s-%s", source, dest, hex);
    if (pipeline->id == NULL)
        status = etl_fail_memory(err);
out:
    free(source);
    free(dest);
    return status;
}

/* ---- one stream ---- */

static void overlay(struct stream_config *config, const struct stream_config *over)
{
    if (over->mode != NULL)
        config->mode = over->mode;
    if (over->primary_key != NULL)
        config->primary_key = over->primary_key;
    if (over->cursor != NULL)
        config->cursor = over->cursor;
    if (over->cursor_from != NULL)
        config->cursor_from = over->cursor_from;
    if (over->cursor_until != NULL)
        config->cursor_until = over->cursor_until;
    if (over->cursor_lookback >= 0)
        config->cursor_lookback = over->cursor_lookback;
    if (over->target != NULL)
        config->target = over->target;
    if (over->contract != NULL)
        config->contract = over->contract;
    if (over->deletes != NULL)
        config->deletes = over->deletes;
    if (over->operation_column != NULL)
        config->operation_column = over->operation_column;
    if (over->include_columns != NULL)
        config->include_columns = over->include_columns;
    if (over->exclude_columns != NULL)
        config->exclude_columns = over->exclude_columns;
    if (over->column_count > 0) {
        config->columns = over->columns;
        config->column_count = over->column_count;
    }
    if (over->limit >= 0)
        config->limit = over->limit;
    if (over->name != NULL)
        config->name = over->name;
}

void pipeline_stream(const struct pipeline *pipeline, const char *stream, struct stream_config *ret_config)
{
    struct stream_config config;
    stream_init(&config);
    overlay(&config, &pipeline->defaults);
    /* Globs first, exact names over them; within each, the later one wins. */
    for (int exact = 0; exact < 2; exact++) {
        for (size_t i = 0; i < pipeline->stream_count; i++) {
            const struct stream_config *entry = &pipeline->streams[i];
            bool is_exact = strcmp(entry->name, stream) == 0;
            if (exact ? is_exact : !is_exact && string_matches(entry->name, stream))
                overlay(&config, entry);
        }
    }
    *ret_config = config;
}

static bool matches_any(char *const *globs, const char *stream)
{
    for (; *globs != NULL; globs++) {
        if (strcmp(*globs, stream) == 0 || string_matches(*globs, stream))
            return true;
    }
    return false;
}

bool pipeline_selects(const struct pipeline *pipeline, const char *stream)
{
    if (pipeline->include != NULL && !matches_any(pipeline->include, stream))
        return false;
    return pipeline->exclude == NULL || !matches_any(pipeline->exclude, stream);
}
