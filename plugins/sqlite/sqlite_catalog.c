/* Discovery: which tables there are, the types of their columns, and how a table can be split.
 *
 * Types come from declarations and are checked against a sample from both ends of the table, so that most tables keep one schema
 * for the whole read; the reader checks every value again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/sqlite/sqlite_source.h"

#define SAMPLE_ROWS 1000

/* ---- types ---- */

static void observe_row(struct sqlite_source_column *columns, size_t count, sqlite3_stmt *row)
{
    for (size_t i = 0; i < count; i++) {
        int index = (int)i;
        if (sqlite3_column_type(row, index) == SQLITE_NULL)
            continue;
        if (!columns[i].is_settled || !sqlite_value_fits(&columns[i], row, index))
            sqlite_widen(&columns[i], row, index, false);
        (void)sqlite_value_fits(&columns[i], row,
                                index); /* notes big integers of columns that have just been settled */
    }
}

static etl_status observe(struct sqlite_db *db, const struct sqlite_table *table, struct sqlite_source_column *columns,
                          size_t count, bool from_end, struct etl_error *err)
{
    struct etl_buffer sql = {0};
    sqlite3_stmt *rows = NULL;
    etl_status status = ETL_OK;
    const char *text = NULL;
    int rc = SQLITE_OK;

    for (size_t i = 0; i < count; i++) {
        etl_buffer_add_text(&sql, i ? ", " : "SELECT ");
        sqlite_add_name(&sql, columns[i].name);
    }
    etl_buffer_add_text(&sql, " FROM ");
    sqlite_add_name(&sql, table->name);
    if (from_end)
        etl_buffer_add_format(&sql, " ORDER BY %s DESC", table->rowid);
    etl_buffer_add_format(&sql, " LIMIT %d", SAMPLE_ROWS);
    ETL_TRY(sqlite_text(&sql, &text, err));
    ETL_TRY(sqlite_prepare(db, text, &rows, err));
    while ((rc = sqlite3_step(rows)) == SQLITE_ROW)
        observe_row(columns, count, rows);
    if (rc != SQLITE_DONE)
        status = sqlite_fail(db, rc, "read sample", err);
out:
    sqlite3_finalize(rows);
    etl_buffer_fini(&sql);
    return status;
}

etl_status sqlite_settle_types(struct sqlite_db *db, const struct sqlite_table *table,
                               struct sqlite_source_column **ret_columns, size_t *ret_count, struct etl_error *err)
{
    struct sqlite_source_column *columns = calloc(table->count + 1, sizeof *columns);
    etl_status status = ETL_OK;
    size_t count = 0;

    if (!columns)
        return etl_fail_memory(err);
    for (size_t i = 0; i < table->count; i++) {
        if (table->columns[i].is_hidden && table->is_virtual) /* hidden columns of virtual tables are parameters */
            continue;
        columns[count].name = table->columns[i].name;
        sqlite_promise(table->columns[i].declared, &columns[count]);
        count++;
    }
    if (count == 0) {
        status = etl_fail(err, ETL_CONFIG, "table %s has no columns", table->name);
        goto out;
    }
    ETL_TRY(observe(db, table, columns, count, false, err));
    if (table->rowid)
        ETL_TRY(observe(db, table, columns, count, true, err));
    *ret_columns = columns;
    *ret_count = count;
    return ETL_OK;
out:
    free(columns);
    return status;
}

etl_status sqlite_make_schema(const struct sqlite_source_column *columns, size_t count, struct ArrowSchema *ret_schema,
                              struct etl_error *err)
{
    struct ArrowSchema schema = {.release = NULL};
    char format[ETL_TYPE_FORMAT_MAX];
    etl_status status = ETL_OK;

    ETL_TRY(etl_schema_init_struct(&schema, "", err));
    for (size_t i = 0; i < count; i++)
        ETL_TRY(etl_schema_add_column(&schema, columns[i].name, etl_type_format(&columns[i].type, format),
                                      etl_type_extension(&columns[i].type), err));
    ETL_TRY(etl_schema_validate(&schema, err));
    etl_schema_move(&schema, ret_schema);
out:
    etl_schema_release(&schema);
    return status;
}

/* ---- streams ---- */

bool sqlite_is_stream_name(const char *name)
{
    return sqlite3_strnicmp(name, "sqlite_", 7) != 0 && sqlite3_strnicmp(name, "_etlhost_", 9) != 0 &&
           !strstr(name, "__etl_gen_");
}

