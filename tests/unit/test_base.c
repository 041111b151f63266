/* Leaf helpers: strings, globs, suggestions, units, files, time. */
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/json_text.h"
#include "core/base/status.h"
#include "core/base/string.h"
#include "core/base/units.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

Test(base, exit_codes)
{
    cr_expect_eq(status_exit_code(ETL_OK), 0);
    cr_expect_eq(status_exit_code(ETL_CONFIG), 2);
    cr_expect_eq(status_exit_code(ETL_SCHEMA), 5);
    cr_expect_eq(status_exit_code(ETL_CONFLICT), 76);
    cr_expect_eq(status_exit_code(ETL_IO), 1);
    cr_expect_eq(status_exit_code(999), 1);
    cr_expect(status_is_retryable(ETL_THROTTLED));
    cr_expect_not(status_is_retryable(ETL_IN_DOUBT));
}

Test(base, globs)
{
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "a/b.c", true},
        {"a*c", "abc", true},
        {"a*c", "ab", false},
        {"a*b*c", "aXbYbZc", true},
        {"?", "\xc3\xa9", true},
        {"?", "ab", false},
        {"??", "\xc3\xa9", false},
        {"[abc]", "b", true},
        {"[!abc]", "b", false},
        {"[^a]", "b", true},
        {"[a-c]x", "bx", true},
        {"[]]", "]", true},
        {"[a-]", "-", true},
        {"[", "[", true},
        {"[ab", "[ab", true},
        {"\\*", "*", true},
        {"\\*", "a", false},
        {"\\", "\\", true},
        {"\xff*",
         "\xff"
         "a",
         true},
        {"[\xc3\xa0-\xc3\xbf]", "\xc3\xa9", true},
        {"a", "", false},
        {"**a", "bba", true},
        {"raw_*", "raw_", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_eq(string_matches(cases[i].pattern, cases[i].text), cases[i].matches, "%s %s", cases[i].pattern,
                     cases[i].text);
}

Test(base, glob_does_not_explode, .timeout = 5)
{
    char text[20001], pattern[201];
    memset(text, 'a', 20000);
    text[20000] = '\0';
    for (size_t i = 0; i < 200; i += 2) {
        pattern[i] = '*';
        pattern[i + 1] = 'a';
    }
    pattern[199] = 'b';
    pattern[200] = '\0';
    cr_expect_not(string_matches(pattern, text));
}

Test(base, nearest)
{
    static const char *const names[] = {"primary_key", "cursor", "mode", "path", NULL};
    cr_expect_str_eq(string_nearest("primary-key", names), "primary_key");
    cr_expect_str_eq(string_nearest("Primery_key", names), "primary_key");
    cr_expect_str_eq(string_nearest("crusor", names), "cursor");
    cr_expect_str_eq(string_nearest("mdoe", names), "mode");
    cr_expect_null(string_nearest("zzzz", names));
    cr_expect_null(string_nearest("", names));
    cr_expect_null(string_nearest("x", names));
    cr_expect_null(string_nearest("a", NULL));
    char big[200];
    memset(big, 'p', 199);
    big[199] = '\0';
    cr_expect_null(string_nearest(big, names));
}

Test(base, lists)
{
    char **list = string_split(" a, ,b c,, d ,");
    cr_assert_not_null(list);
    cr_expect_str_eq(list[0], "a");
    cr_expect_str_eq(list[1], "b c");
    cr_expect_str_eq(list[2], "d");
    cr_expect_null(list[3]);
    cr_expect(string_list_has((const char *const *)list, "d"));
    cr_expect_not(string_list_has((const char *const *)list, "e"));
    cr_expect_not(string_list_has(NULL, "e"));
    char **copy = string_list_copy((const char *const *)list);
    cr_expect_str_eq(copy[2], "d");
    string_list_free(copy);
    string_list_free(list);
    string_list_free(NULL);
    list = string_split("");
    cr_expect_null(list[0]);
    string_list_free(list);
    cr_expect_null(string_copy(NULL));
    char *text = string_format("%d-%s", 1, "x");
    cr_expect_str_eq(text, "1-x");
    free(text);
}

Test(base, json_as_text)
{
    json_t *json = json_pack("{s:[i,n],s:s}", "b", 1, "a", "\xc3\xa4\"");
    char *text = json_text(json, JSON_COMPACT | JSON_SORT_KEYS);
    cr_expect_str_eq(text, "{\"a\":\"\xc3\xa4\\\"\",\"b\":[1,null]}");
    free(text);
    json_decref(json);
    cr_expect_null(json_text(NULL, JSON_COMPACT));
    json = json_string("x");
    cr_expect_null(json_text(json, JSON_COMPACT), "no object, no array");
    text = json_text(json, JSON_ENCODE_ANY);
    cr_expect_str_eq(text, "\"x\"");
    free(text);
    json_decref(json);
}

