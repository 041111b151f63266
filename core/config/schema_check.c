/* JSON Schema subset with conversion. One recursive walk makes the new value, so that what comes out has been checked and what
 * has been checked comes out. Text is converted first (command lines and environment variables know nothing else), then the rules are applied
 * to the converted value. */
#include "core/config/schema_check.h"

#include <math.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk/value_text.h>

#include "core/base/json_text.h"
#include "core/base/string.h"
#include "core/base/units.h"
#include "core/config/reference.h"

#define SHOWN_MAX 80

/* Where a value stands and what may be said about it. */
struct subject {
    const json_t *schema, *parent;
    const char *key;
    size_t index;
    bool is_secret;
};

/* ---- messages ---- */

static etl_status fail(struct schema_check *check, const struct subject *subject, const char *format, ...)
    ETL_PRINTF(3, 4);

static etl_status fail(struct schema_check *check, const struct subject *subject, const char *format, ...)
{
    char text[700], line[32] = "";
    size_t number = places_line(check->places, subject->parent, subject->key, subject->index);
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (number > 0)
        snprintf(line, sizeof(line), ":%zu", number);
    return etl_fail(check->err, ETL_CONFIG, "%s%s: %s%s%s%s%s", check->who, line,
                    check->path[0] != '\0' ? check->noun : "", check->path[0] != '\0' ? " " : "", check->path,
                    check->path[0] != '\0' ? ": " : "", text);
}

/* The value in quotes for a message, at most SHOWN_MAX bytes; "the value" when it must not be shown. */
static const char *show(const struct subject *subject, const json_t *value, char *buffer)
{
    if (subject->is_secret || !(json_is_string(value) || json_is_number(value) || json_is_boolean(value)))
        return "the value";
    if (json_is_string(value) && reference_is_in(json_string_value(value)))
        return "the value";
    char *text =
        json_is_string(value) ? string_format("\"%s\"", json_string_value(value)) : json_text(value, JSON_ENCODE_ANY);
    if (text == NULL)
        return "the value";
    size_t length = strlen(text);
    snprintf(buffer, SHOWN_MAX, "%.*s%s", length < SHOWN_MAX ? SHOWN_MAX : SHOWN_MAX - 8, text,
             length < SHOWN_MAX ? "" : "...\"");
    free(text);
    return buffer;
}

static const char *word_of(const json_t *type)
{
    static const struct {
        const char *type, *word;
    } words[] = {{"string", "text"},  {"integer", "an integer"}, {"number", "a number"}, {"boolean", "true or false"},
                 {"array", "a list"}, {"object", "a mapping"},   {"null", "nothing"}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (json_is_string(type) && strcmp(words[i].type, json_string_value(type)) == 0)
            return words[i].word;
    }
    return "another type";
}

static etl_status wrong_type(struct schema_check *check, const struct subject *subject, const json_t *value)
{
    char shown[SHOWN_MAX + 16], wanted[128];
    const json_t *type = json_object_get(subject->schema, "type");
    const char *format = json_string_value(json_object_get(subject->schema, "format"));
    snprintf(wanted, sizeof(wanted), "%s", word_of(json_is_array(type) ? json_array_get(type, 0) : type));
    if (format != NULL && strcmp(format, "bytes") == 0)
        snprintf(wanted, sizeof(wanted), "a size like 64 MiB");
    else if (format != NULL && strcmp(format, "seconds") == 0)
        snprintf(wanted, sizeof(wanted), "a duration like 90s or 2h");
    if (json_is_null(value))
        return fail(check, subject, "has no value; it must be %s", wanted);
    if (json_is_object(value) || json_is_array(value))
        return fail(check, subject, "must be %s, not a %s", wanted, json_is_object(value) ? "mapping" : "list");
    if (json_is_real(value) && strcmp(wanted, "text") == 0)
        return fail(check, subject, "must be text: put the number in quotes");
    return fail(check, subject, "%s is not %s", show(subject, value, shown), wanted);
}

static void set_nearest(char *buffer, size_t size, const char *text, const char *const *candidates)
{
    const char *nearest = string_nearest(text, candidates);
    buffer[0] = '\0';
    if (nearest != NULL)
        snprintf(buffer, size, " (did you mean \"%s\"?)", nearest);
}

/* ---- types ---- */

static bool allows(const json_t *schema, const char *name)
{
    const json_t *type = json_object_get(schema, "type");
    size_t i = 0;
    json_t *item = NULL;
    if (json_is_string(type))
        return strcmp(json_string_value(type), name) == 0;
    json_array_foreach(type, i, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), name) == 0)
            return true;
    }
    return type == NULL;
}

