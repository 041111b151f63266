/* Reads a file or pipe, plain or compressed. Compressed input passes through one buffer of INPUT_BYTES; plain input goes to the
 * caller's buffer directly. A compressed file must end where a member or frame ends: anything else is ETL_DATA, so that a file
 * that is still being written never passes for a complete one. */
#include "sdk/src/file_decode.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>
#include <zstd.h>

#define INPUT_BYTES ((size_t)256 * 1024)
#define POLL_MS     200
#define ONCE_MAX    ((size_t)1 << 30)

struct etl__decoder {
    int fd;
    const char *path;
    bool is_pipe;
    enum etl__codec codec;
    etl__stop_test stop;
    void *stop_arg;
    char *input; /* compressed bytes, or what was read of a plain file to find its kind */
    size_t input_at, input_length;
    uint64_t input_offset; /* raw bytes read so far */
    bool is_end;           /* of the raw bytes */
    bool is_open;          /* inside a gzip member or zstd frame */
    bool is_full;          /* zstd may hold more output */
    uint64_t output_offset;
    z_stream gzip;
    bool has_gzip;
    ZSTD_DStream *zstd;
};

etl_status etl__codec_parse(const char *name, enum etl__codec *ret_codec, struct etl_error *err)
{
    static const struct {
        const char *name;
        enum etl__codec codec;
    } known[] = {{"auto", ETL__CODEC_AUTO}, {"", ETL__CODEC_AUTO},     {"none", ETL__CODEC_NONE},
                 {"gzip", ETL__CODEC_GZIP}, {"zstd", ETL__CODEC_ZSTD}, {NULL, ETL__CODEC_NONE}};
    for (size_t i = 0; known[i].name; i++) {
        if (strcmp(known[i].name, name ? name : "") == 0) {
            *ret_codec = known[i].codec;
            return ETL_OK;
        }
    }
    return etl_fail(err, ETL_CONFIG, "compression \"%s\" is not known: use none, gzip or zstd", name);
}

enum etl__codec etl__codec_of(const void *head, size_t length)
{
    const unsigned char *bytes = head;
    if (length >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b)
        return ETL__CODEC_GZIP;
    if (length >= 4 && memcmp(bytes, "\x28\xb5\x2f\xfd", 4) == 0)
        return ETL__CODEC_ZSTD;
    /* A skippable frame in front, as parallel zstd writers make. */
    if (length >= 4 && (bytes[0] & 0xf0) == 0x50 && memcmp(bytes + 1, "\x2a\x4d\x18", 3) == 0)
        return ETL__CODEC_ZSTD;
    return ETL__CODEC_NONE;
}

enum etl__codec etl__decoder_codec(const struct etl__decoder *decoder)
{
    return decoder->codec;
}

static bool is_stopped(const struct etl__decoder *decoder)
{
    return decoder->stop && decoder->stop(decoder->stop_arg);
}

/* Waits until the pipe has something (or its end); a regular file always has. */
static etl_status wait_input(struct etl__decoder *decoder, int timeout_ms, bool *ret_ready, struct etl_error *err)
{
    *ret_ready = true;
    if (!decoder->is_pipe)
        return ETL_OK;
    struct pollfd poll_fd = {.fd = decoder->fd, .events = POLLIN, .revents = 0};
    int found = poll(&poll_fd, 1, timeout_ms);
    if (found < 0 && errno != EINTR)
        return etl_fail_errno(err, errno, "cannot wait for", decoder->path);
    *ret_ready = found > 0;
    return ETL_OK;
}

static etl_status read_raw(struct etl__decoder *decoder, char *buffer, size_t capacity, size_t *ret_length,
                           struct etl_error *err)
{
    bool is_ready = false;
    while (!is_ready) {
        if (is_stopped(decoder))
            return etl_fail(err, ETL_CANCELLED, "reading %s was stopped", decoder->path);
        etl_status status = wait_input(decoder, POLL_MS, &is_ready, err);
        if (status != ETL_OK)
            return status;
    }
    ssize_t length = -1;
    do {
        length = read(decoder->fd, buffer, capacity < ONCE_MAX ? capacity : ONCE_MAX);
    } while (length < 0 && errno == EINTR);
    if (length < 0)
        return etl_fail_errno(err, errno, "cannot read", decoder->path);
    decoder->input_offset += (uint64_t)length;
    decoder->is_end = length == 0;
    *ret_length = (size_t)length;
    return ETL_OK;
}

static etl_status fill(struct etl__decoder *decoder, struct etl_error *err)
{
    size_t length = 0;
    etl_status status = read_raw(decoder, decoder->input, INPUT_BYTES, &length, err);
    if (status == ETL_OK) {
        decoder->input_at = 0;
        decoder->input_length = length;
    }
    return status;
}

