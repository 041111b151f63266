/* etlhost plugin ABI, major version 1.
 *
 * A plugin is a shared object that exports exactly one symbol, the function etl_plugin_v1(). Everything else is reached
 * through the constant descriptor which that function returns. This header includes only <stddef.h>, <stdint.h> and the
 * Arrow structs; it compiles alone as C11 and as C++17. The contract with numbered rules is etlhost-plugin(7).
 *
 * ABI changelog
 *   1.0  first version
 *
 * How the ABI grows
 *   - A breaking change is a new symbol (etl_plugin_v2), never a change here.
 *   - The minor number grows when a field, op, status, message kind, flag or capability is appended.
 *   - Every struct starts with struct_size, is only ever reached by pointer, and grows only at its end. The side that
 *     allocates a struct sets struct_size; the other side touches no byte beyond it. (The Arrow structs are frozen by
 *     Arrow itself and may therefore be embedded.)
 *   - A plugin states the minor that it was built with (for diagnostics) and the minor that it requires (enforced:
 *     must not exceed the host's).
 *   - Unknown flag bits are ignored by the reader and zero from the writer. The host treats an unknown status as
 *     ETL_INTERNAL and an unknown message kind as a protocol violation.
 *
 * Conventions for every function below
 *   Strings   UTF-8. Identifiers are NUL-terminated; payloads are (pointer, length) and need no terminator.
 *   Inputs    belong to the caller and are valid during the call only; the callee copies what it keeps.
 *   Outputs   `ret_x` parameters are written only when the function returns ETL_OK.
 *   Errors    `err` is never NULL, is zeroed by the host and has struct_size set. A function that returns anything but
 *             ETL_OK fills err->message (UTF-8, no secrets). An empty message is reported as plugin misbehaviour.
 *   Threads   the tag in brackets says who may call, and what the host guarantees:
 *             [load]        main thread, before any other thread of the host exists
 *             [control]     one call at a time per source or destination, any OS thread
 *             [reader]      one call at a time per reader; different readers of one source run at the same time
 *                           only if the connector has ETL_CAP_PARALLEL
 *             [writer]      the same for writers of one destination
 *             [any-thread]  at any time, from any thread, at the same time as anything else
 *             Different instances of a connector always run at the same time. A plugin may start threads of its own; it
 *             blocks all signals in them, calls only [any-thread] functions from them and joins them before close
 *             returns.
 *   Blocking  a function may block on I/O unless it says otherwise; after cancel() it returns ETL_CANCELLED soon
 *             (within two seconds).
 *   Never     a plugin does not call exit or abort, install signal handlers, write to stdout or stderr (unless that is
 *             where the user sent the records), change the locale, the working directory, the umask or the environment,
 *             and does not initialise libcurl. It is never unloaded.
 */
#ifndef ETL_ABI_H
#define ETL_ABI_H

#include <stddef.h>
#include <stdint.h>

#include <etlhost/arrow.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ETL_ABI_MAJOR 1
#define ETL_ABI_MINOR 0

/* Value of etl_plugin.magic: "etl1" in memory order on a little-endian machine. */
#define ETL_PLUGIN_MAGIC UINT32_C(0x316c7465)

/* Calling convention of every function that crosses the boundary; empty where there is only one. */
#define ETL_CALL

/* Largest state that a checkpoint may carry, in bytes. */
#define ETL_STATE_MAX_BYTES (1024 * 1024)

/* ---- status -------------------------------------------------------------------------------------------------------- */

