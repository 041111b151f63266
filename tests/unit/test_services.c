/* What a plugin can do to the host through its services. */
#include "core/plugin/services.h"

#include <criterion/criterion.h>
#include <etlhost/sdk/error.h>
#include <string.h>

static struct etl_error err;
static struct etl_rejected last;
static char last_record[16];

static etl_status take(void *arg, const struct etl_rejected *rejected, struct etl_error *error)
{
    last = *rejected;
    memcpy(last_record, rejected->record, rejected->record_len);
    return arg == &last ? ETL_OK : etl_fail(error, ETL_DATA, "no");
}

Test(services, cancelled)
{
    struct services services;
    atomic_int flag = 0;

    services_init(&services, "source x", &flag, NULL, NULL);
    cr_assert_eq(services.host.cancelled(&services.host), 0);
    atomic_store(&flag, 130);
    cr_assert_eq(services.host.cancelled(&services.host), 1);
    services_init(&services, "source x", NULL, NULL, NULL);
    cr_assert_eq(services.host.cancelled(&services.host), 0);
    cr_assert_eq(services.host.cancelled(NULL), 0);
}

Test(services, sizes)
{
    struct services services;

    services_init(&services, "source x", NULL, NULL, NULL);
    cr_assert_eq(services.host.struct_size, sizeof(struct etl_host));
    cr_assert_eq(services.host.abi_minor, ETL_ABI_MINOR);
    services.host.log(NULL, 1, "x", 1);
    services.host.log(&services.host, 1, NULL, 1);
}

Test(services, extensions)
{
    struct services services;

    services_init(&services, "source x", NULL, NULL, NULL);
    cr_assert_null(services.host.get_extension(&services.host, "etl.reject/1"));
    services_init(&services, "source x", NULL, take, &last);
    cr_assert_not_null(services.host.get_extension(&services.host, "etl.reject/1"));
    cr_assert_null(services.host.get_extension(&services.host, "etl.reject/2"));
    cr_assert_null(services.host.get_extension(&services.host, ""));
    cr_assert_null(services.host.get_extension(&services.host, NULL));
    cr_assert_null(services.host.get_extension(NULL, "etl.reject/1"));
}

Test(services, reject)
{
    struct services services;
    const struct etl_reject_service *service = NULL;
    struct etl_rejected rejected;

    etl_error_init(&err);
    services_init(&services, "source x", NULL, take, &last);
    service = services.host.get_extension(&services.host, ETL_EXT_REJECT);
    memset(&rejected, 0, sizeof(rejected));
    cr_assert_eq(service->reject(&services.host, &rejected, &err), ETL_MISUSE);
    cr_assert_not_null(strstr(err.message, "struct_size"));
    cr_assert_eq(service->reject(&services.host, NULL, &err), ETL_MISUSE);
    rejected.struct_size = sizeof(rejected);
    rejected.record_len = 3;
    cr_assert_eq(service->reject(&services.host, &rejected, &err), ETL_MISUSE);
    rejected.record = "a\0b";
    rejected.stream = "orders";
    rejected.struct_size = 4000; /* a newer plugin: the tail is not read */
    cr_assert_eq(service->reject(&services.host, &rejected, &err), ETL_OK);
    cr_assert_str_eq(last.stream, "orders");
    cr_assert_str_eq(last.slice, "");
    cr_assert_str_eq(last.reason, "");
    cr_assert_eq(last.struct_size, sizeof(rejected));
    cr_assert_eq(memcmp(last_record, "a\0b", 3), 0);
    services.reject_arg = NULL;
    cr_assert_eq(service->reject(&services.host, &rejected, &err), ETL_DATA);
    services.reject = NULL;
    cr_assert_eq(service->reject(&services.host, &rejected, &err), ETL_MISUSE);
}
