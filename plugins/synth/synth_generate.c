/* The computed columns. Numbers are permutations of the key within 40 bits, so that no two keys of one revision share a value; each loop is
 * one column over one batch. */
#include "plugins/synth/synth.h"

#include <string.h>

#define KEY_BITS  40
#define KEY_MASK  ((UINT64_C(1) << KEY_BITS) - 1)
#define EPOCH_US  INT64_C(946684800000000) /* 2000-01-01 */
#define DAY_US    INT64_C(86400000000)
#define ID_PREFIX "row_"

/* A bijection of 40 bit numbers for each salt: adding, multiplying by odd numbers and xor-shifts can all be undone. */
static inline uint64_t permute(uint64_t key, uint64_t salt)
{
    uint64_t x = (key + salt) & KEY_MASK;
    x = (x * UINT64_C(0x9e3779b97f4a7c15)) & KEY_MASK;
    x ^= x >> 21;
    x = (x * UINT64_C(0xd1342543de82ef95)) & KEY_MASK;
    return x ^ x >> 19;
}

/* "row_000000000042": the digits of the key count up, so each id is the one before with a carry now and then. */
static void fill_ids(char *out, const struct synth_rows *rows)
{
    char digits[SYNTH_ID_LENGTH];
    uint64_t key = (uint64_t)rows->first_key;
    memcpy(digits, ID_PREFIX, 4);
    for (int i = SYNTH_ID_LENGTH - 1; i >= 4; i--, key /= 10)
        digits[i] = (char)('0' + key % 10);
    for (int64_t row = 0; row < rows->count; row++) {
        memcpy(out + row * SYNTH_ID_LENGTH, digits, SYNTH_ID_LENGTH);
        int i = SYNTH_ID_LENGTH - 1;
        for (; digits[i] == '9' && i > 4; i--)
            digits[i] = '0';
        digits[i]++;
    }
}

static void fill_integers(int64_t *out, const struct synth_rows *rows, uint64_t salt)
{
    for (int64_t row = 0; row < rows->count; row++)
        out[row] = (int64_t)permute((uint64_t)(rows->first_key + row), salt);
}

static void fill_decimals(int64_t *out, const struct synth_rows *rows, uint64_t salt)
{
    for (int64_t row = 0; row < rows->count; row++) {
        out[2 * row] = (int64_t)permute((uint64_t)(rows->first_key + row), salt);
        out[2 * row + 1] = 0;
    }
}

/* A division by a power of two is exact. */
static void fill_doubles(double *out, const struct synth_rows *rows, uint64_t salt)
{
    for (int64_t row = 0; row < rows->count; row++)
        out[row] = (double)permute((uint64_t)(rows->first_key + row), salt) / 1024;
}

static void fill_times(int64_t *out, const struct synth_rows *rows, int64_t shift_us)
{
    for (int64_t row = 0; row < rows->count; row++)
        out[row] = EPOCH_US + (rows->first_key + row) * 1000 + shift_us;
}

static void fill_versions(int32_t *out, const struct synth_rows *rows)
{
    for (int64_t row = 0; row < rows->count; row++)
        out[row] = (int32_t)rows->revision;
}

static void fill(void *out, const struct synth_column *column, const struct synth_rows *rows)
{
    uint64_t salt = column->salt + (uint64_t)rows->revision * UINT64_C(0x2545f4914f6cdd1d);
    switch (column->kind) {
    case SYNTH_CUSTOMER: fill_integers(out, rows, salt); break;
    case SYNTH_AMOUNT: fill_decimals(out, rows, salt); break;
    case SYNTH_RATE: fill_doubles(out, rows, salt); break;
    case SYNTH_CREATED: fill_times(out, rows, 0); break;
    case SYNTH_UPDATED: fill_times(out, rows, rows->revision * DAY_US); break;
    case SYNTH_VERSION: fill_versions(out, rows); break;
    case SYNTH_ID: fill_ids(out, rows); break;
    case SYNTH_OP:
    case SYNTH_PAID:
    case SYNTH_STATUS:
    case SYNTH_CURRENCY:
    case SYNTH_DUE:
    case SYNTH_NAME:
    case SYNTH_ADDRESS:
    case SYNTH_ITEMS:
    case SYNTH_METADATA:
    case SYNTH_KINDS: break;
    }
}

