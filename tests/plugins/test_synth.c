/* The synth source: determinism, states, revisions, slices, memory. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk.h>

#include "plugins/synth/synth.h"

static struct etl_error err;

#define OK(expression)                                                                                                 \
    do {                                                                                                               \
        etl_error_init(&err);                                                                                          \
        etl_status ok_status = (expression);                                                                           \
        cr_assert_eq(ok_status, ETL_OK, "%s: %s: %s", #expression, etl_status_name(ok_status), err.message);           \
    } while (0)

/* Everything that one reader said. */
struct run {
    struct etl_buffer rows;   /* "OP {json}\n" */
    struct etl_buffer states; /* "STATE LENGTH-OF-ROWS-THEN\n" */
    char *last_state;
    int64_t count, ops[4], nulls;
    int schemas, batches;
};

struct ask {
    const char *stream, *slice, *state;
    const char *const *columns;
    uint64_t batch_rows;
    bool count_only;
};

static void take_batch(struct run *run, struct etl_view *view, struct etl_message *message, const struct ask *ask)
{
    OK(etl_view_validate(view, &message->batch, true, &err));
    cr_assert_eq(message->batch.offset, 0);
    cr_assert(message->batch.length > 0);
    etl_view_set(view, &message->batch);
    for (int64_t row = 0; row < view->length; row++) {
        uint8_t op = etl_view_op(view, message->flags, row);
        run->ops[op]++;
        for (int64_t c = 0; c < view->n_children; c++)
            run->nulls += etl_view_is_null(&view->children[c], row);
        if (ask->count_only)
            continue;
        etl_buffer_add_format(&run->rows, "%d ", op);
        etl_json_add_row(&run->rows, view, row);
        etl_buffer_add_text(&run->rows, "\n");
    }
    run->count += view->length;
    run->batches++;
    etl_array_release(&message->batch);
}

static struct etl_source *open_source(const char *config)
{
    struct etl_source *source = NULL;
    OK(synth_source_ops.open(NULL, config, strlen(config), &source, &err));
    return source;
}

static etl_status open_reader(struct etl_source *source, const struct ask *ask, struct etl_reader **ret_reader)
{
    struct etl_read_request request = {.struct_size = sizeof request,
                                       .stream = ask->stream ? ask->stream : "synth_1",
                                       .slice = ask->slice ? ask->slice : "",
                                       .columns = ask->columns,
                                       .state = ask->state,
                                       .state_len = ask->state ? strlen(ask->state) : 0,
                                       .state_version = 1,
                                       .cursor_column = "",
                                       .cursor_from = "",
                                       .cursor_until = "",
                                       .batch_rows_hint = ask->batch_rows};
    etl_error_init(&err);
    return synth_source_ops.read_open(source, &request, ret_reader, &err);
}

static struct run read_all(const char *config, struct ask ask)
{
    struct run run = {0};
    struct etl_source *source = open_source(config);
    struct etl_reader *reader = NULL;
    struct ArrowSchema schema = {0};
    struct etl_view view = {0};
    bool ended = false;
    OK(open_reader(source, &ask, &reader));
    while (!ended) {
        struct etl_message message = {.struct_size = sizeof message};
        OK(synth_source_ops.read_next(reader, &message, &err));
        switch (message.kind) {
        case ETL_MESSAGE_SCHEMA:
            etl_view_fini(&view);
            etl_schema_release(&schema);
            etl_schema_move(&message.schema, &schema);
            OK(etl_view_init(&view, &schema, &err));
            run.schemas++;
            break;
        case ETL_MESSAGE_BATCH: take_batch(&run, &view, &message, &ask); break;
        case ETL_MESSAGE_CHECKPOINT:
            free(run.last_state);
            run.last_state = strndup(message.state, message.state_len);
            etl_buffer_add_format(&run.states, "%s %zu\n", run.last_state, run.rows.length);
            break;
        default: ended = true; cr_assert_eq(message.kind, ETL_MESSAGE_END);
        }
    }
    etl_view_fini(&view);
    etl_schema_release(&schema);
    synth_source_ops.read_close(reader);
    synth_source_ops.close(source);
    cr_assert(etl_buffer_text(&run.rows) && etl_buffer_text(&run.states));
    return run;
}

