/* Reading a batch cell by cell. A view borrows the schema and the array that it was made from. Views are read-only after
 * etl_view_set; any number of threads may read one. */
#ifndef ETL_SDK_BATCH_VIEW_H
#define ETL_SDK_BATCH_VIEW_H

#include <etlhost/sdk/schema.h>
#include <etlhost/sdk/value_text.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

struct etl_view {
    struct etl_type type;
    const char *name;
    const uint8_t *validity; /* NULL = no nulls */
    const void *data;        /* values, or offsets of STRING/JSON/UUID/BINARY/LIST */
    const char *bytes;       /* payload of STRING/JSON/UUID/BINARY */
    int64_t offset;          /* of this array: added to every row below */
    int64_t length;
    int64_t n_children;
    struct etl_view *children;
    const struct ArrowSchema *schema;
    int64_t op_column; /* root: index of the operation column or -1 */
};

/* Makes a view of the schema alone (types, names, children); fails as etl_schema_validate does. Free with etl_view_fini. */
etl_status etl_view_init(struct etl_view *view, const struct ArrowSchema *schema, struct etl_error *err);

/* Points the view at a batch of that schema. Cheap (no allocation); trusts buffers that have been validated. */
void etl_view_set(struct etl_view *view, const struct ArrowArray *array);

/* Checks structure and buffers of an array against the view's schema: child counts, n_buffers, null_count, buffers that are there and
 * aligned, offsets within range, children as long as their parent needs, no null records. `full` also checks that null_count (unless
 * -1) agrees with the validity, that every offset rises, and that text is UTF-8 (except what a NULL hides); otherwise only the
 * first and last offset is read. Any array may have an offset, the root too; arrays without rows may have NULL buffers.
 * ETL_DATA names the column. Must precede etl_view_set for data of unknown origin. */
etl_status etl_view_validate(const struct etl_view *view, const struct ArrowArray *array, bool full,
                             struct etl_error *err);

void etl_view_fini(struct etl_view *view);

static inline bool etl_view_is_null(const struct etl_view *view, int64_t row)
{
    int64_t i = row + view->offset;
    return view->validity && !(view->validity[i >> 3] >> (i & 7) & 1);
}

static inline bool etl_view_bool(const struct etl_view *view, int64_t row)
{
    int64_t i = row + view->offset;
    return ((const uint8_t *)view->data)[i >> 3] >> (i & 7) & 1;
}

/* INT of any width, DATE, TIME, TIMESTAMP, and UINT up to 32 bits. */
static inline int64_t etl_view_int(const struct etl_view *view, int64_t row)
{
    int64_t i = row + view->offset;
    bool is_unsigned = view->type.kind == ETL_KIND_UINT;
    switch (view->type.kind == ETL_KIND_DATE ? 32 : view->type.bits) {
    case 8: return is_unsigned ? (int64_t)((const uint8_t *)view->data)[i] : (int64_t)((const int8_t *)view->data)[i];
    case 16:
        return is_unsigned ? (int64_t)((const uint16_t *)view->data)[i] : (int64_t)((const int16_t *)view->data)[i];
    case 32:
        return is_unsigned ? (int64_t)((const uint32_t *)view->data)[i] : (int64_t)((const int32_t *)view->data)[i];
    default: return ((const int64_t *)view->data)[i];
    }
}

/* UINT of any width. */
static inline uint64_t etl_view_uint(const struct etl_view *view, int64_t row)
{
    return view->type.bits == 64 ? ((const uint64_t *)view->data)[row + view->offset]
                                 : (uint64_t)etl_view_int(view, row);
}

static inline double etl_view_double(const struct etl_view *view, int64_t row)
{
    int64_t i = row + view->offset;
    return view->type.bits == 32 ? (double)((const float *)view->data)[i] : ((const double *)view->data)[i];
}

static inline struct etl_decimal etl_view_decimal(const struct etl_view *view, int64_t row)
{
    struct etl_decimal value;
    memcpy(&value, (const char *)view->data + (row + view->offset) * 16, 16);
    return value;
}

/* STRING, JSON, UUID, BINARY. */
static inline struct etl_bytes etl_view_bytes(const struct etl_view *view, int64_t row)
{
    int64_t i = row + view->offset, from, to;
    struct etl_bytes bytes;
    if (view->type.is_large) {
        from = ((const int64_t *)view->data)[i];
        to = ((const int64_t *)view->data)[i + 1];
    } else {
        from = ((const int32_t *)view->data)[i];
        to = ((const int32_t *)view->data)[i + 1];
    }
    bytes.data = view->bytes + from;
    bytes.length = (size_t)(to - from);
    return bytes;
}

/* LIST: the items are rows *ret_from up to, not including, *ret_to of children[0]. */
static inline void etl_view_list(const struct etl_view *view, int64_t row, int64_t *ret_from, int64_t *ret_to)
{
    const int32_t *offsets = (const int32_t *)view->data + row + view->offset;
    *ret_from = offsets[0];
    *ret_to = offsets[1];
}

/* Row of the children that holds the fields of row `row` of a STRUCT. */
static inline int64_t etl_view_struct_row(const struct etl_view *view, int64_t row)
{
    return row + view->offset;
}

/* Operation of a row: the operation column if the schema has one, else the batch's flags. */
static inline uint8_t etl_view_op(const struct etl_view *root, uint64_t flags, int64_t row)
{
    return root->op_column < 0
               ? (uint8_t)(flags & ETL_OP_MASK)
               : ((const uint8_t *)root->children[root->op_column].data)[row + root->children[root->op_column].offset];
}

#ifdef __cplusplus
}
#endif

#endif
