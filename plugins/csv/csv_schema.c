/* The types that have been found, as they are kept in the state: [["id","l"],["amount","d:12,2"]]. */
#include <stdlib.h>
#include <string.h>

#include "plugins/csv/csv.h"

void csv_schema_print(const struct ArrowSchema *schema, struct etl_buffer *buffer)
{
    etl_buffer_add_text(buffer, "[");
    for (int64_t i = 0; i < schema->n_children; i++) {
        const struct ArrowSchema *column = schema->children[i];
        etl_buffer_add_text(buffer, i == 0 ? "[" : ",[");
        etl_json_add_string(buffer, column->name, strlen(column->name));
        etl_buffer_add_text(buffer, ",");
        etl_json_add_string(buffer, column->format, strlen(column->format));
        etl_buffer_add_text(buffer, "]");
    }
    etl_buffer_add_text(buffer, "]");
}

static etl_status fail_columns(struct etl_error *err)
{
    return etl_fail(err, ETL_STATE_INVALID, "the saved state has malformed columns: ask for a full refresh");
}

static char *take_text(struct etl_json *json)
{
    if (etl_json_next(json) != ETL_JSON_STRING)
        return NULL;
    struct etl_bytes text = etl_json_text(json);
    return memchr(text.data, '\0', text.length) ? NULL : strndup(text.data, text.length);
}

static etl_status parse_column(struct etl_json *json, struct ArrowSchema *schema, struct etl_error *err)
{
    etl_status status = ETL_OK;
    char *name = take_text(json), *format = take_text(json);
    if (!name || !format || etl_json_next(json) != ETL_JSON_END_ARRAY)
        status = fail_columns(err);
    else if (etl_schema_add_column(schema, name, format, NULL, err) != ETL_OK)
        status = fail_columns(err);
    free(name);
    free(format);
    return status;
}

etl_status csv_schema_parse(struct etl_bytes json, struct ArrowSchema *ret_schema, struct etl_error *err)
{
    struct ArrowSchema schema = {.release = NULL};
    struct etl_json reader;
    etl_json_init(&reader, json.data, json.length, 0);
    etl_status status = etl_schema_init_struct(&schema, "", err);
    if (status != ETL_OK)
        goto out;
    enum etl_json_token token = etl_json_next(&reader);
    if (token == ETL_JSON_BEGIN_ARRAY) {
        while ((token = etl_json_next(&reader)) == ETL_JSON_BEGIN_ARRAY)
            ETL_TRY(parse_column(&reader, &schema, err));
    } else {
        token = ETL_JSON_ERROR;
    }
    if (token != ETL_JSON_END_ARRAY || etl_schema_validate(&schema, err) != ETL_OK) {
        status = fail_columns(err);
        goto out;
    }
    etl_schema_move(&schema, ret_schema);
out:
    etl_json_fini(&reader);
    etl_schema_release(&schema);
    return status;
}