/* Reads up to four bytes, however slowly a pipe hands them out, so that the kind of the content is known. */
static etl_status detect(struct etl__decoder *decoder, struct etl_error *err)
{
    while (decoder->input_length < 4 && !decoder->is_end) {
        size_t length = 0;
        etl_status status = read_raw(decoder, decoder->input + decoder->input_length,
                                     INPUT_BYTES - decoder->input_length, &length, err);
        if (status != ETL_OK)
            return status;
        decoder->input_length += length;
    }
    decoder->codec = etl__codec_of(decoder->input, decoder->input_length);
    return ETL_OK;
}

static etl_status start_codec(struct etl__decoder *decoder, struct etl_error *err)
{
    if (decoder->codec == ETL__CODEC_GZIP) {
        if (inflateInit2(&decoder->gzip, 15 + 16) != Z_OK)
            return etl_fail_memory(err);
        decoder->has_gzip = true;
    } else if (decoder->codec == ETL__CODEC_ZSTD) {
        decoder->zstd = ZSTD_createDStream();
        if (!decoder->zstd)
            return etl_fail_memory(err);
    }
    return ETL_OK;
}

etl_status etl__decoder_new(int fd, const char *path, bool is_pipe, enum etl__codec codec, etl__stop_test stop,
                            void *stop_arg, struct etl__decoder **ret_decoder, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct etl__decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder)
        return etl_fail_memory(err);
    *decoder = (struct etl__decoder){
        .fd = fd, .path = path, .is_pipe = is_pipe, .codec = codec, .stop = stop, .stop_arg = stop_arg};
    decoder->input = malloc(INPUT_BYTES);
    if (!decoder->input) {
        status = etl_fail_memory(err);
        goto out;
    }
    if (codec == ETL__CODEC_AUTO)
        ETL_TRY(detect(decoder, err));
    ETL_TRY(start_codec(decoder, err));
    *ret_decoder = decoder;
    decoder = NULL;
out:
    if (decoder) {
        decoder->fd = -1; /* stays the caller's */
        etl__decoder_free(decoder);
    }
    return status;
}

void etl__decoder_free(struct etl__decoder *decoder)
{
    if (!decoder)
        return;
    if (decoder->has_gzip)
        inflateEnd(&decoder->gzip);
    ZSTD_freeDStream(decoder->zstd);
    free(decoder->input);
    if (decoder->fd > STDIN_FILENO)
        close(decoder->fd);
    free(decoder);
}

static uint64_t raw_position(const struct etl__decoder *decoder)
{
    return decoder->input_offset - (decoder->input_length - decoder->input_at);
}

static etl_status fail_truncated(const struct etl__decoder *decoder, struct etl_error *err)
{
    return etl_fail(err, ETL_DATA,
                    "%s: the compressed data end at byte %llu, before their end mark: the file is cut off "
                    "or still being written",
                    decoder->path, (unsigned long long)decoder->input_offset);
}

static etl_status fail_corrupt(const struct etl__decoder *decoder, const char *why, struct etl_error *err)
{
    return etl_fail(err, ETL_DATA, "%s: corrupt compressed data near byte %llu: %s", decoder->path,
                    (unsigned long long)raw_position(decoder), why);
}

/* Between gzip members: a further member, zero padding, or the end. */
static etl_status next_member(struct etl__decoder *decoder, struct etl_error *err)
{
    while (decoder->input_at < decoder->input_length && decoder->input[decoder->input_at] == 0 &&
           raw_position(decoder) > 0)
        decoder->input_at++;
    if (decoder->input_at == decoder->input_length)
        return ETL_OK;
    if ((unsigned char)decoder->input[decoder->input_at] != 0x1f)
        return fail_corrupt(decoder, "this is not gzip", err);
    if (inflateReset(&decoder->gzip) != Z_OK)
        return fail_corrupt(decoder, "cannot start a member", err);
    decoder->is_open = true;
    return ETL_OK;
}

static etl_status inflate_some(struct etl__decoder *decoder, char *buffer, size_t capacity, size_t *ret_length,
                               struct etl_error *err)
{
    z_stream *gzip = &decoder->gzip;
    gzip->next_in = (unsigned char *)decoder->input + decoder->input_at;
    gzip->avail_in = (unsigned)(decoder->input_length - decoder->input_at);
    gzip->next_out = (unsigned char *)buffer;
    gzip->avail_out = (unsigned)capacity;
    int result = inflate(gzip, Z_NO_FLUSH);
    decoder->input_at = decoder->input_length - gzip->avail_in;
    *ret_length = capacity - gzip->avail_out;
    if (result == Z_STREAM_END)
        decoder->is_open = false;
    else if (result == Z_MEM_ERROR)
        return etl_fail_memory(err);
    else if (result != Z_OK && result != Z_BUF_ERROR)
        return fail_corrupt(decoder, gzip->msg ? gzip->msg : "cannot inflate", err);
    return ETL_OK;
}

