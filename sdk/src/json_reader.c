/* A strict pull reader for JSON. One document in memory, one pass, no recursion: the open brackets are bytes in `nesting`, and
 * `expect` says what may come next.
 *
 * Strings are checked while their end is looked for; only those with escapes are then unescaped into `scratch`, which never
 * needs more bytes than the string has in the input. Skipping a value does the same checks without the unescaping. */
#include <etlhost/sdk/json_reader.h>

#include <stdlib.h>
#include <string.h>

#include "sdk/src/text_scan.h"

enum {
    EXPECT_VALUE,
    EXPECT_ITEM_OR_END, /* behind '[' */
    EXPECT_KEY_OR_END,  /* behind '{' */
    EXPECT_SEPARATOR,   /* behind a value: ',' or the closing bracket, or the end of the document */
    EXPECT_NOTHING      /* failed */
};

static const char problem_memory[] = "out of memory";

void etl_json_init(struct etl_json *json, const char *text, size_t length, size_t max_depth)
{
    json->scratch = NULL;
    json->scratch_capacity = 0;
    json->nesting = NULL;
    json->nesting_capacity = sizeof(json->nesting_inline);
    json->max_depth = max_depth ? max_depth : ETL_JSON_DEPTH_DEFAULT;
    etl_json_reset(json, text, length);
}

void etl_json_reset(struct etl_json *json, const char *text, size_t length)
{
    if (!text)
        text = "";
    json->begin = json->at = json->token_at = text;
    json->end = text + length;
    json->problem = NULL;
    json->depth = 0;
    json->expect = EXPECT_VALUE;
    json->text.data = NULL;
    json->text.length = 0;
}

void etl_json_fini(struct etl_json *json)
{
    if (!json)
        return;
    free(json->scratch);
    free(json->nesting);
    json->scratch = NULL;
    json->scratch_capacity = 0;
    json->nesting = NULL;
    json->nesting_capacity = sizeof(json->nesting_inline);
    etl_json_reset(json, "", 0);
}

static enum etl_json_token fail_at(struct etl_json *json, const char *at, const char *problem)
{
    json->problem = problem;
    json->token_at = json->at = at;
    json->expect = EXPECT_NOTHING;
    json->text.data = NULL;
    json->text.length = 0;
    return ETL_JSON_ERROR;
}

static inline const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
        p++;
    return p;
}

/* ---- nesting ---- */

static inline uint8_t *nesting(struct etl_json *json)
{
    return json->nesting ? json->nesting : json->nesting_inline;
}

static bool grow_nesting(struct etl_json *json)
{
    size_t capacity = json->nesting_capacity * 2;
    uint8_t *bigger = realloc(json->nesting, capacity);

    if (!bigger)
        return false;
    if (!json->nesting)
        memcpy(bigger, json->nesting_inline, sizeof(json->nesting_inline));
    json->nesting = bigger;
    json->nesting_capacity = capacity;
    return true;
}

static enum etl_json_token open_bracket(struct etl_json *json, const char *p)
{
    if (json->depth == json->max_depth)
        return fail_at(json, p, "nested too deeply");
    if (json->depth == json->nesting_capacity && !grow_nesting(json))
        return fail_at(json, p, problem_memory);
    nesting(json)[json->depth++] = (uint8_t)*p;
    json->token_at = p;
    json->at = p + 1;
    json->expect = *p == '{' ? EXPECT_KEY_OR_END : EXPECT_ITEM_OR_END;
    return *p == '{' ? ETL_JSON_BEGIN_OBJECT : ETL_JSON_BEGIN_ARRAY;
}

static inline enum etl_json_token close_bracket(struct etl_json *json, const char *p)
{
    json->depth--;
    json->token_at = p;
    json->at = p + 1;
    json->expect = EXPECT_SEPARATOR;
    return *p == '}' ? ETL_JSON_END_OBJECT : ETL_JSON_END_ARRAY;
}

/* ---- strings ---- */

