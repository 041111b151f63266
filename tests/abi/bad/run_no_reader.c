/* Opens a reader and does not hand it out. */
#define READ_OPEN lying_read_open
#include "liar.h"

static etl_status lying_read_open(struct etl_source *source, const struct etl_read_request *request,
                                  struct etl_reader **ret_reader, struct etl_error *err)
{
    (void)source;
    (void)request;
    (void)ret_reader;
    (void)err;
    return ETL_OK;
}

#include "skeleton.h"