static etl_status unzstd_some(struct etl__decoder *decoder, char *buffer, size_t capacity, size_t *ret_length,
                              struct etl_error *err)
{
    ZSTD_inBuffer in = {decoder->input, decoder->input_length, decoder->input_at};
    ZSTD_outBuffer out = {buffer, capacity, 0};
    size_t result = ZSTD_decompressStream(decoder->zstd, &out, &in);
    if (ZSTD_isError(result))
        return fail_corrupt(decoder, ZSTD_getErrorName(result), err);
    decoder->input_at = in.pos;
    decoder->is_open = result != 0;
    decoder->is_full = result != 0 && out.pos == out.size;
    *ret_length = out.pos;
    return ETL_OK;
}

static etl_status read_compressed(struct etl__decoder *decoder, char *buffer, size_t capacity, size_t *ret_length,
                                  struct etl_error *err)
{
    etl_status status = ETL_OK;
    size_t length = 0;
    capacity = capacity < ONCE_MAX ? capacity : ONCE_MAX;
    while (status == ETL_OK && length == 0) {
        if (decoder->input_at == decoder->input_length && !decoder->is_full) {
            status = fill(decoder, err);
            if (status != ETL_OK)
                break;
            if (decoder->is_end && decoder->is_open)
                return fail_truncated(decoder, err);
            if (decoder->is_end)
                break;
        }
        if (decoder->codec == ETL__CODEC_ZSTD)
            status = unzstd_some(decoder, buffer, capacity, &length, err);
        else if (!decoder->is_open)
            status = next_member(decoder, err);
        else
            status = inflate_some(decoder, buffer, capacity, &length, err);
    }
    if (status == ETL_OK)
        *ret_length = length;
    return status;
}

static etl_status read_plain(struct etl__decoder *decoder, char *buffer, size_t capacity, size_t *ret_length,
                             struct etl_error *err)
{
    size_t left = decoder->input_length - decoder->input_at;
    if (left == 0)
        return read_raw(decoder, buffer, capacity, ret_length, err);
    left = left < capacity ? left : capacity;
    memcpy(buffer, decoder->input + decoder->input_at, left);
    decoder->input_at += left;
    *ret_length = left;
    return ETL_OK;
}

etl_status etl__decoder_read(struct etl__decoder *decoder, char *buffer, size_t capacity, size_t *ret_length,
                             struct etl_error *err)
{
    size_t length = 0;
    if (is_stopped(decoder))
        return etl_fail(err, ETL_CANCELLED, "reading %s was stopped", decoder->path);
    etl_status status = decoder->codec == ETL__CODEC_NONE ? read_plain(decoder, buffer, capacity, &length, err)
                                                          : read_compressed(decoder, buffer, capacity, &length, err);
    if (status != ETL_OK)
        return status;
    decoder->output_offset += length;
    *ret_length = length;
    return ETL_OK;
}

static etl_status restart(struct etl__decoder *decoder, uint64_t raw_offset, struct etl_error *err)
{
    if (lseek(decoder->fd, (off_t)raw_offset, SEEK_SET) < 0)
        return etl_fail_errno(err, errno, "cannot move within", decoder->path);
    decoder->input_at = decoder->input_length = 0;
    decoder->input_offset = decoder->output_offset = raw_offset;
    decoder->is_end = decoder->is_open = decoder->is_full = false;
    if (decoder->zstd)
        (void)ZSTD_DCtx_reset(decoder->zstd, ZSTD_reset_session_only);
    return ETL_OK;
}

etl_status etl__decoder_seek(struct etl__decoder *decoder, uint64_t offset, struct etl_error *err)
{
    etl_status status = ETL_OK;
    char *skipped = NULL;
    if (decoder->is_pipe)
        return etl_fail(err, ETL_UNSUPPORTED, "%s can be read only once, from its start", decoder->path);
    if (decoder->codec == ETL__CODEC_NONE)
        return restart(decoder, offset, err);
    if (offset < decoder->output_offset)
        ETL_TRY(restart(decoder, 0, err));
    skipped = malloc(INPUT_BYTES);
    if (!skipped) {
        status = etl_fail_memory(err);
        goto out;
    }
    while (decoder->output_offset < offset) {
        uint64_t left = offset - decoder->output_offset;
        size_t length = 0;
        ETL_TRY(etl__decoder_read(decoder, skipped, left < INPUT_BYTES ? (size_t)left : INPUT_BYTES, &length, err));
        if (length == 0)
            break;
    }
out:
    free(skipped);
    return status;
}

etl_status etl__decoder_wait(struct etl__decoder *decoder, uint32_t timeout_ms, bool *ret_ready, struct etl_error *err)
{
    bool is_ready = decoder->input_at < decoder->input_length || decoder->is_full || !decoder->is_pipe;
    etl_status status = ETL_OK;
    while (status == ETL_OK && !is_ready) {
        if (is_stopped(decoder))
            return etl_fail(err, ETL_CANCELLED, "reading %s was stopped", decoder->path);
        uint32_t step = timeout_ms < POLL_MS ? timeout_ms : POLL_MS;
        status = wait_input(decoder, (int)step, &is_ready, err);
        timeout_ms -= step;
        if (timeout_ms == 0)
            break;
    }
    if (status == ETL_OK)
        *ret_ready = is_ready;
    return status;
}
