/* SQLite connection of the state store.
 *
 * A file is looked at before it is opened for real, through a connection that takes no locks and makes no files, so that one which is refused
 * stays as it is. The look goes through SQLite as well: opening and closing the file by hand would drop the POSIX locks that another
 * connection of this process holds on it.
 * A new store is built under another name and linked into place, so that no half-made one is ever seen.
 * Lock: `lock` from db_begin to db_end. */
#include "core/state/db.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/string.h"

#define APPLICATION_ID  INT64_C(0x65746c73) /* "etls" */
#define SCHEMA_VERSION  1
#define BUSY_TIMEOUT_MS 10000
#define STATEMENTS_MAX  64
#define INSPECT_AGAIN   20

/* Above this size the whole-file check at opening is left out: it would cost a start more than it is worth. */
#define QUICK_CHECK_MAX_BYTES (INT64_C(16) * 1024 * 1024)

struct db_statement {
    const char *sql;
    sqlite3_stmt *handle;
};

struct db {
    sqlite3 *handle;
    char *path;
    pthread_mutex_t lock;
    struct db_statement statements[STATEMENTS_MAX];
    size_t statement_count;
};

static const char schema[] =
    "CREATE TABLE lease(pipeline TEXT PRIMARY KEY, epoch BIGINT NOT NULL, host TEXT NOT NULL, host_name TEXT NOT NULL,"
    " boot TEXT NOT NULL, namespace TEXT NOT NULL, pid BIGINT NOT NULL, pid_start BIGINT NOT NULL,"
    " acquired_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);"
    "CREATE TABLE stream(pipeline TEXT NOT NULL, stream TEXT NOT NULL, generation BIGINT NOT NULL,"
    " is_complete BIGINT NOT NULL, fingerprint TEXT NOT NULL, schema TEXT NOT NULL, name_map TEXT NOT NULL,"
    " slices TEXT NOT NULL, PRIMARY KEY(pipeline, stream));"
    "CREATE TABLE checkpoint(pipeline TEXT NOT NULL, stream TEXT NOT NULL, slice TEXT NOT NULL,"
    " generation BIGINT NOT NULL, seq BIGINT NOT NULL, epoch BIGINT NOT NULL, run_id TEXT NOT NULL, state BLOB NOT "
    "NULL,"
    " connector TEXT NOT NULL, state_version BIGINT NOT NULL, rows_read BIGINT NOT NULL, rows_written BIGINT NOT NULL,"
    " rows_deleted BIGINT NOT NULL, rows_rejected BIGINT NOT NULL, bytes BIGINT NOT NULL, cursor TEXT NOT NULL,"
    " committed_at BIGINT NOT NULL, PRIMARY KEY(pipeline, stream, slice, generation, seq)) WITHOUT ROWID;"
    "CREATE TABLE dead_letter(id INTEGER PRIMARY KEY AUTOINCREMENT, pipeline TEXT NOT NULL, stream TEXT NOT NULL,"
    " slice TEXT NOT NULL, generation BIGINT NOT NULL, seq BIGINT NOT NULL, is_staged BIGINT NOT NULL,"
    " run_id TEXT NOT NULL, column_name TEXT NOT NULL, reason TEXT NOT NULL, location TEXT NOT NULL, record BLOB NOT "
    "NULL,"
    " is_json BIGINT NOT NULL, created_at BIGINT NOT NULL);"
    "CREATE INDEX dead_letter_line ON dead_letter(pipeline, stream, slice, seq);"
    "CREATE INDEX dead_letter_staged ON dead_letter(pipeline, stream, slice, seq) WHERE is_staged = 1;"
    "CREATE TABLE run(id TEXT PRIMARY KEY, pipeline TEXT NOT NULL, epoch BIGINT NOT NULL, started_at BIGINT NOT NULL,"
    " ended_at BIGINT NOT NULL, status TEXT NOT NULL, exit_code BIGINT NOT NULL, error TEXT NOT NULL,"
    " report TEXT NOT NULL);"
    "CREATE INDEX run_started ON run(pipeline, started_at);";

