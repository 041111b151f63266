#include <etlhost/sdk/json_reader.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

/* Walks a document and writes its tokens: {}[] for brackets, k: for keys, s n t f 0 for values, ! for an error, $ for the end. */
static const char *walk(const char *text, size_t length)
{
    static char trace[1000];
    static const char letters[] = {
        [ETL_JSON_ERROR] = '!',      [ETL_JSON_END] = '$',         [ETL_JSON_NULL] = '0',
        [ETL_JSON_FALSE] = 'f',      [ETL_JSON_TRUE] = 't',        [ETL_JSON_NUMBER] = 'n',
        [ETL_JSON_STRING] = 's',     [ETL_JSON_KEY] = 'k',         [ETL_JSON_BEGIN_OBJECT] = '{',
        [ETL_JSON_END_OBJECT] = '}', [ETL_JSON_BEGIN_ARRAY] = '[', [ETL_JSON_END_ARRAY] = ']'};
    struct etl_json json;
    enum etl_json_token token;
    size_t at = 0;

    etl_json_init(&json, text, length, 0);
    do {
        token = etl_json_next(&json);
        if (at < sizeof(trace) - 1)
            trace[at++] = letters[token];
    } while (token != ETL_JSON_ERROR && token != ETL_JSON_END);
    cr_assert_eq(etl_json_next(&json), token, "the last token repeats");
    trace[at - 1] = letters[token]; /* the verdict also of a long document */
    trace[at] = '\0';
    etl_json_fini(&json);
    return trace;
}

static bool accepts(const char *text, size_t length)
{
    const char *trace = walk(text, length);
    return trace[strlen(trace) - 1] != '!';
}

/* The verdict of skipping the whole value must be that of reading it. */
static bool skips(const char *text, size_t length)
{
    struct etl_json json;
    bool ok;

    etl_json_init(&json, text, length, 0);
    ok = etl_json_raw(&json, etl_json_next(&json)).data != NULL && etl_json_next(&json) == ETL_JSON_END;
    etl_json_fini(&json);
    return ok;
}

static char *read_whole(const char *path, size_t *ret_length)
{
    FILE *file = fopen(path, "rb");
    char *text;
    long length;

    cr_assert_not_null(file, "%s", path);
    fseek(file, 0, SEEK_END);
    length = ftell(file);
    rewind(file);
    text = malloc((size_t)length + (length == 0));
    cr_assert_eq(fread(text, 1, (size_t)length, file), (size_t)length);
    fclose(file);
    *ret_length = (size_t)length;
    return text;
}

Test(json_reader, corpus)
{
    const char *top = getenv("top_srcdir");
    char folder[1000], path[2000];
    DIR *dir;
    int seen = 0;

    snprintf(folder, sizeof(folder), "%s/tests/unit/json_corpus", top ? top : ".");
    dir = opendir(folder);
    cr_assert_not_null(dir, "%s", folder);
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t length;
        char *text;
        bool ok;
        if (!strstr(entry->d_name, ".json"))
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        text = read_whole(path, &length);
        ok = accepts(text, length);
        cr_expect(entry->d_name[0] != 'y' || ok, "%s should be accepted", entry->d_name);
        cr_expect(entry->d_name[0] != 'n' || !ok, "%s should be refused", entry->d_name);
        cr_expect_eq(skips(text, length), ok, "%s: skipping and reading differ", entry->d_name);
        free(text);
        seen++;
    }
    closedir(dir);
    cr_assert_geq(seen, 150);
}

Test(json_reader, every_prefix_and_every_byte_change_is_survived)
{
    static const char text[] =
        "{\"a\\u00e9\":[1,-2.5e+3,true,null,\"x\xe2\x82\xac\\ud83d\\ude39y\"],\"b\":{\"c\":\"\"}}";
    size_t length = sizeof(text) - 1;

    for (size_t i = 0; i < length; i++) {
        char *copy = malloc(i + 1);
        memcpy(copy, text, i);
        cr_assert_not(accepts(copy, i), "prefix of %zu bytes", i);
        cr_assert_not(skips(copy, i));
        free(copy);
    }
    for (size_t i = 0; i < length; i++) {
        char *copy = malloc(length);
        for (int byte = 0; byte < 256; byte++) {
            memcpy(copy, text, length);
            copy[i] = (char)byte;
            cr_assert_eq(accepts(copy, length), skips(copy, length), "byte %zu = %d", i, byte);
        }
        free(copy);
    }
}

