/* Finding, loading and checking plugins. Everything here runs on the main thread before workers start, but what is returned is
 * constant afterwards and may be used from any thread. Loaded plugins are never unloaded. */
#ifndef CORE_PLUGIN_PLUGIN_H
#define CORE_PLUGIN_PLUGIN_H

#include <etlhost/abi.h>
#include <etlhost/sdk/error.h>
#include <stdbool.h>

/* A connector as the engine uses it: the plugin's descriptor with vtables copied into the host's own, every missing optional op
 * replaced by a stub that answers ETL_UNSUPPORTED (ops whose absence means something stay NULL: explain, plan_slices,
 * committed). The engine calls plugins only through this. A test may fill one by hand. */
struct connector {
    const char *id;
    const char *summary;
    const char *config_schema;
    const char *version; /* of the plugin */
    const char *path;    /* of the file, "" for a built-in */
    uint32_t role;
    uint32_t state_version;
    uint32_t identifier_max_bytes;
    uint64_t caps;
    struct etl_source_ops source;
    struct etl_dest_ops dest;
};

struct plugin {
    char *path; /* absolute */
    const struct etl_plugin *descriptor;
    struct connector source; /* id NULL = the plugin has none */
    struct connector dest;
};

/* Turns a connector argument (a path, a file name, or a bare name like "csv") into an absolute path. As given if it contains '/' (a libtool
 * archive x.la stands for its module); else the file name, with ".so" added when it is not there, in: `plugin_dir` (NULL = none),
 * $ETLHOST_PLUGIN_PATH, the user's directory ($XDG_DATA_HOME/etlhost/plugins), ../lib/etlhost/plugins beside the program (an installation that was
 * moved), the system's directory. A privileged process ignores the environment and the place of the program. ETL_NOT_FOUND lists where it
 * looked. The caller frees. */
etl_status plugin_find(const char *argument, const char *plugin_dir, char **ret_path, struct etl_error *err);

/* Loads and checks the file at an absolute path; the same file (device, inode) is loaded once. `host` is used for load(). The plugin is
 * owned by the registry and lives until plugin_shutdown. Refused with ETL_CONFIG: what is not a regular file; a file that belongs to
 * neither root nor the current user or that group or others may write to; a file in a directory that everybody may write to and that
 * is not sticky. */
etl_status plugin_load(const char *path, const struct etl_host *host, struct plugin **ret_plugin,
                       struct etl_error *err);

/* The checks alone, on a descriptor that is already in memory (also used on built-ins in tests). `path` is kept, not copied, in the
 * connectors; plugin.path stays NULL. */
etl_status plugin_check_descriptor(const struct etl_plugin *descriptor, const char *path, struct plugin *ret_plugin,
                                   struct etl_error *err);

/* The connector of that role, or ETL_CONFIG "csv.so has no destination". */
etl_status plugin_connector(const struct plugin *plugin, uint32_t role, const struct connector **ret_connector,
                            struct etl_error *err);

/* Calls unload() of every plugin, at the orderly end. The code stays mapped. */
void plugin_shutdown(void);

/* Tells `hook` (NULL = nobody) before each step in which code of the plugin runs: the constructors of the file, etl_plugin_v1, load(). */
enum plugin_stage { PLUGIN_STAGE_OPEN, PLUGIN_STAGE_DESCRIPTOR, PLUGIN_STAGE_LOAD };
void plugin_set_stage_hook(void (*hook)(enum plugin_stage stage));

/* Every plugin file in the search path that plugin_find can reach by name, sorted by name, for `etlhost plugins`: NULL-terminated array of absolute
 * paths, freed by plugin_list_free. */
etl_status plugin_list(const char *plugin_dir, char ***ret_paths, struct etl_error *err);
void plugin_list_free(char **paths);

#endif
