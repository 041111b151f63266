#include <etlhost/sdk/value_text.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Parses a copy that ends at the end of its memory, so that a sanitizer sees reads behind it. */
#define WITH_COPY(text, call)                                                                                          \
    __extension__({                                                                                                    \
        size_t length_ = strlen(text);                                                                                 \
        char *copy = malloc(length_ + (length_ == 0));                                                                 \
        memcpy(copy, text, length_);                                                                                   \
        bool ok_ = call(copy, length_);                                                                                \
        free(copy);                                                                                                    \
        ok_;                                                                                                           \
    })

static int64_t i64;
static uint64_t u64;
static double f64;
static int32_t days;
static bool flag;
static struct etl_decimal dec;

static bool parse_i64(const char *t, size_t n)
{
    return etl_parse_int64(t, n, &i64);
}
static bool parse_u64(const char *t, size_t n)
{
    return etl_parse_uint64(t, n, &u64);
}
static bool parse_f64(const char *t, size_t n)
{
    return etl_parse_double(t, n, &f64);
}
static bool parse_date(const char *t, size_t n)
{
    return etl_parse_date(t, n, &days);
}
static bool parse_time(const char *t, size_t n)
{
    return etl_parse_time(t, n, &i64);
}
static bool parse_stamp(const char *t, size_t n)
{
    return etl_parse_timestamp(t, n, &i64, &flag);
}
static bool parse_bool(const char *t, size_t n)
{
    return etl_parse_bool(t, n, &flag);
}
static bool parse_dec_38_2(const char *t, size_t n)
{
    return etl_parse_decimal(t, n, 38, 2, &dec);
}
static bool parse_dec_5_2(const char *t, size_t n)
{
    return etl_parse_decimal(t, n, 5, 2, &dec);
}
static bool parse_dec_38_38(const char *t, size_t n)
{
    return etl_parse_decimal(t, n, 38, 38, &dec);
}

static void check_text(const char *expected, const char *buffer, size_t length)
{
    cr_assert(strlen(expected) == length && memcmp(expected, buffer, length) == 0, "expected %s, got %.*s", expected,
              (int)length, buffer);
}

Test(value_text, integers)
{
    static const char *const bad[] = {"",
                                      "-",
                                      "+1",
                                      "01",
                                      "00",
                                      "-0",
                                      "-01",
                                      " 1",
                                      "1 ",
                                      "1.0",
                                      "1e3",
                                      "0x1",
                                      "a",
                                      "1a1",
                                      "--1",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "18446744073709551616",
                                      "99999999999999999999",
                                      "100000000000000000000",
                                      "1\n"};
    static const int64_t good[] = {
        0, 1, -1, 9, 10, 1234567890123456789, INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1};
    char buffer[ETL_VALUE_TEXT_MAX];

    for (size_t i = 0; i < COUNT(bad); i++)
        cr_assert_not(WITH_COPY(bad[i], parse_i64), "%s", bad[i]);
    for (size_t i = 0; i < COUNT(good); i++) {
        size_t n = etl_format_int64(buffer, good[i]);
        cr_assert(etl_parse_int64(buffer, n, &i64) && i64 == good[i]);
    }
    check_text("-9223372036854775808", buffer, etl_format_int64(buffer, INT64_MIN));
    cr_assert(WITH_COPY("18446744073709551615", parse_u64) && u64 == UINT64_MAX);
    cr_assert_not(WITH_COPY("18446744073709551616", parse_u64));
    cr_assert_not(WITH_COPY("18446744073709551620", parse_u64));
    cr_assert_not(WITH_COPY("28446744073709551615", parse_u64));
    cr_assert_not(WITH_COPY("-1", parse_u64));
    check_text("18446744073709551615", buffer, etl_format_uint64(buffer, UINT64_MAX));
}

