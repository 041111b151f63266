/* Rows into the open transaction.
 *
 * Rows that are not deletes go in statements of up to 40 rows (three times as fast as one by one); in one such statement SQLite applies
 * ON CONFLICT row by row in order, so the last row of a key wins. A soft delete marks the row, and commit() replaces the marks by
 * its time: the marked rows are listed in a temporary table that rolls back with the unit. The caller holds the unit and the lock for
 * calls.
 */
#include <stdlib.h>
#include <string.h>

#include "plugins/sqlite/sqlite_dest.h"

#define SOFT_MARK "'~etlhost'"

/* ---- statements ---- */

void sqlite_drop_statements(struct etl_writer *writer)
{
    for (int i = 0; i < SQLITE_STATEMENTS; i++) {
        sqlite3_finalize(writer->statements[i]);
        writer->statements[i] = NULL;
    }
}

static bool is_upsert(const struct etl_writer *writer)
{
    return writer->mode != ETL_MODE_APPEND && writer->keys[0];
}

static void add_conflict(struct etl_buffer *sql, const struct etl_writer *writer)
{
    const char *separator = " DO UPDATE SET ";

    for (size_t i = 0; writer->keys[i]; i++) {
        etl_buffer_add_text(sql, i ? ", " : " ON CONFLICT (");
        sqlite_add_name(sql, writer->keys[i]);
    }
    etl_buffer_add_text(sql, ")");
    for (size_t i = 0; i < writer->n_columns; i++) {
        if (writer->columns[i].is_key)
            continue;
        etl_buffer_add_text(sql, separator);
        sqlite_add_name(sql, writer->columns[i].view->name);
        etl_buffer_add_text(sql, " = excluded.");
        sqlite_add_name(sql, writer->columns[i].view->name);
        separator = ", ";
    }
    if (*separator == ' ')
        etl_buffer_add_text(sql, " DO NOTHING");
}

static void add_put(struct etl_buffer *sql, const struct etl_writer *writer, int rows)
{
    etl_buffer_add_text(sql, "INSERT INTO ");
    sqlite_add_name(sql, sqlite_writer_table(writer));
    for (size_t i = 0; i < writer->n_columns; i++) {
        etl_buffer_add_text(sql, i ? ", " : " (");
        sqlite_add_name(sql, writer->columns[i].view->name);
    }
    etl_buffer_add_text(sql, ") VALUES ");
    for (int row = 0; row < rows; row++) {
        etl_buffer_add_text(sql, row ? ", (?" : "(?");
        for (size_t i = 1; i < writer->n_columns; i++)
            etl_buffer_add_text(sql, ", ?");
        etl_buffer_add_text(sql, ")");
    }
    if (is_upsert(writer))
        add_conflict(sql, writer);
}

static void add_delete(struct etl_buffer *sql, const struct etl_writer *writer)
{
    bool soft = writer->delete_mode == ETL_DELETE_SOFT;
    const char *separator = " WHERE ";

    etl_buffer_add_text(sql, soft ? "UPDATE " : "DELETE FROM ");
    sqlite_add_name(sql, sqlite_writer_table(writer));
    if (soft)
        etl_buffer_add_text(sql, " SET " ETL_SOFT_DELETE_COLUMN " = " SOFT_MARK);
    for (size_t i = 0; i < writer->n_columns; i++) {
        if (!writer->columns[i].is_key)
            continue;
        etl_buffer_add_text(sql, separator);
        sqlite_add_name(sql, writer->columns[i].view->name);
        etl_buffer_add_text(sql, " = ?");
        separator = " AND ";
    }
    if (soft && writer->rowid)
        etl_buffer_add_format(sql, " RETURNING %s", writer->rowid);
}

static etl_status prepare_one(struct etl_writer *writer, enum sqlite_write_statement which, struct etl_error *err)
{
    struct etl_buffer sql = {0};
    etl_status status = ETL_OK;
    const char *text = NULL;

    if (which == SQLITE_DELETE_ONE)
        add_delete(&sql, writer);
    else
        add_put(&sql, writer, which == SQLITE_PUT_MANY ? writer->many : 1);
    ETL_TRY(sqlite_text(&sql, &text, err));
    ETL_TRY(sqlite_prepare(&writer->dest->db, text, &writer->statements[which], err));
out:
    etl_buffer_fini(&sql);
    return status;
}

/* ---- schema ---- */