/* ---- errors ---- */

static etl_status status_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_NOMEM: return ETL_NOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ETL_TRANSIENT;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
    case SQLITE_ERROR: return ETL_INTERNAL;
    default: return ETL_IO;
    }
}

static const char *advice_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY: return " (another process has been writing to it for more than 10 seconds)";
    case SQLITE_FULL: return " (make room on that file system and run again: nothing is lost)";
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN: return " (the file and its directory must be writable)";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return " (the file is damaged: restore it from a backup, or move it away to start anew)";
    default: return "";
    }
}

static etl_status fail(struct db *db, int code, struct etl_error *err)
{
    if ((code & 0xff) == SQLITE_NOMEM)
        return etl_fail_memory(err);
    const char *text = db->handle != NULL ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code);
    etl_status status = etl_fail(err, status_of(code), "state store %s: %s%s", db->path, text, advice_of(code));
    if (err != NULL)
        err->vendor_code = code;
    return status;
}

/* ---- opening ---- */

/* One number from a statement without parameters. */
static int read_number(sqlite3 *handle, const char *sql, int64_t *ret_number)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(handle, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        *ret_number = sqlite3_column_int64(statement, 0);
        code = SQLITE_OK;
    } else if (code == SQLITE_DONE) {
        code = SQLITE_CORRUPT;
    }
    sqlite3_finalize(statement);
    return code;
}

