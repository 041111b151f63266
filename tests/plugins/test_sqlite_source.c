/* The SQLite source at the level of the ABI: discovery, full passes, cursors, resuming, and the round trip of types through the
 * destination. */
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/plugins/sqlite_kit.h"

static const struct etl_source_ops *const ops = &sqlite_source_ops;
static struct etl_source *source;

static void setup(void)
{
    char config[256];

    kit_setup();
    query("PRAGMA user_version = 1");
    snprintf(config, sizeof config, "{\"path\": \"%s\", \"busy_timeout\": 0.1}", path);
    CR_OK(ops->open(NULL, config, strlen(config), &source, &err));
}

static void teardown(void)
{
    ops->close(source);
    kit_teardown();
}

TestSuite(sqlite_source, .init = setup, .fini = teardown);

/* ---- reading everything as text ---- */

#define MAX_STATES 64

/* What one read gave. */
struct result {
    char rows[1 << 18]; /* "a|b;c|d;" */
    char schema[4096];  /* last one: "id=l name=u" */
    char states[MAX_STATES][4096];
    size_t rows_at[MAX_STATES]; /* length of `rows` at each checkpoint */
    size_t n_states;
    char shown[256];
    unsigned schemas, batches;
};

static struct result result;

static struct etl_read_request make_request(const char *stream)
{
    struct etl_read_request request = {.struct_size = sizeof request,
                                       .stream = stream,
                                       .slice = "",
                                       .state_version = 1,
                                       .cursor_column = "",
                                       .cursor_from = "",
                                       .cursor_until = ""};
    return request;
}

static void take_schema(struct ArrowSchema *schema)
{
    size_t length = 0;

    for (int64_t i = 0; i < schema->n_children; i++)
        length += (size_t)snprintf(result.schema + length, sizeof result.schema - length, "%s%s=%s%s", i ? " " : "",
                                   schema->children[i]->name, schema->children[i]->format,
                                   etl_schema_metadata(schema->children[i], "ARROW:extension:name").data ? "/" : "");
    result.schemas++;
}

static void take_batch(const struct ArrowSchema *schema, struct ArrowArray *batch)
{
    struct etl_buffer text = {0};
    struct etl_view view;

    CR_OK(etl_view_init(&view, schema, &err));
    CR_OK(etl_view_validate(&view, batch, true, &err));
    etl_view_set(&view, batch);
    for (int64_t row = 0; row < batch->length; row++) {
        for (int64_t i = 0; i < view.n_children; i++) {
            etl_buffer_add_text(&text, i ? "|" : "");
            if (etl_view_is_null(&view.children[i], row))
                etl_buffer_add_text(&text, "~");
            else
                etl_text_add_cell(&text, &view.children[i], row);
        }
        etl_buffer_add_text(&text, ";");
    }
    strcat(result.rows, etl_buffer_text(&text) ? text.data : "");
    etl_buffer_fini(&text);
    etl_view_fini(&view);
    result.batches++;
}

static etl_status take_message(struct ArrowSchema *schema, struct etl_message *message)
{
    switch (message->kind) {
    case ETL_MESSAGE_SCHEMA:
        etl_schema_release(schema);
        etl_schema_move(&message->schema, schema);
        take_schema(schema);
        break;
    case ETL_MESSAGE_BATCH:
        take_batch(schema, &message->batch);
        etl_array_release(&message->batch);
        break;
    case ETL_MESSAGE_CHECKPOINT:
        cr_assert(result.n_states < MAX_STATES && message->state_len < sizeof result.states[0]);
        memcpy(result.states[result.n_states], message->state, message->state_len);
        result.states[result.n_states][message->state_len] = '\0';
        result.rows_at[result.n_states++] = strlen(result.rows);
        snprintf(result.shown, sizeof result.shown, "%s", message->cursor ? message->cursor : "");
        break;
    default: break;
    }
    return ETL_OK;
}

static etl_status try_read(struct etl_read_request *request, const char *state)
{
    struct ArrowSchema schema = {.release = NULL};
    struct etl_reader *reader = NULL;
    etl_status status = ETL_OK;
    uint32_t kind = ETL_MESSAGE_NONE;

    memset(&result, 0, sizeof result);
    request->state = state;
    request->state_len = state ? strlen(state) : 0;
    status = ops->read_open(source, request, &reader, &err);
    while (status == ETL_OK && kind != ETL_MESSAGE_END) {
        struct etl_message message = {.struct_size = sizeof message};
        status = ops->read_next(reader, &message, &err);
        kind = message.kind;
        if (status == ETL_OK)
            take_message(&schema, &message);
    }
    etl_schema_release(&schema);
    if (reader)
        ops->read_close(reader);
    return status;
}

