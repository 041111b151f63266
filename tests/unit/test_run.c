/* run_execute between a scripted source and a recording destination: protocol violations, exit codes, contracts, limits, stopping, leases. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/engine/dead_letter.h"
#include "core/engine/run.h"
#include "core/observe/log.h"
#include <etlhost/sdk/batch_builder.h>

/* A script is a string, one letter per message:
 *   s schema {id, name}   w schema with one more column   b batch of 3 inserts   d batch of 3 deletes   e batch of 0 rows   c checkpoint
 *   . END   i IDLE   0 batch that is released   2 schema that is released   ? unknown kind   S state too large   N state that is NULL
 *   t TRANSIENT   q failure without a message   x failure with a live batch   u unknown status   X ETL_IO   5 ETL_SCHEMA
 *   C sets the wish to stop   v batch with one column too few */
struct etl_source {
    int unused;
};
struct etl_reader {
    const char *script;
    size_t at;
    int64_t next_id;
    char state[32];
    bool is_wide;
};
struct etl_dest {
    int unused;
};
struct etl_writer {
    uint64_t rows, deletes;
};

static struct script {
    const char *streams[4], *scripts[4];
    uint64_t committed, deleted, commits, finals, begins;
    uint64_t hint;
    uint32_t caps_source;
    uint64_t caps_dest;
    atomic_int cancelled;
    const char *dest_script; /* for commit: o ok, t transient, d in doubt (not applied), f fenced */
} script;

static etl_status open_source(const struct etl_host *host, const char *config, size_t length, struct etl_source **ret,
                              struct etl_error *err)
{
    (void)host, (void)config, (void)length, (void)err;
    *ret = calloc(1, sizeof(**ret));
    return ETL_OK;
}

static etl_status make_schema(bool is_wide, struct ArrowSchema *schema)
{
    struct etl_error err;
    etl_error_init(&err);
    etl_schema_init_struct(schema, "", &err);
    etl_schema_add_column(schema, "id", "l", NULL, &err);
    etl_schema_add_column(schema, "name", "u", NULL, &err);
    return is_wide ? etl_schema_add_column(schema, "extra", "l", NULL, &err) : ETL_OK;
}

static etl_status discover(struct etl_source *source, etl_emit_stream emit, void *arg, struct etl_error *err)
{
    (void)source, (void)err;
    for (int i = 0; i < 4 && script.streams[i]; i++) {
        struct ArrowSchema schema = {0};
        char json[128];
        bool bad = script.scripts[i] == NULL;
        snprintf(json, sizeof(json), "{\"name\":\"%s\",\"incremental\":true%s}", script.streams[i],
                 bad ? ",\"error\":\"permission denied\"" : "");
        make_schema(false, &schema);
        etl_status status = emit(arg, json, strlen(json), &schema);
        if (status != ETL_OK)
            return status;
    }
    return ETL_OK;
}

static etl_status read_open(struct etl_source *source, const struct etl_read_request *request, struct etl_reader **ret,
                            struct etl_error *err)
{
    (void)source, (void)err;
    *ret = calloc(1, sizeof(**ret));
    script.hint = request->batch_rows_hint;
    for (int i = 0; i < 4 && script.streams[i]; i++)
        if (!strcmp(script.streams[i], request->stream))
            (*ret)->script = script.scripts[i];
    return ETL_OK;
}

static void make_batch(struct etl_reader *reader, int64_t rows, struct ArrowArray *batch)
{
    struct ArrowSchema schema = {0};
    struct etl_builder *builder = NULL;
    struct etl_error err;
    etl_error_init(&err);
    make_schema(reader->is_wide, &schema);
    etl_builder_new(&schema, &builder, &err);
    for (int64_t i = 0; i < rows; i++) {
        if (reader->is_wide)
            etl_append_int(etl_builder_column(builder, 2), reader->next_id, &err);
        etl_append_int(etl_builder_column(builder, 0), reader->next_id++, &err);
        etl_builder_end_row(builder, &err);
    }
    etl_builder_finish(builder, batch, &err);
    etl_builder_free(builder);
    etl_schema_release(&schema);
}

