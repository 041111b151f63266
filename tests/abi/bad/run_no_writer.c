/* Begins and does not hand the writer out. */
#define BEGIN lying_begin
#include "liar.h"

static etl_status lying_begin(struct etl_dest *dest, const struct etl_write_plan *plan, struct etl_writer **ret_writer,
                              struct etl_recovery *recovery, struct etl_error *err)
{
    (void)dest;
    (void)plan;
    (void)ret_writer;
    (void)recovery;
    (void)err;
    return ETL_OK;
}

#include "skeleton.h"
