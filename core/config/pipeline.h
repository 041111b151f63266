/* One pipeline: what the user asked for, from a file and flags. Plain data, read-only once made. etlhost.conf(5) describes the file. */
#ifndef CORE_CONFIG_PIPELINE_H
#define CORE_CONFIG_PIPELINE_H

#include <etlhost/sdk/error.h>
#include <jansson.h>
#include <stdbool.h>

struct column_config {
    char *column; /* name or glob */
    char *rename; /* NULL = keep */
    char *mask;   /* "hash" "redact" "partial" "null"; NULL = none */
};

/* Strings NULL and numbers -1 = not set: the defaults below apply. */
struct stream_config {
    char *name; /* glob; the defaults entry has "*" */
    char *mode; /* append overwrite upsert */
    char **primary_key;
    char *cursor, *cursor_from, *cursor_until;
    int64_t cursor_lookback; /* -1 = not set */
    char *target;
    char *contract;         /* evolve freeze discard-row dead-letter */
    char *operation_column; /* says insert, update or delete of each row; NULL = none */
    char *deletes;          /* hard soft ignore */
    char **include_columns, **exclude_columns;
    struct column_config *columns;
    size_t column_count;
    int64_t limit; /* rows; -1 = none */
};

struct pipeline {
    char *id;                /* given or computed: see pipeline_finish */
    char *source, *dest;     /* connector arguments */
    json_t *source_settings; /* objects, unresolved */
    json_t *dest_settings;
    char **include, **exclude; /* stream globs; NULL = all / none */
    struct stream_config defaults;
    struct stream_config *streams; /* most specific wins: exact name before glob, later before earlier */
    size_t stream_count;
    char *mask_key; /* ${env:..} resolved; NULL = none */
    char *delivery; /* requested class or NULL */
    char *state;    /* location or NULL */
    char *plugin_dir;
    int64_t parallel;                /* default: number of CPUs, at most 8 */
    int64_t memory_limit_bytes;      /* 0 = default */
    int64_t commit_rows;             /* commit at the next checkpoint after this many rows; 0 = no limit */
    int64_t commit_bytes;            /* ... bytes; default 128 MiB */
    double commit_seconds;           /* ... or this long; default 10 */
    int64_t batch_rows, batch_bytes; /* hints; default 8192 rows, 2 MiB */
    int64_t retries;                 /* default 5 */
    bool full_refresh, dry_run;
};

void pipeline_init(struct pipeline *pipeline); /* defaults */
void pipeline_fini(struct pipeline *pipeline);

/* Reads a pipeline file over the defaults. Unknown keys are errors with file, key and the nearest known key. */
etl_status pipeline_read(const char *path, struct pipeline *pipeline, struct etl_error *err);

/* Completes: source and dest are required, computes the id when none is set ("csv-to-sqlite-" + 8 hex digits of a stable hash of connector ids and
 * their settings without those that a schema marks writeOnly). Schemas may be NULL. */
etl_status pipeline_finish(struct pipeline *pipeline, const char *source_schema, const char *dest_schema,
                           struct etl_error *err);

/* The settings that apply to one stream: its entries merged over the defaults; borrowed strings. */
void pipeline_stream(const struct pipeline *pipeline, const char *stream, struct stream_config *ret_config);
bool pipeline_selects(const struct pipeline *pipeline, const char *stream);

#endif
