/* A pull reader for JSON text in memory (RFC 8259, strict). It keeps the text of numbers, uses no recursion, and allocates
 * only for strings with escapes and for nesting deeper than 64. One reader per thread. */
#ifndef ETL_SDK_JSON_READER_H
#define ETL_SDK_JSON_READER_H

#include <etlhost/sdk/error.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum etl_json_token {
    ETL_JSON_ERROR, /* malformed; etl_json_fail tells where and why. Sticky */
    ETL_JSON_END,   /* the document is complete and nothing but white space follows */
    ETL_JSON_NULL,
    ETL_JSON_FALSE,
    ETL_JSON_TRUE,
    ETL_JSON_NUMBER, /* text = as written */
    ETL_JSON_STRING, /* text = unescaped UTF-8; may contain NUL bytes */
    ETL_JSON_KEY,    /* text = unescaped; always followed by its value */
    ETL_JSON_BEGIN_OBJECT,
    ETL_JSON_END_OBJECT,
    ETL_JSON_BEGIN_ARRAY,
    ETL_JSON_END_ARRAY
};

#define ETL_JSON_DEPTH_DEFAULT 1024

struct etl_json {
    const char *begin, *at, *end; /* private from here on */
    const char *problem;
    char *scratch;
    size_t scratch_capacity;
    uint8_t *nesting; /* one byte per level: '{' or '[' */
    size_t depth, nesting_capacity, max_depth;
    uint32_t expect;
    struct etl_bytes text;
    const char *token_at;
    uint8_t nesting_inline[64];
};

/* Prepares for one document of `length` bytes, which stay the caller's and must outlive the reading. max_depth 0 = default. */
void etl_json_init(struct etl_json *json, const char *text, size_t length, size_t max_depth);

/* Starts over with another document; keeps the scratch memory. */
void etl_json_reset(struct etl_json *json, const char *text, size_t length);

/* Frees the scratch memory; NULL-safe, repeatable. */
void etl_json_fini(struct etl_json *json);

/* Moves to the next token. Lone surrogates in \u escapes, control characters in strings, invalid UTF-8, leading zeros, NaN,
 * trailing commas, comments and a byte order mark are errors. Duplicate keys are not its business. */
enum etl_json_token etl_json_next(struct etl_json *json);

/* Text of the last NUMBER, STRING or KEY. Borrowed until the next call on this reader. */
struct etl_bytes etl_json_text(const struct etl_json *json);

/* After a token that begins a value has been returned: skips to its end and returns the raw text of the whole value, as
 * it stands in the input (for scalars, too). data NULL on error. */
struct etl_bytes etl_json_raw(struct etl_json *json, enum etl_json_token token);

/* Byte offset of the last token in the document. */
size_t etl_json_offset(const struct etl_json *json);

/* Fills `err` with "PROBLEM at byte N" and returns `status`; "out of memory" and ETL_NOMEM when that was the problem. */
etl_status etl_json_fail(const struct etl_json *json, etl_status status, struct etl_error *err);

/* Finds the value of a top-level key of an object without unescaping more than keys; false if absent or malformed. `value`
 * is its raw text. For small documents such as states. */
bool etl_json_find(const char *text, size_t length, const char *key, struct etl_bytes *ret_value);

/* Raw JSON string -> NUL-terminated copy, freed by the caller with free(); NULL if it is no string, holds a NUL byte or memory
 * is out. */
char *etl_json_to_string(struct etl_bytes raw);

#ifdef __cplusplus
}
#endif

#endif
