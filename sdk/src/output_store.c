/* Folders and files of a destination directory. Every path is relative to an open folder, so that nothing here depends on the
 * working directory or on folders being moved. Lock: the flock on SLICE.lock guards SLICE.json and what is published. */
#include "sdk/src/output_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sdk/src/file_name.h"

#define STAGED_ENDING ".staged"
#define LOCK_STEP_MS  20
#define LOCK_WAIT_MS  30000
#define FOLDER_FLAGS  (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* mkdir -p */
static etl_status make_folders(const char *path, struct etl_error *err)
{
    etl_status status = ETL_OK;
    char *copy = strdup(path);
    if (!copy)
        return etl_fail_memory(err);
    for (char *at = copy + 1; status == ETL_OK; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char kept = *at;
        *at = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            status = etl_fail_errno(err, errno, "cannot make folder", copy);
        *at = kept;
        if (kept == '\0')
            break;
    }
    free(copy);
    return status;
}

/* Opens a folder inside another. *ret_fd stays -1 when it does not exist and is not to be made. */
static etl_status open_folder(int parent, const char *name, bool create, int *ret_fd, struct etl_error *err)
{
    if (create && mkdirat(parent, name, 0777) == 0) {
        if (fsync(parent) != 0)
            return etl_fail_errno(err, errno, "cannot make durable: folder of", name);
    } else if (create && errno != EEXIST) {
        return etl_fail_errno(err, errno, "cannot make folder", name);
    }
    int fd = openat(parent, name, FOLDER_FLAGS);
    if (fd < 0 && !(errno == ENOENT && !create))
        return etl_fail_errno(err, errno, "cannot open folder", name);
    *ret_fd = fd;
    return ETL_OK;
}

