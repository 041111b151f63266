/* Whole batches. Kept columns are never copied: children are moved from one root to another, which the C data interface allows as long as the
 * old root is released right after. Lengths of a batch that has been moved here are ours to change. */
#include "core/data/batch.h"

#include <stdlib.h>
#include <string.h>

#include "core/data/array.h"

/* ---- measuring ---- */

static size_t bytes_of(const struct ArrowSchema *schema, const struct ArrowArray *array, int64_t from, int64_t count);

static size_t bytes_of_offsets(const struct ArrowSchema *schema, const struct etl_type *type,
                               const struct ArrowArray *array, int64_t from, int64_t count)
{
    size_t width = type->is_large ? 8 : 4;
    int64_t begin = 0, end = 0;
    if (!array->buffers[1])
        return 0;
    if (type->is_large) {
        begin = ((const int64_t *)array->buffers[1])[from];
        end = ((const int64_t *)array->buffers[1])[from + count];
    } else {
        begin = ((const int32_t *)array->buffers[1])[from];
        end = ((const int32_t *)array->buffers[1])[from + count];
    }
    size_t offsets = ((size_t)count + 1) * width;
    if (type->kind == ETL_KIND_LIST)
        return offsets + bytes_of(schema->children[0], array->children[0], begin, end - begin);
    return offsets + (size_t)(end - begin);
}

/* Rows are counted from the array's offset. */
static size_t bytes_of(const struct ArrowSchema *schema, const struct ArrowArray *array, int64_t from, int64_t count)
{
    struct etl_type type = {0};
    size_t bits = ((size_t)count + 7) / 8;
    size_t bytes = array->n_buffers && array->buffers[0] ? bits : 0;
    if (etl_type_of(schema, &type, NULL) != ETL_OK)
        return bytes;
    from += array->offset;
    if (type.kind == ETL_KIND_STRUCT) {
        for (int64_t i = 0; i < schema->n_children; i++)
            bytes += bytes_of(schema->children[i], array->children[i], from, count);
        return bytes;
    }
    if (type.kind == ETL_KIND_BOOL)
        return bytes + bits;
    if (etl_type_width(&type))
        return bytes + (size_t)count * etl_type_width(&type);
    return bytes + bytes_of_offsets(schema, &type, array, from, count);
}

size_t batch_bytes(const struct ArrowSchema *schema, const struct ArrowArray *array)
{
    return bytes_of(schema, array, 0, array->length);
}

/* ---- rows ---- */

static int64_t count_kept(const uint8_t *keep, int64_t length)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < length; i++)
        kept += keep[i] != 0;
    return kept;
}

/* Rows [from, from + count) of the array as it is. */
static void slice_array(struct ArrowArray *array, int64_t from, int64_t count)
{
    if (from == 0 && array->length == count)
        return;
    array->offset += from;
    array->length = count;
    if (array->null_count > 0)
        array->null_count = -1;
}

static void slice_batch(struct ArrowArray *batch, int64_t from, int64_t count)
{
    for (int64_t i = 0; i < batch->n_children; i++)
        slice_array(batch->children[i], from, count);
    batch->length = count;
}

static etl_status take_kept(const struct ArrowSchema *schema, struct ArrowArray *batch, const uint8_t *keep,
                            int64_t kept, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowArray taken = {0};
    int64_t at = 0, *rows = malloc((size_t)(kept ? kept : 1) * sizeof *rows);
    if (!rows)
        ETL_TRY(etl_fail_memory(err));
    for (int64_t i = 0; i < batch->length; i++) {
        if (keep[i])
            rows[at++] = i;
    }
    ETL_TRY(array_take(schema, batch, rows, kept, &taken, err));
    etl_array_release(batch);
    etl_array_move(&taken, batch);
out:
    free(rows);
    return status;
}

