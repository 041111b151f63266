/* The public face of writing files. One object is one writer: it stages the files of the open unit, and commits them under the
 * lock by replacing the manifest. After a failed write the unit is broken and only rollback helps. */
#include <etlhost/sdk/output_files.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <etlhost/sdk/failpoint.h>

#include "sdk/src/file_encode.h"
#include "sdk/src/output_manifest.h"

struct etl_output_files {
    const struct etl_host *host;
    enum etl__codec codec;
    int64_t part_size;
    bool is_stdout;
    bool is_fresh;  /* standard output: nothing written since begin or cut */
    bool is_broken; /* a write failed: the unit must be rolled back */
    struct etl__store store;
    struct etl__manifest last; /* as committed; its state is what begin() lent out */
    struct etl__manifest unit; /* files of the open unit */
    uint64_t epoch, generation;
    bool is_live; /* the generation is final: commits are visible at once */
    uint64_t next_seq, next_part;
    struct etl__encoder *encoder; /* of the file being written */
    struct etl_buffer name;       /* of that file, for messages */
    int64_t part_bytes;
};

static bool is_stdout_path(const char *path)
{
    return strcmp(path, "-") == 0;
}

/* ---- check and look ---- */

static etl_status check_writable(const char *path, struct etl_error *err)
{
    int fd = open(path, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
        return ETL_OK;
    }
    /* Not every file system has files without a name; permissions then have to do. */
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)
        return etl_fail_errno(err, errno, "cannot write to folder", path);
    if (access(path, W_OK | X_OK) != 0)
        return etl_fail_errno(err, errno, "cannot write to folder", path);
    return ETL_OK;
}

/* The folder, or the nearest of those above it that exists. */
static etl_status check_folder(char *path, struct etl_error *err)
{
    struct stat info;
    while (stat(path, &info) != 0) {
        if (errno != ENOENT)
            return etl_fail_errno(err, errno, "cannot use folder", path);
        size_t length = strlen(path);
        while (length > 0 && path[length - 1] == '/')
            length--;
        while (length > 0 && path[length - 1] != '/')
            length--;
        if (length == 0)
            return check_writable(".", err);
        path[length > 1 ? length - 1 : 1] = '\0';
    }
    if (!S_ISDIR(info.st_mode))
        return etl_fail(err, ETL_CONFIG, "%s is not a folder", path);
    return check_writable(path, err);
}

etl_status etl_output_files_check(const struct etl_output_options *options, struct etl_error *err)
{
    enum etl__codec codec = ETL__CODEC_NONE;
    etl_status status = etl__codec_parse(options->compression, &codec, err);
    if (status != ETL_OK || is_stdout_path(options->path))
        return status;
    if (!*options->path)
        return etl_fail(err, ETL_CONFIG, "path is empty: name a folder, or - for standard output");
    char *path = strdup(options->path);
    if (!path)
        return etl_fail_memory(err);
    status = check_folder(path, err);
    free(path);
    return status;
}

static void fill_recovery(const struct etl__manifest *manifest, uint64_t newest, bool is_final, uint64_t wanted,
                          struct etl_recovery *recovery)
{
    recovery->found = manifest->has_commit && manifest->generation == wanted;
    recovery->seq = recovery->found ? manifest->seq : 0;
    recovery->state = recovery->found ? manifest->state : NULL;
    recovery->state_len = recovery->found ? manifest->state_len : 0;
    recovery->generation = newest;
    recovery->is_final = is_final;
    recovery->guarantee = ETL_GUARANTEE_ATOMIC;
}

static void fill_stdout_recovery(struct etl_recovery *recovery)
{
    recovery->found = 0;
    recovery->seq = 0;
    recovery->state = NULL;
    recovery->state_len = 0;
    recovery->generation = 0;
    recovery->is_final = 1;
    recovery->guarantee = ETL_GUARANTEE_FLUSH;
}

