/* The state store: where it is, streams, and the history of runs. Leases, checkpoints, dead letters and documents have files of their own. */
#include "core/state/internal.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/string.h"

/* Older runs of a pipeline are forgotten: one a minute would otherwise fill the disk in time. */
#define RUNS_KEPT 1000

/* The standard place: $XDG_STATE_HOME, which must be absolute to count, or ~/.local/state. The caller frees. */
static etl_status default_location(char **ret_path, struct etl_error *err)
{
    const char *state_home = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char *path = NULL;
    if (state_home != NULL && state_home[0] == '/')
        path = string_format("%s/etlhost/state.db", state_home);
    else if (home != NULL && home[0] == '/')
        path = string_format("%s/.local/state/etlhost/state.db", home);
    else
        return etl_fail(err, ETL_CONFIG,
                        "no place for the state store: set HOME or XDG_STATE_HOME, or name a file with --state");
    if (path == NULL)
        return etl_fail_memory(err);
    *ret_path = path;
    return ETL_OK;
}

static etl_status open_store(const char *location, bool create, struct state_store **ret_store, struct etl_error *err)
{
    etl_status status = ETL_OK;
    char *path = NULL;
    struct state_store *store = calloc(1, sizeof(*store));
    if (store == NULL)
        return etl_fail_memory(err);
    if (location == NULL)
        ETL_TRY(default_location(&path, err));
    ETL_TRY(db_open(location != NULL ? location : path, create, &store->db, err));
    *ret_store = store;
    store = NULL;
out:
    free(path);
    free(store);
    return status;
}

etl_status state_open(const char *location, struct state_store **ret_store, struct etl_error *err)
{
    return open_store(location, true, ret_store, err);
}

etl_status state_open_existing(const char *location, struct state_store **ret_store, struct etl_error *err)
{
    return open_store(location, false, ret_store, err);
}

etl_status state_open_memory(struct state_store **ret_store, struct etl_error *err)
{
    struct state_store *store = calloc(1, sizeof(*store));
    if (store == NULL)
        return etl_fail_memory(err);
    etl_status status = db_open_memory(&store->db, err);
    if (status == ETL_OK)
        *ret_store = store;
    else
        free(store);
    return status;
}

void state_close(struct state_store *store)
{
    if (store == NULL)
        return;
    db_close(store->db);
    free(store);
}

/* ---- streams ---- */

void state_stream_fini(struct state_stream *stream)
{
    if (stream == NULL)
        return;
    free(stream->fingerprint);
    free(stream->schema);
    free(stream->name_map);
    free(stream->slices);
    *stream = (struct state_stream){0};
}

static etl_status read_stream(struct db_statement *row, struct state_stream *stream, struct etl_error *err)
{
    etl_status status = ETL_OK;
    stream->generation = (uint64_t)db_column_number(row, 0);
    stream->is_complete = db_column_number(row, 1) != 0;
    ETL_TRY(db_column_bytes(row, 2, &stream->fingerprint, NULL, err));
    ETL_TRY(db_column_bytes(row, 3, &stream->schema, NULL, err));
    ETL_TRY(db_column_bytes(row, 4, &stream->name_map, NULL, err));
    ETL_TRY(db_column_bytes(row, 5, &stream->slices, NULL, err));
out:
    return status;
}

static etl_status new_stream(struct state_stream *stream, struct etl_error *err)
{
    stream->is_complete = true;
    stream->fingerprint = string_copy("");
    stream->schema = string_copy("");
    stream->name_map = string_copy("{}");
    stream->slices = string_copy("[]");
    if (stream->fingerprint == NULL || stream->schema == NULL || stream->name_map == NULL || stream->slices == NULL)
        return etl_fail_memory(err);
    return ETL_OK;
}

