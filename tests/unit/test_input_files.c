/* Reading files: names, patterns, compression, positions and what happens to files between two runs. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <etlhost/sdk/input_files.h>

static char folder[64];
static struct etl_error err;
static char *saved;
static size_t saved_length;

static void setup(void)
{
    strcpy(folder, "/tmp/etl-input-XXXXXX");
    cr_assert(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
    etl_error_init(&err);
}

static void teardown(void)
{
    char command[128];
    free(saved);
    saved = NULL;
    cr_assert_eq(chdir("/"), 0);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_expect_eq(system(command), 0);
}

TestSuite(input, .init = setup, .fini = teardown, .timeout = 60);

static void put(const char *name, const char *mode, const void *data, size_t length)
{
    FILE *file = fopen(name, mode);
    cr_assert(file, "%s", name);
    cr_assert_eq(fwrite(data, 1, length, file), length);
    fclose(file);
}

static void put_text(const char *name, const char *text)
{
    put(name, "w", text, strlen(text));
}

static size_t gzip(const char *text, unsigned char *out, size_t size)
{
    z_stream z = {0};
    cr_assert_eq(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)text;
    z.avail_in = (unsigned)strlen(text);
    z.next_out = out;
    z.avail_out = (unsigned)size;
    cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return size - z.avail_out;
}

/* Reads everything there is in steps of `step` bytes, marks each file done, keeps the state; returns "path@offset[content]" of
 * every file in a static buffer. */
static const char *read_all_status(const char *path, const char *stream, const char *state, size_t step,
                                   etl_status *ret_status)
{
    static char text[8192];
    struct etl_input_files *files = NULL;
    size_t at = 0;
    bool found = false;
    *text = '\0';
    *ret_status =
        etl_input_files_open_stream(NULL, path, stream, "auto", state, state ? strlen(state) : 0, &files, &err);
    while (*ret_status == ETL_OK && (*ret_status = etl_input_files_next(files, &found, &err)) == ETL_OK && found) {
        char chunk[512];
        size_t length = 1;
        uint64_t offset = etl_input_files_offset(files);
        at += (size_t)sprintf(text + at, "%s@%llu[", etl_input_files_path(files), (unsigned long long)offset);
        while (length > 0 && (*ret_status = etl_input_files_read(files, chunk, step, &length, &err)) == ETL_OK) {
            memcpy(text + at, chunk, length);
            at += length;
            offset += length;
        }
        at += (size_t)sprintf(text + at, "]");
        if (*ret_status == ETL_OK)
            etl_input_files_mark(files, offset, true);
    }
    const char *now = NULL;
    if (*ret_status == ETL_OK &&
        (*ret_status = etl_input_files_state(files, "{\"x\":1}", &now, &saved_length, &err)) == ETL_OK) {
        free(saved);
        saved = strndup(now, saved_length);
    }
    etl_input_files_close(files);
    return text;
}

static const char *read_all(const char *path, const char *state)
{
    etl_status status = ETL_OK;
    const char *text = read_all_status(path, NULL, state, 7, &status);
    cr_assert_eq(status, ETL_OK, "%s", err.message);
    return text;
}

static etl_status read_status(const char *path, const char *state)
{
    etl_status status = ETL_OK;
    read_all_status(path, NULL, state, 512, &status);
    return status;
}

