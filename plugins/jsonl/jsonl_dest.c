/* The destination: each row becomes one line, lines are gathered in a buffer and handed to the output files, which know about
 * commits. The text in front of each value (`,"name":`) is made once per schema; the comma of the first one in a row turns
 * into the opening brace. Rows are only ever added: keys mean nothing to a file. */
#include "plugins/jsonl/jsonl.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk/output_files.h>

#define FLUSH_BYTES (256 * 1024)
#define LINE_LIMIT  ((size_t)1 << 30) /* of the buffer: a single row cannot take all memory */

#define JSONL_DEST_SETTINGS(S)                                                                                         \
    S(TEXT, path, ETL_SETTING_REQUIRED, "", "", "Directory, or - for standard output")                                 \
    S(CHOICE, compression, 0, "\"none\"", "\"none\",\"gzip\",\"zstd\"", "Compression of the files")                    \
    S(BYTES, part_size, 0, "268435456", "", "Start a new file after this many uncompressed bytes; 0 = never")          \
    S(FLAG, include_nulls, 0, "true", "", "Write NULL columns as null; false leaves them out")
ETL_SETTINGS(jsonl_dest_settings, JSONL_DEST_SETTINGS);

struct etl_dest {
    const struct etl_host *host;
    struct jsonl_dest_settings settings;
    struct etl_output_options options;
    char *look; /* the state that explain() found */
    atomic_int is_cancelled;
};

/* One column that is written. */
struct column {
    const struct etl_view *view;
    size_t prefix_at, prefix_length; /* in `prefixes` */
};

struct etl_writer {
    struct etl_dest *dest;
    struct etl_output_files *files;
    struct ArrowSchema schema; /* own copy, which the view borrows */
    struct etl_view view;
    bool has_view;
    struct column *columns;
    size_t column_count;
    struct etl_buffer prefixes;
    struct etl_buffer lines;
    size_t flush_bytes;
};

const char *jsonl_dest_schema(void)
{
    static char text[2048];
    return etl_settings_schema(jsonl_dest_settings_table, ETL_SETTINGS_COUNT(jsonl_dest_settings_table), text,
                               sizeof(text));
}

/* ---- instance ---- */

static void dest_close(struct etl_dest *dest)
{
    if (!dest)
        return;
    etl_settings_free(jsonl_dest_settings_table, ETL_SETTINGS_COUNT(jsonl_dest_settings_table), &dest->settings);
    free(dest->look);
    free(dest);
}

static etl_status dest_open(const struct etl_host *host, const char *config, size_t length, struct etl_dest **ret_dest,
                            struct etl_error *err)
{
    struct etl_dest *dest = calloc(1, sizeof(*dest));
    etl_status status = ETL_OK;

    if (!dest)
        return etl_fail_memory(err);
    status = etl_settings_parse(jsonl_dest_settings_table, ETL_SETTINGS_COUNT(jsonl_dest_settings_table),
                                &dest->settings, config, length, err);
    if (status != ETL_OK) {
        free(dest);
        return status;
    }
    dest->host = host;
    dest->options.path = dest->settings.path;
    dest->options.suffix = ".jsonl";
    dest->options.compression = dest->settings.compression;
    dest->options.part_size_bytes = dest->settings.part_size;
    *ret_dest = dest;
    return ETL_OK;
}

static etl_status dest_check(struct etl_dest *dest, struct etl_error *err)
{
    return etl_output_files_check(&dest->options, err);
}

static void dest_cancel(struct etl_dest *dest)
{
    atomic_store(&dest->is_cancelled, 1);
}

static etl_status check_plan(const struct etl_write_plan *plan, struct etl_error *err)
{
    if (plan->mode != ETL_MODE_APPEND && plan->mode != ETL_MODE_OVERWRITE)
        return etl_fail(err, ETL_UNSUPPORTED,
                        "JSON lines files cannot be updated: use the mode append or overwrite for stream %s",
                        plan->stream);
    return ETL_OK;
}

static etl_status dest_explain(struct etl_dest *dest, const struct etl_write_plan *plan,
                               const struct ArrowSchema *schema, etl_emit_text emit, void *arg,
                               struct etl_recovery *recovery, struct etl_error *err)
{
    struct etl_buffer text = {0};
    etl_status status = ETL_OK;

    ETL_TRY(check_plan(plan, err));
    ETL_TRY(etl_schema_validate(schema, err));
    if (!dest->look)
        dest->look = malloc(ETL_STATE_MAX_BYTES);
    if (!dest->look)
        ETL_TRY(etl_fail_memory(err));
    ETL_TRY(etl_output_files_look(&dest->options, plan, dest->look, recovery, err));
    if (strcmp(dest->settings.path, "-") == 0)
        etl_buffer_add_text(&text, "write JSON lines to standard output");
    else
        etl_buffer_add_format(&text, "write JSON lines to new files of \"%s\" in directory %s%s", plan->target,
                              dest->settings.path,
                              plan->mode == ETL_MODE_OVERWRITE ? ", which replace its older files at the end" : "");
    if (text.failed)
        ETL_TRY(etl_fail_memory(err));
    ETL_TRY(emit(arg, text.data, text.length));
out:
    etl_buffer_fini(&text);
    return status;
}

/* ---- writer ---- */

static void forget_schema(struct etl_writer *writer)
{
    if (writer->has_view)
        etl_view_fini(&writer->view);
    writer->has_view = false;
    etl_schema_release(&writer->schema);
    free(writer->columns);
    writer->columns = NULL;
    writer->column_count = 0;
    etl_buffer_reset(&writer->prefixes);
}

