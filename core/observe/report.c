/* Counters and the run report.
 *
 * Counters are atomics that one thread adds to and any thread reads. Texts change while others read them (the progress line), so
 * they are replaced under report.lock. The array of streams is fixed before streams run. */
#include "core/observe/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/json_text.h"
#include "core/base/string.h"
#include "core/observe/log.h"

/* A ULID: 48 bits of time in milliseconds, 80 random bits, in Crockford's base 32; sorts by time. */
static etl_status make_run_id(int64_t now_us, char ret_id[32], struct etl_error *err)
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    unsigned char random[16];
    uint64_t ms = (uint64_t)(now_us / 1000);
    ssize_t n = 0;

    do {
        n = getrandom(random, sizeof(random), 0);
    } while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(random))
        return etl_fail_errno(err, n < 0 ? errno : EIO, "get random bytes from", "the system");
    for (int i = 9; i >= 0; i--, ms >>= 5)
        ret_id[i] = digits[ms & 31];
    for (int i = 0; i < 16; i++)
        ret_id[10 + i] = digits[random[i] & 31];
    ret_id[26] = '\0';
    return ETL_OK;
}

etl_status report_init(struct report *report, const char *pipeline, struct etl_error *err)
{
    int64_t now = clock_now_us();
    etl_status status = ETL_OK;
    int result = 0;

    memset(report, 0, sizeof(*report));
    status = make_run_id(now, report->run_id, err);
    if (status != ETL_OK)
        return status;
    report->started_at_us = now;
    report->pipeline = string_copy(pipeline != NULL ? pipeline : "");
    report->error = string_copy("");
    if (report->pipeline == NULL || report->error == NULL) {
        status = etl_fail_memory(err);
    } else {
        result = pthread_mutex_init(&report->lock, NULL);
        if (result != 0)
            status = etl_fail_errno(err, result, "make a lock for", "the report");
    }
    if (status != ETL_OK) {
        free(report->pipeline);
        free(report->error);
        memset(report, 0, sizeof(*report));
    }
    return status;
}

static void streams_free(struct stream_report *streams, size_t count)
{
    for (size_t i = 0; streams != NULL && i < count; i++) {
        free(streams[i].stream);
        free(streams[i].cursor_from);
        free(streams[i].cursor_to);
        free(streams[i].error);
    }
    free(streams);
}

void report_fini(struct report *report)
{
    if (report == NULL || report->pipeline == NULL)
        return;
    streams_free(report->streams, report->stream_count);
    free(report->pipeline);
    free(report->error);
    pthread_mutex_destroy(&report->lock);
    memset(report, 0, sizeof(*report));
}

etl_status report_set_streams(struct report *report, const char *const *names, size_t count, struct etl_error *err)
{
    struct stream_report *streams = calloc(count > 0 ? count : 1, sizeof(*streams));
    etl_status status = ETL_OK;

    if (streams == NULL)
        return etl_fail_memory(err);
    for (size_t i = 0; i < count && status == ETL_OK; i++) {
        streams[i].stream = string_copy(names[i]);
        streams[i].cursor_from = string_copy("");
        streams[i].cursor_to = string_copy("");
        streams[i].error = string_copy("");
        if (streams[i].stream == NULL || streams[i].cursor_from == NULL || streams[i].cursor_to == NULL ||
            streams[i].error == NULL)
            status = etl_fail_memory(err);
    }
    if (status != ETL_OK) {
        streams_free(streams, count);
        return status;
    }
    pthread_mutex_lock(&report->lock);
    streams_free(report->streams, report->stream_count);
    report->streams = streams;
    report->stream_count = count;
    pthread_mutex_unlock(&report->lock);
    return ETL_OK;
}

/* Without memory the old text stays: a report with an older cursor is better than none. */
void report_set_text(struct report *report, char **field, const char *text)
{
    char *copy = string_copy(text != NULL ? text : "");

    if (copy == NULL)
        return;
    pthread_mutex_lock(&report->lock);
    free(*field);
    *field = copy;
    pthread_mutex_unlock(&report->lock);
}

void report_set_error(struct report *report, char **field, const char *message)
{
    char *clean = log_scrub(message);

    report_set_text(report, field, clean != NULL ? clean : "out of memory");
    free(clean);
}

/* ---- JSON ---- */

static const char *stream_status_name(int status)
{
    static const char *const names[] = {"pending", "running", "ok", "failed", "stopped", "skipped"};

    return status >= STREAM_PENDING && status <= STREAM_SKIPPED ? names[status] : "failed";
}

