/* One slice of a stream: recovery, then a reader thread and a writer until the end; torn down and started again after failures that
 * may pass. */
#ifndef CORE_ENGINE_SLICE_H
#define CORE_ENGINE_SLICE_H

#include "core/engine/queue.h"
#include "core/engine/stream.h"

/* Counters of one commit unit. */
struct unit {
    uint64_t seq;
    uint64_t rows, deletes, bytes, letters;
    uint64_t read, rejected; /* totals of the reader at the unit's checkpoint */
    int64_t started_us;      /* monotonic; 0 = empty */
};

struct slice {
    struct engine *engine;
    struct stream *stream;
    char *name; /* "" = the whole stream; the stream's */

    /* Committed position of this line. Written between attempts and by the writer. */
    char *state; /* NULL = none */
    size_t state_len;
    uint32_t state_version;
    uint64_t seq;            /* newest of the line in any generation */
    bool has_committed;      /* in this run */
    uint64_t read, rejected; /* committed totals of this run */
    struct unit doubt;       /* commit that has not been seen to the end; seq 0 = none */
    bool has_arrived;        /* everything but FINAL is committed */

    struct queue *queue;               /* of the present attempt */
    uint64_t base_read, base_rejected; /* committed totals at the start of the attempt */
    pthread_mutex_t lock;              /* guards the hand-back from the writer to the reader; a leaf */
    pthread_cond_t wake;
    char *acked; /* newest committed state that the source has not been told, NULL = none */
    size_t acked_len;
    bool is_writer_done;
    atomic_int is_reader_failed; /* the writer commits at every checkpoint that it still gets */
    bool is_stopped;             /* ended early on request */
};

/* Runs the slice to its end. ETL_OK with *ret_stopped when it was asked to stop. `err` starts with the connector at fault, not with the
 * stream. */
etl_status slice_run(struct stream *stream, char *name, bool *ret_stopped, struct etl_error *err);

/* A row for the store about a commit of this slice, borrowing everything; counters are the caller's. */
void slice_checkpoint(const struct slice *slice, uint64_t seq, const char *state, size_t state_len, const char *cursor,
                      struct state_checkpoint *ret_checkpoint);

/* The writer tells what it has committed; the reader asks before each read_next, or waits for the last word after its end. */
etl_status slice_commit_done(struct slice *slice, const char *state, size_t length, struct etl_error *err);
char *slice_take_ack(struct slice *slice, bool wait, size_t *ret_length, bool *ret_done);

/* Context for log lines about this slice. */
struct log_context slice_log_context(const struct slice *slice);

#endif
