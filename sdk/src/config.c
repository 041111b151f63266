/* Settings of a connector: JSON Schema text from the table, and a settings struct from JSON text. The host has checked and completed
 * the JSON by the schema already; it is checked again here because a connector may also be opened by a test or another host. */
#include <etlhost/sdk/config.h>

#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk/json_reader.h>
#include <etlhost/sdk/value_text.h>

#include "sdk/src/text_scan.h"

#define LIST_MAX 10000

/* ---- schema text ---- */

/* A buffer of fixed size; what does not fit is dropped. */
struct text {
    char *data;
    size_t length, size;
};

static void put(struct text *text, const char *more)
{
    size_t left = text->size - text->length - 1, length = strlen(more);

    if (length > left)
        length = left;
    memcpy(text->data + text->length, more, length);
    text->length += length;
    text->data[text->length] = '\0';
}

static void put_string(struct text *text, const char *string)
{
    put(text, "\"");
    for (const char *p = string; *p; p++) {
        char piece[3] = {*p, '\0', '\0'};
        if (*p == '"' || *p == '\\') {
            piece[0] = '\\';
            piece[1] = *p;
        } else if (etl__byte(p) < 0x20) {
            piece[0] = ' ';
        }
        put(text, piece);
    }
    put(text, "\"");
}

static void put_type(struct text *text, const struct etl_setting *setting)
{
    switch (setting->kind) {
    case ETL_SETTING_TEXT:
        put(text, "\"type\":\"string\"");
        if (setting->flags & ETL_SETTING_REQUIRED)
            put(text, ",\"minLength\":1");
        break;
    case ETL_SETTING_CHOICE:
        put(text, "\"type\":\"string\",\"enum\":[");
        put(text, setting->choices);
        put(text, "]");
        break;
    case ETL_SETTING_FLAG: put(text, "\"type\":\"boolean\""); break;
    case ETL_SETTING_COUNT: put(text, "\"type\":\"integer\",\"minimum\":0"); break;
    case ETL_SETTING_BYTES: put(text, "\"type\":\"integer\",\"minimum\":0,\"format\":\"bytes\""); break;
    case ETL_SETTING_SECONDS: put(text, "\"type\":\"number\",\"minimum\":0,\"format\":\"seconds\""); break;
    case ETL_SETTING_LIST: put(text, "\"type\":\"array\",\"items\":{\"type\":\"string\"}"); break;
    case ETL_SETTING_JSON: put(text, "\"type\":\"object\""); break;
    }
}

static void put_property(struct text *text, const struct etl_setting *setting)
{
    put_string(text, setting->name);
    put(text, ":{");
    put_type(text, setting);
    if (*setting->default_json) {
        put(text, ",\"default\":");
        put(text, setting->default_json);
    }
    if (setting->flags & ETL_SETTING_SECRET)
        put(text, ",\"writeOnly\":true");
    put(text, ",\"description\":");
    put_string(text, setting->help);
    put(text, "}");
}

const char *etl_settings_schema(const struct etl_setting *table, size_t count, char *buffer, size_t size)
{
    struct text text = {.data = buffer, .length = 0, .size = size};
    const char *separator = "";

    if (size == 0)
        return "";
    buffer[0] = '\0';
    put(&text, "{\"type\":\"object\",\"properties\":{");
    for (size_t i = 0; i < count; i++) {
        put(&text, i ? "," : "");
        put_property(&text, &table[i]);
    }
    put(&text, "},\"required\":[");
    for (size_t i = 0; i < count; i++) {
        if (!(table[i].flags & ETL_SETTING_REQUIRED))
            continue;
        put(&text, separator);
        put_string(&text, table[i].name);
        separator = ",";
    }
    put(&text, "],\"additionalProperties\":false}");
    return buffer;
}

/* ---- values ---- */

