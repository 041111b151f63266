/* The SQLite destination at the level of the ABI: modes, generations, recovery, fencing, types. */
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/plugins/sqlite_kit.h"

static const char *const no_keys[] = {NULL};
static const char *const id_key[] = {"id", NULL};
static const struct etl_dest_ops *const ops = &sqlite_dest_ops;

TestSuite(sqlite_dest, .init = kit_setup, .fini = kit_teardown);

/* Rows "1|a;2|~" under the schema: ~ is NULL. */
static void make_batch(const struct ArrowSchema *schema, const char *rows, struct ArrowArray *batch)
{
    struct etl_builder *builder = NULL;
    char *copy = strdup(rows), *rest = copy, *row = NULL;

    CR_OK(etl_builder_new(schema, &builder, &err));
    while (*rows && (row = strsep(&rest, ";")) != NULL) {
        for (int64_t i = 0; i < etl_builder_column_count(builder); i++) {
            char *cell = strsep(&row, "|");
            bool fits = true;
            if (strcmp(cell, "~") == 0)
                CR_OK(etl_append_null(etl_builder_column(builder, i), &err));
            else
                CR_OK(etl_append_text(etl_builder_column(builder, i), cell, strlen(cell), &fits, &err));
            cr_assert(fits, "%s", cell);
        }
        CR_OK(etl_builder_end_row(builder, &err));
    }
    CR_OK(etl_builder_finish(builder, batch, &err));
    etl_builder_free(builder);
    free(copy);
}

static struct etl_dest *open_dest(const char *more)
{
    struct etl_dest *dest = NULL;
    char config[512];

    snprintf(config, sizeof config, "{\"path\": \"%s\"%s}", path, more);
    CR_OK(ops->open(NULL, config, strlen(config), &dest, &err));
    return dest;
}

static struct etl_write_plan make_plan(uint32_t mode, const char *const *keys, uint64_t generation)
{
    struct etl_write_plan plan = {.struct_size = sizeof plan,
                                  .mode = mode,
                                  .pipeline_id = "p",
                                  .stream = "s",
                                  .slice = "",
                                  .target = "t",
                                  .keys = keys,
                                  .generation = generation,
                                  .run_id = "run"};
    return plan;
}

static struct etl_recovery recovery;

static struct etl_writer *begin(struct etl_dest *dest, const struct etl_write_plan *plan)
{
    struct etl_writer *writer = NULL;

    memset(&recovery, 0, sizeof recovery);
    recovery.struct_size = sizeof recovery;
    CR_OK(ops->begin(dest, plan, &writer, &recovery, &err));
    return writer;
}

static void set_schema(struct etl_writer *writer, const char *spec)
{
    struct ArrowSchema schema;

    make_schema(spec, &schema);
    CR_OK(ops->set_schema(writer, &schema, &err));
    etl_schema_release(&schema);
}

static etl_status try_write(struct etl_writer *writer, const char *spec, const char *rows, uint64_t flags)
{
    struct ArrowSchema schema;
    struct ArrowArray batch;
    etl_status status = ETL_OK;

    make_schema(spec, &schema);
    make_batch(&schema, rows, &batch);
    status = ops->write(writer, &batch, flags, &err);
    etl_array_release(&batch);
    etl_schema_release(&schema);
    return status;
}

static etl_status try_commit(struct etl_writer *writer, uint64_t seq, const char *state, uint32_t flags)
{
    struct etl_commit commit = {.struct_size = sizeof commit,
                                .flags = flags,
                                .seq = seq,
                                .state = state,
                                .state_len = strlen(state),
                                .time_us = 1700000000123456};
    return ops->commit(writer, &commit, &err);
}

#define SPEC "id=l name=u"

/* ---- modes ---- */

Test(sqlite_dest, append)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_APPEND, no_keys, 0);
    struct etl_writer *writer = begin(dest, &plan);

    cr_assert_eq(recovery.found, 0);
    cr_assert_eq(recovery.is_final, 1);
    cr_assert_eq(recovery.guarantee, ETL_GUARANTEE_ATOMIC);
    set_schema(writer, SPEC);
    CR_OK(try_write(writer, SPEC, "1|a;2|~;1|b", ETL_OP_INSERT));
    CR_QUERY("SELECT count(*) FROM sqlite_master WHERE name = 't'", "0;");
    CR_OK(try_commit(writer, 1, "one", 0));
    CR_QUERY("SELECT * FROM t", "1|a;2|~;1|b;");
    CR_OK(try_write(writer, SPEC, "3|c", ETL_OP_INSERT));
    CR_OK(ops->rollback(writer, &err));
    CR_OK(try_write(writer, SPEC, "4|d", ETL_OP_INSERT));
    CR_OK(try_commit(writer, 2, "", 0));
    CR_QUERY("SELECT id FROM t", "1;2;1;4;");
    ops->end(writer);
    writer = begin(dest, &plan);
    cr_assert_eq(recovery.found, 1);
    cr_assert_eq(recovery.seq, 2);
    cr_assert_eq(recovery.state_len, 0);
    cr_assert(recovery.state);
    ops->end(writer);
    ops->close(dest);
}