static void drop(struct run *run)
{
    etl_buffer_fini(&run->rows);
    etl_buffer_fini(&run->states);
    free(run->last_state);
}

#define ALL                                                                                                            \
    "\"rows\":1000,\"nested\":true,\"columns\":26,\"null_percent\":10,\"updates_percent\":30,\"deletes_percent\":5"

Test(synth, same_settings_same_rows)
{
    struct run one = read_all("{" ALL ",\"revision\":2}", (struct ask){.batch_rows = 1000});
    struct run two = read_all("{" ALL ",\"revision\":2}", (struct ask){.batch_rows = 37});
    struct run other = read_all("{" ALL ",\"revision\":2,\"seed\":2}", (struct ask){.batch_rows = 37});
    cr_expect_eq(one.count, 1000 + 2 * 350);
    cr_expect_eq(one.ops[ETL_OP_INSERT], 1000);
    cr_expect_eq(one.ops[ETL_OP_UPSERT], 600);
    cr_expect_eq(one.ops[ETL_OP_DELETE], 100);
    cr_expect_str_eq(one.rows.data, two.rows.data);
    cr_expect_str_neq(one.rows.data, other.rows.data);
    cr_expect(two.batches > one.batches);
    drop(&one);
    drop(&two);
    drop(&other);
}

Test(synth, resumes_at_every_checkpoint)
{
    struct run whole = read_all("{" ALL ",\"revision\":1,\"schema_change_at\":333}", (struct ask){.batch_rows = 97});
    cr_expect_eq(whole.schemas, 2);
    for (char *line = whole.states.data; *line; line = strchr(line, '\n') + 1) {
        char *state = strndup(line, strcspn(line, "\n")), *space = strrchr(state, ' ');
        *space = '\0';
        struct run rest = read_all("{" ALL ",\"revision\":1,\"schema_change_at\":333}",
                                   (struct ask){.batch_rows = 64, .state = state});
        cr_expect_str_eq(rest.rows.data, whole.rows.data + strtoul(space + 1, NULL, 10));
        drop(&rest);
        free(state);
    }
    drop(&whole);
}

Test(synth, the_next_revision_emits_changes_only)
{
    struct run first = read_all("{" ALL "}", (struct ask){.batch_rows = 100});
    struct run again = read_all("{" ALL "}", (struct ask){.state = first.last_state});
    struct run second = read_all("{" ALL ",\"revision\":1}", (struct ask){.state = first.last_state});
    struct run both = read_all("{" ALL ",\"revision\":1}", (struct ask){0});
    cr_expect_eq(first.count, 1000);
    cr_expect_eq(again.count, 0);
    cr_expect_eq(again.schemas, 1);
    cr_expect_null(again.last_state);
    cr_expect_eq(second.count, 350);
    cr_expect_eq(second.ops[ETL_OP_INSERT], 0);
    cr_expect_eq(first.rows.length + second.rows.length, both.rows.length);
    cr_expect_str_eq(both.rows.data + first.rows.length, second.rows.data);
    drop(&first);
    drop(&again);
    drop(&second);
    drop(&both);
}

Test(synth, an_update_changes_the_row_and_a_delete_has_its_key_only)
{
    const char *config = "{\"rows\":10,\"updates_percent\":50,\"deletes_percent\":50,\"revision\":1}";
    struct run run = read_all(config, (struct ask){0});
    int changed = 0, deleted = 0;
    for (char *line = run.rows.data; *line; line = strchr(line, '\n') + 1) {
        char *end = strchr(line, '\n');
        if (*line == '1') {
            char *key = strndup(line + 2, 24), *same = strstr(run.rows.data, key); /* {"id":"row_000000000007" */
            free(key);
            cr_assert(same && same[-2] == '0');
            cr_expect(strncmp(same, line + 2, (size_t)(end - line - 2)) != 0);
            cr_expect(memmem(line, (size_t)(end - line), "\"version\":1", 11));
            changed++;
        } else if (*line == '2') {
            cr_expect(memmem(line, (size_t)(end - line), "\"amount\":null", 13));
            cr_expect(!memmem(line, (size_t)(end - line), "true", 4));
            cr_expect_eq(memcmp(line + 2, "{\"id\":\"row_", 11), 0);
            deleted++;
        }
    }
    cr_expect_eq(changed, 5);
    cr_expect_eq(deleted, 5);
    cr_expect_eq(run.nulls, 5 * 11);
    drop(&run);
}

