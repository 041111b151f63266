/* The JSON Schema of pipeline files: what `etlhost config-schema` prints and what pipeline_read checks by. */
#ifndef CORE_CONFIG_PIPELINE_SCHEMA_H
#define CORE_CONFIG_PIPELINE_SCHEMA_H

extern const char pipeline_schema_text[];

#endif
