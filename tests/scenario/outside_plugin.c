/* A plugin of a third party, built against the installed headers and library only: a source that counts. */
#include <etlhost/sdk.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNTER_SETTINGS(S)                                                                                            \
    S(COUNT, rows, 0, "10", "", "How far to count")                                                                    \
    S(TEXT, word, 0, "\"row\"", "", "What stands before each number")
ETL_SETTINGS(counter_settings, COUNTER_SETTINGS);

struct etl_source {
    struct counter_settings settings;
};

struct etl_reader {
    struct etl_source *source;
    struct etl_builder *builder;
    int64_t next;
    int step;
    char state[32];
};

static etl_status counter_schema(struct ArrowSchema *schema, struct etl_error *err)
{
    etl_status status = etl_schema_init_struct(schema, "", err);
    if (status != ETL_OK)
        return status;
    status = etl_schema_add_column(schema, "id", "l", NULL, err);
    if (status == ETL_OK)
        status = etl_schema_add_column(schema, "text", "u", NULL, err);
    if (status != ETL_OK)
        etl_schema_release(schema);
    return status;
}

static etl_status counter_open(const struct etl_host *host, const char *config, size_t length,
                               struct etl_source **ret_source, struct etl_error *err)
{
    struct etl_source *source = calloc(1, sizeof(*source));
    (void)host;
    if (!source)
        return etl_fail_memory(err);
    etl_status status = etl_settings_parse(counter_settings_table, ETL_SETTINGS_COUNT(counter_settings_table),
                                           &source->settings, config, length, err);
    if (status == ETL_OK)
        *ret_source = source;
    else
        free(source);
    return status;
}

static etl_status counter_check(struct etl_source *source, struct etl_error *err)
{
    (void)source, (void)err;
    return ETL_OK;
}

static etl_status counter_discover(struct etl_source *source, etl_emit_stream emit, void *arg, struct etl_error *err)
{
    static const char stream[] = "{\"name\":\"numbers\",\"primary_key\":[\"id\"],\"incremental\":true}";
    struct ArrowSchema schema = {0};
    (void)source;
    etl_status status = counter_schema(&schema, err);
    return status == ETL_OK ? emit(arg, stream, sizeof(stream) - 1, &schema) : status;
}

static etl_status counter_read_open(struct etl_source *source, const struct etl_read_request *request,
                                    struct etl_reader **ret_reader, struct etl_error *err)
{
    struct ArrowSchema schema = {0};
    struct etl_reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return etl_fail_memory(err);
    reader->source = source;
    reader->next = 1;
    if (request->state && sscanf(request->state, "%lld", (long long *)&reader->next) != 1) {
        free(reader);
        return etl_fail(err, ETL_STATE_INVALID, "counter: the state is no number");
    }
    etl_status status = counter_schema(&schema, err);
    if (status == ETL_OK)
        status = etl_builder_new(&schema, &reader->builder, err);
    etl_schema_release(&schema);
    if (status == ETL_OK)
        *ret_reader = reader;
    else
        free(reader);
    return status;
}

static etl_status count_up(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    etl_status status = ETL_OK;
    char text[64];
    for (; reader->next <= reader->source->settings.rows && etl_builder_rows(reader->builder) < 4; reader->next++) {
        int length = snprintf(text, sizeof(text), "%s %lld", reader->source->settings.word, (long long)reader->next);
        ETL_TRY(etl_append_int(etl_builder_column(reader->builder, 0), reader->next, err));
        ETL_TRY(etl_append_bytes(etl_builder_column(reader->builder, 1), text, (size_t)length, err));
        ETL_TRY(etl_builder_end_row(reader->builder, err));
    }
    message->kind = ETL_MESSAGE_BATCH;
    status = etl_builder_finish(reader->builder, &message->batch, err);
out:
    return status;
}

static etl_status counter_read_next(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    if (reader->step == 0) {
        reader->step = 1;
        message->kind = ETL_MESSAGE_SCHEMA;
        return counter_schema(&message->schema, err);
    }
    if (reader->step == 1 && reader->next <= reader->source->settings.rows) {
        reader->step = 2;
        return count_up(reader, message, err);
    }
    message->kind = reader->step == 2 ? ETL_MESSAGE_CHECKPOINT : ETL_MESSAGE_END;
    if (reader->step == 2)
        snprintf(reader->state, sizeof(reader->state), "%lld", (long long)reader->next);
    message->state = reader->state;
    message->state_len = strlen(reader->state);
    reader->step = 1;
    return ETL_OK;
}

static void counter_cancel(struct etl_source *source)
{
    (void)source;
}

static void counter_read_close(struct etl_reader *reader)
{
    etl_builder_free(reader->builder);
    free(reader);
}

static void counter_close(struct etl_source *source)
{
    etl_settings_free(counter_settings_table, ETL_SETTINGS_COUNT(counter_settings_table), &source->settings);
    free(source);
}

const struct etl_plugin *etl_plugin_v1(void)
{
    static char schema[2048];
    static const struct etl_source_ops ops = {.struct_size = sizeof(ops),
                                              .open = counter_open,
                                              .check = counter_check,
                                              .discover = counter_discover,
                                              .read_open = counter_read_open,
                                              .read_next = counter_read_next,
                                              .cancel = counter_cancel,
                                              .read_close = counter_read_close,
                                              .close = counter_close};
    static const struct etl_connector connector = {.struct_size = sizeof(connector),
                                                   .role = ETL_ROLE_SOURCE,
                                                   .id = "counter",
                                                   .summary = "counts",
                                                   .config_schema = schema,
                                                   .state_version = 1,
                                                   .source = &ops};
    static const struct etl_connector *const connectors[] = {&connector, NULL};
    static const struct etl_plugin plugin = {.struct_size = sizeof(plugin),
                                             .magic = ETL_PLUGIN_MAGIC,
                                             .abi_minor_built = ETL_ABI_MINOR,
                                             .name = "counter",
                                             .version = "1",
                                             .vendor = "a third party",
                                             .license = "0BSD",
                                             .connectors = connectors};
    etl_settings_schema(counter_settings_table, ETL_SETTINGS_COUNT(counter_settings_table), schema, sizeof(schema));
    return &plugin;
}
