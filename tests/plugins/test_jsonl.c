#include "plugins/jsonl/jsonl.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <zlib.h>

#include <etlhost/ext/reject.h>

/* ---- a host ---- */

static struct etl_error err;
static char folder[64];
static bool accept_rejects;
static struct etl_buffer rejects, logs;

static void take_log(const struct etl_host *host, uint32_t level, const char *message, size_t length)
{
    (void)host, (void)level;
    etl_buffer_add(&logs, message, length);
    etl_buffer_add_text(&logs, "\n");
}

static int32_t not_cancelled(const struct etl_host *host)
{
    (void)host;
    return 0;
}

static etl_status take_reject(const struct etl_host *host, const struct etl_rejected *rejected, struct etl_error *error)
{
    (void)host;
    if (!accept_rejects)
        return etl_fail(error, ETL_DATA, "refused: %s: %s", rejected->location, rejected->reason);
    etl_buffer_add_format(&rejects, "%s|%s|%s|", rejected->stream, rejected->location, rejected->reason);
    etl_buffer_add(&rejects, rejected->record, rejected->record_len < 40 ? rejected->record_len : 40);
    etl_buffer_add_format(&rejects, "|%llu\n", (unsigned long long)rejected->record_len);
    return ETL_OK;
}

static const struct etl_reject_service reject_service = {.struct_size = sizeof(reject_service), .reject = take_reject};

static const void *extension(const struct etl_host *host, const char *id)
{
    (void)host;
    return strcmp(id, ETL_EXT_REJECT) == 0 ? &reject_service : NULL;
}

static const struct etl_host host = {
    .struct_size = sizeof(host), .log = take_log, .cancelled = not_cancelled, .get_extension = extension};

static void init(void)
{
    etl_error_init(&err);
    strcpy(folder, "/tmp/test_jsonl_XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
}

static void remove_tree(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir) {
        unlink(path);
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        char name[1000];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        remove_tree(name);
    }
    closedir(dir);
    rmdir(path);
}

static void fini(void)
{
    remove_tree(folder);
    etl_buffer_fini(&rejects);
    etl_buffer_fini(&logs);
}

TestSuite(jsonl, .init = init, .fini = fini);

static const char *path_of(const char *name)
{
    static char path[4][200];
    static int next;
    char *to = path[next++ % 4];
    snprintf(to, sizeof(path[0]), "%s/%s", folder, name);
    return to;
}

static void put_mode(const char *name, const char *mode, const char *text, size_t length)
{
    FILE *file = fopen(path_of(name), mode);
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(text, 1, length, file), length);
    fclose(file);
}

static void put(const char *name, const char *text)
{
    put_mode(name, "wb", text, strlen(text));
}

static void add(const char *name, const char *text)
{
    put_mode(name, "ab", text, strlen(text));
}

/* ---- reading ---- */

static struct etl_source *open_source(const char *path, const char *more)
{
    char config[600];
    struct etl_source *source = NULL;
    snprintf(config, sizeof(config), "{\"path\":\"%s\"%s}", path, more);
    cr_assert_eq(jsonl_source_ops.open(&host, config, strlen(config), &source, &err), ETL_OK, "%s", err.message);
    return source;
}

/* What a reader has sent. */
struct sent {
    struct etl_buffer trace; /* S schema as NAME:FORMAT, rows, C checkpoint, E end */
    char *state;
    char *cursor;
    int64_t rows, largest;
    etl_status status;
};

static void trace_schema(struct etl_buffer *trace, const struct ArrowSchema *schema)
{
    etl_buffer_add_text(trace, "S");
    for (int64_t i = 0; i < schema->n_children; i++)
        etl_buffer_add_format(trace, " %s:%s", schema->children[i]->name, schema->children[i]->format);
    etl_buffer_add_text(trace, "\n");
}

static struct sent read_on(struct etl_source *source, const char *stream, const char *state, uint64_t rows_hint)
{
    struct etl_read_request request = {.struct_size = sizeof(request),
                                       .stream = stream,
                                       .slice = "",
                                       .state = state,
                                       .state_len = state ? strlen(state) : 0,
                                       .state_version = 1,
                                       .max_wait_ms = 50,
                                       .cursor_column = "",
                                       .cursor_from = "",
                                       .cursor_until = "",
                                       .batch_rows_hint = rows_hint};
    struct etl_reader *reader = NULL;
    struct sent sent = {.state = strdup(state ? state : "")};
    struct etl_view view;
    struct ArrowSchema schema = {0};
    bool has_view = false, end = false;

