/* What the files of this plugin share. */
#ifndef PLUGINS_CSV_CSV_H
#define PLUGINS_CSV_CSV_H

#include <etlhost/sdk.h>

/* One byte that can separate cells, "tab" or "\t"; *ret_byte 0 for "" when that is allowed. */
etl_status csv_parse_byte(const char *setting, const char *text, bool may_be_empty, char *ret_byte,
                          struct etl_error *err);

/* JSON Schema of the settings. */
const char *csv_source_schema(void);
const char *csv_dest_schema(void);
extern const struct etl_source_ops csv_source_ops;
extern const struct etl_dest_ops csv_dest_ops;

#endif