static const char *last_state(void)
{
    static char state[4096];

    cr_assert(result.n_states > 0);
    strcpy(state, result.states[result.n_states - 1]);
    return state;
}

#define CR_ROWS(expected)   cr_assert(strcmp(result.rows, expected) == 0, "%s", result.rows)
#define CR_SCHEMA(expected) cr_assert(strcmp(result.schema, expected) == 0, "%s", result.schema)

/* ---- discovery ---- */

static etl_status collect(void *arg, const char *json, size_t length, struct ArrowSchema *schema)
{
    char *all = arg;

    snprintf(all + strlen(all), 8192 - strlen(all), "%.*s %lld\n", (int)length, json, (long long)schema->n_children);
    etl_schema_release(schema);
    return ETL_OK;
}

Test(sqlite_source, discover)
{
    char all[8192] = "", expected[8192];

    query("CREATE TABLE b(id INTEGER PRIMARY KEY, at DATETIME, price DECIMAL(10,2), day DATE NOT NULL, name TEXT);"
          "INSERT INTO b VALUES(3, '2026-01-01 10:00:00', 1.5, '2026-01-01', 'x'), (7, NULL, NULL, '2026-01-02', 'y');"
          "CREATE TABLE a(x, y, PRIMARY KEY(y, x)) WITHOUT ROWID; CREATE VIEW broken AS SELECT * FROM nowhere;"
          "CREATE TABLE _etlhost_checkpoints(a); CREATE TABLE b__etl_gen_3(a); CREATE VIEW v AS SELECT id FROM b;"
          "CREATE TABLE seq(id INTEGER PRIMARY KEY AUTOINCREMENT)");
    CR_OK(ops->discover(source, collect, all, &err));
    snprintf(expected, sizeof expected,
             "{\"name\": \"a\", \"primary_key\": [\"y\", \"x\"], \"cursor_columns\": []} 2\n"
             "{\"name\": \"b\", \"primary_key\": [\"id\"], \"cursor_columns\": [\"id\", \"day\", \"at\", \"price\"], "
             "\"estimated_rows\": 5} 5\n"
             "{\"name\": \"broken\", \"error\": \"%s: read columns: no such table: main.nowhere\"} 0\n"
             "{\"name\": \"seq\", \"primary_key\": [\"id\"], \"cursor_columns\": [\"id\"], \"estimated_rows\": 0} 1\n"
             "{\"name\": \"v\", \"primary_key\": [], \"cursor_columns\": [\"id\"]} 1\n",
             path);
    cr_assert(strcmp(all, expected) == 0, "%s", all);
}

Test(sqlite_source, missing_and_broken_files)
{
    struct etl_read_request request = make_request("t");
    FILE *file = NULL;

    CR_FAILS(try_read(&request, NULL), ETL_NOT_FOUND);
    unlink(path);
    CR_FAILS(ops->check(source, &err), ETL_NOT_FOUND);
    cr_assert(strstr(err.message, path), "%s", err.message);
    file = fopen(path, "w");
    for (int i = 0; i < 1000; i++)
        fputs("this is not a database\n", file);
    fclose(file);
    CR_FAILS(ops->check(source, &err), ETL_CONFIG);
    CR_FAILS(try_read(&request, NULL), ETL_CONFIG);
}

