/* `state`: looks at the store and repairs it by hand. */
#include "core/base/status.h"
#include "core/base/string.h"
#include "core/cli/command.h"
#include "core/cli/output.h"
#include "core/cli/session.h"
#include "core/config/settings.h"
#include <stdlib.h>
#include <string.h>

/* What follows `state ACTION`. */
struct state_command {
    const struct options *options;
    struct state_store *store;
    const char *pipeline; /* operand 1 or --pipeline; NULL = all */
};

static json_t *checkpoint_json(const struct state_checkpoint *checkpoint)
{
    char time[32];
    json_t *state =
        json_loadb(checkpoint->state ? checkpoint->state : "", checkpoint->state_len, JSON_DECODE_ANY, NULL);
    if (!state)
        state = checkpoint->state_len ? json_stringn(checkpoint->state, checkpoint->state_len) : json_null();
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:o}",
                     "pipeline", checkpoint->pipeline, "stream", checkpoint->stream, "slice", checkpoint->slice, "seq",
                     (json_int_t)checkpoint->seq, "epoch", (json_int_t)checkpoint->epoch, "generation",
                     (json_int_t)checkpoint->generation, "run_id", checkpoint->run_id, "connector",
                     checkpoint->connector, "state_version", (int)checkpoint->state_version, "rows_read",
                     (json_int_t)checkpoint->rows_read, "rows_written", (json_int_t)checkpoint->rows_written,
                     "rows_deleted", (json_int_t)checkpoint->rows_deleted, "rows_rejected",
                     (json_int_t)checkpoint->rows_rejected, "bytes", (json_int_t)checkpoint->bytes, "cursor",
                     checkpoint->cursor ? checkpoint->cursor : "", "committed_at",
                     output_time(time, checkpoint->committed_at_us), "state", state ? state : json_null());
}

static etl_status collect(void *arg, const struct state_checkpoint *checkpoint)
{
    return json_array_append_new(arg, checkpoint_json(checkpoint)) ? ETL_NOMEM : ETL_OK;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void print_checkpoints(const json_t *rows)
{
    static const char *const headers[] = {"PIPELINE", "STREAM",    "SLICE",  ">SEQ",
                                          ">WRITTEN", "COMMITTED", "CURSOR", NULL};
    struct output_table *table = output_table_new(headers);
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        output_table_add(table, text_of(row, "pipeline"));
        output_table_add(table, text_of(row, "stream"));
        output_table_add(table, text_of(row, "slice"));
        output_table_add_count(table, (uint64_t)json_integer_value(json_object_get(row, "seq")));
        output_table_add_count(table, (uint64_t)json_integer_value(json_object_get(row, "rows_written")));
        output_table_add(table, text_of(row, "committed_at"));
        output_table_add(table, text_of(row, "cursor"));
    }
    output_table_print(table, stdout);
}

static etl_status list(const struct state_command *command, bool history, struct etl_error *err)
{
    json_t *rows = json_array();
    etl_status status =
        state_checkpoint_list(command->store, command->pipeline, command->options->stream, history, collect, rows, err);
    if (status == ETL_OK && output_is_json(command->options))
        output_json(json_incref(rows));
    else if (status == ETL_OK)
        print_checkpoints(rows);
    json_decref(rows);
    return status;
}

static etl_status action_list(const struct state_command *command, struct etl_error *err)
{
    return list(command, false, err);
}

static etl_status action_history(const struct state_command *command, struct etl_error *err)
{
    return list(command, true, err);
}

static etl_status action_show(const struct state_command *command, struct etl_error *err)
{
    json_t *rows = json_array();
    etl_status status =
        state_checkpoint_list(command->store, command->pipeline, command->options->stream, false, collect, rows, err);
    if (status == ETL_OK && !json_array_size(rows))
        status =
            etl_fail(err, ETL_NOT_FOUND, "state show: nothing is stored for pipeline \"%s\" (see etlhost state list)",
                     command->pipeline);
    if (status == ETL_OK)
        output_json(json_incref(rows));
    json_decref(rows);
    return status;
}

