/* Turns an ArrowArrayStream (what ADBC drivers and many libraries give) into a reader's messages: SCHEMA, BATCH ..., a final
 * CHECKPOINT, END. One adapter per reader; [reader] thread rule. */
#ifndef ETL_SDK_STREAM_ADAPTER_H
#define ETL_SDK_STREAM_ADAPTER_H

#include <etlhost/sdk/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct etl_stream_adapter {
    struct ArrowArrayStream stream; /* private from here on */
    char *state;
    size_t state_len;
    int step;
};

/* Takes the stream (moved; released by fini, also after failure) and copies the state that the final checkpoint will carry. */
etl_status etl_stream_adapter_init(struct etl_stream_adapter *adapter, struct ArrowArrayStream *stream,
                                   const char *state, size_t state_len, struct etl_error *err);

/* As etl_source_ops.read_next. Errno codes of the stream become ETL_TRANSIENT (EAGAIN, EINTR, ETIMEDOUT, ECONNRESET), ETL_NOMEM,
 * ETL_CANCELLED (ECANCELED) or ETL_IO with the stream's own message. */
etl_status etl_stream_adapter_next(struct etl_stream_adapter *adapter, struct etl_message *message,
                                   struct etl_error *err);

void etl_stream_adapter_fini(struct etl_stream_adapter *adapter);

#ifdef __cplusplus
}
#endif

#endif
