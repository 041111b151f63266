/* The commit table of a transactional SQL destination: what makes it ETL_GUARANTEE_ATOMIC. The statements are given as text with
 * numbered placeholders, so that the recipe serves any client library. No allocation; any thread.
 *
 * One row per (pipeline, stream, slice). begin() runs `create` once and then `claim` in a transaction of its own: it inserts the
 * row or raises its epoch, and returns epoch, seq, generation, is_final, state. Every commit runs `advance` inside the data
 * transaction; it must change exactly one row, otherwise another writer has claimed the line: roll back, ETL_CONFLICT.
 */
#ifndef ETL_SDK_COMMIT_TABLE_H
#define ETL_SDK_COMMIT_TABLE_H

#include <etlhost/sdk/error.h>

#ifdef __cplusplus
extern "C" {
#endif

enum etl_sql_dialect {
    ETL_SQL_SQLITE,    /* placeholders ?1 ?2 ..., state BLOB */
    ETL_SQL_POSTGRESQL /* placeholders $1 $2 ..., state bytea, timestamps timestamptz */
};

#define ETL_COMMIT_TABLE "_etlhost_checkpoints"

struct etl_commit_table {
    const char *create;     /* create the table if it is not there */
    const char *claim;      /* 1 pipeline, 2 stream, 3 slice -> epoch, seq, generation, is_final, state (NULL = no commit) */
    const char *look;       /* the same parameters and columns, changes nothing; no row when there is none */
    const char *advance;    /* 1 pipeline, 2 stream, 3 slice, 4 epoch, 5 previous seq, 6 new seq, 7 generation, 8 is_final,
                               9 state, 10 run id, 11 rows, 12 time (microseconds since 1970) */
    const char *newest;     /* 1 pipeline, 2 stream -> newest generation of any slice, is_final of it */
    const char *forget;     /* 1 pipeline, 2 stream, 3 generation: deletes rows of slices of older generations */
    const char *finalize;   /* 1 pipeline, 2 stream, 3 generation: marks every slice of that generation final */
};

/* Static. */
const struct etl_commit_table *etl_commit_table(enum etl_sql_dialect dialect);

#ifdef __cplusplus
}
#endif

#endif
