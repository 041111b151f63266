/* Pipeline files: reading, messages, which settings apply to a stream, the computed name; the schema, the parser and the man page agree. */
#include "core/config/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "core/base/file.h"
#include "core/config/pipeline_schema.h"

static struct etl_error err;
static char path[64];

static void init(void)
{
    etl_error_init(&err);
    snprintf(path, sizeof(path), "/tmp/test_pipeline.XXXXXX");
    close(mkstemp(path));
}

static void fini(void)
{
    unlink(path);
}

TestSuite(pipeline, .init = init, .fini = fini);

static etl_status read_text(const char *text, struct pipeline *pipeline)
{
    cr_assert_eq(file_replace(path, text, strlen(text), &err), ETL_OK);
    pipeline_init(pipeline);
    return pipeline_read(path, pipeline, &err);
}

static void expect_bad(const char *text, const char *word)
{
    struct pipeline pipeline;
    cr_assert_eq(read_text(text, &pipeline), ETL_CONFIG, "%s", text);
    cr_expect_not_null(strstr(err.message, word), "%s: %s", text, err.message);
    cr_expect_not_null(strstr(err.message, path), "%s", err.message);
    pipeline_fini(&pipeline);
}

static const char whole[] = "pipeline: shop\n"
                            "source: {connector: csv, path: 'data/*.csv', password: '${env:ETL_UNSET}'}\n"
                            "destination:\n"
                            "  connector: sqlite\n"
                            "  path: warehouse.db\n"
                            "mode: append\n"
                            "primary_key: id\n"
                            "cursor_lookback: 2h\n"
                            "contract: evolve\n"
                            "limit: 100\n"
                            "include: [orders, 'raw_*']\n"
                            "exclude: raw_tmp*\n"
                            "streams:\n"
                            "  raw_*: {contract: dead-letter, target: raw}\n"
                            "  raw_a*: {target: raw_a}\n"
                            "  orders:\n"
                            "    mode: upsert\n"
                            "    primary_key: [id, region]\n"
                            "    target: fact_orders\n"
                            "    cursor: updated_at\n"
                            "    cursor_from: 2026-01-01\n"
                            "    cursor_until: 20261231\n"
                            "    cursor_lookback: 1h\n"
                            "    contract: freeze\n"
                            "    deletes: soft\n"
                            "    operation_column: op\n"
                            "    include_columns: id, region, email\n"
                            "    exclude_columns: [tmp_*]\n"
                            "    columns:\n"
                            "      email: {mask: hash}\n"
                            "      name: {rename: customer_name}\n"
                            "  empty:\n"
                            "mask_key: ${env:ETL_MASK}\n"
                            "delivery: exactly-once\n"
                            "state: state.db\n"
                            "plugin_dir: plugins\n"
                            "parallel: 4\n"
                            "memory_limit: 64 MiB\n"
                            "commit: {rows: 1000, bytes: 1 MiB, interval: 1m}\n"
                            "batch: {rows: 10, bytes: 64 KiB}\n"
                            "retries: 0\n";

Test(pipeline, whole_file)
{
    struct pipeline pipeline;
    struct stream_config c;
    setenv("ETL_MASK", "key", 1);
    cr_assert_eq(read_text(whole, &pipeline), ETL_OK, "%s", err.message);
    cr_expect_str_eq(pipeline.id, "shop");
    cr_expect_str_eq(pipeline.source, "csv");
    cr_expect_str_eq(pipeline.dest, "sqlite");
    cr_expect_str_eq(json_string_value(json_object_get(pipeline.source_settings, "password")), "${env:ETL_UNSET}",
                     "a connector's settings are resolved with its schema");
    cr_expect_null(json_object_get(pipeline.source_settings, "connector"));
    cr_expect_str_eq(pipeline.mask_key, "key");
    cr_expect_str_eq(pipeline.delivery, "exactly-once");
    cr_expect_str_eq(pipeline.state, "state.db");
    cr_expect_str_eq(pipeline.plugin_dir, "plugins");
    cr_expect_eq(pipeline.parallel, 4);
    cr_expect_eq(pipeline.memory_limit_bytes, 67108864);
    cr_expect_eq(pipeline.commit_rows, 1000);
    cr_expect_eq(pipeline.commit_bytes, 1048576);
    cr_expect_eq(pipeline.commit_seconds, 60);
    cr_expect_eq(pipeline.batch_rows, 10);
    cr_expect_eq(pipeline.batch_bytes, 65536);
    cr_expect_eq(pipeline.retries, 0);

    pipeline_stream(&pipeline, "orders", &c);
    cr_expect_str_eq(c.mode, "upsert");
    cr_expect_str_eq(c.primary_key[1], "region");
    cr_expect_str_eq(c.target, "fact_orders");
    cr_expect_str_eq(c.cursor, "updated_at");
    cr_expect_str_eq(c.cursor_from, "2026-01-01");
    cr_expect_str_eq(c.cursor_until, "20261231");
    cr_expect_eq(c.cursor_lookback, 3600);
    cr_expect_str_eq(c.contract, "freeze");
    cr_expect_str_eq(c.deletes, "soft");
    cr_expect_str_eq(c.operation_column, "op");
    cr_expect_str_eq(c.include_columns[2], "email");
    cr_expect_str_eq(c.exclude_columns[0], "tmp_*");
    cr_expect_eq(c.column_count, 2);
    cr_expect_str_eq(c.columns[0].column, "email");
    cr_expect_str_eq(c.columns[0].mask, "hash");
    cr_expect_null(c.columns[0].rename);
    cr_expect_str_eq(c.columns[1].rename, "customer_name");
    cr_expect_eq(c.limit, 100);

    pipeline_stream(&pipeline, "raw_a1", &c);
    cr_expect_str_eq(c.target, "raw_a");
    cr_expect_str_eq(c.contract, "dead-letter");
    cr_expect_str_eq(c.mode, "append");
    cr_expect_str_eq(c.primary_key[0], "id");
    cr_expect_eq(c.cursor_lookback, 7200);
    pipeline_stream(&pipeline, "other", &c);
    cr_expect_null(c.target);

    cr_expect(pipeline_selects(&pipeline, "orders"));
    cr_expect(pipeline_selects(&pipeline, "raw_x"));
    cr_expect_not(pipeline_selects(&pipeline, "raw_tmp1"));
    cr_expect_not(pipeline_selects(&pipeline, "customers"));
    cr_expect_eq(pipeline_finish(&pipeline, NULL, NULL, &err), ETL_OK);
    cr_expect_str_eq(pipeline.id, "shop");
    pipeline_fini(&pipeline);
}

