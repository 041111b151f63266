/* State export and import: exact round trip, all or nothing, malformed documents. */
#include "core/state/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

static char folder[64], path[2][128];
static struct etl_error err;

static void make_folder(void)
{
    snprintf(folder, sizeof(folder), "/tmp/test_state.XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path[0], sizeof(path[0]), "%s/a.db", folder);
    snprintf(path[1], sizeof(path[1]), "%s/b.db", folder);
    etl_error_init(&err);
}

static void remove_folder(void)
{
    for (size_t i = 0; i < 2; i++) {
        static const char *const ends[] = {"", "-wal", "-shm"};
        for (size_t j = 0; j < 3; j++) {
            char name[300];
            snprintf(name, sizeof(name), "%s%s", path[i], ends[j]);
            remove(name);
        }
    }
    rmdir(folder);
}

TestSuite(transfer, .init = make_folder, .fini = remove_folder);

static char stream[] = "orders", slice[] = "eu", run[] = "r", connector[] = "csv", cursor[] = "c", none[] = "";

static void fill(struct state_store *store, uint64_t seq)
{
    struct state_lease lease = {0};
    char fingerprint[] = "\xff\xfe", schema[] = "{\"columns\":[]}", map[] = "{\"a\":\"b\"}", slices[] = "[\"eu\",\"\"]";
    static char binary[] = {0, 1, (char)0x80, (char)0xff, 0};
    static char text[] = "{\"at\":\"\xc3\xa9\"}", record[] = "a,\xe9,b\n";
    struct state_stream row = {3, false, fingerprint, schema, map, slices};
    struct state_checkpoint c = {.stream = stream,
                                 .slice = slice,
                                 .generation = 3,
                                 .seq = seq,
                                 .run_id = run,
                                 .state = binary,
                                 .state_len = sizeof(binary),
                                 .connector = connector,
                                 .state_version = UINT32_MAX,
                                 .rows_read = INT64_MAX,
                                 .rows_written = 1,
                                 .rows_deleted = 2,
                                 .rows_rejected = 3,
                                 .bytes = 4,
                                 .cursor = cursor,
                                 .committed_at_us = -5};
    struct state_dead_letter letter = {.stream = stream,
                                       .slice = slice,
                                       .run_id = run,
                                       .seq = seq,
                                       .column = none,
                                       .reason = run,
                                       .location = none,
                                       .record = record,
                                       .record_len = sizeof(record) - 1,
                                       .created_at_us = 9};
    struct state_dead_letter letters[3] = {letter, letter, letter};
    cr_assert_eq(state_lease_take(store, "p", 1000000, &lease, &err), ETL_OK, "%s", err.message);
    cr_assert_eq(state_stream_put(store, &lease, "orders", &row, &err), ETL_OK);
    cr_assert_eq(state_dead_letter_add(store, &lease, letters, 2, &err), ETL_OK);
    cr_assert_eq(state_checkpoint_save(store, &lease, &c, &err), ETL_OK, "%s", err.message);
    c.slice = none;
    c.state = text;
    c.state_len = strlen(text);
    cr_assert_eq(state_checkpoint_save(store, &lease, &c, &err), ETL_OK, "%s", err.message);
    letters[2].seq = seq + 1;
    cr_assert_eq(state_dead_letter_add(store, &lease, letters + 2, 1, &err), ETL_OK);
    state_lease_release(store, &lease);
    cr_assert_eq(state_lease_take(store, "q", 1000000, &lease, &err), ETL_OK);
    state_lease_release(store, &lease);
}

static struct state_store *open_store(int i)
{
    struct state_store *store = NULL;
    cr_assert_eq(state_open(path[i], &store, &err), ETL_OK, "%s", err.message);
    return store;
}

static json_t *export(struct state_store *store, const char *pipeline)
{
    json_t *document = NULL;
    cr_assert_eq(state_export(store, pipeline, &document, &err), ETL_OK, "%s", err.message);
    return document;
}

/* Epochs move on by design. */
static void strip_epochs(json_t *document)
{
    size_t i = 0;
    json_t *pipeline = NULL;
    json_array_foreach(json_object_get(document, "pipelines"), i, pipeline) json_object_del(pipeline, "epoch");
}

static void expect_same(json_t *a, json_t *b)
{
    strip_epochs(a);
    strip_epochs(b);
    char *left = json_dumps(a, JSON_SORT_KEYS), *right = json_dumps(b, JSON_SORT_KEYS);
    cr_expect_str_eq(left, right);
    free(left);
    free(right);
    json_decref(a);
    json_decref(b);
}

static json_t *through_text(json_t *document)
{
    char *text = json_dumps(document, 0);
    json_t *again = json_loads(text, 0, NULL);
    cr_assert_not_null(again);
    free(text);
    json_decref(document);
    return again;
}

Test(transfer, round_trip_and_again)
{
    struct state_store *a = open_store(0), *b = open_store(1);
    fill(a, 7);
    json_t *document = through_text(export(a, NULL));
    cr_expect_eq(json_array_size(json_object_get(document, "pipelines")), 2);
    for (int times = 0; times < 2; times++) {
        cr_assert_eq(state_import(b, document, &err), ETL_OK, "%s", err.message);
        expect_same(export(a, NULL), export(b, NULL));
    }
    json_decref(document);
    cr_expect_eq(state_export(a, "nobody", &document, &err), ETL_NOT_FOUND);
    document = export(a, "q");
    cr_expect_eq(json_array_size(json_object_get(document, "pipelines")), 1);
    json_decref(document);
    /* The epoch never goes back, on either side. */
    struct state_lease lease = {0};
    cr_assert_eq(state_lease_take(b, "p", 1000, &lease, &err), ETL_OK);
    cr_expect_gt(lease.epoch, 2);
    state_lease_release(b, &lease);
    state_close(a);
    state_close(b);
}

Test(transfer, refuses_older_and_held)
{
    struct state_store *a = open_store(0), *b = open_store(1);
    struct state_lease lease = {0};
    fill(a, 7);
    json_t *old = export(a, NULL);
    fill(b, 8);
    json_t *before = export(b, NULL);
    cr_expect_eq(state_import(b, old, &err), ETL_CONFLICT);
    cr_expect_not_null(strstr(err.message, "pipelines[0].streams[0].checkpoints[0]"), "%s", err.message);
    expect_same(before, export(b, NULL));
    before = export(a, NULL);
    cr_assert_eq(state_lease_take(a, "p", 10000000, &lease, &err), ETL_OK);
    cr_expect_eq(state_import(a, old, &err), ETL_CONFLICT);
    cr_expect_not_null(strstr(err.message, "another run holds it"), "%s", err.message);
    state_lease_release(a, &lease);
    json_array_clear(json_object_get(json_array_get(json_object_get(old, "pipelines"), 0), "streams"));
    cr_expect_eq(state_import(a, old, &err), ETL_CONFLICT);
    cr_expect_not_null(strstr(err.message, "lacks"), "%s", err.message);
    cr_expect_eq(state_reset(a, "p", NULL, &err), ETL_OK);
    cr_expect_eq(state_import(a, before, &err), ETL_CONFLICT, "reset is newer");
    cr_expect_not_null(strstr(err.message, "newer generation"), "%s", err.message);
    json_decref(before);
    json_decref(old);
    state_close(a);
    state_close(b);
}

/* Every field of every record: removed, renamed, and replaced by values of all types. */
static void attack(struct state_store *store, json_t *document, json_t *object, const char *where)
{
    json_t *keys = json_array();
    const char *key = NULL;
    json_t *value = NULL;
    size_t i = 0;
    json_object_foreach(object, key, value) json_array_append_new(keys, json_string(key));
    json_array_foreach(keys, i, value)
    {
        const char *name = json_string_value(value);
        json_t *old = json_incref(json_object_get(object, name));
        json_object_del(object, name);
        cr_expect_eq(state_import(store, document, &err), ETL_CONFIG, "%s without %s", where, name);
        json_t *bad[] = {json_null(),
                         json_real(1.5),
                         json_integer(-1),
                         json_pack("{s:s}", "base64", "AA=A"),
                         json_pack("{s:s}", "base64", "AB=="),
                         json_pack("{s:s}", "base65", "")};
        for (size_t j = 0; j < sizeof(bad) / sizeof(bad[0]); j++) {
            json_object_set_new(object, name, bad[j]);
            if (j == 2 && strcmp(name, "committed_at_us") == 0)
                continue;
            if (j == 2 && strcmp(name, "created_at_us") == 0)
                continue;
            cr_expect_eq(state_import(store, document, &err), ETL_CONFIG, "%s.%s value %zu", where, name, j);
            cr_expect_not_null(strstr(err.message, name), "%s.%s: %s", where, name, err.message);
            cr_expect_not_null(strstr(err.message, where), "%s.%s: %s", where, name, err.message);
        }
        json_object_set_new(object, name, old);
    }
    json_object_set_new(object, "extra", json_true());
    cr_expect_eq(state_import(store, document, &err), ETL_CONFIG);
    cr_expect_not_null(strstr(err.message, "extra: is not known"), "%s", err.message);
    json_object_del(object, "extra");
    json_decref(keys);
}

Test(transfer, refuses_every_malformed_field)
{
    struct state_store *a = open_store(0), *b = open_store(1);
    fill(a, 7);
    json_t *document = export(a, "p");
    json_t *pipeline = json_array_get(json_object_get(document, "pipelines"), 0);
    json_t *orders = json_array_get(json_object_get(pipeline, "streams"), 0);
    attack(b, document, pipeline, "pipelines[0]");
    attack(b, document, orders, "pipelines[0].streams[0]");
    attack(b, document, json_array_get(json_object_get(orders, "checkpoints"), 1),
           "pipelines[0].streams[0].checkpoints[1]");
    attack(b, document, json_array_get(json_object_get(orders, "dead_letters"), 2),
           "pipelines[0].streams[0].dead_letters[2]");
    json_t *empty = export(b, NULL);
    cr_expect_eq(json_array_size(json_object_get(empty, "pipelines")), 0, "a refused document left something");
    json_decref(empty);
    cr_expect_eq(state_import(b, document, &err), ETL_OK, "%s", err.message);
    json_decref(document);
    state_close(a);
    state_close(b);
}

static void expect_bad(const char *text, const char *word)
{
    struct state_store *store = open_store(0);
    json_t *document = json_loads(text, JSON_DECODE_ANY, NULL);
    cr_assert_not_null(document, "%s", text);
    cr_expect_eq(state_import(store, document, &err), ETL_CONFIG, "%s", text);
    cr_expect_not_null(strstr(err.message, word), "%s: %s", text, err.message);
    json_decref(document);
    state_close(store);
}

Test(transfer, refuses_wrong_envelope)
{
    expect_bad("[]", "etlhost_state");
    expect_bad("7", "etlhost_state");
    expect_bad("{}", "etlhost_state");
    expect_bad("{\"etlhost_state\":2,\"pipelines\":[]}", "version 1 only");
    expect_bad("{\"etlhost_state\":\"1\",\"pipelines\":[]}", "version 1 only");
    expect_bad("{\"etlhost_state\":1}", "pipelines: must be an array");
    expect_bad("{\"etlhost_state\":1,\"pipelines\":[],\"x\":1}", "only");
    expect_bad("{\"etlhost_state\":1,\"pipelines\":[7]}", "pipelines[0]: must be an object");
    expect_bad("{\"etlhost_state\":1,\"pipelines\":[{\"pipeline\":\"\",\"epoch\":1,\"streams\":[]}]}",
               "must not be empty");
    expect_bad(
        "{\"etlhost_state\":1,\"pipelines\":[{\"pipeline\":\"a\",\"epoch\":9223372036854775807,\"streams\":[]}]}",
        "too large");
    expect_bad("{\"etlhost_state\":1,\"pipelines\":[{\"pipeline\":\"a\",\"epoch\":1,\"streams\":[]},"
               "{\"pipeline\":\"a\",\"epoch\":1,\"streams\":[]}]}",
               "there twice");
}

Test(transfer, refuses_duplicates_and_broken_inner_json)
{
    struct state_store *a = open_store(0), *b = open_store(1);
    fill(a, 7);
    json_t *document = export(a, "p");
    json_t *streams = json_object_get(json_array_get(json_object_get(document, "pipelines"), 0), "streams");
    json_t *orders = json_array_get(streams, 0);
    json_array_append_new(streams, json_deep_copy(orders));
    cr_expect_eq(state_import(b, document, &err), ETL_CONFIG);
    cr_expect_not_null(strstr(err.message, "streams[1]: \"orders\" is there twice"), "%s", err.message);
    json_array_remove(streams, 1);
    json_t *checkpoints = json_object_get(orders, "checkpoints");
    json_array_append_new(checkpoints, json_deep_copy(json_array_get(checkpoints, 0)));
    cr_expect_eq(state_import(b, document, &err), ETL_CONFIG);
    json_array_remove(checkpoints, json_array_size(checkpoints) - 1);
    static const char *const bad[][2] = {{"schema", "[]"},          {"schema", "{"},  {"name_map", ""},
                                         {"name_map", "{\"a\":1}"}, {"slices", "{}"}, {"slices", "[1]"}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        json_t *old = json_incref(json_object_get(orders, bad[i][0]));
        json_object_set_new(orders, bad[i][0], json_string(bad[i][1]));
        cr_expect_eq(state_import(b, document, &err), ETL_CONFIG, "%s %s", bad[i][0], bad[i][1]);
        cr_expect_not_null(strstr(err.message, bad[i][0]));
        json_object_set_new(orders, bad[i][0], old);
    }
    cr_expect_eq(state_import(b, document, &err), ETL_OK, "%s", err.message);
    json_decref(document);
    state_close(a);
    state_close(b);
}
