/* The log: format of lines, secrets, hostile text. */
#include "core/observe/log.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/string.h"

static int saved_stderr = -1;
static int capture_file = -1;

static void capture_begin(void)
{
    capture_file = memfd_create("stderr", MFD_CLOEXEC);
    saved_stderr = dup(STDERR_FILENO);
    dup2(capture_file, STDERR_FILENO);
}

static char *capture_end(void)
{
    off_t length = lseek(capture_file, 0, SEEK_END);
    char *text = calloc((size_t)length + 1, 1);

    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    cr_assert_eq(pread(capture_file, text, (size_t)length, 0), length);
    close(capture_file);
    return text;
}

static void write_string(uint32_t level, const struct log_context *context, const char *message)
{
    log_write_text(level, context, message, strlen(message));
}

Test(log, text_line)
{
    struct log_context context = {.pipeline = "p", .run_id = "r", .stream = "orders", .connector = "source csv"};
    char *text = NULL;

    log_configure(ETL_LOG_INFO, false);
    capture_begin();
    log_write(ETL_LOG_INFO, &context, "%d rows", 3);
    log_write(ETL_LOG_DEBUG, &context, "not shown");
    log_write(ETL_LOG_WARN, NULL, "alone");
    text = capture_end();
    cr_assert(string_matches("[0-2][0-9]:[0-5][0-9]:[0-6][0-9] INFO  orders: source csv: 3 rows\n"
                             "[0-2][0-9]:[0-5][0-9]:[0-6][0-9] WARN  alone\n",
                             text),
              "%s", text);
    free(text);
}

Test(log, json_line)
{
    struct log_context context = {.pipeline = "p", .stream = "a\"b\\c\n"};
    json_t *value = NULL;
    char *text = NULL;

    log_configure(ETL_LOG_DEBUG, true);
    capture_begin();
    write_string(ETL_LOG_DEBUG, &context, "say \"hi\"\n\x1b[31mred\\ \xc2\x9b \xff \xc3\xa9\x01");
    text = capture_end();
    value = json_loads(text, 0, NULL);
    cr_assert_not_null(value, "%s", text);
    cr_assert_eq(strchr(text, '\n'), text + strlen(text) - 1);
    cr_assert_str_eq(json_string_value(json_object_get(value, "level")), "debug");
    cr_assert_str_eq(json_string_value(json_object_get(value, "msg")), "say \"hi\" ?[31mred\\ ? ? \xc3\xa9?");
    cr_assert_str_eq(json_string_value(json_object_get(value, "pipeline")), "p");
    cr_assert_str_eq(json_string_value(json_object_get(value, "stream")), "a\"b\\c");
    cr_assert_null(json_object_get(value, "run_id"));
    cr_assert(string_matches("20[0-9][0-9]-[01][0-9]-[0-3][0-9]T??:??:??.??????Z",
                             json_string_value(json_object_get(value, "ts"))));
    json_decref(value);
    free(text);
}

static void expect_scrubbed(const char *text, const char *expected)
{
    char *scrubbed = log_scrub(text);

    cr_assert_str_eq(scrubbed, expected);
    free(scrubbed);
}

Test(log, secrets)
{
    log_add_secret(NULL);
    log_add_secret("");
    log_add_secret("abc"); /* too short: half of every text would go */
    log_add_secret("s3cret/va\"lue");
    log_add_secret("s3cret/va\"lue");
    log_add_secret("abcdef");
    log_add_secret("defghi");
    log_add_secret("abcdefzz");
    expect_scrubbed("abc", "abc");
    expect_scrubbed("<s3cret/va\"lue>", "<***>");
    expect_scrubbed("url=s3cret%2Fva%22lue&", "url=***&");
    expect_scrubbed("url=s3cret%2fva%22lue&", "url=***&");
    expect_scrubbed("{\"k\":\"s3cret/va\\\"lue\"}", "{\"k\":\"***\"}");
    expect_scrubbed("abcdef", "***");
    expect_scrubbed("xabcdefx", "x***x");
    expect_scrubbed("abcdefabcdef", "***");
    expect_scrubbed("abcdef-abcdef", "***-***");
    expect_scrubbed("abcdefghi", "***"); /* two that overlap */
    expect_scrubbed("abcdefzz", "***");  /* one is the start of another */
    expect_scrubbed("defgh", "defgh");
    expect_scrubbed("line\n\ttwo\x01", "line\n\ttwo?");
    cr_assert_null(log_scrub(NULL));
}

