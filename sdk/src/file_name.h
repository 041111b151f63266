/* Names of files. */
#ifndef SDK_SRC_FILE_NAME_H
#define SDK_SRC_FILE_NAME_H

#include <etlhost/sdk/json_writer.h>

/* Appends `text` as one component of a path: [A-Za-z0-9._-] as they are, other bytes and a leading dot percent-encoded, "" as "%".
 * Different texts give different names; names longer than 72 bytes are cut and end in "~" and a digest. */
void etl__name_encode(struct etl_buffer *buffer, const char *text);

/* FNV-1a, for telling contents apart, not for security. Start with ETL__HASH_START. */
#define ETL__HASH_START UINT64_C(0xcbf29ce484222325)
uint64_t etl__hash(uint64_t hash, const void *data, size_t length);

/* Sorts NUL-terminated strings bytewise: for qsort over char *. */
int etl__compare_names(const void *a, const void *b);

#endif
