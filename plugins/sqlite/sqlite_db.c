/* Connections and errors.
 *
 * Every wait ends when the instance is cancelled: the busy handler polls the flag, and a progress handler stops long statements.
 * Foreign keys stay off and legacy_alter_table on, so that dropping and renaming tables never touches rows, views or triggers of
 * others.
 */
#include "plugins/sqlite/sqlite.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_POLL_MS      20
#define PROGRESS_INTERVAL 20000

static bool is_cancelled(const struct sqlite_db *db)
{
    return db->cancelled && atomic_load_explicit(db->cancelled, memory_order_relaxed);
}

static int on_busy(void *arg, int count)
{
    struct sqlite_db *db = arg;

    if (count == 0)
        db->waited_ms = 0;
    if (is_cancelled(db) || db->waited_ms >= db->busy_timeout_ms)
        return 0;
    sqlite3_sleep(count < 5 ? 2 : BUSY_POLL_MS);
    db->waited_ms += count < 5 ? 2 : BUSY_POLL_MS;
    return 1;
}

static int on_progress(void *arg)
{
    return is_cancelled(arg);
}

etl_status sqlite_fail(struct sqlite_db *db, int rc, const char *what, struct etl_error *err)
{
    const char *text = db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(rc);

    err->vendor_code = db->handle ? sqlite3_extended_errcode(db->handle) : rc;
    if (is_cancelled(db))
        return etl_fail(err, ETL_CANCELLED, "%s: %s was cancelled", db->path, what);
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return etl_fail(err, ETL_TRANSIENT,
                        "%s: %s: the database is locked by another process (waited %.1f s); see busy_timeout", db->path,
                        what, (double)db->waited_ms / 1000);
    case SQLITE_FULL: return etl_fail(err, ETL_IO, "%s: %s: the disk is full", db->path, what);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH: return etl_fail(err, ETL_AUTH, "%s: %s: no permission to write (%s)", db->path, what, text);
    case SQLITE_NOTADB: return etl_fail(err, ETL_CONFIG, "%s: %s: the file is not a SQLite database", db->path, what);
    case SQLITE_CORRUPT: return etl_fail(err, ETL_CONFIG, "%s: %s: the database is damaged (%s)", db->path, what, text);
    case SQLITE_NOMEM: return etl_fail_memory(err);
    case SQLITE_INTERRUPT: return etl_fail(err, ETL_CANCELLED, "%s: %s was interrupted", db->path, what);
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG: return etl_fail(err, ETL_DATA, "%s: %s: %s", db->path, what, text);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN: return etl_fail(err, ETL_IO, "%s: %s: %s", db->path, what, text);
    case SQLITE_MISUSE:
    case SQLITE_RANGE: return etl_fail(err, ETL_INTERNAL, "%s: %s: %s", db->path, what, text);
    default: return etl_fail(err, ETL_CONFIG, "%s: %s: %s", db->path, what, text);
    }
}

/* SQLite's "unable to open database file" does not say why; the file system does. */
static etl_status explain_open(struct sqlite_db *db, int rc, enum sqlite_access access, struct etl_error *err)
{
    struct stat info;

    if ((rc & 0xff) != SQLITE_CANTOPEN && (rc & 0xff) != SQLITE_IOERR)
        return sqlite_fail(db, rc, "open", err);
    if (stat(db->path, &info) != 0)
        return etl_fail_errno(err, errno, access == DB_CREATE ? "cannot create database" : "cannot open database",
                              db->path);
    if (S_ISDIR(info.st_mode))
        return etl_fail(err, ETL_CONFIG, "%s is a directory, not a database file", db->path);
    if (eaccess(db->path, access == DB_READ ? R_OK : R_OK | W_OK) != 0)
        return etl_fail_errno(err, errno, "cannot open database", db->path);
    return sqlite_fail(db, rc, "open", err);
}