    sent.status = jsonl_source_ops.read_open(source, &request, &reader, &err);
    while (sent.status == ETL_OK && !end) {
        struct etl_message message = {.struct_size = sizeof(message)};
        sent.status = jsonl_source_ops.read_next(reader, &message, &err);
        if (sent.status != ETL_OK)
            break;
        switch (message.kind) {
        case ETL_MESSAGE_SCHEMA:
            if (has_view)
                etl_view_fini(&view);
            etl_schema_release(&schema);
            etl_schema_move(&message.schema, &schema);
            trace_schema(&sent.trace, &schema);
            cr_assert_eq(etl_view_init(&view, &schema, &err), ETL_OK, "%s", err.message);
            has_view = true;
            break;
        case ETL_MESSAGE_BATCH:
            cr_assert(has_view);
            cr_assert_eq(etl_view_validate(&view, &message.batch, true, &err), ETL_OK, "%s", err.message);
            etl_view_set(&view, &message.batch);
            for (int64_t i = 0; i < message.batch.length; i++) {
                etl_json_add_row(&sent.trace, &view, i);
                etl_buffer_add_text(&sent.trace, "\n");
            }
            sent.rows += message.batch.length;
            if (message.batch.length > sent.largest)
                sent.largest = message.batch.length;
            etl_array_release(&message.batch);
            break;
        case ETL_MESSAGE_CHECKPOINT:
            free(sent.state);
            free(sent.cursor);
            sent.state = strndup(message.state, message.state_len);
            sent.cursor = message.cursor ? strdup(message.cursor) : NULL;
            etl_buffer_add_text(&sent.trace, "C\n");
            break;
        case ETL_MESSAGE_IDLE: etl_buffer_add_text(&sent.trace, "I\n"); break;
        case ETL_MESSAGE_END:
            etl_buffer_add_text(&sent.trace, "E\n");
            end = true;
            break;
        default: cr_assert_fail("message kind %u", message.kind);
        }
    }
    if (has_view)
        etl_view_fini(&view);
    etl_schema_release(&schema);
    jsonl_source_ops.read_close(reader);
    return sent;
}

static void check_trace(const struct sent *sent, const char *expected)
{
    struct etl_buffer *trace = (struct etl_buffer *)&sent->trace;
    cr_assert_eq(sent->status, ETL_OK, "%s", err.message);
    cr_assert_str_eq(etl_buffer_text(trace), expected);
}

static void forget(struct sent *sent)
{
    etl_buffer_fini(&sent->trace);
    free(sent->state);
    free(sent->cursor);
}

/* Reads a stream from the start (state NULL) or from a state and compares; returns the state, which the caller frees. */
static char *expect(const char *path, const char *more, const char *stream, const char *state, const char *expected)
{
    struct etl_source *source = open_source(path, more);
    struct sent sent = read_on(source, stream, state, 0);
    char *last;
    check_trace(&sent, expected);
    last = sent.state;
    sent.state = NULL;
    forget(&sent);
    jsonl_source_ops.close(source);
    return last;
}

static void expect_status(const char *path, const char *more, const char *stream, const char *state, etl_status status,
                          const char *part)
{
    struct etl_source *source = open_source(path, more);
    struct sent sent = read_on(source, stream, state, 0);
    cr_assert_eq(sent.status, status, "%d %s", (int)sent.status, err.message);
    cr_assert(strstr(err.message, part), "%s", err.message);
    forget(&sent);
    jsonl_source_ops.close(source);
}

Test(jsonl, records)
{
    put("orders.jsonl", "{\"id\":1,\"n\":\"a\",\"t\":[1,2],\"o\":{\"x\":true}}\n\n  "
                        "\r\n{\"id\":2,\"n\":null}\r\n{\"n\":\"c\",\"id\":-3}");
    free(expect(path_of("orders.jsonl"), "", "orders", NULL,
                "S id:l n:u t:+l o:+s\n"
                "{\"id\":1,\"n\":\"a\",\"t\":[1,2],\"o\":{\"x\":true}}\n"
                "{\"id\":2,\"n\":null,\"t\":null,\"o\":null}\n"
                "{\"id\":-3,\"n\":\"c\",\"t\":null,\"o\":null}\nC\nE\n"));
}

Test(jsonl, no_inference)
{
    put("a.jsonl", "{\"id\":1,\"b\":true}\n");
    free(
        expect(path_of("a.jsonl"), ",\"infer\":false", "a", NULL, "S id:u b:u\n{\"id\":\"1\",\"b\":\"true\"}\nC\nE\n"));
    put("n.jsonl", "{\"o\":{\"x\":1},\"l\":[1,2]}\n");
    free(expect(path_of("n.jsonl"), ",\"infer\":false", "n", NULL,
                "S o:u l:u\n{\"o\":\"{\\\"x\\\":1}\",\"l\":\"[1,2]\"}\nC\nE\n"));
}

Test(jsonl, byte_order_mark_and_empty_files)
{
    put("a.jsonl", "\xef\xbb\xbf{\"id\":1}\n");
    put("e.jsonl", "");
    put("b.jsonl", "\n \n\t\n");
    free(expect(path_of("a.jsonl"), "", "a", NULL, "S id:l\n{\"id\":1}\nC\nE\n"));
    free(expect(path_of("b.jsonl"), "", "b", NULL, "C\nE\n"));
    free(expect(path_of("?.jsonl"), ",\"stream\":\"all\"", "all", NULL, "S id:l\n{\"id\":1}\nC\nE\n"));
}

