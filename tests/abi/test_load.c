/* Finding, checking, loading and probing plugins, most of them broken. The program runs itself again as the probe's child, like
 * etlhost does. */
#include <criterion/criterion.h>
#include <etlhost/sdk/error.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/string.h"
#include "core/plugin/plugin.h"
#include "core/plugin/probe.h"
#include "core/plugin/services.h"

/* Criterion brings its own main; the C library passes the arguments to constructors too. */
__attribute__((constructor)) static void be_the_child(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "probe-plugin") == 0)
        exit(probe_child(argv[2]));
    /* A crash is to be a signal also where a sanitizer would turn it into an exit. */
    setenv("ASAN_OPTIONS", "handle_segv=0:handle_abort=0:handle_sigbus=0", 1);
    setenv("UBSAN_OPTIONS", "handle_segv=0:handle_abort=0:handle_sigbus=0", 1);
}

static struct etl_error err;
static char bad_path[PATH_MAX];

/* The absolute path of a plugin in tests/abi/bad. */
static const char *bad(const char *name)
{
    const char *directory = getenv("top_builddir");
    char relative[PATH_MAX];

    snprintf(relative, sizeof(relative), "%s/tests/abi/bad/%s.so", directory != NULL ? directory : ".", name);
    cr_assert_not_null(realpath(relative, bad_path), "%s is not built", relative);
    return bad_path;
}

static void expect_message(etl_status status, etl_status expected_status, const char *path, const char *expected)
{
    char *whole = string_format("%s: %s", path, expected);

    cr_expect(string_matches(whole, err.message), "got \"%s\" instead of \"%s\"", err.message, whole);
    cr_expect_eq(status, expected_status, "%s: status %s", path, etl_status_name(status));
    free(whole);
}

/* ---- refused at load ---- */

static const struct {
    const char *plugin;
    const char *message; /* glob */
    etl_status status;
} refused[] = {
    {"missing_symbol", "not an etlhost plugin: it does not export etl_plugin_v1", ETL_CONFIG},
    {"wrong_magic", "etl_plugin.magic is 0x12345678 instead of 0x316c7465: etl_plugin_v1 did not return an etl_plugin",
     ETL_CONFIG},
    {"size_zero", "etl_plugin.struct_size is 0: the plugin must set it to sizeof(struct etl_plugin)", ETL_CONFIG},
    {"size_small", "etl_plugin.struct_size is 32: ABI 1.0 needs at least 72", ETL_CONFIG},
    {"size_huge", "etl_plugin.struct_size is 4294967280, which no version of the ABI can reach", ETL_CONFIG},
    {"ops_size_huge", "source liar: etl_source_ops.struct_size is 1000000, which no version of the ABI can reach",
     ETL_CONFIG},
    {"connector_size_zero", "etl_connector.struct_size is 0: the plugin must set it to sizeof(struct etl_connector)",
     ETL_CONFIG},
    {"minor_99", "needs a host with plugin ABI 1.99, and this one has 1.0: update etlhost", ETL_CONFIG},
    {"required_op_null", "source liar: required op read_next is missing", ETL_CONFIG},
    {"no_connectors", "the plugin has no connectors", ETL_CONFIG},
    {"bad_schema", "source liar: config_schema is not JSON: line 2 column *: *", ETL_CONFIG},
    {"schema_no_object", "source liar: config_schema is not a JSON object", ETL_CONFIG},
    {"bad_id", "the id of a connector \"Big Data\" is not allowed: use [[]a-z][[]a-z0-9_-][*]", ETL_CONFIG},
    {"bad_role", "a connector has the unknown role 3", ETL_CONFIG},
    {"two_sources", "two connectors are a source (\"liar\" and \"liar\"); a plugin has at most one", ETL_CONFIG},
    {"null_descriptor", "etl_plugin_v1 returned NULL", ETL_CONFIG},
    {"undefined_symbol", "cannot be loaded: undefined symbol: function_that_exists_nowhere", ETL_CONFIG},
    {"load_silent", "load failed with status io and no message, which is a fault of the plugin", ETL_IO},
};

Test(load, refused)
{
    struct plugin *plugin = NULL;

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        const char *path = bad(refused[i].plugin);

        etl_error_init(&err);
        expect_message(plugin_load(path, NULL, &plugin, &err), refused[i].status, path, refused[i].message);
        cr_expect_null(plugin);
    }
    plugin_shutdown();
}

