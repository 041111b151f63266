/* The files of a pattern, and the state that says how far each has been read. Shared by the input_*.c files. */
#ifndef SDK_SRC_INPUT_LIST_H
#define SDK_SRC_INPUT_LIST_H

#include <sys/stat.h>

#include <etlhost/sdk/json_writer.h>
#include <stdbool.h>

#include "sdk/src/file_decode.h"

#define ETL__HEAD_BYTES 4096
#define ETL__HEAD_TEXT  17

struct etl__input_file {
    char *path;
    bool is_pipe;
    bool is_known; /* begun: belongs into the state */
    bool is_done;
    uint64_t size, inode, offset;
    int64_t mtime_us;
    char head[ETL__HEAD_TEXT]; /* of min(size, ETL__HEAD_BYTES) bytes */
    bool is_claimed;           /* entry of a former state: found again */
};

struct etl__input_list {
    struct etl__input_file *files;
    size_t count, capacity;
    const char *lost; /* of the entries of a state: path of one that is gone or replaced; borrowed */
};

/* Takes `path` (malloc) on success. */
etl_status etl__input_list_add(struct etl__input_list *list, char *path, struct etl__input_file **ret_file,
                               struct etl_error *err);
void etl__input_list_fini(struct etl__input_list *list);

/* Fills the empty list from a file, glob, directory or "-", sorted by path, with the identity of each file. `stream` NULL = all. */
etl_status etl__input_list_expand(struct etl__input_list *list, const char *path, const char *stream,
                                  struct etl_error *err);

/* Size, inode and mtime; true when it is something to read as a pipe. */
void etl__input_file_identify(struct etl__input_file *file, const struct stat *info);

/* Digest of the first min(size, 4 KiB) bytes; also tells the codec by magic bytes. */
etl_status etl__input_head(int fd, const char *path, uint64_t size, char *ret_head, enum etl__codec *ret_codec,
                           struct etl_error *err);

/* Parses a state into the empty list (sorted by path) and the raw text of the connector's value (malloc, "" = none). */
etl_status etl__input_state_parse(const char *state, size_t length, struct etl__input_list *list, char **ret_extra,
                                  struct etl_error *err);

/* Gives the files of `list` the positions of `old`, whose entries are then claimed or, when another file has taken their name,
 * dropped. What stays unclaimed is gone from the pattern. */
etl_status etl__input_state_apply(const struct etl_host *host, struct etl__input_list *list,
                                  struct etl__input_list *old, enum etl__codec codec, struct etl_error *err);

/* Writes the state: entries of `gone` that are not claimed, then the known files of `list`. */
void etl__input_state_print(const struct etl__input_list *list, const struct etl__input_list *gone, const char *extra,
                            struct etl_buffer *buffer);

#endif