static bool has_type(const json_t *schema, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: return allows(schema, "object");
    case JSON_ARRAY: return allows(schema, "array");
    case JSON_STRING: return allows(schema, "string");
    case JSON_INTEGER: return allows(schema, "integer") || allows(schema, "number");
    case JSON_REAL: return allows(schema, "number");
    case JSON_TRUE:
    case JSON_FALSE: return allows(schema, "boolean");
    case JSON_NULL:
    default: return allows(schema, "null");
    }
}

static bool has_format(const json_t *schema, const char *name)
{
    const char *format = json_string_value(json_object_get(schema, "format"));
    return format != NULL && strcmp(format, name) == 0;
}

/* "007", "+5" and "0x1F" are numbers to people and to YAML, but not to JSON. */
static bool parse_integer(const char *text, int64_t *ret_value)
{
    bool negative = *text == '-';
    text += *text == '-' || *text == '+';
    bool hex = text[0] == '0' && text[1] == 'x';
    const char *digits = hex ? text + 2 : text;
    size_t length = strlen(digits);
    if (length == 0 || strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789") != length)
        return false;
    digits += strspn(digits, "0");
    length = strlen(digits);
    if (length > (hex ? 16u : 19u))
        return false;
    unsigned long long value = strtoull(length > 0 ? digits : "0", NULL, hex ? 16 : 10);
    if (value > (unsigned long long)INT64_MAX)
        return false;
    *ret_value = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

static json_t *text_to_number(const json_t *schema, const char *text)
{
    int64_t integer = 0;
    double real = 0;
    if (has_format(schema, "bytes") && units_parse_bytes(text, &integer))
        return json_integer(integer);
    if (has_format(schema, "seconds") && units_parse_seconds(text, &real)) {
        if (real < 9e15 && floor(real) == real)
            return json_integer((json_int_t)real);
        return allows(schema, "number") ? json_real(real) : NULL;
    }
    if (etl_parse_int64(text, strlen(text), &integer) || parse_integer(text, &integer))
        return json_integer(integer);
    if (allows(schema, "number") && etl_parse_double(text, strlen(text), &real) && isfinite(real))
        return json_real(real);
    return NULL;
}

static json_t *text_to_list(const char *text)
{
    char **parts = string_split(text);
    json_t *list = parts != NULL ? json_array() : NULL;
    for (size_t i = 0; list != NULL && parts[i] != NULL; i++) {
        if (json_array_append_new(list, json_string(parts[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    string_list_free(parts);
    return list;
}

static json_t *text_to_object(const char *text)
{
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(value))
        return value;
    json_decref(value);
    return NULL;
}

static json_t *convert_text(const json_t *schema, const char *text)
{
    json_t *value = NULL;
    bool flag = false;
    if (allows(schema, "integer") || allows(schema, "number"))
        value = text_to_number(schema, text);
    if (value == NULL && allows(schema, "boolean") && etl_parse_bool(text, strlen(text), &flag))
        value = json_boolean(flag);
    if (value == NULL && allows(schema, "array") && text[0] == '[')
        value = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (value == NULL && allows(schema, "array"))
        value = text_to_list(text);
    if (value == NULL && allows(schema, "object"))
        value = text_to_object(text);
    return value;
}

/* The value in a type that the schema allows (new reference), or NULL if there is none. */
static json_t *convert(const json_t *schema, json_t *value)
{
    char text[32];
    if (has_type(schema, value))
        return json_incref(value);
    if (json_is_string(value))
        return convert_text(schema, json_string_value(value));
    if (json_is_integer(value) && allows(schema, "string")) {
        snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(value));
        return json_string(text);
    }
    if (json_is_boolean(value) && allows(schema, "string"))
        return json_string(json_is_true(value) ? "true" : "false");
    if (allows(schema, "array") && !json_is_object(value) && !json_is_null(value))
        return json_pack("[O]", value);
    return NULL;
}

/* ---- rules ---- */

static etl_status check_enum(struct schema_check *check, const struct subject *subject, const json_t *value)
{
    char shown[SHOWN_MAX + 16], known[400] = "", nearest[100];
    const char *names[64] = {NULL};
    const json_t *list = json_object_get(subject->schema, "enum");
    size_t i = 0, used = 0, count = 0;
    json_t *item = NULL;
    if (!json_is_array(list))
        return ETL_OK;
    json_array_foreach(list, i, item)
    {
        if (json_equal(item, value))
            return ETL_OK;
        if (!json_is_string(item) || count == 63)
            continue;
        names[count++] = json_string_value(item);
        if (used < sizeof(known))
            used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", used > 0 ? ", " : "",
                                     json_string_value(item));
    }
    set_nearest(nearest, sizeof(nearest), json_is_string(value) ? json_string_value(value) : "", names);
    return fail(check, subject, "%s is none of %s%s", show(subject, value, shown), known, nearest);
}

static etl_status check_number(struct schema_check *check, const struct subject *subject, const json_t *value)
{
    char shown[SHOWN_MAX + 16];
    const json_t *minimum = json_object_get(subject->schema, "minimum"),
                 *maximum = json_object_get(subject->schema, "maximum");
    if (!json_is_number(value))
        return ETL_OK;
    if (json_is_number(minimum) && json_number_value(value) < json_number_value(minimum))
        return fail(check, subject, "%s is less than %.15g", show(subject, value, shown), json_number_value(minimum));
    if (json_is_number(maximum) && json_number_value(value) > json_number_value(maximum))
        return fail(check, subject, "%s is more than %.15g", show(subject, value, shown), json_number_value(maximum));
    return ETL_OK;
}

static size_t count_characters(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

static etl_status check_text(struct schema_check *check, const struct subject *subject, const json_t *value)
{
    char shown[SHOWN_MAX + 16];
    const json_t *least = json_object_get(subject->schema, "minLength"),
                 *most = json_object_get(subject->schema, "maxLength");
    const char *pattern = json_string_value(json_object_get(subject->schema, "pattern")),
               *text = json_string_value(value);
    if (text == NULL)
        return ETL_OK;
    json_int_t length = (json_int_t)count_characters(text);
    if (json_is_integer(least) && length < json_integer_value(least))
        return fail(check, subject,
                    json_integer_value(least) == 1 ? "must not be empty"
                                                   : "must have at least %" JSON_INTEGER_FORMAT " characters",
                    json_integer_value(least));
    if (json_is_integer(most) && length > json_integer_value(most))
        return fail(check, subject, "must have at most %" JSON_INTEGER_FORMAT " characters", json_integer_value(most));
    if (pattern == NULL)
        return ETL_OK;
    regex_t regex;
    int result = regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB);
    if (result == REG_ESPACE)
        return etl_fail_memory(check->err);
    if (result != 0)
        return fail(check, subject, "its schema has a broken pattern %s", pattern);
    result = regexec(&regex, text, 0, NULL, 0);
    regfree(&regex);
    if (result != 0)
        return fail(check, subject, "%s does not match the pattern %s", show(subject, value, shown), pattern);
    return ETL_OK;
}

/* ---- containers ---- */

static size_t push(struct schema_check *check, const char *format, const char *key, size_t index)
{
    size_t before = strlen(check->path);
    if (key != NULL)
        snprintf(check->path + before, sizeof(check->path) - before, "%s%s", before > 0 ? "." : "", key);
    else
        snprintf(check->path + before, sizeof(check->path) - before, "%s%zu]", format, index + 1);
    return before;
}

bool schema_check_is_secret(const json_t *schema)
{
    return json_is_true(json_object_get(schema, "writeOnly"));
}

const json_t *schema_check_member(const json_t *schema, const char *key)
{
    const json_t *member = json_object_get(json_object_get(schema, "properties"), key);
    if (member == NULL)
        member = json_object_get(schema, "additionalProperties");
    return json_is_object(member) ? member : NULL;
}

static etl_status unknown_key(struct schema_check *check, const struct subject *subject, const json_t *object,
                              const char *key)
{
    char nearest[100];
    const char *names[256] = {NULL}, *name = NULL;
    json_t *ignored = NULL;
    size_t count = 0;
    json_object_foreach(json_object_get(subject->schema, "properties"), name, ignored)
    {
        if (count < 255)
            names[count++] = name;
    }
    set_nearest(nearest, sizeof(nearest), key, names);
    struct subject member = {.schema = subject->schema, .parent = object, .key = key};
    push(check, "", key, 0);
    return fail(check, &member, "is not known%s", nearest);
}

static bool takes_more(const struct schema_check *check, const json_t *schema)
{
    const json_t *more = json_object_get(schema, "additionalProperties");
    if (more != NULL)
        return !json_is_false(more);
    return !check->is_closed && json_object_get(schema, "properties") == NULL;
}

static etl_status fill_in(struct schema_check *check, const struct subject *subject, json_t *object)
{
    const char *key = NULL;
    json_t *property = NULL, *name = NULL;
    size_t i = 0;
    json_object_foreach(json_object_get(subject->schema, "properties"), key, property)
    {
        const json_t *value = json_object_get(property, "default");
        if (value != NULL && json_object_get(object, key) == NULL &&
            json_object_set_new(object, key, json_deep_copy(value)) != 0)
            return etl_fail_memory(check->err);
    }
    json_array_foreach(json_object_get(subject->schema, "required"), i, name)
    {
        if (json_object_get(object, json_string_value(name)) == NULL)
            return fail(check, subject, "%s %s is missing", check->noun, json_string_value(name));
    }
    return ETL_OK;
}

static etl_status check_object(struct schema_check *check, const struct subject *subject, const json_t *value,
                               json_t **ret_value)
{
    const char *key = NULL;
    json_t *item = NULL;
    etl_status status = ETL_OK;
    json_t *object = json_object();
    bool open = takes_more(check, subject->schema);
    if (object == NULL)
        return etl_fail_memory(check->err);
    check->is_closed = false;
    json_object_foreach((json_t *)(uintptr_t)value, key, item)
    {
        const json_t *schema = schema_check_member(subject->schema, key);
        json_t *checked = NULL;
        if (schema == NULL && !open) {
            status = unknown_key(check, subject, value, key);
            goto out;
        }
        size_t before = push(check, "", key, 0);
        ETL_TRY(schema_check_value(check, schema, value, key, 0, item, &checked));
        check->path[before] = '\0';
        if (json_object_set_new(object, key, checked) != 0) {
            status = etl_fail_memory(check->err);
            goto out;
        }
    }
    ETL_TRY(fill_in(check, subject, object));
    *ret_value = object;
    object = NULL;
out:
    json_decref(object);
    return status;
}

static etl_status check_array(struct schema_check *check, const struct subject *subject, const json_t *value,
                              json_t **ret_value)
{
    const json_t *schema = json_object_get(subject->schema, "items"),
                 *least = json_object_get(subject->schema, "minItems");
    size_t i = 0;
    json_t *item = NULL;
    etl_status status = ETL_OK;
    json_t *list = json_array();
    if (list == NULL)
        return etl_fail_memory(check->err);
    json_array_foreach(value, i, item)
    {
        json_t *checked = NULL;
        size_t before = push(check, "[", NULL, i);
        ETL_TRY(schema_check_value(check, schema, value, NULL, i, item, &checked));
        check->path[before] = '\0';
        if (json_array_append_new(list, checked) != 0) {
            status = etl_fail_memory(check->err);
            goto out;
        }
    }
    if (json_is_integer(least) && (json_int_t)json_array_size(list) < json_integer_value(least)) {
        status = fail(check, subject, "must not be empty");
        goto out;
    }
    *ret_value = list;
    list = NULL;
out:
    json_decref(list);
    return status;
}

/* ---- one value ---- */

static etl_status expand(struct schema_check *check, const struct subject *subject, const json_t *value,
                         json_t **ret_value)
{
    char *text = NULL;
    struct etl_error inner;
    etl_error_init(&inner);
    /* Also without a reference there may be an escaped one. */
    if (!json_is_string(value) || strstr(json_string_value(value), "${") == NULL) {
        *ret_value = json_incref((json_t *)(uintptr_t)value);
        return ETL_OK;
    }
    etl_status status = reference_expand(json_string_value(value), &text, &inner);
    if (status != ETL_OK)
        return status == ETL_NOMEM ? etl_fail_memory(check->err) : fail(check, subject, "%s", inner.message);
    *ret_value = json_string(text);
    free(text);
    return *ret_value != NULL ? ETL_OK : etl_fail_memory(check->err);
}

static etl_status check_rules(struct schema_check *check, const struct subject *subject, json_t *value,
                              json_t **ret_value)
{
    etl_status status = check_enum(check, subject, value);
    if (status == ETL_OK)
        status = check_number(check, subject, value);
    if (status == ETL_OK)
        status = check_text(check, subject, value);
    if (status != ETL_OK)
        return status;
    if (json_is_object(value))
        return check_object(check, subject, value, ret_value);
    if (json_is_array(value))
        return check_array(check, subject, value, ret_value);
    *ret_value = json_incref(value);
    return ETL_OK;
}

etl_status schema_check_value(struct schema_check *check, const json_t *schema, const json_t *parent, const char *key,
                              size_t index, const json_t *value, json_t **ret_value)
{
    struct subject subject = {
        .schema = schema, .parent = parent, .key = key, .index = index, .is_secret = schema_check_is_secret(schema)};
    json_t *expanded = NULL, *converted = NULL;
    etl_status status = ETL_OK;
    if (json_is_true(json_object_get(schema, "x-unresolved")) && has_type(schema, value)) {
        *ret_value = json_deep_copy(value);
        return *ret_value != NULL ? ETL_OK : etl_fail_memory(check->err);
    }
    ETL_TRY(expand(check, &subject, value, &expanded));
    /* What came from a variable or a file is not shown in messages. */
    subject.is_secret = subject.is_secret || (json_is_string(value) && reference_is_in(json_string_value(value)));
    converted = convert(schema, expanded);
    if (converted == NULL) {
        status = wrong_type(check, &subject, expanded);
        goto out;
    }
    status = check_rules(check, &subject, converted, ret_value);
out:
    json_decref(expanded);
    json_decref(converted);
    return status;
}
