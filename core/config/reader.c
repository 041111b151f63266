/* Configuration text: JSON by jansson when it is JSON, else YAML from the events of libyaml.
 *
 * YAML scalars follow the core schema: only true and false are booleans, so a country code NO is text. A number becomes a JSON number only if
 * it is written the one way that JSON would write it: 007, 1.10, 0x1F, 1e5 and numbers beyond 64 bits keep their text, which becomes a
 * number where a setting wants one and is not mangled where it wants text.
 * Bounds: depth, number of values (aliases are counted as often as they are used), and bytes. */
#include "core/config/reader.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include <etlhost/sdk/value_text.h>

#include "core/base/file.h"
#include "core/config/settings.h"

#define DEPTH_MAX      64
#define VALUES_MAX     100000
#define YAML_MAX_BYTES ((size_t)4 * 1024 * 1024)
#define FILE_MAX_BYTES ((size_t)1024 * 1024 * 1024)
#define ANCHORS_MAX    1000

struct anchor {
    char *name;
    json_t *value; /* own reference */
};

struct level {
    json_t *container;
    char *key; /* of the entry whose value comes next; NULL: a key comes next, or an array */
    size_t key_line;
    char *anchor;
};

struct reader {
    const char *name;
    struct places *places;
    yaml_parser_t parser;
    struct level levels[DEPTH_MAX];
    size_t depth;
    json_t *root;
    struct anchor anchors[ANCHORS_MAX];
    size_t anchor_count, values;
    struct etl_error *err;
};

/* ---- places ---- */

size_t places_line(const struct places *places, const json_t *parent, const char *key, size_t index)
{
    /* From behind: the memory of a container that went away may have been used again. */
    for (size_t i = places != NULL ? places->count : 0; i-- > 0;) {
        const struct place *place = &places->items[i];
        if (place->parent == parent &&
            (key != NULL ? place->key != NULL && strcmp(place->key, key) == 0 : place->index == index))
            return place->line;
    }
    return 0;
}

void places_fini(struct places *places)
{
    for (size_t i = 0; i < places->count; i++)
        free(places->items[i].key);
    free(places->items);
    *places = (struct places){0};
}

static etl_status add_place(struct reader *reader, const json_t *parent, const char *key, size_t index, size_t line)
{
    struct places *places = reader->places;
    if (places == NULL)
        return ETL_OK;
    if (places->count == places->capacity) {
        size_t capacity = places->capacity * 2 + 64;
        struct place *bigger = realloc(places->items, capacity * sizeof(*bigger));
        if (bigger == NULL)
            return etl_fail_memory(reader->err);
        places->items = bigger;
        places->capacity = capacity;
    }
    char *copy = key != NULL ? strdup(key) : NULL;
    if (key != NULL && copy == NULL)
        return etl_fail_memory(reader->err);
    places->items[places->count++] = (struct place){parent, copy, index, line};
    return ETL_OK;
}

/* ---- scalars ---- */

static etl_status fail_at(struct reader *reader, yaml_mark_t mark, const char *what)
{
    return etl_fail(reader->err, ETL_CONFIG, "%s:%zu:%zu: %s", reader->name, mark.line + 1, mark.column + 1, what);
}

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcmp(text, *words) == 0)
            return true;
    }
    return false;
}

static json_t *plain_scalar(const char *text, size_t length)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    char shortest[ETL_VALUE_TEXT_MAX];
    int64_t integer = 0;
    double real = 0;
    if (is_one_of(text, nulls))
        return json_null();
    if (is_one_of(text, trues))
        return json_true();
    if (is_one_of(text, falses))
        return json_false();
    if (etl_parse_int64(text, length, &integer))
        return json_integer(integer);
    if (strchr(text, '.') != NULL && etl_parse_double(text, length, &real) &&
        etl_format_double(shortest, real) == length && memcmp(shortest, text, length) == 0)
        return json_real(real);
    return json_stringn(text, length);
}

static etl_status scalar(struct reader *reader, const yaml_event_t *event, json_t **ret_value)
{
    const char *text = (const char *)event->data.scalar.value, *tag = (const char *)event->data.scalar.tag;
    size_t length = event->data.scalar.length;
    json_t *value = NULL;
    bool is_text = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (tag != NULL && strcmp(tag, YAML_STR_TAG) == 0)
        is_text = true;
    else if (tag != NULL && strcmp(tag, "!") != 0)
        return fail_at(reader, event->start_mark, "tags other than !!str are not supported");
    if (memchr(text, '\0', length) != NULL)
        return fail_at(reader, event->start_mark, "text must not hold NUL characters");
    value = is_text || tag != NULL ? json_stringn(text, length) : plain_scalar(text, length);
    if (value == NULL)
        return etl_fail_memory(reader->err);
    *ret_value = value;
    return ETL_OK;
}