/* The class of a result. The connector chooses it by what the user or the host can do; the host acts on it. */
typedef int32_t etl_status;
enum {
    ETL_OK            = 0,
    ETL_CONFIG        = 1,  /* a setting is wrong: stop the stream, tell the user, no retry */
    ETL_AUTH          = 2,  /* refused credentials or missing permission: as ETL_CONFIG */
    ETL_NOT_FOUND     = 3,  /* a named thing does not exist: as ETL_CONFIG */
    ETL_UNSUPPORTED   = 4,  /* the connector cannot do this at all: as ETL_CONFIG */
    ETL_SCHEMA        = 5,  /* data and schema do not agree: stop the stream, exit code 5 */
    ETL_DATA          = 6,  /* a record is bad and could not be set aside: stop the stream */
    ETL_TRANSIENT     = 7,  /* may work if tried again: bounded retries with backoff */
    ETL_THROTTLED     = 8,  /* wait err->retry_after_ms, then try again; does not count as a failure */
    ETL_IN_DOUBT      = 9,  /* commit only: outcome unknown. The host begins again and believes the recovery */
    ETL_CONFLICT      = 10, /* the fence was lost: another run owns the target. Stop at once, exit code 76 */
    ETL_STATE_INVALID = 11, /* the saved state cannot be resumed: the user must ask for a full refresh */
    ETL_CANCELLED     = 12, /* stopped on request: not an error */
    ETL_NOMEM         = 13,
    ETL_IO            = 14, /* local input or output failed (disk full, unreadable file): no retry */
    ETL_INTERNAL      = 15, /* a bug in the callee */
    ETL_MISUSE        = 16  /* a bug in the caller */
};

/* Caller allocates and zeroes; callee fills on failure. Holds no pointer, so it outlives the plugin's handles. */
struct etl_error {
    uint32_t struct_size;
    uint32_t retry_after_ms; /* with ETL_THROTTLED: how long to wait; 0 = the host decides */
    int64_t vendor_code;     /* HTTP status, errno, native error number; 0 when there is none */
    char message[1024];      /* NUL-terminated, cut at a character boundary */
};

/* ---- host services ------------------------------------------------------------------------------------------------- */

enum {
    ETL_LOG_ERROR = 1,
    ETL_LOG_WARN  = 2,
    ETL_LOG_INFO  = 3,
    ETL_LOG_DEBUG = 4
};

/* What the host offers to one instance. Owned by the host; valid from open() until close() has returned. */
struct etl_host {
    uint32_t struct_size;
    uint32_t abi_minor; /* of the host: a plugin sends no message kind and calls no service that is newer */
    void *ctx;          /* the host's; opaque */

    /* Progress and diagnostics for the user. Do not log an error that is also returned. `message` is `length` bytes of
     * UTF-8 without a line end. Does not block for long, cannot fail. [any-thread] */
    void(ETL_CALL *log)(const struct etl_host *host, uint32_t level, const char *message, size_t length);

    /* Nonzero once the run has been asked to stop. Cheap. [any-thread] */
    int32_t(ETL_CALL *cancelled)(const struct etl_host *host);

    /* The service behind an extension id such as "etl.reject/1" (see ext/), or NULL when this host has none. The struct
     * is the host's, starts with struct_size and lives as long as `host`. [any-thread] */
    const void *(ETL_CALL *get_extension)(const struct etl_host *host, const char *id);
};

/* ---- records ------------------------------------------------------------------------------------------------------- */

/* Arrow formats that may cross the boundary (schema rules: etlhost-plugin(7)):
 *   b  c C s S i I l L  f g  u U  z Z  d:P,S (128 bit, P <= 38)  tdD  ttu  tsu:  tsu:UTC  +s  +l
 * Extension names in the metadata key "ARROW:extension:name": "arrow.json" on u or U (JSON text), "arrow.uuid" on u
 * (canonical text form). The root is a struct ("+s") that has one child per column, offset 0 and no nulls. No dictionaries.
 */

/* Schema metadata key (root level) that names the uint8 column holding the operation of each row (enum below). The column
 * is not part of the record and reaches no table. */
#define ETL_META_OP_COLUMN "etl.op_column"

/* What a row asks the destination to do. In etl_message.flags and in write()'s flags the lowest two bits carry it for the
 * whole batch, unless the schema names an operation column, whose values then decide row by row. */
