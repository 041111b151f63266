/* The descriptor of the CSV connectors. */
#include "config.h"

#include "plugins/csv/csv.h"

static struct etl_connector source = {
    .struct_size = sizeof(struct etl_connector),
    .role = ETL_ROLE_SOURCE,
    .id = "csv",
    .summary = "CSV files, read incrementally",
    .caps = ETL_CAP_PARALLEL,
    .state_version = 1,
    .source = &csv_source_ops,
};

static struct etl_connector dest = {
    .struct_size = sizeof(struct etl_connector),
    .role = ETL_ROLE_DEST,
    .id = "csv",
    .summary = "CSV files in a folder, with exact commits",
    .caps = ETL_CAP_GENERATIONS | ETL_CAP_ATOMIC | ETL_CAP_PARALLEL | ETL_CAP_EVOLVES,
    .dest = &csv_dest_ops,
};

static const struct etl_connector *const connectors[] = {&source, &dest, NULL};

static const struct etl_plugin plugin = {
    .struct_size = sizeof(struct etl_plugin),
    .magic = ETL_PLUGIN_MAGIC,
    .abi_minor_built = ETL_ABI_MINOR,
    .abi_minor_required = 0,
    .name = "csv",
    .version = PACKAGE_VERSION,
    .vendor = "etlhost",
    .license = "Apache-2.0",
    .connectors = connectors,
};

const struct etl_plugin *ETL_CALL etl_plugin_v1(void)
{
    source.config_schema = csv_source_schema();
    dest.config_schema = csv_dest_schema();
    return &plugin;
}
