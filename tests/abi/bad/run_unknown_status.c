/* A status that does not exist. */
#define READ_NEXT lying_read_next
#include "liar.h"

#include <string.h>

static etl_status lying_read_next(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    etl_status status = good_read_next(reader, message, err);

    if (message->kind != ETL_MESSAGE_CHECKPOINT)
        return status;
    memcpy(err->message, "strange", 8);
    return 4711;
}
#include "skeleton.h"