void sqlite_drop_schema(struct etl_writer *writer)
{
    sqlite_drop_statements(writer);
    for (size_t i = 0; i < writer->n_columns; i++)
        free(writer->columns[i].scratch);
    free(writer->columns);
    writer->columns = NULL;
    writer->n_columns = 0;
}

static bool is_key_of(const struct etl_writer *writer, const char *name)
{
    for (size_t i = 0; writer->keys[i]; i++)
        if (sqlite3_stricmp(writer->keys[i], name) == 0)
            return true;
    return false;
}

static etl_status check_keys(const struct etl_writer *writer, struct etl_error *err)
{
    for (size_t k = 0; writer->keys[k]; k++) {
        bool found = false;
        for (size_t i = 0; i < writer->n_columns && !found; i++)
            found = sqlite3_stricmp(writer->keys[k], writer->columns[i].view->name) == 0;
        if (!found)
            return etl_fail(err, ETL_CONFIG, "table %s: key column %s is not in the schema", writer->live,
                            writer->keys[k]);
    }
    return ETL_OK;
}

static etl_status setup_columns(struct etl_writer *writer, const struct etl_type *held, const bool *known,
                                const enum sqlite_affinity *affinity, struct etl_error *err)
{
    etl_status status = ETL_OK;

    writer->soft_column = -1;
    for (int64_t i = 0; i < writer->view.n_children; i++) {
        struct sqlite_column *column = &writer->columns[writer->n_columns];
        if (i == writer->view.op_column)
            continue;
        column->view = &writer->view.children[i];
        column->held = held[i];
        column->is_key = is_key_of(writer, column->view->name);
        if (sqlite3_stricmp(column->view->name, ETL_SOFT_DELETE_COLUMN) == 0)
            writer->soft_column = (int64_t)writer->n_columns;
        writer->n_columns++;
        ETL_TRY(sqlite_choose_binder(column, known[i], affinity[i], err));
    }
    if (writer->n_columns == 0) {
        status = etl_fail(err, ETL_SCHEMA, "table %s: the schema has no columns", writer->live);
        goto out;
    }
    if (writer->delete_mode == ETL_DELETE_SOFT && writer->soft_column < 0)
        writer->delete_mode = ETL_DELETE_IGNORE; /* the host adds the column when there can be deletes */
    ETL_TRY(check_keys(writer, err));
out:
    return status;
}

static etl_status read_rowid_name(struct etl_writer *writer, struct etl_error *err)
{
    struct sqlite_table table = {0};
    etl_status status = sqlite_table_load(&writer->dest->db, sqlite_writer_table(writer), &table, err);

    if (status == ETL_OK) {
        writer->rowid = is_upsert(writer) ? table.rowid : NULL; /* without a unique key a delete may hit many rows */
        sqlite_table_fini(&table);
    }
    return status;
}

static etl_status read_schema_version(struct etl_writer *writer, struct etl_error *err)
{
    etl_status status = ETL_OK;
    sqlite3_stmt *row = NULL;

    ETL_TRY(sqlite_prepare(&writer->dest->db, "PRAGMA schema_version", &row, err));
    if (sqlite3_step(row) == SQLITE_ROW)
        writer->schema_version = sqlite3_column_int64(row, 0);
out:
    sqlite3_finalize(row);
    return status;
}

/* `run`: carries the plan out; otherwise it is only made. */
static etl_status plan_table(struct etl_writer *writer, bool run, struct etl_type *held, bool *known,
                             enum sqlite_affinity *affinity, struct etl_error *err)
{
    static const char *const no_keys[] = {NULL};
    struct sqlite_target target = {.table = sqlite_writer_table(writer), .live = writer->live, .keys = no_keys};
    struct sqlite_script script = {0};
    etl_status status = ETL_OK;

    if (is_upsert(writer))
        target.keys = (const char *const *)writer->keys;
    ETL_TRY(sqlite_plan_table(&writer->dest->db, &target, &writer->view, held, known, affinity, &script, run, err));
    if (!run)
        goto out;
    ETL_TRY(sqlite_script_run(&writer->dest->db, &script, err));
    if (writer->soft_deletes == SQLITE_SOFT_LISTED && script.count)
        writer->soft_deletes = SQLITE_SOFT_SCAN; /* a copied table has other row keys */
out:
    sqlite_script_fini(&script);
    return status;
}

