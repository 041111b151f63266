/* JSON values as text. */
#ifndef CORE_BASE_JSON_TEXT_H
#define CORE_BASE_JSON_TEXT_H

#include <jansson.h>

/* json_dumps that tells when memory is out: NULL then, or for NULL; the caller frees the text. */
char *json_text(const json_t *json, size_t flags);

#endif
