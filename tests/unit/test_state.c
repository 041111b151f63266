/* State store: leases, fencing, checkpoints, dead letters, runs, and what happens to files that are no store. */
#include "core/state/store.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <sqlite3.h>

#include "core/base/clock.h"
#include "core/base/file.h"

#define TTL INT64_C(60000000)

static char folder[64], path[128];
static struct etl_error err;

static void make_folder(void)
{
    strcpy(folder, "/tmp/test_state.XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/state.db", folder);
    etl_error_init(&err);
}

static void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof(command), "%s", folder);
    static const char *const names[] = {"state.db", "state.db-wal",     "state.db-shm", "state.db-journal",
                                        "link.db",  "a/b/state.db",     "a/b",          "a",
                                        "other.db", "etlhost/state.db", "etlhost",      ""};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(command, sizeof(command), "%s/%s", folder, names[i]);
        remove(command);
    }
}

TestSuite(state, .init = make_folder, .fini = remove_folder);

static struct state_store *open_store(void)
{
    struct state_store *store = NULL;
    cr_assert_eq(state_open(path, &store, &err), ETL_OK, "%s", err.message);
    return store;
}

static struct state_lease take(struct state_store *store, const char *pipeline)
{
    struct state_lease lease = {0};
    cr_assert_eq(state_lease_take(store, pipeline, TTL, &lease, &err), ETL_OK, "%s", err.message);
    return lease;
}

static struct state_checkpoint checkpoint(uint64_t generation, uint64_t seq)
{
    static char stream[] = "orders", slice[] = "", run[] = "run", connector[] = "csv", cursor[] = "2026-01-01",
                state[] = "{\"at\":1}";
    return (struct state_checkpoint){.stream = stream,
                                     .slice = slice,
                                     .generation = generation,
                                     .seq = seq,
                                     .run_id = run,
                                     .state = state,
                                     .state_len = strlen(state),
                                     .connector = connector,
                                     .state_version = 3,
                                     .rows_read = 10,
                                     .rows_written = 9,
                                     .rows_deleted = 1,
                                     .rows_rejected = 2,
                                     .bytes = 1000,
                                     .cursor = cursor,
                                     .committed_at_us = 1234567890};
}

static etl_status save(struct state_store *store, const struct state_lease *lease, uint64_t generation, uint64_t seq)
{
    struct state_checkpoint value = checkpoint(generation, seq);
    return state_checkpoint_save(store, lease, &value, &err);
}

static uint64_t latest(struct state_store *store)
{
    struct state_checkpoint value = {0};
    bool found = false;
    cr_assert_eq(state_checkpoint_latest(store, "p", "orders", "", &found, &value, &err), ETL_OK, "%s", err.message);
    uint64_t seq = found ? value.seq : 0;
    state_checkpoint_fini(&value);
    return seq;
}

/* ---- files ---- */

Test(state, makes_private_file_and_folders)
{
    struct stat info;
    struct state_store *store = NULL;
    snprintf(path, sizeof(path), "%s/a/b/state.db", folder);
    umask(0);
    store = open_store();
    cr_expect_eq(stat(path, &info), 0);
    cr_expect_eq(info.st_mode & 07777, 0600);
    snprintf(path, sizeof(path), "%s/a/b", folder);
    cr_expect_eq(stat(path, &info), 0);
    cr_expect_eq(info.st_mode & 07777, 0700);
    snprintf(path, sizeof(path), "%s/a/b/state.db-wal", folder);
    struct state_lease lease = take(store, "p");
    cr_expect_eq(stat(path, &info), 0);
    cr_expect_eq(info.st_mode & 07777, 0600);
    state_lease_release(store, &lease);
    state_close(store);
    cr_expect_neq(stat(path, &info), 0, "the log stays behind");
}

Test(state, default_place)
{
    struct state_store *store = NULL;
    setenv("XDG_STATE_HOME", folder, 1);
    cr_assert_eq(state_open_existing(NULL, &store, &err), ETL_NOT_FOUND);
    cr_expect_not_null(strstr(err.message, "/etlhost/state.db"));
    cr_assert_eq(state_open(NULL, &store, &err), ETL_OK, "%s", err.message);
    state_close(store);
    cr_assert_eq(state_open_existing(NULL, &store, &err), ETL_OK, "%s", err.message);
    state_close(store);
    unsetenv("XDG_STATE_HOME");
    unsetenv("HOME");
    cr_assert_eq(state_open(NULL, &store, &err), ETL_CONFIG);
    cr_expect_not_null(strstr(err.message, "--state"));
}

Test(state, existing_only_creates_nothing)
{
    struct state_store *store = NULL;
    snprintf(path, sizeof(path), "%s/a/b/state.db", folder);
    cr_assert_eq(state_open_existing(path, &store, &err), ETL_NOT_FOUND);
    cr_expect_not_null(strstr(err.message, path));
    snprintf(path, sizeof(path), "%s/a", folder);
    cr_expect_neq(access(path, F_OK), 0);
    cr_assert_eq(state_open("postgresql://user:secret@host/db", &store, &err), ETL_UNSUPPORTED);
    cr_expect_null(strstr(err.message, "secret"));
}

