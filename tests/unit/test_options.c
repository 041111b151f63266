/* The command line: words become values, or a message that names the option. */
#include "core/cli/options.h"

#include <criterion/criterion.h>
#include <string.h>

#define ALL (~0U)

static struct options options;
static struct etl_error err;

static void set_up(void)
{
    options_init(&options);
    etl_error_init(&err);
}

static void tear_down(void)
{
    options_fini(&options);
}

TestSuite(options, .init = set_up, .fini = tear_down);

/* The words outlive the assertion that they stand in: operands point to them. */
static etl_status parse(unsigned groups, size_t count, const char *const *words)
{
    static const char *kept[32];
    cr_assert(count <= 32);
    memcpy(kept, words, count * sizeof(kept[0]));
    return options_parse(&options, groups, (int)count, kept, &err);
}

#define PARSE(groups, ...)                                                                                             \
    parse(groups, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]){__VA_ARGS__})

#define REFUSED(text, ...)                                                                                             \
    do {                                                                                                               \
        set_up();                                                                                                      \
        cr_expect_eq(PARSE(ALL & ~(unsigned)OPTIONS_LIST, __VA_ARGS__), ETL_CONFIG);                                   \
        cr_expect(strstr(err.message, text), "\"%s\" lacks \"%s\"", err.message, text);                                \
        tear_down();                                                                                                   \
    } while (0)

Test(options, nothing_is_not_given)
{
    cr_assert_eq(options_parse(&options, ALL, 0, NULL, &err), ETL_OK);
    cr_expect_null(options.source);
    cr_expect_null(options.source_opts);
    cr_expect_eq(options.limit, -1);
    cr_expect_eq(options.memory_limit, -1);
    cr_expect(options.commit_interval < 0);
    cr_expect_eq(options.operand_count, 0);
}

Test(options, ways_to_give_a_value)
{
    const char *words[] = {"--source",     "a",     "--dest=b", "-m",           "upsert", "-n7", "file",
                           "--source-opt", "x=1=2", "-q",       "--source-opt", "=y z",   "-",   "--primary-key=",
                           "--cursor=-1"};
    cr_assert_eq(options_parse(&options, ALL, 15, words, &err), ETL_OK, "%s", err.message);
    cr_expect_str_eq(options.source, "a");
    cr_expect_str_eq(options.dest, "b");
    cr_expect_str_eq(options.mode, "upsert");
    cr_expect_eq(options.limit, 7);
    cr_expect(options.quiet);
    cr_expect_str_eq(options.source_opts[0], "x=1=2");
    cr_expect_str_eq(options.source_opts[1], "=y z");
    cr_expect_null(options.source_opts[2]);
    cr_expect_str_eq(options.primary_key, "");
    cr_expect_str_eq(options.cursor, "-1");
    cr_assert_eq(options.operand_count, 2);
    cr_expect_str_eq(options.operands[0], "file");
    cr_expect_str_eq(options.operands[1], "-");
}

Test(options, a_value_may_look_like_an_option)
{
    cr_assert_eq(PARSE(ALL, "--target", "--mode", "--", "--source", "-x", "--"), ETL_OK, "%s", err.message);
    cr_expect_str_eq(options.target, "--mode");
    cr_expect_null(options.mode);
    cr_assert_eq(options.operand_count, 3);
    cr_expect_str_eq(options.operands[0], "--source");
    cr_expect_str_eq(options.operands[1], "-x");
    cr_expect_str_eq(options.operands[2], "--");
}

Test(options, the_last_one_counts_and_lists_grow)
{
    const char *words[400];
    for (int i = 0; i < 400; i += 2) {
        words[i] = "--include";
        words[i + 1] = i < 398 ? "a" : "z";
    }
    cr_assert_eq(options_parse(&options, ALL, 400, words, &err), ETL_OK);
    cr_expect_str_eq(options.include[199], "z");
    cr_expect_null(options.include[200]);
    cr_assert_eq(PARSE(ALL, "-m", "append", "--mode", "upsert"), ETL_OK);
    cr_expect_str_eq(options.mode, "upsert");
}

