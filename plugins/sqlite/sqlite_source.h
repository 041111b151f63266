/* Shared by the files of the SQLite source. */
#ifndef PLUGINS_SQLITE_SQLITE_SOURCE_H
#define PLUGINS_SQLITE_SQLITE_SOURCE_H

#include "plugins/sqlite/sqlite.h"

#define SQLITE_SOURCE_SETTINGS(S)                                                                                      \
    S(TEXT, path, ETL_SETTING_REQUIRED, "", "", "Database file")                                                       \
    S(SECONDS, busy_timeout, 0, "30", "", "How long to wait for a database that another process has locked")
ETL_SETTINGS(sqlite_source_settings, SQLITE_SOURCE_SETTINGS);

struct etl_source {
    const struct etl_host *host;
    struct sqlite_source_settings settings;
    atomic_bool cancelled;
};

/* Opens a connection that only reads. */
etl_status sqlite_source_connect(struct etl_source *source, struct sqlite_db *db, struct etl_error *err);

/* ---- sqlite_values.c: stored values as typed values ---- */

struct sqlite_source_column {
    const char *name; /* borrowed from the table */
    struct etl_type type;
    bool is_settled;      /* the type is more than a guess that the first value may replace */
    bool is_temporal;     /* declared as a date or time: text is looked at as such */
    bool has_big_integer; /* seen: beyond what a double holds exactly */
};

/* What the declaration promises. */
void sqlite_promise(const char *declared, struct sqlite_source_column *column);

/* Appends the value of result column `index`; *ret_fits is false when it is not of the column's type. */
typedef etl_status (*sqlite_appender)(struct etl_column *out, sqlite3_stmt *row, int index, const struct etl_type *type,
                                      bool *ret_fits, struct etl_error *err);
sqlite_appender sqlite_choose_appender(const struct etl_type *type);

/* Changes the column's type so that it holds the value of result column `index` and everything that fitted before. Numbers may become
 * double only while nothing has been emitted. */
void sqlite_widen(struct sqlite_source_column *column, sqlite3_stmt *row, int index, bool has_emitted);
bool sqlite_value_fits(struct sqlite_source_column *column, sqlite3_stmt *row, int index);

/* ---- sqlite_catalog.c ---- */

/* Types of all visible columns of a table from declarations and a sample; the caller frees *ret_columns. Their order is that of
 * the table. */
etl_status sqlite_settle_types(struct sqlite_db *db, const struct sqlite_table *table,
                               struct sqlite_source_column **ret_columns, size_t *ret_count, struct etl_error *err);
etl_status sqlite_make_schema(const struct sqlite_source_column *columns, size_t count, struct ArrowSchema *ret_schema,
                              struct etl_error *err);
bool sqlite_is_stream_name(const char *name);
etl_status sqlite_discover(struct etl_source *source, etl_emit_stream emit, void *arg, struct etl_error *err);
etl_status sqlite_plan_slices(struct etl_source *source, const char *stream, uint32_t wanted, uint32_t flags,
                              etl_emit_slice emit, void *arg, struct etl_error *err);

/* ---- sqlite_reader.c ---- */

enum sqlite_read_mode { SQLITE_BY_ROWID, SQLITE_BY_KEY, SQLITE_SCAN, SQLITE_BY_CURSOR };

struct sqlite_cursor; /* sqlite_cursor.c */

struct etl_reader {
    struct etl_source *source;
    struct sqlite_db db;
    struct sqlite_table table;
    uint32_t flags;
    enum sqlite_read_mode mode;
    uint64_t rows_max, bytes_max;         /* of a batch */
    struct sqlite_source_column *columns; /* those that are read */
    sqlite_appender *appenders;
    size_t count;
    int extra; /* result column behind them: row key, key columns or cursor */
    sqlite3_stmt *rows;
    struct etl_builder *builder;
    bool has_row; /* a row has been stepped to and not been appended */
    bool is_exhausted;
    bool has_emitted; /* a batch */
    bool schema_due, checkpoint_due, end_due;
    int64_t rowid; /* last one read */
    bool has_rowid;
    struct etl_buffer key; /* last key read, as JSON array */
    struct sqlite_cursor *cursor;
    struct etl_buffer state, shown;
};

etl_status sqlite_read_open(struct etl_source *source, const struct etl_read_request *request,
                            struct etl_reader **ret_reader, struct etl_error *err);
etl_status sqlite_read_next(struct etl_reader *reader, struct etl_message *message, struct etl_error *err);
void sqlite_read_close(struct etl_reader *reader);
/* Keeps the columns that the request names; then the SELECT list can be made. */
void sqlite_select_columns(struct etl_reader *reader, const struct etl_read_request *request);
void sqlite_add_columns(struct etl_buffer *sql, const struct etl_reader *reader);

/* ---- sqlite_full.c: full passes ---- */

/* Prepares reader->rows for a full pass or one slice of it. */
etl_status sqlite_full_open(struct etl_reader *reader, const struct etl_read_request *request, struct etl_error *err);
/* Remembers the position of the row that has been appended. */
etl_status sqlite_full_advance(struct etl_reader *reader, struct etl_error *err);
/* Writes reader->state and reader->shown; *ret_any is false when there is no position that could be resumed. */
void sqlite_full_state(struct etl_reader *reader, bool *ret_any);

/* ---- sqlite_cursor.c: reading by cursor column ---- */

etl_status sqlite_cursor_open(struct etl_reader *reader, const struct etl_read_request *request, struct etl_error *err);
void sqlite_cursor_free(struct sqlite_cursor *cursor);
/* Whether the previous state already covers the present row, which then must not be emitted. */
bool sqlite_cursor_is_known(struct etl_reader *reader);
etl_status sqlite_cursor_advance(struct etl_reader *reader, struct etl_error *err);
void sqlite_cursor_state(struct etl_reader *reader, bool *ret_any);
etl_status sqlite_register_time(struct sqlite_db *db, struct etl_error *err);

#endif