Test(sqlite_dest, crash_before_commit_leaves_nothing)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_APPEND, no_keys, 0);
    struct etl_writer *writer = begin(dest, &plan);

    set_schema(writer, SPEC);
    CR_OK(try_write(writer, SPEC, "1|a", 0));
    CR_OK(try_commit(writer, 1, "one", 0));
    CR_OK(try_write(writer, SPEC, "2|b", 0));
    ops->end(writer);
    writer = begin(dest, &plan);
    cr_assert_eq(recovery.seq, 1);
    cr_assert_eq(recovery.state_len, 3);
    cr_assert(memcmp(recovery.state, "one", 3) == 0);
    set_schema(writer, SPEC);
    CR_OK(try_write(writer, SPEC, "2|b", 0));
    CR_OK(try_commit(writer, 2, "two", 0));
    CR_QUERY("SELECT id FROM t", "1;2;");
    ops->end(writer);
    ops->close(dest);
}

/* More rows than one statement holds, each key many times, in one batch: the last row of a key wins. */
Test(sqlite_dest, upsert_last_row_wins_within_statements)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_UPSERT, id_key, 0);
    struct etl_writer *writer = begin(dest, &plan);
    char rows[8192], *at = rows;

    for (int i = 0; i < 500; i++)
        at += sprintf(at, "%s%d|v%d", i ? ";" : "", i % 7, i);
    set_schema(writer, SPEC);
    CR_OK(try_write(writer, SPEC, rows, ETL_OP_UPSERT));
    CR_OK(try_write(writer, SPEC, "3|again", ETL_OP_UPSERT));
    CR_OK(try_commit(writer, 1, "x", 0));
    CR_QUERY("SELECT * FROM t ORDER BY id", "0|v497;1|v498;2|v499;3|again;4|v494;5|v495;6|v496;");
    ops->end(writer);
    ops->close(dest);
}

Test(sqlite_dest, operations_in_order)
{
    const char *spec = "id=l name=u op=C";
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_UPSERT, id_key, 0);
    struct etl_writer *writer = begin(dest, &plan);

    set_schema(writer, spec);
    CR_OK(try_write(writer, spec, "1|a|1;2|b|1;1|~|2;1|c|0;2|~|2;3|d|1;9|~|2", 0));
    CR_OK(try_commit(writer, 1, "x", 0));
    CR_QUERY("SELECT * FROM t ORDER BY id", "1|c;3|d;");
    CR_QUERY("SELECT name FROM pragma_table_info('t')", "id;name;");
    CR_OK(try_write(writer, spec, "1|~|2;1|e|1;3|~|2", 0));
    CR_OK(try_commit(writer, 2, "x", 0));
    CR_QUERY("SELECT * FROM t ORDER BY id", "1|e;");
    ops->end(writer);
    ops->close(dest);
}

Test(sqlite_dest, soft_deletes)
{
    const char *spec = "id=l name=u op=C _etl_deleted_at=tsu:UTC";
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_UPSERT, id_key, 0);
    struct etl_writer *writer = NULL;

    plan.delete_mode = ETL_DELETE_SOFT;
    writer = begin(dest, &plan);
    set_schema(writer, spec);
    CR_OK(try_write(writer, spec, "1|a|1|~;2|b|1|~;3|c|1|~;1|~|2|~;2|~|2|~;2|b2|1|~;7|~|2|~", 0));
    CR_OK(try_commit(writer, 1, "x", 0));
    CR_QUERY("SELECT * FROM t ORDER BY id", "1|a|2023-11-14T22:13:20.123456Z;2|b2|~;3|c|~;");
    CR_OK(try_write(writer, spec, "1|a3|1|~;3|~|2|~", 0));
    set_schema(writer, "id=l name=u op=C _etl_deleted_at=tsu:UTC more=u"); /* while marks are open */
    CR_OK(try_commit(writer, 2, "x", 0));
    CR_QUERY("SELECT * FROM t ORDER BY id", "1|a3|~|~;2|b2|~|~;3|c|2023-11-14T22:13:20.123456Z|~;");
    ops->end(writer);
    ops->close(dest);
}

Test(sqlite_dest, soft_deletes_without_rowid)
{
    const char *spec = "id=u name=u _etl_deleted_at=tsu:UTC";
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_UPSERT, id_key, 0);
    struct etl_writer *writer = NULL;

    query("CREATE TABLE t(id TEXT PRIMARY KEY, name TEXT) WITHOUT ROWID; INSERT INTO t VALUES('a', 'b')");
    plan.delete_mode = ETL_DELETE_SOFT;
    writer = begin(dest, &plan);
    set_schema(writer, spec);
    CR_OK(try_write(writer, spec, "a|~|~", ETL_OP_DELETE));
    CR_OK(try_commit(writer, 1, "x", 0));
    CR_QUERY("SELECT * FROM t", "a|b|2023-11-14T22:13:20.123456Z;");
    ops->end(writer);
    ops->close(dest);
}