Test(value_text, decimals)
{
    static const struct {
        const char *text, *expected; /* at 38,2; NULL = refused */
    } cases[] = {
        {"0", "0.00"},
        {"-0", "0.00"},
        {"-0.0", "0.00"},
        {"0e99", "0.00"},
        {"0.000000000000", "0.00"},
        {"12.34", "12.34"},
        {"-12.3", "-12.30"},
        {"12", "12.00"},
        {"1e3", "1000.00"},
        {"1.5E+2", "150.00"},
        {"1234e-2", "12.34"},
        {"12.3400000000000000000000000000000000000000000000000000000000", "12.34"},
        {"0.01", "0.01"},
        {"100000000000000000000e-20", "1.00"},
        {"0.0000000000000000000000000000000000000000001e43", "1.00"},
        {"999999999999999999999999999999999999.99", "999999999999999999999999999999999999.99"},
        {"-999999999999999999999999999999999999.99", "-999999999999999999999999999999999999.99"},
        {"1000000000000000000000000000000000000", NULL},
        {"1e36", NULL},
        {"1e35", "100000000000000000000000000000000000.00"},
        {"999999999999999999", "999999999999999999.00"},
        {"9999999999999999.99", "9999999999999999.99"},
        {"1.005", NULL},
        {"1e-3", NULL},
        {"12.345", NULL},
        {"", NULL},
        {"-", NULL},
        {".5", NULL},
        {"5.", NULL},
        {"01", NULL},
        {"-01.5", NULL},
        {"00.5", NULL},
        {"+1", NULL},
        {"1e", NULL},
        {"1e+", NULL},
        {"1e2.0", NULL},
        {"1.2.3", NULL},
        {"1,5", NULL},
        {"1 ", NULL},
        {"NaN", NULL},
        {"1e99999999999999999999", NULL},
        {"1e-99999999999999999999", NULL},
        {"0x10", NULL},
        {"1-2", NULL},
        {"--1", NULL},
        {"99999999999999999999999999999999999999999999999999", NULL},
    };
    char buffer[ETL_VALUE_TEXT_MAX];

    for (size_t i = 0; i < COUNT(cases); i++) {
        bool ok = WITH_COPY(cases[i].text, parse_dec_38_2);
        cr_assert_eq(ok, cases[i].expected != NULL, "%s", cases[i].text);
        if (ok)
            check_text(cases[i].expected, buffer, etl_format_decimal(buffer, dec, 2));
    }
    cr_assert(WITH_COPY("999.99", parse_dec_5_2));
    cr_assert_not(WITH_COPY("1000.00", parse_dec_5_2));
    cr_assert_not(WITH_COPY("1000", parse_dec_5_2));
    cr_assert_not(WITH_COPY("1e3", parse_dec_5_2));
    cr_assert(WITH_COPY("0.99999999999999999999999999999999999999", parse_dec_38_38));
    check_text("0.99999999999999999999999999999999999999", buffer, etl_format_decimal(buffer, dec, 38));
    cr_assert_not(WITH_COPY("1", parse_dec_38_38));
    cr_assert(WITH_COPY("-1e-38", parse_dec_38_38));
    check_text("-0.00000000000000000000000000000000000001", buffer, etl_format_decimal(buffer, dec, 38));
}

Test(value_text, decimal_fast_and_slow_agree)
{
    char text[64];
    srandom(7);
    for (int i = 0; i < 100000; i++) {
        long whole = random() % 1000000000, part = random() % 1000;
        bool negative = random() & 1;
        struct etl_decimal a, b;
        int n = snprintf(text, sizeof(text), "%s%ld.%03ld", negative ? "-" : "", whole, part);
        cr_assert(etl_parse_decimal(text, (size_t)n, 38, 4, &a), "%s", text);
        n = snprintf(text, sizeof(text), "%s%ld%03lde-3", negative ? "-" : "", whole, part);
        if (whole == 0)
            continue;
        cr_assert(etl_parse_decimal(text, (size_t)n, 38, 4, &b), "%s", text);
        cr_assert_eq(etl_decimal_compare(a, b), 0, "%s", text);
        cr_assert_eq(a.low, (uint64_t)((negative ? -1 : 1) * (whole * 1000 + part) * 10));
    }
}

