/* Row by row into Arrow buffers. Buffers are 64-byte aligned and grow geometrically; a finished batch takes them over, and the
 * next one starts with the sizes of the last.
 *
 * Invariants of a column: bits of `validity` and of a BIT store at and beyond `length` are 1 and 0, so that a valid value or
 * a false costs no write there; offsets[0..length] are set as soon as `data` is; the payload ends at offsets[length]. */
#include <etlhost/sdk/batch_builder.h>

#include <stdlib.h>

#define ALIGNMENT    64
#define ROWS_MIN     64
#define ROWS_MAX     (INT64_C(1) << 40)
#define BYTES_MIN    1024
#define OFFSET32_MAX ((size_t)INT32_MAX)

struct etl_builder {
    struct ArrowSchema schema;
    struct etl_column *root;
};

/* ---- columns ------------------------------------------------------------------------------------------------------- */

static enum etl_store store_of(const struct etl_type *type)
{
    static const enum etl_store by_log2[] = {ETL_STORE_INT8, ETL_STORE_INT16, ETL_STORE_INT32, ETL_STORE_INT64};
    switch (type->kind) {
    case ETL_KIND_BOOL: return ETL_STORE_BIT;
    case ETL_KIND_DOUBLE: return type->bits == 32 ? ETL_STORE_FLOAT : ETL_STORE_DOUBLE;
    case ETL_KIND_DECIMAL: return ETL_STORE_DECIMAL;
    case ETL_KIND_INT:
    case ETL_KIND_UINT: return by_log2[type->bits == 8 ? 0 : type->bits == 16 ? 1 : type->bits == 32 ? 2 : 3];
    case ETL_KIND_DATE: return ETL_STORE_INT32;
    case ETL_KIND_TIME:
    case ETL_KIND_TIMESTAMP: return ETL_STORE_INT64;
    case ETL_KIND_STRING:
    case ETL_KIND_JSON:
    case ETL_KIND_UUID:
    case ETL_KIND_BINARY: return type->is_large ? ETL_STORE_OFFSET64 : ETL_STORE_OFFSET32;
    case ETL_KIND_LIST: return ETL_STORE_OFFSET32;
    case ETL_KIND_STRUCT: break;
    }
    return ETL_STORE_NONE;
}

static void column_free(struct etl_column *column)
{
    if (!column)
        return;
    for (int64_t i = 0; column->children && i < column->n_children; i++)
        column_free(column->children[i]);
    free(column->children);
    free(column->validity);
    free(column->data);
    free(column->bytes);
    free(column);
}

static etl_status column_new(const struct ArrowSchema *schema, struct etl_column **ret_column, struct etl_error *err)
{
    struct etl_column *column = calloc(1, sizeof *column);
    etl_status status = ETL_OK;
    if (!column)
        return etl_fail_memory(err);
    ETL_TRY(etl_type_of(schema, &column->type, err));
    column->store = (uint8_t)store_of(&column->type);
    column->has_bytes = column->store >= ETL_STORE_OFFSET32 && column->type.kind != ETL_KIND_LIST;
    column->name = schema->name ? schema->name : "";
    column->n_children = schema->n_children;
    if (schema->n_children) {
        column->children = calloc((size_t)schema->n_children, sizeof(struct etl_column *));
        if (!column->children) {
            status = etl_fail_memory(err);
            goto out;
        }
        for (int64_t i = 0; i < schema->n_children; i++)
            ETL_TRY(column_new(schema->children[i], &column->children[i], err));
    }
    *ret_column = column;
    column = NULL;
out:
    column_free(column);
    return status;
}

static size_t data_size(const struct etl_column *column, int64_t rows)
{
    static const size_t widths[] = {0, 0, 1, 2, 4, 8, 4, 8, 16, 4, 8};
    if (column->store == ETL_STORE_BIT)
        return ((size_t)rows + 7) / 8;
    return ((size_t)rows + (column->store >= ETL_STORE_OFFSET32)) * widths[column->store];
}