static void expect_refused(etl_status expected, const char *word)
{
    char *before = NULL, *after = NULL, log[160];
    size_t before_len = 0, after_len = 0;
    struct state_store *store = NULL;
    cr_assert_eq(file_read(path, 1 << 26, &before, &before_len, &err), ETL_OK, "%s", err.message);
    for (int existing = 0; existing < 2; existing++) {
        etl_status status = existing ? state_open_existing(path, &store, &err) : state_open(path, &store, &err);
        cr_assert_eq(status, expected, "%s: status %d: %s", word, status, err.message);
        cr_expect_not_null(strstr(err.message, path), "%s", err.message);
        cr_expect_not_null(strstr(err.message, word), "%s", err.message);
    }
    cr_assert_eq(file_read(path, 1 << 26, &after, &after_len, &err), ETL_OK);
    cr_expect_eq(before_len, after_len);
    cr_expect_eq(memcmp(before, after, before_len), 0, "the file was changed");
    snprintf(log, sizeof(log), "%s-wal", path);
    cr_expect_neq(access(log, F_OK), 0, "a log was left");
    snprintf(log, sizeof(log), "%s-shm", path);
    cr_expect_neq(access(log, F_OK), 0, "an index was left");
    free(before);
    free(after);
}

static void write_path(const char *data, size_t length)
{
    cr_assert_eq(file_replace(path, data, length, &err), ETL_OK, "%s", err.message);
}

Test(state, refuses_garbage)
{
    static char zeros[8192];
    write_path("hello", 5);
    expect_refused(ETL_CONFIG, "not a SQLite file");
    write_path(zeros, sizeof(zeros));
    expect_refused(ETL_CONFIG, "not a SQLite file");
    write_path("", 0);
    expect_refused(ETL_CONFIG, "is empty");
    write_path("SQLite format 3", 16);
    expect_refused(ETL_CONFIG, "another program");
}

Test(state, refuses_folder)
{
    struct state_store *store = NULL;
    cr_assert_eq(state_open(folder, &store, &err), ETL_CONFIG);
    cr_expect_not_null(strstr(err.message, "not a regular file"));
}

static void run_sql(const char *sql)
{
    sqlite3 *handle = NULL;
    cr_assert_eq(sqlite3_open(path, &handle), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(handle));
    sqlite3_close(handle);
}

Test(state, refuses_foreign_database)
{
    run_sql("CREATE TABLE t(a); INSERT INTO t VALUES(1)");
    expect_refused(ETL_CONFIG, "another program");
    run_sql("PRAGMA journal_mode = WAL");
    expect_refused(ETL_CONFIG, "another program");
}

Test(state, refuses_newer_version)
{
    state_close(open_store());
    run_sql("PRAGMA user_version = 2");
    expect_refused(ETL_CONFIG, "newer etlhost");
}

Test(state, refuses_store_without_tables)
{
    state_close(open_store());
    run_sql("DROP TABLE run");
    expect_refused(ETL_IO, "tables are missing");
}

static void fill_store(void)
{
    struct state_store *store = open_store();
    struct state_lease lease = take(store, "p");
    char big[5000];
    memset(big, 'x', sizeof(big));
    for (uint64_t i = 1; i <= 20; i++) {
        struct state_checkpoint value = checkpoint(0, i);
        value.state = big;
        value.state_len = sizeof(big);
        cr_assert_eq(state_checkpoint_save(store, &lease, &value, &err), ETL_OK);
    }
    state_lease_release(store, &lease);
    state_close(store);
}

Test(state, refuses_truncated_file)
{
    char *data = NULL;
    size_t length = 0;
    fill_store();
    cr_assert_eq(file_read(path, 1 << 26, &data, &length, &err), ETL_OK);
    for (size_t cut = 512; cut < length; cut += 4096) {
        write_path(data, cut);
        expect_refused(ETL_IO, "cut off");
    }
    write_path(data, 60);
    expect_refused(ETL_CONFIG, "no state store");
    free(data);
}

Test(state, damaged_pages_never_crash)
{
    char *data = NULL;
    size_t length = 0, refused = 0;
    fill_store();
    cr_assert_eq(file_read(path, 1 << 26, &data, &length, &err), ETL_OK);
    for (size_t page = 0; page < length / 4096; page++) {
        char *copy = malloc(length);
        memcpy(copy, data, length);
        memset(copy + page * 4096 + (page == 0 ? 100 : 0), 0xa5, 300);
        write_path(copy, length);
        struct state_store *store = NULL;
        if (state_open(path, &store, &err) != ETL_OK) {
            refused++;
            expect_refused(ETL_IO, "damaged");
        }
        state_close(store);
        free(copy);
    }
    /* Overflow pages hold nothing but payload: only the tree's pages can be judged. */
    cr_expect_gt(refused, 5);
    free(data);
}

Test(state, opens_log_of_dead_process)
{
    pid_t child = fork();
    if (child == 0) {
        struct state_store *store = open_store();
        struct state_lease lease = take(store, "p");
        save(store, &lease, 0, 1);
        kill(getpid(), SIGKILL);
    }
    waitpid(child, NULL, 0);
    struct state_store *store = open_store();
    cr_expect_eq(latest(store), 1);
    state_close(store);
}

