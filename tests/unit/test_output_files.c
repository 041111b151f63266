/* Writing files: what readers see, repair after a crash at any point, fence, generations, failures of the disk. */
#include "config.h"

#include <criterion/criterion.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <etlhost/sdk/output_files.h>

static char folder[64];
static struct etl_error err;
static struct etl_output_options options;
static struct etl_write_plan plan;
static struct etl_recovery recovery;
static const char *no_keys[] = {NULL};

static void setup(void)
{
    strcpy(folder, "/tmp/etl-output-XXXXXX");
    cr_assert(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
    etl_error_init(&err);
    options = (struct etl_output_options){.path = "out", .suffix = ".csv", .compression = "none", .part_size_bytes = 0};
    plan = (struct etl_write_plan){.struct_size = sizeof plan,
                                   .mode = ETL_MODE_APPEND,
                                   .pipeline_id = "p",
                                   .stream = "s",
                                   .slice = "",
                                   .target = "orders",
                                   .keys = no_keys,
                                   .run_id = "r"};
}

static void teardown(void)
{
    char command[128];
    cr_assert_eq(chdir("/"), 0);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_expect_eq(system(command), 0);
}

TestSuite(output, .init = setup, .fini = teardown, .timeout = 120);

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "name[content]" of every visible file, sorted. */
static const char *visible(void)
{
    static char text[16384];
    char *names[256];
    size_t count = 0, at = 0;
    DIR *dir = opendir("out");
    *text = '\0';
    if (!dir)
        return text;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] != '.')
            names[count++] = strdup(entry->d_name);
    }
    closedir(dir);
    qsort(names, count, sizeof *names, compare);
    for (size_t i = 0; i < count; i++) {
        char path[512];
        snprintf(path, sizeof path, "out/%s", names[i]);
        FILE *file = fopen(path, "r");
        at += (size_t)sprintf(text + at, "%s[", names[i]);
        at += fread(text + at, 1, 1000, file);
        at += (size_t)sprintf(text + at, "]");
        fclose(file);
        free(names[i]);
    }
    return text;
}

