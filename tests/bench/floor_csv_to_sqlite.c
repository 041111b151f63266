/* Floor: the fastest plain C program that we know for loading a CSV of bench_data into SQLite. It does nothing but that: no checks, no
 * recovery, fixed columns. 40 rows per INSERT statement, one thread, one transaction.
 *
 *     floor_csv_to_sqlite FILE DATABASE append|upsert
 *
 * `append` makes the table t; `upsert` changes it by its unique id. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COLUMNS = 12, ROWS = 40, SCRATCH = 1 << 20 };

static char scratch[SCRATCH]; /* unquoted fields of one statement */
static size_t scratch_length;
static sqlite3 *db;

static void must(int code, const char *what)
{
    if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW)
        return;
    fprintf(stderr, "%s: %s\n", what, sqlite3_errmsg(db));
    exit(1);
}

static void run(const char *sql)
{
    must(sqlite3_exec(db, sql, NULL, NULL, NULL), sql);
}

/* One field from `at`; returns the position behind its delimiter. */
static const char *field(const char *at, const char *end, const char **text, size_t *length, int is_last)
{
    if (*at != '"') {
        const char *stop = memchr(at, is_last ? '\n' : ',', (size_t)(end - at));
        *text = at;
        *length = (size_t)(stop - at);
        return stop + 1;
    }
    char *out = scratch + scratch_length;
    *text = out;
    for (at++;;) {
        const char *quote = memchr(at, '"', (size_t)(end - at));
        memcpy(out, at, (size_t)(quote - at));
        out += quote - at;
        at = quote + 1;
        if (*at != '"')
            break;
        *out++ = '"';
        at++;
    }
    *length = (size_t)(out - *text);
    scratch_length += *length;
    return at + 1;
}

static int64_t number(const char *text, size_t length)
{
    int64_t value = 0;
    for (size_t i = 0; i < length; i++)
        value = value * 10 + (text[i] - '0');
    return value;
}

static const char *bind_row(sqlite3_stmt *statement, int first, const char *at, const char *end)
{
    for (int i = 0; i < COLUMNS; i++) {
        const char *text = NULL;
        size_t length = 0;
        at = field(at, end, &text, &length, i == COLUMNS - 1);
        if (!length)
            sqlite3_bind_null(statement, first + i);
        else if (i == 2 || i == 4)
            sqlite3_bind_int64(statement, first + i, number(text, length));
        else if (i == 7)
            sqlite3_bind_int(statement, first + i, *text == 't');
        else
            sqlite3_bind_text(statement, first + i, text, (int)length, SQLITE_STATIC);
    }
    return at;
}

static sqlite3_stmt *prepare(int rows, int upsert)
{
    static char sql[65536];
    sqlite3_stmt *statement = NULL;
    size_t at = (size_t)snprintf(sql, sizeof(sql), "INSERT INTO t VALUES");
    for (int i = 0; i < rows; i++)
        at += (size_t)snprintf(sql + at, sizeof(sql) - at, "%s(?,?,?,?,?,?,?,?,?,?,?,?)", i ? "," : "");
    if (upsert)
        snprintf(sql + at, sizeof(sql) - at,
                 " ON CONFLICT(id) DO UPDATE SET "
                 "customer_id=excluded.customer_id,amount=excluded.amount,currency=excluded.currency,"
                 "created=excluded.created,status=excluded.status,description=excluded.description,paid=excluded.paid,"
                 "fee=excluded.fee,"
                 "receipt_email=excluded.receipt_email,metadata=excluded.metadata,updated_at=excluded.updated_at");
    must(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), "prepare");
    return statement;
}

static void load(const char *at, const char *end, int upsert)
{
    sqlite3_stmt *many = prepare(ROWS, upsert), *one = prepare(1, upsert);
    at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
    /* a statement of 40 rows needs 40 rows: the last ones go one by one */
    while (at < end) {
        const char *row = at;
        int bound = 0;
        scratch_length = 0;
        for (; bound < ROWS && row < end; bound++)
            row = bind_row(many, bound * COLUMNS + 1, row, end);
        if (bound == ROWS) {
            must(sqlite3_step(many), "insert");
            sqlite3_reset(many);
            at = row;
            continue;
        }
        for (row = at; row < end; sqlite3_reset(one)) {
            row = bind_row(one, 1, row, end);
            must(sqlite3_step(one), "insert");
        }
        at = end;
    }
    sqlite3_finalize(many);
    sqlite3_finalize(one);
}

int main(int argc, char **argv)
{
    struct stat info;
    int file = argc == 4 ? open(argv[1], O_RDONLY) : -1;
    if (file < 0 || fstat(file, &info)) {
        fprintf(stderr, "usage: floor_csv_to_sqlite FILE DATABASE append|upsert\n");
        return 2;
    }
    int upsert = strcmp(argv[3], "upsert") == 0;
    const char *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    must(sqlite3_open(argv[2], &db), "open");
    run("PRAGMA synchronous=full");
    run("PRAGMA cache_size=-16384");
    if (!upsert)
        run("CREATE TABLE t(id TEXT, customer_id TEXT, amount INTEGER, currency TEXT, created INTEGER, status TEXT, "
            "description TEXT, paid INTEGER, "
            "fee TEXT, receipt_email TEXT, metadata TEXT, updated_at TEXT)");
    run("BEGIN IMMEDIATE");
    load(data, data + info.st_size, upsert);
    run("COMMIT");
    return sqlite3_close(db) != SQLITE_OK;
}
