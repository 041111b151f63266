/* What all streams of one run share: the two instances, the lease, the wish to stop, limits. */
#ifndef CORE_ENGINE_ENGINE_H
#define CORE_ENGINE_ENGINE_H

#include "core/engine/commit.h"
#include "core/engine/retry.h"
#include "core/engine/run.h"
#include "core/plugin/services.h"

struct reader;

struct engine {
    const struct run_input *input; /* borrowed */
    const struct pipeline *pipeline;
    struct report *report;
    bool is_dry;
    const struct connector *source_ops, *dest_ops; /* dest_ops is for asking only when is_dry */
    struct etl_source *source;
    struct etl_dest *dest;                  /* NULL in a dry run */
    pthread_mutex_t source_lock, dest_lock; /* around [control] calls */

    struct retry_policy retry;
    struct commit_limits limits;
    size_t queue_bytes;
    int64_t parallel;

    /* Stopping. `is_stopping` asks readers to end at their next checkpoint; source_stop and dest_stop are what the instances see. */
    atomic_int is_stopping, is_fenced, source_stop, dest_stop;

    struct state_lease lease;
    bool has_lease;
    atomic_llong renewed_us; /* monotonic time of the last successful renewal */

    /* The keeper thread: renews the lease, watches the wish to stop. */
    pthread_t keeper;
    bool has_keeper;
    pthread_mutex_t lock; /* guards what is below */
    pthread_cond_t wake;
    bool is_done;
    int64_t stopping_since_us;
    struct reader *readers; /* running ones: rejected records find theirs */
    uint64_t random;

    char source_name[80], dest_name[80];
    struct services source_services, dest_services;
};

/* Opens the instances; with `with_dest` false the destination is left out. `source` is an instance that is open already (taken, also on
 * failure), or NULL. `report` may be NULL when nothing is run. The struct must not move. */
etl_status engine_open(struct engine *engine, const struct run_input *input, struct etl_source *source,
                       struct report *report, bool with_dest, struct etl_error *err);
void engine_close(struct engine *engine);

/* Takes the lease. ETL_CONFLICT: another run holds it. */
etl_status engine_take_lease(struct engine *engine, struct etl_error *err);
etl_status engine_start_keeper(struct engine *engine, struct etl_error *err);

/* ETL_CONFLICT when the run may no longer commit, because its lease was lost or has not been renewed for half of its life. */
etl_status engine_may_commit(struct engine *engine, struct etl_error *err);
/* The fence was lost: everything stops at once. */
void engine_fence(struct engine *engine);
bool engine_is_stopping(struct engine *engine);

/* Waits, but no longer than until the run is asked to stop; false = it is. */
bool engine_wait(struct engine *engine, int64_t us);
uint64_t engine_random(struct engine *engine);

/* Puts right what a connector answered: an unknown status becomes ETL_INTERNAL, an empty message a complaint about the plugin; any
 * other gets the connector's name in front. */
etl_status engine_checked(const char *who, const char *op, etl_status status, struct etl_error *err);
/* The same for an op that hands out a handle: ETL_OK without one is a protocol violation. */
etl_status engine_opened(const char *who, const char *op, etl_status status, const void *handle, struct etl_error *err);

#endif