/* ---- anchors ---- */

static size_t count_values(const json_t *value)
{
    size_t count = 1, i = 0;
    const char *key = NULL;
    json_t *item = NULL;
    if (json_is_object(value))
        json_object_foreach((json_t *)(uintptr_t)value, key, item) count += count_values(item);
    else if (json_is_array(value))
        json_array_foreach(value, i, item) count += count_values(item);
    return count;
}

static etl_status count(struct reader *reader, size_t more, yaml_mark_t mark)
{
    reader->values += more;
    return reader->values <= VALUES_MAX
               ? ETL_OK
               : fail_at(reader, mark, "too many values (aliases count as often as they are used)");
}

/* Takes over `name`. */
static etl_status keep_anchor(struct reader *reader, char *name, json_t *value, yaml_mark_t mark)
{
    if (name == NULL)
        return ETL_OK;
    if (reader->anchor_count == ANCHORS_MAX) {
        free(name);
        return fail_at(reader, mark, "too many anchors");
    }
    reader->anchors[reader->anchor_count++] = (struct anchor){name, json_incref(value)};
    return ETL_OK;
}

/* A copy, so that no two places share a value; the last anchor of a name counts. */
static etl_status alias(struct reader *reader, const yaml_event_t *event, json_t **ret_value)
{
    const char *name = (const char *)event->data.alias.anchor;
    for (size_t i = reader->anchor_count; i-- > 0;) {
        if (strcmp(reader->anchors[i].name, name) != 0)
            continue;
        json_t *value = reader->anchors[i].value;
        etl_status status = count(reader, count_values(value), event->start_mark);
        if (status != ETL_OK)
            return status;
        value = json_deep_copy(value);
        if (value == NULL)
            return etl_fail_memory(reader->err);
        *ret_value = value;
        return ETL_OK;
    }
    return fail_at(reader, event->start_mark, "an alias of an anchor that is not (yet) there");
}

/* ---- containers ---- */

/* "<<: *base" and "<<: [*a, *b]": entries that the mapping does not have itself. */
static etl_status merge(struct reader *reader, json_t *object, yaml_mark_t mark)
{
    json_t *from = json_object_get(object, "<<");
    if (from == NULL)
        return ETL_OK;
    json_incref(from);
    json_object_del(object, "<<");
    etl_status status = ETL_OK;
    size_t size = json_is_array(from) ? json_array_size(from) : 1;
    for (size_t i = 0; i < size && status == ETL_OK; i++) {
        json_t *base = json_is_array(from) ? json_array_get(from, i) : from;
        if (!json_is_object(base))
            status = fail_at(reader, mark, "\"<<\" takes a mapping or a list of mappings");
        else if (json_object_update_missing(object, base) != 0)
            status = etl_fail_memory(reader->err);
    }
    json_decref(from);
    return status;
}

/* Puts a value, which it takes over, where it belongs. */
static etl_status place_value(struct reader *reader, json_t *value, yaml_mark_t mark)
{
    if (reader->depth == 0) {
        reader->root = value;
        return ETL_OK;
    }
    struct level *level = &reader->levels[reader->depth - 1];
    etl_status status = ETL_OK;
    if (json_is_array(level->container)) {
        status = add_place(reader, level->container, NULL, json_array_size(level->container), mark.line + 1);
        if (json_array_append_new(level->container, value) != 0)
            status = etl_fail_memory(reader->err);
        return status;
    }
    status = add_place(reader, level->container, level->key, 0, level->key_line);
    if (json_object_set_new(level->container, level->key, value) != 0)
        status = etl_fail_memory(reader->err);
    free(level->key);
    level->key = NULL;
    return status;
}

static bool wants_key(const struct reader *reader)
{
    return reader->depth > 0 && json_is_object(reader->levels[reader->depth - 1].container) &&
           reader->levels[reader->depth - 1].key == NULL;
}

