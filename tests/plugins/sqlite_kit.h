/* What the tests of the SQLite plugin share: a database in a temporary folder, batches from text, queries as text. */
#ifndef TESTS_PLUGINS_SQLITE_KIT_H
#define TESTS_PLUGINS_SQLITE_KIT_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugins/sqlite/sqlite.h"

static struct etl_error err;
static char folder[64], path[128];

static void kit_setup(void)
{
    etl_error_init(&err);
    strcpy(folder, "/tmp/etlhost-sqlite-XXXXXX");
    cr_assert(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/db", folder);
}

static void kit_teardown(void)
{
    static const char *const suffixes[] = {"", "-journal", "-wal", "-shm"};
    char name[160];

    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        (void)chmod(name, 0600);
        unlink(name);
    }
    rmdir(folder);
}

#define CR_OK(expression)                                                                                              \
    do {                                                                                                               \
        etl_status status_ = (expression);                                                                             \
        cr_assert_eq(status_, ETL_OK, "%s: %s: %s", #expression, etl_status_name(status_), err.message);               \
    } while (0)
#define CR_FAILS(expression, expected)                                                                                 \
    do {                                                                                                               \
        etl_status status_ = (expression);                                                                             \
        cr_assert_eq(status_, expected, "%s: %s: %s", #expression, etl_status_name(status_), err.message);             \
        cr_assert(*err.message);                                                                                       \
    } while (0)

/* Runs SQL in a connection of its own; returns the rows as "a|b;c|d;" with NULL as "~". */
static char *query(const char *sql)
{
    static char text[65536];
    sqlite3 *db = NULL;
    const char *rest = sql;
    size_t length = 0;

    text[0] = '\0';
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 2000);
    while (*rest) {
        sqlite3_stmt *statement = NULL;
        int rc = sqlite3_prepare_v2(db, rest, -1, &statement, &rest);
        cr_assert_eq(rc, SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
        while (statement && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
            for (int i = 0; i < sqlite3_column_count(statement); i++)
                length += (size_t)snprintf(text + length, sizeof text - length, "%s%s", i ? "|" : "",
                                           sqlite3_column_type(statement, i) == SQLITE_NULL
                                               ? "~"
                                               : (const char *)sqlite3_column_text(statement, i));
            length += (size_t)snprintf(text + length, sizeof text - length, ";");
        }
        cr_assert(rc == SQLITE_DONE || rc == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
        sqlite3_finalize(statement);
    }
    sqlite3_close(db);
    return text;
}

#define CR_QUERY(sql, expected)                                                                                        \
    do {                                                                                                               \
        const char *rows_ = query(sql);                                                                                \
        cr_assert(strcmp(rows_, expected) == 0, "%s: %s", sql, rows_);                                                 \
    } while (0)

/* "id:l,name:u,doc:u/arrow.json"; a column named "op" of format C becomes the operation column. */
static void make_schema(const char *spec, struct ArrowSchema *schema)
{
    char copy[4096], *rest = copy, *column = NULL;

    snprintf(copy, sizeof copy, "%s", spec);
    CR_OK(etl_schema_init_struct(schema, "", &err));
    while ((column = strsep(&rest, " ")) != NULL) {
        char *format = strchr(column, '=');
        char *extension = strchr(format, '/');
        *format++ = '\0';
        if (extension)
            *extension++ = '\0';
        CR_OK(etl_schema_add_column(schema, column, format, extension, &err));
        if (strcmp(column, "op") == 0)
            CR_OK(etl_schema_set_metadata(schema, ETL_META_OP_COLUMN, "op", &err));
    }
}

#endif
