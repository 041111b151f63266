/* Expands a pattern to a sorted list of files. A name that exists is taken literally even if it holds glob characters. Hidden
 * files of a directory and directories that a glob meets are left out; everything else that cannot be looked at is an error,
 * so that a broken link never means silently missing records. */
#include "sdk/src/input_list.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk/input_files.h>

#include "sdk/src/file_name.h"

etl_status etl__input_list_add(struct etl__input_list *list, char *path, struct etl__input_file **ret_file,
                               struct etl_error *err)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 16;
        struct etl__input_file *files = realloc(list->files, capacity * sizeof *files);
        if (!files)
            return etl_fail_memory(err);
        list->files = files;
        list->capacity = capacity;
    }
    struct etl__input_file *file = &list->files[list->count++];
    memset(file, 0, sizeof *file);
    file->path = path;
    *ret_file = file;
    return ETL_OK;
}

void etl__input_list_fini(struct etl__input_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->files[i].path);
    free(list->files);
    *list = (struct etl__input_list){0};
}

void etl__input_file_identify(struct etl__input_file *file, const struct stat *info)
{
    file->is_pipe = !S_ISREG(info->st_mode);
    file->size = file->is_pipe ? 0 : (uint64_t)info->st_size;
    file->inode = (uint64_t)info->st_ino;
    file->mtime_us = (int64_t)info->st_mtim.tv_sec * 1000000 + info->st_mtim.tv_nsec / 1000;
}

static etl_status is_of_stream(const char *path, const char *stream, bool *ret_is, struct etl_error *err)
{
    *ret_is = true;
    if (!stream || !*stream)
        return ETL_OK;
    char *name = etl_stream_name_from_path(path);
    if (!name)
        return etl_fail_memory(err);
    *ret_is = strcmp(name, stream) == 0;
    free(name);
    return ETL_OK;
}

/* Adds a copy of `path`. `is_wanted` false: a name found by search, which may be a directory. */
static etl_status add_path(struct etl__input_list *list, const char *path, const char *stream, struct etl_error *err)
{
    struct stat info;
    struct etl__input_file *file = NULL;
    bool is_of = false;
    etl_status status = is_of_stream(path, stream, &is_of, err);
    if (status != ETL_OK || !is_of)
        return status;
    if (stat(path, &info) != 0) {
        int error_number = errno;
        if (error_number != ENOENT)
            return etl_fail_errno(err, error_number, "cannot read", path);
        if (lstat(path, &info) == 0)
            return etl_fail(err, ETL_NOT_FOUND, "cannot read %s: it is a link to a file that does not exist", path);
        return ETL_OK; /* gone since the folder was listed */
    }
    if (S_ISDIR(info.st_mode))
        return ETL_OK;
    char *copy = strdup(path);
    if (!copy)
        return etl_fail_memory(err);
    status = etl__input_list_add(list, copy, &file, err);
    if (status != ETL_OK) {
        free(copy);
        return status;
    }
    etl__input_file_identify(file, &info);
    return ETL_OK;
}

static etl_status add_directory(struct etl__input_list *list, const char *path, const char *stream,
                                struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct etl_buffer name = {0};
    struct dirent *entry = NULL;
    DIR *dir = opendir(path);
    if (!dir)
        return etl_fail_errno(err, errno, "cannot list", path);
    for (;;) {
        errno = 0;
        entry = readdir(dir);
        if (!entry)
            break;
        if (entry->d_name[0] == '.')
            continue;
        etl_buffer_reset(&name);
        etl_buffer_add_text(&name, path);
        if (path[strlen(path) - 1] != '/')
            etl_buffer_add_text(&name, "/");
        etl_buffer_add_text(&name, entry->d_name);
        const char *full = etl_buffer_text(&name);
        if (!full) {
            status = etl_fail_memory(err);
            goto out;
        }
        ETL_TRY(add_path(list, full, stream, err));
    }
    if (errno != 0)
        status = etl_fail_errno(err, errno, "cannot list", path);
out:
    closedir(dir);
    etl_buffer_fini(&name);
    return status;
}

static int stop_glob(const char *path, int error_number)
{
    (void)path;
    return error_number == EACCES || error_number == EIO;
}

static etl_status add_glob(struct etl__input_list *list, const char *pattern, const char *stream, struct etl_error *err)
{
    etl_status status = ETL_OK;
    glob_t found = {0};
    int result = glob(pattern, 0, stop_glob, &found);
    if (result == GLOB_NOSPACE)
        status = etl_fail_memory(err);
    else if (result == GLOB_ABORTED)
        status = etl_fail(err, ETL_AUTH, "cannot list all folders of %s: %s", pattern, strerror(errno));
    else if (result == GLOB_NOMATCH)
        status = etl_fail(err, ETL_NOT_FOUND, "no file matches %s", pattern);
    if (status != ETL_OK)
        goto out;
    for (size_t i = 0; i < found.gl_pathc; i++)
        ETL_TRY(add_path(list, found.gl_pathv[i], stream, err));
out:
    globfree(&found);
    return status;
}

static etl_status add_stdin(struct etl__input_list *list, struct etl_error *err)
{
    struct etl__input_file *file = NULL;
    char *path = strdup("-");
    if (!path)
        return etl_fail_memory(err);
    etl_status status = etl__input_list_add(list, path, &file, err);
    if (status != ETL_OK)
        free(path);
    else
        file->is_pipe = true;
    return status;
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct etl__input_file *)a)->path, ((const struct etl__input_file *)b)->path);
}

etl_status etl__input_list_expand(struct etl__input_list *list, const char *path, const char *stream,
                                  struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct stat info;
    if (!path || !*path)
        return etl_fail(err, ETL_CONFIG, "path is empty: name a file, a glob, a directory, or - for standard input");
    if (strcmp(path, "-") == 0)
        return add_stdin(list, err);
    if (stat(path, &info) == 0)
        status = S_ISDIR(info.st_mode) ? add_directory(list, path, stream, err) : add_path(list, path, stream, err);
    else if (errno != ENOENT && errno != ENOTDIR)
        status = etl_fail_errno(err, errno, "cannot read", path);
    else if (strpbrk(path, "*?["))
        status = add_glob(list, path, stream, err);
    else
        status = etl_fail_errno(err, ENOENT, "cannot read", path);
    if (status != ETL_OK)
        return status;
    if (list->count == 0 && stream && *stream)
        return etl_fail(err, ETL_NOT_FOUND, "no file of stream %s in %s", stream, path);
    if (list->count == 0)
        return etl_fail(err, ETL_NOT_FOUND, "there is no file in %s", path);
    qsort(list->files, list->count, sizeof *list->files, compare_files);
    return ETL_OK;
}
