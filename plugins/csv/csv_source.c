/* The CSV source: settings, check, and discovery of the streams that the names of the files give. */
#include <stdlib.h>
#include <string.h>

#include "plugins/csv/csv_sample.h"
#include "plugins/csv/csv_text.h"

static const size_t setting_count = ETL_SETTINGS_COUNT(csv_source_settings_table);

const char *csv_source_schema(void)
{
    static char text[8192]; /* filled with the same bytes by every call */
    return etl_settings_schema(csv_source_settings_table, setting_count, text, sizeof text);
}

/* ---- settings ---- */

etl_status csv_parse_byte(const char *setting, const char *text, bool may_be_empty, char *ret_byte,
                          struct etl_error *err)
{
    if (strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0) {
        *ret_byte = '\t';
        return ETL_OK;
    }
    bool is_ok = *text == '\0' ? may_be_empty : text[1] == '\0';
    if (!is_ok || *text == '\n' || *text == '\r' || (unsigned char)*text >= 0x80)
        return etl_fail(err, ETL_CONFIG, "%s must be one ASCII character%s", setting,
                        may_be_empty ? ", or empty" : ", or \"tab\"");
    *ret_byte = *text;
    return ETL_OK;
}

static enum csv_encoding encoding_of(const char *name)
{
    if (strcmp(name, "latin1") == 0)
        return CSV_LATIN1;
    if (strcmp(name, "windows-1252") == 0)
        return CSV_WINDOWS_1252;
    return strcmp(name, "utf-16") == 0 ? CSV_UTF16 : CSV_UTF8;
}

etl_status csv_format_init(struct csv_format *format, const char *config, size_t length, struct etl_error *err)
{
    *format = (struct csv_format){.is_plain_null = false};
    struct csv_source_settings *settings = &format->settings;
    etl_status status = etl_settings_parse(csv_source_settings_table, setting_count, settings, config, length, err);
    if (status != ETL_OK)
        return status;
    ETL_TRY(csv_parse_byte("delimiter", settings->delimiter, false, &format->dialect.delimiter, err));
    ETL_TRY(csv_parse_byte("quote", settings->quote, true, &format->dialect.quote, err));
    if (format->dialect.quote == format->dialect.delimiter) {
        status = etl_fail(err, ETL_CONFIG, "delimiter and quote must be different characters");
        goto out;
    }
    if (settings->header && settings->names[0]) {
        status = etl_fail(err, ETL_CONFIG, "names is for files without header: set header to false");
        goto out;
    }
    if (settings->record_size_max < 1024 || settings->record_size_max > (int64_t)1024 * 1024 * 1024) {
        status = etl_fail(err, ETL_CONFIG, "record_size_max must be between 1 KiB and 1 GiB");
        goto out;
    }
    format->encoding = encoding_of(settings->encoding);
    format->is_plain_null =
        !settings->trim && settings->null_values[0] && !*settings->null_values[0] && !settings->null_values[1];
out:
    if (status != ETL_OK)
        csv_format_fini(format);
    return status;
}

void csv_format_fini(struct csv_format *format)
{
    etl_settings_free(csv_source_settings_table, setting_count, &format->settings);
    *format = (struct csv_format){.is_plain_null = false};
}

static etl_status source_open(const struct etl_host *host, const char *config, size_t length,
                              struct etl_source **ret_source, struct etl_error *err)
{
    struct etl_source *source = calloc(1, sizeof *source);
    if (!source)
        return etl_fail_memory(err);
    source->host = host;
    atomic_init(&source->is_cancelled, 0);
    etl_status status = csv_format_init(&source->format, config, length, err);
    if (status != ETL_OK) {
        free(source);
        return status;
    }
    *ret_source = source;
    return ETL_OK;
}

static void source_close(struct etl_source *source)
{
    csv_input_close(source->standard_input);
    csv_format_fini(&source->format);
    free(source);
}

static void source_cancel(struct etl_source *source)
{
    atomic_store_explicit(&source->is_cancelled, 1, memory_order_relaxed);
}

/* ---- check and discovery ---- */

static bool is_standard_input(const struct etl_source *source)
{
    return strcmp(source->format.settings.path, "-") == 0;
}

static etl_status source_check(struct etl_source *source, struct etl_error *err)
{
    struct csv_input *input = NULL;
    bool found = false;
    if (is_standard_input(source))
        return ETL_OK;
    etl_status status = csv_input_open(NULL, &source->format, NULL, NULL, 0, &input, err);
    if (status == ETL_OK) {
        csv_watch(source, input);
        status = csv_input_next_file(input, &found, err);
    }
    csv_input_close(input);
    return status;
}