etl_status etl_output_files_look(const struct etl_output_options *options, const struct etl_write_plan *plan,
                                 char *buffer, struct etl_recovery *recovery, struct etl_error *err)
{
    struct etl__store store;
    struct etl__manifest manifest = {.is_final = true};
    uint64_t newest = 0;
    bool exists = false, is_final = true;
    if (is_stdout_path(options->path)) {
        fill_stdout_recovery(recovery);
        return ETL_OK;
    }
    etl_status status = etl__store_open(&store, options, plan, false, &exists, err);
    if (status != ETL_OK)
        return status;
    if (exists) {
        ETL_TRY(etl__manifest_read(&store, &manifest, err));
        ETL_TRY(etl__manifest_newest(&store, &newest, &is_final, err));
    }
    if (manifest.state_len > ETL_STATE_MAX_BYTES) {
        status = etl_fail(err, ETL_STATE_INVALID, "the state in the manifest exceeds 1 MiB");
        goto out;
    }
    fill_recovery(&manifest, newest, is_final, plan->generation, recovery);
    if (recovery->state) {
        memcpy(buffer, recovery->state, (size_t)recovery->state_len);
        recovery->state = buffer;
    }
out:
    etl__manifest_fini(&manifest);
    etl__store_fini(&store);
    return status;
}

/* ---- begin ---- */

/* Finishes what the last commit of this slice may have left, and what a final commit of any slice may have left: the files of the
 * generation are published, then those of older generations go. */
static etl_status finish_commit(const struct etl__store *store, const struct etl__manifest *manifest,
                                uint64_t *ret_newest, bool *ret_is_final, struct etl_error *err)
{
    etl_status status = ETL_OK;
    ETL_TRY(etl__manifest_newest(store, ret_newest, ret_is_final, err));
    if (manifest->has_commit) {
        bool is_live = manifest->is_final || (manifest->generation == *ret_newest && *ret_is_final);
        ETL_TRY(etl__store_publish_unit(store, manifest->files, manifest->file_count, is_live, err));
    }
    if (*ret_newest > 0 && *ret_is_final) {
        ETL_TRY(etl__store_publish_generation(store, *ret_newest, err));
        ETL_TRY(ETL_FAILPOINT("dst.gen.swap.mid", err));
        ETL_TRY(etl__store_remove_older(store, *ret_newest, err));
        ETL_TRY(etl__manifest_forget(store, *ret_newest, err));
    }
out:
    return status;
}

/* Under the lock: repair, refuse an old generation, drop leftovers, raise the fence. */
static etl_status take_over(struct etl_output_files *files, const struct etl_write_plan *plan,
                            struct etl_recovery *recovery, struct etl_error *err)
{
    etl_status status = ETL_OK;
    uint64_t newest = 0;
    bool is_replaced = false, is_resumed = false, is_final = false;
    ETL_TRY(etl__manifest_read(&files->store, &files->last, err));
    ETL_TRY(finish_commit(&files->store, &files->last, &newest, &is_final, err));
    if (plan->generation < newest) {
        status = etl_fail(err, ETL_CONFLICT,
                          "target %s in %s holds generation %llu, newer than %llu: another run has "
                          "refreshed it",
                          files->store.target, files->store.path, (unsigned long long)newest,
                          (unsigned long long)plan->generation);
        goto out;
    }
    is_resumed = files->last.has_commit && files->last.generation == plan->generation;
    ETL_TRY(etl__store_clean(&files->store, is_resumed ? &plan->generation : NULL, err));
    files->last.epoch++;
    ETL_TRY(etl__manifest_write(&files->store, &files->last, &is_replaced, err));
    files->epoch = files->last.epoch;
    files->generation = plan->generation;
    files->is_live = plan->generation == newest && is_final;
    fill_recovery(&files->last, newest, is_final, plan->generation, recovery);
    files->next_seq = (recovery->found ? recovery->seq : plan->committed_seq) + 1;
out:
    return status;
}

