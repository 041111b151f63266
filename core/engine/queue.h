/* The way from a stream's reader thread to its writer thread: first in, first out, bounded in bytes. One producer, one consumer. */
#ifndef CORE_ENGINE_QUEUE_H
#define CORE_ENGINE_QUEUE_H

#include <etlhost/sdk/error.h>
#include <stdbool.h>

enum item_kind {
    ITEM_SCHEMA,     /* `schema`: what the batches from here on have */
    ITEM_BATCH,      /* `batch` under the last schema, `flags` as for write() */
    ITEM_LETTER,     /* `letter`: one record that was set aside */
    ITEM_CHECKPOINT, /* `state` covers everything before it */
    ITEM_END         /* nothing more; the last checkpoint covers everything */
};

struct item_letter {
    char *column, *reason, *location, *record;
    size_t record_len;
    bool is_json;
};

/* Owns what its kind names. Zero-initialised fields are not there. */
struct item {
    enum item_kind kind;
    size_t bytes; /* what it counts for in the bound */
    struct item *next;
    struct ArrowSchema schema;
    struct ArrowArray batch;
    uint64_t flags;
    uint64_t rows, deletes;  /* BATCH: rows that are no deletes, and deletes */
    uint64_t read, rejected; /* CHECKPOINT: totals of the reader up to here */
    struct item_letter letter;
    char *state;
    size_t state_len;
    char *cursor; /* CHECKPOINT, "" = none */
};

struct item *item_new(enum item_kind kind); /* NULL when memory is out */
void item_free(struct item *item);          /* NULL-safe */

struct queue;

etl_status queue_new(size_t limit_bytes, struct queue **ret_queue, struct etl_error *err);
void queue_free(struct queue *queue); /* NULL-safe; frees what is still in it */

/* Takes the item in any case. Waits while the bound is exceeded; an item that is larger than the bound passes when the queue is
 * empty. False when the queue was cancelled: the item has been freed. */
bool queue_push(struct queue *queue, struct item *item);

/* Waits up to `wait_ms` for an item. NULL: nothing came in time, or the queue is cancelled, or closed and empty. */
struct item *queue_pop(struct queue *queue, int64_t wait_ms);

/* The producer is done: queue_pop hands out what is left, then answers at once. */
void queue_close(struct queue *queue);
bool queue_is_closed(struct queue *queue); /* closed and empty */

/* Either side gives up: both wake, pushes are refused, pops answer NULL. */
void queue_cancel(struct queue *queue);
bool queue_is_cancelled(struct queue *queue);

#endif
