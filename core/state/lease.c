/* The lease: at most one run of a pipeline at a time, and a number (epoch) that grows with every holder, by which a writer that lost
 * the lease without noticing is refused.
 * A released lease stays as a row with expires_at 0, so that the epoch never goes back. */
#include "core/state/internal.h"

#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk/failpoint.h>

#include "core/base/clock.h"
#include "core/base/string.h"
#include "core/state/identity.h"

struct holder {
    bool exists;
    uint64_t epoch;
    struct identity identity;
    int64_t acquired_at, expires_at;
};

static void copy_text(struct db_statement *row, int column, char *buffer, size_t size)
{
    char *text = NULL;
    buffer[0] = '\0';
    if (db_column_bytes(row, column, &text, NULL, NULL) != ETL_OK)
        return; /* an unknown identity is never judged dead */
    size_t length = strnlen(text, size - 1);
    memcpy(buffer, text, length);
    buffer[length] = '\0';
    free(text);
}

static etl_status read_holder(struct state_store *store, const char *pipeline, struct holder *ret_holder,
                              struct etl_error *err)
{
    static const char sql[] = "SELECT epoch, host, host_name, boot, namespace, pid, pid_start, acquired_at, expires_at"
                              " FROM lease WHERE pipeline = ?1";
    struct db_statement *row = NULL;
    struct holder holder = {0};
    etl_status status = ETL_OK;
    ETL_TRY(db_query(store->db, sql, DB_VALUES(db_text(pipeline)), &row, err));
    ETL_TRY(db_next(store->db, row, &holder.exists, err));
    if (holder.exists) {
        holder.epoch = (uint64_t)db_column_number(row, 0);
        copy_text(row, 1, holder.identity.host, sizeof(holder.identity.host));
        copy_text(row, 2, holder.identity.host_name, sizeof(holder.identity.host_name));
        copy_text(row, 3, holder.identity.boot, sizeof(holder.identity.boot));
        copy_text(row, 4, holder.identity.name_space, sizeof(holder.identity.name_space));
        holder.identity.pid = db_column_number(row, 5);
        holder.identity.pid_start = db_column_number(row, 6);
        holder.acquired_at = db_column_number(row, 7);
        holder.expires_at = db_column_number(row, 8);
    }
    *ret_holder = holder;
out:
    db_done(row);
    return status;
}

static etl_status check_free(const char *pipeline, const struct holder *holder, struct etl_error *err)
{
    char since[32], until[32];
    if (!holder->exists || holder->expires_at <= clock_now_us() || identity_is_dead(&holder->identity))
        return ETL_OK;
    clock_format(holder->acquired_at, since);
    clock_format(holder->expires_at, until);
    return etl_fail(err, ETL_CONFLICT,
                    "pipeline %s: another run holds it (host %s, process %lld, since %s); wait for its end, or until "
                    "%s if it is gone",
                    pipeline, holder->identity.host_name, (long long)holder->identity.pid, since, until);
}

/* expires_at 0 = nobody holds it. */
static etl_status write_holder(struct state_store *store, const char *pipeline, uint64_t epoch, int64_t expires_at,
                               struct etl_error *err)
{
    static const char sql[] =
        "INSERT INTO lease(pipeline, epoch, host, host_name, boot, namespace, pid, pid_start, acquired_at, expires_at)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT(pipeline) DO UPDATE SET epoch = excluded.epoch,"
        " host = excluded.host, host_name = excluded.host_name, boot = excluded.boot, namespace = excluded.namespace,"
        " pid = excluded.pid, pid_start = excluded.pid_start, acquired_at = excluded.acquired_at,"
        " expires_at = excluded.expires_at";
    struct identity self;
    identity_self(&self);
    return db_run(store->db, sql,
                  DB_VALUES(db_text(pipeline), db_number((int64_t)epoch), db_text(self.host), db_text(self.host_name),
                            db_text(self.boot), db_text(self.name_space), db_number(self.pid),
                            db_number(self.pid_start), db_number(clock_now_us()), db_number(expires_at)),
                  err);
}