enum {
    ETL_OP_INSERT = 0,
    ETL_OP_UPSERT = 1, /* insert, or replace the row of the same key */
    ETL_OP_DELETE = 2, /* only the key columns need values */
    ETL_OP_MASK   = 3
};

enum {
    ETL_MESSAGE_NONE       = 0, /* what the host presets; never sent */
    ETL_MESSAGE_SCHEMA     = 1, /* `schema` describes all batches from here to the next SCHEMA */
    ETL_MESSAGE_BATCH      = 2, /* `batch` holds records under the last schema */
    ETL_MESSAGE_CHECKPOINT = 3, /* `state` covers every batch already emitted by this reader */
    ETL_MESSAGE_IDLE       = 4, /* nothing to say within max_wait_ms */
    ETL_MESSAGE_END        = 5  /* this slice has no more records in this run; the last checkpoint covers everything */
};

/* The host allocates, zeroes and sets struct_size; the plugin fills the fields of its kind. */
struct etl_message {
    uint32_t struct_size;
    uint32_t kind;
    uint64_t flags;            /* BATCH: ETL_OP_* */
    struct ArrowSchema schema; /* SCHEMA: moved to the host */
    struct ArrowArray batch;   /* BATCH: moved to the host */
    const char *state;         /* CHECKPOINT: borrowed by the host until the next call on this reader */
    uint64_t state_len;        /* bytes, at most ETL_STATE_MAX_BYTES */
    const char *cursor;        /* CHECKPOINT: short text that shows a person how far the state reaches, or NULL; borrowed */
};

/* ---- source -------------------------------------------------------------------------------------------------------- */

struct etl_source; /* each plugin defines its own */
struct etl_reader;

enum {
    /* Rows that the previous state already covered must not be emitted again, not even those that tie with the cursor
     * value at the boundary. Set for append; unset when an upsert by key makes a repeat harmless. */
    ETL_READ_EXACT_TIES = 1,
    /* The stream is to be read whole and from its start; `state`, if any, is from an interrupted pass of the same kind. */
    ETL_READ_FULL = 2
};

/* Allocated by the host, valid during read_open only. Strings are never NULL ("" = not set). */
struct etl_read_request {
    uint32_t struct_size;
    uint32_t flags;                    /* ETL_READ_* */
    const char *stream;                /* a name that discover() emitted */
    const char *slice;                 /* "" = the whole stream, else a name that plan_slices() emitted */
    const char *const *columns;        /* NULL = all; else a NULL-terminated array of column names that are needed. A
                                          source that cannot skip columns may send more; the host drops them */
    const char *state;                 /* as last committed; NULL = none */
    uint64_t state_len;                /* bytes */
    uint32_t state_version;            /* etl_connector.state_version of the connector that wrote `state` */
    uint32_t max_wait_ms;              /* read_next returns IDLE after this long without anything to say */
    const char *cursor_column;         /* "" = none; only with ETL_CAP_CURSOR */
    const char *cursor_from;           /* first run only: inclusive lower bound as text; "" = from the start */
    const char *cursor_until;          /* inclusive upper bound as text; "" = what is there when the read starts */
    int64_t cursor_lookback;           /* re-read this far behind the saved cursor: seconds for times, whole days for
                                          dates (rounded up from seconds), units for numbers */
    uint64_t batch_rows_hint;          /* aim for no more rows than this in a batch */
    uint64_t batch_bytes_hint;         /* aim for no more bytes than this in a batch */
};

/* Called by discover() once per stream. `stream_json` is a JSON object (not NUL-terminated, `length` bytes):
 *   {"name": "orders",                 required, unique, UTF-8
 *    "description": "...",
 *    "primary_key": ["id"],            known key, in order
 *    "cursor_columns": ["updated_at"], columns that may serve as cursor
 *    "incremental": true,              a later run reads only what is new even without a cursor column
 *    "deletes": true,                  the stream emits DELETE rows
 *    "estimated_rows": 1200,
 *    "error": "permission denied"}     listed, but not readable; the schema may then be empty
 * `schema` is moved to the host on every return (the host has released it or owns it). A return other than ETL_OK must be
 * passed on by discover(). */
