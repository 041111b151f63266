/* Settings of a connector instance: from flags and files to the JSON text that open() gets. */
#ifndef CORE_CONFIG_SETTINGS_H
#define CORE_CONFIG_SETTINGS_H

#include <etlhost/sdk/error.h>
#include <jansson.h>

/* Checks `settings` (object) against `schema` (JSON Schema subset: type, properties, required, additionalProperties, enum, default, minimum,
 * maximum, minLength, pattern, items, description, writeOnly, format), fills in defaults, converts strings from the command line to the declared
 * type ("5" -> 5, "true" -> true, "64MiB" with format bytes, "5m" with format seconds, "a,b" for arrays), and resolves ${env:NAME}, ${file:PATH}
 * (without a trailing newline) in strings. Errors name the setting, the value unless secret, the rule, and for an unknown setting the
 * nearest known one. `who` ("source csv") starts every message. */
etl_status settings_resolve(const char *who, const char *schema, const json_t *settings, json_t **ret_settings,
                            struct etl_error *err);

/* A copy in which every writeOnly value and every value that came from ${...} is "***": for logs, reports, plans. */
json_t *settings_redact(const char *schema, const json_t *settings);

/* Collects secret values so that logs can be scrubbed of them: see observe/log.h. Calls add(value) for each. */
void settings_each_secret(const char *schema, const json_t *settings, void (*add)(const char *value));

/* Adds key=value (value as string) to an object; `text` without '=' is ETL_CONFIG. */
etl_status settings_add_option(json_t *settings, const char *text, struct etl_error *err);

/* Reads a JSON or YAML (by content) file into a json value. Errors carry file:line:column. Duplicate keys are errors. YAML scalars follow the core
 * schema; only true/false are booleans. */
etl_status config_read_file(const char *path, json_t **ret_value, struct etl_error *err);
etl_status config_read_text(const char *name, const char *text, size_t length, json_t **ret_value,
                            struct etl_error *err);

/* Plain-text help for a schema, for `etlhost inspect`: one block per setting. The caller frees. */
char *settings_help(const char *schema);

#endif
