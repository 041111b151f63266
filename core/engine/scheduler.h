/* Runs the slices of all streams, as many at once as the engine allows. */
#ifndef CORE_ENGINE_SCHEDULER_H
#define CORE_ENGINE_SCHEDULER_H

#include "core/engine/stream.h"

/* Streams whose `status` is a failure already are passed over. Returns when all have ended; each holds its status then, its report the
 * error. `first_error` gets the error of the first stream that failed. */
etl_status scheduler_run(struct engine *engine, struct stream *streams, size_t count, struct etl_error *first_error,
                         struct etl_error *err);

/* Puts the stream's name in front of the message and notes the failure in the stream and its report. */
void scheduler_note_failure(struct stream *stream, etl_status status, struct etl_error *err);

#endif
