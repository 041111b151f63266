/* ${env:NAME} and ${file:PATH}. What a reference yields is not looked at again, so a secret may hold any characters. */
#include "core/config/reference.h"

#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk/value_text.h>

#include "core/base/file.h"

#define VALUE_MAX_BYTES ((size_t)1024 * 1024)

struct text {
    char *data;
    size_t length;
};

static etl_status append(struct text *text, const char *data, size_t length, struct etl_error *err)
{
    if (text->length + length > 2 * VALUE_MAX_BYTES)
        return etl_fail(err, ETL_CONFIG, "the text is larger than %zu bytes after its references are replaced",
                        2 * VALUE_MAX_BYTES);
    char *bigger = realloc(text->data, text->length + length + 1);
    if (bigger == NULL)
        return etl_fail_memory(err);
    memcpy(bigger + text->length, data, length);
    text->data = bigger;
    text->length += length;
    text->data[text->length] = '\0';
    return ETL_OK;
}

static etl_status read_variable(const char *name, char **ret_value, struct etl_error *err)
{
    const char *value = getenv(name);
    if (value == NULL)
        return etl_fail(err, ETL_CONFIG, "environment variable %s is not set", name);
    *ret_value = strdup(value);
    return *ret_value != NULL ? ETL_OK : etl_fail_memory(err);
}

static etl_status read_value_file(const char *path, char **ret_value, struct etl_error *err)
{
    char *value = NULL;
    size_t length = 0;
    etl_status status = file_read(path, VALUE_MAX_BYTES, &value, &length, err);
    if (status != ETL_OK)
        return status == ETL_NOMEM ? status : ETL_CONFIG;
    if (strlen(value) != length) {
        free(value);
        return etl_fail(err, ETL_CONFIG, "file %s holds NUL characters", path);
    }
    if (length > 0 && value[length - 1] == '\n')
        value[--length] = '\0';
    if (length > 0 && value[length - 1] == '\r')
        value[--length] = '\0';
    *ret_value = value;
    return ETL_OK;
}

/* `inside` is what stands between the braces. */
static etl_status read_reference(const char *inside, char **ret_value, struct etl_error *err)
{
    char *value = NULL;
    etl_status status = ETL_OK;
    if (strncmp(inside, "env:", 4) == 0 && inside[4] != '\0')
        status = read_variable(inside + 4, &value, err);
    else if (strncmp(inside, "file:", 5) == 0 && inside[5] != '\0')
        status = read_value_file(inside + 5, &value, err);
    else
        /* Not quoted: it may be part of a password. */
        status = etl_fail(err, ETL_CONFIG,
                          "\"${...}\" must be ${env:NAME} or ${file:PATH}; write $${ for the characters themselves");
    if (status != ETL_OK)
        return status;
    if (!etl_is_utf8(value, strlen(value))) {
        free(value);
        return etl_fail(err, ETL_CONFIG, "the value of ${%s} is not UTF-8", inside);
    }
    *ret_value = value;
    return ETL_OK;
}

/* The next "${" that is not escaped, or NULL. */
static const char *find(const char *text)
{
    for (const char *at = strstr(text, "${"); at != NULL; at = strstr(at + 2, "${")) {
        if (at == text || at[-1] != '$')
            return at;
    }
    return NULL;
}

bool reference_is_in(const char *text)
{
    return find(text) != NULL;
}

etl_status reference_expand(const char *text, char **ret_text, struct etl_error *err)
{
    struct text out = {0};
    char *inside = NULL, *value = NULL;
    etl_status status = append(&out, "", 0, err);
    while (status == ETL_OK && *text != '\0') {
        const char *at = strstr(text, "${");
        if (at == NULL) {
            status = append(&out, text, strlen(text), err);
            break;
        }
        if (at > text && at[-1] == '$') {
            ETL_TRY(append(&out, text, (size_t)(at - text) - 1, err));
            ETL_TRY(append(&out, "${", 2, err));
            text = at + 2;
            continue;
        }
        ETL_TRY(append(&out, text, (size_t)(at - text), err));
        const char *end = strchr(at, '}');
        if (end == NULL) {
            status = etl_fail(err, ETL_CONFIG, "\"${\" without \"}\"; write $${ for the characters themselves");
            goto out;
        }
        inside = strndup(at + 2, (size_t)(end - at) - 2);
        if (inside == NULL) {
            status = etl_fail_memory(err);
            goto out;
        }
        ETL_TRY(read_reference(inside, &value, err));
        ETL_TRY(append(&out, value, strlen(value), err));
        free(inside);
        free(value);
        inside = value = NULL;
        text = end + 1;
    }
    if (status == ETL_OK) {
        *ret_text = out.data;
        out.data = NULL;
    }
out:
    free(inside);
    free(value);
    free(out.data);
    return status;
}

void reference_each_value(const char *text, void (*add)(const char *value))
{
    for (const char *at = find(text); at != NULL; at = find(at + 2)) {
        const char *end = strchr(at, '}');
        char *inside = end != NULL ? strndup(at + 2, (size_t)(end - at) - 2) : NULL, *value = NULL;
        if (inside != NULL && read_reference(inside, &value, NULL) == ETL_OK)
            add(value);
        free(inside);
        free(value);
    }
}
