/* The SQL side of the state store: connection, statements, transactions. Everything that belongs to one SQL dialect is behind this header;
 * the statements themselves are plain SQL that PostgreSQL takes as well once ?1 is written $1. A second back end is a second file that
 * implements these functions and a choice in db_open by the location.
 * One connection, one transaction at a time: db_begin takes the connection's lock and db_end gives it back; all other calls are made in between. */
#ifndef CORE_STATE_DB_H
#define CORE_STATE_DB_H

#include <etlhost/sdk/error.h>
#include <stdbool.h>

struct db;
struct db_statement; /* a running query */

/* Refuses by name, and leaves unchanged, what is no state store, was written by something newer, or is damaged. `create` false:
 * ETL_NOT_FOUND if there is none. */
etl_status db_open(const char *location, bool create, struct db **ret_db, struct etl_error *err);
/* An empty database in memory. */
etl_status db_open_memory(struct db **ret_db, struct etl_error *err);
void db_close(struct db *db); /* NULL-safe */

enum db_access { DB_READ, DB_WRITE };

etl_status db_begin(struct db *db, enum db_access access, struct etl_error *err);
/* Commits (durable on return) if `status` is ETL_OK, else rolls back and returns `status`. Always ends the transaction. */
etl_status db_end(struct db *db, etl_status status, struct etl_error *err);

enum db_kind { DB_NUMBER, DB_TEXT, DB_BYTES };

struct db_value {
    enum db_kind kind;
    int64_t number;
    const char *data; /* borrowed until the next call */
    size_t length;
};
struct db_value db_number(int64_t number);
struct db_value db_text(const char *text); /* NULL is "" */
struct db_value db_bytes(const char *data, size_t length);
/* The values of ?1, ?2 ... */
#define DB_VALUES(...)                                                                                                 \
    (const struct db_value[]){__VA_ARGS__}, sizeof((const struct db_value[]){__VA_ARGS__}) / sizeof(struct db_value)

/* `sql` is a literal: its address names the prepared statement. */
etl_status db_run(struct db *db, const char *sql, const struct db_value *values, size_t count, struct etl_error *err);
/* Rows touched by the last db_run. */
uint64_t db_changes(const struct db *db);

etl_status db_query(struct db *db, const char *sql, const struct db_value *values, size_t count,
                    struct db_statement **ret_statement, struct etl_error *err);
etl_status db_next(struct db *db, struct db_statement *statement, bool *ret_row, struct etl_error *err);
int64_t db_column_number(struct db_statement *statement, int column);
/* Copies, with a NUL added; the caller frees. `ret_length` may be NULL. */
etl_status db_column_bytes(struct db_statement *statement, int column, char **ret_data, size_t *ret_length,
                           struct etl_error *err);
void db_done(struct db_statement *statement); /* NULL-safe; db_end does it too */

#endif
