/* The CSV connectors, linked directly, against a small host. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <etlhost/ext/reject.h>

#include "plugins/csv/csv_source.h"

static char folder[64];
static struct etl_error err;
static struct etl_buffer seen;  /* what the last read gave: "[name:format ...]" per schema, "v|v;" per row */
static struct etl_buffer aside; /* "location: reason {record}" per reject */
static char warnings[4096];
static bool takes_rejects;
static char *state;
static uint64_t rows_hint = 8192;
static int64_t rows_read, biggest_batch;
static int checkpoints, schemas;

static void on_log(const struct etl_host *host, uint32_t level, const char *message, size_t length)
{
    (void)host;
    if (level <= ETL_LOG_WARN && strlen(warnings) + length + 2 < sizeof warnings) {
        strncat(warnings, message, length);
        strcat(warnings, "\n");
    }
}

static int32_t is_cancelled(const struct etl_host *host)
{
    (void)host;
    return 0;
}

static etl_status on_reject(const struct etl_host *host, const struct etl_rejected *rejected, struct etl_error *error)
{
    (void)host;
    if (!takes_rejects)
        return etl_fail(error, ETL_DATA, "%s: %s", rejected->location, rejected->reason);
    etl_buffer_add_format(&aside, "%s: %s {", rejected->location, rejected->reason);
    if (rejected->record_len < 200)
        etl_buffer_add(&aside, rejected->record, (size_t)rejected->record_len);
    etl_buffer_add_text(&aside, "}\n");
    return ETL_OK;
}

static const struct etl_reject_service reject_service = {.struct_size = sizeof reject_service, .reject = on_reject};
static bool has_reject_service = true;

static const void *extension(const struct etl_host *host, const char *id)
{
    (void)host;
    return has_reject_service && strcmp(id, ETL_EXT_REJECT) == 0 ? &reject_service : NULL;
}

static const struct etl_host host = {
    .struct_size = sizeof host, .log = on_log, .cancelled = is_cancelled, .get_extension = extension};