Test(input, stream_names)
{
    static const char *const cases[][2] = {{"data/orders-2026-01.csv.gz", "orders"},
                                           {"orders.csv", "orders"},
                                           {"-", "stdin"},
                                           {"2026-01.csv", "2026-01"},
                                           {"a/b/orders_*.csv", "orders"},
                                           {"orders-20260131T120000Z.jsonl.zst", "orders"},
                                           {"orders", "orders"},
                                           {"order.items.csv", "order.items"},
                                           {"x/", "x"},
                                           {".hidden", ".hidden"},
                                           {"charges1.CSV", "charges"},
                                           {"data/*.csv", "*"},
                                           {"PRODUCT_LIST-1.tsv", "PRODUCT_LIST"},
                                           {"report.dat", "report"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *name = etl_stream_name_from_path(cases[i][0]);
        cr_expect_str_eq(name, cases[i][1], "%s gave %s", cases[i][0], name);
        free(name);
    }
}

Test(input, patterns)
{
    put_text("b.csv", "B");
    put_text("a.csv", "A");
    put_text("a[1].csv", "literal");
    put_text(".hidden", "H");
    mkdir("sub", 0777);
    mkdir("dir.csv", 0777);
    put_text("sub/.x", "H");
    put_text("sub/2", "2");
    put_text("sub/1", "1");
    cr_expect_str_eq(read_all("?.csv", NULL), "a.csv@0[A]b.csv@0[B]");
    cr_expect_str_eq(read_all("*.csv", NULL), "a.csv@0[A]a[1].csv@0[literal]b.csv@0[B]");
    cr_expect_str_eq(read_all("a[1].csv", NULL), "a[1].csv@0[literal]");
    cr_expect_str_eq(read_all("a[.]csv", NULL), "a.csv@0[A]");
    cr_expect_str_eq(read_all("sub", NULL), "sub/1@0[1]sub/2@0[2]");
    cr_expect_str_eq(read_all("sub/", NULL), "sub/1@0[1]sub/2@0[2]");
    cr_expect_eq(read_status("none.csv", NULL), ETL_NOT_FOUND);
    cr_expect(strstr(err.message, "none.csv"));
    cr_expect_eq(read_status("none*.csv", NULL), ETL_NOT_FOUND);
    cr_expect(strstr(err.message, "none*.csv"));
    cr_expect_eq(read_status("", NULL), ETL_CONFIG);
    cr_expect_eq(symlink("nowhere", "broken.csv"), 0);
    cr_expect_eq(read_status("*.csv", NULL), ETL_NOT_FOUND);
    cr_expect(strstr(err.message, "broken.csv"), "%s", err.message);
}

Test(input, one_stream_of_several)
{
    etl_status status = ETL_OK;
    put_text("orders-1.csv", "o1");
    put_text("orders-2.csv", "o2");
    put_text("items-1.csv", "i1");
    cr_expect_str_eq(read_all_status("*.csv", "orders", NULL, 99, &status), "orders-1.csv@0[o1]orders-2.csv@0[o2]");
    cr_expect_str_eq(read_all_status("*.csv", "items", NULL, 99, &status), "items-1.csv@0[i1]");
    read_all_status("*.csv", "none", NULL, 99, &status);
    cr_expect_eq(status, ETL_NOT_FOUND);
}

Test(input, new_files_and_tails)
{
    put_text("a.csv", "1\n2\n");
    put_text("b.csv", "");
    cr_expect_str_eq(read_all("*.csv", NULL), "a.csv@0[1\n2\n]b.csv@0[]");
    char *first = strdup(saved);
    cr_expect_str_eq(read_all("*.csv", first), "", "nothing new");
    cr_expect_str_eq(saved, first, "the state of an idle run is the same");
    put("a.csv", "a", "3\n", 2);
    put("b.csv", "a", "x\n", 2);
    put_text("c.csv", "new");
    cr_expect_str_eq(read_all("*.csv", first), "a.csv@4[3\n]b.csv@0[x\n]c.csv@0[new]");
    cr_expect_str_eq(read_all("*.csv", saved), "");
    free(first);
}

Test(input, a_replaced_file_is_new)
{
    put_text("a.csv", "1\n2\n");
    read_all("a.csv", NULL);
    put_text("a.csv", "1\n");
    cr_expect_str_eq(read_all("a.csv", saved), "a.csv@0[1\n]", "smaller");
    put_text("a.csv", "9\n8\n7\n");
    cr_expect_str_eq(read_all("a.csv", saved), "a.csv@0[9\n8\n7\n]", "another head");
    cr_expect_str_eq(read_all("a.csv", saved), "");
}

Test(input, a_renamed_file_is_not_new)
{
    put_text("log.csv", "1\n2\n");
    read_all("log.csv*", NULL);
    rename("log.csv", "log.csv.1");
    put_text("log.csv", "3\n");
    cr_expect_str_eq(read_all("log.csv*", saved), "log.csv@0[3\n]", "rotated");
    cr_expect_str_eq(read_all("log.csv*", saved), "");
    put("log.csv.1", "a", "late\n", 5);
    cr_expect_str_eq(read_all("log.csv*", saved), "log.csv.1@4[late\n]");
}

Test(input, a_file_that_is_gone_stays_known)
{
    put_text("a.csv", "1\n");
    put_text("b.csv", "2\n");
    read_all("*.csv", NULL);
    rename("a.csv", "kept");
    cr_expect_str_eq(read_all("*.csv", saved), "");
    rename("kept", "a.csv");
    cr_expect_str_eq(read_all("*.csv", saved), "", "it is back and still known");
}

Test(input, a_continued_last_line_is_an_error)
{
    put_text("a.csv", "1\n2");
    read_all("a.csv", NULL);
    char *state = strdup(saved);
    put("a.csv", "a", "3\n", 2);
    cr_expect_eq(read_status("a.csv", state), ETL_DATA);
    cr_expect(strstr(err.message, "a.csv"), "%s", err.message);
    put_text("a.csv", "1\n2\n3\n");
    cr_expect_str_eq(read_all("a.csv", state), "a.csv@3[\n3\n]", "a line end came first");
    free(state);
}

Test(input, grown_utf16)
{
    put("a.csv", "w",
        "\xff\xfe"
        "a\0\n\0",
        6);
    read_all("a.csv", NULL);
    put("a.csv", "a", "b\0\n\0", 4);
    etl_status status = ETL_OK;
    read_all_status("a.csv", NULL, saved, 9, &status);
    cr_expect_eq(status, ETL_OK, "%s", err.message);
}

Test(input, gzip_members_and_truncation)
{
    unsigned char data[400];
    size_t one = gzip("hello ", data, 200), two = gzip("world\n", data + one, 200);
    put("a.gz", "w", data, one + two);
    cr_expect_str_eq(read_all("a.gz", NULL), "a.gz@0[hello world\n]");
    cr_expect_str_eq(read_all("a.gz", saved), "");
    for (size_t cut = 1; cut < two; cut++) {
        put("cut.gz", "w", data, one + cut);
        cr_expect_eq(read_status("cut.gz", NULL), ETL_DATA, "cut at %zu", cut);
    }
    cr_expect(strstr(err.message, "cut.gz") && strstr(err.message, "byte"), "%s", err.message);
    memcpy(data + one + two, "\0\0\0\0", 4);
    put("padded.gz", "w", data, one + two + 4);
    cr_expect_eq(read_status("padded.gz", NULL), ETL_OK);
    memcpy(data + one + two, "junk", 4);
    put("junk.gz", "w", data, one + two + 4);
    cr_expect_eq(read_status("junk.gz", NULL), ETL_DATA);
    data[one / 2] ^= 0x55;
    put("bad.gz", "w", data, one + two);
    cr_expect_eq(read_status("bad.gz", NULL), ETL_DATA);
    put("a.gz", "a", data, 3);
    cr_expect_eq(read_status("a.gz", saved), ETL_DATA, "a changed compressed file is read again");
}

Test(input, zstd_frames_and_truncation)
{
    char data[400];
    size_t one = ZSTD_compress(data, 200, "hello ", 6, 3), two = ZSTD_compress(data + one, 200, "world\n", 6, 3);
    put("a.zst", "w", data, one + two);
    cr_expect_str_eq(read_all("a.zst", NULL), "a.zst@0[hello world\n]");
    for (size_t cut = 1; cut < two; cut++) {
        put("cut.zst", "w", data, one + cut);
        cr_expect_eq(read_status("cut.zst", NULL), ETL_DATA, "cut at %zu", cut);
    }
}

Test(input, resume_in_the_middle)
{
    unsigned char data[200];
    char chunk[64];
    size_t length = 0;
    bool found = false;
    const char *state = NULL;
    put("a.gz", "w", data, gzip("0123456789", data, sizeof data));
    put_text("b.csv", "abcdefghij");
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "a.gz" : "b.csv";
        struct etl_input_files *files = NULL;
        cr_assert_eq(etl_input_files_open(NULL, name, "auto", NULL, 0, &files, &err), ETL_OK);
        cr_assert_eq(etl_input_files_next(files, &found, &err), ETL_OK);
        etl_input_files_mark(files, 4, false);
        cr_expect(strstr(etl_input_files_cursor(files), "byte 4"));
        cr_assert_eq(etl_input_files_state(files, "", &state, &length, &err), ETL_OK);
        char *copy = strndup(state, length);
        etl_input_files_close(files);
        if (i == 1) /* the byte in front of an offset is a line end in real life */
            put_text("b.csv", "abc\nefghij"), free(copy), copy = NULL;
        if (copy) {
            cr_expect_str_eq(read_all(name, copy), "a.gz@4[456789]");
            cr_assert_eq(etl_input_files_open(NULL, name, "auto", copy, strlen(copy), &files, &err), ETL_OK);
            cr_expect_null(etl_input_files_extra(files).data);
            cr_assert_eq(etl_input_files_next(files, &found, &err), ETL_OK);
            cr_assert_eq(etl_input_files_rewind(files, &err), ETL_OK);
            cr_assert_eq(etl_input_files_read(files, chunk, sizeof chunk, &length, &err), ETL_OK);
            cr_expect_eq(length, 10);
            cr_assert_eq(etl_input_files_seek(files, 8, &err), ETL_OK);
            cr_assert_eq(etl_input_files_read(files, chunk, sizeof chunk, &length, &err), ETL_OK);
            cr_expect(length == 2 && memcmp(chunk, "89", 2) == 0);
            etl_input_files_close(files);
        }
        free(copy);
    }
}