Test(options, wrong_words)
{
    REFUSED("did you mean --source?", "--sorce", "x");
    REFUSED("unknown option --xyzzy (see --help)", "--xyzzy");
    REFUSED("unknown option -Z", "-Z");
    REFUSED("unknown option --sour", "--sour", "x"); /* no abbreviations: scripts outlive them */
    REFUSED("--source needs a value: --source CONNECTOR", "--source");
    REFUSED("--mode needs a value", "-m");
    REFUSED("--quiet takes no value", "--quiet=yes");
    REFUSED("--quiet takes no value", "-qv");
    REFUSED("--limit: \"-1\" is not a whole number", "--limit", "-1");
    REFUSED("--limit: \"\" is not a whole number", "--limit=");
    REFUSED("--limit: \"1.5\"", "-n", "1.5");
    REFUSED("--limit: \"9223372036854775808\"", "-n", "9223372036854775808");
    REFUSED("--memory-limit: \"64 elephants\" is not a size", "--memory-limit", "64 elephants");
    REFUSED("--commit-interval: \"soon\" is not a time", "--commit-interval", "soon");
    REFUSED("---source", "---source");
}

Test(options, a_command_takes_its_own_options_only)
{
    cr_expect_eq(PARSE(OPTIONS_COMMON, "--source", "x"), ETL_CONFIG);
    cr_expect_eq(PARSE(OPTIONS_COMMON, "-s", "x"), ETL_CONFIG);
    cr_expect_eq(PARSE(OPTIONS_SOURCE, "--source", "x"), ETL_OK);
    cr_expect_eq(PARSE(OPTIONS_LIST, "--limit", "3"), ETL_OK);
    cr_expect_eq(options.limit, 3);
}

Test(options, counts_up_to_the_limit)
{
    cr_assert_eq(PARSE(ALL, "--limit", "0", "--commit-rows", "922337203685477580"), ETL_OK, "%s", err.message);
    cr_expect_eq(options.limit, 0);
    cr_expect_eq(options.commit_rows, 922337203685477580);
}

/* By the options that take them: the texts are those of the pipeline file. */
static int64_t bytes_of(const char *text)
{
    set_up();
    return PARSE(ALL, "--memory-limit", text) == ETL_OK ? options.memory_limit : -1;
}

static double seconds_of(const char *text)
{
    set_up();
    return PARSE(ALL, "--commit-interval", text) == ETL_OK ? options.commit_interval : -1;
}

Test(options, sizes)
{
    cr_expect_eq(bytes_of("0"), 0);
    cr_expect_eq(bytes_of("1048576"), 1048576);
    cr_expect_eq(bytes_of("64MiB"), 64 << 20);
    cr_expect_eq(bytes_of("1.5GiB"), 1610612736);
    cr_expect_eq(bytes_of("2MB"), 2000000);
    static const char *const wrong[] = {"", "-1", "MiB", "1 2", "0x10", "nan", "inf", "1e400", "1XB", "9999999999GiB"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_expect_eq(bytes_of(wrong[i]), -1, "\"%s\" is no size", wrong[i]);
}

Test(options, times)
{
    cr_expect_eq(seconds_of("0"), 0);
    cr_expect_eq(seconds_of("90s"), 90);
    cr_expect_eq(seconds_of("5m"), 300);
    cr_expect_eq(seconds_of("2h"), 7200);
    cr_expect_eq(seconds_of("1d"), 86400);
    cr_expect_float_eq(seconds_of("250ms"), 0.25, 1e-9);
    static const char *const wrong[] = {"", "s", "-5s", "1w", "nan", "inf", "1h-30m"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_expect(seconds_of(wrong[i]) < 0, "\"%s\" is no time", wrong[i]);
}

/* Each option has a name, a help text, and no letter twice in what a command can take. */
Test(options, table)
{
    for (const struct option_spec *a = option_table; a->name; a++) {
        cr_expect(a->help && *a->help, "--%s lacks its help", a->name);
        for (const struct option_spec *b = a + 1; b->name; b++)
            if (a->groups & b->groups) {
                cr_expect_str_neq(a->name, b->name);
                cr_expect(!a->letter || a->letter != b->letter, "-%c is --%s and --%s", a->letter, a->name, b->name);
            }
    }
}
