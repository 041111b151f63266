/* Records of the store as JSON, by tables of fields. Text that is not UTF-8 becomes {"base64": "..."}, so that a state of any bytes survives. */
#include "core/state/document.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#define F(type, name, kind, member)                                                                                    \
    {                                                                                                                  \
        name, kind, offsetof(type, member), 0                                                                          \
    }
#define B(type, name, member, length)                                                                                  \
    {                                                                                                                  \
        name, FIELD_BYTES, offsetof(type, member), offsetof(type, length)                                              \
    }
#define LIST(name)                                                                                                     \
    {                                                                                                                  \
        name, FIELD_LIST, 0, 0                                                                                         \
    }
#define END                                                                                                            \
    {                                                                                                                  \
        NULL, FIELD_NAME, 0, 0                                                                                         \
    }

/* global: constant tables */
const struct field document_pipeline[] = {
    F(struct pipeline_record, "pipeline", FIELD_NAME, pipeline),
    F(struct pipeline_record, "epoch", FIELD_NUMBER, epoch),
    LIST("streams"),
    END,
};

const struct field document_stream[] = {
    F(struct stream_record, "stream", FIELD_NAME, stream),
    F(struct stream_record, "generation", FIELD_NUMBER, value.generation),
    F(struct stream_record, "is_complete", FIELD_FLAG, value.is_complete),
    F(struct stream_record, "fingerprint", FIELD_TEXT, value.fingerprint),
    F(struct stream_record, "schema", FIELD_TEXT, value.schema),
    F(struct stream_record, "name_map", FIELD_TEXT, value.name_map),
    F(struct stream_record, "slices", FIELD_TEXT, value.slices),
    LIST("checkpoints"),
    LIST("dead_letters"),
    END,
};

const struct field document_checkpoint[] = {
    F(struct state_checkpoint, "slice", FIELD_NAME, slice),
    F(struct state_checkpoint, "generation", FIELD_NUMBER, generation),
    F(struct state_checkpoint, "seq", FIELD_NUMBER, seq),
    F(struct state_checkpoint, "epoch", FIELD_NUMBER, epoch),
    F(struct state_checkpoint, "run_id", FIELD_TEXT, run_id),
    B(struct state_checkpoint, "state", state, state_len),
    F(struct state_checkpoint, "connector", FIELD_TEXT, connector),
    F(struct state_checkpoint, "state_version", FIELD_SMALL, state_version),
    F(struct state_checkpoint, "rows_read", FIELD_NUMBER, rows_read),
    F(struct state_checkpoint, "rows_written", FIELD_NUMBER, rows_written),
    F(struct state_checkpoint, "rows_deleted", FIELD_NUMBER, rows_deleted),
    F(struct state_checkpoint, "rows_rejected", FIELD_NUMBER, rows_rejected),
    F(struct state_checkpoint, "bytes", FIELD_NUMBER, bytes),
    F(struct state_checkpoint, "cursor", FIELD_TEXT, cursor),
    F(struct state_checkpoint, "committed_at_us", FIELD_TIME, committed_at_us),
    END,
};

const struct field document_letter[] = {
    F(struct letter_record, "slice", FIELD_NAME, value.slice),
    F(struct letter_record, "generation", FIELD_NUMBER, generation),
    F(struct letter_record, "seq", FIELD_NUMBER, value.seq),
    F(struct letter_record, "is_staged", FIELD_FLAG, is_staged),
    F(struct letter_record, "run_id", FIELD_TEXT, value.run_id),
    F(struct letter_record, "column", FIELD_TEXT, value.column),
    F(struct letter_record, "reason", FIELD_TEXT, value.reason),
    F(struct letter_record, "location", FIELD_TEXT, value.location),
    B(struct letter_record, "record", value.record, value.record_len),
    F(struct letter_record, "is_json", FIELD_FLAG, value.is_json),
    F(struct letter_record, "created_at_us", FIELD_TIME, value.created_at_us),
    END,
};

