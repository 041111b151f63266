/* Whole batches: measuring, filtering, taking part. Results share buffers with the input by reference counting where they can; any
 * thread may release them. */
#ifndef CORE_DATA_BATCH_H
#define CORE_DATA_BATCH_H

#include <etlhost/sdk/batch_view.h>

/* Bytes of buffers that the batch refers to (of its slice, not of what it shares). */
size_t batch_bytes(const struct ArrowSchema *schema, const struct ArrowArray *array);

/* Keeps the rows whose bit in `keep` (one byte per row, nonzero = keep) is set. Moves in and out; released on failure. */
etl_status batch_filter(const struct ArrowSchema *schema, struct ArrowArray *batch, const uint8_t *keep,
                        struct etl_error *err);

/* The first `rows` rows. Moves in and out. */
etl_status batch_head(struct ArrowArray *batch, int64_t rows, struct etl_error *err);

/* Gives the root offset 0 by moving the offset into the children (ABI rule), and cuts children to its length; batches of other producers may
 * need that. ETL_DATA when a row is NULL as a whole. Moves in and out; released on failure. */
etl_status batch_normalise(struct ArrowArray *batch, struct etl_error *err);

/* Sets counts[ETL_OP_*] to the number of rows of each operation. ETL_DATA for an unknown operation. */
etl_status batch_count_ops(const struct etl_view *root, uint64_t flags, int64_t counts[4], struct etl_error *err);

/* A batch of one struct column set made of shallow references: `columns[i]` moved in (released on failure). */
etl_status batch_from_columns(struct ArrowArray *columns, int64_t count, int64_t rows, struct ArrowArray *ret_batch,
                              struct etl_error *err);

#endif