Test(json_reader, tokens)
{
    cr_assert_str_eq(walk("{\"a\":[1,true,false,null,\"x\"],\"b\":{}}", 36), "{k[ntf0s]k{}}$");
    cr_assert_str_eq(walk(" 1 ", 3), "n$");
    cr_assert_str_eq(walk("", 0), "!");
    cr_assert_str_eq(walk(NULL, 0), "!");
    cr_assert_str_eq(walk("[1]]", 4), "[n]!");
    cr_assert_str_eq(walk("[1,]", 4), "[n!");
}

static void check_string(const char *document, const char *expected, size_t length)
{
    struct etl_json json;
    struct etl_bytes text;

    etl_json_init(&json, document, strlen(document), 0);
    cr_assert_eq(etl_json_next(&json), ETL_JSON_STRING, "%s", document);
    text = etl_json_text(&json);
    cr_assert(text.length == length && memcmp(text.data, expected, length) == 0, "%s gave %.*s", document,
              (int)text.length, text.data);
    etl_json_fini(&json);
}

Test(json_reader, strings)
{
    check_string("\"\"", "", 0);
    check_string("\"abc\"", "abc", 3);
    check_string("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
    check_string("\"\\u0041\\u00e9\\u20AC\\uD834\\uDD1E\"", "A\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e", 10);
    check_string("\"\\u0000\\u007f\\u0080\\u07ff\\u0800\\uffff\"", "\0\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf",
                 12);
    check_string("\"\\uDBFF\\uDFFFx\"", "\xf4\x8f\xbf\xbfx", 5);
    check_string("\"a\\\\nb\"", "a\\nb", 4);
}

Test(json_reader, strings_of_every_length_and_place_of_an_escape)
{
    for (size_t length = 1; length < 70; length++)
        for (size_t at = 0; at < length; at++) {
            char document[100], expected[100];
            memset(document, 'x', sizeof(document));
            memset(expected, 'x', sizeof(expected));
            document[0] = '"';
            memcpy(document + 1 + at, "\\n", 2);
            expected[at] = '\n';
            document[length + 2] = '"';
            document[length + 3] = '\0';
            check_string(document, expected, length);
        }
}

Test(json_reader, strings_without_escapes_are_not_copied)
{
    static const char text[] = "[\"abc\",12]";
    struct etl_json json;
    etl_json_init(&json, text, sizeof(text) - 1, 0);
    etl_json_next(&json);
    etl_json_next(&json);
    cr_assert_eq(etl_json_text(&json).data, text + 2);
    cr_assert_eq(etl_json_offset(&json), 1);
    cr_assert_eq(etl_json_next(&json), ETL_JSON_NUMBER);
    cr_assert_eq(etl_json_text(&json).data, text + 7);
    cr_assert_eq(etl_json_text(&json).length, 2);
    cr_assert_null(json.scratch);
    etl_json_fini(&json);
}

Test(json_reader, depth)
{
    size_t n = 100000;
    char *text = malloc(2 * n);
    struct etl_json json;
    enum etl_json_token token;
    size_t tokens = 0;

    memset(text, '[', n);
    memset(text + n, ']', n);
    cr_assert_not(accepts(text, 2 * n), "the default limit");
    cr_assert_not(skips(text, 2 * n));
    etl_json_init(&json, text, 2 * n, n);
    while ((token = etl_json_next(&json)) != ETL_JSON_END && token != ETL_JSON_ERROR)
        tokens++;
    cr_assert_eq(token, ETL_JSON_END);
    cr_assert_eq(tokens, 2 * n);
    etl_json_reset(&json, text, 2 * n);
    cr_assert_eq(etl_json_raw(&json, etl_json_next(&json)).length, 2 * n);
    etl_json_reset(&json, text, 2 * n - 1);
    cr_assert_null(etl_json_raw(&json, etl_json_next(&json)).data);
    etl_json_fini(&json);
    etl_json_init(&json, text, 2 * n, n - 1);
    cr_assert_null(etl_json_raw(&json, etl_json_next(&json)).data);
    etl_json_fini(&json);
    etl_json_init(&json, "[[1]]", 5, 1);
    etl_json_next(&json);
    cr_assert_eq(etl_json_next(&json), ETL_JSON_ERROR);
    etl_json_fini(&json);
    free(text);
}

Test(json_reader, raw)
{
    static const char text[] = "{\"a\" : {\"x\":[1,{}]} , \"b\":\"s\\n\",\"c\": -1.50 ,\"d\":null}";
    static const char *const expected[] = {"{\"x\":[1,{}]}", "\"s\\n\"", "-1.50", "null"};
    struct etl_json json;

    etl_json_init(&json, text, sizeof(text) - 1, 0);
    cr_assert_eq(etl_json_next(&json), ETL_JSON_BEGIN_OBJECT);
    for (int i = 0; i < 4; i++) {
        struct etl_bytes raw;
        cr_assert_eq(etl_json_next(&json), ETL_JSON_KEY);
        raw = etl_json_raw(&json, etl_json_next(&json));
        cr_assert(raw.length == strlen(expected[i]) && memcmp(raw.data, expected[i], raw.length) == 0);
        cr_assert_eq(etl_json_offset(&json), (size_t)(raw.data - text));
    }
    cr_assert_eq(etl_json_next(&json), ETL_JSON_END_OBJECT);
    cr_assert_eq(etl_json_next(&json), ETL_JSON_END);
    etl_json_fini(&json);
}

Test(json_reader, errors_tell_where)
{
    struct etl_error err;
    struct etl_json json;

    etl_error_init(&err);
    etl_json_init(&json, "[1, x]", 6, 0);
    etl_json_next(&json);
    etl_json_next(&json);
    cr_assert_eq(etl_json_next(&json), ETL_JSON_ERROR);
    cr_assert_eq(etl_json_fail(&json, ETL_DATA, &err), ETL_DATA);
    cr_assert_str_eq(err.message, "expected a value at byte 4");
    cr_assert_null(etl_json_raw(&json, ETL_JSON_ERROR).data);
    etl_json_fini(&json);
    etl_json_fini(&json);
}

Test(json_reader, find)
{
    static const char text[] = "{\"v\":1,\"files\":[{\"v\":2}],\"a\\u0062\":\"x\",\"v\":3}";
    struct etl_bytes value;

    cr_assert(etl_json_find(text, sizeof(text) - 1, "files", &value));
    cr_assert(value.length == 9 && memcmp(value.data, "[{\"v\":2}]", 9) == 0);
    cr_assert(etl_json_find(text, sizeof(text) - 1, "ab", &value) && value.length == 3);
    cr_assert(etl_json_find(text, sizeof(text) - 1, "v", &value) && value.data[0] == '3', "the last one wins");
    cr_assert_not(etl_json_find(text, sizeof(text) - 1, "nope", &value));
    cr_assert_not(etl_json_find(text, sizeof(text) - 2, "files", &value), "malformed further on");
    cr_assert_not(etl_json_find("[1]", 3, "v", &value));
    cr_assert_not(etl_json_find("{}x", 3, "v", &value));
    cr_assert_not(etl_json_find("", 0, "v", &value));
    cr_assert_not(etl_json_find("1", 1, "v", &value));
}

Test(json_reader, to_string)
{
    char *copy = etl_json_to_string((struct etl_bytes){"\"a\\tb\"", 6});
    cr_assert_str_eq(copy, "a\tb");
    free(copy);
    copy = etl_json_to_string((struct etl_bytes){"\"\"", 2});
    cr_assert_str_eq(copy, "");
    free(copy);
    cr_assert_null(etl_json_to_string((struct etl_bytes){"12", 2}));
    cr_assert_null(etl_json_to_string((struct etl_bytes){"\"a\"x", 4}));
    cr_assert_null(etl_json_to_string((struct etl_bytes){"\"a\\u0000\"", 9}));
    cr_assert_null(etl_json_to_string((struct etl_bytes){NULL, 0}));
    cr_assert_null(etl_json_to_string((struct etl_bytes){NULL, 7}));
}
