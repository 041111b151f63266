/* The decompressed bytes of one open file. */
#ifndef SDK_SRC_FILE_DECODE_H
#define SDK_SRC_FILE_DECODE_H

#include <etlhost/sdk/error.h>
#include <stdbool.h>

enum etl__codec {
    ETL__CODEC_NONE,
    ETL__CODEC_GZIP,
    ETL__CODEC_ZSTD,
    ETL__CODEC_AUTO /* by magic bytes */
};

struct etl__decoder;

/* Asked while a read waits and before each read; nonzero = stop. */
typedef bool (*etl__stop_test)(void *arg);

/* "auto", "none", "gzip", "zstd"; anything else is ETL_CONFIG. */
etl_status etl__codec_parse(const char *name, enum etl__codec *ret_codec, struct etl_error *err);

/* What the first bytes of a file say: GZIP, ZSTD or NONE. */
enum etl__codec etl__codec_of(const void *head, size_t length);

/* Takes `fd` on success only (closed by free, except standard input). `path` is borrowed, for messages. `is_pipe`: reads wait with
 * poll() and ask `stop` meanwhile. */
etl_status etl__decoder_new(int fd, const char *path, bool is_pipe, enum etl__codec codec, etl__stop_test stop,
                            void *stop_arg, struct etl__decoder **ret_decoder, struct etl_error *err);
void etl__decoder_free(struct etl__decoder *decoder); /* NULL-safe */

/* 0 bytes = the end. */
etl_status etl__decoder_read(struct etl__decoder *decoder, char *buffer, size_t capacity, size_t *ret_length,
                             struct etl_error *err);

/* Continues at that decompressed offset; past the end = at the end. Not for pipes. */
etl_status etl__decoder_seek(struct etl__decoder *decoder, uint64_t offset, struct etl_error *err);

/* Whether a read would not have to wait; waits up to `timeout_ms` for that. */
etl_status etl__decoder_wait(struct etl__decoder *decoder, uint32_t timeout_ms, bool *ret_ready, struct etl_error *err);

enum etl__codec etl__decoder_codec(const struct etl__decoder *decoder);

#endif