Test(base, sizes)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } good[] = {{"0", 0},      {"65536", 65536}, {"64 MiB", 67108864}, {"64MiB", 67108864},   {"1.5G", 1610612736},
                {"2kB", 2000}, {"1K", 1024},     {"1 B", 1},           {"1TB", 1000000000000}};
    static const char *const bad[] = {"",    " ",   "-1", "x",  "1 XB", "1e3",          "0x10",
                                      "inf", "nan", "1.", ".5", "1 2",  "99999999999T", "9999999999999999999",
                                      "1mib"};
    int64_t bytes = 0;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        cr_expect(units_parse_bytes(good[i].text, &bytes), "%s", good[i].text);
        cr_expect_eq(bytes, good[i].bytes, "%s", good[i].text);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_not(units_parse_bytes(bad[i], &bytes), "%s", bad[i]);
}

Test(base, durations)
{
    static const struct {
        const char *text;
        double seconds;
    } good[] = {{"0", 0},      {"90", 90},         {"1.5h", 5400},  {"500ms", 0.5}, {"2m", 120},
                {"2min", 120}, {"1d 12h", 129600}, {"1h30m", 5400}, {"10 s", 10}};
    static const char *const bad[] = {"", "-1s", "1y", "h", "1h x", "1e3s", "99999999999999999999d"};
    double seconds = 0;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        cr_expect(units_parse_seconds(good[i].text, &seconds), "%s", good[i].text);
        cr_expect(fabs(seconds - good[i].seconds) < 1e-9, "%s", good[i].text);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_not(units_parse_seconds(bad[i], &seconds), "%s", bad[i]);
}

Test(base, time)
{
    char text[32];
    clock_format(0, text);
    cr_expect_str_eq(text, "1970-01-01T00:00:00Z");
    clock_format(-1, text);
    cr_expect_str_eq(text, "1969-12-31T23:59:59Z");
    clock_format(INT64_C(1769903999999999), text);
    cr_expect_str_eq(text, "2026-01-31T23:59:59Z");
    clock_format(INT64_MAX, text);
    clock_format(INT64_MIN, text);
    int64_t before = clock_monotonic_us();
    clock_sleep_us(2000);
    clock_sleep_us(-5);
    cr_expect_geq(clock_monotonic_us() - before, 2000);
    cr_expect_gt(clock_now_us(), INT64_C(1600000000000000));
}

Test(base, files)
{
    char folder[] = "/tmp/test_base.XXXXXX", path[64], other[64], *data = NULL;
    size_t length = 0;
    struct stat info;
    struct etl_error err;
    etl_error_init(&err);
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/a/b", folder);
    cr_assert_eq(file_make_directories(path, 0700, &err), ETL_OK, "%s", err.message);
    cr_assert_eq(file_make_directories(path, 0700, &err), ETL_OK);
    snprintf(path, sizeof(path), "%s/a/b/f", folder);
    cr_assert_eq(file_read(path, 10, &data, &length, &err), ETL_NOT_FOUND);
    cr_expect_not_null(strstr(err.message, path));
    cr_assert_eq(file_replace(path, "0123456789", 10, &err), ETL_OK, "%s", err.message);
    cr_assert_eq(file_read(path, 10, &data, &length, &err), ETL_OK, "exactly the limit: %s", err.message);
    cr_expect_eq(length, 10);
    cr_expect_str_eq(data, "0123456789");
    free(data);
    cr_expect_eq(file_read(path, 9, &data, &length, &err), ETL_CONFIG);
    chmod(path, 0640);
    snprintf(other, sizeof(other), "%s/a/b/l", folder);
    cr_assert_eq(symlink("f", other), 0);
    cr_assert_eq(file_replace(other, "", 0, &err), ETL_OK, "%s", err.message);
    cr_expect_eq(lstat(other, &info), 0);
    cr_expect(S_ISLNK(info.st_mode), "a link stays a link");
    cr_expect_eq(stat(path, &info), 0);
    cr_expect_eq(info.st_mode & 07777, 0640, "the mode stays");
    cr_expect_eq(info.st_size, 0);
    cr_expect_eq(file_read(path, 9, &data, &length, &err), ETL_OK);
    cr_expect_eq(length, 0);
    cr_expect_str_eq(data, "");
    free(data);
    cr_expect_eq(file_replace("/dev/null", "x", 1, &err), ETL_OK, "%s", err.message);
    cr_expect_neq(file_replace(folder, "x", 1, &err), ETL_OK, "a directory");
    snprintf(other, sizeof(other), "%s/none/f", folder);
    cr_expect_eq(file_replace(other, "x", 1, &err), ETL_NOT_FOUND);
    snprintf(other, sizeof(other), "%s/a/b/f/g", folder);
    cr_expect_neq(file_make_directories(other, 0700, &err), ETL_OK, "through a file");
    static const char *const names[] = {"a/b/l", "a/b/f", "a/b", "a", ""};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(other, sizeof(other), "%s/%s", folder, names[i]);
        cr_expect_eq(remove(other), 0, "%s: something else was left", other);
    }
}