Test(jsonl, appended_tail_and_new_files)
{
    char *state, *next;
    put("ev-1.jsonl", "{\"id\":1}\n{\"id\":2}\n");
    state = expect(path_of("ev-*.jsonl"), "", "ev", NULL, "S id:l\n{\"id\":1}\n{\"id\":2}\nC\nE\n");
    next = expect(path_of("ev-*.jsonl"), "", "ev", state, "S id:l\nE\n");
    cr_assert_str_eq(next, state);
    free(next);
    add("ev-1.jsonl", "{\"id\":3}\n");
    put("ev-2.jsonl", "{\"id\":4,\"x\":\"new\"}\n");
    next = expect(path_of("ev-*.jsonl"), "", "ev", state,
                  "S id:l x:u\n{\"id\":3,\"x\":null}\n{\"id\":4,\"x\":\"new\"}\nC\nE\n");
    free(state);
    state = expect(path_of("ev-*.jsonl"), "", "ev", next, "S id:l x:u\nE\n");
    free(state);
    free(next);
}

Test(jsonl, types_never_narrow_between_runs)
{
    char *state, *next;
    put("a-1.jsonl", "{\"v\":1.5}\n{\"v\":\"x\"}\n");
    state = expect(path_of("a-*.jsonl"), "", "a", NULL, "S v:u\n{\"v\":\"1.5\"}\n{\"v\":\"x\"}\nC\nE\n");
    put("a-2.jsonl", "{\"v\":7}\n");
    next = expect(path_of("a-*.jsonl"), "", "a", state, "S v:u\n{\"v\":\"7\"}\nC\nE\n");
    free(state);
    free(next);
}

Test(jsonl, unfinished_last_line)
{
    char *state, *next;
    put("a.jsonl", "{\"id\":1}\n{\"id\":");
    state = expect(path_of("a.jsonl"), "", "a", NULL, "S id:l\n{\"id\":1}\nC\nE\n");
    cr_assert(strstr(etl_buffer_text(&logs), "byte 9"), "%s", logs.data);
    next = expect(path_of("a.jsonl"), "", "a", state, "S id:l\nE\n");
    free(next);
    add("a.jsonl", "22}\n{\"id\":3}");
    next = expect(path_of("a.jsonl"), "", "a", state, "S id:l\n{\"id\":22}\n{\"id\":3}\nC\nE\n");
    free(state);
    add("a.jsonl", "\n{\"id\":4}\n");
    state = expect(path_of("a.jsonl"), "", "a", next, "S id:l\n{\"id\":4}\nC\nE\n");
    free(state);
    free(next);
}

static void put_gzip(const char *name, const char *text)
{
    gzFile file = gzopen(path_of(name), "wb");
    cr_assert_not_null(file);
    gzwrite(file, text, (unsigned)strlen(text));
    gzclose(file);
}

Test(jsonl, compressed_files)
{
    put_gzip("a.jsonl.gz", "{\"id\":1}\n{\"id\":2}");
    put_gzip("b.jsonl.gz", "{\"id\":1}\n{\"id\":");
    free(expect(path_of("a.jsonl.gz"), "", "a", NULL, "S id:l\n{\"id\":1}\n{\"id\":2}\nC\nE\n"));
    expect_status(path_of("b.jsonl.gz"), "", "b", NULL, ETL_DATA, "b.jsonl.gz: line 2 (byte 9)");
}

Test(jsonl, schema_changes_between_batches)
{
    put("a.jsonl", "{\"v\":1}\n{\"v\":2}\n{\"v\":2.5}\n{\"v\":\"x\",\"w\":1}\n");
    free(
        expect(path_of("a.jsonl"), ",\"sample_rows\":1", "a", NULL,
               "S v:l\n{\"v\":1}\n{\"v\":2}\nC\nS v:d:20,1\n{\"v\":2.5}\nC\nS v:u w:l\n{\"v\":\"x\",\"w\":1}\nC\nE\n"));
    free(
        expect(path_of("a.jsonl"), ",\"sample_rows\":0", "a", NULL,
               "S v:l\n{\"v\":1}\n{\"v\":2}\nC\nS v:d:20,1\n{\"v\":2.5}\nC\nS v:u w:l\n{\"v\":\"x\",\"w\":1}\nC\nE\n"));
}