etl_status etl_output_files_begin(const struct etl_host *host, const struct etl_output_options *options,
                                  const struct etl_write_plan *plan, struct etl_output_files **ret_files,
                                  struct etl_recovery *recovery, struct etl_error *err)
{
    etl_status status = ETL_OK;
    bool exists = false;
    struct etl_output_files *files = calloc(1, sizeof *files);
    if (!files)
        return etl_fail_memory(err);
    files->store = (struct etl__store){.root_fd = -1, .line_fd = -1, .staged_fd = -1, .lock_fd = -1};
    files->host = host;
    files->part_size = options->part_size_bytes;
    files->is_stdout = is_stdout_path(options->path);
    files->is_fresh = true;
    files->next_part = 1;
    ETL_TRY(etl__codec_parse(options->compression, &files->codec, err));
    if (files->is_stdout) {
        fill_stdout_recovery(recovery);
    } else {
        ETL_TRY(etl__store_open(&files->store, options, plan, true, &exists, err));
        ETL_TRY(etl__store_lock(&files->store, host, err));
        status = take_over(files, plan, recovery, err);
        etl__store_unlock(&files->store);
        if (status != ETL_OK)
            goto out;
    }
    *ret_files = files;
    files = NULL;
out:
    etl_output_files_end(files);
    return status;
}

/* ---- the open unit ---- */

static etl_status open_part(struct etl_output_files *files, struct etl_error *err)
{
    int fd = STDOUT_FILENO;
    etl_buffer_reset(&files->name);
    if (files->is_stdout) {
        etl_buffer_add_text(&files->name, "standard output");
    } else {
        etl__store_staged_name(&files->store, files->generation, files->next_seq, files->next_part, files->epoch,
                               &files->name);
    }
    const char *name = etl_buffer_text(&files->name);
    if (!name)
        return etl_fail_memory(err);
    if (!files->is_stdout) {
        fd = openat(files->store.staged_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0)
            return etl_fail_errno(err, errno, "cannot create", name);
        etl_status status = etl__manifest_add_file(&files->unit, name, err);
        if (status != ETL_OK) {
            close(fd);
            (void)unlinkat(files->store.staged_fd, name, 0);
            return status;
        }
    }
    etl_status status = etl__encoder_new(fd, name, files->codec, &files->encoder, err);
    if (status != ETL_OK && fd > STDERR_FILENO)
        close(fd);
    files->part_bytes = 0;
    files->next_part++;
    return status;
}

static etl_status close_part(struct etl_output_files *files, struct etl_error *err)
{
    etl_status status = ETL_OK;
    if (files->encoder)
        status = etl__encoder_finish(files->encoder, err);
    etl__encoder_free(files->encoder);
    files->encoder = NULL;
    return status;
}

/* Makes sure that a file is open; *ret_is_new as in the header. */
static etl_status prepare_part(struct etl_output_files *files, bool *ret_is_new, struct etl_error *err)
{
    etl_status status = ETL_OK;
    bool is_new = false;
    bool is_full = ret_is_new && files->part_size > 0 && files->part_bytes >= files->part_size && !files->is_stdout;
    if (files->encoder && is_full)
        status = close_part(files, err);
    if (status == ETL_OK && !files->encoder) {
        status = open_part(files, err);
        is_new = true;
    }
    if (files->is_stdout) {
        is_new = files->is_fresh;
        files->is_fresh = false;
    }
    if (status == ETL_OK && ret_is_new)
        *ret_is_new = is_new;
    return status;
}

etl_status etl_output_files_write(struct etl_output_files *files, const char *data, size_t length, bool *ret_is_new,
                                  struct etl_error *err)
{
    bool is_new = false;
    if (files->is_broken)
        return etl_fail(err, ETL_MISUSE, "the unit has failed: roll it back first");
    etl_status status = prepare_part(files, ret_is_new ? &is_new : NULL, err);
    if (status == ETL_OK && !is_new) {
        status = ETL_FAILPOINT("dst.stage.mid", err);
        if (status == ETL_OK)
            status = etl__encoder_write(files->encoder, data, length, err);
        files->part_bytes += (int64_t)length;
    }
    files->is_broken = status != ETL_OK;
    if (status == ETL_OK && ret_is_new)
        *ret_is_new = is_new;
    return files->is_stdout ? status : etl_prefix(err, status, "%s: ", files->store.path);
}