Test(value_text, decimal_arithmetic)
{
    struct etl_decimal one = etl_decimal_from_int64(1), minus = etl_decimal_from_int64(-5), r;
    char buffer[ETL_VALUE_TEXT_MAX];

    cr_assert(etl_decimal_rescale(one, 0, 37, &r));
    cr_assert_eq(etl_decimal_digits(r), 38);
    cr_assert_not(etl_decimal_rescale(one, 0, 38, &r));
    cr_assert_not(etl_decimal_rescale(one, 2, 1, &r));
    cr_assert(etl_decimal_rescale(minus, 1, 3, &r));
    check_text("-0.500", buffer, etl_format_decimal(buffer, r, 3));
    cr_assert(etl_decimal_rescale(etl_decimal_from_int64(0), 0, 38, &r));
    cr_assert_not(etl_decimal_rescale((struct etl_decimal){0, INT64_MIN}, 0, 0, &r));
    cr_assert_lt(etl_decimal_compare(minus, one), 0);
    cr_assert_gt(etl_decimal_compare(one, minus), 0);
    cr_assert_eq(etl_decimal_compare(one, one), 0);
    cr_assert_lt(etl_decimal_compare(etl_decimal_from_int64(-6), minus), 0);
    cr_assert_eq(etl_decimal_digits(etl_decimal_from_int64(0)), 1);
    cr_assert_eq(etl_decimal_digits(etl_decimal_from_int64(-10)), 2);
    cr_assert_eq(etl_decimal_digits(etl_decimal_from_int64(99)), 2);
    cr_assert_eq(etl_decimal_digits((struct etl_decimal){0, INT64_MIN}), 39);
    check_text("-170141183460469231731687303715884105728", buffer,
               etl_format_decimal(buffer, (struct etl_decimal){0, INT64_MIN}, 0));
}

Test(value_text, doubles)
{
    static const char *const bad[] = {"",    "-",     "+1", ".5", "5.",  "01",    "1e",     "1e+", "nan",     "inf",
                                      "INF", "0x1p3", "1 ", " 1", "1_0", "1e400", "-1e400", "1d3", "Infinit", "NaNs"};
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0.0"},
                 {-0.0, "-0.0"},
                 {1, "1.0"},
                 {-1.5, "-1.5"},
                 {0.1, "0.1"},
                 {1e22, "1e+22"},
                 {1e15, "1e+15"},
                 {123456789012345, "123456789012345.0"},
                 {5e-324, "5e-324"},
                 {DBL_MAX, "1.7976931348623157e+308"},
                 {DBL_MIN, "2.2250738585072014e-308"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {1e-4, "0.0001"},
                 {1e-5, "1e-05"},
                 {9007199254740993.0, "9007199254740992.0"},
                 {100000000000000.5, "100000000000000.5"},
                 {-1234.5678, "-1234.5678"},
                 {(double)NAN, "NaN"},
                 {(double)INFINITY, "Infinity"},
                 {-(double)INFINITY, "-Infinity"}};
    char buffer[ETL_VALUE_TEXT_MAX];

    for (size_t i = 0; i < COUNT(bad); i++)
        cr_assert_not(WITH_COPY(bad[i], parse_f64), "%s", bad[i]);
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t n = etl_format_double(buffer, cases[i].value);
        check_text(cases[i].text, buffer, n);
        cr_assert(etl_parse_double(buffer, n, &f64));
        cr_assert(isnan(cases[i].value) ? isnan(f64)
                                        : f64 == cases[i].value && signbit(f64) == signbit(cases[i].value));
    }
    cr_assert(WITH_COPY("1e-400", parse_f64) && f64 == 0);
    cr_assert(WITH_COPY("0e999999999999", parse_f64) && f64 == 0);
    cr_assert(WITH_COPY("1e23", parse_f64) && f64 == 1e23);
    cr_assert(WITH_COPY("9007199254740993", parse_f64) && f64 == 9007199254740992.0);
}

