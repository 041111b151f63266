/* begin() and explain(): what the database holds of a stream, and taking it over.
 *
 * A generation that is not live yet is loaded into a table beside the target, named after both; its rows are committed there unit by
 * unit like any others, so an interrupted load resumes. All slices of a stream share that table.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugins/sqlite/sqlite_dest.h"

/* What the commit table says about a line of commits. */
struct position {
    int64_t epoch;
    uint64_t seq;
    uint64_t row_generation; /* of this slice's last commit */
    bool has_commit;
    uint64_t newest; /* generation of the stream */
    bool newest_is_final;
    struct etl_buffer state;
};

static int bind_plan(sqlite3_stmt *statement, const char *pipeline, const char *stream, const char *slice)
{
    int rc = sqlite3_bind_text(statement, 1, pipeline, -1, SQLITE_STATIC);

    rc = rc == SQLITE_OK ? sqlite3_bind_text(statement, 2, stream, -1, SQLITE_STATIC) : rc;
    if (rc == SQLITE_OK && slice)
        rc = sqlite3_bind_text(statement, 3, slice, -1, SQLITE_STATIC);
    return rc;
}

/* Runs `claim` or `look`. */
static etl_status read_line(struct sqlite_db *db, const char *sql, const struct etl_write_plan *plan,
                            struct position *position, struct etl_error *err)
{
    sqlite3_stmt *row = NULL;
    etl_status status = ETL_OK;
    int rc = SQLITE_OK;

    ETL_TRY(sqlite_prepare(db, sql, &row, err));
    rc = bind_plan(row, plan->pipeline_id, plan->stream, plan->slice);
    rc = rc == SQLITE_OK ? sqlite3_step(row) : rc;
    if (rc == SQLITE_ROW) {
        position->epoch = sqlite3_column_int64(row, 0);
        position->seq = (uint64_t)sqlite3_column_int64(row, 1);
        position->row_generation = (uint64_t)sqlite3_column_int64(row, 2);
        position->has_commit = sqlite3_column_type(row, 4) != SQLITE_NULL;
        etl_buffer_add(&position->state, sqlite3_column_blob(row, 4), (size_t)sqlite3_column_bytes(row, 4));
        rc = sqlite3_step(row); /* RETURNING rows come before the end of the statement */
    }
    if (rc != SQLITE_DONE)
        status = sqlite_fail(db, rc, "read checkpoint", err);
    else if (position->state.failed)
        status = etl_fail_memory(err);
out:
    sqlite3_finalize(row);
    return status;
}

static etl_status read_newest(struct sqlite_db *db, const struct etl_commit_table *commits, const char *pipeline,
                              const char *stream, uint64_t *ret_generation, bool *ret_final, struct etl_error *err)
{
    sqlite3_stmt *row = NULL;
    etl_status status = ETL_OK;
    int rc = SQLITE_OK;

    *ret_generation = 0;
    *ret_final = true;
    ETL_TRY(sqlite_prepare(db, commits->newest, &row, err));
    rc = bind_plan(row, pipeline, stream, NULL);
    rc = rc == SQLITE_OK ? sqlite3_step(row) : rc;
    if (rc == SQLITE_ROW && sqlite3_column_type(row, 0) != SQLITE_NULL) {
        *ret_generation = (uint64_t)sqlite3_column_int64(row, 0);
        *ret_final = *ret_generation == 0 || sqlite3_column_int(row, 1) != 0;
    } else if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        status = sqlite_fail(db, rc, "read generation", err);
    }
out:
    sqlite3_finalize(row);
    return status;
}

static etl_status check_generation(const struct etl_write_plan *plan, const struct position *position,
                                   struct etl_error *err)
{
    if (plan->generation >= position->newest)
        return ETL_OK;
    return etl_fail(err, ETL_CONFLICT,
                    "table %s: the database holds generation %" PRIu64
                    " of stream %s, this run is to write generation %" PRIu64 ": another run has refreshed the stream",
                    plan->target, position->newest, plan->stream, plan->generation);
}

static bool is_live(const struct etl_write_plan *plan, const struct position *position)
{
    return plan->generation == 0 || (plan->generation == position->newest && position->newest_is_final);
}

