/* Building record batches row by row. One builder belongs to one thread at a time; the batches that it hands out are
 * independent of it and may be released on any thread. */
#ifndef ETL_SDK_BATCH_BUILDER_H
#define ETL_SDK_BATCH_BUILDER_H

#include <etlhost/sdk/schema.h>
#include <etlhost/sdk/value_text.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a column keeps its values. */
enum etl_store {
    ETL_STORE_NONE, /* STRUCT */
    ETL_STORE_BIT,
    ETL_STORE_INT8,
    ETL_STORE_INT16,
    ETL_STORE_INT32,
    ETL_STORE_INT64, /* unsigned kinds use the same stores */
    ETL_STORE_FLOAT,
    ETL_STORE_DOUBLE,
    ETL_STORE_DECIMAL,
    ETL_STORE_OFFSET32, /* text, binary, LIST */
    ETL_STORE_OFFSET64
};

/* One node of the tree. Public for the inline appends below; treat as private. */
struct etl_column {
    struct etl_type type;
    uint8_t store; /* enum etl_store */
    bool has_bytes;
    int64_t length, null_count;
    int64_t capacity;  /* rows that fit validity and data */
    uint8_t *validity; /* bit per row, all ones beyond `length`; allocated on the first null */
    void *data;        /* values or offsets */
    char *bytes;       /* payload */
    size_t bytes_length, bytes_capacity;
    int64_t rows_hint; /* sizes of the last batch: what the next one starts with */
    size_t bytes_hint;
    int64_t n_children;
    struct etl_column **children;
    const char *name;
};

struct etl_builder;

/* A builder for batches of `schema` (copied). */
etl_status etl_builder_new(const struct ArrowSchema *schema, struct etl_builder **ret_builder, struct etl_error *err);
void etl_builder_free(struct etl_builder *builder); /* NULL-safe */

/* The root's columns in schema order; borrowed, valid as long as the builder. */
struct etl_column *etl_builder_column(struct etl_builder *builder, int64_t index);
int64_t etl_builder_column_count(const struct etl_builder *builder);
const struct ArrowSchema *etl_builder_schema(const struct etl_builder *builder);

/* Ends a row: columns that got no value get NULL; a column that got more than one value is ETL_MISUSE (then, and after any other
 * failure, only abort_row and free are useful). */
etl_status etl_builder_end_row(struct etl_builder *builder, struct etl_error *err);

/* Ends `rows` rows at once, for sources that append whole columns: a column that got fewer values gets NULL in the last rows. */
etl_status etl_builder_end_rows(struct etl_builder *builder, int64_t rows, struct etl_error *err);

/* Drops what has been appended since the last end_row. */
void etl_builder_abort_row(struct etl_builder *builder);

int64_t etl_builder_rows(const struct etl_builder *builder);
size_t etl_builder_bytes(const struct etl_builder *builder); /* of all buffers in use */

/* Hands out the finished rows as a batch (moved to the caller) and starts the next one. ret_batch may have 0 rows. On failure
 * the builder keeps its rows. */
etl_status etl_builder_finish(struct etl_builder *builder, struct ArrowArray *ret_batch, struct etl_error *err);

/* Makes room for `rows` more rows and `bytes` more payload bytes (0 for fixed-width kinds). ETL_NOMEM, or ETL_DATA when a
 * batch would exceed 2 GiB of payload in a column with 32 bit offsets. */
etl_status etl_column_reserve(struct etl_column *column, int64_t rows, size_t bytes, struct etl_error *err);

/* Out-of-line parts of the appends below: growth, narrow widths, range checks. Call the functions without the prefix. */
etl_status etl__append_bool(struct etl_column *column, bool value, struct etl_error *err);
etl_status etl__append_int(struct etl_column *column, int64_t value, struct etl_error *err);
etl_status etl__append_double(struct etl_column *column, double value, struct etl_error *err);
etl_status etl__append_decimal(struct etl_column *column, struct etl_decimal value, struct etl_error *err);
etl_status etl__append_bytes(struct etl_column *column, const char *data, size_t length, struct etl_error *err);

