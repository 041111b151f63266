/* The search path for plugins. Directories that the environment names are ignored in a privileged process, where the environment
 * belongs to somebody else. The current directory is never searched: a plugin there is given as ./name.so. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/string.h"
#include "core/plugin/plugin.h"

enum { LIST_MAX = 4096 }; /* directories, or plugins listed */

struct list {
    char **items; /* NULL-terminated once something was added */
    size_t count;
};

/* Takes `item`, also on failure. */
static etl_status list_add(struct list *list, char *item, struct etl_error *err)
{
    char **grown = NULL;

    if (item != NULL && list->count < LIST_MAX)
        grown = realloc(list->items, (list->count + 2) * sizeof(*grown));
    if (grown == NULL) {
        free(item);
        return list->count >= LIST_MAX
                   ? etl_fail(err, ETL_CONFIG, "more than %d entries in the search path for plugins", LIST_MAX)
                   : etl_fail_memory(err);
    }
    list->items = grown;
    list->items[list->count++] = item;
    list->items[list->count] = NULL;
    return ETL_OK;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t end_length = strlen(end);

    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

static bool is_file(const char *path)
{
    struct stat file;

    return stat(path, &file) == 0 && S_ISREG(file.st_mode);
}

/* ---- directories ---- */

static etl_status add_directory(struct list *list, char *directory, struct etl_error *err)
{
    if (directory != NULL && string_list_has((const char *const *)list->items, directory)) {
        free(directory);
        return ETL_OK;
    }
    return list_add(list, directory, err);
}

static etl_status add_path_variable(struct list *list, const char *value, struct etl_error *err)
{
    etl_status status = ETL_OK;

    while (value != NULL && *value != '\0' && status == ETL_OK) {
        size_t length = strcspn(value, ":");

        if (length > 0)
            status = add_directory(list, strndup(value, length), err);
        value += length + (value[length] == ':');
    }
    return status;
}

static etl_status add_user_directory(struct list *list, struct etl_error *err)
{
    const char *data = secure_getenv("XDG_DATA_HOME");
    const char *home = secure_getenv("HOME");

    if (data != NULL && data[0] == '/') /* a relative one is to be ignored, says the XDG specification */
        return add_directory(list, string_format("%s/etlhost/plugins", data), err);
    if (home != NULL && home[0] == '/')
        return add_directory(list, string_format("%s/.local/share/etlhost/plugins", home), err);
    return ETL_OK;
}

/* A program that was moved finds the plugins that were moved with it. Not when privileged: whoever can link to the program from a
 * directory of theirs would choose the plugins. */
static etl_status add_relative_directory(struct list *list, struct etl_error *err)
{
    char path[PATH_MAX];
    ssize_t length = 0;
    char *slash = NULL;

    if (getauxval(AT_SECURE) != 0)
        return ETL_OK;
    length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (length <= 0)
        return ETL_OK;
    path[length] = '\0';
    for (int i = 0; i < 2; i++) {
        slash = strrchr(path, '/');
        if (slash == NULL)
            return ETL_OK;
        *slash = '\0';
    }
    return add_directory(list, string_format("%s/lib/etlhost/plugins", path), err);
}

static etl_status search_path(const char *plugin_dir, struct list *list, struct etl_error *err)
{
    etl_status status = ETL_OK;

    if (plugin_dir != NULL && plugin_dir[0] != '\0')
        ETL_TRY(add_directory(list, string_copy(plugin_dir), err));
    ETL_TRY(add_path_variable(list, secure_getenv("ETLHOST_PLUGIN_PATH"), err));
    ETL_TRY(add_user_directory(list, err));
    ETL_TRY(add_relative_directory(list, err));
    ETL_TRY(add_directory(list, string_copy(PLUGIN_DIR), err));
out:
    return status;
}

/* ---- finding one ---- */

/* A libtool archive stands for the module beside it: in .libs before installation. */
static char *archive_module(const char *path)
{
    const char *name = base_name(path);
    int stem = (int)strlen(name) - 3;
    int directory = (int)(name - path);
    char *module = string_format("%.*s.libs/%.*s.so", directory, path, stem, name);

    if (module == NULL || is_file(module))
        return module;
    free(module);
    return string_format("%.*s%.*s.so", directory, path, stem, name);
}

static etl_status find_path(const char *argument, char **ret_path, struct etl_error *err)
{
    char *module = ends_with(argument, ".la") ? archive_module(argument) : string_copy(argument);
    char *path = NULL;
    etl_status status = ETL_OK;

    if (module == NULL)
        return etl_fail_memory(err);
    path = realpath(module, NULL);
    if (path == NULL)
        status = etl_fail_errno(err, errno, "cannot find plugin", module);
    else
        *ret_path = path;
    free(module);
    return status;
}

/* The plugin whose name is nearest, to point out a typing error. Gives an empty text when there is none. */
static void nearest_plugin(const char *name, const char *plugin_dir, char *out, size_t size)
{
    char **paths = NULL;
    const char **names = NULL;
    const char *nearest = NULL;
    size_t count = 0;

    out[0] = '\0';
    if (plugin_list(plugin_dir, &paths, NULL) != ETL_OK)
        return;
    while (paths[count] != NULL)
        count++;
    names = calloc(count + 1, sizeof(*names));
    for (size_t i = 0; names != NULL && i < count; i++)
        names[i] = base_name(paths[i]);
    if (names != NULL)
        nearest = string_nearest(name, names);
    if (nearest != NULL)
        snprintf(out, size, ". Did you mean %s?", nearest);
    free(names);
    plugin_list_free(paths);
}

static etl_status fail_not_found(const char *argument, const char *file, const char *plugin_dir,
                                 const struct list *directories, struct etl_error *err)
{
    char where[600] = "";
    char hint[300] = "";
    size_t used = 0;

    for (size_t i = 0; i < directories->count; i++) {
        int n = snprintf(where + used, sizeof(where) - used, "%s%s", i > 0 ? ", " : "", directories->items[i]);

        if (n < 0 || (size_t)n >= sizeof(where) - used)
            break;
        used += (size_t)n;
    }
    if (is_file(file))
        snprintf(hint, sizeof(hint), ". For the one in this directory write ./%s", file);
    else
        nearest_plugin(file, plugin_dir, hint, sizeof(hint));
    return etl_fail(err, ETL_NOT_FOUND, "no plugin \"%s\": there is no %s in %s%s", argument, file, where, hint);
}

etl_status plugin_find(const char *argument, const char *plugin_dir, char **ret_path, struct etl_error *err)
{
    struct list directories = {0};
    char *file = NULL;
    char *candidate = NULL;
    bool found = false;
    etl_status status = ETL_OK;

    if (argument == NULL || argument[0] == '\0')
        return etl_fail(err, ETL_CONFIG, "the name of a plugin is empty");
    if (strchr(argument, '/') != NULL)
        return find_path(argument, ret_path, err);
    ETL_TRY(search_path(plugin_dir, &directories, err));
    file = string_format("%s%s", argument, ends_with(argument, ".so") ? "" : ".so");
    for (size_t i = 0; file != NULL && i < directories.count && !found; i++) {
        free(candidate);
        candidate = string_format("%s/%s", directories.items[i], file);
        found = candidate != NULL && is_file(candidate);
    }
    if (file == NULL || candidate == NULL)
        status = etl_fail_memory(err);
    else if (found)
        status = find_path(candidate, ret_path, err);
    else
        status = fail_not_found(argument, file, plugin_dir, &directories, err);
out:
    string_list_free(directories.items);
    free(file);
    free(candidate);
    return status;
}

/* ---- listing all ---- */

static bool list_has_name(const struct list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(base_name(list->items[i]), name) == 0)
            return true;
    return false;
}