Test(sqlite_dest, null_key)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_UPSERT, id_key, 0);
    struct etl_writer *writer = begin(dest, &plan);

    set_schema(writer, SPEC);
    CR_FAILS(try_write(writer, SPEC, "1|a;~|b", ETL_OP_UPSERT), ETL_DATA);
    cr_assert(strstr(err.message, "row 2") && strstr(err.message, "column id"), "%s", err.message);
    CR_OK(ops->rollback(writer, &err));
    CR_FAILS(try_write(writer, SPEC, "~|~", ETL_OP_DELETE), ETL_DATA);
    ops->end(writer);
    ops->close(dest);
}

/* ---- generations ---- */

Test(sqlite_dest, overwrite_swaps_at_the_end)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_OVERWRITE, no_keys, 1);
    struct etl_writer *writer = NULL;

    query("CREATE TABLE t(id INTEGER, name TEXT, extra TEXT); INSERT INTO t VALUES(9, 'old', 'x');"
          "CREATE INDEX t_name ON t(name); CREATE TABLE log(x);"
          "CREATE TRIGGER t_insert AFTER INSERT ON t BEGIN INSERT INTO log VALUES(new.id); END;"
          "CREATE VIEW v AS SELECT name, extra FROM t");
    writer = begin(dest, &plan);
    cr_assert_eq(recovery.found, 0);
    cr_assert_eq(recovery.generation, 0);
    set_schema(writer, SPEC);
    CR_OK(try_write(writer, SPEC, "1|a", 0));
    CR_OK(try_commit(writer, 1, "one", 0));
    CR_QUERY("SELECT * FROM v", "old|x;");
    CR_OK(try_write(writer, SPEC, "2|lost", 0));
    ops->end(writer); /* killed */
    writer = begin(dest, &plan);
    cr_assert_eq(recovery.found, 1);
    cr_assert_eq(recovery.seq, 1);
    cr_assert_eq(recovery.generation, 1);
    cr_assert_eq(recovery.is_final, 0);
    set_schema(writer, SPEC);
    CR_OK(try_write(writer, SPEC, "2|b", 0));
    CR_OK(try_commit(writer, 2, "two", ETL_COMMIT_FINAL));
    CR_QUERY("SELECT * FROM v", "a|~;b|~;");
    CR_QUERY("SELECT type, name FROM sqlite_master WHERE tbl_name = 't' ORDER BY 1, 2",
             "index|t_name;table|t;trigger|t_insert;");
    CR_QUERY("SELECT name FROM sqlite_master WHERE name LIKE '%etl_gen%'", "");
    CR_QUERY("SELECT count(*) FROM log", "0;");
    CR_QUERY("INSERT INTO t(id) VALUES(5); SELECT * FROM log", "5;");
    ops->end(writer);
    writer = begin(dest, &plan); /* the generation is live now */
    cr_assert_eq(recovery.seq, 2);
    cr_assert_eq(recovery.is_final, 1);
    ops->end(writer);
    ops->close(dest);
}

Test(sqlite_dest, overwrite_again_and_write_after_final)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_OVERWRITE, id_key, 1);
    struct etl_writer *writer = begin(dest, &plan);

    set_schema(writer, SPEC);
    CR_OK(try_write(writer, SPEC, "1|a;2|b;1|c", 0));
    CR_OK(try_commit(writer, 1, "one", ETL_COMMIT_FINAL));
    CR_QUERY("SELECT * FROM t", "1|c;2|b;");
    CR_OK(try_write(writer, SPEC, "3|d", 0));
    CR_OK(try_commit(writer, 2, "two", 0));
    CR_QUERY("SELECT * FROM t", "1|c;2|b;3|d;");
    ops->end(writer);
    plan.generation = 2;
    writer = begin(dest, &plan);
    cr_assert_eq(recovery.found, 0);
    cr_assert_eq(recovery.generation, 1);
    cr_assert_eq(recovery.is_final, 1);
    set_schema(writer, SPEC);
    CR_OK(try_write(writer, SPEC, "7|x", 0));
    CR_OK(try_commit(writer, 1, "new", ETL_COMMIT_FINAL));
    CR_QUERY("SELECT * FROM t", "7|x;");
    CR_QUERY("SELECT sql FROM sqlite_master WHERE name = 't'",
             "CREATE TABLE \"t\" (\"id\" INTEGER, \"name\" TEXT, PRIMARY KEY (\"id\"));");
    ops->end(writer);
    plan.generation = 1;
    CR_FAILS(ops->begin(dest, &plan, &writer, &recovery, &err), ETL_CONFLICT);
    ops->close(dest);
}