static void add_primary_key(struct etl_buffer *json, const struct sqlite_table *table)
{
    bool found = true;

    etl_buffer_add_text(json, ", \"primary_key\": [");
    for (int position = 1; found; position++) {
        found = false;
        for (size_t i = 0; i < table->count && !found; i++) {
            if (table->columns[i].key_position != position)
                continue;
            etl_buffer_add_text(json, position > 1 ? ", " : "");
            etl_json_add_string(json, table->columns[i].name, strlen(table->columns[i].name));
            found = true;
        }
    }
    etl_buffer_add_text(json, "]");
}

static bool may_be_cursor(const struct sqlite_source_column *column, const struct sqlite_table *table)
{
    enum sqlite_affinity affinity = sqlite_affinity_of(table->columns[sqlite_table_find(table, column->name)].declared);

    switch (column->type.kind) {
    case ETL_KIND_INT:
    case ETL_KIND_DATE:
    case ETL_KIND_TIMESTAMP: return true;
    case ETL_KIND_DECIMAL:
        return affinity != SQLITE_AFF_TEXT && affinity != SQLITE_AFF_BLOB; /* text would sort as text */
    case ETL_KIND_BOOL:
    case ETL_KIND_UINT:
    case ETL_KIND_DOUBLE:
    case ETL_KIND_STRING:
    case ETL_KIND_JSON:
    case ETL_KIND_UUID:
    case ETL_KIND_BINARY:
    case ETL_KIND_TIME:
    case ETL_KIND_STRUCT:
    case ETL_KIND_LIST: break;
    }
    return false;
}

/* Columns that are never NULL come first. */
static void add_cursor_columns(struct etl_buffer *json, const struct sqlite_table *table,
                               const struct sqlite_source_column *columns, size_t count)
{
    const char *separator = "";

    etl_buffer_add_text(json, ", \"cursor_columns\": [");
    for (int nullable = 0; nullable < 2; nullable++) {
        for (size_t i = 0; i < count; i++) {
            const struct sqlite_column_info *info = &table->columns[sqlite_table_find(table, columns[i].name)];
            if (!may_be_cursor(&columns[i], table) || (info->not_null || info->key_position) == nullable)
                continue;
            etl_buffer_add_text(json, separator);
            etl_json_add_string(json, columns[i].name, strlen(columns[i].name));
            separator = ", ";
        }
    }
    etl_buffer_add_text(json, "]");
}

/* First and last row key; false for a table without rows. */
static etl_status read_rowids(struct sqlite_db *db, const struct sqlite_table *table, int64_t *ret_first,
                              int64_t *ret_last, bool *ret_any, struct etl_error *err)
{
    struct etl_buffer sql = {0};
    sqlite3_stmt *row = NULL;
    etl_status status = ETL_OK;
    const char *text = NULL;

    *ret_any = false;
    for (int last = 0; last < 2; last++) {
        etl_buffer_add_format(&sql, last ? ", (SELECT max(%s) FROM " : "SELECT (SELECT min(%s) FROM ", table->rowid);
        sqlite_add_name(&sql, table->name);
        etl_buffer_add_text(&sql, ")");
    }
    ETL_TRY(sqlite_text(&sql, &text, err));
    ETL_TRY(sqlite_prepare(db, text, &row, err));
    if (sqlite3_step(row) == SQLITE_ROW && sqlite3_column_type(row, 0) != SQLITE_NULL) {
        *ret_first = sqlite3_column_int64(row, 0);
        *ret_last = sqlite3_column_int64(row, 1);
        *ret_any = true;
    }
out:
    sqlite3_finalize(row);
    etl_buffer_fini(&sql);
    return status;
}

static etl_status add_estimate(struct sqlite_db *db, const struct sqlite_table *table, struct etl_buffer *json,
                               struct etl_error *err)
{
    etl_status status = ETL_OK;
    int64_t first = 0, last = -1;
    bool any = false;

    if (!table->rowid)
        return ETL_OK;
    ETL_TRY(read_rowids(db, table, &first, &last, &any, err));
    if (!any || first > 0 || last < INT64_MAX + first) /* no overflow */
        etl_buffer_add_format(json, ", \"estimated_rows\": %" PRId64, any ? last - first + 1 : 0);
out:
    return status;
}

static etl_status describe(struct sqlite_db *db, const char *name, struct etl_buffer *json, struct ArrowSchema *schema,
                           struct etl_error *err)
{
    struct sqlite_source_column *columns = NULL;
    struct sqlite_table table = {0};
    etl_status status = ETL_OK;
    size_t count = 0;

    ETL_TRY(sqlite_table_load(db, name, &table, err));
    ETL_TRY(sqlite_settle_types(db, &table, &columns, &count, err));
    ETL_TRY(sqlite_make_schema(columns, count, schema, err));
    add_primary_key(json, &table);
    add_cursor_columns(json, &table, columns, count);
    ETL_TRY(add_estimate(db, &table, json, err));
out:
    if (status != ETL_OK)
        etl_schema_release(schema);
    free(columns);
    sqlite_table_fini(&table);
    return status;
}

