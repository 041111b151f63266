/* The SQLite destination: instance, units, commits.
 *
 * SQLite allows one write transaction per file, so an instance has one connection, and a unit is the right to have a transaction open
 * on it. A writer takes that right (BEGIN IMMEDIATE) with its first write and keeps it to commit or rollback; the others wait. So
 * rows of one stream can never become durable with the commit of another, and memory is needed for one page cache only. Connections of
 * their own would wait in the same way, but in SQLite's busy handler: unfair and with a time limit. The holder of a unit waits for
 * nothing that another writer holds, so there is no deadlock; a writer that has just ended a unit lets waiting ones go first.
 *
 * Lock order: `lock` is released before `calls` is taken. `calls` protects the connection, also from end() of a writer that holds no
 * unit. cancel() takes neither for long.
 */
#include "plugins/sqlite/sqlite_dest.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *sqlite_dest_schema(void)
{
    static char text[2048]; /* global: filled with the same bytes every time */

    return etl_settings_schema(sqlite_dest_settings_table, ETL_SETTINGS_COUNT(sqlite_dest_settings_table), text,
                               sizeof text);
}

/* ---- units ---- */

etl_status sqlite_unit_acquire(struct etl_dest *dest, const void *owner, struct etl_error *err)
{
    bool taken = false;

    pthread_mutex_lock(&dest->lock);
    dest->waiting++;
    while (!atomic_load(&dest->cancelled) && (dest->unit_owner || (dest->last_owner == owner && dest->waiting > 1)))
        pthread_cond_wait(&dest->unit_ended, &dest->lock);
    dest->waiting--;
    if (!dest->unit_owner) {
        dest->unit_owner = dest->last_owner = owner;
        taken = true;
    }
    pthread_mutex_unlock(&dest->lock);
    return taken ? ETL_OK
                 : etl_fail(err, ETL_CANCELLED, "%s: waiting for another stream's unit was cancelled",
                            dest->settings.path);
}

void sqlite_unit_release(struct etl_dest *dest)
{
    pthread_mutex_lock(&dest->lock);
    dest->unit_owner = NULL;
    pthread_cond_broadcast(&dest->unit_ended);
    pthread_mutex_unlock(&dest->lock);
}

/* Undoes the unit. The connection is locked by the caller. */
static void abandon_unit(struct etl_writer *writer)
{
    if (!writer->in_unit)
        return;
    if (!sqlite3_get_autocommit(writer->dest->db.handle))
        sqlite3_exec(writer->dest->db.handle, "ROLLBACK", NULL, NULL, NULL);
    writer->needs_schema = writer->needs_schema || writer->schema_in_unit;
    writer->in_unit = false;
    sqlite_unit_release(writer->dest);
}

static etl_status read_version(struct sqlite_db *db, int64_t *ret_version, struct etl_error *err)
{
    sqlite3_stmt *row = NULL;
    etl_status status = ETL_OK;

    ETL_TRY(sqlite_prepare(db, "PRAGMA schema_version", &row, err));
    *ret_version = sqlite3_step(row) == SQLITE_ROW ? sqlite3_column_int64(row, 0) : -1;
out:
    sqlite3_finalize(row);
    return status;
}

/* Another slice, or a user, may have changed the table since this writer looked at it. */
static etl_status refresh_schema(struct etl_writer *writer, struct etl_error *err)
{
    etl_status status = ETL_OK;
    int64_t version = 0;

    if (!writer->has_schema)
        return ETL_OK;
    ETL_TRY(read_version(&writer->dest->db, &version, err));
    if (!writer->needs_schema && version == writer->schema_version)
        return ETL_OK;
    writer->schema_in_unit = true;
    ETL_TRY(sqlite_apply_schema(writer, err));
out:
    return status;
}

static etl_status start_unit(struct etl_writer *writer, struct etl_error *err)
{
    struct etl_dest *dest = writer->dest;
    etl_status status = sqlite_exec(&dest->db, "BEGIN IMMEDIATE", "lock database", err);

    if (status != ETL_OK) {
        sqlite_unit_release(dest);
        return status;
    }
    writer->in_unit = true;
    writer->is_advanced = writer->schema_in_unit = false;
    writer->soft_deletes = SQLITE_SOFT_NONE;
    writer->unit_rows = 0;
    status = refresh_schema(writer, err);
    if (status != ETL_OK)
        abandon_unit(writer);
    return status;
}