/* Four hex digits, or a number above 0xffff. */
static uint32_t hex4(const char *p, const char *end)
{
    uint32_t value = 0;

    if (end - p < 4)
        return UINT32_MAX;
    for (int i = 0; i < 4; i++) {
        uint8_t c = etl__byte(p + i), letter = (uint8_t)((c | 0x20) - 'a');
        if (etl__is_digit((char)c))
            value = value << 4 | (uint32_t)(c - '0');
        else if (letter <= 5)
            value = value << 4 | (uint32_t)(letter + 10);
        else
            return UINT32_MAX;
    }
    return value;
}

/* Length of the valid escape at p (a backslash); 0 sets *ret_problem. */
static size_t escape_length(const char *p, const char *end, const char **ret_problem)
{
    uint32_t code = 0;

    *ret_problem = "invalid escape in a string";
    if (end - p < 2)
        return 0;
    if (p[1] != 'u')
        return p[1] && strchr("\"\\/bfnrt", p[1]) ? 2 : 0;
    code = hex4(p + 2, end);
    if (code > 0xffff)
        return 0;
    if (code < 0xd800 || code > 0xdfff)
        return 6;
    *ret_problem = "lone surrogate in a string";
    if (code > 0xdbff || end - p < 12 || p[6] != '\\' || p[7] != 'u')
        return 0;
    code = hex4(p + 8, end);
    return code >= 0xdc00 && code <= 0xdfff ? 12 : 0;
}

/* Finds the closing quote of the string whose content starts at p and checks all of it. NULL after fail_at. */
static const char *scan_string(struct etl_json *json, const char *p, bool *ret_escaped)
{
    const char *end = json->end, *problem = NULL;

    for (;;) {
        size_t length = 0;
        p = etl__json_scan(p, end);
        if (p == end) {
            fail_at(json, p, "unterminated string");
            return NULL;
        }
        if (*p == '"')
            return p;
        if (*p == '\\') {
            *ret_escaped = true;
            length = escape_length(p, end, &problem);
        } else if (etl__byte(p) >= 0x80) {
            problem = "invalid UTF-8 in a string";
            length = etl__utf8_sequence(p, end);
            while (length && p + length < end && etl__byte(p + length) >= 0x80) {
                p += length;
                length = etl__utf8_sequence(p, end);
            }
        } else {
            problem = "control character in a string";
        }
        if (length == 0) {
            fail_at(json, p, problem);
            return NULL;
        }
        p += length;
    }
}

static char *put_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
    } else {
        if (code < 0x10000) {
            *to++ = (char)(0xe0 | code >> 12);
        } else {
            *to++ = (char)(0xf0 | code >> 18);
            *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        }
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
    }
    *to++ = (char)(0x80 | (code & 0x3f));
    return to;
}

/* Writes what the checked escape at *from stands for and moves *from behind it. */
static char *unescape_one(char *to, const char **from, const char *end)
{
    const char *p = *from;
    uint32_t code = 0;

    *from = p + 2;
    switch (p[1]) {
    case 'b': *to++ = '\b'; return to;
    case 'f': *to++ = '\f'; return to;
    case 'n': *to++ = '\n'; return to;
    case 'r': *to++ = '\r'; return to;
    case 't': *to++ = '\t'; return to;
    case 'u': break;
    default: *to++ = p[1]; return to;
    }
    code = hex4(p + 2, end);
    *from = p + 6;
    if (code >= 0xd800 && code <= 0xdfff) {
        code = 0x10000 + ((code - 0xd800) << 10) + (hex4(p + 8, end) - 0xdc00);
        *from = p + 12;
    }
    return put_utf8(to, code);
}

/* Unescapes checked text into the scratch memory. */
static bool unescape(struct etl_json *json, const char *from, const char *end)
{
    size_t length = (size_t)(end - from);
    char *to = NULL;

    if (length > json->scratch_capacity) {
        size_t capacity = json->scratch_capacity * 2 > length ? json->scratch_capacity * 2 : length + 64;
        char *bigger = realloc(json->scratch, capacity);
        if (!bigger)
            return false;
        json->scratch = bigger;
        json->scratch_capacity = capacity;
    }
    to = json->scratch;
    while (from < end) {
        const char *escape = memchr(from, '\\', (size_t)(end - from));
        size_t plain = (size_t)((escape ? escape : end) - from);
        memcpy(to, from, plain);
        to += plain;
        from += plain;
        if (escape)
            to = unescape_one(to, &from, end);
    }
    json->text.data = json->scratch;
    json->text.length = (size_t)(to - json->scratch);
    return true;
}

