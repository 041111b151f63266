/* The pure rules of the engine: recovery table, commit thresholds, delivery classes, backoff, generations. */
#include <criterion/criterion.h>

#include "core/engine/commit.h"
#include "core/engine/generation.h"
#include "core/engine/retry.h"

/* ---- recovery ------------------------------------------------------------------------------------------------------ */

static enum recovery_action recover(bool atomic, uint64_t store, bool found, uint64_t dest, bool equal)
{
    struct recovery_facts facts = {
        .store_seq = store, .is_atomic = atomic, .dest_found = found, .dest_seq = dest, .is_state_equal = equal};
    return commit_recover(&facts);
}

Test(recovery, nothing_anywhere_starts)
{
    cr_assert_eq(recover(true, 0, false, 0, false), RECOVERY_START);
    cr_assert_eq(recover(false, 0, false, 0, false), RECOVERY_START);
}

Test(recovery, equal_resumes)
{
    cr_assert_eq(recover(true, 5, true, 5, true), RECOVERY_RESUME);
}

Test(recovery, one_ahead_is_adopted)
{
    cr_assert_eq(recover(true, 5, true, 6, false), RECOVERY_ADOPT);
    cr_assert_eq(recover(false, 5, true, 6, false), RECOVERY_ADOPT);
}

Test(recovery, lost_store_takes_what_the_destination_holds)
{
    cr_assert_eq(recover(true, 0, true, 1, false), RECOVERY_TAKE);
    cr_assert_eq(recover(true, 0, true, 77, false), RECOVERY_TAKE);
}

Test(recovery, further_ahead_stops)
{
    cr_assert_eq(recover(true, 5, true, 7, false), RECOVERY_AHEAD);
    cr_assert_eq(recover(true, 1, true, UINT64_MAX, false), RECOVERY_AHEAD);
}

Test(recovery, behind_stops_when_atomic)
{
    cr_assert_eq(recover(true, 5, true, 4, false), RECOVERY_BEHIND);
    cr_assert_eq(recover(false, 5, true, 4, false), RECOVERY_RESUME);
}

Test(recovery, vanished_stops_when_atomic)
{
    cr_assert_eq(recover(true, 5, false, 0, false), RECOVERY_MISSING);
    cr_assert_eq(recover(false, 5, false, 0, false), RECOVERY_RESUME);
}

Test(recovery, same_number_other_state_believes_the_rows)
{
    cr_assert_eq(recover(true, 5, true, 5, false), RECOVERY_BELIEVE);
    cr_assert_eq(recover(false, 5, true, 5, false), RECOVERY_RESUME);
}

/* ---- thresholds ---------------------------------------------------------------------------------------------------- */

Test(commit, is_due_at_any_limit)
{
    struct commit_limits limits = {.rows = 100, .bytes = 1000, .us = 10};
    cr_assert_not(commit_is_due(&limits, 99, 999, 9));
    cr_assert(commit_is_due(&limits, 100, 0, 0));
    cr_assert(commit_is_due(&limits, 0, 1000, 0));
    cr_assert(commit_is_due(&limits, 0, 0, 10));
}

Test(commit, zero_means_no_limit)
{
    struct commit_limits none = {.us = INT64_MAX}, always = {0};
    cr_assert_not(commit_is_due(&none, UINT64_MAX, UINT64_MAX, INT64_MAX - 1));
    cr_assert(commit_is_due(&always, 0, 0, 0));
}

Test(commit, delivery_classes)
{
    cr_assert_eq(commit_delivery(ETL_GUARANTEE_ATOMIC, ETL_MODE_APPEND, false), DELIVERY_EXACTLY_ONCE);
    cr_assert_eq(commit_delivery(ETL_GUARANTEE_IDEMPOTENT, ETL_MODE_UPSERT, true), DELIVERY_EFFECTIVELY_ONCE);
    cr_assert_eq(commit_delivery(ETL_GUARANTEE_FLUSH, ETL_MODE_UPSERT, true), DELIVERY_EFFECTIVELY_ONCE);
    cr_assert_eq(commit_delivery(ETL_GUARANTEE_IDEMPOTENT, ETL_MODE_APPEND, true), DELIVERY_AT_LEAST_ONCE);
    cr_assert_eq(commit_delivery(ETL_GUARANTEE_FLUSH, ETL_MODE_OVERWRITE, false), DELIVERY_AT_LEAST_ONCE);
}

Test(commit, delivery_names_round_trip)
{
    enum delivery found = DELIVERY_AT_LEAST_ONCE;
    for (int i = DELIVERY_AT_LEAST_ONCE; i <= DELIVERY_EXACTLY_ONCE; i++) {
        cr_assert(commit_delivery_parse(commit_delivery_name((enum delivery)i), &found));
        cr_assert_eq((int)found, i);
    }
    cr_assert_not(commit_delivery_parse("exactly once", &found));
    cr_assert_not(commit_delivery_parse("", &found));
}

/* ---- backoff ------------------------------------------------------------------------------------------------------- */