static void report(const struct etl_write_plan *plan, const struct position *position, struct etl_recovery *recovery)
{
    recovery->found = position->has_commit && position->row_generation == plan->generation;
    recovery->seq = recovery->found ? position->seq : 0;
    recovery->state = recovery->found ? (position->state.data ? position->state.data : "") : NULL;
    recovery->state_len = recovery->found ? position->state.length : 0;
    recovery->generation = position->newest;
    recovery->is_final = position->newest_is_final;
    recovery->guarantee = ETL_GUARANTEE_ATOMIC;
}

/* ---- begin ---- */

static etl_status copy_keys(const char *const *keys, char ***ret_keys, struct etl_error *err)
{
    size_t count = 0;
    char **copy = NULL;

    while (keys[count])
        count++;
    copy = calloc(count + 1, sizeof *copy);
    if (!copy)
        return etl_fail_memory(err);
    *ret_keys = copy;
    for (size_t i = 0; i < count; i++) {
        etl_status status = sqlite_copy(keys[i], &copy[i], err);
        if (status != ETL_OK)
            return status; /* the writer frees what is there */
    }
    return ETL_OK;
}

static etl_status writer_new(struct etl_dest *dest, const struct etl_write_plan *plan, struct etl_writer **ret_writer,
                             struct etl_error *err)
{
    struct etl_writer *writer = calloc(1, sizeof *writer);
    etl_status status = ETL_OK;

    if (!writer)
        return etl_fail_memory(err);
    writer->dest = dest;
    writer->mode = plan->mode;
    writer->delete_mode = plan->delete_mode;
    writer->generation = plan->generation;
    ETL_TRY(sqlite_copy(plan->pipeline_id, &writer->pipeline, err));
    ETL_TRY(sqlite_copy(plan->stream, &writer->stream, err));
    ETL_TRY(sqlite_copy(plan->slice, &writer->slice, err));
    ETL_TRY(sqlite_copy(plan->run_id, &writer->run_id, err));
    ETL_TRY(sqlite_copy(plan->target, &writer->live, err));
    ETL_TRY(copy_keys(plan->keys, &writer->keys, err));
    *ret_writer = writer;
    return ETL_OK;
out:
    sqlite_writer_free(writer);
    return status;
}

void sqlite_writer_free(struct etl_writer *writer)
{
    if (!writer)
        return;
    sqlite_drop_schema(writer);
    etl_view_fini(&writer->view);
    etl_schema_release(&writer->schema);
    for (size_t i = 0; writer->keys && writer->keys[i]; i++)
        free(writer->keys[i]);
    free(writer->keys);
    free(writer->pipeline);
    free(writer->stream);
    free(writer->slice);
    free(writer->run_id);
    free(writer->live);
    free(writer->staging);
    etl_buffer_fini(&writer->state);
    free(writer);
}

static etl_status check_target(struct sqlite_db *db, const char *target, struct etl_error *err)
{
    struct sqlite_table table = {0};
    etl_status status = ETL_OK;

    if (sqlite3_strnicmp(target, "sqlite_", 7) == 0 || sqlite3_stricmp(target, ETL_COMMIT_TABLE) == 0)
        return etl_fail(err, ETL_CONFIG, "table %s: the name is reserved: choose another target", target);
    ETL_TRY(sqlite_table_load(db, target, &table, err));
    if (table.exists && (table.is_view || table.is_virtual))
        status = etl_fail(err, ETL_CONFIG, "%s is a %s: choose another target", target,
                          table.is_view ? "view" : "virtual table");
    sqlite_table_fini(&table);
out:
    return status;
}

/* A resumed load needs the rows that it has committed before. */
static etl_status check_staging(struct sqlite_db *db, const struct etl_writer *writer, const struct position *position,
                                struct etl_error *err)
{
    struct sqlite_table table = {0};
    sqlite3_stmt *row = NULL;
    etl_status status = ETL_OK;
    int64_t rows = 0;

    if (!writer->staging || position->newest != writer->generation)
        return ETL_OK;
    ETL_TRY(sqlite_table_load(db, writer->staging, &table, err));
    if (table.exists)
        goto out;
    ETL_TRY(sqlite_prepare(
        db, "SELECT total(\"rows\") FROM " ETL_COMMIT_TABLE " WHERE pipeline = ?1 AND stream = ?2 AND generation = ?3",
        &row, err));
    bind_plan(row, writer->pipeline, writer->stream, NULL);
    sqlite3_bind_int64(row, 3, (int64_t)writer->generation);
    if (sqlite3_step(row) == SQLITE_ROW)
        rows = sqlite3_column_int64(row, 0);
    if (rows > 0)
        status =
            etl_fail(err, ETL_STATE_INVALID,
                     "table %s: %s, which held the rows loaded so far, is gone: run the stream with --full-refresh",
                     writer->live, writer->staging);
out:
    sqlite3_finalize(row);
    sqlite_table_fini(&table);
    return status;
}