Test(sqlite_dest, older_unfinished_generation_is_dropped)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_OVERWRITE, no_keys, 1);
    struct etl_writer *writer = begin(dest, &plan);

    set_schema(writer, SPEC);
    CR_OK(try_write(writer, SPEC, "1|a", 0));
    CR_OK(try_commit(writer, 1, "one", 0));
    ops->end(writer);
    CR_QUERY("SELECT name FROM sqlite_master WHERE name LIKE 't%'", "t__etl_gen_cefc24fe_1;");
    plan.generation = 3;
    writer = begin(dest, &plan);
    cr_assert_eq(recovery.found, 0);
    CR_QUERY("SELECT name FROM sqlite_master WHERE name LIKE 't%'", "");
    CR_OK(try_commit(writer, 1, "no rows, no schema", ETL_COMMIT_FINAL));
    ops->end(writer);
    writer = begin(dest, &plan);
    cr_assert_eq(recovery.is_final, 1);
    cr_assert_eq(recovery.generation, 3);
    ops->end(writer);
    ops->close(dest);
}

Test(sqlite_dest, empty_generation_empties_the_table)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_OVERWRITE, no_keys, 1);
    struct etl_writer *writer = NULL;

    query("CREATE TABLE t(id INTEGER); INSERT INTO t VALUES(1)");
    writer = begin(dest, &plan);
    CR_OK(try_commit(writer, 1, "x", ETL_COMMIT_FINAL));
    CR_QUERY("SELECT count(*) FROM t", "0;");
    ops->end(writer);
    ops->close(dest);
}

Test(sqlite_dest, slices_share_the_generation)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_OVERWRITE, id_key, 1);
    struct etl_writer *a = NULL, *b = NULL;

    plan.slice = "a";
    a = begin(dest, &plan);
    plan.slice = "b";
    b = begin(dest, &plan);
    set_schema(a, SPEC);
    set_schema(b, SPEC);
    CR_OK(try_write(a, SPEC, "1|a", 0));
    CR_OK(try_commit(a, 1, "a1", 0));
    ops->end(a);
    CR_OK(try_write(b, SPEC, "2|b", 0));
    CR_QUERY("SELECT count(*) FROM sqlite_master WHERE name = 't'", "0;");
    CR_OK(try_commit(b, 1, "b1", 0));
    CR_OK(try_commit(b, 2, "b2", ETL_COMMIT_FINAL));
    ops->end(b);
    CR_QUERY("SELECT * FROM t", "1|a;2|b;");
    CR_QUERY("SELECT slice, generation, is_final FROM _etlhost_checkpoints ORDER BY 1", "a|1|1;b|1|1;");
    ops->close(dest);
}

Test(sqlite_dest, lost_staging_is_noticed)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_OVERWRITE, no_keys, 1);
    struct etl_writer *writer = begin(dest, &plan);

    set_schema(writer, SPEC);
    CR_OK(try_write(writer, SPEC, "1|a", 0));
    CR_OK(try_commit(writer, 1, "one", 0));
    ops->end(writer);
    query("DROP TABLE t__etl_gen_cefc24fe_1");
    CR_FAILS(ops->begin(dest, &plan, &writer, &recovery, &err), ETL_STATE_INVALID);
    ops->close(dest);
}

/* The swap fails on a unique index of the user: nothing changes, and the writer is still good. */
Test(sqlite_dest, failed_swap_is_undone)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_OVERWRITE, no_keys, 1);
    struct etl_writer *writer = NULL;

    query("CREATE TABLE t(id INTEGER, name TEXT); INSERT INTO t VALUES(9, 'old'); CREATE UNIQUE INDEX t_id ON t(id)");
    writer = begin(dest, &plan);
    set_schema(writer, SPEC);
    CR_OK(try_write(writer, SPEC, "1|a;1|b", 0));
    CR_FAILS(try_commit(writer, 1, "one", ETL_COMMIT_FINAL), ETL_SCHEMA);
    cr_assert(strstr(err.message, "t_id"), "%s", err.message);
    CR_QUERY("SELECT * FROM t", "9|old;");
    CR_OK(try_write(writer, SPEC, "1|a;2|b", 0));
    CR_OK(try_commit(writer, 1, "one", ETL_COMMIT_FINAL));
    CR_QUERY("SELECT * FROM t", "1|a;2|b;");
    ops->end(writer);
    ops->close(dest);
}

/* ---- fence ---- */

Test(sqlite_dest, fence)
{
    struct etl_dest *first = open_dest(""), *second = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_APPEND, no_keys, 0);
    struct etl_writer *zombie = begin(first, &plan), *heir = NULL;

    set_schema(zombie, SPEC);
    CR_OK(try_write(zombie, SPEC, "1|a", 0));
    CR_OK(try_commit(zombie, 1, "one", 0));
    heir = begin(second, &plan);
    cr_assert_eq(recovery.seq, 1);
    CR_OK(try_write(zombie, SPEC, "2|zombie", 0));
    CR_FAILS(try_commit(zombie, 2, "two", 0), ETL_CONFLICT);
    set_schema(heir, SPEC);
    CR_OK(try_write(heir, SPEC, "2|heir", 0));
    CR_OK(try_commit(heir, 2, "two", 0));
    CR_QUERY("SELECT * FROM t", "1|a;2|heir;");
    ops->end(zombie);
    ops->end(heir);
    ops->close(first);
    ops->close(second);
}

