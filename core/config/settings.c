/* Settings of a connector: check and resolve, redact, help. */
#include "core/config/settings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json_text.h"
#include "core/base/string.h"
#include "core/config/reference.h"
#include "core/config/schema_check.h"

#define REDACTED "***"

static etl_status load_schema(const char *who, const char *text, json_t **ret_schema, struct etl_error *err)
{
    json_error_t error;
    json_t *schema = json_loads(text != NULL ? text : "{}", 0, &error);
    if (!json_is_object(schema)) {
        json_decref(schema);
        return etl_fail(err, ETL_INTERNAL, "%s: its settings schema is not a JSON object", who);
    }
    *ret_schema = schema;
    return ETL_OK;
}

etl_status settings_resolve(const char *who, const char *schema_text, const json_t *settings, json_t **ret_settings,
                            struct etl_error *err)
{
    struct schema_check check = {.who = who, .noun = "setting", .is_closed = schema_text != NULL, .err = err};
    json_t *schema = NULL, *empty = NULL;
    etl_status status = load_schema(who, schema_text, &schema, err);
    if (status != ETL_OK)
        return status;
    if (settings == NULL) {
        empty = json_object();
        settings = empty;
    }
    if (settings == NULL)
        status = etl_fail_memory(err);
    else if (!json_is_object(settings))
        status = etl_fail(err, ETL_CONFIG, "%s: the settings must be a mapping of names to values", who);
    else
        status = schema_check_value(&check, schema, NULL, NULL, 0, settings, ret_settings);
    json_decref(empty);
    json_decref(schema);
    return status;
}

/* ---- secrets ---- */

/* A setting that the schema does not know may be a mistyped secret. */
static bool must_hide(const json_t *schema, const json_t *value, bool is_known)
{
    return !is_known || schema_check_is_secret(schema) ||
           (json_is_string(value) && reference_is_in(json_string_value(value)));
}

static json_t *redact(const json_t *schema, const json_t *value, bool is_known)
{
    const char *key = NULL;
    json_t *item = NULL;
    size_t i = 0;
    if (must_hide(schema, value, is_known))
        return json_string(REDACTED);
    if (json_is_object(value)) {
        bool is_open = json_object_get(schema, "properties") == NULL;
        json_t *object = json_object();
        json_object_foreach((json_t *)(uintptr_t)value, key, item)
        {
            const json_t *member = schema_check_member(schema, key);
            json_object_set_new(object, key, redact(member, item, member != NULL || is_open));
        }
        return object;
    }
    if (json_is_array(value)) {
        json_t *list = json_array();
        json_array_foreach(value, i, item)
            json_array_append_new(list, redact(json_object_get(schema, "items"), item, true));
        return list;
    }
    return json_deep_copy(value);
}

json_t *settings_redact(const char *schema_text, const json_t *settings)
{
    json_t *schema = schema_text != NULL ? json_loads(schema_text, 0, NULL) : NULL;
    json_t *redacted = settings != NULL ? redact(schema, settings, true) : json_object();
    json_decref(schema);
    return redacted;
}

static void each_secret(const json_t *schema, const json_t *value, bool is_secret, void (*add)(const char *value))
{
    const char *key = NULL;
    json_t *item = NULL;
    size_t i = 0;
    is_secret = is_secret || schema_check_is_secret(schema);
    if (json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)value, key, item)
            each_secret(schema_check_member(schema, key), item, is_secret, add);
    } else if (json_is_array(value)) {
        json_array_foreach(value, i, item) each_secret(json_object_get(schema, "items"), item, is_secret, add);
    } else if (json_is_string(value)) {
        const char *text = json_string_value(value);
        /* A secret that has been resolved may look like a reference itself. */
        if (is_secret && text[0] != '\0')
            add(text);
        reference_each_value(text, add);
    }
}

void settings_each_secret(const char *schema_text, const json_t *settings, void (*add)(const char *value))
{
    json_t *schema = schema_text != NULL ? json_loads(schema_text, 0, NULL) : NULL;
    each_secret(schema, settings, false, add);
    json_decref(schema);
}

/* ---- command line ---- */

etl_status settings_add_option(json_t *settings, const char *text, struct etl_error *err)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return etl_fail(err, ETL_CONFIG, "a setting must be KEY=VALUE; in this one the %s is missing",
                        equals == NULL ? "=" : "key");
    char *key = strndup(text, (size_t)(equals - text));
    json_t *value = json_string(equals + 1);
    etl_status status = ETL_OK;
    if (key == NULL)
        status = etl_fail_memory(err);
    else if (value == NULL)
        status = etl_fail(err, ETL_CONFIG, "option %s: the value is not UTF-8", key);
    else if (json_object_set(settings, key, value) != 0)
        status = etl_fail(err, ETL_CONFIG, "a setting must be KEY=VALUE with a key in UTF-8");
    json_decref(value);
    free(key);
    return status;
}