static etl_status settle_columns(struct etl_writer *writer, bool run, struct etl_error *err)
{
    size_t count = (size_t)writer->view.n_children + 1;
    struct etl_type *held = calloc(count, sizeof *held);
    bool *known = calloc(count, sizeof *known);
    enum sqlite_affinity *affinity = calloc(count, sizeof *affinity);
    etl_status status = ETL_OK;

    sqlite_drop_schema(writer);
    writer->columns = calloc(count, sizeof *writer->columns);
    if (!held || !known || !affinity || !writer->columns) {
        status = etl_fail_memory(err);
        goto out;
    }
    ETL_TRY(plan_table(writer, run, held, known, affinity, err));
    ETL_TRY(setup_columns(writer, held, known, affinity, err));
out:
    free(held);
    free(known);
    free(affinity);
    return status;
}

etl_status sqlite_check_schema(struct etl_writer *writer, struct etl_error *err)
{
    etl_status status = settle_columns(writer, false, err);

    sqlite_drop_schema(writer); /* its columns hold only when the plan has been carried out */
    return status;
}

etl_status sqlite_apply_schema(struct etl_writer *writer, struct etl_error *err)
{
    int limit = sqlite3_limit(writer->dest->db.handle, SQLITE_LIMIT_VARIABLE_NUMBER, -1);
    etl_status status = ETL_OK;

    ETL_TRY(settle_columns(writer, true, err));
    ETL_TRY(read_rowid_name(writer, err));
    ETL_TRY(read_schema_version(writer, err));
    writer->many = limit / (int)writer->n_columns;
    if (writer->many > SQLITE_ROWS_PER_STATEMENT)
        writer->many = SQLITE_ROWS_PER_STATEMENT;
    writer->many = writer->many ? writer->many : 1;
    ETL_TRY(prepare_one(writer, SQLITE_PUT_MANY, err));
    ETL_TRY(prepare_one(writer, SQLITE_PUT_ONE, err));
    if (writer->keys[0] && writer->delete_mode != ETL_DELETE_IGNORE)
        ETL_TRY(prepare_one(writer, SQLITE_DELETE_ONE, err));
    writer->needs_schema = false;
out:
    return status;
}

/* ---- rows ---- */

/* Runs a statement to its end and makes it ready for the next rows. */
static etl_status run_statement(struct etl_writer *writer, sqlite3_stmt *statement, struct etl_error *err)
{
    int rc = sqlite3_step(statement);
    etl_status status = ETL_OK;

    if (rc != SQLITE_DONE && rc != SQLITE_ROW) {
        status = sqlite_fail(&writer->dest->db, rc, "write rows", err);
        etl_prefix(err, status, "table %s: ", writer->live);
    }
    sqlite3_reset(statement);
    return status;
}

static etl_status put_rows(struct etl_writer *writer, int64_t row, int64_t end, struct etl_error *err)
{
    etl_status status = ETL_OK;
    int stride = (int)writer->n_columns;

    while (row < end) {
        bool many = end - row >= writer->many;
        sqlite3_stmt *statement = writer->statements[many ? SQLITE_PUT_MANY : SQLITE_PUT_ONE];
        int count = many ? writer->many : 1;

        for (int i = 0; i < stride; i++) {
            const struct sqlite_column *column = &writer->columns[i];
            ETL_TRY(column->bind(column, statement, row, count, i + 1, stride, err));
        }
        ETL_TRY(run_statement(writer, statement, err));
        row += count;
    }
out:
    return status;
}

static etl_status list_soft_delete(struct etl_writer *writer, int64_t rowid, struct etl_error *err)
{
    struct sqlite_db *db = &writer->dest->db;
    char sql[128];

    if (writer->soft_deletes == SQLITE_SOFT_NONE) {
        etl_status status = sqlite_exec(db, "CREATE TEMP TABLE IF NOT EXISTS etlhost_deleted (id INTEGER PRIMARY KEY)",
                                        "list deleted rows", err);
        if (status != ETL_OK)
            return status;
        writer->soft_deletes = SQLITE_SOFT_LISTED;
    }
    if (writer->soft_deletes == SQLITE_SOFT_SCAN)
        return ETL_OK;
    sqlite3_snprintf(sizeof sql, sql, "INSERT OR IGNORE INTO temp.etlhost_deleted VALUES (%lld)", (long long)rowid);
    return sqlite_exec(db, sql, "list deleted rows", err);
}

