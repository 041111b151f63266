/* Locks: engine.lock is a leaf; source_lock and dest_lock are held during [control] calls only and never together. The keeper thread
 * never makes a [control] call. */
#include "core/engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/json_text.h"
#include "core/engine/reader.h"
#include "core/observe/log.h"

#define LEASE_TTL_US    INT64_C(60000000)
#define LEASE_RENEW_US  INT64_C(15000000)
#define LEASE_RETRY_US  INT64_C(2000000)
#define KEEPER_TICK_US  INT64_C(100000)
#define STOP_GRACE_US   INT64_C(5000000) /* how long a source may take to reach its next checkpoint */
#define MEMORY_DEFAULT  (INT64_C(64) * 1024 * 1024)
#define QUEUE_MIN_BYTES (256 * 1024)

etl_status engine_checked(const char *who, const char *op, etl_status status, struct etl_error *err)
{
    if (status == ETL_OK)
        return status;
    err->message[sizeof(err->message) - 1] = '\0';
    if (status < ETL_OK || status > ETL_MISUSE)
        return etl_fail(err, ETL_INTERNAL, "%s: protocol violation: %s answered the unknown status %d", who, op,
                        (int)status);
    if (!err->message[0])
        return etl_fail(err, status, "%s: %s failed (%s) without a message, which is a bug in the plugin", who, op,
                        etl_status_name(status));
    return etl_prefix(err, status, "%s: ", who);
}

etl_status engine_opened(const char *who, const char *op, etl_status status, const void *handle, struct etl_error *err)
{
    if (status == ETL_OK && !handle)
        return etl_fail(err, ETL_INTERNAL, "%s: protocol violation: %s answered ok and handed nothing out", who, op);
    return engine_checked(who, op, status, err);
}

/* 64 MiB, or 60 % of what the container allows. */
static int64_t memory_limit(const struct pipeline *pipeline)
{
    char *text = NULL, *end = NULL;
    size_t length = 0;
    struct etl_error ignored;
    int64_t limit = MEMORY_DEFAULT;
    if (pipeline->memory_limit_bytes > 0)
        return pipeline->memory_limit_bytes;
    etl_error_init(&ignored);
    if (file_read("/sys/fs/cgroup/memory.max", 64, &text, &length, &ignored) == ETL_OK) {
        long long max = strtoll(text, &end, 10);
        if (end != text && max > 0 && max / 5 * 3 < limit)
            limit = max / 5 * 3;
    }
    free(text);
    return limit;
}

static void set_limits(struct engine *engine)
{
    const struct pipeline *pipeline = engine->pipeline;
    const uint64_t both = engine->source_ops->caps & (engine->is_dry ? ETL_CAP_PARALLEL : engine->dest_ops->caps);
    const struct retry_policy *given = engine->input->retry;
    int64_t queue = 0;
    engine->parallel = pipeline->parallel > 0 && (both & ETL_CAP_PARALLEL) ? pipeline->parallel : 1;
    queue = memory_limit(pipeline) / (2 * engine->parallel);
    engine->queue_bytes = queue < QUEUE_MIN_BYTES ? QUEUE_MIN_BYTES : (size_t)queue;
    engine->limits.rows = pipeline->commit_rows > 0 ? (uint64_t)pipeline->commit_rows : 0;
    engine->limits.bytes = pipeline->commit_bytes > 0 ? (uint64_t)pipeline->commit_bytes : 0;
    engine->limits.us = pipeline->commit_seconds > 0 ? (int64_t)(pipeline->commit_seconds * 1e6) : 0;
    engine->retry.base_us = given ? given->base_us : RETRY_BASE_US;
    engine->retry.cap_us = given ? given->cap_us : RETRY_CAP_US;
    engine->retry.attempts = pipeline->retries;
}

static etl_status open_source(struct engine *engine, struct etl_error *err)
{
    char *config = json_text(engine->input->source_settings, JSON_COMPACT);
    etl_status status = ETL_OK;
    if (!config)
        return etl_fail_memory(err);
    status =
        engine->source_ops->source.open(&engine->source_services.host, config, strlen(config), &engine->source, err);
    free(config);
    return engine_opened(engine->source_name, "open", status, engine->source, err);
}

