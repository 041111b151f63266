/* Arrays made by the host. One allocation holds the private part, the children and their pointers; buffers are single allocations. The
 * release callback works for arrays that are filled half way, so failures need no special path. Children that were moved out
 * (release NULL) are left alone, as the C data interface asks. */
#include "core/data/array.h"

#include <stdlib.h>
#include <string.h>

enum { BUFFERS_MAX = 3, ZEROS_BYTES = 1 << 20 };

struct owner {
    struct ArrowArray kept;
    void *owned[BUFFERS_MAX];
    const void *buffers[BUFFERS_MAX];
    struct ArrowArray children[];
};

/* global: never written. Not const, so that it takes no space in the file. */
static uint8_t zeros[ZEROS_BYTES];

static void release(struct ArrowArray *array)
{
    struct owner *owner = array->private_data;
    for (int64_t i = 0; i < array->n_children; i++)
        etl_array_release(&owner->children[i]);
    for (int i = 0; i < BUFFERS_MAX; i++)
        free(owner->owned[i]);
    etl_array_release(&owner->kept);
    free(array->children);
    free(owner);
    array->release = NULL;
}

etl_status array_init(struct ArrowArray *ret_array, int64_t length, int64_t n_buffers, int64_t n_children,
                      struct etl_error *err)
{
    struct owner *owner = calloc(1, sizeof *owner + (size_t)n_children * sizeof owner->children[0]);
    struct ArrowArray **children = n_children ? calloc((size_t)n_children, sizeof *children) : NULL;
    if (!owner || (n_children && !children)) {
        free(owner);
        free(children);
        return etl_fail_memory(err);
    }
    for (int64_t i = 0; i < n_children; i++)
        children[i] = &owner->children[i];
    *ret_array = (struct ArrowArray){.length = length,
                                     .n_buffers = n_buffers,
                                     .n_children = n_children,
                                     .buffers = owner->buffers,
                                     .children = children,
                                     .release = release,
                                     .private_data = owner};
    return ETL_OK;
}

void *array_buffer(struct ArrowArray *array, int64_t index, size_t bytes, struct etl_error *err)
{
    void *data = malloc(bytes ? bytes : 1);
    if (!data)
        etl_fail_memory(err);
    else
        array_own(array, index, data);
    return data;
}

void array_own(struct ArrowArray *array, int64_t index, void *data)
{
    struct owner *owner = array->private_data;
    free(owner->owned[index]);
    owner->owned[index] = data;
    owner->buffers[index] = data;
}

void array_borrow(struct ArrowArray *array, int64_t index, const void *data)
{
    struct owner *owner = array->private_data;
    owner->buffers[index] = data;
}

void array_keep(struct ArrowArray *array, struct ArrowArray *other)
{
    struct owner *owner = array->private_data;
    etl_array_move(other, &owner->kept);
}

/* ---- NULL columns ---- */

static bool has_offsets(const struct etl_type *type)
{
    return type->kind == ETL_KIND_STRING || type->kind == ETL_KIND_JSON || type->kind == ETL_KIND_UUID ||
           type->kind == ETL_KIND_BINARY;
}

static etl_status zero_buffer(struct ArrowArray *array, int64_t index, size_t bytes, struct etl_error *err)
{
    if (bytes <= sizeof zeros) {
        array_borrow(array, index, zeros);
        return ETL_OK;
    }
    void *data = calloc(1, bytes);
    if (!data)
        return etl_fail_memory(err);
    array_own(array, index, data);
    return ETL_OK;
}

static int64_t buffers_of(const struct etl_type *type)
{
    return type->kind == ETL_KIND_STRUCT ? 1 : has_offsets(type) ? 3 : 2;
}

static size_t zero_bytes(const struct etl_type *type, int64_t rows)
{
    if (has_offsets(type) || type->kind == ETL_KIND_LIST)
        return ((size_t)rows + 1) * (type->is_large ? 8 : 4);
    return type->kind == ETL_KIND_BOOL ? ((size_t)rows + 7) / 8 : (size_t)rows * etl_type_width(type);
}

etl_status array_nulls(const struct ArrowSchema *schema, int64_t rows, struct ArrowArray *ret_array,
                       struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowArray array = {0};
    struct etl_type type = {0};
    ETL_TRY(etl_type_of(schema, &type, err));
    ETL_TRY(array_init(&array, rows, buffers_of(&type), schema->n_children, err));
    array.null_count = rows;
    ETL_TRY(zero_buffer(&array, 0, ((size_t)rows + 7) / 8, err));
    if (array.n_buffers > 1)
        ETL_TRY(zero_buffer(&array, 1, zero_bytes(&type, rows), err));
    if (array.n_buffers > 2)
        array_borrow(&array, 2, zeros);
    for (int64_t i = 0; i < schema->n_children; i++) {
        int64_t length = type.kind == ETL_KIND_STRUCT ? rows : 0;
        ETL_TRY(array_nulls(schema->children[i], length, array.children[i], err));
    }
    etl_array_move(&array, ret_array);
out:
    etl_array_release(&array);
    return status;
}