static etl_status read_next(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    char c = reader->script[reader->at];
    reader->at += c != '\0';
    switch (c) {
    case 's':
    case 'w':
        reader->is_wide = c == 'w';
        message->kind = ETL_MESSAGE_SCHEMA;
        return make_schema(reader->is_wide, &message->schema);
    case '2': message->kind = ETL_MESSAGE_SCHEMA; return ETL_OK;
    case 'b':
    case 'd':
    case 'e':
    case 'v':
        message->kind = ETL_MESSAGE_BATCH;
        message->flags = c == 'd' ? ETL_OP_DELETE : ETL_OP_INSERT;
        reader->is_wide = c == 'v' ? !reader->is_wide : reader->is_wide;
        make_batch(reader, c == 'e' ? 0 : 3, &message->batch);
        return ETL_OK;
    case '0': message->kind = ETL_MESSAGE_BATCH; return ETL_OK;
    case 'S':
    case 'N':
    case 'c':
        message->kind = ETL_MESSAGE_CHECKPOINT;
        message->state_len =
            c == 'S' ? ETL_STATE_MAX_BYTES + 1 : (uint64_t)snprintf(reader->state, 32, "%zu", reader->at);
        message->state = c == 'N' ? NULL : reader->state;
        return ETL_OK;
    case '?': message->kind = 77; return ETL_OK;
    case 't': return etl_fail(err, ETL_TRANSIENT, "try again");
    case 'q': return ETL_IO;
    case 'u': return 99;
    case 'X': return etl_fail(err, ETL_IO, "disk on fire");
    case '5': return etl_fail(err, ETL_SCHEMA, "does not agree");
    case 'x': make_batch(reader, 1, &message->batch); return etl_fail(err, ETL_IO, "half done");
    case 'C':
        atomic_store(&script.cancelled, SIGTERM);
        message->kind = ETL_MESSAGE_IDLE;
        return ETL_OK;
    case 'i': message->kind = ETL_MESSAGE_IDLE; return ETL_OK;
    default: message->kind = ETL_MESSAGE_END; return ETL_OK;
    }
}

static void read_close(struct etl_reader *reader)
{
    free(reader);
}

static void cancel_source(struct etl_source *source)
{
    (void)source;
}

static void close_source(struct etl_source *source)
{
    free(source);
}

static etl_status open_dest(const struct etl_host *host, const char *config, size_t length, struct etl_dest **ret,
                            struct etl_error *err)
{
    (void)host, (void)config, (void)length, (void)err;
    *ret = calloc(1, sizeof(**ret));
    return ETL_OK;
}

static etl_status begin(struct etl_dest *dest, const struct etl_write_plan *plan, struct etl_writer **ret,
                        struct etl_recovery *recovery, struct etl_error *err)
{
    (void)dest, (void)plan, (void)err;
    recovery->guarantee = ETL_GUARANTEE_FLUSH;
    recovery->generation = plan->generation;
    script.begins++;
    *ret = calloc(1, sizeof(**ret));
    return ETL_OK;
}

static etl_status set_schema(struct etl_writer *writer, const struct ArrowSchema *schema, struct etl_error *err)
{
    (void)writer, (void)schema, (void)err;
    return ETL_OK;
}

static etl_status write_batch(struct etl_writer *writer, struct ArrowArray *batch, uint64_t flags,
                              struct etl_error *err)
{
    (void)err;
    if ((flags & ETL_OP_MASK) == ETL_OP_DELETE)
        writer->deletes += (uint64_t)batch->length;
    else
        writer->rows += (uint64_t)batch->length;
    return ETL_OK;
}

static etl_status commit(struct etl_writer *writer, const struct etl_commit *request, struct etl_error *err)
{
    char c = script.dest_script && *script.dest_script ? *script.dest_script++ : 'o';
    if (c == 't')
        return etl_fail(err, ETL_TRANSIENT, "later");
    if (c == 'd')
        return etl_fail(err, ETL_IN_DOUBT, "who knows");
    if (c == 'f')
        return etl_fail(err, ETL_CONFLICT, "fenced");
    script.committed += writer->rows;
    script.deleted += writer->deletes;
    script.commits++;
    script.finals += request->flags & ETL_COMMIT_FINAL;
    writer->rows = writer->deletes = 0;
    return ETL_OK;
}

