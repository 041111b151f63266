/* `check`, `discover` and `read`: commands around connectors that change nothing. */
#include "core/base/json_text.h"
#include "core/base/status.h"
#include "core/base/string.h"
#include "core/cli/command.h"
#include "core/cli/output.h"
#include "core/cli/record_printer.h"
#include "core/cli/session.h"
#include "core/cli/signals.h"
#include "core/plugin/services.h"
#include <etlhost/sdk/type.h>
#include <stdlib.h>
#include <string.h>

static etl_status check_source(const struct session *session, struct etl_error *err)
{
    const struct etl_source_ops *ops = &session->source->source;
    struct services services;
    struct etl_source *source = NULL;
    char *config = json_text(session->source_settings, JSON_COMPACT);
    if (!config)
        return etl_fail_memory(err);
    services_init(&services, session->source->id, signals_flag(), NULL, NULL);
    etl_status status = ops->open(&services.host, config, strlen(config), &source, err);
    if (status == ETL_OK) {
        status = ops->check(source, err);
        ops->close(source);
    }
    free(config);
    return status;
}

static etl_status check_dest(const struct session *session, struct etl_error *err)
{
    const struct etl_dest_ops *ops = &session->dest->dest;
    struct services services;
    struct etl_dest *dest = NULL;
    char *config = json_text(session->dest_settings, JSON_COMPACT);
    if (!config)
        return etl_fail_memory(err);
    services_init(&services, session->dest->id, signals_flag(), NULL, NULL);
    etl_status status = ops->open(&services.host, config, strlen(config), &dest, err);
    if (status == ETL_OK) {
        status = ops->check(dest, err);
        ops->close(dest);
    }
    free(config);
    return status;
}

static int print_check(const struct options *options, json_t *results, const char *role, const char *id,
                       etl_status status, struct etl_error *err)
{
    if (output_is_json(options))
        json_array_append_new(results, json_pack("{s:s, s:s, s:b, s:s, s:s}", "role", role, "connector", id, "ok",
                                                 status == ETL_OK, "class", etl_status_name(status), "message",
                                                 status == ETL_OK ? "" : err->message));
    else if (status == ETL_OK)
        printf("%s %s: OK\n", role, id);
    else
        output_error(etl_prefix(err, status, "%s %s: ", role, id), err);
    return status == ETL_OK ? EXIT_CODE_OK : EXIT_CODE_CHECK;
}

int command_check(const struct options *options)
{
    struct session session = {0};
    struct etl_error err;
    json_t *results = json_array();
    etl_error_init(&err);
    int code = EXIT_CODE_OK;
    pipeline_init(&session.pipeline);
    etl_status status = session_read_pipeline(&session, options, &err);
    if (status == ETL_OK && !session.pipeline.source && !session.pipeline.dest)
        status = etl_fail(&err, ETL_CONFIG, "nothing to check: give --source, --dest or a pipeline file");
    if (status == ETL_OK)
        status = session_load(&session, &err);
    if (status != ETL_OK) {
        code = output_error(status, &err);
    } else {
        if (session.source) {
            status = check_source(&session, &err);
            code = print_check(options, results, "source", session.source->id, status, &err);
        }
        if (session.dest) {
            etl_error_init(&err);
            status = check_dest(&session, &err);
            int dest_code = print_check(options, results, "destination", session.dest->id, status, &err);
            code = code ? code : dest_code;
        }
        if (output_is_json(options))
            output_json(json_incref(results));
    }
    json_decref(results);
    session_close(&session);
    return code;
}

/* ---- discover ---- */

static void print_names(const char *label, const json_t *names)
{
    size_t i;
    json_t *name;
    if (!json_array_size(names))
        return;
    printf("  %s: ", label);
    json_array_foreach(names, i, name) printf("%s%s", i ? ", " : "", json_string_value(name));
    putchar('\n');
}