etl_status etl_output_files_cut(struct etl_output_files *files, struct etl_error *err)
{
    if (files->is_stdout) {
        files->is_fresh = true;
        return ETL_OK;
    }
    etl_status status = close_part(files, err);
    files->is_broken = files->is_broken || status != ETL_OK;
    return status;
}

static void drop_unit(struct etl_output_files *files)
{
    etl__encoder_free(files->encoder);
    files->encoder = NULL;
    for (size_t i = 0; i < files->unit.file_count; i++)
        (void)unlinkat(files->store.staged_fd, files->unit.files[i], 0);
    etl__manifest_fini(&files->unit);
    files->next_part = 1;
    files->part_bytes = 0;
    files->is_broken = false;
}

etl_status etl_output_files_rollback(struct etl_output_files *files, struct etl_error *err)
{
    (void)err;
    if (!files->is_stdout)
        drop_unit(files);
    files->is_broken = false;
    return ETL_OK;
}

void etl_output_files_end(struct etl_output_files *files)
{
    struct etl_error ignored;
    if (!files)
        return;
    etl_error_init(&ignored);
    if (files->is_stdout && files->encoder && !files->is_broken)
        (void)etl__encoder_finish(files->encoder, &ignored);
    if (files->is_stdout)
        etl__encoder_free(files->encoder);
    else
        drop_unit(files);
    etl__manifest_fini(&files->last);
    etl_buffer_fini(&files->name);
    etl__store_fini(&files->store);
    free(files);
}

/* ---- commit ---- */

/* What the manifest will say. Takes the unit's files. */
static etl_status make_manifest(struct etl_output_files *files, const struct etl_commit *commit,
                                struct etl__manifest *next, struct etl_error *err)
{
    next->state = malloc((size_t)commit->state_len + 1);
    if (!next->state)
        return etl_fail_memory(err);
    memcpy(next->state, commit->state, (size_t)commit->state_len);
    next->state[commit->state_len] = '\0';
    next->state_len = (size_t)commit->state_len;
    next->has_commit = true;
    next->epoch = files->epoch;
    next->generation = files->generation;
    next->seq = commit->seq;
    next->time_us = commit->time_us;
    next->is_final = files->is_live || (commit->flags & ETL_COMMIT_FINAL);
    for (size_t i = 0; i < files->unit.file_count; i++) {
        etl_status status = etl__manifest_add_file(next, files->unit.files[i], err);
        if (status != ETL_OK)
            return status;
    }
    return ETL_OK;
}

static etl_status check_fence(struct etl_output_files *files, const struct etl_commit *commit, struct etl_error *err)
{
    struct etl__manifest held = {0};
    etl_status status = etl__manifest_read(&files->store, &held, err);
    if (status != ETL_OK)
        return status;
    if (held.epoch != files->epoch)
        status = etl_fail(err, ETL_CONFLICT, "another run has taken over target %s in %s", files->store.target,
                          files->store.path);
    else if (held.has_commit && held.generation == files->generation && commit->seq != held.seq + 1)
        status = etl_fail(err, ETL_MISUSE, "commit %llu does not follow commit %llu", (unsigned long long)commit->seq,
                          (unsigned long long)held.seq);
    etl__manifest_fini(&held);
    return status;
}

/* Under the lock. Once the manifest is replaced the unit is committed: a failure after that is ETL_IN_DOUBT, and the next begin
 * finishes the work. */
