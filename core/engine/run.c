/* From the pipeline to the exit code. Everything is opened on the calling thread; streams then run on their own and each ends by itself.
 * The run's record in the store is written even when streams fail; a process that dies leaves it "running", which the next run turns
 * into "crashed". */
#include "core/engine/run.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk/failpoint.h>

#include "core/base/clock.h"
#include "core/base/json_text.h"
#include "core/base/status.h"
#include "core/base/string.h"
#include "core/engine/catalog.h"
#include "core/engine/replay.h"
#include "core/engine/scheduler.h"

struct run {
    struct engine engine;
    struct report *report;
    struct catalog catalog;
    size_t *selected, selected_count;
    struct stream *streams;
    size_t stream_count; /* initialised */
    struct etl_error first_error;
};

/* ---- streams ------------------------------------------------------------------------------------------------------- */

static etl_status report_streams(struct run *run, struct etl_error *err)
{
    const char **names = calloc(run->selected_count + 1, sizeof(*names));
    etl_status status = ETL_OK;
    if (!names)
        return etl_fail_memory(err);
    for (size_t i = 0; i < run->selected_count; i++)
        names[i] = run->catalog.streams[run->selected[i]].name;
    status = report_set_streams(run->report, names, run->selected_count, err);
    free(names);
    return status;
}

static bool same_target(const struct run *run, const char *a, const char *b)
{
    bool folds = run->engine.dest_ops && (run->engine.dest_ops->caps & ETL_CAP_FOLDS_NAMES);
    return folds ? !strcasecmp(a, b) : !strcmp(a, b);
}

static etl_status check_targets(const struct run *run, struct etl_error *err)
{
    for (size_t i = 0; i < run->stream_count; i++)
        for (size_t j = 0; j < i && run->streams[i].plan.target; j++)
            if (run->streams[j].plan.target &&
                same_target(run, run->streams[i].plan.target, run->streams[j].plan.target))
                return etl_fail(err, ETL_CONFIG,
                                "streams %s and %s would both be written to \"%s\": give one another target",
                                run->streams[j].plan.catalog->name, run->streams[i].plan.catalog->name,
                                run->streams[i].plan.target);
    return ETL_OK;
}

/* A stream whose settings do not work fails alone. */
static etl_status make_streams(struct run *run, bool is_replay, struct etl_error *err)
{
    run->streams = calloc(run->selected_count + 1, sizeof(*run->streams));
    if (!run->streams)
        return etl_fail_memory(err);
    for (size_t i = 0; i < run->selected_count; i++) {
        struct stream *stream = &run->streams[i];
        struct etl_error stream_err;
        etl_status status = ETL_OK;
        etl_error_init(&stream_err);
        status = stream_init(stream, &run->engine, &run->catalog.streams[run->selected[i]], &run->report->streams[i],
                             &stream_err);
        run->stream_count++;
        if (status == ETL_OK && is_replay)
            stream_make_replay(stream);
        if (status == ETL_OK)
            continue;
        scheduler_note_failure(stream, status, &stream_err);
        if (!run->first_error.message[0])
            run->first_error = stream_err;
    }
    return check_targets(run, err);
}

/* ---- outcome ------------------------------------------------------------------------------------------------------- */

static int stop_code(const struct run_input *input)
{
    int signo = input->cancelled ? atomic_load(input->cancelled) : 0;
    return signo == SIGTERM ? EXIT_CODE_SIGTERM : EXIT_CODE_SIGINT;
}

static int failed_code(const struct run *run, size_t failed)
{
    int code = 0;
    if (failed < run->stream_count)
        return EXIT_CODE_PARTIAL;
    for (size_t i = 0; i < run->stream_count; i++) {
        int one = status_exit_code(run->streams[i].status);
        code = i && one != code ? EXIT_CODE_FAILED : one;
        if (i && code == EXIT_CODE_FAILED)
            break;
    }
    return code;
}

static void judge(struct run *run)
{
    size_t failed = 0, stopped = 0;
    struct report *report = run->report;
    for (size_t i = 0; i < run->stream_count; i++) {
        failed += run->streams[i].status != ETL_OK;
        stopped += run->streams[i].status == ETL_OK && run->streams[i].is_stopped;
    }
    if (atomic_load(&run->engine.is_fenced)) {
        report->status = "fenced";
        report->exit_code = EXIT_CODE_FENCED;
    } else if (stopped) {
        report->status = "stopped";
        report->exit_code = stop_code(run->engine.input);
    } else if (failed) {
        report->exit_code = failed_code(run, failed);
        report->status = report->exit_code == EXIT_CODE_PARTIAL ? "partial" : "failed";
    } else {
        report->status = "ok";
        report->exit_code = EXIT_CODE_OK;
    }
}

static void judge_failure(struct run *run, etl_status status, const struct etl_error *err)
{
    struct report *report = run->report;
    for (size_t i = 0; i < run->stream_count; i++)
        atomic_store(&report->streams[i].status, STREAM_SKIPPED);
    report_set_error(report, &report->error, err->message);
    report->status = status == ETL_CONFLICT ? "fenced" : "failed";
    report->exit_code = status_exit_code(status);
}

