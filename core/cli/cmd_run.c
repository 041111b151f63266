/* `run`, the default command, and `plan`. */
#include "core/base/status.h"
#include "core/base/string.h"
#include "core/cli/command.h"
#include "core/cli/output.h"
#include "core/cli/progress.h"
#include "core/cli/session.h"
#include "core/cli/signals.h"
#include "core/observe/log.h"
#include <stdlib.h>
#include <string.h>

static const char *stream_status_word(int status)
{
    static const char *const words[] = {"pending", "running", "ok", "failed", "stopped", "skipped"};
    return status >= 0 && status < 6 ? words[status] : "?";
}

/* The final table goes to standard error: standard output may be where the records go. */
static void print_summary(struct report *report)
{
    static const char *const headers[] = {"STREAM",   "MODE",      "DELIVERY", ">READ",  ">WRITTEN",
                                          ">DELETED", ">REJECTED", "STATUS",   "CURSOR", NULL};
    struct output_table *table = output_table_new(headers);
    for (size_t i = 0; i < report->stream_count; i++) {
        struct stream_report *stream = &report->streams[i];
        output_table_add(table, stream->stream);
        output_table_add(table, stream->mode ? stream->mode : "-");
        output_table_add(table, stream->delivery ? stream->delivery : "-");
        output_table_add_count(table, atomic_load(&stream->rows_read));
        output_table_add_count(table, atomic_load(&stream->rows_written));
        output_table_add_count(table, atomic_load(&stream->rows_deleted));
        output_table_add_count(table, atomic_load(&stream->rows_rejected));
        output_table_add(table, stream_status_word(atomic_load(&stream->status)));
        output_table_add(table, stream->cursor_to);
    }
    output_table_print(table, stderr);
}

static void print_stream_errors(const struct session *session, const struct report *report)
{
    struct log_context context = {.pipeline = session->pipeline.id, .run_id = report->run_id};
    for (size_t i = 0; i < report->stream_count; i++)
        if (report->streams[i].error && *report->streams[i].error)
            log_write(ETL_LOG_ERROR, &context, "%s", report->streams[i].error);
}

/* The first failure of a stream is also the run's. */
static bool is_stream_error(const struct report *report, const char *message)
{
    for (size_t i = 0; i < report->stream_count; i++)
        if (report->streams[i].error && *report->streams[i].error && strstr(message, report->streams[i].error))
            return true;
    return false;
}

/* The same as log lines, where every line of standard error is to be JSON. */
static void log_summary(const struct session *session, struct report *report)
{
    struct log_context context = {.pipeline = session->pipeline.id, .run_id = report->run_id};
    for (size_t i = 0; i < report->stream_count; i++) {
        struct stream_report *stream = &report->streams[i];
        context.stream = stream->stream;
        log_write(ETL_LOG_INFO, &context, "%s: %llu read, %llu written, %llu deleted, %llu rejected",
                  stream_status_word(atomic_load(&stream->status)), (unsigned long long)atomic_load(&stream->rows_read),
                  (unsigned long long)atomic_load(&stream->rows_written),
                  (unsigned long long)atomic_load(&stream->rows_deleted),
                  (unsigned long long)atomic_load(&stream->rows_rejected));
    }
    context.stream = NULL;
    log_write(ETL_LOG_INFO, &context, "%s in %.2f s%s", report->status ? report->status : "failed",
              (double)(report->ended_at_us - report->started_at_us) / 1e6,
              session->pipeline.dry_run ? ", dry run: nothing was written" : "");
}

static void print_totals(const struct session *session, const struct report *report)
{
    double seconds = (double)(report->ended_at_us - report->started_at_us) / 1e6;
    fprintf(stderr, "%s: %s in %.2f s (run %s)%s\n", session->pipeline.id, report->status ? report->status : "failed",
            seconds, report->run_id, session->pipeline.dry_run ? ", dry run: nothing was written" : "");
}

static int run_session(const struct options *options, struct session *session, struct report *report,
                       struct etl_error *err)
{
    struct run_input input;
    struct progress *progress = NULL;
    session_run_input(session, &input);
    if (!options->no_progress && !options->quiet)
        progress = progress_start(report);
    int code = run_execute(&input, report, err);
    progress_stop(progress);
    return code;
}

