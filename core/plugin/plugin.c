/* Loading plugins, and the registry of those that are loaded.
 *
 * libltdl's own loader binds lazily, so that a plugin with an undefined symbol would load and kill the process at the first call, and it
 * reports every failure as "file not found". It is therefore replaced by one that binds at once and keeps the linker's words.
 * The mapping is never removed (RTLD_NODELETE): thread-local destructors, Arrow release callbacks and error texts may point into it.
 *
 * Main thread only, before workers start; libltdl is not thread-safe. */
#include "core/plugin/plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <libltdl/lt_dlloader.h>
#include <ltdl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/string.h"

struct entry {
    struct plugin plugin;
    dev_t device;
    ino_t inode;
};

/* global: the registry, main thread only */
static struct entry **entries;
static size_t entry_count;
static bool loader_ready;
static char loader_error[1024]; /* the dynamic linker's last words */
static void (*stage_hook)(enum plugin_stage stage);

void plugin_set_stage_hook(void (*hook)(enum plugin_stage stage))
{
    stage_hook = hook;
}

static void enter_stage(enum plugin_stage stage)
{
    if (stage_hook != NULL)
        stage_hook(stage);
}

/* ---- the loader behind libltdl ---- */

static void keep_error(void)
{
    const char *text = dlerror();

    snprintf(loader_error, sizeof(loader_error), "%s", text != NULL ? text : "unknown error of the dynamic linker");
}

static lt_module module_open(lt_user_data data, const char *path, lt_dladvise advise)
{
    void *module = NULL;

    (void)data;
    (void)advise;
    module = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (module == NULL)
        keep_error();
    return module;
}

static int module_close(lt_user_data data, lt_module module)
{
    (void)data;
    (void)module;
    return 0;
}

static void *module_symbol(lt_user_data data, lt_module module, const char *name)
{
    (void)data;
    return dlsym(module, name);
}

static etl_status loader_init(struct etl_error *err)
{
    static lt_dlvtable loader = {
        .name = "etlhost",
        .module_open = module_open,
        .module_close = module_close,
        .find_sym = module_symbol,
        .priority = LT_DLLOADER_PREPEND,
    };

    if (loader_ready)
        return ETL_OK;
    if (lt_dlinit() != 0)
        return etl_fail(err, ETL_INTERNAL, "cannot start the plugin loader: %s", lt_dlerror());
    free(lt_dlloader_remove("lt_dlopen")); /* its table is the caller's from here on */
    if (lt_dlloader_find("lt_dlopen") != NULL || lt_dlloader_add(&loader) != 0)
        return etl_fail(err, ETL_INTERNAL, "cannot install the plugin loader: %s", lt_dlerror());
    loader_ready = true;
    return ETL_OK;
}

/* ---- the file ---- */

/* Code that somebody else could have changed is not run. A directory that everybody may write to is fine when it is sticky,
 * because then only the owner of the file, who is checked, can replace it. */