/* ---- the run ------------------------------------------------------------------------------------------------------- */

static etl_status begin_run(struct run *run, bool *ret_busy, struct etl_error *err)
{
    struct engine *engine = &run->engine;
    etl_status status = ETL_OK;
    if (!engine->is_dry) {
        status = engine_take_lease(engine, err);
        *ret_busy = status == ETL_CONFLICT;
        if (status == ETL_OK)
            status = state_run_begin(engine->input->store, &engine->lease, run->report->run_id,
                                     run->report->started_at_us, err);
    }
    return status == ETL_OK ? engine_start_keeper(engine, err) : status;
}

static etl_status end_run(struct run *run, struct etl_error *err)
{
    struct engine *engine = &run->engine;
    union {
        const char *in;
        char *out;
    } status_text = {.in = run->report->status};
    char empty[] = "";
    struct state_run record = {.id = run->report->run_id,
                               .pipeline = engine->pipeline->id,
                               .epoch = engine->lease.epoch,
                               .started_at_us = run->report->started_at_us,
                               .ended_at_us = run->report->ended_at_us,
                               .status = status_text.out,
                               .exit_code = run->report->exit_code,
                               .error = run->report->error ? run->report->error : empty};
    json_t *json = NULL;
    etl_status status = ETL_OK;
    if (!engine->has_lease)
        return ETL_OK;
    ETL_TRY(ETL_FAILPOINT("run.end", err));
    json = report_json(run->report);
    record.report = json ? json_text(json, JSON_COMPACT) : NULL;
    status = record.report ? state_run_end(engine->input->store, &record, err) : etl_fail_memory(err);
out:
    free(record.report);
    json_decref(json);
    return status;
}

/* A replay is of what there is. */
static etl_status select_all(struct run *run, struct etl_error *err)
{
    run->selected = calloc(run->catalog.count + 1, sizeof(*run->selected));
    if (!run->selected)
        return etl_fail_memory(err);
    for (size_t i = 0; i < run->catalog.count; i++)
        run->selected[run->selected_count++] = i;
    return ETL_OK;
}

static etl_status discover(struct run *run, bool is_replay, struct etl_error *err)
{
    struct engine *engine = &run->engine;
    etl_status status = ETL_OK;
    struct retry retry = {0};
    int64_t wait_us = 0;
    do {
        etl_error_init(err);
        pthread_mutex_lock(&engine->source_lock);
        status = catalog_discover(engine->source_ops, engine->source, &run->catalog, err);
        pthread_mutex_unlock(&engine->source_lock);
    } while (retry_after(&retry, &engine->retry, status, err->retry_after_ms, engine_random(engine), &wait_us) &&
             engine_wait(engine, wait_us));
    if (status != ETL_OK)
        return status;
    if (is_replay)
        return select_all(run, err);
    return catalog_select(&run->catalog, engine->pipeline, &run->selected, &run->selected_count, err);
}

static void run_fini(struct run *run)
{
    for (size_t i = 0; i < run->stream_count; i++)
        stream_fini(&run->streams[i]);
    free(run->streams);
    free(run->selected);
    catalog_fini(&run->catalog);
}

static etl_status run_streams(struct run *run, bool is_replay, bool *ret_busy, struct etl_error *err)
{
    etl_status status = ETL_OK;
    ETL_TRY(begin_run(run, ret_busy, err));
    ETL_TRY(discover(run, is_replay, err));
    ETL_TRY(report_streams(run, err));
    ETL_TRY(make_streams(run, is_replay, err));
    ETL_TRY(scheduler_run(&run->engine, run->streams, run->stream_count, &run->first_error, err));
    judge(run);
    *err = run->first_error;
out:
    return status;
}

int replay_execute(const struct run_input *input, struct etl_source *replay, struct report *report,
                   struct etl_error *err)
{
    struct run run = {.report = report};
    struct etl_error end_err;
    bool is_busy = false;
    etl_status status = ETL_OK;
    etl_error_init(&run.first_error);
    etl_error_init(&end_err);
    status = engine_open(&run.engine, input, replay, report, !input->pipeline->dry_run, err);
    if (status != ETL_OK) {
        judge_failure(&run, status, err);
        report->ended_at_us = clock_now_us();
        return report->exit_code;
    }
    status = run_streams(&run, replay != NULL, &is_busy, err);
    if (status != ETL_OK)
        judge_failure(&run, status, err);
    if (is_busy)
        report->exit_code = EXIT_CODE_BUSY;
    report->ended_at_us = clock_now_us();
    status = end_run(&run, &end_err);
    if (status != ETL_OK && report->exit_code == EXIT_CODE_OK) {
        *err = end_err;
        judge_failure(&run, status, err);
    }
    engine_close(&run.engine);
    run_fini(&run);
    return report->exit_code;
}

int run_execute(const struct run_input *input, struct report *report, struct etl_error *err)
{
    return replay_execute(input, NULL, report, err);
}
