/* One run of one pipeline: discover -> select -> plan -> run. */
#ifndef CORE_ENGINE_RUN_H
#define CORE_ENGINE_RUN_H

#include "core/config/pipeline.h"
#include "core/engine/retry.h"
#include "core/observe/report.h"
#include "core/plugin/plugin.h"
#include "core/state/store.h"

/* Everything a run needs, made by the command line or by a test. Borrowed for the duration of run_execute. */
struct run_input {
    const struct pipeline *pipeline;
    const struct connector *source, *dest;
    json_t *source_settings, *dest_settings; /* resolved */
    struct state_store *store;
    atomic_int *
        cancelled; /* NULL, or set by the signal thread to the signal's number: the run commits what it has and stops */
    const struct retry_policy *retry; /* NULL = the default waits; `attempts` is the pipeline's in any case */
};

/* Runs the pipeline. Returns the process exit code and fills the report, which the caller has initialised. `err` says why the run as a whole
 * failed, or what the first failed stream said.
 *
 *   0        every stream has committed all that there was
 *   75, 76   another run holds the pipeline; the fence was lost
 *   128 + n  stopped by signal n (130 when *cancelled is no signal number) with at least one stream unfinished; report status "stopped"
 *   3        some streams failed and others did not
 *   5, 2     every stream failed, and all of them with a schema contract; with a setting
 *   1        every stream failed otherwise, or the run could not start for another reason than settings (2)
 *
 * Each stream ends on its own: what was committed before a failure stays, the unit that was open is rolled back. */
int run_execute(const struct run_input *input, struct report *report, struct etl_error *err);

/* What would happen, as JSON: {"pipeline", "streams":[{"stream","target","mode","primary_key","cursor","cursor_from","cursor_to","delivery","slices",
 * "contract","generation","columns":[..],"actions":["CREATE TABLE ..."],"warnings":[..]}]}. Changes nothing. */
etl_status run_plan(const struct run_input *input, json_t **ret_plan, struct etl_error *err);

/* Discovered catalog as JSON, for `discover`: {"streams":[{... as emitted ..., "schema":{"columns":[..]}}]}. */
etl_status run_discover(const struct run_input *input, json_t **ret_catalog, struct etl_error *err);

#endif
