/* Text helpers. Results are owned by the caller (free) and NULL when memory is out. */
#ifndef CORE_BASE_STRING_H
#define CORE_BASE_STRING_H

#include <etlhost/sdk/error.h>
#include <stdbool.h>

char *string_copy(const char *text); /* NULL stays NULL */
char *string_format(const char *format, ...) ETL_PRINTF(1, 2);
/* NULL-terminated arrays. */
char **string_list_copy(const char *const *list);
void string_list_free(char **list);
bool string_list_has(const char *const *list, const char *text);
/* Splits at commas, trims blanks, drops empty parts. */
char **string_split(const char *text);
/* Shell-style glob: * ? [..]; no special treatment of '/' or '.'. */
bool string_matches(const char *pattern, const char *text);
/* The candidate nearest to `text` by edit distance when it is close enough to be a typing error, else NULL. */
const char *string_nearest(const char *text, const char *const *candidates);

#endif