Test(value_text, doubles_against_strtod)
{
    char text[64], buffer[ETL_VALUE_TEXT_MAX];
    srandom(11);
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = (uint64_t)random() << 42 ^ (uint64_t)random() << 21 ^ (uint64_t)random();
        double value;
        size_t n;
        memcpy(&value, &bits, 8);
        if (!isfinite(value))
            continue;
        n = etl_format_double(buffer, value);
        buffer[n] = '\0';
        cr_assert(strtod(buffer, NULL) == value && etl_parse_double(buffer, n, &f64) && f64 == value, "%s", buffer);
        snprintf(text, sizeof(text), "%.15g", value);
        cr_assert(strtod(text, NULL) != value || n <= strlen(text) + 2, "%s is not the shortest of %s", buffer, text);
        n = (size_t)snprintf(text, sizeof(text), "%ld.%ld", random() % 100000, random() % 1000000);
        cr_assert(etl_parse_double(text, n, &f64) && f64 == strtod(text, NULL), "%s", text);
        n = (size_t)snprintf(text, sizeof(text), "%ld%lde%ld", random() % 1000000000 + 1, random(),
                             random() % 640 - 330);
        if (isfinite(strtod(text, NULL)))
            cr_assert(etl_parse_double(text, n, &f64) && f64 == strtod(text, NULL), "%s", text);
    }
}

Test(value_text, doubles_of_many_digits)
{
    /* 2^53 + 1 is a tie; a digit far behind decides it. */
    char text[3000];
    memset(text, '0', sizeof(text));
    memcpy(text, "9007199254740993.", 17);
    cr_assert(etl_parse_double(text, 2500, &f64) && f64 == 9007199254740992.0);
    text[2400] = '1';
    cr_assert(etl_parse_double(text, 2500, &f64) && f64 == 9007199254740994.0);
    memset(text, '0', sizeof(text));
    text[1] = '.';
    text[1500] = '1';
    cr_assert(etl_parse_double(text, 2000, &f64) && f64 == 0);
    memset(text, '1', 300);
    cr_assert(etl_parse_double(text, 300, &f64) && fabs(f64 / 1.1111111111111111e299 - 1) < 1e-15);
    memset(text, '1', 400);
    cr_assert_not(etl_parse_double(text, 400, &f64));
}

Test(value_text, booleans_and_uuids)
{
    cr_assert(WITH_COPY("true", parse_bool) && flag);
    cr_assert(WITH_COPY("false", parse_bool) && !flag);
    cr_assert_not(WITH_COPY("True", parse_bool));
    cr_assert_not(WITH_COPY("", parse_bool));
    cr_assert_not(WITH_COPY("truee", parse_bool));
    cr_assert_not(WITH_COPY("1", parse_bool));
    cr_assert(WITH_COPY("123e4567-e89b-12d3-a456-426614174000", etl_is_uuid));
    cr_assert(WITH_COPY("ABCDEFab-0000-0000-0000-00000000000F", etl_is_uuid));
    cr_assert_not(WITH_COPY("123e4567-e89b-12d3-a456-42661417400", etl_is_uuid));
    cr_assert_not(WITH_COPY("123e4567-e89b-12d3-a456-42661417400g", etl_is_uuid));
    cr_assert_not(WITH_COPY("123e4567ae89b-12d3-a456-426614174000", etl_is_uuid));
    cr_assert_not(WITH_COPY("123e4567-e89b-12d3-a456-4266-4174000", etl_is_uuid));
    cr_assert_not(WITH_COPY("123e4567-e89b-12d3-a456-426614174\x10\x30\x40", etl_is_uuid));
}

