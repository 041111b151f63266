/* One selected stream of a run: its generation, slices, agreed schema. Shared by the threads of its slices. */
#ifndef CORE_ENGINE_STREAM_H
#define CORE_ENGINE_STREAM_H

#include "core/engine/engine.h"
#include "core/engine/plan.h"

/* Slice name of a replay of dead letters. */
#define STREAM_REPLAY_SLICE "dead-letter"

struct stream {
    struct engine *engine;
    struct stream_report *report;
    struct plan plan;
    bool is_replay; /* dead letters into the live generation: records are in target form already */

    /* Set by stream_prepare, constant afterwards. */
    uint64_t generation;
    bool is_building;  /* this load ends with FINAL */
    bool ignore_state; /* the source starts over in the same generation */
    bool is_known;     /* the store knew the stream before this run */
    char **slices;     /* at least one; [""] = not sliced */
    size_t slice_count;
    char **target_keys;         /* NULL-terminated */
    struct ArrowSchema preview; /* what the discovered schema becomes; no columns when discovery knows none */

    pthread_mutex_t lock; /* guards what is below; a leaf */
    struct ArrowSchema agreed;
    unsigned agreed_version;
    char *name_map;
    bool is_dirty;    /* the store's record is behind */
    bool is_complete; /* the generation is live */
    size_t arrived;   /* slices that have committed everything */

    /* The scheduler's, under its lock. */
    int phase;
    size_t next_slice, ended;
    etl_status status; /* of the stream: the first failure */
    bool is_stopped;
};

/* Resolves the plan. On failure the stream is not usable but may be passed to stream_fini. */
etl_status stream_init(struct stream *stream, struct engine *engine, const struct catalog_stream *catalog,
                       struct stream_report *report, struct etl_error *err);
void stream_fini(struct stream *stream);
/* Turns an initialised stream into the replay of its dead letters. */
void stream_make_replay(struct stream *stream);

/* Decides generation, slices and starting schema from what store and destination remember. [control] calls inside. */
etl_status stream_prepare(struct stream *stream, struct etl_error *err);

/* Fills what begin() and explain() get; borrows from the stream. */
void stream_write_plan(const struct stream *stream, const char *slice, uint64_t committed_seq,
                       struct etl_write_plan *ret_plan);

/* The transform for a schema that the source has sent; remembers new target names. */
etl_status stream_transform(struct stream *stream, const struct ArrowSchema *schema, struct transform **ret_transform,
                            struct etl_error *err);
/* Brings the agreed schema and a transformed incoming one together under the contract; *ret_agreed is a copy of the result. */
etl_status stream_agree(struct stream *stream, const struct ArrowSchema *incoming, struct ArrowSchema *ret_agreed,
                        unsigned *ret_version, struct etl_error *err);
unsigned stream_agreed_version(struct stream *stream);

/* Writes the store's record when it is behind. Called before a commit. */
etl_status stream_save(struct stream *stream, struct etl_error *err);
/* The generation is live: records it. */
etl_status stream_complete(struct stream *stream, struct etl_error *err);
/* A slice has committed everything; true for the last one, which commits FINAL. */
bool stream_arrive(struct stream *stream);

#endif
