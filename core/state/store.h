/* The state store: what has been committed, by which run, under which lease. One interface, several back ends (a SQLite file
 * first). A store may be used from several threads at once; it serialises inside. Every write that belongs to a run carries the
 * lease's epoch and answers ETL_CONFLICT when a newer lease exists. Times are microseconds since 1970 UTC. Strings in are copied;
 * strings out are owned by the struct and freed by its *_fini. */
#ifndef CORE_STATE_STORE_H
#define CORE_STATE_STORE_H

#include <etlhost/sdk/error.h>
#include <jansson.h>
#include <stdbool.h>

struct state_store;

/* `location`: path of a SQLite file, or a URI. NULL = $XDG_STATE_HOME/etlhost/state.db (made with its directories, mode 0700). A file
 * that is no state store, was written by something newer, or is damaged is refused by name, unchanged. */
etl_status state_open(const char *location, struct state_store **ret_store, struct etl_error *err);
/* The same without creating anything: ETL_NOT_FOUND if there is none. */
etl_status state_open_existing(const char *location, struct state_store **ret_store, struct etl_error *err);
/* An empty store that ends with state_close: what `read` runs on. */
etl_status state_open_memory(struct state_store **ret_store, struct etl_error *err);
void state_close(struct state_store *store); /* NULL-safe */

/* ---- lease ---- */
struct state_lease {
    char *pipeline;
    uint64_t epoch;
    int64_t renewed_at_us; /* monotonic clock: self-fencing */
    int64_t ttl_us;
};

/* Takes the pipeline's lease or answers ETL_CONFLICT "pipeline NAME: another run holds it (host H, process P, since T)". A lease of
 * a dead process on this host, or of an earlier boot, is taken over at once; any other after it expires. */
etl_status state_lease_take(struct state_store *store, const char *pipeline, int64_t ttl_us,
                            struct state_lease *ret_lease, struct etl_error *err);
/* ETL_CONFLICT when it was lost. */
etl_status state_lease_renew(struct state_store *store, struct state_lease *lease, struct etl_error *err);
/* Whether the last renewal is longer ago than half the time to live: the holder must not start a commit any more. Any thread, also
 * while another one renews. */
bool state_lease_is_stale(const struct state_lease *lease);
/* Gives it back, so that the next run starts at once (the epoch stays) and frees the struct's strings. */
void state_lease_release(struct state_store *store, struct state_lease *lease);

/* ---- pipeline and streams ---- */
struct state_stream {
    uint64_t generation;
    bool is_complete;  /* the generation's load has been finished (always true for generation 0) */
    char *fingerprint; /* of what must not change silently: cursor column, keys, connector; "" = new */
    char *schema;      /* agreed schema as JSON (data/schema_json.h), "" = none yet */
    char *name_map;    /* JSON object: source column -> target column, "{}" */
    char *slices;      /* JSON array of slice names of the generation, "[]" = not sliced */
};
/* When unknown: *ret_found false, generation 0, complete, "" and empty JSON values. */
etl_status state_stream_get(struct state_store *store, const char *pipeline, const char *stream, bool *ret_found,
                            struct state_stream *ret_stream, struct etl_error *err);
/* Dead letters of older generations are forgotten when a generation becomes complete: it has read those records again. */
etl_status state_stream_put(struct state_store *store, const struct state_lease *lease, const char *stream,
                            const struct state_stream *value, struct etl_error *err);
void state_stream_fini(struct state_stream *stream);

/* ---- checkpoints ---- */
struct state_checkpoint {
    char *pipeline, *stream, *slice;
    uint64_t seq, epoch, generation;
    char *run_id;
    char *state; /* state_len bytes, NUL added */
    size_t state_len;
    char *connector; /* id of the source that wrote the state */
    uint32_t state_version;
    uint64_t rows_read, rows_written, rows_deleted, rows_rejected, bytes;
    char *cursor; /* for people, "" = none */
    int64_t committed_at_us;
};
/* Newest checkpoint of the line: highest generation, then highest seq. After a new generation was put into the stream's row this may be one of the
 * generation before: compare. */
etl_status state_checkpoint_latest(struct state_store *store, const char *pipeline, const char *stream,
                                   const char *slice, bool *ret_found, struct state_checkpoint *ret_checkpoint,
                                   struct etl_error *err);
/* Durable when it returns (fsync). (generation, seq) must be newer than the newest one, so a new generation may
 * count from 1 again. The pipeline and epoch stored are the lease's. Keeps the last 20 per line. Lets dead letters of units up to
 * seq count. ETL_TRANSIENT and ETL_IO (disk full): nothing was saved. */
