/* A column of three values without a buffer for them. */
#define READ_NEXT lying_read_next
#include "liar.h"

#include <stdlib.h>

static etl_status lying_read_next(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    etl_status status = good_read_next(reader, message, err);

    if (message->kind == ETL_MESSAGE_BATCH) {
        free((void *)(uintptr_t)message->batch.children[0]->buffers[1]);
        message->batch.children[0]->buffers[1] = NULL;
    }
    return status;
}
#include "skeleton.h"