Test(state, follows_link)
{
    char target[160];
    struct stat info;
    state_close(open_store());
    snprintf(target, sizeof(target), "%s/link.db", folder);
    cr_assert_eq(symlink("state.db", target), 0);
    struct state_store *store = NULL;
    cr_assert_eq(state_open(target, &store, &err), ETL_OK, "%s", err.message);
    state_close(store);
    cr_expect_eq(lstat(target, &info), 0);
    cr_expect(S_ISLNK(info.st_mode));
}

Test(state, read_only_folder)
{
    state_close(open_store());
    chmod(folder, 0555);
    chmod(path, 0644);
    pid_t child = fork();
    if (child == 0) {
        struct state_store *store = NULL;
        char other[160];
        snprintf(other, sizeof(other), "%s/other.db", folder);
        if (getuid() == 0 && setuid(65534) != 0)
            _exit(3);
        if (state_open(other, &store, &err) == ETL_OK || strstr(err.message, other) == NULL)
            _exit(1);
        etl_status status = state_open(path, &store, &err);
        _exit(status == ETL_OK || strstr(err.message, path) == NULL ? 2 : 0);
    }
    int result = 0;
    waitpid(child, &result, 0);
    chmod(folder, 0755);
    cr_expect_eq(WEXITSTATUS(result), 0);
}

Test(state, full_disk)
{
    struct state_store *store = open_store();
    struct state_lease lease = take(store, "p");
    static char big[100000];
    memset(big, 'x', sizeof(big));
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(save(store, &lease, 0, 1), ETL_OK);
    struct rlimit old, limit = {0};
    getrlimit(RLIMIT_FSIZE, &old);
    limit = old;
    limit.rlim_cur = 200000;
    setrlimit(RLIMIT_FSIZE, &limit);
    etl_status status = ETL_OK;
    uint64_t seq = 1;
    while (status == ETL_OK && seq < 50) {
        struct state_checkpoint value = checkpoint(0, seq + 1);
        value.state = big;
        value.state_len = sizeof(big);
        status = state_checkpoint_save(store, &lease, &value, &err);
        seq += status == ETL_OK;
    }
    cr_expect_eq(status, ETL_IO, "%d %s", status, err.message);
    setrlimit(RLIMIT_FSIZE, &old);
    cr_expect_eq(latest(store), seq, "a failed save left something");
    cr_expect_eq(save(store, &lease, 0, seq + 1), ETL_OK, "%s", err.message);
    state_lease_release(store, &lease);
    state_close(store);
    store = open_store();
    cr_expect_eq(latest(store), seq + 1);
    state_close(store);
}

/* ---- lease ---- */

Test(state, lease_excludes_and_comes_back)
{
    struct state_store *a = open_store(), *b = open_store();
    struct state_lease first = take(a, "p"), second = {0}, other = {0};
    cr_expect_eq(first.epoch, 1);
    cr_expect_eq(state_lease_take(b, "p", TTL, &second, &err), ETL_CONFLICT);
    char pid[32];
    snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
    cr_expect_not_null(strstr(err.message, "pipeline p: another run holds it"), "%s", err.message);
    cr_expect_not_null(strstr(err.message, pid), "%s", err.message);
    cr_expect_null(second.pipeline);
    cr_expect_eq(state_lease_take(b, "q", TTL, &other, &err), ETL_OK, "another pipeline is free");
    cr_expect_eq(state_lease_renew(a, &first, &err), ETL_OK);
    cr_expect_not(state_lease_is_stale(&first));
    state_lease_release(a, &first);
    cr_expect_null(first.pipeline);
    second = take(b, "p");
    cr_expect_eq(second.epoch, 2, "the epoch grows");
    state_lease_release(b, &second);
    state_lease_release(b, &other);
    state_close(a);
    state_close(b);
}

Test(state, expired_lease_is_taken_and_fences)
{
    struct state_store *store = open_store();
    struct state_lease old = {0}, new = {0};
    struct state_stream stream = {0};
    bool found = true;
    cr_assert_eq(state_lease_take(store, "p", 1000, &old, &err), ETL_OK);
    cr_assert_eq(save(store, &old, 0, 1), ETL_OK);
    clock_sleep_us(5000);
    cr_expect(state_lease_is_stale(&old));
    cr_expect_eq(save(store, &old, 0, 2), ETL_OK, "nobody has taken it: the epoch decides, not the clock");
    new = take(store, "p");
    cr_expect_eq(new.epoch, 2);
    cr_expect_eq(save(store, &old, 0, 3), ETL_CONFLICT);
    cr_expect_not_null(strstr(err.message, "lost its lease"), "%s", err.message);
    cr_expect_eq(latest(store), 2);
    cr_expect_eq(state_lease_renew(store, &old, &err), ETL_CONFLICT);
    cr_assert_eq(state_stream_get(store, "p", "orders", &found, &stream, &err), ETL_OK);
    cr_expect_eq(state_stream_put(store, &old, "orders", &stream, &err), ETL_CONFLICT);
    cr_expect_eq(state_run_begin(store, &old, "r", 1, &err), ETL_CONFLICT);
    cr_expect_eq(state_dead_letter_settle(store, &old, "orders", "", 1, &err), ETL_CONFLICT);
    state_lease_release(store, &old);
    cr_expect_eq(state_lease_renew(store, &new, &err), ETL_OK, "releasing a lost lease must not free its successor's");
    cr_expect_eq(save(store, &new, 0, 3), ETL_OK);
    state_stream_fini(&stream);
    state_lease_release(store, &new);
    state_close(store);
}

