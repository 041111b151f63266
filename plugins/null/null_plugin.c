/* The descriptor of the null plugin. */
#include "plugins/null/null_dest.h"

#include "config.h"

static const struct etl_connector dest = {
    .struct_size = sizeof(struct etl_connector),
    .role = ETL_ROLE_DEST,
    .id = "null",
    .summary = "Counts records and discards them",
    .config_schema = "{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}",
    .caps = ETL_CAP_PARALLEL | ETL_CAP_UPSERT | ETL_CAP_GENERATIONS | ETL_CAP_EVOLVES,
    .dest = &null_dest_ops,
};

static const struct etl_connector *const connectors[] = {&dest, NULL};

static const struct etl_plugin plugin = {
    .struct_size = sizeof(struct etl_plugin),
    .magic = ETL_PLUGIN_MAGIC,
    .abi_minor_built = ETL_ABI_MINOR,
    .abi_minor_required = 0,
    .name = "null",
    .version = PACKAGE_VERSION,
    .vendor = "etlhost",
    .license = "Apache-2.0",
    .connectors = connectors,
};

const struct etl_plugin *ETL_CALL etl_plugin_v1(void)
{
    return &plugin;
}
