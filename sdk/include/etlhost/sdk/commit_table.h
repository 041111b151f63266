/* The commit table of a transactional SQL destination: what makes it ETL_GUARANTEE_ATOMIC. The statements are given as text with
 * numbered placeholders, so that the recipe serves any client library. No allocation; any thread.
 *
 * One row per (pipeline, stream, slice): the last commit of that line and the epoch of the writer that may make the next.
 *
 * begin(): run `create`, then in one transaction
 *   1. `newest`. No row: the destination holds generation 0, which is final. A plan with a smaller generation than the one held:
 *      roll back, ETL_CONFLICT.
 *   2. `claim`. It inserts the row or raises its epoch, which fences every earlier writer, and changes nothing else: a claim
 *      for a new generation keeps the row of the old one until the first commit. recovery.found is "state is not NULL
 *      and generation is the plan's"; then seq and state of the row are the recovery's. recovery.generation and .is_final come from
 *      `newest`, generation 0 being final always.
 *   3. A plan with a greater generation than the one held: drop the staging of other unfinished generations and create the one of
 *      this generation if it is not there. Name it by its generation: then a writer of an older generation finds it gone
 *      instead of writing into its successor's, and the slices of one generation share it. Only committed units are in it.
 * commit(): inside the data transaction `advance`. It must change exactly one row; otherwise another writer has claimed the line, or a
 * slice of the stream has committed to a newer generation: roll back, ETL_CONFLICT. Parameter 5 is the row's seq as `claim` returned it
 * (for a new generation that is the last seq of the old one), afterwards that of the last commit.
 * commit() with ETL_COMMIT_FINAL: in the same transaction `advance` with is_final 1, the swap, `finalize`, `forget`. `forget` removes slices
 * that the new generation does not have; whoever still writes to them is fenced by that.
 * A commit to a final generation passes is_final 1, one to an unfinished generation 0.
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
    const char *create; /* create the table if it is not there */
    const char *claim; /* 1 pipeline, 2 stream, 3 slice -> epoch, seq, generation, is_final, state (NULL = no commit) */
    const char *look;  /* the same parameters and columns, changes nothing; no row when there is none */
    const char *advance; /* 1 pipeline, 2 stream, 3 slice, 4 epoch, 5 previous seq, 6 new seq, 7 generation, 8 is_final
                               (0 or 1), 9 state (never NULL; an empty one is an empty blob), 10 run id, 11 rows of this unit (the
                               column adds them up per generation), 12 time (microseconds since 1970) */
    const char
        *newest; /* 1 pipeline, 2 stream -> newest generation that a commit of any slice holds, is_final of it; no row
                               when there is no commit */
    const char *forget;   /* 1 pipeline, 2 stream, 3 generation: deletes rows of slices of older generations */
    const char *finalize; /* 1 pipeline, 2 stream, 3 generation: marks every slice of that generation final */
};

/* Static. */
const struct etl_commit_table *etl_commit_table(enum etl_sql_dialect dialect);

#ifdef __cplusplus
}
#endif

#endif
