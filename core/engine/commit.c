/* See etlhost(1), "Delivery". An atomic destination is the judge over its own rows: its (seq, state) came to be in the same
 * transaction. Being exactly one commit ahead is the trace of a death between its commit and the store's; being further ahead, or
 * behind, cannot come from a crash, so a person has to say what is right. */
#include "core/engine/commit.h"

#include <string.h>

bool commit_is_due(const struct commit_limits *limits, uint64_t rows, uint64_t bytes, int64_t age_us)
{
    return (limits->rows && rows >= limits->rows) || (limits->bytes && bytes >= limits->bytes) || age_us >= limits->us;
}

enum recovery_action commit_recover(const struct recovery_facts *facts)
{
    if (!facts->dest_found) {
        if (!facts->store_seq)
            return RECOVERY_START;
        return facts->is_atomic ? RECOVERY_MISSING : RECOVERY_RESUME;
    }
    if (!facts->store_seq)
        return RECOVERY_TAKE;
    if (facts->dest_seq == facts->store_seq)
        return facts->is_state_equal || !facts->is_atomic ? RECOVERY_RESUME : RECOVERY_BELIEVE;
    if (facts->dest_seq == facts->store_seq + 1)
        return RECOVERY_ADOPT;
    if (facts->dest_seq > facts->store_seq)
        return RECOVERY_AHEAD;
    return facts->is_atomic ? RECOVERY_BEHIND : RECOVERY_RESUME;
}

enum delivery commit_delivery(uint32_t guarantee, uint32_t mode, bool has_keys)
{
    if (guarantee == ETL_GUARANTEE_ATOMIC)
        return DELIVERY_EXACTLY_ONCE;
    return mode == ETL_MODE_UPSERT && has_keys ? DELIVERY_EFFECTIVELY_ONCE : DELIVERY_AT_LEAST_ONCE;
}

static const char *const delivery_names[] = {"at-least-once", "effectively-once", "exactly-once"};

const char *commit_delivery_name(enum delivery delivery)
{
    return delivery_names[delivery];
}

bool commit_delivery_parse(const char *name, enum delivery *ret_delivery)
{
    for (int i = DELIVERY_AT_LEAST_ONCE; i <= DELIVERY_EXACTLY_ONCE; i++)
        if (!strcmp(name, delivery_names[i])) {
            *ret_delivery = (enum delivery)i;
            return true;
        }
    return false;
}

uint32_t commit_guarantee(uint64_t caps)
{
    if (caps & ETL_CAP_ATOMIC)
        return ETL_GUARANTEE_ATOMIC;
    return caps & ETL_CAP_IDEMPOTENT ? ETL_GUARANTEE_IDEMPOTENT : ETL_GUARANTEE_FLUSH;
}
