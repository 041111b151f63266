/* Inside of the synth plugin: a source of generated records. What a record holds is a pure function of (seed, stream, key, revision); see
 * etlhost-synth(7). */
#ifndef SYNTH_H
#define SYNTH_H

#include <stdbool.h>

#include <etlhost/sdk/config.h>
#include <etlhost/sdk/schema.h>

#define SYNTH_SETTINGS(S)                                                                                              \
    S(COUNT, streams, 0, "1", "", "Number of streams, 1 to 1000")                                                      \
    S(TEXT, stream, 0, "\"\"", "",                                                                                     \
      "Name of the stream; with several streams their prefix. Default: synth_1, synth_2 ...")                          \
    S(COUNT, rows, 0, "1000000", "", "Keys per stream, up to 10^12")                                                   \
    S(COUNT, columns, 0, "12", "", "Columns per stream, 1 to 1000; the first is the key")                              \
    S(FLAG, nested, 0, "false", "", "Include struct, list and JSON columns")                                           \
    S(COUNT, null_percent, 0, "0", "", "Share of NULLs in the columns other than the key")                             \
    S(COUNT, seed, 0, "1", "", "Another seed gives other values")                                                      \
    S(COUNT, revision, 0, "0", "", "Passes of changes after the first pass; one more makes the next run emit changes") \
    S(COUNT, updates_percent, 0, "0", "", "Share of the keys that each revision updates")                              \
    S(COUNT, deletes_percent, 0, "0", "", "Share of the keys that each revision deletes")                              \
    S(COUNT, schema_change_at, 0, "0", "", "Key number from which on there is one more column; 0 = never")
ETL_SETTINGS(synth_settings, SYNTH_SETTINGS);

const char *synth_source_schema(void);
extern const struct etl_source_ops synth_source_ops;

/* ---- columns ---- */

enum synth_kind {
    SYNTH_ID,
    SYNTH_CUSTOMER, /* computed for each key: */
    SYNTH_AMOUNT,
    SYNTH_CREATED,
    SYNTH_RATE,
    SYNTH_UPDATED,
    SYNTH_VERSION,
    SYNTH_OP,
    SYNTH_FIRST_BLOCK,
    SYNTH_PAID = SYNTH_FIRST_BLOCK, /* taken from a block of values that repeats: */
    SYNTH_STATUS,
    SYNTH_CURRENCY,
    SYNTH_DUE,
    SYNTH_NAME,
    SYNTH_ADDRESS,
    SYNTH_ITEMS,
    SYNTH_METADATA,
    SYNTH_KINDS
};

enum {
    SYNTH_BLOCK_ROWS = 16384, /* after so many keys a block repeats */
    SYNTH_BATCH_MAX = 16384,
    SYNTH_ID_LENGTH = 16
};

struct synth_column {
    enum synth_kind kind;
    uint64_t salt; /* differs by seed, stream and column */
    bool is_extra; /* the one that schema_change_at adds */
};

/* Column `index` of the settings' columns, of the extra column behind them or of the operation column behind that. */
struct synth_column synth_column_at(const struct synth_settings *settings, int64_t stream, int64_t index);

/* Adds the column of that index, as synth_column_at. */
etl_status synth_add_column(struct ArrowSchema *root, const struct synth_settings *settings, int64_t index,
                            struct etl_error *err);

/* Format of a computed kind's values: bytes per row in its data buffer. */
size_t synth_width(enum synth_kind kind);

uint64_t synth_mix(uint64_t value); /* a good 64 bit mixer */

/* ---- blocks: values that repeat every SYNTH_BLOCK_ROWS keys, long enough for a batch from any start ---- */

/* Builds the block of one kind; nulls by `null_percent`. */
etl_status synth_block_build(enum synth_kind kind, uint64_t seed, int64_t null_percent, struct ArrowArray *ret_block,
                             struct etl_error *err);

/* ---- pool: memory of batches, reused when they are released, on whatever thread ---- */

struct synth_pool;

struct synth_pool_plan {
    int64_t n_columns; /* at most; of one batch */
    int64_t n_nested;  /* arrays below the columns */
    size_t data_bytes; /* for computed values */
};

/* The pool lives until it is closed and all its batches are released. Blocks of the kinds in `kinds` (a bit each) are built. */
etl_status synth_pool_new(const struct synth_pool_plan *plan, uint32_t kinds, uint64_t seed, int64_t null_percent,
                          struct synth_pool **ret_pool, struct etl_error *err);
void synth_pool_close(struct synth_pool *pool);

/* What all batches share. `nulls` has SYNTH_BLOCK_ROWS + SYNTH_BATCH_MAX bits and repeats like a block; NULL without nulls. */
struct synth_shared {
    struct ArrowArray blocks[SYNTH_KINDS];
    int32_t id_offsets[SYNTH_BATCH_MAX + 1];
    uint8_t zeros[SYNTH_BATCH_MAX / 8]; /* validity of rows without values */
    uint8_t operations[3][SYNTH_BATCH_MAX];
    uint8_t *nulls;
};
const struct synth_shared *synth_pool_shared(const struct synth_pool *pool);

/* An empty batch of `n_columns` columns under construction. */
etl_status synth_batch_new(struct synth_pool *pool, int64_t n_columns, int64_t rows, struct ArrowArray *ret_batch,
                           struct etl_error *err);

/* `bytes` of the batch's own memory, 64-byte aligned. NULL when the plan was too small. */
void *synth_batch_data(struct ArrowArray *batch, size_t bytes);

/* Fills column `index`: a leaf with up to 3 buffers, or rows [from, from + batch length) of a block. */
void synth_batch_leaf(struct ArrowArray *batch, int64_t index, int64_t offset, int64_t null_count, const void *validity,
                      const void *data, const void *bytes);
void synth_batch_block(struct ArrowArray *batch, int64_t index, const struct ArrowArray *block, int64_t from);

/* ---- generating ---- */

/* Rows first_key, first_key + 1 ... of one revision. */
struct synth_rows {
    int64_t first_key, count;
    int64_t revision;
    uint8_t operation; /* ETL_OP_*; a DELETE has its key only */
};

etl_status synth_generate(struct synth_pool *pool, const struct synth_column *columns, int64_t n_columns,
                          const struct synth_rows *rows, struct ArrowArray *ret_batch, struct etl_error *err);

#endif
