/* Bringing a table to a schema, and swapping a new generation in.
 *
 * Everything is planned as a list of statements from what the database holds, so that explain() shows what set_schema() would run.
 * A column whose declared type must change makes the table be copied (SQLite cannot change affinity in place): only tables
 * whose CREATE statement holds nothing that a copy would lose. Dropping a table takes its indexes and triggers with it; their
 * statements are kept and run again.
 */
#include "plugins/sqlite/sqlite.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAGING_INFIX  "__etl_gen_"
#define REBUILD_SUFFIX "__etl_rebuild"
#define KEY_SUFFIX     "__etl_key"

/* What the planning functions share. */
struct plan {
    struct sqlite_db *db;
    const struct sqlite_target *target;
    const struct etl_view *schema;
    struct sqlite_table table; /* target->table as it is */
    struct etl_type *held;
    bool *known;
    enum sqlite_affinity *affinity;
    struct sqlite_script *script;
    bool log;
};

static size_t count_keys(const char *const *keys)
{
    size_t count = 0;

    while (keys[count])
        count++;
    return count;
}

static bool is_key(const char *const *keys, const char *name)
{
    for (; *keys; keys++)
        if (sqlite3_stricmp(*keys, name) == 0)
            return true;
    return false;
}

/* A single integer key becomes SQLite's own row key: smaller and faster than an index beside the table. */
static const char *declare_column(const struct plan *plan, const char *name, const struct etl_type *type,
                                  char buffer[SQLITE_DECL_MAX])
{
    bool is_integer = type->kind == ETL_KIND_INT || type->kind == ETL_KIND_UINT;

    if (is_integer && count_keys(plan->target->keys) == 1 && is_key(plan->target->keys, name))
        return "INTEGER";
    return sqlite_declare(type, buffer);
}

static void add_primary_key(struct etl_buffer *sql, const char *const *keys)
{
    if (!*keys)
        return;
    etl_buffer_add_text(sql, ", PRIMARY KEY (");
    for (size_t i = 0; keys[i]; i++) {
        etl_buffer_add_text(sql, i ? ", " : "");
        sqlite_add_name(sql, keys[i]);
    }
    etl_buffer_add_text(sql, ")");
}

static void hold_declared(struct plan *plan, int64_t i, const char *declared)
{
    plan->known[i] = sqlite_declared(declared, &plan->held[i]);
    plan->affinity[i] = sqlite_affinity_of(declared);
}

static void hold_type(struct plan *plan, int64_t i, const struct etl_type *type)
{
    char buffer[SQLITE_DECL_MAX];

    hold_declared(plan, i, sqlite_declare(type, buffer));
}

static etl_status check_width(const struct plan *plan, size_t columns, struct etl_error *err)
{
    int limit = sqlite3_limit(plan->db->handle, SQLITE_LIMIT_COLUMN, -1);

    if (columns <= (size_t)limit)
        return ETL_OK;
    return etl_fail(err, ETL_SCHEMA, "table %s would have %zu columns, but SQLite allows %d: select fewer columns",
                    plan->target->live, columns, limit);
}

/* Columns that only the live table has go to the new generation too, so that views on them keep working. */
static void add_former_columns(struct etl_buffer *sql, const struct plan *plan, const struct sqlite_table *live)
{
    for (size_t i = 0; i < live->count; i++) {
        bool in_schema = false;

        for (int64_t c = 0; c < plan->schema->n_children && !in_schema; c++)
            in_schema = c != plan->schema->op_column &&
                        sqlite3_stricmp(plan->schema->children[c].name, live->columns[i].name) == 0;
        if (in_schema || live->columns[i].is_hidden)
            continue;
        etl_buffer_add_text(sql, ", ");
        sqlite_add_name(sql, live->columns[i].name);
        etl_buffer_add_format(sql, " %s", live->columns[i].declared);
    }
}

