#include <etlhost/sdk/config.h>

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <jansson.h>

#define EXAMPLE_SETTINGS(S)                                                                                            \
    S(TEXT, path, ETL_SETTING_REQUIRED, "", "", "File, \"glob\" or \\ -")                                              \
    S(TEXT, password, ETL_SETTING_SECRET, "", "", "Secret")                                                            \
    S(CHOICE, ragged, 0, "\"error\"", "\"error\",\"pad\"", "What to do")                                               \
    S(FLAG, header, 0, "true", "", "First line")                                                                       \
    S(COUNT, rows, 0, "20000", "", "Rows")                                                                             \
    S(BYTES, part_size, 0, "67108864", "", "Bytes")                                                                    \
    S(SECONDS, wait, 0, "1.5", "", "Wait")                                                                             \
    S(LIST, columns, 0, "", "", "Columns")                                                                             \
    S(LIST, nulls, 0, "[\"\",\"NULL\"]", "", "Null words")                                                             \
    S(JSON, extra, 0, "", "", "Extra")
ETL_SETTINGS(example_settings, EXAMPLE_SETTINGS);
#define COUNT ETL_SETTINGS_COUNT(example_settings_table)

static struct etl_error err;
static struct example_settings settings;

static etl_status parse(const char *json)
{
    etl_error_init(&err);
    memset(&settings, 0xa5, sizeof(settings));
    return etl_settings_parse(example_settings_table, COUNT, &settings, json, strlen(json), &err);
}

static void done(void)
{
    etl_settings_free(example_settings_table, COUNT, &settings);
}

Test(sdk_config, schema)
{
    char text[4096], again[4096];
    json_t *schema = json_loads(etl_settings_schema(example_settings_table, COUNT, text, sizeof(text)),
                                JSON_REJECT_DUPLICATES, NULL);
    json_t *properties = json_object_get(schema, "properties"), *p;

    cr_assert_not_null(schema, "%s", text);
    cr_assert_eq(json_object_size(properties), COUNT);
    cr_assert(json_is_false(json_object_get(schema, "additionalProperties")));
    cr_assert_eq(json_array_size(json_object_get(schema, "required")), 1);
    p = json_object_get(properties, "path");
    cr_assert_str_eq(json_string_value(json_object_get(p, "description")), "File, \"glob\" or \\ -");
    cr_assert_null(json_object_get(p, "default"));
    cr_assert(json_is_true(json_object_get(json_object_get(properties, "password"), "writeOnly")));
    cr_assert_eq(json_array_size(json_object_get(json_object_get(properties, "ragged"), "enum")), 2);
    cr_assert_str_eq(json_string_value(json_object_get(json_object_get(properties, "part_size"), "format")), "bytes");
    cr_assert_str_eq(json_string_value(json_object_get(json_object_get(properties, "wait"), "format")), "seconds");
    cr_assert_eq(json_array_size(json_object_get(json_object_get(properties, "nulls"), "default")), 2);
    json_decref(schema);
    cr_assert_str_eq(etl_settings_schema(example_settings_table, COUNT, again, sizeof(again)), text);
}

Test(sdk_config, schema_of_any_size_stays_in_its_buffer)
{
    char whole[4096];
    size_t length = strlen(etl_settings_schema(example_settings_table, COUNT, whole, sizeof(whole)));
    for (size_t size = 0; size <= length + 1; size++) {
        char *buffer = malloc(size + (size == 0));
        const char *text = etl_settings_schema(example_settings_table, COUNT, buffer, size);
        cr_assert_eq(strlen(text), size ? size - 1 : 0);
        cr_assert(strncmp(text, whole, strlen(text)) == 0);
        free(buffer);
    }
}

Test(sdk_config, defaults)
{
    cr_assert_eq(parse("{\"path\":\"x\"}"), ETL_OK, "%s", err.message);
    cr_assert_str_eq(settings.path, "x");
    cr_assert_str_eq(settings.password, "");
    cr_assert_str_eq(settings.ragged, "error");
    cr_assert(settings.header);
    cr_assert_eq(settings.rows, 20000);
    cr_assert_eq(settings.part_size, 67108864);
    cr_assert_eq(settings.wait, 1.5);
    cr_assert_not_null(settings.columns);
    cr_assert_null(settings.columns[0]);
    cr_assert_str_eq(settings.nulls[0], "");
    cr_assert_str_eq(settings.nulls[1], "NULL");
    cr_assert_null(settings.nulls[2]);
    cr_assert_str_eq(settings.extra, "");
    done();
    cr_assert_null(settings.path);
    cr_assert_null(settings.nulls);
    done();
}