static void end(struct etl_writer *writer)
{
    free(writer);
}

static void cancel_dest(struct etl_dest *dest)
{
    (void)dest;
}

static void close_dest(struct etl_dest *dest)
{
    free(dest);
}

/* ---- harness ------------------------------------------------------------------------------------------------------- */

static struct pipeline pipeline;
static struct report report;
static struct etl_error run_error;
static struct state_store *store;
static char store_path[64];

static void setup(void)
{
    struct etl_error err;
    etl_error_init(&err);
    memset(&script, 0, sizeof(script));
    script.caps_dest = ETL_CAP_UPSERT | ETL_CAP_GENERATIONS | ETL_CAP_EVOLVES;
    log_configure(0, false);
    pipeline_init(&pipeline);
    pipeline.id = strdup("p");
    pipeline.defaults.mode = strdup("append");
    pipeline.retries = 2;
    snprintf(store_path, sizeof(store_path), "/tmp/test_run_%d.db", (int)getpid());
    cr_assert_eq(state_open(store_path, &store, &err), ETL_OK, "%s", err.message);
}

static void teardown(void)
{
    char path[80];
    report_fini(&report);
    state_close(store);
    pipeline_fini(&pipeline);
    unlink(store_path);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s%s", store_path, i ? "-wal" : "-shm");
        unlink(path);
    }
}

static int run_or_retry(bool is_retry)
{
    const struct connector source = {.id = "scripted",
                                     .caps = script.caps_source,
                                     .state_version = 1,
                                     .source = {.open = open_source,
                                                .discover = discover,
                                                .read_open = read_open,
                                                .read_next = read_next,
                                                .read_close = read_close,
                                                .cancel = cancel_source,
                                                .close = close_source}};
    const struct connector dest = {.id = "recorder",
                                   .caps = script.caps_dest,
                                   .dest = {.open = open_dest,
                                            .begin = begin,
                                            .set_schema = set_schema,
                                            .write = write_batch,
                                            .commit = commit,
                                            .end = end,
                                            .cancel = cancel_dest,
                                            .close = close_dest}};
    const struct retry_policy quick = {.base_us = 1, .cap_us = 10};
    json_t *settings = json_object();
    struct run_input input = {.pipeline = &pipeline,
                              .source = &source,
                              .dest = &dest,
                              .source_settings = settings,
                              .dest_settings = settings,
                              .store = store,
                              .cancelled = &script.cancelled,
                              .retry = &quick};
    etl_error_init(&run_error);
    report_fini(&report);
    memset(&report, 0, sizeof(report));
    cr_assert_eq(report_init(&report, "p", &run_error), ETL_OK);
    int code =
        is_retry ? dead_letter_retry(&input, NULL, &report, &run_error) : run_execute(&input, &report, &run_error);
    json_decref(settings);
    return code;
}

static int execute(void)
{
    return run_or_retry(false);
}

static int execute_one(const char *text)
{
    script.streams[0] = "t";
    script.scripts[0] = text;
    script.streams[1] = NULL;
    return execute();
}

static void replace(char **field, const char *text)
{
    free(*field);
    *field = strdup(text);
}

TestSuite(run, .init = setup, .fini = teardown);

#define VIOLATION(name, text, expected)                                                                                \
    Test(run, name)                                                                                                    \
    {                                                                                                                  \
        cr_assert_eq(execute_one(text), 1);                                                                            \
        cr_assert(strstr(run_error.message, expected), "%s", run_error.message);                                       \
        cr_assert(strstr(run_error.message, "source scripted"), "%s", run_error.message);                              \
        cr_assert_eq(script.committed, 0);                                                                             \
    }