static etl_status wrong_type(const struct etl_setting *setting, struct etl_error *err)
{
    static const char *const expected[] = {
        [ETL_SETTING_TEXT] = "a string",           [ETL_SETTING_CHOICE] = "a string",
        [ETL_SETTING_FLAG] = "true or false",      [ETL_SETTING_COUNT] = "an integer that is not negative",
        [ETL_SETTING_BYTES] = "a number of bytes", [ETL_SETTING_SECONDS] = "a number of seconds",
        [ETL_SETTING_LIST] = "a list of strings",  [ETL_SETTING_JSON] = "an object",
    };
    return etl_fail(err, ETL_CONFIG, "setting %s: expected %s", setting->name, expected[setting->kind]);
}

static etl_status copy_text(const struct etl_setting *setting, struct etl_bytes text, char **ret_copy,
                            struct etl_error *err)
{
    char *copy = NULL;

    if (text.length && memchr(text.data, '\0', text.length))
        return etl_fail(err, ETL_CONFIG, "setting %s: contains a NUL character", setting->name);
    copy = malloc(text.length + 1);
    if (!copy)
        return etl_fail_memory(err);
    if (text.length)
        memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    *ret_copy = copy;
    return ETL_OK;
}

static void free_list(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}

static etl_status parse_list(const struct etl_setting *setting, struct etl_json *json, char ***ret_list,
                             struct etl_error *err)
{
    char **list = calloc(1, sizeof(*list));
    size_t count = 0, capacity = 1;
    enum etl_json_token token = ETL_JSON_ERROR;
    etl_status status = ETL_OK;

    if (!list)
        return etl_fail_memory(err);
    while ((token = etl_json_next(json)) != ETL_JSON_END_ARRAY) {
        if (token == ETL_JSON_ERROR)
            ETL_TRY(etl_json_fail(json, ETL_CONFIG, err));
        if (token != ETL_JSON_STRING || count == LIST_MAX)
            ETL_TRY(wrong_type(setting, err));
        if (count + 1 == capacity) {
            char **bigger = realloc(list, 2 * capacity * sizeof(*list));
            if (!bigger)
                ETL_TRY(etl_fail_memory(err));
            list = bigger;
            capacity *= 2;
        }
        ETL_TRY(copy_text(setting, etl_json_text(json), &list[count], err));
        list[++count] = NULL;
    }
    *ret_list = list;
    list = NULL;
out:
    free_list(list);
    return status;
}

static bool is_choice(const struct etl_setting *setting, struct etl_bytes value)
{
    struct etl_json json;
    enum etl_json_token token = ETL_JSON_ERROR;
    bool found = false;

    /* The choices are a list of JSON strings without brackets. */
    for (const char *p = setting->choices; *p && !found; p += *p == ',') {
        size_t length = strcspn(p, ",");
        etl_json_init(&json, p, length, 0);
        token = etl_json_next(&json);
        found = token == ETL_JSON_STRING && etl_json_text(&json).length == value.length &&
                memcmp(etl_json_text(&json).data, value.data, value.length) == 0;
        etl_json_fini(&json);
        p += length;
    }
    return found;
}

static etl_status parse_text(const struct etl_setting *setting, struct etl_json *json, char **ret_text,
                             struct etl_error *err)
{
    struct etl_bytes text = etl_json_text(json);

    if (setting->kind == ETL_SETTING_CHOICE && !is_choice(setting, text))
        return etl_fail(err, ETL_CONFIG, "setting %s: must be one of %s", setting->name, setting->choices);
    if (setting->kind == ETL_SETTING_TEXT && (setting->flags & ETL_SETTING_REQUIRED) && text.length == 0)
        return etl_fail(err, ETL_CONFIG, "setting %s: must not be empty", setting->name);
    return copy_text(setting, text, ret_text, err);
}

/* Parses the value that follows in `json` into the field. Owned memory that the field already has must have been freed. */
static etl_status parse_value(const struct etl_setting *setting, void *field, struct etl_json *json,
                              struct etl_error *err)
{
    enum etl_json_token token = etl_json_next(json);
    struct etl_bytes text = {NULL, 0};
    int64_t number = 0;
    double seconds = 0;

