/* Checkpoints: one line per (pipeline, stream, slice), ordered by generation and then by seq. state_checkpoint_save is the commit path of every
 * run: one transaction that checks the lease, adds the row, drops the 21st and lets the unit's dead letters count. */
#include "core/state/internal.h"

#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk/failpoint.h>

#define CHECKPOINTS_KEPT 20

#define COLUMNS                                                                                                        \
    "pipeline, stream, slice, generation, seq, epoch, run_id, state, connector, state_version, rows_read, "            \
    "rows_written,"                                                                                                    \
    " rows_deleted, rows_rejected, bytes, cursor, committed_at"

void state_checkpoint_fini(struct state_checkpoint *checkpoint)
{
    if (checkpoint == NULL)
        return;
    free(checkpoint->pipeline);
    free(checkpoint->stream);
    free(checkpoint->slice);
    free(checkpoint->run_id);
    free(checkpoint->state);
    free(checkpoint->connector);
    free(checkpoint->cursor);
    *checkpoint = (struct state_checkpoint){0};
}

static etl_status read_checkpoint(struct db_statement *row, struct state_checkpoint *checkpoint, struct etl_error *err)
{
    etl_status status = ETL_OK;
    ETL_TRY(db_column_bytes(row, 0, &checkpoint->pipeline, NULL, err));
    ETL_TRY(db_column_bytes(row, 1, &checkpoint->stream, NULL, err));
    ETL_TRY(db_column_bytes(row, 2, &checkpoint->slice, NULL, err));
    checkpoint->generation = (uint64_t)db_column_number(row, 3);
    checkpoint->seq = (uint64_t)db_column_number(row, 4);
    checkpoint->epoch = (uint64_t)db_column_number(row, 5);
    ETL_TRY(db_column_bytes(row, 6, &checkpoint->run_id, NULL, err));
    ETL_TRY(db_column_bytes(row, 7, &checkpoint->state, &checkpoint->state_len, err));
    ETL_TRY(db_column_bytes(row, 8, &checkpoint->connector, NULL, err));
    checkpoint->state_version = (uint32_t)db_column_number(row, 9);
    checkpoint->rows_read = (uint64_t)db_column_number(row, 10);
    checkpoint->rows_written = (uint64_t)db_column_number(row, 11);
    checkpoint->rows_deleted = (uint64_t)db_column_number(row, 12);
    checkpoint->rows_rejected = (uint64_t)db_column_number(row, 13);
    checkpoint->bytes = (uint64_t)db_column_number(row, 14);
    ETL_TRY(db_column_bytes(row, 15, &checkpoint->cursor, NULL, err));
    checkpoint->committed_at_us = db_column_number(row, 16);
out:
    return status;
}

etl_status state_checkpoint_latest(struct state_store *store, const char *pipeline, const char *stream,
                                   const char *slice, bool *ret_found, struct state_checkpoint *ret_checkpoint,
                                   struct etl_error *err)
{
    static const char sql[] = "SELECT " COLUMNS " FROM checkpoint WHERE pipeline = ?1 AND stream = ?2 AND slice = ?3"
                              " ORDER BY generation DESC, seq DESC LIMIT 1";
    struct db_statement *row = NULL;
    struct state_checkpoint value = {0};
    bool found = false;
    etl_status status = db_begin(store->db, DB_READ, err);
    if (status != ETL_OK)
        return status;
    ETL_TRY(db_query(store->db, sql, DB_VALUES(db_text(pipeline), db_text(stream), db_text(slice)), &row, err));
    ETL_TRY(db_next(store->db, row, &found, err));
    if (found)
        ETL_TRY(read_checkpoint(row, &value, err));
out:
    status = db_end(store->db, status, err);
    if (status != ETL_OK) {
        state_checkpoint_fini(&value);
        return status;
    }
    *ret_found = found;
    *ret_checkpoint = value;
    return ETL_OK;
}

/* ---- saving ---- */

