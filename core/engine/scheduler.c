/* Each worker takes the next slice of a prepared stream, or else prepares the next stream, so that streams are prepared while others run
 * and the destination is not asked about hundreds of streams up front. `lock` guards phases and counters; it is held for moments. */
#include "core/engine/scheduler.h"

#include <stdlib.h>
#include <string.h>

#include "core/engine/slice.h"
#include "core/observe/log.h"

enum phase { PHASE_NEW, PHASE_PREPARING, PHASE_READY, PHASE_ENDED };

struct scheduler {
    struct engine *engine;
    struct stream *streams;
    size_t count;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct etl_error *first_error;
    bool has_error;
};

void scheduler_note_failure(struct stream *stream, etl_status status, struct etl_error *err)
{
    struct report *report = stream->engine->report;
    etl_prefix(err, status, "stream %s: ", stream->report->stream);
    report_set_error(report, &stream->report->error, err->message);
    atomic_store(&stream->report->status, STREAM_FAILED);
    stream->status = status;
}

static void note_failure(struct scheduler *scheduler, struct stream *stream, etl_status status, struct etl_error *err)
{
    pthread_mutex_lock(&scheduler->lock);
    if (stream->status == ETL_OK)
        scheduler_note_failure(stream, status, err);
    if (!scheduler->has_error)
        *scheduler->first_error = *err;
    scheduler->has_error = true;
    pthread_mutex_unlock(&scheduler->lock);
}

static void end_stream(struct stream *stream)
{
    stream->phase = PHASE_ENDED;
    if (stream->status == ETL_OK)
        atomic_store(&stream->report->status, stream->is_stopped ? STREAM_STOPPED : STREAM_OK);
}

/* The next piece of work: a slice of `*ret_stream`, or (NULL slice) its preparation. False = nothing will come any more. */
static bool next_work(struct scheduler *scheduler, struct stream **ret_stream, char **ret_slice)
{
    for (;;) {
        bool is_preparing = false;
        for (size_t i = 0; i < scheduler->count; i++) {
            struct stream *stream = &scheduler->streams[i];
            is_preparing = is_preparing || stream->phase == PHASE_PREPARING;
            if (stream->phase != PHASE_READY || stream->next_slice == stream->slice_count)
                continue;
            *ret_stream = stream;
            *ret_slice = stream->slices[stream->next_slice++];
            return true;
        }
        for (size_t i = 0; i < scheduler->count; i++)
            if (scheduler->streams[i].phase == PHASE_NEW) {
                *ret_stream = &scheduler->streams[i];
                *ret_slice = NULL;
                (*ret_stream)->phase = PHASE_PREPARING;
                return true;
            }
        if (!is_preparing)
            return false;
        pthread_cond_wait(&scheduler->wake, &scheduler->lock);
    }
}

static etl_status prepare_with_retries(struct stream *stream, struct etl_error *err)
{
    struct engine *engine = stream->engine;
    struct retry retry = {0};
    int64_t wait_us = 0;
    etl_status status = ETL_OK;
    for (;;) {
        etl_error_init(err);
        status = stream_prepare(stream, err);
        if (!retry_after(&retry, &engine->retry, status, err->retry_after_ms, engine_random(engine), &wait_us))
            return status;
        atomic_fetch_add_explicit(&stream->report->retries, 1, memory_order_relaxed);
        if (!engine_wait(engine, wait_us))
            return status;
    }
}

static void prepare(struct scheduler *scheduler, struct stream *stream)
{
    struct etl_error err;
    etl_status status = ETL_OK;
    bool is_stopped = engine_is_stopping(scheduler->engine);
    etl_error_init(&err);
    if (!is_stopped) {
        atomic_store(&stream->report->status, STREAM_RUNNING);
        status = prepare_with_retries(stream, &err);
    }
    if (status == ETL_CONFLICT)
        engine_fence(scheduler->engine);
    if (status != ETL_OK)
        note_failure(scheduler, stream, status, &err);
    pthread_mutex_lock(&scheduler->lock);
    stream->phase = PHASE_READY;
    stream->is_stopped = is_stopped;
    if (status != ETL_OK || is_stopped)
        end_stream(stream);
    pthread_cond_broadcast(&scheduler->wake);
    pthread_mutex_unlock(&scheduler->lock);
}

static void run_slice(struct scheduler *scheduler, struct stream *stream, char *slice)
{
    struct etl_error err;
    bool is_stopped = engine_is_stopping(scheduler->engine);
    etl_status status = ETL_OK;
    etl_error_init(&err);
    if (!is_stopped)
        status = slice_run(stream, slice, &is_stopped, &err);
    if (status != ETL_OK)
        note_failure(scheduler, stream, status, &err);
    pthread_mutex_lock(&scheduler->lock);
    stream->is_stopped = stream->is_stopped || is_stopped;
    if (++stream->ended == stream->slice_count)
        end_stream(stream);
    pthread_mutex_unlock(&scheduler->lock);
}

static void *worker_main(void *arg)
{
    struct scheduler *scheduler = arg;
    struct stream *stream = NULL;
    char *slice = NULL;
    for (;;) {
        bool has_work = false;
        pthread_mutex_lock(&scheduler->lock);
        has_work = next_work(scheduler, &stream, &slice);
        pthread_mutex_unlock(&scheduler->lock);
        if (!has_work)
            return NULL;
        if (slice)
            run_slice(scheduler, stream, slice);
        else
            prepare(scheduler, stream);
    }
}

etl_status scheduler_run(struct engine *engine, struct stream *streams, size_t count, struct etl_error *first_error,
                         struct etl_error *err)
{
    struct scheduler scheduler = {.engine = engine, .streams = streams, .count = count, .first_error = first_error};
    size_t wanted = engine->parallel > 1 ? (size_t)engine->parallel - 1 : 0, started = 0;
    pthread_t *threads = NULL;
    for (size_t i = 0; i < count; i++)
        streams[i].phase = streams[i].status == ETL_OK ? PHASE_NEW : PHASE_ENDED;
    scheduler.has_error = first_error->message[0] != '\0';
    threads = calloc(wanted + 1, sizeof(*threads));
    if (!threads)
        return etl_fail_memory(err);
    pthread_mutex_init(&scheduler.lock, NULL);
    pthread_cond_init(&scheduler.wake, NULL);
    while (started < wanted && pthread_create(&threads[started], NULL, worker_main, &scheduler) == 0)
        started++;
    worker_main(&scheduler); /* the caller is one of them, so that something runs even when no thread can be had */
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    pthread_cond_destroy(&scheduler.wake);
    pthread_mutex_destroy(&scheduler.lock);
    free(threads);
    return ETL_OK;
}