Test(state, dead_process_is_taken_over_at_once)
{
    for (int reap = 0; reap < 2; reap++) {
        int ready[2];
        cr_assert_eq(pipe(ready), 0);
        pid_t child = fork();
        if (child == 0) {
            struct state_lease lease = {0};
            struct state_store *store = open_store();
            etl_status status = state_lease_take(store, "p", TTL, &lease, &err);
            char byte = (char)status;
            if (write(ready[1], &byte, 1) == 1)
                pause();
            _exit(0);
        }
        char byte = 1;
        cr_assert_eq(read(ready[0], &byte, 1), 1);
        cr_assert_eq(byte, ETL_OK);
        struct state_store *store = open_store();
        struct state_lease lease = {0};
        cr_expect_eq(state_lease_take(store, "p", TTL, &lease, &err), ETL_CONFLICT, "it lives");
        kill(child, SIGKILL);
        if (reap)
            waitpid(child, NULL, 0);
        else
            clock_sleep_us(50000);
        cr_assert_eq(state_lease_take(store, "p", TTL, &lease, &err), ETL_OK, "%s", err.message);
        state_lease_release(store, &lease);
        state_close(store);
        waitpid(child, NULL, 0);
    }
}

/* What the lease row says about its holder, changed to what a test needs. */
static etl_status take_after(const char *change)
{
    struct state_lease lease = {0};
    struct state_store *store = open_store();
    struct state_lease mine = {0};
    cr_assert_eq(state_lease_take(store, "p", TTL, &mine, &err), ETL_OK, "%s", err.message);
    run_sql(change);
    etl_status status = state_lease_take(store, "p", TTL, &lease, &err);
    run_sql("UPDATE lease SET expires_at = 0");
    free(mine.pipeline);
    free(lease.pipeline);
    state_close(store);
    return status;
}

Test(state, holder_is_judged_only_when_certain)
{
    cr_expect_eq(take_after("SELECT 1"), ETL_CONFLICT);
    cr_expect_eq(take_after("UPDATE lease SET pid_start = pid_start - 1"), ETL_OK, "a recycled process id");
    cr_expect_eq(take_after("UPDATE lease SET pid = 4194305"), ETL_OK, "no such process");
    cr_expect_eq(take_after("UPDATE lease SET pid = 4194305, namespace = 'pid:[1]'"), ETL_CONFLICT,
                 "another container");
    cr_expect_eq(take_after("UPDATE lease SET pid = 4194305, namespace = ''"), ETL_CONFLICT);
    cr_expect_eq(take_after("UPDATE lease SET boot = ''"), ETL_CONFLICT);
    cr_expect_eq(take_after("UPDATE lease SET boot = 'another', host = 'another'"), ETL_CONFLICT, "another machine");
    cr_expect_eq(take_after("UPDATE lease SET host_name = 'else', pid_start = 0"), ETL_CONFLICT);
    if (access("/etc/machine-id", R_OK) == 0 &&
        take_after("UPDATE lease SET pid = pid + 0 WHERE host <> ''") == ETL_CONFLICT) {
        char *id = NULL;
        size_t length = 0;
        cr_assert_eq(file_read("/etc/machine-id", 100, &id, &length, &err), ETL_OK);
        if (length >= 32)
            cr_expect_eq(take_after("UPDATE lease SET boot = 'earlier'"), ETL_OK, "an earlier boot of this machine");
        free(id);
    }
}

static atomic_int winners;

static void *race(void *arg)
{
    struct state_store *store = open_store();
    struct state_lease lease = {0};
    struct etl_error local;
    (void)arg;
    etl_error_init(&local);
    etl_status status = state_lease_take(store, "p", TTL, &lease, &local);
    if (status == ETL_OK)
        atomic_fetch_add(&winners, 1);
    else
        cr_assert_eq(status, ETL_CONFLICT, "%s", local.message);
    free(lease.pipeline);
    state_close(store);
    return NULL;
}

Test(state, threads_race_for_new_store_and_lease, .timeout = 60)
{
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, race, NULL);
    for (size_t i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    cr_expect_eq(atomic_load(&winners), 1);
}

Test(state, processes_race_for_new_store_and_lease, .timeout = 60)
{
    pid_t children[6];
    int won = 0, go[2], done[2];
    cr_assert_eq(pipe(go), 0);
    cr_assert_eq(pipe(done), 0);
    for (size_t i = 0; i < 6; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            char byte = 0;
            close(go[1]);
            close(done[1]);
            if (read(go[0], &byte, 1) != 0)
                _exit(2);
            struct state_store *store = NULL;
            struct state_lease lease = {0};
            if (state_open(path, &store, &err) != ETL_OK)
                _exit(3);
            etl_status status = state_lease_take(store, "p", TTL, &lease, &err);
            /* Nobody may leave before all have tried: a dead winner would be taken over. */
            int code = status == ETL_OK ? 1 : status == ETL_CONFLICT ? 0 : 4;
            if (code == 0)
                _exit(0);
            clock_sleep_us(1500000);
            _exit(code);
        }
    }
    close(go[1]);
    close(done[1]);
    for (size_t i = 0; i < 6; i++) {
        int result = 0;
        waitpid(children[i], &result, 0);
        cr_assert(WEXITSTATUS(result) <= 1, "child: %d", WEXITSTATUS(result));
        won += WEXITSTATUS(result);
    }
    cr_expect_eq(won, 1);
}

