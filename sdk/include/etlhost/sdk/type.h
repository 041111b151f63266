/* One column's type, parsed from an Arrow format string and its extension name. No allocation, any thread. */
#ifndef ETL_SDK_TYPE_H
#define ETL_SDK_TYPE_H

#include <etlhost/sdk/error.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum etl_kind {
    ETL_KIND_BOOL,      /* b */
    ETL_KIND_INT,       /* c s i l: bits 8..64, signed */
    ETL_KIND_UINT,      /* C S I L: bits 8..64 */
    ETL_KIND_DOUBLE,    /* f g: bits 32, 64 */
    ETL_KIND_DECIMAL,   /* d:P,S: precision, scale; 128 bit two's complement, little-endian */
    ETL_KIND_STRING,    /* u U: UTF-8 */
    ETL_KIND_JSON,      /* u U with extension arrow.json */
    ETL_KIND_UUID,      /* u with extension arrow.uuid: canonical lower-case text */
    ETL_KIND_BINARY,    /* z Z */
    ETL_KIND_DATE,      /* tdD: int32 days since 1970-01-01 */
    ETL_KIND_TIME,      /* ttu: int64 microseconds since midnight */
    ETL_KIND_TIMESTAMP, /* tsu: without zone, tsu:UTC with; int64 microseconds since 1970-01-01 */
    ETL_KIND_STRUCT,    /* +s */
    ETL_KIND_LIST       /* +l */
};

struct etl_type {
    enum etl_kind kind;
    uint8_t bits;      /* INT, UINT: 8 16 32 64; DOUBLE: 32 64 */
    uint8_t precision; /* DECIMAL: 1..38 */
    int8_t scale;      /* DECIMAL: 0..precision */
    bool is_utc;       /* TIMESTAMP */
    bool is_large;     /* STRING, JSON, BINARY: 64 bit offsets */
};

/* Parses `format` ("d:18,2") with the extension name (NULL or "" = none). ETL_UNSUPPORTED for a format outside the ABI's
 * subset, with the format in the message. */
etl_status etl_type_parse(const char *format, const char *extension, struct etl_type *ret_type, struct etl_error *err);

/* The same for a schema node. */
etl_status etl_type_of(const struct ArrowSchema *schema, struct etl_type *ret_type, struct etl_error *err);

/* Writes the Arrow format string, NUL-terminated, into `buffer` (ETL_TYPE_FORMAT_MAX bytes); returns `buffer`. */
#define ETL_TYPE_FORMAT_MAX 24
const char *etl_type_format(const struct etl_type *type, char *buffer);

/* "arrow.json", "arrow.uuid" or NULL. Static. */
const char *etl_type_extension(const struct etl_type *type);

/* A name for people: "int64", "decimal(18,2)", "timestamp with time zone", "json". `buffer` as above (32 bytes). */
#define ETL_TYPE_NAME_MAX 32
const char *etl_type_name(const struct etl_type *type, char *buffer);

bool etl_type_equal(const struct etl_type *a, const struct etl_type *b);

/* Bytes per value in the data buffer of a fixed-width kind (BOOL: 0, it is one bit; variable and nested kinds: 0). */
size_t etl_type_width(const struct etl_type *type);

#ifdef __cplusplus
}
#endif

#endif