static inline bool read_string(struct etl_json *json, const char *p, bool decode)
{
    bool escaped = false;
    const char *end = scan_string(json, p + 1, &escaped);

    if (!end)
        return false;
    if (decode && escaped) {
        if (!unescape(json, p + 1, end)) {
            fail_at(json, p, problem_memory);
            return false;
        }
    } else {
        json->text.data = p + 1;
        json->text.length = (size_t)(end - p - 1);
    }
    json->token_at = p;
    json->at = end + 1;
    return true;
}

static inline enum etl_json_token read_key(struct etl_json *json, const char *p, bool decode)
{
    const char *colon = NULL;

    if (p == json->end || *p != '"')
        return fail_at(json, p, p == json->end ? "unexpected end of the text" : "expected a key in double quotes");
    if (!read_string(json, p, decode))
        return ETL_JSON_ERROR;
    colon = skip_space(json->at, json->end);
    if (colon == json->end || *colon != ':')
        return fail_at(json, colon, colon == json->end ? "unexpected end of the text" : "expected ':' behind a key");
    json->at = colon + 1;
    json->expect = EXPECT_VALUE;
    return ETL_JSON_KEY;
}

/* ---- scalars ---- */

/* The end of one or more digits, NULL if there is none. */
static inline const char *digits_end(const char *p, const char *end)
{
    const char *digits = p;

    while (p < end && etl__is_digit(*p))
        p++;
    return p == digits ? NULL : p;
}

static inline const char *exponent_end(const char *p, const char *end)
{
    p += p < end && (*p == '+' || *p == '-');
    return digits_end(p, end);
}

static const char *number_end(const char *p, const char *end)
{
    const char *integer = p + (*p == '-');

    p = digits_end(integer, end);
    if (!p || (*integer == '0' && p - integer > 1))
        return NULL;
    if (p < end && *p == '.')
        p = digits_end(p + 1, end);
    if (p && p < end && (*p | 0x20) == 'e')
        p = exponent_end(p + 1, end);
    return p;
}

static inline enum etl_json_token read_number(struct etl_json *json, const char *p)
{
    const char *end = number_end(p, json->end);

    if (!end)
        return fail_at(json, p, "invalid number");
    json->text.data = p;
    json->text.length = (size_t)(end - p);
    json->token_at = p;
    json->at = end;
    json->expect = EXPECT_SEPARATOR;
    return ETL_JSON_NUMBER;
}

static enum etl_json_token read_word(struct etl_json *json, const char *p)
{
    static const struct {
        const char *text;
        size_t length;
        enum etl_json_token token;
    } words[] = {{"null", 4, ETL_JSON_NULL}, {"true", 4, ETL_JSON_TRUE}, {"false", 5, ETL_JSON_FALSE}};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if ((size_t)(json->end - p) < words[i].length || memcmp(p, words[i].text, words[i].length) != 0)
            continue;
        json->token_at = p;
        json->at = p + words[i].length;
        json->expect = EXPECT_SEPARATOR;
        return words[i].token;
    }
    return fail_at(json, p, "expected a value");
}

static inline enum etl_json_token read_value(struct etl_json *json, const char *p, bool decode)
{
    if (p == json->end)
        return fail_at(json, p, "unexpected end of the text");
    switch (*p) {
    case '"':
        if (!read_string(json, p, decode))
            return ETL_JSON_ERROR;
        json->expect = EXPECT_SEPARATOR;
        return ETL_JSON_STRING;
    case '{':
    case '[': return open_bracket(json, p);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9': return read_number(json, p);
    default: return read_word(json, p);
    }
}

/* ---- tokens ---- */

static inline enum etl_json_token read_separator(struct etl_json *json, const char *p, bool decode)
{
    bool in_object = false;

    if (json->depth == 0) {
        if (p < json->end)
            return fail_at(json, p, "unexpected text behind the value");
        json->token_at = json->at = p;
        return ETL_JSON_END;
    }
    if (p == json->end)
        return fail_at(json, p, "unexpected end of the text");
    in_object = nesting(json)[json->depth - 1] == '{';
    if (*p == ',') {
        p = skip_space(p + 1, json->end);
        return in_object ? read_key(json, p, decode) : read_value(json, p, decode);
    }
    if (*p == (in_object ? '}' : ']'))
        return close_bracket(json, p);
    return fail_at(json, p, in_object ? "expected ',' or '}'" : "expected ',' or ']'");
}

