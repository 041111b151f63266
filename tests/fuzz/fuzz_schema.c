/* Saved schemas from anywhere: refused with a message, or they come back the same and merge with themselves to themselves. */
#include <stdint.h>
#include <stdlib.h>

#include "core/data/fit.h"
#include "core/data/schema_change.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check(const struct ArrowSchema *schema)
{
    struct ArrowSchema back = {0}, merged = {0};
    struct etl_error err;
    struct fit *fit = NULL;
    json_t *json = NULL;
    etl_error_init(&err);
    must(schema_to_json(schema, &json, &err) == ETL_OK);
    must(schema_from_json(json, &back, &err) == ETL_OK);
    must(etl_schema_equal(schema, &back));
    must(schema_merge(schema, &back, &merged, &err) == ETL_OK);
    must(etl_schema_equal(schema, &merged));
    etl_schema_release(&back);
    must(schema_agree(CONTRACT_FREEZE, schema, &merged, &back, &err) == ETL_OK);
    must(fit_new(schema, &merged, &fit, &err) == ETL_OK);
    fit_free(fit);
    json_decref(json);
    etl_schema_release(&back);
    etl_schema_release(&merged);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ArrowSchema schema = {0};
    struct etl_error err;
    json_t *json = json_loadb((const char *)data, size, JSON_ALLOW_NUL, NULL);
    etl_error_init(&err);
    if (json && schema_from_json(json, &schema, &err) == ETL_OK)
        check(&schema);
    else
        must(!json || *err.message);
    etl_schema_release(&schema);
    json_decref(json);
    return 0;
}
