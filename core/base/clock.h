/* Time. */
#ifndef CORE_BASE_CLOCK_H
#define CORE_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_now_us(void);       /* wall clock, microseconds since 1970 UTC */
int64_t clock_monotonic_us(void); /* never goes back */
void clock_sleep_us(int64_t us);
/* "2026-01-31T23:59:59Z" into 32 bytes. */
void clock_format(int64_t us, char *buffer);

#endif