static void setup(void)
{
    strcpy(folder, "/tmp/etl-csv-XXXXXX");
    cr_assert(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
    etl_error_init(&err);
}

static void teardown(void)
{
    char command[128];
    free(state);
    etl_buffer_fini(&seen);
    etl_buffer_fini(&aside);
    cr_assert_eq(chdir("/"), 0);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_expect_eq(system(command), 0);
}

TestSuite(csv, .init = setup, .fini = teardown, .timeout = 120);

static void put(const char *name, const char *mode, const void *data, size_t length)
{
    FILE *file = fopen(name, mode);
    cr_assert(file, "%s", name);
    cr_assert_eq(fwrite(data, 1, length, file), length);
    fclose(file);
}

#define PUT(name, text)    put(name, "w", text, sizeof(text) - 1)
#define APPEND(name, text) put(name, "a", text, sizeof(text) - 1)

/* ---- reading ---- */

static struct ArrowSchema schema_now;
static struct etl_view view;

static void see_schema(struct ArrowSchema *schema)
{
    schemas++;
    if (schema_now.release) {
        etl_view_fini(&view);
        etl_schema_release(&schema_now);
    }
    etl_schema_move(schema, &schema_now);
    cr_assert_eq(etl_schema_validate(&schema_now, &err), ETL_OK, "%s", err.message);
    cr_assert_eq(etl_view_init(&view, &schema_now, &err), ETL_OK);
    if (schema_now.n_children > 50)
        return;
    etl_buffer_add_text(&seen, "[");
    for (int64_t i = 0; i < schema_now.n_children; i++)
        etl_buffer_add_format(&seen, "%s%s:%s", i ? " " : "", schema_now.children[i]->name,
                              schema_now.children[i]->format);
    etl_buffer_add_text(&seen, "]");
}

static void see_batch(struct ArrowArray *batch)
{
    cr_assert_eq(etl_view_validate(&view, batch, true, &err), ETL_OK, "%s", err.message);
    etl_view_set(&view, batch);
    rows_read += batch->length;
    biggest_batch = batch->length > biggest_batch ? batch->length : biggest_batch;
    for (int64_t row = 0; row < batch->length && batch->n_children <= 50 && seen.length < 100000; row++) {
        for (int64_t i = 0; i < batch->n_children; i++) {
            if (i)
                etl_buffer_add_text(&seen, "|");
            if (etl_view_is_null(&view.children[i], row))
                etl_buffer_add_text(&seen, "~");
            else
                etl_text_add_cell(&seen, &view.children[i], row);
        }
        etl_buffer_add_text(&seen, ";");
    }
    etl_array_release(batch);
}

static etl_status read_messages(struct etl_reader *reader, int stop_after)
{
    for (;;) {
        struct etl_message message = {.struct_size = sizeof message};
        etl_status status = csv_source_ops.read_next(reader, &message, &err);
        if (status != ETL_OK)
            return status;
        if (message.kind == ETL_MESSAGE_SCHEMA)
            see_schema(&message.schema);
        else if (message.kind == ETL_MESSAGE_BATCH)
            see_batch(&message.batch);
        else if (message.kind == ETL_MESSAGE_END)
            return ETL_OK;
        if (message.kind != ETL_MESSAGE_CHECKPOINT)
            continue;
        free(state);
        state = strndup(message.state, (size_t)message.state_len);
        if (++checkpoints == stop_after)
            return ETL_OK;
    }
}

/* Reads `stream` with settings given as JSON without braces, from `from` (NULL = the start); the new state is in `state`. */
static etl_status read_stream(const char *settings, const char *stream, const char *from, int stop_after)
{
    char config[1024];
    struct etl_source *source = NULL;
    struct etl_reader *reader = NULL;
    char *start = from ? strdup(from) : NULL;
    snprintf(config, sizeof config, "{%s}", settings);
    etl_buffer_reset(&seen);
    etl_buffer_reset(&aside);
    *warnings = '\0';
    rows_read = biggest_batch = 0;
    checkpoints = schemas = 0;
    etl_status status = csv_source_ops.open(&host, config, strlen(config), &source, &err);
    if (status == ETL_OK) {
        struct etl_read_request request = {.struct_size = sizeof request,
                                           .stream = stream,
                                           .slice = "",
                                           .state = start,
                                           .state_len = start ? strlen(start) : 0,
                                           .state_version = 1,
                                           .max_wait_ms = 100,
                                           .cursor_column = "",
                                           .cursor_from = "",
                                           .cursor_until = "",
                                           .batch_rows_hint = rows_hint,
                                           .batch_bytes_hint = 1 << 20};
        status = csv_source_ops.read_open(source, &request, &reader, &err);
        if (status == ETL_OK) {
            status = read_messages(reader, stop_after);
            csv_source_ops.read_close(reader);
        }
        csv_source_ops.close(source);
    }
    if (schema_now.release) {
        etl_view_fini(&view);
        etl_schema_release(&schema_now);
    }
    free(start);
    return status;
}

static const char *text_of(struct etl_buffer *buffer)
{
    const char *text = etl_buffer_text(buffer);
    return text ? text : "";
}

static const char *read_from(const char *settings, const char *stream, const char *from)
{
    etl_status status = read_stream(settings, stream, from, 0);
    cr_assert_eq(status, ETL_OK, "%s", err.message);
    return text_of(&seen);
}

#define READ(settings)       read_from(settings, "a", NULL)
#define READ_AGAIN(settings) read_from(settings, "a", state)
#define EXPECT(actual, expected)                                                                                       \
    do {                                                                                                               \
        const char *actual_ = (actual);                                                                                \
        cr_expect_str_eq(actual_, expected, "got %s", actual_);                                                        \
    } while (0)

#define PATH "\"path\":\"a.csv\""

Test(csv, types_and_nulls)
{
    PUT("a.csv", "id,amount,on,at,ok,note,none\n1,1.5,2026-01-31,2026-01-31T10:00:00Z,true,\"x, \"\"y\"\"\nz\",\n"
                 "2,,2026-02-01,,false,\"\",\n");
    EXPECT(READ(PATH), "[id:l amount:d:18,1 on:tdD at:tsu:UTC ok:b note:u none:u]"
                       "1|1.5|2026-01-31|2026-01-31T10:00:00Z|true|x, \"y\"\nz|~;2|~|2026-02-01|~|false||~;");
    cr_expect_eq(checkpoints, 1);
    EXPECT(READ(PATH ",\"infer\":false"),
           "[id:u amount:u on:u at:u ok:u note:u none:u]"
           "1|1.5|2026-01-31|2026-01-31T10:00:00Z|true|x, \"y\"\nz|~;2|~|2026-02-01|~|false||~;");
}

Test(csv, line_ends_and_marks)
{
    PUT("a.csv", "\xef\xbb\xbf"
                 "a,b\r\n1,\"x\r\ny\"\r\n\r\n2,z");
    EXPECT(READ(PATH), "[a:l b:u]1|x\r\ny;2|z;");
    PUT("a.csv", "a,b\r1,x\r2,y\r");
    EXPECT(READ(PATH), "[a:l b:u]1|x;2|y;");
    PUT("a.csv", "a\n1\n\n2\n");
    EXPECT(READ(PATH), "[a:l]1;~;2;");
}

Test(csv, dialects)
{
    PUT("a.csv", "a\tb\n1\t'x\ty'\n");
    EXPECT(READ(PATH ",\"delimiter\":\"tab\",\"quote\":\"'\""), "[a:l b:u]1|x\ty;");
    EXPECT(READ(PATH ",\"delimiter\":\"\\\\t\",\"quote\":\"\",\"ragged\":\"pad\",\"header\":false,\"names\":[\"p\","
                     "\"q\",\"r\"]"),
           "[p:u q:u r:u]a|b|~;1|'x|y';");
    PUT("a.csv", "junk, \"\n# more\nx;y\n 1 ;NULL\n2; \"q\"\n");
    cr_expect_eq(read_stream(PATH ",\"delimiter\":\";\",\"skip_rows\":2", "a", NULL, 0), ETL_DATA);
    PUT("a.csv", "junk, \"\n# more\nx;y\n 1 ;NULL\n2;\" q \"\n3;\n4;\"NULL\"\n");
    EXPECT(READ(PATH ",\"delimiter\":\";\",\"skip_rows\":2,\"trim\":true,\"null_values\":[\"NULL\"]"),
           "[x:l y:u]1|~;2| q ;3|;4|NULL;");
    PUT("a.csv", "1,2\n3,4\n");
    EXPECT(READ(PATH ",\"header\":false"), "[c1:l c2:l]1|2;3|4;");
}

Test(csv, encodings)
{
    PUT("a.csv", "n\xe9,b\n\x80 5,\xfc\n");
    EXPECT(READ(PATH ",\"encoding\":\"windows-1252\""), "[n\xc3\xa9:u b:u]\xe2\x82\xac 5|\xc3\xbc;");
    EXPECT(READ(PATH ",\"encoding\":\"latin1\""), "[n\xc3\xa9:u b:u]\xc2\x80 5|\xc3\xbc;");
    put("a.csv", "w",
        "\xff\xfe"
        "a\0\n\0=\xd8\x00\xdd\n\0",
        12);
    cr_expect_eq(read_stream(PATH, "a", NULL, 0), ETL_DATA);
    cr_expect(strstr(err.message, "utf-16"), "%s", err.message);
    EXPECT(READ(PATH ",\"encoding\":\"utf-16\""), "[a:u]\xf0\x9f\x94\x80;");
    put("a.csv", "a", "x\0\n\0", 4);
    EXPECT(READ_AGAIN(PATH ",\"encoding\":\"utf-16\""), "[a:u]x;");
    EXPECT(READ_AGAIN(PATH ",\"encoding\":\"utf-16\""), "");
    put("a.csv", "w", "\xfe\xff\0a\0\n\0b\0\n", 10);
    EXPECT(READ(PATH ",\"encoding\":\"utf-16\""), "[a:u]b;");
    PUT("a.csv", "\xe9\xe9,b\nx\xfc,2\n");
    READ(PATH ",\"encoding\":\"latin1\"");
    APPEND("a.csv", "\xfc,3\n");
    EXPECT(READ_AGAIN(PATH ",\"encoding\":\"latin1\""), "[\xc3\xa9\xc3\xa9:u b:l]\xc3\xbc|3;");
}

Test(csv, bad_records_are_set_aside)
{
    static const char text[] = "id,name\n1,one\n2\n3,a,b\n4,\"x\"y\n5,five\n6,\"a\nb\",c\n7,\xff\n8,a\0b\n9,nine\n";
    put("a.csv", "w", text, sizeof text - 1);
    takes_rejects = true;
    EXPECT(READ(PATH), "[id:l name:u]1|one;5|five;9|nine;");
    const char *rejected = text_of(&aside);
    cr_expect(strstr(rejected, "a.csv: line 3: 1 field, header has 2 {2\n}"), "%s", rejected);
    cr_expect(strstr(rejected, "a.csv: line 4: 3 fields, header has 2 {3,a,b\n}"), "%s", rejected);
    cr_expect(strstr(rejected, "a.csv: line 5: a quote inside"), "%s", rejected);
    cr_expect(strstr(rejected, "a.csv: line 7: 3 fields"), "%s", rejected);
    cr_expect(strstr(rejected, "a.csv: line 9: ") && strstr(rejected, "a.csv: line 10: "), "%s", rejected);
    cr_expect(strstr(rejected, "name"), "the column is named: %s", rejected);
    takes_rejects = false;
    cr_expect_eq(read_stream(PATH, "a", NULL, 0), ETL_DATA);
    cr_expect(strstr(err.message, "a.csv: line 3"), "%s", err.message);
    has_reject_service = false;
    cr_expect_eq(read_stream(PATH, "a", NULL, 0), ETL_DATA);
    cr_expect_str_eq(err.message, "csv: stream \"a\": a.csv: line 3: 1 field, header has 2");
}

Test(csv, ragged)
{
    PUT("a.csv", "a,b,c\n1\n1,2,3,4\n5,6,7\n");
    takes_rejects = true;
    EXPECT(READ(PATH ",\"ragged\":\"pad\""), "[a:l b:l c:l]1|~|~;5|6|7;");
    EXPECT(text_of(&aside), "a.csv: line 3: 4 fields, header has 3 {1,2,3,4\n}\n");
}

Test(csv, headers)
{
    PUT("a.csv", "id,id,,id_2,id\n1,2,3,4,5\n");
    EXPECT(READ(PATH), "[id:l id_3:l column_3:l id_2:l id_4:l]1|2|3|4|5;");
    cr_expect(strstr(warnings, "column 2") && strstr(warnings, "id_3"), "%s", warnings);
    PUT("a.csv", "a,b\n");
    EXPECT(READ(PATH), "[a:u b:u]");
    cr_expect_eq(checkpoints, 1);
    PUT("a.csv", "");
    EXPECT(READ(PATH), "");
    PUT("a.csv", "a,\xff\n1,2\n");
    cr_expect_eq(read_stream(PATH, "a", NULL, 0), ETL_DATA);
    PUT("a.csv", "a,\"b\n1,2\n");
    cr_expect_eq(read_stream(PATH, "a", NULL, 0), ETL_DATA);
    cr_expect(strstr(err.message, "not closed"), "%s", err.message);
}

Test(csv, different_headers_of_one_stream)
{
    PUT("a-1.csv", "id,x\n1,10\n");
    PUT("a-2.csv", "y,id\nhello,2\n");
    EXPECT(READ("\"path\":\"a-*.csv\""), "[id:l x:l y:u]1|10|~;2|~|hello;");
    EXPECT(READ("\"path\":\"a-*.csv\",\"sample_rows\":1"), "[id:l x:l]1|10;[id:l x:l y:u]2|~|hello;");
}

Test(csv, types_widen_and_never_narrow)
{
    PUT("a.csv", "n\n1\n2\n2.5\nx\n7\n");
    EXPECT(READ(PATH ",\"sample_rows\":2"), "[n:l]1;2;[n:d:20,1]2.5;[n:u]x;7;");
    cr_expect_eq(checkpoints, 3);
    APPEND("a.csv", "8\n");
    EXPECT(READ_AGAIN(PATH), "[n:u]8;");
}

Test(csv, batches_are_as_long_as_asked_for)
{
    FILE *file = fopen("a.csv", "w");
    fputs("n,s\n", file);
    for (int i = 0; i < 2500; i++)
        fprintf(file, "%d,\"s %d\"\n", i, i);
    fclose(file);
    rows_hint = 1000;
    READ(PATH);
    cr_expect_eq(biggest_batch, 1000);
    cr_expect_eq(checkpoints, 3);
    cr_expect_eq(rows_read, 2500);
    /* Stop after each checkpoint and go on: every row once. */
    int64_t sum = 0;
    rows_hint = 100;
    char *from = NULL;
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(read_stream(PATH, "a", from, 1), ETL_OK, "%s", err.message);
        if (rows_read == 0)
            break;
        sum += rows_read;
        free(from);
        from = strdup(state);
    }
    free(from);
    cr_expect_eq(sum, 2500);
}

