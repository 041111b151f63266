/* Views: the schema side is built once, the batch side is set per batch. Validation believes only what the C Data Interface lets
 * it believe: it reads `length + offset` entries of validity and offsets, and the payload that checked offsets span. */
#include <etlhost/sdk/batch_view.h>

#include <stdlib.h>

void etl_view_fini(struct etl_view *view)
{
    if (!view)
        return;
    for (int64_t i = 0; view->children && i < view->n_children; i++)
        etl_view_fini(&view->children[i]);
    free(view->children);
    memset(view, 0, sizeof *view);
}

static etl_status init_node(struct etl_view *view, const struct ArrowSchema *schema, struct etl_error *err)
{
    etl_status status = ETL_OK;
    memset(view, 0, sizeof *view);
    view->op_column = -1;
    view->schema = schema;
    view->name = schema->name ? schema->name : "";
    ETL_TRY(etl_type_of(schema, &view->type, err));
    if (schema->n_children == 0)
        return ETL_OK;
    view->children = calloc((size_t)schema->n_children, sizeof *view->children);
    if (!view->children)
        return etl_fail_memory(err);
    view->n_children = schema->n_children;
    for (int64_t i = 0; i < schema->n_children; i++)
        ETL_TRY(init_node(&view->children[i], schema->children[i], err));
out:
    return status;
}

etl_status etl_view_init(struct etl_view *view, const struct ArrowSchema *schema, struct etl_error *err)
{
    etl_status status = ETL_OK;
    memset(view, 0, sizeof *view);
    ETL_TRY(etl_schema_validate(schema, err));
    ETL_TRY(init_node(view, schema, err));
    view->op_column = etl_schema_op_column(schema);
out:
    if (status != ETL_OK)
        etl_view_fini(view);
    return status;
}

void etl_view_set(struct etl_view *view, const struct ArrowArray *array)
{
    view->length = array->length;
    view->offset = array->offset;
    view->validity = array->n_buffers > 0 ? array->buffers[0] : NULL;
    view->data = array->n_buffers > 1 ? array->buffers[1] : NULL;
    view->bytes = array->n_buffers > 2 ? array->buffers[2] : NULL;
    if (array->n_buffers > 2 && !view->bytes)
        view->bytes = "";
    for (int64_t i = 0; i < view->n_children; i++)
        etl_view_set(&view->children[i], array->children[i]);
}

/* ---- validation ---------------------------------------------------------------------------------------------------- */

static etl_status bad(const struct etl_view *view, struct etl_error *err, const char *problem)
{
    if (!*view->name)
        return etl_fail(err, ETL_DATA, "batch: %s", problem);
    return etl_fail(err, ETL_DATA, "batch: column %s: %s", view->name, problem);
}

static bool has_offsets(const struct etl_view *view)
{
    switch (view->type.kind) {
    case ETL_KIND_STRING:
    case ETL_KIND_JSON:
    case ETL_KIND_UUID:
    case ETL_KIND_BINARY:
    case ETL_KIND_LIST: return true;
    case ETL_KIND_BOOL:
    case ETL_KIND_INT:
    case ETL_KIND_UINT:
    case ETL_KIND_DOUBLE:
    case ETL_KIND_DECIMAL:
    case ETL_KIND_DATE:
    case ETL_KIND_TIME:
    case ETL_KIND_TIMESTAMP:
    case ETL_KIND_STRUCT: break;
    }
    return false;
}

static int64_t buffers_of(const struct etl_view *view)
{
    if (view->type.kind == ETL_KIND_STRUCT)
        return 1;
    return has_offsets(view) && view->type.kind != ETL_KIND_LIST ? 3 : 2;
}

/* The numbers of one node, before any buffer is looked at. */
static etl_status check_header(const struct etl_view *view, const struct ArrowArray *array, struct etl_error *err)
{
    if (!array || !array->release)
        return bad(view, err, "array is missing or released");
    if (array->length < 0 || array->offset < 0 || array->length > INT64_MAX / 64 - array->offset)
        return bad(view, err, "length or offset out of range");
    if (array->null_count < -1 || array->null_count > array->length)
        return bad(view, err, "null_count out of range");
    if (array->dictionary)
        return bad(view, err, "dictionaries are not supported");
    if (array->n_buffers != buffers_of(view) || !array->buffers)
        return bad(view, err, "wrong number of buffers for its type");
    if (array->n_children != view->n_children || (array->n_children > 0 && !array->children))
        return bad(view, err, "wrong number of children for its type");
    return ETL_OK;
}

static int64_t count_ones(const uint8_t *bits, int64_t from, int64_t to)
{
    int64_t ones = 0, i = from;
    for (; i < to && (i & 7); i++)
        ones += bits[i >> 3] >> (i & 7) & 1;
    for (; i + 64 <= to; i += 64) {
        uint64_t word = 0;
        memcpy(&word, bits + (i >> 3), sizeof word);
        ones += __builtin_popcountll(word);
    }
    for (; i < to; i++)
        ones += bits[i >> 3] >> (i & 7) & 1;
    return ones;
}