typedef etl_status(ETL_CALL *etl_emit_stream)(void *arg, const char *stream_json, size_t length, struct ArrowSchema *schema);

/* Called by plan_slices() once per slice, in the order in which they should start. `slice` is `length` bytes of UTF-8
 * without control characters, at most 200 bytes, not empty, unique within the stream; it must mean the same rows in
 * later runs. */
typedef etl_status(ETL_CALL *etl_emit_slice)(void *arg, const char *slice, size_t length);

struct etl_source_ops {
    uint32_t struct_size;
    uint32_t reserved;

    /* Makes an instance from `config`: `length` bytes of JSON that the host has checked against config_schema, with
     * defaults filled in and secrets resolved. Does not need to reach the system. `host` stays valid until close() has
     * returned. On failure nothing is left behind. Required. [control] */
    etl_status(ETL_CALL *open)(const struct etl_host *host, const char *config, size_t length,
                               struct etl_source **ret_source, struct etl_error *err);

    /* Reaches the system and proves that the settings work, reading no more than needed and changing nothing. Required.
     * [control] */
    etl_status(ETL_CALL *check)(struct etl_source *source, struct etl_error *err);

    /* Emits every stream, sorted by name, twice the same for an unchanged system. Required. [control] */
    etl_status(ETL_CALL *discover)(struct etl_source *source, etl_emit_stream emit, void *arg, struct etl_error *err);

    /* Splits a stream that is read whole into about `wanted` slices that can be read at the same time and that together
     * are the stream. Emitting none means that the stream is read as one. `flags` is 0. Optional. [control] */
    etl_status(ETL_CALL *plan_slices)(struct etl_source *source, const char *stream, uint32_t wanted, uint32_t flags,
                                      etl_emit_slice emit, void *arg, struct etl_error *err);

    /* Starts reading one slice of one stream. Answers ETL_STATE_INVALID for a state that it does not know or cannot
     * resume; it never silently starts over. Required. [control] */
    etl_status(ETL_CALL *read_open)(struct etl_source *source, const struct etl_read_request *request,
                                    struct etl_reader **ret_reader, struct etl_error *err);

    /* Fills `message` with the next message. The first one that is not IDLE is a SCHEMA (or END, for a stream that has
     * no schema because it has no records). On anything but ETL_OK the message holds nothing that needs a release. After
     * ETL_TRANSIENT or ETL_THROTTLED the same call is made again; after END or any other status only read_close.
     * Required. [reader] */
    etl_status(ETL_CALL *read_next)(struct etl_reader *reader, struct etl_message *message, struct etl_error *err);

    /* The records up to the checkpoint with this state are durable at the destination: a slot may advance, a queue may
     * be acknowledged. May be repeated for the same state. A failure is logged and does not undo the commit. Optional.
     * [reader] between two read_next calls or after END */
    etl_status(ETL_CALL *committed)(struct etl_reader *reader, const char *state, size_t length, struct etl_error *err);

    /* Makes blocked calls on this instance return ETL_CANCELLED soon. Only sets a flag or wakes a thread. Does not
     * block. Required. [any-thread] */
    void(ETL_CALL *cancel)(struct etl_source *source);

    /* Frees the reader. Required. [reader] as its last call */
    void(ETL_CALL *read_close)(struct etl_reader *reader);

    /* Frees the instance; all readers are closed before. Required. [control] */
    void(ETL_CALL *close)(struct etl_source *source);

    /* The plugin's own extensions, or NULL. The struct is static and starts with struct_size. Optional. [any-thread] */
    const void *(ETL_CALL *get_extension)(struct etl_source *source, const char *id);
};

/* ---- destination --------------------------------------------------------------------------------------------------- */