Test(jsonl, resuming_after_any_batch_gives_every_record_once)
{
    struct etl_buffer text = {0}, seen = {0};
    char *state = NULL;
    int rows = 0;

    for (int i = 0; i < 100; i++)
        etl_buffer_add_format(&text, "{\"id\":%d}\n", i);
    put("a-1.jsonl", etl_buffer_text(&text));
    put("a-2.jsonl", "{\"id\":100}\n");
    /* One batch per run: the reader is closed after its first checkpoint. */
    for (;;) {
        struct etl_source *source = open_source(path_of("a-*.jsonl"), "");
        struct etl_read_request request = {.struct_size = sizeof(request),
                                           .stream = "a",
                                           .slice = "",
                                           .state = state,
                                           .state_len = state ? strlen(state) : 0,
                                           .state_version = 1,
                                           .cursor_column = "",
                                           .cursor_from = "",
                                           .cursor_until = "",
                                           .batch_rows_hint = 7};
        struct etl_reader *reader = NULL;
        bool done = false, end = false;
        cr_assert_eq(jsonl_source_ops.read_open(source, &request, &reader, &err), ETL_OK);
        while (!done) {
            struct etl_message message = {.struct_size = sizeof(message)};
            cr_assert_eq(jsonl_source_ops.read_next(reader, &message, &err), ETL_OK, "%s", err.message);
            if (message.kind == ETL_MESSAGE_BATCH) {
                const int64_t *ids = message.batch.children[0]->buffers[1];
                for (int64_t i = 0; i < message.batch.length; i++)
                    cr_assert_eq(ids[i], rows++);
                cr_assert_leq(message.batch.length, 7);
            }
            if (message.kind == ETL_MESSAGE_CHECKPOINT) {
                free(state);
                state = strndup(message.state, message.state_len);
                cr_assert_not_null(message.cursor);
            }
            end = message.kind == ETL_MESSAGE_END;
            done = end || message.kind == ETL_MESSAGE_CHECKPOINT;
            etl_schema_release(&message.schema);
            etl_array_release(&message.batch);
        }
        jsonl_source_ops.read_close(reader);
        jsonl_source_ops.close(source);
        if (end)
            break;
    }
    cr_assert_eq(rows, 101);
    free(state);
    etl_buffer_fini(&text);
    etl_buffer_fini(&seen);
}

Test(jsonl, row_hint_is_exact)
{
    struct etl_buffer text = {0};
    struct etl_source *source;
    struct sent sent;
    for (int i = 0; i < 1000; i++)
        etl_buffer_add_format(&text, "{\"id\":%d}\n", i);
    put("a.jsonl", etl_buffer_text(&text));
    source = open_source(path_of("a.jsonl"), "");
    sent = read_on(source, "a", NULL, 300);
    cr_assert_eq(sent.rows, 1000);
    cr_assert_eq(sent.largest, 300);
    forget(&sent);
    jsonl_source_ops.close(source);
    etl_buffer_fini(&text);
}

Test(jsonl, bad_records_are_refused_without_the_service)
{
    static const char *const bad[] = {"{\"id\":1,}",       "[1]",   "12",         "nul", "{\"id\":\"\xff\"}",
                                      "{\"id\":\"a\nb\"}", "{} {}", "{\"id\":1}x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        put("a.jsonl", "{\"id\":1}\n");
        add("a.jsonl", bad[i]);
        add("a.jsonl", "\n{\"id\":2}\n");
        expect_status(path_of("a.jsonl"), "", "a", NULL, ETL_DATA, "a.jsonl: line 2 (byte 9)");
    }
    put_mode("a.jsonl", "wb", "{\"id\":1}\n{\"id\":\0}\n", 18);
    expect_status(path_of("a.jsonl"), "", "a", NULL, ETL_DATA, "a.jsonl: line 2 (byte 9)");
}

Test(jsonl, bad_records_go_to_the_host)
{
    char *state;
    accept_rejects = true;
    put("a.jsonl", "nope\n{\"id\":1}\n{\"id\":\"\xff\"}\n[]\n{\"id\":2}\n{]\n");
    state = expect(path_of("a.jsonl"), "", "a", NULL, "S id:l\n{\"id\":1}\n{\"id\":2}\nC\nE\n");
    etl_buffer_text(&rejects);
    cr_assert(strstr(rejects.data, "a|"));
    cr_assert(strstr(rejects.data, "a.jsonl: line 1 (byte 0)|"), "%s", rejects.data);
    cr_assert(strstr(rejects.data, "|expected a value at byte 0 of the line|nope|4\n"), "%s", rejects.data);
    cr_assert(strstr(rejects.data, "a.jsonl: line 4 (byte 25)|"), "%s", rejects.data);
    cr_assert(strstr(rejects.data, "a.jsonl: line 6 (byte 37)|"), "%s", rejects.data);
    etl_buffer_reset(&rejects);
    add("a.jsonl", "{\"id\":3}\nx\n");
    free(expect(path_of("a.jsonl"), "", "a", state, "S id:l\n{\"id\":3}\nC\nE\n"));
    cr_assert(strstr(etl_buffer_text(&rejects), "a.jsonl: byte 49|"), "%s", rejects.data);
    free(state);
}

Test(jsonl, only_bad_records)
{
    accept_rejects = true;
    put("a.jsonl", "x\ny\n");
    free(expect(path_of("a.jsonl"), "", "a", NULL, "C\nE\n"));
}