static bool is_deleted(const struct synth_rows *rows)
{
    return rows->operation == ETL_OP_DELETE;
}

/* Where the batch starts in a block that repeats: it moves on with the key and jumps with the revision. */
static int64_t block_start(const struct synth_column *column, const struct synth_rows *rows)
{
    uint64_t shift = column->salt + (uint64_t)rows->revision * 7919;
    return (int64_t)(((uint64_t)rows->first_key + shift) % SYNTH_BLOCK_ROWS);
}

/* A deleted row: all NULL. The block is used whole from its start, its own validity replaced at the top. */
static void all_null(struct ArrowArray *batch, int64_t index, const struct synth_shared *shared,
                     const struct synth_column *column, void *data)
{
    if (column->kind < SYNTH_FIRST_BLOCK) {
        synth_batch_leaf(batch, index, 0, batch->length, shared->zeros, data, NULL);
        return;
    }
    synth_batch_block(batch, index, &shared->blocks[column->kind], 0);
    batch->children[index]->buffers[0] = shared->zeros;
    batch->children[index]->null_count = batch->length;
}

/* Values start at the bit of the first validity byte where the batch's NULLs start. */
static etl_status computed(struct ArrowArray *batch, int64_t index, const struct synth_shared *shared,
                           const struct synth_column *column, const struct synth_rows *rows, struct etl_error *err)
{
    size_t width = synth_width(column->kind);
    int64_t start = shared->nulls && !is_deleted(rows) && column->kind != SYNTH_ID ? block_start(column, rows) : 0;
    int64_t lead = start & 7;
    char *data = synth_batch_data(batch, ((size_t)rows->count + 8) * width);
    if (!data)
        return etl_fail(err, ETL_INTERNAL, "a batch is larger than its plan");
    if (column->kind == SYNTH_ID || !is_deleted(rows))
        fill(data + (size_t)lead * width, column, rows);
    if (column->kind == SYNTH_ID)
        synth_batch_leaf(batch, index, 0, 0, NULL, shared->id_offsets, data);
    else if (is_deleted(rows))
        all_null(batch, index, shared, column, data);
    else if (shared->nulls)
        synth_batch_leaf(batch, index, lead, -1, shared->nulls + (start >> 3), data, NULL);
    else
        synth_batch_leaf(batch, index, 0, 0, NULL, data, NULL);
    return ETL_OK;
}

etl_status synth_generate(struct synth_pool *pool, const struct synth_column *columns, int64_t n_columns,
                          const struct synth_rows *rows, struct ArrowArray *ret_batch, struct etl_error *err)
{
    etl_status status = ETL_OK;
    const struct synth_shared *shared = synth_pool_shared(pool);
    struct ArrowArray batch = {0};
    ETL_TRY(synth_batch_new(pool, n_columns, rows->count, &batch, err));
    for (int64_t i = 0; i < n_columns; i++) {
        if (columns[i].kind == SYNTH_OP)
            synth_batch_leaf(&batch, i, 0, 0, NULL, shared->operations[rows->operation], NULL);
        else if (columns[i].kind < SYNTH_FIRST_BLOCK)
            ETL_TRY(computed(&batch, i, shared, &columns[i], rows, err));
        else if (is_deleted(rows))
            all_null(&batch, i, shared, &columns[i], NULL);
        else
            synth_batch_block(&batch, i, &shared->blocks[columns[i].kind], block_start(&columns[i], rows));
    }
    etl_array_move(&batch, ret_batch);
out:
    etl_array_release(&batch);
    return status;
}