static uint32_t big_endian(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The first 100 bytes, which SQLite documents: magic, page size, page count, user_version, application_id. `size` is the file's, or -1 when a
 * write-ahead log may hold the rest. */
static etl_status judge_header(const char *path, const unsigned char *header, int64_t size, struct etl_error *err)
{
    uint32_t version = big_endian(header + 60);
    int64_t page_size = (int64_t)header[16] << 8 | header[17], pages = big_endian(header + 28);
    if (memcmp(header, "SQLite format 3", 16) != 0)
        return etl_fail(err, ETL_CONFIG, "%s is no state store: not a SQLite file; it has been left as it is", path);
    if (big_endian(header + 68) != APPLICATION_ID)
        return etl_fail(err, ETL_CONFIG,
                        "%s is no state store: a SQLite file of another program; it has been left as it is", path);
    if (version > SCHEMA_VERSION)
        return etl_fail(err, ETL_CONFIG,
                        "state store %s was written by a newer etlhost: it has format %lu, this etlhost knows up to %d",
                        path, (unsigned long)version, SCHEMA_VERSION);
    if (page_size == 1)
        page_size = 65536;
    if (size >= 0 && size < page_size * pages)
        return etl_fail(
            err, ETL_IO,
            "state store %s is damaged: cut off at %lld of %lld bytes; restore it from a backup, or move it away to "
            "start anew",
            path, (long long)size, (long long)(page_size * pages));
    return ETL_OK;
}

static etl_status damaged(const char *path, sqlite3 *handle, const char *what, struct etl_error *err)
{
    return etl_fail(err, ETL_IO,
                    "state store %s is damaged: %s; restore it from a backup, or move it away to start anew", path,
                    what != NULL ? what : sqlite3_errmsg(handle));
}

static etl_status quick_check(const char *path, sqlite3 *handle, struct etl_error *err)
{
    etl_status status = ETL_OK;
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(handle, "PRAGMA quick_check(1)", -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_NOMEM)
        status = etl_fail_memory(err);
    else if (code != SQLITE_ROW)
        status = damaged(path, handle, NULL, err);
    else if (strcmp((const char *)sqlite3_column_text(statement, 0), "ok") != 0)
        status = damaged(path, handle, (const char *)sqlite3_column_text(statement, 0), err);
    sqlite3_finalize(statement);
    return status;
}

static etl_status check_content(const char *path, sqlite3 *handle, int64_t size, struct etl_error *err)
{
    static const char tables[] = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN"
                                 " ('lease', 'stream', 'checkpoint', 'dead_letter', 'run')";
    int64_t version = 0, count = 0;
    if (read_number(handle, "PRAGMA user_version", &version) != SQLITE_OK ||
        read_number(handle, tables, &count) != SQLITE_OK)
        return damaged(path, handle, NULL, err);
    if (version > SCHEMA_VERSION)
        return etl_fail(
            err, ETL_CONFIG,
            "state store %s was written by a newer etlhost: it has format %lld, this etlhost knows up to %d", path,
            (long long)version, SCHEMA_VERSION);
    if (version != SCHEMA_VERSION || count != 5)
        return damaged(path, handle, "tables are missing", err);
    return size <= QUICK_CHECK_MAX_BYTES ? quick_check(path, handle, err) : ETL_OK;
}

/* "file:PATH?immutable=1", with the characters that mean something in a URI escaped. The caller frees. */
static char *immutable_uri(const char *path)
{
    static const char digits[] = "0123456789abcdef";
    char *uri = malloc(3 * strlen(path) + 32), *out = uri;
    if (uri == NULL)
        return NULL;
    out = stpcpy(out, "file:");
    for (; *path != '\0'; path++) {
        unsigned char byte = (unsigned char)*path;
        if (byte == '%' || byte == '?' || byte == '#') {
            *out++ = '%';
            *out++ = digits[byte >> 4];
            *out++ = digits[byte & 15];
        } else {
            *out++ = *path;
        }
    }
    stpcpy(out, "?immutable=1");
    return uri;
}

static bool has_log(const char *path)
{
    struct stat info;
    char *log = string_format("%s-wal", path);
    bool found = log == NULL || (stat(log, &info) == 0 && info.st_size > 0);
    free(log);
    return found;
}

/* Looks at an existing file without touching it. */
static etl_status inspect(const char *path, int64_t size, struct etl_error *err)
{
    etl_status status = ETL_OK;
    sqlite3 *handle = NULL;
    sqlite3_file *file = NULL;
    unsigned char header[100] = {0};
    bool log = has_log(path);
    char *uri = immutable_uri(path);
    if (uri == NULL)
        return etl_fail_memory(err);
    int code = sqlite3_open_v2(uri, &handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_file_control(handle, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (code != SQLITE_OK || file == NULL || file->pMethods == NULL) {
        status = etl_fail(err, ETL_IO, "cannot open state store %s: %s", path, sqlite3_errstr(code));
        goto out;
    }
    code = file->pMethods->xRead(file, header, sizeof(header), 0); /* a short file is zero-filled */
    if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ) {
        status = etl_fail(err, ETL_IO, "cannot read state store %s: %s", path, sqlite3_errstr(code));
        goto out;
    }
    ETL_TRY(judge_header(path, header, log ? -1 : size, err));
    /* With a log the file alone is not the database: it is checked by the connection that reads both. */
    if (!log)
        status = check_content(path, handle, size, err);
out:
    sqlite3_close(handle);
    free(uri);
    return status;
}

static int set_up(sqlite3 *handle)
{
    sqlite3_busy_timeout(handle, BUSY_TIMEOUT_MS);
    return sqlite3_exec(handle, "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF",
                        NULL, NULL, NULL);
}

static etl_status build(const char *path, struct etl_error *err)
{
    etl_status status = ETL_OK;
    sqlite3 *handle = NULL;
    char *sql =
        string_format("PRAGMA journal_mode = DELETE; BEGIN; PRAGMA application_id = %lld; PRAGMA user_version = %d; %s"
                      " COMMIT; PRAGMA journal_mode = WAL",
                      (long long)APPLICATION_ID, SCHEMA_VERSION, schema);
    if (sql == NULL)
        return etl_fail_memory(err);
    int code = sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK)
        code = set_up(handle);
    if (code == SQLITE_OK)
        code = sqlite3_exec(handle, sql, NULL, NULL, NULL);
    if (code != SQLITE_OK)
        status = etl_fail(err, status_of(code), "cannot create state store %s: %s%s", path,
                          handle != NULL ? sqlite3_errmsg(handle) : sqlite3_errstr(code), advice_of(code));
    sqlite3_close(handle);
    free(sql);
    return status;
}

/* Makes a new store under another name and links it into place; that another process was faster is fine. */
static etl_status create(const char *path, struct etl_error *err)
{
    etl_status status = ETL_OK;
    char *temporary = string_format("%s.new-%ld-%p", path, (long)getpid(), (void *)&status);
    if (temporary == NULL)
        return etl_fail_memory(err);
    unlink(temporary);
    int fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        status = etl_fail_errno(err, errno, "cannot create state store", path);
        goto out;
    }
    close(fd);
    status = build(temporary, err);
    /* Not every file system has hard links. */
    if (status == ETL_OK && link(temporary, path) != 0 && errno != EEXIST &&
        renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) != 0 && errno != EEXIST)
        status = etl_fail_errno(err, errno, "cannot create state store", path);
    unlink(temporary);
    if (status == ETL_OK)
        status = file_sync_directory(path, err);