static int finish_run(const struct options *options, const struct session *session, struct report *report, int code,
                      const struct etl_error *run_error)
{
    struct etl_error err;
    etl_error_init(&err);
    print_stream_errors(session, report);
    if (code != EXIT_CODE_OK && run_error->message[0] && !is_stream_error(report, run_error->message))
        output_error(ETL_INTERNAL, run_error);
    if (log_is_json()) {
        log_summary(session, report);
    } else if (!options->quiet) {
        if (report->stream_count)
            print_summary(report);
        print_totals(session, report);
    }
    if (options->summary && report_write(report, options->summary, &err) != ETL_OK) {
        output_error(ETL_IO, &err);
        code = code ? code : EXIT_CODE_FAILED;
    }
    if (output_is_json(options)) {
        int failed = output_json(report_json(report));
        code = code ? code : failed;
    }
    return code;
}

int command_run(const struct options *options)
{
    struct session session = {0};
    struct report report = {0};
    struct etl_error err;
    etl_error_init(&err);
    int code = EXIT_CODE_FAILED;
    etl_status status = session_open(&session, options, !options->dry_run, &err);
    if (status == ETL_OK)
        status = report_init(&report, session.pipeline.id, &err);
    if (status != ETL_OK) {
        code = output_error(status, &err);
    } else if (signals_watch()) {
        fprintf(stderr, "etlhost: cannot start a thread\n");
    } else {
        code = run_session(options, &session, &report, &err);
        code = finish_run(options, &session, &report, code, &err);
    }
    report_fini(&report);
    session_close(&session);
    return code;
}

/* ---- plan ---- */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void print_field(const char *label, const char *value)
{
    if (*value)
        printf("  %-14s %s\n", label, value);
}

static void print_list(const char *label, const json_t *list)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        const char *text = json_is_string(item) ? json_string_value(item) : text_of(item, "name");
        if (text)
            printf("  %-14s %s\n", i ? "" : label, text);
    }
}

static void print_keys(const json_t *stream)
{
    size_t i;
    json_t *key;
    if (!json_array_size(json_object_get(stream, "primary_key")))
        return;
    printf("  %-14s ", "primary key");
    json_array_foreach(json_object_get(stream, "primary_key"), i, key)
        printf("%s%s", i ? ", " : "", json_string_value(key));
    putchar('\n');
}

static void print_planned_stream(const json_t *stream)
{
    const char *target = text_of(stream, "target");
    printf("%s%s%s\n", text_of(stream, "stream"), *target ? " -> " : "", target);
    print_field("mode", text_of(stream, "mode"));
    print_keys(stream);
    print_field("cursor", text_of(stream, "cursor"));
    print_field("from", text_of(stream, "cursor_from"));
    print_field("to", text_of(stream, "cursor_to"));
    print_field("delivery", text_of(stream, "delivery"));
    print_field("contract", text_of(stream, "contract"));
    if (json_integer_value(json_object_get(stream, "generation")))
        printf("  %-14s %lld\n", "generation", (long long)json_integer_value(json_object_get(stream, "generation")));
    print_list("does", json_object_get(stream, "actions"));
    print_list("warning", json_object_get(stream, "warnings"));
    print_field("error", text_of(stream, "error"));
}

/* A plan with a stream that cannot run is a check that failed. */
static int cannot_run(const json_t *plan)
{
    size_t i;
    json_t *stream;
    json_array_foreach(json_object_get(plan, "streams"), i,
                       stream) if (*text_of(stream, "error")) return EXIT_CODE_CHECK;
    return EXIT_CODE_OK;
}

int command_plan(const struct options *options)
{
    struct session session = {0};
    struct run_input input;
    struct etl_error err;
    json_t *plan = NULL, *stream = NULL;
    size_t i;
    etl_error_init(&err);
    int code = EXIT_CODE_OK;
    etl_status status = session_open(&session, options, false, &err);
    if (status == ETL_OK) {
        status = session_open_store(&session, options, false, &err);
        if (status == ETL_NOT_FOUND) {
            etl_error_init(&err);
            status = ETL_OK; /* no store yet: a first run */
        }
    }
    if (status == ETL_OK) {
        session_run_input(&session, &input);
        status = run_plan(&input, &plan, &err);
    }
    if (status != ETL_OK) {
        code = output_error(status, &err);
    } else if (output_is_json(options)) {
        code = output_json(json_incref(plan));
        code = code ? code : cannot_run(plan);
    } else {
        code = cannot_run(plan);
        printf("pipeline %s\n", text_of(plan, "pipeline"));
        json_array_foreach(json_object_get(plan, "streams"), i, stream) print_planned_stream(stream);
    }
    json_decref(plan);
    session_close(&session);
    return code;
}