Test(sqlite_dest, wrong_seq_is_misuse)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_APPEND, no_keys, 0);
    struct etl_writer *writer = begin(dest, &plan);

    CR_OK(try_commit(writer, 1, "one", 0));
    CR_FAILS(try_commit(writer, 3, "three", 0), ETL_MISUSE);
    CR_OK(try_commit(writer, 2, "two", 0));
    ops->end(writer);
    ops->close(dest);
}

/* ---- several writers ---- */

struct worker {
    pthread_t thread;
    struct etl_writer *writer;
    const char *target;
};

static void *work(void *arg)
{
    struct worker *worker = arg;

    for (uint64_t seq = 1; seq <= 20; seq++) {
        for (int i = 0; i < 3; i++)
            if (try_write(worker->writer, SPEC, "1|a;2|b", 0) != ETL_OK)
                return (void *)1;
        if (seq % 5 == 0 && ops->rollback(worker->writer, &err) != ETL_OK)
            return (void *)2;
        if (try_commit(worker->writer, seq, "x", 0) != ETL_OK)
            return (void *)3;
    }
    return NULL;
}

Test(sqlite_dest, parallel_writers)
{
    static const char *const targets[] = {"a", "b", "c"};
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_APPEND, no_keys, 0);
    struct worker workers[3];
    void *result = NULL;

    for (int i = 0; i < 3; i++) {
        plan.stream = plan.target = targets[i];
        workers[i].writer = begin(dest, &plan);
        set_schema(workers[i].writer, SPEC);
    }
    for (int i = 0; i < 3; i++)
        cr_assert_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(workers[i].thread, &result);
        cr_assert_null(result);
        ops->end(workers[i].writer);
    }
    CR_QUERY("SELECT count(*) FROM a UNION ALL SELECT count(*) FROM b UNION ALL SELECT count(*) FROM c", "96;96;96;");
    ops->close(dest);
}

static void *write_blocked(void *arg)
{
    static etl_status status;

    status = try_write(arg, SPEC, "1|a", 0);
    return &status;
}

Test(sqlite_dest, cancel_wakes_a_waiting_writer)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_APPEND, no_keys, 0);
    struct etl_writer *a = begin(dest, &plan), *b = NULL;
    pthread_t thread;
    void *result = NULL;

    plan.stream = plan.target = "other";
    b = begin(dest, &plan);
    set_schema(a, SPEC);
    set_schema(b, SPEC);
    CR_OK(try_write(a, SPEC, "1|a", 0));
    cr_assert_eq(pthread_create(&thread, NULL, write_blocked, b), 0);
    usleep(50000);
    ops->cancel(dest);
    pthread_join(thread, &result);
    cr_assert_eq(*(etl_status *)result, ETL_CANCELLED);
    ops->end(a);
    ops->end(b);
    ops->close(dest);
    CR_QUERY("SELECT count(*) FROM sqlite_master WHERE name IN ('t', 'other')", "0;");
}

/* ---- tables that are there ---- */

Test(sqlite_dest, existing_table_gets_columns_and_key)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_UPSERT, id_key, 0);
    struct etl_writer *writer = NULL;

    query("CREATE TABLE T(ID VARCHAR(20), kept TEXT); INSERT INTO t VALUES('1', 'k'), ('2', 'l')");
    writer = begin(dest, &plan);
    set_schema(writer, "id=u amount=d:10,2 at=tsu:");
    CR_OK(try_write(writer, "id=u amount=d:10,2 at=tsu:", "1|1.50|2026-01-31T10:00:00;3|2|~", ETL_OP_UPSERT));
    CR_OK(try_commit(writer, 1, "x", 0));
    CR_QUERY("SELECT * FROM t ORDER BY id", "1|k|1.50|2026-01-31T10:00:00;2|l|~|~;3|~|2.00|~;");
    ops->end(writer);
    ops->close(dest);
}

Test(sqlite_dest, duplicates_prevent_the_key)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_UPSERT, id_key, 0);
    struct etl_writer *writer = NULL;

    query("CREATE TABLE t(id INTEGER, name TEXT); INSERT INTO t VALUES(1, 'a'), (1, 'b')");
    writer = begin(dest, &plan);
    set_schema(writer, SPEC);
    CR_FAILS(try_write(writer, SPEC, "2|c", 0), ETL_SCHEMA);
    cr_assert(strstr(err.message, "duplicates"), "%s", err.message);
    ops->end(writer);
    ops->close(dest);
}

