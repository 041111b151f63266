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

/* One node of the tree. Public for the inline appends below; treat as private. */
struct etl_column {
    struct etl_type type;
    int64_t length, null_count;
    int64_t capacity;   /* rows that fit validity and data */
    uint8_t *validity;  /* bit per row; allocated on the first null */
    void *data;         /* values or offsets */
    char *bytes;        /* payload */
    size_t bytes_length, bytes_capacity;
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

/* Ends a row: columns that got no value get NULL; a column that got more than one value is ETL_MISUSE. */
etl_status etl_builder_end_row(struct etl_builder *builder, struct etl_error *err);

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

/* Appends. The kind must match the column's (ETL_MISUSE otherwise where it is checked: bytes, list, struct). They grow as
 * needed. ETL_NOMEM or ETL_DATA as for reserve. */
etl_status etl_append_null(struct etl_column *column, struct etl_error *err);
etl_status etl_append_bool(struct etl_column *column, bool value, struct etl_error *err);
etl_status etl_append_int(struct etl_column *column, int64_t value, struct etl_error *err);   /* INT, DATE, TIME, TIMESTAMP, UINT
                                                                                                  below 64 bits; ETL_DATA
                                                                                                  when it does not fit */
etl_status etl_append_uint(struct etl_column *column, uint64_t value, struct etl_error *err); /* UINT */
etl_status etl_append_double(struct etl_column *column, double value, struct etl_error *err);
etl_status etl_append_decimal(struct etl_column *column, struct etl_decimal value, struct etl_error *err);
/* STRING, JSON, UUID, BINARY. Text is not checked for UTF-8 here; the shredder and value parsers do that. */
etl_status etl_append_bytes(struct etl_column *column, const char *data, size_t length, struct etl_error *err);

/* Parses the canonical text form (value_text.h) into any scalar column. *ret_fits is false (and nothing is appended) when the
 * text is not a value of that type; the return is then still ETL_OK. */
etl_status etl_append_text(struct etl_column *column, const char *text, size_t length, bool *ret_fits, struct etl_error *err);

/* LIST: append the items to etl_column_child(column, 0), then call this once to close the list value. */
etl_status etl_append_list_end(struct etl_column *column, struct etl_error *err);

/* STRUCT: append to the children, then call this; children that got no value get NULL. */
etl_status etl_append_struct_end(struct etl_column *column, struct etl_error *err);

static inline struct etl_column *etl_column_child(struct etl_column *column, int64_t index)
{
    return column->children[index];
}

#ifdef __cplusplus
}
#endif

#endif
