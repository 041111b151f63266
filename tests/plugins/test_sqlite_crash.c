/* The SQLite destination killed at every failpoint: a loop like the host's starts again from what begin() reports until it gets
 * through, and every row must then be there exactly once. */
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/plugins/sqlite_kit.h"

#define UNITS 4
#define ROWS  50

static const struct etl_dest_ops *const ops = &sqlite_dest_ops;
static const char *const no_keys[] = {NULL};
static const char *const id_key[] = {"id", NULL};

TestSuite(sqlite_crash, .init = kit_setup, .fini = kit_teardown);

static void must(etl_status status)
{
    if (status == ETL_OK)
        return;
    fprintf(stderr, "%s: %s\n", etl_status_name(status), err.message);
    _exit(1);
}

static void write_unit(struct etl_writer *writer, const struct ArrowSchema *schema, int unit)
{
    struct etl_builder *builder = NULL;
    struct ArrowArray batch;

    must(etl_builder_new(schema, &builder, &err));
    for (int i = 0; i < ROWS; i++) {
        must(etl_append_int(etl_builder_column(builder, 0), unit * ROWS + i, &err));
        must(etl_append_int(etl_builder_column(builder, 1), unit, &err));
        must(etl_builder_end_row(builder, &err));
    }
    must(etl_builder_finish(builder, &batch, &err));
    must(ops->write(writer, &batch, 0, &err));
    etl_array_release(&batch);
    etl_builder_free(builder);
}

/* One life of the host. The state is the number of units that are committed. */
static void live(uint32_t mode, uint64_t generation)
{
    struct etl_write_plan plan = {.struct_size = sizeof plan,
                                  .mode = mode,
                                  .pipeline_id = "p",
                                  .stream = "s",
                                  .slice = "",
                                  .target = "t",
                                  .keys = mode == ETL_MODE_UPSERT ? id_key : no_keys,
                                  .generation = generation,
                                  .run_id = "r"};
    struct etl_recovery recovery = {.struct_size = sizeof recovery};
    struct etl_writer *writer = NULL;
    struct ArrowSchema schema;
    struct etl_dest *dest = NULL;
    char config[256];
    int unit = 0;

    snprintf(config, sizeof config, "{\"path\": \"%s\"}", path);
    make_schema("id=l unit=l", &schema);
    must(ops->open(NULL, config, strlen(config), &dest, &err));
    must(ops->begin(dest, &plan, &writer, &recovery, &err));
    must(ops->set_schema(writer, &schema, &err));
    unit = recovery.found ? recovery.state[0] - '0' : 0;
    for (; unit < UNITS; unit++) {
        char state = (char)('1' + unit);
        struct etl_commit commit = {.struct_size = sizeof commit,
                                    .seq = (uint64_t)unit + 1,
                                    .state = &state,
                                    .state_len = 1,
                                    .flags = generation && unit + 1 == UNITS ? ETL_COMMIT_FINAL : 0};
        write_unit(writer, &schema, unit);
        must(ops->commit(writer, &commit, &err));
    }
    ops->end(writer);
    ops->close(dest);
    etl_schema_release(&schema);
    _exit(0);
}

/* Returns the exit status of one life with that failpoint. */
static int spawn(uint32_t mode, uint64_t generation, const char *failpoint)
{
    int status = 0;
    pid_t child = fork();

    cr_assert_geq(child, 0);
    if (child == 0) {
        if (failpoint)
            setenv("ETLHOST_FAILPOINT", failpoint, 1);
        live(mode, generation);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

static void crash_at(uint32_t mode, uint64_t generation, const char *point, int hit)
{
    char failpoint[64];
    int status = 0;

    query("DROP TABLE IF EXISTS t; DROP TABLE IF EXISTS _etlhost_checkpoints; CREATE TABLE t(id BIGINT, unit BIGINT)");
    query(generation ? "INSERT INTO t VALUES(-1, -1)" : "");
    snprintf(failpoint, sizeof failpoint, "%s:%d:kill", point, hit);
    status = spawn(mode, generation, failpoint);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s was not reached", failpoint);
    if (generation) /* the old rows, or all of the new ones */
        cr_assert(strcmp(query("SELECT count(*) FROM t"), "1;") == 0 ||
                  strcmp(query("SELECT count(*) FROM t"), "200;") == 0);
    status = spawn(mode, generation, NULL);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: the second life failed", failpoint);
    CR_QUERY("SELECT count(*), count(DISTINCT id), min(id), max(id) FROM t", "200|200|0|199;");
    CR_QUERY("SELECT seq, CAST(state AS TEXT) FROM _etlhost_checkpoints", "4|4;");
    CR_QUERY("SELECT count(*) FROM sqlite_master WHERE name LIKE '%etl_gen%'", "0;");
}

static void crash_everywhere(uint32_t mode, uint64_t generation)
{
    static const char *const points[] = {"dst.open.after_epoch", "dst.stage.mid", "dst.fence.after",
                                         "dst.commit.before", "dst.commit.after"};

    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        for (int hit = 1; hit <= (i == 0 ? 1 : UNITS); hit++)
            crash_at(mode, generation, points[i], hit);
    if (generation) {
        crash_at(mode, generation, "dst.gen.swap.before", 1);
        crash_at(mode, generation, "dst.gen.swap.after", 1);
    }
}

Test(sqlite_crash, append)
{
    crash_everywhere(ETL_MODE_APPEND, 0);
}

Test(sqlite_crash, upsert)
{
    crash_everywhere(ETL_MODE_UPSERT, 0);
}

Test(sqlite_crash, overwrite)
{
    crash_everywhere(ETL_MODE_OVERWRITE, 7);
}

Test(sqlite_crash, refresh_of_an_upsert)
{
    crash_everywhere(ETL_MODE_UPSERT, 2);
}

static void try_points(const char *action, const char *const *points)
{
    char failpoint[64];

    for (; *points; points++) {
        snprintf(failpoint, sizeof failpoint, "%s:2:%s", *points, action);
        query("DROP TABLE IF EXISTS t; DROP TABLE IF EXISTS _etlhost_checkpoints");
        cr_assert_neq(spawn(ETL_MODE_APPEND, 0, failpoint), 0, "%s was not reached", failpoint);
        cr_assert_eq(spawn(ETL_MODE_APPEND, 0, NULL), 0);
        CR_QUERY("SELECT count(*), count(DISTINCT id) FROM t", "200|200;");
    }
}

Test(sqlite_crash, errors_leave_nothing_half_done)
{
    static const char *const points[] = {"dst.stage.mid", "dst.fence.after", "dst.commit.before", "dst.commit.after",
                                         NULL};

    try_points("error", points);
    try_points("enospc", points);
    try_points("in_doubt", points);
}