Test(sqlite_dest, widening_keeps_values)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_UPSERT, id_key, 0);
    struct etl_writer *writer = begin(dest, &plan);

    set_schema(writer, "id=l flag=b n=l d=tdD x=g unique_check=u");
    CR_OK(try_write(writer, "id=l flag=b n=l d=tdD x=g unique_check=u", "1|true|7|2026-01-31|0.1|c", 0));
    CR_OK(try_commit(writer, 1, "x", 0));
    query("CREATE INDEX t_n ON t(n); CREATE VIEW v AS SELECT n FROM t");
    CR_OK(try_write(writer, "id=l flag=b n=l d=tdD x=g unique_check=u", "2|false|8|~|~|d", 0));
    set_schema(writer, "id=u flag=u n=d:21,2 d=tsu: x=u unique_check=u"); /* inside the open unit */
    CR_OK(try_write(writer, "id=u flag=u n=d:21,2 d=tsu: x=u unique_check=u",
                    "007|maybe|9.25|2026-02-01T10:00:00|007|e", 0));
    CR_QUERY("SELECT count(*) FROM t", "1;");
    CR_OK(try_commit(writer, 2, "x", 0));
    CR_QUERY("SELECT *, typeof(id) FROM t ORDER BY id", "007|maybe|9.25|2026-02-01T10:00:00|007|e|text;1|true|7.00|"
                                                        "2026-01-31T00:00:00|0.1|c|text;2|false|8.00|~|~|d|text;");
    CR_QUERY("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL", "t_n;");
    CR_QUERY("SELECT count(*) FROM v", "3;");
    ops->end(writer);
    ops->close(dest);
}

Test(sqlite_dest, schema_change_is_rolled_back_and_repeated)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_APPEND, no_keys, 0);
    struct etl_writer *writer = begin(dest, &plan);

    set_schema(writer, SPEC);
    CR_OK(try_write(writer, SPEC, "1|a", 0));
    set_schema(writer, SPEC " more=l");
    CR_OK(ops->rollback(writer, &err));
    CR_QUERY("SELECT name FROM pragma_table_info('t')", "");
    CR_OK(try_write(writer, SPEC " more=l", "1|a|5", 0));
    CR_OK(try_commit(writer, 1, "x", 0));
    CR_QUERY("SELECT * FROM t", "1|a|5;");
    ops->end(writer);
    ops->close(dest);
}

/* A stream that fails before its first commit leaves no table behind; one without rows leaves an empty one. */
Test(sqlite_dest, schema_becomes_visible_with_the_unit)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_UPSERT, id_key, 0);
    struct etl_writer *writer = begin(dest, &plan);

    set_schema(writer, SPEC);
    set_schema(writer, SPEC);
    ops->end(writer);
    writer = begin(dest, &plan);
    set_schema(writer, SPEC);
    CR_OK(try_write(writer, SPEC, "1|a", 0));
    CR_OK(ops->rollback(writer, &err));
    CR_QUERY("SELECT count(*) FROM sqlite_master WHERE name LIKE 't%'", "0;");
    CR_OK(try_commit(writer, 1, "x", 0));
    CR_QUERY("SELECT name FROM pragma_table_info('t')", "id;name;");
    CR_QUERY("SELECT count(*) FROM t", "0;");
    set_schema(writer, SPEC " more=l"); /* waits for the next unit, too */
    CR_QUERY("SELECT name FROM pragma_table_info('t')", "id;name;");
    CR_OK(try_write(writer, SPEC " more=l", "1|a|5", 0));
    CR_OK(try_commit(writer, 2, "x", 0));
    CR_QUERY("SELECT * FROM t", "1|a|5;");
    ops->end(writer);
    ops->close(dest);
}

Test(sqlite_dest, user_changes_the_table_between_units)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_APPEND, no_keys, 0);
    struct etl_writer *writer = begin(dest, &plan);

    set_schema(writer, SPEC);
    CR_OK(try_write(writer, SPEC, "1|a", 0));
    CR_OK(try_commit(writer, 1, "x", 0));
    query("DROP TABLE t");
    CR_OK(try_write(writer, SPEC, "2|b", 0));
    CR_OK(try_commit(writer, 2, "x", 0));
    CR_QUERY("SELECT * FROM t", "2|b;");
    ops->end(writer);
    ops->close(dest);
}

Test(sqlite_dest, constraints_of_a_user_table_are_not_lost)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_APPEND, no_keys, 0);
    struct etl_writer *writer = NULL;
    struct ArrowSchema schema;

    query("CREATE TABLE t(id INTEGER CHECK (id > 0), name TEXT)");
    writer = begin(dest, &plan);
    make_schema("id=u name=u", &schema);
    CR_FAILS(ops->set_schema(writer, &schema, &err), ETL_SCHEMA);
    cr_assert(strstr(err.message, "CHECK"), "%s", err.message);
    etl_schema_release(&schema);
    ops->end(writer);
    ops->close(dest);
}

Test(sqlite_dest, too_many_columns)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_APPEND, no_keys, 0);
    struct etl_writer *writer = begin(dest, &plan);
    struct ArrowSchema schema;
    char name[16];

    CR_OK(etl_schema_init_struct(&schema, "", &err));
    for (int i = 0; i < 2001; i++) {
        snprintf(name, sizeof name, "c%d", i);
        CR_OK(etl_schema_add_column(&schema, name, "l", NULL, &err));
    }
    CR_FAILS(ops->set_schema(writer, &schema, &err), ETL_SCHEMA);
    CR_QUERY("SELECT count(*) FROM sqlite_master WHERE name = 't'", "0;");
    etl_schema_release(&schema);
    ops->end(writer);
    ops->close(dest);
}