Test(synth, slices_are_the_stream)
{
    static const char *const slices[] = {"part:1/3", "part:2/3", "part:3/3"};
    struct run whole = read_all("{\"rows\":1000,\"null_percent\":7}", (struct ask){0});
    size_t at = 0;
    for (int i = 0; i < 3; i++) {
        struct run part =
            read_all("{\"rows\":1000,\"null_percent\":7}", (struct ask){.slice = slices[i], .batch_rows = 50});
        cr_expect_eq(memcmp(whole.rows.data + at, part.rows.data, part.rows.length), 0);
        at += part.rows.length;
        drop(&part);
    }
    cr_expect_eq(at, whole.rows.length);
    drop(&whole);
}

static int compare_int(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

Test(synth, numbers_and_keys_are_distinct)
{
    enum { ROWS = 100000 };
    struct etl_source *source = open_source("{\"rows\":100000,\"columns\":7,\"seed\":99}");
    struct etl_reader *reader = NULL;
    int64_t *customers = malloc(ROWS * 8), *amounts = malloc(ROWS * 8), *rates = malloc(ROWS * 8), at = 0;
    char expected[32];
    OK(open_reader(source, &(struct ask){.batch_rows = 16384}, &reader));
    for (;;) {
        struct etl_message message = {.struct_size = sizeof message};
        OK(synth_source_ops.read_next(reader, &message, &err));
        if (message.kind == ETL_MESSAGE_END)
            break;
        etl_schema_release(&message.schema);
        for (int64_t i = 0; message.kind == ETL_MESSAGE_BATCH && i < message.batch.length; i++, at++) {
            struct ArrowArray **c = message.batch.children;
            snprintf(expected, sizeof expected, "row_%012lld", (long long)at);
            cr_assert_eq(memcmp((const char *)c[0]->buffers[2] + i * 16, expected, 16), 0);
            customers[at] = ((const int64_t *)c[1]->buffers[1])[i];
            amounts[at] = ((const int64_t *)c[2]->buffers[1])[2 * i];
            memcpy(&rates[at], (const double *)c[6]->buffers[1] + i, 8);
        }
        etl_array_release(&message.batch);
    }
    cr_assert_eq(at, ROWS);
    int64_t *all[] = {customers, amounts, rates};
    for (int k = 0; k < 3; k++) {
        qsort(all[k], ROWS, 8, compare_int);
        for (int i = 1; i < ROWS; i++)
            cr_assert_neq(all[k][i - 1], all[k][i]);
        free(all[k]);
    }
    synth_source_ops.read_close(reader);
    synth_source_ops.close(source);
}

Test(synth, nulls_come_in_the_asked_share)
{
    struct run none = read_all("{\"rows\":20000,\"nested\":true}", (struct ask){.count_only = true});
    struct run some =
        read_all("{\"rows\":20000,\"nested\":true,\"null_percent\":25}", (struct ask){.count_only = true});
    struct run all = read_all("{\"rows\":100,\"nested\":true,\"null_percent\":100}", (struct ask){.count_only = true});
    cr_expect_eq(none.nulls, 0);
    cr_expect(some.nulls > 20000 * 11 * 24 / 100 && some.nulls < 20000 * 11 * 26 / 100, "%d", (int)some.nulls);
    cr_expect_eq(all.nulls, 100 * 11);
    drop(&none);
    drop(&some);
    drop(&all);
}

Test(synth, selected_columns_and_the_extra_column)
{
    const char *columns[] = {"id", "status", "extra", NULL};
    struct run run = read_all("{\"rows\":4,\"schema_change_at\":2,\"deletes_percent\":25,\"revision\":1}",
                              (struct ask){.columns = columns});
    cr_expect_eq(run.schemas, 2);
    cr_expect_eq(memcmp(run.rows.data, "0 {\"id\":\"row_000000000000\",\"status\":", 36), 0);
    char *third = strstr(run.rows.data, "row_000000000002");
    cr_expect(strstr(third, "\"extra\":\""));
    cr_expect(strstr(run.rows.data, "\"extra\"") > third);
    cr_expect_eq(run.ops[ETL_OP_DELETE], 1);
    drop(&run);
}

static etl_status collect(void *arg, const char *text, size_t length, struct ArrowSchema *schema)
{
    strncat(strncat(arg, text, length), "\n", 2);
    cr_assert_eq(etl_schema_validate(schema, &err), ETL_OK, "%s", err.message);
    etl_schema_release(schema);
    return ETL_OK;
}

static etl_status collect_slice(void *arg, const char *slice, size_t length)
{
    strncat(strncat(arg, slice, length), " ", 2);
    return ETL_OK;
}

Test(synth, discovers_and_plans)
{
    char text[4096] = "";
    struct etl_source *source =
        open_source("{\"streams\":11,\"stream\":\"orders\",\"rows\":5,\"nested\":true,\"columns\":30,"
                    "\"deletes_percent\":1,\"schema_change_at\":3}");
    OK(synth_source_ops.discover(source, collect, text, &err));
    cr_expect_eq(strncmp(text,
                         "{\"name\":\"orders_1\",\"primary_key\":[\"id\"],\"incremental\":true,\"deletes\":true,"
                         "\"estimated_rows\":5}\n{\"name\":\"orders_10\"",
                         100),
                 0, "%s", text);
    text[0] = '\0';
    OK(synth_source_ops.plan_slices(source, "orders_2", 2, 0, collect_slice, text, &err));
    cr_expect_str_eq(text, "part:1/2 part:2/2 ");
    text[0] = '\0';
    OK(synth_source_ops.plan_slices(source, "orders_2", 6, 0, collect_slice, text, &err));
    cr_expect_str_eq(text, "");
    synth_source_ops.close(source);
    source = open_source("{\"stream\":\"orders\"}");
    OK(synth_source_ops.discover(source, collect, text, &err));
    cr_expect_eq(strncmp(text, "{\"name\":\"orders\"", 16), 0, "%s", text);
    synth_source_ops.close(source);
}

Test(synth, refuses_foreign_states_streams_and_slices)
{
    static const struct {
        struct ask ask;
        etl_status expected;
    } cases[] = {
        {{.state = ""}, ETL_STATE_INVALID},
        {{.state = "{}"}, ETL_STATE_INVALID},
        {{.state = "{\"v\":2,\"row\":1,\"revision\":0,\"rows\":100}"}, ETL_STATE_INVALID},
        {{.state = "{\"v\":1,\"row\":-1,\"revision\":0,\"rows\":100}"}, ETL_STATE_INVALID},
        {{.state = "{\"v\":1,\"row\":101,\"revision\":0,\"rows\":100}"}, ETL_STATE_INVALID},
        {{.state = "{\"v\":1,\"row\":1.5,\"revision\":0,\"rows\":100}"}, ETL_STATE_INVALID},
        {{.state = "{\"v\":1,\"row\":1,\"revision\":0,\"rows\":101}"}, ETL_STATE_INVALID},
        {{.state = "{\"v\":1,\"row\":1,\"revision\":1,\"rows\":99}"}, ETL_STATE_INVALID},
        {{.state = "{\"v\":1,\"row\":1,\"revision\":0,\"rows\":99}", .slice = "part:1/2"}, ETL_STATE_INVALID},
        {{.state = "{\"v\":1,\"row\":1,\"revision\":0,\"rows\":99}"}, ETL_OK},
        {{.stream = "synth_2"}, ETL_NOT_FOUND},
        {{.slice = "part:0/2"}, ETL_NOT_FOUND},
        {{.slice = "part:3/2"}, ETL_NOT_FOUND},
        {{.slice = "part:1/0"}, ETL_NOT_FOUND},
        {{.slice = "part:1"}, ETL_NOT_FOUND},
        {{.slice = "pa/1"}, ETL_NOT_FOUND},
        {{.slice = "/"}, ETL_NOT_FOUND},
    };
    struct etl_source *source = open_source("{\"rows\":100}");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct etl_reader *reader = NULL;
        etl_status status = open_reader(source, &cases[i].ask, &reader);
        cr_expect_eq(status, cases[i].expected, "case %zu: %s", i, err.message);
        if (reader)
            synth_source_ops.read_close(reader);
    }
    synth_source_ops.close(source);
}