/* Replaces *block by one of `size` bytes that begins with the first `used` bytes of the old one; the rest is `fill`. */
static bool regrow(void *block, size_t used, size_t size, int fill)
{
    void *old = NULL;
    size_t whole = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    char *fresh = whole >= size ? aligned_alloc(ALIGNMENT, whole) : NULL;
    if (!fresh)
        return false;
    memcpy(&old, block, sizeof old);
    if (used)
        memcpy(fresh, old, used);
    if (fill >= 0)
        memset(fresh + used, fill, whole - used);
    free(old);
    memcpy(block, &fresh, sizeof fresh);
    return true;
}

static etl_status grow_rows(struct etl_column *column, int64_t more, struct etl_error *err)
{
    int64_t capacity = column->capacity * 2;
    if (more > ROWS_MAX - column->length)
        return etl_fail(err, ETL_DATA, "column %s: too many rows for one batch", column->name);
    if (capacity < column->rows_hint)
        capacity = column->rows_hint;
    if (capacity < column->length + more)
        capacity = column->length + more;
    if (capacity < ROWS_MIN)
        capacity = ROWS_MIN;
    if (column->validity &&
        !regrow(&column->validity, ((size_t)column->length + 7) / 8, ((size_t)capacity + 7) / 8, 0xff))
        return etl_fail_memory(err);
    if (column->store != ETL_STORE_NONE) {
        bool is_first = !column->data;
        if (!regrow(&column->data, is_first ? 0 : data_size(column, column->length), data_size(column, capacity),
                    column->store == ETL_STORE_BIT ? 0 : -1))
            return etl_fail_memory(err);
        if (is_first && column->store >= ETL_STORE_OFFSET32)
            memset(column->data, 0, sizeof(int64_t));
    }
    column->capacity = capacity;
    return ETL_OK;
}

static etl_status grow_bytes(struct etl_column *column, size_t more, struct etl_error *err)
{
    size_t limit = column->type.is_large ? (size_t)PTRDIFF_MAX / 2 : OFFSET32_MAX;
    size_t capacity = column->bytes_capacity * 2;
    if (more > limit - column->bytes_length)
        return etl_fail(err, ETL_DATA, "column %s: more than %zu bytes in one batch", column->name, limit);
    if (capacity < column->bytes_hint)
        capacity = column->bytes_hint;
    /* One byte of slack: the inline append needs room beyond the value. */
    if (capacity < column->bytes_length + more + 1)
        capacity = column->bytes_length + more + 1;
    if (capacity < BYTES_MIN)
        capacity = BYTES_MIN;
    if (capacity > limit + 1)
        capacity = limit + 1;
    if (!regrow(&column->bytes, column->bytes_length, capacity, -1))
        return etl_fail_memory(err);
    column->bytes_capacity = capacity;
    return ETL_OK;
}

etl_status etl_column_reserve(struct etl_column *column, int64_t rows, size_t bytes, struct etl_error *err)
{
    etl_status status = ETL_OK;
    if (rows < 0 || (bytes && !column->has_bytes))
        return etl_fail(err, ETL_MISUSE, "column %s: nothing to reserve", column->name);
    if (rows > column->capacity - column->length)
        ETL_TRY(grow_rows(column, rows, err));
    if (column->has_bytes && bytes >= column->bytes_capacity - column->bytes_length)
        ETL_TRY(grow_bytes(column, bytes, err));
out:
    return status;
}

/* The cold beginning of every append: room for one row. */
static inline etl_status room(struct etl_column *column, struct etl_error *err)
{
    return column->length < column->capacity ? ETL_OK : grow_rows(column, 1, err);
}

static int64_t offset_at(const struct etl_column *column, int64_t row)
{
    if (!column->data)
        return 0;
    return column->store == ETL_STORE_OFFSET64 ? ((const int64_t *)column->data)[row]
                                               : ((const int32_t *)column->data)[row];
}

static void set_end_offset(struct etl_column *column, int64_t row, int64_t end)
{
    if (column->store == ETL_STORE_OFFSET64)
        ((int64_t *)column->data)[row + 1] = end;
    else
        ((int32_t *)column->data)[row + 1] = (int32_t)end;
}

