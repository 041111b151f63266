/* `dlq`: records that were set aside. */
#include "core/base/status.h"
#include "core/cli/command.h"
#include "core/cli/output.h"
#include "core/cli/progress.h"
#include "core/cli/session.h"
#include "core/cli/signals.h"
#include "core/engine/dead_letter.h"
#include "core/observe/log.h"
#include <stdlib.h>
#include <string.h>

static json_t *letter_json(const struct state_dead_letter *letter)
{
    char time[32];
    json_t *record = json_stringn(letter->record, letter->record_len); /* as text: numbers must stay as they were */
    return json_pack("{s:I, s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:b, s:s, s:o}", "id", (json_int_t)letter->id,
                     "pipeline", letter->pipeline, "stream", letter->stream, "slice", letter->slice, "run_id",
                     letter->run_id, "seq", (json_int_t)letter->seq, "location", letter->location, "column",
                     letter->column, "reason", letter->reason, "is_json", letter->is_json, "created_at",
                     output_time(time, letter->created_at_us), "record", record ? record : json_string("(not UTF-8)"));
}

static etl_status collect(void *arg, const struct state_dead_letter *letter)
{
    return json_array_append_new(arg, letter_json(letter)) ? ETL_NOMEM : ETL_OK;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void print_letters(const json_t *rows)
{
    static const char *const headers[] = {">ID", "PIPELINE", "STREAM", "COLUMN", "REASON", "WHERE", "SINCE", NULL};
    static const char *const keys[] = {"pipeline", "stream", "column", "reason", "location", "created_at", NULL};
    struct output_table *table = output_table_new(headers);
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        char id[32];
        snprintf(id, sizeof(id), "%lld", (long long)json_integer_value(json_object_get(row, "id")));
        output_table_add(table, id);
        for (size_t k = 0; keys[k]; k++)
            output_table_add(table, text_of(row, keys[k]));
    }
    output_table_print(table, stdout);
}

static etl_status list_letters(struct session *session, const struct options *options, struct etl_error *err)
{
    json_t *rows = json_array();
    uint64_t limit = options->limit >= 0 ? (uint64_t)options->limit : 0;
    etl_status status =
        state_dead_letter_list(session->store, options->pipeline, options->stream, 0, limit, collect, rows, err);
    if (status == ETL_OK && output_is_json(options))
        output_json(json_incref(rows));
    else if (status == ETL_OK)
        print_letters(rows);
    json_decref(rows);
    return status;
}

struct wanted {
    int64_t id;
    json_t *letter;
};

static etl_status pick(void *arg, const struct state_dead_letter *letter)
{
    struct wanted *wanted = arg;
    if (letter->id == wanted->id)
        wanted->letter = letter_json(letter);
    return ETL_OK;
}

static etl_status show_letter(struct session *session, const struct options *options, struct etl_error *err)
{
    struct wanted wanted = {0, NULL};
    char *end = NULL;
    if (options->operand_count < 2)
        return etl_fail(err, ETL_CONFIG, "dlq show: which one? give its number (see etlhost dlq list)");
    wanted.id = strtoll(options->operands[1], &end, 10);
    if (!*options->operands[1] || *end || wanted.id < 1)
        return etl_fail(err, ETL_CONFIG, "dlq show: \"%s\" is no number", options->operands[1]);
    etl_status status =
        state_dead_letter_list(session->store, options->pipeline, NULL, wanted.id - 1, 1, pick, &wanted, err);
    if (status == ETL_OK && !wanted.letter)
        status = etl_fail(err, ETL_NOT_FOUND, "dlq show: there is no record %s", options->operands[1]);
    if (status == ETL_OK)
        output_json(wanted.letter);
    return status;
}

static int print_action(etl_status status, const struct etl_error *err)
{
    return status == ETL_OK ? EXIT_CODE_OK : output_error(status, err);
}

/* The pipeline as for a run; its dead letters are the source. */
static int retry(const struct options *options)
{
    struct options rest = *options;
    struct session session = {0};
    struct run_input input;
    struct report report = {0};
    struct etl_error err;
    etl_error_init(&err);
    rest.operands = options->operands + 1;
    rest.operand_count = options->operand_count - 1;
    int code = EXIT_CODE_FAILED;
    etl_status status = session_open(&session, &rest, true, &err);
    if (status == ETL_OK)
        status = report_init(&report, session.pipeline.id, &err);
    if (status != ETL_OK) {
        code = output_error(status, &err);
    } else {
        signals_watch();
        session_run_input(&session, &input);
        code = dead_letter_retry(&input, options->stream, &report, &err);
        if (code)
            output_error(ETL_INTERNAL, &err);
        if (output_is_json(options))
            output_json(report_json(&report));
        for (size_t i = 0; i < report.stream_count; i++) {
            struct log_context context = {.pipeline = session.pipeline.id, .run_id = report.run_id};
            context.stream = report.streams[i].stream;
            log_write(ETL_LOG_INFO, &context, "%llu records replayed, %llu set aside again",
                      (unsigned long long)atomic_load(&report.streams[i].rows_written),
                      (unsigned long long)atomic_load(&report.streams[i].rows_rejected));
        }
    }
    report_fini(&report);
    session_close(&session);
    return code;
}

int command_dlq(const struct options *options)
{
    struct session session = {0};
    struct etl_error err;
    etl_error_init(&err);
    const char *action = options->operand_count ? options->operands[0] : "";
    if (!strcmp(action, "retry"))
        return retry(options);
    pipeline_init(&session.pipeline);
    etl_status status = ETL_OK;
    if (!*action)
        status = etl_fail(&err, ETL_CONFIG, "dlq: what? list, show or retry");
    else if (!strcmp(action, "list") && options->operand_count > 1)
        status = etl_fail(&err, ETL_CONFIG, "dlq list: \"%s\" is too much; --pipeline and --stream select",
                          options->operands[1]);
    else if (strcmp(action, "list") != 0 && strcmp(action, "show") != 0)
        status = etl_fail(&err, ETL_CONFIG, "dlq: \"%s\" is none of list, show, retry", action);
    if (status == ETL_OK)
        status = session_open_store(&session, options, false, &err);
    if (status == ETL_OK)
        status = !strcmp(action, "list") ? list_letters(&session, options, &err) : show_letter(&session, options, &err);
    session_close(&session);
    return print_action(status, &err);
}
