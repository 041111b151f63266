/* The public face of reading files: walks the list, opens one file at a time, keeps the marks and prints them as a state.
 * A file enters the state with its first mark; until then a later run finds it untouched. */
#include <etlhost/sdk/input_files.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <etlhost/sdk/value_text.h>

#include "sdk/src/input_list.h"

struct etl_input_files {
    const struct etl_host *host;
    int32_t (*stopped)(void *arg);
    void *stopped_arg;
    enum etl__codec codec;
    struct etl__input_list list, gone;
    const char **paths;
    char *extra;
    size_t next;                  /* index of the file to look at next */
    struct etl__input_file *file; /* the current one */
    struct etl__decoder *decoder; /* of the current one */
    uint64_t start;               /* where reading of it started */
    struct etl_buffer state, cursor;
    bool has_forgotten; /* files that are gone have been left out of the state */
};

static bool is_stopped(void *arg)
{
    const struct etl_input_files *files = arg;
    return (files->host && files->host->cancelled && files->host->cancelled(files->host)) ||
           (files->stopped && files->stopped(files->stopped_arg));
}

static etl_status make_paths(struct etl_input_files *files, struct etl_error *err)
{
    files->paths = calloc(files->list.count + 1, sizeof *files->paths);
    if (!files->paths)
        return etl_fail_memory(err);
    for (size_t i = 0; i < files->list.count; i++)
        files->paths[i] = files->list.files[i].path;
    return ETL_OK;
}

etl_status etl_input_files_open_stream(const struct etl_host *host, const char *path, const char *stream,
                                       const char *compression, const char *state, size_t state_len,
                                       struct etl_input_files **ret_files, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct etl_input_files *files = calloc(1, sizeof *files);
    if (!files)
        return etl_fail_memory(err);
    files->host = host;
    files->state.limit = ETL_STATE_MAX_BYTES;
    ETL_TRY(etl__codec_parse(compression, &files->codec, err));
    ETL_TRY(etl__input_list_expand(&files->list, path, stream, err));
    ETL_TRY(make_paths(files, err));
    if (state && state_len > 0) {
        ETL_TRY(etl__input_state_parse(state, state_len, &files->gone, &files->extra, err));
        ETL_TRY(etl__input_state_apply(host, &files->list, &files->gone, files->codec, err));
    }
    *ret_files = files;
    files = NULL;
out:
    etl_input_files_close(files);
    return status;
}

etl_status etl_input_files_open(const struct etl_host *host, const char *path, const char *compression,
                                const char *state, size_t state_len, struct etl_input_files **ret_files,
                                struct etl_error *err)
{
    return etl_input_files_open_stream(host, path, NULL, compression, state, state_len, ret_files, err);
}

void etl_input_files_set_stop(struct etl_input_files *files, int32_t (*stopped)(void *arg), void *arg)
{
    files->stopped = stopped;
    files->stopped_arg = arg;
}

void etl_input_files_close(struct etl_input_files *files)
{
    if (!files)
        return;
    etl__decoder_free(files->decoder);
    etl__input_list_fini(&files->list);
    etl__input_list_fini(&files->gone);
    etl_buffer_fini(&files->state);
    etl_buffer_fini(&files->cursor);
    free(files->paths);
    free(files->extra);
    free(files);
}

const char *const *etl_input_files_list(const struct etl_input_files *files)
{
    return files->paths;
}

const char *etl_input_files_lost(const struct etl_input_files *files)
{
    return files->gone.lost;
}

