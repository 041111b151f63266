/* From untyped records (CSV cells, JSON values) to typed batches: sampling, type inference, and the check of every later
 * value. One shredder belongs to one thread.
 *
 * Use: observe a sample, take the schema, then append records. When a record does not fit, nothing of it is appended: hand out
 * the rows so far (etl_shredder_finish), observe the record (the schema widens), send the new schema, append it again.
 *
 * Inference (architecture: "Data"): true/false -> bool; integers that fit int64 -> int64; other plain numbers -> decimal(p,s)
 * that holds all seen, up to 38 digits; numbers only in exponent notation -> double; dates, timestamps (with and without zone
 * are different types), canonical UUIDs stay text; everything else, and any mixture without a common type, -> text. JSON:
 * objects -> struct, arrays -> list, values that are now scalar and now nested, objects with more than `struct_fields_max`
 * keys, objects that were always empty, arrays of mixed items and anything below `depth_max` -> arrow.json. Times in JSON
 * strings are recognised as in CSV. Widening: int -> decimal -> text, date -> timestamp -> text, anything -> text; struct and list
 * widen inside; scalar against nested -> arrow.json.
 */
#ifndef ETL_SDK_SHREDDER_H
#define ETL_SDK_SHREDDER_H

#include <etlhost/sdk/batch_builder.h>

#ifdef __cplusplus
extern "C" {
#endif

struct etl_shredder;

struct etl_shredder_options {
    uint32_t depth_max;         /* nesting kept as struct/list below the root; 0 = 8 */
    uint32_t struct_fields_max; /* 0 = 256; the root has no limit */
    bool all_text;              /* every column is text: no inference */
    bool keep_untyped;          /* columns that had only nulls in the sample are text; otherwise they are left out until
                                   they have a value */
};

etl_status etl_shredder_new(const struct etl_shredder_options *options, struct etl_shredder **ret_shredder,
                            struct etl_error *err);
void etl_shredder_free(struct etl_shredder *shredder);

/* Starts from a known schema (of an earlier run) instead of nothing. Columns keep their types and only widen. Before any
 * observe. */
etl_status etl_shredder_seed(struct etl_shredder *shredder, const struct ArrowSchema *schema, struct etl_error *err);

/* One JSON object. Anything else is ETL_DATA, as is malformed JSON; duplicate keys: the last one wins. */
etl_status etl_shredder_observe_json(struct etl_shredder *shredder, const char *text, size_t length, struct etl_error *err);
etl_status etl_shredder_append_json(struct etl_shredder *shredder, const char *text, size_t length, bool *ret_fits,
                                    struct etl_error *err);

/* Cells of one row of named columns (etl_shredder_set_columns first, may be called again with other names). A cell with data
 * NULL is NULL. Cells are text in UTF-8; etl_shredder_append_cells answers ETL_DATA for invalid UTF-8 or NUL bytes, naming the
 * column. */
etl_status etl_shredder_set_columns(struct etl_shredder *shredder, const char *const *names, size_t count, struct etl_error *err);
etl_status etl_shredder_observe_cells(struct etl_shredder *shredder, const struct etl_bytes *cells, size_t count,
                                      struct etl_error *err);
etl_status etl_shredder_append_cells(struct etl_shredder *shredder, const struct etl_bytes *cells, size_t count, bool *ret_fits,
                                     struct etl_error *err);

/* Fixes the types as observed so far (columns in order of first appearance) and returns a copy of the schema. A schema taken
 * after a further observe contains the former columns first, in the same order. */
etl_status etl_shredder_schema(struct etl_shredder *shredder, struct ArrowSchema *ret_schema, struct etl_error *err);

/* Why the last append did not fit: "column amount: \"abc\" is not int64". Valid until the next call. */
const char *etl_shredder_misfit(const struct etl_shredder *shredder);

int64_t etl_shredder_rows(const struct etl_shredder *shredder);
size_t etl_shredder_bytes(const struct etl_shredder *shredder);

/* Hands out the appended rows (moved to the caller) under the schema last taken. */
etl_status etl_shredder_finish(struct etl_shredder *shredder, struct ArrowArray *ret_batch, struct etl_error *err);

#ifdef __cplusplus
}
#endif

#endif
