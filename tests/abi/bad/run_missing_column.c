/* A batch without the column that its schema has. The column itself is not lost: it is released here. */
#define READ_NEXT lying_read_next
#include "liar.h"

#include <stdlib.h>

static etl_status lying_read_next(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    etl_status status = good_read_next(reader, message, err);

    if (message->kind == ETL_MESSAGE_BATCH) {
        message->batch.children[0]->release(message->batch.children[0]);
        free(message->batch.children[0]);
        message->batch.n_children = 0;
    }
    return status;
}
#include "skeleton.h"