/* In one transaction: the commit table, the claim, and what an older unfinished generation left. */
static etl_status take_over(struct etl_dest *dest, const struct etl_write_plan *plan, struct etl_writer *writer,
                            struct position *position, struct etl_error *err)
{
    struct sqlite_script script = {0};
    struct sqlite_db *db = &dest->db;
    etl_status status = ETL_OK;

    ETL_TRY(sqlite_exec(db, "BEGIN IMMEDIATE", "lock database", err));
    ETL_TRY(check_target(db, plan->target, err));
    ETL_TRY(sqlite_exec(db, dest->commits->create, "create " ETL_COMMIT_TABLE, err));
    ETL_TRY(read_newest(db, dest->commits, plan->pipeline_id, plan->stream, &position->newest,
                        &position->newest_is_final, err));
    ETL_TRY(check_generation(plan, position, err));
    ETL_TRY(read_line(db, dest->commits->claim, plan, position, err));
    writer->is_final = is_live(plan, position);
    if (!writer->is_final) {
        ETL_TRY(sqlite_staging_name(plan, &writer->staging, err));
        ETL_TRY(check_staging(db, writer, position, err));
        ETL_TRY(sqlite_plan_drop_staging(db, writer->staging, position->newest == plan->generation, &script, err));
        ETL_TRY(sqlite_script_run(db, &script, err));
    }
    ETL_TRY(sqlite_exec(db, "COMMIT", "commit claim", err));
out:
    if (status != ETL_OK)
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    sqlite_script_fini(&script);
    return status;
}

etl_status sqlite_dest_begin(struct etl_dest *dest, const struct etl_write_plan *plan, struct etl_writer **ret_writer,
                             struct etl_recovery *recovery, struct etl_error *err)
{
    struct etl_writer *writer = NULL;
    struct position position = {0};
    etl_status status = ETL_OK;

    ETL_TRY(writer_new(dest, plan, &writer, err));
    ETL_TRY(sqlite_unit_acquire(dest, dest, err));
    pthread_mutex_lock(&dest->calls);
    if (!dest->db.handle)
        status = sqlite_dest_connect(dest, &dest->db, DB_CREATE, err);
    if (status == ETL_OK)
        status = take_over(dest, plan, writer, &position, err);
    pthread_mutex_unlock(&dest->calls);
    sqlite_unit_release(dest);
    ETL_TRY(status);
    ETL_TRY(ETL_FAILPOINT("dst.open.after_epoch", err));
    writer->epoch = position.epoch;
    writer->seq = position.seq;
    writer->found = position.has_commit && position.row_generation == plan->generation;
    report(plan, &position, recovery);
    writer->state = position.state; /* lent to the host */
    memset(&position.state, 0, sizeof position.state);
    *ret_writer = writer;
    writer = NULL;
out:
    etl_buffer_fini(&position.state);
    sqlite_writer_free(writer);
    return status;
}

/* ---- explain ---- */

static etl_status emit_script(const struct sqlite_script *script, etl_emit_text emit, void *arg, struct etl_error *err)
{
    etl_status status = ETL_OK;

    for (size_t i = 0; i < script->count && status == ETL_OK; i++)
        status = emit(arg, script->statements[i], strlen(script->statements[i]));
    return status == ETL_OK || *err->message ? status : etl_fail(err, status, "the host stopped the explanation");
}

