/* The catalog is made by one call of discover() and constant afterwards. What a plugin emits is checked here, once: the rest of the
 * engine trusts names, keys and schemas. */
#include "core/engine/catalog.h"

#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk/schema.h>

#include "core/base/string.h"
#include "core/data/schema_change.h"

#define STREAMS_MAX     100000
#define STREAM_JSON_MAX (16u * 1024 * 1024)

struct discovery {
    const struct connector *connector;
    struct catalog *catalog;
    struct etl_error error; /* of the emit callback, which has no err */
    etl_status status;
};

static void stream_fini(struct catalog_stream *stream)
{
    free(stream->name);
    free(stream->primary_key);
    etl_schema_release(&stream->schema);
    json_decref(stream->json);
}

void catalog_fini(struct catalog *catalog)
{
    for (size_t i = 0; i < catalog->count; i++)
        stream_fini(&catalog->streams[i]);
    free(catalog->streams);
    memset(catalog, 0, sizeof(*catalog));
}

static etl_status violation(struct discovery *discovery, const char *what)
{
    return etl_fail(&discovery->error, ETL_INTERNAL, "source %s: protocol violation in discover: %s",
                    discovery->connector->id, what);
}

static etl_status parse_primary_key(struct discovery *discovery, struct catalog_stream *stream)
{
    json_t *keys = json_object_get(stream->json, "primary_key"), *key = NULL;
    size_t i = 0;
    stream->primary_key = calloc(json_array_size(keys) + 1, sizeof(*stream->primary_key));
    if (!stream->primary_key)
        return etl_fail_memory(&discovery->error);
    if (keys && !json_is_array(keys))
        return violation(discovery, "\"primary_key\" is not an array");
    json_array_foreach(keys, i, key)
    {
        stream->primary_key[i] = json_string_value(key);
        if (!stream->primary_key[i])
            return violation(discovery, "\"primary_key\" holds something that is not a name");
    }
    return ETL_OK;
}

static etl_status parse_stream(struct discovery *discovery, const char *text, size_t length,
                               struct catalog_stream *stream)
{
    json_error_t error;
    const char *name = NULL;
    etl_status status = ETL_OK;
    if (length > STREAM_JSON_MAX)
        return violation(discovery, "a stream description of more than 16 MiB");
    stream->json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    name = json_string_value(json_object_get(stream->json, "name"));
    if (!json_is_object(stream->json) || !name || !*name)
        return violation(discovery, "a stream description is not a JSON object with a \"name\"");
    stream->name = string_copy(name);
    if (!stream->name)
        return etl_fail_memory(&discovery->error);
    stream->is_incremental = json_is_true(json_object_get(stream->json, "incremental"));
    stream->has_deletes = json_is_true(json_object_get(stream->json, "deletes"));
    stream->error = json_string_value(json_object_get(stream->json, "error"));
    status = parse_primary_key(discovery, stream);
    if (status == ETL_OK && !stream->error)
        status =
            stream->schema.release
                ? etl_prefix(&discovery->error, etl_schema_validate(&stream->schema, &discovery->error),
                             "source %s: protocol violation in discover: stream %s: ", discovery->connector->id, name)
                : violation(discovery, "a stream without a schema");
    return status;
}

static etl_status grow(struct catalog *catalog, struct etl_error *err)
{
    size_t capacity = catalog->capacity ? catalog->capacity * 2 : 16;
    struct catalog_stream *streams = NULL;
    if (catalog->count < catalog->capacity)
        return ETL_OK;
    if (catalog->count >= STREAMS_MAX)
        return etl_fail(err, ETL_CONFIG, "the source has more than %d streams: narrow its settings", STREAMS_MAX);
    streams = realloc(catalog->streams, capacity * sizeof(*streams));
    if (!streams)
        return etl_fail_memory(err);
    catalog->streams = streams;
    catalog->capacity = capacity;
    return ETL_OK;
}

static etl_status ETL_CALL on_stream(void *arg, const char *stream_json, size_t length, struct ArrowSchema *schema)
{
    struct discovery *discovery = arg;
    struct catalog_stream stream = {0};
    etl_status status = ETL_OK;
    if (schema)
        etl_schema_move(schema, &stream.schema);
    ETL_TRY(grow(discovery->catalog, &discovery->error));
    ETL_TRY(parse_stream(discovery, stream_json, length, &stream));
    discovery->catalog->streams[discovery->catalog->count++] = stream;
out:
    if (status != ETL_OK) {
        discovery->status = status;
        stream_fini(&stream);
    }
    return status;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct catalog_stream *)a)->name, ((const struct catalog_stream *)b)->name);
}

