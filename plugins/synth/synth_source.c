/* The source. A stream is read in passes: the first one inserts every key of the slice in order; each revision then updates one run of keys and
 * deletes the run behind it, both starting at a key that the seed gives and going round at the end. A state is the place in a pass:
 * {"v":1,"row":N,"revision":R,"rows":M}, M being the setting, because another one would move the runs. */
#include "plugins/synth/synth.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk/json_reader.h>
#include <etlhost/sdk/json_writer.h>
#include <etlhost/sdk/value_text.h>

#define ROWS_MAX INT64_C(1000000000000)
enum {
    STREAMS_MAX = 1000,
    COLUMNS_MAX = 1000,
    REVISIONS_MAX = 1000000,
    SLICES_MAX = 10000,
    BATCH_DEFAULT = 8192,
    STREAM_NAME_MAX = 200
};

struct etl_source {
    const struct etl_host *host;
    struct synth_settings settings;
    atomic_int cancelled;
};

struct etl_reader {
    struct etl_source *source;
    int64_t stream;
    int64_t first_key, keys; /* of the slice */
    int64_t *selected;       /* indexes for synth_column_at; `columns` holds the same ones */
    struct synth_column *columns;
    int64_t n_selected;
    int64_t batch_rows;
    struct synth_pool *pool;
    int64_t row, revision; /* place in the current pass */
    bool has_schema, has_extra, checkpoint_due;
    char state[160], cursor[96];
};

const char *synth_source_schema(void)
{
    static char text[4096]; /* global: filled with the same bytes every time */

    return etl_settings_schema(synth_settings_table, ETL_SETTINGS_COUNT(synth_settings_table), text, sizeof text);
}

/* ---- instance ---- */

static etl_status check_range(const char *name, int64_t value, int64_t min, int64_t max, struct etl_error *err)
{
    if (value >= min && value <= max)
        return ETL_OK;
    return etl_fail(err, ETL_CONFIG, "setting %s is %lld; it must be between %lld and %lld", name, (long long)value,
                    (long long)min, (long long)max);
}

static etl_status check_settings(const struct synth_settings *settings, struct etl_error *err)
{
    etl_status status = ETL_OK;
    ETL_TRY(check_range("streams", settings->streams, 1, STREAMS_MAX, err));
    ETL_TRY(check_range("rows", settings->rows, 0, ROWS_MAX, err));
    ETL_TRY(check_range("columns", settings->columns, 1, COLUMNS_MAX, err));
    ETL_TRY(check_range("null_percent", settings->null_percent, 0, 100, err));
    ETL_TRY(check_range("revision", settings->revision, 0, REVISIONS_MAX, err));
    ETL_TRY(check_range("updates_percent", settings->updates_percent, 0, 100, err));
    ETL_TRY(check_range("deletes_percent", settings->deletes_percent, 0, 100, err));
    if (strlen(settings->stream) > STREAM_NAME_MAX)
        ETL_TRY(etl_fail(err, ETL_CONFIG, "setting stream is longer than %d bytes", (int)STREAM_NAME_MAX));
    if (settings->updates_percent + settings->deletes_percent > 100)
        status = etl_fail(err, ETL_CONFIG, "updates_percent and deletes_percent exceed 100 together");
out:
    return status;
}

static etl_status synth_open(const struct etl_host *host, const char *config, size_t length,
                             struct etl_source **ret_source, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct etl_source *source = calloc(1, sizeof *source);
    if (!source)
        return etl_fail_memory(err);
    source->host = host;
    atomic_init(&source->cancelled, 0);
    ETL_TRY(etl_settings_parse(synth_settings_table, ETL_SETTINGS_COUNT(synth_settings_table), &source->settings,
                               config, length, err));
    status = check_settings(&source->settings, err);
    if (status == ETL_OK)
        *ret_source = source;
    else
        etl_settings_free(synth_settings_table, ETL_SETTINGS_COUNT(synth_settings_table), &source->settings);
out:
    if (status != ETL_OK)
        free(source);
    return status;
}

static etl_status synth_check(struct etl_source *source, struct etl_error *err)
{
    (void)source;
    (void)err;
    return ETL_OK;
}

static void synth_cancel(struct etl_source *source)
{
    atomic_store(&source->cancelled, 1);
}

