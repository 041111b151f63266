/* The descriptor of the synth plugin. */
#include "plugins/synth/synth.h"

#include "config.h"

static struct etl_connector source = {
    .struct_size = sizeof(struct etl_connector),
    .role = ETL_ROLE_SOURCE,
    .id = "synth",
    .summary = "Generated records, the same for the same settings",
    .caps = ETL_CAP_DELETES | ETL_CAP_PARALLEL,
    .state_version = 1,
    .source = &synth_source_ops,
};

static const struct etl_connector *const connectors[] = {&source, NULL};

static const struct etl_plugin plugin = {
    .struct_size = sizeof(struct etl_plugin),
    .magic = ETL_PLUGIN_MAGIC,
    .abi_minor_built = ETL_ABI_MINOR,
    .abi_minor_required = 0,
    .name = "synth",
    .version = PACKAGE_VERSION,
    .vendor = "etlhost",
    .license = "Apache-2.0",
    .connectors = connectors,
};

const struct etl_plugin *ETL_CALL etl_plugin_v1(void)
{
    source.config_schema = synth_source_schema();
    return &plugin;
}