/* Locks the connection with a unit open; unlocks it on failure. */
static etl_status enter_unit(struct etl_writer *writer, struct etl_error *err)
{
    struct etl_dest *dest = writer->dest;
    etl_status status = ETL_OK;

    if (!writer->in_unit)
        status = sqlite_unit_acquire(dest, writer, err);
    if (status != ETL_OK)
        return status;
    pthread_mutex_lock(&dest->calls);
    if (!writer->in_unit)
        status = start_unit(writer, err);
    else if (sqlite3_get_autocommit(dest->db.handle))
        status =
            etl_fail(err, ETL_MISUSE, "%s: the unit has failed and must be rolled back first", dest->settings.path);
    if (status != ETL_OK)
        pthread_mutex_unlock(&dest->calls);
    return status;
}

/* ---- writer ---- */

static etl_status adopt_schema(struct etl_writer *writer, const struct ArrowSchema *schema, struct etl_error *err)
{
    struct ArrowSchema copy = {.release = NULL};
    struct etl_view view = {0};
    etl_status status = ETL_OK;

    ETL_TRY(etl_schema_copy(schema, &copy, err));
    ETL_TRY(etl_view_init(&view, &copy, err));
    sqlite_drop_schema(writer);
    etl_view_fini(&writer->view);
    etl_schema_release(&writer->schema);
    etl_schema_move(&copy, &writer->schema);
    writer->view = view;
    writer->has_schema = true;
    writer->needs_schema = true;
out:
    etl_schema_release(&copy);
    return status;
}

/* Outside a unit nothing may change: a table without rows must not be seen when the stream fails before its first commit. What can be
 * wrong with the schema is found now, the DDL runs in the unit's own transaction. */
static etl_status check_outside_unit(struct etl_writer *writer, const struct ArrowSchema *schema, struct etl_error *err)
{
    etl_status status = ETL_OK;

    pthread_mutex_lock(&writer->dest->calls);
    status = adopt_schema(writer, schema, err);
    if (status == ETL_OK)
        status = sqlite_check_schema(writer, err);
    pthread_mutex_unlock(&writer->dest->calls);
    return status;
}

static etl_status dest_set_schema(struct etl_writer *writer, const struct ArrowSchema *schema, struct etl_error *err)
{
    etl_status status = ETL_OK;

    if (writer->has_schema && !writer->needs_schema && etl_schema_equal(&writer->schema, schema))
        return ETL_OK;
    if (!writer->in_unit)
        return check_outside_unit(writer, schema, err);
    status = enter_unit(writer, err);
    if (status != ETL_OK)
        return status;
    status = adopt_schema(writer, schema, err);
    if (status == ETL_OK) {
        writer->schema_in_unit = true;
        status = sqlite_apply_schema(writer, err);
    }
    pthread_mutex_unlock(&writer->dest->calls);
    return status;
}

static etl_status dest_write(struct etl_writer *writer, struct ArrowArray *batch, uint64_t flags, struct etl_error *err)
{
    etl_status status = ETL_OK;

    if (!writer->has_schema)
        return etl_fail(err, ETL_MISUSE, "write before set_schema");
    status = enter_unit(writer, err);
    if (status != ETL_OK)
        return status;
    status = sqlite_write_batch(writer, batch, flags, err);
    if (status == ETL_TRANSIENT) /* rows may have been kept: the call cannot be repeated */
        status = ETL_IO;
    pthread_mutex_unlock(&writer->dest->calls);
    return status;
}

/* ---- commit ---- */

static etl_status empty_live_table(struct etl_writer *writer, struct sqlite_script *script, struct etl_error *err)
{
    struct sqlite_table table = {0};
    struct etl_buffer sql = {0};
    etl_status status = ETL_OK;

    ETL_TRY(sqlite_table_load(&writer->dest->db, writer->live, &table, err));
    if (table.exists) {
        etl_buffer_add_text(&sql, "DELETE FROM ");
        sqlite_add_name(&sql, table.name);
        ETL_TRY(sqlite_script_add(script, &sql, err));
    }
out:
    etl_buffer_fini(&sql);
    sqlite_table_fini(&table);
    return status;
}

