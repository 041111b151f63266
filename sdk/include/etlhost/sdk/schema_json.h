/* A schema as JSON text, for connectors that keep one in their state:
 *     {"columns":[{"name":"id","format":"l"},{"name":"tags","format":"+l","children":[{"name":"item","format":"u"}]}]}
 * "extension" is there where the column has one. Other metadata and nullability are not kept: every column is nullable. Any thread. */
#ifndef ETL_SDK_SCHEMA_JSON_H
#define ETL_SDK_SCHEMA_JSON_H

#include <etlhost/sdk/json_writer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Appends the text of a root schema. */
void etl_schema_write_json(struct etl_buffer *buffer, const struct ArrowSchema *schema);

/* Reads it back. ETL_DATA when the text is malformed or the schema breaks the rules of etl_schema_validate. */
etl_status etl_schema_read_json(const char *text, size_t length, struct ArrowSchema *ret_schema, struct etl_error *err);

#ifdef __cplusplus
}
#endif

#endif
