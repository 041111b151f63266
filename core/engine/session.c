/* Locks: session.lock is a leaf; source_lock and dest_lock are held during [control] calls only and never together. The keeper thread
 * never makes a [control] call. */
#include "core/engine/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/engine/reader.h"
#include "core/observe/log.h"

#define LEASE_TTL_US    INT64_C(60000000)
#define LEASE_RENEW_US  INT64_C(15000000)
#define LEASE_RETRY_US  INT64_C(2000000)
#define KEEPER_TICK_US  INT64_C(100000)
#define STOP_GRACE_US   INT64_C(5000000) /* how long a source may take to reach its next checkpoint */
#define MEMORY_DEFAULT  (INT64_C(64) * 1024 * 1024)
#define QUEUE_MIN_BYTES (256 * 1024)

etl_status session_checked(const char *who, const char *op, etl_status status, struct etl_error *err)
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

static void set_limits(struct session *session)
{
    const struct pipeline *pipeline = session->pipeline;
    const uint64_t both = session->source_ops->caps & (session->is_dry ? ETL_CAP_PARALLEL : session->dest_ops->caps);
    const struct retry_policy *given = session->input->retry;
    int64_t queue = 0;
    session->parallel = pipeline->parallel > 0 && (both & ETL_CAP_PARALLEL) ? pipeline->parallel : 1;
    queue = memory_limit(pipeline) / (2 * session->parallel);
    session->queue_bytes = queue < QUEUE_MIN_BYTES ? QUEUE_MIN_BYTES : (size_t)queue;
    session->limits.rows = pipeline->commit_rows > 0 ? (uint64_t)pipeline->commit_rows : 0;
    session->limits.bytes = pipeline->commit_bytes > 0 ? (uint64_t)pipeline->commit_bytes : 0;
    session->limits.us = pipeline->commit_seconds > 0 ? (int64_t)(pipeline->commit_seconds * 1e6) : 0;
    session->retry.base_us = given ? given->base_us : RETRY_BASE_US;
    session->retry.cap_us = given ? given->cap_us : RETRY_CAP_US;
    session->retry.attempts = pipeline->retries;
}

static etl_status open_source(struct session *session, struct etl_error *err)
{
    char *config = json_dumps(session->input->source_settings, JSON_COMPACT);
    etl_status status = ETL_OK;
    if (!config)
        return etl_fail_memory(err);
    status =
        session->source_ops->source.open(&session->source_services.host, config, strlen(config), &session->source, err);
    free(config);
    return session_checked(session->source_name, "open", status, err);
}

static etl_status open_dest(struct session *session, struct etl_error *err)
{
    char *config = json_dumps(session->input->dest_settings, JSON_COMPACT);
    etl_status status = ETL_OK;
    if (!config)
        return etl_fail_memory(err);
    status = session->dest_ops->dest.open(&session->dest_services.host, config, strlen(config), &session->dest, err);
    free(config);
    return session_checked(session->dest_name, "open", status, err);
}

static void init_sync(struct session *session)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&session->source_lock, NULL);
    pthread_mutex_init(&session->dest_lock, NULL);
    pthread_mutex_init(&session->lock, NULL);
    pthread_cond_init(&session->wake, &attr);
    pthread_condattr_destroy(&attr);
}

/* A rejected record finds its reader by the names in it. */
static etl_status on_reject(void *arg, const struct etl_rejected *rejected, struct etl_error *err)
{
    struct session *session = arg;
    struct reader *reader = NULL;
    pthread_mutex_lock(&session->lock);
    reader = reader_find(session->readers, rejected->stream, rejected->slice);
    pthread_mutex_unlock(&session->lock);
    if (!reader)
        return etl_fail(err, ETL_MISUSE, "etl.reject/1: no reader of stream \"%s\" slice \"%s\" is running",
                        rejected->stream, rejected->slice);
    return reader_reject(reader, rejected, err);
}

etl_status session_open(struct session *session, const struct run_input *input, struct etl_source *source,
                        struct report *report, bool with_dest, struct etl_error *err)
{
    etl_status status = ETL_OK;
    memset(session, 0, sizeof(*session));
    session->input = input;
    session->pipeline = input->pipeline;
    session->report = report;
    session->is_dry = !with_dest;
    session->source_ops = input->source;
    session->dest_ops = input->dest;
    session->source = source;
    session->random = (uint64_t)clock_monotonic_us() ^ ((uint64_t)clock_now_us() << 20);
    init_sync(session);
    set_limits(session);
    snprintf(session->source_name, sizeof(session->source_name), "source %s", input->source->id);
    snprintf(session->dest_name, sizeof(session->dest_name), "destination %s", input->dest ? input->dest->id : "");
    services_init(&session->source_services, session->source_name, &session->source_stop, on_reject, session);
    services_init(&session->dest_services, session->dest_name, &session->dest_stop, NULL, NULL);
    if (!source)
        ETL_TRY(open_source(session, err));
    if (with_dest)
        ETL_TRY(open_dest(session, err));
out:
    if (status != ETL_OK)
        session_close(session);
    return status;
}