Test(csv, a_file_that_grows)
{
    PUT("a.csv", "id,s\n1,x\n2,y");
    EXPECT(READ(PATH), "[id:l s:u]1|x;2|y;");
    char *whole = strdup(state);
    APPEND("a.csv", "\n3,z\n");
    EXPECT(READ_AGAIN(PATH), "[id:l s:u]3|z;");
    APPEND("a.csv", "4,un");
    PUT("b.csv", "");
    EXPECT(READ_AGAIN(PATH), "[id:l s:u]4|un;");
    APPEND("a.csv", "finished\n");
    cr_expect_eq(read_stream(PATH, "a", state, 0), ETL_DATA, "a record was read before it was complete");
    /* Incomplete: fewer cells, or an open quote. */
    PUT("a.csv", "id,s\n1,x\n2,y\n3");
    EXPECT(READ(PATH), "[id:l s:u]1|x;2|y;");
    cr_expect(strstr(warnings, "line 4") && strstr(warnings, "not complete"), "%s", warnings);
    EXPECT(READ_AGAIN(PATH), "[id:l s:u]");
    APPEND("a.csv", ",\"a\n");
    EXPECT(READ_AGAIN(PATH), "[id:l s:u]");
    APPEND("a.csv", "b\"\n");
    EXPECT(READ_AGAIN(PATH), "[id:l s:u]3|a\nb;");
    EXPECT(READ_AGAIN(PATH), "");
    /* Replaced by a smaller one. */
    PUT("a.csv", "id,s\n9,z\n");
    EXPECT(READ_AGAIN(PATH), "[id:l s:u]9|z;");
    cr_expect(strstr(warnings, "no longer the file"), "%s", warnings);
    free(whole);
}