static etl_status explain_table(struct sqlite_db *db, const struct etl_write_plan *plan, const char *staging,
                                const struct ArrowSchema *schema, struct sqlite_script *script, struct etl_error *err)
{
    static const char *const no_keys[] = {NULL};
    struct sqlite_target target = {.table = staging ? staging : plan->target, .live = plan->target, .keys = no_keys};
    struct etl_view view = {0};
    size_t count = (size_t)schema->n_children + 1;
    struct etl_type *held = calloc(count, sizeof *held);
    bool *known = calloc(count, sizeof *known);
    enum sqlite_affinity *affinity = calloc(count, sizeof *affinity);
    etl_status status = ETL_OK;

    if (!held || !known || !affinity) {
        status = etl_fail_memory(err);
        goto out;
    }
    if (plan->mode != ETL_MODE_APPEND)
        target.keys = plan->keys;
    ETL_TRY(etl_view_init(&view, schema, err));
    ETL_TRY(sqlite_plan_table(db, &target, &view, held, known, affinity, script, false, err));
out:
    etl_view_fini(&view);
    free(held);
    free(known);
    free(affinity);
    return status;
}

/* The swap needs a staging table that is not there yet, so it is told in words. */
static etl_status explain_swap(const struct etl_write_plan *plan, const char *staging, struct sqlite_script *script,
                               struct etl_error *err)
{
    struct etl_buffer text = {0};
    etl_status status = ETL_OK;

    etl_buffer_add_format(&text, "with the last commit: %s replaces %s, whose indexes and triggers are made again",
                          staging, plan->target);
    status = sqlite_script_add(script, &text, err);
    etl_buffer_fini(&text);
    return status;
}

static etl_status look(struct etl_dest *dest, struct sqlite_db *db, const struct etl_write_plan *plan,
                       struct position *position, struct sqlite_script *script, struct etl_error *err)
{
    struct sqlite_table table = {0};
    struct etl_buffer sql = {0};
    etl_status status = sqlite_table_load(db, ETL_COMMIT_TABLE, &table, err);

    position->newest_is_final = true;
    if (status == ETL_OK && table.exists) {
        ETL_TRY(read_newest(db, dest->commits, plan->pipeline_id, plan->stream, &position->newest,
                            &position->newest_is_final, err));
        ETL_TRY(read_line(db, dest->commits->look, plan, position, err));
    } else if (status == ETL_OK) {
        etl_buffer_add_text(&sql, "CREATE TABLE " ETL_COMMIT_TABLE " for the checkpoints, with the first run");
        ETL_TRY(sqlite_script_add(script, &sql, err));
    }
out:
    etl_buffer_fini(&sql);
    sqlite_table_fini(&table);
    return status;
}

static etl_status explain_on(struct etl_dest *dest, struct sqlite_db *db, const struct etl_write_plan *plan,
                             const struct ArrowSchema *schema, struct position *position, struct sqlite_script *script,
                             struct etl_error *err)
{
    etl_status status = ETL_OK;
    char *staging = NULL;

    ETL_TRY(check_target(db, plan->target, err));
    ETL_TRY(look(dest, db, plan, position, script, err));
    ETL_TRY(check_generation(plan, position, err));
    if (!is_live(plan, position)) {
        ETL_TRY(sqlite_staging_name(plan, &staging, err));
        ETL_TRY(sqlite_plan_drop_staging(db, staging, position->newest == plan->generation, script, err));
    }
    if (schema && schema->release)
        ETL_TRY(explain_table(db, plan, staging, schema, script, err));
    if (staging)
        ETL_TRY(explain_swap(plan, staging, script, err));
out:
    free(staging);
    return status;
}

etl_status sqlite_dest_explain(struct etl_dest *dest, const struct etl_write_plan *plan,
                               const struct ArrowSchema *schema, etl_emit_text emit, void *arg,
                               struct etl_recovery *recovery, struct etl_error *err)
{
    struct sqlite_script script = {0};
    struct position position = {0};
    struct sqlite_db db = {0};
    etl_status status = ETL_OK;

    if (access(dest->settings.path, F_OK) == 0) {
        ETL_TRY(sqlite_dest_connect(dest, &db, DB_READ, err));
    } else { /* planned against an empty database */
        db.path = ":memory:";
        ETL_TRY(sqlite_db_open(&db, DB_CREATE, err));
    }
    ETL_TRY(explain_on(dest, &db, plan, schema, &position, &script, err));
    ETL_TRY(emit_script(&script, emit, arg, err));
    etl_buffer_fini(&dest->explained);
    dest->explained = position.state;
    report(plan, &position, recovery);
    memset(&position.state, 0, sizeof position.state);
out:
    etl_buffer_fini(&position.state);
    sqlite_script_fini(&script);
    sqlite_db_close(&db);
    return status;
}