static etl_status action_export(const struct state_command *command, struct etl_error *err)
{
    json_t *document = NULL;
    etl_status status = state_export(command->store, command->pipeline, &document, err);
    if (status == ETL_OK && output_json(document))
        status = etl_fail(err, ETL_IO, "state export: standard output could not be written");
    return status;
}

static etl_status action_import(const struct state_command *command, struct etl_error *err)
{
    const char *file = command->options->operands[1];
    json_t *document = NULL;
    json_error_t problem;
    etl_status status = ETL_OK;
    if (!strcmp(file, "-")) {
        document = json_loadf(stdin, JSON_REJECT_DUPLICATES, &problem);
        if (!document)
            return etl_fail(err, ETL_CONFIG, "standard input:%d:%d: %s", problem.line, problem.column, problem.text);
    } else {
        status = config_read_file(file, &document, err);
    }
    if (status == ETL_OK)
        status = state_import(command->store, document, err);
    json_decref(document);
    return status;
}

static etl_status action_rollback(const struct state_command *command, struct etl_error *err)
{
    const struct options *options = command->options;
    if (!options->stream || options->seq < 0)
        return etl_fail(err, ETL_CONFIG, "state rollback: say which checkpoint: --stream NAME [--slice NAME] --seq N");
    return state_rollback(command->store, command->pipeline, options->stream, options->slice ? options->slice : "",
                          (uint64_t)options->seq, err);
}

static etl_status action_reset(const struct state_command *command, struct etl_error *err)
{
    if (!command->options->stream && !command->options->all)
        return etl_fail(err, ETL_CONFIG, "state reset: give --stream NAME, or --all for every stream of the pipeline");
    return state_reset(command->store, command->pipeline, command->options->stream, err);
}

static const struct {
    const char *name;
    bool needs_operand, creates;
    etl_status (*run)(const struct state_command *, struct etl_error *);
} actions[] = {
    {"list", false, false, action_list},      {"show", true, false, action_show},
    {"history", true, false, action_history}, {"export", false, false, action_export},
    {"import", true, true, action_import},    {"rollback", true, false, action_rollback},
    {"reset", true, false, action_reset},
};

static etl_status run_action(const struct options *options, struct etl_error *err)
{
    struct session session = {0};
    struct state_command command = {.options = options};
    etl_status status = ETL_OK;
    size_t i = 0, count = sizeof(actions) / sizeof(actions[0]);
    if (!options->operand_count)
        return etl_fail(err, ETL_CONFIG, "state: what? list, show, history, export, import, rollback or reset");
    while (i < count && strcmp(options->operands[0], actions[i].name) != 0)
        i++;
    if (i == count)
        return etl_fail(err, ETL_CONFIG,
                        "state: \"%s\" is none of list, show, history, export, import, rollback, reset",
                        options->operands[0]);
    if (actions[i].needs_operand && options->operand_count < 2)
        return etl_fail(err, ETL_CONFIG, "state %s: name the %s", actions[i].name,
                        actions[i].creates ? "file (- = standard input)" : "pipeline");
    if (i == 0 && options->operand_count > 1)
        return etl_fail(err, ETL_CONFIG, "state list: \"%s\" is too much; see etlhost state show",
                        options->operands[1]);
    pipeline_init(&session.pipeline);
    ETL_TRY(session_open_store(&session, options, actions[i].creates, err));
    command.store = session.store;
    command.pipeline = options->operand_count > 1 ? options->operands[1] : NULL;
    ETL_TRY(actions[i].run(&command, err));
out:
    session_close(&session);
    return status;
}

int command_state(const struct options *options)
{
    struct etl_error err;
    etl_error_init(&err);
    etl_status status = run_action(options, &err);
    return status == ETL_OK ? EXIT_CODE_OK : output_error(status, &err);
}