out:
    free(temporary);
    return status;
}

static etl_status make_parent(const char *path, struct etl_error *err)
{
    etl_status status = ETL_OK;
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path)
        return ETL_OK;
    char *directory = strndup(path, (size_t)(slash - path));
    if (directory == NULL)
        return etl_fail_memory(err);
    status = file_make_directories(directory, 0700, err);
    free(directory);
    return status;
}

static bool has_changed(const char *path, const struct stat *before)
{
    struct stat now;
    return has_log(path) || stat(path, &now) != 0 || now.st_size != before->st_size ||
           now.st_mtim.tv_sec != before->st_mtim.tv_sec || now.st_mtim.tv_nsec != before->st_mtim.tv_nsec;
}

/* Makes sure that there is a file worth opening at `path`. */
static etl_status prepare_file(const char *path, bool may_create, struct etl_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        if (errno != ENOENT)
            return etl_fail_errno(err, errno, "cannot open state store", path);
        if (!may_create)
            return etl_fail(err, ETL_NOT_FOUND, "there is no state store at %s", path);
        etl_status status = make_parent(path, err);
        return status == ETL_OK ? create(path, err) : status;
    }
    if (!S_ISREG(info.st_mode))
        return etl_fail(err, ETL_CONFIG, "state store %s is not a regular file", path);
    if (info.st_size == 0)
        return etl_fail(err, ETL_CONFIG, "%s is no state store: it is empty; remove it to have one made there", path);
    char *real = realpath(path, NULL); /* the log lies beside the file, not beside a link to it */
    if (real == NULL)
        return etl_fail_errno(err, errno, "cannot open state store", path);
    etl_status status = inspect(real, info.st_size, err);
    /* Another process may have moved its log into the file under the eyes of a reader that takes no locks: look again. */
    for (int again = 0; status == ETL_IO && again < INSPECT_AGAIN && has_changed(real, &info); again++) {
        clock_sleep_us(10000);
        status =
            stat(real, &info) == 0 ? inspect(real, info.st_size, err) : etl_fail_errno(err, errno, "cannot open", path);
    }
    free(real);
    return status;
}