static etl_status open_dest(struct engine *engine, struct etl_error *err)
{
    char *config = json_text(engine->input->dest_settings, JSON_COMPACT);
    etl_status status = ETL_OK;
    if (!config)
        return etl_fail_memory(err);
    status = engine->dest_ops->dest.open(&engine->dest_services.host, config, strlen(config), &engine->dest, err);
    free(config);
    return engine_opened(engine->dest_name, "open", status, engine->dest, err);
}

static void init_sync(struct engine *engine)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&engine->source_lock, NULL);
    pthread_mutex_init(&engine->dest_lock, NULL);
    pthread_mutex_init(&engine->lock, NULL);
    pthread_cond_init(&engine->wake, &attr);
    pthread_condattr_destroy(&attr);
}

/* A rejected record finds its reader by the names in it. */
static etl_status on_reject(void *arg, const struct etl_rejected *rejected, struct etl_error *err)
{
    struct engine *engine = arg;
    struct reader *reader = NULL;
    pthread_mutex_lock(&engine->lock);
    reader = reader_find(engine->readers, rejected->stream, rejected->slice);
    pthread_mutex_unlock(&engine->lock);
    if (!reader)
        return etl_fail(err, ETL_MISUSE, "etl.reject/1: no reader of stream \"%s\" slice \"%s\" is running",
                        rejected->stream, rejected->slice);
    return reader_reject(reader, rejected, err);
}

etl_status engine_open(struct engine *engine, const struct run_input *input, struct etl_source *source,
                       struct report *report, bool with_dest, struct etl_error *err)
{
    etl_status status = ETL_OK;
    memset(engine, 0, sizeof(*engine));
    engine->input = input;
    engine->pipeline = input->pipeline;
    engine->report = report;
    engine->is_dry = !with_dest;
    engine->source_ops = input->source;
    engine->dest_ops = input->dest;
    engine->source = source;
    engine->random = (uint64_t)clock_monotonic_us() ^ ((uint64_t)clock_now_us() << 20);
    init_sync(engine);
    set_limits(engine);
    snprintf(engine->source_name, sizeof(engine->source_name), "source %s", input->source->id);
    snprintf(engine->dest_name, sizeof(engine->dest_name), "destination %s", input->dest ? input->dest->id : "");
    services_init(&engine->source_services, engine->source_name, &engine->source_stop, on_reject, engine);
    services_init(&engine->dest_services, engine->dest_name, &engine->dest_stop, NULL, NULL);
    if (!source)
        ETL_TRY(open_source(engine, err));
    if (with_dest)
        ETL_TRY(open_dest(engine, err));
out:
    if (status != ETL_OK)
        engine_close(engine);
    return status;
}

static void stop_keeper(struct engine *engine)
{
    if (!engine->has_keeper)
        return;
    pthread_mutex_lock(&engine->lock);
    engine->is_done = true;
    pthread_cond_broadcast(&engine->wake);
    pthread_mutex_unlock(&engine->lock);
    pthread_join(engine->keeper, NULL);
    engine->has_keeper = false;
}

void engine_close(struct engine *engine)
{
    stop_keeper(engine);
    if (engine->source)
        engine->source_ops->source.close(engine->source);
    if (engine->dest)
        engine->dest_ops->dest.close(engine->dest);
    if (engine->has_lease)
        state_lease_release(engine->input->store, &engine->lease);
    engine->source = NULL;
    engine->dest = NULL;
    engine->has_lease = false;
    pthread_cond_destroy(&engine->wake);
    pthread_mutex_destroy(&engine->lock);
    pthread_mutex_destroy(&engine->dest_lock);
    pthread_mutex_destroy(&engine->source_lock);
}

etl_status engine_take_lease(struct engine *engine, struct etl_error *err)
{
    etl_status status = state_lease_take(engine->input->store, engine->pipeline->id, LEASE_TTL_US, &engine->lease, err);
    if (status != ETL_OK)
        return status;
    engine->has_lease = true;
    atomic_store(&engine->renewed_us, clock_monotonic_us());
    return ETL_OK;
}