etl_status catalog_discover(const struct connector *connector, struct etl_source *source, struct catalog *ret_catalog,
                            struct etl_error *err)
{
    struct catalog catalog = {0};
    struct discovery discovery = {.connector = connector, .catalog = &catalog};
    etl_status status = ETL_OK;
    etl_error_init(&discovery.error);
    status = connector->source.discover(source, on_stream, &discovery, err);
    if (discovery.status != ETL_OK) {
        status = discovery.status;
        *err = discovery.error;
    } else if (status != ETL_OK) {
        etl_prefix(err, status, "source %s: ", connector->id);
    }
    if (status != ETL_OK) {
        catalog_fini(&catalog);
        return status;
    }
    if (catalog.count)
        qsort(catalog.streams, catalog.count, sizeof(*catalog.streams), compare_names);
    for (size_t i = 1; i < catalog.count && status == ETL_OK; i++)
        if (!strcmp(catalog.streams[i - 1].name, catalog.streams[i].name))
            status = etl_fail(err, ETL_INTERNAL, "source %s: protocol violation in discover: two streams are called %s",
                              connector->id, catalog.streams[i].name);
    if (status == ETL_OK)
        *ret_catalog = catalog;
    else
        catalog_fini(&catalog);
    return status;
}

const struct catalog_stream *catalog_find(const struct catalog *catalog, const char *name)
{
    for (size_t i = 0; i < catalog->count; i++)
        if (!strcmp(catalog->streams[i].name, name))
            return &catalog->streams[i];
    return NULL;
}

/* Names for a message: the nearest one, or the first few. */
static etl_status no_match(const struct catalog *catalog, const char *wanted, struct etl_error *err)
{
    const char **names = calloc(catalog->count + 1, sizeof(*names)), *near = NULL;
    char list[512];
    size_t used = 0;
    etl_status status = ETL_CONFIG;
    if (!names)
        return etl_fail_memory(err);
    for (size_t i = 0; i < catalog->count; i++)
        names[i] = catalog->streams[i].name;
    near = string_nearest(wanted, names);
    list[0] = '\0';
    for (size_t i = 0; i < catalog->count && i < 10 && used + strlen(names[i]) + 8 < sizeof(list); i++) {
        size_t length = strlen(names[i]);
        memcpy(list + used, i ? ", " : "", i ? 2 : 0);
        used += i ? 2 : 0;
        memcpy(list + used, names[i], length + 1);
        used += length;
    }
    if (near)
        status = etl_fail(err, status, "no stream matches \"%s\"; did you mean \"%s\"?", wanted, near);
    else if (catalog->count)
        status = etl_fail(err, status, "no stream matches \"%s\"; the source has %zu: %s%s", wanted, catalog->count,
                          list, catalog->count > 10 ? ", ..." : "");
    else
        status = etl_fail(err, status, "no stream matches \"%s\": the source has no streams", wanted);
    free(names);
    return status;
}

static bool matches_any(const struct catalog *catalog, const char *glob)
{
    for (size_t i = 0; i < catalog->count; i++)
        if (!strcmp(glob, catalog->streams[i].name) || string_matches(glob, catalog->streams[i].name))
            return true;
    return false;
}

etl_status catalog_select(const struct catalog *catalog, const struct pipeline *pipeline, size_t **ret_indexes,
                          size_t *ret_count, struct etl_error *err)
{
    size_t *indexes = NULL, count = 0;
    for (char **glob = pipeline->include; glob && *glob; glob++)
        if (!matches_any(catalog, *glob))
            return no_match(catalog, *glob, err);
    indexes = calloc(catalog->count + 1, sizeof(*indexes));
    if (!indexes)
        return etl_fail_memory(err);
    for (size_t i = 0; i < catalog->count; i++)
        if (pipeline_selects(pipeline, catalog->streams[i].name))
            indexes[count++] = i;
    if (!count) {
        free(indexes);
        if (!catalog->count)
            return etl_fail(err, ETL_CONFIG, "the source has no streams: check its settings with \"etlhost discover\"");
        return etl_fail(err, ETL_CONFIG, "no stream is selected: the include and exclude entries leave none of %zu",
                        catalog->count);
    }
    *ret_indexes = indexes;
    *ret_count = count;
    return ETL_OK;
}

static etl_status stream_json(const struct catalog_stream *stream, json_t **ret_json, struct etl_error *err)
{
    json_t *json = json_copy(stream->json), *schema = NULL;
    etl_status status = ETL_OK;
    if (!json)
        return etl_fail_memory(err);
    if (stream->schema.release)
        status = schema_to_json(&stream->schema, &schema, err);
    if (status == ETL_OK && schema && json_object_set_new(json, "schema", schema) != 0)
        status = etl_fail_memory(err);
    if (status == ETL_OK)
        *ret_json = json;
    else
        json_decref(json);
    return status;
}

etl_status catalog_json(const struct catalog *catalog, json_t **ret_json, struct etl_error *err)
{
    json_t *streams = json_array(), *document = NULL;
    etl_status status = ETL_OK;
    for (size_t i = 0; i < catalog->count; i++) {
        json_t *json = NULL;
        ETL_TRY(stream_json(&catalog->streams[i], &json, err));
        if (json_array_append_new(streams, json) != 0)
            ETL_TRY(etl_fail_memory(err));
    }
    document = json_pack("{s:O}", "streams", streams);
    if (!document)
        ETL_TRY(etl_fail_memory(err));
    *ret_json = document;
out:
    json_decref(streams);
    return status;
}
