/* The operation column that a user names: exports of changes say of each row what happened to it. */
#ifndef CORE_DATA_OPERATION_H
#define CORE_DATA_OPERATION_H

#include <etlhost/sdk/batch_view.h>

/* Name of the operation column that the host makes of it (ETL_META_OP_COLUMN). */
#define OPERATION_COLUMN "_etl_op"

/* Makes the uint8 column of ETL_OP_* from `rows` rows of a text or boolean column; `column` NULL = the stream has none now, every row is an upsert. Text:
 * c i r insert create u update upsert ... -> UPSERT, d delete deleted -> DELETE, in any case; boolean: true -> DELETE; NULL -> UPSERT. Anything
 * else is ETL_DATA naming column, row and value. The caller owns the array. */
etl_status operation_make(const struct etl_view *column, int64_t rows, struct ArrowArray *ret_array,
                          struct etl_error *err);

/* ETL_CONFIG unless the column is text or boolean. */
etl_status operation_check_type(const struct etl_view *column, struct etl_error *err);

#endif