etl_status stream_read(struct state_store *store, const char *pipeline, const char *stream, bool *ret_found,
                       struct state_stream *ret_stream, struct etl_error *err)
{
    static const char sql[] = "SELECT generation, is_complete, fingerprint, schema, name_map, slices FROM stream"
                              " WHERE pipeline = ?1 AND stream = ?2";
    struct db_statement *row = NULL;
    struct state_stream value = {0};
    bool found = false;
    etl_status status = ETL_OK;
    ETL_TRY(db_query(store->db, sql, DB_VALUES(db_text(pipeline), db_text(stream)), &row, err));
    ETL_TRY(db_next(store->db, row, &found, err));
    ETL_TRY(found ? read_stream(row, &value, err) : new_stream(&value, err));
    *ret_found = found;
    *ret_stream = value;
    value = (struct state_stream){0};
out:
    state_stream_fini(&value);
    db_done(row);
    return status;
}

etl_status state_stream_get(struct state_store *store, const char *pipeline, const char *stream, bool *ret_found,
                            struct state_stream *ret_stream, struct etl_error *err)
{
    struct state_stream value = {0};
    bool found = false;
    etl_status status = db_begin(store->db, DB_READ, err);
    if (status != ETL_OK)
        return status;
    status = stream_read(store, pipeline, stream, &found, &value, err);
    status = db_end(store->db, status, err);
    if (status != ETL_OK) {
        state_stream_fini(&value);
        return status;
    }
    *ret_found = found;
    *ret_stream = value;
    return ETL_OK;
}

etl_status stream_write(struct state_store *store, const char *pipeline, const char *stream,
                        const struct state_stream *value, struct etl_error *err)
{
    static const char sql[] =
        "INSERT INTO stream(pipeline, stream, generation, is_complete, fingerprint, schema, name_map, slices)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT(pipeline, stream) DO UPDATE SET"
        " generation = excluded.generation, is_complete = excluded.is_complete, fingerprint = excluded.fingerprint,"
        " schema = excluded.schema, name_map = excluded.name_map, slices = excluded.slices";
    if (value->generation > INT64_MAX)
        return etl_fail(err, ETL_MISUSE, "state store: generation out of range");
    return db_run(store->db, sql,
                  DB_VALUES(db_text(pipeline), db_text(stream), db_number((int64_t)value->generation),
                            db_number(value->is_complete), db_text(value->fingerprint), db_text(value->schema),
                            db_text(value->name_map), db_text(value->slices)),
                  err);
}

/* A load that becomes complete has read everything anew: what it had to set aside takes the place of the letters of former loads. */
static etl_status drop_superseded(struct state_store *store, const char *pipeline, const char *stream,
                                  const struct state_stream *value, struct etl_error *err)
{
    static const char sql[] = "DELETE FROM dead_letter WHERE pipeline = ?1 AND stream = ?2 AND generation < ?3 AND"
                              " EXISTS (SELECT 1 FROM stream AS s WHERE s.pipeline = ?1 AND s.stream = ?2 AND"
                              " (s.is_complete = 0 OR s.generation < ?3))";
    if (!value->is_complete)
        return ETL_OK;
    return db_run(store->db, sql, DB_VALUES(db_text(pipeline), db_text(stream), db_number((int64_t)value->generation)),
                  err);
}

etl_status state_stream_put(struct state_store *store, const struct state_lease *lease, const char *stream,
                            const struct state_stream *value, struct etl_error *err)
{
    etl_status status = db_begin(store->db, DB_WRITE, err);
    if (status != ETL_OK)
        return status;
    ETL_TRY(lease_check(store, lease, err));
    ETL_TRY(drop_superseded(store, lease->pipeline, stream, value, err));
    ETL_TRY(stream_write(store, lease->pipeline, stream, value, err));
out:
    return db_end(store->db, status, err);
}

/* ---- runs ---- */

