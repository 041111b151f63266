/* `history`: past runs. */
#include "core/base/status.h"
#include "core/cli/command.h"
#include "core/cli/output.h"
#include "core/cli/session.h"
#include <string.h>

enum { HISTORY_DEFAULT = 20 };

struct wanted {
    json_t *rows;
    const char *run; /* NULL = all */
};

static etl_status collect(void *arg, const struct state_run *run)
{
    struct wanted *wanted = arg;
    char started[32], ended[32];
    if (wanted->run && strcmp(wanted->run, run->id) != 0)
        return ETL_OK;
    json_t *report = run->report && *run->report ? json_loads(run->report, 0, NULL) : NULL;
    json_t *row = json_pack(
        "{s:s, s:s, s:s, s:s, s:f, s:s, s:i, s:s, s:o}", "run_id", run->id, "pipeline", run->pipeline, "started_at",
        output_time(started, run->started_at_us), "ended_at", output_time(ended, run->ended_at_us), "seconds",
        run->ended_at_us ? (double)(run->ended_at_us - run->started_at_us) / 1e6 : 0, "status", run->status,
        "exit_code", run->exit_code, "error", run->error ? run->error : "", "report", report ? report : json_null());
    return json_array_append_new(wanted->rows, row) ? ETL_NOMEM : ETL_OK;
}

static json_int_t total(const json_t *row, const char *key)
{
    json_int_t sum = 0;
    size_t i;
    json_t *stream;
    json_array_foreach(json_object_get(json_object_get(row, "report"), "streams"), i, stream) sum +=
        json_integer_value(json_object_get(stream, key));
    return sum;
}

/* The run's own error, or that of the first stream that failed. */
static const char *error_of(const json_t *row)
{
    const char *error = json_string_value(json_object_get(row, "error"));
    size_t i;
    json_t *stream;
    if (error && *error)
        return error;
    json_array_foreach(json_object_get(json_object_get(row, "report"), "streams"), i,
                       stream) if ((error = json_string_value(json_object_get(stream, "error")))) return error;
    return "";
}

static void print_runs(const json_t *rows)
{
    static const char *const headers[] = {"RUN",   "PIPELINE", "STARTED",  ">SECONDS", "STATUS", ">EXIT",
                                          ">READ", ">WRITTEN", ">DELETED", "ERROR",    NULL};
    static const char *const sums[] = {"rows_read", "rows_written", "rows_deleted", NULL};
    struct output_table *table = output_table_new(headers);
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        char seconds[32];
        snprintf(seconds, sizeof(seconds), "%.2f", json_real_value(json_object_get(row, "seconds")));
        output_table_add(table, json_string_value(json_object_get(row, "run_id")));
        output_table_add(table, json_string_value(json_object_get(row, "pipeline")));
        output_table_add(table, json_string_value(json_object_get(row, "started_at")));
        output_table_add(table, seconds);
        output_table_add(table, json_string_value(json_object_get(row, "status")));
        output_table_add_count(table, (uint64_t)json_integer_value(json_object_get(row, "exit_code")));
        for (size_t k = 0; sums[k]; k++)
            output_table_add_count(table, (uint64_t)total(row, sums[k]));
        output_table_add(table, error_of(row));
    }
    output_table_print(table, stdout);
}

int command_history(const struct options *options)
{
    struct session session = {0};
    struct etl_error err;
    struct wanted wanted = {json_array(), options->operand_count ? options->operands[0] : NULL};
    etl_error_init(&err);
    int code = EXIT_CODE_OK;
    pipeline_init(&session.pipeline);
    etl_status status = session_open_store(&session, options, false, &err);
    if (status == ETL_OK) {
        uint64_t limit = wanted.run ? 0 : options->limit >= 0 ? (uint64_t)options->limit : HISTORY_DEFAULT;
        status = state_run_list(session.store, options->pipeline, limit, collect, &wanted, &err);
    }
    if (status == ETL_OK && wanted.run && !json_array_size(wanted.rows))
        status = etl_fail(&err, ETL_NOT_FOUND, "history: there is no run \"%s\"", wanted.run);
    if (status != ETL_OK)
        code = output_error(status, &err);
    else if (output_is_json(options) || wanted.run)
        code = output_json(json_incref(wanted.rows));
    else
        print_runs(wanted.rows);
    json_decref(wanted.rows);
    session_close(&session);
    return code;
}