/* ---- help ---- */

struct help {
    char *text;
    size_t length;
    bool failed;
};

static void put(struct help *help, const char *format, ...) ETL_PRINTF(2, 3);

static void put(struct help *help, const char *format, ...)
{
    char *piece = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&piece, format, args);
    va_end(args);
    char *bigger = length >= 0 && !help->failed ? realloc(help->text, help->length + (size_t)length + 1) : NULL;
    if (bigger == NULL) {
        help->failed = true;
    } else {
        memcpy(bigger + help->length, piece, (size_t)length + 1);
        help->text = bigger;
        help->length += (size_t)length;
    }
    if (length >= 0)
        free(piece);
}

static void put_type(struct help *help, const json_t *schema)
{
    static const char *const names[][2] = {{"integer", "INTEGER"},
                                           {"number", "NUMBER"},
                                           {"boolean", "true|false"},
                                           {"array", "LIST"},
                                           {"object", "MAPPING"}};
    const char *type = json_string_value(json_object_get(schema, "type")), *name = "TEXT";
    const char *format = json_string_value(json_object_get(schema, "format"));
    const json_t *list = json_object_get(schema, "enum");
    size_t i = 0;
    json_t *item = NULL;
    if (json_is_array(list)) {
        json_array_foreach(list, i, item)
            put(help, "%s%s", i > 0 ? "|" : "", json_is_string(item) ? json_string_value(item) : "...");
        return;
    }
    for (i = 0; type != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(type, names[i][0]) == 0)
            name = names[i][1];
    }
    if (format != NULL && strcmp(format, "bytes") == 0)
        name = "SIZE";
    else if (format != NULL && strcmp(format, "seconds") == 0)
        name = "DURATION";
    put(help, "%s", name);
}

static void put_wrapped(struct help *help, const char *text)
{
    size_t column = 0;
    while (*text != '\0') {
        size_t word = strcspn(text, " \n");
        if (column == 0 || column + 1 + word > 72) {
            put(help, "%s        ", column > 0 ? "\n" : "");
            column = 0;
        } else {
            put(help, " ");
            column++;
        }
        put(help, "%.*s", (int)word, text);
        column += word;
        text += word;
        text += strspn(text, " \n");
    }
    if (column > 0)
        put(help, "\n");
}

static bool is_required(const json_t *schema, const char *key)
{
    size_t i = 0;
    json_t *name = NULL;
    json_array_foreach(json_object_get(schema, "required"), i, name)
    {
        if (json_is_string(name) && strcmp(json_string_value(name), key) == 0)
            return true;
    }
    return false;
}

/* Sizes and durations as one would write them: 64MiB, 30s. */
static void put_default(struct help *help, const json_t *property, const json_t *fallback)
{
    static const char *const units[] = {"", "KiB", "MiB", "GiB"};
    const char *format = json_string_value(json_object_get(property, "format"));
    long long number = json_integer_value(fallback);
    size_t unit = 0;
    char *text = NULL;
    if (json_is_integer(fallback) && format != NULL && strcmp(format, "bytes") == 0) {
        for (; number >= 1024 && number % 1024 == 0 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
            number /= 1024;
        put(help, "  (default %lld%s)", number, units[unit]);
    } else if (json_is_integer(fallback) && format != NULL && strcmp(format, "seconds") == 0) {
        put(help, "  (default %llds)", number);
    } else {
        text = json_text(fallback, JSON_ENCODE_ANY | JSON_COMPACT);
        put(help, "  (default %s)", text != NULL ? text : "?");
        free(text);
    }
}

static void put_property(struct help *help, const json_t *schema, const char *key, const json_t *property)
{
    const json_t *fallback = json_object_get(property, "default");
    const char *description = json_string_value(json_object_get(property, "description"));
    put(help, "%s    %s = ", help->length > 0 ? "\n" : "", key);
    put_type(help, property);
    if (is_required(schema, key))
        put(help, "  (required)");
    if (schema_check_is_secret(property))
        put(help, "  (secret)");
    if (fallback != NULL)
        put_default(help, property, fallback);
    put(help, "\n");
    put_wrapped(help, description != NULL ? description : "");
}

char *settings_help(const char *schema_text)
{
    struct help help = {0};
    const char *key = NULL;
    json_t *property = NULL;
    json_t *schema = schema_text != NULL ? json_loads(schema_text, 0, NULL) : NULL;
    json_object_foreach(json_object_get(schema, "properties"), key, property)
        put_property(&help, schema, key, property);
    json_decref(schema);
    if (help.failed) {
        free(help.text);
        return NULL;
    }
    return help.text != NULL ? help.text : string_copy("    none\n");
}