/* Opens the files of a stream and fills a shredder with a sample. Standard input is kept for the reader. */
static etl_status sample_stream(struct etl_source *source, const char *filter, struct ArrowSchema *ret_schema,
                                struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct csv_input *input = NULL;
    struct etl_shredder *shredder = NULL;
    bool found = false, waits = true, is_pipe = is_standard_input(source);
    ETL_TRY(csv_shredder_new(&source->format, &shredder, err));
    /* Without host: warnings come when records are read. What is read now of a pipe is read only now. */
    ETL_TRY(csv_input_open(is_pipe ? source->host : NULL, &source->format, filter, NULL, 0, &input, err));
    csv_watch(source, input);
    ETL_TRY(csv_input_next_file(input, &found, err));
    if (found && is_pipe)
        csv_input_hold(input);
    while (found && waits)
        ETL_TRY(csv_sample(input, &source->format, is_pipe, 1000, shredder, &waits, err));
    if (found && is_pipe)
        csv_input_rewind(input);
    ETL_TRY(etl_shredder_schema(shredder, ret_schema, err));
    if (is_pipe) {
        source->standard_input = input;
        input = NULL;
    }
out:
    csv_input_close(input);
    etl_shredder_free(shredder);
    return status;
}

static etl_status emit_stream(struct etl_source *source, const char *name, const char *filter, etl_emit_stream emit,
                              void *arg, struct etl_error *err)
{
    struct etl_buffer json = {0};
    struct ArrowSchema schema = {.release = NULL};
    etl_status status = source->standard_input ? etl_fail(err, ETL_UNSUPPORTED, "standard input has been read already")
                                               : sample_stream(source, filter, &schema, err);
    if (status == ETL_CANCELLED || status == ETL_NOMEM)
        return status;
    etl_buffer_add_text(&json, "{\"name\":");
    etl_json_add_string(&json, name, strlen(name));
    etl_buffer_add_text(&json, ",\"incremental\":true"); /* standard input, too, brings only what is new */
    if (status != ETL_OK) {
        etl_buffer_add_text(&json, ",\"error\":");
        etl_json_add_string(&json, err->message, strlen(err->message));
        status = etl_schema_init_struct(&schema, "", err);
    }
    etl_buffer_add_text(&json, "}");
    if (status == ETL_OK && json.failed)
        status = etl_fail_memory(err);
    if (status == ETL_OK)
        status = emit(arg, json.data, json.length, &schema);
    else
        etl_schema_release(&schema);
    etl_buffer_fini(&json);
    return status;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The different stream names of the files, sorted. The files are listed in the order of their paths, which need not be that. */
static etl_status list_streams(const char *const *paths, char ***ret_names, size_t *ret_count, struct etl_error *err)
{
    size_t count = 0, unique = 0;
    while (paths[count])
        count++;
    char **names = calloc(count + 1, sizeof *names);
    if (!names)
        return etl_fail_memory(err);
    for (size_t i = 0; i < count; i++) {
        names[i] = etl_stream_name_from_path(paths[i]);
        if (!names[i]) {
            for (size_t j = 0; j < i; j++)
                free(names[j]);
            free(names);
            return etl_fail_memory(err);
        }
    }
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 0; i < count; i++) {
        if (unique > 0 && strcmp(names[unique - 1], names[i]) == 0)
            free(names[i]);
        else
            names[unique++] = names[i];
    }
    *ret_names = names;
    *ret_count = unique;
    return ETL_OK;
}

static etl_status discover_files(struct etl_source *source, etl_emit_stream emit, void *arg, struct etl_error *err)
{
    struct etl_input_files *files = NULL;
    char **names = NULL;
    size_t count = 0;
    etl_status status = etl_input_files_open(source->host, source->format.settings.path,
                                             source->format.settings.compression, NULL, 0, &files, err);
    if (status == ETL_OK)
        status = list_streams(etl_input_files_list(files), &names, &count, err);
    etl_input_files_close(files);
    for (size_t i = 0; status == ETL_OK && i < count; i++)
        status = emit_stream(source, names[i], names[i], emit, arg, err);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return status;
}

static etl_status source_discover(struct etl_source *source, etl_emit_stream emit, void *arg, struct etl_error *err)
{
    if (*source->format.settings.stream)
        return emit_stream(source, source->format.settings.stream, NULL, emit, arg, err);
    return discover_files(source, emit, arg, err);
}

const struct etl_source_ops csv_source_ops = {
    .struct_size = sizeof(struct etl_source_ops),
    .open = source_open,
    .check = source_check,
    .discover = source_discover,
    .read_open = csv_read_open,
    .read_next = csv_read_next,
    .cancel = source_cancel,
    .read_close = csv_read_close,
    .close = source_close,
};