/* ---- writing ---- */

static json_t *bytes_to_json(const char *data, size_t length)
{
    if (data == NULL)
        return json_string("");
    /* jansson's strings may hold NUL, but its reader refuses them by default. */
    json_t *text = memchr(data, '\0', length) == NULL ? json_stringn(data, length) : NULL;
    if (text != NULL || length > INT32_MAX / 2)
        return text;
    char *encoded = malloc(length / 3 * 4 + 5);
    if (encoded == NULL)
        return NULL;
    EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)data, (int)length);
    json_t *object = json_pack("{s:s}", "base64", encoded);
    free(encoded);
    return object;
}

static json_t *field_to_json(const struct field *field, const char *record)
{
    const char *at = record + field->offset;
    const char *text = NULL;
    switch (field->kind) {
    case FIELD_NAME:
    case FIELD_TEXT: memcpy(&text, at, sizeof(text)); return bytes_to_json(text, text != NULL ? strlen(text) : 0);
    case FIELD_BYTES: {
        size_t length = 0;
        memcpy(&text, at, sizeof(text));
        memcpy(&length, record + field->length_offset, sizeof(length));
        return bytes_to_json(text, length);
    }
    case FIELD_SMALL: {
        uint32_t number = 0;
        memcpy(&number, at, sizeof(number));
        return json_integer(number);
    }
    case FIELD_NUMBER:
    case FIELD_TIME: {
        int64_t number = 0;
        memcpy(&number, at, sizeof(number));
        return json_integer(number);
    }
    case FIELD_FLAG: return json_boolean(*(const bool *)at);
    case FIELD_LIST:
    default: return json_array();
    }
}

etl_status document_write(const struct field *fields, const void *record, json_t **ret_object, struct etl_error *err)
{
    json_t *object = json_object();
    for (const struct field *field = fields; field->name != NULL; field++) {
        if (json_object_set_new(object, field->name, field_to_json(field, record)) != 0) {
            json_decref(object);
            return etl_fail_memory(err);
        }
    }
    *ret_object = object;
    return ETL_OK;
}

/* ---- reading ---- */

static etl_status refuse(const char *path, const struct field *field, const char *rule, struct etl_error *err)
{
    return etl_fail(err, ETL_CONFIG, "state document: %s.%s: %s", path, field->name, rule);
}

static etl_status decode_base64(const json_t *value, char **ret_data, size_t *ret_length, bool *ret_valid,
                                struct etl_error *err)
{
    etl_status status = ETL_OK;
    const json_t *encoded = json_object_size(value) == 1 ? json_object_get(value, "base64") : NULL;
    const char *text = json_string_value(encoded);
    size_t length = json_string_length(encoded);
    int size = 0;
    *ret_valid = false;
    if (!json_is_string(encoded) || length % 4 != 0 || length > INT32_MAX)
        return ETL_OK;
    char *data = malloc(length / 4 * 3 + 1), *again = malloc(length + 1);
    if (data == NULL || again == NULL) {
        status = etl_fail_memory(err);
        goto out;
    }
    size = EVP_DecodeBlock((unsigned char *)data, (const unsigned char *)text, (int)length);
    for (size_t i = 0; i < 2 && length > i && text[length - 1 - i] == '='; i++)
        size--;
    /* Only what encoding gives is accepted. */
    if (size < 0 || (size_t)EVP_EncodeBlock((unsigned char *)again, (const unsigned char *)data, size) != length ||
        memcmp(again, text, length) != 0)
        goto out;
    data[size] = '\0';
    *ret_data = data;
    *ret_length = (size_t)size;
    *ret_valid = true;
    data = NULL;
out:
    free(data);
    free(again);
    return status;
}