static void synth_close(struct etl_source *source)
{
    etl_settings_free(synth_settings_table, ETL_SETTINGS_COUNT(synth_settings_table), &source->settings);
    free(source);
}

/* ---- streams ---- */

enum { NAME_MAX_BYTES = 256 };

static void stream_name(const struct synth_settings *settings, int64_t stream, char *name)
{
    if (*settings->stream && settings->streams == 1)
        snprintf(name, NAME_MAX_BYTES, "%s", settings->stream);
    else
        snprintf(name, NAME_MAX_BYTES, "%s_%lld", *settings->stream ? settings->stream : "synth",
                 (long long)stream + 1);
}

/* Base columns, then the extra one, then the operation column; only those in the list of `n` indexes. */
static etl_status build_schema(const struct synth_settings *settings, const int64_t *selected, int64_t n,
                               bool with_extra, struct ArrowSchema *ret_schema, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowSchema root = {0};
    ETL_TRY(etl_schema_init_struct(&root, "", err));
    for (int64_t i = 0; i < n; i++) {
        struct synth_column column = synth_column_at(settings, 0, selected[i]);
        if (column.is_extra && !with_extra)
            continue;
        ETL_TRY(synth_add_column(&root, settings, selected[i], err));
        if (column.kind == SYNTH_OP)
            ETL_TRY(etl_schema_set_metadata(&root, ETL_META_OP_COLUMN, root.children[root.n_children - 1]->name, err));
    }
    etl_schema_move(&root, ret_schema);
out:
    etl_schema_release(&root);
    return status;
}

static int64_t column_count(const struct synth_settings *settings)
{
    return settings->columns + 1 + (settings->deletes_percent > 0);
}

/* Indexes of all columns of the stream; without schema_change_at there is no extra one. */
static etl_status all_columns(const struct synth_settings *settings, int64_t **ret_selected, int64_t *ret_count,
                              struct etl_error *err)
{
    int64_t count = 0, *selected = calloc((size_t)column_count(settings), sizeof *selected);
    if (!selected)
        return etl_fail_memory(err);
    for (int64_t i = 0; i < column_count(settings); i++) {
        if (i != settings->columns || settings->schema_change_at > 0)
            selected[count++] = i;
    }
    *ret_selected = selected;
    *ret_count = count;
    return ETL_OK;
}

static etl_status emit_one(const struct synth_settings *settings, const char *name, etl_emit_stream emit, void *arg,
                           struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowSchema schema = {0};
    struct etl_buffer text = {0};
    int64_t *selected = NULL, count = 0;
    ETL_TRY(all_columns(settings, &selected, &count, err));
    ETL_TRY(build_schema(settings, selected, count, false, &schema, err));
    etl_buffer_add_text(&text, "{\"name\":");
    etl_json_add_string(&text, name, strlen(name));
    etl_buffer_add_format(&text,
                          ",\"primary_key\":[\"id\"],\"incremental\":true,\"deletes\":%s,\"estimated_rows\":%lld}",
                          settings->deletes_percent ? "true" : "false", (long long)settings->rows);
    if (!etl_buffer_text(&text))
        ETL_TRY(etl_fail_memory(err));
    status = emit(arg, text.data, text.length, &schema);
    schema.release = NULL; /* the host's, whatever it returned */
out:
    etl_schema_release(&schema);
    etl_buffer_fini(&text);
    free(selected);
    return status;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

static etl_status synth_discover(struct etl_source *source, etl_emit_stream emit, void *arg, struct etl_error *err)
{
    etl_status status = ETL_OK;
    size_t count = (size_t)source->settings.streams;
    char(*names)[NAME_MAX_BYTES] = calloc(count, sizeof *names);
    if (!names)
        return etl_fail_memory(err);
    for (size_t i = 0; i < count; i++)
        stream_name(&source->settings, (int64_t)i, names[i]);
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 0; i < count; i++)
        ETL_TRY(emit_one(&source->settings, names[i], emit, arg, err));
out:
    free(names);
    return status;
}