void etl_column_truncate(struct etl_column *column, int64_t length)
{
    for (int64_t row = length; row < column->length; row++) {
        uint8_t bit = (uint8_t)(1u << (row & 7));
        if (column->validity && !(column->validity[row >> 3] & bit)) {
            column->validity[row >> 3] = (uint8_t)(column->validity[row >> 3] | bit);
            column->null_count--;
        }
        if (column->store == ETL_STORE_BIT)
            ((uint8_t *)column->data)[row >> 3] = (uint8_t)(((uint8_t *)column->data)[row >> 3] & ~bit);
    }
    if (column->length > length)
        column->length = length;
    if (column->has_bytes)
        column->bytes_length = (size_t)offset_at(column, column->length);
    for (int64_t i = 0; i < column->n_children; i++)
        etl_column_truncate(column->children[i],
                            column->type.kind == ETL_KIND_LIST ? offset_at(column, column->length) : column->length);
}

/* ---- appends ------------------------------------------------------------------------------------------------------- */

static etl_status misuse(const struct etl_column *column, const char *what, struct etl_error *err)
{
    char name[ETL_TYPE_NAME_MAX];
    return etl_fail(err, ETL_MISUSE, "column %s: %s appended to a column of type %s", column->name, what,
                    etl_type_name(&column->type, name));
}

static etl_status out_of_range(const struct etl_column *column, struct etl_error *err)
{
    char name[ETL_TYPE_NAME_MAX];
    return etl_fail(err, ETL_DATA, "column %s: a value does not fit %s", column->name,
                    etl_type_name(&column->type, name));
}

static void zero_values(struct etl_column *column, int64_t count)
{
    if (column->store >= ETL_STORE_OFFSET32) {
        int64_t end = offset_at(column, column->length);
        for (int64_t i = 0; i < count; i++)
            set_end_offset(column, column->length + i, end);
    } else if (column->store > ETL_STORE_BIT) {
        size_t from = data_size(column, column->length);
        memset((char *)column->data + from, 0, data_size(column, column->length + count) - from);
    }
}

etl_status etl_append_null_many(struct etl_column *column, int64_t count, struct etl_error *err)
{
    etl_status status = ETL_OK;
    if (count <= 0)
        return ETL_OK;
    if (count > column->capacity - column->length)
        ETL_TRY(grow_rows(column, count, err));
    if (!column->validity && !regrow(&column->validity, 0, ((size_t)column->capacity + 7) / 8, 0xff)) {
        column->validity = NULL;
        return etl_fail_memory(err);
    }
    if (column->type.kind == ETL_KIND_LIST)
        etl_column_truncate(column, column->length); /* items that were never closed belong to nobody */
    if (column->type.kind == ETL_KIND_STRUCT) {
        for (int64_t i = 0; i < column->n_children; i++) {
            struct etl_column *child = column->children[i];
            ETL_TRY(etl_append_null_many(child, column->length + count - child->length, err));
        }
    }
    zero_values(column, count);
    for (int64_t row = column->length; row < column->length + count; row++)
        column->validity[row >> 3] = (uint8_t)(column->validity[row >> 3] & ~(1u << (row & 7)));
    column->length += count;
    column->null_count += count;
out:
    return status;
}

etl_status etl_append_null(struct etl_column *column, struct etl_error *err)
{
    int64_t row = column->length;
    if (row >= column->capacity || !column->validity || column->n_children)
        return etl_append_null_many(column, 1, err);
    zero_values(column, 1);
    column->validity[row >> 3] = (uint8_t)(column->validity[row >> 3] & ~(1u << (row & 7)));
    column->length++;
    column->null_count++;
    return ETL_OK;
}

etl_status etl__append_bool(struct etl_column *column, bool value, struct etl_error *err)
{
    etl_status status = ETL_OK;
    if (column->store != ETL_STORE_BIT)
        return misuse(column, "a boolean", err);
    ETL_TRY(room(column, err));
    return etl_append_bool(column, value, err);
out:
    return status;
}

/* Writes an integer whose range has been checked. */
static inline void put_int(struct etl_column *column, uint64_t value)
{
    int64_t row = column->length++;
    switch (column->store) {
    case ETL_STORE_INT8: ((uint8_t *)column->data)[row] = (uint8_t)value; break;
    case ETL_STORE_INT16: ((uint16_t *)column->data)[row] = (uint16_t)value; break;
    case ETL_STORE_INT32: ((uint32_t *)column->data)[row] = (uint32_t)value; break;
    default: ((uint64_t *)column->data)[row] = value; break;
    }
}

