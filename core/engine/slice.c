/* An attempt is: begin at the destination, compare with the store, read and write until the end. What may pass (TRANSIENT after its
 * own retries, IN_DOUBT) tears the attempt down and starts the next one from recovery, as after a death of the process; `retries` bounds
 * the attempts in a row that commit nothing. */
#include "core/engine/slice.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/base/string.h"
#include "core/engine/reader.h"
#include "core/engine/writer.h"
#include "core/observe/log.h"

struct log_context slice_log_context(const struct slice *slice)
{
    struct log_context context = {.pipeline = slice->engine->pipeline->id,
                                  .run_id = slice->engine->report->run_id,
                                  .stream = slice->stream->plan.catalog->name};
    return context;
}

/* The store's structs own their strings and therefore point to char; here they only borrow. */
static char *borrow(const char *text)
{
    union {
        const char *in;
        char *out;
    } pointer = {.in = text};
    return pointer.out;
}

void slice_checkpoint(const struct slice *slice, uint64_t seq, const char *state, size_t state_len, const char *cursor,
                      struct state_checkpoint *ret_checkpoint)
{
    const struct engine *engine = slice->engine;
    *ret_checkpoint = (struct state_checkpoint){
        .pipeline = engine->pipeline->id,
        .stream = slice->stream->plan.catalog->name,
        .slice = slice->name,
        .seq = seq,
        .epoch = engine->lease.epoch,
        .generation = slice->stream->generation,
        .run_id = engine->report->run_id,
        .state = borrow(state),
        .state_len = state_len,
        .connector = borrow(engine->source_ops->id),
        .state_version = engine->source_ops->state_version,
        .cursor = borrow(cursor),
        .committed_at_us = clock_now_us(),
    };
}

/* ---- hand-back ----------------------------------------------------------------------------------------------------- */

static etl_status copy_state(const char *state, size_t length, char **ret_copy, struct etl_error *err)
{
    char *copy = malloc(length + 1);
    if (!copy)
        return etl_fail_memory(err);
    if (length)
        memcpy(copy, state, length);
    copy[length] = '\0';
    *ret_copy = copy;
    return ETL_OK;
}

static etl_status set_state(struct slice *slice, const char *state, size_t length, uint32_t version,
                            struct etl_error *err)
{
    char *copy = NULL;
    etl_status status = copy_state(state, length, &copy, err);
    if (status != ETL_OK)
        return status;
    free(slice->state);
    slice->state = copy;
    slice->state_len = length;
    slice->state_version = version;
    return ETL_OK;
}

etl_status slice_commit_done(struct slice *slice, const char *state, size_t length, struct etl_error *err)
{
    char *copy = NULL;
    etl_status status = copy_state(state, length, &copy, err);
    if (status != ETL_OK)
        return status;
    slice->has_committed = true;
    if (state != slice->state)
        status = set_state(slice, state, length, slice->engine->source_ops->state_version, err);
    pthread_mutex_lock(&slice->lock);
    free(slice->acked);
    slice->acked = copy;
    slice->acked_len = length;
    pthread_cond_broadcast(&slice->wake);
    pthread_mutex_unlock(&slice->lock);
    return status;
}

char *slice_take_ack(struct slice *slice, bool wait, size_t *ret_length, bool *ret_done)
{
    char *state = NULL;
    pthread_mutex_lock(&slice->lock);
    while (wait && !slice->acked && !slice->is_writer_done)
        pthread_cond_wait(&slice->wake, &slice->lock);
    state = slice->acked;
    *ret_length = slice->acked_len;
    *ret_done = slice->is_writer_done;
    slice->acked = NULL;
    pthread_mutex_unlock(&slice->lock);
    return state;
}

static void writer_is_done(struct slice *slice)
{
    pthread_mutex_lock(&slice->lock);
    slice->is_writer_done = true;
    pthread_cond_broadcast(&slice->wake);
    pthread_mutex_unlock(&slice->lock);
}

/* ---- recovery ------------------------------------------------------------------------------------------------------ */