etl_status state_run_begin(struct state_store *store, const struct state_lease *lease, const char *run_id,
                           int64_t now_us, struct etl_error *err)
{
    static const char crashed[] =
        "UPDATE run SET status = 'crashed', ended_at = ?2, exit_code = 1, error = 'the process ended without a word'"
        " WHERE pipeline = ?1 AND status = 'running'";
    static const char forget[] = "DELETE FROM run WHERE pipeline = ?1 AND started_at < (SELECT started_at FROM run"
                                 " WHERE pipeline = ?1 ORDER BY started_at DESC LIMIT 1 OFFSET ?2)";
    static const char insert[] =
        "INSERT INTO run(id, pipeline, epoch, started_at, ended_at, status, exit_code, error, report)"
        " VALUES(?1, ?2, ?3, ?4, 0, 'running', 0, '', '')";
    etl_status status = db_begin(store->db, DB_WRITE, err);
    if (status != ETL_OK)
        return status;
    ETL_TRY(lease_check(store, lease, err));
    ETL_TRY(db_run(store->db, crashed, DB_VALUES(db_text(lease->pipeline), db_number(now_us)), err));
    ETL_TRY(db_run(store->db, forget, DB_VALUES(db_text(lease->pipeline), db_number(RUNS_KEPT - 2)), err));
    ETL_TRY(db_run(
        store->db, insert,
        DB_VALUES(db_text(run_id), db_text(lease->pipeline), db_number((int64_t)lease->epoch), db_number(now_us)),
        err));
out:
    return db_end(store->db, status, err);
}

etl_status state_run_end(struct state_store *store, const struct state_run *run, struct etl_error *err)
{
    static const char sql[] =
        "INSERT INTO run(id, pipeline, epoch, started_at, ended_at, status, exit_code, error, report)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT(id) DO UPDATE SET ended_at = excluded.ended_at,"
        " status = excluded.status, exit_code = excluded.exit_code, error = excluded.error, report = excluded.report";
    etl_status status = db_begin(store->db, DB_WRITE, err);
    if (status != ETL_OK)
        return status;
    status = db_run(store->db, sql,
                    DB_VALUES(db_text(run->id), db_text(run->pipeline), db_number((int64_t)run->epoch),
                              db_number(run->started_at_us), db_number(run->ended_at_us), db_text(run->status),
                              db_number(run->exit_code), db_text(run->error), db_text(run->report)),
                    err);
    return db_end(store->db, status, err);
}

static void run_fini(struct state_run *run)
{
    free(run->id);
    free(run->pipeline);
    free(run->status);
    free(run->error);
    free(run->report);
}

static etl_status read_run(struct db_statement *row, struct state_run *run, struct etl_error *err)
{
    etl_status status = ETL_OK;
    ETL_TRY(db_column_bytes(row, 0, &run->id, NULL, err));
    ETL_TRY(db_column_bytes(row, 1, &run->pipeline, NULL, err));
    run->epoch = (uint64_t)db_column_number(row, 2);
    run->started_at_us = db_column_number(row, 3);
    run->ended_at_us = db_column_number(row, 4);
    ETL_TRY(db_column_bytes(row, 5, &run->status, NULL, err));
    run->exit_code = (int)db_column_number(row, 6);
    ETL_TRY(db_column_bytes(row, 7, &run->error, NULL, err));
    ETL_TRY(db_column_bytes(row, 8, &run->report, NULL, err));
out:
    return status;
}

etl_status state_run_list(struct state_store *store, const char *pipeline, uint64_t limit, state_emit_run emit,
                          void *arg, struct etl_error *err)
{
    static const char sql[] =
        "SELECT id, pipeline, epoch, started_at, ended_at, status, exit_code, error, report FROM run"
        " WHERE ?1 = 0 OR pipeline = ?2 ORDER BY started_at DESC, id DESC LIMIT ?3";
    struct db_statement *row = NULL;
    bool more = false;
    etl_status status = db_begin(store->db, DB_READ, err);
    if (status != ETL_OK)
        return status;
    ETL_TRY(db_query(store->db, sql,
                     DB_VALUES(db_number(pipeline != NULL), db_text(pipeline),
                               db_number(limit == 0 || limit > INT64_MAX ? -1 : (int64_t)limit)),
                     &row, err));
    for (;;) {
        struct state_run run = {0};
        ETL_TRY(db_next(store->db, row, &more, err));
        if (!more)
            break;
        status = read_run(row, &run, err);
        if (status == ETL_OK)
            status = emit(arg, &run);
        run_fini(&run);
        ETL_TRY(status);
    }
out:
    return db_end(store->db, status, err);
}