static etl_status find_stream(const struct synth_settings *settings, const char *stream, int64_t *ret_index,
                              struct etl_error *err)
{
    char name[NAME_MAX_BYTES];
    for (int64_t i = 0; i < settings->streams; i++) {
        stream_name(settings, i, name);
        if (strcmp(name, stream) == 0) {
            *ret_index = i;
            return ETL_OK;
        }
    }
    return etl_fail(err, ETL_NOT_FOUND, "there is no stream %s", stream);
}

static etl_status synth_plan_slices(struct etl_source *source, const char *stream, uint32_t wanted, uint32_t flags,
                                    etl_emit_slice emit, void *arg, struct etl_error *err)
{
    etl_status status = ETL_OK;
    int64_t index = 0;
    char slice[32];
    (void)flags;
    ETL_TRY(find_stream(&source->settings, stream, &index, err));
    if (wanted < 2 || source->settings.rows < (int64_t)wanted)
        return ETL_OK;
    if (wanted > SLICES_MAX)
        wanted = SLICES_MAX;
    for (uint32_t i = 1; i <= wanted; i++) {
        int length = snprintf(slice, sizeof slice, "part:%u/%u", (unsigned)i, (unsigned)wanted);
        ETL_TRY(emit(arg, slice, (size_t)length));
    }
out:
    return status;
}

/* ---- opening a reader ---- */

static etl_status find_slice(struct etl_reader *reader, const char *slice, struct etl_error *err)
{
    const char *slash = strchr(slice, '/');
    int64_t rows = reader->source->settings.rows, part = 1, parts = 1;
    if (*slice &&
        (strncmp(slice, "part:", 5) != 0 || !slash || !etl_parse_int64(slice + 5, (size_t)(slash - slice - 5), &part) ||
         !etl_parse_int64(slash + 1, strlen(slash + 1), &parts) || parts < 1 || parts > SLICES_MAX || part < 1 ||
         part > parts))
        return etl_fail(err, ETL_NOT_FOUND, "there is no slice %s; slices are named part:1/4", slice);
    reader->first_key = rows * (part - 1) / parts;
    reader->keys = rows * part / parts - reader->first_key;
    return ETL_OK;
}

static bool find_number(const struct etl_read_request *request, const char *key, int64_t *ret_value)
{
    struct etl_bytes raw = {0};
    return etl_json_find(request->state, request->state_len, key, &raw) &&
           etl_parse_int64(raw.data, raw.length, ret_value);
}

/* Rows that a pass emits: all keys, or the runs of updates and deletes. */
static int64_t updates_of(const struct etl_reader *reader)
{
    return reader->keys * reader->source->settings.updates_percent / 100;
}

static int64_t pass_rows(const struct etl_reader *reader, int64_t revision)
{
    if (revision == 0)
        return reader->keys;
    return updates_of(reader) + reader->keys * reader->source->settings.deletes_percent / 100;
}

static etl_status resume(struct etl_reader *reader, const struct etl_read_request *request, struct etl_error *err)
{
    const struct synth_settings *settings = &reader->source->settings;
    int64_t version = 0, rows = 0;
    if (!request->state)
        return ETL_OK;
    if (!find_number(request, "v", &version) || version != 1 || !find_number(request, "row", &reader->row) ||
        !find_number(request, "revision", &reader->revision) || !find_number(request, "rows", &rows) ||
        reader->row < 0 || reader->revision < 0)
        return etl_fail(err, ETL_STATE_INVALID, "the saved state is not one of this source");
    bool may_grow = !*request->slice && reader->revision == 0 && rows <= settings->rows;
    if (rows != settings->rows && !may_grow)
        return etl_fail(err, ETL_STATE_INVALID, "setting rows is %lld and was %lld when the saved state was made",
                        (long long)settings->rows, (long long)rows);
    if (reader->row > pass_rows(reader, reader->revision))
        return etl_fail(err, ETL_STATE_INVALID,
                        "the saved state is at row %lld of a pass of %lld: were the settings changed?",
                        (long long)reader->row, (long long)pass_rows(reader, reader->revision));
    return ETL_OK;
}

static bool is_wanted(const struct etl_read_request *request, const char *name)
{
    for (const char *const *wanted = request->columns; wanted && *wanted; wanted++) {
        if (strcmp(*wanted, name) == 0)
            return true;
    }
    return !request->columns;
}