static etl_status plan_create(struct plan *plan, struct etl_error *err)
{
    struct etl_buffer sql = {0};
    struct sqlite_table live = {0};
    etl_status status = ETL_OK;
    char buffer[SQLITE_DECL_MAX];
    const char *separator = "";

    if (strcmp(plan->target->live, plan->target->table) != 0)
        ETL_TRY(sqlite_table_load(plan->db, plan->target->live, &live, err));
    ETL_TRY(check_width(plan, (size_t)plan->schema->n_children + live.count, err));
    etl_buffer_add_text(&sql, "CREATE TABLE ");
    sqlite_add_name(&sql, plan->target->table);
    etl_buffer_add_text(&sql, " (");
    for (int64_t i = 0; i < plan->schema->n_children; i++) {
        const struct etl_view *column = &plan->schema->children[i];
        if (i == plan->schema->op_column)
            continue;
        etl_buffer_add_text(&sql, separator);
        separator = ", ";
        sqlite_add_name(&sql, column->name);
        etl_buffer_add_format(&sql, " %s", declare_column(plan, column->name, &column->type, buffer));
        hold_type(plan, i, &column->type);
    }
    add_former_columns(&sql, plan, &live);
    add_primary_key(&sql, plan->target->keys);
    etl_buffer_add_text(&sql, ")");
    ETL_TRY(sqlite_script_add(plan->script, &sql, err));
out:
    sqlite_table_fini(&live);
    etl_buffer_fini(&sql);
    return status;
}

/* ---- existing tables ---- */

static etl_status plan_add_column(struct plan *plan, int64_t i, struct etl_error *err)
{
    struct etl_buffer sql = {0};
    etl_status status = ETL_OK;
    char buffer[SQLITE_DECL_MAX];

    etl_buffer_add_text(&sql, "ALTER TABLE ");
    sqlite_add_name(&sql, plan->table.name);
    etl_buffer_add_text(&sql, " ADD COLUMN ");
    sqlite_add_name(&sql, plan->schema->children[i].name);
    etl_buffer_add_format(&sql, " %s", sqlite_declare(&plan->schema->children[i].type, buffer));
    hold_type(plan, i, &plan->schema->children[i].type);
    status = sqlite_script_add(plan->script, &sql, err);
    etl_buffer_fini(&sql);
    return status;
}

/* Decides how schema column `i` is held in the table's column `info`; *ret_declared is set when its declaration must change. */
static void settle_column(struct plan *plan, int64_t i, const struct sqlite_column_info *info, bool *ret_changes,
                          char declared[SQLITE_DECL_MAX])
{
    const struct etl_type *incoming = &plan->schema->children[i].type;
    struct etl_type held = {.kind = ETL_KIND_STRING}, merged = {.kind = ETL_KIND_STRING};
    char former[SQLITE_DECL_MAX];

    *ret_changes = false;
    hold_declared(plan, i, info->declared);
    if (!plan->known[i]) {
        if (sqlite_affinity_keeps(plan->affinity[i], incoming))
            return;
        merged = incoming->kind == ETL_KIND_DECIMAL ? *incoming : merged;
    } else {
        held = plan->held[i];
        merged = sqlite_merge_type(&held, incoming);
        if (strcmp(sqlite_declare(&held, former), sqlite_declare(&merged, declared)) == 0)
            return;
    }
    *ret_changes = true;
    sqlite_declare(&merged, declared);
    hold_declared(plan, i, declared);
}

/* Length of the quoted name or string at `text`, 0 when there is none. */
static size_t quoted_length(const char *text)
{
    const char *end = NULL;

    if (!*text || !strchr("\"'`[", *text))
        return 0;
    end = strchr(text + 1, *text == '[' ? ']' : *text);
    return end ? (size_t)(end - text) + 1 : strlen(text);
}

/* The word of a CREATE statement that a copy of the table would lose, or NULL: only what table_xinfo tells survives. */
static const char *find_uncopyable(const char *sql)
{
    static const char *const words[] = {"CHECK",         "REFERENCES", "COLLATE", "GENERATED", "AS",
                                        "AUTOINCREMENT", "WITHOUT",    "STRICT",  "UNIQUE",    "CONFLICT"};

    while (*sql) {
        size_t length = quoted_length(sql);
        if (length == 0) {
            for (; isalnum((unsigned char)sql[length]) || sql[length] == '_'; length++)
                ;
            for (size_t i = 0; i < sizeof words / sizeof *words; i++)
                if (strlen(words[i]) == length && sqlite3_strnicmp(sql, words[i], (int)length) == 0)
                    return words[i];
        }
        sql += length ? length : 1;
    }
    return NULL;
}

static etl_status check_copyable(const struct plan *plan, const char *column, const char *from, const char *to,
                                 struct etl_error *err)
{
    const struct sqlite_table *table = &plan->table;
    const char *word = find_uncopyable(table->sql);

    from = *from ? from : "(no type)";
    if (word)
        return etl_fail(
            err, ETL_SCHEMA,
            "table %s: column %s is declared %s and must become %s, which needs a copy of the table, and the copy "
            "would lose %s of its CREATE statement: change the column by hand",
            table->name, column, from, to, word);
    if (plan->log)
        etl_log(plan->db->host, ETL_LOG_WARN, "table %s is copied because column %s changes from %s to %s", table->name,
                column, from, to);
    return ETL_OK;
}

