/* Values against a JSON Schema (the subset of settings.h), with conversion to the declared types, defaults and references. */
#ifndef CORE_CONFIG_SCHEMA_CHECK_H
#define CORE_CONFIG_SCHEMA_CHECK_H

#include "core/config/reader.h"

#include <stdbool.h>

#define SCHEMA_PATH_MAX 256

struct schema_check {
    const char *who;             /* starts every message: "source csv", or the name of a file */
    const char *noun;            /* "setting" or "key" */
    const struct places *places; /* NULL = no lines */
    char path[SCHEMA_PATH_MAX];  /* of the value at hand: "streams.orders.mode" */
    bool is_closed;              /* an object that declares nothing takes nothing; cleared below the top */
    struct etl_error *err;
};

/* A new value: checked, converted, with defaults filled in. `parent`, `key` and `index` say where `value` stands, for the line. Values under the schema
 * keyword "x-unresolved" keep their references. */
etl_status schema_check_value(struct schema_check *check, const json_t *schema, const json_t *parent, const char *key,
                              size_t index, const json_t *value, json_t **ret_value);
/* The schema of one member of an object: from properties, else additionalProperties if that is a schema, else NULL. */
const json_t *schema_check_member(const json_t *schema, const char *key);
bool schema_check_is_secret(const json_t *schema);

#endif
