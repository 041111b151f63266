/* The source's instance: settings, check, discovery, sampling. Streams are groups of files by name; everything here works on lists of
 * files that are expanded anew at each call, so that files may come and go while a run is going on. */
#include "plugins/jsonl/jsonl_source.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define RECORD_SIZE_LIMIT (INT64_C(1) << 30)

const char *jsonl_source_schema(void)
{
    static char text[4096];
    return etl_settings_schema(jsonl_source_settings_table, ETL_SETTINGS_COUNT(jsonl_source_settings_table), text,
                               sizeof(text));
}

static void source_close(struct etl_source *source)
{
    if (!source)
        return;
    etl_settings_free(jsonl_source_settings_table, ETL_SETTINGS_COUNT(jsonl_source_settings_table), &source->settings);
    free(source);
}

static etl_status source_open(const struct etl_host *host, const char *config, size_t length,
                              struct etl_source **ret_source, struct etl_error *err)
{
    struct etl_source *source = calloc(1, sizeof(*source));
    etl_status status = ETL_OK;

    if (!source)
        return etl_fail_memory(err);
    source->host = host;
    status = etl_settings_parse(jsonl_source_settings_table, ETL_SETTINGS_COUNT(jsonl_source_settings_table),
                                &source->settings, config, length, err);
    if (status != ETL_OK) {
        free(source);
        return status;
    }
    if (source->settings.record_size_max < 1 || source->settings.record_size_max > RECORD_SIZE_LIMIT)
        ETL_TRY(etl_fail(err, ETL_CONFIG, "setting record_size_max: must be between 1 byte and 1 GiB"));
    if (source->settings.depth_max < 1 || source->settings.depth_max > 32)
        ETL_TRY(etl_fail(err, ETL_CONFIG, "setting depth_max: must be between 1 and 32"));
    *ret_source = source;
    source = NULL;
out:
    source_close(source);
    return status;
}

static void source_cancel(struct etl_source *source)
{
    atomic_store(&source->is_cancelled, 1);
}

int32_t jsonl_is_stopped(void *arg)
{
    struct etl_source *source = arg;
    return atomic_load(&source->is_cancelled) || (source->host && source->host->cancelled(source->host));
}

const char *jsonl_stream_filter(const struct etl_source *source, const char *stream)
{
    return *source->settings.stream ? NULL : stream;
}

etl_status jsonl_new_shredder(const struct etl_source *source, struct etl_shredder **ret_shredder,
                              struct etl_error *err)
{
    struct etl_shredder_options options = {.depth_max = (uint32_t)source->settings.depth_max,
                                           .all_text = !source->settings.infer};
    return etl_shredder_new(&options, ret_shredder, err);
}

/* ---- check ---- */

static etl_status source_check(struct etl_source *source, struct etl_error *err)
{
    struct etl_input_files *files = NULL;
    char block[512];
    bool found = false;
    size_t length = 0;
    etl_status status = ETL_OK;

    ETL_TRY(
        etl_input_files_open(source->host, source->settings.path, source->settings.compression, NULL, 0, &files, err));
    etl_input_files_set_stop(files, jsonl_is_stopped, source);
    if (strcmp(source->settings.path, "-") == 0)
        goto out;
    for (size_t i = 0; etl_input_files_list(files)[i]; i++) {
        struct stat info;
        if (stat(etl_input_files_list(files)[i], &info) == 0 && !S_ISREG(info.st_mode))
            goto out; /* what is read from a pipe would be missing later */
    }
    ETL_TRY(etl_input_files_next(files, &found, err));
    if (found)
        ETL_TRY(etl_input_files_read(files, block, sizeof(block), &length, err));
out:
    etl_input_files_close(files);
    return status;
}

/* ---- sampling ---- */

static bool all_regular(const struct etl_input_files *files)
{
    const char *const *list = etl_input_files_list(files);

    for (size_t i = 0; list[i]; i++) {
        struct stat info;
        if (stat(list[i], &info) != 0 || !S_ISREG(info.st_mode))
            return false;
    }
    return true;
}

/* Observes the records of the current file until `wanted` have been seen in all. */
static etl_status sample_file(struct jsonl_lines *lines, struct etl_shredder *shredder, uint64_t wanted,
                              uint64_t *observed, struct etl_error *err)
{
    struct jsonl_line line;
    etl_status status = ETL_OK;

    jsonl_lines_start(lines);
    while (*observed < wanted) {
        status = jsonl_lines_next(lines, 1000, &line, err);
        if (status != ETL_OK || line.kind == JSONL_END_OF_FILE)
            return status;
        if (line.kind != JSONL_LINE)
            continue;
        status = etl_shredder_observe_json(shredder, line.text.data, line.text.length, err);
        if (status != ETL_OK && status != ETL_DATA)
            return status;
        *observed += status == ETL_OK;
    }
    return ETL_OK;
}

