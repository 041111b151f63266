/* A batch that is already released. */
#define READ_NEXT lying_read_next
#include "liar.h"

static etl_status lying_read_next(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    etl_status status = good_read_next(reader, message, err);

    if (message->kind == ETL_MESSAGE_BATCH)
        message->batch.release(&message->batch);
    return status;
}
#include "skeleton.h"