Test(csv, one_column_that_grows)
{
    PUT("a.csv", "a");
    EXPECT(READ(PATH), "[a:u]");
    APPEND("a.csv", "\n1");
    EXPECT(READ_AGAIN(PATH), "[a:u]1;");
    APPEND("a.csv", "\r");
    EXPECT(READ_AGAIN(PATH), "[a:u]");
    APPEND("a.csv", "\n2\r\n");
    EXPECT(READ_AGAIN(PATH), "[a:u]2;");
    APPEND("a.csv", "\n3\n");
    EXPECT(READ_AGAIN(PATH), "[a:u]~;3;");
    put("a.csv", "w",
        "\xff\xfe"
        "a\0\n\0\xe9\0",
        8);
    EXPECT(READ(PATH ",\"encoding\":\"utf-16\""), "[a:u]\xc3\xa9;");
    put("a.csv", "a", "\n\0b\0\n\0", 6);
    EXPECT(READ_AGAIN(PATH ",\"encoding\":\"utf-16\""), "[a:u]b;");
    PUT("a.csv", "a\n\x80");
    EXPECT(READ(PATH ",\"encoding\":\"windows-1252\""), "[a:u]\xe2\x82\xac;");
    APPEND("a.csv", "\n\x80\n");
    EXPECT(READ_AGAIN(PATH ",\"encoding\":\"windows-1252\""), "[a:u]\xe2\x82\xac;");
}

Test(csv, a_bad_record_in_a_tail)
{
    PUT("a.csv", "id,s\n1,x\n");
    READ(PATH);
    APPEND("a.csv", "2,y\n3\n");
    has_reject_service = false;
    cr_expect_eq(read_stream(PATH, "a", state, 0), ETL_DATA);
    cr_expect(strstr(err.message, "a.csv: byte 13: 1 field"), "%s", err.message);
}

static void put_gzip(const char *name, const char *text, size_t cut)
{
    unsigned char data[4096];
    z_stream z = {0};
    cr_assert_eq(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)text;
    z.avail_in = (unsigned)strlen(text);
    z.next_out = data;
    z.avail_out = sizeof data;
    cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    put(name, "w", data, sizeof data - z.avail_out - cut);
    deflateEnd(&z);
}

Test(csv, compressed)
{
    put_gzip("a.csv.gz", "id\n1\n2\n3\n4\n5\n", 0);
    rows_hint = 2;
    cr_expect_eq(read_stream("\"path\":\"a.csv.gz\"", "a", NULL, 1), ETL_OK);
    EXPECT(READ_AGAIN("\"path\":\"a.csv.gz\""), "[id:l]3;4;5;");
    EXPECT(READ_AGAIN("\"path\":\"a.csv.gz\""), "");
    put_gzip("a.csv.gz", "id\n1\n2\n3\n4\n5\n", 5);
    cr_expect_eq(read_stream("\"path\":\"a.csv.gz\"", "a", NULL, 0), ETL_DATA);
    cr_expect(strstr(err.message, "a.csv.gz") && strstr(err.message, "cut off"), "%s", err.message);
    put_gzip("a.csv.gz", "id,b\n1,2\n3", 0);
    takes_rejects = true;
    EXPECT(READ("\"path\":\"a.csv.gz\""), "[id:l b:l]1|2;");
    cr_expect(strstr(text_of(&aside), "1 field"), "a compressed file is complete");
}