static etl_status bind_and_run(struct etl_writer *writer, const char *sql, struct etl_error *err)
{
    struct sqlite_db *db = &writer->dest->db;
    sqlite3_stmt *statement = NULL;
    etl_status status = ETL_OK;
    int rc = SQLITE_OK;

    ETL_TRY(sqlite_prepare(db, sql, &statement, err));
    sqlite3_bind_text(statement, 1, writer->pipeline, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, writer->stream, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 3, (int64_t)writer->generation);
    rc = sqlite3_step(statement);
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        status = sqlite_fail(db, rc, "finish generation", err);
out:
    sqlite3_finalize(statement);
    return status;
}

/* Puts the staging table in the place of the live one. A generation without any schema had no rows. */
static etl_status swap_generation(struct etl_writer *writer, struct etl_error *err)
{
    struct sqlite_db *db = &writer->dest->db;
    struct sqlite_script script = {0};
    struct sqlite_table staging = {0};
    etl_status status = ETL_OK;

    ETL_TRY(ETL_FAILPOINT("dst.gen.swap.before", err));
    ETL_TRY(sqlite_table_load(db, writer->staging, &staging, err));
    sqlite_drop_statements(writer);
    writer->schema_in_unit = true; /* after a rollback they must be prepared again */
    if (staging.exists)
        ETL_TRY(sqlite_plan_swap(db, writer->live, writer->staging, &script, err));
    else
        ETL_TRY(empty_live_table(writer, &script, err));
    ETL_TRY(sqlite_script_run(db, &script, err));
    ETL_TRY(bind_and_run(writer, writer->dest->commits->finalize, err));
    ETL_TRY(bind_and_run(writer, writer->dest->commits->forget, err));
    ETL_TRY(ETL_FAILPOINT("dst.gen.swap.after", err));
out:
    sqlite_table_fini(&staging);
    sqlite_script_fini(&script);
    return status;
}

static etl_status bind_advance(struct etl_writer *writer, const struct etl_commit *commit, bool is_final,
                               sqlite3_stmt *statement)
{
    sqlite3_bind_text(statement, 1, writer->pipeline, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, writer->stream, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, writer->slice, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 4, writer->epoch);
    sqlite3_bind_int64(statement, 5, (int64_t)writer->seq);
    sqlite3_bind_int64(statement, 6, (int64_t)commit->seq);
    sqlite3_bind_int64(statement, 7, (int64_t)writer->generation);
    sqlite3_bind_int(statement, 8, is_final);
    sqlite3_bind_blob64(statement, 9, commit->state_len ? commit->state : "", commit->state_len, SQLITE_STATIC);
    sqlite3_bind_text(statement, 10, writer->run_id, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 11, (int64_t)writer->unit_rows);
    return sqlite3_bind_int64(statement, 12, commit->time_us);
}

/* The fence: exactly one row changes, unless another run has claimed the line. */
static etl_status advance(struct etl_writer *writer, const struct etl_commit *commit, struct etl_error *err)
{
    bool is_final = writer->is_final || commit->flags & ETL_COMMIT_FINAL;
    struct sqlite_db *db = &writer->dest->db;
    sqlite3_stmt *statement = NULL;
    etl_status status = ETL_OK;
    int rc = SQLITE_OK;

    ETL_TRY(sqlite_prepare(db, writer->dest->commits->advance, &statement, err));
    rc = bind_advance(writer, commit, is_final, statement);
    rc = rc == SQLITE_OK ? sqlite3_step(statement) : rc;
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        status = sqlite_fail(db, rc, "write checkpoint", err);
    else if (sqlite3_changes(db->handle) != 1)
        status =
            etl_fail(err, ETL_CONFLICT, "table %s: another run has taken over stream %s", writer->live, writer->stream);
    ETL_TRY(status);
    ETL_TRY(ETL_FAILPOINT("dst.fence.after", err));
out:
    sqlite3_finalize(statement);
    return status;
}