static void add_copied_column(struct etl_buffer *sql, const struct sqlite_column_info *info, const char *declared)
{
    sqlite_add_name(sql, info->name);
    etl_buffer_add_format(sql, " %s%s", declared, info->not_null ? " NOT NULL" : "");
    if (info->default_sql)
        etl_buffer_add_format(sql, " DEFAULT (%s)", info->default_sql);
}

static void add_key_columns(struct etl_buffer *sql, const struct sqlite_table *table)
{
    int position = 1;

    for (bool found = true; found; position++) {
        found = false;
        for (size_t i = 0; i < table->count; i++) {
            if (table->columns[i].key_position != position)
                continue;
            etl_buffer_add_text(sql, position == 1 ? ", PRIMARY KEY (" : ", ");
            sqlite_add_name(sql, table->columns[i].name);
            found = true;
        }
    }
    if (position > 2)
        etl_buffer_add_text(sql, ")");
}

static etl_status plan_copy_rows(struct plan *plan, const char *copy, char (*declared)[SQLITE_DECL_MAX],
                                 struct etl_error *err)
{
    const struct sqlite_table *table = &plan->table;
    struct etl_buffer sql = {0};
    etl_status status = ETL_OK;

    etl_buffer_add_text(&sql, "INSERT INTO ");
    sqlite_add_name(&sql, copy);
    etl_buffer_add_text(&sql, " SELECT ");
    for (size_t i = 0; i < table->count; i++) {
        const struct sqlite_column_info *info = &table->columns[i];
        etl_buffer_add_text(&sql, i ? ", " : "");
        etl_buffer_add_text(&sql, *declared[i] ? "etlhost_recast(" : "");
        sqlite_add_name(&sql, info->name);
        if (!*declared[i])
            continue;
        etl_buffer_add_text(&sql, ", ");
        sqlite_add_literal(&sql, info->declared);
        etl_buffer_add_text(&sql, ", ");
        sqlite_add_literal(&sql, declared[i]);
        etl_buffer_add_text(&sql, ")");
    }
    etl_buffer_add_text(&sql, " FROM ");
    sqlite_add_name(&sql, table->name);
    status = sqlite_script_add(plan->script, &sql, err);
    etl_buffer_fini(&sql);
    return status;
}

/* Statements that make the indexes and triggers of a table again, in `ret_script`. Our own key index is left out when `skip_key`. */
static etl_status collect_dependents(struct sqlite_db *db, const char *table, bool skip_key,
                                     struct sqlite_script *ret_script, struct etl_error *err)
{
    struct etl_buffer sql = {0};
    sqlite3_stmt *rows = NULL;
    etl_status status = ETL_OK;
    int rc = SQLITE_OK;

    ETL_TRY(sqlite_prepare(
        db,
        "SELECT sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND tbl_name = ?1 COLLATE NOCASE "
        "AND sql IS NOT NULL AND NOT (?2 AND type = 'index' AND name = ?1 || '" KEY_SUFFIX "' COLLATE NOCASE) "
        "ORDER BY type, rowid",
        &rows, err));
    sqlite3_bind_text(rows, 1, table, -1, SQLITE_STATIC);
    sqlite3_bind_int(rows, 2, skip_key);
    while ((rc = sqlite3_step(rows)) == SQLITE_ROW) {
        etl_buffer_add_text(&sql, (const char *)sqlite3_column_text(rows, 0));
        ETL_TRY(sqlite_script_add(ret_script, &sql, err));
    }
    if (rc != SQLITE_DONE)
        status = sqlite_fail(db, rc, "read indexes", err);
out:
    sqlite3_finalize(rows);
    etl_buffer_fini(&sql);
    return status;
}

static etl_status plan_replace(struct sqlite_db *db, const char *live, const char *by, bool skip_key,
                               struct sqlite_script *script, struct etl_error *err)
{
    struct sqlite_script dependents = {0};
    struct sqlite_table table = {0};
    struct etl_buffer sql = {0};
    etl_status status = ETL_OK;

