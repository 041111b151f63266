/* What the files of the state store share. */
#ifndef CORE_STATE_INTERNAL_H
#define CORE_STATE_INTERNAL_H

#include "core/state/db.h"
#include "core/state/store.h"

struct state_store {
    struct db *db;
};

/* The functions below are called inside a write transaction. */

/* ETL_CONFLICT unless the lease is the newest one of its pipeline. */
etl_status lease_check(struct state_store *store, const struct state_lease *lease, struct etl_error *err);
/* For a user's command: ETL_CONFLICT while a run holds the pipeline, else makes every older lease void. The epoch becomes at least
 * `epoch`. */
etl_status lease_claim(struct state_store *store, const char *pipeline, uint64_t epoch, struct etl_error *err);

etl_status stream_write(struct state_store *store, const char *pipeline, const char *stream,
                        const struct state_stream *value, struct etl_error *err);
etl_status checkpoint_write(struct state_store *store, const char *pipeline, uint64_t epoch,
                            const struct state_checkpoint *checkpoint, struct etl_error *err);
etl_status dead_letter_write(struct state_store *store, const char *pipeline, uint64_t generation, bool is_staged,
                             const struct state_dead_letter *letter, struct etl_error *err);

/* Inside any transaction. */
etl_status stream_read(struct state_store *store, const char *pipeline, const char *stream, bool *ret_found,
                       struct state_stream *ret_stream, struct etl_error *err);
etl_status checkpoint_each(struct state_store *store, const char *pipeline, const char *stream, bool history,
                           state_emit_checkpoint emit, void *arg, struct etl_error *err);
typedef etl_status (*dead_letter_emit)(void *arg, const struct state_dead_letter *letter, uint64_t generation,
                                       bool is_staged);
/* `staged`: also letters that do not count yet. */
etl_status dead_letter_each(struct state_store *store, const char *pipeline, const char *stream, int64_t after_id,
                            uint64_t limit, bool staged, dead_letter_emit emit, void *arg, struct etl_error *err);
void dead_letter_fini(struct state_dead_letter *letter);

#endif
