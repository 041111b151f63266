/* Writing the bytes of one file, compressed or not. */
#ifndef SDK_SRC_FILE_ENCODE_H
#define SDK_SRC_FILE_ENCODE_H

#include "sdk/src/file_decode.h"

struct etl__encoder;

/* Takes `fd` on success (closed by free, except standard output). `path` is borrowed, for messages. AUTO is NONE. */
etl_status etl__encoder_new(int fd, const char *path, enum etl__codec codec, struct etl__encoder **ret_encoder,
                            struct etl_error *err);
void etl__encoder_free(struct etl__encoder *encoder); /* NULL-safe; drops what has not been finished */

/* After a failure the content is undefined: the file has to go. */
etl_status etl__encoder_write(struct etl__encoder *encoder, const char *data, size_t length, struct etl_error *err);

/* Hands everything to the kernel so that a reader can decode all written so far. */
etl_status etl__encoder_flush(struct etl__encoder *encoder, struct etl_error *err);

/* Writes the end mark of a compressed file and everything that is buffered, then fsyncs a regular file. */
etl_status etl__encoder_finish(struct etl__encoder *encoder, struct etl_error *err);

#endif
