/* `inspect` and `plugins`: what a plugin says of itself, asked in a child process. */
#include "core/base/json_text.h"
#include "core/base/status.h"
#include "core/base/string.h"
#include "core/cli/command.h"
#include "core/cli/output.h"
#include "core/config/settings.h"
#include "core/plugin/plugin.h"
#include "core/plugin/probe.h"
#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void print_settings(const json_t *connector)
{
    char *schema = json_text(json_object_get(connector, "config_schema"), JSON_COMPACT);
    char *help = schema ? settings_help(schema) : NULL;
    if (help && *help)
        printf("  settings:\n%s", help);
    free(help);
    free(schema);
}

static void print_description(const json_t *description)
{
    const json_t *abi = json_object_get(description, "abi");
    json_t *connector, *capability;
    size_t i, k;
    printf("%s %s\n", text_of(description, "name"), text_of(description, "version"));
    printf("  file:     %s\n  vendor:   %s\n  license:  %s\n", text_of(description, "path"),
           text_of(description, "vendor"), text_of(description, "license"));
    printf("  ABI:      %d, built with minor %d, requires minor %d\n",
           (int)json_integer_value(json_object_get(abi, "major")),
           (int)json_integer_value(json_object_get(abi, "minor_built")),
           (int)json_integer_value(json_object_get(abi, "minor_required")));
    json_array_foreach(json_object_get(description, "connectors"), i, connector)
    {
        printf("\n%s %s: %s\n", text_of(connector, "role"), text_of(connector, "id"), text_of(connector, "summary"));
        printf("  capabilities:");
        json_array_foreach(json_object_get(connector, "capabilities"), k, capability)
            printf(" %s", json_string_value(capability));
        printf("%s\n", json_array_size(json_object_get(connector, "capabilities")) ? "" : " none");
        if (*text_of(connector, "delivery"))
            printf("  delivery: %s\n", text_of(connector, "delivery"));
        print_settings(connector);
    }
}

int command_inspect(const struct options *options)
{
    struct etl_error err;
    char *path = NULL;
    json_t *description = NULL;
    etl_error_init(&err);
    if (options->operand_count != 1) {
        etl_fail(&err, ETL_CONFIG, "inspect: name one connector: a path, a file name or a bare name");
        return output_error(ETL_CONFIG, &err);
    }
    etl_status status = plugin_find(options->operands[0], options->plugin_dir, &path, &err);
    if (status == ETL_OK)
        status = probe_plugin(path, &description, &err);
    free(path);
    if (status != ETL_OK)
        return output_error(status, &err);
    if (output_is_json(options))
        return output_json(description);
    print_description(description);
    json_decref(description);
    return EXIT_CODE_OK;
}

/* ---- plugins ---- */

static void add_connectors(json_t *rows, const json_t *description)
{
    size_t i;
    json_t *connector;
    json_array_foreach(json_object_get(description, "connectors"), i, connector)
    {
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", text_of(connector, "id"), "role",
                                              text_of(connector, "role"), "version", text_of(description, "version"),
                                              "summary", text_of(connector, "summary"), "path",
                                              text_of(description, "path")));
    }
}

static void print_plugins(const json_t *rows)
{
    static const char *const headers[] = {"CONNECTOR", "ROLE", "VERSION", "SUMMARY", "FILE", NULL};
    static const char *const keys[] = {"id", "role", "version", "summary", "path", NULL};
    struct output_table *table = output_table_new(headers);
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) for (size_t k = 0; keys[k]; k++) output_table_add(table, text_of(row, keys[k]));
    output_table_print(table, stdout);
}

int command_plugins(const struct options *options)
{
    struct etl_error err;
    char **paths = NULL;
    etl_error_init(&err);
    etl_status status = plugin_list(options->plugin_dir, &paths, &err);
    if (status != ETL_OK)
        return output_error(status, &err);
    json_t *rows = json_array();
    int code = EXIT_CODE_OK;
    for (char **path = paths; *path; path++) {
        json_t *description = NULL;
        etl_error_init(&err);
        status = probe_plugin(*path, &description, &err);
        if (status == ETL_OK)
            add_connectors(rows, description);
        else
            code = output_error(status, &err) ? EXIT_CODE_FAILED : code;
        json_decref(description);
    }
    plugin_list_free(paths);
    if (output_is_json(options)) {
        int failed = output_json(rows);
        return code ? code : failed;
    }
    print_plugins(rows);
    json_decref(rows);
    return code;
}