/* Drops the columns that nobody needs. */
static etl_status select_columns(struct etl_reader *reader, const struct etl_read_request *request,
                                 struct etl_error *err)
{
    etl_status status = ETL_OK;
    const struct synth_settings *settings = &reader->source->settings;
    struct ArrowSchema schema = {0};
    int64_t kept = 0;
    ETL_TRY(all_columns(settings, &reader->selected, &reader->n_selected, err));
    ETL_TRY(build_schema(settings, reader->selected, reader->n_selected, true, &schema, err));
    reader->columns = calloc((size_t)reader->n_selected, sizeof *reader->columns);
    if (!reader->columns)
        ETL_TRY(etl_fail_memory(err));
    for (int64_t i = 0; i < reader->n_selected; i++) {
        struct synth_column column = synth_column_at(settings, reader->stream, reader->selected[i]);
        if (column.kind != SYNTH_OP && !is_wanted(request, schema.children[i]->name))
            continue;
        reader->selected[kept] = reader->selected[i];
        reader->columns[kept++] = column;
    }
    reader->n_selected = kept;
out:
    etl_schema_release(&schema);
    return status;
}

/* Chooses the size of batches and makes the memory for them. */
static etl_status make_pool(struct etl_reader *reader, const struct etl_read_request *request, struct etl_error *err)
{
    enum { BLOCK_VALUE_BYTES = 12 };
    struct synth_pool_plan plan = {.n_columns = reader->n_selected};
    const struct synth_settings *settings = &reader->source->settings;
    uint64_t rows = request->batch_rows_hint ? request->batch_rows_hint : BATCH_DEFAULT, row_bytes = 1;
    uint32_t kinds = 0;
    for (int64_t i = 0; i < reader->n_selected; i++) {
        enum synth_kind kind = reader->columns[i].kind;
        kinds |= UINT32_C(1) << kind;
        row_bytes += synth_width(kind) ? synth_width(kind) : BLOCK_VALUE_BYTES;
        plan.n_nested += kind == SYNTH_ADDRESS ? 2 : kind == SYNTH_ITEMS ? 1 : 0;
    }
    if (request->batch_bytes_hint && rows > request->batch_bytes_hint / row_bytes)
        rows = request->batch_bytes_hint / row_bytes;
    reader->batch_rows = rows < 1 ? 1 : rows > SYNTH_BATCH_MAX ? SYNTH_BATCH_MAX : (int64_t)rows;
    for (int64_t i = 0; i < reader->n_selected; i++)
        plan.data_bytes += ((size_t)reader->batch_rows + 8) * synth_width(reader->columns[i].kind) + 64;
    return synth_pool_new(&plan, kinds, synth_mix((uint64_t)settings->seed ^ (uint64_t)reader->stream),
                          settings->null_percent, &reader->pool, err);
}

static void synth_read_close(struct etl_reader *reader)
{
    synth_pool_close(reader->pool);
    free(reader->selected);
    free(reader->columns);
    free(reader);
}

static etl_status synth_read_open(struct etl_source *source, const struct etl_read_request *request,
                                  struct etl_reader **ret_reader, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct etl_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return etl_fail_memory(err);
    reader->source = source;
    ETL_TRY(find_stream(&source->settings, request->stream, &reader->stream, err));
    ETL_TRY(find_slice(reader, request->slice, err));
    ETL_TRY(resume(reader, request, err));
    ETL_TRY(select_columns(reader, request, err));
    ETL_TRY(make_pool(reader, request, err));
    *ret_reader = reader;
    reader = NULL;
out:
    if (reader)
        synth_read_close(reader);
    return status;
}

