#include <etlhost/sdk/error.h>

#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include <etlhost/sdk/value_text.h>

static struct etl_error err;

static void init(void)
{
    etl_error_init(&err);
}

TestSuite(error, .init = init);

Test(error, init_sets_size)
{
    cr_assert_eq(err.struct_size, sizeof(err));
    cr_assert_str_empty(err.message);
}

Test(error, fail_formats_and_returns_status)
{
    cr_assert_eq(etl_fail(&err, ETL_CONFIG, "bad %s %d", "port", 7), ETL_CONFIG);
    cr_assert_str_eq(err.message, "bad port 7");
    cr_assert_eq(etl_fail(NULL, ETL_DATA, "x"), ETL_DATA);
    cr_assert_eq(etl_prefix(NULL, ETL_DATA, "x"), ETL_DATA);
}

Test(error, arguments_may_point_into_the_message)
{
    etl_fail(&err, ETL_IO, "inner");
    etl_fail(&err, ETL_IO, "outer(%s)", err.message);
    cr_assert_str_eq(err.message, "outer(inner)");
    etl_prefix(&err, ETL_IO, "%s <- ", err.message);
    cr_assert_str_eq(err.message, "outer(inner) <- outer(inner)");
}

Test(error, prefix_keeps_the_status)
{
    etl_fail(&err, ETL_AUTH, "refused");
    cr_assert_eq(etl_prefix(&err, ETL_AUTH, "stream %s: ", "orders"), ETL_AUTH);
    cr_assert_str_eq(err.message, "stream orders: refused");
}

Test(error, long_messages_are_cut_at_a_character_boundary)
{
    char text[4096];
    /* Every shift of a three byte character over the place of the cut. */
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'x', shift);
        for (size_t i = 0; i < 1000; i++)
            memcpy(text + shift + 3 * i, "\xe2\x82\xac", 3);
        text[shift + 3000] = '\0';
        etl_fail(&err, ETL_DATA, "%s", text);
        size_t length = strlen(err.message);
        cr_assert_lt(length, sizeof(err.message));
        cr_assert_gt(length, sizeof(err.message) - 5);
        cr_assert(etl_is_utf8(err.message, length));
        cr_assert_eq(length, shift + (sizeof(err.message) - 1 - shift) / 3 * 3);
    }
}

Test(error, a_long_prefix_hides_the_rest)
{
    char text[3000];
    memset(text, 'p', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    etl_fail(&err, ETL_DATA, "rest");
    etl_prefix(&err, ETL_DATA, "%s", text);
    cr_assert_eq(strlen(err.message), sizeof(err.message) - 1);
    cr_assert_eq(strspn(err.message, "p"), sizeof(err.message) - 1);
}

Test(error, invalid_text_is_replaced)
{
    etl_fail(&err, ETL_DATA, "%s", "a\xff\x80z\n\t\x01\x7f|\xe2\x82");
    cr_assert_str_eq(err.message, "a\xef\xbf\xbd\xef\xbf\xbdz    |\xef\xbf\xbd\xef\xbf\xbd");
}

Test(error, errno_classes)
{
    cr_assert_eq(etl_fail_errno(&err, ENOENT, "cannot open", "/x/y"), ETL_NOT_FOUND);
    cr_assert_str_eq(err.message, "cannot open /x/y: No such file or directory");
    cr_assert_eq(err.vendor_code, ENOENT);
    cr_assert_eq(etl_fail_errno(&err, EACCES, "cannot open", "f"), ETL_AUTH);
    cr_assert_eq(etl_fail_errno(&err, EPERM, "cannot open", "f"), ETL_AUTH);
    cr_assert_eq(etl_fail_errno(&err, ENOMEM, "cannot open", "f"), ETL_NOMEM);
    cr_assert_eq(etl_fail_errno(&err, ENOSPC, "cannot write", ""), ETL_IO);
    cr_assert_str_eq(err.message, "cannot write: No space left on device");
    cr_assert_eq(etl_fail_errno(NULL, EIO, "x", NULL), ETL_IO);
    cr_assert_eq(etl_fail_memory(&err), ETL_NOMEM);
    cr_assert_str_eq(err.message, "out of memory");
}

Test(error, names)
{
    cr_assert_str_eq(etl_status_name(ETL_OK), "ok");
    cr_assert_str_eq(etl_status_name(ETL_STATE_INVALID), "state_invalid");
    cr_assert_str_eq(etl_status_name(ETL_MISUSE), "misuse");
    cr_assert_str_eq(etl_status_name(17), "unknown");
    cr_assert_str_eq(etl_status_name(-1), "unknown");
    for (etl_status i = ETL_OK; i <= ETL_MISUSE; i++)
        cr_assert_str_neq(etl_status_name(i), "unknown", "status %d", (int)i);
}

static char logged[4096];
static uint32_t logged_level;

static void take_log(const struct etl_host *host, uint32_t level, const char *message, size_t length)
{
    (void)host;
    logged_level = level;
    memcpy(logged, message, length);
    logged[length] = '\0';
}

Test(error, log_is_one_clean_line)
{
    struct etl_host host = {.struct_size = sizeof(host), .log = take_log};
    etl_log(&host, ETL_LOG_WARN, "file %s\nis %d", "a\xff", 3);
    cr_assert_str_eq(logged, "file a\xef\xbf\xbd is 3");
    cr_assert_eq(logged_level, ETL_LOG_WARN);
    etl_log(NULL, ETL_LOG_WARN, "nowhere");
}