Test(jsonl, long_lines)
{
    /* Around the limit and far above it, across blocks, terminated or not. */
    static const size_t sizes[] = {99, 100, 101, 5000, 262144, 262145, 700000, 1048576};
    accept_rejects = true;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (int terminated = 0; terminated < 2; terminated++) {
            char *line = malloc(sizes[i] + 1), number[32];
            bool fits = sizes[i] <= 100;
            struct sent sent;
            struct etl_source *source;
            memset(line, 'x', sizes[i]);
            memcpy(line, "{\"id\":\"", 7);
            memcpy(line + sizes[i] - 2, "\"}", 2);
            line[sizes[i]] = '\0';
            put("a.jsonl", "{\"id\":\"a\"}\n");
            add("a.jsonl", line);
            if (terminated)
                add("a.jsonl", "\n{\"id\":\"z\"}\n");
            etl_buffer_reset(&rejects);
            source = open_source(path_of("a.jsonl"), ",\"record_size_max\":100");
            sent = read_on(source, "a", NULL, 0);
            cr_assert_eq(sent.status, ETL_OK, "%s", err.message);
            cr_assert_eq(sent.rows, 1 + fits + terminated, "size %zu: %ld rows", sizes[i], (long)sent.rows);
            cr_assert_eq(rejects.length == 0, fits);
            /* The state is at the end of the file. */
            snprintf(number, sizeof(number), "\"offset\":%zu", 11 + sizes[i] + (terminated ? 12 : 0));
            cr_assert(strstr(sent.state, number), "%s not in %s", number, sent.state);
            if (!fits)
                cr_assert(
                    strstr(etl_buffer_text(&rejects), "line 2 (byte 11)|the line is longer than record_size_max"));
            forget(&sent);
            jsonl_source_ops.close(source);
            free(line);
        }
}

Test(jsonl, bad_states)
{
    put("a.jsonl", "{\"id\":1}\n");
    expect_status(path_of("a.jsonl"), "", "a", "nonsense", ETL_STATE_INVALID, "");
    expect_status(path_of("a.jsonl"), "", "a", "{\"v\":1,\"files\":[],\"extra\":{\"columns\":[{\"name\":1}]}}",
                  ETL_STATE_INVALID, "saved state");
    expect_status(path_of("nope.jsonl"), "", "nope", NULL, ETL_NOT_FOUND, "nope.jsonl");
    expect_status(path_of("a.jsonl"), "", "b", NULL, ETL_NOT_FOUND, "b");
    expect_status(path_of("a.jsonl"), ",\"stream\":\"s\"", "a", NULL, ETL_NOT_FOUND, "\"s\"");
}

static void feed(const char *fifo, const char *text, size_t length, size_t pause_at)
{
    if (fork() == 0) {
        FILE *file = fopen(fifo, "wb");
        fwrite(text, 1, pause_at, file);
        fflush(file);
        usleep(200000);
        fwrite(text + pause_at, 1, length - pause_at, file);
        fclose(file);
        _exit(0);
    }
}

Test(jsonl, pipes)
{
    const char *fifo = path_of("p.jsonl");
    struct etl_buffer text = {0};
    struct etl_source *source;
    struct sent sent, again;

    cr_assert_eq(mkfifo(fifo, 0600), 0);
    for (int i = 0; i < 3000; i++)
        etl_buffer_add_format(&text, "{\"id\":%d%s}\n", i, i >= 2000 ? ".5" : "");
    etl_buffer_text(&text);
    feed(fifo, text.data, text.length, 9000);
    source = open_source(fifo, ",\"sample_rows\":100");
    sent = read_on(source, "p", NULL, 0);
    cr_assert_eq(sent.status, ETL_OK, "%s", err.message);
    cr_assert_eq(sent.rows, 3000);
    again = read_on(source, "p", sent.state, 0);
    cr_assert_eq(again.status, ETL_IO, "what the first reader has read is gone");
    forget(&again);
    /* What comes through the pipe in a later run is new. */
    jsonl_source_ops.close(source);
    source = open_source(fifo, ",\"sample_rows\":100");
    feed(fifo, "{\"id\":7}\n{\"id\"", 14, 3);
    again = read_on(source, "p", sent.state, 0);
    cr_assert_eq(again.status, ETL_DATA, "an incomplete line at the end of a pipe");
    cr_assert(strstr(err.message, "line 2 (byte 9)"), "%s", err.message);
    forget(&again);
    jsonl_source_ops.close(source);
    source = open_source(fifo, ",\"sample_rows\":100");
    feed(fifo, "{\"id\":7}\n", 9, 3);
    again = read_on(source, "p", sent.state, 0);
    cr_assert_eq(again.status, ETL_OK, "%s", err.message);
    cr_assert_eq(again.rows, 1);
    cr_assert(strstr(etl_buffer_text(&again.trace), "{\"id\":7.0}"), "%s", again.trace.data);
    forget(&again);
    forget(&sent);
    jsonl_source_ops.close(source);
    etl_buffer_fini(&text);
}