static size_t staged_count(void)
{
    size_t count = 0;
    DIR *dir = opendir("out/.etlhost/p/s/%.staged");
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

static struct etl_output_files *begin(void)
{
    struct etl_output_files *files = NULL;
    recovery = (struct etl_recovery){.struct_size = sizeof recovery};
    etl_status status = etl_output_files_begin(NULL, &options, &plan, &files, &recovery, &err);
    cr_assert_eq(status, ETL_OK, "%s", err.message);
    return files;
}

static void write_text(struct etl_output_files *files, const char *text)
{
    bool is_new = false;
    cr_assert_eq(etl_output_files_write(files, text, strlen(text), &is_new, &err), ETL_OK, "%s", err.message);
    if (!is_new)
        return;
    cr_assert_eq(etl_output_files_write(files, "h:", 2, NULL, &err), ETL_OK);
    cr_assert_eq(etl_output_files_write(files, text, strlen(text), &is_new, &err), ETL_OK);
    cr_assert_not(is_new);
}

static etl_status commit(struct etl_output_files *files, uint64_t seq, const char *state, uint32_t flags)
{
    struct etl_commit unit = {
        .struct_size = sizeof unit, .flags = flags, .seq = seq, .state = state, .state_len = strlen(state)};
    return etl_output_files_commit(files, &unit, &err);
}

#define F(generation, seq, part) "orders-00000" #generation "-000000000" #seq "-000" #part ".csv"

Test(output, units_become_visible_by_commit)
{
    cr_expect_eq(etl_output_files_check(&options, &err), ETL_OK);
    cr_expect_neq(access("out", F_OK), 0, "check leaves nothing behind");
    struct etl_output_files *files = begin();
    cr_expect_eq(recovery.found, 0);
    cr_expect_eq(recovery.is_final, 1);
    cr_expect_eq(recovery.guarantee, ETL_GUARANTEE_ATOMIC);
    write_text(files, "a");
    write_text(files, "b");
    cr_expect_str_eq(visible(), "");
    cr_assert_eq(commit(files, 1, "S1", 0), ETL_OK, "%s", err.message);
    cr_expect_str_eq(visible(), F(0, 1, 1) "[h:ab]");
    write_text(files, "dropped");
    cr_assert_eq(etl_output_files_rollback(files, &err), ETL_OK);
    cr_expect_eq(staged_count(), 0);
    write_text(files, "c");
    cr_assert_eq(etl_output_files_cut(files, &err), ETL_OK);
    write_text(files, "d");
    cr_assert_eq(commit(files, 2, "S2", 0), ETL_OK);
    cr_assert_eq(commit(files, 3, "", 0), ETL_OK, "an empty unit");
    write_text(files, "forgotten");
    etl_output_files_end(files);
    cr_expect_str_eq(visible(), F(0, 1, 1) "[h:ab]" F(0, 2, 1) "[h:c]" F(0, 2, 2) "[h:d]");
    cr_expect_eq(staged_count(), 0);

    char *state = malloc(ETL_STATE_MAX_BYTES);
    recovery = (struct etl_recovery){.struct_size = sizeof recovery};
    cr_assert_eq(etl_output_files_look(&options, &plan, state, &recovery, &err), ETL_OK);
    cr_expect(recovery.found && recovery.seq == 3 && recovery.state_len == 0);
    free(state);
    files = begin();
    cr_expect(recovery.found && recovery.seq == 3);
    cr_expect_eq(commit(files, 5, "", 0), ETL_MISUSE);
    etl_output_files_end(files);
}

Test(output, a_state_comes_back_byte_for_byte)
{
    static const char bytes[] = "\"\\\n\0\x01\xff\xfe{}\xc3\xa9";
    struct etl_output_files *files = begin();
    for (uint64_t seq = 1; seq <= 2; seq++) {
        struct etl_commit unit = {.struct_size = sizeof unit,
                                  .seq = seq,
                                  .state = seq == 1 ? bytes : "\"\n\0\xc3\xa9",
                                  .state_len = seq == 1 ? sizeof bytes - 1 : 5};
        cr_assert_eq(etl_output_files_commit(files, &unit, &err), ETL_OK);
        etl_output_files_end(files);
        files = begin();
        cr_expect_eq(recovery.state_len, unit.state_len);
        cr_expect_eq(memcmp(recovery.state, unit.state, (size_t)unit.state_len), 0);
    }
    etl_output_files_end(files);
}

Test(output, parts)
{
    options.part_size_bytes = 3;
    struct etl_output_files *files = begin();
    write_text(files, "abcd");
    write_text(files, "e");
    cr_assert_eq(commit(files, 1, "", 0), ETL_OK);
    etl_output_files_end(files);
    cr_expect_str_eq(visible(), F(0, 1, 1) "[h:abcd]" F(0, 1, 2) "[h:e]");
}

Test(output, compression)
{
    static const char *const kinds[] = {"gzip", "zstd"};
    static const char *const commands[] = {"test \"$(gzip -dc out/gzip-*.csv.gz | wc -c)\" = 1000002",
                                           "test \"$(zstd -dc out/zstd-*.csv.zst | wc -c)\" = 1000002"};
    char *text = malloc(1000001);
    for (size_t i = 0; i < 1000000; i++)
        text[i] = (char)('a' + (i * i) % 23);
    text[1000000] = '\0';
    for (int i = 0; i < 2; i++) {
        options.compression = plan.target = plan.stream = kinds[i];
        struct etl_output_files *files = begin();
        write_text(files, text);
        cr_assert_eq(commit(files, 1, "", 0), ETL_OK, "%s", err.message);
        etl_output_files_end(files);
        if (i == 0 || system("command -v zstd >/dev/null") == 0)
            cr_expect_eq(system(commands[i]), 0);
    }
    free(text);
    options.compression = "lz4";
    cr_expect_eq(etl_output_files_check(&options, &err), ETL_CONFIG);
}

Test(output, names_stay_in_the_folder)
{
    plan.pipeline_id = "../p";
    plan.stream = "..";
    plan.slice = "a/b";
    plan.target = "../x/\xc3\xa9";
    struct etl_output_files *files = begin();
    write_text(files, "a");
    cr_assert_eq(commit(files, 1, "", 0), ETL_OK, "%s", err.message);
    etl_output_files_end(files);
    cr_expect_str_eq(visible(), "%2E.%2Fx%2F%C3%A9@a%2Fb-000000-0000000001-0001.csv[h:a]");
    char longest[600];
    memset(longest, '\xe9', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    plan.pipeline_id = plan.stream = plan.slice = plan.target = longest;
    files = begin();
    write_text(files, "a");
    cr_assert_eq(commit(files, UINT64_MAX - 1, "", 0), ETL_OK, "%s", err.message);
    etl_output_files_end(files);
}

Test(output, a_later_writer_fences_the_earlier)
{
    struct etl_output_files *first = begin();
    write_text(first, "zombie");
    struct etl_output_files *second = begin();
    write_text(second, "live");
    cr_expect_eq(commit(first, 1, "Z", 0), ETL_CONFLICT);
    cr_expect_str_eq(visible(), "");
    cr_assert_eq(commit(second, 1, "L", 0), ETL_OK, "%s", err.message);
    cr_expect_eq(commit(first, 1, "Z", 0), ETL_CONFLICT);
    etl_output_files_end(first);
    etl_output_files_end(second);
    cr_expect_str_eq(visible(), F(0, 1, 1) "[h:live]");
}

Test(output, one_target_belongs_to_one_stream)
{
    struct etl_output_files *files = begin(), *other = NULL;
    plan.stream = "t";
    cr_expect_eq(etl_output_files_begin(NULL, &options, &plan, &other, &recovery, &err), ETL_CONFIG);
    cr_expect(strstr(err.message, "p/s") && strstr(err.message, "orders"), "%s", err.message);
    etl_output_files_end(files);
}

Test(output, a_foreign_file_is_never_overwritten)
{
    struct etl_output_files *files = begin();
    FILE *file = fopen("out/" F(0, 1, 1), "w");
    fputs("mine", file);
    fclose(file);
    write_text(files, "a");
    cr_expect_eq(commit(files, 1, "", 0), ETL_CONFLICT);
    etl_output_files_end(files);
    cr_expect_str_eq(visible(), F(0, 1, 1) "[mine]");
}

Test(output, generations)
{
    struct etl_output_files *files = begin();
    write_text(files, "old");
    cr_assert_eq(commit(files, 1, "", 0), ETL_OK);
    etl_output_files_end(files);
    plan.generation = 2;
    plan.mode = ETL_MODE_OVERWRITE;
    files = begin();
    cr_expect(!recovery.found && recovery.generation == 0 && recovery.is_final);
    write_text(files, "new1");
    cr_assert_eq(commit(files, 1, "N1", 0), ETL_OK);
    write_text(files, "lost");
    etl_output_files_end(files);
    cr_expect_str_eq(visible(), F(0, 1, 1) "[h:old]");
    files = begin();
    cr_expect(recovery.found && recovery.seq == 1 && recovery.generation == 2 && !recovery.is_final, "resumed");
    write_text(files, "new2");
    cr_assert_eq(commit(files, 2, "N2", ETL_COMMIT_FINAL), ETL_OK, "%s", err.message);
    cr_expect_str_eq(visible(), F(2, 1, 1) "[h:new1]" F(2, 2, 1) "[h:new2]");
    write_text(files, "more");
    cr_assert_eq(commit(files, 3, "N3", 0), ETL_OK);
    etl_output_files_end(files);
    files = begin();
    cr_expect(recovery.found && recovery.is_final && recovery.seq == 3);
    etl_output_files_end(files);
    cr_expect_str_eq(visible(), F(2, 1, 1) "[h:new1]" F(2, 2, 1) "[h:new2]" F(2, 3, 1) "[h:more]");
    /* An unfinished one that is given up for a newer one leaves nothing. */
    plan.generation = 3;
    files = begin();
    write_text(files, "x");
    cr_assert_eq(commit(files, 1, "", 0), ETL_OK);
    etl_output_files_end(files);
    plan.generation = 4;
    files = begin();
    cr_expect(!recovery.found && recovery.generation == 3 && !recovery.is_final);
    cr_expect_eq(staged_count(), 0);
    cr_assert_eq(commit(files, 1, "", ETL_COMMIT_FINAL), ETL_OK, "an empty generation");
    etl_output_files_end(files);
    cr_expect_str_eq(visible(), "");
    plan.generation = 2;
    cr_expect_eq(etl_output_files_begin(NULL, &options, &plan, &files, &recovery, &err), ETL_CONFLICT);
}

Test(output, slices_share_a_target)
{
    struct etl_output_files *files = begin();
    write_text(files, "whole");
    cr_assert_eq(commit(files, 1, "", 0), ETL_OK);
    etl_output_files_end(files);
    plan.generation = 1;
    static const char *const slices[] = {"a", "b"};
    for (int i = 0; i < 2; i++) {
        plan.slice = slices[i];
        files = begin();
        write_text(files, slices[i]);
        cr_assert_eq(commit(files, 1, "", ETL_COMMIT_FINAL), ETL_OK, "%s", err.message);
        etl_output_files_end(files);
    }
    cr_expect_str_eq(visible(), "orders@a-000001-0000000001-0001.csv[h:a]orders@b-000001-0000000001-0001.csv[h:b]");
    plan.slice = "";
    plan.generation = 2;
    files = begin();
    write_text(files, "again");
    cr_assert_eq(commit(files, 1, "", ETL_COMMIT_FINAL), ETL_OK);
    etl_output_files_end(files);
    cr_expect_str_eq(visible(), F(2, 1, 1) "[h:again]");
}

Test(output, a_full_disk)
{
    struct rlimit limit = {.rlim_cur = 600 * 1024, .rlim_max = RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    struct etl_output_files *files = begin();
    write_text(files, "good");
    cr_assert_eq(commit(files, 1, "S", 0), ETL_OK);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    char *big = malloc(1000001);
    bool is_new = false;
    memset(big, 'x', 1000000);
    cr_assert_eq(etl_output_files_write(files, big, 1000000, &is_new, &err), ETL_OK);
    cr_expect_eq(etl_output_files_write(files, big, 1000000, &is_new, &err), ETL_IO, "%s", err.message);
    cr_expect(err.vendor_code != 0);
    cr_expect_eq(commit(files, 2, "S", 0), ETL_MISUSE);
    cr_assert_eq(etl_output_files_rollback(files, &err), ETL_OK);
    cr_expect_eq(staged_count(), 0);
    /* The manifest does not fit. */
    limit.rlim_cur = 200;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    write_text(files, "small");
    memset(big, 'x', 500);
    big[500] = '\0';
    cr_expect_eq(commit(files, 2, big, 0), ETL_IO);
    cr_assert_eq(etl_output_files_rollback(files, &err), ETL_OK);
    limit.rlim_cur = 600 * 1024;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    write_text(files, "after");
    cr_assert_eq(commit(files, 2, "S2", 0), ETL_OK, "%s", err.message);
    etl_output_files_end(files);
    free(big);
    cr_expect_str_eq(visible(), F(0, 1, 1) "[h:good]" F(0, 2, 1) "[h:after]");
}

Test(output, damaged_manifest)
{
    etl_output_files_end(begin());
    FILE *file = fopen("out/.etlhost/p/s/%.json", "w");
    fputs("{\"v\":1,\"epoch\":3", file);
    fclose(file);
    struct etl_output_files *files = NULL;
    cr_expect_eq(etl_output_files_begin(NULL, &options, &plan, &files, &recovery, &err), ETL_STATE_INVALID);
    file = fopen("out/.etlhost/p/s/%.json", "w");
    fputs("{\"v\":1,\"epoch\":3,\"generation\":0,\"final\":true,\"committed\":true,\"seq\":1,\"state\":\"\",\"files\":["
          "\"../../x\"]}",
          file);
    fclose(file);
    cr_expect_eq(etl_output_files_begin(NULL, &options, &plan, &files, &recovery, &err), ETL_STATE_INVALID);
}

Test(output, unusable_folders)
{
    FILE *file = fopen("file", "w");
    fclose(file);
    options.path = "file";
    cr_expect_eq(etl_output_files_check(&options, &err), ETL_CONFIG);
    struct etl_output_files *files = NULL;
    cr_expect_neq(etl_output_files_begin(NULL, &options, &plan, &files, &recovery, &err), ETL_OK);
    options.path = "file/below";
    cr_expect_neq(etl_output_files_check(&options, &err), ETL_OK);
    options.path = "";
    cr_expect_eq(etl_output_files_check(&options, &err), ETL_CONFIG);
    options.path = "a/b/c";
    cr_expect_eq(etl_output_files_check(&options, &err), ETL_OK, "%s", err.message);
    cr_expect_eq(
        etl_output_files_check(&(struct etl_output_options){.path = "/", .suffix = "", .compression = "none"}, &err),
        ETL_OK);
}

#ifdef ENABLE_FAILPOINTS
/* Runs units 1..3 of generation 0 and then a generation 1 of two units, resuming wherever the directory says; each row is "gG.sN". */
static void load(void)
{
    for (uint64_t generation = 0; generation <= 1; generation++) {
        plan.generation = generation;
        recovery = (struct etl_recovery){.struct_size = sizeof recovery};
        struct etl_output_files *files = NULL;
        etl_status status = etl_output_files_begin(NULL, &options, &plan, &files, &recovery, &err);
        if (status == ETL_CONFLICT && generation == 0)
            continue; /* generation 1 has begun */
        if (status != ETL_OK)
            _exit(9);
        uint64_t last = generation == 0 ? 3 : 2;
        for (uint64_t seq = recovery.found ? recovery.seq + 1 : 1; seq <= last; seq++) {
            char row[32];
            bool is_new = false;
            snprintf(row, sizeof row, "g%d.s%d;", (int)generation, (int)seq);
            while (etl_output_files_write(files, row, strlen(row), &is_new, &err) == ETL_OK && is_new)
                ;
            if (commit(files, seq, row, generation == 1 && seq == last ? ETL_COMMIT_FINAL : 0) != ETL_OK)
                _exit(8);
        }
        etl_output_files_end(files);
    }
}

static int run_load(const char *failpoint)
{
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        if (failpoint)
            setenv("ETLHOST_FAILPOINT", failpoint, 1);
        else
            unsetenv("ETLHOST_FAILPOINT");
        load();
        _exit(0);
    }
    int result = 0;
    cr_assert_eq(waitpid(child, &result, 0), child);
    return result;
}

Test(output, killed_at_every_point)
{
    static const char *const points[] = {"dst.stage.mid",       "dst.commit.before", "dst.commit.after_manifest",
                                         "dst.gen.swap.before", "dst.gen.swap.mid",  "dst.gen.swap.after"};
    int kills = 0;
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        for (int hit = 1; hit <= 6; hit++) {
            char name[64];
            snprintf(name, sizeof name, "%s:%d:kill", points[i], hit);
            cr_assert_eq(system("rm -rf out"), 0);
            int result = run_load(name);
            kills += WIFSIGNALED(result);
            if (!WIFSIGNALED(result))
                cr_assert_eq(result, 0, "%s", name);
            run_load(name); /* may die again while it repairs */
            cr_assert_eq(run_load(NULL), 0, "%s", name);
            cr_expect_str_eq(visible(), F(1, 1, 1) "[g1.s1;]" F(1, 2, 1) "[g1.s2;]", "%s", name);
            cr_expect_eq(staged_count(), 0, "%s", name);
        }
    }
    cr_expect_geq(kills, 15, "the points were passed: %d", kills);
}
#endif
