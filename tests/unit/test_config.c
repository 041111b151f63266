/* Configuration text: YAML and JSON reading, settings against a schema, references, redaction. */
#include "core/config/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

static struct etl_error err;

static void init(void)
{
    etl_error_init(&err);
}

TestSuite(config, .init = init);

static void expect_json(const char *text, const char *json)
{
    json_t *value = NULL;
    cr_assert_eq(config_read_text("f.yaml", text, strlen(text), &value, &err), ETL_OK, "%s: %s", text, err.message);
    char *got = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    cr_expect_str_eq(got, json, "%s: %s", text, got);
    free(got);
    json_decref(value);
}

static void expect_bad_text(const char *text, const char *word)
{
    json_t *value = NULL;
    cr_assert_eq(config_read_text("f.yaml", text, strlen(text), &value, &err), ETL_CONFIG, "%s", text);
    cr_expect_not_null(strstr(err.message, word), "%s: %s", text, err.message);
    cr_expect_not_null(strstr(err.message, "f.yaml"), "%s", err.message);
}

Test(config, yaml_scalars)
{
    expect_json("[no, NO, yes, on, off, y, n]", "[\"no\",\"NO\",\"yes\",\"on\",\"off\",\"y\",\"n\"]");
    expect_json("- true\n- False\n- TRUE\n- 'true'\n- \"false\"", "[true,false,true,\"true\",\"false\"]");
    expect_json("- null\n- ~\n-\n- 'null'\n- Null", "[null,null,null,\"null\",null]");
    expect_json("- 0\n- -5\n- 9223372036854775807", "[0,-5,9223372036854775807]");
    expect_json("- 9223372036854775808\n- 007\n- 0x1F\n- +5\n- 1_000",
                "[\"9223372036854775808\",\"007\",\"0x1F\",\"+5\",\"1_000\"]");
    expect_json("- 1.5\n- 1.10\n- 1e5\n- .5\n- .inf\n- 12:30:45",
                "[1.5,\"1.10\",\"1e5\",\".5\",\".inf\",\"12:30:45\"]");
    expect_json("- 2026-01-31\n- 2026-01-31 10:00:00", "[\"2026-01-31\",\"2026-01-31 10:00:00\"]");
    expect_json("- !!str 5\n- ! 6\n- '7'", "[\"5\",\"6\",\"7\"]");
    expect_json("a: |\n  x\n  y\nb: >\n  x\n  y\n", "{\"a\":\"x\\ny\\n\",\"b\":\"x y\\n\"}");
    expect_json("1: a\ntrue: b", "{\"1\":\"a\",\"true\":\"b\"}");
    expect_json("", "null");
    expect_json("# nothing\n", "null");
    expect_json("\xef\xbb\xbf"
                "a: 1",
                "{\"a\":1}");
}

Test(config, yaml_aliases)
{
    expect_json("a: &x [1, 2]\nb: *x\n", "{\"a\":[1,2],\"b\":[1,2]}");
    expect_json("a: &x {m: 1, n: 2}\nb:\n  <<: *x\n  n: 3\n", "{\"a\":{\"m\":1,\"n\":2},\"b\":{\"n\":3,\"m\":1}}");
    expect_json("a: &x {m: 1}\nb: &y {n: 2}\nc:\n  <<: [*x, *y]\n",
                "{\"a\":{\"m\":1},\"b\":{\"n\":2},\"c\":{\"m\":1,\"n\":2}}");
    expect_bad_text("a: *x\n", "1:4: an alias of an anchor");
    expect_bad_text("a: &x [*x]\n", "alias");
    expect_bad_text("<<: 5\n", "takes a mapping");
}