Test(sqlite_source, locked)
{
    struct etl_read_request request = make_request("t");
    sqlite3 *other = NULL;

    query("CREATE TABLE t(a)");
    cr_assert_eq(sqlite3_open(path, &other), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    CR_FAILS(try_read(&request, NULL), ETL_TRANSIENT);
    cr_assert(strstr(err.message, path) && strstr(err.message, "locked"), "%s", err.message);
    sqlite3_close(other);
    CR_OK(try_read(&request, NULL));
}

/* Dies in a transaction whose pages are already in the file. */
static void die_while_writing(void)
{
    sqlite3 *db = NULL;

    if (sqlite3_open(path, &db) == SQLITE_OK)
        sqlite3_exec(db,
                     "PRAGMA cache_size = 2; BEGIN; UPDATE t SET a = 'new';"
                     "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) "
                     "INSERT INTO t SELECT 'more rows' FROM n",
                     NULL, NULL, NULL);
    _exit(0);
}

Test(sqlite_source, journal_of_a_dead_writer)
{
    struct etl_read_request request = make_request("t");
    struct stat journal;
    char name[160];
    pid_t child = 0;

    query("CREATE TABLE t(a); INSERT INTO t VALUES('old')");
    child = fork();
    if (child == 0)
        die_while_writing();
    waitpid(child, NULL, 0);
    snprintf(name, sizeof name, "%s-journal", path);
    cr_assert(stat(name, &journal) == 0 && journal.st_size > 0);
    CR_OK(try_read(&request, NULL));
    CR_ROWS("old;");
}

/* ---- types ---- */

Test(sqlite_source, declared_types)
{
    struct etl_read_request request = make_request("t");

    query("CREATE TABLE t(i INT, v VARCHAR(9), r REAL, n NUMERIC(9,3), b BOOLEAN, d DATE, dt DATETIME, tm TIME, z "
          "TIMESTAMPTZ, bl BLOB, "
          "u UUID, j JSON, untyped);"
          "INSERT INTO t VALUES(1, 'x', 2, 1.125, 1, '2026-01-31', '2026-01-31 10:00:00', '10:00:00', "
          "'2026-01-31T10:00:00+01:00', "
          "x'00ff', '00000000-0000-0000-0000-00000000000a', '{\"a\":1}', 5)");
    CR_OK(try_read(&request, NULL));
    CR_SCHEMA("i=l v=u r=g n=d:9,3 b=b d=tdD dt=tsu: tm=ttu z=tsu:UTC bl=z u=u/ j=u/ untyped=l");
    CR_ROWS("1|x|2.0|1.125|true|2026-01-31|2026-01-31T10:00:00|10:00:00|2026-01-31T09:00:00Z|AP8=|"
            "00000000-0000-0000-0000-00000000000a|{\"a\":1}|5;");
}

Test(sqlite_source, data_overrules_declarations)
{
    struct etl_read_request request = make_request("t");

    query("CREATE TABLE t(i INT, b BOOLEAN, d DATE, e DATE, n NUMERIC, j JSON, big INT, mixed);"
          "INSERT INTO t VALUES(1, 1, '2026-01-31', 1700000000, 1, '{}', 9007199254740993, 1),"
          "('abc', 2, '2026-01-31 11:00:00', 5, 2.5, 'nope', 1.5, x'61')");
    CR_OK(try_read(&request, NULL));
    CR_SCHEMA("i=u b=l d=tsu: e=l n=g j=u big=d:20,1 mixed=z");
    CR_ROWS("1|1|2026-01-31T00:00:00|1700000000|1.0|{}|9007199254740993.0|MQ==;"
            "abc|2|2026-01-31T11:00:00|5|2.5|nope|1.5|YQ==;");
}

/* The odd value stands behind the sample from the start and before the one from the end. */
Test(sqlite_source, late_misfit_widens)
{
    struct etl_read_request request = make_request("t");

    query("CREATE TABLE t(i INT, d DATE_TEXT);"
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
          "INSERT INTO t SELECT i, '2026-01-01' FROM n;"
          "UPDATE t SET i = 'abc', d = '2026-01-01T10:00:00' WHERE i = 2500");
    request.columns = (const char *const[]){"i", "d", NULL};
    request.batch_rows_hint = 1000;
    CR_OK(try_read(&request, NULL));
    CR_SCHEMA("i=u d=tsu:");
    cr_assert_eq(result.schemas, 2);
    cr_assert_eq(result.batches, 6);
    cr_assert(strstr(result.rows, "2499|2026-01-01;abc|2026-01-01T10:00:00;2501|2026-01-01T00:00:00;"));
}

Test(sqlite_source, late_real_in_integers_becomes_decimal)
{
    struct etl_read_request request = make_request("t");

    query(
        "CREATE TABLE t(i INT);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO t SELECT i FROM n;"
        "UPDATE t SET i = 0.25 WHERE i = 2500");
    CR_OK(try_read(&request, NULL));
    CR_SCHEMA("i=d:21,2");
    cr_assert(strstr(result.rows, ";2499;0.25;2501.00;"));
}

Test(sqlite_source, invalid_utf8_is_not_lost)
{
    struct etl_read_request request = make_request("t");

    query("CREATE TABLE t(a TEXT); INSERT INTO t VALUES('ok'), (CAST(x'ff61' AS TEXT))");
    CR_OK(try_read(&request, NULL));
    CR_SCHEMA("a=z");
    CR_ROWS("b2s=;/2E=;");
}

Test(sqlite_source, columns_are_skipped)
{
    struct etl_read_request request = make_request("t");

    query("CREATE TABLE t(a, b, c); INSERT INTO t VALUES(1, 2, 3)");
    request.columns = (const char *const[]){"c", "a", NULL};
    CR_OK(try_read(&request, NULL));
    CR_SCHEMA("a=l c=l");
    CR_ROWS("1|3;");
}

/* ---- full passes ---- */

static void resume_everywhere(struct etl_read_request *request)
{
    static struct result whole;

    CR_OK(try_read(request, NULL));
    whole = result;
    cr_assert(whole.n_states > 3);
    for (size_t i = 0; i + 1 < whole.n_states; i++) {
        CR_OK(try_read(request, whole.states[i]));
        cr_assert_str_eq(result.rows, whole.rows + whole.rows_at[i]);
    }
    result = whole;
}

Test(sqlite_source, full_resumes_from_every_checkpoint)
{
    struct etl_read_request request = make_request("t");

    query("CREATE TABLE t(a); INSERT INTO t(rowid, a) VALUES(-5, 'x'), (0, 'y'), (3, 'z'), (9, 'u'), (10, 'v')");
    request.batch_rows_hint = 1;
    request.flags = ETL_READ_FULL;
    resume_everywhere(&request);
    CR_ROWS("x;y;z;u;v;");
    cr_assert_str_eq(last_state(), "{\"v\":1,\"mode\":\"full\",\"rowid\":10,\"done\":true}");
    CR_OK(try_read(&request, last_state())); /* of the same pass: nothing is left */
    CR_ROWS("");
    request.flags = 0;
    CR_OK(try_read(&request, last_state())); /* the next pass */
    CR_ROWS("x;y;z;u;v;");
    CR_FAILS(try_read(&request, "{\"v\":1,\"mode\":\"cursor\"}"), ETL_STATE_INVALID);
    CR_FAILS(try_read(&request, "garbage"), ETL_STATE_INVALID);
    CR_FAILS(try_read(&request, "{\"v\":1,\"mode\":\"full\",\"rowid\":\"x\",\"done\":false}"), ETL_STATE_INVALID);
}

Test(sqlite_source, without_rowid_resumes_by_key)
{
    struct etl_read_request request = make_request("t");

    query("CREATE TABLE t(k TEXT, n, v, PRIMARY KEY(k, n)) WITHOUT ROWID;"
          "INSERT INTO t VALUES('a', 1, 'p'), ('a', 2.5, 'q'), ('a', x'00', 'r'), ('b\"', 'x', 's'), (CAST(x'ff' AS "
          "TEXT), 1, 't')");
    request.columns = (const char *const[]){"v", NULL};
    request.batch_rows_hint = 1;
    resume_everywhere(&request);
    CR_ROWS("p;q;r;s;t;");
    CR_FAILS(try_read(&request, "{\"v\":1,\"mode\":\"full\",\"rowid\":1,\"done\":false}"), ETL_STATE_INVALID);
    CR_FAILS(try_read(&request, "{\"v\":1,\"mode\":\"full\",\"key\":[\"t:a\"],\"done\":false}"), ETL_STATE_INVALID);
}

Test(sqlite_source, views_and_empty_tables)
{
    struct etl_read_request request = make_request("v");

    query("CREATE TABLE t(a INT); INSERT INTO t VALUES(1), (2), (3); CREATE VIEW v AS SELECT a FROM t ORDER BY a DESC; "
          "CREATE TABLE e(a INT)");
    request.batch_rows_hint = 1;
    CR_OK(try_read(&request, NULL));
    CR_ROWS("3;2;1;");
    cr_assert_eq(result.n_states, 1);
    request = make_request("e");
    CR_OK(try_read(&request, NULL));
    CR_SCHEMA("a=l");
    cr_assert_str_eq(last_state(), "{\"v\":1,\"mode\":\"full\",\"done\":true}");
}

static char slices[16][64];
static int n_slices;

static etl_status take_slice(void *arg, const char *slice, size_t length)
{
    (void)arg;
    snprintf(slices[n_slices++], 64, "%.*s", (int)length, slice);
    return ETL_OK;
}

static void read_slices(uint32_t wanted, const char *expected)
{
    struct etl_read_request request = make_request("t");
    char all[4096] = "";

    n_slices = 0;
    CR_OK(ops->plan_slices(source, "t", wanted, 0, take_slice, NULL, &err));
    cr_assert_eq(n_slices, (int)wanted);
    request.flags = ETL_READ_FULL;
    request.batch_rows_hint = 1;
    for (int i = 0; i < n_slices; i++) {
        request.slice = slices[i];
        CR_OK(try_read(&request, NULL));
        strcat(all, result.rows);
        if (result.n_states > 1) {
            char rest[4096], state[4096];
            strcpy(rest, result.rows + result.rows_at[0]);
            strcpy(state, result.states[0]);
            CR_OK(try_read(&request, state));
            CR_ROWS(rest);
        }
    }
    cr_assert_str_eq(all, expected);
}

Test(sqlite_source, slices_are_the_table)
{
    query(
        "CREATE TABLE t(a); INSERT INTO t(rowid, a) VALUES(-20, 1), (-3, 2), (-2, 3), (0, 4), (1, 5), (7, 6), (30, 7)");
    for (uint32_t wanted = 2; wanted < 9; wanted++)
        read_slices(wanted, "1;2;3;4;5;6;7;");
    query("INSERT INTO t(rowid, a) VALUES(9223372036854775807, 9), (-9223372036854775808, 0)");
    read_slices(3, "0;1;2;3;4;5;6;7;9;");
    read_slices(8, "0;1;2;3;4;5;6;7;9;");
}

/* Reads a slice to its end and counts its rows. */
static void *count_slice(void *arg)
{
    struct etl_read_request request = make_request("t");
    struct etl_error error = {.struct_size = sizeof error};
    struct etl_reader *reader = NULL;
    int64_t rows = 0;

    request.slice = arg;
    request.batch_rows_hint = 100;
    if (ops->read_open(source, &request, &reader, &error) != ETL_OK)
        return NULL;
    for (uint32_t kind = 0; kind != ETL_MESSAGE_END;) {
        struct etl_message message = {.struct_size = sizeof message};
        if (ops->read_next(reader, &message, &error) != ETL_OK)
            break;
        kind = message.kind;
        rows += kind == ETL_MESSAGE_BATCH ? message.batch.length : 0;
        etl_schema_release(&message.schema);
        etl_array_release(&message.batch);
    }
    ops->read_close(reader);
    return (void *)(intptr_t)rows;
}

Test(sqlite_source, readers_run_at_the_same_time)
{
    pthread_t threads[4];
    intptr_t rows = 0;

    query("CREATE TABLE t(a);"
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO t SELECT i FROM "
          "n");
    n_slices = 0;
    CR_OK(ops->plan_slices(source, "t", 4, 0, take_slice, NULL, &err));
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, count_slice, slices[i]), 0);
    for (int i = 0; i < 4; i++) {
        void *counted = NULL;
        pthread_join(threads[i], &counted);
        rows += (intptr_t)counted;
    }
    cr_assert_eq(rows, 20000);
}

