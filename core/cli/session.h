/* What the commands that touch connectors have in common: from options to a pipeline, loaded plugins, resolved settings, the state store. */
#ifndef CORE_CLI_SESSION_H
#define CORE_CLI_SESSION_H

#include "core/cli/options.h"
#include "core/config/pipeline.h"
#include "core/engine/run.h"

struct session {
    struct pipeline pipeline;
    struct plugin *source_plugin, *dest_plugin;
    const struct connector *source, *dest;
    json_t *source_settings, *dest_settings; /* resolved */
    struct state_store *store;
};

/* Log level and format from the options. */
etl_status session_configure_log(const struct options *options, struct etl_error *err);

/* Pipeline from the file (first operand, if any) and the options over it. */
etl_status session_read_pipeline(struct session *session, const struct options *options, struct etl_error *err);

/* Loads what the pipeline names (source and/or dest may be NULL) and resolves the settings; completes the pipeline when both are there. Secrets are
 * registered with the log. */
etl_status session_load(struct session *session, struct etl_error *err);

/* The store that the options, the pipeline or the environment name. `create` false: ETL_NOT_FOUND when there is none. */
etl_status session_open_store(struct session *session, const struct options *options, bool create,
                              struct etl_error *err);

/* Read, load and open in one go, for commands that need all. */
etl_status session_open(struct session *session, const struct options *options, bool with_store, struct etl_error *err);

/* For the engine; `cancelled` is the signals' flag. */
void session_run_input(const struct session *session, struct run_input *ret_input);

void session_close(struct session *session);

/* Finds and loads one plugin with a host for its load() op. */
etl_status session_load_plugin(const char *argument, const char *plugin_dir, struct plugin **ret_plugin,
                               struct etl_error *err);

#endif