static etl_status check_validity(const struct etl_view *view, const struct ArrowArray *array, bool full,
                                 struct etl_error *err)
{
    const uint8_t *validity = array->buffers[0];
    if (!validity)
        return array->null_count > 0 ? bad(view, err, "has nulls but no validity buffer") : ETL_OK;
    if (full && array->null_count >= 0 &&
        array->length - count_ones(validity, array->offset, array->offset + array->length) != array->null_count)
        return bad(view, err, "null_count does not agree with the validity buffer");
    return ETL_OK;
}

static bool is_aligned(const void *pointer, size_t width)
{
    return width == 0 || (uintptr_t)pointer % (width > 8 ? 8 : width) == 0;
}

static int64_t offset_at(const struct etl_view *view, const void *offsets, int64_t i)
{
    return view->type.is_large ? ((const int64_t *)offsets)[i] : (int64_t)((const int32_t *)offsets)[i];
}

static bool offsets_rise(const struct etl_view *view, const void *offsets, int64_t from, int64_t to)
{
    bool rise = true;
    if (view->type.is_large) {
        for (const int64_t *at = (const int64_t *)offsets + from, *end = (const int64_t *)offsets + to; at < end; at++)
            rise &= at[0] <= at[1];
    } else {
        for (const int32_t *at = (const int32_t *)offsets + from, *end = (const int32_t *)offsets + to; at < end; at++)
            rise &= at[0] <= at[1];
    }
    return rise;
}

/* True when every value that is not null is UTF-8. A payload that is valid as a whole and cut only before the first byte of
 * a character is the common case; null slots may hide anything, so the slow way looks at each value. */
static bool is_text(const struct etl_view *view, const struct ArrowArray *array, int64_t first, int64_t last)
{
    const void *offsets = array->buffers[1];
    const char *bytes = array->buffers[2];
    const uint8_t *validity = array->buffers[0];
    bool whole = etl_is_utf8(bytes + first, (size_t)(last - first));
    for (int64_t i = array->offset; whole && i < array->offset + array->length; i++) {
        int64_t from = offset_at(view, offsets, i);
        whole = from == last || ((unsigned char)bytes[from] & 0xc0) != 0x80;
    }
    for (int64_t i = array->offset; !whole && i < array->offset + array->length; i++) {
        int64_t from = offset_at(view, offsets, i), to = offset_at(view, offsets, i + 1);
        if ((!validity || validity[i >> 3] >> (i & 7) & 1) && !etl_is_utf8(bytes + from, (size_t)(to - from)))
            return false;
    }
    return true;
}

/* Checks the offsets and what they point into; *ret_last is where the last value ends. */
static etl_status check_offsets(const struct etl_view *view, const struct ArrowArray *array, bool full,
                                int64_t *ret_last, struct etl_error *err)
{
    const void *offsets = array->buffers[1];
    int64_t begin = array->offset, end = array->offset + array->length, first = 0, last = 0;
    first = offset_at(view, offsets, begin);
    last = offset_at(view, offsets, end);
    if (first < 0 || last < first || last > PTRDIFF_MAX / 2)
        return bad(view, err, "offsets out of range");
    if (full && !offsets_rise(view, offsets, begin, end))
        return bad(view, err, "offsets fall");
    *ret_last = last;
    if (view->type.kind == ETL_KIND_LIST)
        return ETL_OK;
    if (!array->buffers[2] && last > 0)
        return bad(view, err, "has no payload buffer");
    if (full && view->type.kind != ETL_KIND_BINARY && last > first && !is_text(view, array, first, last))
        return bad(view, err, "text is not valid UTF-8");
    return ETL_OK;
}

static etl_status check_node(const struct etl_view *view, const struct ArrowArray *array, bool full, int64_t length_min,
                             struct etl_error *err)
{
    int64_t items = 0;
    etl_status status = ETL_OK;
    ETL_TRY(check_header(view, array, err));
    if (array->length < length_min)
        return bad(view, err, "is shorter than its parent needs");
    items = array->offset + array->length;
    if (view->type.kind == ETL_KIND_LIST)
        items = 0;
    if (array->offset + array->length > 0) {
        ETL_TRY(check_validity(view, array, full, err));
        if (array->n_buffers > 1) {
            size_t width = has_offsets(view) ? (view->type.is_large ? 8 : 4) : etl_type_width(&view->type);
            if (!array->buffers[1] || !is_aligned(array->buffers[1], width))
                return bad(view, err, array->buffers[1] ? "misaligned buffer" : "has no data buffer");
        }
        if (has_offsets(view))
            ETL_TRY(check_offsets(view, array, full, &items, err));
    }
    for (int64_t i = 0; i < view->n_children; i++)
        ETL_TRY(check_node(&view->children[i], array->children[i], full, items, err));
out:
    return status;
}

etl_status etl_view_validate(const struct etl_view *view, const struct ArrowArray *array, bool full,
                             struct etl_error *err)
{
    if (array && array->release && array->null_count > 0)
        return etl_fail(err, ETL_DATA, "batch: a record itself is null");
    return check_node(view, array, full, 0, err);
}
