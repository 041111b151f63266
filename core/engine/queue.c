/* A linked list under one mutex with two conditions. Items are whole batches, so the lock is taken rarely. `bytes` is the sum over
 * the items in the list. Both conditions use the monotonic clock. */
#include "core/engine/queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include <etlhost/sdk/schema.h>

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t can_push, can_pop;
    struct item *first, **last;
    size_t bytes, limit;
    bool is_closed, is_cancelled;
};

struct item *item_new(enum item_kind kind)
{
    struct item *item = calloc(1, sizeof(*item));
    if (item)
        item->kind = kind;
    return item;
}

void item_free(struct item *item)
{
    if (!item)
        return;
    etl_schema_release(&item->schema);
    etl_array_release(&item->batch);
    free(item->letter.column);
    free(item->letter.reason);
    free(item->letter.location);
    free(item->letter.record);
    free(item->state);
    free(item->cursor);
    free(item);
}

etl_status queue_new(size_t limit_bytes, struct queue **ret_queue, struct etl_error *err)
{
    struct queue *queue = calloc(1, sizeof(*queue));
    pthread_condattr_t attr;
    if (!queue)
        return etl_fail_memory(err);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->can_push, &attr);
    pthread_cond_init(&queue->can_pop, &attr);
    pthread_condattr_destroy(&attr);
    queue->last = &queue->first;
    queue->limit = limit_bytes;
    *ret_queue = queue;
    return ETL_OK;
}

void queue_free(struct queue *queue)
{
    if (!queue)
        return;
    while (queue->first) {
        struct item *item = queue->first;
        queue->first = item->next;
        item_free(item);
    }
    pthread_cond_destroy(&queue->can_pop);
    pthread_cond_destroy(&queue->can_push);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
}

bool queue_push(struct queue *queue, struct item *item)
{
    bool is_taken = false;
    pthread_mutex_lock(&queue->lock);
    while (!queue->is_cancelled && queue->first && queue->bytes + item->bytes > queue->limit)
        pthread_cond_wait(&queue->can_push, &queue->lock);
    if (!queue->is_cancelled && !queue->is_closed) {
        item->next = NULL;
        *queue->last = item;
        queue->last = &item->next;
        queue->bytes += item->bytes;
        is_taken = true;
        pthread_cond_signal(&queue->can_pop);
    }
    pthread_mutex_unlock(&queue->lock);
    if (!is_taken)
        item_free(item);
    return is_taken;
}

static void deadline_in(int64_t wait_ms, struct timespec *ret_deadline)
{
    clock_gettime(CLOCK_MONOTONIC, ret_deadline);
    ret_deadline->tv_sec += (time_t)(wait_ms / 1000);
    ret_deadline->tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (ret_deadline->tv_nsec >= 1000000000) {
        ret_deadline->tv_nsec -= 1000000000;
        ret_deadline->tv_sec++;
    }
}

struct item *queue_pop(struct queue *queue, int64_t wait_ms)
{
    struct item *item = NULL;
    struct timespec deadline;
    int rc = 0;
    deadline_in(wait_ms, &deadline);
    pthread_mutex_lock(&queue->lock);
    while (!queue->is_cancelled && !queue->is_closed && !queue->first && rc == 0)
        rc = pthread_cond_timedwait(&queue->can_pop, &queue->lock, &deadline);
    if (!queue->is_cancelled && queue->first) {
        item = queue->first;
        queue->first = item->next;
        if (!queue->first)
            queue->last = &queue->first;
        item->next = NULL;
        queue->bytes -= item->bytes;
        pthread_cond_signal(&queue->can_push);
    }
    pthread_mutex_unlock(&queue->lock);
    return item;
}

void queue_close(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->is_closed = true;
    pthread_cond_broadcast(&queue->can_pop);
    pthread_cond_broadcast(&queue->can_push);
    pthread_mutex_unlock(&queue->lock);
}

bool queue_is_closed(struct queue *queue)
{
    bool is_closed = false;
    pthread_mutex_lock(&queue->lock);
    is_closed = queue->is_closed && !queue->first;
    pthread_mutex_unlock(&queue->lock);
    return is_closed;
}

void queue_cancel(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->is_cancelled = true;
    pthread_cond_broadcast(&queue->can_pop);
    pthread_cond_broadcast(&queue->can_push);
    pthread_mutex_unlock(&queue->lock);
}

bool queue_is_cancelled(struct queue *queue)
{
    bool is_cancelled = false;
    pthread_mutex_lock(&queue->lock);
    is_cancelled = queue->is_cancelled;
    pthread_mutex_unlock(&queue->lock);
    return is_cancelled;
}
