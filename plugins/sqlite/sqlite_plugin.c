/* The descriptor of the SQLite plugin. */
#include "plugins/sqlite/sqlite.h"

static struct etl_connector source = {
    .struct_size = sizeof(struct etl_connector),
    .role = ETL_ROLE_SOURCE,
    .id = "sqlite",
    .summary = "Tables and views of a SQLite database",
    .caps = ETL_CAP_CURSOR | ETL_CAP_PARALLEL,
    .state_version = 1,
    .source = &sqlite_source_ops,
};

static struct etl_connector dest = {
    .struct_size = sizeof(struct etl_connector),
    .role = ETL_ROLE_DEST,
    .id = "sqlite",
    .summary = "Tables of a SQLite database, committed together with the checkpoint",
    .caps = ETL_CAP_PARALLEL | ETL_CAP_UPSERT | ETL_CAP_GENERATIONS | ETL_CAP_IDEMPOTENT | ETL_CAP_ATOMIC |
            ETL_CAP_FOLDS_NAMES | ETL_CAP_EVOLVES,
    .dest = &sqlite_dest_ops,
};

static const struct etl_connector *const connectors[] = {&source, &dest, NULL};

/* Connections are used from several threads, one at a time. */
static etl_status ETL_CALL load(const struct etl_host *host, struct etl_error *err)
{
    (void)host;
    if (sqlite3_threadsafe())
        return ETL_OK;
    return etl_fail(err, ETL_UNSUPPORTED, "the SQLite library was built without support for threads");
}

static const struct etl_plugin plugin = {
    .struct_size = sizeof(struct etl_plugin),
    .magic = ETL_PLUGIN_MAGIC,
    .abi_minor_built = ETL_ABI_MINOR,
    .abi_minor_required = 0,
    .name = "sqlite",
    .version = PACKAGE_VERSION,
    .vendor = "etlhost",
    .license = "Apache-2.0",
    .connectors = connectors,
    .load = load,
};

const struct etl_plugin *ETL_CALL etl_plugin_v1(void)
{
    source.config_schema = sqlite_source_schema();
    dest.config_schema = sqlite_dest_schema();
    return &plugin;
}