Test(value_text, every_day_of_ten_thousand_years)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int32_t expected = -719162;
    char buffer[ETL_VALUE_TEXT_MAX], text[48];

    for (int year = 1; year <= 9999; year++) {
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        for (int month = 1; month <= 12; month++) {
            int last = lengths[month - 1] + (month == 2 && leap);
            for (int day = 1; day <= last; day++, expected++) {
                size_t n = etl_format_date(buffer, expected);
                snprintf(text, sizeof(text), "%04d-%02d-%02d", year, month, day);
                if (n != 10 || memcmp(text, buffer, 10) != 0 || !etl_parse_date(text, 10, &days) || days != expected)
                    cr_assert(false, "%s", text);
            }
            snprintf(text, sizeof(text), "%04d-%02d-%02d", year, month, last + 1);
            cr_assert_not(etl_parse_date(text, 10, &days), "%s", text);
        }
    }
    cr_assert_eq(expected, 2932897);
}

Test(value_text, dates)
{
    static const char *const bad[] = {"",           "2026-1-31",   "2026-01-31 ", "0000-01-01",
                                      "2026-00-01", "2026-13-01",  "2026-01-00",  "2026/01/31",
                                      "20260131",   "-026-01-01",  "2o26-01-01",  "2026-01-3x",
                                      "+999-01-01", "10000-01-01", "2026-0:-01",  "2026-01-31T"};
    char buffer[ETL_VALUE_TEXT_MAX];
    for (size_t i = 0; i < COUNT(bad); i++)
        cr_assert_not(WITH_COPY(bad[i], parse_date), "%s", bad[i]);
    cr_assert(WITH_COPY("1970-01-01", parse_date) && days == 0);
    check_text("+10000-01-01", buffer, etl_format_date(buffer, 2932897));
    check_text("0000-12-31", buffer, etl_format_date(buffer, -719163));
    check_text("-0001-12-31", buffer, etl_format_date(buffer, -719163 - 366));
    cr_assert_lt(etl_format_date(buffer, INT32_MAX), ETL_VALUE_TEXT_MAX);
    cr_assert_lt(etl_format_date(buffer, INT32_MIN), ETL_VALUE_TEXT_MAX);
}

Test(value_text, times)
{
    static const char *const bad[] = {"",         "24:00:00",  "23:60:00",   "23:59:60",         "1:00:00",
                                      "23:59",    "23:59:59.", "23:59:59,5", "23:59:59.1234567", "23:59:59Z",
                                      "23-59-59", " 3:00:00",  "23:59:5x",   "23:59:59.5x"};
    char buffer[ETL_VALUE_TEXT_MAX];
    for (size_t i = 0; i < COUNT(bad); i++)
        cr_assert_not(WITH_COPY(bad[i], parse_time), "%s", bad[i]);
    cr_assert(WITH_COPY("00:00:00", parse_time) && i64 == 0);
    cr_assert(WITH_COPY("23:59:59.999999", parse_time) && i64 == INT64_C(86399999999));
    cr_assert(WITH_COPY("00:00:00.1", parse_time) && i64 == 100000);
    cr_assert(WITH_COPY("00:00:00.123456000000", parse_time) && i64 == 123456);
    check_text("23:59:59.999999", buffer, etl_format_time(buffer, INT64_C(86399999999)));
    check_text("00:00:01", buffer, etl_format_time(buffer, 1000000));
    check_text("-00:00:01", buffer, etl_format_time(buffer, -1000000));
    cr_assert_lt(etl_format_time(buffer, INT64_MIN), ETL_VALUE_TEXT_MAX);
    cr_assert_lt(etl_format_time(buffer, INT64_MAX), ETL_VALUE_TEXT_MAX);
}