/* ---- cursor ---- */

Test(sqlite_source, cursor_upsert)
{
    struct etl_read_request request = make_request("t");
    char state[4096];

    query("CREATE TABLE t(id INTEGER PRIMARY KEY, n INT); INSERT INTO t VALUES(1, 10), (2, 30), (3, 20), (4, NULL)");
    request.cursor_column = "n";
    CR_OK(try_read(&request, NULL));
    CR_ROWS("1|10;3|20;2|30;");
    cr_assert_str_eq(result.shown, "30");
    strcpy(state, last_state());
    query("INSERT INTO t VALUES(5, 30), (6, 40), (7, 5)");
    CR_OK(try_read(&request, state));
    CR_ROWS("2|30;5|30;6|40;"); /* inclusive */
    request.cursor_lookback = 10;
    CR_OK(try_read(&request, state));
    CR_ROWS("3|20;2|30;5|30;6|40;");
    cr_assert_str_eq(result.shown, "40");
    request.cursor_column = "id";
    CR_FAILS(try_read(&request, state), ETL_STATE_INVALID);
    cr_assert(strstr(err.message, "--full-refresh"), "%s", err.message);
    CR_FAILS(try_read(&request, "{\"v\":1,\"mode\":\"full\",\"rowid\":3,\"done\":true}"), ETL_STATE_INVALID);
    request.cursor_column = "nowhere";
    CR_FAILS(try_read(&request, NULL), ETL_NOT_FOUND);
}

