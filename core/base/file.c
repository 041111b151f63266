/* Small files and paths. Nothing here keeps state; any thread. */
#include "core/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/string.h"

#define FIRST_READ 4096

static etl_status grow(char **data, size_t *capacity, size_t limit, struct etl_error *err)
{
    /* One byte more than the limit, so that a file of exactly that size meets its end; one for the NUL. */
    size_t wanted = *capacity == 0 ? FIRST_READ : *capacity * 2;
    if (wanted > limit + 1)
        wanted = limit + 1;
    char *bigger = realloc(*data, wanted + 1);
    if (bigger == NULL)
        return etl_fail_memory(err);
    *data = bigger;
    *capacity = wanted;
    return ETL_OK;
}

static etl_status read_all(int fd, const char *path, size_t limit, char **data, size_t *length, struct etl_error *err)
{
    size_t capacity = 0;
    for (;;) {
        if (*length > limit)
            return etl_fail(err, ETL_CONFIG, "file %s is larger than the %zu bytes allowed here", path, limit);
        if (*length == capacity) {
            etl_status status = grow(data, &capacity, limit, err);
            if (status != ETL_OK)
                return status;
        }
        ssize_t got = read(fd, *data + *length, capacity - *length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return etl_fail_errno(err, errno, "cannot read", path);
        if (got == 0)
            break;
        *length += (size_t)got;
    }
    (*data)[*length] = '\0';
    return ETL_OK;
}

etl_status file_read(const char *path, size_t limit, char **ret_data, size_t *ret_length, struct etl_error *err)
{
    etl_status status = ETL_OK;
    char *data = NULL;
    size_t length = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return etl_fail_errno(err, errno, "cannot open", path);
    ETL_TRY(read_all(fd, path, limit < SIZE_MAX / 2 ? limit : SIZE_MAX / 2, &data, &length, err));
    *ret_data = data;
    *ret_length = length;
    data = NULL;
out:
    free(data);
    close(fd);
    return status;
}

static etl_status write_all(int fd, const char *path, const char *data, size_t length, struct etl_error *err)
{
    while (length > 0) {
        ssize_t put = write(fd, data, length);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return etl_fail_errno(err, errno, "cannot write", path);
        data += put;
        length -= (size_t)put;
    }
    return ETL_OK;
}

etl_status file_sync_directory(const char *path, struct etl_error *err)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
    if (directory == NULL)
        return etl_fail_memory(err);
    etl_status status = ETL_OK;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Some file systems cannot sync a directory; they say EINVAL. */
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
        status = etl_fail_errno(err, errno, "cannot sync directory", directory);
    if (fd >= 0)
        close(fd);
    free(directory);
    return status;
}

/* A pipe, terminal or device cannot be replaced by a rename; it is written to. */
static etl_status write_special(const char *path, const char *data, size_t length, struct etl_error *err)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return etl_fail_errno(err, errno, "cannot open", path);
    etl_status status = write_all(fd, path, data, length, err);
    close(fd);
    return status;
}

static etl_status write_temporary(const char *temporary, const struct stat *old, const char *data, size_t length,
                                  struct etl_error *err)
{
    etl_status status = ETL_OK;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return etl_fail_errno(err, errno, "cannot create", temporary);
    if (old != NULL && fchmod(fd, old->st_mode & 07777) != 0)
        status = etl_fail_errno(err, errno, "cannot set the mode of", temporary);
    if (status == ETL_OK)
        status = write_all(fd, temporary, data, length, err);
    if (status == ETL_OK && fsync(fd) != 0)
        status = etl_fail_errno(err, errno, "cannot sync", temporary);
    if (close(fd) != 0 && status == ETL_OK)
        status = etl_fail_errno(err, errno, "cannot close", temporary);
    if (status != ETL_OK)
        unlink(temporary);
    return status;
}

etl_status file_replace(const char *path, const char *data, size_t length, struct etl_error *err)
{
    static atomic_uint counter; /* global: makes temporary names of this process unique */
    etl_status status = ETL_OK;
    char *target = NULL, *temporary = NULL;
    struct stat old;
    bool exists = stat(path, &old) == 0;
    if (exists && !S_ISREG(old.st_mode) && !S_ISDIR(old.st_mode))
        return write_special(path, data, length, err);
    target = exists ? realpath(path, NULL) : string_copy(path); /* a link to a file stays a link */
    if (target != NULL)
        temporary = string_format("%s.%ld-%u.tmp", target, (long)getpid(), atomic_fetch_add(&counter, 1));
    if (temporary == NULL) {
        status = etl_fail_memory(err);
        goto out;
    }
    ETL_TRY(write_temporary(temporary, exists ? &old : NULL, data, length, err));
    if (rename(temporary, target) != 0) {
        status = etl_fail_errno(err, errno, "cannot replace", path);
        unlink(temporary);
        goto out;
    }
    status = file_sync_directory(target, err);
out:
    free(temporary);
    free(target);
    return status;
}

static etl_status make_one(const char *path, unsigned mode, struct etl_error *err)
{
    struct stat info;
    if (mkdir(path, (mode_t)mode) == 0)
        return ETL_OK;
    int error_number = errno;
    /* mkdir on something existing may also say EROFS or EACCES. */
    if (stat(path, &info) != 0)
        return etl_fail_errno(err, error_number, "cannot create directory", path);
    if (!S_ISDIR(info.st_mode))
        return etl_fail_errno(err, ENOTDIR, "cannot create directory", path);
    return ETL_OK;
}

etl_status file_make_directories(const char *path, unsigned mode, struct etl_error *err)
{
    etl_status status = ETL_OK;
    char *copy = string_copy(path);
    if (copy == NULL)
        return etl_fail_memory(err);
    for (char *p = copy; *p != '\0' && status == ETL_OK; p++) {
        if (*p != '/' || p == copy)
            continue;
        *p = '\0';
        status = make_one(copy, mode, err);
        *p = '/';
    }
    if (status == ETL_OK && *copy != '\0')
        status = make_one(copy, mode, err);
    free(copy);
    return status;
}
