/* Stream names from file names, and file names from any text. No state, no locks. */
#include "sdk/src/file_name.h"

#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk/input_files.h>

#define NAME_BYTES_MAX  72
#define NAME_BYTES_KEPT 52

static bool is_suffix(const char *text, size_t length)
{
    static const char *const known[] = {"gz",  "gzip", "zst",   "zstd",   "csv", "tsv",
                                        "txt", "json", "jsonl", "ndjson", "log"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strlen(known[i]) == length && strncasecmp(known[i], text, length) == 0)
            return true;
    }
    return false;
}

/* Length without ".csv.gz"; an unknown extension goes too, but only when it is the last and follows something. */
static size_t stem_length(const char *name, size_t length)
{
    bool is_first = true;
    for (;;) {
        size_t dot = length;
        while (dot > 0 && name[dot - 1] != '.')
            dot--;
        if (dot <= 1)
            return length;
        bool known = is_suffix(name + dot, length - dot);
        if (!known && !is_first)
            return length;
        length = dot - 1;
        if (!known)
            return length;
        is_first = false;
    }
}

char *etl_stream_name_from_path(const char *path)
{
    size_t length = strlen(path);
    if (strcmp(path, "-") == 0)
        return strdup("stdin");
    while (length > 1 && path[length - 1] == '/')
        length--;
    size_t begin = length;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    const char *name = path + begin;
    size_t stem = stem_length(name, length - begin), kept = stem;
    while (kept > 0 && strchr("0123456789*?[]-_. :+", name[kept - 1]))
        kept--;
    /* "2026-01-31T120000Z" and the like: the letters of a time behind digits belong to the date. */
    while (kept > 1 && (name[kept - 1] == 'T' || name[kept - 1] == 'Z') && name[kept - 2] >= '0' &&
           name[kept - 2] <= '9') {
        kept--;
        while (kept > 0 && strchr("0123456789*?[]-_. :+", name[kept - 1]))
            kept--;
    }
    if (kept == 0)
        kept = stem;
    if (kept == 0)
        return strdup("files");
    return strndup(name, kept);
}

static bool is_plain(unsigned char byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
           byte == '.' || byte == '_' || byte == '-';
}

void etl__name_encode(struct etl_buffer *buffer, const char *text)
{
    size_t begin = buffer->length;
    if (*text == '\0')
        etl_buffer_add_text(buffer, "%");
    for (const char *at = text; *at; at++) {
        unsigned char byte = (unsigned char)*at;
        if (is_plain(byte) && !(byte == '.' && at == text))
            etl_buffer_add(buffer, at, 1);
        else
            etl_buffer_add_format(buffer, "%%%02X", (unsigned)byte);
    }
    if (!buffer->failed && buffer->length - begin > NAME_BYTES_MAX) {
        buffer->length = begin + NAME_BYTES_KEPT;
        etl_buffer_add_format(buffer, "~%016llx", (unsigned long long)etl__hash(ETL__HASH_START, text, strlen(text)));
    }
}

uint64_t etl__hash(uint64_t hash, const void *data, size_t length)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

int etl__compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}
