/* Text in other encodings, and the names of columns. */
#ifndef PLUGINS_CSV_CSV_TEXT_H
#define PLUGINS_CSV_CSV_TEXT_H

#include "plugins/csv/csv_source.h"

struct csv_decoder {
    enum csv_encoding encoding;
    bool has_started;         /* the byte order mark has been looked for */
    bool has_mark;            /* and found */
    bool is_big;              /* UTF-16 */
    unsigned char pending[4]; /* the start of a character */
    size_t pending_length;
};

/* UTF-8 made from `length` bytes has at most CSV_DECODED_MAX(length) bytes. */
#define CSV_DECODED_MAX(length) ((length)*3 + 16)

/* Decodes into `to`, returns the number of bytes. Invalid UTF-16 becomes invalid UTF-8, so that it is found where values are
 * checked. `is_end`: a rest of a character is invalid. */
size_t csv_decode(struct csv_decoder *decoder, const char *from, size_t length, bool is_end, char *to);

/* Bytes that this UTF-8 text had before it was decoded. */
uint64_t csv_encoded_length(enum csv_encoding encoding, const char *text, size_t length);

struct csv_header {
    char **names;
    size_t count;
};
void csv_header_fini(struct csv_header *header);

/* Names from cells: unique ("_2"), never empty ("column_3"), valid UTF-8. `where` goes into messages; `host` gets the warnings. */
etl_status csv_header_from_cells(const struct etl_host *host, const struct etl_bytes *cells, size_t count, bool trim,
                                 const char *where, struct csv_header *ret_header, struct etl_error *err);
/* Given names, or c1, c2 ... for `count` cells. */
etl_status csv_header_from_list(char *const *names, size_t count, const char *where, struct csv_header *ret_header,
                                struct etl_error *err);

/* Without spaces and tabs at both ends. */
struct etl_bytes csv_trim(struct etl_bytes text);

#endif