/* ---- validity ---- */

static bool bit_get(const uint8_t *bits, int64_t i)
{
    return bits[i >> 3] >> (i & 7) & 1;
}

int64_t array_count_nulls(const struct ArrowArray *array)
{
    const uint8_t *bits = array->n_buffers ? array->buffers[0] : NULL;
    int64_t valid = 0, i = array->offset, end = array->offset + array->length;
    if (!bits || array->null_count == 0)
        return 0;
    if (array->null_count > 0)
        return array->null_count;
    for (; i < end && (i & 7); i++)
        valid += bit_get(bits, i);
    for (; i + 8 <= end; i += 8)
        valid += __builtin_popcount(bits[i >> 3]);
    for (; i < end; i++)
        valid += bit_get(bits, i);
    return array->length - valid;
}

etl_status array_copy_validity(const struct ArrowArray *array, struct ArrowArray *target, struct etl_error *err)
{
    const uint8_t *from = array->n_buffers ? array->buffers[0] : NULL;
    size_t bytes = ((size_t)target->length + 7) / 8;
    int shift = (int)(array->offset & 7);
    target->null_count = array_count_nulls(array);
    if (target->null_count == 0)
        return ETL_OK;
    uint8_t *to = array_buffer(target, 0, bytes, err);
    if (!to)
        return ETL_NOMEM;
    from += array->offset >> 3;
    if (!shift) {
        memcpy(to, from, bytes);
        return ETL_OK;
    }
    size_t available = ((size_t)shift + (size_t)target->length + 7) / 8;
    for (size_t i = 0; i < bytes; i++) {
        unsigned next = i + 1 < available ? from[i + 1] : 0;
        to[i] = (uint8_t)(from[i] >> shift | next << (8 - shift));
    }
    return ETL_OK;
}

/* ---- taking rows ---- */

struct taking {
    const struct ArrowArray *array;
    const int64_t *rows;
    int64_t count;
};

static etl_status take_validity(const struct taking *in, struct ArrowArray *out, struct etl_error *err)
{
    const uint8_t *from = in->array->buffers[0];
    if (!from || in->array->null_count == 0)
        return ETL_OK;
    uint8_t *to = array_buffer(out, 0, ((size_t)in->count + 7) / 8, err);
    if (!to)
        return ETL_NOMEM;
    memset(to, 0, ((size_t)in->count + 7) / 8);
    int64_t valid = 0;
    for (int64_t i = 0; i < in->count; i++) {
        bool bit = bit_get(from, in->array->offset + in->rows[i]);
        to[i >> 3] = (uint8_t)(to[i >> 3] | (unsigned)bit << (i & 7));
        valid += bit;
    }
    out->null_count = in->count - valid;
    return ETL_OK;
}

#define TAKE_WIDTH(type)                                                                                               \
    for (int64_t i = 0; i < in->count; i++)                                                                            \
    memcpy((char *)to + (size_t)i * sizeof(type), from + (size_t)(base + in->rows[i]) * sizeof(type), sizeof(type))

struct sixteen {
    uint64_t halves[2];
};

static etl_status take_fixed(const struct taking *in, size_t width, struct ArrowArray *out, struct etl_error *err)
{
    const char *from = in->array->buffers[1];
    int64_t base = in->array->offset;
    void *to = array_buffer(out, 1, (size_t)in->count * width, err);
    if (!to)
        return ETL_NOMEM;
    switch (width) {
    case 1: TAKE_WIDTH(uint8_t); break;
    case 2: TAKE_WIDTH(uint16_t); break;
    case 4: TAKE_WIDTH(uint32_t); break;
    case 8: TAKE_WIDTH(uint64_t); break;
    default: TAKE_WIDTH(struct sixteen); break;
    }
    return ETL_OK;
}

static etl_status take_bits(const struct taking *in, struct ArrowArray *out, struct etl_error *err)
{
    const uint8_t *from = in->array->buffers[1];
    uint8_t *to = array_buffer(out, 1, ((size_t)in->count + 7) / 8, err);
    if (!to)
        return ETL_NOMEM;
    memset(to, 0, ((size_t)in->count + 7) / 8);
    for (int64_t i = 0; i < in->count; i++)
        to[i >> 3] = (uint8_t)(to[i >> 3] | (unsigned)bit_get(from, in->array->offset + in->rows[i]) << (i & 7));
    return ETL_OK;
}

static int64_t offset_at(const void *offsets, bool is_large, int64_t i)
{
    return is_large ? ((const int64_t *)offsets)[i] : ((const int32_t *)offsets)[i];
}