etl_status batch_filter(const struct ArrowSchema *schema, struct ArrowArray *batch, const uint8_t *keep,
                        struct etl_error *err)
{
    etl_status status = ETL_OK;
    int64_t first = 0, kept = count_kept(keep, batch->length);
    if (kept == batch->length)
        return ETL_OK;
    ETL_TRY(batch_normalise(batch, err));
    while (first < batch->length && !keep[first])
        first++;
    if (kept == 0)
        slice_batch(batch, 0, 0);
    else if (count_kept(keep + first, kept) == kept)
        slice_batch(batch, first, kept);
    else
        ETL_TRY(take_kept(schema, batch, keep, kept, err));
out:
    if (status != ETL_OK)
        etl_array_release(batch);
    return status;
}

etl_status batch_head(struct ArrowArray *batch, int64_t rows, struct etl_error *err)
{
    etl_status status = ETL_OK;
    if (rows >= batch->length)
        return ETL_OK;
    ETL_TRY(batch_normalise(batch, err));
    slice_batch(batch, 0, rows < 0 ? 0 : rows);
out:
    return status;
}

etl_status batch_normalise(struct ArrowArray *batch, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowArray root = {0};
    bool has_bitmap = batch->n_buffers > 0 && batch->buffers[0];
    if (array_count_nulls(batch))
        ETL_TRY(etl_fail(err, ETL_DATA, "a batch has rows that are NULL as a whole"));
    for (int64_t i = 0; i < batch->n_children; i++)
        slice_array(batch->children[i], batch->offset, batch->length);
    has_bitmap = has_bitmap && batch->offset != 0;
    batch->offset = 0;
    /* The bitmap still counts from the old offset: a root without one is as good. */
    if (has_bitmap) {
        ETL_TRY(array_init(&root, batch->length, 1, batch->n_children, err));
        for (int64_t i = 0; i < batch->n_children; i++)
            etl_array_move(batch->children[i], root.children[i]);
        etl_array_release(batch);
        etl_array_move(&root, batch);
    }
out:
    if (status != ETL_OK)
        etl_array_release(batch);
    return status;
}

/* ---- operations ---- */

etl_status batch_count_ops(const struct etl_view *root, uint64_t flags, int64_t counts[4], struct etl_error *err)
{
    const struct etl_view *op = root->op_column < 0 ? NULL : &root->children[root->op_column];
    memset(counts, 0, 4 * sizeof counts[0]);
    if (!op) {
        if ((flags & ETL_OP_MASK) > ETL_OP_DELETE)
            return etl_fail(err, ETL_DATA, "unknown row operation %d in the flags of a batch",
                            (int)(flags & ETL_OP_MASK));
        counts[flags & ETL_OP_MASK] = root->length;
        return ETL_OK;
    }
    for (int64_t row = 0; row < root->length; row++) {
        unsigned value = etl_view_op(root, flags, row);
        if (value > ETL_OP_DELETE || etl_view_is_null(op, row))
            return etl_fail(err, ETL_DATA, "row %lld of a batch: column %s does not hold a row operation (%u)",
                            (long long)row, op->name, value);
        counts[value]++;
    }
    return ETL_OK;
}

/* ---- assembling ---- */

etl_status batch_from_columns(struct ArrowArray *columns, int64_t count, int64_t rows, struct ArrowArray *ret_batch,
                              struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowArray root = {0};
    for (int64_t i = 0; i < count; i++) {
        if (columns[i].length != rows)
            ETL_TRY(etl_fail(err, ETL_MISUSE, "column %lld has %lld rows instead of %lld", (long long)i,
                             (long long)columns[i].length, (long long)rows));
    }
    ETL_TRY(array_init(&root, rows, 1, count, err));
    for (int64_t i = 0; i < count; i++)
        etl_array_move(&columns[i], root.children[i]);
    etl_array_move(&root, ret_batch);
out:
    for (int64_t i = 0; i < count; i++)
        etl_array_release(&columns[i]);
    return status;
}
