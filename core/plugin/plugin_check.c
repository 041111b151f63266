/* The checks on a descriptor, and the copy of the plugin's vtables into the host's own.
 *
 * A plugin may be older than this host (its structs are shorter) or newer (they are longer). struct_size says how far each of its
 * structs reaches; nothing beyond is read. After the copy the host never looks at a size again. */
#include <jansson.h>
#include <string.h>

#include "core/plugin/plugin.h"

/* The size up to and including `field`: what a struct of the version that ended there measures. */
#define SIZE_UP_TO(type, field) (offsetof(type, field) + sizeof(((type *)0)->field))

enum {
    STRUCT_MAX_BYTES = 64 * 1024,
    ID_MAX_BYTES = 64,
    SCHEMA_MAX_BYTES = 1024 * 1024,
};

struct required_op {
    const char *name;
    size_t offset;
};

static const struct required_op source_required[] = {
    {"open", offsetof(struct etl_source_ops, open)},
    {"check", offsetof(struct etl_source_ops, check)},
    {"discover", offsetof(struct etl_source_ops, discover)},
    {"read_open", offsetof(struct etl_source_ops, read_open)},
    {"read_next", offsetof(struct etl_source_ops, read_next)},
    {"cancel", offsetof(struct etl_source_ops, cancel)},
    {"read_close", offsetof(struct etl_source_ops, read_close)},
    {"close", offsetof(struct etl_source_ops, close)},
    {NULL, 0},
};

static const struct required_op dest_required[] = {
    {"open", offsetof(struct etl_dest_ops, open)},
    {"check", offsetof(struct etl_dest_ops, check)},
    {"begin", offsetof(struct etl_dest_ops, begin)},
    {"set_schema", offsetof(struct etl_dest_ops, set_schema)},
    {"write", offsetof(struct etl_dest_ops, write)},
    {"commit", offsetof(struct etl_dest_ops, commit)},
    {"rollback", offsetof(struct etl_dest_ops, rollback)},
    {"cancel", offsetof(struct etl_dest_ops, cancel)},
    {"end", offsetof(struct etl_dest_ops, end)},
    {"close", offsetof(struct etl_dest_ops, close)},
    {NULL, 0},
};

static const void *ETL_CALL source_no_extension(struct etl_source *source, const char *id)
{
    (void)source;
    (void)id;
    return NULL;
}

static const void *ETL_CALL dest_no_extension(struct etl_dest *dest, const char *id)
{
    (void)dest;
    (void)id;
    return NULL;
}

/* ---- parts ---- */

static etl_status check_size(const char *name, uint32_t struct_size, size_t smallest, struct etl_error *err)
{
    if (struct_size == 0)
        return etl_fail(err, ETL_CONFIG, "%s.struct_size is 0: the plugin must set it to sizeof(struct %s)", name,
                        name);
    if (struct_size < smallest)
        return etl_fail(err, ETL_CONFIG, "%s.struct_size is %u: ABI 1.0 needs at least %zu", name, struct_size,
                        smallest);
    if (struct_size > STRUCT_MAX_BYTES)
        return etl_fail(err, ETL_CONFIG, "%s.struct_size is %u, which no version of the ABI can reach", name,
                        struct_size);
    return ETL_OK;
}

