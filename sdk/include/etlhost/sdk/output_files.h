/* Writing records to files with exact commits. Part of libetlhost-sdk-files. One `struct etl_output_files` belongs to one thread
 * at a time; any number of them may exist.
 *
 * A destination directory holds, per target, the files TARGET[@SLICE]-GENERATION-SEQ-PART.SUFFIX, with numbers padded so that names
 * sort in the order of commits. Rows of an open unit go to hidden files in `.etlhost/PIPELINE/STREAM/SLICE.staged/`. commit()
 * finishes and fsyncs them, then replaces the manifest `.etlhost/PIPELINE/STREAM/SLICE.json` (write, fsync, rename, fsync directory),
 * which lists the files of the unit with seq and state: that rename is the moment of commit. Then the files are renamed to their
 * final names; a crash in between is repaired by the next begin(). Readers see a file whole or not at all. Under a new generation
 * files stay hidden until the final commit, which publishes all of them and then removes those of older generations. The
 * guarantee is ETL_GUARANTEE_ATOMIC; the fence is an epoch in the manifest that each begin() raises, checked under an flock.
 * A target belongs to one stream of one pipeline (`.etlhost/%targets/TARGET`); another one is answered ETL_CONFLICT.
 * In names every byte outside [A-Za-z0-9._-] and a leading dot are percent-encoded; long names end in a digest.
 * With path "-" everything goes to standard output: flush only, ETL_GUARANTEE_FLUSH, no recovery, no generations.
 */
#ifndef ETL_SDK_OUTPUT_FILES_H
#define ETL_SDK_OUTPUT_FILES_H

#include <etlhost/sdk/error.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct etl_output_files;

struct etl_output_options {
    const char *path;        /* directory, or "-" */
    const char *suffix;      /* ".csv" */
    const char *compression; /* "none", "gzip", "zstd": adds ".gz" or ".zst" */
    int64_t part_size_bytes; /* start a new file when this many uncompressed bytes have been written; 0 = never */
};

/* Proves that the directory exists or can be made and is writable, leaving nothing behind. */
etl_status etl_output_files_check(const struct etl_output_options *options, struct etl_error *err);

/* As etl_dest_ops.begin: repairs, fences, reports. Copies what it needs. */
etl_status etl_output_files_begin(const struct etl_host *host, const struct etl_output_options *options,
                                  const struct etl_write_plan *plan, struct etl_output_files **ret_files,
                                  struct etl_recovery *recovery, struct etl_error *err);

/* As explain: fills the recovery without changing anything. The state is copied into `buffer` of ETL_STATE_MAX_BYTES given by the
 * caller. */
etl_status etl_output_files_look(const struct etl_output_options *options, const struct etl_write_plan *plan,
                                 char *buffer, struct etl_recovery *recovery, struct etl_error *err);

/* Appends bytes of whole records. When a new file has been started since the last call (the first write, rotation, or after
 * etl_output_files_cut), *ret_is_new is set before anything is written and nothing is: the caller writes its header (CSV) by a
 * call with ret_is_new NULL and repeats. */
etl_status etl_output_files_write(struct etl_output_files *files, const char *data, size_t length, bool *ret_is_new,
                                  struct etl_error *err);

/* Ends the current file: the next write starts another (schema change). */
etl_status etl_output_files_cut(struct etl_output_files *files, struct etl_error *err);

/* As etl_dest_ops.commit, rollback and end. */
etl_status etl_output_files_commit(struct etl_output_files *files, const struct etl_commit *commit,
                                   struct etl_error *err);
etl_status etl_output_files_rollback(struct etl_output_files *files, struct etl_error *err);
void etl_output_files_end(struct etl_output_files *files);

#ifdef __cplusplus
}
#endif

#endif
