/* JSON and YAML text to json_t, with the places of the values for messages. */
#ifndef CORE_CONFIG_READER_H
#define CORE_CONFIG_READER_H

#include <etlhost/sdk/error.h>
#include <jansson.h>

/* Where the values of one text stand: (container, key or index) -> line. Valid as long as the json_t tree it was made with. */
struct place {
    const json_t *parent; /* borrowed, compared only */
    char *key;            /* of an object; NULL in an array */
    size_t index;
    size_t line; /* from 1 */
};

struct places {
    struct place *items;
    size_t count, capacity;
};

/* `places` may be NULL; it is filled for YAML only (JSON has no lines to remember). */
etl_status reader_parse(const char *name, const char *text, size_t length, struct places *places, json_t **ret_value,
                        struct etl_error *err);
etl_status reader_parse_file(const char *path, struct places *places, json_t **ret_value, struct etl_error *err);

/* 0 = not known. */
size_t places_line(const struct places *places, const json_t *parent, const char *key, size_t index);
void places_fini(struct places *places);

#endif