/* The file of a target names the stream that writes to it. Made under its own lock, so that two first runs cannot both have it. */
static etl_status claim_target(const struct etl__store *store, int targets, struct etl_error *err)
{
    char held[512];
    etl_status status = ETL_OK;
    size_t own = strlen(store->owner);
    ssize_t length = 0;
    int fd = openat(targets, store->target, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return etl_fail_errno(err, errno, "cannot write .etlhost/%targets file", store->target);
    while (flock(fd, LOCK_EX) != 0) {
        if (errno != EINTR) {
            status = etl_fail_errno(err, errno, "cannot lock", store->target);
            goto out;
        }
    }
    length = read(fd, held, sizeof held - 1);
    if (length < 0) {
        status = etl_fail_errno(err, errno, "cannot read", store->target);
        goto out;
    }
    if (length == 0) {
        if (write(fd, store->owner, own) != (ssize_t)own || fsync(fd) != 0 || fsync(targets) != 0)
            status = etl_fail_errno(err, errno, "cannot write", store->target);
    } else if ((size_t)length != own || memcmp(held, store->owner, own) != 0) {
        held[length] = '\0';
        status = etl_fail(err, ETL_CONFIG,
                          "target %s in %s belongs to %s: choose another target or directory, or remove "
                          ".etlhost/%%targets/%s if that pipeline is gone",
                          store->target, store->path, held, store->target);
    }
out:
    close(fd);
    return status;
}

static char *take_text(struct etl_buffer *buffer)
{
    const char *text = etl_buffer_text(buffer);
    char *copy = text ? strdup(text) : NULL;
    etl_buffer_reset(buffer);
    return copy;
}

static etl_status make_names(struct etl__store *store, const struct etl_output_options *options,
                             const struct etl_write_plan *plan, struct etl_error *err)
{
    struct etl_buffer name = {0};
    const char *packed = strcmp(options->compression, "gzip") == 0   ? ".gz"
                         : strcmp(options->compression, "zstd") == 0 ? ".zst"
                                                                     : "";
    store->path = strdup(options->path);
    etl__name_encode(&name, plan->target);
    store->target = take_text(&name);
    etl__name_encode(&name, plan->slice);
    store->slice = take_text(&name);
    etl__name_encode(&name, plan->pipeline_id);
    etl_buffer_add_text(&name, "/");
    etl__name_encode(&name, plan->stream);
    store->owner = take_text(&name);
    if (store->target && store->slice) {
        etl_buffer_add_text(&name, store->target);
        if (*plan->slice) {
            etl_buffer_add_text(&name, "@");
            etl_buffer_add_text(&name, store->slice);
        }
    }
    store->prefix = take_text(&name);
    etl_buffer_add_text(&name, options->suffix);
    etl_buffer_add_text(&name, packed);
    store->suffix = take_text(&name);
    etl_buffer_fini(&name);
    bool is_ok = store->path && store->target && store->slice && store->owner && store->prefix && store->suffix;
    return is_ok ? ETL_OK : etl_fail_memory(err);
}

/* The lock file and folder of staged files of the slice. */
static etl_status open_slice(struct etl__store *store, bool create, struct etl_error *err)
{
    struct etl_buffer name = {0};
    etl_status status = ETL_OK;
    etl_buffer_add_text(&name, store->slice);
    etl_buffer_add_text(&name, STAGED_ENDING);
    const char *text = etl_buffer_text(&name);
    if (!text) {
        status = etl_fail_memory(err);
        goto out;
    }
    ETL_TRY(open_folder(store->line_fd, text, create, &store->staged_fd, err));
    if (!create)
        goto out;
    name.length -= strlen(STAGED_ENDING);
    etl_buffer_add_text(&name, ".lock");
    text = etl_buffer_text(&name);
    if (!text) {
        status = etl_fail_memory(err);
        goto out;
    }
    store->lock_fd = openat(store->line_fd, text, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (store->lock_fd < 0)
        status = etl_fail_errno(err, errno, "cannot open lock file", text);
out:
    etl_buffer_fini(&name);
    return status;
}

static etl_status open_line(struct etl__store *store, bool create, bool *ret_exists, struct etl_error *err)
{
    etl_status status = ETL_OK;
    int hidden = -1, pipeline = -1, targets = -1;
    char *slash = strchr(store->owner, '/');
    ETL_TRY(open_folder(store->root_fd, ".etlhost", create, &hidden, err));
    if (hidden < 0)
        goto out;
    if (create) {
        ETL_TRY(open_folder(hidden, "%targets", create, &targets, err));
        ETL_TRY(claim_target(store, targets, err));
    }
    *slash = '\0';
    status = open_folder(hidden, store->owner, create, &pipeline, err);
    *slash = '/';
    if (status == ETL_OK && pipeline >= 0)
        status = open_folder(pipeline, slash + 1, create, &store->line_fd, err);
    if (status != ETL_OK || store->line_fd < 0)
        goto out;
    ETL_TRY(open_slice(store, create, err));
    *ret_exists = true;
out:
    if (hidden >= 0)
        close(hidden);
    if (pipeline >= 0)
        close(pipeline);
    if (targets >= 0)
        close(targets);
    return status;
}

etl_status etl__store_open(struct etl__store *store, const struct etl_output_options *options,
                           const struct etl_write_plan *plan, bool create, bool *ret_exists, struct etl_error *err)
{
    etl_status status = ETL_OK;
    bool exists = false;
    *store = (struct etl__store){.root_fd = -1, .line_fd = -1, .staged_fd = -1, .lock_fd = -1};
    ETL_TRY(make_names(store, options, plan, err));
    if (create)
        ETL_TRY(make_folders(store->path, err));
    store->root_fd = open(store->path, FOLDER_FLAGS);
    if (store->root_fd < 0 && !(errno == ENOENT && !create))
        status = etl_fail_errno(err, errno, "cannot open folder", store->path);
    if (status == ETL_OK && store->root_fd >= 0)
        status = etl_prefix(err, open_line(store, create, &exists, err), "%s: ", store->path);
    if (status == ETL_OK)
        *ret_exists = exists;
out:
    if (status != ETL_OK)
        etl__store_fini(store);
    return status;
}

void etl__store_fini(struct etl__store *store)
{
    int *fds[] = {&store->root_fd, &store->line_fd, &store->staged_fd, &store->lock_fd};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
    free(store->path);
    free(store->owner);
    free(store->target);
    free(store->prefix);
    free(store->suffix);
    free(store->slice);
    store->path = store->owner = store->target = store->prefix = store->suffix = store->slice = NULL;
}

etl_status etl__store_lock(struct etl__store *store, const struct etl_host *host, struct etl_error *err)
{
    for (int waited_ms = 0; flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0; waited_ms += LOCK_STEP_MS) {
        const struct timespec step = {.tv_sec = 0, .tv_nsec = LOCK_STEP_MS * 1000000L};
        if (errno != EWOULDBLOCK && errno != EINTR)
            return etl_fail_errno(err, errno, "cannot lock the manifest in", store->path);
        if (host && host->cancelled && host->cancelled(host))
            return etl_fail(err, ETL_CANCELLED, "waiting for the manifest in %s was stopped", store->path);
        if (waited_ms >= LOCK_WAIT_MS)
            return etl_fail(err, ETL_TRANSIENT, "another run has been committing to %s for 30 seconds", store->path);
        nanosleep(&step, NULL);
    }
    return ETL_OK;
}

void etl__store_unlock(struct etl__store *store)
{
    (void)flock(store->lock_fd, LOCK_UN);
}

void etl__store_staged_name(const struct etl__store *store, uint64_t generation, uint64_t seq, uint64_t part,
                            uint64_t epoch, struct etl_buffer *buffer)
{
    etl_buffer_add_format(buffer, "%s-%06llu-%010llu-%04llu%s~%llu", store->prefix, (unsigned long long)generation,
                          (unsigned long long)seq, (unsigned long long)part, store->suffix, (unsigned long long)epoch);
}

/* The name without "~EPOCH", in a buffer of the caller; false if it has none. */
static bool strip_epoch(const char *staged, char *name, size_t size)
{
    const char *tilde = strrchr(staged, '~');
    if (!tilde || (size_t)(tilde - staged) >= size || strchr(tilde, '.'))
        return false;
    memcpy(name, staged, (size_t)(tilde - staged));
    name[tilde - staged] = '\0';
    return true;
}

static bool skip_number(const char **at, uint64_t *ret_value)
{
    char *end = NULL;
    if (**at < '0' || **at > '9')
        return false;
    errno = 0;
    *ret_value = strtoull(*at, &end, 10);
    *at = end;
    return errno == 0;
}

/* "-GENERATION-SEQ-PART.SUFFIX" and nothing else; a suffix has no "-". */
static bool parse_numbers(const char *at, uint64_t *ret_generation)
{
    uint64_t unused = 0;
    return *at++ == '-' && skip_number(&at, ret_generation) && *at++ == '-' && skip_number(&at, &unused) &&
           *at++ == '-' && skip_number(&at, &unused) && *at == '.' && !strchr(at, '-');
}

/* Whether a file name is that of a file of this slice or, with `any_slice`, of any slice of this target. */
static bool parse_name(const struct etl__store *store, const char *name, bool any_slice, uint64_t *ret_generation)
{
    const char *prefix = any_slice ? store->target : store->prefix;
    size_t length = strlen(prefix);
    if (strncmp(name, prefix, length) != 0)
        return false;
    const char *at = name + length;
    if (!any_slice || *at != '@')
        return parse_numbers(at, ret_generation);
    for (at = strchr(at, '-'); at; at = strchr(at + 1, '-')) {
        if (parse_numbers(at, ret_generation))
            return true;
    }
    return false;
}

etl_status etl__store_check_free(const struct etl__store *store, char *const *staged, size_t count,
                                 struct etl_error *err)
{
    char name[NAME_MAX + 1];
    for (size_t i = 0; i < count; i++) {
        if (strip_epoch(staged[i], name, sizeof name) &&
            faccessat(store->root_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            return etl_fail(err, ETL_CONFLICT,
                            "%s/%s exists already and is not of this line of commits: remove it or choose "
                            "another target or directory",
                            store->path, name);
    }
    return ETL_OK;
}

static etl_status sync_folders(const struct etl__store *store, struct etl_error *err)
{
    if (fsync(store->root_fd) != 0 || fsync(store->staged_fd) != 0)
        return etl_fail_errno(err, errno, "cannot make durable", store->path);
    return ETL_OK;
}

etl_status etl__store_publish_unit(const struct etl__store *store, char *const *staged, size_t count, bool is_live,
                                   struct etl_error *err)
{
    char name[NAME_MAX + 1];
    int to = is_live ? store->root_fd : store->staged_fd;
    for (size_t i = 0; i < count; i++) {
        if (!strip_epoch(staged[i], name, sizeof name))
            return etl_fail(err, ETL_INTERNAL, "%s: the manifest names a file %s without an epoch", store->path,
                            staged[i]);
        if (renameat(store->staged_fd, staged[i], to, name) != 0 && errno != ENOENT)
            return etl_fail_errno(err, errno, "cannot publish", name);
    }
    return count > 0 ? sync_folders(store, err) : ETL_OK;
}

/* Calls `visit` for every name of a folder. */
static etl_status walk(const struct etl__store *store, int folder,
                       etl_status (*visit)(const struct etl__store *store, const char *name, const uint64_t *generation,
                                           struct etl_error *err),
                       const uint64_t *generation, struct etl_error *err)
{
    etl_status status = ETL_OK;
    int fd = openat(folder, ".", FOLDER_FLAGS);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        status = etl_fail_errno(err, errno, "cannot list", store->path);
        if (fd >= 0)
            close(fd);
        return status;
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry)
            break;
        if (entry->d_name[0] != '.')
            ETL_TRY(visit(store, entry->d_name, generation, err));
    }
    if (errno != 0)
        status = etl_fail_errno(err, errno, "cannot list", store->path);
out:
    closedir(dir);
    return status;
}

static bool is_staged_folder(const char *name)
{
    size_t length = strlen(name), ending = strlen(STAGED_ENDING);
    return length > ending && strcmp(name + length - ending, STAGED_ENDING) == 0;
}

static etl_status visit_publish(const struct etl__store *store, const char *name, const uint64_t *generation,
                                struct etl_error *err)
{
    uint64_t found = 0;
    char plain[NAME_MAX + 1];
    if (strip_epoch(name, plain, sizeof plain) || !parse_name(store, name, true, &found) || found != *generation)
        return ETL_OK;
    if (renameat(store->staged_fd, name, store->root_fd, name) != 0)
        return etl_fail_errno(err, errno, "cannot publish", name);
    return ETL_OK;
}

static etl_status visit_folder(const struct etl__store *store, const char *name, const uint64_t *generation,
                               struct etl_error *err)
{
    struct etl__store one = *store; /* borrows all but the folder */
    if (!is_staged_folder(name))
        return ETL_OK;
    one.staged_fd = -1;
    etl_status status = open_folder(store->line_fd, name, false, &one.staged_fd, err);
    if (status != ETL_OK || one.staged_fd < 0)
        return status;
    status = walk(&one, one.staged_fd, visit_publish, generation, err);
    if (status == ETL_OK)
        status = sync_folders(&one, err);
    close(one.staged_fd);
    return status;
}

etl_status etl__store_publish_generation(const struct etl__store *store, uint64_t generation, struct etl_error *err)
{
    return walk(store, store->line_fd, visit_folder, &generation, err);
}

static etl_status visit_older(const struct etl__store *store, const char *name, const uint64_t *generation,
                              struct etl_error *err)
{
    uint64_t found = 0;
    if (parse_name(store, name, true, &found) && found < *generation && unlinkat(store->root_fd, name, 0) != 0 &&
        errno != ENOENT)
        return etl_fail_errno(err, errno, "cannot remove", name);
    return ETL_OK;
}

etl_status etl__store_remove_older(const struct etl__store *store, uint64_t generation, struct etl_error *err)
{
    etl_status status = walk(store, store->root_fd, visit_older, &generation, err);
    return status == ETL_OK ? sync_folders(store, err) : status;
}

static etl_status visit_clean(const struct etl__store *store, const char *name, const uint64_t *keep,
                              struct etl_error *err)
{
    uint64_t found = 0;
    char plain[NAME_MAX + 1];
    if (keep && !strip_epoch(name, plain, sizeof plain) && parse_name(store, name, false, &found) && found == *keep)
        return ETL_OK;
    if (unlinkat(store->staged_fd, name, 0) != 0 && errno != ENOENT)
        return etl_fail_errno(err, errno, "cannot remove", name);
    return ETL_OK;
}

etl_status etl__store_clean(const struct etl__store *store, const uint64_t *keep, struct etl_error *err)
{
    return walk(store, store->staged_fd, visit_clean, keep, err);
}

/* What is left in the folder of staged files goes with it. */
static etl_status remove_staged(const struct etl__store *store, const char *name, struct etl_error *err)
{
    struct etl__store one = *store;
    one.staged_fd = -1;
    etl_status status = open_folder(store->line_fd, name, false, &one.staged_fd, err);
    if (status != ETL_OK || one.staged_fd < 0)
        return status;
    status = etl__store_clean(&one, NULL, err);
    close(one.staged_fd);
    if (status == ETL_OK && unlinkat(store->line_fd, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
        status = etl_fail_errno(err, errno, "cannot remove folder", name);
    return status;
}

etl_status etl__store_remove_slice(const struct etl__store *store, const char *slice, struct etl_error *err)
{
    static const char *const endings[] = {".json", ".lock", STAGED_ENDING};
    char name[NAME_MAX + 1];
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        etl_status status = ETL_OK;
        snprintf(name, sizeof name, "%s%s", slice, endings[i]);
        if (is_staged_folder(name))
            status = remove_staged(store, name, err);
        else if (unlinkat(store->line_fd, name, 0) != 0 && errno != ENOENT)
            status = etl_fail_errno(err, errno, "cannot remove", name);
        if (status != ETL_OK)
            return status;
    }
    return ETL_OK;
}
