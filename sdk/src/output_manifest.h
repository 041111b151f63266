/* The manifest of one line of commits: what has been committed, and the fence. */
#ifndef SDK_SRC_OUTPUT_MANIFEST_H
#define SDK_SRC_OUTPUT_MANIFEST_H

#include "sdk/src/output_store.h"

struct etl__manifest {
    bool has_commit;
    bool is_final; /* the generation is live */
    uint64_t epoch, generation, seq;
    int64_t time_us;
    char *state; /* state_len bytes and a NUL */
    size_t state_len;
    char **files; /* staged names of the last unit */
    size_t file_count, file_capacity;
};

void etl__manifest_fini(struct etl__manifest *manifest); /* NULL-safe, repeatable; zeroes */

/* Adds a copy of a staged name. */
etl_status etl__manifest_add_file(struct etl__manifest *manifest, const char *name, struct etl_error *err);

/* Reads SLICE.json into a zeroed manifest; stays zeroed (and final) when there is none. A damaged one is ETL_STATE_INVALID. */
etl_status etl__manifest_read(const struct etl__store *store, struct etl__manifest *manifest, struct etl_error *err);

/* Replaces SLICE.json. *ret_replaced tells on failure whether the new content
 * may be there nevertheless. */
etl_status etl__manifest_write(const struct etl__store *store, const struct etl__manifest *manifest, bool *ret_replaced,
                               struct etl_error *err);

/* The newest generation in all manifests of the stream, whatever their slice, and whether it is final: the final commit goes to one
 * slice and speaks for all of them. */
etl_status etl__manifest_newest(const struct etl__store *store, uint64_t *ret_generation, bool *ret_is_final,
                                struct etl_error *err);

/* Removes what slices of generations before this one have left: their manifests and staged files. */
etl_status etl__manifest_forget(const struct etl__store *store, uint64_t generation, struct etl_error *err);

#endif
