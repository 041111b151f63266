/* The queue between reader and writer: order, bound, close, cancel. A plain program (TAP), so that it runs under ThreadSanitizer. */
#include "core/engine/queue.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"

static int number, failed;

static void ok(bool condition, const char *what)
{
    printf("%sok %d - %s\n", condition ? "" : "not ", ++number, what);
    failed += !condition;
}

static struct queue *make(size_t limit)
{
    struct queue *queue = NULL;
    struct etl_error err;
    etl_error_init(&err);
    if (queue_new(limit, &queue, &err) != ETL_OK)
        abort();
    return queue;
}

static struct item *make_item(uint64_t rows, size_t bytes)
{
    struct item *item = item_new(ITEM_BATCH);
    if (!item)
        abort();
    item->rows = rows;
    item->bytes = bytes;
    return item;
}

struct producer {
    struct queue *queue;
    uint64_t count;
    size_t bytes;
    atomic_int pushed;
    atomic_int was_refused;
};

static void *produce(void *arg)
{
    struct producer *producer = arg;
    for (uint64_t i = 0; i < producer->count; i++) {
        if (!queue_push(producer->queue, make_item(i, producer->bytes))) {
            atomic_store(&producer->was_refused, 1);
            return NULL;
        }
        atomic_fetch_add(&producer->pushed, 1);
    }
    queue_close(producer->queue);
    return NULL;
}

static void test_order(void)
{
    struct producer producer = {.queue = make(1000), .count = 20000, .bytes = 100};
    pthread_t thread;
    uint64_t next = 0;
    bool in_order = true;
    pthread_create(&thread, NULL, produce, &producer);
    while (!queue_is_closed(producer.queue)) {
        struct item *item = queue_pop(producer.queue, 1000);
        if (item)
            in_order = in_order && item->rows == next++;
        item_free(item);
    }
    pthread_join(thread, NULL);
    ok(in_order && next == producer.count, "every item arrives once and in order");
    queue_free(producer.queue);
}

static void test_bound(void)
{
    struct producer producer = {.queue = make(1000), .count = 50, .bytes = 100};
    pthread_t thread;
    int pushed = 0;
    pthread_create(&thread, NULL, produce, &producer);
    for (int i = 0; i < 200 && atomic_load(&producer.pushed) < 10; i++)
        clock_sleep_us(10000);
    clock_sleep_us(50000);
    pushed = atomic_load(&producer.pushed);
    ok(pushed == 10, "the producer waits when the bound is reached");
    for (int i = 0; i < 50; i++)
        item_free(queue_pop(producer.queue, 1000));
    pthread_join(thread, NULL);
    ok(atomic_load(&producer.pushed) == 50 && queue_is_closed(producer.queue), "and goes on when there is room");
    queue_free(producer.queue);
}

static void test_large(void)
{
    struct queue *queue = make(10);
    struct item *item = NULL;
    ok(queue_push(queue, make_item(1, 1000000)), "an item larger than the bound passes alone");
    item = queue_pop(queue, 0);
    ok(item && item->rows == 1, "and comes out");
    item_free(item);
    queue_free(queue);
}

static void test_close(void)
{
    struct queue *queue = make(1000);
    struct item *item = NULL;
    queue_push(queue, make_item(7, 1));
    queue_close(queue);
    ok(!queue_is_closed(queue), "a closed queue with items is not at its end");
    ok(!queue_push(queue, make_item(8, 1)), "nothing enters a closed queue");
    item = queue_pop(queue, 1000);
    ok(item && item->rows == 7 && queue_is_closed(queue), "what was in it comes out");
    item_free(item);
    ok(!queue_pop(queue, 60000), "then pop answers at once");
    queue_free(queue);
}

static void test_cancel_producer(void)
{
    struct producer producer = {.queue = make(100), .count = 50, .bytes = 100};
    pthread_t thread;
    pthread_create(&thread, NULL, produce, &producer);
    while (atomic_load(&producer.pushed) < 1)
        clock_sleep_us(1000);
    queue_cancel(producer.queue);
    pthread_join(thread, NULL);
    ok(atomic_load(&producer.was_refused) && queue_is_cancelled(producer.queue), "cancel wakes a waiting producer");
    ok(!queue_pop(producer.queue, 60000), "a cancelled queue hands out nothing");
    queue_free(producer.queue); /* frees what is left in it */
}

static void *cancel_later(void *arg)
{
    clock_sleep_us(30000);
    queue_cancel(arg);
    return NULL;
}

static void test_cancel_consumer(void)
{
    struct queue *queue = make(100);
    pthread_t thread;
    int64_t before = clock_monotonic_us();
    pthread_create(&thread, NULL, cancel_later, queue);
    ok(!queue_pop(queue, 60000) && clock_monotonic_us() - before < 30000000, "cancel wakes a waiting consumer");
    pthread_join(thread, NULL);
    queue_free(queue);
}

static void test_timeout(void)
{
    struct queue *queue = make(100);
    int64_t before = clock_monotonic_us();
    ok(!queue_pop(queue, 20) && clock_monotonic_us() - before >= 19000, "pop waits no longer than it is told");
    queue_free(queue);
    queue_free(NULL);
    item_free(NULL);
}

int main(void)
{
    test_order();
    test_bound();
    test_large();
    test_close();
    test_cancel_producer();
    test_cancel_consumer();
    test_timeout();
    printf("1..%d\n", number);
    return failed != 0;
}