etl_status jsonl_sample(struct etl_source *source, const char *stream, const char *state, size_t state_len,
                        struct etl_shredder *shredder, uint64_t *ret_observed, struct etl_error *err)
{
    struct etl_input_files *files = NULL;
    struct jsonl_lines lines;
    uint64_t observed = 0, wanted = (uint64_t)source->settings.sample_rows;
    bool found = false;
    etl_status status = ETL_OK;

    jsonl_lines_init(&lines, NULL, (size_t)source->settings.record_size_max);
    /* Without the host: the reader will give the warnings. */
    ETL_TRY(etl_input_files_open_stream(NULL, source->settings.path, jsonl_stream_filter(source, stream),
                                        source->settings.compression, state, state_len, &files, err));
    etl_input_files_set_stop(files, jsonl_is_stopped, source);
    lines.files = files;
    if (strcmp(source->settings.path, "-") != 0 && all_regular(files)) {
        ETL_TRY(etl_input_files_next(files, &found, err));
        while (found && observed < wanted) {
            ETL_TRY(sample_file(&lines, shredder, wanted, &observed, err));
            ETL_TRY(etl_input_files_next(files, &found, err));
        }
    }
    *ret_observed = observed;
out:
    jsonl_lines_fini(&lines);
    etl_input_files_close(files);
    return status;
}

/* ---- discovery ---- */

struct emission {
    etl_emit_stream emit;
    void *arg;
};

/* A stream that cannot be read is listed with the reason; only what stops everything is an error of discovery. */
static bool is_listed(etl_status status)
{
    return status != ETL_OK && status != ETL_CANCELLED && status != ETL_NOMEM && status != ETL_INTERNAL;
}

static etl_status emit_one(struct etl_source *source, const char *stream, const struct emission *emission,
                           struct etl_error *err)
{
    struct etl_shredder *shredder = NULL;
    struct ArrowSchema schema = {0};
    struct etl_buffer text = {0};
    uint64_t observed = 0;
    etl_status status = ETL_OK, sampled = ETL_OK;

    ETL_TRY(jsonl_new_shredder(source, &shredder, err));
    sampled = jsonl_sample(source, stream, NULL, 0, shredder, &observed, err);
    if (sampled != ETL_OK && !is_listed(sampled))
        ETL_TRY(sampled);
    etl_buffer_add_text(&text, "{\"name\":");
    etl_json_add_string(&text, stream, strlen(stream));
    if (sampled != ETL_OK) {
        etl_buffer_add_text(&text, ",\"error\":");
        etl_json_add_string(&text, err->message, strlen(err->message));
    } else {
        etl_buffer_add_text(&text, ",\"incremental\":true"); /* what comes through a pipe is new, too */
    }
    etl_buffer_add_text(&text, "}");
    if (text.failed)
        ETL_TRY(etl_fail_memory(err));
    if (observed && sampled == ETL_OK)
        ETL_TRY(etl_shredder_schema(shredder, &schema, err));
    else
        ETL_TRY(etl_schema_init_struct(&schema, "", err));
    ETL_TRY(emission->emit(emission->arg, text.data, text.length, &schema));
out:
    etl_schema_release(&schema);
    etl_buffer_fini(&text);
    etl_shredder_free(shredder);
    return status;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static etl_status emit_groups(struct etl_source *source, const char *const *list, const struct emission *emission,
                              struct etl_error *err)
{
    size_t count = 0, named = 0;
    char **names = NULL;
    etl_status status = ETL_OK;

    while (list[count])
        count++;
    names = calloc(count ? count : 1, sizeof(*names));
    if (!names)
        return etl_fail_memory(err);
    for (; named < count; named++) {
        names[named] = etl_stream_name_from_path(list[named]);
        if (!names[named])
            ETL_TRY(etl_fail_memory(err));
    }
    qsort(names, count, sizeof(*names), compare_names);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
            ETL_TRY(emit_one(source, names[i], emission, err));
out:
    for (size_t i = 0; i < named; i++)
        free(names[i]);
    free(names);
    return status;
}

static etl_status source_discover(struct etl_source *source, etl_emit_stream emit, void *arg, struct etl_error *err)
{
    struct etl_input_files *files = NULL;
    struct emission emission = {.emit = emit, .arg = arg};
    etl_status status = ETL_OK;

    ETL_TRY(
        etl_input_files_open(source->host, source->settings.path, source->settings.compression, NULL, 0, &files, err));
    if (*source->settings.stream)
        ETL_TRY(emit_one(source, source->settings.stream, &emission, err));
    else
        ETL_TRY(emit_groups(source, etl_input_files_list(files), &emission, err));
out:
    etl_input_files_close(files);
    return status;
}

const struct etl_source_ops jsonl_source_ops = {
    .struct_size = sizeof(struct etl_source_ops),
    .open = source_open,
    .check = source_check,
    .discover = source_discover,
    .read_open = jsonl_read_open,
    .read_next = jsonl_read_next,
    .cancel = source_cancel,
    .read_close = jsonl_read_close,
    .close = source_close,
};