/* The database counts in signed 64-bit numbers. */
static etl_status check_ranges(const struct state_checkpoint *c, struct etl_error *err)
{
    uint64_t all = c->seq | c->epoch | c->generation | c->rows_read | c->rows_written | c->rows_deleted |
                   c->rows_rejected | c->bytes;
    if (all > INT64_MAX)
        return etl_fail(err, ETL_MISUSE, "state store: a number of the checkpoint is out of range");
    if (c->state_len > ETL_STATE_MAX_BYTES)
        return etl_fail(err, ETL_MISUSE, "state store: a state of %zu bytes is larger than %d", c->state_len,
                        ETL_STATE_MAX_BYTES);
    return ETL_OK;
}

static etl_status check_newest(struct state_store *store, const char *pipeline,
                               const struct state_checkpoint *checkpoint, struct etl_error *err)
{
    static const char sql[] =
        "SELECT generation, seq FROM checkpoint WHERE pipeline = ?1 AND stream = ?2 AND slice = ?3"
        " ORDER BY generation DESC, seq DESC LIMIT 1";
    struct db_statement *row = NULL;
    bool found = false;
    uint64_t generation = 0, seq = 0;
    etl_status status = ETL_OK;
    ETL_TRY(db_query(store->db, sql,
                     DB_VALUES(db_text(pipeline), db_text(checkpoint->stream), db_text(checkpoint->slice)), &row, err));
    ETL_TRY(db_next(store->db, row, &found, err));
    if (!found)
        goto out;
    generation = (uint64_t)db_column_number(row, 0);
    seq = (uint64_t)db_column_number(row, 1);
    if (checkpoint->generation < generation || (checkpoint->generation == generation && checkpoint->seq <= seq))
        status = etl_fail(
            err, ETL_MISUSE,
            "state store: checkpoint %llu of generation %llu is not newer than checkpoint %llu of generation %llu",
            (unsigned long long)checkpoint->seq, (unsigned long long)checkpoint->generation, (unsigned long long)seq,
            (unsigned long long)generation);
out:
    db_done(row);
    return status;
}

etl_status checkpoint_write(struct state_store *store, const char *pipeline, uint64_t epoch,
                            const struct state_checkpoint *c, struct etl_error *err)
{
    static const char sql[] =
        "INSERT INTO checkpoint(" COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,"
        " ?14, ?15, ?16, ?17)";
    etl_status status = check_ranges(c, err);
    if (status != ETL_OK)
        return status;
    return db_run(store->db, sql,
                  DB_VALUES(db_text(pipeline), db_text(c->stream), db_text(c->slice), db_number((int64_t)c->generation),
                            db_number((int64_t)c->seq), db_number((int64_t)epoch), db_text(c->run_id),
                            db_bytes(c->state, c->state_len), db_text(c->connector), db_number(c->state_version),
                            db_number((int64_t)c->rows_read), db_number((int64_t)c->rows_written),
                            db_number((int64_t)c->rows_deleted), db_number((int64_t)c->rows_rejected),
                            db_number((int64_t)c->bytes), db_text(c->cursor), db_number(c->committed_at_us)),
                  err);
}

static etl_status prune(struct state_store *store, const char *pipeline, const struct state_checkpoint *checkpoint,
                        struct etl_error *err)
{
    static const char sql[] =
        "DELETE FROM checkpoint WHERE pipeline = ?1 AND stream = ?2 AND slice = ?3 AND (generation, seq) <="
        " (SELECT generation, seq FROM checkpoint WHERE pipeline = ?1 AND stream = ?2 AND slice = ?3"
        " ORDER BY generation DESC, seq DESC LIMIT 1 OFFSET ?4)";
    return db_run(store->db, sql,
                  DB_VALUES(db_text(pipeline), db_text(checkpoint->stream), db_text(checkpoint->slice),
                            db_number(CHECKPOINTS_KEPT)),
                  err);
}