    ETL_TRY(sqlite_table_load(db, live, &table, err));
    if (table.is_view || table.is_virtual) {
        status = etl_fail(err, ETL_CONFIG, "%s is a %s: choose another target", live,
                          table.is_view ? "view" : "virtual table");
        goto out;
    }
    if (table.exists) {
        ETL_TRY(collect_dependents(db, table.name, skip_key, &dependents, err));
        etl_buffer_add_text(&sql, "DROP TABLE ");
        sqlite_add_name(&sql, table.name);
        ETL_TRY(sqlite_script_add(script, &sql, err));
    }
    etl_buffer_add_text(&sql, "ALTER TABLE ");
    sqlite_add_name(&sql, by);
    etl_buffer_add_text(&sql, " RENAME TO ");
    sqlite_add_name(&sql, table.exists ? table.name : live);
    ETL_TRY(sqlite_script_add(script, &sql, err));
    for (size_t i = 0; i < dependents.count; i++) {
        etl_buffer_add_text(&sql, dependents.statements[i]);
        ETL_TRY(sqlite_script_add(script, &sql, err));
    }
out:
    sqlite_table_fini(&table);
    sqlite_script_fini(&dependents);
    etl_buffer_fini(&sql);
    return status;
}

/* CREATE copy, INSERT .. SELECT, DROP, RENAME, indexes and triggers. declared[i] is "" for a column that stays. */
static etl_status plan_rebuild(struct plan *plan, char (*declared)[SQLITE_DECL_MAX], struct etl_error *err)
{
    const struct sqlite_table *table = &plan->table;
    struct etl_buffer sql = {0}, name = {0};
    etl_status status = ETL_OK;
    const char *copy = NULL;

    etl_buffer_add_format(&name, "%s" REBUILD_SUFFIX, table->name);
    ETL_TRY(sqlite_text(&name, &copy, err));
    etl_buffer_add_text(&sql, "CREATE TABLE ");
    sqlite_add_name(&sql, copy);
    etl_buffer_add_text(&sql, " (");
    for (size_t i = 0; i < table->count; i++) {
        etl_buffer_add_text(&sql, i ? ", " : "");
        add_copied_column(&sql, &table->columns[i], *declared[i] ? declared[i] : table->columns[i].declared);
    }
    add_key_columns(&sql, table);
    etl_buffer_add_text(&sql, ")");
    ETL_TRY(sqlite_script_add(plan->script, &sql, err));
    ETL_TRY(plan_copy_rows(plan, copy, declared, err));
    ETL_TRY(plan_replace(plan->db, table->name, copy, false, plan->script, err));
out:
    etl_buffer_fini(&name);
    etl_buffer_fini(&sql);
    return status;
}

static etl_status plan_change(struct plan *plan, struct etl_error *err)
{
    const struct sqlite_table *table = &plan->table;
    char(*declared)[SQLITE_DECL_MAX] = calloc(table->count + 1, SQLITE_DECL_MAX);
    etl_status status = ETL_OK;
    bool any = false;

    if (!declared)
        return etl_fail_memory(err);
    for (int64_t i = 0; i < plan->schema->n_children; i++) {
        int64_t at = sqlite_table_find(table, plan->schema->children[i].name);
        char changed[SQLITE_DECL_MAX];
        bool changes = false;

        if (i == plan->schema->op_column || at < 0)
            continue;
        settle_column(plan, i, &table->columns[at], &changes, changed);
        if (!changes)
            continue;
        ETL_TRY(check_copyable(plan, table->columns[at].name, table->columns[at].declared, changed, err));
        memcpy(declared[at], changed, SQLITE_DECL_MAX);
        any = true;
    }
    if (any)
        ETL_TRY(plan_rebuild(plan, declared, err));
out:
    free(declared);
    return status;
}

static etl_status plan_key(struct plan *plan, struct etl_error *err)
{
    const char *const *keys = plan->target->keys;
    struct etl_buffer sql = {0}, name = {0};
    etl_status status = ETL_OK;
    const char *index = NULL;
    bool unique = false;

    if (!*keys)
        return ETL_OK;
    ETL_TRY(sqlite_table_is_unique(plan->db, &plan->table, keys, &unique, err));
    if (unique)
        goto out;
    etl_buffer_add_format(&name, "%s" KEY_SUFFIX, plan->table.name);
    ETL_TRY(sqlite_text(&name, &index, err));
    etl_buffer_add_text(&sql, "DROP INDEX IF EXISTS "); /* of a former key */
    sqlite_add_name(&sql, index);
    ETL_TRY(sqlite_script_add(plan->script, &sql, err));
    etl_buffer_add_text(&sql, "CREATE UNIQUE INDEX ");
    sqlite_add_name(&sql, index);
    etl_buffer_add_text(&sql, " ON ");
    sqlite_add_name(&sql, plan->table.name);
    for (size_t i = 0; keys[i]; i++) {
        etl_buffer_add_text(&sql, i ? ", " : " (");
        sqlite_add_name(&sql, keys[i]);
    }
    etl_buffer_add_text(&sql, ")");
    ETL_TRY(sqlite_script_add(plan->script, &sql, err));
out:
    etl_buffer_fini(&name);
    etl_buffer_fini(&sql);
    return status;
}