Test(csv, a_huge_cell_is_not_kept)
{
    struct rlimit limit = {.rlim_cur = (rlim_t)512 << 20, .rlim_max = RLIM_INFINITY};
    FILE *file = fopen("a.csv", "w");
    fputs("id,s\n1,a\n2,\"", file);
    cr_assert_eq(fseek(file, 1 << 30, SEEK_CUR), 0); /* a hole: 1 GiB of NUL */
    fputs("\nmore\",x\n3,c\n", file);
    fclose(file);
    takes_rejects = true;
#ifndef __SANITIZE_ADDRESS__
    cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
#else
    (void)limit;
#endif
    EXPECT(READ(PATH ",\"record_size_max\":1048576"), "[id:l s:u]1|a;3|c;");
    cr_expect(strstr(text_of(&aside), "a.csv: line 3: the record is longer than record_size_max (1048576 bytes)"), "%s",
              text_of(&aside));
}

Test(csv, many_columns)
{
    FILE *file = fopen("a.csv", "w");
    for (int row = 0; row < 4; row++) {
        for (int i = 0; i < 5000; i++)
            fprintf(file, row == 0 ? "%sc%d" : "%s%d", i ? "," : "", i);
        fputs("\n", file);
    }
    fclose(file);
    READ(PATH);
    cr_expect_eq(rows_read, 3);
    READ_AGAIN(PATH);
    cr_expect_eq(rows_read, 0);
    file = fopen("a.csv", "w");
    for (int i = 0; i < 70000; i++)
        fputs(i ? ",same" : "same", file);
    fputs("\n", file);
    fclose(file);
    cr_expect_eq(read_stream(PATH, "a", NULL, 0), ETL_DATA);
    cr_expect(strstr(err.message, "65536"), "%s", err.message);
}

/* ---- opening and discovery ---- */

static etl_status on_stream(void *arg, const char *json, size_t length, struct ArrowSchema *schema)
{
    struct etl_buffer *text = arg;
    etl_buffer_add(text, json, length);
    etl_buffer_add_text(text, "(");
    for (int64_t i = 0; i < schema->n_children; i++)
        etl_buffer_add_format(text, "%s:%s ", schema->children[i]->name, schema->children[i]->format);
    etl_buffer_add_text(text, ")\n");
    etl_schema_release(schema);
    return ETL_OK;
}

static const char *discover(const char *config)
{
    struct etl_source *source = NULL;
    etl_buffer_reset(&seen);
    cr_assert_eq(csv_source_ops.open(&host, config, strlen(config), &source, &err), ETL_OK, "%s", err.message);
    cr_assert_eq(csv_source_ops.discover(source, on_stream, &seen, &err), ETL_OK, "%s", err.message);
    csv_source_ops.close(source);
    return text_of(&seen);
}

Test(csv, discovery)
{
    PUT("orders-2.csv", "id,n\n1,2\n");
    PUT("orders-1.csv", "id\n1\n");
    PUT("items.csv", "a\nx\n");
    PUT("empty.csv", "");
    PUT("broken.csv", "a,\"b\n");
    EXPECT(
        discover("{\"path\":\"*.csv\"}"),
        "{\"name\":\"broken\",\"incremental\":true,\"error\":\"broken.csv: line 1: a quoted cell is not closed\"}()\n"
        "{\"name\":\"empty\",\"incremental\":true}()\n"
        "{\"name\":\"items\",\"incremental\":true}(a:u )\n"
        "{\"name\":\"orders\",\"incremental\":true}(id:l n:l )\n");
    EXPECT(discover("{\"path\":\"orders-*.csv\",\"stream\":\"all\"}"),
           "{\"name\":\"all\",\"incremental\":true}(id:l n:l )\n");
    EXPECT(read_from("\"path\":\"*.csv\"", "items", NULL), "[a:u]x;");
    EXPECT(read_from("\"path\":\"orders-*.csv\",\"stream\":\"all\"", "all", NULL), "[id:l n:l]1|~;1|2;");
    cr_expect_eq(read_stream("\"path\":\"*.csv\"", "none", NULL, 0), ETL_NOT_FOUND);
}

Test(csv, standard_input_serves_discovery_and_reading)
{
    struct etl_source *source = NULL;
    struct etl_reader *reader = NULL;
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(write(ends[1], "id,s\n1,x\n2,y\n", 13), 13);
    close(ends[1]);
    cr_assert_eq(dup2(ends[0], 0), 0);
    const char *config = "{\"path\":\"-\",\"stream\":\"in\"}";
    cr_assert_eq(csv_source_ops.open(&host, config, strlen(config), &source, &err), ETL_OK);
    cr_assert_eq(csv_source_ops.check(source, &err), ETL_OK);
    cr_assert_eq(csv_source_ops.discover(source, on_stream, &seen, &err), ETL_OK, "%s", err.message);
    EXPECT(text_of(&seen), "{\"name\":\"in\",\"incremental\":true}(id:l s:u )\n");
    etl_buffer_reset(&seen);
    struct etl_read_request request = {.struct_size = sizeof request, .stream = "in", .slice = "", .max_wait_ms = 100};
    cr_assert_eq(csv_source_ops.read_open(source, &request, &reader, &err), ETL_OK);
    cr_assert_eq(read_messages(reader, 0), ETL_OK, "%s", err.message);
    EXPECT(text_of(&seen), "[id:l s:u]1|x;2|y;");
    csv_source_ops.read_close(reader);
    csv_source_ops.close(source);
    etl_view_fini(&view);
    etl_schema_release(&schema_now);
}