/* A table that cannot be read (a view on a table that is gone) is listed with its error. */
static etl_status emit_stream(struct sqlite_db *db, const char *name, etl_emit_stream emit, void *arg,
                              struct etl_error *err)
{
    struct ArrowSchema schema = {.release = NULL};
    struct etl_buffer json = {0}, details = {0};
    etl_status status = ETL_OK, described = ETL_OK;

    etl_buffer_add_text(&json, "{\"name\": ");
    etl_json_add_string(&json, name, strlen(name));
    described = describe(db, name, &details, &schema, err);
    if (described == ETL_CANCELLED || described == ETL_TRANSIENT || described == ETL_NOMEM) {
        status = described;
        goto out;
    }
    if (described == ETL_OK) {
        etl_buffer_add(&json, details.data, details.length);
    } else {
        etl_buffer_add_text(&json, ", \"error\": ");
        etl_json_add_string(&json, err->message, strlen(err->message));
        etl_error_init(err);
        ETL_TRY(etl_schema_init_struct(&schema, "", err));
    }
    etl_buffer_add_text(&json, "}");
    if (!etl_buffer_text(&json) || details.failed) {
        status = etl_fail_memory(err);
        goto out;
    }
    status = emit(arg, json.data, json.length, &schema);
    memset(&schema, 0, sizeof schema);
    if (status != ETL_OK && !*err->message)
        etl_fail(err, status, "the host stopped the discovery");
out:
    etl_schema_release(&schema);
    etl_buffer_fini(&json);
    etl_buffer_fini(&details);
    return status;
}

etl_status sqlite_discover(struct etl_source *source, etl_emit_stream emit, void *arg, struct etl_error *err)
{
    struct sqlite_db db = {0};
    sqlite3_stmt *rows = NULL;
    etl_status status = ETL_OK;
    int rc = SQLITE_OK;

    ETL_TRY(sqlite_source_connect(source, &db, err));
    ETL_TRY(sqlite_exec(&db, "BEGIN", "start snapshot", err));
    ETL_TRY(sqlite_prepare(&db, "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name", &rows,
                           err));
    while ((rc = sqlite3_step(rows)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(rows, 0);
        if (sqlite_is_stream_name(name))
            ETL_TRY(emit_stream(&db, name, emit, arg, err));
    }
    if (rc != SQLITE_DONE)
        status = sqlite_fail(&db, rc, "list tables", err);
out:
    sqlite3_finalize(rows);
    sqlite_db_close(&db);
    return status;
}

/* ---- slices ---- */

static etl_status emit_slices(int64_t first, int64_t last, uint32_t wanted, etl_emit_slice emit, void *arg,
                              struct etl_error *err)
{
    uint64_t span = (uint64_t)last - (uint64_t)first, step = span / wanted;
    etl_status status = ETL_OK;
    char name[64];

    for (uint32_t i = 0; i < wanted && status == ETL_OK; i++) {
        int64_t low = (int64_t)((uint64_t)first + step * i + (i > 0)),
                high = (int64_t)((uint64_t)first + step * (i + 1));
        char low_text[24] = "", high_text[24] = "";

        if (i > 0)
            snprintf(low_text, sizeof low_text, "%" PRId64, low);
        if (i + 1 < wanted)
            snprintf(high_text, sizeof high_text, "%" PRId64, high);
        snprintf(name, sizeof name, "rowid:%s-%s", low_text, high_text);
        status = emit(arg, name, strlen(name));
        if (status != ETL_OK && !*err->message)
            etl_fail(err, status, "the host stopped the planning");
    }
    return status;
}

etl_status sqlite_plan_slices(struct etl_source *source, const char *stream, uint32_t wanted, uint32_t flags,
                              etl_emit_slice emit, void *arg, struct etl_error *err)
{
    struct sqlite_table table = {0};
    struct sqlite_db db = {0};
    etl_status status = ETL_OK;
    int64_t first = 0, last = 0;
    bool any = false;

    (void)flags;
    ETL_TRY(sqlite_source_connect(source, &db, err));
    ETL_TRY(sqlite_table_load(&db, stream, &table, err));
    if (!table.rowid || wanted < 2)
        goto out;
    ETL_TRY(read_rowids(&db, &table, &first, &last, &any, err));
    if (any && (uint64_t)last - (uint64_t)first >= wanted)
        status = emit_slices(first, last, wanted, emit, arg, err);
out:
    sqlite_table_fini(&table);
    sqlite_db_close(&db);
    return status;
}