/* Ties across batches and runs: every row exactly once from whichever checkpoint the next run starts. */
Test(sqlite_source, cursor_exact_ties)
{
    static struct result first;
    struct etl_read_request request = make_request("t");

    query("CREATE TABLE t(n INT, x TEXT); INSERT INTO t VALUES(1, 'a'), (2, 'b'), (2, 'b'), (2, 'c'), (3, 'd'), (3, "
          "'e')");
    request.cursor_column = "n";
    request.flags = ETL_READ_EXACT_TIES;
    request.batch_rows_hint = 1;
    resume_everywhere(&request);
    CR_ROWS("1|a;2|b;2|b;2|c;3|d;3|e;");
    first = result;
    CR_OK(try_read(&request, first.states[first.n_states - 1]));
    CR_ROWS("");
    query("INSERT INTO t VALUES(3, 'e'), (3, 'f'), (4, 'g')");
    for (size_t i = 0; i < first.n_states; i++) {
        char expected[256];
        CR_OK(try_read(&request, first.states[i]));
        snprintf(expected, sizeof expected, "%s3|e;3|f;4|g;", first.rows + first.rows_at[i]);
        CR_ROWS(expected);
    }
}

Test(sqlite_source, cursor_state_without_seen_is_refused_for_append)
{
    struct etl_read_request request = make_request("t");
    char state[4096];

    query("CREATE TABLE t(n INT); INSERT INTO t VALUES(1)");
    request.cursor_column = "n";
    CR_OK(try_read(&request, NULL));
    strcpy(state, last_state());
    request.flags = ETL_READ_EXACT_TIES;
    CR_FAILS(try_read(&request, state), ETL_STATE_INVALID);
    CR_OK(try_read(&request, NULL));
    strcpy(state, last_state());
    request.cursor_lookback = 1;
    CR_FAILS(try_read(&request, state), ETL_CONFIG);
    CR_FAILS(
        try_read(
            &request,
            "{\"v\":1,\"mode\":\"cursor\",\"column\":\"n\",\"type\":\"number\",\"value\":\"1\",\"seen\":[\"short\"]}"),
        ETL_STATE_INVALID);
    CR_FAILS(try_read(&request,
                      "{\"v\":1,\"mode\":\"cursor\",\"column\":\"n\",\"type\":\"number\",\"value\":\"x\",\"seen\":[]}"),
             ETL_STATE_INVALID);
}

