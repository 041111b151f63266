/* Text helpers. Pure functions; any thread. Text is UTF-8; a byte that is no UTF-8 counts as one character. */
#include "core/base/string.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longer names are never a typing error of a known one; it bounds the work of string_nearest. */
#define NEAREST_MAX_BYTES 64

char *string_copy(const char *text)
{
    return text != NULL ? strdup(text) : NULL;
}

char *string_format(const char *format, ...)
{
    va_list args;
    char *text = NULL;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    return length >= 0 ? text : NULL;
}

char **string_list_copy(const char *const *list)
{
    size_t count = 0;
    while (list != NULL && list[count] != NULL)
        count++;
    char **copy = calloc(count + 1, sizeof(*copy));
    for (size_t i = 0; copy != NULL && i < count; i++) {
        copy[i] = strdup(list[i]);
        if (copy[i] == NULL) {
            string_list_free(copy);
            return NULL;
        }
    }
    return copy;
}

void string_list_free(char **list)
{
    for (size_t i = 0; list != NULL && list[i] != NULL; i++)
        free(list[i]);
    free(list);
}

bool string_list_has(const char *const *list, const char *text)
{
    for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
        if (strcmp(list[i], text) == 0)
            return true;
    }
    return false;
}

static const char *trim(const char *begin, const char **end)
{
    while (begin < *end && strchr(" \t\r\n", *begin) != NULL)
        begin++;
    while (*end > begin && strchr(" \t\r\n", (*end)[-1]) != NULL)
        (*end)--;
    return begin;
}

char **string_split(const char *text)
{
    size_t count = 0, parts = 1;
    for (const char *p = text; *p != '\0'; p++)
        parts += *p == ',';
    char **list = calloc(parts + 1, sizeof(*list));
    while (list != NULL) {
        const char *comma = strchrnul(text, ',');
        const char *end = comma;
        const char *begin = trim(text, &end);
        if (end > begin) {
            list[count] = strndup(begin, (size_t)(end - begin));
            if (list[count++] == NULL) {
                string_list_free(list);
                return NULL;
            }
        }
        if (*comma == '\0')
            break;
        text = comma + 1;
    }
    return list;
}

/* Reads one character and moves on. Lenient on purpose: broken UTF-8 gives its bytes one by one. */
static uint32_t next_char(const char **text)
{
    const unsigned char *p = (const unsigned char *)*text;
    size_t more = p[0] >= 0xf0 && p[0] < 0xf8   ? 3
                  : p[0] >= 0xe0 && p[0] < 0xf0 ? 2
                  : p[0] >= 0xc2 && p[0] < 0xe0 ? 1
                                                : 0;
    uint32_t code = more == 3 ? p[0] & 0x07u : more == 2 ? p[0] & 0x0fu : more == 1 ? p[0] & 0x1fu : p[0];
    for (size_t i = 1; i <= more; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            *text += 1;
            return p[0];
        }
        code = code << 6 | (p[i] & 0x3fu);
    }
    *text += more + 1;
    return code;
}

/* `p` stands behind '['. Returns what stands behind the closing ']', or NULL if there is none: then '[' is a plain character. */
static const char *match_set(const char *p, uint32_t c, bool *ret_matches)
{
    bool negate = *p == '!' || *p == '^', found = false;
    p += negate;
    for (bool first = true; *p != '\0' && (first || *p != ']'); first = false) {
        uint32_t low = next_char(&p), high = low;
        if (p[0] == '-' && p[1] != ']' && p[1] != '\0') {
            p++;
            high = next_char(&p);
        }
        found = found || (c >= low && c <= high);
    }
    *ret_matches = found != negate;
    return *p == ']' ? p + 1 : NULL;
}

/* One pattern element that is not '*' against one character. */
static bool match_one(const char **pattern, uint32_t c)
{
    bool matches = false;
    const char *p = *pattern;
    if (*p == '\0')
        return false;
    if (*p == '?') {
        *pattern = p + 1;
        return true;
    }
    if (*p == '[') {
        const char *end = match_set(p + 1, c, &matches);
        if (end != NULL) {
            *pattern = end;
            return matches;
        }
    }
    if (*p == '\\' && p[1] != '\0')
        p++;
    matches = next_char(&p) == c;
    *pattern = p;
    return matches;
}

bool string_matches(const char *pattern, const char *text)
{
    /* Only the last '*' ever needs another try, so this is quadratic at worst. */
    const char *star = NULL, *retry = NULL;
    while (*text != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            retry = text;
            continue;
        }
        const char *after = text;
        uint32_t c = next_char(&after);
        if (match_one(&pattern, c)) {
            text = after;
        } else if (star != NULL) {
            next_char(&retry);
            text = retry;
            pattern = star;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static unsigned char fold(char c)
{
    unsigned char byte = (unsigned char)c;
    if (byte >= 'A' && byte <= 'Z')
        byte = (unsigned char)(byte + 32);
    return byte == '-' ? '_' : byte;
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours; ASCII case and '-' for '_' cost nothing. */
static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][NEAREST_MAX_BYTES + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_len; j++)
        above[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t cost = fold(a[i - 1]) != fold(b[j - 1]);
            row[j] = min_size(min_size(above[j] + 1, row[j - 1] + 1), above[j - 1] + cost);
            if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1]))
                row[j] = min_size(row[j], before[j - 2] + 1);
        }
        size_t *free_row = before;
        before = above;
        above = row;
        row = free_row;
    }
    return above[b_len];
}

const char *string_nearest(const char *text, const char *const *candidates)
{
    const char *nearest = NULL;
    size_t length = strlen(text), best = length / 3 + 2;
    if (length > NEAREST_MAX_BYTES)
        return NULL;
    for (size_t i = 0; candidates != NULL && candidates[i] != NULL; i++) {
        size_t candidate_length = strlen(candidates[i]);
        if (candidate_length > NEAREST_MAX_BYTES)
            continue;
        size_t distance = edit_distance(text, length, candidates[i], candidate_length);
        /* A name of which every character is wrong is no near miss. */
        if (distance < best && distance < candidate_length) {
            best = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}
