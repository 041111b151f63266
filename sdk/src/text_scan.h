/* Scanning of UTF-8 and JSON text, shared by the reader, the writer and the value parsers. Private to the SDK. All functions
 * stay within [p, end); the 16 byte loads are taken only where that many bytes are left. */
#ifndef ETL_SRC_TEXT_SCAN_H
#define ETL_SRC_TEXT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

static inline uint8_t etl__byte(const char *p)
{
    return (uint8_t)*p;
}

static inline bool etl__is_digit(char c)
{
    return (uint8_t)(c - '0') <= 9;
}

static inline bool etl__is_tail(const char *p)
{
    return (etl__byte(p) & 0xc0) == 0x80;
}

/* Length of the valid multi-byte sequence at p, whose first byte is 0x80 or more; 0 if there is none. */
static inline size_t etl__utf8_sequence(const char *p, const char *end)
{
    uint8_t first = etl__byte(p);
    size_t left = (size_t)(end - p);
    if (first < 0xe0)
        return first >= 0xc2 && left >= 2 && etl__is_tail(p + 1) ? 2 : 0;
    if (first < 0xf0) {
        if (left < 3 || !etl__is_tail(p + 1) || !etl__is_tail(p + 2))
            return 0;
        if ((first == 0xe0 && etl__byte(p + 1) < 0xa0) || (first == 0xed && etl__byte(p + 1) > 0x9f))
            return 0;
        return 3;
    }
    if (first > 0xf4 || left < 4 || !etl__is_tail(p + 1) || !etl__is_tail(p + 2) || !etl__is_tail(p + 3))
        return 0;
    if ((first == 0xf0 && etl__byte(p + 1) < 0x90) || (first == 0xf4 && etl__byte(p + 1) > 0x8f))
        return 0;
    return 4;
}

/* First byte that cannot stand as it is in a JSON string: control characters, '"', '\\', and everything above ASCII (which is to be
 * checked by the caller). */
static inline const char *etl__json_scan(const char *p, const char *end)
{
#if defined(__SSE2__)
    while (end - p >= 16) {
        __m128i block;
        memcpy(&block, p, 16);
        /* Signed comparison: bytes above ASCII are negative and so less than a blank as well. */
        __m128i stop = _mm_or_si128(
            _mm_cmplt_epi8(block, _mm_set1_epi8(0x20)),
            _mm_or_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8('"')), _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'))));
        unsigned mask = (unsigned)_mm_movemask_epi8(stop);
        if (mask)
            return p + __builtin_ctz(mask);
        p += 16;
    }
#else
    while (end - p >= 8) {
        const uint64_t ones = UINT64_C(0x0101010101010101), high = UINT64_C(0x8080808080808080);
        uint64_t block, quote, slash;
        memcpy(&block, p, 8);
        quote = block ^ (ones * '"');
        slash = block ^ (ones * '\\');
        if (((block - ones * 0x20) | (quote - ones) | (slash - ones) | block) & high)
            break; /* a hit, or (rarely) a false alarm: the loop below decides */
        p += 8;
    }
#endif
    while (p < end && etl__byte(p) >= 0x20 && etl__byte(p) < 0x80 && *p != '"' && *p != '\\')
        p++;
    return p;
}

/* First byte above ASCII. */
static inline const char *etl__ascii_scan(const char *p, const char *end)
{
    while (end - p >= 8) {
        uint64_t block;
        memcpy(&block, p, 8);
        if (block & UINT64_C(0x8080808080808080))
            break;
        p += 8;
    }
    while (p < end && etl__byte(p) < 0x80)
        p++;
    return p;
}

#endif