Test(sqlite_dest, values_that_sqlite_cannot_hold)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_APPEND, no_keys, 0);
    struct etl_writer *writer = begin(dest, &plan);

    set_schema(writer, "big=L x=g");
    CR_OK(try_write(writer, "big=L x=g", "9223372036854775807|Infinity", 0));
    CR_FAILS(try_write(writer, "big=L x=g", "9223372036854775808|1.5", 0), ETL_DATA);
    cr_assert(strstr(err.message, "column big: 9223372036854775808"), "%s", err.message);
    CR_OK(ops->rollback(writer, &err));
    CR_FAILS(try_write(writer, "big=L x=g", "1|NaN", 0), ETL_DATA);
    cr_assert(strstr(err.message, "column x"), "%s", err.message);
    ops->end(writer);
    ops->close(dest);
}

Test(sqlite_dest, odd_names)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_UPSERT, (const char *const[]){"or\"der", NULL}, 1);
    struct etl_writer *writer = NULL;

    plan.target = "sel'ect \"x\"";
    writer = begin(dest, &plan);
    set_schema(writer, "or\"der=l rowid=u [a=u");
    CR_OK(try_write(writer, "or\"der=l rowid=u [a=u", "1|r|x", 0));
    set_schema(writer, "or\"der=u rowid=u [a=u");
    CR_OK(try_write(writer, "or\"der=u rowid=u [a=u", "1|s|x", 0));
    CR_OK(try_commit(writer, 1, "x", ETL_COMMIT_FINAL));
    CR_QUERY("SELECT * FROM \"sel'ect \"\"x\"\"\"", "1|s|x;");
    ops->end(writer);
    ops->close(dest);
}

/* ---- explain, check, errors ---- */

static etl_status collect(void *arg, const char *text, size_t length)
{
    char *all = arg;

    snprintf(all + strlen(all), 4096 - strlen(all), "%.*s\n", (int)length, text);
    return ETL_OK;
}

Test(sqlite_dest, explain_changes_nothing)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_UPSERT, id_key, 0);
    struct etl_writer *writer = NULL;
    struct ArrowSchema schema;
    char text[4096] = "";

    make_schema(SPEC, &schema);
    recovery.struct_size = sizeof recovery;
    CR_OK(ops->explain(dest, &plan, &schema, collect, text, &recovery, &err));
    cr_assert(strstr(text, "CREATE TABLE \"t\" (\"id\" INTEGER, \"name\" TEXT, PRIMARY KEY (\"id\"))"), "%s", text);
    cr_assert_eq(access(path, F_OK), -1);
    writer = begin(dest, &plan);
    set_schema(writer, "id=l");
    CR_OK(try_commit(writer, 1, "state", 0));
    text[0] = '\0';
    CR_OK(ops->explain(dest, &plan, &schema, collect, text, &recovery, &err));
    cr_assert_str_eq(text, "ALTER TABLE \"t\" ADD COLUMN \"name\" TEXT\n");
    cr_assert_eq(recovery.seq, 1);
    cr_assert(recovery.found && memcmp(recovery.state, "state", 5) == 0);
    CR_OK(try_commit(writer, 2, "still mine", 0));
    plan.generation = 1;
    text[0] = '\0';
    CR_OK(ops->explain(dest, &plan, &schema, collect, text, &recovery, &err));
    cr_assert(strstr(text, "CREATE TABLE \"t__etl_gen_cefc24fe_1\"") && strstr(text, "replaces t"), "%s", text);
    cr_assert_eq(recovery.found, 0);
    etl_schema_release(&schema);
    ops->end(writer);
    ops->close(dest);
}

Test(sqlite_dest, check)
{
    struct etl_dest *dest = open_dest("");

    CR_OK(ops->check(dest, &err));
    cr_assert_eq(access(path, F_OK), -1);
    query("CREATE TABLE t(a)");
    CR_OK(ops->check(dest, &err));
    ops->close(dest);
    strcat(path, "/nowhere/db");
    dest = open_dest("");
    cr_assert_neq(ops->check(dest, &err), ETL_OK);
    *strstr(path, "/nowhere") = '\0';
    ops->close(dest);
}

Test(sqlite_dest, not_a_database)
{
    struct etl_write_plan plan = make_plan(ETL_MODE_APPEND, no_keys, 0);
    struct etl_writer *writer = NULL;
    struct etl_dest *dest = NULL;
    FILE *file = fopen(path, "w");

    for (int i = 0; i < 1000; i++)
        fputs("this is not a database\n", file);
    fclose(file);
    dest = open_dest("");
    CR_FAILS(ops->check(dest, &err), ETL_CONFIG);
    CR_FAILS(ops->begin(dest, &plan, &writer, &recovery, &err), ETL_CONFIG);
    cr_assert(strstr(err.message, path), "%s", err.message);
    ops->close(dest);
}

