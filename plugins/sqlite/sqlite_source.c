/* The SQLite source: instance and settings. Every reader has a connection and a snapshot of its own, so that readers run at the same
 * time; the instance holds none.
 */
#include <stdlib.h>

#include "plugins/sqlite/sqlite_source.h"

const char *sqlite_source_schema(void)
{
    static char text[1024]; /* global: filled with the same bytes every time */

    return etl_settings_schema(sqlite_source_settings_table, ETL_SETTINGS_COUNT(sqlite_source_settings_table), text,
                               sizeof text);
}

etl_status sqlite_source_connect(struct etl_source *source, struct sqlite_db *db, struct etl_error *err)
{
    db->path = source->settings.path;
    db->host = source->host;
    db->cancelled = &source->cancelled;
    db->busy_timeout_ms = (int64_t)(source->settings.busy_timeout * 1000);
    return sqlite_db_open(db, DB_READ, err);
}

static void source_close(struct etl_source *source)
{
    if (!source)
        return;
    etl_settings_free(sqlite_source_settings_table, ETL_SETTINGS_COUNT(sqlite_source_settings_table),
                      &source->settings);
    free(source);
}

static etl_status source_open(const struct etl_host *host, const char *config, size_t length,
                              struct etl_source **ret_source, struct etl_error *err)
{
    struct etl_source *source = calloc(1, sizeof *source);
    etl_status status = ETL_OK;

    if (!source)
        return etl_fail_memory(err);
    source->host = host;
    atomic_init(&source->cancelled, false);
    status = etl_settings_parse(sqlite_source_settings_table, ETL_SETTINGS_COUNT(sqlite_source_settings_table),
                                &source->settings, config, length, err);
    if (status != ETL_OK) {
        source_close(source);
        return status;
    }
    *ret_source = source;
    return ETL_OK;
}

static etl_status source_check(struct etl_source *source, struct etl_error *err)
{
    struct sqlite_db db = {0};
    etl_status status = sqlite_source_connect(source, &db, err);

    sqlite_db_close(&db);
    return status;
}

static void source_cancel(struct etl_source *source)
{
    atomic_store(&source->cancelled, true);
}

const struct etl_source_ops sqlite_source_ops = {
    .struct_size = sizeof(struct etl_source_ops),
    .open = source_open,
    .check = source_check,
    .discover = sqlite_discover,
    .plan_slices = sqlite_plan_slices,
    .read_open = sqlite_read_open,
    .read_next = sqlite_read_next,
    .cancel = source_cancel,
    .read_close = sqlite_read_close,
    .close = source_close,
};
