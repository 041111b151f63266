/* Exponential backoff with equal jitter: half of the step is fixed, so that a wait is never near zero, half is random, so that
 * streams that failed together do not come back together. */
#include "core/engine/retry.h"

int64_t retry_wait_us(const struct retry_policy *policy, int64_t failure, uint64_t random)
{
    int64_t step = policy->base_us, half = 0;
    for (int64_t i = 1; i < failure && step < policy->cap_us; i++)
        step *= 2;
    if (step > policy->cap_us)
        step = policy->cap_us;
    half = step / 2;
    return half + (int64_t)(random % (uint64_t)(step - half + 1));
}

bool retry_after(struct retry *retry, const struct retry_policy *policy, etl_status status, uint32_t retry_after_ms,
                 uint64_t random, int64_t *ret_wait_us)
{
    if (status == ETL_THROTTLED) {
        *ret_wait_us =
            retry_after_ms ? (int64_t)retry_after_ms * 1000 : retry_wait_us(policy, retry->failures + 1, random);
        return true;
    }
    if (status != ETL_TRANSIENT || retry->failures >= policy->attempts)
        return false;
    retry->failures++;
    *ret_wait_us = retry_wait_us(policy, retry->failures, random);
    return true;
}
