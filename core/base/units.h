/* Sizes and durations as people write them. Any thread. */
#ifndef CORE_BASE_UNITS_H
#define CORE_BASE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

/* "65536", "64 MiB", "1.5G": K M G T and KiB MiB GiB TiB are powers of 1024, kB KB MB GB TB of 1000. */
bool units_parse_bytes(const char *text, int64_t *ret_bytes);
/* "90", "1.5h", "500ms", "2m", "1d 12h", "1h30m": ms s m min h d; a number without unit is seconds. */
bool units_parse_seconds(const char *text, double *ret_seconds);

#endif