Test(synth, refuses_settings_out_of_range)
{
    static const char *const configs[] = {"{\"columns\":0}",        "{\"columns\":1001}",
                                          "{\"streams\":0}",        "{\"rows\":1000000000001}",
                                          "{\"null_percent\":101}", "{\"updates_percent\":60,\"deletes_percent\":41}",
                                          "{\"colums\":1}",         "{\"rows\":-1}"};
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        struct etl_source *source = NULL;
        etl_error_init(&err);
        cr_expect_eq(synth_source_ops.open(NULL, configs[i], strlen(configs[i]), &source, &err), ETL_CONFIG, "%s",
                     configs[i]);
        cr_expect(*err.message);
    }
    cr_expect(strchr(synth_source_schema(), '\0')[-1] == '}', "the schema is cut");
}

Test(synth, empty_stream_and_cancel)
{
    struct run empty = read_all("{\"rows\":0,\"revision\":3,\"updates_percent\":10}", (struct ask){0});
    cr_expect_eq(empty.count, 0);
    cr_expect_eq(empty.schemas, 1);
    drop(&empty);
    struct etl_source *source = open_source("{}");
    struct etl_reader *reader = NULL;
    struct etl_message message = {.struct_size = sizeof message};
    OK(open_reader(source, &(struct ask){0}, &reader));
    synth_source_ops.cancel(source);
    cr_expect_eq(synth_source_ops.read_next(reader, &message, &err), ETL_CANCELLED);
    synth_source_ops.read_close(reader);
    synth_source_ops.close(source);
}

