/* What is in the database: tables, their columns and unique keys; and lists of SQL statements. */
#include "plugins/sqlite/sqlite.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SCRIPT_MAX 100000

static etl_status copy_text(sqlite3_stmt *row, int column, char **ret_copy, struct etl_error *err)
{
    const char *text = (const char *)sqlite3_column_text(row, column);

    return sqlite_copy(text ? text : "", ret_copy, err);
}

static etl_status load_entry(struct sqlite_db *db, const char *name, struct sqlite_table *table, struct etl_error *err)
{
    etl_status status = ETL_OK;
    sqlite3_stmt *rows = NULL;
    int rc = SQLITE_OK;

    ETL_TRY(sqlite_prepare(
        db, "SELECT type, name, sql FROM sqlite_master WHERE type IN ('table', 'view') AND name = ?1 COLLATE NOCASE",
        &rows, err));
    sqlite3_bind_text(rows, 1, name, -1, SQLITE_STATIC);
    rc = sqlite3_step(rows);
    if (rc == SQLITE_ROW) {
        table->exists = true;
        table->is_view = strcmp((const char *)sqlite3_column_text(rows, 0), "view") == 0;
        ETL_TRY(copy_text(rows, 1, &table->name, err));
        ETL_TRY(copy_text(rows, 2, &table->sql, err));
        table->is_virtual = strncasecmp(table->sql, "CREATE VIRTUAL", 14) == 0;
    } else if (rc != SQLITE_DONE) {
        status = sqlite_fail(db, rc, "read schema", err);
    }
out:
    sqlite3_finalize(rows);
    return status;
}

static etl_status load_column(sqlite3_stmt *row, struct sqlite_column_info *column, struct etl_error *err)
{
    etl_status status = ETL_OK;

    ETL_TRY(copy_text(row, 0, &column->name, err));
    ETL_TRY(copy_text(row, 1, &column->declared, err));
    column->not_null = sqlite3_column_int(row, 2) != 0;
    if (sqlite3_column_type(row, 3) != SQLITE_NULL)
        ETL_TRY(copy_text(row, 3, &column->default_sql, err));
    column->key_position = sqlite3_column_int(row, 4);
    column->is_hidden = sqlite3_column_int(row, 5) != 0;
out:
    return status;
}

static etl_status load_columns(struct sqlite_db *db, struct sqlite_table *table, struct etl_error *err)
{
    etl_status status = ETL_OK;
    sqlite3_stmt *rows = NULL;
    int rc = SQLITE_OK;

    ETL_TRY(sqlite_prepare(db, "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1)",
                           &rows, err));
    sqlite3_bind_text(rows, 1, table->name, -1, SQLITE_STATIC);
    while ((rc = sqlite3_step(rows)) == SQLITE_ROW) {
        struct sqlite_column_info *grown = realloc(table->columns, (table->count + 1) * sizeof *grown);

        if (!grown) {
            status = etl_fail_memory(err);
            goto out;
        }
        table->columns = grown;
        memset(&table->columns[table->count], 0, sizeof *grown);
        ETL_TRY(load_column(rows, &table->columns[table->count++], err));
    }
    if (rc != SQLITE_DONE) /* a broken view fails here */
        status = sqlite_fail(db, rc, "read columns", err);
out:
    sqlite3_finalize(rows);
    return status;
}

/* A user's column may be called rowid; the other two names then still mean the real one. */
static etl_status find_rowid(struct sqlite_db *db, struct sqlite_table *table, struct etl_error *err)
{
    static const char *const names[] = {"rowid", "_rowid_", "oid"};
    struct etl_buffer sql = {0};
    sqlite3_stmt *probe = NULL;
    etl_status status = ETL_OK;
    const char *text = NULL;

    if (table->is_view || table->is_virtual)
        return ETL_OK;
    for (size_t i = 0; i < 3 && !table->rowid; i++)
        if (sqlite_table_find(table, names[i]) < 0)
            table->rowid = names[i];
    if (!table->rowid)
        return ETL_OK;
    etl_buffer_add_format(&sql, "SELECT %s FROM ", table->rowid);
    sqlite_add_name(&sql, table->name);
    ETL_TRY(sqlite_text(&sql, &text, err));
    if (sqlite3_prepare_v2(db->handle, text, -1, &probe, NULL) != SQLITE_OK)
        table->rowid = NULL; /* WITHOUT ROWID */
out:
    sqlite3_finalize(probe);
    etl_buffer_fini(&sql);
    return status;
}

etl_status sqlite_table_load(struct sqlite_db *db, const char *name, struct sqlite_table *ret_table,
                             struct etl_error *err)
{
    struct sqlite_table table = {0};
    etl_status status = ETL_OK;

    ETL_TRY(load_entry(db, name, &table, err));
    if (table.exists) {
        ETL_TRY(load_columns(db, &table, err));
        ETL_TRY(find_rowid(db, &table, err));
    }
    *ret_table = table;
    return ETL_OK;
out:
    sqlite_table_fini(&table);
    return status;
}

