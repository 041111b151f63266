/* From settings, facts and abilities to what is done with a stream; selection of streams. */
#include <criterion/criterion.h>

#include "core/engine/plan.h"

/* ---- fingerprints, batch sizes ------------------------------------------------------------------------------------- */

Test(plan, says_what_differs)
{
    char *text =
        plan_difference("{\"cursor\":\"\",\"mode\":\"append\",\"primary_key\":[],\"source\":\"csv\"}",
                        "{\"cursor\":\"at\",\"mode\":\"append\",\"primary_key\":[\"a\",\"b\"],\"source\":\"csv\"}");
    cr_assert_str_eq(text, "the cursor column was none, is now at; the primary key was none, is now a, b");
    free(text);
    cr_assert_null(plan_difference("{}", "{}"));
    text = plan_difference("damaged", "{\"mode\":\"append\"}");
    cr_assert_not_null(text);
    free(text);
}

Test(plan, batches_add_up_to_the_limit)
{
    cr_assert_eq(plan_batch_rows(-1, 8192), 8192);
    cr_assert_eq(plan_batch_rows(10, 8192), 10);
    cr_assert_eq(plan_batch_rows(10000, 8192), 5000);
    cr_assert_eq(plan_batch_rows(8192, 8192), 8192);
    for (int64_t limit = 1; limit < 100000; limit += 37) {
        uint64_t rows = plan_batch_rows(limit, 1000);
        cr_assert(rows >= 1 && rows <= 1000);
    }
    cr_assert_eq(10007 / plan_batch_rows(10007, 8192), 1); /* a prime: two batches, one row too many */
}
