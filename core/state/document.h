/* The JSON form of the store's records: one table of fields serves both directions, so that what is written can be read. */
#ifndef CORE_STATE_DOCUMENT_H
#define CORE_STATE_DOCUMENT_H

#include "core/state/store.h"

enum field_kind {
    FIELD_NAME,   /* char *, UTF-8 */
    FIELD_TEXT,   /* char *; {"base64": "..."} when it is not UTF-8 */
    FIELD_BYTES,  /* char * and the size_t that follows `length_offset` */
    FIELD_NUMBER, /* uint64_t up to INT64_MAX */
    FIELD_SMALL,  /* uint32_t */
    FIELD_TIME,   /* int64_t */
    FIELD_FLAG,   /* bool */
    FIELD_LIST    /* an array that the caller reads; no place in the struct */
};

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset, length_offset;
};

struct pipeline_record {
    char *pipeline;
    uint64_t epoch;
};
struct stream_record {
    char *stream;
    struct state_stream value;
};
struct letter_record {
    struct state_dead_letter value;
    uint64_t generation;
    bool is_staged;
};

/* Tables, ended by a field without name. */
extern const struct field document_pipeline[], document_stream[], document_checkpoint[], document_letter[];

/* A JSON object of the record; lists are left out. */
etl_status document_write(const struct field *fields, const void *record, json_t **ret_object, struct etl_error *err);
/* Fills a zeroed record; the caller frees what it holds, on failure too. Refuses anything but exactly the fields of the table;
 * `path` starts the message. */
etl_status document_read(const struct field *fields, const json_t *object, const char *path, void *record,
                         struct etl_error *err);

#endif