etl_status state_checkpoint_save(struct state_store *store, const struct state_lease *lease,
                                 const struct state_checkpoint *checkpoint, struct etl_error *err);
void state_checkpoint_fini(struct state_checkpoint *checkpoint);

/* An emit function runs under the store's lock: it must not call the store, nor wait for a thread that does. */
typedef etl_status (*state_emit_checkpoint)(void *arg, const struct state_checkpoint *checkpoint);
/* pipeline/stream NULL = all; newest first; `history` false = only the newest of each line. */
etl_status state_checkpoint_list(struct state_store *store, const char *pipeline, const char *stream, bool history,
                                 state_emit_checkpoint emit, void *arg, struct etl_error *err);
/* Drops checkpoints newer than `seq` of a line, which must exist in its newest generation, and their dead letters (user's command; takes the lease for the moment). A destination that keeps the state in
 * its own transaction will be ahead then: the next run stops and says so unless the user resets it. */
etl_status state_rollback(struct state_store *store, const char *pipeline, const char *stream, const char *slice,
                          uint64_t seq, struct etl_error *err);
/* Forgets a stream (NULL = all streams) of a pipeline: the next run starts a new generation. The stream's row stays with generation + 1, not complete,
 * without fingerprint, schema, names and slices; its checkpoints go; dead letters that count stay. Takes the lease for the moment.
 * ETL_NOT_FOUND for a stream that the store does not know. */
etl_status state_reset(struct state_store *store, const char *pipeline, const char *stream, struct etl_error *err);

/* {"etlhost_state":1, "pipelines":[...]}: complete for the pipeline (NULL = all) but for history and runs; import accepts exactly that,
 * all or nothing, and refuses a pipeline whose lease is held or whose checkpoints are newer. */
etl_status state_export(struct state_store *store, const char *pipeline, json_t **ret_document, struct etl_error *err);
etl_status state_import(struct state_store *store, json_t *document, struct etl_error *err);

/* ---- dead letters ---- */
struct state_dead_letter {
    int64_t id; /* ascending; set by the store */
    char *pipeline, *stream, *slice, *run_id;
    uint64_t seq; /* of the commit unit that the record belongs to */
    char *column, *reason, *location;
    char *record; /* record_len bytes: JSON object of the row, or the raw input when it could not be parsed */
    size_t record_len;
    bool is_json;
    int64_t created_at_us;
};
/* Stores letters of the unit that will become `seq`, before it commits; they count once a checkpoint >= seq is there. */
etl_status state_dead_letter_add(struct state_store *store, const struct state_lease *lease,
                                 const struct state_dead_letter *letters, size_t count, struct etl_error *err);
/* After recovery: drops letters of units newer than `committed_seq`, which did not happen. */
etl_status state_dead_letter_settle(struct state_store *store, const struct state_lease *lease, const char *stream,
                                    const char *slice, uint64_t committed_seq, struct etl_error *err);
typedef etl_status (*state_emit_dead_letter)(void *arg, const struct state_dead_letter *letter);
/* For large numbers page by after_id and limit: the store is locked meanwhile. id > after_id, ascending, at most `limit` (0 = all); pipeline NULL, stream NULL = all. Only letters of committed units. */
etl_status state_dead_letter_list(struct state_store *store, const char *pipeline, const char *stream, int64_t after_id,
                                  uint64_t limit, state_emit_dead_letter emit, void *arg, struct etl_error *err);
etl_status state_dead_letter_delete(struct state_store *store, const char *pipeline, const int64_t *ids, size_t count,
                                    struct etl_error *err);

/* ---- run history ---- */
struct state_run {
    char *id, *pipeline;
    uint64_t epoch;
    int64_t started_at_us, ended_at_us; /* 0 = not ended */
    char *status;                       /* running ok partial failed crashed fenced stopped */
    int exit_code;
    char *error;  /* "" = none */
    char *report; /* the run report as JSON, "" while running */
};
/* Also marks older "running" runs of the pipeline as crashed, and forgets all but the newest 1000. */
etl_status state_run_begin(struct state_store *store, const struct state_lease *lease, const char *run_id,
                           int64_t now_us, struct etl_error *err);
/* Needs no lease: a run that lost it still says how it ended. Adds the run if it is not there. */
etl_status state_run_end(struct state_store *store, const struct state_run *run, struct etl_error *err);
typedef etl_status (*state_emit_run)(void *arg, const struct state_run *run);
/* pipeline NULL = all; limit 0 = all; newest first. */
etl_status state_run_list(struct state_store *store, const char *pipeline, uint64_t limit, state_emit_run emit,
                          void *arg, struct etl_error *err);

#endif
