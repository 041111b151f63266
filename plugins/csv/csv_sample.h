/* Finding the types from a sample. */
#ifndef PLUGINS_CSV_CSV_SAMPLE_H
#define PLUGINS_CSV_CSV_SAMPLE_H

#include "plugins/csv/csv_input.h"

/* Observes records of `input` until there are enough of them, nothing is left or, on a pipe, nothing comes for a while. Goes on to
 * further files unless `one_file`. The first file must be open. Bad records are passed over: they are met again when they are read.
 * *ret_waits: a pipe has given no record at all yet. */
etl_status csv_sample(struct csv_input *input, const struct csv_format *format, bool one_file, uint32_t wait_ms,
                      struct etl_shredder *shredder, bool *ret_waits, struct etl_error *err);

etl_status csv_shredder_new(const struct csv_format *format, struct etl_shredder **ret_shredder, struct etl_error *err);

/* Tells the shredder the columns of the current file. */
etl_status csv_set_columns(struct csv_input *input, struct etl_shredder *shredder, struct etl_error *err);

/* Reads are to stop when the source or the host says so. */
void csv_watch(struct etl_source *source, struct csv_input *input);

#endif