/* ---- streams and checkpoints ---- */

Test(state, stream_round_trip)
{
    struct state_store *store = open_store();
    struct state_lease lease = take(store, "p");
    struct state_stream value = {0}, again = {0};
    bool found = true;
    cr_assert_eq(state_stream_get(store, "p", "s", &found, &value, &err), ETL_OK);
    cr_expect_not(found);
    cr_expect_eq(value.generation, 0);
    cr_expect(value.is_complete);
    cr_expect_str_eq(value.name_map, "{}");
    cr_expect_str_eq(value.slices, "[]");
    state_stream_fini(&value);
    char fingerprint[] = "f", schema[] = "{\"columns\":[]}", map[] = "{\"a\":\"b\"}", slices[] = "[\"x\"]";
    value = (struct state_stream){7, false, fingerprint, schema, map, slices};
    cr_assert_eq(state_stream_put(store, &lease, "s", &value, &err), ETL_OK, "%s", err.message);
    value.generation = 8;
    cr_assert_eq(state_stream_put(store, &lease, "s", &value, &err), ETL_OK, "%s", err.message);
    cr_assert_eq(state_stream_get(store, "p", "s", &found, &again, &err), ETL_OK);
    cr_expect(found);
    cr_expect_eq(again.generation, 8);
    cr_expect_not(again.is_complete);
    cr_expect_str_eq(again.fingerprint, "f");
    cr_expect_str_eq(again.schema, schema);
    cr_expect_str_eq(again.name_map, map);
    cr_expect_str_eq(again.slices, slices);
    state_stream_fini(&again);
    state_stream_fini(NULL);
    value.generation = UINT64_MAX;
    cr_expect_eq(state_stream_put(store, &lease, "s", &value, &err), ETL_MISUSE);
    state_lease_release(store, &lease);
    state_close(store);
}

Test(state, checkpoint_round_trip_with_bytes)
{
    struct state_store *store = open_store();
    struct state_lease lease = take(store, "p");
    struct state_checkpoint value = checkpoint(2, 5), got = {0};
    char binary[] = {0, (char)0xff, 'a', 0, '\n'};
    bool found = false;
    value.state = binary;
    value.state_len = sizeof(binary);
    cr_assert_eq(state_checkpoint_save(store, &lease, &value, &err), ETL_OK, "%s", err.message);
    cr_assert_eq(state_checkpoint_latest(store, "p", "orders", "", &found, &got, &err), ETL_OK);
    cr_assert(found);
    cr_expect_str_eq(got.pipeline, "p");
    cr_expect_str_eq(got.stream, "orders");
    cr_expect_str_eq(got.slice, "");
    cr_expect_eq(got.seq, 5);
    cr_expect_eq(got.generation, 2);
    cr_expect_eq(got.epoch, lease.epoch);
    cr_expect_str_eq(got.run_id, "run");
    cr_expect_eq(got.state_len, sizeof(binary));
    cr_expect_eq(memcmp(got.state, binary, sizeof(binary)), 0);
    cr_expect_eq(got.state[sizeof(binary)], 0);
    cr_expect_str_eq(got.connector, "csv");
    cr_expect_eq(got.state_version, 3);
    cr_expect_eq(got.rows_read, 10);
    cr_expect_eq(got.rows_written, 9);
    cr_expect_eq(got.rows_deleted, 1);
    cr_expect_eq(got.rows_rejected, 2);
    cr_expect_eq(got.bytes, 1000);
    cr_expect_str_eq(got.cursor, "2026-01-01");
    cr_expect_eq(got.committed_at_us, 1234567890);
    state_checkpoint_fini(&got);
    value.seq = 6;
    value.state_len = 0;
    value.state = NULL;
    cr_assert_eq(state_checkpoint_save(store, &lease, &value, &err), ETL_OK, "%s", err.message);
    cr_assert_eq(state_checkpoint_latest(store, "p", "orders", "", &found, &got, &err), ETL_OK);
    cr_expect_eq(got.state_len, 0);
    cr_expect_str_eq(got.state, "");
    state_checkpoint_fini(&got);
    state_lease_release(store, &lease);
    state_close(store);
}

Test(state, checkpoint_must_be_newer)
{
    struct state_store *store = open_store();
    struct state_lease lease = take(store, "p");
    cr_expect_eq(save(store, &lease, 1, 5), ETL_OK);
    cr_expect_eq(save(store, &lease, 1, 5), ETL_MISUSE);
    cr_expect_eq(save(store, &lease, 1, 4), ETL_MISUSE);
    cr_expect_eq(save(store, &lease, 0, 9), ETL_MISUSE);
    cr_expect_eq(save(store, &lease, 2, 1), ETL_OK, "a new generation counts from 1");
    cr_expect_eq(latest(store), 1);
    struct state_checkpoint value = checkpoint(2, 2);
    static char big[ETL_STATE_MAX_BYTES + 1];
    value.state = big;
    value.state_len = sizeof(big);
    cr_expect_eq(state_checkpoint_save(store, &lease, &value, &err), ETL_MISUSE);
    value.state_len = sizeof(big) - 1;
    cr_expect_eq(state_checkpoint_save(store, &lease, &value, &err), ETL_OK);
    value = checkpoint(2, (uint64_t)INT64_MAX + 1);
    cr_expect_eq(state_checkpoint_save(store, &lease, &value, &err), ETL_MISUSE);
    state_lease_release(store, &lease);
    state_close(store);
}