static bool is_integer_store(const struct etl_column *column)
{
    return column->store >= ETL_STORE_INT8 && column->store <= ETL_STORE_INT64;
}

static bool int_fits(const struct etl_column *column, int64_t value)
{
    unsigned bits = 8u << (column->store - ETL_STORE_INT8);
    if (column->type.kind == ETL_KIND_UINT)
        return value >= 0 && (bits == 64 || (uint64_t)value >> bits == 0);
    return bits == 64 || (value >= -(INT64_C(1) << (bits - 1)) && value < INT64_C(1) << (bits - 1));
}

etl_status etl__append_int(struct etl_column *column, int64_t value, struct etl_error *err)
{
    etl_status status = ETL_OK;
    if (!is_integer_store(column))
        return misuse(column, "an integer", err);
    if (!int_fits(column, value))
        return out_of_range(column, err);
    ETL_TRY(room(column, err));
    put_int(column, (uint64_t)value);
out:
    return status;
}

etl_status etl_append_uint(struct etl_column *column, uint64_t value, struct etl_error *err)
{
    etl_status status = ETL_OK;
    if (value <= INT64_MAX)
        return etl__append_int(column, (int64_t)value, err);
    if (!is_integer_store(column))
        return misuse(column, "an integer", err);
    if (column->type.kind != ETL_KIND_UINT || column->store != ETL_STORE_INT64)
        return out_of_range(column, err);
    ETL_TRY(room(column, err));
    put_int(column, value);
out:
    return status;
}

etl_status etl__append_double(struct etl_column *column, double value, struct etl_error *err)
{
    etl_status status = ETL_OK;
    if (column->type.kind != ETL_KIND_DOUBLE)
        return misuse(column, "a floating-point number", err);
    ETL_TRY(room(column, err));
    if (column->store == ETL_STORE_FLOAT)
        ((float *)column->data)[column->length++] = (float)value;
    else
        ((double *)column->data)[column->length++] = value;
out:
    return status;
}

etl_status etl__append_decimal(struct etl_column *column, struct etl_decimal value, struct etl_error *err)
{
    etl_status status = ETL_OK;
    if (column->store != ETL_STORE_DECIMAL)
        return misuse(column, "a decimal", err);
    ETL_TRY(room(column, err));
    return etl_append_decimal(column, value, err);
out:
    return status;
}

etl_status etl__append_bytes(struct etl_column *column, const char *data, size_t length, struct etl_error *err)
{
    etl_status status = ETL_OK;
    if (!column->has_bytes)
        return misuse(column, "text", err);
    ETL_TRY(etl_column_reserve(column, 1, length, err));
    if (length)
        memcpy(column->bytes + column->bytes_length, data, length);
    column->bytes_length += length;
    set_end_offset(column, column->length, (int64_t)column->bytes_length);
    column->length++;
out:
    return status;
}

etl_status etl_append_int_many(struct etl_column *column, const int64_t *values, int64_t count, struct etl_error *err)
{
    etl_status status = ETL_OK;
    if (!is_integer_store(column))
        return misuse(column, "an integer", err);
    if (column->store != ETL_STORE_INT64 || column->type.kind == ETL_KIND_UINT)
        for (int64_t i = 0; i < count; i++)
            if (!int_fits(column, values[i]))
                return out_of_range(column, err);
    ETL_TRY(etl_column_reserve(column, count, 0, err));
    if (column->store == ETL_STORE_INT64 && count) {
        memcpy((int64_t *)column->data + column->length, values, (size_t)count * sizeof *values);
        column->length += count;
    } else {
        for (int64_t i = 0; i < count; i++)
            put_int(column, (uint64_t)values[i]);
    }
out:
    return status;
}

etl_status etl_append_double_many(struct etl_column *column, const double *values, int64_t count, struct etl_error *err)
{
    etl_status status = ETL_OK;
    if (column->type.kind != ETL_KIND_DOUBLE)
        return misuse(column, "a floating-point number", err);
    ETL_TRY(etl_column_reserve(column, count, 0, err));
    for (int64_t i = 0; i < count; i++)
        ETL_TRY(etl_append_double(column, values[i], err));
out:
    return status;
}

