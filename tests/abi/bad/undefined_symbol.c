/* Needs a function that exists nowhere. */
#define READ_OPEN lying_read_open
#include <etlhost/abi.h>

void function_that_exists_nowhere(void);

static etl_status lying_read_open(struct etl_source *source, const struct etl_read_request *request,
                                  struct etl_reader **ret_reader, struct etl_error *err)
{
    (void)source;
    (void)request;
    (void)ret_reader;
    (void)err;
    function_that_exists_nowhere();
    return ETL_INTERNAL;
}

#include "skeleton.h"