struct seen {
    size_t count;
    uint64_t first, last;
    etl_status answer;
};

static etl_status see(void *arg, const struct state_checkpoint *value)
{
    struct seen *seen = arg;
    if (seen->count++ == 0)
        seen->first = value->seq;
    seen->last = value->seq;
    return seen->answer;
}

Test(state, history_keeps_twenty)
{
    struct state_store *store = open_store();
    struct state_lease lease = take(store, "p");
    struct state_checkpoint other = checkpoint(0, 1);
    char slice[] = "b";
    other.slice = slice;
    cr_assert_eq(state_checkpoint_save(store, &lease, &other, &err), ETL_OK);
    for (uint64_t i = 1; i <= 30; i++)
        cr_assert_eq(save(store, &lease, 0, i), ETL_OK, "%s", err.message);
    cr_assert_eq(save(store, &lease, 1, 1), ETL_OK);
    struct seen seen = {0};
    cr_assert_eq(state_checkpoint_list(store, "p", "orders", true, see, &seen, &err), ETL_OK);
    cr_expect_eq(seen.count, 21, "%zu", seen.count);
    cr_expect_eq(seen.first, 1);
    seen = (struct seen){0};
    cr_assert_eq(state_checkpoint_list(store, NULL, NULL, false, see, &seen, &err), ETL_OK);
    cr_expect_eq(seen.count, 2);
    seen = (struct seen){0};
    cr_assert_eq(state_checkpoint_list(store, "q", NULL, true, see, &seen, &err), ETL_OK);
    cr_expect_eq(seen.count, 0);
    seen = (struct seen){.answer = ETL_CANCELLED};
    cr_assert_eq(state_checkpoint_list(store, NULL, NULL, true, see, &seen, &err), ETL_CANCELLED);
    cr_expect_eq(seen.count, 1);
    state_lease_release(store, &lease);
    state_close(store);
}

Test(state, rollback)
{
    struct state_store *store = open_store();
    struct state_lease lease = take(store, "p");
    for (uint64_t i = 1; i <= 25; i++)
        cr_assert_eq(save(store, &lease, 0, i), ETL_OK);
    cr_expect_eq(state_rollback(store, "p", "orders", "", 20, &err), ETL_CONFLICT, "a run holds it");
    state_lease_release(store, &lease);
    cr_expect_eq(state_rollback(store, "p", "orders", "", 5, &err), ETL_NOT_FOUND);
    cr_expect_not_null(strstr(err.message, "kept are 6 to 25"), "%s", err.message);
    cr_expect_eq(state_rollback(store, "p", "orders", "", 0, &err), ETL_NOT_FOUND);
    cr_expect_eq(state_rollback(store, "p", "orders", "", UINT64_MAX, &err), ETL_NOT_FOUND);
    cr_expect_eq(state_rollback(store, "p", "orders", "x", 20, &err), ETL_NOT_FOUND);
    cr_expect_not_null(strstr(err.message, "slice x: there is no checkpoint"), "%s", err.message);
    cr_expect_eq(latest(store), 25);
    cr_expect_eq(state_rollback(store, "p", "orders", "", 20, &err), ETL_OK, "%s", err.message);
    cr_expect_eq(latest(store), 20);
    lease = take(store, "p");
    cr_expect_eq(lease.epoch, 3, "a command counts as a holder");
    cr_expect_eq(save(store, &lease, 0, 21), ETL_OK);
    state_lease_release(store, &lease);
    state_close(store);
}

Test(state, reset_starts_new_generation)
{
    struct state_store *store = open_store();
    struct state_lease lease = take(store, "p");
    struct state_stream stream = {0};
    bool found = false;
    char fingerprint[] = "f", schema[] = "{}", map[] = "{\"a\":\"b\"}", slices[] = "[\"x\"]";
    struct state_stream value = {4, true, fingerprint, schema, map, slices};
    cr_assert_eq(state_stream_put(store, &lease, "orders", &value, &err), ETL_OK);
    cr_assert_eq(state_stream_put(store, &lease, "other", &value, &err), ETL_OK);
    cr_assert_eq(save(store, &lease, 4, 9), ETL_OK);
    cr_expect_eq(state_reset(store, "p", "orders", &err), ETL_CONFLICT);
    cr_expect_eq(latest(store), 9, "refused as a whole");
    state_lease_release(store, &lease);
    cr_expect_eq(state_reset(store, "p", "ordres", &err), ETL_NOT_FOUND);
    cr_expect_not_null(strstr(err.message, "ordres"));
    cr_expect_eq(state_reset(store, "q", NULL, &err), ETL_NOT_FOUND);
    cr_assert_eq(state_reset(store, "p", "orders", &err), ETL_OK, "%s", err.message);
    cr_expect_eq(latest(store), 0);
    cr_assert_eq(state_stream_get(store, "p", "orders", &found, &stream, &err), ETL_OK);
    cr_expect(found);
    cr_expect_eq(stream.generation, 5);
    cr_expect_not(stream.is_complete);
    cr_expect_str_eq(stream.fingerprint, "");
    cr_expect_str_eq(stream.schema, "");
    cr_expect_str_eq(stream.name_map, "{}");
    cr_expect_str_eq(stream.slices, "[]");
    state_stream_fini(&stream);
    cr_assert_eq(state_reset(store, "p", NULL, &err), ETL_OK);
    cr_assert_eq(state_stream_get(store, "p", "other", &found, &stream, &err), ETL_OK);
    cr_expect_eq(stream.generation, 5);
    state_stream_fini(&stream);
    lease = take(store, "p");
    cr_expect_eq(save(store, &lease, 6, 1), ETL_OK);
    state_lease_release(store, &lease);
    state_close(store);
}