static etl_status take(struct state_store *store, const char *pipeline, int64_t ttl_us, struct state_lease *lease,
                       struct etl_error *err)
{
    struct holder holder = {0};
    etl_status status = db_begin(store->db, DB_WRITE, err);
    if (status != ETL_OK)
        return status;
    lease->renewed_at_us = clock_monotonic_us(); /* before the row says so: the safe side */
    ETL_TRY(read_holder(store, pipeline, &holder, err));
    ETL_TRY(check_free(pipeline, &holder, err));
    ETL_TRY(write_holder(store, pipeline, holder.epoch + 1, clock_now_us() + ttl_us, err));
    lease->epoch = holder.epoch + 1;
out:
    return db_end(store->db, status, err);
}

etl_status state_lease_take(struct state_store *store, const char *pipeline, int64_t ttl_us,
                            struct state_lease *ret_lease, struct etl_error *err)
{
    struct state_lease lease = {.pipeline = string_copy(pipeline), .ttl_us = ttl_us};
    if (lease.pipeline == NULL)
        return etl_fail_memory(err);
    etl_status status = take(store, pipeline, ttl_us, &lease, err);
    if (status == ETL_OK)
        status = ETL_FAILPOINT("lease.acquired", err);
    if (status == ETL_OK)
        *ret_lease = lease;
    else if (lease.epoch != 0)
        state_lease_release(store, &lease);
    else
        free(lease.pipeline);
    return status;
}

etl_status lease_check(struct state_store *store, const struct state_lease *lease, struct etl_error *err)
{
    struct db_statement *row = NULL;
    bool found = false;
    int64_t epoch = 0;
    etl_status status = ETL_OK;
    ETL_TRY(db_query(store->db, "SELECT epoch FROM lease WHERE pipeline = ?1", DB_VALUES(db_text(lease->pipeline)),
                     &row, err));
    ETL_TRY(db_next(store->db, row, &found, err));
    if (found)
        epoch = db_column_number(row, 0);
    if (epoch != (int64_t)lease->epoch)
        status = etl_fail(err, ETL_CONFLICT,
                          "pipeline %s: this run has lost its lease: its epoch is %lld, the newest one is %lld",
                          lease->pipeline, (long long)lease->epoch, (long long)epoch);
out:
    db_done(row);
    return status;
}

etl_status lease_claim(struct state_store *store, const char *pipeline, uint64_t epoch, struct etl_error *err)
{
    struct holder holder = {0};
    etl_status status = read_holder(store, pipeline, &holder, err);
    if (status == ETL_OK)
        status = check_free(pipeline, &holder, err);
    if (status == ETL_OK)
        status = write_holder(store, pipeline, holder.epoch + 1 > epoch ? holder.epoch + 1 : epoch, 0, err);
    return status;
}

etl_status state_lease_renew(struct state_store *store, struct state_lease *lease, struct etl_error *err)
{
    etl_status status = db_begin(store->db, DB_WRITE, err);
    int64_t renewed_at = clock_monotonic_us();
    if (status != ETL_OK)
        return status;
    ETL_TRY(ETL_FAILPOINT("lease.renew", err));
    ETL_TRY(lease_check(store, lease, err));
    ETL_TRY(db_run(store->db, "UPDATE lease SET expires_at = ?2 WHERE pipeline = ?1",
                   DB_VALUES(db_text(lease->pipeline), db_number(clock_now_us() + lease->ttl_us)), err));
out:
    status = db_end(store->db, status, err);
    if (status == ETL_OK)
        __atomic_store_n(&lease->renewed_at_us, renewed_at, __ATOMIC_RELEASE);
    return status;
}

bool state_lease_is_stale(const struct state_lease *lease)
{
    return clock_monotonic_us() - __atomic_load_n(&lease->renewed_at_us, __ATOMIC_ACQUIRE) > lease->ttl_us / 2;
}

void state_lease_release(struct state_store *store, struct state_lease *lease)
{
    if (lease->pipeline == NULL)
        return;
    /* Not being able to give it back is no error: it expires. A lease that was lost is left to its holder. */
    if (store != NULL && db_begin(store->db, DB_WRITE, NULL) == ETL_OK) {
        etl_status status = db_run(store->db, "UPDATE lease SET expires_at = 0 WHERE pipeline = ?1 AND epoch = ?2",
                                   DB_VALUES(db_text(lease->pipeline), db_number((int64_t)lease->epoch)), NULL);
        (void)db_end(store->db, status, NULL);
    }
    free(lease->pipeline);
    *lease = (struct state_lease){0};
}
