/* Configuration text of any bytes: no crash, and what is read can be checked against the pipeline schema, redacted and written again. */
#include "core/config/settings.h"

#include <stdint.h>
#include <stdlib.h>

#include "core/config/pipeline_schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char empty[1];
    struct etl_error err;
    json_t *value = NULL, *resolved = NULL;
    etl_error_init(&err);
    if (size > 65536)
        return 0;
    if (config_read_text("fuzz", size > 0 ? (const char *)data : empty, size, &value, &err) != ETL_OK) {
        if (err.message[0] == '\0')
            abort();
        return 0;
    }
    etl_error_init(&err);
    if (settings_resolve("fuzz", pipeline_schema_text, value, &resolved, &err) == ETL_OK)
        json_decref(resolved);
    else if (err.message[0] == '\0')
        abort();
    json_t *redacted = settings_redact(pipeline_schema_text, value);
    char *text = redacted != NULL ? json_dumps(redacted, JSON_ENCODE_ANY) : NULL;
    if (text == NULL)
        abort();
    free(text);
    json_decref(redacted);
    json_decref(value);
    return 0;
}
