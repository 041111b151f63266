/* Settings of a connector from arbitrary bytes: accepted or refused with a message, and nothing leaks. */
#include <etlhost/sdk/config.h>

#include <stdint.h>
#include <stdlib.h>

#define FUZZ_SETTINGS(S)                                                                                               \
    S(TEXT, path, ETL_SETTING_REQUIRED, "", "", "Path")                                                                \
    S(CHOICE, mode, 0, "\"a\"", "\"a\",\"b\"", "Mode")                                                                 \
    S(FLAG, flag, 0, "false", "", "Flag")                                                                              \
    S(COUNT, count, 0, "1", "", "Count")                                                                               \
    S(BYTES, bytes, 0, "1", "", "Bytes")                                                                               \
    S(SECONDS, wait, ETL_SETTING_SECRET, "1", "", "Wait")                                                              \
    S(LIST, list, 0, "[\"x\"]", "", "List")                                                                            \
    S(JSON, extra, 0, "{}", "", "Extra")
ETL_SETTINGS(fuzz_settings, FUZZ_SETTINGS);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_settings settings;
    struct etl_error err;
    const size_t count = ETL_SETTINGS_COUNT(fuzz_settings_table);

    etl_error_init(&err);
    if (etl_settings_parse(fuzz_settings_table, count, &settings, (const char *)data, size, &err) != ETL_OK) {
        if (!err.message[0] || settings.path || settings.list)
            abort();
        return 0;
    }
    if (!settings.path[0] || !settings.mode || !settings.extra || settings.count < 0 || settings.bytes < 0 ||
        settings.wait < 0)
        abort();
    etl_settings_free(fuzz_settings_table, count, &settings);
    return 0;
}
