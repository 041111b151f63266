#include <etlhost/sdk/failpoint.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include <criterion/criterion.h>

static struct etl_error err;

static void set(const char *list)
{
    etl_error_init(&err);
    setenv("ETLHOST_FAILPOINT", list, 1);
}

#ifdef ENABLE_FAILPOINTS
Test(failpoint, unset_is_ok)
{
    unsetenv("ETLHOST_FAILPOINT");
    etl_error_init(&err);
    cr_assert_eq(ETL_FAILPOINT("a", &err), ETL_OK);
}

Test(failpoint, hits_are_counted_by_name)
{
    set("a.b:2:error,c:transient,d:enospc,e:in_doubt,f:nonsense,g:0:error");
    cr_assert_eq(ETL_FAILPOINT("a.b", &err), ETL_OK);
    cr_assert_eq(ETL_FAILPOINT("a", &err), ETL_OK);
    cr_assert_eq(ETL_FAILPOINT("a.b", &err), ETL_IO);
    cr_assert_str_not_empty(err.message);
    cr_assert_eq(ETL_FAILPOINT("a.b", &err), ETL_OK, "once only");
    cr_assert_eq(ETL_FAILPOINT("c", &err), ETL_TRANSIENT);
    cr_assert_eq(ETL_FAILPOINT("d", &err), ETL_IO);
    cr_assert_eq(err.vendor_code, ENOSPC);
    cr_assert_eq(ETL_FAILPOINT("e", &err), ETL_IN_DOUBT);
    cr_assert_eq(ETL_FAILPOINT("f", &err), ETL_INTERNAL);
    cr_assert_eq(ETL_FAILPOINT("g", &err), ETL_OK);
}

Test(failpoint, several_entries_of_one_name)
{
    set("a:1:error,a:3:transient");
    cr_assert_eq(ETL_FAILPOINT("a", &err), ETL_IO);
    cr_assert_eq(ETL_FAILPOINT("a", &err), ETL_OK);
    cr_assert_eq(ETL_FAILPOINT("a", &err), ETL_TRANSIENT);
}

Test(failpoint, delay_goes_on)
{
    set("a:delay");
    cr_assert_eq(ETL_FAILPOINT("a", &err), ETL_OK);
}

Test(failpoint, malformed_lists_do_nothing)
{
    set(",,a,:,::,b::,a");
    cr_assert_eq(ETL_FAILPOINT("a", &err), ETL_OK);
    cr_assert_eq(ETL_FAILPOINT("c", &err), ETL_OK);
}

Test(failpoint, kill_kills, .signal = SIGKILL)
{
    set("a:kill");
    (void)ETL_FAILPOINT("a", &err);
}
#else
Test(failpoint, compiled_out)
{
    set("a:error");
    cr_assert_eq(ETL_FAILPOINT("a", &err), ETL_OK);
}
#endif