VIOLATION(batch_before_schema, "bc.", "protocol violation: BATCH before SCHEMA")
VIOLATION(released_batch, "s0c.", "protocol violation: BATCH without a batch")
VIOLATION(released_schema, "2", "protocol violation: SCHEMA without a schema")
VIOLATION(unknown_kind, "s?", "protocol violation: unknown message kind 77")
VIOLATION(huge_state, "sbS.", "protocol violation: CHECKPOINT with a state of more than 1 MiB")
VIOLATION(null_state, "sbN.", "protocol violation: CHECKPOINT with a state that is NULL")
VIOLATION(uncovered_end, "sb.", "protocol violation: END after records that no CHECKPOINT covers")
VIOLATION(silent_failure, "sq", "without a message, which is a bug in the plugin")
VIOLATION(live_failure, "sx", "read_next failed and left a live message")
VIOLATION(unknown_status, "su", "unknown status 99")
VIOLATION(wrong_columns, "sv", "protocol violation: BATCH does not have as many columns")

Test(run, commits_what_was_read)
{
    pipeline.commit_seconds = 0;
    cr_assert_eq(execute_one("isbbcb?c"), 1);
    cr_assert_eq(script.committed, 6, "%s", run_error.message);
    cr_assert_eq(execute_one("sbbcbc."), 0, "%s", run_error.message);
    cr_assert_eq(script.committed, 15);
    cr_assert_eq(atomic_load(&report.streams[0].rows_written), 9);
    cr_assert_str_eq(report.status, "ok");
}

Test(run, no_records_no_schema_no_commit)
{
    cr_assert_eq(execute_one("."), 0);
    cr_assert_eq(execute_one("sec."), 0);
    cr_assert_eq(script.committed, 0);
}

Test(run, a_failure_keeps_checkpoints_and_drops_the_rest)
{
    pipeline.commit_seconds = 0;
    cr_assert_eq(execute_one("sbcbX"), 1);
    cr_assert_eq(script.committed, 3);
    cr_assert(strstr(run_error.message, "stream t: source scripted: disk on fire"), "%s", run_error.message);
    cr_assert_eq(atomic_load(&report.streams[0].rows_read), 3);
}

Test(run, transient_failures_pass)
{
    cr_assert_eq(execute_one("sttbttc."), 0, "%s", run_error.message);
    cr_assert_eq(script.committed, 3);
    cr_assert_eq(atomic_load(&report.streams[0].retries), 4);
}

Test(run, transient_failures_are_bounded)
{
    cr_assert_eq(execute_one("tttttttttttttttttttttt"), 1);
    cr_assert_eq(script.begins, 3);
}

Test(run, commit_in_doubt_begins_again)
{
    script.dest_script = "do";
    cr_assert_eq(execute_one("sbc."), 0, "%s", run_error.message);
    cr_assert_eq(script.begins, 2);
    cr_assert_eq(script.committed, 3);
    cr_assert_eq(atomic_load(&report.streams[0].rows_read), 3);
}

Test(run, lost_fence_is_76)
{
    script.dest_script = "f";
    cr_assert_eq(execute_one("sbc."), 76);
    cr_assert_str_eq(report.status, "fenced");
}

Test(run, held_lease_is_75)
{
    struct state_lease lease = {0};
    struct etl_error err;
    etl_error_init(&err);
    cr_assert_eq(state_lease_take(store, "p", 60000000, &lease, &err), ETL_OK);
    cr_assert_eq(execute_one("sbc."), 75);
    cr_assert_eq(script.begins, 0);
    state_lease_release(store, &lease);
    cr_assert_eq(execute_one("sbc."), 0);
}

Test(run, schema_failure_is_5)
{
    cr_assert_eq(execute_one("s5"), 5);
}

Test(run, frozen_contract_shows_nothing_of_the_unit)
{
    replace(&pipeline.defaults.mode, "append");
    pipeline.defaults.contract = strdup("freeze");
    cr_assert_eq(execute_one("sbc."), 0);
    cr_assert_eq(execute_one("sbwbc."), 5);
    cr_assert_eq(script.committed, 3);
    cr_assert(strstr(run_error.message, "extra"), "%s", run_error.message);
}

Test(run, evolving_contract_takes_the_column)
{
    cr_assert_eq(execute_one("sbwbc."), 0, "%s", run_error.message);
    cr_assert_eq(script.committed, 6);
}