Test(csv, an_idle_pipe)
{
    struct etl_source *source = NULL;
    struct etl_reader *reader = NULL;
    struct etl_message message = {.struct_size = sizeof message};
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(dup2(ends[0], 0), 0);
    const char *config = "{\"path\":\"-\"}";
    cr_assert_eq(csv_source_ops.open(&host, config, strlen(config), &source, &err), ETL_OK);
    struct etl_read_request request = {
        .struct_size = sizeof request, .stream = "stdin", .slice = "", .max_wait_ms = 50};
    cr_assert_eq(csv_source_ops.read_open(source, &request, &reader, &err), ETL_OK);
    cr_assert_eq(write(ends[1], "ident\n", 6), 6);
    cr_assert_eq(csv_source_ops.read_next(reader, &message, &err), ETL_OK);
    cr_expect_eq(message.kind, ETL_MESSAGE_IDLE, "no record: no types yet");
    cr_assert_eq(write(ends[1], "1\n2", 3), 3);
    cr_assert_eq(csv_source_ops.read_next(reader, &message, &err), ETL_OK);
    cr_expect_eq(message.kind, ETL_MESSAGE_SCHEMA);
    etl_schema_release(&message.schema);
    cr_assert_eq(csv_source_ops.read_next(reader, &message, &err), ETL_OK);
    cr_expect_eq(message.kind, ETL_MESSAGE_BATCH, "what there is does not wait");
    cr_expect_eq(message.batch.length, 1);
    etl_array_release(&message.batch);
    cr_assert_eq(csv_source_ops.read_next(reader, &message, &err), ETL_OK);
    cr_expect_eq(message.kind, ETL_MESSAGE_CHECKPOINT);
    cr_assert_eq(csv_source_ops.read_next(reader, &message, &err), ETL_OK);
    cr_expect_eq(message.kind, ETL_MESSAGE_IDLE);
    csv_source_ops.cancel(source);
    cr_expect_eq(csv_source_ops.read_next(reader, &message, &err), ETL_CANCELLED);
    csv_source_ops.read_close(reader);
    csv_source_ops.close(source);
}

Test(csv, wrong_settings_and_states)
{
    static const char *const settings[] = {"{\"path\":\"a.csv\",\"delimiter\":\"ab\"}",
                                           "{\"path\":\"a.csv\",\"delimiter\":\"\"}",
                                           "{\"path\":\"a.csv\",\"delimiter\":\"\\n\"}",
                                           "{\"path\":\"a.csv\",\"quote\":\",\"}",
                                           "{\"path\":\"a.csv\",\"names\":[\"a\"]}",
                                           "{\"path\":\"a.csv\",\"record_size_max\":5}",
                                           "{\"path\":\"a.csv\",\"encoding\":\"ebcdic\"}",
                                           "{}",
                                           "{\"path\":\"a.csv\",\"x\":1}"};
    struct etl_source *source = NULL;
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        cr_expect_eq(csv_source_ops.open(&host, settings[i], strlen(settings[i]), &source, &err), ETL_CONFIG, "%s",
                     settings[i]);
    PUT("a.csv", "a\n1\n");
    cr_expect_eq(read_stream(PATH, "a", "nonsense", 0), ETL_STATE_INVALID);
    cr_expect_eq(read_stream(PATH, "a",
                             "{\"v\":1,\"files\":[],\"extra\":{\"columns\":[{\"name\":\"a\",\"format\":\"??\"}]}}", 0),
                 ETL_STATE_INVALID);
    cr_expect_eq(read_stream("\"path\":\"none.csv\"", "none", NULL, 0), ETL_NOT_FOUND);
    cr_expect_eq(symlink("nowhere", "broken.csv"), 0);
    cr_expect_neq(read_stream("\"path\":\"broken.csv\"", "broken", NULL, 0), ETL_OK);
    cr_expect(strstr(err.message, "broken.csv"), "%s", err.message);
}

/* ---- writing ---- */

static struct etl_write_plan plan_of(uint32_t mode, uint64_t generation)
{
    static const char *const no_keys[] = {NULL};
    return (struct etl_write_plan){.struct_size = sizeof(struct etl_write_plan),
                                   .mode = mode,
                                   .pipeline_id = "p",
                                   .stream = "s",
                                   .slice = "",
                                   .target = "out",
                                   .keys = no_keys,
                                   .generation = generation,
                                   .run_id = "r"};
}