/* A file whose name stands earlier in the path hides later ones, as in plugin_find. */
static etl_status list_directory(const char *directory, struct list *list, struct etl_error *err)
{
    DIR *handle = opendir(directory);
    struct dirent *entry = NULL;
    etl_status status = ETL_OK;

    if (handle == NULL) /* most of the path does not exist on most machines */
        return ETL_OK;
    while (status == ETL_OK && (entry = readdir(handle)) != NULL) {
        char *candidate = NULL;
        char *path = NULL;

        if (!ends_with(entry->d_name, ".so") || list_has_name(list, entry->d_name))
            continue;
        candidate = string_format("%s/%s", directory, entry->d_name);
        path = candidate != NULL && is_file(candidate) ? realpath(candidate, NULL) : NULL;
        if (candidate == NULL)
            status = etl_fail_memory(err);
        else if (path != NULL)
            status = list_add(list, path, err);
        free(candidate);
    }
    closedir(handle);
    return status;
}

static int compare_names(const void *a, const void *b)
{
    const char *const *left = a;
    const char *const *right = b;

    return strcmp(base_name(*left), base_name(*right));
}

etl_status plugin_list(const char *plugin_dir, char ***ret_paths, struct etl_error *err)
{
    struct list directories = {0};
    struct list list = {0};
    etl_status status = ETL_OK;

    ETL_TRY(search_path(plugin_dir, &directories, err));
    for (size_t i = 0; i < directories.count; i++)
        ETL_TRY(list_directory(directories.items[i], &list, err));
    if (list.items == NULL) {
        list.items = calloc(1, sizeof(*list.items));
        if (list.items == NULL)
            status = etl_fail_memory(err);
    }
    if (status == ETL_OK) {
        qsort(list.items, list.count, sizeof(*list.items), compare_names);
        *ret_paths = list.items;
        list.items = NULL;
    }
out:
    string_list_free(directories.items);
    string_list_free(list.items);
    return status;
}

void plugin_list_free(char **paths)
{
    string_list_free(paths);
}