Test(probe, refused)
{
    json_t *description = NULL;

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        const char *path = bad(refused[i].plugin);

        etl_error_init(&err);
        expect_message(probe_plugin(path, &description, &err), refused[i].status, path, refused[i].message);
        cr_expect_null(description);
    }
}

/* ---- caught by the probe only ---- */

static void expect_probe(const char *name, const char *message)
{
    json_t *description = NULL;
    const char *path = bad(name);

    etl_error_init(&err);
    expect_message(probe_plugin(path, &description, &err), ETL_INTERNAL, path, message);
    cr_expect_null(description);
}

Test(probe, crashes)
{
    expect_probe("segfault_entry", "crashed with SIGSEGV in etl_plugin_v1");
    expect_probe("segfault_load", "crashed with SIGSEGV in load");
    expect_probe("segfault_destructor", "crashed with SIGSEGV in a destructor");
    expect_probe("abort_constructor", "crashed with SIGABRT in a constructor");
    expect_probe("exit_constructor", "ended the process with status 3 in a constructor");
}

Test(probe, hangs, .timeout = 30)
{
    expect_probe("hang_entry", "no answer within 10 seconds from etl_plugin_v1");
}

static void expect_good(const char *name)
{
    json_t *description = NULL;
    const json_t *connectors = NULL;
    const char *path = bad(name);

    etl_error_init(&err);
    cr_assert_eq(probe_plugin(path, &description, &err), ETL_OK, "%s", err.message);
    connectors = json_object_get(description, "connectors");
    cr_assert_str_eq(json_string_value(json_object_get(description, "path")), path);
    cr_assert_str_eq(json_string_value(json_object_get(description, "name")), "liar");
    cr_assert_eq(json_array_size(connectors), 2);
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(connectors, 0), "role")), "source");
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(connectors, 1), "role")), "destination");
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(connectors, 1), "delivery")), "at-least-once");
    cr_assert(json_is_object(json_object_get(json_array_get(connectors, 1), "config_schema")));
    json_decref(description);
}

Test(probe, good)
{
    expect_good("good");
}

Test(probe, output_of_a_plugin_is_not_an_answer)
{
    expect_good("noisy");
}

Test(probe, no_such_file)
{
    json_t *description = NULL;

    etl_error_init(&err);
    cr_assert_eq(probe_plugin("/nonexistent/x.so", &description, &err), ETL_NOT_FOUND);
    cr_assert(string_matches("*/nonexistent/x.so*", err.message), "%s", err.message);
}

/* ---- a good one ---- */

Test(load, good)
{
    struct plugin *plugin = NULL;
    struct plugin *again = NULL;
    const struct connector *connector = NULL;
    char *link_path = NULL;

    etl_error_init(&err);
    cr_assert_eq(plugin_load(bad("good"), NULL, &plugin, &err), ETL_OK, "%s", err.message);
    cr_assert_eq(plugin_connector(plugin, ETL_ROLE_SOURCE, &connector, &err), ETL_OK);
    cr_assert_str_eq(connector->id, "liar");
    cr_assert_str_eq(connector->path, plugin->path);
    cr_assert_null(connector->source.plan_slices);
    cr_assert_null(connector->source.committed);
    cr_assert_not_null(connector->source.get_extension);
    cr_assert_null(connector->source.get_extension(NULL, "x"));
    cr_assert_eq(plugin_connector(plugin, ETL_ROLE_DEST, &connector, &err), ETL_OK);
    cr_assert_null(connector->dest.explain);
    cr_assert_null(connector->dest.get_extension(NULL, "x"));
    /* the same file by another name is the same plugin */
    link_path = string_format("%s.link-%d.so", plugin->path, (int)getpid());
    cr_assert_eq(symlink(plugin->path, link_path), 0);
    cr_assert_eq(plugin_load(link_path, NULL, &again, &err), ETL_OK, "%s", err.message);
    unlink(link_path);
    cr_assert_eq(plugin, again);
    free(link_path);
    plugin_shutdown();
    plugin_shutdown();
}