static etl_status diverged(const struct slice *slice, enum recovery_action action, uint64_t store_seq,
                           uint64_t dest_seq, struct etl_error *err)
{
    const char *dest = slice->engine->dest_name,
               *advice = "load it anew with --full-refresh, or \"etlhost state reset\"";
    if (action == RECOVERY_MISSING)
        return etl_fail(
            err, ETL_STATE_INVALID,
            "%s holds no commit of this stream, but the state store knows of commit %llu: the target was removed, "
            "or this is another destination; %s",
            dest, (unsigned long long)store_seq, advice);
    if (action == RECOVERY_BEHIND)
        return etl_fail(
            err, ETL_STATE_INVALID,
            "%s is at commit %llu, but the state store is at %llu: it was restored from an older copy, or this is "
            "another destination; %s",
            dest, (unsigned long long)dest_seq, (unsigned long long)store_seq, advice);
    return etl_fail(
        err, ETL_STATE_INVALID,
        "%s is at commit %llu, but the state store is at %llu only: state diverged (another store was used in the "
        "meantime, or this one was rolled back); use that store, or %s",
        dest, (unsigned long long)dest_seq, (unsigned long long)store_seq, advice);
}

/* The outcome of a commit that was not seen to the end is known now: its rows may count after all. */
static void settle_doubt(struct slice *slice, const struct etl_recovery *recovery)
{
    struct stream_report *report = slice->stream->report;
    const struct unit *doubt = &slice->doubt;
    if (doubt->seq && recovery->found && recovery->seq == doubt->seq) {
        uint64_t read = slice->base_read + doubt->read, rejected = slice->base_rejected + doubt->rejected;
        atomic_fetch_add(&report->rows_read, read - slice->read);
        atomic_fetch_add(&report->rows_rejected, rejected - slice->rejected);
        atomic_fetch_add(&report->rows_written, doubt->rows);
        atomic_fetch_add(&report->rows_deleted, doubt->deletes);
        atomic_fetch_add(&report->commits, 1);
        slice->read = read;
        slice->rejected = rejected;
        slice->has_committed = true;
    }
    slice->doubt = (struct unit){0};
}

static etl_status adopt(struct slice *slice, const struct etl_recovery *recovery, struct etl_error *err)
{
    struct state_checkpoint checkpoint = {0};
    struct log_context context = slice_log_context(slice);
    uint64_t newest = slice->seq;
    etl_status status =
        set_state(slice, recovery->state, recovery->state_len, slice->engine->source_ops->state_version, err);
    if (status != ETL_OK)
        return status;
    log_write(ETL_LOG_INFO, &context,
              "the destination holds commit %llu, which the state store does not know yet: taking it over",
              (unsigned long long)recovery->seq);
    slice->seq = recovery->seq > newest ? recovery->seq : newest;
    if (recovery->seq <= newest)
        return ETL_OK;
    slice_checkpoint(slice, recovery->seq, slice->state, slice->state_len, "", &checkpoint);
    status = stream_save(slice->stream, err);
    if (status == ETL_OK)
        status = state_checkpoint_save(slice->engine->input->store, &slice->engine->lease, &checkpoint, err);
    return status;
}

static etl_status apply_recovery(struct slice *slice, const struct state_checkpoint *stored,
                                 const struct etl_recovery *recovery, struct etl_error *err)
{
    struct recovery_facts facts = {
        .store_seq = stored->seq,
        .is_atomic = recovery->guarantee == ETL_GUARANTEE_ATOMIC,
        .dest_found = recovery->found != 0,
        .dest_seq = recovery->seq,
        .is_state_equal = recovery->found && stored->state && recovery->state_len == stored->state_len &&
                          (!stored->state_len || !memcmp(recovery->state, stored->state, stored->state_len)),
    };
    enum recovery_action action = commit_recover(&facts);
    etl_status status = ETL_OK;
    switch (action) {
    case RECOVERY_START:
        free(slice->state);
        slice->state = NULL;
        slice->state_len = 0;
        break;
    case RECOVERY_RESUME:
        status = set_state(slice, stored->state, stored->state_len, stored->state_version, err);
        break;
    case RECOVERY_ADOPT:
    case RECOVERY_TAKE:
    case RECOVERY_BELIEVE: status = adopt(slice, recovery, err); break;
    case RECOVERY_AHEAD:
    case RECOVERY_BEHIND:
    case RECOVERY_MISSING: status = diverged(slice, action, facts.store_seq, facts.dest_seq, err); break;
    }
    settle_doubt(slice, recovery);
    return status;
}