static etl_status check_id(const char *what, const char *id, struct etl_error *err)
{
    size_t length = id != NULL ? strnlen(id, ID_MAX_BYTES + 1) : 0;

    if (id == NULL || length == 0)
        return etl_fail(err, ETL_CONFIG, "%s is missing", what);
    if (length > ID_MAX_BYTES)
        return etl_fail(err, ETL_CONFIG, "%s is longer than %d bytes", what, ID_MAX_BYTES);
    if (id[0] < 'a' || id[0] > 'z' || strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789_-") != length)
        return etl_fail(err, ETL_CONFIG, "%s \"%s\" is not allowed: use [a-z][a-z0-9_-]*", what, id);
    return ETL_OK;
}

static etl_status check_config_schema(const char *text, struct etl_error *err)
{
    json_error_t error;
    json_t *schema = NULL;
    const json_t *properties = NULL;
    etl_status status = ETL_OK;

    if (text == NULL)
        return etl_fail(err, ETL_CONFIG,
                        "config_schema is missing: a connector without settings has {\"type\": \"object\"}");
    if (strnlen(text, SCHEMA_MAX_BYTES + 1) > SCHEMA_MAX_BYTES)
        return etl_fail(err, ETL_CONFIG, "config_schema is longer than %d bytes", SCHEMA_MAX_BYTES);
    schema = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (schema == NULL)
        return etl_fail(err, ETL_CONFIG, "config_schema is not JSON: line %d column %d: %s", error.line, error.column,
                        error.text);
    properties = json_object_get(schema, "properties");
    if (!json_is_object(schema))
        status = etl_fail(err, ETL_CONFIG, "config_schema is not a JSON object");
    else if (properties != NULL && !json_is_object(properties))
        status = etl_fail(err, ETL_CONFIG, "config_schema: \"properties\" is not a JSON object");
    json_decref(schema);
    return status;
}

/* A NULL pointer is all zero bits here, so any function pointer may be compared by its bytes. */
static etl_status check_required(const void *ops, const struct required_op *required, struct etl_error *err)
{
    static const char null_pointer[sizeof(void (*)(void))];

    for (; required->name != NULL; required++)
        if (memcmp((const char *)ops + required->offset, null_pointer, sizeof(null_pointer)) == 0)
            return etl_fail(err, ETL_CONFIG, "required op %s is missing", required->name);
    return ETL_OK;
}

/* Copies what both sides know; what the plugin does not have stays zero. */
static void copy_known(void *to, size_t to_size, const void *from, uint32_t from_size)
{
    memset(to, 0, to_size);
    memcpy(to, from, from_size < to_size ? from_size : to_size);
}

static etl_status copy_source_ops(const struct etl_source_ops *ops, struct etl_source_ops *ret_ops,
                                  struct etl_error *err)
{
    etl_status status = ETL_OK;

    if (ops == NULL)
        return etl_fail(err, ETL_CONFIG, "etl_connector.source is NULL");
    status = check_size("etl_source_ops", ops->struct_size, SIZE_UP_TO(struct etl_source_ops, get_extension), err);
    if (status != ETL_OK)
        return status;
    copy_known(ret_ops, sizeof(*ret_ops), ops, ops->struct_size);
    ret_ops->struct_size = sizeof(*ret_ops);
    if (ret_ops->get_extension == NULL)
        ret_ops->get_extension = source_no_extension;
    return check_required(ret_ops, source_required, err);
}

static etl_status copy_dest_ops(const struct etl_dest_ops *ops, struct etl_dest_ops *ret_ops, struct etl_error *err)
{
    etl_status status = ETL_OK;

    if (ops == NULL)
        return etl_fail(err, ETL_CONFIG, "etl_connector.dest is NULL");
    status = check_size("etl_dest_ops", ops->struct_size, SIZE_UP_TO(struct etl_dest_ops, get_extension), err);
    if (status != ETL_OK)
        return status;
    copy_known(ret_ops, sizeof(*ret_ops), ops, ops->struct_size);
    ret_ops->struct_size = sizeof(*ret_ops);
    if (ret_ops->get_extension == NULL)
        ret_ops->get_extension = dest_no_extension;
    return check_required(ret_ops, dest_required, err);
}

/* ---- connector ---- */

/* Everything but size, role and id, which the caller has checked. */
static etl_status fill_connector(const struct etl_connector *from, struct connector *connector, struct etl_error *err)
{
    etl_status status = ETL_OK;

    if (from->summary == NULL)
        return etl_fail(err, ETL_CONFIG, "summary is missing");
    ETL_TRY(check_config_schema(from->config_schema, err));
    if (from->role == ETL_ROLE_SOURCE)
        ETL_TRY(copy_source_ops(from->source, &connector->source, err));
    else
        ETL_TRY(copy_dest_ops(from->dest, &connector->dest, err));
    connector->id = from->id;
    connector->summary = from->summary;
    connector->config_schema = from->config_schema;
    connector->role = from->role;
    connector->state_version = from->state_version;
    connector->identifier_max_bytes = from->identifier_max_bytes;
    connector->caps = from->caps;
out:
    return status;
}

static etl_status add_connector(const struct etl_connector *from, struct plugin *plugin, struct etl_error *err)
{
    struct connector *connector = NULL;
    const char *role = NULL;
    etl_status status = ETL_OK;

    ETL_TRY(check_size("etl_connector", from->struct_size, SIZE_UP_TO(struct etl_connector, dest), err));
    if (from->role != ETL_ROLE_SOURCE && from->role != ETL_ROLE_DEST) {
        status = etl_fail(err, ETL_CONFIG, "a connector has the unknown role %u", from->role);
        goto out;
    }
    role = from->role == ETL_ROLE_SOURCE ? "source" : "destination";
    ETL_TRY(check_id("the id of a connector", from->id, err));
    connector = from->role == ETL_ROLE_SOURCE ? &plugin->source : &plugin->dest;
    if (connector->id != NULL) {
        status = etl_fail(err, ETL_CONFIG, "two connectors are a %s (\"%s\" and \"%s\"); a plugin has at most one",
                          role, connector->id, from->id);
        goto out;
    }
    status = fill_connector(from, connector, err);
    if (status != ETL_OK)
        status = etl_prefix(err, status, "%s %s: ", role, from->id);
out:
    return status;
}

/* ---- descriptor ---- */

/* The magic comes first: without it no other field means anything. */
static etl_status check_versions(const struct etl_plugin *descriptor, struct etl_error *err)
{
    etl_status status = ETL_OK;

    if (descriptor->magic != ETL_PLUGIN_MAGIC)
        return etl_fail(err, ETL_CONFIG,
                        "etl_plugin.magic is 0x%08x instead of 0x%08x: etl_plugin_v1 did not return an etl_plugin",
                        descriptor->magic, ETL_PLUGIN_MAGIC);
    ETL_TRY(check_size("etl_plugin", descriptor->struct_size, SIZE_UP_TO(struct etl_plugin, unload), err));
    if (descriptor->abi_minor_required > ETL_ABI_MINOR)
        return etl_fail(err, ETL_CONFIG, "needs a host with plugin ABI %d.%u, and this one has %d.%d: update etlhost",
                        ETL_ABI_MAJOR, descriptor->abi_minor_required, ETL_ABI_MAJOR, ETL_ABI_MINOR);
    if (descriptor->abi_minor_required > descriptor->abi_minor_built)
        return etl_fail(err, ETL_CONFIG, "abi_minor_required is %u but it was built for ABI minor %u",
                        descriptor->abi_minor_required, descriptor->abi_minor_built);
out:
    return status;
}

etl_status plugin_check_descriptor(const struct etl_plugin *descriptor, const char *path, struct plugin *ret_plugin,
                                   struct etl_error *err)
{
    struct plugin plugin;
    etl_status status = ETL_OK;

    memset(&plugin, 0, sizeof(plugin));
    if (descriptor == NULL) {
        status = etl_fail(err, ETL_CONFIG, "etl_plugin_v1 returned NULL");
        goto out;
    }
    ETL_TRY(check_versions(descriptor, err));
    ETL_TRY(check_id("the name of the plugin", descriptor->name, err));
    if (descriptor->version == NULL) {
        status = etl_fail(err, ETL_CONFIG, "the version of the plugin is missing");
        goto out;
    }
    if (descriptor->connectors == NULL || descriptor->connectors[0] == NULL) {
        status = etl_fail(err, ETL_CONFIG, "the plugin has no connectors");
        goto out;
    }
    for (size_t i = 0; descriptor->connectors[i] != NULL; i++)
        ETL_TRY(add_connector(descriptor->connectors[i], &plugin, err));
    plugin.descriptor = descriptor;
    plugin.source.path = plugin.dest.path = path;
    plugin.source.version = plugin.dest.version = descriptor->version;
    *ret_plugin = plugin;
out:
    return status == ETL_OK ? ETL_OK : etl_prefix(err, status, "%s: ", path);
}