static etl_status check_trust(const char *path, const struct stat *file, struct etl_error *err)
{
    struct stat directory;
    const char *slash = strrchr(path, '/');
    char *parent = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    etl_status status = ETL_OK;

    if (parent == NULL)
        return etl_fail_memory(err);
    if (file->st_uid != 0 && file->st_uid != geteuid())
        status = etl_fail(err, ETL_CONFIG,
                          "%s: refused: it belongs to user %u, not to root or to you (chown it, or copy it)", path,
                          file->st_uid);
    else if ((file->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        status = etl_fail(err, ETL_CONFIG, "%s: refused: others may write to it (chmod go-w %s)", path, path);
    else if (stat(parent, &directory) != 0)
        status = etl_fail_errno(err, errno, "cannot look at", parent);
    else if ((directory.st_mode & S_IWOTH) != 0 && (directory.st_mode & S_ISVTX) == 0)
        status =
            etl_fail(err, ETL_CONFIG, "%s: refused: everybody may write to its directory (chmod o-w %s)", path, parent);
    free(parent);
    return status;
}

static etl_status check_file(const char *path, struct stat *ret_file, struct etl_error *err)
{
    if (path[0] != '/')
        return etl_fail(err, ETL_MISUSE, "%s: not an absolute path", path);
    if (stat(path, ret_file) != 0)
        return etl_fail_errno(err, errno, "cannot load plugin", path);
    if (!S_ISREG(ret_file->st_mode))
        return etl_fail(err, ETL_CONFIG, "%s: not a regular file", path);
    return check_trust(path, ret_file, err);
}

static struct plugin *find_loaded(const struct stat *file)
{
    for (size_t i = 0; i < entry_count; i++)
        if (entries[i]->device == file->st_dev && entries[i]->inode == file->st_ino)
            return &entries[i]->plugin;
    return NULL;
}

/* ---- loading ---- */

/* The linker starts most of its messages with the path. */
static etl_status fail_load(struct etl_error *err, const char *path)
{
    const char *reason = loader_error[0] != '\0' ? loader_error : lt_dlerror();
    size_t length = strlen(path);

    if (reason == NULL)
        reason = "unknown error";
    if (strncmp(reason, path, length) == 0 && strncmp(reason + length, ": ", 2) == 0)
        reason += length + 2;
    return etl_fail(err, ETL_CONFIG, "%s: cannot be loaded: %s", path, reason);
}

static etl_status open_descriptor(const char *path, const struct etl_plugin **ret_descriptor, struct etl_error *err)
{
    const struct etl_plugin *(*entry)(void) = NULL;
    lt_dlhandle handle = NULL;
    void *symbol = NULL;

    loader_error[0] = '\0';
    enter_stage(PLUGIN_STAGE_OPEN);
    handle = lt_dlopen(path);
    if (handle == NULL)
        return fail_load(err, path);
    symbol = lt_dlsym(handle, "etl_plugin_v1");
    if (symbol == NULL)
        return etl_fail(err, ETL_CONFIG, "%s: not an etlhost plugin: it does not export etl_plugin_v1", path);
    /* ISO C has no conversion from an object pointer to a function pointer; POSIX says that the bytes are the same. */
    memcpy(&entry, &symbol, sizeof(entry));
    enter_stage(PLUGIN_STAGE_DESCRIPTOR);
    *ret_descriptor = entry();
    return ETL_OK;
}

static etl_status run_load(const struct plugin *plugin, const struct etl_host *host, struct etl_error *err)
{
    etl_status status = ETL_OK;

    if (plugin->descriptor->load == NULL)
        return ETL_OK;
    enter_stage(PLUGIN_STAGE_LOAD);
    err->message[0] = '\0';
    status = plugin->descriptor->load(host, err);
    if (status == ETL_OK)
        return ETL_OK;
    if (err->message[0] == '\0')
        return etl_fail(err, status, "%s: load failed with status %s and no message, which is a fault of the plugin",
                        plugin->path, etl_status_name(status));
    return etl_prefix(err, status, "%s: ", plugin->path);
}

static void entry_free(struct entry *entry)
{
    if (entry == NULL)
        return;
    free(entry->plugin.path);
    free(entry);
}

static etl_status load_new(const char *path, const struct stat *file, const struct etl_host *host,
                           struct entry **ret_entry, struct etl_error *err)
{
    const struct etl_plugin *descriptor = NULL;
    struct entry *entry = calloc(1, sizeof(*entry));
    char *copy = string_copy(path);
    etl_status status = ETL_OK;

    if (entry == NULL || copy == NULL) {
        status = etl_fail_memory(err);
        goto out;
    }
    ETL_TRY(loader_init(err));
    ETL_TRY(open_descriptor(copy, &descriptor, err));
    ETL_TRY(plugin_check_descriptor(descriptor, copy, &entry->plugin, err));
    entry->plugin.path = copy;
    copy = NULL;
    entry->device = file->st_dev;
    entry->inode = file->st_ino;
    ETL_TRY(run_load(&entry->plugin, host, err));
    *ret_entry = entry;
    entry = NULL;
out:
    free(copy);
    entry_free(entry);
    return status;
}

etl_status plugin_load(const char *path, const struct etl_host *host, struct plugin **ret_plugin, struct etl_error *err)
{
    struct etl_error local; /* run_load reads the message, so there must be one */
    struct entry **grown = NULL;
    struct entry *entry = NULL;
    struct plugin *loaded = NULL;
    struct stat file;
    etl_status status = ETL_OK;

    if (err == NULL) {
        etl_error_init(&local);
        err = &local;
    }
    ETL_TRY(check_file(path, &file, err));
    loaded = find_loaded(&file);
    if (loaded == NULL) {
        grown = realloc(entries, (entry_count + 1) * sizeof(struct entry *));
        if (grown == NULL) {
            status = etl_fail_memory(err);
            goto out;
        }
        entries = grown;
        ETL_TRY(load_new(path, &file, host, &entry, err));
        entries[entry_count++] = entry;
        loaded = &entry->plugin;
    }
    *ret_plugin = loaded;
out:
    return status;
}

etl_status plugin_connector(const struct plugin *plugin, uint32_t role, const struct connector **ret_connector,
                            struct etl_error *err)
{
    const struct connector *connector = role == ETL_ROLE_SOURCE ? &plugin->source : &plugin->dest;
    const char *path = plugin->path != NULL ? plugin->path : plugin->descriptor->name;
    const char *slash = strrchr(path, '/');

    if (connector->id == NULL)
        return etl_fail(err, ETL_CONFIG, "%s has no %s", slash != NULL ? slash + 1 : path,
                        role == ETL_ROLE_SOURCE ? "source" : "destination");
    *ret_connector = connector;
    return ETL_OK;
}

void plugin_shutdown(void)
{
    while (entry_count > 0) {
        struct entry *entry = entries[--entry_count];

        if (entry->plugin.descriptor->unload != NULL)
            entry->plugin.descriptor->unload();
        entry_free(entry);
    }
    free(entries);
    entries = NULL;
}
