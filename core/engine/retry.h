/* How long to wait before trying again: arithmetic alone, no clock, no sleeping. Any thread. */
#ifndef CORE_ENGINE_RETRY_H
#define CORE_ENGINE_RETRY_H

#include <etlhost/abi.h>
#include <stdbool.h>

struct retry_policy {
    int64_t base_us;  /* before the first retry */
    int64_t cap_us;   /* no wait is longer */
    int64_t attempts; /* retries after the first failure; 0 = none */
};

#define RETRY_BASE_US INT64_C(500000)
#define RETRY_CAP_US  INT64_C(30000000)

struct retry {
    int64_t failures; /* in a row that count */
};

/* What to do after a call answered `status`: true = wait *ret_wait_us and call again. TRANSIENT counts as a failure and waits
 * base * 2^(failures - 1), capped, of which a random half is taken off (`random`: any 64 bits). THROTTLED waits `retry_after_ms`
 * (as TRANSIENT would when 0) and does not count. Anything else is not tried again. */
bool retry_after(struct retry *retry, const struct retry_policy *policy, etl_status status, uint32_t retry_after_ms,
                 uint64_t random, int64_t *ret_wait_us);

/* The wait alone: between half of and the full exponential step of the n-th failure (from 1). */
int64_t retry_wait_us(const struct retry_policy *policy, int64_t failure, uint64_t random);

#endif