    if (token == ETL_JSON_ERROR)
        return etl_json_fail(json, ETL_CONFIG, err);
    text = etl_json_text(json);
    switch (setting->kind) {
    case ETL_SETTING_TEXT:
    case ETL_SETTING_CHOICE:
        if (token != ETL_JSON_STRING)
            return wrong_type(setting, err);
        return parse_text(setting, json, field, err);
    case ETL_SETTING_FLAG:
        if (token != ETL_JSON_TRUE && token != ETL_JSON_FALSE)
            return wrong_type(setting, err);
        *(bool *)field = token == ETL_JSON_TRUE;
        return ETL_OK;
    case ETL_SETTING_COUNT:
    case ETL_SETTING_BYTES:
        if (token != ETL_JSON_NUMBER || !etl_parse_int64(text.data, text.length, &number) || number < 0)
            return wrong_type(setting, err);
        *(int64_t *)field = number;
        return ETL_OK;
    case ETL_SETTING_SECONDS:
        if (token != ETL_JSON_NUMBER || !etl_parse_double(text.data, text.length, &seconds) || seconds < 0)
            return wrong_type(setting, err);
        *(double *)field = seconds;
        return ETL_OK;
    case ETL_SETTING_LIST:
        if (token != ETL_JSON_BEGIN_ARRAY)
            return wrong_type(setting, err);
        return parse_list(setting, json, field, err);
    case ETL_SETTING_JSON:
        if (token != ETL_JSON_BEGIN_OBJECT)
            return wrong_type(setting, err);
        text = etl_json_raw(json, token);
        if (!text.data)
            return etl_json_fail(json, ETL_CONFIG, err);
        return copy_text(setting, text, field, err);
    }
    return etl_fail(err, ETL_MISUSE, "setting %s: unknown kind", setting->name);
}

/* ---- the struct ---- */

static void *field_of(void *settings, const struct etl_setting *setting)
{
    return (char *)settings + setting->offset;
}

static void free_field(const struct etl_setting *setting, void *settings)
{
    void *field = field_of(settings, setting);

    switch (setting->kind) {
    case ETL_SETTING_TEXT:
    case ETL_SETTING_CHOICE:
    case ETL_SETTING_JSON:
        free(*(char **)field);
        *(char **)field = NULL;
        break;
    case ETL_SETTING_LIST:
        free_list(*(char ***)field);
        *(char ***)field = NULL;
        break;
    case ETL_SETTING_FLAG: *(bool *)field = false; break;
    case ETL_SETTING_COUNT:
    case ETL_SETTING_BYTES: *(int64_t *)field = 0; break;
    case ETL_SETTING_SECONDS: *(double *)field = 0; break;
    }
}

/* Fields start as the default, or as the empty value of their kind. */
static etl_status set_default(const struct etl_setting *setting, void *settings, struct etl_error *err)
{
    const char *text = setting->default_json;
    struct etl_setting optional = *setting;
    struct etl_json json;
    etl_status status = ETL_OK;

    if (!*text) {
        if (setting->kind == ETL_SETTING_LIST)
            text = "[]";
        else if (setting->kind == ETL_SETTING_TEXT)
            text = "\"\"";
        else if (setting->kind == ETL_SETTING_CHOICE || setting->kind == ETL_SETTING_JSON)
            return copy_text(setting, (struct etl_bytes){NULL, 0}, field_of(settings, setting), err);
        else
            return ETL_OK;
    }
    optional.flags &= ~(uint32_t)ETL_SETTING_REQUIRED;
    etl_json_init(&json, text, strlen(text), 0);
    status = parse_value(&optional, field_of(settings, setting), &json, err);
    etl_json_fini(&json);
    return status == ETL_OK ? ETL_OK : etl_prefix(err, status, "default: ");
}