struct etl_dest; /* each plugin defines its own */
struct etl_writer;

enum {
    ETL_MODE_APPEND    = 1, /* every row is added */
    ETL_MODE_OVERWRITE = 2, /* rows go to a new generation; with keys, the last row of a key wins */
    ETL_MODE_UPSERT    = 3  /* a row replaces the row of the same key; never without keys */
};

/* What a DELETE row does. */
enum {
    ETL_DELETE_HARD   = 0, /* the row of that key is removed */
    ETL_DELETE_SOFT   = 1, /* the column ETL_SOFT_DELETE_COLUMN of the row of that key is set to the time of the commit;
                              other columns keep their values. The host has added the column (tsu:UTC, nullable) to the
                              schema; it is NULL in every other row, so an upsert revives the row */
    ETL_DELETE_IGNORE = 2  /* the host drops DELETE rows before the destination sees them */
};
#define ETL_SOFT_DELETE_COLUMN "_etl_deleted_at"

/* Allocated by the host, valid during begin() and explain() only. Strings are never NULL. */
struct etl_write_plan {
    uint32_t struct_size;
    uint32_t mode;              /* ETL_MODE_* */
    const char *pipeline_id;    /* (pipeline_id, stream, slice) names one line of commits at the destination */
    const char *stream;
    const char *slice;          /* "" = the whole stream */
    const char *target;         /* name of the table, directory, topic ... at the destination */
    const char *const *keys;    /* NULL-terminated array of target column names, empty array = no key; never NULL */
    uint64_t generation;        /* of the stream; see etl_recovery */
    uint64_t epoch;             /* of the host's lease; a destination that keeps its own fence may ignore it */
    uint64_t committed_seq;     /* what the host's own store holds; for messages only, the destination is the judge */
    uint32_t delete_mode;       /* ETL_DELETE_* */
    uint32_t reserved;
    const char *run_id;
};

/* What a destination can promise for one writer under its present settings. */
enum {
    ETL_GUARANTEE_FLUSH      = 0, /* commit() returns when the rows are durable; a replay repeats them */
    ETL_GUARANTEE_IDEMPOTENT = 1, /* as FLUSH, but a replay of rows with keys changes nothing */
    ETL_GUARANTEE_ATOMIC     = 2  /* seq and state become durable in the same transaction as the rows, fenced by epoch */
};

/* Allocated by the host, which sets struct_size; filled by begin() and explain(). `state` is borrowed until the next call
 * on the writer (begin) or on the destination (explain).
 *
 * Generations. Generation 0 of a stream is live from its first commit. When a plan names a generation greater than the one
 * held, the destination drops whatever an older unfinished generation left, and writes to a place that readers cannot see
 * until a commit with ETL_COMMIT_FINAL swaps it in atomically; until then readers see the old one. When the plan names the
 * generation held: if that is final, commits go to the live table; if not, the unfinished load is resumed. A plan with a
 * smaller generation than the one held is answered with ETL_CONFLICT. */
struct etl_recovery {
    uint32_t struct_size;
    uint32_t found;      /* nonzero: the destination holds a commit of this (pipeline, stream, slice, generation) */
    uint64_t seq;        /* of that commit */
    const char *state;   /* of that commit, byte for byte */
    uint64_t state_len;
    uint64_t generation; /* newest that the destination holds of this (pipeline, stream), 0 if none */
    uint32_t is_final;   /* nonzero: that generation is live. Always nonzero for generation 0 */
    uint32_t guarantee;  /* ETL_GUARANTEE_*; always set */
};

enum { ETL_COMMIT_FINAL = 1 }; /* swap the new generation in with this commit */

struct etl_commit {
    uint32_t struct_size;
    uint32_t flags;     /* ETL_COMMIT_* */
    uint64_t seq;       /* previous + 1 */
    const char *state;  /* stored byte for byte beside seq by an ATOMIC destination; never NULL, may be empty */
    uint64_t state_len;
    int64_t time_us;    /* host's clock, microseconds since 1970 UTC: what soft deletes and commit tables record */
};