Test(sqlite_source, cursor_too_many_ties)
{
    struct etl_read_request request = make_request("t");

    query("CREATE TABLE t(n INT, id INTEGER PRIMARY KEY);"
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50001) INSERT INTO t SELECT 7, i "
          "FROM n");
    request.cursor_column = "n";
    request.flags = ETL_READ_EXACT_TIES;
    request.batch_rows_hint = 100000;
    CR_FAILS(try_read(&request, NULL), ETL_CONFIG);
    cr_assert(strstr(err.message, "upsert"), "%s", err.message);
}

/* One instant has several text forms, whose order as text is not that of time. */
Test(sqlite_source, cursor_timestamps_are_compared_as_time)
{
    struct etl_read_request request = make_request("t");
    char state[4096];

    query("CREATE TABLE t(id INTEGER PRIMARY KEY, at TIMESTAMPTZ_TEXT); CREATE INDEX t_at ON t(at);"
          "INSERT INTO t VALUES(1, '2026-01-31T10:00:00Z'), (2, '2026-01-31T10:00:00.5Z'), (3, "
          "'2026-01-31T12:00:00+03:00'), "
          "(4, '2026-01-30 23:00:00Z')");
    request.cursor_column = "at";
    request.flags = ETL_READ_EXACT_TIES;
    request.columns = (const char *const[]){"id", NULL};
    request.batch_rows_hint = 1;
    resume_everywhere(&request);
    CR_ROWS("4;3;1;2;");
    cr_assert_str_eq(result.shown, "2026-01-31T10:00:00.500000Z");
    strcpy(state, last_state());
    query("INSERT INTO t VALUES(5, '2026-01-31T10:00:00.500Z'), (6, '2026-02-01 00:30:00+14:00'), (7, "
          "'2026-01-31T10:00:00.500001Z')");
    CR_OK(try_read(&request, state));
    CR_ROWS("5;7;6;");
}