Test(run, some_failed_is_3)
{
    script.streams[0] = "a";
    script.scripts[0] = "sbc.";
    script.streams[1] = "b";
    script.scripts[1] = NULL;
    cr_assert_eq(execute(), 3);
    cr_assert_str_eq(report.status, "partial");
    cr_assert_eq(script.committed, 3);
    cr_assert(strstr(run_error.message, "stream b: "), "%s", run_error.message);
    cr_assert(strstr(run_error.message, "permission denied"), "%s", run_error.message);
}

Test(run, unselected_streams_do_not_fail)
{
    char *include[] = {(char[]){"a"}, NULL};
    script.streams[0] = "a";
    script.scripts[0] = "sbc.";
    script.streams[1] = "b";
    pipeline.include = include;
    cr_assert_eq(execute(), 0, "%s", run_error.message);
    pipeline.include = NULL;
}

Test(run, unknown_stream_names_the_nearest)
{
    char *include[] = {(char[]){"ordrs"}, NULL};
    script.streams[0] = "orders";
    script.scripts[0] = "sbc.";
    pipeline.include = include;
    cr_assert_eq(execute(), 2);
    cr_assert(strstr(run_error.message, "\"orders\""), "%s", run_error.message);
    pipeline.include = NULL;
}

Test(run, settings_that_cannot_be_met_are_2)
{
    replace(&pipeline.defaults.mode, "upsert");
    cr_assert_eq(execute_one("sbc."), 2);
    cr_assert(strstr(run_error.message, "primary_key"), "%s", run_error.message);
    replace(&pipeline.defaults.mode, "append");
    pipeline.defaults.cursor = strdup("id");
    cr_assert_eq(execute_one("sbc."), 2);
    script.caps_source = ETL_CAP_CURSOR;
    replace(&pipeline.defaults.cursor, "idd");
    cr_assert_eq(execute_one("sbc."), 2);
    cr_assert(strstr(run_error.message, "did you mean id"), "%s", run_error.message);
    replace(&pipeline.defaults.cursor, "id");
    pipeline.delivery = strdup("exactly-once");
    cr_assert_eq(execute_one("sbc."), 2);
    cr_assert_eq(script.committed, 0);
}

Test(run, overwrite_needs_generations)
{
    script.caps_dest = 0;
    replace(&pipeline.defaults.mode, "overwrite");
    cr_assert_eq(execute_one("sbc."), 2);
    script.caps_dest = ETL_CAP_GENERATIONS;
    cr_assert_eq(execute_one("sbc."), 0, "%s", run_error.message);
    cr_assert_eq(script.finals, 1);
    cr_assert_eq(execute_one("."), 0);
    cr_assert_eq(script.finals, 2);
}

Test(run, limit_stops_at_the_checkpoint)
{
    pipeline.defaults.limit = 6;
    cr_assert_eq(execute_one("sbcbcbcbcbc."), 0);
    cr_assert_eq(script.committed, 6);
    cr_assert_eq(script.hint, 6);
}

Test(run, appends_ignore_deletes)
{
    cr_assert_eq(execute_one("sbdbc."), 0);
    cr_assert_eq(script.committed, 6);
    cr_assert_eq(script.deleted, 0);
}

Test(run, upserts_delete)
{
    char *keys[] = {(char[]){"id"}, NULL};
    replace(&pipeline.defaults.mode, "upsert");
    pipeline.defaults.primary_key = keys;
    cr_assert_eq(execute_one("sbdbc."), 0, "%s", run_error.message);
    cr_assert_eq(script.committed, 6);
    cr_assert_eq(script.deleted, 3);
    cr_assert_eq(atomic_load(&report.streams[0].rows_deleted), 3);
    pipeline.defaults.primary_key = NULL;
}

Test(run, stops_at_the_next_checkpoint)
{
    cr_assert_eq(execute_one("sbCbcbc."), 143);
    cr_assert_eq(script.committed, 6);
    cr_assert_str_eq(report.status, "stopped");
}

