/* From untyped records (CSV cells, JSON values) to typed batches: sampling, type inference, and the check of every later
 * value. One shredder belongs to one thread.
 *
 * Use: observe a sample, take the schema, then append records. When a record does not fit, nothing of it is appended: hand out
 * the rows so far (etl_shredder_finish), observe the record (the schema widens), send the new schema, append it again.
 *
 * Inference
 *   true/false                         -> bool
 *   integers that fit int64            -> int64. "007", "+1" and a cell "-0" are no int64: they would not come back
 *   other plain numbers                -> decimal(p,s) that holds all seen, with p at least 18 so that the next larger amount is no
 *                                         schema change; beyond 38 digits text
 *   numbers only in exponent notation  -> double. Mixed with plain numbers: cells -> text ("12E5" beside "1234" is a code); JSON ->
 *                                         decimal when 38 digits hold all exactly, else double
 *   2026-01-31; 2026-01-31T23:59:59[.ffffff][Z|+hh:mm] or with a space
 *                                      -> date; timestamp with or without zone. The same in JSON strings
 *   JSON objects -> struct, arrays -> list
 *   objects and arrays that were always empty, objects with more than `struct_fields_max` keys, arrays whose items are of different
 *   JSON types, values that are now scalar and now nested, anything nested deeper than `depth_max` -> arrow.json (raw text)
 *   everything else (canonical UUIDs, empty strings, other spellings), and any mixture of scalars without a common type -> text
 * Widening of a schema that has been taken: int -> decimal -> text, date -> timestamp without zone -> text, any scalar -> text; struct
 * and list widen inside; scalar against nested -> arrow.json. It never narrows, and a value that fits as it is changes nothing: a
 * double column takes plain numbers and NaN, a text column takes JSON numbers and booleans as written, a timestamp
 * column takes dates as midnight, a decimal column takes "-0.00" and fewer digits.
 *
 * Coming back: for cells, the text form of an int64, bool, date or text value is the cell again, byte for byte. A decimal comes back as the same
 * number at the column's scale ("1.5" as "1.50"), a timestamp as the same instant in canonical form (T, UTC), a double as the
 * same double.
 *
 * Names: keys are taken as they are (case, dots, any UTF-8); the empty key is the column "_", an empty cell name "column_N", NUL bytes in
 * a key become U+FFFD. At most 65536 columns and nested fields together. JSON null and an absent key are both NULL.
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

/* One JSON object. Anything else is ETL_DATA, as is malformed JSON; duplicate keys: the last one wins. A record that observe
 * refuses has taught nothing, one that append refuses or that does not fit has left nothing behind. */
etl_status etl_shredder_observe_json(struct etl_shredder *shredder, const char *text, size_t length,
                                     struct etl_error *err);
etl_status etl_shredder_append_json(struct etl_shredder *shredder, const char *text, size_t length, bool *ret_fits,
                                    struct etl_error *err);

/* Cells of one row of named columns (etl_shredder_set_columns first, may be called again with other names). A cell with data
 * NULL is NULL. Cells are text in UTF-8; etl_shredder_append_cells answers ETL_DATA for invalid UTF-8 or NUL bytes, naming the
 * column. */
etl_status etl_shredder_set_columns(struct etl_shredder *shredder, const char *const *names, size_t count,
                                    struct etl_error *err);
etl_status etl_shredder_observe_cells(struct etl_shredder *shredder, const struct etl_bytes *cells, size_t count,
                                      struct etl_error *err);
etl_status etl_shredder_append_cells(struct etl_shredder *shredder, const struct etl_bytes *cells, size_t count,
                                     bool *ret_fits, struct etl_error *err);

/* Fixes the types as observed so far (columns in order of first appearance) and returns a copy of the schema. A schema taken
 * after a further observe contains the former columns first, in the same order. ETL_MISUSE when it has changed while rows of the
 * former one have not been handed out. */
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