struct saver {
    struct state_store *store;
    const struct state_lease *lease;
    char slice[8];
};

static void *save_many(void *arg)
{
    struct saver *saver = arg;
    struct etl_error local;
    etl_error_init(&local);
    for (uint64_t i = 1; i <= 40; i++) {
        struct state_checkpoint value = checkpoint(0, i);
        value.slice = saver->slice;
        cr_assert_eq(state_checkpoint_save(saver->store, saver->lease, &value, &local), ETL_OK, "%s", local.message);
    }
    return NULL;
}

Test(state, many_threads_one_store, .timeout = 60)
{
    struct state_store *store = open_store();
    struct state_lease lease = take(store, "p");
    struct saver savers[4];
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        savers[i] = (struct saver){.store = store, .lease = &lease};
        snprintf(savers[i].slice, sizeof(savers[i].slice), "s%zu", i);
        pthread_create(&threads[i], NULL, save_many, &savers[i]);
    }
    for (size_t i = 0; i < 20; i++)
        cr_assert_eq(state_lease_renew(store, &lease, &err), ETL_OK);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    struct seen seen = {0};
    cr_assert_eq(state_checkpoint_list(store, "p", NULL, false, see, &seen, &err), ETL_OK);
    cr_expect_eq(seen.count, 4);
    cr_expect_eq(seen.first, 40);
    state_lease_release(store, &lease);
    state_close(store);
}

/* ---- dead letters ---- */

static struct state_dead_letter letter(uint64_t seq, const char *record)
{
    static char stream[] = "orders", slice[] = "", run[] = "run", column[] = "age", reason[] = "no number",
                location[] = "a.csv:3";
    return (struct state_dead_letter){.stream = stream,
                                      .slice = slice,
                                      .run_id = run,
                                      .seq = seq,
                                      .column = column,
                                      .reason = reason,
                                      .location = location,
                                      .record = strdup(record),
                                      .record_len = strlen(record),
                                      .is_json = true,
                                      .created_at_us = 42};
}

static etl_status count_letter(void *arg, const struct state_dead_letter *value)
{
    struct seen *seen = arg;
    if (seen->count++ == 0)
        seen->first = (uint64_t)value->id;
    seen->last = (uint64_t)value->id;
    cr_expect_str_eq(value->pipeline, "p");
    cr_expect_str_eq(value->column, "age");
    cr_expect_str_eq(value->reason, "no number");
    cr_expect_str_eq(value->location, "a.csv:3");
    cr_expect(value->is_json);
    cr_expect_eq(value->created_at_us, 42);
    return seen->answer;
}

static size_t letters(struct state_store *store)
{
    struct seen seen = {0};
    cr_assert_eq(state_dead_letter_list(store, "p", NULL, 0, 0, count_letter, &seen, &err), ETL_OK, "%s", err.message);
    return seen.count;
}

Test(state, dead_letters_count_with_their_unit)
{
    struct state_store *store = open_store();
    struct state_lease lease = take(store, "p");
    struct state_dead_letter list[2] = {letter(1, "{\"age\":\"x\"}"), letter(1, "{}")}, late = letter(2, "[]");
    cr_assert_eq(state_dead_letter_add(store, &lease, list, 2, &err), ETL_OK, "%s", err.message);
    cr_expect_eq(letters(store), 0, "not before the unit is committed");
    cr_assert_eq(save(store, &lease, 0, 1), ETL_OK);
    cr_expect_eq(letters(store), 2);
    cr_assert_eq(state_dead_letter_add(store, &lease, &late, 1, &err), ETL_OK);
    cr_assert_eq(state_dead_letter_settle(store, &lease, "orders", "", 1, &err), ETL_OK);
    cr_assert_eq(save(store, &lease, 0, 2), ETL_OK);
    cr_expect_eq(letters(store), 2, "the unit did not happen");
    late.seq = 3;
    cr_assert_eq(state_dead_letter_add(store, &lease, &late, 1, &err), ETL_OK);
    cr_assert_eq(state_dead_letter_settle(store, &lease, "orders", "", 3, &err), ETL_OK);
    cr_expect_eq(letters(store), 3, "the destination says that it happened");
    struct seen seen = {0};
    cr_assert_eq(state_dead_letter_list(store, "p", "orders", 1, 1, count_letter, &seen, &err), ETL_OK);
    cr_expect_eq(seen.count, 1);
    cr_expect_eq(seen.first, 2);
    int64_t ids[] = {2, 999};
    cr_assert_eq(state_dead_letter_delete(store, "q", ids, 2, &err), ETL_OK);
    cr_expect_eq(letters(store), 3, "of another pipeline");
    cr_assert_eq(state_dead_letter_delete(store, "p", ids, 2, &err), ETL_OK);
    cr_expect_eq(letters(store), 2);
    cr_assert_eq(save(store, &lease, 0, 3), ETL_OK);
    state_lease_release(store, &lease);
    cr_assert_eq(state_rollback(store, "p", "orders", "", 2, &err), ETL_OK);
    cr_expect_eq(letters(store), 1, "letters of units rolled back go with them");
    for (size_t i = 0; i < 2; i++)
        free(list[i].record);
    free(late.record);
    state_close(store);
}

