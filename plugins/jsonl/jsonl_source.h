/* The source: what its files share. */
#ifndef PLUGINS_JSONL_SOURCE_H
#define PLUGINS_JSONL_SOURCE_H

#include "plugins/jsonl/jsonl.h"

#include <stdatomic.h>

#define JSONL_SOURCE_SETTINGS(S)                                                                                       \
    S(TEXT, path, ETL_SETTING_REQUIRED, "", "", "File, glob (* ? []), directory, or - for standard input")             \
    S(TEXT, stream, 0, "\"\"", "",                                                                                     \
      "Name of the one stream that all files make; by default it comes from the file names")                           \
    S(CHOICE, compression, 0, "\"auto\"", "\"auto\",\"none\",\"gzip\",\"zstd\"", "Compression of the files")           \
    S(FLAG, infer, 0, "true", "", "Infer column types; false makes every column text")                                 \
    S(COUNT, sample_rows, 0, "20000", "", "Records that are looked at before the first schema is sent")                \
    S(BYTES, record_size_max, 0, "67108864", "", "Longest line; a longer one is a bad record")                         \
    S(COUNT, depth_max, 0, "8", "", "Nesting kept as structs and lists; what is deeper becomes JSON")
ETL_SETTINGS(jsonl_source_settings, JSONL_SOURCE_SETTINGS);

struct etl_source {
    const struct etl_host *host;
    struct jsonl_source_settings settings;
    atomic_int is_cancelled;
    bool is_pipe_taken; /* a reader has had standard input: what it has read cannot be read again */
};

/* For etl_input_files_set_stop. */
int32_t jsonl_is_stopped(void *source);

etl_status jsonl_new_shredder(const struct etl_source *source, struct etl_shredder **ret_shredder,
                              struct etl_error *err);

/* Observes what a reader with that state would read, up to sample_rows records; bad records are left to the reader. Does
 * nothing when one of the files is no regular file, because what is read from it is gone. */
etl_status jsonl_sample(struct etl_source *source, const char *stream, const char *state, size_t state_len,
                        struct etl_shredder *shredder, uint64_t *ret_observed, struct etl_error *err);

/* The argument for etl_input_files_open_stream: NULL when all files make one stream. */
const char *jsonl_stream_filter(const struct etl_source *source, const char *stream);

etl_status jsonl_read_open(struct etl_source *source, const struct etl_read_request *request,
                           struct etl_reader **ret_reader, struct etl_error *err);
etl_status jsonl_read_next(struct etl_reader *reader, struct etl_message *message, struct etl_error *err);
void jsonl_read_close(struct etl_reader *reader);

#endif