static void cancel_source(struct engine *engine)
{
    if (!atomic_exchange(&engine->source_stop, 1))
        engine->source_ops->source.cancel(engine->source);
}

/* Called by the keeper only, so that cancel() runs once and outside of every lock. */
static void watch(struct engine *engine)
{
    if (atomic_load(&engine->is_fenced)) {
        cancel_source(engine);
        if (engine->dest && !atomic_exchange(&engine->dest_stop, 1))
            engine->dest_ops->dest.cancel(engine->dest);
        return;
    }
    if (!engine_is_stopping(engine))
        return;
    if (!engine->stopping_since_us)
        engine->stopping_since_us = clock_monotonic_us();
    if (clock_monotonic_us() - engine->stopping_since_us >= STOP_GRACE_US)
        cancel_source(engine);
}

/* Returns when the next renewal is due. */
static int64_t renew(struct engine *engine)
{
    struct etl_error err;
    etl_status status = ETL_OK;
    int64_t now = clock_monotonic_us();
    struct log_context context = {.pipeline = engine->pipeline->id, .run_id = engine->report->run_id};
    etl_error_init(&err);
    status = state_lease_renew(engine->input->store, &engine->lease, &err);
    if (status == ETL_OK) {
        atomic_store(&engine->renewed_us, now);
        return now + LEASE_RENEW_US;
    }
    log_write(ETL_LOG_WARN, &context, "renewing the lease: %s", err.message);
    if (status == ETL_CONFLICT)
        engine_fence(engine);
    return now + LEASE_RETRY_US;
}

static void tick(struct engine *engine)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_nsec += KEEPER_TICK_US * 1000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_nsec -= 1000000000;
        deadline.tv_sec++;
    }
    pthread_cond_timedwait(&engine->wake, &engine->lock, &deadline);
}

static void *keeper_main(void *arg)
{
    struct engine *engine = arg;
    int64_t renew_at = clock_monotonic_us() + LEASE_RENEW_US;
    bool is_done = false;
    while (!is_done) {
        watch(engine);
        if (engine->has_lease && !atomic_load(&engine->is_fenced) && clock_monotonic_us() >= renew_at)
            renew_at = renew(engine);
        pthread_mutex_lock(&engine->lock);
        if (!engine->is_done)
            tick(engine);
        is_done = engine->is_done;
        pthread_mutex_unlock(&engine->lock);
    }
    return NULL;
}

etl_status engine_start_keeper(struct engine *engine, struct etl_error *err)
{
    int rc = pthread_create(&engine->keeper, NULL, keeper_main, engine);
    if (rc)
        return etl_fail_errno(err, rc, "starting a thread", "for the lease");
    engine->has_keeper = true;
    return ETL_OK;
}

etl_status engine_may_commit(struct engine *engine, struct etl_error *err)
{
    int64_t age = clock_monotonic_us() - (int64_t)atomic_load(&engine->renewed_us);
    if (!engine->has_lease || (!atomic_load(&engine->is_fenced) && age < LEASE_TTL_US / 2))
        return ETL_OK;
    engine_fence(engine);
    return etl_fail(err, ETL_CONFLICT, "pipeline %s: this run has lost its lease: another run may have taken over",
                    engine->pipeline->id);
}

void engine_fence(struct engine *engine)
{
    atomic_store(&engine->is_fenced, 1);
    atomic_store(&engine->is_stopping, 1);
}

bool engine_is_stopping(struct engine *engine)
{
    if (engine->input->cancelled && atomic_load(engine->input->cancelled))
        atomic_store(&engine->is_stopping, 1);
    return atomic_load(&engine->is_stopping) != 0;
}

bool engine_wait(struct engine *engine, int64_t us)
{
    int64_t until = clock_monotonic_us() + us, left = us;
    while (left > 0 && !engine_is_stopping(engine)) {
        clock_sleep_us(left < KEEPER_TICK_US ? left : KEEPER_TICK_US);
        left = until - clock_monotonic_us();
    }
    return !engine_is_stopping(engine);
}

uint64_t engine_random(struct engine *engine)
{
    uint64_t x = 0;
    pthread_mutex_lock(&engine->lock);
    engine->random += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    x = engine->random;
    pthread_mutex_unlock(&engine->lock);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}