static etl_status commit_locked(struct etl_output_files *files, const struct etl_commit *commit,
                                struct etl__manifest *next, struct etl_error *err)
{
    etl_status status = ETL_OK;
    uint64_t newest = 0;
    bool is_replaced = false, is_final = false;
    bool is_swap = next->is_final && next->generation > 0 && (commit->flags & ETL_COMMIT_FINAL);
    ETL_TRY(check_fence(files, commit, err));
    if (next->is_final)
        ETL_TRY(etl__store_check_free(&files->store, next->files, next->file_count, err));
    if (is_swap)
        ETL_TRY(ETL_FAILPOINT("dst.gen.swap.before", err));
    ETL_TRY(ETL_FAILPOINT("dst.commit.before", err));
    ETL_TRY(etl__manifest_write(&files->store, next, &is_replaced, err));
    ETL_TRY(ETL_FAILPOINT("dst.commit.after_manifest", err));
    if (is_swap)
        ETL_TRY(finish_commit(&files->store, next, &newest, &is_final, err));
    else
        ETL_TRY(etl__store_publish_unit(&files->store, next->files, next->file_count, next->is_final, err));
    if (is_swap)
        ETL_TRY(ETL_FAILPOINT("dst.gen.swap.after", err));
out:
    if (status != ETL_OK && is_replaced) {
        etl__manifest_fini(&files->unit); /* its files belong to the commit now */
        return etl_prefix(err, ETL_IN_DOUBT, "the commit is recorded, but publishing its files failed: ");
    }
    return status;
}

/* The files were named for the commit that was expected. Should another number come, their names follow it. */
static etl_status rename_unit(struct etl_output_files *files, uint64_t seq, struct etl_error *err)
{
    struct etl_buffer name = {0};
    etl_status status = ETL_OK;
    for (size_t i = 0; seq != files->next_seq && i < files->unit.file_count; i++) {
        etl_buffer_reset(&name);
        etl__store_staged_name(&files->store, files->generation, seq, i + 1, files->epoch, &name);
        const char *text = etl_buffer_text(&name);
        char *copy = text ? strdup(text) : NULL;
        if (!copy) {
            status = etl_fail_memory(err);
            break;
        }
        if (renameat(files->store.staged_fd, files->unit.files[i], files->store.staged_fd, copy) != 0) {
            status = etl_fail_errno(err, errno, "cannot rename", files->unit.files[i]);
            free(copy);
            break;
        }
        free(files->unit.files[i]);
        files->unit.files[i] = copy;
    }
    etl_buffer_fini(&name);
    return status;
}

static etl_status commit_stdout(struct etl_output_files *files, struct etl_error *err)
{
    etl_status status = files->encoder ? etl__encoder_flush(files->encoder, err) : ETL_OK;
    files->is_broken = status != ETL_OK;
    return status;
}

etl_status etl_output_files_commit(struct etl_output_files *files, const struct etl_commit *commit,
                                   struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct etl__manifest next = {0};
    if (files->is_broken)
        return etl_fail(err, ETL_MISUSE, "the unit has failed: roll it back first");
    if (files->is_stdout)
        return commit_stdout(files, err);
    ETL_TRY(close_part(files, err));
    ETL_TRY(rename_unit(files, commit->seq, err));
    files->next_seq = commit->seq;
    if (files->unit.file_count > 0 && fsync(files->store.staged_fd) != 0) {
        status = etl_fail_errno(err, errno, "cannot make durable", files->store.path);
        goto out;
    }
    ETL_TRY(make_manifest(files, commit, &next, err));
    ETL_TRY(etl__store_lock(&files->store, files->host, err));
    status = commit_locked(files, commit, &next, err);
    etl__store_unlock(&files->store);
    if (status != ETL_OK)
        goto out;
    etl__manifest_fini(&files->unit);
    etl__manifest_fini(&files->last);
    files->last = next;
    files->is_live = next.is_final;
    next = (struct etl__manifest){0};
    files->next_seq = commit->seq + 1;
    files->next_part = 1;
    files->part_bytes = 0;
out:
    etl__manifest_fini(&next);
    return status;
}
