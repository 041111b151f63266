/* The descriptor of the JSON lines plugin. */
#include "config.h"

#include "plugins/jsonl/jsonl.h"

static struct etl_connector source = {
    .struct_size = sizeof(struct etl_connector),
    .role = ETL_ROLE_SOURCE,
    .id = "jsonl",
    .summary = "Files with one JSON object per line",
    .caps = ETL_CAP_PARALLEL,
    .state_version = JSONL_STATE_VERSION,
    .source = &jsonl_source_ops,
};

static struct etl_connector dest = {
    .struct_size = sizeof(struct etl_connector),
    .role = ETL_ROLE_DEST,
    .id = "jsonl",
    .summary = "Files with one JSON object per line, published with exact commits",
    .caps = ETL_CAP_PARALLEL | ETL_CAP_GENERATIONS | ETL_CAP_ATOMIC | ETL_CAP_EVOLVES,
    .dest = &jsonl_dest_ops,
};

static const struct etl_connector *const connectors[] = {&source, &dest, NULL};

static const struct etl_plugin plugin = {
    .struct_size = sizeof(struct etl_plugin),
    .magic = ETL_PLUGIN_MAGIC,
    .abi_minor_built = ETL_ABI_MINOR,
    .abi_minor_required = 0,
    .name = "jsonl",
    .version = PACKAGE_VERSION,
    .vendor = "etlhost",
    .license = "Apache-2.0",
    .connectors = connectors,
};

const struct etl_plugin *ETL_CALL etl_plugin_v1(void)
{
    source.config_schema = jsonl_source_schema();
    dest.config_schema = jsonl_dest_schema();
    return &plugin;
}
