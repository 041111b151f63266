/* One reader: a connection with a snapshot, one statement, and batches with a checkpoint behind each.
 *
 * A value that does not fit its column ends the batch before its row; the column widens, a new SCHEMA goes out, and the statement
 * still stands on that row.
 */
#include <stdlib.h>
#include <string.h>

#include "plugins/sqlite/sqlite_source.h"

#define DEFAULT_ROWS     10000
#define DEFAULT_BYTES    (4 << 20)
#define BYTES_CHECK_MASK 3 /* look at the size of the batch after every fourth row */

/* ---- opening ---- */

static bool is_wanted(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

/* Keeps the columns that the request names; all when it names none that is there. */
static void select_columns(struct etl_reader *reader, const char *const *names)
{
    size_t kept = 0;

    if (!names)
        return;
    for (size_t i = 0; i < reader->count; i++)
        kept += is_wanted(names, reader->columns[i].name);
    if (kept == 0)
        return;
    kept = 0;
    for (size_t i = 0; i < reader->count; i++)
        if (is_wanted(names, reader->columns[i].name))
            reader->columns[kept++] = reader->columns[i];
    reader->count = kept;
}

void sqlite_add_columns(struct etl_buffer *sql, const struct etl_reader *reader)
{
    for (size_t i = 0; i < reader->count; i++) {
        etl_buffer_add_text(sql, i ? ", " : "SELECT ");
        sqlite_add_name(sql, reader->columns[i].name);
    }
}

/* A builder for the columns as they are typed now. */
static etl_status make_builder(struct etl_reader *reader, struct etl_error *err)
{
    struct ArrowSchema schema = {.release = NULL};
    struct etl_builder *builder = NULL;
    etl_status status = ETL_OK;

    ETL_TRY(sqlite_make_schema(reader->columns, reader->count, &schema, err));
    ETL_TRY(etl_builder_new(&schema, &builder, err));
    etl_builder_free(reader->builder);
    reader->builder = builder;
    for (size_t i = 0; i < reader->count; i++)
        reader->appenders[i] = sqlite_choose_appender(&reader->columns[i].type);
    reader->schema_due = true;
out:
    etl_schema_release(&schema);
    return status;
}

static etl_status load_stream(struct etl_reader *reader, const struct etl_read_request *request, struct etl_error *err)
{
    etl_status status = ETL_OK;

    ETL_TRY(sqlite_source_connect(reader->source, &reader->db, err));
    ETL_TRY(sqlite_register_time(&reader->db, err));
    ETL_TRY(sqlite_exec(&reader->db, "BEGIN", "start snapshot", err));
    ETL_TRY(sqlite_table_load(&reader->db, request->stream, &reader->table, err));
    if (!reader->table.exists || !sqlite_is_stream_name(request->stream)) {
        status = etl_fail(err, ETL_NOT_FOUND, "%s has no table or view %s", reader->db.path, request->stream);
        goto out;
    }
    ETL_TRY(sqlite_settle_types(&reader->db, &reader->table, &reader->columns, &reader->count, err));
    reader->appenders = calloc(reader->count, sizeof *reader->appenders);
    if (!reader->appenders)
        status = etl_fail_memory(err);
out:
    return status;
}

etl_status sqlite_read_open(struct etl_source *source, const struct etl_read_request *request,
                            struct etl_reader **ret_reader, struct etl_error *err)
{
    struct etl_reader *reader = calloc(1, sizeof *reader);
    etl_status status = ETL_OK;

    if (!reader)
        return etl_fail_memory(err);
    reader->source = source;
    reader->flags = request->flags;
    reader->rows_max = request->batch_rows_hint ? request->batch_rows_hint : DEFAULT_ROWS;
    reader->bytes_max = request->batch_bytes_hint ? request->batch_bytes_hint : DEFAULT_BYTES;
    ETL_TRY(load_stream(reader, request, err));
    if (*request->cursor_column)
        ETL_TRY(sqlite_cursor_open(reader, request, err));
    else
        ETL_TRY(sqlite_full_open(reader, request, err));
    ETL_TRY(make_builder(reader, err));
    *ret_reader = reader;
    return ETL_OK;
out:
    sqlite_read_close(reader);
    return status;
}

void sqlite_read_close(struct etl_reader *reader)
{
    if (!reader)
        return;
    sqlite3_finalize(reader->rows);
    sqlite_cursor_free(reader->cursor);
    etl_builder_free(reader->builder);
    free(reader->appenders);
    free(reader->columns);
    sqlite_table_fini(&reader->table);
    etl_buffer_fini(&reader->key);
    etl_buffer_fini(&reader->state);
    etl_buffer_fini(&reader->shown);
    sqlite_db_close(&reader->db);
    free(reader);
}

void sqlite_select_columns(struct etl_reader *reader, const struct etl_read_request *request)
{
    select_columns(reader, request->columns);
    reader->extra = (int)reader->count;
}

/* ---- rows ---- */

/* Steps to the next row that is to be emitted. */
static etl_status next_row(struct etl_reader *reader, struct etl_error *err)
{
    etl_status status = ETL_OK;

    while (!reader->has_row && !reader->is_exhausted) {
        int rc = sqlite3_step(reader->rows);
        if (rc == SQLITE_DONE)
            reader->is_exhausted = true;
        else if (rc != SQLITE_ROW)
            return sqlite_fail(&reader->db, rc, "read rows", err);
        else if (reader->cursor && sqlite_cursor_is_known(reader))
            ETL_TRY(sqlite_cursor_advance(reader, err));
        else
            reader->has_row = true;
    }
out:
    return status;
}

/* *ret_fits is false when nothing was appended because a value does not fit. */
static etl_status append_row(struct etl_reader *reader, bool *ret_fits, struct etl_error *err)
{
    etl_status status = ETL_OK;
    bool fits = true;

    for (size_t i = 0; i < reader->count; i++) {
        status = reader->appenders[i](etl_builder_column(reader->builder, (int64_t)i), reader->rows, (int)i,
                                      &reader->columns[i].type, &fits, err);
        if (status != ETL_OK || !fits) {
            etl_builder_abort_row(reader->builder);
            *ret_fits = false;
            return status == ETL_OK ? ETL_OK : etl_prefix(err, status, "column %s: ", reader->columns[i].name);
        }
    }
    *ret_fits = true;
    return etl_builder_end_row(reader->builder, err);
}

static etl_status widen_columns(struct etl_reader *reader, struct etl_error *err)
{
    for (size_t i = 0; i < reader->count; i++) {
        struct sqlite_source_column *column = &reader->columns[i];
        char from[ETL_TYPE_NAME_MAX], to[ETL_TYPE_NAME_MAX];

        if (sqlite3_column_type(reader->rows, (int)i) == SQLITE_NULL || sqlite_value_fits(column, reader->rows, (int)i))
            continue;
        etl_type_name(&column->type, from);
        column->is_settled = column->is_settled || reader->has_emitted;
        sqlite_widen(column, reader->rows, (int)i, reader->has_emitted);
        etl_log(reader->source->host, ETL_LOG_INFO, "table %s: column %s holds a value that is not %s and becomes %s",
                reader->table.name, column->name, from, etl_type_name(&column->type, to));
    }
    return make_builder(reader, err);
}

static etl_status advance(struct etl_reader *reader, struct etl_error *err)
{
    return reader->cursor ? sqlite_cursor_advance(reader, err) : sqlite_full_advance(reader, err);
}

/* Appends rows up to the size of a batch, the end, or a row that does not fit. */
static etl_status fill(struct etl_reader *reader, struct etl_error *err)
{
    etl_status status = ETL_OK;
    uint64_t rows = 0;
    bool fits = true;

    while (rows < reader->rows_max) {
        ETL_TRY(next_row(reader, err));
        if (reader->is_exhausted)
            break;
        ETL_TRY(append_row(reader, &fits, err));
        if (!fits)
            break;
        ETL_TRY(advance(reader, err));
        reader->has_row = false;
        rows++;
        if ((rows & BYTES_CHECK_MASK) == 0 && etl_builder_bytes(reader->builder) >= reader->bytes_max)
            break;
    }
    if (!fits && rows == 0)
        status = widen_columns(reader, err);
out:
    return status;
}

/* ---- messages ---- */

static etl_status write_state(struct etl_reader *reader, bool *ret_any, struct etl_error *err)
{
    etl_buffer_reset(&reader->state);
    etl_buffer_reset(&reader->shown);
    if (reader->cursor)
        sqlite_cursor_state(reader, ret_any);
    else
        sqlite_full_state(reader, ret_any);
    if (reader->state.failed || (reader->shown.length && !etl_buffer_text(&reader->shown)))
        return etl_fail_memory(err);
    if (reader->state.length > ETL_STATE_MAX_BYTES)
        return etl_fail(err, ETL_CONFIG,
                        "table %s: the position takes more than %d bytes: choose another cursor column",
                        reader->table.name, ETL_STATE_MAX_BYTES);
    return ETL_OK;
}

static void send_checkpoint(struct etl_reader *reader, struct etl_message *message)
{
    reader->checkpoint_due = false;
    message->kind = ETL_MESSAGE_CHECKPOINT;
    message->state = reader->state.data;
    message->state_len = reader->state.length;
    message->cursor = reader->shown.length ? reader->shown.data : NULL;
}

static etl_status send_schema(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    etl_status status = etl_schema_copy(etl_builder_schema(reader->builder), &message->schema, err);

    if (status != ETL_OK)
        return status;
    reader->schema_due = false;
    message->kind = ETL_MESSAGE_SCHEMA;
    return ETL_OK;
}

static etl_status send_batch(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    struct ArrowArray batch = {.release = NULL};
    etl_status status = ETL_OK;

    ETL_TRY(write_state(reader, &reader->checkpoint_due, err));
    ETL_TRY(etl_builder_finish(reader->builder, &batch, err));
    etl_array_move(&batch, &message->batch);
    message->kind = ETL_MESSAGE_BATCH;
    message->flags = reader->cursor && !(reader->flags & ETL_READ_EXACT_TIES) ? ETL_OP_UPSERT : ETL_OP_INSERT;
    reader->has_emitted = true;
    reader->end_due = reader->is_exhausted;
out:
    return status;
}

etl_status sqlite_read_next(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    etl_status status = ETL_OK;

    if (atomic_load(&reader->source->cancelled))
        return etl_fail(err, ETL_CANCELLED, "reading table %s was cancelled", reader->table.name);
    if (!reader->schema_due && !reader->checkpoint_due && !reader->end_due) {
        ETL_TRY(fill(reader, err));
        if (etl_builder_rows(reader->builder) > 0)
            return send_batch(reader, message, err);
        if (!reader->schema_due) { /* no more rows: the last position */
            reader->end_due = true;
            ETL_TRY(write_state(reader, &reader->checkpoint_due, err));
        }
    }
    if (reader->schema_due)
        return send_schema(reader, message, err);
    if (reader->checkpoint_due)
        send_checkpoint(reader, message);
    else
        message->kind = ETL_MESSAGE_END;
out:
    return status;
}
