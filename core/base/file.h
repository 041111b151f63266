/* Small files and paths. */
#ifndef CORE_BASE_FILE_H
#define CORE_BASE_FILE_H

#include <etlhost/sdk/error.h>

/* The whole file, NUL added, at most `limit` bytes; the caller frees. */
etl_status file_read(const char *path, size_t limit, char **ret_data, size_t *ret_length, struct etl_error *err);
/* Replaces the file atomically: temporary name in the same directory, fsync, rename, fsync of the directory. Keeps the
 * mode of the old file and follows a link; a pipe or device is written to. */
etl_status file_replace(const char *path, const char *data, size_t length, struct etl_error *err);
/* Makes the directory entry of `path` durable. */
etl_status file_sync_directory(const char *path, struct etl_error *err);
/* mkdir -p with the given mode for what is made. */
etl_status file_make_directories(const char *path, unsigned mode, struct etl_error *err);

#endif
