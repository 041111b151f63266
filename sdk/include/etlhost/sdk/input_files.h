/* Reading records from files: which files, their bytes, and how far each has been read. For connectors of formats that are made of
 * lines; part of libetlhost-sdk-files (needs zlib and zstd), not of the plain SDK. One `struct etl_input_files` belongs to one
 * thread at a time; any number of them may exist.
 *
 * A position is a file and a byte offset in its decompressed content at a record boundary. The state of a stream lists the files
 * that are done or begun:
 *     {"v":1,"files":[{"path":"data/orders-1.csv","size":1234,"mtime_us":...,"inode":...,"offset":1234,"done":true,
 *                      "head":"<hex digest of the first 4 KiB, or of `size` bytes if that is less>"}],
 *      "extra": <any JSON value, of the connector>}
 * A later run reads files that are not listed, and the appended tail of a plain (not compressed) file that has grown and whose
 * head is the same. A file that has been renamed (same inode, same head, its old name gone or taken by another file) keeps its
 * position. A listed file that has shrunk or whose head differs is a replaced file: it is read from its start as a new file,
 * with a warning. A compressed file that has changed is read again as a whole, with a warning. A plain file whose last line had
 * no line end when it was read, and that has been continued in the middle of that line, is ETL_DATA.
 *
 * Files that no longer exist stay listed as long as the state fits ETL_STATE_MAX_BYTES; beyond that they are forgotten, and
 * beyond that again etl_input_files_state fails.
 */
#ifndef ETL_SDK_INPUT_FILES_H
#define ETL_SDK_INPUT_FILES_H

#include <etlhost/sdk/error.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "data/orders-2026-01.csv.gz" -> "orders": the stem without digits, dates, glob characters and separators at its end; "stdin" for
 * "-"; the whole stem when nothing else would remain. Freed by the caller with free(). NULL when memory is out. */
char *etl_stream_name_from_path(const char *path);

struct etl_input_files;

/* Expands `path` (a file, a glob with * ? [], a directory + all its regular files, or "-") into a sorted list. No match is
 * ETL_NOT_FOUND with the pattern. `state` (NULL = none) says what has been read; malformed or foreign state is
 * ETL_STATE_INVALID. `compression`: "auto" (by magic bytes), "none", "gzip", "zstd". Standard input has no state: it is read
 * once to its end. */
etl_status etl_input_files_open(const struct etl_host *host, const char *path, const char *compression,
                                const char *state, size_t state_len, struct etl_input_files **ret_files,
                                struct etl_error *err);
void etl_input_files_close(struct etl_input_files *files); /* NULL-safe */

/* The same for those files alone whose stream name (etl_stream_name_from_path) is `stream`; NULL or "" = all. `host` may be
 * NULL. */
etl_status etl_input_files_open_stream(const struct etl_host *host, const char *path, const char *stream,
                                       const char *compression, const char *state, size_t state_len,
                                       struct etl_input_files **ret_files, struct etl_error *err);

/* A second source of cancellation besides the host: `stopped` is asked often, from the reading thread; nonzero makes reads return
 * ETL_CANCELLED. For the connector's cancel(). */
void etl_input_files_set_stop(struct etl_input_files *files, int32_t (*stopped)(void *arg), void *arg);

/* All files of the pattern, for discovery; borrowed, NULL-terminated. */
const char *const *etl_input_files_list(const struct etl_input_files *files);

/* Path of a file that the state lists, with records that have been read, and that is gone or has been replaced by another; NULL = none.
 * A load that must hold what the files hold (ETL_READ_FULL) cannot be resumed then. */
const char *etl_input_files_lost(const struct etl_input_files *files);

/* Whether `path` is standard input or names something like it (a FIFO), which can be read once only. */
bool etl_input_files_is_pipe(const char *path);

/* Moves to the next file that has something unread; false at the end of the list. */
etl_status etl_input_files_next(struct etl_input_files *files, bool *ret_found, struct etl_error *err);

const char *etl_input_files_path(const struct etl_input_files *files); /* of the current file, for messages */
uint64_t etl_input_files_offset(const struct etl_input_files *files);  /* where reading of the current file starts:
                                                                            0 or a record boundary from the state */

/* Reads up to `capacity` decompressed bytes of the current file; 0 bytes = its end. Truncated or corrupt compressed data is
 * ETL_DATA naming file and offset. Honours the host's cancellation. */
etl_status etl_input_files_read(struct etl_input_files *files, char *buffer, size_t capacity, size_t *ret_length,
                                struct etl_error *err);

/* Notes that every record of the current file before the decompressed byte `offset` has been emitted; `is_done` at its end. */
void etl_input_files_mark(struct etl_input_files *files, uint64_t offset, bool is_done);

/* Standard input and pipes: waits until there is something to read or `timeout_ms` have passed; false = nothing yet. Regular files
 * are always ready. For a reader that has to say IDLE in time. */
etl_status etl_input_files_wait(struct etl_input_files *files, uint32_t timeout_ms, bool *ret_ready,
                                struct etl_error *err);

/* True when the current file can be read from another offset (regular files; not standard input and pipes). */
bool etl_input_files_can_seek(const struct etl_input_files *files);

/* True when the current file is a plain regular file, so that more may be appended to it and be read by a later run. */
bool etl_input_files_can_grow(const struct etl_input_files *files);

/* Continues reading at that decompressed byte of the current file, without changing marks. ETL_UNSUPPORTED for standard input
 * and pipes. */
etl_status etl_input_files_seek(struct etl_input_files *files, uint64_t offset, struct etl_error *err);

/* Rereads from the start of the current file (offset 0 or not) without changing marks: for sampling the header. */
etl_status etl_input_files_rewind(struct etl_input_files *files, struct etl_error *err);

/* The state with all marks so far and the connector's own `extra` JSON value ("" = none); valid until the next call. */
etl_status etl_input_files_state(struct etl_input_files *files, const char *extra_json, const char **ret_state,
                                 size_t *ret_length, struct etl_error *err);
/* The connector's value of the state given at open; data NULL when none. */
struct etl_bytes etl_input_files_extra(const struct etl_input_files *files);

/* "orders-2.csv at byte 1234 (2 of 3 files)": for etl_message.cursor. Valid until the next call. */
const char *etl_input_files_cursor(struct etl_input_files *files);

#ifdef __cplusplus
}
#endif

#endif