etl_status etl_append_bytes_many(struct etl_column *column, const struct etl_bytes *values, int64_t count,
                                 struct etl_error *err)
{
    size_t total = 0;
    etl_status status = ETL_OK;
    if (!column->has_bytes)
        return misuse(column, "text", err);
    for (int64_t i = 0; i < count; i++)
        if (__builtin_add_overflow(total, values[i].length, &total))
            return etl_fail(err, ETL_DATA, "column %s: values are too large for one batch", column->name);
    ETL_TRY(etl_column_reserve(column, count, total, err));
    for (int64_t i = 0; i < count; i++)
        ETL_TRY(etl_append_bytes(column, values[i].data, values[i].length, err));
out:
    return status;
}

etl_status etl_append_list_end(struct etl_column *column, struct etl_error *err)
{
    etl_status status = ETL_OK;
    if (column->type.kind != ETL_KIND_LIST)
        return misuse(column, "a list", err);
    if (column->children[0]->length > INT32_MAX)
        return etl_fail(err, ETL_DATA, "column %s: more than %d list items in one batch", column->name, INT32_MAX);
    ETL_TRY(room(column, err));
    set_end_offset(column, column->length, column->children[0]->length);
    column->length++;
out:
    return status;
}

/* Brings the children of `column` to `rows` values. */
static etl_status fill_children(struct etl_column *column, int64_t rows, struct etl_error *err)
{
    etl_status status = ETL_OK;
    for (int64_t i = 0; i < column->n_children; i++) {
        struct etl_column *child = column->children[i];
        if (child->length == rows)
            continue;
        if (child->length > rows)
            return etl_fail(err, ETL_MISUSE, "column %s: more than one value in a row", child->name);
        ETL_TRY(etl_append_null_many(child, rows - child->length, err));
    }
out:
    return status;
}

etl_status etl_append_struct_end(struct etl_column *column, struct etl_error *err)
{
    etl_status status = ETL_OK;
    if (column->type.kind != ETL_KIND_STRUCT)
        return misuse(column, "a struct", err);
    ETL_TRY(fill_children(column, column->length + 1, err));
    ETL_TRY(room(column, err));
    column->length++;
out:
    return status;
}

/* ---- builder ------------------------------------------------------------------------------------------------------- */

etl_status etl_builder_new(const struct ArrowSchema *schema, struct etl_builder **ret_builder, struct etl_error *err)
{
    struct etl_builder *builder = NULL;
    etl_status status = ETL_OK;
    ETL_TRY(etl_schema_validate(schema, err));
    builder = calloc(1, sizeof *builder);
    if (!builder)
        return etl_fail_memory(err);
    ETL_TRY(etl_schema_copy(schema, &builder->schema, err));
    ETL_TRY(column_new(&builder->schema, &builder->root, err));
    *ret_builder = builder;
    builder = NULL;
out:
    etl_builder_free(builder);
    return status;
}

void etl_builder_free(struct etl_builder *builder)
{
    if (!builder)
        return;
    column_free(builder->root);
    etl_schema_release(&builder->schema);
    free(builder);
}

struct etl_column *etl_builder_column(struct etl_builder *builder, int64_t index)
{
    return builder->root->children[index];
}

int64_t etl_builder_column_count(const struct etl_builder *builder)
{
    return builder->root->n_children;
}

const struct ArrowSchema *etl_builder_schema(const struct etl_builder *builder)
{
    return &builder->schema;
}

etl_status etl_builder_end_rows(struct etl_builder *builder, int64_t rows, struct etl_error *err)
{
    etl_status status = ETL_OK;
    if (rows < 0 || rows > ROWS_MAX)
        return etl_fail(err, ETL_MISUSE, "cannot end %lld rows", (long long)rows);
    ETL_TRY(fill_children(builder->root, builder->root->length + rows, err));
    builder->root->length += rows;
out:
    return status;
}

etl_status etl_builder_end_row(struct etl_builder *builder, struct etl_error *err)
{
    return etl_builder_end_rows(builder, 1, err);
}