static etl_status connect(struct db *db, struct etl_error *err)
{
    struct stat info = {0};
    int on = 0;
    int code = sqlite3_open_v2(db->path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK)
        return fail(db, code, err);
    if (sqlite3_db_readonly(db->handle, "main") == 1)
        return etl_fail(err, ETL_AUTH, "state store %s is not writable", db->path);
    /* Until the content is known to be good, closing must not move the log into the file. */
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &on);
    code = set_up(db->handle);
    if (code != SQLITE_OK)
        return fail(db, code, err);
    int64_t ignored = 0;
    code = read_number(db->handle, "PRAGMA user_version", &ignored);
    if (code != SQLITE_OK)
        return fail(db, code, err);
    if (has_log(db->path) && stat(db->path, &info) == 0) {
        etl_status status = check_content(db->path, db->handle, info.st_size, err);
        if (status != ETL_OK)
            return status;
    }
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, &on);
    return ETL_OK;
}

etl_status db_open(const char *location, bool may_create, struct db **ret_db, struct etl_error *err)
{
    etl_status status = ETL_OK;
    if (strstr(location, "://") != NULL)
        return etl_fail(err, ETL_UNSUPPORTED,
                        "state store: a URI is not supported by this etlhost; give the path of a file");
    struct db *db = calloc(1, sizeof(*db));
    if (db == NULL)
        return etl_fail_memory(err);
    pthread_mutex_init(&db->lock, NULL);
    ETL_TRY(prepare_file(location, may_create, err));
    db->path = realpath(location, NULL);
    if (db->path == NULL) {
        status = etl_fail_errno(err, errno, "cannot open state store", location);
        goto out;
    }
    ETL_TRY(connect(db, err));
    *ret_db = db;
    db = NULL;
out:
    db_close(db);
    return status;
}

etl_status db_open_memory(struct db **ret_db, struct etl_error *err)
{
    etl_status status = ETL_OK;
    int code = SQLITE_OK;
    struct db *db = calloc(1, sizeof(*db));
    if (db == NULL)
        return etl_fail_memory(err);
    pthread_mutex_init(&db->lock, NULL);
    db->path = string_format("in memory");
    if (db->path == NULL) {
        status = etl_fail_memory(err);
        goto out;
    }
    code = sqlite3_open_v2(":memory:", &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                           NULL);
    if (code == SQLITE_OK)
        code = set_up(db->handle);
    if (code == SQLITE_OK)
        code = sqlite3_exec(db->handle, schema, NULL, NULL, NULL);
    if (code != SQLITE_OK) {
        status = fail(db, code, err);
        goto out;
    }
    *ret_db = db;
    db = NULL;
out:
    db_close(db);
    return status;
}

void db_close(struct db *db)
{
    if (db == NULL)
        return;
    for (size_t i = 0; i < db->statement_count; i++)
        sqlite3_finalize(db->statements[i].handle);
    sqlite3_close(db->handle);
    pthread_mutex_destroy(&db->lock);
    free(db->path);
    free(db);
}

/* ---- statements ---- */

struct db_value db_number(int64_t number)
{
    return (struct db_value){.kind = DB_NUMBER, .number = number};
}

struct db_value db_text(const char *text)
{
    return (struct db_value){
        .kind = DB_TEXT, .data = text != NULL ? text : "", .length = text != NULL ? strlen(text) : 0};
}

struct db_value db_bytes(const char *data, size_t length)
{
    return (struct db_value){.kind = DB_BYTES, .data = data != NULL ? data : "", .length = length};
}

static etl_status find_statement(struct db *db, const char *sql, struct db_statement **ret_statement,
                                 struct etl_error *err)
{
    for (size_t i = 0; i < db->statement_count; i++) {
        if (db->statements[i].sql == sql) {
            *ret_statement = &db->statements[i];
            return ETL_OK;
        }
    }
    if (db->statement_count == STATEMENTS_MAX)
        return etl_fail(err, ETL_INTERNAL, "state store: too many statements");
    struct db_statement *statement = &db->statements[db->statement_count];
    int code = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement->handle, NULL);
    if (code != SQLITE_OK)
        return fail(db, code, err);
    statement->sql = sql;
    db->statement_count++;
    *ret_statement = statement;
    return ETL_OK;
}

