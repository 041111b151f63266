/* The built-in source that reads dead letters out of the state store. */
#ifndef CORE_ENGINE_DEAD_LETTER_SOURCE_H
#define CORE_ENGINE_DEAD_LETTER_SOURCE_H

#include "core/plugin/plugin.h"
#include "core/state/store.h"

extern const struct connector dead_letter_source;

/* An open instance over the letters of `pipeline`; `stream` NULL = of all its streams. `run_id` is the replay's. Borrows everything. *ret_count: streams with letters that
 * can be replayed; *ret_raw: letters that cannot. The caller passes it to replay_execute or closes it. */
etl_status dead_letter_source_new(struct state_store *store, const char *pipeline, const char *stream,
                                  const char *run_id, struct etl_source **ret_source, size_t *ret_count,
                                  uint64_t *ret_raw, struct etl_error *err);
void dead_letter_source_free(struct etl_source *source);

#endif