Test(sdk_config, values)
{
    cr_assert_eq(parse(" {\"wait\":2,\"p\\u0061th\":\"caf\\u00e9\",\"header\":false,\"ragged\":\"pad\",\"rows\":0,"
                       "\"part_size\":9223372036854775807,\"columns\":[\"a\",\"b\",\"c\",\"d\",\"e\"],\"nulls\":[],"
                       "\"extra\":{ \"a\": [1, 2]}}\n"),
                 ETL_OK, "%s", err.message);
    cr_assert_str_eq(settings.path, "caf\xc3\xa9");
    cr_assert_not(settings.header);
    cr_assert_str_eq(settings.ragged, "pad");
    cr_assert_eq(settings.rows, 0);
    cr_assert_eq(settings.part_size, INT64_MAX);
    cr_assert_eq(settings.wait, 2.0);
    cr_assert_str_eq(settings.columns[4], "e");
    cr_assert_null(settings.columns[5]);
    cr_assert_null(settings.nulls[0]);
    cr_assert_str_eq(settings.extra, "{ \"a\": [1, 2]}");
    done();
}

Test(sdk_config, refused)
{
    static const struct {
        const char *json, *message;
    } cases[] = {
        {"", "unexpected end"},
        {"[]", "must be a JSON object"},
        {"{}", "path is required"},
        {"{\"path\":\"x\"", "unexpected end"},
        {"{\"path\":\"x\"} x", "behind the value"},
        {"{\"path\":\"\"}", "path: must not be empty"},
        {"{\"path\":null}", "path: expected a string"},
        {"{\"path\":\"a\\u0000b\"}", "path: contains a NUL"},
        {"{\"path\":\"x\",\"pth\":1}", "unknown setting \"pth\""},
        {"{\"path\":\"x\",\"path\":\"y\"}", "path is given twice"},
        {"{\"path\":\"x\",\"header\":1}", "header: expected true or false"},
        {"{\"path\":\"x\",\"rows\":-1}", "rows: expected"},
        {"{\"path\":\"x\",\"rows\":1.5}", "rows: expected"},
        {"{\"path\":\"x\",\"rows\":\"1\"}", "rows: expected"},
        {"{\"path\":\"x\",\"rows\":9223372036854775808}", "rows: expected"},
        {"{\"path\":\"x\",\"wait\":-0.5}", "wait: expected"},
        {"{\"path\":\"x\",\"wait\":1e999}", "wait: expected"},
        {"{\"path\":\"x\",\"ragged\":\"cut\"}", "ragged: must be one of \"error\",\"pad\""},
        {"{\"path\":\"x\",\"ragged\":\"\"}", "ragged: must be one of"},
        {"{\"path\":\"x\",\"columns\":\"a\"}", "columns: expected a list"},
        {"{\"path\":\"x\",\"columns\":[\"a\",1]}", "columns: expected a list"},
        {"{\"path\":\"x\",\"columns\":[\"a\",[]]}", "columns: expected a list"},
        {"{\"path\":\"x\",\"columns\":[\"a\",\"b\"", "unexpected end"},
        {"{\"path\":\"x\",\"extra\":[]}", "extra: expected an object"},
        {"{\"path\":\"x\",\"extra\":{\"a\":}}", "expected a value"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_assert_eq(parse(cases[i].json), ETL_CONFIG, "%s", cases[i].json);
        cr_assert(strstr(err.message, cases[i].message), "%s gave \"%s\"", cases[i].json, err.message);
        cr_assert_null(settings.path);
        cr_assert_null(settings.columns);
    }
}

Test(sdk_config, no_value_in_messages_of_secrets)
{
    cr_assert_eq(parse("{\"path\":\"x\",\"password\":\"hunter2\\u0000\"}"), ETL_CONFIG);
    cr_assert_null(strstr(err.message, "hunter2"));
}