/* Copies stream "a" of a source to a folder, one commit per checkpoint; all text in the folder is in `seen`. */
static const char *copy(const char *from, const char *to, uint64_t generation)
{
    struct etl_source *source = NULL;
    struct etl_reader *reader = NULL;
    struct etl_dest *dest = NULL;
    struct etl_writer *writer = NULL;
    struct etl_recovery recovery = {.struct_size = sizeof recovery};
    struct etl_write_plan plan = plan_of(generation ? ETL_MODE_OVERWRITE : ETL_MODE_APPEND, generation);
    struct etl_read_request request = {
        .struct_size = sizeof request, .stream = "a", .slice = "", .max_wait_ms = 100, .batch_rows_hint = rows_hint};
    cr_assert_eq(csv_source_ops.open(&host, from, strlen(from), &source, &err), ETL_OK, "%s", err.message);
    cr_assert_eq(csv_source_ops.read_open(source, &request, &reader, &err), ETL_OK, "%s", err.message);
    cr_assert_eq(csv_dest_ops.open(&host, to, strlen(to), &dest, &err), ETL_OK, "%s", err.message);
    cr_assert_eq(csv_dest_ops.begin(dest, &plan, &writer, &recovery, &err), ETL_OK, "%s", err.message);
    uint64_t seq = recovery.seq;
    for (bool is_end = false; !is_end;) {
        struct etl_message message = {.struct_size = sizeof message};
        cr_assert_eq(csv_source_ops.read_next(reader, &message, &err), ETL_OK, "%s", err.message);
        is_end = message.kind == ETL_MESSAGE_END;
        if (message.kind == ETL_MESSAGE_SCHEMA) {
            cr_assert_eq(csv_dest_ops.set_schema(writer, &message.schema, &err), ETL_OK, "%s", err.message);
            etl_schema_release(&message.schema);
        } else if (message.kind == ETL_MESSAGE_BATCH) {
            cr_assert_eq(csv_dest_ops.write(writer, &message.batch, ETL_OP_INSERT, &err), ETL_OK, "%s", err.message);
            etl_array_release(&message.batch);
        } else if (message.kind == ETL_MESSAGE_CHECKPOINT || (is_end && generation)) {
            struct etl_commit commit = {.struct_size = sizeof commit,
                                        .seq = ++seq,
                                        .flags = is_end ? ETL_COMMIT_FINAL : 0,
                                        .state = is_end ? "end" : message.state,
                                        .state_len = is_end ? 3 : message.state_len};
            cr_assert_eq(csv_dest_ops.commit(writer, &commit, &err), ETL_OK, "%s", err.message);
        }
    }
    csv_dest_ops.end(writer);
    csv_dest_ops.close(dest);
    csv_source_ops.read_close(reader);
    csv_source_ops.close(source);
    etl_buffer_reset(&seen);
    cr_expect_eq(system("cat out/out-* > all.txt 2>/dev/null || : > all.txt"), 0);
    FILE *file = fopen("all.txt", "r");
    char *room = etl_buffer_reserve(&seen, 100000);
    seen.length = fread(room, 1, 99999, file);
    fclose(file);
    return text_of(&seen);
}

#define OUT "{\"path\":\"out\""

Test(csv, what_is_written_reads_back)
{
    static const char text[] =
        "id,s,t,d,at\n1,,\"\",1.50,2026-01-31T10:00:00Z\n2,\" x\",\"a,\"\"b\"\"\n\",-0.01,\n3,plain,\"\r\",,\n";
    PUT("a.csv",
        "id,s,t,d,at\n1,,\"\",1.50,2026-01-31T10:00:00Z\n2,\" x\",\"a,\"\"b\"\"\n\",-0.01,\n3,plain,\"\r\",,\n");
    EXPECT(copy("{\"path\":\"a.csv\"}", OUT "}", 0), text);
    EXPECT(read_from("\"path\":\"a.csv\"", "a", NULL),
           "[id:l s:u t:u d:d:18,2 at:tsu:UTC]1|~||1.50|2026-01-31T10:00:00Z;"
           "2| x|a,\"b\"\n|-0.01|~;3|plain|\r|~|~;");
    EXPECT(read_from("\"path\":\"out\",\"stream\":\"a\"", "a", NULL),
           "[id:l s:u t:u d:d:18,2 at:tsu:UTC]1|~||1.50|2026-01-31T10:00:00Z;"
           "2| x|a,\"b\"\n|-0.01|~;3|plain|\r|~|~;");
}

Test(csv, layouts)
{
    PUT("a.csv", "a,b\n1,x\n,\"NULL\"\n3,\n");
    EXPECT(copy("{\"path\":\"a.csv\"}", OUT ",\"quote_all\":true,\"line_end\":\"crlf\",\"delimiter\":\"tab\"}", 0),
           "\"a\"\t\"b\"\r\n\"1\"\t\"x\"\r\n\t\"NULL\"\r\n\"3\"\t\r\n");
    cr_expect_eq(system("rm -rf out"), 0);
    EXPECT(copy("{\"path\":\"a.csv\"}", OUT ",\"null_text\":\"NULL\",\"header\":false}", 0),
           "1,x\nNULL,\"NULL\"\n3,NULL\n");
    cr_expect_eq(system("rm -rf out"), 0);
    EXPECT(copy("{\"path\":\"a.csv\"}", OUT ",\"null_text\":\"1\"}", 0), "a,b\n\"1\",x\n1,NULL\n3,1\n");
    cr_expect_eq(system("rm -rf out"), 0);
    PUT("a.csv", "a,b\n-1.5,x\n");
    EXPECT(copy("{\"path\":\"a.csv\"}", OUT ",\"delimiter\":\"-\"}", 0), "a-b\n\"-1.5\"-x\n");
    cr_expect_eq(system("rm -rf out"), 0);
    PUT("a.csv", "a\n\n\"\"\nx\n");
    EXPECT(copy("{\"path\":\"a.csv\"}", OUT "}", 0), "a\n\n\"\"\nx\n");
}

Test(csv, a_new_column_starts_a_new_file)
{
    PUT("a-1.csv", "id\n1\n");
    PUT("a-2.csv", "id,n\n2,5\n");
    EXPECT(copy("{\"path\":\"a-*.csv\",\"sample_rows\":1}", OUT "}", 0), "id\n1\nid,n\n2,5\n");
    cr_expect_eq(access("out/out-000000-0000000002-0001.csv", F_OK), 0);
}

Test(csv, parts_and_generations)
{
    PUT("a.csv", "id\n1\n2\n3\n");
    rows_hint = 1;
    EXPECT(copy("{\"path\":\"a.csv\"}", OUT "}", 0), "id\n1\nid\n2\nid\n3\n");
    rows_hint = 10;
    EXPECT(copy("{\"path\":\"a.csv\"}", OUT "}", 7), "id\n1\n2\n3\n");
    PUT("a.csv", "id\n");
    EXPECT(copy("{\"path\":\"a.csv\"}", OUT "}", 8), "id\n");
}

static etl_status on_text(void *arg, const char *text, size_t length)
{
    etl_buffer_add(arg, text, length);
    return ETL_OK;
}