static etl_status take_key(struct reader *reader, const yaml_event_t *event)
{
    struct level *level = &reader->levels[reader->depth - 1];
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    if (event->type != YAML_SCALAR_EVENT)
        return fail_at(reader, event->start_mark, "a key must be plain text");
    if (memchr(text, '\0', length) != NULL || !etl_is_utf8(text, length))
        return fail_at(reader, event->start_mark, "a key must be text without NUL characters");
    if (json_object_get(level->container, text) != NULL)
        return etl_fail(reader->err, ETL_CONFIG, "%s:%zu:%zu: the key \"%s\" is there twice", reader->name,
                        event->start_mark.line + 1, event->start_mark.column + 1, text);
    level->key = strndup(text, length);
    level->key_line = event->start_mark.line + 1;
    return level->key != NULL ? ETL_OK : etl_fail_memory(reader->err);
}

static etl_status open_container(struct reader *reader, json_t *container, const yaml_char_t *anchor,
                                 const yaml_char_t *tag, yaml_mark_t mark)
{
    if (container == NULL)
        return etl_fail_memory(reader->err);
    etl_status status = ETL_OK;
    if (reader->depth == DEPTH_MAX)
        status = fail_at(reader, mark, "nested too deeply");
    else if (tag != NULL && strcmp((const char *)tag, YAML_MAP_TAG) != 0 &&
             strcmp((const char *)tag, YAML_SEQ_TAG) != 0)
        status = fail_at(reader, mark, "tags other than !!str are not supported");
    char *name = anchor != NULL ? strdup((const char *)anchor) : NULL;
    if (status == ETL_OK && anchor != NULL && name == NULL)
        status = etl_fail_memory(reader->err);
    if (status != ETL_OK) {
        free(name);
        json_decref(container);
        return status;
    }
    reader->levels[reader->depth++] = (struct level){.container = container, .anchor = name};
    return ETL_OK;
}

static etl_status close_container(struct reader *reader, yaml_mark_t mark)
{
    struct level *level = &reader->levels[--reader->depth];
    json_t *container = level->container;
    char *anchor = level->anchor;
    *level = (struct level){0};
    etl_status status = json_is_object(container) ? merge(reader, container, mark) : ETL_OK;
    if (status == ETL_OK)
        status = keep_anchor(reader, anchor, container, mark);
    else
        free(anchor);
    if (status != ETL_OK) {
        json_decref(container);
        return status;
    }
    return place_value(reader, container, mark);
}

/* ---- events ---- */

static etl_status take_scalar(struct reader *reader, const yaml_event_t *event)
{
    json_t *value = NULL;
    char *anchor = NULL;
    etl_status status = scalar(reader, event, &value);
    if (status != ETL_OK)
        return status;
    if (event->data.scalar.anchor != NULL) {
        anchor = strdup((const char *)event->data.scalar.anchor);
        status = anchor != NULL ? keep_anchor(reader, anchor, value, event->start_mark) : etl_fail_memory(reader->err);
    }
    if (status != ETL_OK) {
        json_decref(value);
        return status;
    }
    return place_value(reader, value, event->start_mark);
}

static etl_status take_event(struct reader *reader, const yaml_event_t *event)
{
    json_t *value = NULL;
    bool is_value = event->type == YAML_SCALAR_EVENT || event->type == YAML_ALIAS_EVENT ||
                    event->type == YAML_MAPPING_START_EVENT || event->type == YAML_SEQUENCE_START_EVENT;
    if (is_value && wants_key(reader))
        return take_key(reader, event);
    etl_status status = is_value ? count(reader, 1, event->start_mark) : ETL_OK;
    if (status != ETL_OK)
        return status;
    switch ((int)event->type) {
    case YAML_SCALAR_EVENT: return take_scalar(reader, event);
    case YAML_ALIAS_EVENT:
        status = alias(reader, event, &value);
        return status == ETL_OK ? place_value(reader, value, event->start_mark) : status;
    case YAML_MAPPING_START_EVENT:
        return open_container(reader, json_object(), event->data.mapping_start.anchor, event->data.mapping_start.tag,
                              event->start_mark);
    case YAML_SEQUENCE_START_EVENT:
        return open_container(reader, json_array(), event->data.sequence_start.anchor, event->data.sequence_start.tag,
                              event->start_mark);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT: return close_container(reader, event->start_mark);
    case YAML_DOCUMENT_START_EVENT:
        return reader->root == NULL ? ETL_OK : fail_at(reader, event->start_mark, "more than one document in one file");
    default: return ETL_OK;
    }
}

