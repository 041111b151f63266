/* Shared by the files of the SQLite destination. */
#ifndef PLUGINS_SQLITE_SQLITE_DEST_H
#define PLUGINS_SQLITE_SQLITE_DEST_H

#include <pthread.h>

#include "plugins/sqlite/sqlite.h"

#define SQLITE_ROWS_PER_STATEMENT 40

#define SQLITE_DEST_SETTINGS(S)                                                                                        \
    S(TEXT, path, ETL_SETTING_REQUIRED, "", "", "Database file; created when it does not exist")                       \
    S(CHOICE, journal_mode, 0, "\"keep\"", "\"keep\",\"wal\",\"delete\",\"truncate\",\"persist\"",                     \
      "Journal mode to set; keep leaves the file as it is")                                                            \
    S(CHOICE, synchronous, 0, "\"full\"", "\"full\",\"normal\",\"extra\",\"off\"",                                     \
      "How hard a commit waits for the disk; below full a power cut may lose the last commits")                        \
    S(BYTES, cache_size, 0, "16777216", "", "Memory for database pages")                                               \
    S(SECONDS, busy_timeout, 0, "30", "", "How long to wait for a database that another process has locked")
ETL_SETTINGS(sqlite_dest_settings, SQLITE_DEST_SETTINGS);

struct etl_dest {
    const struct etl_host *host;
    struct sqlite_dest_settings settings;
    const struct etl_commit_table *commits;
    atomic_bool cancelled;
    struct etl_buffer explained; /* state that explain() has lent to the host */

    pthread_mutex_t calls; /* serialises the calls that use `db` */
    struct sqlite_db db;   /* opened by the first begin() */

    pthread_mutex_t lock; /* guards the following */
    pthread_cond_t unit_ended;
    const void *unit_owner; /* the writer whose unit is open, or the instance itself in begin() */
    const void *last_owner;
    unsigned waiting;
};

struct sqlite_column;

/* Binds `count` cells from row `row` on; parameter numbers start at `first` and are `stride` apart. */
typedef etl_status (*sqlite_binder)(const struct sqlite_column *column, sqlite3_stmt *statement, int64_t row, int count,
                                    int first, int stride, struct etl_error *err);

/* One column of the schema as it is written. */
struct sqlite_column {
    const struct etl_view *view;
    struct etl_type held; /* type of the table's column */
    sqlite_binder bind;
    bool is_key;
    char *
        scratch; /* text forms of one statement's cells: SQLITE_ROWS_PER_STATEMENT * ETL_VALUE_TEXT_MAX; NULL if not needed */
};

enum sqlite_write_statement { SQLITE_PUT_MANY, SQLITE_PUT_ONE, SQLITE_DELETE_ONE, SQLITE_STATEMENTS };

struct etl_writer {
    struct etl_dest *dest;
    /* copies of the plan */
    char *pipeline, *stream, *slice, *run_id;
    char *live;    /* the target */
    char *staging; /* NULL = rows go to the live table */
    char **keys;
    uint32_t mode, delete_mode;
    uint64_t generation;
    bool is_final; /* generation is live */
    /* the fence */
    int64_t epoch;
    uint64_t seq; /* last commit */
    bool found;
    struct etl_buffer state;
    /* the schema */
    bool has_schema;
    bool needs_schema;      /* its DDL has not run, or was rolled back */
    int64_t schema_version; /* of the database when the schema was applied */
    struct ArrowSchema schema;
    struct etl_view view;
    size_t n_columns; /* without the operation column */
    struct sqlite_column *columns;
    int64_t soft_column; /* index in `columns` of ETL_SOFT_DELETE_COLUMN or -1 */
    int many;            /* rows of the statement SQLITE_PUT_MANY */
    sqlite3_stmt *statements[SQLITE_STATEMENTS];
    const char *rowid; /* name of the row key in the table, NULL = none */
    /* the open unit */
    bool in_unit;
    bool is_advanced;    /* the commit row has been written in this unit: only COMMIT is left to do */
    bool schema_in_unit; /* the schema was applied in this unit */
    enum {
        SQLITE_SOFT_NONE,
        SQLITE_SOFT_LISTED,
        SQLITE_SOFT_SCAN
    } soft_deletes; /* how this unit's soft deletes are found again */
    uint64_t unit_rows, batch_number;
};

static inline const char *sqlite_writer_table(const struct etl_writer *writer)
{
    return writer->staging ? writer->staging : writer->live;
}

/* ---- sqlite_bind.c ---- */

/* Chooses the binder of a column. `known`: `column->held` is the type of the table's column; otherwise `affinity` says what is known. */
etl_status sqlite_choose_binder(struct sqlite_column *column, bool known, enum sqlite_affinity affinity,
                                struct etl_error *err);

/* ---- sqlite_write.c ---- */

/* Prepares writing under writer->schema: runs its DDL in the open transaction and sets up columns. */
etl_status sqlite_apply_schema(struct etl_writer *writer, struct etl_error *err);
/* Whether that would work, as far as the database's schema tells; changes nothing in the database. */
etl_status sqlite_check_schema(struct etl_writer *writer, struct etl_error *err);
void sqlite_drop_schema(struct etl_writer *writer); /* columns and statements, not writer->schema */
void sqlite_drop_statements(struct etl_writer *writer);
etl_status sqlite_write_batch(struct etl_writer *writer, const struct ArrowArray *batch, uint64_t flags,
                              struct etl_error *err);
/* Gives the rows that this unit has marked deleted their time. */
etl_status sqlite_finish_soft_deletes(struct etl_writer *writer, int64_t time_us, struct etl_error *err);

/* ---- sqlite_begin.c ---- */

etl_status sqlite_dest_begin(struct etl_dest *dest, const struct etl_write_plan *plan, struct etl_writer **ret_writer,
                             struct etl_recovery *recovery, struct etl_error *err);
etl_status sqlite_dest_explain(struct etl_dest *dest, const struct etl_write_plan *plan,
                               const struct ArrowSchema *schema, etl_emit_text emit, void *arg,
                               struct etl_recovery *recovery, struct etl_error *err);
void sqlite_writer_free(struct etl_writer *writer);

/* ---- sqlite_dest.c ---- */

/* The right to have a transaction open; waits for the other writers' units. */
etl_status sqlite_unit_acquire(struct etl_dest *dest, const void *owner, struct etl_error *err);
void sqlite_unit_release(struct etl_dest *dest);
etl_status sqlite_dest_connect(struct etl_dest *dest, struct sqlite_db *db, enum sqlite_access access,
                               struct etl_error *err);

#endif