Test(config, yaml_bounds, .timeout = 20)
{
    char *bomb = malloc(100000), *at = bomb;
    at += sprintf(at, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 12; i++)
        at += sprintf(at, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1, i - 1,
                      i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    expect_bad_text(bomb, "too many values");
    memset(bomb, '[', 99999);
    bomb[99999] = '\0';
    json_t *value = NULL;
    cr_expect_eq(config_read_text("f.yaml", bomb, 99999, &value, &err), ETL_CONFIG);
    memcpy(bomb, "a: ", 3);
    cr_expect_eq(config_read_text("f.yaml", bomb, 99999, &value, &err), ETL_CONFIG);
    free(bomb);
    size_t size = 5 * 1024 * 1024;
    char *large = malloc(size);
    memset(large, ' ', size);
    cr_expect_eq(config_read_text("f.yaml", large, size, &value, &err), ETL_CONFIG);
    cr_expect_not_null(strstr(err.message, "larger than"));
    free(large);
}

Test(config, yaml_errors_have_places)
{
    expect_bad_text("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: the key \"a\" is there twice");
    expect_bad_text("a: [1, 2\nb: 3\n", "f.yaml:2:");
    expect_bad_text("a: 1\n\tb: 2\n", "f.yaml:2:");
    expect_bad_text("a: 1\n---\nb: 2\n", "more than one document");
    expect_bad_text("? [a]\n: b\n", "a key must be plain text");
    expect_bad_text("a: !!int 5\n", "tags");
    expect_bad_text("a: !!binary aGk=\n", "tags");
    expect_bad_text("a: !foo {}\n", "tags");
    expect_bad_text("a: \"\\0\"\n", "NUL");
    expect_bad_text("a: \xff\n", "f.yaml: byte 3");
    expect_bad_text("{\"a\": 1, \"a\": 2}", "f.yaml:1:");
}

Test(config, json_text)
{
    expect_json(" {\"a\": \"\\ud83d\\ude00\", \"b\": [1, 2.5, null, true]}",
                "{\"a\":\"\xf0\x9f\x98\x80\",\"b\":[1,2.5,null,true]}");
    expect_json("{a: b, c: [no]}", "{\"a\":\"b\",\"c\":[\"no\"]}");
    expect_json("[12345678901234567890]", "[\"12345678901234567890\"]");
    json_t *value = NULL;
    cr_expect_eq(config_read_text("f.json", "{a: b}", 6, &value, &err), ETL_CONFIG);
    cr_expect_not_null(strstr(err.message, "f.json:1:"), "%s", err.message);
    cr_expect_eq(config_read_file("/nonexistent/x.yaml", &value, &err), ETL_NOT_FOUND);
}

/* ---- settings ---- */

static const char schema[] =
    "{\"type\":\"object\",\"properties\":{"
    "\"path\":{\"type\":\"string\",\"minLength\":1,\"description\":\"File, glob, or - for standard input\"},"
    "\"delimiter\":{\"type\":\"string\",\"default\":\",\",\"maxLength\":1},"
    "\"ragged\":{\"type\":\"string\",\"enum\":[\"error\",\"pad\"],\"default\":\"error\"},"
    "\"count\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":100},"
    "\"ratio\":{\"type\":\"number\"},"
    "\"flag\":{\"type\":\"boolean\",\"default\":false},"
    "\"size\":{\"type\":\"integer\",\"minimum\":0,\"format\":\"bytes\"},"
    "\"wait\":{\"type\":\"number\",\"minimum\":0,\"format\":\"seconds\"},"
    "\"list\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
    "\"map\":{\"type\":\"object\"},"
    "\"code\":{\"type\":\"string\",\"pattern\":\"^[A-Z]{3}$\"},"
    "\"password\":{\"type\":\"string\",\"writeOnly\":true,\"maxLength\":10}"
    "},\"required\":[\"path\"],\"additionalProperties\":false}";

static etl_status resolve(const char *settings, json_t **ret_value)
{
    json_t *value = NULL;
    cr_assert_eq(config_read_text("t", settings, strlen(settings), &value, &err), ETL_OK, "%s", err.message);
    etl_status status = settings_resolve("source csv", schema, value, ret_value, &err);
    json_decref(value);
    return status;
}

static void expect_setting(const char *settings, const char *key, const char *json)
{
    json_t *value = NULL;
    cr_assert_eq(resolve(settings, &value), ETL_OK, "%s: %s", settings, err.message);
    char *got = json_dumps(json_object_get(value, key), JSON_ENCODE_ANY | JSON_COMPACT);
    cr_assert_not_null(got);
    cr_expect_str_eq(got, json, "%s: %s", settings, got);
    free(got);
    json_decref(value);
}

static void expect_bad(const char *settings, const char *word)
{
    json_t *value = NULL;
    cr_assert_eq(resolve(settings, &value), ETL_CONFIG, "%s", settings);
    cr_expect_not_null(strstr(err.message, word), "%s: %s", settings, err.message);
    cr_expect_eq(strncmp(err.message, "source csv: ", 12), 0, "%s", err.message);
}