/* Appends. A kind that does not match the column's is ETL_MISUSE. They grow as needed. ETL_NOMEM or ETL_DATA as for reserve. */
etl_status etl_append_null(struct etl_column *column, struct etl_error *err);

static inline etl_status etl_append_bool(struct etl_column *column, bool value, struct etl_error *err)
{
    uint8_t *bits = (uint8_t *)column->data;
    int64_t row = column->length;
    if (column->store != ETL_STORE_BIT || row >= column->capacity)
        return etl__append_bool(column, value, err);
    bits[row >> 3] = (uint8_t)(bits[row >> 3] | (unsigned)value << (row & 7));
    column->length++;
    return ETL_OK;
}

/* INT, DATE, TIME, TIMESTAMP, and UINT. ETL_DATA when the value does not fit the width. */
static inline etl_status etl_append_int(struct etl_column *column, int64_t value, struct etl_error *err)
{
    if (column->store != ETL_STORE_INT64 || column->length >= column->capacity || column->type.kind == ETL_KIND_UINT)
        return etl__append_int(column, value, err);
    ((int64_t *)column->data)[column->length++] = value;
    return ETL_OK;
}

/* UINT; INT when it fits. */
etl_status etl_append_uint(struct etl_column *column, uint64_t value, struct etl_error *err);

static inline etl_status etl_append_double(struct etl_column *column, double value, struct etl_error *err)
{
    if (column->store != ETL_STORE_DOUBLE || column->length >= column->capacity)
        return etl__append_double(column, value, err);
    ((double *)column->data)[column->length++] = value;
    return ETL_OK;
}

/* The value is at the column's scale. */
static inline etl_status etl_append_decimal(struct etl_column *column, struct etl_decimal value, struct etl_error *err)
{
    if (column->store != ETL_STORE_DECIMAL || column->length >= column->capacity)
        return etl__append_decimal(column, value, err);
    memcpy((char *)column->data + column->length++ * 16, &value, 16);
    return ETL_OK;
}

/* STRING, JSON, UUID, BINARY. Text is not checked for UTF-8 here; the shredder and value parsers do that. */
static inline etl_status etl_append_bytes(struct etl_column *column, const char *data, size_t length,
                                          struct etl_error *err)
{
    if (column->store != ETL_STORE_OFFSET32 || column->length >= column->capacity ||
        length >= column->bytes_capacity - column->bytes_length)
        return etl__append_bytes(column, data, length, err);
    if (length)
        memcpy(column->bytes + column->bytes_length, data, length);
    column->bytes_length += length;
    ((int32_t *)column->data)[++column->length] = (int32_t)column->bytes_length;
    return ETL_OK;
}

/* Many at once. All or nothing. */
etl_status etl_append_null_many(struct etl_column *column, int64_t count, struct etl_error *err);
etl_status etl_append_int_many(struct etl_column *column, const int64_t *values, int64_t count, struct etl_error *err);
etl_status etl_append_double_many(struct etl_column *column, const double *values, int64_t count,
                                  struct etl_error *err);
etl_status etl_append_bytes_many(struct etl_column *column, const struct etl_bytes *values, int64_t count,
                                 struct etl_error *err);

/* Parses the canonical text form (value_text.h; base64 for BINARY) into any scalar column; text must be UTF-8, JSON well-formed.
 * *ret_fits is false (and nothing is appended) when the
 * text is not a value of that type; the return is then still ETL_OK. */
etl_status etl_append_text(struct etl_column *column, const char *text, size_t length, bool *ret_fits,
                           struct etl_error *err);

/* Takes back the values beyond `length`, with what nested columns hold beyond theirs. */
void etl_column_truncate(struct etl_column *column, int64_t length);

/* LIST: append the items to etl_column_child(column, 0), then call this once to close the list value. */
etl_status etl_append_list_end(struct etl_column *column, struct etl_error *err);

/* STRUCT: append to the children, then call this; children that got no value get NULL, one that got more than one is
 * ETL_MISUSE. */
etl_status etl_append_struct_end(struct etl_column *column, struct etl_error *err);

static inline struct etl_column *etl_column_child(struct etl_column *column, int64_t index)
{
    return column->children[index];
}

#ifdef __cplusplus
}
#endif

#endif
