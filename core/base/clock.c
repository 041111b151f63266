/* Time in microseconds. The wall clock is for people and records; durations and deadlines use the monotonic clock. */
#include "core/base/clock.h"

#include <errno.h>
#include <time.h>

#define US_PER_SECOND INT64_C(1000000)

static int64_t read_clock(clockid_t id)
{
    struct timespec now = {0};
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * US_PER_SECOND + (int64_t)now.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_monotonic_us(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

void clock_sleep_us(int64_t us)
{
    if (us <= 0)
        return;
    struct timespec until = {0};
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = (int64_t)until.tv_nsec + us % US_PER_SECOND * 1000;
    until.tv_sec += (time_t)(us / US_PER_SECOND + ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        ;
}

void clock_format(int64_t us, char *buffer)
{
    int64_t seconds = us / US_PER_SECOND - (us % US_PER_SECOND < 0 ? 1 : 0);
    time_t time = (time_t)seconds;
    struct tm tm;
    if (gmtime_r(&time, &tm) == NULL || strftime(buffer, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        buffer[0] = '\0';
}