static size_t find_setting(const struct etl_setting *table, size_t count, struct etl_bytes name)
{
    size_t i = 0;

    while (i < count && (strlen(table[i].name) != name.length || memcmp(table[i].name, name.data, name.length) != 0))
        i++;
    return i;
}

static etl_status parse_member(const struct etl_setting *table, size_t count, void *settings, bool *seen,
                               struct etl_json *json, struct etl_error *err)
{
    struct etl_bytes name = etl_json_text(json);
    size_t i = find_setting(table, count, name);

    if (i == count)
        return etl_fail(err, ETL_CONFIG, "unknown setting \"%.*s\"", name.length > 100 ? 100 : (int)name.length,
                        name.data);
    if (seen[i])
        return etl_fail(err, ETL_CONFIG, "setting %s is given twice", table[i].name);
    seen[i] = true;
    free_field(&table[i], settings);
    return parse_value(&table[i], field_of(settings, &table[i]), json, err);
}

static etl_status parse_object(const struct etl_setting *table, size_t count, void *settings, bool *seen,
                               struct etl_json *json, struct etl_error *err)
{
    enum etl_json_token token = etl_json_next(json);

    if (token != ETL_JSON_BEGIN_OBJECT)
        return token == ETL_JSON_ERROR ? etl_json_fail(json, ETL_CONFIG, err)
                                       : etl_fail(err, ETL_CONFIG, "the settings must be a JSON object");
    while ((token = etl_json_next(json)) == ETL_JSON_KEY) {
        etl_status status = parse_member(table, count, settings, seen, json, err);
        if (status != ETL_OK)
            return status;
    }
    if (token != ETL_JSON_END_OBJECT || etl_json_next(json) != ETL_JSON_END)
        return etl_json_fail(json, ETL_CONFIG, err);
    return ETL_OK;
}

/* Zeroes every field; the table covers the whole struct. */
static void zero_fields(const struct etl_setting *table, size_t count, void *settings)
{
    static const size_t sizes[] = {
        [ETL_SETTING_TEXT] = sizeof(char *),   [ETL_SETTING_CHOICE] = sizeof(char *),
        [ETL_SETTING_FLAG] = sizeof(bool),     [ETL_SETTING_COUNT] = sizeof(int64_t),
        [ETL_SETTING_BYTES] = sizeof(int64_t), [ETL_SETTING_SECONDS] = sizeof(double),
        [ETL_SETTING_LIST] = sizeof(char **),  [ETL_SETTING_JSON] = sizeof(char *),
    };
    for (size_t i = 0; i < count; i++)
        memset(field_of(settings, &table[i]), 0, sizes[table[i].kind]);
}

etl_status etl_settings_parse(const struct etl_setting *table, size_t count, void *settings, const char *text,
                              size_t length, struct etl_error *err)
{
    struct etl_json json;
    bool *seen = calloc(count ? count : 1, sizeof(*seen));
    etl_status status = ETL_OK;

    zero_fields(table, count, settings);
    etl_json_init(&json, text, length, 0);
    if (!seen)
        ETL_TRY(etl_fail_memory(err));
    for (size_t i = 0; i < count; i++)
        ETL_TRY(set_default(&table[i], settings, err));
    ETL_TRY(parse_object(table, count, settings, seen, &json, err));
    for (size_t i = 0; i < count; i++)
        if ((table[i].flags & ETL_SETTING_REQUIRED) && !seen[i])
            ETL_TRY(etl_fail(err, ETL_CONFIG, "setting %s is required", table[i].name));
out:
    if (status != ETL_OK)
        etl_settings_free(table, count, settings);
    etl_json_fini(&json);
    free(seen);
    return status;
}

void etl_settings_free(const struct etl_setting *table, size_t count, void *settings)
{
    for (size_t i = 0; settings && i < count; i++)
        free_field(&table[i], settings);
}
