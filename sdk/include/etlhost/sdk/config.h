/* Settings of a connector, declared once: one table gives the JSON Schema, the parsing and the help.
 *
 *     #define CSV_SOURCE_SETTINGS(S)                                                                             \
 *         S(TEXT,   path,      ETL_SETTING_REQUIRED, "", "", "File, glob, or - for standard input")               \
 *         S(CHOICE, ragged,    0, "\"error\"", "\"error\",\"pad\"", "What to do with a row of another length")    \
 *         S(BYTES,  part_size, 0, "67108864", "", "Start a new file after this many bytes")
 *     ETL_SETTINGS(csv_source_settings, CSV_SOURCE_SETTINGS);
 *
 * declares `struct csv_source_settings` and the table `csv_source_settings_table`; ETL_SETTINGS_COUNT gives its length.
 *
 * Kinds and their field types: TEXT, CHOICE char * (never NULL; "" when unset); FLAG bool; COUNT int64_t (not negative);
 * BYTES int64_t (the host also accepts "64 MiB"); SECONDS double (the host also accepts "5m"); LIST char ** (NULL-terminated, never
 * NULL); JSON char * (raw JSON text of an object, "" when unset).
 * Columns: kind, name, flags, default as JSON text ("" = none), CHOICE: the values as JSON strings, help.
 */
#ifndef ETL_SDK_CONFIG_H
#define ETL_SDK_CONFIG_H

#include <etlhost/sdk/error.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    ETL_SETTING_REQUIRED = 1,
    ETL_SETTING_SECRET = 2 /* "writeOnly": true; the host never shows its value */
};

enum etl_setting_kind {
    ETL_SETTING_TEXT,
    ETL_SETTING_CHOICE,
    ETL_SETTING_FLAG,
    ETL_SETTING_COUNT,
    ETL_SETTING_BYTES,
    ETL_SETTING_SECONDS,
    ETL_SETTING_LIST,
    ETL_SETTING_JSON
};

struct etl_setting {
    const char *name;
    enum etl_setting_kind kind;
    uint32_t flags;
    size_t offset;
    const char *default_json;
    const char *choices;
    const char *help;
};

/* Fills `settings` (a struct made by ETL_SETTINGS) from JSON text; zeroes it first. Unknown keys, wrong types, values
 * outside the choices and missing required settings are ETL_CONFIG with the setting's name. Owned strings are freed by
 * etl_settings_free; on failure nothing is left to free. */
etl_status etl_settings_parse(const struct etl_setting *table, size_t count, void *settings, const char *json,
                              size_t length, struct etl_error *err);
void etl_settings_free(const struct etl_setting *table, size_t count, void *settings);

/* Writes the JSON Schema of the table (object, properties in table order, required, additionalProperties false, writeOnly for
 * secrets, default, enum, description, format "bytes"|"seconds") into `buffer` and returns it. For a static buffer that etl_plugin_v1
 * fills before it returns its descriptor: deterministic, repeatable, no allocation. If `size` is too small the text is cut and
 * the host refuses the plugin, so a test notices. */
const char *etl_settings_schema(const struct etl_setting *table, size_t count, char *buffer, size_t size);

/* ---- table macros ---- */
#define ETL_SETTING_TYPE_TEXT                                              char *
#define ETL_SETTING_TYPE_CHOICE                                            char *
#define ETL_SETTING_TYPE_FLAG                                              bool
#define ETL_SETTING_TYPE_COUNT                                             int64_t
#define ETL_SETTING_TYPE_BYTES                                             int64_t
#define ETL_SETTING_TYPE_SECONDS                                           double
#define ETL_SETTING_TYPE_LIST                                              char **
#define ETL_SETTING_TYPE_JSON                                              char *
#define ETL_SETTING_FIELD_(kind, name, flags, default_json, choices, help) ETL_SETTING_TYPE_##kind name;
#define ETL_SETTING_ROW_(kind, name, flags, default_json, choices, help)                                               \
    {#name, ETL_SETTING_##kind, flags, offsetof(ETL_SETTING_OWNER_, name), default_json, choices, help},
#define ETL_SETTINGS(type, LIST)                                                                                       \
    struct type {                                                                                                      \
        LIST(ETL_SETTING_FIELD_)                                                                                       \
    };                                                                                                                 \
    typedef struct type ETL_SETTING_OWNER_;                                                                            \
    static const struct etl_setting type##_table[] = {LIST(ETL_SETTING_ROW_)}
#define ETL_SETTINGS_COUNT(table) (sizeof(table) / sizeof((table)[0]))

#ifdef __cplusplus
}
#endif

#endif