void sqlite_table_fini(struct sqlite_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        free(table->columns[i].name);
        free(table->columns[i].declared);
        free(table->columns[i].default_sql);
    }
    free(table->columns);
    free(table->name);
    free(table->sql);
    memset(table, 0, sizeof *table);
}

int64_t sqlite_table_find(const struct sqlite_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (sqlite3_stricmp(table->columns[i].name, name) == 0)
            return (int64_t)i;
    return -1;
}

/* ---- unique keys ---- */

static bool is_key_name(const char *const *keys, const char *name)
{
    for (; *keys; keys++)
        if (sqlite3_stricmp(*keys, name) == 0)
            return true;
    return false;
}

static bool is_primary_key(const struct sqlite_table *table, const char *const *keys)
{
    size_t wanted = 0, found = 0;

    for (; keys[wanted]; wanted++)
        ;
    for (size_t i = 0; i < table->count; i++) {
        if (table->columns[i].key_position == 0)
            continue;
        if (!is_key_name(keys, table->columns[i].name))
            return false;
        found++;
    }
    return found == wanted;
}

static etl_status is_index_on(struct sqlite_db *db, const char *index, const char *const *keys, bool *ret_match,
                              struct etl_error *err)
{
    etl_status status = ETL_OK;
    sqlite3_stmt *rows = NULL;
    size_t wanted = 0, found = 0;
    bool match = true;
    int rc = SQLITE_OK;

    for (; keys[wanted]; wanted++)
        ;
    ETL_TRY(sqlite_prepare(db, "SELECT name FROM pragma_index_info(?1)", &rows, err));
    sqlite3_bind_text(rows, 1, index, -1, SQLITE_STATIC);
    while ((rc = sqlite3_step(rows)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(rows, 0); /* NULL for an expression */
        match = match && name && is_key_name(keys, name);
        found++;
    }
    if (rc != SQLITE_DONE)
        status = sqlite_fail(db, rc, "read index", err);
    *ret_match = match && found == wanted;
out:
    sqlite3_finalize(rows);
    return status;
}

etl_status sqlite_table_is_unique(struct sqlite_db *db, const struct sqlite_table *table, const char *const *keys,
                                  bool *ret_unique, struct etl_error *err)
{
    etl_status status = ETL_OK;
    sqlite3_stmt *rows = NULL;
    bool unique = is_primary_key(table, keys);
    int rc = SQLITE_OK;

    ETL_TRY(sqlite_prepare(db, "SELECT name FROM pragma_index_list(?1) WHERE \"unique\" AND NOT partial", &rows, err));
    sqlite3_bind_text(rows, 1, table->name, -1, SQLITE_STATIC);
    while (!unique && (rc = sqlite3_step(rows)) == SQLITE_ROW)
        ETL_TRY(is_index_on(db, (const char *)sqlite3_column_text(rows, 0), keys, &unique, err));
    if (!unique && rc != SQLITE_DONE) {
        status = sqlite_fail(db, rc, "read indexes", err);
        goto out;
    }
    *ret_unique = unique;
out:
    sqlite3_finalize(rows);
    return status;
}

/* ---- scripts ---- */

void sqlite_script_fini(struct sqlite_script *script)
{
    for (size_t i = 0; i < script->count; i++)
        free(script->statements[i]);
    free(script->statements);
    memset(script, 0, sizeof *script);
}

etl_status sqlite_script_add(struct sqlite_script *script, struct etl_buffer *sql, struct etl_error *err)
{
    etl_status status = ETL_OK;
    const char *text = NULL;

    ETL_TRY(sqlite_text(sql, &text, err));
    if (script->count == script->capacity) {
        size_t capacity = script->capacity ? script->capacity * 2 : 8;
        char **grown = capacity > SCRIPT_MAX ? NULL : realloc(script->statements, capacity * sizeof *grown);
        if (!grown) {
            status = etl_fail_memory(err);
            goto out;
        }
        script->statements = grown;
        script->capacity = capacity;
    }
    ETL_TRY(sqlite_copy(text, &script->statements[script->count], err));
    script->count++;
out:
    etl_buffer_reset(sql);
    return status;
}

/* A unique index that cannot be made says nothing helpful about what to do. */
static etl_status fail_statement(struct sqlite_db *db, const char *sql, int rc, struct etl_error *err)
{
    if ((rc & 0xff) == SQLITE_CONSTRAINT && strncasecmp(sql, "CREATE UNIQUE INDEX", 19) == 0)
        return etl_fail(err, ETL_SCHEMA,
                        "%s: %s: the rows hold duplicates (%s): remove them, or choose another key or mode", db->path,
                        sql, sqlite3_errmsg(db->handle));
    return sqlite_fail(db, rc, sql, err);
}

etl_status sqlite_script_run(struct sqlite_db *db, const struct sqlite_script *script, struct etl_error *err)
{
    etl_status status = ETL_OK;

    for (size_t i = 0; i < script->count && status == ETL_OK; i++) {
        int rc = sqlite3_exec(db->handle, script->statements[i], NULL, NULL, NULL);
        if (rc != SQLITE_OK)
            status = fail_statement(db, script->statements[i], rc, err);
    }
    return status;
}