static void offset_set(void *offsets, bool is_large, int64_t i, int64_t value)
{
    if (is_large)
        ((int64_t *)offsets)[i] = value;
    else
        ((int32_t *)offsets)[i] = (int32_t)value;
}

/* New offsets; *ret_total is the sum of the lengths, which never exceeds that of the source because no row is taken twice. */
static etl_status take_offsets(const struct taking *in, bool is_large, struct ArrowArray *out, int64_t *ret_total,
                               struct etl_error *err)
{
    const void *from = in->array->buffers[1];
    void *to = array_buffer(out, 1, ((size_t)in->count + 1) * (is_large ? 8 : 4), err);
    int64_t total = 0;
    if (!to)
        return ETL_NOMEM;
    offset_set(to, is_large, 0, 0);
    for (int64_t i = 0; i < in->count; i++) {
        int64_t row = in->array->offset + in->rows[i];
        total += offset_at(from, is_large, row + 1) - offset_at(from, is_large, row);
        offset_set(to, is_large, i + 1, total);
    }
    *ret_total = total;
    return ETL_OK;
}

static etl_status take_bytes(const struct taking *in, bool is_large, struct ArrowArray *out, struct etl_error *err)
{
    etl_status status = ETL_OK;
    int64_t total = 0;
    char *to = NULL;
    ETL_TRY(take_offsets(in, is_large, out, &total, err));
    to = array_buffer(out, 2, (size_t)total, err);
    if (!to)
        return ETL_NOMEM;
    for (int64_t i = 0; i < in->count; i++) {
        int64_t row = in->array->offset + in->rows[i], begin = offset_at(in->array->buffers[1], is_large, row);
        int64_t length = offset_at(in->array->buffers[1], is_large, row + 1) - begin;
        if (length)
            memcpy(to, (const char *)in->array->buffers[2] + begin, (size_t)length);
        to += length;
    }
out:
    return status;
}

static etl_status take_list(const struct taking *in, const struct ArrowSchema *item, struct ArrowArray *out,
                            struct etl_error *err)
{
    etl_status status = ETL_OK;
    int64_t total = 0, at = 0, *rows = NULL;
    const int32_t *offsets = in->array->buffers[1];
    ETL_TRY(take_offsets(in, false, out, &total, err));
    rows = malloc((size_t)(total ? total : 1) * sizeof *rows);
    if (!rows)
        ETL_TRY(etl_fail_memory(err));
    for (int64_t i = 0; i < in->count; i++) {
        int64_t row = in->array->offset + in->rows[i];
        for (int32_t k = offsets[row]; k < offsets[row + 1]; k++)
            rows[at++] = k;
    }
    ETL_TRY(array_take(item, in->array->children[0], rows, total, out->children[0], err));
out:
    free(rows);
    return status;
}

static etl_status take_struct(const struct taking *in, const struct ArrowSchema *schema, struct ArrowArray *out,
                              struct etl_error *err)
{
    etl_status status = ETL_OK;
    const int64_t *rows = in->rows;
    int64_t *shifted = NULL;
    if (in->array->offset && in->count) {
        rows = shifted = malloc((size_t)in->count * sizeof *shifted);
        if (!shifted)
            return etl_fail_memory(err);
        for (int64_t i = 0; i < in->count; i++)
            shifted[i] = in->rows[i] + in->array->offset;
    }
    for (int64_t i = 0; i < schema->n_children; i++)
        ETL_TRY(array_take(schema->children[i], in->array->children[i], rows, in->count, out->children[i], err));
out:
    free(shifted);
    return status;
}

etl_status array_take(const struct ArrowSchema *schema, const struct ArrowArray *array, const int64_t *rows,
                      int64_t count, struct ArrowArray *ret_array, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowArray out = {0};
    struct etl_type type = {0};
    struct taking in = {.array = array, .rows = rows, .count = count};
    ETL_TRY(etl_type_of(schema, &type, err));
    ETL_TRY(array_init(&out, count, buffers_of(&type), schema->n_children, err));
    ETL_TRY(take_validity(&in, &out, err));
    if (type.kind == ETL_KIND_STRUCT)
        ETL_TRY(take_struct(&in, schema, &out, err));
    else if (type.kind == ETL_KIND_LIST)
        ETL_TRY(take_list(&in, schema->children[0], &out, err));
    else if (has_offsets(&type))
        ETL_TRY(take_bytes(&in, type.is_large, &out, err));
    else if (type.kind == ETL_KIND_BOOL)
        ETL_TRY(take_bits(&in, &out, err));
    else
        ETL_TRY(take_fixed(&in, etl_type_width(&type), &out, err));
    etl_array_move(&out, ret_array);
out:
    etl_array_release(&out);
    return status;
}