Test(csv, nested_values_and_refusals)
{
    struct ArrowSchema schema, item;
    struct etl_builder *builder = NULL;
    struct ArrowArray batch;
    struct etl_dest *dest = NULL;
    struct etl_writer *writer = NULL;
    struct etl_recovery recovery = {.struct_size = sizeof recovery};
    struct etl_write_plan plan = plan_of(ETL_MODE_UPSERT, 0);
    cr_assert_eq(etl_schema_init_struct(&schema, "", &err), ETL_OK);
    cr_assert_eq(etl_schema_init_leaf(&item, "item", &(struct etl_type){.kind = ETL_KIND_INT, .bits = 64}, &err),
                 ETL_OK);
    struct ArrowSchema list;
    cr_assert_eq(etl_schema_init_list(&list, "tags", &item, &err), ETL_OK);
    cr_assert_eq(etl_schema_add(&schema, &list, &err), ETL_OK);
    cr_assert_eq(etl_schema_add_column(&schema, "raw", "z", NULL, &err), ETL_OK);
    cr_assert_eq(etl_builder_new(&schema, &builder, &err), ETL_OK);
    struct etl_column *tags = etl_builder_column(builder, 0);
    cr_assert_eq(etl_append_int(etl_column_child(tags, 0), 1, &err), ETL_OK);
    cr_assert_eq(etl_append_int(etl_column_child(tags, 0), 2, &err), ETL_OK);
    cr_assert_eq(etl_append_list_end(tags, &err), ETL_OK);
    cr_assert_eq(etl_append_bytes(etl_builder_column(builder, 1), "\0\xff", 2, &err), ETL_OK);
    cr_assert_eq(etl_builder_end_row(builder, &err), ETL_OK);
    cr_assert_eq(etl_builder_finish(builder, &batch, &err), ETL_OK);
    cr_assert_eq(csv_dest_ops.open(&host, OUT "}", strlen(OUT "}"), &dest, &err), ETL_OK);
    cr_expect_eq(csv_dest_ops.begin(dest, &plan, &writer, &recovery, &err), ETL_UNSUPPORTED);
    plan.mode = ETL_MODE_APPEND;
    cr_assert_eq(csv_dest_ops.begin(dest, &plan, &writer, &recovery, &err), ETL_OK, "%s", err.message);
    cr_expect_eq(csv_dest_ops.write(writer, &batch, 0, &err), ETL_MISUSE);
    cr_assert_eq(csv_dest_ops.set_schema(writer, &schema, &err), ETL_OK);
    cr_expect_eq(csv_dest_ops.write(writer, &batch, ETL_OP_DELETE, &err), ETL_UNSUPPORTED);
    cr_assert_eq(csv_dest_ops.write(writer, &batch, 0, &err), ETL_OK);
    cr_assert_eq(csv_dest_ops.rollback(writer, &err), ETL_OK);
    cr_assert_eq(csv_dest_ops.write(writer, &batch, 0, &err), ETL_OK);
    struct etl_commit commit = {.struct_size = sizeof commit, .seq = 1, .state = "x", .state_len = 1};
    cr_assert_eq(csv_dest_ops.commit(writer, &commit, &err), ETL_OK);
    struct etl_buffer text = {0};
    cr_assert_eq(csv_dest_ops.explain(dest, &plan, &schema, on_text, &text, &recovery, &err), ETL_OK);
    EXPECT(text_of(&text), "write files out-*.csv in out");
    etl_buffer_fini(&text);
    cr_expect(recovery.found && recovery.seq == 1 && recovery.state_len == 1 && *recovery.state == 'x');
    csv_dest_ops.end(writer);
    csv_dest_ops.close(dest);
    etl_array_release(&batch);
    etl_schema_release(&schema);
    etl_builder_free(builder);
    cr_expect_eq(system("test \"$(cat out/out-*)\" = 'tags,raw\n\"[1,2]\",AP8='"), 0);
}

Test(csv, wrong_destination_settings)
{
    static const char *const settings[] = {OUT ",\"delimiter\":\"\\\"\"}",
                                           OUT ",\"null_text\":\"a,b\"}",
                                           OUT ",\"null_text\":\"\\\"\"}",
                                           OUT ",\"line_end\":\"x\"}",
                                           "{\"path\":\"\"}",
                                           OUT ",\"compression\":\"auto\"}"};
    struct etl_dest *dest = NULL;
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        cr_expect_eq(csv_dest_ops.open(&host, settings[i], strlen(settings[i]), &dest, &err), ETL_CONFIG, "%s",
                     settings[i]);
}

Test(csv, one_stream_on_standard_output)
{
    struct etl_dest *dest = NULL;
    struct etl_writer *first = NULL, *second = NULL;
    struct etl_recovery recovery = {.struct_size = sizeof recovery};
    struct etl_write_plan plan = plan_of(ETL_MODE_APPEND, 0);
    cr_assert_eq(csv_dest_ops.open(&host, "{\"path\":\"-\"}", 12, &dest, &err), ETL_OK, "%s", err.message);
    cr_assert_eq(csv_dest_ops.begin(dest, &plan, &first, &recovery, &err), ETL_OK);
    cr_expect_eq(recovery.guarantee, ETL_GUARANTEE_FLUSH);
    cr_expect_eq(csv_dest_ops.begin(dest, &plan, &second, &recovery, &err), ETL_CONFIG);
    csv_dest_ops.end(first);
    cr_assert_eq(csv_dest_ops.begin(dest, &plan, &second, &recovery, &err), ETL_OK);
    csv_dest_ops.end(second);
    csv_dest_ops.close(dest);
}