static void *release_all(void *arg)
{
    struct ArrowArray *batches = arg;
    for (int i = 0; i < 64; i++)
        etl_array_release(&batches[i]);
    return NULL;
}

/* Batches outlive reader and source; children are moved out; memory is released on another thread while the next is made. */
Test(synth, batches_are_independent)
{
    struct etl_source *source = open_source("{\"rows\":1000000,\"nested\":true,\"null_percent\":3}");
    struct etl_reader *reader = NULL;
    static struct ArrowArray kept[4][64];
    struct ArrowArray columns[12];
    pthread_t threads[3];
    OK(open_reader(source, &(struct ask){.batch_rows = 100}, &reader));
    for (int round = 0; round < 4; round++) {
        for (int n = 0; n < 64;) {
            struct etl_message message = {.struct_size = sizeof message};
            OK(synth_source_ops.read_next(reader, &message, &err));
            etl_schema_release(&message.schema);
            if (message.kind == ETL_MESSAGE_BATCH)
                etl_array_move(&message.batch, &kept[round][n++]);
        }
        if (round < 3)
            cr_assert_eq(pthread_create(&threads[round], NULL, release_all, kept[round]), 0);
    }
    synth_source_ops.read_close(reader);
    synth_source_ops.close(source);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    for (int c = 0; c < 12; c++)
        etl_array_move(kept[3][0].children[c], &columns[c]);
    release_all(kept[3]);
    cr_expect_eq(memcmp((const char *)columns[0].buffers[2], "row_", 4), 0);
    for (int c = 0; c < 12; c++)
        etl_array_release(&columns[c]);
}
