/* The destination's side of a slice: takes items in order, writes, commits at checkpoints. */
#ifndef CORE_ENGINE_WRITER_H
#define CORE_ENGINE_WRITER_H

#include "core/engine/slice.h"

/* Runs until the queue has ended, on the calling thread; `handle` NULL = dry run. ETL_OK also when the reader has failed or was stopped: what could
 * be committed has been. ETL_IN_DOUBT: slice->doubt says which commit. */
etl_status writer_run(struct slice *slice, struct etl_writer *handle, struct etl_error *err);

#endif