Test(config, converts_to_declared_types)
{
    expect_setting("{path: x}", "delimiter", "\",\"");
    expect_setting("{path: x}", "flag", "false");
    expect_setting("{path: 5}", "path", "\"5\"");
    expect_setting("{path: 007}", "path", "\"007\"");
    expect_setting("{path: 1.10}", "path", "\"1.10\"");
    expect_setting("{path: 12345678901234567890}", "path", "\"12345678901234567890\"");
    expect_setting("{path: no}", "path", "\"no\"");
    expect_setting("{path: true}", "path", "\"true\"");
    expect_setting("{path: x, count: '5'}", "count", "5");
    expect_setting("{path: x, count: 007}", "count", "7");
    expect_setting("{path: x, count: 0x1F}", "count", "31");
    expect_setting("{path: x, ratio: '1.10'}", "ratio", "1.1000000000000001");
    expect_setting("{path: x, ratio: 1e2}", "ratio", "100.0");
    expect_setting("{path: x, ratio: 3}", "ratio", "3");
    expect_setting("{path: x, flag: 'true'}", "flag", "true");
    expect_setting("{path: x, size: 64 MiB}", "size", "67108864");
    expect_setting("{path: x, size: 10}", "size", "10");
    expect_setting("{path: x, wait: 5m}", "wait", "300");
    expect_setting("{path: x, wait: 500ms}", "wait", "0.5");
    expect_setting("{path: x, wait: 1.5}", "wait", "1.5");
    expect_setting("{path: x, list: 'a, b'}", "list", "[\"a\",\"b\"]");
    expect_setting("{path: x, list: [a, 5]}", "list", "[\"a\",\"5\"]");
    expect_setting("{path: x, list: 5}", "list", "[\"5\"]");
    expect_setting("{path: x, list: '[\"a,b\"]'}", "list", "[\"a,b\"]");
    expect_setting("{path: x, map: {a: {b: [1]}}}", "map", "{\"a\":{\"b\":[1]}}");
    expect_setting("{path: x, map: '{\"a\": 1}'}", "map", "{\"a\":1}");
    expect_setting("{path: x, code: ABC}", "code", "\"ABC\"");
}

Test(config, refuses_by_name_and_rule)
{
    expect_bad("{}", "setting path is missing");
    expect_bad("{paht: x}", "setting paht: is not known (did you mean \"path\"?)");
    expect_bad("{path: x, zzzzzzz: 1}", "setting zzzzzzz: is not known");
    expect_bad("{path: ''}", "setting path: must not be empty");
    expect_bad("{path: [x]}", "must be text, not a list");
    expect_bad("{path: }", "has no value; it must be text");
    expect_bad("{path: 1.5}", "put the number in quotes");
    expect_bad("{path: x, delimiter: ab}", "must have at most 1 characters");
    expect_bad("{path: x, ragged: pda}", "\"pda\" is none of error, pad (did you mean \"pad\"?)");
    expect_bad("{path: x, count: 101}", "101 is more than 100");
    expect_bad("{path: x, count: -1}", "-1 is less than 0");
    expect_bad("{path: x, count: five}", "\"five\" is not an integer");
    expect_bad("{path: x, count: 1.5}", "1.5 is not an integer");
    expect_bad("{path: x, count: ''}", "\"\" is not an integer");
    expect_bad("{path: x, count: 99999999999999999999}", "is not an integer");
    expect_bad("{path: x, flag: no}", "\"no\" is not true or false");
    expect_bad("{path: x, flag: 1}", "1 is not true or false");
    expect_bad("{path: x, size: 5 apples}", "a size like 64 MiB");
    expect_bad("{path: x, size: -5}", "-5 is less than 0");
    expect_bad("{path: x, wait: soon}", "a duration like 90s");
    expect_bad("{path: x, list: [[a]]}", "setting list[1]: must be text, not a list");
    expect_bad("{path: x, map: text}", "is not a mapping");
    expect_bad("{path: x, code: abc}", "does not match the pattern");
    json_t *list = json_array(), *value = NULL;
    cr_expect_eq(settings_resolve("source csv", schema, list, &value, &err), ETL_CONFIG);
    json_decref(list);
    cr_expect_eq(settings_resolve("source csv", "[]", NULL, &value, &err), ETL_INTERNAL);
    cr_expect_eq(settings_resolve("source csv", schema, NULL, &value, &err), ETL_CONFIG);
    list = json_pack("{s:i}", "a", 1);
    cr_expect_eq(settings_resolve("source csv", "{\"type\":\"object\"}", list, &value, &err), ETL_CONFIG,
                 "a connector that declares nothing takes nothing");
    cr_assert_eq(settings_resolve("x", NULL, list, &value, &err), ETL_OK);
    json_decref(value);
    json_decref(list);
}