Test(load, role_that_is_missing)
{
    struct connector source = {.id = "x"};
    struct plugin plugin = {.path = (char *)"/some/where/csv.so", .source = source};
    const struct connector *connector = NULL;

    etl_error_init(&err);
    cr_assert_eq(plugin_connector(&plugin, ETL_ROLE_DEST, &connector, &err), ETL_CONFIG);
    cr_assert_str_eq(err.message, "csv.so has no destination");
}

/* ---- files that are not trusted ---- */

static char directory[PATH_MAX];

static void make_directory(void)
{
    snprintf(directory, sizeof(directory), "/tmp/etl-load-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
}

/* Copies tests/abi/bad/good.so. The caller frees the path. */
static char *copy_good(const char *name, mode_t mode)
{
    char *path = string_format("%s/%s", directory, name);
    char *command = NULL;
    FILE *from = fopen(bad("good"), "rb");
    FILE *to = fopen(path, "wb");
    int c = 0;

    cr_assert(from != NULL && to != NULL);
    while ((c = getc(from)) != EOF)
        putc(c, to);
    fclose(from);
    fclose(to);
    cr_assert_eq(chmod(path, mode), 0);
    free(command);
    return path;
}

static void remove_all(char *path)
{
    unlink(path);
    rmdir(directory);
    free(path);
}

Test(load, writable_by_others)
{
    struct plugin *plugin = NULL;
    char *path = NULL;

    make_directory();
    path = copy_good("a.so", 0775);
    etl_error_init(&err);
    expect_message(plugin_load(path, NULL, &plugin, &err), ETL_CONFIG, path,
                   "refused: others may write to it (chmod go-w *");
    chmod(path, 0702);
    expect_message(plugin_load(path, NULL, &plugin, &err), ETL_CONFIG, path,
                   "refused: others may write to it (chmod go-w *");
    chmod(path, 0755);
    chmod(directory, 0777);
    expect_message(plugin_load(path, NULL, &plugin, &err), ETL_CONFIG, path,
                   "refused: everybody may write to its directory (chmod o-w *");
    chmod(directory, 01777);
    cr_expect_eq(plugin_load(path, NULL, &plugin, &err), ETL_OK, "%s", err.message);
    if (geteuid() == 0) {
        free(path);
        path = copy_good("b.so", 0755);
        cr_assert_eq(chown(path, 4242, 4242), 0);
        expect_message(plugin_load(path, NULL, &plugin, &err), ETL_CONFIG, path, "refused: it belongs to user 4242*");
    }
    remove_all(path);
    plugin_shutdown();
}

Test(load, odd_files)
{
    struct plugin *plugin = NULL;
    char *path = NULL;
    FILE *file = NULL;

    make_directory();
    etl_error_init(&err);
    expect_message(plugin_load(directory, NULL, &plugin, &err), ETL_CONFIG, directory, "not a regular file");
    expect_message(plugin_load("/dev/null", NULL, &plugin, &err), ETL_CONFIG, "/dev/null", "not a regular file");
    cr_assert_eq(plugin_load("good.so", NULL, &plugin, &err), ETL_MISUSE);
    path = string_format("%s/text.so", directory);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    expect_message(plugin_load(path, NULL, &plugin, &err), ETL_CONFIG, path, "cannot be loaded: file too short");
    fputs("#!/bin/sh\necho this is a script, and long enough to hold the header of an ELF file................\n",
          file);
    fclose(file);
    expect_message(plugin_load(path, NULL, &plugin, &err), ETL_CONFIG, path, "cannot be loaded: invalid ELF header");
    remove_all(path);
}

/* ---- search ---- */

static void expect_found(const char *argument, const char *plugin_dir, const char *expected)
{
    char *path = NULL;

    etl_error_init(&err);
    cr_assert_eq(plugin_find(argument, plugin_dir, &path, &err), ETL_OK, "%s", err.message);
    cr_assert_str_eq(path, expected);
    free(path);
}

Test(find, search_path)
{
    char *path = NULL;
    char *real = NULL;

    make_directory();
    path = copy_good("shop.so", 0755);
    real = realpath(path, NULL);
    expect_found("shop", directory, real);
    expect_found("shop.so", directory, real);
    expect_found(path, NULL, real);
    setenv("ETLHOST_PLUGIN_PATH", ":/nonexistent::", 1);
    cr_assert_eq(plugin_find("shop", NULL, &path, &err), ETL_NOT_FOUND);
    setenv("ETLHOST_PLUGIN_PATH", directory, 1);
    expect_found("shop", NULL, real);
    expect_found("shop", "/nonexistent", real);
    unsetenv("ETLHOST_PLUGIN_PATH");
    free(path);
    remove_all(real);
}

Test(find, user_directory)
{
    char *inner = NULL;
    char *middle = NULL;
    char *path = NULL;

    make_directory();
    middle = string_format("%s/etlhost", directory);
    inner = string_format("%s/plugins", middle);
    cr_assert(mkdir(middle, 0755) == 0 && mkdir(inner, 0755) == 0);
    path = copy_good("etlhost/plugins/shop.so", 0755);
    setenv("XDG_DATA_HOME", directory, 1);
    expect_found("shop", NULL, path);
    setenv("XDG_DATA_HOME", "relative", 1);
    setenv("HOME", directory, 1);
    free(path);
    cr_assert_eq(plugin_find("shop", NULL, &path, &err), ETL_NOT_FOUND);
    cr_assert_not_null(strstr(err.message, "/.local/share/etlhost/plugins"));
    path = string_format("%s/shop.so", inner);
    unlink(path);
    free(path);
    rmdir(inner);
    rmdir(middle);
    rmdir(directory);
    free(inner);
    free(middle);
}

Test(find, failures)
{
    char *path = NULL;

    make_directory();
    path = copy_good("postgres.so", 0755);
    etl_error_init(&err);
    setenv("ETLHOST_PLUGIN_PATH", "/nonexistent-a:/nonexistent-b", 1);
    cr_assert_eq(plugin_find("postgre", directory, &(char *){NULL}, &err), ETL_NOT_FOUND);
    cr_assert(string_matches("no plugin \"postgre\": there is no postgre.so in */nonexistent-a, /nonexistent-b, *. Did "
                             "you mean postgres.so[?]",
                             err.message),
              "%s", err.message);
    cr_assert_eq(plugin_find("", NULL, &(char *){NULL}, &err), ETL_CONFIG);
    cr_assert_eq(plugin_find("./nothing.so", NULL, &(char *){NULL}, &err), ETL_NOT_FOUND);
    expect_found("/dev", NULL, "/dev"); /* plugin_load refuses it */
    cr_assert_eq(chdir(directory), 0);
    cr_assert_eq(plugin_find("postgres", NULL, &(char *){NULL}, &err), ETL_NOT_FOUND);
    cr_assert(string_matches("*For the one in this directory write ./postgres.so", err.message), "%s", err.message);
    remove_all(path);
}

Test(find, libtool_archive)
{
    char *plain = NULL;
    char *hidden = NULL;
    char *libs = NULL;
    char *archive = NULL;

    make_directory();
    plain = copy_good("shop.so", 0755);
    archive = string_format("%s/shop.la", directory);
    expect_found(archive, NULL, plain);
    libs = string_format("%s/.libs", directory);
    cr_assert_eq(mkdir(libs, 0755), 0);
    hidden = copy_good(".libs/shop.so", 0755);
    expect_found(archive, NULL, hidden);
    unlink(hidden);
    rmdir(libs);
    free(hidden);
    free(libs);
    free(archive);
    remove_all(plain);
}

Test(find, list)
{
    char **paths = NULL;
    char *a = NULL;
    char *b = NULL;
    char *text = NULL;
    bool found = false;

    make_directory();
    b = copy_good("zz-b.so", 0755);
    a = copy_good("aa-a.so", 0755);
    text = copy_good("notes.txt", 0644);
    etl_error_init(&err);
    setenv("ETLHOST_PLUGIN_PATH", directory, 1); /* the same directory twice */
    cr_assert_eq(plugin_list(directory, &paths, &err), ETL_OK, "%s", err.message);
    cr_assert_str_eq(paths[0], a);
    for (size_t i = 0; paths[i] != NULL; i++) {
        cr_assert_null(strstr(paths[i], "notes"));
        cr_assert(!found || strcmp(paths[i], b) != 0);
        found = found || strcmp(paths[i], b) == 0;
    }
    cr_assert(found);
    plugin_list_free(paths);
    unsetenv("ETLHOST_PLUGIN_PATH");
    unlink(b);
    unlink(text);
    free(b);
    free(text);
    remove_all(a);
}
