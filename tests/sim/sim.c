/* Simulation of whole pipelines: the real run_execute with a real SQLite state store between a model source and a model destination that
 * fail, stall, lose connections and die at points drawn from a seed. After every run and at every commit the invariants of the commit
 * protocol are checked.
 *
 * The faults are a function of the seed and of the number of the call on their side, so that a seed tells the same story on each side
 * every time. The reader and the writer are threads, though: how far the one is when the other dies may differ from run to run.
 *
 *   sim [--seeds N] [--from N]   runs N seeds (TAP)
 *   sim --seed N                 one seed, with a line per run */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/engine/run.h"
#include "core/observe/log.h"

#define ROUNDS    6
#define CALM_RUNS 4

struct harness {
    struct world world;
    char directory[64], store_path[96];
    struct pipeline pipeline;
    struct connector source, dest;
    bool has_lost_store;
};

static char *copy(const char *text)
{
    char *result = strdup(text);
    if (!result)
        abort();
    return result;
}

static void make_pipeline(struct harness *harness)
{
    struct world *world = &harness->world;
    struct pipeline *pipeline = &harness->pipeline;
    static const char *const modes[] = {"append", "upsert", "overwrite"};
    pipeline_init(pipeline);
    pipeline->id = copy("sim");
    pipeline->source = copy("model");
    pipeline->dest = copy("model");
    pipeline->defaults.mode = copy(modes[world->mode]);
    pipeline->defaults.contract = copy(world->has_rejects ? "dead-letter" : "evolve");
    pipeline->parallel = world->parallel;
    pipeline->commit_rows = (int64_t)(world_random(world->seed, 4, 1) % 20);
    pipeline->commit_seconds = 3600;
    pipeline->retries = 2;
}

static void remove_store(const struct harness *harness)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s%s", harness->store_path, suffixes[i]);
        unlink(path);
    }
}

/* I8: the store never claims more than the destination has. */
static void check_store(struct harness *harness, struct state_store *store)
{
    struct world *world = &harness->world;
    for (size_t i = 0; i < LINES_MAX && world->lines[i].is_used; i++) {
        struct state_checkpoint checkpoint = {0};
        struct etl_error err;
        bool found = false;
        const struct line *line = &world->lines[i];
        etl_error_init(&err);
        if (state_checkpoint_latest(store, "sim", "t", line->slice, &found, &checkpoint, &err) != ETL_OK)
            world_fail(world, "reading the store: %s", err.message);
        if (found && checkpoint.generation == line->generation && world->guarantee == ETL_GUARANTEE_ATOMIC &&
            checkpoint.seq > line->seq)
            world_fail(world, "I8: the store claims commit %llu, the destination has %llu",
                       (unsigned long long)checkpoint.seq, (unsigned long long)line->seq);
        if (found && checkpoint.generation == line->generation &&
            world_position(checkpoint.state, checkpoint.state_len) > world->durable[i])
            world_fail(world, "I8: the store claims position %lld, durable is %lld",
                       (long long)world_position(checkpoint.state, checkpoint.state_len), (long long)world->durable[i]);
        state_checkpoint_fini(&checkpoint);
    }
}

/* I5: what was read is written, deleted or set aside. */
static void check_report(struct world *world, const struct report *report)
{
    const struct stream_report *stream = &report->streams[0];
    unsigned long long read = atomic_load(&stream->rows_read), written = atomic_load(&stream->rows_written);
    unsigned long long deleted = atomic_load(&stream->rows_deleted), rejected = atomic_load(&stream->rows_rejected);
    if (report->stream_count == 1 && read != written + deleted + rejected)
        world_fail(world, "I5: %llu read, but %llu written, %llu deleted, %llu rejected", read, written, deleted,
                   rejected);
}

/* One life of the process. Returns the exit code; -1 when it died. */
static int run_once(struct harness *harness)
{
    struct world *world = &harness->world;
    struct retry_policy retry = {.base_us = 1, .cap_us = 20};
    struct state_store *store = NULL;
    struct report report;
    struct etl_error err;
    json_t *settings = json_object();
    struct run_input input = {.pipeline = &harness->pipeline,
                              .source = &harness->source,
                              .dest = &harness->dest,
                              .source_settings = settings,
                              .dest_settings = settings,
                              .retry = &retry};
    int code = 0;
    atomic_store(&world->is_dead, 0);
    etl_error_init(&err);
    if (state_open(harness->store_path, &store, &err) != ETL_OK || report_init(&report, "sim", &err) != ETL_OK) {
        world_fail(world, "opening the store: %s", err.message);
        json_decref(settings);
        return 1;
    }
    input.store = store;
    code = run_execute(&input, &report, &err);
    if (world->verbose)
        printf("#   exit %d%s, history %zu, live %zu, commits %llu: %s\n", code,
               atomic_load(&world->is_dead) ? " (died)" : "", world->history_count, world->live.count,
               (unsigned long long)world->commits, err.message);
    if (code == 0)
        check_report(world, &report);
    check_store(harness, store);
    report_fini(&report);
    state_close(store);
    json_decref(settings);
    return atomic_load(&world->is_dead) ? -1 : code;
}

