/* A growing byte buffer and JSON text written into it. One buffer per thread. */
#ifndef ETL_SDK_JSON_WRITER_H
#define ETL_SDK_JSON_WRITER_H

#include <etlhost/sdk/batch_view.h>
#include <etlhost/sdk/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zero-initialise ({0}). After an allocation failure or above `limit` (0 = none) the buffer is `failed`, holds nothing and stays
 * so until reset: check once at the end. */
struct etl_buffer {
    char *data;
    size_t length, capacity, limit;
    int failed;
};

void etl_buffer_fini(struct etl_buffer *buffer);  /* frees; repeatable */
void etl_buffer_reset(struct etl_buffer *buffer); /* empty, keeps the memory */
/* Private: the slow path of the next function. */
char *etl_buffer_grow(struct etl_buffer *buffer, size_t more);
/* Room for `more` bytes at data + length, or NULL (failed). The caller advances `length`; the limit is checked by the functions that
 * add. */
static inline char *etl_buffer_reserve(struct etl_buffer *buffer, size_t more)
{
    if (!buffer->data || buffer->capacity - buffer->length < more)
        return etl_buffer_grow(buffer, more);
    return buffer->data + buffer->length;
}
void etl_buffer_add(struct etl_buffer *buffer, const char *data, size_t length);
void etl_buffer_add_text(struct etl_buffer *buffer, const char *text);
void etl_buffer_add_format(struct etl_buffer *buffer, const char *format, ...) ETL_PRINTF(2, 3);
/* Adds a NUL behind the content without counting it and returns the data; NULL when failed. */
const char *etl_buffer_text(struct etl_buffer *buffer);

/* `"` + escaped + `"`; control characters as \u00XX, valid UTF-8 as it is; invalid bytes become U+FFFD. */
void etl_json_add_string(struct etl_buffer *buffer, const char *text, size_t length);

/* One cell of a view as JSON: numbers and decimals as numbers (NaN and infinities as null), binary as base64, dates and times
 * as their text form, JSON as it is, struct and list as object and array. */
void etl_json_add_cell(struct etl_buffer *buffer, const struct etl_view *view, int64_t row);

/* The whole row of a root view as an object, without the operation column. NULL cells are written as null. */
void etl_json_add_row(struct etl_buffer *buffer, const struct etl_view *root, int64_t row);

/* One cell of a scalar kind in its text form (value_text.h), JSON kinds and nested kinds as JSON text, binary as base64. NULL adds
 * nothing. */
void etl_text_add_cell(struct etl_buffer *buffer, const struct etl_view *view, int64_t row);

#ifdef __cplusplus
}
#endif

#endif