Test(sqlite_source, cursor_future_times_do_not_move_the_position)
{
    struct etl_read_request request = make_request("t");
    char state[4096], later[4096];

    query("CREATE TABLE t(id INTEGER PRIMARY KEY, at TIMESTAMP_TEXT);"
          "INSERT INTO t VALUES(1, '2020-01-01T00:00:00'), (2, '9000-01-01T00:00:00')");
    request.cursor_column = "at";
    request.flags = ETL_READ_EXACT_TIES;
    request.columns = (const char *const[]){"id", NULL};
    CR_OK(try_read(&request, NULL));
    CR_ROWS("1;2;");
    cr_assert_str_eq(result.shown, "2020-01-01T00:00:00");
    strcpy(state, last_state());
    query("INSERT INTO t VALUES(3, '2020-01-02T00:00:00'), (4, '9000-01-01T00:00:00')");
    CR_OK(try_read(&request, state));
    CR_ROWS("3;4;");
    cr_assert_str_eq(result.shown, "2020-01-02T00:00:00");
    strcpy(later, last_state());
    CR_OK(try_read(&request, later));
    CR_ROWS("");
    request.flags = 0;
    CR_OK(try_read(&request, NULL));
    CR_ROWS("1;3;2;4;");
}

Test(sqlite_source, cursor_bounds)
{
    struct etl_read_request request = make_request("t");

    query("CREATE TABLE t(id INTEGER PRIMARY KEY, d DATE);"
          "INSERT INTO t VALUES(1, '2026-01-01'), (2, '2026-01-02'), (3, '2026-01-03'), (4, '2026-01-04')");
    request.cursor_column = "d";
    request.cursor_from = "2026-01-02";
    request.cursor_until = "2026-01-03";
    request.columns = (const char *const[]){"id", NULL};
    CR_OK(try_read(&request, NULL));
    CR_ROWS("2;3;");
    request.cursor_until = "";
    request.cursor_lookback = 86401; /* two days */
    CR_OK(try_read(&request, last_state()));
    CR_ROWS("1;2;3;4;");
    request.cursor_until = "soon";
    CR_FAILS(try_read(&request, NULL), ETL_CONFIG);
    request.slice = "rowid:1-2";
    CR_FAILS(try_read(&request, NULL), ETL_UNSUPPORTED);
}

Test(sqlite_source, cursor_on_text_and_odd_columns)
{
    struct etl_read_request request = make_request("t");

    query("CREATE TABLE t(k TEXT COLLATE NOCASE, amount DECIMAL_TEXT(5,2), n INT);"
          "INSERT INTO t VALUES('b', '1.00', 2.5), ('A', '2.00', 1), ('a', '3.00', 'x'), ('B', '4.00', 3)");
    request.cursor_column = "k";
    request.flags = ETL_READ_EXACT_TIES;
    request.batch_rows_hint = 1;
    request.columns = (const char *const[]){"k", NULL};
    resume_everywhere(&request);
    CR_ROWS("A;B;a;b;");
    request.cursor_column = "amount";
    CR_FAILS(try_read(&request, NULL), ETL_CONFIG);
}

Test(sqlite_source, cancel)
{
    struct etl_read_request request = make_request("t");

    query("CREATE TABLE t(a); INSERT INTO t VALUES(1)");
    ops->cancel(source);
    CR_FAILS(try_read(&request, NULL), ETL_CANCELLED);
}

/* ---- round trip ---- */

#define TRIP_SPEC "id=l b=b i=i f=g d=d:38,10 s=u j=u/arrow.json u=u/arrow.uuid z=z day=tdD time=ttu ts=tsu: tz=tsu:UTC"

static uint64_t seed = 42;

static uint64_t draw(uint64_t limit)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (seed >> 33) % limit;
}