/* Null for no text; what is not UTF-8 is made so. */
static json_t *text_json(const char *text)
{
    json_t *value = NULL;
    char *clean = NULL;

    if (text == NULL || *text == '\0')
        return json_null();
    value = json_string(text);
    if (value == NULL && (clean = log_scrub(text)) != NULL)
        value = json_string(clean);
    free(clean);
    return value;
}

static json_t *error_json(const char *text)
{
    char *clean = log_scrub(text != NULL ? text : "");
    json_t *value = clean != NULL ? text_json(clean) : NULL;

    free(clean);
    return value;
}

static json_t *time_json(int64_t us)
{
    time_t seconds = (time_t)(us / 1000000);
    struct tm tm;

    if (us == 0 || gmtime_r(&seconds, &tm) == NULL)
        return json_null();
    return json_sprintf("%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                        tm.tm_min, tm.tm_sec, (int)(us % 1000000));
}

static json_t *count_json(atomic_ullong *counter)
{
    return json_integer((json_int_t)atomic_load(counter));
}

/* json_object_set_new takes the value also when it fails, and refuses NULL: so one flag collects every failure. */
static json_t *stream_json(struct stream_report *stream)
{
    json_t *object = json_object();
    int failed = 0;

    failed |= json_object_set_new(object, "stream", json_string(stream->stream));
    failed |= json_object_set_new(object, "mode", text_json(stream->mode));
    failed |= json_object_set_new(object, "delivery", text_json(stream->delivery));
    failed |= json_object_set_new(object, "status", json_string(stream_status_name(atomic_load(&stream->status))));
    failed |= json_object_set_new(object, "rows_read", count_json(&stream->rows_read));
    failed |= json_object_set_new(object, "rows_written", count_json(&stream->rows_written));
    failed |= json_object_set_new(object, "rows_deleted", count_json(&stream->rows_deleted));
    failed |= json_object_set_new(object, "rows_rejected", count_json(&stream->rows_rejected));
    failed |= json_object_set_new(object, "bytes", count_json(&stream->bytes));
    failed |= json_object_set_new(object, "commits", count_json(&stream->commits));
    failed |= json_object_set_new(object, "retries", count_json(&stream->retries));
    failed |= json_object_set_new(object, "cursor_from", text_json(stream->cursor_from));
    failed |= json_object_set_new(object, "cursor_to", text_json(stream->cursor_to));
    failed |= json_object_set_new(object, "error", error_json(stream->error));
    if (failed != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *streams_json(struct report *report)
{
    json_t *array = json_array();

    for (size_t i = 0; i < report->stream_count; i++) {
        if (json_array_append_new(array, stream_json(&report->streams[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

json_t *report_json(struct report *report)
{
    json_t *object = json_object();
    struct rusage usage;
    int failed = 0;

    memset(&usage, 0, sizeof(usage));
    (void)getrusage(RUSAGE_SELF, &usage);
    pthread_mutex_lock(&report->lock);
    failed |= json_object_set_new(object, "run_id", json_string(report->run_id));
    failed |= json_object_set_new(object, "pipeline", text_json(report->pipeline));
    failed |= json_object_set_new(object, "status", json_string(report->status != NULL ? report->status : "running"));
    failed |= json_object_set_new(object, "exit_code", json_integer(report->exit_code));
    failed |= json_object_set_new(object, "error", error_json(report->error));
    failed |= json_object_set_new(object, "started_at", time_json(report->started_at_us));
    failed |= json_object_set_new(object, "ended_at", time_json(report->ended_at_us));
    failed |=
        json_object_set_new(object, "cpu_seconds", json_real(seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime)));
    failed |= json_object_set_new(object, "peak_rss_bytes", json_integer((json_int_t)usage.ru_maxrss * 1024));
    failed |= json_object_set_new(object, "streams", streams_json(report));
    pthread_mutex_unlock(&report->lock);
    if (failed != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

etl_status report_write(struct report *report, const char *path, struct etl_error *err)
{
    json_t *object = report_json(report);
    char *text = object != NULL ? json_text(object, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) : NULL;
    char *line = text != NULL ? string_format("%s\n", text) : NULL;
    etl_status status = ETL_OK;

    if (line == NULL)
        status = etl_fail_memory(err);
    else
        status = file_replace(path, line, strlen(line), err);
    json_decref(object);
    free(text);
    free(line);
    return status;
}