Test(config, references)
{
    char path[] = "/tmp/test_config.XXXXXX", text[128];
    int fd = mkstemp(path);
    cr_assert_eq(write(fd, "s3cret\r\n", 8), 8);
    close(fd);
    setenv("ETL_T", "value", 1);
    setenv("ETL_N", "42", 1);
    setenv("ETL_R", "${env:ETL_T}", 1);
    unsetenv("ETL_NONE");
    expect_setting("{path: 'a${env:ETL_T}b${env:ETL_T}'}", "path", "\"avaluebvalue\"");
    expect_setting("{path: x, count: '${env:ETL_N}'}", "count", "42");
    expect_setting("{path: '${env:ETL_R}'}", "path", "\"${env:ETL_T}\"");
    expect_setting("{path: '$${env:ETL_T}'}", "path", "\"${env:ETL_T}\"");
    expect_setting("{path: 'a$b$'}", "path", "\"a$b$\"");
    expect_setting("{path: x, map: {deep: ['${env:ETL_T}']}}", "map", "{\"deep\":[\"value\"]}");
    snprintf(text, sizeof(text), "{path: x, password: '${file:%s}'}", path);
    expect_setting(text, "password", "\"s3cret\"");
    expect_bad("{path: '${env:ETL_NONE}'}", "setting path: environment variable ETL_NONE is not set");
    expect_bad("{path: '${file:/nonexistent}'}", "/nonexistent");
    expect_bad("{path: '${HOME}'}", "must be ${env:NAME}");
    expect_bad("{path: '${env:}'}", "must be ${env:NAME}");
    expect_bad("{path: '${env:ETL_T'}", "without \"}\"");
    setenv("ETL_B", "\xff", 1);
    expect_bad("{path: '${env:ETL_B}'}", "not UTF-8");
    unlink(path);
}

Test(config, secrets_stay_out_of_messages)
{
    json_t *value = NULL;
    setenv("ETL_S", "topsecretvalue", 1);
    static const char *const bad[] = {"{path: x, password: topsecretvalue}", "{path: x, count: '${env:ETL_S}'}",
                                      "{path: x, ragged: '${env:ETL_S}'}", "{path: x, code: '${env:ETL_S}'}",
                                      "{path: x, password: 'a${topsecretvalue}'}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_expect_eq(resolve(bad[i], &value), ETL_CONFIG, "%s", bad[i]);
        cr_expect_null(strstr(err.message, "topsecret"), "%s", err.message);
    }
}

static char found[256];

static void collect(const char *value)
{
    strcat(found, value);
    strcat(found, ";");
}

Test(config, redacts_and_collects)
{
    json_t *value = json_pack("{s:s, s:s, s:s, s:{s:s}, s:[s,s]}", "path", "p", "password", "pw", "pasword", "typo",
                              "map", "a", "${env:ETL_X}", "list", "x", "${env:ETL_X}y");
    setenv("ETL_X", "hidden", 1);
    json_t *redacted = settings_redact(schema, value);
    char *text = json_dumps(redacted, JSON_COMPACT | JSON_SORT_KEYS);
    cr_expect_str_eq(
        text,
        "{\"list\":[\"x\",\"***\"],\"map\":{\"a\":\"***\"},\"password\":\"***\",\"pasword\":\"***\",\"path\":\"p\"}",
        "%s", text);
    free(text);
    json_decref(redacted);
    settings_each_secret(schema, value, collect);
    cr_expect_str_eq(found, "pw;hidden;hidden;", "%s", found);
    found[0] = '\0';
    json_object_clear(value);
    json_object_set_new(value, "password", json_string("a${b"));
    settings_each_secret(schema, value, collect);
    cr_expect_str_eq(found, "a${b;", "%s", found);
    json_decref(value);
}

Test(config, options)
{
    json_t *settings = json_object();
    cr_expect_eq(settings_add_option(settings, "a=b=c", &err), ETL_OK);
    cr_expect_str_eq(json_string_value(json_object_get(settings, "a")), "b=c");
    cr_expect_eq(settings_add_option(settings, "a=", &err), ETL_OK);
    cr_expect_str_eq(json_string_value(json_object_get(settings, "a")), "");
    cr_expect_eq(settings_add_option(settings, "secret", &err), ETL_CONFIG);
    cr_expect_null(strstr(err.message, "secret"));
    cr_expect_eq(settings_add_option(settings, "=x", &err), ETL_CONFIG);
    cr_expect_eq(settings_add_option(settings, "a=\xff", &err), ETL_CONFIG);
    json_decref(settings);
}

Test(config, help)
{
    char *text = settings_help(schema);
    cr_expect_not_null(strstr(text, "    path = TEXT  (required)\n        File, glob, or - for standard input\n"), "%s",
                       text);
    cr_expect_not_null(strstr(text, "    ragged = error|pad  (default \"error\")\n"), "%s", text);
    cr_expect_not_null(strstr(text, "    size = SIZE\n"), "%s", text);
    cr_expect_not_null(strstr(text, "    password = TEXT  (secret)\n"), "%s", text);
    free(text);
    text = settings_help("{}");
    cr_expect_not_null(strstr(text, "none"));
    free(text);
}