Test(pipeline, defaults_and_short_form)
{
    struct pipeline pipeline;
    cr_assert_eq(read_text("source: csv\ndestination: 'null'\n", &pipeline), ETL_OK, "%s", err.message);
    cr_expect_str_eq(pipeline.source, "csv");
    cr_expect_str_eq(pipeline.dest, "null");
    cr_expect_null(pipeline.source_settings);
    cr_expect_eq(pipeline.defaults.limit, -1);
    cr_expect_eq(pipeline.defaults.cursor_lookback, -1);
    cr_expect(pipeline.parallel >= 1 && pipeline.parallel <= 8);
    cr_expect_eq(pipeline.commit_rows, 0);
    cr_expect_eq(pipeline.commit_bytes, 134217728);
    cr_expect_eq(pipeline.commit_seconds, 10);
    cr_expect_eq(pipeline.batch_rows, 8192);
    cr_expect_eq(pipeline.batch_bytes, 2097152);
    cr_expect_eq(pipeline.retries, 5);
    cr_expect(pipeline_selects(&pipeline, "anything"));
    pipeline_fini(&pipeline);
    cr_assert_eq(
        read_text("{\"source\": \"csv\", \"destination\": {\"connector\": \"sqlite\"}, \"parallel\": 2}", &pipeline),
        ETL_OK, "%s", err.message);
    cr_expect_eq(pipeline.parallel, 2);
    pipeline_fini(&pipeline);
}

Test(pipeline, errors_name_file_line_key_and_rule)
{
    expect_bad("source: csv\nsuorce: x\n", ":2: key suorce: is not known (did you mean \"source\"?)");
    expect_bad(
        "source: csv\nstreams:\n  orders:\n    mode: upsrt\n",
        ":4: key streams.orders.mode: \"upsrt\" is none of append, overwrite, upsert (did you mean \"upsert\"?)");
    expect_bad("streams:\n  orders:\n    primery_key: id\n",
               ":3: key streams.orders.primery_key: is not known (did you mean \"primary_key\"?)");
    expect_bad("streams: {o: {columns: {email: {msak: hash}}}}\n",
               "key streams.o.columns.email.msak: is not known (did you mean \"mask\"?)");
    expect_bad("streams: [orders]\n", ":1: key streams: must be a mapping, not a list");
    expect_bad("memory_limit: lots\n", "key memory_limit: \"lots\" is not a size like 64 MiB");
    expect_bad("memory_limit: 1K\n", "1024 is less than 1048576");
    expect_bad("\n\nparallel: 0\n", ":3: key parallel: 0 is less than 1");
    expect_bad("cursor_lookback: 1.5\n", "a duration like 90s or 2h");
    expect_bad("cursor_lookback: 500ms\n", "a duration like 90s or 2h");
    expect_bad("commit: {every: 5}\n", "key commit.every: is not known");
    expect_bad("primary_key: []\n", "key primary_key: must not be empty");
    expect_bad("primary_key: [a, '']\n", "key primary_key[2]: must not be empty");
    expect_bad("source: {path: x}\n", ":1: key source: key connector is missing");
    expect_bad("source: ''\n", "must be text that is not empty");
    expect_bad("source: {connector: [a]}\n", "must be text");
    expect_bad("source: [csv]\n", "not a list");
    expect_bad("pipeline: 'a/b'\n", "does not match the pattern");
    expect_bad("mask_key: ${env:ETL_UNSET_X}\n", ":1: key mask_key: environment variable ETL_UNSET_X is not set");
    expect_bad("- a\n", "a pipeline file is a mapping");
    expect_bad("", "a pipeline file is a mapping");
    expect_bad("source: a\nsource: b\n", ":2:1: the key \"source\" is there twice");
    struct pipeline pipeline;
    pipeline_init(&pipeline);
    cr_expect_eq(pipeline_read("/nonexistent.yaml", &pipeline, &err), ETL_NOT_FOUND);
    cr_expect_eq(pipeline_finish(&pipeline, NULL, NULL, &err), ETL_CONFIG);
    cr_expect_not_null(strstr(err.message, "--source"));
    pipeline_fini(&pipeline);
}

