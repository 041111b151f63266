/* A state of two mebibytes. */
#define READ_NEXT lying_read_next
#include "liar.h"

static char state[2 * 1024 * 1024];

static etl_status lying_read_next(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    etl_status status = good_read_next(reader, message, err);

    if (message->kind == ETL_MESSAGE_CHECKPOINT) {
        message->state = state;
        message->state_len = sizeof(state);
    }
    return status;
}
#include "skeleton.h"