Test(input, the_connectors_value_comes_back)
{
    struct etl_input_files *files = NULL;
    put_text("a.csv", "1\n");
    read_all("a.csv", NULL);
    cr_assert_eq(etl_input_files_open(NULL, "a.csv", "auto", saved, saved_length, &files, &err), ETL_OK);
    struct etl_bytes extra = etl_input_files_extra(files);
    cr_expect(extra.length == 7 && memcmp(extra.data, "{\"x\":1}", 7) == 0);
    etl_input_files_close(files);
}

Test(input, bad_states)
{
    static const char *const states[] = {
        "x",
        "{}",
        "[]",
        "{\"v\":2,\"files\":[]}",
        "{\"v\":1}",
        "{\"v\":1,\"files\":{}}",
        "{\"v\":1,\"files\":[1]}",
        "{\"v\":1,\"files\":[{}]}",
        "{\"v\":1,\"files\":[{\"path\":\"a\",\"head\":\"x\"}]}",
        "{\"v\":1,\"files\":[{\"path\":3,\"head\":\"0123456789abcdef\"}]}",
        "{\"v\":1,\"files\":[{\"path\":\"a\",\"head\":\"0123456789abcdef\",\"offset\":-1}]}",
        "{\"v\":1,\"files\":[{\"path\":\"a\",\"head\":\"0123456789abcdef\",\"done\":1}]}"};
    put_text("a.csv", "1\n");
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        cr_expect_eq(read_status("a.csv", states[i]), ETL_STATE_INVALID, "%s", states[i]);
    cr_expect_eq(read_status("a.csv", "{\"v\":1,\"files\":[],\"later\":{\"a\":[1]}}"), ETL_OK);
}

