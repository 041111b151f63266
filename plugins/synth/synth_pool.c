/* Memory of batches. A chunk holds the nodes and the computed values of one batch; each live node holds a reference to its chunk, so children may be
 * moved out and released in any order and on any thread. The last release puts the chunk back into the pool; the pool itself lives as long
 * as its reader or one of its chunks. lock: only guards the list of free chunks. */
#include "plugins/synth/synth.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64, BUFFERS_MAX = 3, FREE_MAX = 64 };

struct node {
    const void *buffers[BUFFERS_MAX];
    struct ArrowArray array; /* where children stand */
};

struct chunk {
    struct synth_pool *pool;
    struct chunk *next;
    atomic_long references;
    int64_t nodes_used;
    size_t data_used;
    struct node *nodes;
    struct ArrowArray **children; /* one slot per node but the root, in order of the nodes */
    uint8_t *data;
};

struct synth_pool {
    struct synth_shared shared;
    struct synth_pool_plan plan;
    atomic_long references;
    pthread_mutex_t lock;
    struct chunk *free_chunks;
    int free_count;
};

/* ---- life ---- */

static void chunk_free(struct chunk *chunk)
{
    if (!chunk)
        return;
    free(chunk->nodes);
    free(chunk->children);
    free(chunk->data);
    free(chunk);
}