static const struct retry_policy policy = {.base_us = 500000, .cap_us = 30000000, .attempts = 5};

Test(retry, doubles_up_to_the_cap)
{
    static const int64_t steps[] = {500000, 1000000, 2000000, 4000000, 8000000, 16000000, 30000000, 30000000};
    for (int64_t i = 0; i < 8; i++) {
        cr_assert_eq(retry_wait_us(&policy, i + 1, 0), steps[i] / 2);
        for (uint64_t random = 1; random; random *= 3) {
            int64_t wait = retry_wait_us(&policy, i + 1, random);
            cr_assert(wait >= steps[i] / 2 && wait <= steps[i]);
            if (random > UINT64_MAX / 3)
                break;
        }
    }
    cr_assert_leq(retry_wait_us(&policy, INT64_MAX, UINT64_MAX), 30000000);
}

Test(retry, gives_up_after_the_attempts)
{
    struct retry retry = {0};
    int64_t wait = 0;
    for (int i = 0; i < 5; i++)
        cr_assert(retry_after(&retry, &policy, ETL_TRANSIENT, 0, 0, &wait));
    cr_assert_not(retry_after(&retry, &policy, ETL_TRANSIENT, 0, 0, &wait));
}

Test(retry, throttling_does_not_count)
{
    struct retry retry = {0};
    int64_t wait = 0;
    for (int i = 0; i < 100; i++)
        cr_assert(retry_after(&retry, &policy, ETL_THROTTLED, 1234, 0, &wait));
    cr_assert_eq(wait, 1234000);
    cr_assert_eq(retry.failures, 0);
    cr_assert(retry_after(&retry, &policy, ETL_THROTTLED, 0, 0, &wait));
    cr_assert_eq(wait, 250000);
}

Test(retry, nothing_else_is_tried_again)
{
    struct retry retry = {0};
    int64_t wait = -1;
    for (etl_status status = ETL_OK; status <= ETL_MISUSE; status++)
        if (status != ETL_TRANSIENT && status != ETL_THROTTLED)
            cr_assert_not(retry_after(&retry, &policy, status, 5, 0, &wait));
    cr_assert_eq(wait, -1);
}

/* ---- generations --------------------------------------------------------------------------------------------------- */

static struct generation_choice choose(struct generation_facts facts)
{
    return generation_choose(&facts);
}

Test(generation, first_load_of_append_is_live_at_once)
{
    struct generation_choice choice = choose((struct generation_facts){.can_build = true});
    cr_assert(choice.generation == 0 && !choice.is_building && !choice.is_invalid && !choice.ignore_state);
}

Test(generation, overwrite_builds_a_new_one_each_time)
{
    struct generation_choice choice = choose((struct generation_facts){.can_build = true, .is_overwrite = true});
    cr_assert(choice.generation == 1 && choice.is_building && choice.is_new);
    choice = choose((struct generation_facts){.can_build = true,
                                              .is_overwrite = true,
                                              .is_known = true,
                                              .generation = 4,
                                              .is_complete = true,
                                              .is_same = true});
    cr_assert(choice.generation == 5 && choice.is_building && choice.is_new);
}

Test(generation, unfinished_load_is_resumed)
{
    struct generation_choice choice = choose((struct generation_facts){
        .can_build = true, .is_overwrite = true, .is_known = true, .generation = 4, .is_same = true});
    cr_assert(choice.generation == 4 && choice.is_building && !choice.is_new);
}

Test(generation, unfinished_load_with_other_settings_starts_anew)
{
    struct generation_choice choice =
        choose((struct generation_facts){.can_build = true, .is_known = true, .generation = 4, .is_same = false});
    cr_assert(choice.generation == 5 && choice.is_building && choice.is_new && !choice.is_invalid);
}

Test(generation, changed_settings_are_refused)
{
    struct generation_choice choice =
        choose((struct generation_facts){.can_build = true, .is_known = true, .is_complete = true, .is_same = false});
    cr_assert(choice.is_invalid);
    choice = choose((struct generation_facts){
        .can_build = true, .is_known = true, .is_complete = true, .is_same = false, .full_refresh = true});
    cr_assert(!choice.is_invalid && choice.generation == 1 && choice.is_new);
}

Test(generation, reset_builds_a_new_one)
{
    struct generation_choice choice =
        choose((struct generation_facts){.can_build = true, .is_known = true, .is_reset = true, .generation = 1});
    cr_assert(choice.generation == 2 && choice.is_building && choice.is_new && !choice.is_invalid);
}

Test(generation, without_generations_the_source_starts_over)
{
    struct generation_choice choice =
        choose((struct generation_facts){.is_known = true, .is_complete = true, .is_same = true, .full_refresh = true});
    cr_assert(choice.ignore_state && !choice.is_building && choice.generation == 0);
    choice = choose((struct generation_facts){.is_known = true, .is_reset = true, .generation = 1});
    cr_assert(choice.ignore_state && !choice.is_building && choice.generation == 0);
}
