/* Target names of columns. `taken` maps each folded target name to its source column ("" for reserved names); it holds the names of columns
 * that are gone, too, so that a new column never inherits the destination's column of an old one unless the user renames it so. */
#include "core/data/name_map.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "core/base/json_text.h"
#include "core/base/string.h"

struct naming {
    const struct name_rules *rules;
    struct name_request *requests;
    size_t count;
    json_t *map, *taken;
    char *folded; /* scratch: the last name folded */
};

/* NULL when memory is out. */
static const char *fold(struct naming *naming, const char *name)
{
    free(naming->folded);
    naming->folded = string_copy(name);
    for (char *c = naming->folded; c && naming->rules->fold && *c; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    }
    return naming->folded;
}

/* NULL when nobody has the name, and when memory is out: `folded` is then NULL. */
static const char *owner_of(struct naming *naming, const char *name)
{
    const char *folded = fold(naming, name);
    return folded ? json_string_value(json_object_get(naming->taken, folded)) : NULL;
}

static etl_status take(struct naming *naming, const char *name, const char *owner, struct etl_error *err)
{
    const char *folded = fold(naming, name);
    if (!folded || json_object_set_new(naming->taken, folded, json_string(owner)))
        return etl_fail_memory(err);
    return ETL_OK;
}

static etl_status load(struct naming *naming, const char *text, struct etl_error *err)
{
    etl_status status = ETL_OK;
    json_error_t problem = {.text = ""};
    json_t *value = NULL;
    const char *source = NULL;
    void *next = NULL;
    naming->map = json_loads(text && *text ? text : "{}", JSON_REJECT_DUPLICATES, &problem);
    naming->taken = json_object();
    if (!naming->taken || (!naming->map && (!*problem.text || json_error_code(&problem) == json_error_out_of_memory)))
        return etl_fail_memory(err);
    if (!json_is_object(naming->map))
        return etl_fail(err, ETL_DATA, "the saved column names are damaged: %s", problem.text);
    for (const char *const *name = naming->rules->reserved; *name; name++)
        ETL_TRY(take(naming, *name, "", err));
    json_object_foreach_safe(naming->map, next, source, value)
    {
        if (!json_is_string(value))
            ETL_TRY(etl_fail(err, ETL_DATA, "the saved column names are damaged: column %s", source));
        if (owner_of(naming, json_string_value(value)))
            json_object_del(naming->map, source); /* met another name since the folding rule changed */
        else
            ETL_TRY(take(naming, json_string_value(value), source, err));
    }
out:
    return status;
}

static etl_status refuse(const struct name_request *request, const char *why, struct etl_error *err)
{
    return etl_fail(err, ETL_CONFIG, "column %s cannot be renamed to \"%s\": %s", request->source, request->rename,
                    why);
}

/* Refuses a name that another column would have that arrives, too. */
static etl_status check_others(struct naming *naming, const struct name_request *request, struct etl_error *err)
{
    etl_status status = ETL_OK;
    const char *folded = fold(naming, request->rename);
    char *wanted = folded ? string_copy(folded) : NULL;
    if (!wanted)
        return etl_fail_memory(err);
    for (size_t i = 0; i < naming->count; i++) {
        const struct name_request *other = &naming->requests[i];
        const char *mapped = json_string_value(json_object_get(naming->map, other->source));
        if (other == request)
            continue;
        folded = fold(naming, other->rename ? other->rename : mapped ? mapped : other->source);
        if (!folded)
            ETL_TRY(etl_fail_memory(err));
        if (strcmp(folded, wanted) == 0)
            ETL_TRY(refuse(request, "another column has that name; rename or exclude it", err));
    }
out:
    free(wanted);
    return status;
}

static etl_status rename_column(struct naming *naming, const struct name_request *request, struct etl_error *err)
{
    const char *old = json_string_value(json_object_get(naming->map, request->source));
    const char *owner = owner_of(naming, request->rename);
    if (!naming->folded)
        return etl_fail_memory(err);
    if (!*request->rename)
        return refuse(request, "the name is empty", err);
    if (naming->rules->max_bytes && strlen(request->rename) > naming->rules->max_bytes)
        return refuse(request, "the name is too long for the destination", err);
    if (owner && !*owner)
        return refuse(request, "the name is reserved", err);
    etl_status status = check_others(naming, request, err);
    if (status != ETL_OK)
        return status;
    if (owner && strcmp(owner, request->source) != 0)
        json_object_del(naming->map, owner); /* of a column that does not arrive any more */
    if (old && owner_of(naming, old) && strcmp(owner_of(naming, old), request->source) == 0)
        json_object_del(naming->taken, fold(naming, old));
    if (json_object_set_new(naming->map, request->source, json_string(request->rename)))
        return etl_fail_memory(err);
    return take(naming, request->rename, request->source, err);
}

/* Length of the longest prefix of at most `max` bytes that ends at a character boundary. */
static size_t cut(const char *name, size_t max)
{
    size_t length = strlen(name);
    if (length <= max)
        return length;
    while (max > 0 && ((unsigned char)name[max] & 0xC0) == 0x80)
        max--;
    return max;
}

static etl_status name_new(struct naming *naming, const char *source, struct etl_error *err)
{
    etl_status status = ETL_OK;
    size_t max = naming->rules->max_bytes ? naming->rules->max_bytes : SIZE_MAX;
    char *name = string_format("%.*s", (int)cut(source, max), source);
    for (unsigned n = 2; name && owner_of(naming, name); n++) {
        char suffix[16];
        int length = snprintf(suffix, sizeof suffix, "_%u", n);
        if ((size_t)length >= max)
            ETL_TRY(etl_fail(err, ETL_UNSUPPORTED, "column %s: the destination's names are too short to stay unique",
                             source));
        free(name);
        name = string_format("%.*s%s", (int)cut(source, max - (size_t)length), source, suffix);
    }
    if (!name || !naming->folded || json_object_set_new(naming->map, source, json_string(name)))
        ETL_TRY(etl_fail_memory(err));
    ETL_TRY(take(naming, name, source, err));
out:
    free(name);
    return status;
}

static etl_status name_all(struct naming *naming, struct etl_error *err)
{
    etl_status status = ETL_OK;
    for (size_t i = 0; i < naming->count; i++) {
        if (naming->requests[i].rename)
            ETL_TRY(rename_column(naming, &naming->requests[i], err));
    }
    for (size_t i = 0; i < naming->count; i++) {
        const char *source = naming->requests[i].source;
        if (!json_object_get(naming->map, source))
            ETL_TRY(name_new(naming, source, err));
        naming->requests[i].ret_target = string_copy(json_string_value(json_object_get(naming->map, source)));
        if (!naming->requests[i].ret_target)
            ETL_TRY(etl_fail_memory(err));
    }
out:
    return status;
}

etl_status name_map_apply(const char *map, const struct name_rules *rules, struct name_request *requests, size_t count,
                          char **ret_map, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct naming naming = {.rules = rules, .requests = requests, .count = count};
    char *text = NULL;
    ETL_TRY(load(&naming, map, err));
    ETL_TRY(name_all(&naming, err));
    text = json_text(naming.map, JSON_COMPACT);
    if (!text)
        ETL_TRY(etl_fail_memory(err));
    *ret_map = text;
out:
    for (size_t i = 0; i < count && status != ETL_OK; i++) {
        free(requests[i].ret_target);
        requests[i].ret_target = NULL;
    }
    json_decref(naming.map);
    json_decref(naming.taken);
    free(naming.folded);
    return status;
}
