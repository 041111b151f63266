/* Loads a plugin in a child process (this program executed again) and brings its description back as JSON, so that a plugin
 * that crashes is a report and not an outage. */
#ifndef CORE_PLUGIN_PROBE_H
#define CORE_PLUGIN_PROBE_H

#include <etlhost/sdk/error.h>
#include <jansson.h>

/* Description of the plugin at `path`; the caller owns *ret_description (json_decref). Fields: path, name, version, vendor, license,
 * abi {major, minor_built, minor_required}, connectors [{id, role, summary, capabilities [..], delivery, state_version,
 * identifier_max_bytes, config_schema {..}}]. On a crash: ETL_INTERNAL "PATH: crashed with SIGSEGV in etl_plugin_v1". */
etl_status probe_plugin(const char *path, json_t **ret_description, struct etl_error *err);

/* The child's side: loads, writes the description to stdout, returns the exit code. Called by main for the hidden command
 * "probe-plugin". */
int probe_child(const char *path);

#endif