void etl_builder_abort_row(struct etl_builder *builder)
{
    etl_column_truncate(builder->root, builder->root->length);
}

int64_t etl_builder_rows(const struct etl_builder *builder)
{
    return builder->root->length;
}

static size_t column_bytes(const struct etl_column *column)
{
    size_t bytes = column->bytes_length + (column->data ? data_size(column, column->length) : 0);
    if (column->validity)
        bytes += ((size_t)column->length + 7) / 8;
    for (int64_t i = 0; i < column->n_children; i++)
        bytes += column_bytes(column->children[i]);
    return bytes;
}

size_t etl_builder_bytes(const struct etl_builder *builder)
{
    return column_bytes(builder->root);
}

/* ---- handing out --------------------------------------------------------------------------------------------------- */

/* What one array node owns. Children live in the block of their parent; each has a block of its own, so that a consumer may
 * move a child out and release it alone, before or after its parent. */
struct block {
    const void *buffers[3];
    void *owned[3];
    struct ArrowArray **pointers;
    struct ArrowArray *children;
};

/* Stands for buffers that would be empty: an offsets buffer has at least the one offset 0. */
static const _Alignas(ALIGNMENT) char no_values[ALIGNMENT];

static void array_release(struct ArrowArray *array)
{
    struct block *block = array->private_data;
    for (int64_t i = 0; i < array->n_children; i++)
        if (block->children[i].release)
            block->children[i].release(&block->children[i]);
    for (int i = 0; i < 3; i++)
        free(block->owned[i]);
    free(block->pointers);
    free(block->children);
    free(block);
    array->release = NULL;
    array->private_data = NULL;
}

/* Allocates all that a tree of arrays needs, without buffers. */
static etl_status array_init(const struct etl_column *column, struct ArrowArray *ret_array, struct etl_error *err)
{
    struct block *block = calloc(1, sizeof *block);
    struct ArrowArray array = {.release = array_release, .private_data = block};
    etl_status status = ETL_OK;
    if (!block)
        return etl_fail_memory(err);
    array.n_buffers = column->has_bytes ? 3 : column->store == ETL_STORE_NONE ? 1 : 2;
    array.buffers = block->buffers;
    if (column->n_children) {
        block->children = calloc((size_t)column->n_children, sizeof *block->children);
        block->pointers = calloc((size_t)column->n_children, sizeof *block->pointers);
        if (!block->children || !block->pointers) {
            status = etl_fail_memory(err);
            goto out;
        }
        array.children = block->pointers;
    }
    for (; array.n_children < column->n_children; array.n_children++) {
        block->pointers[array.n_children] = &block->children[array.n_children];
        ETL_TRY(array_init(column->children[array.n_children], &block->children[array.n_children], err));
    }
    *ret_array = array;
    return ETL_OK;
out:
    array_release(&array);
    return status;
}

/* Moves the buffers of a column to its array. Cannot fail. */
static void array_fill(struct etl_column *column, struct ArrowArray *array)
{
    struct block *block = array->private_data;
    if (column->null_count == 0) {
        free(column->validity);
        column->validity = NULL;
    }
    block->owned[0] = column->validity;
    block->owned[1] = column->data;
    block->owned[2] = column->bytes;
    block->buffers[0] = column->validity;
    block->buffers[1] = column->data ? column->data : no_values;
    block->buffers[2] = column->bytes ? column->bytes : no_values;
    array->length = column->length;
    array->null_count = column->null_count;
    column->rows_hint = column->length;
    column->bytes_hint = column->bytes_length + 1;
    for (int64_t i = 0; i < column->n_children; i++)
        array_fill(column->children[i], array->children[i]);
    column->validity = NULL;
    column->data = NULL;
    column->bytes = NULL;
    column->length = column->null_count = column->capacity = 0;
    column->bytes_length = column->bytes_capacity = 0;
}

etl_status etl_builder_finish(struct etl_builder *builder, struct ArrowArray *ret_batch, struct etl_error *err)
{
    struct ArrowArray array = {0};
    etl_status status = ETL_OK;
    etl_builder_abort_row(builder);
    ETL_TRY(array_init(builder->root, &array, err));
    array_fill(builder->root, &array);
    etl_array_move(&array, ret_batch);
out:
    return status;
}