static etl_status count_letter(void *arg, const struct state_dead_letter *letter)
{
    size_t *count = arg;
    (void)letter;
    (*count)++;
    return ETL_OK;
}

static void check_letters(struct harness *harness)
{
    struct world *world = &harness->world;
    struct state_store *store = NULL;
    struct etl_error err;
    size_t count = 0;
    bool is_exact = world->guarantee == ETL_GUARANTEE_ATOMIC && !(world->has_ties && world->mode == SIM_UPSERT);
    if (harness->has_lost_store)
        return;
    etl_error_init(&err);
    if (state_open(harness->store_path, &store, &err) != ETL_OK ||
        state_dead_letter_list(store, "sim", "t", 0, 0, count_letter, &count, &err) != ETL_OK)
        world_fail(world, "listing dead letters: %s", err.message);
    if (is_exact ? count != world->rejects : count < world->rejects)
        world_fail(world, "%zu dead letters for %zu rejected records", count, world->rejects);
    state_close(store);
}

/* I1: in the end the destination holds what the source had. */
static void check_end(struct harness *harness)
{
    struct world *world = &harness->world;
    struct table expected = {0};
    world_expect(world, (int64_t)world->history_count, &expected);
    world_compare(world, "I1 at the end", &world->live, &expected,
                  world->guarantee != ETL_GUARANTEE_ATOMIC && world->mode != SIM_UPSERT);
    free(expected.rows);
    if (world->is_staged_used)
        world_fail(world, "I9: an unfinished generation was left behind");
    check_letters(harness);
}

static void settle(struct harness *harness)
{
    struct world *world = &harness->world;
    uint64_t rows = 0;
    int code = 1;
    world->is_calm = true;
    for (int i = 0; i < CALM_RUNS && code != 0; i++)
        code = run_once(harness);
    if (code != 0)
        world_fail(world, "does not come to rest: exit %d without any fault", code);
    check_end(harness);
    rows = world->rows_committed;
    if (run_once(harness) != 0)
        world_fail(world, "a run without news fails");
    if (world->mode != SIM_OVERWRITE && !(world->has_ties && world->mode == SIM_UPSERT) &&
        world->rows_committed != rows)
        world_fail(world, "I10: a run without news wrote %llu rows",
                   (unsigned long long)(world->rows_committed - rows));
    check_end(harness);
}

static bool run_seed(uint64_t seed, bool verbose, const char *root)
{
    struct harness *harness = calloc(1, sizeof(*harness));
    struct world *world = NULL;
    bool is_good = false;
    if (!harness)
        abort();
    world = sim_world = &harness->world;
    world_init(world, seed);
    world->verbose = verbose;
    snprintf(harness->directory, sizeof(harness->directory), "%s/sim-XXXXXX", root);
    if (!mkdtemp(harness->directory))
        abort();
    snprintf(harness->store_path, sizeof(harness->store_path), "%s/state.db", harness->directory);
    sim_source_connector(&harness->source);
    sim_dest_connector(&harness->dest);
    make_pipeline(harness);
    for (uint64_t round = 0; round < ROUNDS && !world->failure[0]; round++) {
        world_change(world, round);
        for (uint64_t life = 0; life < 1 + world_random(seed, 5, round) % 3 && !world->failure[0]; life++)
            run_once(harness);
        if (world_random(seed, 6, round) % 12 == 0) {
            if (verbose)
                printf("#   the store is lost\n");
            remove_store(harness);
            harness->has_lost_store = true;
        }
    }
    if (!world->failure[0])
        settle(harness);
    is_good = !world->failure[0];
    if (!is_good || verbose)
        printf("# seed %llu: mode %d guarantee %u ties %d slices %d rejects %d lost store %d: %s\n",
               (unsigned long long)seed, world->mode, world->guarantee, world->has_ties, world->has_slices,
               world->has_rejects, harness->has_lost_store, is_good ? "good" : world->failure);
    remove_store(harness);
    rmdir(harness->directory);
    pipeline_fini(&harness->pipeline);
    world_fini(world);
    free(harness);
    return is_good;
}

int main(int argc, char **argv)
{
    uint64_t from = 1, count = 500, bad = 0;
    const char *root = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    bool is_one = false;
    log_configure(0, false);
    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t value = strtoull(argv[i + 1], NULL, 10);
        if (!strcmp(argv[i], "--seed")) {
            from = value;
            count = 1;
            is_one = true;
        } else if (!strcmp(argv[i], "--seeds")) {
            count = value;
        } else if (!strcmp(argv[i], "--from")) {
            from = value;
        }
    }
    for (uint64_t seed = from; seed < from + count; seed++)
        bad += !run_seed(seed, is_one, root);
    printf("%sok 1 - %llu seeds from %llu, %llu bad\n1..1\n", bad ? "not " : "", (unsigned long long)count,
           (unsigned long long)from, (unsigned long long)bad);
    return bad != 0;
}