static etl_status check_recovery(const struct slice *slice, const struct etl_recovery *recovery, struct etl_error *err)
{
    const struct engine *engine = slice->engine;
    const struct stream *stream = slice->stream;
    enum delivery minimum = DELIVERY_AT_LEAST_ONCE, given = DELIVERY_AT_LEAST_ONCE;
    if (recovery->guarantee > ETL_GUARANTEE_ATOMIC || (recovery->found && recovery->state_len && !recovery->state) ||
        recovery->state_len > ETL_STATE_MAX_BYTES)
        return etl_fail(err, ETL_INTERNAL, "%s: protocol violation: begin filled the recovery with nonsense",
                        engine->dest_name);
    given = commit_delivery(recovery->guarantee, stream->plan.mode, stream->plan.keys[0] != NULL);
    pthread_mutex_lock(&engine->report->lock);
    stream->report->delivery = commit_delivery_name(given);
    pthread_mutex_unlock(&engine->report->lock);
    if (engine->pipeline->delivery && commit_delivery_parse(engine->pipeline->delivery, &minimum) && given < minimum)
        return etl_fail(err, ETL_CONFIG, "delivery %s was asked for, but %s gives %s with its present settings",
                        engine->pipeline->delivery, engine->dest_name, commit_delivery_name(given));
    return ETL_OK;
}

/* The store's newest checkpoint of this line; emptied when it belongs to another generation. slice->seq becomes its number. */
static etl_status load_position(struct slice *slice, struct state_checkpoint *ret_stored, struct etl_error *err)
{
    struct engine *engine = slice->engine;
    bool found = false;
    etl_status status = ETL_OK;
    if (!engine->input->store)
        return ETL_OK;
    status = state_checkpoint_latest(engine->input->store, engine->pipeline->id, slice->stream->plan.catalog->name,
                                     slice->name, &found, ret_stored, err);
    if (status != ETL_OK || !found)
        return status;
    slice->seq = ret_stored->seq;
    if (ret_stored->generation != slice->stream->generation) {
        state_checkpoint_fini(ret_stored);
        memset(ret_stored, 0, sizeof(*ret_stored));
    }
    return ETL_OK;
}

static void start_over(struct slice *slice)
{
    if (!slice->stream->ignore_state || slice->has_committed)
        return;
    free(slice->state);
    slice->state = NULL;
    slice->state_len = 0;
}

static void warn_repeat(const struct slice *slice, const struct state_checkpoint *stored)
{
    const struct plan *plan = &slice->stream->plan;
    struct log_context context = slice_log_context(slice);
    if (plan->mode == ETL_MODE_APPEND && !plan->catalog->is_incremental && !*plan->cursor && stored->seq &&
        !slice->has_committed && !slice->stream->is_building && !slice->stream->is_replay)
        log_write(ETL_LOG_WARN, &context,
                  "every run adds all rows again: the stream is not incremental; set a cursor, a primary_key, or mode "
                  "overwrite");
}

/* Opens the line at the destination and finds the position. *ret_writer is the caller's, also on failure when it is not NULL. */
static etl_status recover(struct slice *slice, struct etl_writer **ret_writer, bool *ret_is_final,
                          struct etl_error *err)
{
    struct engine *engine = slice->engine;
    struct stream *stream = slice->stream;
    struct etl_recovery recovery = {.struct_size = sizeof(recovery)};
    struct etl_write_plan plan;
    struct state_checkpoint stored = {0};
    etl_status status = ETL_OK;
    ETL_TRY(load_position(slice, &stored, err));
    if (!engine->dest) {
        if (stored.seq)
            ETL_TRY(set_state(slice, stored.state, stored.state_len, stored.state_version, err));
        goto out;
    }
    stream_write_plan(stream, slice->name, slice->seq, &plan);
    pthread_mutex_lock(&engine->dest_lock);
    status = engine->dest_ops->dest.begin(engine->dest, &plan, ret_writer, &recovery, err);
    pthread_mutex_unlock(&engine->dest_lock);
    ETL_TRY(engine_opened(engine->dest_name, "begin", status, *ret_writer, err));
    ETL_TRY(check_recovery(slice, &recovery, err));
    ETL_TRY(apply_recovery(slice, &stored, &recovery, err));
    ETL_TRY(state_dead_letter_settle(engine->input->store, &engine->lease, stream->plan.catalog->name, slice->name,
                                     slice->seq, err));
    *ret_is_final = stream->is_building && recovery.is_final && recovery.generation == stream->generation;
    warn_repeat(slice, &stored);
    if (stored.cursor && *stored.cursor && !slice->has_committed) {
        report_set_text(engine->report, &stream->report->cursor_from, stored.cursor);
        report_set_text(engine->report, &stream->report->cursor_to, stored.cursor);
    }
out:
    start_over(slice);
    state_checkpoint_fini(&stored);
    return status;
}