Test(log, well_formed_and_other_bytes)
{
    expect_scrubbed("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z", "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
    expect_scrubbed("\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80", "\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80");
    expect_scrubbed("\xc0\xaf", "??");                                /* overlong */
    expect_scrubbed("\xe0\x80\xaf", "???");                           /* overlong */
    expect_scrubbed("\xf0\x80\x80\xaf", "????");                      /* overlong */
    expect_scrubbed("\xed\xa0\x80", "???");                           /* surrogate */
    expect_scrubbed("\xf4\x90\x80\x80", "????");                      /* beyond Unicode */
    expect_scrubbed("\xe2\x82", "??");                                /* cut */
    expect_scrubbed("\x80\xbf\xff", "???");                           /* no first byte */
    expect_scrubbed("\x1b[2J\x7f\xc2\x9b\xc2\xa0", "?[2J??\xc2\xa0"); /* controls, and a blank that is none */
}

Test(log, secret_of_several_lines)
{
    log_add_secret("-----BEGIN-----\nMIIEvQIBADANBg\r\nshort\n");
    expect_scrubbed("key MIIEvQIBADANBg.", "key ***.");
    expect_scrubbed("short", "short");
    expect_scrubbed("a -----BEGIN-----\nMIIEvQIBADANBg\r\nshort\n b", "a *** b");
}

/* A text that was cut in the middle of a secret by whoever made it. */
Test(log, secret_cut_at_the_end)
{
    char text[400];
    char *scrubbed = NULL;

    log_add_secret("correct-horse-battery");
    memset(text, 'x', sizeof(text));
    memcpy(text + 300, "correct-horse-bat", 18);
    scrubbed = log_scrub(text);
    cr_assert_str_eq(scrubbed + 300, "***");
    free(scrubbed);
    expect_scrubbed("in short text: correct", "in short text: correct");
}

Test(log, secret_across_the_limit_of_a_line)
{
    char *text = NULL;
    char *line = NULL;
    const char *secret = "correct-horse-battery";

    log_configure(ETL_LOG_INFO, false);
    log_add_secret(secret);
    for (size_t start = 8150; start < 8220; start++) {
        text = calloc(9000, 1);
        memset(text, 'x', 8999);
        memcpy(text + start, secret, strlen(secret));
        capture_begin();
        write_string(ETL_LOG_INFO, NULL, text);
        log_write(ETL_LOG_INFO, NULL, "%s", text);
        line = capture_end();
        cr_assert_null(strstr(line, "corr"), "start %zu", start);
        cr_assert_leq(strlen(line), 2 * 8300);
        free(text);
        free(line);
    }
}

Test(log, long_lines_are_cut_between_characters)
{
    char *text = calloc(100001, 1);
    char *line = NULL;
    json_t *value = NULL;

    log_configure(ETL_LOG_INFO, true);
    for (size_t i = 0; i < 100000; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    for (size_t offset = 0; offset < 2; offset++) {
        capture_begin();
        log_write_text(ETL_LOG_INFO, NULL, text + offset, 100000 - offset);
        line = capture_end();
        value = json_loads(line, 0, NULL);
        cr_assert_not_null(value);
        cr_assert(string_matches("*...", json_string_value(json_object_get(value, "msg"))));
        cr_assert(json_string_length(json_object_get(value, "msg")) > 8000);
        json_decref(value);
        free(line);
    }
    free(text);
}

Test(log, quotes_only_at_the_limit)
{
    char *text = calloc(20001, 1);
    char *line = NULL;
    json_t *value = NULL;

    log_configure(ETL_LOG_INFO, true);
    memset(text, '"', 20000);
    capture_begin();
    write_string(ETL_LOG_INFO, &(struct log_context){text, text, text, text}, text);
    line = capture_end();
    value = json_loads(line, 0, NULL);
    cr_assert_not_null(value);
    cr_assert(json_string_length(json_object_get(value, "connector")) > 200);
    json_decref(value);
    free(line);
    free(text);
}

Test(log, odd_arguments)
{
    char *line = NULL;

    log_configure(ETL_LOG_INFO, false);
    capture_begin();
    log_write_text(0, NULL, "zero", 4);
    log_write_text(77, NULL, "future", 6);
    log_write_text(ETL_LOG_ERROR, NULL, NULL, 12);
    log_write_text(ETL_LOG_ERROR, NULL, "nul\0byte", 8);
    line = capture_end();
    cr_assert(string_matches("*INFO  zero\n*INFO  future\n*ERROR \n*ERROR nul[?]byte\n", line), "%s", line);
    free(line);
}

static int pauses;

static void count_pause(bool begin)
{
    pauses += begin ? 1 : 100;
}

Test(log, pause_brackets_a_line)
{
    char *line = NULL;

    log_configure(ETL_LOG_INFO, false);
    log_set_pause(count_pause);
    capture_begin();
    log_write(ETL_LOG_INFO, NULL, "x");
    line = capture_end();
    cr_assert_eq(pauses, 101);
    log_set_pause(NULL);
    free(line);
}

static void *write_lines(void *arg)
{
    for (int i = 0; i < 200; i++)
        log_write(ETL_LOG_INFO, NULL, "thread %s of many token-value-9", (const char *)arg);
    return NULL;
}

Test(log, threads_do_not_mix_lines)
{
    pthread_t threads[4];
    static const char *const names[] = {"a", "b", "c", "d"};
    char *text = NULL;
    size_t lines = 0;

    log_configure(ETL_LOG_INFO, false);
    log_add_secret("token-value-9");
    capture_begin();
    for (size_t i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, write_lines, (void *)names[i]);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    text = capture_end();
    for (char *line = text, *end = NULL; (end = strchr(line, '\n')) != NULL; line = end + 1, lines++) {
        *end = '\0';
        cr_assert(string_matches("??:??:?? INFO  thread [a-d] of many ***", line), "%s", line);
        cr_assert_eq(strlen(line), 35);
    }
    cr_assert_eq(lines, 800);
    free(text);
}