Test(sqlite_dest, locked_by_another_process)
{
    struct etl_dest *dest = open_dest(", \"busy_timeout\": 0.1");
    struct etl_write_plan plan = make_plan(ETL_MODE_APPEND, no_keys, 0);
    struct etl_writer *writer = begin(dest, &plan);
    sqlite3 *other = NULL;

    set_schema(writer, SPEC);
    cr_assert_eq(sqlite3_open(path, &other), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    CR_FAILS(try_write(writer, SPEC, "1|a", 0), ETL_TRANSIENT);
    cr_assert(strstr(err.message, path) && strstr(err.message, "locked"), "%s", err.message);
    cr_assert_eq(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    CR_OK(try_write(writer, SPEC, "1|a", 0));
    cr_assert_eq(sqlite3_exec(other, "BEGIN; SELECT * FROM sqlite_master", NULL, NULL, NULL),
                 SQLITE_OK); /* a reader blocks COMMIT */
    CR_FAILS(try_commit(writer, 1, "x", 0), ETL_TRANSIENT);
    cr_assert_eq(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    CR_OK(try_commit(writer, 1, "x", 0));
    CR_QUERY("SELECT * FROM t", "1|a;");
    ops->end(writer);
    ops->close(dest);
}

Test(sqlite_dest, reserved_targets_and_views)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_APPEND, no_keys, 0);
    struct etl_writer *writer = NULL;

    query("CREATE VIEW t AS SELECT 1 AS a");
    CR_FAILS(ops->begin(dest, &plan, &writer, &recovery, &err), ETL_CONFIG);
    plan.target = "_ETLHOST_checkpoints";
    CR_FAILS(ops->begin(dest, &plan, &writer, &recovery, &err), ETL_CONFIG);
    plan.target = "sqlite_x";
    CR_FAILS(ops->begin(dest, &plan, &writer, &recovery, &err), ETL_CONFIG);
    ops->close(dest);
}

Test(sqlite_dest, journal_mode_is_set)
{
    struct etl_dest *dest = open_dest(", \"journal_mode\": \"wal\"");
    struct etl_write_plan plan = make_plan(ETL_MODE_APPEND, no_keys, 0);

    ops->end(begin(dest, &plan));
    CR_QUERY("PRAGMA journal_mode", "wal;");
    ops->close(dest);
}

/* Files may not grow: SQLite undoes the transaction by itself, and the unit must not go on without one. */
Test(sqlite_dest, full_disk)
{
    struct etl_dest *dest = open_dest(", \"cache_size\": 4096");
    struct etl_write_plan plan = make_plan(ETL_MODE_APPEND, no_keys, 0);
    struct etl_writer *writer = begin(dest, &plan);
    struct rlimit limit = {65536, RLIM_INFINITY};
    etl_status status = ETL_OK;
    char rows[20000], *at = rows;

    for (int i = 0; i < 1000; i++)
        at += sprintf(at, "%s%d|some text", i ? ";" : "", i);
    set_schema(writer, SPEC);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    for (int i = 0; i < 100 && status == ETL_OK; i++)
        status = try_write(writer, SPEC, rows, 0);
    cr_assert_eq(status, ETL_IO, "%s", err.message);
    cr_assert_neq(try_write(writer, SPEC, "1|a", 0), ETL_OK);
    cr_assert_neq(try_commit(writer, 1, "x", 0), ETL_OK);
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &limit);
    CR_OK(ops->rollback(writer, &err));
    CR_OK(try_write(writer, SPEC, "1|a", 0));
    CR_OK(try_commit(writer, 1, "x", 0));
    CR_QUERY("SELECT * FROM t", "1|a;");
    ops->end(writer);
    ops->close(dest);
}

Test(sqlite_dest, read_only_file)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_APPEND, no_keys, 0);
    struct etl_writer *writer = NULL;

    if (geteuid() == 0)
        cr_skip_test("permissions do not bind root");
    query("CREATE TABLE t(id INTEGER)");
    cr_assert_eq(chmod(path, 0400), 0);
    CR_FAILS(ops->check(dest, &err), ETL_AUTH);
    cr_assert(strstr(err.message, path), "%s", err.message);
    CR_FAILS(ops->begin(dest, &plan, &writer, &recovery, &err), ETL_AUTH);
    ops->close(dest);
}

/* A failed load must not keep the unit from others. */
Test(sqlite_dest, failed_commit_frees_the_unit)
{
    struct etl_dest *dest = open_dest("");
    struct etl_write_plan plan = make_plan(ETL_MODE_APPEND, no_keys, 0);
    struct etl_writer *a = begin(dest, &plan), *b = NULL;

    plan.stream = plan.target = "other";
    b = begin(dest, &plan);
    set_schema(a, SPEC);
    set_schema(b, SPEC);
    CR_OK(try_write(a, SPEC, "1|a", 0));
    CR_OK(try_commit(a, 1, "x", 0));
    CR_OK(try_write(a, SPEC, "2|a", 0));
    CR_FAILS(try_commit(a, 7, "x", 0), ETL_MISUSE);
    CR_OK(try_write(b, SPEC, "1|b", 0));
    CR_OK(try_commit(b, 1, "x", 0));
    ops->end(a);
    ops->end(b);
    ops->close(dest);
}