Test(value_text, timestamps)
{
    static const char *const bad[] = {"",
                                      "2026-01-31",
                                      "2026-01-31T",
                                      "2026-01-31T23:59",
                                      "2026-01-31t23:59:59",
                                      "2026-01-31T23:59:59z",
                                      "2026-01-31T23:59:59+",
                                      "2026-01-31T23:59:59+1",
                                      "2026-01-31T23:59:59+100",
                                      "2026-01-31T23:59:59+24:00",
                                      "2026-01-31T23:59:59+01:60",
                                      "2026-01-31T23:59:59+01-00",
                                      "2026-01-31T23:59:59Zx",
                                      "2026-01-31T23:59:59 Z",
                                      "2026-02-30T00:00:00",
                                      "2026-01-31T24:00:00",
                                      "2026-01-31T23:59:60Z",
                                      "2026-01-31T23:59:59.Z",
                                      "2026-01-31  23:59:59",
                                      "0001-01-01T00:00:00+00:01",
                                      "9999-12-31T23:59:59-00:01",
                                      "2026-01-31T23:59:59+01:0",
                                      "2026-01-31T23:59:59+01:000"};
    static const struct {
        const char *text, *back;
    } good[] = {{"2026-01-31T23:59:59Z", NULL},
                {"2026-01-31T23:59:59", NULL},
                {"2026-01-31T23:59:59.123456Z", NULL},
                {"2026-01-31 23:59:59", "2026-01-31T23:59:59"},
                {"2026-01-31T23:59:59.5+01:30", "2026-01-31T22:29:59.500000Z"},
                {"2026-01-31T23:59:59-0130", "2026-02-01T01:29:59Z"},
                {"2026-01-31T23:59:59+02", "2026-01-31T21:59:59Z"},
                {"2026-01-31 23:59:59.1230000000-00:00", "2026-01-31T23:59:59.123000Z"},
                {"0001-01-01T00:00:00Z", NULL},
                {"9999-12-31T23:59:59.999999Z", NULL},
                {"1969-12-31T23:59:59.999999", NULL},
                {"1600-02-29T00:00:00", NULL}};
    char buffer[ETL_VALUE_TEXT_MAX];

    for (size_t i = 0; i < COUNT(bad); i++)
        cr_assert_not(WITH_COPY(bad[i], parse_stamp), "%s", bad[i]);
    for (size_t i = 0; i < COUNT(good); i++) {
        cr_assert(WITH_COPY(good[i].text, parse_stamp), "%s", good[i].text);
        check_text(good[i].back ? good[i].back : good[i].text, buffer, etl_format_timestamp(buffer, i64, flag));
    }
    cr_assert(WITH_COPY("1970-01-01T00:00:00Z", parse_stamp) && i64 == 0 && flag);
    cr_assert(WITH_COPY("1970-01-01T00:00:00", parse_stamp) && i64 == 0 && !flag);
    cr_assert_lt(etl_format_timestamp(buffer, INT64_MIN, true), ETL_VALUE_TEXT_MAX);
    cr_assert_lt(etl_format_timestamp(buffer, INT64_MAX, true), ETL_VALUE_TEXT_MAX);
}

Test(value_text, utf8)
{
    static const char *const good[] = {"",
                                       "a",
                                       "12345678",
                                       "123456789",
                                       "\xc3\xa9",
                                       "\xe2\x82\xac",
                                       "\xf0\x9d\x84\x9e",
                                       "\xef\xbf\xbf",
                                       "\xf4\x8f\xbf\xbf",
                                       "\xed\x9f\xbf",
                                       "1234567\xc3\xa9 and 12345678"};
    static const char *const bad[] = {
        "\x80",        "\xff",          "\xc3",         "\xe2\x82",         "\xf0\x9d\x84",
        "\xc0\x80",    "\xe0\x80\x80",  "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80",
        "1234567\xc3", "12345678\xc3(", "\xc3\xa9\xa9", "\xf0\x8f\xbf\xbf"};
    for (size_t i = 0; i < COUNT(good); i++)
        cr_assert(WITH_COPY(good[i], etl_is_utf8), "good %zu", i);
    for (size_t i = 0; i < COUNT(bad); i++)
        cr_assert_not(WITH_COPY(bad[i], etl_is_utf8), "bad %zu", i);
    cr_assert(etl_is_utf8("a\0b", 3), "NUL is a character");
    cr_assert(etl_is_utf8(NULL, 0));
}