static void pool_unref(struct synth_pool *pool)
{
    if (atomic_fetch_sub(&pool->references, 1) != 1)
        return;
    while (pool->free_chunks) {
        struct chunk *chunk = pool->free_chunks;
        pool->free_chunks = chunk->next;
        chunk_free(chunk);
    }
    for (int i = 0; i < SYNTH_KINDS; i++)
        etl_array_release(&pool->shared.blocks[i]);
    free(pool->shared.nulls);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

static void chunk_unref(struct chunk *chunk)
{
    struct synth_pool *pool = chunk->pool;
    bool keep = false;
    if (atomic_fetch_sub(&chunk->references, 1) != 1)
        return;
    pthread_mutex_lock(&pool->lock);
    keep = pool->free_count < FREE_MAX;
    if (keep) {
        chunk->next = pool->free_chunks;
        pool->free_chunks = chunk;
        pool->free_count++;
    }
    pthread_mutex_unlock(&pool->lock);
    if (!keep)
        chunk_free(chunk);
    pool_unref(pool);
}

static etl_status fill_shared(struct synth_pool *pool, uint32_t kinds, uint64_t seed, int64_t null_percent,
                              struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct synth_shared *shared = &pool->shared;
    for (int32_t i = 0; i <= SYNTH_BATCH_MAX; i++)
        shared->id_offsets[i] = i * SYNTH_ID_LENGTH;
    for (int op = ETL_OP_INSERT; op <= ETL_OP_DELETE; op++)
        memset(shared->operations[op], op, sizeof shared->operations[op]);
    for (int kind = SYNTH_FIRST_BLOCK; kind < SYNTH_KINDS; kind++) {
        if (kinds >> kind & 1)
            ETL_TRY(synth_block_build((enum synth_kind)kind, seed, null_percent, &shared->blocks[kind], err));
    }
    if (null_percent == 0)
        return ETL_OK;
    /* One spare byte: a batch may start inside the last byte. */
    shared->nulls = calloc(1, (SYNTH_BLOCK_ROWS + SYNTH_BATCH_MAX) / 8 + 1);
    if (!shared->nulls)
        return etl_fail_memory(err);
    for (int64_t i = 0; i < SYNTH_BLOCK_ROWS + SYNTH_BATCH_MAX; i++) {
        bool valid = (int64_t)(synth_mix(seed ^ (uint64_t)(i % SYNTH_BLOCK_ROWS)) % 100) >= null_percent;
        shared->nulls[i >> 3] = (uint8_t)(shared->nulls[i >> 3] | (unsigned)valid << (i & 7));
    }
out:
    return status;
}

etl_status synth_pool_new(const struct synth_pool_plan *plan, uint32_t kinds, uint64_t seed, int64_t null_percent,
                          struct synth_pool **ret_pool, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct synth_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return etl_fail_memory(err);
    pool->plan = *plan;
    atomic_init(&pool->references, 1);
    pthread_mutex_init(&pool->lock, NULL);
    ETL_TRY(fill_shared(pool, kinds, seed, null_percent, err));
    *ret_pool = pool;
    pool = NULL;
out:
    synth_pool_close(pool);
    return status;
}

void synth_pool_close(struct synth_pool *pool)
{
    if (pool)
        pool_unref(pool);
}

const struct synth_shared *synth_pool_shared(const struct synth_pool *pool)
{
    return &pool->shared;
}

/* ---- batches ---- */

static struct chunk *chunk_new(struct synth_pool *pool)
{
    size_t nodes = (size_t)(1 + pool->plan.n_columns + pool->plan.n_nested);
    struct chunk *chunk = calloc(1, sizeof *chunk);
    if (!chunk)
        return NULL;
    chunk->pool = pool;
    chunk->nodes = calloc(nodes, sizeof *chunk->nodes);
    chunk->children = calloc(nodes, sizeof(struct ArrowArray *));
    chunk->data = aligned_alloc(ALIGNMENT, (pool->plan.data_bytes / ALIGNMENT + 1) * ALIGNMENT);
    if (!chunk->nodes || !chunk->children || !chunk->data) {
        chunk_free(chunk);
        return NULL;
    }
    /* Rows that are deleted have no values: what stands there must be readable all the same. */
    memset(chunk->data, 0, pool->plan.data_bytes);
    return chunk;
}

static struct chunk *chunk_get(struct synth_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct chunk *chunk = pool->free_chunks;
    if (chunk) {
        pool->free_chunks = chunk->next;
        pool->free_count--;
    }
    pthread_mutex_unlock(&pool->lock);
    return chunk ? chunk : chunk_new(pool);
}

static void node_release(struct ArrowArray *array)
{
    struct chunk *chunk = array->private_data;
    for (int64_t i = 0; i < array->n_children; i++)
        etl_array_release(array->children[i]);
    array->release = NULL;
    chunk_unref(chunk);
}

/* Reserves `count` nodes as children; returns the first slot. */
static struct ArrowArray **add_children(struct chunk *chunk, int64_t count)
{
    struct ArrowArray **slots = &chunk->children[chunk->nodes_used];
    for (int64_t i = 0; i < count; i++)
        slots[i] = &chunk->nodes[chunk->nodes_used + i].array;
    chunk->nodes_used += count;
    return slots;
}

static void node_init(struct chunk *chunk, struct node *node, struct ArrowArray *array, int64_t length)
{
    *array =
        (struct ArrowArray){.length = length, .buffers = node->buffers, .release = node_release, .private_data = chunk};
    atomic_fetch_add_explicit(&chunk->references, 1, memory_order_relaxed);
}

static struct node *node_of(struct ArrowArray *array)
{
    return (struct node *)(void *)((char *)array - offsetof(struct node, array));
}

etl_status synth_batch_new(struct synth_pool *pool, int64_t n_columns, int64_t rows, struct ArrowArray *ret_batch,
                           struct etl_error *err)
{
    struct chunk *chunk = n_columns <= pool->plan.n_columns ? chunk_get(pool) : NULL;
    if (!chunk)
        return etl_fail_memory(err);
    atomic_fetch_add(&pool->references, 1);
    atomic_store(&chunk->references, 0);
    chunk->nodes_used = 1;
    chunk->data_used = 0;
    node_init(chunk, &chunk->nodes[0], ret_batch, rows);
    chunk->nodes[0].buffers[0] = NULL;
    ret_batch->n_buffers = 1;
    ret_batch->n_children = n_columns;
    ret_batch->children = add_children(chunk, n_columns);
    for (int64_t i = 0; i < n_columns; i++)
        ret_batch->children[i]->release = NULL;
    return ETL_OK;
}

void *synth_batch_data(struct ArrowArray *batch, size_t bytes)
{
    struct chunk *chunk = batch->private_data;
    size_t rounded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (rounded > chunk->pool->plan.data_bytes - chunk->data_used)
        return NULL;
    chunk->data_used += rounded;
    return chunk->data + chunk->data_used - rounded;
}

void synth_batch_leaf(struct ArrowArray *batch, int64_t index, int64_t offset, int64_t null_count, const void *validity,
                      const void *data, const void *bytes)
{
    struct ArrowArray *column = batch->children[index];
    node_init(batch->private_data, node_of(column), column, batch->length);
    column->offset = offset;
    column->null_count = null_count;
    column->n_buffers = bytes ? 3 : 2;
    column->buffers[0] = validity;
    column->buffers[1] = data;
    column->buffers[2] = bytes;
}

/* A node with the buffers of `block`, and its children likewise, whole. */
static void share(struct chunk *chunk, struct ArrowArray *array, const struct ArrowArray *block)
{
    node_init(chunk, node_of(array), array, block->length);
    array->offset = block->offset;
    array->null_count = block->null_count;
    array->n_buffers = block->n_buffers;
    array->n_children = block->n_children;
    for (int64_t i = 0; i < block->n_buffers; i++)
        array->buffers[i] = block->buffers[i];
    if (block->n_children)
        array->children = add_children(chunk, block->n_children);
    for (int64_t i = 0; i < block->n_children; i++)
        share(chunk, array->children[i], block->children[i]);
}

void synth_batch_block(struct ArrowArray *batch, int64_t index, const struct ArrowArray *block, int64_t from)
{
    struct ArrowArray *column = batch->children[index];
    share(batch->private_data, column, block);
    column->offset += from;
    column->length = batch->length;
    if (column->null_count > 0)
        column->null_count = -1;
}