/* Called by explain() once per statement or action that begin() and set_schema() would carry out; `length` bytes. */
typedef etl_status(ETL_CALL *etl_emit_text)(void *arg, const char *text, size_t length);

struct etl_dest_ops {
    uint32_t struct_size;
    uint32_t reserved;

    /* As in etl_source_ops. Required. [control] */
    etl_status(ETL_CALL *open)(const struct etl_host *host, const char *config, size_t length, struct etl_dest **ret_dest,
                               struct etl_error *err);

    /* As in etl_source_ops; proves that writing would be allowed without leaving anything behind. Required. [control] */
    etl_status(ETL_CALL *check)(struct etl_dest *dest, struct etl_error *err);

    /* Says what a run with this plan and schema would find and change, and changes nothing. Optional. [control] */
    etl_status(ETL_CALL *explain)(struct etl_dest *dest, const struct etl_write_plan *plan,
                                  const struct ArrowSchema *schema, etl_emit_text emit, void *arg,
                                  struct etl_recovery *recovery, struct etl_error *err);

    /* Opens the line of commits that the plan names, takes the fence (an ATOMIC destination raises its own epoch, so that
     * an older writer can no longer commit), finishes or drops what a dead predecessor left, and reports the last commit.
     * ETL_CONFLICT when another live writer holds it. Required. [control] */
    etl_status(ETL_CALL *begin)(struct etl_dest *dest, const struct etl_write_plan *plan, struct etl_writer **ret_writer,
                                struct etl_recovery *recovery, struct etl_error *err);

    /* Announces the schema of the batches that follow and brings the target to it: creates it, adds columns, widens types.
     * Called before the first write, and again when the schema has changed, also inside an open unit; rows that the unit
     * already holds stay in it and stay invisible. The new schema always contains the columns of the old one, in the same
     * order and followed by the new ones. Columns that the target has and the schema lacks stay and are NULL in new rows.
     * Required. [writer] */
    etl_status(ETL_CALL *set_schema)(struct etl_writer *writer, const struct ArrowSchema *schema, struct etl_error *err);

    /* Adds the rows of `batch` to the open unit, in order. Borrows the batch, or takes it by moving it out (then the
     * caller's `release` is NULL); what is still live afterwards the host releases. After ETL_TRANSIENT or ETL_THROTTLED
     * nothing of the batch has been taken or kept and the same call is made again. Required. [writer] */
    etl_status(ETL_CALL *write)(struct etl_writer *writer, struct ArrowArray *batch, uint64_t flags,
                                struct etl_error *err);

    /* Makes the open unit durable and visible as a whole, together with seq and state where the guarantee is ATOMIC. A
     * unit may be empty. ETL_OK: durable. ETL_TRANSIENT, ETL_THROTTLED: nothing happened, call again. ETL_IN_DOUBT:
     * unknown; the host ends the writer and begins again. ETL_CONFLICT: fenced, nothing happened. Anything else: nothing
     * of the unit is visible. Required. [writer] */
    etl_status(ETL_CALL *commit)(struct etl_writer *writer, const struct etl_commit *commit, struct etl_error *err);

    /* Forgets the open unit. The writer can be used again. Required. [writer] */
    etl_status(ETL_CALL *rollback)(struct etl_writer *writer, struct etl_error *err);

    /* As in etl_source_ops. Required. [any-thread] */
    void(ETL_CALL *cancel)(struct etl_dest *dest);

    /* Frees the writer; an open unit is forgotten. Required. [writer] as its last call */
    void(ETL_CALL *end)(struct etl_writer *writer);

    /* Frees the instance; all writers are ended before. Required. [control] */
    void(ETL_CALL *close)(struct etl_dest *dest);

    /* As in etl_source_ops. Optional. [any-thread] */
    const void *(ETL_CALL *get_extension)(struct etl_dest *dest, const char *id);
};