bool etl_input_files_is_pipe(const char *path)
{
    struct stat info;
    if (strcmp(path, "-") == 0)
        return true;
    return stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

/* A plain file that has been continued must have been continued at the start of a line. The bytes around the offset tell: a line
 * end (also in UTF-16) stands directly before or directly behind it. */
static etl_status check_seam(int fd, const struct etl__input_file *file, struct etl_error *err)
{
    unsigned char at[4] = {0, 0, 0, 0};
    size_t before = file->offset < 2 ? (size_t)file->offset : 2;
    ssize_t length = pread(fd, at + (2 - before), 2 + before, (off_t)(file->offset - before));
    if (length < 0)
        return etl_fail_errno(err, errno, "cannot read", file->path);
    if ((size_t)length <= before)
        return ETL_OK;
    bool is_seam = at[1] == '\n' || at[1] == '\r' || at[2] == '\n' || at[2] == '\r';
    is_seam = is_seam || (at[1] == 0 && (at[0] == '\n' || at[0] == '\r'));
    is_seam = is_seam || (at[2] == 0 && length == (ssize_t)before + 2 && (at[3] == '\n' || at[3] == '\r'));
    if (is_seam)
        return ETL_OK;
    return etl_fail(
        err, ETL_DATA,
        "%s: the last line had no line end when it was read up to byte %llu, and has since been "
        "continued: that record cannot be taken back; ask for a full refresh and let files end with a line end",
        file->path, (unsigned long long)file->offset);
}

/* Opens the file and brings its identity up to date. */
static etl_status open_file(struct etl_input_files *files, struct etl__input_file *file, int *ret_fd,
                            struct etl_error *err)
{
    struct stat info;
    enum etl__codec codec = ETL__CODEC_NONE;
    etl_status status = ETL_OK;
    if (strcmp(file->path, "-") == 0) {
        *ret_fd = STDIN_FILENO;
        return ETL_OK;
    }
    if (!etl_is_utf8(file->path, strlen(file->path)))
        return etl_fail(err, ETL_UNSUPPORTED, "file name %s is not UTF-8: rename the file", file->path);
    /* A named pipe without writer would block here, deaf to a stop; reading waits for the writer. */
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return etl_fail_errno(err, errno, "cannot read", file->path);
    if (fstat(fd, &info) != 0 || fcntl(fd, F_SETFL, 0) != 0) {
        status = etl_fail_errno(err, errno, "cannot read", file->path);
        goto out;
    }
    etl__input_file_identify(file, &info);
    if (!file->is_pipe) {
        ETL_TRY(etl__input_head(fd, file->path, file->size, file->head, &codec, err));
        codec = files->codec == ETL__CODEC_AUTO ? codec : files->codec;
        if (file->offset > 0 && codec == ETL__CODEC_NONE)
            ETL_TRY(check_seam(fd, file, err));
    }
    *ret_fd = fd;
    fd = -1;
out:
    if (fd >= 0)
        close(fd);
    return status;
}

static etl_status start_file(struct etl_input_files *files, struct etl__input_file *file, struct etl_error *err)
{
    int fd = -1;
    etl_status status = open_file(files, file, &fd, err);
    if (status != ETL_OK)
        return status;
    status = etl__decoder_new(fd, file->path, file->is_pipe, files->codec, is_stopped, files, &files->decoder, err);
    if (status != ETL_OK) {
        if (fd > STDIN_FILENO)
            close(fd);
        return status;
    }
    files->file = file;
    files->start = file->offset;
    return file->offset > 0 ? etl__decoder_seek(files->decoder, file->offset, err) : ETL_OK;
}

etl_status etl_input_files_next(struct etl_input_files *files, bool *ret_found, struct etl_error *err)
{
    etl__decoder_free(files->decoder);
    files->decoder = NULL;
    files->file = NULL;
    while (files->next < files->list.count) {
        struct etl__input_file *file = &files->list.files[files->next++];
        if (file->is_done)
            continue;
        etl_status status = start_file(files, file, err);
        if (status != ETL_OK)
            return status;
        *ret_found = true;
        return ETL_OK;
    }
    *ret_found = false;
    return ETL_OK;
}

const char *etl_input_files_path(const struct etl_input_files *files)
{
    if (!files->file)
        return "";
    return strcmp(files->file->path, "-") == 0 ? "standard input" : files->file->path;
}

uint64_t etl_input_files_offset(const struct etl_input_files *files)
{
    return files->start;
}

etl_status etl_input_files_read(struct etl_input_files *files, char *buffer, size_t capacity, size_t *ret_length,
                                struct etl_error *err)
{
    if (!files->decoder)
        return etl_fail(err, ETL_MISUSE, "no file is open: call etl_input_files_next first");
    return etl__decoder_read(files->decoder, buffer, capacity, ret_length, err);
}

etl_status etl_input_files_wait(struct etl_input_files *files, uint32_t timeout_ms, bool *ret_ready,
                                struct etl_error *err)
{
    if (!files->decoder)
        return etl_fail(err, ETL_MISUSE, "no file is open: call etl_input_files_next first");
    return etl__decoder_wait(files->decoder, timeout_ms, ret_ready, err);
}

bool etl_input_files_can_seek(const struct etl_input_files *files)
{
    return files->file && !files->file->is_pipe;
}

bool etl_input_files_can_grow(const struct etl_input_files *files)
{
    return etl_input_files_can_seek(files) && files->decoder && etl__decoder_codec(files->decoder) == ETL__CODEC_NONE;
}

etl_status etl_input_files_seek(struct etl_input_files *files, uint64_t offset, struct etl_error *err)
{
    if (!files->decoder)
        return etl_fail(err, ETL_MISUSE, "no file is open: call etl_input_files_next first");
    return etl__decoder_seek(files->decoder, offset, err);
}

etl_status etl_input_files_rewind(struct etl_input_files *files, struct etl_error *err)
{
    return etl_input_files_seek(files, 0, err);
}

void etl_input_files_mark(struct etl_input_files *files, uint64_t offset, bool is_done)
{
    if (!files->file)
        return;
    files->file->offset = offset;
    files->file->is_done = is_done;
    files->file->is_known = !files->file->is_pipe;
}

/* Called when the state has become too long: forgets entries of files that do not exist any more. */
static void forget_gone(struct etl_input_files *files)
{
    size_t count = 0;
    for (size_t i = 0; i < files->gone.count; i++) {
        struct etl__input_file *entry = &files->gone.files[i];
        if (entry->is_claimed || access(entry->path, F_OK) == 0)
            continue;
        entry->is_claimed = true;
        count++;
    }
    if (count > 0)
        etl_log(files->host, ETL_LOG_WARN, "the state would exceed 1 MiB: %zu files that no longer exist are forgotten",
                count);
    files->has_forgotten = true;
}

etl_status etl_input_files_state(struct etl_input_files *files, const char *extra_json, const char **ret_state,
                                 size_t *ret_length, struct etl_error *err)
{
    etl_buffer_reset(&files->state);
    etl__input_state_print(&files->list, &files->gone, extra_json, &files->state);
    if (files->state.failed && !files->has_forgotten) {
        forget_gone(files);
        etl_buffer_reset(&files->state);
        etl__input_state_print(&files->list, &files->gone, extra_json, &files->state);
    }
    if (files->state.failed)
        return etl_fail(err, ETL_UNSUPPORTED,
                        "the list of %zu files that have been read does not fit a state of 1 MiB: move "
                        "files that are done out of the pattern, or split it over several streams",
                        files->list.count);
    const char *text = etl_buffer_text(&files->state);
    if (!text)
        return etl_fail_memory(err);
    *ret_state = text;
    *ret_length = files->state.length;
    return ETL_OK;
}

struct etl_bytes etl_input_files_extra(const struct etl_input_files *files)
{
    bool has = files->extra && *files->extra;
    return (struct etl_bytes){has ? files->extra : NULL, has ? strlen(files->extra) : 0};
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!strcmp(path, "-"))
        return "standard input";
    return slash && slash[1] ? slash + 1 : path;
}

const char *etl_input_files_cursor(struct etl_input_files *files)
{
    size_t done = 0;
    for (size_t i = 0; i < files->list.count; i++)
        done += files->list.files[i].is_done;
    etl_buffer_reset(&files->cursor);
    const struct etl__input_file *file = files->file;
    if (!file && done && done == files->list.count)
        file = &files->list.files[done - 1];
    if (file && files->list.count == 1)
        etl_buffer_add_format(&files->cursor, "%s at byte %llu", base_name(file->path),
                              (unsigned long long)file->offset);
    else if (file && file != files->file)
        etl_buffer_add_format(&files->cursor, "%s (last of %zu files)", base_name(file->path), done);
    else if (file)
        etl_buffer_add_format(&files->cursor, "%s at byte %llu (%zu of %zu files done)", base_name(file->path),
                              (unsigned long long)file->offset, done, files->list.count);
    else
        etl_buffer_add_format(&files->cursor, "%zu of %zu files done", done, files->list.count);
    const char *text = etl_buffer_text(&files->cursor);
    return text ? text : "";
}