static etl_status check_commit(const struct etl_writer *writer, const struct etl_commit *commit, struct etl_error *err)
{
    if (writer->found && commit->seq != writer->seq + 1)
        return etl_fail(err, ETL_MISUSE, "commit %llu after commit %llu", (unsigned long long)commit->seq,
                        (unsigned long long)writer->seq);
    return ETL_OK;
}

static etl_status fail_commit(struct etl_writer *writer, int rc, struct etl_error *err)
{
    struct sqlite_db *db = &writer->dest->db;
    etl_status status = sqlite_fail(db, rc, "commit", err);

    if ((rc & 0xff) == SQLITE_IOERR)
        return ETL_IN_DOUBT; /* the journal may or may not have been finished */
    if ((status == ETL_TRANSIENT || status == ETL_CANCELLED) && !sqlite3_get_autocommit(db->handle))
        return ETL_TRANSIENT; /* everything is still in place: the same call may be made again */
    return status;
}

static etl_status prepare_commit(struct etl_writer *writer, const struct etl_commit *commit, struct etl_error *err)
{
    etl_status status = ETL_OK;

    if (writer->is_advanced)
        return ETL_OK;
    ETL_TRY(sqlite_finish_soft_deletes(writer, commit->time_us, err));
    ETL_TRY(advance(writer, commit, err));
    if (commit->flags & ETL_COMMIT_FINAL && writer->staging)
        ETL_TRY(swap_generation(writer, err));
    writer->is_advanced = true;
out:
    return status;
}