static etl_status parse_failed(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    const char *problem = parser->problem != NULL ? parser->problem : "cannot be read";
    if (parser->error == YAML_MEMORY_ERROR)
        return etl_fail_memory(reader->err);
    if (parser->error == YAML_READER_ERROR)
        return etl_fail(reader->err, ETL_CONFIG, "%s: byte %zu: %s", reader->name, parser->problem_offset, problem);
    return etl_fail(reader->err, ETL_CONFIG, "%s:%zu:%zu: %s%s%s", reader->name, parser->problem_mark.line + 1,
                    parser->problem_mark.column + 1, problem, parser->context != NULL ? " " : "",
                    parser->context != NULL ? parser->context : "");
}

static etl_status read_events(struct reader *reader)
{
    etl_status status = ETL_OK;
    for (bool done = false; !done && status == ETL_OK;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&reader->parser, &event))
            return parse_failed(reader);
        done = event.type == YAML_STREAM_END_EVENT;
        status = take_event(reader, &event);
        yaml_event_delete(&event);
    }
    return status;
}

static void reader_free(struct reader *reader)
{
    while (reader->depth > 0) {
        struct level *level = &reader->levels[--reader->depth];
        json_decref(level->container);
        free(level->key);
        free(level->anchor);
    }
    while (reader->anchor_count > 0) {
        struct anchor *anchor = &reader->anchors[--reader->anchor_count];
        free(anchor->name);
        json_decref(anchor->value);
    }
    json_decref(reader->root);
    yaml_parser_delete(&reader->parser);
    free(reader);
}

static etl_status parse_yaml(const char *name, const char *text, size_t length, struct places *places,
                             json_t **ret_value, struct etl_error *err)
{
    if (length > YAML_MAX_BYTES)
        return etl_fail(err, ETL_CONFIG, "%s: larger than the %zu bytes that a YAML file may have", name,
                        YAML_MAX_BYTES);
    struct reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL)
        return etl_fail_memory(err);
    reader->name = name;
    reader->places = places;
    reader->err = err;
    if (!yaml_parser_initialize(&reader->parser)) {
        free(reader);
        return etl_fail_memory(err);
    }
    yaml_parser_set_input_string(&reader->parser, (const unsigned char *)text, length);
    etl_status status = read_events(reader);
    if (status == ETL_OK) {
        *ret_value = reader->root != NULL ? reader->root : json_null();
        reader->root = NULL;
    }
    reader_free(reader);
    return status;
}

/* ---- entry ---- */

static bool looks_like_json(const char *text, size_t length)
{
    size_t i = 0;
    while (i < length && strchr(" \t\r\n", text[i]) != NULL && text[i] != '\0')
        i++;
    return i < length && (text[i] == '{' || text[i] == '[');
}

static bool is_json_name(const char *name)
{
    size_t length = strlen(name);
    return length > 5 && strcmp(name + length - 5, ".json") == 0;
}

etl_status reader_parse(const char *name, const char *text, size_t length, struct places *places, json_t **ret_value,
                        struct etl_error *err)
{
    json_error_t error;
    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        length -= 3;
    }
    if (!looks_like_json(text, length))
        return parse_yaml(name, text, length, places, ret_value, err);
    json_t *value = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (value != NULL) {
        *ret_value = value;
        return ETL_OK;
    }
    if (json_error_code(&error) == json_error_out_of_memory)
        return etl_fail_memory(err);
    /* Braces may also be YAML's; what neither can read is reported as what the name says, or by the YAML reader. */
    if (!is_json_name(name) && length <= YAML_MAX_BYTES && json_error_code(&error) != json_error_duplicate_key)
        return parse_yaml(name, text, length, places, ret_value, err);
    return etl_fail(err, ETL_CONFIG, "%s:%d:%d: %s", name, error.line, error.column, error.text);
}

etl_status reader_parse_file(const char *path, struct places *places, json_t **ret_value, struct etl_error *err)
{
    char *text = NULL;
    size_t length = 0;
    etl_status status = file_read(path, FILE_MAX_BYTES, &text, &length, err);
    if (status == ETL_OK)
        status = reader_parse(path, text, length, places, ret_value, err);
    free(text);
    return status;
}

etl_status config_read_file(const char *path, json_t **ret_value, struct etl_error *err)
{
    return reader_parse_file(path, NULL, ret_value, err);
}

etl_status config_read_text(const char *name, const char *text, size_t length, json_t **ret_value,
                            struct etl_error *err)
{
    return reader_parse(name, text, length, NULL, ret_value, err);
}
