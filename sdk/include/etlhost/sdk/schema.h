/* Building and reading ArrowSchema trees. Functions that fill a `ret_schema` transfer ownership: the caller releases it by
 * etl_schema_release. Any thread; a schema is not changed by two threads at once. */
#ifndef ETL_SDK_SCHEMA_H
#define ETL_SDK_SCHEMA_H

#include <etlhost/sdk/type.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An empty root struct ("+s"), or a struct node named `name` ("" for a root). */
etl_status etl_schema_init_struct(struct ArrowSchema *ret_schema, const char *name, struct etl_error *err);

/* A leaf, nullable, owned by the caller. LIST and STRUCT are built by the functions below. */
etl_status etl_schema_init_leaf(struct ArrowSchema *ret_schema, const char *name, const struct etl_type *type,
                                struct etl_error *err);

/* A list node named `name` whose items are `item`, which is moved in (also on failure it is released). */
etl_status etl_schema_init_list(struct ArrowSchema *ret_schema, const char *name, struct ArrowSchema *item,
                                struct etl_error *err);

/* Appends `child` to a struct node made by this library; moved in (released on failure). */
etl_status etl_schema_add(struct ArrowSchema *parent, struct ArrowSchema *child, struct etl_error *err);

/* Shorthand: a nullable leaf from a format string ("l", "d:18,2", "tsu:UTC"), extension NULL for none. */
etl_status etl_schema_add_column(struct ArrowSchema *parent, const char *name, const char *format,
                                 const char *extension, struct etl_error *err);

/* Sets a metadata key (value NULL = removes it) on a node made by this library. */
etl_status etl_schema_set_metadata(struct ArrowSchema *schema, const char *key, const char *value,
                                   struct etl_error *err);

/* Finds a metadata value in any producer's schema. Returns bytes with data NULL when absent. Borrowed. Arrow's encoding of
 * metadata: int32 count, then per pair int32 length + bytes for key and value, native endianness. */
struct etl_bytes etl_schema_metadata(const struct ArrowSchema *schema, const char *key);

/* Renames a node made by this library. */
etl_status etl_schema_set_name(struct ArrowSchema *schema, const char *name, struct etl_error *err);

/* Deep copy of any producer's schema. */
etl_status etl_schema_copy(const struct ArrowSchema *schema, struct ArrowSchema *ret_schema, struct etl_error *err);

/* Index of the child with that exact name, or -1. */
int64_t etl_schema_find(const struct ArrowSchema *schema, const char *name);

/* Index of the operation column of a root (ETL_META_OP_COLUMN), or -1. */
int64_t etl_schema_op_column(const struct ArrowSchema *schema);

/* Same names, types, nullability, children and operation column, recursively. */
bool etl_schema_equal(const struct ArrowSchema *a, const struct ArrowSchema *b);

/* Checks a root schema against the rules of the ABI: formats of the subset, unique non-empty UTF-8 names, struct root,
 * list with one child, no dictionary, nesting of at most 64. The message names the column by path ("customer.address[].zip"). */
etl_status etl_schema_validate(const struct ArrowSchema *schema, struct etl_error *err);

/* Calls release when there is one; NULL-safe. */
void etl_schema_release(struct ArrowSchema *schema);
void etl_array_release(struct ArrowArray *array);

/* Copies bytewise and marks the source released. `ret` is overwritten. */
void etl_schema_move(struct ArrowSchema *from, struct ArrowSchema *ret);
void etl_array_move(struct ArrowArray *from, struct ArrowArray *ret);

#ifdef __cplusplus
}
#endif

#endif
