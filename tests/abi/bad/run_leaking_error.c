/* Fails for good with a live batch in the message, which the host must release. */
#define READ_NEXT lying_read_next
#include "liar.h"

#include <string.h>

static etl_status lying_read_next(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    etl_status status = good_read_next(reader, message, err);

    if (message->kind != ETL_MESSAGE_BATCH)
        return status;
    memcpy(err->message, "failed half way", 16);
    return ETL_DATA;
}
#include "skeleton.h"
