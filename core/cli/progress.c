/* One thread that wakes five times a second on a terminal. lock: `lock` guards `stop` and the terminal line; the log's pause hook takes it around
 * each log line, so that both never mix. */
#include "core/cli/progress.h"

#include "core/base/clock.h"
#include "core/cli/output.h"
#include "core/observe/log.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct progress {
    struct report *report;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop, on_terminal, line_shown;
    int64_t started_us;
};

/* global: one progress line per process; static, so that a late log line never meets freed memory */
static struct progress shown = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static void clear_line(struct progress *progress)
{
    if (progress->line_shown && write(STDERR_FILENO, "\r\033[K", 4) == 4)
        progress->line_shown = false;
}

static void pause_line(bool begin)
{
    struct progress *progress = &shown;
    if (begin) {
        pthread_mutex_lock(&progress->lock);
        clear_line(progress);
    } else {
        pthread_mutex_unlock(&progress->lock);
    }
}

struct totals {
    uint64_t rows, bytes;
    size_t done, running;
    const char *name; /* of a running stream */
};

static struct totals add_up(struct report *report)
{
    struct totals totals = {0};
    pthread_mutex_lock(&report->lock);
    for (size_t i = 0; i < report->stream_count; i++) {
        struct stream_report *stream = &report->streams[i];
        int status = atomic_load(&stream->status);
        totals.rows += atomic_load(&stream->rows_read);
        totals.bytes += atomic_load(&stream->bytes);
        if (status == STREAM_RUNNING) {
            totals.running++;
            totals.name = stream->stream;
        } else if (status != STREAM_PENDING) {
            totals.done++;
        }
    }
    pthread_mutex_unlock(&report->lock);
    return totals;
}

static int format_line(struct progress *progress, char *line, size_t size)
{
    struct totals totals = add_up(progress->report);
    double seconds = (double)(clock_monotonic_us() - progress->started_us) / 1e6;
    char bytes[32];
    output_bytes(bytes, sizeof(bytes), totals.bytes);
    return snprintf(line, size, "%.0fs  %llu rows  %.0f rows/s  %s  %zu of %zu streams done%s%s%s", seconds,
                    (unsigned long long)totals.rows, seconds > 0 ? (double)totals.rows / seconds : 0, bytes,
                    totals.done, progress->report->stream_count, totals.running ? "  [" : "",
                    totals.running ? totals.name : "",
                    totals.running > 1 ? ", ...]"
                    : totals.running   ? "]"
                                       : "");
}

static void show(struct progress *progress)
{
    char line[256] = "\r\033[K";
    int length = format_line(progress, line + 4, sizeof(line) - 4);
    struct winsize window = {0};
    int room = (int)sizeof(line) - 5;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1 && window.ws_col - 1 < room)
        room = window.ws_col - 1; /* a line that wraps could not be cleared */
    if (length > room)
        length = room;
    while (length && length == room && ((unsigned char)line[4 + length] & 0xC0) == 0x80)
        length--, room--; /* no half characters */
    if (write(STDERR_FILENO, line, (size_t)length + 4) > 0)
        progress->line_shown = true;
}

static void *work(void *arg)
{
    struct progress *progress = arg;
    int64_t period_ms = progress->on_terminal ? 200 : 10000;
    pthread_mutex_lock(&progress->lock);
    while (!progress->stop) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += (until.tv_nsec / 1000000 + period_ms) / 1000;
        until.tv_nsec = (until.tv_nsec / 1000000 + period_ms) % 1000 * 1000000;
        if (pthread_cond_timedwait(&progress->wake, &progress->lock, &until) == 0 || progress->stop)
            continue;
        if (progress->on_terminal) {
            show(progress);
        } else {
            char line[256];
            format_line(progress, line, sizeof(line));
            pthread_mutex_unlock(&progress->lock);
            log_write(ETL_LOG_INFO, NULL, "%s", line);
            pthread_mutex_lock(&progress->lock);
        }
    }
    clear_line(progress);
    pthread_mutex_unlock(&progress->lock);
    return NULL;
}

struct progress *progress_start(struct report *report)
{
    struct progress *progress = &shown;
    progress->report = report;
    progress->stop = progress->line_shown = false;
    progress->on_terminal = isatty(STDERR_FILENO) && !log_is_json();
    progress->started_us = clock_monotonic_us();
    if (pthread_create(&progress->thread, NULL, work, progress))
        return NULL;
    log_set_pause(pause_line);
    return progress;
}

void progress_stop(struct progress *progress)
{
    if (!progress)
        return;
    pthread_mutex_lock(&progress->lock);
    progress->stop = true;
    pthread_cond_signal(&progress->wake);
    pthread_mutex_unlock(&progress->lock);
    pthread_join(progress->thread, NULL);
    log_set_pause(NULL);
}