static etl_status open_once(struct sqlite_db *db, enum sqlite_access access, struct etl_error *err)
{
    static const int flags[] = {SQLITE_OPEN_READONLY, SQLITE_OPEN_READWRITE,
                                SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE};
    sqlite3_stmt *statement = NULL;
    int rc = SQLITE_OK;

    db->handle = NULL;
    if (!*db->path)
        return etl_fail(err, ETL_CONFIG, "path is empty: name the database file");
    rc = sqlite3_open_v2(db->path, &db->handle, flags[access] | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_extended_result_codes(db->handle, 1);
        sqlite3_busy_handler(db->handle, on_busy, db);
        sqlite3_progress_handler(db->handle, PROGRESS_INTERVAL, on_progress, db);
        rc =
            sqlite3_exec(db->handle, "PRAGMA foreign_keys=OFF; PRAGMA legacy_alter_table=ON; PRAGMA trusted_schema=OFF",
                         NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK) /* the first access to the file: tells whether it is a database at all */
        rc = sqlite3_prepare_v2(db->handle, "SELECT count(*) FROM sqlite_master", -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
        rc = rc == SQLITE_ROW ? SQLITE_OK : rc;
    }
    sqlite3_finalize(statement);
    if (rc == SQLITE_OK)
        return ETL_OK;
    rc = explain_open(db, rc, access, err);
    sqlite_db_close(db);
    return rc;
}

etl_status sqlite_db_open(struct sqlite_db *db, enum sqlite_access access, struct etl_error *err)
{
    etl_status status = open_once(db, access, err);

    if (access != DB_READ || status != ETL_AUTH || err->vendor_code != SQLITE_READONLY_ROLLBACK)
        return status;
    /* A writer died and its journal must be played back, which a read-only connection may not do. */
    etl_error_init(err);
    status = open_once(db, DB_WRITE, err);
    if (status != ETL_OK)
        return etl_prefix(err, status, "a process died while it was writing and the database must be restored: ");
    sqlite_db_close(db);
    return open_once(db, DB_READ, err);
}

void sqlite_db_close(struct sqlite_db *db)
{
    sqlite3_close_v2(db->handle);
    db->handle = NULL;
}

etl_status sqlite_exec(struct sqlite_db *db, const char *sql, const char *what, struct etl_error *err)
{
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? ETL_OK : sqlite_fail(db, rc, what, err);
}

etl_status sqlite_prepare(struct sqlite_db *db, const char *sql, sqlite3_stmt **ret_statement, struct etl_error *err)
{
    int rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, ret_statement, NULL);

    return rc == SQLITE_OK ? ETL_OK : sqlite_fail(db, rc, "prepare", err);
}

static void add_quoted(struct etl_buffer *sql, const char *text, char quote)
{
    const char *hit = NULL;

    etl_buffer_add(sql, &quote, 1);
    while ((hit = strchr(text, quote)) != NULL) {
        etl_buffer_add(sql, text, (size_t)(hit - text) + 1);
        etl_buffer_add(sql, &quote, 1);
        text = hit + 1;
    }
    etl_buffer_add_text(sql, text);
    etl_buffer_add(sql, &quote, 1);
}

void sqlite_add_name(struct etl_buffer *sql, const char *name)
{
    add_quoted(sql, name, '"');
}

void sqlite_add_literal(struct etl_buffer *sql, const char *text)
{
    add_quoted(sql, text, '\'');
}

etl_status sqlite_text(struct etl_buffer *buffer, const char **ret_text, struct etl_error *err)
{
    const char *text = etl_buffer_text(buffer);

    if (!text)
        return etl_fail_memory(err);
    *ret_text = text;
    return ETL_OK;
}

etl_status sqlite_copy(const char *text, char **ret_copy, struct etl_error *err)
{
    char *copy = strdup(text);

    if (!copy)
        return etl_fail_memory(err);
    *ret_copy = copy;
    return ETL_OK;
}