static etl_status plan_existing(struct plan *plan, struct etl_error *err)
{
    const struct sqlite_table *table = &plan->table;
    etl_status status = ETL_OK;
    size_t added = 0;

    if (table->is_view || table->is_virtual)
        return etl_fail(err, ETL_CONFIG, "%s is a %s: choose another target", table->name,
                        table->is_view ? "view" : "virtual table");
    for (int64_t i = 0; i < plan->schema->n_children; i++)
        added += i != plan->schema->op_column && sqlite_table_find(table, plan->schema->children[i].name) < 0;
    ETL_TRY(check_width(plan, table->count + added, err));
    ETL_TRY(plan_change(plan, err));
    for (int64_t i = 0; i < plan->schema->n_children; i++)
        if (i != plan->schema->op_column && sqlite_table_find(table, plan->schema->children[i].name) < 0)
            ETL_TRY(plan_add_column(plan, i, err));
    ETL_TRY(plan_key(plan, err));
out:
    return status;
}

etl_status sqlite_plan_table(struct sqlite_db *db, const struct sqlite_target *target, const struct etl_view *schema,
                             struct etl_type *held, bool *known, enum sqlite_affinity *affinity,
                             struct sqlite_script *script, bool log, struct etl_error *err)
{
    struct plan plan = {.db = db,
                        .target = target,
                        .schema = schema,
                        .held = held,
                        .known = known,
                        .affinity = affinity,
                        .script = script,
                        .log = log};
    etl_status status = sqlite_table_load(db, target->table, &plan.table, err);

    if (status != ETL_OK)
        return status;
    status = plan.table.exists ? plan_existing(&plan, err) : plan_create(&plan, err);
    sqlite_table_fini(&plan.table);
    return status;
}

etl_status sqlite_plan_swap(struct sqlite_db *db, const char *live, const char *staging, struct sqlite_script *script,
                            struct etl_error *err)
{
    return plan_replace(db, live, staging, true, script, err);
}

/* ---- staging tables ---- */

/* FNV-1a over pipeline and stream: two pipelines that load the same table must not meet in one staging table. */
static uint32_t hash_owner(const struct etl_write_plan *plan)
{
    const char *const parts[] = {plan->pipeline_id, plan->stream};
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < 2; i++)
        for (size_t at = 0; at <= strlen(parts[i]); at++) /* with the NUL, which keeps the parts apart */
            hash = (hash ^ (unsigned char)parts[i][at]) * 16777619u;
    return hash;
}

etl_status sqlite_staging_name(const struct etl_write_plan *plan, char **ret_name, struct etl_error *err)
{
    char *name = NULL;

    if (asprintf(&name, "%s" STAGING_INFIX "%08" PRIx32 "_%" PRIu64, plan->target, hash_owner(plan), plan->generation) <
        0)
        return etl_fail_memory(err);
    *ret_name = name;
    return ETL_OK;
}

/* Whether `name` is a staging table of the same owner and target as `own`, of any generation. */
static bool is_sibling(const char *name, const char *own)
{
    size_t length = (size_t)(strrchr(own, '_') - own) + 1;

    return sqlite3_strnicmp(name, own, (int)length) == 0 && name[length] &&
           name[length + strspn(name + length, "0123456789")] == '\0';
}

etl_status sqlite_plan_drop_staging(struct sqlite_db *db, const char *own, bool keep_own, struct sqlite_script *script,
                                    struct etl_error *err)
{
    struct etl_buffer sql = {0};
    sqlite3_stmt *rows = NULL;
    etl_status status = ETL_OK;
    int rc = SQLITE_OK;

    ETL_TRY(sqlite_prepare(db, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name", &rows, err));
    while ((rc = sqlite3_step(rows)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(rows, 0);
        if (!is_sibling(name, own) || (keep_own && sqlite3_stricmp(name, own) == 0))
            continue;
        etl_buffer_add_text(&sql, "DROP TABLE ");
        sqlite_add_name(&sql, name);
        ETL_TRY(sqlite_script_add(script, &sql, err));
    }
    if (rc != SQLITE_DONE)
        status = sqlite_fail(db, rc, "read schema", err);
out:
    sqlite3_finalize(rows);
    etl_buffer_fini(&sql);
    return status;
}