Test(jsonl, lines_across_blocks)
{
    struct etl_buffer text = {0};
    struct etl_source *source;
    struct sent sent;

    srandom(5);
    for (int i = 0; i < 3000; i++) {
        etl_buffer_add_format(&text, "{\"id\":%d,\"s\":\"", i);
        for (long n = random() % (i % 100 == 0 ? 300000 : 500); n > 0; n--)
            etl_buffer_add(&text, "x", 1);
        etl_buffer_add_text(&text, "\"}\n");
    }
    put_mode("a.jsonl", "wb", text.data, text.length);
    source = open_source(path_of("a.jsonl"), "");
    sent = read_on(source, "a", NULL, 0);
    cr_assert_eq(sent.status, ETL_OK, "%s", err.message);
    cr_assert_eq(sent.rows, 3000);
    /* Schema and checkpoints aside, the lines come out as they went in. */
    for (char *from = sent.trace.data, *to = text.data, *end = to + text.length; to < end;) {
        size_t length = (size_t)(strchr(from, '\n') + 1 - from);
        if (*from == '{') {
            cr_assert(memcmp(from, to, length) == 0);
            to += length;
        }
        from += length;
    }
    forget(&sent);
    jsonl_source_ops.close(source);
    etl_buffer_fini(&text);
}

/* ---- discovery ---- */

static etl_status take_stream(void *arg, const char *text, size_t length, struct ArrowSchema *schema)
{
    struct etl_buffer *trace = arg;
    etl_buffer_add(trace, text, length);
    etl_buffer_add_text(trace, " ");
    trace_schema(trace, schema);
    etl_schema_release(schema);
    return ETL_OK;
}

Test(jsonl, discovery)
{
    struct etl_buffer trace = {0};
    struct etl_source *source;

    put("b-2026-01.jsonl", "{\"x\":1}\n");
    put("b-2026-02.jsonl", "{\"x\":2,\"y\":\"2026-01-31\"}\n");
    put("a.jsonl", "bad\n{\"ok\":true}\n");
    put("c.jsonl", "");
    source = open_source(folder, "");
    cr_assert_eq(jsonl_source_ops.check(source, &err), ETL_OK);
    cr_assert_eq(jsonl_source_ops.discover(source, take_stream, &trace, &err), ETL_OK, "%s", err.message);
    cr_assert_str_eq(etl_buffer_text(&trace), "{\"name\":\"a\",\"incremental\":true} S ok:b\n"
                                              "{\"name\":\"b\",\"incremental\":true} S x:l y:tdD\n"
                                              "{\"name\":\"c\",\"incremental\":true} S\n");
    jsonl_source_ops.close(source);
    etl_buffer_reset(&trace);
    source = open_source("-", "");
    cr_assert_eq(jsonl_source_ops.check(source, &err), ETL_OK);
    cr_assert_eq(jsonl_source_ops.discover(source, take_stream, &trace, &err), ETL_OK);
    cr_assert_str_eq(etl_buffer_text(&trace), "{\"name\":\"stdin\",\"incremental\":true} S\n");
    jsonl_source_ops.close(source);
    etl_buffer_fini(&trace);
}

Test(jsonl, unreadable_file_is_listed_with_the_reason)
{
    struct etl_buffer trace = {0};
    struct etl_source *source;
    put("a.jsonl", "{\"x\":1}\n");
    put_mode("z.jsonl", "wb", "\x1f\x8b\x08\x00garbage!", 12);
    source = open_source(folder, "");
    cr_assert_eq(jsonl_source_ops.discover(source, take_stream, &trace, &err), ETL_OK, "%s", err.message);
    cr_assert(strstr(etl_buffer_text(&trace), "{\"name\":\"z\",\"error\":\""), "%s", trace.data);
    jsonl_source_ops.close(source);
    etl_buffer_fini(&trace);
}

