/* One run of one pipeline: discover -> select -> plan -> run. */
#ifndef CORE_ENGINE_RUN_H
#define CORE_ENGINE_RUN_H

#include "core/config/pipeline.h"
#include "core/observe/report.h"
#include "core/plugin/plugin.h"
#include "core/state/store.h"

/* Everything a run needs, made by the command line or by a test. Borrowed for the duration of run_execute. */
struct run_input {
    const struct pipeline *pipeline;
    const struct connector *source, *dest;
    json_t *source_settings, *dest_settings; /* resolved */
    struct state_store *store;
    atomic_int *cancelled; /* set by the signal thread: the run commits what it has and stops */
};

/* Runs the pipeline. Returns the process exit code (architecture section 8) and fills the report, which the caller has initialised. */
int run_execute(const struct run_input *input, struct report *report, struct etl_error *err);

/* What would happen, as JSON: {"pipeline", "streams":[{"stream","target","mode","primary_key","cursor","cursor_from","cursor_to","delivery","slices",
 * "contract","generation","columns":[..],"actions":["CREATE TABLE ..."],"warnings":[..]}]}. Changes nothing. */
etl_status run_plan(const struct run_input *input, json_t **ret_plan, struct etl_error *err);

/* Discovered catalog as JSON, for `discover`: {"streams":[{... as emitted ..., "schema":{"columns":[..]}}]}. */
etl_status run_discover(const struct run_input *input, json_t **ret_catalog, struct etl_error *err);

#endif
