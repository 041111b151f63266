/* What a source has to offer, and which of it the user wants. */
#ifndef CORE_ENGINE_CATALOG_H
#define CORE_ENGINE_CATALOG_H

#include "core/config/pipeline.h"
#include "core/plugin/plugin.h"

struct catalog_stream {
    char *name;
    json_t *json;              /* as emitted */
    struct ArrowSchema schema; /* may have no columns */
    const char **primary_key;  /* NULL-terminated; strings belong to json */
    bool is_incremental, has_deletes;
    const char *error; /* why it cannot be read, NULL = it can; belongs to json */
};

struct catalog {
    struct catalog_stream *streams; /* sorted by name */
    size_t count, capacity;
};

/* Asks the source. Answers ETL_INTERNAL with "protocol violation" for output that breaks the rules of the boundary. */
etl_status catalog_discover(const struct connector *connector, struct etl_source *source, struct catalog *ret_catalog,
                            struct etl_error *err);
void catalog_fini(struct catalog *catalog);

/* Exact name, or NULL. */
const struct catalog_stream *catalog_find(const struct catalog *catalog, const char *name);

/* The indexes of the streams that the pipeline selects, in order; the caller frees the array. ETL_CONFIG when nothing is selected or an
 * include entry matches nothing, naming near names. */
etl_status catalog_select(const struct catalog *catalog, const struct pipeline *pipeline, size_t **ret_indexes,
                          size_t *ret_count, struct etl_error *err);

/* {"streams":[{..., "schema":{"columns":[..]}}]}; the caller owns it. */
etl_status catalog_json(const struct catalog *catalog, json_t **ret_json, struct etl_error *err);

#endif
