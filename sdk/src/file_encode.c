/* One output file: bytes go through an optional compressor into a buffer and from there to the descriptor in large writes. */
#include "sdk/src/file_encode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>
#include <zstd.h>

#define OUTPUT_BYTES ((size_t)256 * 1024)
#define ONCE_MAX     ((size_t)1 << 30)

struct etl__encoder {
    int fd;
    const char *path;
    enum etl__codec codec;
    char *output;
    size_t length;
    z_stream gzip;
    bool has_gzip;
    ZSTD_CStream *zstd;
};

etl_status etl__encoder_new(int fd, const char *path, enum etl__codec codec, struct etl__encoder **ret_encoder,
                            struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct etl__encoder *encoder = calloc(1, sizeof *encoder);
    if (!encoder)
        return etl_fail_memory(err);
    *encoder = (struct etl__encoder){.fd = fd, .path = path, .codec = codec};
    encoder->output = malloc(OUTPUT_BYTES);
    if (!encoder->output)
        status = etl_fail_memory(err);
    if (status == ETL_OK && codec == ETL__CODEC_GZIP) {
        encoder->has_gzip =
            deflateInit2(&encoder->gzip, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK;
        if (!encoder->has_gzip)
            status = etl_fail_memory(err);
    }
    if (status == ETL_OK && codec == ETL__CODEC_ZSTD) {
        encoder->zstd = ZSTD_createCStream();
        if (!encoder->zstd)
            status = etl_fail_memory(err);
    }
    if (status != ETL_OK) {
        encoder->fd = -1; /* stays the caller's */
        etl__encoder_free(encoder);
        return status;
    }
    *ret_encoder = encoder;
    return ETL_OK;
}

void etl__encoder_free(struct etl__encoder *encoder)
{
    if (!encoder)
        return;
    if (encoder->has_gzip)
        (void)deflateEnd(&encoder->gzip);
    ZSTD_freeCStream(encoder->zstd);
    free(encoder->output);
    if (encoder->fd > STDERR_FILENO)
        close(encoder->fd);
    free(encoder);
}

static etl_status write_all(struct etl__encoder *encoder, const char *data, size_t length, struct etl_error *err)
{
    while (length > 0) {
        ssize_t written = write(encoder->fd, data, length < ONCE_MAX ? length : ONCE_MAX);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EPIPE)
            return etl_fail(err, ETL_IO, "%s was closed by its reader", encoder->path);
        if (written < 0)
            return etl_fail_errno(err, errno, "cannot write", encoder->path);
        data += written;
        length -= (size_t)written;
    }
    return ETL_OK;
}

static etl_status drain(struct etl__encoder *encoder, struct etl_error *err)
{
    size_t length = encoder->length;
    encoder->length = 0;
    return write_all(encoder, encoder->output, length, err);
}

static etl_status write_plain(struct etl__encoder *encoder, const char *data, size_t length, struct etl_error *err)
{
    if (length > OUTPUT_BYTES - encoder->length) {
        etl_status status = drain(encoder, err);
        if (status != ETL_OK)
            return status;
    }
    if (length >= OUTPUT_BYTES)
        return write_all(encoder, data, length, err);
    memcpy(encoder->output + encoder->length, data, length);
    encoder->length += length;
    return ETL_OK;
}

/* Feeds the compressor; with `flush` until it has handed out everything. */
static etl_status write_gzip(struct etl__encoder *encoder, const char *data, size_t length, int flush,
                             struct etl_error *err)
{
    z_stream *gzip = &encoder->gzip;
    etl_status status = ETL_OK;
    int result = Z_OK;
    bool is_full = true;
    gzip->next_in = (unsigned char *)(uintptr_t)data;
    gzip->avail_in = (unsigned)length;
    while (status == ETL_OK && is_full && result != Z_STREAM_END) {
        gzip->next_out = (unsigned char *)encoder->output + encoder->length;
        gzip->avail_out = (unsigned)(OUTPUT_BYTES - encoder->length);
        result = deflate(gzip, flush);
        if (result == Z_STREAM_ERROR)
            return etl_fail(err, ETL_INTERNAL, "%s: the gzip compressor failed", encoder->path);
        encoder->length = OUTPUT_BYTES - gzip->avail_out;
        is_full = gzip->avail_out == 0;
        if (is_full)
            status = drain(encoder, err);
    }
    return status;
}

static etl_status write_zstd(struct etl__encoder *encoder, const char *data, size_t length, ZSTD_EndDirective end,
                             struct etl_error *err)
{
    ZSTD_inBuffer in = {data, length, 0};
    etl_status status = ETL_OK;
    size_t left = 1;
    while (status == ETL_OK && (in.pos < in.size || (end != ZSTD_e_continue && left > 0))) {
        ZSTD_outBuffer out = {encoder->output, OUTPUT_BYTES, encoder->length};
        left = ZSTD_compressStream2(encoder->zstd, &out, &in, end);
        if (ZSTD_isError(left))
            return etl_fail(err, ETL_INTERNAL, "%s: the zstd compressor failed: %s", encoder->path,
                            ZSTD_getErrorName(left));
        encoder->length = out.pos;
        if (out.pos == out.size)
            status = drain(encoder, err);
    }
    return status;
}

etl_status etl__encoder_write(struct etl__encoder *encoder, const char *data, size_t length, struct etl_error *err)
{
    etl_status status = ETL_OK;
    if (encoder->codec == ETL__CODEC_ZSTD)
        return length == 0 ? ETL_OK : write_zstd(encoder, data, length, ZSTD_e_continue, err);
    if (encoder->codec != ETL__CODEC_GZIP)
        return write_plain(encoder, data, length, err);
    while (status == ETL_OK && length > 0) {
        size_t once = length < ONCE_MAX ? length : ONCE_MAX;
        status = write_gzip(encoder, data, once, Z_NO_FLUSH, err);
        data += once;
        length -= once;
    }
    return status;
}

static etl_status end_codec(struct etl__encoder *encoder, bool is_last, struct etl_error *err)
{
    if (encoder->codec == ETL__CODEC_GZIP)
        return write_gzip(encoder, "", 0, is_last ? Z_FINISH : Z_SYNC_FLUSH, err);
    if (encoder->codec == ETL__CODEC_ZSTD)
        return write_zstd(encoder, "", 0, is_last ? ZSTD_e_end : ZSTD_e_flush, err);
    return ETL_OK;
}

etl_status etl__encoder_flush(struct etl__encoder *encoder, struct etl_error *err)
{
    etl_status status = end_codec(encoder, false, err);
    return status == ETL_OK ? drain(encoder, err) : status;
}

etl_status etl__encoder_finish(struct etl__encoder *encoder, struct etl_error *err)
{
    etl_status status = end_codec(encoder, true, err);
    if (status == ETL_OK)
        status = drain(encoder, err);
    /* EINVAL: a pipe or terminal, which has nothing to make durable. */
    if (status == ETL_OK && fsync(encoder->fd) != 0 && errno != EINVAL && errno != ENOTSUP)
        status = etl_fail_errno(err, errno, "cannot make durable", encoder->path);
    return status;
}
