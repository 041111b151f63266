/* Whatever comes in: a record that has been observed fits afterwards, a batch that is handed out is valid, and schemas only grow. The
 * first byte chooses options; the rest is lines of JSON, or of cells when the second bit is set. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk.h>

#define COLUMNS 4

static void check(bool condition)
{
    if (!condition)
        abort();
}

struct run {
    struct etl_shredder *shredder;
    struct ArrowSchema schema;
    bool has_cells;
};

static size_t split(const char *line, size_t length, struct etl_bytes *cells)
{
    size_t count = 0, from = 0;
    for (size_t i = 0; i <= length && count < COLUMNS + 1; i++) {
        if (i < length && line[i] != ',')
            continue;
        cells[count++] = (struct etl_bytes){i == from ? NULL : line + from, i - from};
        from = i + 1;
    }
    return count;
}

static etl_status observe(struct run *run, const char *line, size_t length)
{
    struct etl_bytes cells[COLUMNS + 1];
    if (!run->has_cells)
        return etl_shredder_observe_json(run->shredder, line, length, NULL);
    return etl_shredder_observe_cells(run->shredder, cells, split(line, length, cells), NULL);
}

static etl_status append(struct run *run, const char *line, size_t length, bool *ret_fits)
{
    struct etl_bytes cells[COLUMNS + 1];
    if (!run->has_cells)
        return etl_shredder_append_json(run->shredder, line, length, ret_fits, NULL);
    return etl_shredder_append_cells(run->shredder, cells, split(line, length, cells), ret_fits, NULL);
}

/* Hands out the rows and checks them. */
static void hand_out(struct run *run)
{
    struct ArrowArray batch;
    struct etl_view view;
    check(etl_shredder_finish(run->shredder, &batch, NULL) == ETL_OK);
    check(etl_view_init(&view, &run->schema, NULL) == ETL_OK);
    check(etl_view_validate(&view, &batch, true, NULL) == ETL_OK);
    etl_view_fini(&view);
    etl_array_release(&batch);
}

static void renew_schema(struct run *run)
{
    struct ArrowSchema fresh;
    check(etl_shredder_schema(run->shredder, &fresh, NULL) == ETL_OK);
    check(etl_schema_validate(&fresh, NULL) == ETL_OK);
    for (int64_t i = 0; run->schema.release && i < run->schema.n_children; i++)
        check(i < fresh.n_children && strcmp(run->schema.children[i]->name, fresh.children[i]->name) == 0);
    etl_schema_release(&run->schema);
    run->schema = fresh;
}

static void take_line(struct run *run, const char *line, size_t length)
{
    bool fits = false;
    int64_t rows = etl_shredder_rows(run->shredder);
    if (append(run, line, length, &fits) != ETL_OK || !fits) {
        check(etl_shredder_rows(run->shredder) == rows);
        hand_out(run);
        if (observe(run, line, length) != ETL_OK)
            return;
        renew_schema(run);
        check(append(run, line, length, &fits) == ETL_OK && fits);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[COLUMNS] = {"a", "b", "", "d"};
    uint8_t flags = size ? data[0] : 0;
    struct etl_shredder_options options = {
        .all_text = flags & 4, .keep_untyped = flags & 8, .depth_max = flags >> 4 & 3, .struct_fields_max = flags >> 6};
    struct run run = {.has_cells = flags & 2};
    const char *line = (const char *)data + 1, *end = (const char *)data + size;
    check(etl_shredder_new(&options, &run.shredder, NULL) == ETL_OK);
    if (run.has_cells)
        check(etl_shredder_set_columns(run.shredder, names, COLUMNS, NULL) == ETL_OK);
    if (size > 1 && flags & 1) { /* the first line is a sample */
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        observe(&run, line, (size_t)((stop ? stop : end) - line));
    }
    renew_schema(&run);
    while (line < end) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop)
            stop = end;
        take_line(&run, line, (size_t)(stop - line));
        line = stop + 1;
    }
    hand_out(&run);
    etl_schema_release(&run.schema);
    etl_shredder_free(run.shredder);
    return 0;
}
