/* The folders of one line of commits: names, staged files, publishing, the lock. Shared by the output_*.c files. */
#ifndef SDK_SRC_OUTPUT_STORE_H
#define SDK_SRC_OUTPUT_STORE_H

#include <etlhost/sdk/json_writer.h>
#include <etlhost/sdk/output_files.h>

struct etl__store {
    char *path;   /* of the directory, for messages */
    char *owner;  /* PIPELINE/STREAM, encoded */
    char *target; /* encoded */
    char *prefix; /* TARGET or TARGET@SLICE: what the names of files begin with */
    char *suffix; /* with the one of the compression */
    char *slice;  /* encoded */
    int root_fd, line_fd, staged_fd, lock_fd;
};

/* Opens the folders. With `create` they are made and the target is claimed (ETL_CONFLICT when another stream has it); without,
 * *ret_exists is false when there is nothing yet. fini is NULL-safe and repeatable. */
etl_status etl__store_open(struct etl__store *store, const struct etl_output_options *options,
                           const struct etl_write_plan *plan, bool create, bool *ret_exists, struct etl_error *err);
void etl__store_fini(struct etl__store *store);

/* Waits for the lock at most 30 seconds (then ETL_TRANSIENT), asking the host whether to stop. */
etl_status etl__store_lock(struct etl__store *store, const struct etl_host *host, struct etl_error *err);
void etl__store_unlock(struct etl__store *store);

/* Name of a staged file, with the epoch of its writer. */
void etl__store_staged_name(const struct etl__store *store, uint64_t generation, uint64_t seq, uint64_t part,
                            uint64_t epoch, struct etl_buffer *buffer);

/* ETL_CONFLICT when a final name of these staged names is taken. */
etl_status etl__store_check_free(const struct etl__store *store, char *const *staged, size_t count,
                                 struct etl_error *err);

/* Gives the staged files of a committed unit their names without the epoch: in the directory, or hidden as before. Files that have
 * been renamed already are passed over. */
etl_status etl__store_publish_unit(const struct etl__store *store, char *const *staged, size_t count, bool is_live,
                                   struct etl_error *err);

/* Moves the hidden committed files of a generation, of every slice of the stream, to the directory. */
etl_status etl__store_publish_generation(const struct etl__store *store, uint64_t generation, struct etl_error *err);

/* Removes published files of generations before this one, of every slice. */
etl_status etl__store_remove_older(const struct etl__store *store, uint64_t generation, struct etl_error *err);

/* Removes manifest, lock file and staged files of a slice that is no more, given by its encoded name. */
etl_status etl__store_remove_slice(const struct etl__store *store, const char *slice, struct etl_error *err);

/* Removes staged files that no commit has taken. With `keep` the hidden committed files of that generation stay. */
etl_status etl__store_clean(const struct etl__store *store, const uint64_t *keep, struct etl_error *err);

#endif
