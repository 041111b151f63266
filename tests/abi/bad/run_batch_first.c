/* A batch before any schema. */
#define READ_NEXT lying_read_next
#include "liar.h"

static etl_status lying_read_next(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    (void)reader;
    (void)err;
    message->kind = ETL_MESSAGE_BATCH;
    make_batch(&message->batch);
    return ETL_OK;
}
#include "skeleton.h"
