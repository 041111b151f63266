/* Comparing the schema that arrives with the one agreed on, under the stream's contract. Pure functions, any thread. */
#ifndef CORE_DATA_SCHEMA_CHANGE_H
#define CORE_DATA_SCHEMA_CHANGE_H

#include <etlhost/sdk/schema.h>
#include <jansson.h>

enum contract {
    CONTRACT_EVOLVE,      /* add columns as nullable, widen types */
    CONTRACT_FREEZE,      /* any change fails the stream */
    CONTRACT_DISCARD_ROW, /* the agreed schema stays; rows that do not fit it are dropped and counted */
    CONTRACT_DEAD_LETTER  /* the same, and kept aside */
};

/* The narrowest type that holds every value of both exactly (architecture: "Data"): equal types; int widths; int -> decimal -> text; decimal
 * precision and scale; float32 -> double; date -> timestamp (without zone) -> text; anything scalar -> text; scalar against nested,
 * struct against list -> arrow.json. False only when there is none. Struct children are merged by name, list items merged. */
etl_status schema_merge(const struct ArrowSchema *agreed, const struct ArrowSchema *incoming,
                        struct ArrowSchema *ret_merged, struct etl_error *err);

/* What changed from `from` to `to`, as sentences: calls emit per change: "new column a: int64", "column b: int64 -> decimal(18,2)". A column
 * that is missing in `to` is not a change. */
typedef void (*schema_emit_change)(void *arg, const char *sentence);
void schema_diff(const struct ArrowSchema *from, const struct ArrowSchema *to, schema_emit_change emit, void *arg);

/* Decides the schema of the batches from here on. `agreed` released/NULL = first time: the incoming one is agreed on. EVOLVE: the merge.
 * FREEZE: the agreed one, or ETL_SCHEMA with the change in words and what the user can do. DISCARD_ROW, DEAD_LETTER: the agreed one; new columns and
 * values that do not fit make the row a misfit (a NULL in a new column is no misfit). */
etl_status schema_agree(enum contract contract, const struct ArrowSchema *agreed, const struct ArrowSchema *incoming,
                        struct ArrowSchema *ret_agreed, struct etl_error *err);

/* JSON form of a schema for the state, catalogs and `discover`: {"columns":[{"name","type","nullable","extension"?,"children"?}]}, where type is the
 * Arrow format string. Round-trips exactly what etl_schema_validate accepts. */
etl_status schema_to_json(const struct ArrowSchema *schema, json_t **ret_json, struct etl_error *err);
etl_status schema_from_json(const json_t *json, struct ArrowSchema *ret_schema, struct etl_error *err);

#endif
