/* Runs the slices of all streams, as many at once as the engine allows. */
#ifndef CORE_ENGINE_SCHEDULER_H
#define CORE_ENGINE_SCHEDULER_H

#include "core/engine/stream.h"

/* Streams whose `status` is a failure already are passed over. Returns when all have ended; each holds its status then, its report the
 * error. `first_error` gets the error of the first stream that failed. */
etl_status scheduler_run(struct engine *engine, struct stream *streams, size_t count, struct etl_error *first_error,
                         struct etl_error *err);

/* Notes a failure: log, report, and the stream's status unless it has one. */
void scheduler_note_failure(struct stream *stream, etl_status status, const struct etl_error *err);

#endif
