/* What the user asked to be done with a stream's columns: select, rename, mask; plus the host's own columns. Compiled once per source
 * schema, applied to whole batches without copying what stays as it is. One transform belongs to one thread. */
#ifndef CORE_DATA_TRANSFORM_H
#define CORE_DATA_TRANSFORM_H

#include <etlhost/sdk/batch_view.h>
#include <stdbool.h>

enum mask_kind {
    MASK_NONE,
    MASK_HASH,    /* HMAC-SHA-256 of the text form under the pipeline's key, hex; the column becomes text */
    MASK_REDACT,  /* every value but NULL becomes "***" */
    MASK_PARTIAL, /* all but the last 4 characters (of at most half the value) become '*' */
    MASK_NULL     /* every value becomes NULL; the type stays */
};

struct column_rule {
    const char *column; /* source name, or a glob */
    const char *rename; /* NULL = keep */
    enum mask_kind mask;
};

struct transform_rules {
    const char *const *include; /* globs, NULL-terminated; NULL = all */
    const char *const *exclude; /* globs, NULL-terminated; NULL = none */
    const struct column_rule *rules;
    size_t rule_count;
    const char *mask_key; /* for MASK_HASH; a hash without a key is ETL_CONFIG */
    size_t mask_key_len;
    const char *
        operation_column; /* source column that becomes the operation column (data/operation.h); NULL = none. The result then always has
                                     one, also while the source lacks the column */
    bool soft_delete; /* append ETL_SOFT_DELETE_COLUMN */
    bool fold_names;  /* destination folds ASCII case: names that differ only in case collide */
    uint32_t name_max_bytes;
};

struct transform;

/* `name_map` (JSON object source column -> target column, "{}" at first) decides names seen before; new names are cut to
 * name_max_bytes and made unique by "_2", "_3"...; the updated map is returned for the state (caller frees). Key columns that were
 * dropped or nulled are an error named by column; `keys` are source column names, NULL-terminated. The op column always
 * stays. A rule without wild card that names a column that is not there is ETL_CONFIG with the columns that are. */
etl_status transform_new(const struct ArrowSchema *source_schema, const struct transform_rules *rules,
                         const char *const *keys, const char *name_map, struct transform **ret_transform,
                         char **ret_name_map, struct etl_error *err);
void transform_free(struct transform *transform);

/* Result schema; borrowed. */
const struct ArrowSchema *transform_schema(const struct transform *transform);
/* Target name of a source column; NULL if dropped. */
const char *transform_target_name(const struct transform *transform, const char *source_column);

/* Moves `batch` in and out: on success it holds the result; on failure it is released. */
etl_status transform_apply(struct transform *transform, struct ArrowArray *batch, struct etl_error *err);

#endif