static etl_status delete_row(struct etl_writer *writer, int64_t row, struct etl_error *err)
{
    sqlite3_stmt *statement = writer->statements[SQLITE_DELETE_ONE];
    etl_status status = ETL_OK;
    int index = 1, rc = SQLITE_OK;
    bool found = false;
    int64_t rowid = 0;

    for (size_t i = 0; i < writer->n_columns; i++)
        if (writer->columns[i].is_key)
            ETL_TRY(writer->columns[i].bind(&writer->columns[i], statement, row, 1, index++, 1, err));
    if (writer->delete_mode == ETL_DELETE_HARD)
        return run_statement(writer, statement, err);
    if (!writer->rowid) {
        writer->soft_deletes = SQLITE_SOFT_SCAN;
        return run_statement(writer, statement, err);
    }
    rc = sqlite3_step(statement);
    found = rc == SQLITE_ROW;
    rowid = found ? sqlite3_column_int64(statement, 0) : 0;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        status = sqlite_fail(&writer->dest->db, rc, "mark deleted row", err);
    sqlite3_reset(statement);
    if (found)
        ETL_TRY(list_soft_delete(writer, rowid, err));
out:
    return status;
}

static etl_status delete_rows(struct etl_writer *writer, int64_t row, int64_t end, struct etl_error *err)
{
    etl_status status = ETL_OK;

    if (writer->delete_mode == ETL_DELETE_IGNORE)
        return ETL_OK;
    if (!writer->keys[0])
        return etl_fail(err, ETL_UNSUPPORTED, "table %s: rows cannot be deleted without a key", writer->live);
    for (; row < end && status == ETL_OK; row++)
        status = delete_row(writer, row, err);
    return status;
}

static etl_status check_key_values(const struct etl_writer *writer, struct etl_error *err)
{
    for (size_t i = 0; i < writer->n_columns; i++) {
        const struct sqlite_column *column = &writer->columns[i];
        if (!column->is_key || !column->view->validity)
            continue;
        for (int64_t row = 0; row < column->view->length; row++)
            if (etl_view_is_null(column->view, row))
                return etl_fail(err, ETL_DATA, "table %s: key column %s is NULL in row %lld of batch %llu of this run",
                                writer->live, column->view->name, (long long)row + 1,
                                (unsigned long long)writer->batch_number);
    }
    return ETL_OK;
}

etl_status sqlite_write_batch(struct etl_writer *writer, const struct ArrowArray *batch, uint64_t flags,
                              struct etl_error *err)
{
    etl_status status = ETL_OK;
    int64_t row = 0, end = 0;

    etl_view_set(&writer->view, batch);
    writer->batch_number++;
    if (writer->mode != ETL_MODE_APPEND)
        ETL_TRY(check_key_values(writer, err));
    while (row < batch->length) {
        bool is_delete = etl_view_op(&writer->view, flags, row) == ETL_OP_DELETE;

        for (end = row + 1; end < batch->length; end++)
            if ((etl_view_op(&writer->view, flags, end) == ETL_OP_DELETE) != is_delete)
                break;
        if (is_delete)
            ETL_TRY(delete_rows(writer, row, end, err));
        else
            ETL_TRY(put_rows(writer, row, end, err));
        row = end;
    }
    writer->unit_rows += (uint64_t)batch->length;
    ETL_TRY(ETL_FAILPOINT("dst.stage.mid", err));
out:
    return status;
}

etl_status sqlite_finish_soft_deletes(struct etl_writer *writer, int64_t time_us, struct etl_error *err)
{
    struct etl_buffer sql = {0};
    etl_status status = ETL_OK;
    const char *text = NULL;
    char time[ETL_VALUE_TEXT_MAX + 1];

    if (writer->soft_deletes == SQLITE_SOFT_NONE)
        return ETL_OK;
    time[etl_format_timestamp(time, time_us, true)] = '\0';
    etl_buffer_add_text(&sql, "UPDATE ");
    sqlite_add_name(&sql, sqlite_writer_table(writer));
    etl_buffer_add_format(&sql, " SET " ETL_SOFT_DELETE_COLUMN " = '%s' WHERE " ETL_SOFT_DELETE_COLUMN " = " SOFT_MARK,
                          time);
    if (writer->soft_deletes == SQLITE_SOFT_LISTED)
        etl_buffer_add_format(
            &sql, " AND %s IN (SELECT id FROM temp.etlhost_deleted); DELETE FROM temp.etlhost_deleted", writer->rowid);
    ETL_TRY(sqlite_text(&sql, &text, err));
    ETL_TRY(sqlite_exec(&writer->dest->db, text, "date deleted rows", err));
    writer->soft_deletes = SQLITE_SOFT_NONE;
out:
    etl_buffer_fini(&sql);
    return status;
}