etl_status state_checkpoint_save(struct state_store *store, const struct state_lease *lease,
                                 const struct state_checkpoint *checkpoint, struct etl_error *err)
{
    static const char count_letters[] =
        "UPDATE dead_letter SET is_staged = 0 WHERE pipeline = ?1 AND stream = ?2 AND slice = ?3"
        " AND seq <= ?4 AND is_staged = 1";
    etl_status status = db_begin(store->db, DB_WRITE, err);
    if (status != ETL_OK)
        return status;
    ETL_TRY(lease_check(store, lease, err));
    ETL_TRY(check_newest(store, lease->pipeline, checkpoint, err));
    ETL_TRY(checkpoint_write(store, lease->pipeline, lease->epoch, checkpoint, err));
    ETL_TRY(prune(store, lease->pipeline, checkpoint, err));
    ETL_TRY(db_run(store->db, count_letters,
                   DB_VALUES(db_text(lease->pipeline), db_text(checkpoint->stream), db_text(checkpoint->slice),
                             db_number((int64_t)checkpoint->seq)),
                   err));
    ETL_TRY(ETL_FAILPOINT("db.commit.before", err));
out:
    status = db_end(store->db, status, err);
    return status == ETL_OK ? ETL_FAILPOINT("db.commit.after", err) : status;
}

/* ---- listing ---- */

etl_status checkpoint_each(struct state_store *store, const char *pipeline, const char *stream, bool history,
                           state_emit_checkpoint emit, void *arg, struct etl_error *err)
{
    static const char sql[] =
        "SELECT " COLUMNS
        " FROM checkpoint AS c WHERE (?1 = 0 OR pipeline = ?2) AND (?3 = 0 OR stream = ?4) AND (?5 = 1 OR"
        " (generation, seq) = (SELECT generation, seq FROM checkpoint AS n WHERE n.pipeline = c.pipeline AND"
        " n.stream = c.stream AND n.slice = c.slice ORDER BY generation DESC, seq DESC LIMIT 1))"
        " ORDER BY pipeline, stream, slice, generation DESC, seq DESC";
    struct db_statement *row = NULL;
    bool more = false;
    etl_status status = ETL_OK;
    ETL_TRY(db_query(store->db, sql,
                     DB_VALUES(db_number(pipeline != NULL), db_text(pipeline), db_number(stream != NULL),
                               db_text(stream), db_number(history)),
                     &row, err));
    for (;;) {
        struct state_checkpoint checkpoint = {0};
        ETL_TRY(db_next(store->db, row, &more, err));
        if (!more)
            break;
        status = read_checkpoint(row, &checkpoint, err);
        if (status == ETL_OK)
            status = emit(arg, &checkpoint);
        state_checkpoint_fini(&checkpoint);
        ETL_TRY(status);
    }
out:
    db_done(row);
    return status;
}

etl_status state_checkpoint_list(struct state_store *store, const char *pipeline, const char *stream, bool history,
                                 state_emit_checkpoint emit, void *arg, struct etl_error *err)
{
    etl_status status = db_begin(store->db, DB_READ, err);
    if (status != ETL_OK)
        return status;
    status = checkpoint_each(store, pipeline, stream, history, emit, arg, err);
    return db_end(store->db, status, err);
}

/* ---- a user's corrections ---- */

static etl_status find_checkpoint(struct state_store *store, const char *pipeline, const char *stream,
                                  const char *slice, uint64_t seq, int64_t *ret_generation, struct etl_error *err)
{
    static const char sql[] = "SELECT max(generation), min(seq), max(seq), sum(seq = ?4) FROM checkpoint WHERE "
                              "pipeline = ?1 AND stream = ?2 AND"
                              " slice = ?3 AND generation = (SELECT max(generation) FROM checkpoint WHERE pipeline = "
                              "?1 AND stream = ?2 AND slice = ?3)";
    struct db_statement *row = NULL;
    int64_t newest = 0;
    bool found = false;
    etl_status status = ETL_OK;
    ETL_TRY(db_query(
        store->db, sql,
        DB_VALUES(db_text(pipeline), db_text(stream), db_text(slice), db_number(seq > INT64_MAX ? -1 : (int64_t)seq)),
        &row, err));
    ETL_TRY(db_next(store->db, row, &found, err));
    newest = db_column_number(row, 2);
    if (newest == 0)
        status = etl_fail(err, ETL_NOT_FOUND, "pipeline %s, stream %s%s%s: there is no checkpoint", pipeline, stream,
                          *slice != '\0' ? ", slice " : "", slice);
    else if (db_column_number(row, 3) == 0)
        status = etl_fail(err, ETL_NOT_FOUND,
                          "pipeline %s, stream %s%s%s: there is no checkpoint %llu; kept are %lld to %lld", pipeline,
                          stream, *slice != '\0' ? ", slice " : "", slice, (unsigned long long)seq,
                          (long long)db_column_number(row, 1), (long long)newest);
    else
        *ret_generation = db_column_number(row, 0);
out:
    db_done(row);
    return status;
}

