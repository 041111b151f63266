/* json_dumps of jansson 2.14 drops the name of a member, and nothing else, when its buffer cannot grow there, and hands out the damaged text.
 * Here the size is measured first, so that one allocation decides. */
#include "core/base/json_text.h"

#include <stdlib.h>

char *json_text(const json_t *json, size_t flags)
{
    size_t size = json_dumpb(json, NULL, 0, flags);
    char *text = size ? malloc(size + 1) : NULL;
    if (!text)
        return NULL;
    if (json_dumpb(json, text, size, flags) != size) {
        free(text);
        return NULL;
    }
    text[size] = '\0';
    return text;
}
