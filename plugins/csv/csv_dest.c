/* The CSV destination: one folder, files per commit (etlhost/sdk/output_files.h has the protocol). A writer belongs to one thread;
 * writers share nothing but the settings, and standard output, which one of them may hold. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk/output_files.h>

#include "plugins/csv/csv_write.h"

#define CSV_DEST_SETTINGS(S)                                                                                           \
    S(TEXT, path, ETL_SETTING_REQUIRED, "", "", "A folder, or - for standard output")                                  \
    S(TEXT, delimiter, 0, "\",\"", "", "One character between cells; tab for a tab")                                   \
    S(FLAG, quote_all, 0, "false", "", "Put every cell that is not NULL in quotes")                                    \
    S(TEXT, null_text, 0, "\"\"", "", "What NULL is written as, without quotes")                                       \
    S(FLAG, header, 0, "true", "", "Start every file with the names of the columns")                                   \
    S(CHOICE, line_end, 0, "\"lf\"", "\"lf\",\"crlf\"", "End of a line")                                               \
    S(CHOICE, compression, 0, "\"none\"", "\"none\",\"gzip\",\"zstd\"", "Compression")                                 \
    S(BYTES, part_size, 0, "268435456", "", "Start a new file after this many bytes; 0 = never")
ETL_SETTINGS(csv_dest_settings, CSV_DEST_SETTINGS);

static const size_t setting_count = ETL_SETTINGS_COUNT(csv_dest_settings_table);

/* Rows are handed to the file in pieces of about this size. */
#define PIECE_BYTES ((size_t)256 * 1024)

struct etl_dest {
    const struct etl_host *host;
    struct csv_dest_settings settings;
    struct csv_layout layout;
    atomic_int has_standard_output; /* a writer holds it */
    char *state;                    /* that explain lends out */
};

struct etl_writer {
    struct etl_dest *dest;
    struct etl_output_files *files;
    struct csv_row_writer *rows; /* NULL before the first schema */
    struct etl_buffer header, text;
    bool has_standard_output;
    bool has_written; /* something of this generation exists */
};

const char *csv_dest_schema(void)
{
    static char text[4096]; /* filled with the same bytes by every call */
    return etl_settings_schema(csv_dest_settings_table, setting_count, text, sizeof text);
}

/* ---- the destination ---- */

static struct etl_output_options options_of(const struct etl_dest *dest)
{
    return (struct etl_output_options){.path = dest->settings.path,
                                       .suffix = ".csv",
                                       .compression = dest->settings.compression,
                                       .part_size_bytes = dest->settings.part_size};
}

static void dest_close(struct etl_dest *dest)
{
    etl_settings_free(csv_dest_settings_table, setting_count, &dest->settings);
    free(dest->state);
    free(dest);
}

static etl_status check_settings(struct etl_dest *dest, struct etl_error *err)
{
    const struct csv_dest_settings *settings = &dest->settings;
    char delimiter = 0;
    etl_status status = csv_parse_byte("delimiter", settings->delimiter, false, &delimiter, err);
    if (status != ETL_OK)
        return status;
    if (delimiter == '"')
        return etl_fail(err, ETL_CONFIG, "delimiter must not be the quote");
    if (strchr(settings->null_text, delimiter) || strpbrk(settings->null_text, "\"\r\n"))
        return etl_fail(err, ETL_CONFIG, "null_text must not contain the delimiter, quotes or line ends");
    if (!*settings->path)
        return etl_fail(err, ETL_CONFIG, "path is empty: name a folder, or - for standard output");
    dest->layout = (struct csv_layout){.delimiter = delimiter,
                                       .quote_all = settings->quote_all,
                                       .null_text = settings->null_text,
                                       .null_length = strlen(settings->null_text),
                                       .line_end = strcmp(settings->line_end, "crlf") == 0 ? "\r\n" : "\n"};
    return ETL_OK;
}

