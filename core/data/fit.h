/* Bringing a batch from the schema it arrived under to the agreed schema: reorder, add NULL columns, cast; and finding the rows
 * that do not fit. One fit belongs to one thread. */
#ifndef CORE_DATA_FIT_H
#define CORE_DATA_FIT_H

#include <etlhost/sdk/batch_view.h>

struct fit;

/* `from` and `to` are copied. Casts exist for every pair that schema_merge can produce and, value by value, for narrowing (text -> int
 * where the text is that int). */
etl_status fit_new(const struct ArrowSchema *from, const struct ArrowSchema *to, struct fit **ret_fit,
                   struct etl_error *err);
void fit_free(struct fit *fit);

/* Called for every row that does not fit: its row number in the incoming batch, the column and the reason. Returning other than ETL_OK
 * stops. */
typedef etl_status (*fit_misfit)(void *arg, const struct etl_view *incoming, int64_t row, const char *column,
                                 const char *reason, struct etl_error *err);

/* Moves `batch` in and out. When nothing differs it is passed through untouched. Misfit rows are left out of the result; misfit NULL = a misfit is
 * ETL_SCHEMA. *ret_rejected counts them. On failure the batch is released. */
etl_status fit_apply(struct fit *fit, struct ArrowArray *batch, fit_misfit misfit, void *arg, int64_t *ret_rejected,
                     struct etl_error *err);

#endif
