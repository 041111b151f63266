/* Arrow C Data Interface: the two frozen structs that carry records across the plugin boundary.
 *
 * Source: https://arrow.apache.org/docs/format/CDataInterface.html ("Structure definitions"). The definitions and the
 * include guard are the canonical ones, so this header can stand beside any other project's copy in one translation unit.
 *
 * Rules that every producer and consumer here relies on (same source):
 *  - a struct is released iff its `release` is NULL;
 *  - only the base (root) struct's `release` is called by a consumer; the producer's callback releases the children;
 *  - the callback sets `release` to NULL before it returns; it may run on any thread;
 *  - a struct is moved by copying it bytewise and setting the source's `release` to NULL;
 *  - buffers are immutable for both sides once the struct has been handed over.
 */
#ifndef ETL_ARROW_H
#define ETL_ARROW_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE           2
#define ARROW_FLAG_MAP_KEYS_SORTED    4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

#endif /* ARROW_C_DATA_INTERFACE */

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

/* Source: https://arrow.apache.org/docs/format/CStreamInterface.html. Used only by the SDK's adapter (sdk/stream.h). */
struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};

#endif /* ARROW_C_STREAM_INTERFACE */

#ifdef __cplusplus
}
#endif

#endif /* ETL_ARROW_H */