Test(jsonl, settings)
{
    struct etl_source *source = NULL;
    static const char *const bad[] = {"{}", "{\"path\":\"x\",\"record_size_max\":0}",
                                      "{\"path\":\"x\",\"record_size_max\":2000000000}",
                                      "{\"path\":\"x\",\"depth_max\":0}", "{\"path\":\"x\",\"compression\":\"lz4\"}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_eq(jsonl_source_ops.open(&host, bad[i], strlen(bad[i]), &source, &err), ETL_CONFIG, "%s", bad[i]);
    cr_assert_null(source);
    jsonl_source_ops.close(NULL);
    jsonl_source_ops.read_close(NULL);
}

Test(jsonl, cancel)
{
    struct etl_source *source;
    struct sent sent;
    put("a.jsonl", "{\"x\":1}\n");
    source = open_source(path_of("a.jsonl"), "");
    jsonl_source_ops.cancel(source);
    sent = read_on(source, "a", NULL, 0);
    cr_assert_eq(sent.status, ETL_CANCELLED);
    forget(&sent);
    jsonl_source_ops.close(source);
}

/* ---- writing ---- */

static struct etl_dest *open_dest(const char *path, const char *more)
{
    char config[600];
    struct etl_dest *dest = NULL;
    snprintf(config, sizeof(config), "{\"path\":\"%s\"%s}", path, more);
    cr_assert_eq(jsonl_dest_ops.open(&host, config, strlen(config), &dest, &err), ETL_OK, "%s", err.message);
    return dest;
}

static struct etl_write_plan plan_of(uint32_t mode)
{
    static const char *const no_keys[] = {NULL};
    struct etl_write_plan plan = {.struct_size = sizeof(plan),
                                  .mode = mode,
                                  .pipeline_id = "p",
                                  .stream = "s",
                                  .slice = "",
                                  .target = "t",
                                  .keys = no_keys,
                                  .epoch = 1,
                                  .run_id = "r"};
    return plan;
}

/* The contents of all published files of a directory, in the order of their names. */
static const char *published(const char *path)
{
    static struct etl_buffer text;
    struct dirent **names = NULL;
    int count = scandir(path, &names, NULL, alphasort);
    etl_buffer_reset(&text);
    for (int i = 0; i < count; i++) {
        char name[1000], block[4096];
        size_t length;
        FILE *file;
        if (names[i]->d_name[0] != '.') {
            snprintf(name, sizeof(name), "%s/%s", path, names[i]->d_name);
            cr_assert(strstr(name, ".jsonl"));
            file = fopen(name, "rb");
            while ((length = fread(block, 1, sizeof(block), file)) > 0)
                etl_buffer_add(&text, block, length);
            fclose(file);
        }
        free(names[i]);
    }
    free(names);
    return etl_buffer_text(&text);
}

static void make_batch(struct ArrowSchema *schema, struct ArrowArray *batch, const char *const *rows, size_t count)
{
    struct etl_shredder *shredder = NULL;
    struct etl_shredder_options options = {0};
    bool fits = false;
    cr_assert_eq(etl_shredder_new(&options, &shredder, &err), ETL_OK);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(etl_shredder_observe_json(shredder, rows[i], strlen(rows[i]), &err), ETL_OK);
    cr_assert_eq(etl_shredder_schema(shredder, schema, &err), ETL_OK);
    for (size_t i = 0; i < count; i++)
        cr_assert(etl_shredder_append_json(shredder, rows[i], strlen(rows[i]), &fits, &err) == ETL_OK && fits);
    cr_assert_eq(etl_shredder_finish(shredder, batch, &err), ETL_OK);
    etl_shredder_free(shredder);
}

static const char *const rows[] = {"{\"a\":1,\"b\":\"x\\\"\\n\xe2\x82\xac\",\"c\":{\"d\":[1.50,null]}}",
                                   "{\"a\":null,\"b\":null,\"c\":null}", "{\"a\":-3,\"b\":\"\",\"c\":{\"d\":[]}}"};

static void write_rows(struct etl_writer *writer, uint64_t seq)
{
    struct ArrowSchema schema = {0};
    struct ArrowArray batch = {0};
    struct etl_commit commit = {.struct_size = sizeof(commit), .seq = seq, .state = "S", .state_len = 1};
    make_batch(&schema, &batch, rows, 3);
    cr_assert_eq(jsonl_dest_ops.set_schema(writer, &schema, &err), ETL_OK, "%s", err.message);
    etl_schema_release(&schema); /* it is the writer's during the call only */
    cr_assert_eq(jsonl_dest_ops.write(writer, &batch, ETL_OP_INSERT, &err), ETL_OK, "%s", err.message);
    cr_assert_eq(jsonl_dest_ops.commit(writer, &commit, &err), ETL_OK, "%s", err.message);
    etl_array_release(&batch);
}

Test(jsonl, rows_are_written_and_recovered)
{
    struct etl_dest *dest = open_dest(path_of("out"), "");
    struct etl_write_plan plan = plan_of(ETL_MODE_APPEND);
    struct etl_recovery recovery = {.struct_size = sizeof(recovery)};
    struct etl_writer *writer = NULL;

    cr_assert_eq(jsonl_dest_ops.check(dest, &err), ETL_OK, "%s", err.message);
    cr_assert_eq(jsonl_dest_ops.begin(dest, &plan, &writer, &recovery, &err), ETL_OK, "%s", err.message);
    cr_assert_eq(recovery.guarantee, ETL_GUARANTEE_ATOMIC);
    cr_assert_eq(recovery.found, 0);
    write_rows(writer, 1);
    cr_assert_str_eq(published(path_of("out")),
                     "{\"a\":1,\"b\":\"x\\\"\\n\xe2\x82\xac\",\"c\":{\"d\":[1.50,null]}}\n"
                     "{\"a\":null,\"b\":null,\"c\":null}\n{\"a\":-3,\"b\":\"\",\"c\":{\"d\":[]}}\n");
    jsonl_dest_ops.end(writer);
    cr_assert_eq(jsonl_dest_ops.begin(dest, &plan, &writer, &recovery, &err), ETL_OK, "%s", err.message);
    cr_assert(recovery.found && recovery.seq == 1 && recovery.state_len == 1 && recovery.state[0] == 'S');
    jsonl_dest_ops.end(writer);
    jsonl_dest_ops.close(dest);
}

Test(jsonl, nulls_can_be_left_out)
{
    struct etl_dest *dest = open_dest(path_of("out"), ",\"include_nulls\":false");
    struct etl_write_plan plan = plan_of(ETL_MODE_APPEND);
    struct etl_recovery recovery = {.struct_size = sizeof(recovery)};
    struct etl_writer *writer = NULL;

    cr_assert_eq(jsonl_dest_ops.begin(dest, &plan, &writer, &recovery, &err), ETL_OK, "%s", err.message);
    write_rows(writer, 1);
    cr_assert_str_eq(published(path_of("out")),
                     "{\"a\":1,\"b\":\"x\\\"\\n\xe2\x82\xac\",\"c\":{\"d\":[1.50,null]}}\n{}\n"
                     "{\"a\":-3,\"b\":\"\",\"c\":{\"d\":[]}}\n");
    jsonl_dest_ops.end(writer);
    jsonl_dest_ops.close(dest);
}

Test(jsonl, rollback_and_wrong_order)
{
    struct etl_dest *dest = open_dest(path_of("out"), "");
    struct etl_write_plan plan = plan_of(ETL_MODE_APPEND);
    struct etl_recovery recovery = {.struct_size = sizeof(recovery)};
    struct etl_writer *writer = NULL;
    struct ArrowSchema schema = {0};
    struct ArrowArray batch = {0};

    make_batch(&schema, &batch, rows, 3);
    cr_assert_eq(jsonl_dest_ops.begin(dest, &plan, &writer, &recovery, &err), ETL_OK, "%s", err.message);
    cr_assert_eq(jsonl_dest_ops.write(writer, &batch, 0, &err), ETL_MISUSE);
    cr_assert_eq(jsonl_dest_ops.set_schema(writer, &schema, &err), ETL_OK);
    cr_assert_eq(jsonl_dest_ops.write(writer, &batch, 0, &err), ETL_OK);
    cr_assert_eq(jsonl_dest_ops.rollback(writer, &err), ETL_OK);
    cr_assert_eq(jsonl_dest_ops.write(writer, &batch, ETL_OP_DELETE, &err), ETL_UNSUPPORTED);
    cr_assert_eq(jsonl_dest_ops.rollback(writer, &err), ETL_OK);
    write_rows(writer, 1);
    jsonl_dest_ops.end(writer);
    cr_assert_eq(strlen(published(path_of("out"))), 103);
    plan = plan_of(ETL_MODE_UPSERT);
    cr_assert_eq(jsonl_dest_ops.begin(dest, &plan, &writer, &recovery, &err), ETL_UNSUPPORTED);
    jsonl_dest_ops.close(dest);
    etl_array_release(&batch);
    etl_schema_release(&schema);
}

static etl_status take_text(void *arg, const char *text, size_t length)
{
    etl_buffer_add(arg, text, length);
    return ETL_OK;
}

Test(jsonl, explain_changes_nothing)
{
    struct etl_dest *dest = open_dest(path_of("out"), "");
    struct etl_write_plan plan = plan_of(ETL_MODE_APPEND);
    struct etl_recovery recovery = {.struct_size = sizeof(recovery)};
    struct ArrowSchema schema = {0};
    struct ArrowArray batch = {0};
    struct etl_buffer text = {0};

    make_batch(&schema, &batch, rows, 3);
    cr_assert_eq(jsonl_dest_ops.explain(dest, &plan, &schema, take_text, &text, &recovery, &err), ETL_OK, "%s",
                 err.message);
    cr_assert(strstr(etl_buffer_text(&text), "new files of \"t\""));
    cr_assert_eq(recovery.guarantee, ETL_GUARANTEE_ATOMIC);
    cr_assert_eq(access(path_of("out"), F_OK), -1);
    etl_buffer_fini(&text);
    jsonl_dest_ops.close(dest);
    etl_array_release(&batch);
    etl_schema_release(&schema);
}

Test(jsonl, small_parts_are_whole_lines)
{
    struct etl_dest *dest = open_dest(path_of("out"), ",\"part_size\":50");
    struct etl_write_plan plan = plan_of(ETL_MODE_APPEND);
    struct etl_recovery recovery = {.struct_size = sizeof(recovery)};
    struct etl_writer *writer = NULL;
    int files = 0;
    struct dirent **names = NULL;

    cr_assert_eq(jsonl_dest_ops.begin(dest, &plan, &writer, &recovery, &err), ETL_OK, "%s", err.message);
    write_rows(writer, 1);
    jsonl_dest_ops.end(writer);
    jsonl_dest_ops.close(dest);
    cr_assert_eq(strlen(published(path_of("out"))), 103);
    for (int i = scandir(path_of("out"), &names, NULL, NULL); i-- > 0;) {
        files += names[i]->d_name[0] != '.';
        free(names[i]);
    }
    free(names);
    cr_assert_geq(files, 2);
}