static void append_random(struct etl_column *column)
{
    static const char *const texts[] = {"",    "007",  "1e5", "12", "a'b\"c", "\xc3\xbc\xe6\x9d\xb1\xf0\x9f\x8e\x81",
                                        " x ", "NULL", "1.50"};
    static const char *const jsons[] = {"{}", "[1,2.50]", "12", "\"x\"", "null", "{\"a\":{\"b\":[true]}}"};
    const char *text = texts[draw(9)], *json = jsons[draw(6)];
    char uuid[37];

    if (draw(10) == 0) {
        CR_OK(etl_append_null(column, &err));
        return;
    }
    switch (column->type.kind) {
    case ETL_KIND_BOOL: CR_OK(etl_append_bool(column, draw(2), &err)); break;
    case ETL_KIND_INT:
        CR_OK(etl_append_int(column,
                             column->type.bits == 64
                                 ? (int64_t)(draw(1 << 30) << 33 ^ draw(1 << 30)) - (INT64_C(1) << 62)
                                 : (int64_t)draw(1u << 31),
                             &err));
        break;
    case ETL_KIND_DOUBLE: CR_OK(etl_append_double(column, ((double)draw(1 << 30) - 5e8) / 7e3, &err)); break;
    case ETL_KIND_DECIMAL:
        CR_OK(etl_append_decimal(column, (struct etl_decimal){draw(1 << 30) << 33, (int64_t)draw(1 << 30) - (1 << 29)},
                                 &err));
        break;
    case ETL_KIND_STRING: CR_OK(etl_append_bytes(column, text, strlen(text), &err)); break;
    case ETL_KIND_BINARY: CR_OK(etl_append_bytes(column, "\0\xff\x01", draw(4), &err)); break;
    case ETL_KIND_JSON: CR_OK(etl_append_bytes(column, json, strlen(json), &err)); break;
    case ETL_KIND_UUID:
        snprintf(uuid, sizeof uuid, "%08x-0000-4000-8000-%012x", (unsigned)draw(1 << 30), (unsigned)draw(1 << 30));
        CR_OK(etl_append_bytes(column, uuid, 36, &err));
        break;
    case ETL_KIND_DATE: CR_OK(etl_append_int(column, (int64_t)draw(3000000) - 700000, &err)); break;
    case ETL_KIND_TIME:
        CR_OK(etl_append_int(column, (int64_t)draw(86400) * 1000000 + (int64_t)draw(2) * 5, &err));
        break;
    case ETL_KIND_TIMESTAMP:
        CR_OK(etl_append_int(column, (int64_t)draw(1 << 30) * 4000000 + (int64_t)draw(3) * 250000, &err));
        break;
    default: cr_assert_fail();
    }
}

static void write_batch(const struct ArrowSchema *schema, struct ArrowArray *batch)
{
    static const char *const no_keys[] = {NULL};
    struct etl_write_plan plan = {.struct_size = sizeof plan,
                                  .mode = ETL_MODE_APPEND,
                                  .pipeline_id = "p",
                                  .stream = "s",
                                  .slice = "",
                                  .target = "t",
                                  .keys = no_keys,
                                  .run_id = "r"};
    struct etl_commit commit = {.struct_size = sizeof commit, .seq = 1, .state = ""};
    struct etl_recovery recovery = {.struct_size = sizeof recovery};
    struct etl_writer *writer = NULL;
    struct etl_dest *dest = NULL;
    char config[256];

    snprintf(config, sizeof config, "{\"path\": \"%s\"}", path);
    CR_OK(sqlite_dest_ops.open(NULL, config, strlen(config), &dest, &err));
    CR_OK(sqlite_dest_ops.begin(dest, &plan, &writer, &recovery, &err));
    CR_OK(sqlite_dest_ops.set_schema(writer, schema, &err));
    CR_OK(sqlite_dest_ops.write(writer, batch, 0, &err));
    CR_OK(sqlite_dest_ops.commit(writer, &commit, &err));
    sqlite_dest_ops.end(writer);
    sqlite_dest_ops.close(dest);
}

Test(sqlite_source, types_come_back)
{
    static char written[1 << 18];
    struct etl_read_request request = make_request("t");
    struct etl_builder *builder = NULL;
    struct ArrowSchema schema;
    struct ArrowArray batch;

    make_schema(TRIP_SPEC, &schema);
    CR_OK(etl_builder_new(&schema, &builder, &err));
    for (int row = 0; row < 150; row++) {
        for (int64_t i = 0; i < etl_builder_column_count(builder); i++)
            append_random(etl_builder_column(builder, i));
        CR_OK(etl_builder_end_row(builder, &err));
    }
    CR_OK(etl_builder_finish(builder, &batch, &err));
    memset(&result, 0, sizeof result);
    take_batch(&schema, &batch);
    strcpy(written, result.rows);
    write_batch(&schema, &batch);
    CR_OK(try_read(&request, NULL));
    CR_SCHEMA("id=l b=b i=l f=g d=d:38,10 s=u j=u/ u=u/ z=z day=tdD time=ttu ts=tsu: tz=tsu:UTC");
    cr_assert_str_eq(result.rows, written);
    etl_array_release(&batch);
    etl_schema_release(&schema);
    etl_builder_free(builder);
}
