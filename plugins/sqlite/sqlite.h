/* Shared by the SQLite source and destination: connections, declared types, tables. */
#ifndef PLUGINS_SQLITE_SQLITE_H
#define PLUGINS_SQLITE_SQLITE_H

#include "config.h"

#include <sqlite3.h>
#include <stdatomic.h>

#include <etlhost/sdk.h>
#include <etlhost/sdk/failpoint.h>

extern const struct etl_source_ops sqlite_source_ops;
extern const struct etl_dest_ops sqlite_dest_ops;
const char *sqlite_source_schema(void);
const char *sqlite_dest_schema(void);

/* ---- connections (sqlite_db.c) ---- */

/* One connection. Used by one thread at a time, except for `cancelled`. */
struct sqlite_db {
    sqlite3 *handle;
    const char *path;             /* borrowed */
    const struct etl_host *host;  /* borrowed, may be NULL */
    const atomic_bool *cancelled; /* borrowed, may be NULL: ends waits and long statements */
    int64_t busy_timeout_ms;
    int64_t waited_ms; /* by the busy handler, in the present wait */
};

enum sqlite_access { DB_READ, DB_WRITE, DB_CREATE };

/* Opens `path`. The file must exist unless `access` is DB_CREATE. The fields after `handle` must be set before. */
etl_status sqlite_db_open(struct sqlite_db *db, enum sqlite_access access, struct etl_error *err);
void sqlite_db_close(struct sqlite_db *db);

/* Turns a SQLite result into a status with a message: "PATH: WHAT: ...". */
etl_status sqlite_fail(struct sqlite_db *db, int rc, const char *what, struct etl_error *err);

/* Runs statements without results; `what` is for the message. */
etl_status sqlite_exec(struct sqlite_db *db, const char *sql, const char *what, struct etl_error *err);
etl_status sqlite_prepare(struct sqlite_db *db, const char *sql, sqlite3_stmt **ret_statement, struct etl_error *err);

/* Adds `name` as a quoted identifier. */
void sqlite_add_name(struct etl_buffer *sql, const char *name);
/* Adds a quoted string literal. */
void sqlite_add_literal(struct etl_buffer *sql, const char *text);
/* ETL_NOMEM unless `buffer` holds text; the result is NUL-terminated. */
etl_status sqlite_text(struct etl_buffer *buffer, const char **ret_text, struct etl_error *err);
etl_status sqlite_copy(const char *text, char **ret_copy, struct etl_error *err);

/* ---- declared types (sqlite_types.c) ---- */

enum sqlite_affinity { SQLITE_AFF_BLOB, SQLITE_AFF_TEXT, SQLITE_AFF_NUMERIC, SQLITE_AFF_INTEGER, SQLITE_AFF_REAL };

#define SQLITE_DECL_MAX 32

/* The name under which the destination declares a column of that type. */
const char *sqlite_declare(const struct etl_type *type, char buffer[SQLITE_DECL_MAX]);

/* The type behind a name that sqlite_declare gives; false for any other name. */
bool sqlite_declared(const char *declared, struct etl_type *ret_type);

/* SQLite's rules for the affinity of a declared type (https://www.sqlite.org/datatype3.html section 3.1). */
enum sqlite_affinity sqlite_affinity_of(const char *declared);

/* The type that a column declared as `held` must get so that it holds its values and those of `incoming`. */
struct etl_type sqlite_merge_type(const struct etl_type *held, const struct etl_type *incoming);

/* True when values of that type keep their identity in a column of that affinity. */
bool sqlite_affinity_keeps(enum sqlite_affinity affinity, const struct etl_type *type);

/* Registers the SQL function etlhost_recast(value, from, to), which brings a stored value from one declared type's form to
 * another's. */
etl_status sqlite_register_recast(struct sqlite_db *db, struct etl_error *err);

/* ---- tables (sqlite_table.c) ---- */

struct sqlite_column_info {
    char *name;
    char *declared;    /* "" when there is none */
    char *default_sql; /* NULL = none */
    bool not_null;
    bool is_hidden;   /* generated, or hidden in a virtual table */
    int key_position; /* in the primary key, from 1; 0 = not part of it */
};

struct sqlite_table {
    bool exists;
    bool is_view;
    bool is_virtual;
    char *name;        /* as stored; NULL when it does not exist */
    char *sql;         /* CREATE statement, may be NULL */
    const char *rowid; /* an unshadowed name of the rowid, NULL when there is none (view, WITHOUT ROWID) */
    size_t count;
    struct sqlite_column_info *columns;
};

etl_status sqlite_table_load(struct sqlite_db *db, const char *name, struct sqlite_table *ret_table,
                             struct etl_error *err);
void sqlite_table_fini(struct sqlite_table *table);
/* Index of the column whose name is equal without regard to ASCII case, or -1. */
int64_t sqlite_table_find(const struct sqlite_table *table, const char *name);
/* True when the columns `keys` (NULL-terminated) are exactly those of the primary key or of an unconditional unique index. */
etl_status sqlite_table_is_unique(struct sqlite_db *db, const struct sqlite_table *table, const char *const *keys,
                                  bool *ret_unique, struct etl_error *err);

/* A list of SQL statements. */
struct sqlite_script {
    char **statements;
    size_t count, capacity;
};
void sqlite_script_fini(struct sqlite_script *script);
/* Moves the buffer's text to the end of the script and resets the buffer. */
etl_status sqlite_script_add(struct sqlite_script *script, struct etl_buffer *sql, struct etl_error *err);
etl_status sqlite_script_run(struct sqlite_db *db, const struct sqlite_script *script, struct etl_error *err);

/* ---- bringing a table to a schema (sqlite_ddl.c) ---- */

struct sqlite_target {
    const char *table;       /* where rows go: the live table or the staging table */
    const char *live;        /* the live table; differs from `table` while a generation is being loaded */
    const char *const *keys; /* NULL-terminated; columns that must be unique; empty = none */
};

/* Plans the statements that bring target->table to `schema` (a view of the root, operation column left out) and tells the
 * type of each column as it will be: held[i].kind for schema column i, or known[i] false where an existing declaration is not
 * one of ours. Warnings (a table is copied) go to the host's log when `log` is true. */
etl_status sqlite_plan_table(struct sqlite_db *db, const struct sqlite_target *target, const struct etl_view *schema,
                             struct etl_type *held, bool *known, enum sqlite_affinity *affinity,
                             struct sqlite_script *script, bool log, struct etl_error *err);

/* Plans replacing the live table by the staging table; indexes and triggers of the live table are made again. */
etl_status sqlite_plan_swap(struct sqlite_db *db, const char *live, const char *staging, struct sqlite_script *script,
                            struct etl_error *err);

/* Name of the staging table of the plan's generation; the caller frees. */
etl_status sqlite_staging_name(const struct etl_write_plan *plan, char **ret_name, struct etl_error *err);

/* Plans dropping the staging tables of the same stream and target as the staging table `own`; itself too unless keep_own. */
etl_status sqlite_plan_drop_staging(struct sqlite_db *db, const char *own, bool keep_own, struct sqlite_script *script,
                                    struct etl_error *err);

#endif