/* ---- descriptor ---------------------------------------------------------------------------------------------------- */

enum {
    ETL_ROLE_SOURCE = 1,
    ETL_ROLE_DEST   = 2
};

/* Capabilities: facts that the host needs before it opens an instance. */
enum {
    /* source */
    ETL_CAP_CURSOR       = 1 << 0, /* reads by cursor column (etl_read_request.cursor_column) */
    ETL_CAP_DELETES      = 1 << 1, /* may emit DELETE rows */
    /* both */
    ETL_CAP_PARALLEL     = 1 << 2, /* several readers or writers of one instance at the same time */
    /* destination */
    ETL_CAP_UPSERT       = 1 << 3, /* ETL_MODE_UPSERT and DELETE rows */
    ETL_CAP_GENERATIONS  = 1 << 4, /* ETL_MODE_OVERWRITE and generations greater than 0 */
    ETL_CAP_IDEMPOTENT   = 1 << 5, /* can reach ETL_GUARANTEE_IDEMPOTENT */
    ETL_CAP_ATOMIC       = 1 << 6, /* can reach ETL_GUARANTEE_ATOMIC */
    ETL_CAP_FOLDS_NAMES  = 1 << 7, /* column and table names that differ only in ASCII case are the same */
    ETL_CAP_EVOLVES      = 1 << 8  /* set_schema can add columns and widen types of an existing target */
};

/* One connector. Static and constant, like everything it points to. */
struct etl_connector {
    uint32_t struct_size;
    uint32_t role;             /* ETL_ROLE_* */
    const char *id;            /* "csv": [a-z][a-z0-9_-]*, the same for the source and the destination of one system */
    const char *summary;       /* one line for people */
    const char *config_schema; /* JSON Schema text (subset: etlhost-plugin(7)); an unknown setting is an error */
    uint64_t caps;             /* ETL_CAP_* */
    uint32_t state_version;    /* of the states that this source emits; it accepts this one and says which older ones */
    uint32_t identifier_max_bytes;       /* destination: longest column or table name in bytes, 0 = no limit */
    const struct etl_source_ops *source; /* for ETL_ROLE_SOURCE, else NULL */
    const struct etl_dest_ops *dest;     /* for ETL_ROLE_DEST, else NULL */
};

/* What etl_plugin_v1() returns. Static and constant, like everything it points to. */
struct etl_plugin {
    uint32_t struct_size;
    uint32_t magic;              /* ETL_PLUGIN_MAGIC */
    uint32_t abi_minor_built;    /* ETL_ABI_MINOR of the header that it was built with */
    uint32_t abi_minor_required; /* smallest host minor that it can work with */
    const char *name;            /* "csv" */
    const char *version;         /* of the plugin, for people */
    const char *vendor;
    const char *license;         /* SPDX expression */
    const struct etl_connector *const *connectors; /* NULL-terminated array, at most one source and one destination */

    /* Process-wide set-up of the libraries that the plugin links. May be NULL. [load] */
    etl_status(ETL_CALL *load)(const struct etl_host *host, struct etl_error *err);

    /* Counterpart of load, called at an orderly exit after all instances are closed; the code stays mapped. May be NULL.
     * [load] */
    void(ETL_CALL *unload)(void);
};

/* The only symbol that a plugin exports. Pure: no I/O, no threads, no allocation; returns the same pointer every time.
 * [load] */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const struct etl_plugin *ETL_CALL etl_plugin_v1(void);

/* ---- size checks --------------------------------------------------------------------------------------------------- */

/* True when the other side's struct reaches past `field`: ETL_HAS(host, get_extension). */
#define ETL_HAS(pointer, field)                                                                                              \
    ((size_t)(pointer)->struct_size >= (size_t)((const char *)(&(pointer)->field + 1) - (const char *)(pointer)))

#ifdef __cplusplus
}
#endif

#endif /* ETL_ABI_H */