static etl_status dest_open(const struct etl_host *host, const char *config, size_t length, struct etl_dest **ret_dest,
                            struct etl_error *err)
{
    struct etl_dest *dest = calloc(1, sizeof *dest);
    if (!dest)
        return etl_fail_memory(err);
    dest->host = host;
    atomic_init(&dest->has_standard_output, 0);
    etl_status status =
        etl_settings_parse(csv_dest_settings_table, setting_count, &dest->settings, config, length, err);
    if (status != ETL_OK) {
        free(dest);
        return status;
    }
    status = check_settings(dest, err);
    if (status != ETL_OK) {
        dest_close(dest);
        return status;
    }
    *ret_dest = dest;
    return ETL_OK;
}

static etl_status dest_check(struct etl_dest *dest, struct etl_error *err)
{
    struct etl_output_options options = options_of(dest);
    return etl_output_files_check(&options, err);
}

/* Nothing here waits, except for a lock, and that wait asks the host. */
static void dest_cancel(struct etl_dest *dest)
{
    (void)dest;
}

static etl_status check_plan(const struct etl_write_plan *plan, struct etl_error *err)
{
    if (plan->mode == ETL_MODE_UPSERT)
        return etl_fail(err, ETL_UNSUPPORTED, "csv cannot replace rows of a key: use append or overwrite");
    return ETL_OK;
}

static etl_status dest_explain(struct etl_dest *dest, const struct etl_write_plan *plan,
                               const struct ArrowSchema *schema, etl_emit_text emit, void *arg,
                               struct etl_recovery *recovery, struct etl_error *err)
{
    struct etl_output_options options = options_of(dest);
    struct etl_buffer text = {0};
    (void)schema;
    etl_status status = check_plan(plan, err);
    if (status != ETL_OK)
        return status;
    if (!dest->state)
        dest->state = malloc(ETL_STATE_MAX_BYTES);
    if (!dest->state)
        return etl_fail_memory(err);
    ETL_TRY(etl_output_files_look(&options, plan, dest->state, recovery, err));
    if (strcmp(options.path, "-") == 0)
        etl_buffer_add_text(&text, "write to standard output");
    else
        etl_buffer_add_format(&text, "write files %s-*.csv in %s", plan->target, options.path);
    if (!etl_buffer_text(&text)) {
        status = etl_fail_memory(err);
        goto out;
    }
    status = emit(arg, text.data, text.length);
out:
    etl_buffer_fini(&text);
    return status;
}

/* ---- writers ---- */

static void writer_end(struct etl_writer *writer)
{
    if (!writer)
        return;
    etl_output_files_end(writer->files);
    csv_row_writer_free(writer->rows);
    etl_buffer_fini(&writer->header);
    etl_buffer_fini(&writer->text);
    if (writer->has_standard_output)
        atomic_store(&writer->dest->has_standard_output, 0);
    free(writer);
}

static etl_status dest_begin(struct etl_dest *dest, const struct etl_write_plan *plan, struct etl_writer **ret_writer,
                             struct etl_recovery *recovery, struct etl_error *err)
{
    struct etl_output_options options = options_of(dest);
    etl_status status = check_plan(plan, err);
    if (status != ETL_OK)
        return status;
    struct etl_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return etl_fail_memory(err);
    writer->dest = dest;
    if (strcmp(options.path, "-") == 0) {
        int is_free = 0;
        writer->has_standard_output = atomic_compare_exchange_strong(&dest->has_standard_output, &is_free, 1);
        if (!writer->has_standard_output) {
            status = etl_fail(err, ETL_CONFIG, "standard output takes one stream: select one, or write to a folder");
            goto out;
        }
    }
    ETL_TRY(etl_output_files_begin(dest->host, &options, plan, &writer->files, recovery, err));
    writer->has_written = recovery->found != 0;
    *ret_writer = writer;
    writer = NULL;
out:
    writer_end(writer);
    return status;
}

