/* The source's side of a slice: reads messages, checks them, brings batches to the agreed schema and queues them. */
#ifndef CORE_ENGINE_READER_H
#define CORE_ENGINE_READER_H

#include "core/data/fit.h"
#include "core/engine/slice.h"
#include <etlhost/ext/reject.h>

struct reader {
    struct slice *slice;
    struct etl_reader *handle;
    struct reader *next; /* in the engine's list */

    struct ArrowSchema source_schema;
    struct etl_view source_view; /* of source_schema */
    struct etl_view out_view;    /* of the agreed schema */
    struct ArrowSchema agreed;
    struct transform *transform;
    struct fit *fit;
    unsigned agreed_version;
    bool has_schema;

    uint64_t read, rejected; /* totals of this attempt */
    uint64_t flags;          /* of the batch at hand */
    bool has_warned;         /* about deletes that this mode drops */
    bool is_uncovered;       /* something came after the last checkpoint */
    bool is_ended;           /* END, limit or stop: no more read_next */
    bool is_gone;            /* the writer has given up */

    etl_status status; /* of the thread */
    struct etl_error err;
};

/* Thread body; `arg` is the reader. Opens, reads to the end, closes the queue, passes acknowledgements on, closes. */
void *reader_main(void *arg);

struct reader *reader_find(struct reader *list, const char *stream, const char *slice);
/* A record that the source could not make sense of; within read_next. */
etl_status reader_reject(struct reader *reader, const struct etl_rejected *rejected, struct etl_error *err);

#endif