static void stop_keeper(struct session *session)
{
    if (!session->has_keeper)
        return;
    pthread_mutex_lock(&session->lock);
    session->is_done = true;
    pthread_cond_broadcast(&session->wake);
    pthread_mutex_unlock(&session->lock);
    pthread_join(session->keeper, NULL);
    session->has_keeper = false;
}

void session_close(struct session *session)
{
    stop_keeper(session);
    if (session->source)
        session->source_ops->source.close(session->source);
    if (session->dest)
        session->dest_ops->dest.close(session->dest);
    if (session->has_lease)
        state_lease_release(session->input->store, &session->lease);
    session->source = NULL;
    session->dest = NULL;
    session->has_lease = false;
    pthread_cond_destroy(&session->wake);
    pthread_mutex_destroy(&session->lock);
    pthread_mutex_destroy(&session->dest_lock);
    pthread_mutex_destroy(&session->source_lock);
}

etl_status session_take_lease(struct session *session, struct etl_error *err)
{
    etl_status status =
        state_lease_take(session->input->store, session->pipeline->id, LEASE_TTL_US, &session->lease, err);
    if (status != ETL_OK)
        return status;
    session->has_lease = true;
    atomic_store(&session->renewed_us, clock_monotonic_us());
    return ETL_OK;
}

static void cancel_source(struct session *session)
{
    if (!atomic_exchange(&session->source_stop, 1))
        session->source_ops->source.cancel(session->source);
}

/* Called by the keeper only, so that cancel() runs once and outside of every lock. */
static void watch(struct session *session)
{
    if (atomic_load(&session->is_fenced)) {
        cancel_source(session);
        if (session->dest && !atomic_exchange(&session->dest_stop, 1))
            session->dest_ops->dest.cancel(session->dest);
        return;
    }
    if (!session_is_stopping(session))
        return;
    if (!session->stopping_since_us)
        session->stopping_since_us = clock_monotonic_us();
    if (clock_monotonic_us() - session->stopping_since_us >= STOP_GRACE_US)
        cancel_source(session);
}

/* Returns when the next renewal is due. */
static int64_t renew(struct session *session)
{
    struct etl_error err;
    etl_status status = ETL_OK;
    int64_t now = clock_monotonic_us();
    struct log_context context = {.pipeline = session->pipeline->id, .run_id = session->report->run_id};
    etl_error_init(&err);
    status = state_lease_renew(session->input->store, &session->lease, &err);
    if (status == ETL_OK) {
        atomic_store(&session->renewed_us, now);
        return now + LEASE_RENEW_US;
    }
    log_write(ETL_LOG_WARN, &context, "renewing the lease: %s", err.message);
    if (status == ETL_CONFLICT)
        session_fence(session);
    return now + LEASE_RETRY_US;
}

static void tick(struct session *session)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_nsec += KEEPER_TICK_US * 1000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_nsec -= 1000000000;
        deadline.tv_sec++;
    }
    pthread_cond_timedwait(&session->wake, &session->lock, &deadline);
}

static void *keeper_main(void *arg)
{
    struct session *session = arg;
    int64_t renew_at = clock_monotonic_us() + LEASE_RENEW_US;
    bool is_done = false;
    while (!is_done) {
        watch(session);
        if (session->has_lease && !atomic_load(&session->is_fenced) && clock_monotonic_us() >= renew_at)
            renew_at = renew(session);
        pthread_mutex_lock(&session->lock);
        if (!session->is_done)
            tick(session);
        is_done = session->is_done;
        pthread_mutex_unlock(&session->lock);
    }
    return NULL;
}

etl_status session_start_keeper(struct session *session, struct etl_error *err)
{
    int rc = pthread_create(&session->keeper, NULL, keeper_main, session);
    if (rc)
        return etl_fail_errno(err, rc, "starting a thread", "for the lease");
    session->has_keeper = true;
    return ETL_OK;
}

etl_status session_may_commit(struct session *session, struct etl_error *err)
{
    int64_t age = clock_monotonic_us() - (int64_t)atomic_load(&session->renewed_us);
    if (!session->has_lease || (!atomic_load(&session->is_fenced) && age < LEASE_TTL_US / 2))
        return ETL_OK;
    session_fence(session);
    return etl_fail(err, ETL_CONFLICT, "pipeline %s: this run has lost its lease: another run may have taken over",
                    session->pipeline->id);
}

void session_fence(struct session *session)
{
    atomic_store(&session->is_fenced, 1);
    atomic_store(&session->is_stopping, 1);
}

bool session_is_stopping(struct session *session)
{
    if (session->input->cancelled && atomic_load(session->input->cancelled))
        atomic_store(&session->is_stopping, 1);
    return atomic_load(&session->is_stopping) != 0;
}

bool session_wait(struct session *session, int64_t us)
{
    int64_t until = clock_monotonic_us() + us, left = us;
    while (left > 0 && !session_is_stopping(session)) {
        clock_sleep_us(left < KEEPER_TICK_US ? left : KEEPER_TICK_US);
        left = until - clock_monotonic_us();
    }
    return !session_is_stopping(session);
}

uint64_t session_random(struct session *session)
{
    uint64_t x = 0;
    pthread_mutex_lock(&session->lock);
    session->random += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    x = session->random;
    pthread_mutex_unlock(&session->lock);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}