static void dest_end(struct etl_writer *writer)
{
    if (!writer)
        return;
    forget_schema(writer);
    etl_buffer_fini(&writer->prefixes);
    etl_buffer_fini(&writer->lines);
    etl_output_files_end(writer->files);
    free(writer);
}

static etl_status dest_begin(struct etl_dest *dest, const struct etl_write_plan *plan, struct etl_writer **ret_writer,
                             struct etl_recovery *recovery, struct etl_error *err)
{
    struct etl_writer *writer = NULL;
    etl_status status = ETL_OK;

    ETL_TRY(check_plan(plan, err));
    writer = calloc(1, sizeof(*writer));
    if (!writer)
        ETL_TRY(etl_fail_memory(err));
    writer->dest = dest;
    writer->lines.limit = LINE_LIMIT;
    writer->flush_bytes = FLUSH_BYTES;
    if (dest->settings.part_size > 0 && dest->settings.part_size < FLUSH_BYTES)
        writer->flush_bytes = (size_t)dest->settings.part_size;
    ETL_TRY(etl_output_files_begin(dest->host, &dest->options, plan, &writer->files, recovery, err));
    *ret_writer = writer;
    writer = NULL;
out:
    dest_end(writer);
    return status;
}

static etl_status dest_set_schema(struct etl_writer *writer, const struct ArrowSchema *schema, struct etl_error *err)
{
    struct etl_view *view = &writer->view;
    etl_status status = ETL_OK;

    forget_schema(writer);
    ETL_TRY(etl_schema_copy(schema, &writer->schema, err));
    ETL_TRY(etl_view_init(view, &writer->schema, err));
    writer->has_view = true;
    writer->columns = calloc((size_t)view->n_children + 1, sizeof(*writer->columns));
    if (!writer->columns)
        ETL_TRY(etl_fail_memory(err));
    for (int64_t i = 0; i < view->n_children; i++) {
        struct column *column = &writer->columns[writer->column_count];
        const char *name = view->children[i].name;
        if (i == view->op_column)
            continue;
        column->view = &view->children[i];
        column->prefix_at = writer->prefixes.length;
        etl_buffer_add(&writer->prefixes, ",", 1);
        etl_json_add_string(&writer->prefixes, name, strlen(name));
        etl_buffer_add(&writer->prefixes, ":", 1);
        column->prefix_length = writer->prefixes.length - column->prefix_at;
        writer->column_count++;
    }
    if (writer->prefixes.failed)
        ETL_TRY(etl_fail_memory(err));
out:
    if (status != ETL_OK)
        forget_schema(writer);
    return status;
}

static void add_line(struct etl_writer *writer, int64_t row)
{
    struct etl_buffer *lines = &writer->lines;
    const char *prefixes = writer->prefixes.data;
    bool include_nulls = writer->dest->settings.include_nulls;
    size_t start = lines->length;

    for (const struct column *column = writer->columns; column < writer->columns + writer->column_count; column++) {
        if (!include_nulls && etl_view_is_null(column->view, row))
            continue;
        etl_buffer_add(lines, prefixes + column->prefix_at, column->prefix_length);
        etl_json_add_cell(lines, column->view, row);
    }
    if (lines->length == start)
        etl_buffer_add(lines, ",", 1);
    etl_buffer_add(lines, "}\n", 2);
    if (!lines->failed)
        lines->data[start] = '{';
}

static etl_status flush(struct etl_writer *writer, struct etl_error *err)
{
    bool is_new = writer->lines.length > 0;
    etl_status status = ETL_OK;

    if (writer->lines.failed) {
        etl_buffer_reset(&writer->lines);
        return etl_fail(err, ETL_NOMEM, "a row does not fit into memory as a line");
    }
    /* A new file needs no header: the same lines again. */
    while (status == ETL_OK && is_new)
        status = etl_output_files_write(writer->files, writer->lines.data, writer->lines.length, &is_new, err);
    etl_buffer_reset(&writer->lines);
    return status;
}

static etl_status dest_write(struct etl_writer *writer, struct ArrowArray *batch, uint64_t flags, struct etl_error *err)
{
    etl_status status = ETL_OK;

    if (!writer->has_view)
        return etl_fail(err, ETL_MISUSE, "write before set_schema");
    etl_view_set(&writer->view, batch);
    for (int64_t row = 0; row < batch->length; row++) {
        if (etl_view_op(&writer->view, flags, row) == ETL_OP_DELETE)
            ETL_TRY(etl_fail(err, ETL_UNSUPPORTED, "JSON lines files cannot delete rows"));
        add_line(writer, row);
        if (writer->lines.length >= writer->flush_bytes || writer->lines.failed) {
            ETL_TRY(flush(writer, err));
            if (atomic_load_explicit(&writer->dest->is_cancelled, memory_order_relaxed))
                ETL_TRY(etl_fail(err, ETL_CANCELLED, "stopped"));
        }
    }
    ETL_TRY(flush(writer, err));
out:
    if (status != ETL_OK)
        etl_buffer_reset(&writer->lines);
    return status;
}

static etl_status dest_commit(struct etl_writer *writer, const struct etl_commit *commit, struct etl_error *err)
{
    return etl_output_files_commit(writer->files, commit, err);
}

static etl_status dest_rollback(struct etl_writer *writer, struct etl_error *err)
{
    return etl_output_files_rollback(writer->files, err);
}

const struct etl_dest_ops jsonl_dest_ops = {
    .struct_size = sizeof(struct etl_dest_ops),
    .open = dest_open,
    .check = dest_check,
    .explain = dest_explain,
    .begin = dest_begin,
    .set_schema = dest_set_schema,
    .write = dest_write,
    .commit = dest_commit,
    .rollback = dest_rollback,
    .cancel = dest_cancel,
    .end = dest_end,
    .close = dest_close,
};