static void expect_id(const char *text, const char *schema, const char *id)
{
    struct pipeline pipeline;
    cr_assert_eq(read_text(text, &pipeline), ETL_OK, "%s", err.message);
    cr_assert_eq(pipeline_finish(&pipeline, schema, schema, &err), ETL_OK, "%s", err.message);
    cr_expect_str_eq(pipeline.id, id, "%s: %s", text, pipeline.id);
    pipeline_fini(&pipeline);
}

Test(pipeline, computed_name)
{
    static const char schema[] = "{\"properties\":{\"password\":{\"writeOnly\":true}}}";
    struct pipeline pipeline;
    cr_assert_eq(read_text("source: {connector: csv, n: 5, b: true}\ndestination: sqlite\n", &pipeline), ETL_OK);
    cr_assert_eq(pipeline_finish(&pipeline, NULL, NULL, &err), ETL_OK);
    cr_expect_eq(strncmp(pipeline.id, "csv-to-sqlite-", 14), 0);
    cr_expect_eq(strlen(pipeline.id), 22);
    /* Files and command lines, names and paths, any order, other secrets: the same pipeline. */
    expect_id("destination: ./x/sqlite.so\nsource: {b: 'true', n: '5', connector: /lib/csv.so, password: x}\n", schema,
              pipeline.id);
    struct pipeline other;
    cr_assert_eq(read_text("source: {connector: csv, n: 6, b: true}\ndestination: sqlite\n", &other), ETL_OK);
    cr_assert_eq(pipeline_finish(&other, NULL, NULL, &err), ETL_OK);
    cr_expect_str_neq(other.id, pipeline.id);
    pipeline_fini(&other);
    /* Fixed for ever: a change would orphan every state that was saved under a computed name. */
    expect_id("source: csv\ndestination: sqlite\n", NULL, "csv-to-sqlite-66c5c53d");
    free(pipeline.id);
    pipeline.id = strdup("a b");
    cr_expect_eq(pipeline_finish(&pipeline, NULL, NULL, &err), ETL_CONFIG);
    pipeline_fini(&pipeline);
}

/* ---- schema, parser and man page ---- */

static void each_key(const json_t *schema, void (*see)(const char *key))
{
    const char *key = NULL;
    json_t *property = NULL;
    json_object_foreach(json_object_get(schema, "properties"), key, property)
    {
        see(key);
        each_key(property, see);
    }
    if (json_is_object(json_object_get(schema, "additionalProperties")))
        each_key(json_object_get(schema, "additionalProperties"), see);
}

static char *man;

static void is_documented(const char *key)
{
    char item[64];
    snprintf(item, sizeof(item), ".It Ic %s", key);
    cr_expect_not_null(strstr(man, item), "etlhost.conf(5) has no \"%s\"", item);
}

static void is_tested(const char *key)
{
    char word[64];
    snprintf(word, sizeof(word), "%s:", key);
    cr_expect_not_null(strstr(whole, word), "the test of the whole file lacks %s", key);
}

Test(pipeline, schema_parser_and_manual_agree)
{
    char name[512];
    size_t length = 0;
    const char *top = getenv("top_srcdir");
    json_error_t error;
    json_t *schema = json_loads(pipeline_schema_text, JSON_REJECT_DUPLICATES, &error);
    cr_assert_not_null(schema, "%s", error.text);
    each_key(schema, is_tested);
    snprintf(name, sizeof(name), "%s/man/etlhost.conf.5", top != NULL ? top : ".");
    cr_assert_eq(file_read(name, 1 << 20, &man, &length, &err), ETL_OK, "%s", err.message);
    each_key(schema, is_documented);
    free(man);
    json_decref(schema);
}

Test(pipeline, example_of_the_manual_is_valid)
{
    char name[512], *text = NULL;
    size_t length = 0;
    struct pipeline pipeline;
    const char *top = getenv("top_srcdir");
    snprintf(name, sizeof(name), "%s/man/etlhost.conf.5", top != NULL ? top : ".");
    cr_assert_eq(file_read(name, 1 << 20, &text, &length, &err), ETL_OK, "%s", err.message);
    char *begin = strstr(text, ".Bd -literal\n"), *end = begin != NULL ? strstr(begin, ".Ed") : NULL;
    cr_assert_not_null(end);
    *end = '\0';
    setenv("MASK_KEY", "k", 1);
    cr_assert_eq(read_text(strchr(begin, '\n') + 1, &pipeline), ETL_OK, "%s", err.message);
    cr_expect_eq(pipeline.stream_count, 3);
    pipeline_fini(&pipeline);
    free(text);
}