static void print_columns(const json_t *schema)
{
    static const char *const headers[] = {"  COLUMN", "TYPE", NULL};
    struct output_table *table = output_table_new(headers);
    size_t i;
    json_t *column;
    json_array_foreach(json_object_get(schema, "columns"), i, column)
    {
        char left[300], name[ETL_TYPE_NAME_MAX];
        struct etl_type type;
        struct etl_error err;
        const char *format = json_string_value(json_object_get(column, "type"));
        etl_error_init(&err);
        snprintf(left, sizeof(left), "  %s", json_string_value(json_object_get(column, "name")));
        output_table_add(table, left);
        bool known = format && etl_type_parse(format, json_string_value(json_object_get(column, "extension")), &type,
                                              &err) == ETL_OK;
        output_table_add(table, known ? etl_type_name(&type, name) : format);
    }
    output_table_print(table, stdout);
}

static void print_catalog(const json_t *catalog)
{
    size_t i;
    json_t *stream;
    json_array_foreach(json_object_get(catalog, "streams"), i, stream)
    {
        const char *problem = json_string_value(json_object_get(stream, "error"));
        printf("%s\n", json_string_value(json_object_get(stream, "name")));
        print_names("primary key", json_object_get(stream, "primary_key"));
        print_names("cursor columns", json_object_get(stream, "cursor_columns"));
        if (json_is_true(json_object_get(stream, "incremental")))
            printf("  incremental: yes\n");
        if (json_is_integer(json_object_get(stream, "estimated_rows")))
            printf("  rows: about %lld\n", (long long)json_integer_value(json_object_get(stream, "estimated_rows")));
        if (problem)
            printf("  error: %s\n", problem);
        print_columns(json_object_get(stream, "schema"));
    }
}

/* Pipeline with a source alone; what `discover` and `read` work on. */
static etl_status open_source(struct session *session, const struct options *options, struct etl_error *err)
{
    etl_status status = ETL_OK;
    pipeline_init(&session->pipeline);
    ETL_TRY(session_read_pipeline(session, options, err));
    free(session->pipeline.dest);
    session->pipeline.dest = NULL;
    if (!session->pipeline.source)
        return etl_fail(err, ETL_CONFIG, "no source: give --source CONNECTOR or a pipeline file");
    ETL_TRY(session_load(session, err));
out:
    return status;
}

int command_discover(const struct options *options)
{
    struct session session = {0};
    struct run_input input;
    struct etl_error err;
    json_t *catalog = NULL;
    etl_error_init(&err);
    int code = EXIT_CODE_OK;
    etl_status status = open_source(&session, options, &err);
    if (status == ETL_OK) {
        session_run_input(&session, &input);
        status = run_discover(&input, &catalog, &err);
    }
    if (status != ETL_OK)
        code = output_error(status, &err);
    else if (output_is_json(options))
        code = output_json(json_incref(catalog));
    else
        print_catalog(catalog);
    json_decref(catalog);
    session_close(&session);
    return code;
}

/* ---- read ---- */

/* A run into the built-in printer, with a state store that lives in memory. */
int command_read(const struct options *options)
{
    struct session session = {0};
    struct run_input input;
    struct report report = {0};
    struct etl_error err;
    etl_error_init(&err);
    int code = EXIT_CODE_FAILED;
    etl_status status = open_source(&session, options, &err);
    if (status == ETL_OK) {
        session.dest = record_printer();
        session.dest_settings = json_object();
        session.pipeline.dest = string_copy(session.dest->id);
        status =
            session.dest_settings && session.pipeline.dest
                ? pipeline_finish(&session.pipeline, session.source->config_schema, session.dest->config_schema, &err)
                : etl_fail_memory(&err);
    }
    if (status == ETL_OK)
        status = state_open_memory(&session.store, &err);
    if (status == ETL_OK)
        status = report_init(&report, session.pipeline.id, &err);
    if (status != ETL_OK) {
        code = output_error(status, &err);
    } else {
        signals_watch();
        session_run_input(&session, &input);
        code = run_execute(&input, &report, &err);
        if (atomic_load(signals_flag()))
            code = 128 + atomic_load(signals_flag());
        else if (code)
            output_error(ETL_INTERNAL, &err);
    }
    report_fini(&report);
    session_close(&session);
    return code;
}