/* ---- reading ---- */

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The next rows that make one batch: consecutive keys with one operation and one schema. count 0 = none are left. */
static struct synth_rows next_rows(struct etl_reader *reader)
{
    const struct synth_settings *settings = &reader->source->settings;
    struct synth_rows rows = {.operation = ETL_OP_INSERT};
    while (reader->row >= pass_rows(reader, reader->revision)) {
        if (reader->revision >= settings->revision) {
            rows.first_key = reader->first_key + reader->row;
            rows.revision = reader->revision;
            return rows;
        }
        reader->revision++;
        reader->row = 0;
    }
    int64_t left = pass_rows(reader, reader->revision) - reader->row, at = reader->row;
    if (reader->revision > 0) {
        uint64_t salt = synth_mix((uint64_t)settings->seed ^ (uint64_t)reader->stream << 32);
        uint64_t start = synth_mix(salt ^ (uint64_t)reader->revision) % (uint64_t)reader->keys;
        bool is_update = at < updates_of(reader);
        rows.operation = is_update ? ETL_OP_UPSERT : ETL_OP_DELETE;
        left = is_update ? updates_of(reader) - at : left;
        at = (at + (int64_t)start) % reader->keys;
        left = smaller(left, reader->keys - at);
    }
    rows.first_key = reader->first_key + at;
    rows.revision = reader->revision;
    rows.count = smaller(left, reader->batch_rows);
    if (reader->revision == 0 && rows.first_key < settings->schema_change_at)
        rows.count = smaller(rows.count, settings->schema_change_at - rows.first_key);
    return rows;
}

static bool needs_extra(const struct etl_reader *reader, const struct synth_rows *rows)
{
    int64_t change = reader->source->settings.schema_change_at;
    return change > 0 && (rows->revision > 0 || rows->first_key >= change);
}

static etl_status send_schema(struct etl_reader *reader, bool with_extra, struct etl_message *message,
                              struct etl_error *err)
{
    etl_status status = ETL_OK;
    ETL_TRY(build_schema(&reader->source->settings, reader->selected, reader->n_selected, with_extra, &message->schema,
                         err));
    message->kind = ETL_MESSAGE_SCHEMA;
    reader->has_schema = true;
    reader->has_extra = with_extra;
out:
    return status;
}

static etl_status send_batch(struct etl_reader *reader, const struct synth_rows *rows, struct etl_message *message,
                             struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct synth_column *columns = reader->columns, *without = NULL;
    int64_t n = reader->n_selected;
    if (!reader->has_extra && reader->source->settings.schema_change_at > 0) {
        columns = without = calloc((size_t)n, sizeof *without);
        if (!without)
            return etl_fail_memory(err);
        n = 0;
        for (int64_t i = 0; i < reader->n_selected; i++) {
            if (!reader->columns[i].is_extra)
                columns[n++] = reader->columns[i];
        }
    }
    ETL_TRY(synth_generate(reader->pool, columns, n, rows, &message->batch, err));
    message->kind = ETL_MESSAGE_BATCH;
    message->flags = rows->operation;
    reader->row += rows->count;
    reader->checkpoint_due = true;
out:
    free(without);
    return status;
}

static void send_checkpoint(struct etl_reader *reader, struct etl_message *message)
{
    long long row = reader->row, revision = reader->revision, of = pass_rows(reader, reader->revision);
    int length = snprintf(reader->state, sizeof reader->state, "{\"v\":1,\"row\":%lld,\"revision\":%lld,\"rows\":%lld}",
                          row, revision, (long long)reader->source->settings.rows);
    snprintf(reader->cursor, sizeof reader->cursor, "revision %lld, row %lld of %lld", revision, row, of);
    message->kind = ETL_MESSAGE_CHECKPOINT;
    message->state = reader->state;
    message->state_len = (uint64_t)length;
    message->cursor = reader->cursor;
    reader->checkpoint_due = false;
}

static etl_status synth_read_next(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    if (atomic_load_explicit(&reader->source->cancelled, memory_order_relaxed))
        return etl_fail(err, ETL_CANCELLED, "stopped on request");
    if (reader->checkpoint_due) {
        send_checkpoint(reader, message);
        return ETL_OK;
    }
    struct synth_rows rows = next_rows(reader);
    if (!reader->has_schema || (rows.count > 0 && needs_extra(reader, &rows) != reader->has_extra))
        return send_schema(reader, needs_extra(reader, &rows), message, err);
    if (rows.count > 0)
        return send_batch(reader, &rows, message, err);
    message->kind = ETL_MESSAGE_END;
    return ETL_OK;
}

const struct etl_source_ops synth_source_ops = {
    .struct_size = sizeof(struct etl_source_ops),
    .open = synth_open,
    .check = synth_check,
    .discover = synth_discover,
    .plan_slices = synth_plan_slices,
    .read_open = synth_read_open,
    .read_next = synth_read_next,
    .cancel = synth_cancel,
    .read_close = synth_read_close,
    .close = synth_close,
};