static int32_t always(void *arg)
{
    (void)arg;
    return 1;
}

Test(input, stopping)
{
    struct etl_input_files *files = NULL;
    char chunk[8];
    size_t length = 0;
    bool found = false;
    put_text("a.csv", "1\n");
    cr_assert_eq(etl_input_files_open(NULL, "a.csv", "auto", NULL, 0, &files, &err), ETL_OK);
    cr_assert_eq(etl_input_files_next(files, &found, &err), ETL_OK);
    etl_input_files_set_stop(files, always, NULL);
    cr_expect_eq(etl_input_files_read(files, chunk, 8, &length, &err), ETL_CANCELLED);
    etl_input_files_close(files);
}

Test(input, a_pipe)
{
    struct etl_input_files *files = NULL;
    int ends[2];
    char name[64], chunk[8];
    size_t length = 0;
    bool found = false, ready = true;
    const char *state = NULL;
    cr_assert_eq(pipe(ends), 0);
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    cr_assert_eq(etl_input_files_open(NULL, name, "none", NULL, 0, &files, &err), ETL_OK, "%s", err.message);
    cr_assert_eq(etl_input_files_next(files, &found, &err), ETL_OK, "%s", err.message);
    cr_assert_eq(etl_input_files_wait(files, 10, &ready, &err), ETL_OK);
    cr_expect_not(ready);
    cr_expect_not(etl_input_files_can_seek(files));
    cr_assert_eq(write(ends[1], "ab", 2), 2);
    cr_assert_eq(etl_input_files_wait(files, 1000, &ready, &err), ETL_OK);
    cr_expect(ready);
    cr_assert_eq(etl_input_files_read(files, chunk, 8, &length, &err), ETL_OK);
    cr_expect_eq(length, 2);
    etl_input_files_mark(files, 2, true);
    cr_assert_eq(etl_input_files_state(files, "", &state, &length, &err), ETL_OK);
    cr_expect_str_eq(state, "{\"v\":1,\"files\":[]}");
    cr_expect_eq(etl_input_files_rewind(files, &err), ETL_UNSUPPORTED);
    etl_input_files_close(files);
    close(ends[0]);
    close(ends[1]);
}

Test(input, a_state_never_exceeds_its_limit)
{
    struct etl_input_files *files = NULL;
    char name[160];
    bool found = true;
    const char *state = NULL;
    size_t length = 0;
    etl_status status = ETL_OK;
    mkdir("many", 0777);
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "many/%0120d", i);
        put_text(name, "x\n");
    }
    cr_assert_eq(etl_input_files_open(NULL, "many", "none", NULL, 0, &files, &err), ETL_OK);
    for (int i = 0; status == ETL_OK && found; i++) {
        cr_assert_eq(etl_input_files_next(files, &found, &err), ETL_OK);
        if (found)
            etl_input_files_mark(files, 2, true);
        if (i % 100 == 0)
            status = etl_input_files_state(files, "", &state, &length, &err);
    }
    cr_expect_eq(status, ETL_UNSUPPORTED);
    cr_expect(strstr(err.message, "1 MiB"), "%s", err.message);
    etl_input_files_close(files);
}