etl_status state_rollback(struct state_store *store, const char *pipeline, const char *stream, const char *slice,
                          uint64_t seq, struct etl_error *err)
{
    static const char drop[] =
        "DELETE FROM checkpoint WHERE pipeline = ?1 AND stream = ?2 AND slice = ?3 AND generation = ?4 AND"
        " seq > ?5";
    /* Their records are read again, and set aside again if they are still bad. */
    static const char drop_letters[] = "DELETE FROM dead_letter WHERE pipeline = ?1 AND stream = ?2 AND slice = ?3 AND"
                                       " generation = ?4 AND seq > ?5";
    int64_t generation = 0;
    etl_status status = db_begin(store->db, DB_WRITE, err);
    if (status != ETL_OK)
        return status;
    ETL_TRY(find_checkpoint(store, pipeline, stream, slice, seq, &generation, err));
    ETL_TRY(lease_claim(store, pipeline, 0, err));
    ETL_TRY(db_run(
        store->db, drop,
        DB_VALUES(db_text(pipeline), db_text(stream), db_text(slice), db_number(generation), db_number((int64_t)seq)),
        err));
    ETL_TRY(db_run(
        store->db, drop_letters,
        DB_VALUES(db_text(pipeline), db_text(stream), db_text(slice), db_number(generation), db_number((int64_t)seq)),
        err));
out:
    return db_end(store->db, status, err);
}

/* The row stays with a new generation that has no checkpoint: the destination, which holds at most the old one, is then asked for a place
 * that readers cannot see, and the old rows stay visible until the rebuilt stream is swapped in. What had been agreed on for the old
 * generation (schema, names, keys) is forgotten, so that this is also the way out when one of them must change. */
etl_status state_reset(struct state_store *store, const char *pipeline, const char *stream, struct etl_error *err)
{
    static const char renew[] = "UPDATE stream SET generation = generation + 1, is_complete = 0, fingerprint = '', "
                                "schema = '', name_map = '{}',"
                                " slices = '[]' WHERE pipeline = ?1 AND (?2 = 0 OR stream = ?3)";
    static const char drop[] = "DELETE FROM checkpoint WHERE pipeline = ?1 AND (?2 = 0 OR stream = ?3)";
    /* Letters that count are the user's until retried or deleted. */
    static const char drop_staged[] =
        "DELETE FROM dead_letter WHERE pipeline = ?1 AND (?2 = 0 OR stream = ?3) AND is_staged = 1";
    etl_status status = db_begin(store->db, DB_WRITE, err);
    if (status != ETL_OK)
        return status;
    ETL_TRY(db_run(store->db, renew, DB_VALUES(db_text(pipeline), db_number(stream != NULL), db_text(stream)), err));
    if (db_changes(store->db) == 0) {
        status = etl_fail(err, ETL_NOT_FOUND, "pipeline %s: the state store knows no stream%s%s of it", pipeline,
                          stream != NULL ? " " : "", stream != NULL ? stream : "");
        goto out;
    }
    ETL_TRY(db_run(store->db, drop, DB_VALUES(db_text(pipeline), db_number(stream != NULL), db_text(stream)), err));
    ETL_TRY(
        db_run(store->db, drop_staged, DB_VALUES(db_text(pipeline), db_number(stream != NULL), db_text(stream)), err));
    ETL_TRY(lease_claim(store, pipeline, 0, err));
out:
    return db_end(store->db, status, err);
}
