/* What the two halves of the shredder share. */
#ifndef ETL_SRC_SHREDDER_INTERNAL_H
#define ETL_SRC_SHREDDER_INTERNAL_H

#include <etlhost/sdk/json_reader.h>
#include <etlhost/sdk/json_writer.h>
#include <etlhost/sdk/shredder.h>

#include "sdk/src/infer.h"

struct etl_shredder {
    struct etl_shredder_options options;
    struct field *root;
    struct etl_builder *builder; /* of the schema last taken; NULL before */
    struct etl_json json;        /* kept for its scratch memory */
    struct field **columns;      /* set_columns: the field of each cell */
    size_t n_columns;
    size_t n_fields;        /* in the whole tree */
    struct etl_buffer name; /* scratch of shredder_find */
    char misfit[1024];
};

/* The child of that key; NULL when there is none yet or memory is out. `*cursor` is where it is guessed: records mostly have their keys in
 * the same order. Keys that cannot be column names are mapped: "" is "_", and NUL bytes become U+FFFD. */
struct field *shredder_find(struct etl_shredder *shredder, const struct field *parent, struct etl_bytes *key,
                            size_t *cursor);

/* UTF-8 without NUL bytes. */
bool shredder_is_clean(struct etl_bytes text);

/* ETL_DATA naming the column. */
etl_status shredder_fail_cell(const struct field *field, struct etl_error *err);

#endif