/* Hands the text to the file, with the header in front when it is a new one. */
static etl_status flush_text(struct etl_writer *writer, bool even_if_empty, struct etl_error *err)
{
    bool is_new = false;
    if (writer->text.failed || writer->header.failed)
        return etl_fail_memory(err);
    if (writer->text.length == 0 && !even_if_empty)
        return ETL_OK;
    const char *text = writer->text.data ? writer->text.data : "";
    etl_status status = etl_output_files_write(writer->files, text, writer->text.length, &is_new, err);
    if (status == ETL_OK && is_new) {
        if (writer->dest->settings.header)
            status = etl_output_files_write(writer->files, writer->header.data, writer->header.length, NULL, err);
        if (status == ETL_OK)
            status = etl_output_files_write(writer->files, text, writer->text.length, &is_new, err);
    }
    etl_buffer_reset(&writer->text);
    writer->has_written = true;
    return status;
}

static etl_status writer_set_schema(struct etl_writer *writer, const struct ArrowSchema *schema, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct csv_row_writer *rows = NULL;
    struct etl_buffer header = {0};
    bool is_other = false;
    ETL_TRY(csv_row_writer_new(&writer->dest->layout, schema, &rows, err));
    csv_write_header(rows, &header);
    if (!etl_buffer_text(&header)) {
        status = etl_fail_memory(err);
        goto out;
    }
    is_other = header.length != writer->header.length || memcmp(header.data, writer->header.data, header.length) != 0;
    if (writer->rows && is_other && writer->has_standard_output && writer->has_written) {
        status = etl_fail(err, ETL_SCHEMA,
                          "the columns have changed while rows were written to standard output: write to a folder");
        goto out;
    }
    if (writer->rows && is_other) {
        ETL_TRY(flush_text(writer, false, err));
        ETL_TRY(etl_output_files_cut(writer->files, err));
    }
    csv_row_writer_free(writer->rows);
    etl_buffer_fini(&writer->header);
    writer->rows = rows;
    writer->header = header;
    rows = NULL;
    header = (struct etl_buffer){0};
out:
    csv_row_writer_free(rows);
    etl_buffer_fini(&header);
    return status;
}

static etl_status writer_write(struct etl_writer *writer, struct ArrowArray *batch, uint64_t flags,
                               struct etl_error *err)
{
    etl_status status = ETL_OK;
    int64_t row = 0;
    if (!writer->rows)
        return etl_fail(err, ETL_MISUSE, "rows before the first schema");
    ETL_TRY(csv_row_writer_set(writer->rows, batch, flags, err));
    while (row < batch->length) {
        row = csv_write_rows(writer->rows, row, PIECE_BYTES, &writer->text);
        if (writer->text.failed) {
            status = etl_fail_memory(err);
            break;
        }
        if (writer->text.length >= PIECE_BYTES)
            ETL_TRY(flush_text(writer, false, err));
    }
out:
    return status;
}

static etl_status writer_commit(struct etl_writer *writer, const struct etl_commit *commit, struct etl_error *err)
{
    /* A full load of nothing is still a table with columns. */
    bool is_empty =
        (commit->flags & ETL_COMMIT_FINAL) && !writer->has_written && writer->rows && writer->dest->settings.header;
    etl_status status = flush_text(writer, is_empty, err);
    return status == ETL_OK ? etl_output_files_commit(writer->files, commit, err) : status;
}

static etl_status writer_rollback(struct etl_writer *writer, struct etl_error *err)
{
    etl_buffer_reset(&writer->text);
    return etl_output_files_rollback(writer->files, err);
}

const struct etl_dest_ops csv_dest_ops = {
    .struct_size = sizeof(struct etl_dest_ops),
    .open = dest_open,
    .check = dest_check,
    .explain = dest_explain,
    .begin = dest_begin,
    .set_schema = writer_set_schema,
    .write = writer_write,
    .commit = writer_commit,
    .rollback = writer_rollback,
    .cancel = dest_cancel,
    .end = writer_end,
    .close = dest_close,
};
