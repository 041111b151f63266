/* ArrowArrayStream -> reader messages. `step` moves on only when a message has been produced, so a call that failed for a passing
 * reason can simply be made again. */
#include <etlhost/sdk/stream_adapter.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { STEP_SCHEMA, STEP_BATCHES, STEP_END };

etl_status etl_stream_adapter_init(struct etl_stream_adapter *adapter, struct ArrowArrayStream *stream,
                                   const char *state, size_t state_len, struct etl_error *err)
{
    memset(adapter, 0, sizeof *adapter);
    adapter->stream = *stream;
    stream->release = NULL;
    if (!adapter->stream.release)
        return etl_fail(err, ETL_MISUSE, "the Arrow stream is released");
    if (state_len > ETL_STATE_MAX_BYTES)
        return etl_fail(err, ETL_MISUSE, "state of %zu bytes is larger than %d", state_len, ETL_STATE_MAX_BYTES);
    adapter->state = malloc(state_len + 1);
    if (!adapter->state)
        return etl_fail_memory(err);
    if (state_len)
        memcpy(adapter->state, state, state_len);
    adapter->state[state_len] = '\0';
    adapter->state_len = state_len;
    return ETL_OK;
}

static etl_status status_of(int error_number)
{
    switch (error_number) {
    case EAGAIN:
    case EINTR:
    case ETIMEDOUT:
    case ECONNRESET: return ETL_TRANSIENT;
    case ENOMEM: return ETL_NOMEM;
    case ECANCELED: return ETL_CANCELLED;
    default: return ETL_IO;
    }
}

static etl_status stream_failed(struct etl_stream_adapter *adapter, int error_number, struct etl_error *err)
{
    const char *reason = adapter->stream.get_last_error ? adapter->stream.get_last_error(&adapter->stream) : NULL;
    etl_status status = reason && *reason
                            ? etl_fail(err, status_of(error_number), "Arrow stream: %s", reason)
                            : etl_fail(err, status_of(error_number), "Arrow stream: error %d", error_number);
    if (err)
        err->vendor_code = error_number;
    return status;
}

static etl_status next_schema(struct etl_stream_adapter *adapter, struct etl_message *message, struct etl_error *err)
{
    struct ArrowSchema schema = {0};
    int error_number = adapter->stream.get_schema(&adapter->stream, &schema);
    if (error_number)
        return stream_failed(adapter, error_number, err);
    if (!schema.release)
        return etl_fail(err, ETL_INTERNAL, "Arrow stream: gave a released schema");
    message->schema = schema;
    message->kind = ETL_MESSAGE_SCHEMA;
    adapter->step = STEP_BATCHES;
    return ETL_OK;
}

static etl_status next_batch(struct etl_stream_adapter *adapter, struct etl_message *message, struct etl_error *err)
{
    struct ArrowArray batch = {0};
    int error_number = adapter->stream.get_next(&adapter->stream, &batch);
    if (error_number)
        return stream_failed(adapter, error_number, err);
    if (batch.release) {
        message->batch = batch;
        message->kind = ETL_MESSAGE_BATCH;
        message->flags = ETL_OP_INSERT;
        return ETL_OK;
    }
    message->kind = ETL_MESSAGE_CHECKPOINT;
    message->state = adapter->state;
    message->state_len = adapter->state_len;
    adapter->step = STEP_END;
    return ETL_OK;
}

etl_status etl_stream_adapter_next(struct etl_stream_adapter *adapter, struct etl_message *message,
                                   struct etl_error *err)
{
    if (!adapter->stream.release || !adapter->state)
        return etl_fail(err, ETL_MISUSE, "the stream adapter is not initialised");
    if (adapter->step == STEP_SCHEMA)
        return next_schema(adapter, message, err);
    if (adapter->step == STEP_BATCHES)
        return next_batch(adapter, message, err);
    message->kind = ETL_MESSAGE_END;
    return ETL_OK;
}

void etl_stream_adapter_fini(struct etl_stream_adapter *adapter)
{
    if (!adapter)
        return;
    if (adapter->stream.release)
        adapter->stream.release(&adapter->stream);
    free(adapter->state);
    memset(adapter, 0, sizeof *adapter);
}