static inline enum etl_json_token advance(struct etl_json *json, bool decode)
{
    const char *p = skip_space(json->at, json->end);

    switch (json->expect) {
    case EXPECT_SEPARATOR: return read_separator(json, p, decode);
    case EXPECT_VALUE: return read_value(json, p, decode);
    case EXPECT_KEY_OR_END:
        if (p < json->end && *p == '}')
            return close_bracket(json, p);
        return read_key(json, p, decode);
    case EXPECT_ITEM_OR_END:
        if (p < json->end && *p == ']')
            return close_bracket(json, p);
        return read_value(json, p, decode);
    default: return ETL_JSON_ERROR;
    }
}

enum etl_json_token etl_json_next(struct etl_json *json)
{
    return advance(json, true);
}

struct etl_bytes etl_json_text(const struct etl_json *json)
{
    return json->text;
}

struct etl_bytes etl_json_raw(struct etl_json *json, enum etl_json_token token)
{
    struct etl_bytes raw = {NULL, 0};
    const char *begin = json->token_at;

    if (json->expect == EXPECT_NOTHING)
        return raw;
    if (token == ETL_JSON_BEGIN_OBJECT || token == ETL_JSON_BEGIN_ARRAY) {
        size_t outside = json->depth - 1;
        while (json->depth > outside)
            if (advance(json, false) == ETL_JSON_ERROR)
                return raw;
    }
    json->token_at = begin;
    raw.data = begin;
    raw.length = (size_t)(json->at - begin);
    return raw;
}

size_t etl_json_offset(const struct etl_json *json)
{
    return (size_t)(json->token_at - json->begin);
}

etl_status etl_json_fail(const struct etl_json *json, etl_status status, struct etl_error *err)
{
    if (json->problem == problem_memory)
        return etl_fail_memory(err);
    return etl_fail(err, status, "%s at byte %zu", json->problem ? json->problem : "unexpected JSON value",
                    etl_json_offset(json));
}

/* ---- small documents ---- */

bool etl_json_find(const char *text, size_t length, const char *key, struct etl_bytes *ret_value)
{
    struct etl_json json;
    enum etl_json_token token = ETL_JSON_ERROR;
    struct etl_bytes value = {NULL, 0};
    size_t key_length = strlen(key);

    etl_json_init(&json, text, length, 0);
    token = etl_json_next(&json);
    if (token != ETL_JSON_BEGIN_OBJECT)
        token = ETL_JSON_ERROR;
    else
        token = etl_json_next(&json);
    while (token == ETL_JSON_KEY) {
        struct etl_bytes name = etl_json_text(&json), raw = {NULL, 0};
        bool is_it = name.length == key_length && memcmp(name.data, key, key_length) == 0;
        raw = etl_json_raw(&json, etl_json_next(&json));
        if (is_it)
            value = raw;
        token = etl_json_next(&json);
    }
    if (token == ETL_JSON_END_OBJECT)
        token = etl_json_next(&json);
    etl_json_fini(&json);
    if (token != ETL_JSON_END || !value.data)
        return false;
    *ret_value = value;
    return true;
}

char *etl_json_to_string(struct etl_bytes raw)
{
    struct etl_json json;
    char *copy = NULL;

    etl_json_init(&json, raw.data, raw.data ? raw.length : 0, 0);
    if (etl_json_next(&json) == ETL_JSON_STRING) {
        struct etl_bytes text = etl_json_text(&json);
        if (!text.length || !memchr(text.data, '\0', text.length))
            copy = malloc(text.length + 1);
        if (copy) {
            if (text.length)
                memcpy(copy, text.data, text.length);
            copy[text.length] = '\0';
        }
        if (etl_json_next(&json) != ETL_JSON_END) {
            free(copy);
            copy = NULL;
        }
    }
    etl_json_fini(&json);
    return copy;
}
