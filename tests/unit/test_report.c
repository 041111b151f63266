/* The run report: ids, counters, exactly the documented fields. */
#include "core/observe/report.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/string.h"
#include "core/observe/log.h"

static struct etl_error err;

static void make(struct report *report, size_t count)
{
    static const char *const names[] = {"orders", "customers"};

    etl_error_init(&err);
    cr_assert_eq(report_init(report, "shop", &err), ETL_OK);
    cr_assert_eq(report_set_streams(report, names, count, &err), ETL_OK);
}

static void expect_keys(const json_t *object, const char *expected)
{
    char keys[512] = "";
    const char *key = NULL;
    json_t *value = NULL;

    json_object_foreach((json_t *)object, key, value)
    {
        strncat(keys, key, sizeof(keys) - strlen(keys) - 1);
        strncat(keys, " ", sizeof(keys) - strlen(keys) - 1);
    }
    cr_assert_str_eq(keys, expected);
}

Test(report, run_ids_are_ulids_in_order)
{
    struct report a, b;

    make(&a, 0);
    usleep(2000);
    make(&b, 0);
    cr_assert_eq(strlen(a.run_id), 26);
    cr_assert_eq(strspn(a.run_id, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"), 26);
    cr_assert_lt(strncmp(a.run_id, b.run_id, 10), 0);
    cr_assert_neq(strcmp(a.run_id + 10, b.run_id + 10), 0);
    report_fini(&a);
    report_fini(&b);
    report_fini(&b); /* again: nothing */
    report_fini(NULL);
}

Test(report, fields)
{
    struct report report;
    json_t *json = NULL;
    const json_t *stream = NULL;

    log_add_secret("hunter2secret");
    make(&report, 2);
    report.started_at_us = 1767312000123456;
    report.ended_at_us = 1767312001000000;
    report.status = "partial";
    report.exit_code = 3;
    report.streams[0].mode = "append";
    report.streams[0].delivery = "exactly-once";
    atomic_store(&report.streams[0].status, STREAM_FAILED);
    atomic_fetch_add(&report.streams[0].rows_read, 5000000000ULL);
    report_set_text(&report, &report.streams[0].cursor_to, "2026-01-02");
    report_set_text(&report, &report.streams[0].error, "password hunter2secret is wrong\xff");
    json = report_json(&report);
    expect_keys(json, "run_id pipeline status exit_code error started_at ended_at cpu_seconds peak_rss_bytes streams ");
    cr_assert_str_eq(json_string_value(json_object_get(json, "started_at")), "2026-01-02T00:00:00.123456Z");
    cr_assert_str_eq(json_string_value(json_object_get(json, "ended_at")), "2026-01-02T00:00:01.000000Z");
    cr_assert(json_is_null(json_object_get(json, "error")));
    cr_assert_gt(json_integer_value(json_object_get(json, "peak_rss_bytes")), 100000);
    cr_assert(json_is_real(json_object_get(json, "cpu_seconds")));
    cr_assert_eq(json_array_size(json_object_get(json, "streams")), 2);
    stream = json_array_get(json_object_get(json, "streams"), 0);
    expect_keys(stream,
                "stream mode delivery status rows_read rows_written rows_deleted rows_rejected bytes commits retries "
                "cursor_from cursor_to error ");
    cr_assert_eq(json_integer_value(json_object_get(stream, "rows_read")), 5000000000);
    cr_assert_str_eq(json_string_value(json_object_get(stream, "status")), "failed");
    cr_assert(json_is_null(json_object_get(stream, "cursor_from")));
    cr_assert_str_eq(json_string_value(json_object_get(stream, "cursor_to")), "2026-01-02");
    cr_assert_str_eq(json_string_value(json_object_get(stream, "error")), "password *** is wrong?");
    stream = json_array_get(json_object_get(json, "streams"), 1);
    cr_assert(json_is_null(json_object_get(stream, "mode")));
    cr_assert_str_eq(json_string_value(json_object_get(stream, "status")), "pending");
    json_decref(json);
    report_fini(&report);
}

Test(report, unfinished_run)
{
    struct report report;
    json_t *json = NULL;

    make(&report, 0);
    json = report_json(&report);
    cr_assert(json_is_null(json_object_get(json, "ended_at")));
    cr_assert_str_eq(json_string_value(json_object_get(json, "status")), "running");
    cr_assert_eq(json_array_size(json_object_get(json, "streams")), 0);
    json_decref(json);
    report_fini(&report);
}

Test(report, write)
{
    char directory[] = "/tmp/etl-report-XXXXXX";
    struct report report;
    char *path = NULL;
    json_t *json = NULL;

    cr_assert_not_null(mkdtemp(directory));
    path = string_format("%s/report.json", directory);
    make(&report, 1);
    cr_assert_eq(report_write(&report, path, &err), ETL_OK, "%s", err.message);
    json = json_load_file(path, 0, NULL);
    cr_assert_str_eq(json_string_value(json_object_get(json, "run_id")), report.run_id);
    json_decref(json);
    cr_assert_neq(report_write(&report, "/nonexistent-directory/report.json", &err), ETL_OK);
    cr_assert_neq(err.message[0], '\0');
    unlink(path);
    rmdir(directory);
    free(path);
    report_fini(&report);
}