static int bind(sqlite3_stmt *handle, int index, const struct db_value *value)
{
    switch (value->kind) {
    case DB_TEXT: return sqlite3_bind_text64(handle, index, value->data, value->length, SQLITE_STATIC, SQLITE_UTF8);
    case DB_BYTES: return sqlite3_bind_blob64(handle, index, value->data, value->length, SQLITE_STATIC);
    case DB_NUMBER:
    default: return sqlite3_bind_int64(handle, index, value->number);
    }
}

etl_status db_query(struct db *db, const char *sql, const struct db_value *values, size_t count,
                    struct db_statement **ret_statement, struct etl_error *err)
{
    struct db_statement *statement = NULL;
    etl_status status = find_statement(db, sql, &statement, err);
    int code = SQLITE_OK;
    for (size_t i = 0; status == ETL_OK && i < count && code == SQLITE_OK; i++)
        code = bind(statement->handle, (int)i + 1, &values[i]);
    if (code != SQLITE_OK)
        status = fail(db, code, err);
    if (status == ETL_OK)
        *ret_statement = statement;
    return status;
}

etl_status db_next(struct db *db, struct db_statement *statement, bool *ret_row, struct etl_error *err)
{
    int code = sqlite3_step(statement->handle);
    if (code == SQLITE_ROW || code == SQLITE_DONE) {
        *ret_row = code == SQLITE_ROW;
        return ETL_OK;
    }
    return fail(db, code, err);
}

etl_status db_run(struct db *db, const char *sql, const struct db_value *values, size_t count, struct etl_error *err)
{
    struct db_statement *statement = NULL;
    bool row = false;
    etl_status status = db_query(db, sql, values, count, &statement, err);
    if (status == ETL_OK)
        status = db_next(db, statement, &row, err);
    db_done(statement);
    return status;
}

uint64_t db_changes(const struct db *db)
{
    return (uint64_t)sqlite3_changes(db->handle);
}

int64_t db_column_number(struct db_statement *statement, int column)
{
    return sqlite3_column_int64(statement->handle, column);
}

etl_status db_column_bytes(struct db_statement *statement, int column, char **ret_data, size_t *ret_length,
                           struct etl_error *err)
{
    const void *data = sqlite3_column_blob(statement->handle, column);
    size_t length = (size_t)sqlite3_column_bytes(statement->handle, column);
    char *copy = malloc(length + 1);
    if (copy == NULL || (data == NULL && length > 0)) {
        free(copy);
        return etl_fail_memory(err);
    }
    if (length > 0)
        memcpy(copy, data, length);
    copy[length] = '\0';
    *ret_data = copy;
    if (ret_length != NULL)
        *ret_length = length;
    return ETL_OK;
}

void db_done(struct db_statement *statement)
{
    if (statement == NULL)
        return;
    sqlite3_reset(statement->handle);
    sqlite3_clear_bindings(statement->handle); /* they point to the caller's memory */
}

/* ---- transactions ---- */

etl_status db_begin(struct db *db, enum db_access access, struct etl_error *err)
{
    pthread_mutex_lock(&db->lock);
    etl_status status =
        access == DB_WRITE ? db_run(db, "BEGIN IMMEDIATE", NULL, 0, err) : db_run(db, "BEGIN", NULL, 0, err);
    if (status != ETL_OK)
        pthread_mutex_unlock(&db->lock);
    return status;
}

etl_status db_end(struct db *db, etl_status status, struct etl_error *err)
{
    for (size_t i = 0; i < db->statement_count; i++)
        db_done(&db->statements[i]);
    if (status == ETL_OK)
        status = db_run(db, "COMMIT", NULL, 0, err);
    /* A failure may have rolled back already, and the message is the first one's. */
    if (status != ETL_OK && sqlite3_get_autocommit(db->handle) == 0)
        (void)db_run(db, "ROLLBACK", NULL, 0, NULL);
    pthread_mutex_unlock(&db->lock);
    return status;
}
