/* Types from a sample: used by discover, and by a reader before its first record. */
#include "plugins/csv/csv_sample.h"

etl_status csv_shredder_new(const struct csv_format *format, struct etl_shredder **ret_shredder, struct etl_error *err)
{
    struct etl_shredder_options options = {.all_text = !format->settings.infer, .keep_untyped = true};
    return etl_shredder_new(&options, ret_shredder, err);
}

etl_status csv_set_columns(struct csv_input *input, struct etl_shredder *shredder, struct etl_error *err)
{
    size_t count = 0;
    const char *const *names = csv_input_names(input, &count);
    return etl_shredder_set_columns(shredder, names, count, err);
}

static int32_t is_stopped(void *arg)
{
    const struct etl_source *source = arg;
    return atomic_load_explicit(&((struct etl_source *)(uintptr_t)source)->is_cancelled, memory_order_relaxed) ||
           source->host->cancelled(source->host);
}

void csv_watch(struct etl_source *source, struct csv_input *input)
{
    etl_input_files_set_stop(csv_input_files(input), is_stopped, source);
}

static etl_status observe(struct csv_input *input, const struct etl_bytes *cells, struct etl_shredder *shredder,
                          struct etl_error *err)
{
    size_t count = 0;
    (void)csv_input_names(input, &count);
    etl_status status = etl_shredder_observe_cells(shredder, cells, count, err);
    return status == ETL_DATA ? ETL_OK : status;
}

static etl_status next_file(struct csv_input *input, struct etl_shredder *shredder, bool *ret_found,
                            struct etl_error *err)
{
    etl_status status = csv_input_next_file(input, ret_found, err);
    if (status == ETL_OK && *ret_found)
        status = csv_set_columns(input, shredder, err);
    return status;
}

etl_status csv_sample(struct csv_input *input, const struct csv_format *format, bool one_file, uint32_t wait_ms,
                      struct etl_shredder *shredder, bool *ret_waits, struct etl_error *err)
{
    etl_status status = ETL_OK;
    int64_t rows = 0;
    uint64_t bytes = 0;
    bool has_file = true;
    *ret_waits = false;
    ETL_TRY(csv_set_columns(input, shredder, err));
    while (rows < format->settings.sample_rows && bytes < CSV_SAMPLE_BYTES &&
           (!one_file || csv_input_can_hold_more(input))) {
        enum csv_found found = CSV_FOUND_END;
        const struct etl_bytes *cells = NULL;
        ETL_TRY(csv_input_record(input, wait_ms, &found, &cells, err));
        if (found == CSV_FOUND_NOTHING) {
            *ret_waits = rows == 0;
            break;
        }
        if (found == CSV_FOUND_END) {
            has_file = false;
            if (!one_file)
                ETL_TRY(next_file(input, shredder, &has_file, err));
            if (!has_file)
                break;
            continue;
        }
        if (found == CSV_FOUND_RECORD) {
            ETL_TRY(observe(input, cells, shredder, err));
            rows++;
        }
        if (one_file && !csv_input_can_hold_more(input))
            break; /* the record is too long to be held, so it is not passed over yet */
        bytes += csv_input_raw(input).length;
        ETL_TRY(csv_input_consume(input, err));
    }
out:
    return status;
}
