/* What is to be done with one stream: the user's settings, the source's facts and the destination's abilities brought together.
 * Nothing here reaches a system. */
#ifndef CORE_ENGINE_PLAN_H
#define CORE_ENGINE_PLAN_H

#include "core/data/schema_change.h"
#include "core/data/transform.h"
#include "core/engine/catalog.h"
#include "core/engine/commit.h"

struct plan {
    const struct catalog_stream *catalog;
    struct stream_config config; /* borrows from the pipeline */
    const char *target;
    uint32_t mode; /* ETL_MODE_* */
    const char *mode_name;
    const char *const *keys; /* source column names, NULL-terminated, never NULL; borrowed */
    const char *cursor;      /* "" = none */
    enum contract contract;
    uint32_t delete_mode; /* ETL_DELETE_* */
    struct transform_rules rules;
    char *fingerprint;          /* of what the saved state depends on, as JSON */
    const char *const *columns; /* for the read request, NULL = all; borrowed */
};

/* `dest` NULL: nothing is written (dry run), its abilities are not asked. The catalog stream and the pipeline outlive the plan.
 * ETL_CONFIG with advice when the settings contradict each other or ask for what the connectors cannot do. */
etl_status plan_resolve(const struct pipeline *pipeline, const struct connector *source, const struct connector *dest,
                        const struct catalog_stream *stream, struct plan *ret_plan, struct etl_error *err);
void plan_fini(struct plan *plan);

/* In words, what differs between two fingerprints ("the primary key was id, is now id, region"); NULL when nothing does or memory is
 * out. The caller frees. */
char *plan_difference(const char *old_fingerprint, const char *new_fingerprint);

/* Rows per batch that add up to `limit` (when a divisor is near), else close to it. limit <= 0: `rows`. */
uint64_t plan_batch_rows(int64_t limit, uint64_t rows);

#endif