static etl_status read_bytes(const struct field *field, const json_t *value, const char *path, char **ret_data,
                             size_t *ret_length, struct etl_error *err)
{
    bool valid = false;
    size_t length = json_string_length(value);
    if (json_is_object(value) && field->kind != FIELD_NAME) {
        etl_status status = decode_base64(value, ret_data, ret_length, &valid, err);
        return status == ETL_OK && !valid ? refuse(path, field, "must be a string or {\"base64\": \"...\"}", err)
                                          : status;
    }
    if (!json_is_string(value))
        return refuse(path, field, "must be a string", err);
    if (memchr(json_string_value(value), '\0', length) != NULL)
        return refuse(path, field, "must not hold NUL characters", err);
    *ret_data = strndup(json_string_value(value), length);
    *ret_length = length;
    return *ret_data != NULL ? ETL_OK : etl_fail_memory(err);
}

static etl_status read_text(const struct field *field, const json_t *value, const char *path, char *record,
                            struct etl_error *err)
{
    char *data = NULL;
    size_t length = 0;
    etl_status status = read_bytes(field, value, path, &data, &length, err);
    if (status != ETL_OK)
        return status;
    if (field->kind != FIELD_BYTES && strlen(data) != length) {
        free(data);
        return refuse(path, field, "must not hold NUL characters", err);
    }
    memcpy(record + field->offset, &data, sizeof(data));
    if (field->kind == FIELD_BYTES)
        memcpy(record + field->length_offset, &length, sizeof(length));
    return ETL_OK;
}

static etl_status read_number(const struct field *field, const json_t *value, const char *path, char *record,
                              struct etl_error *err)
{
    int64_t number = json_integer_value(value);
    if (!json_is_integer(value))
        return refuse(path, field, "must be an integer", err);
    if (field->kind != FIELD_TIME && number < 0)
        return refuse(path, field, "must not be negative", err);
    if (field->kind == FIELD_SMALL && number > UINT32_MAX)
        return refuse(path, field, "is too large", err);
    if (field->kind == FIELD_SMALL) {
        uint32_t small = (uint32_t)number;
        memcpy(record + field->offset, &small, sizeof(small));
    } else {
        memcpy(record + field->offset, &number, sizeof(number));
    }
    return ETL_OK;
}

static etl_status read_field(const struct field *field, const json_t *value, const char *path, char *record,
                             struct etl_error *err)
{
    switch (field->kind) {
    case FIELD_NAME:
    case FIELD_TEXT:
    case FIELD_BYTES: return read_text(field, value, path, record, err);
    case FIELD_NUMBER:
    case FIELD_SMALL:
    case FIELD_TIME: return read_number(field, value, path, record, err);
    case FIELD_FLAG:
        if (!json_is_boolean(value))
            return refuse(path, field, "must be true or false", err);
        *(bool *)(record + field->offset) = json_is_true(value);
        return ETL_OK;
    case FIELD_LIST:
    default: return json_is_array(value) ? ETL_OK : refuse(path, field, "must be an array", err);
    }
}

etl_status document_read(const struct field *fields, const json_t *object, const char *path, void *record,
                         struct etl_error *err)
{
    size_t known = 0;
    if (!json_is_object(object))
        return etl_fail(err, ETL_CONFIG, "state document: %s: must be an object", path);
    for (const struct field *field = fields; field->name != NULL; field++, known++) {
        const json_t *value = json_object_get(object, field->name);
        if (value == NULL)
            return refuse(path, field, "is missing", err);
        etl_status status = read_field(field, value, path, record, err);
        if (status != ETL_OK)
            return status;
    }
    if (json_object_size(object) == known)
        return ETL_OK;
    void *item = json_object_iter((json_t *)(uintptr_t)object);
    for (; item != NULL; item = json_object_iter_next((json_t *)(uintptr_t)object, item)) {
        const struct field *field = fields;
        while (field->name != NULL && strcmp(field->name, json_object_iter_key(item)) != 0)
            field++;
        if (field->name == NULL)
            return etl_fail(err, ETL_CONFIG, "state document: %s.%s: is not known", path, json_object_iter_key(item));
    }
    return ETL_OK;
}