/* ---- runs ---- */

static etl_status see_run(void *arg, const struct state_run *run)
{
    char *text = arg;
    size_t used = strlen(text);
    snprintf(text + used, 4096 - used, "%s %s %d %lld %s;", run->id, run->status, run->exit_code,
             (long long)run->ended_at_us, run->error);
    return ETL_OK;
}

Test(state, runs)
{
    struct state_store *store = open_store();
    struct state_lease lease = take(store, "p");
    char text[4096] = "";
    cr_assert_eq(state_run_begin(store, &lease, "r1", 100, &err), ETL_OK, "%s", err.message);
    cr_assert_eq(state_run_begin(store, &lease, "r2", 200, &err), ETL_OK);
    char id[] = "r2", pipeline[] = "p", ok[] = "ok", none[] = "", report[] = "{}";
    struct state_run run = {id, pipeline, lease.epoch, 200, 300, ok, 0, none, report};
    cr_assert_eq(state_run_end(store, &run, &err), ETL_OK);
    cr_assert_eq(state_run_list(store, "p", 0, see_run, text, &err), ETL_OK);
    cr_expect_str_eq(text, "r2 ok 0 300 ;r1 crashed 1 200 the process ended without a word;");
    text[0] = '\0';
    cr_assert_eq(state_run_list(store, NULL, 1, see_run, text, &err), ETL_OK);
    cr_expect_str_eq(text, "r2 ok 0 300 ;");
    text[0] = '\0';
    cr_assert_eq(state_run_list(store, "q", 0, see_run, text, &err), ETL_OK);
    cr_expect_str_eq(text, "");
    state_lease_release(store, &lease);
    state_close(store);
}

/* ---- what a death or a failure at the worst moment leaves ---- */

#ifdef ENABLE_FAILPOINTS
/* A child saves twice under a failpoint; returns the seq that is there afterwards. The list of failpoints is read once in a process, so this is
 * called once in a test. */
static uint64_t seq_after(const char *failpoint, int *ret_status)
{
    pid_t child = fork();
    if (child == 0) {
        struct state_lease lease = {0};
        setenv("ETLHOST_FAILPOINT", failpoint, 1);
        struct state_store *store = open_store();
        if (state_lease_take(store, "p", TTL, &lease, &err) != ETL_OK)
            _exit(100);
        save(store, &lease, 0, 1);
        etl_status status = save(store, &lease, 0, 2);
        _exit((int)status);
    }
    waitpid(child, ret_status, 0);
    struct state_store *store = open_store();
    uint64_t seq = latest(store);
    /* Whatever happened: the next run starts at once. */
    struct state_lease lease = take(store, "p");
    state_lease_release(store, &lease);
    state_close(store);
    return seq;
}

Test(state, dies_before_commit)
{
    int status = 0;
    cr_expect_eq(seq_after("db.commit.before:2:kill", &status), 1);
    cr_expect(WIFSIGNALED(status));
}

Test(state, dies_after_commit)
{
    int status = 0;
    cr_expect_eq(seq_after("db.commit.after:2:kill", &status), 2);
    cr_expect(WIFSIGNALED(status));
}

Test(state, fails_before_commit)
{
    int status = 0;
    cr_expect_eq(seq_after("db.commit.before:2:enospc", &status), 1, "refused as a whole");
    cr_expect_eq(WEXITSTATUS(status), ETL_IO);
}

Test(state, fails_after_commit)
{
    int status = 0;
    cr_expect_eq(seq_after("db.commit.after:2:error", &status), 2, "durable, whatever the caller is told");
    cr_expect_eq(WEXITSTATUS(status), ETL_IO);
}

Test(state, dies_with_the_lease)
{
    int status = 0;
    cr_expect_eq(seq_after("lease.acquired:kill", &status), 0);
    cr_expect(WIFSIGNALED(status));
}

Test(state, failed_take_gives_lease_back)
{
    setenv("ETLHOST_FAILPOINT", "lease.acquired:error", 1);
    struct state_store *store = open_store();
    struct state_lease lease = {0};
    cr_expect_eq(state_lease_take(store, "p", TTL, &lease, &err), ETL_IO);
    cr_expect_null(lease.pipeline);
    cr_expect_eq(state_lease_take(store, "p", TTL, &lease, &err), ETL_OK, "%s", err.message);
    state_lease_release(store, &lease);
    state_close(store);
}
#endif
