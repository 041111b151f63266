/* Counters of a run and the run report (JSON). Counters are atomic and may be read while streams run: the progress line does. */
#ifndef CORE_OBSERVE_REPORT_H
#define CORE_OBSERVE_REPORT_H

#include <etlhost/sdk/error.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

enum stream_status { STREAM_PENDING, STREAM_RUNNING, STREAM_OK, STREAM_FAILED, STREAM_STOPPED, STREAM_SKIPPED };

struct stream_report {
    char *stream;
    const char *mode;     /* static: append overwrite upsert */
    const char *delivery; /* static: exactly-once effectively-once at-least-once */
    atomic_int status;
    atomic_ullong rows_read, rows_written, rows_deleted, rows_rejected, bytes, commits, retries;
    char *cursor_from, *cursor_to, *error; /* guarded by the report's lock; "" = none */
};

struct report {
    char run_id[32];
    char *pipeline;
    int64_t started_at_us, ended_at_us;
    const char *status; /* static: ok partial failed fenced stopped */
    int exit_code;
    char *error;                   /* of the run as a whole, "" = none */
    struct stream_report *streams; /* fixed once streams run */
    size_t stream_count;
    pthread_mutex_t lock;
};

/* run_id becomes a new ULID. */
etl_status report_init(struct report *report, const char *pipeline, struct etl_error *err);
void report_fini(struct report *report);
/* The array of streams, zeroed, names copied. */
etl_status report_set_streams(struct report *report, const char *const *names, size_t count, struct etl_error *err);
void report_set_text(struct report *report, char **field, const char *text); /* under the lock; copies */
/* The same for a message, which may quote a secret: that becomes ***. */
void report_set_error(struct report *report, char **field, const char *message);
/* The report as documented in etlhost(1); the caller owns it. NULL when memory is out. */
json_t *report_json(struct report *report);
/* Writes it to a file (temporary name, then rename). */
etl_status report_write(struct report *report, const char *path, struct etl_error *err);

#endif