Test(run, dry_run_writes_nothing)
{
    pipeline.dry_run = true;
    cr_assert_eq(execute_one("sbcbc."), 0, "%s", run_error.message);
    cr_assert_eq(script.begins, 0);
    cr_assert_eq(atomic_load(&report.streams[0].rows_read), 6);
    pipeline.dry_run = false;
    cr_assert_eq(execute_one("sbcbc."), 0);
    cr_assert_eq(script.committed, 6);
}

Test(run, changed_settings_are_refused_until_a_full_refresh)
{
    char *keys[] = {(char[]){"id"}, NULL};
    cr_assert_eq(execute_one("sbc."), 0);
    replace(&pipeline.defaults.mode, "upsert");
    pipeline.defaults.primary_key = keys;
    cr_assert_eq(execute_one("sbc."), 1);
    cr_assert(strstr(run_error.message, "the mode was append, is now upsert; the primary key was none, is now id"),
              "%s", run_error.message);
    pipeline.full_refresh = true;
    cr_assert_eq(execute_one("sbc."), 0, "%s", run_error.message);
    cr_assert_eq(script.finals, 1);
    pipeline.full_refresh = false;
    cr_assert_eq(execute_one("sbc."), 0, "%s", run_error.message);
    pipeline.defaults.primary_key = NULL;
}

Test(run, two_streams_into_one_target_are_refused)
{
    pipeline.defaults.target = strdup("same");
    script.streams[0] = "a";
    script.streams[1] = "b";
    script.scripts[0] = script.scripts[1] = "sbc.";
    cr_assert_eq(execute(), 2);
    cr_assert(strstr(run_error.message, "both be written"), "%s", run_error.message);
    cr_assert_eq(script.begins, 0);
}

static etl_status count_letter(void *arg, const struct state_dead_letter *letter)
{
    cr_assert_str_eq(letter->column, "extra");
    ++*(int *)arg;
    return ETL_OK;
}

static int letters(void)
{
    struct etl_error err;
    int count = 0;
    etl_error_init(&err);
    cr_assert_eq(state_dead_letter_list(store, "p", "t", 0, 0, count_letter, &count, &err), ETL_OK, "%s", err.message);
    return count;
}

Test(run, dead_letters_are_kept_and_replayed)
{
    pipeline.defaults.contract = strdup("dead-letter");
    cr_assert_eq(run_or_retry(true), 0, "nothing to replay: %s", run_error.message);
    cr_assert_eq(execute_one("sbc."), 0, "%s", run_error.message);
    cr_assert_eq(execute_one("swbcc."), 0, "%s", run_error.message);
    cr_assert_eq(script.committed, 3);
    cr_assert_eq(atomic_load(&report.streams[0].rows_rejected), 3);
    cr_assert_eq(letters(), 3);
    cr_assert_eq(run_or_retry(true), 0, "%s", run_error.message);
    cr_assert_eq(letters(), 3, "they still do not fit");
    replace(&pipeline.defaults.contract, "evolve");
    script.dest_script = "f";
    cr_assert_eq(run_or_retry(true), 76);
    cr_assert_eq(letters(), 3, "a replay that fails keeps them");
    cr_assert_eq(run_or_retry(true), 0, "%s", run_error.message);
    cr_assert_eq(script.committed, 6);
    cr_assert_eq(letters(), 0);
}

Test(run, discarded_rows_are_counted)
{
    pipeline.defaults.contract = strdup("discard-row");
    cr_assert_eq(execute_one("sbc."), 0);
    cr_assert_eq(execute_one("swbcsbcc."), 0, "%s", run_error.message);
    cr_assert_eq(script.committed, 6);
    cr_assert_eq(atomic_load(&report.streams[0].rows_read), 6);
    cr_assert_eq(atomic_load(&report.streams[0].rows_rejected), 3);
    cr_assert_eq(letters(), 0);
}

Test(run, an_interrupted_overwrite_is_resumed)
{
    replace(&pipeline.defaults.mode, "overwrite");
    pipeline.commit_seconds = 0;
    cr_assert_eq(execute_one("sbcX"), 1);
    cr_assert_eq(script.finals, 0);
    cr_assert_eq(execute_one("sbc."), 0, "%s", run_error.message);
    cr_assert_eq(script.finals, 1);
    cr_assert_eq(script.committed, 6);
}