/* ---- attempts ------------------------------------------------------------------------------------------------------ */

/* Runs both threads; the writer is the calling one. A failure of the writer explains what the reader says after it. */
static etl_status move_rows(struct slice *slice, struct etl_writer *writer, struct etl_error *err)
{
    struct reader reader = {.slice = slice};
    pthread_t thread;
    etl_status status = ETL_OK;
    int rc = 0;
    etl_error_init(&reader.err);
    rc = pthread_create(&thread, NULL, reader_main, &reader);
    if (rc)
        return etl_fail_errno(err, rc, "starting a thread", "for a reader");
    status = writer_run(slice, writer, err);
    if (status != ETL_OK)
        queue_cancel(slice->queue);
    writer_is_done(slice);
    pthread_join(thread, NULL);
    if (status == ETL_OK && reader.status != ETL_OK) {
        status = reader.status;
        *err = reader.err;
    }
    if (status != ETL_OK) { /* what is read again counts again */
        atomic_fetch_sub(&slice->stream->report->rows_read, slice->base_read + reader.read - slice->read);
        atomic_fetch_sub(&slice->stream->report->rows_rejected,
                         slice->base_rejected + reader.rejected - slice->rejected);
    }
    return status;
}

static etl_status attempt(struct slice *slice, struct etl_error *err)
{
    struct engine *engine = slice->engine;
    struct etl_writer *writer = NULL;
    bool is_final = false;
    etl_status status = ETL_OK;
    ETL_TRY(recover(slice, &writer, &is_final, err));
    if (is_final) {
        status = stream_complete(slice->stream, err);
        goto out;
    }
    slice->base_read = slice->read;
    slice->base_rejected = slice->rejected;
    slice->is_writer_done = slice->is_stopped = false;
    atomic_store(&slice->is_reader_failed, 0);
    ETL_TRY(queue_new(engine->queue_bytes, &slice->queue, err));
    status = move_rows(slice, writer, err);
out:
    if (writer)
        engine->dest_ops->dest.end(writer);
    queue_free(slice->queue);
    slice->queue = NULL;
    return status;
}

/* Whether to begin again after this failure; waits before it says so. */
static bool begin_again(struct slice *slice, struct retry *restarts, etl_status status, const struct etl_error *err)
{
    struct engine *engine = slice->engine;
    struct log_context context = slice_log_context(slice);
    int64_t wait_us = 0;
    if (!retry_after(restarts, &engine->retry, status == ETL_IN_DOUBT ? ETL_TRANSIENT : status, err->retry_after_ms,
                     engine_random(engine), &wait_us))
        return false;
    atomic_fetch_add_explicit(&slice->stream->report->retries, 1, memory_order_relaxed);
    log_write(ETL_LOG_WARN, &context, "%s; starting again from the last commit", err->message);
    return engine_wait(engine, wait_us);
}

static etl_status run_attempts(struct slice *slice, struct etl_error *err)
{
    struct retry restarts = {0};
    etl_status status = ETL_OK;
    for (;;) {
        uint64_t seq = slice->seq;
        etl_error_init(err);
        status = attempt(slice, err);
        if (slice->has_committed && slice->seq != seq)
            restarts.failures = 0;
        if (!begin_again(slice, &restarts, status, err))
            break;
    }
    if (status != ETL_OK && status != ETL_CONFLICT && engine_is_stopping(slice->engine) &&
        (status == ETL_CANCELLED || status == ETL_IN_DOUBT || status_is_retryable(status))) {
        slice->is_stopped = true;
        status = ETL_OK;
    }
    return status;
}

etl_status slice_run(struct stream *stream, char *name, bool *ret_stopped, struct etl_error *err)
{
    struct slice slice = {.engine = stream->engine, .stream = stream, .name = name};
    etl_status status = ETL_OK;
    pthread_mutex_init(&slice.lock, NULL);
    pthread_cond_init(&slice.wake, NULL);
    status = run_attempts(&slice, err);
    if (status == ETL_CONFLICT)
        engine_fence(stream->engine);
    *ret_stopped = slice.is_stopped;
    free(slice.state);
    free(slice.acked);
    pthread_cond_destroy(&slice.wake);
    pthread_mutex_destroy(&slice.lock);
    return status;
}
