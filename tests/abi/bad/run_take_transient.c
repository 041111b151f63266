/* Takes the batch and then asks for it again. */
#define WRITE lying_write
#include "liar.h"

#include <string.h>

static etl_status lying_write(struct etl_writer *writer, struct ArrowArray *batch, uint64_t flags,
                              struct etl_error *err)
{
    (void)writer;
    (void)flags;
    batch->release(batch);
    memcpy(err->message, "try again", 10);
    return ETL_TRANSIENT;
}

#include "skeleton.h"