static etl_status commit_unit(struct etl_writer *writer, const struct etl_commit *commit, struct etl_error *err)
{
    etl_status status = ETL_OK;
    int rc = SQLITE_OK;

    ETL_TRY(check_commit(writer, commit, err));
    ETL_TRY(prepare_commit(writer, commit, err));
    ETL_TRY(ETL_FAILPOINT("dst.commit.before", err));
    rc = sqlite3_exec(writer->dest->db.handle, "COMMIT", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return fail_commit(writer, rc, err);
    writer->seq = commit->seq;
    writer->found = true;
    writer->schema_in_unit = false;
    if (commit->flags & ETL_COMMIT_FINAL && writer->staging) {
        free(writer->staging);
        writer->staging = NULL;
        writer->is_final = true;
        writer->needs_schema = true; /* statements name the staging table */
    }
    writer->in_unit = false;
    sqlite_unit_release(writer->dest);
    status = ETL_FAILPOINT("dst.commit.after", err);
out:
    return status;
}

static etl_status dest_commit(struct etl_writer *writer, const struct etl_commit *commit, struct etl_error *err)
{
    etl_status status = enter_unit(writer, err);

    if (status != ETL_OK)
        return status;
    status = commit_unit(writer, commit, err);
    if (status != ETL_OK && status != ETL_TRANSIENT && status != ETL_THROTTLED)
        abandon_unit(writer);
    pthread_mutex_unlock(&writer->dest->calls);
    return status;
}

static etl_status dest_rollback(struct etl_writer *writer, struct etl_error *err)
{
    (void)err;
    pthread_mutex_lock(&writer->dest->calls);
    abandon_unit(writer);
    pthread_mutex_unlock(&writer->dest->calls);
    return ETL_OK;
}

static void dest_end(struct etl_writer *writer)
{
    struct etl_dest *dest = writer->dest;

    pthread_mutex_lock(&dest->calls);
    abandon_unit(writer);
    sqlite_writer_free(writer);
    pthread_mutex_unlock(&dest->calls);
}

/* ---- instance ---- */

static void dest_close(struct etl_dest *dest)
{
    if (!dest)
        return;
    sqlite_db_close(&dest->db);
    etl_buffer_fini(&dest->explained);
    pthread_mutex_destroy(&dest->calls);
    pthread_mutex_destroy(&dest->lock);
    pthread_cond_destroy(&dest->unit_ended);
    etl_settings_free(sqlite_dest_settings_table, ETL_SETTINGS_COUNT(sqlite_dest_settings_table), &dest->settings);
    free(dest);
}

static etl_status dest_open(const struct etl_host *host, const char *config, size_t length, struct etl_dest **ret_dest,
                            struct etl_error *err)
{
    struct etl_dest *dest = calloc(1, sizeof *dest);
    etl_status status = ETL_OK;

    if (!dest)
        return etl_fail_memory(err);
    dest->host = host;
    dest->commits = etl_commit_table(ETL_SQL_SQLITE);
    atomic_init(&dest->cancelled, false);
    pthread_mutex_init(&dest->calls, NULL);
    pthread_mutex_init(&dest->lock, NULL);
    pthread_cond_init(&dest->unit_ended, NULL);
    status = etl_settings_parse(sqlite_dest_settings_table, ETL_SETTINGS_COUNT(sqlite_dest_settings_table),
                                &dest->settings, config, length, err);
    if (status != ETL_OK) {
        dest_close(dest);
        return status;
    }
    *ret_dest = dest;
    return ETL_OK;
}

static etl_status set_pragmas(struct etl_dest *dest, struct sqlite_db *db, struct etl_error *err)
{
    char sql[256];
    bool keep = strcmp(dest->settings.journal_mode, "keep") == 0;

    sqlite3_snprintf(sizeof sql, sql, "PRAGMA synchronous=%s; PRAGMA cache_size=-%lld; %s%s",
                     dest->settings.synchronous, (long long)dest->settings.cache_size / 1024 + 1,
                     keep ? "" : "PRAGMA journal_mode=", keep ? "" : dest->settings.journal_mode);
    return sqlite_exec(db, sql, "set up database", err);
}

etl_status sqlite_dest_connect(struct etl_dest *dest, struct sqlite_db *db, enum sqlite_access access,
                               struct etl_error *err)
{
    etl_status status = ETL_OK;

    db->path = dest->settings.path;
    db->host = dest->host;
    db->cancelled = &dest->cancelled;
    db->busy_timeout_ms = (int64_t)(dest->settings.busy_timeout * 1000);
    ETL_TRY(sqlite_db_open(db, access, err));
    ETL_TRY(sqlite_register_recast(db, err));
    if (access != DB_READ)
        ETL_TRY(set_pragmas(dest, db, err));
out:
    if (status != ETL_OK)
        sqlite_db_close(db);
    return status;
}

/* The file and its journal are made in that folder. */
static etl_status check_folder(const char *path, struct etl_error *err)
{
    char *copy = NULL;
    const char *folder = NULL;
    etl_status status = sqlite_copy(path, &copy, err);

    if (status != ETL_OK)
        return status;
    folder = dirname(copy);
    if (eaccess(folder, W_OK | X_OK) != 0)
        status = etl_fail_errno(err, errno, "cannot create files in folder", folder);
    free(copy);
    return status;
}

static etl_status dest_check(struct etl_dest *dest, struct etl_error *err)
{
    struct sqlite_db db = {.path = dest->settings.path, .cancelled = &dest->cancelled};
    etl_status status = ETL_OK;

    if (!*dest->settings.path)
        return etl_fail(err, ETL_CONFIG, "path is empty: name the database file");
    status = check_folder(dest->settings.path, err);
    if (status != ETL_OK || access(dest->settings.path, F_OK) != 0)
        return status;
    db.busy_timeout_ms = (int64_t)(dest->settings.busy_timeout * 1000);
    ETL_TRY(sqlite_db_open(&db, DB_WRITE, err));
    ETL_TRY(sqlite_exec(&db, "BEGIN IMMEDIATE", "lock database", err));
    ETL_TRY(sqlite_exec(&db, "ROLLBACK", "unlock database", err));
out:
    sqlite_db_close(&db);
    return status;
}

static void dest_cancel(struct etl_dest *dest)
{
    atomic_store(&dest->cancelled, true);
    pthread_mutex_lock(&dest->lock);
    pthread_cond_broadcast(&dest->unit_ended);
    pthread_mutex_unlock(&dest->lock);
}

const struct etl_dest_ops sqlite_dest_ops = {
    .struct_size = sizeof(struct etl_dest_ops),
    .open = dest_open,
    .check = dest_check,
    .explain = sqlite_dest_explain,
    .begin = sqlite_dest_begin,
    .set_schema = dest_set_schema,
    .write = dest_write,
    .commit = dest_commit,
    .rollback = dest_rollback,
    .cancel = dest_cancel,
    .end = dest_end,
    .close = dest_close,
};
