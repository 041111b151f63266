/* A schema as JSON text. Reading is recursive, but no deeper than the nesting that schemas may have. */
#include <etlhost/sdk/schema_json.h>

#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk/json_reader.h>

#define DEPTH_MAX   66
#define COLUMNS_MAX 100000

static void add_nodes(struct etl_buffer *buffer, const struct ArrowSchema *parent)
{
    etl_buffer_add(buffer, "[", 1);
    for (int64_t i = 0; i < parent->n_children && !buffer->failed; i++) {
        const struct ArrowSchema *node = parent->children[i];
        struct etl_bytes extension = etl_schema_metadata(node, "ARROW:extension:name");
        etl_buffer_add_text(buffer, i ? ",{\"name\":" : "{\"name\":");
        etl_json_add_string(buffer, node->name, strlen(node->name));
        etl_buffer_add_text(buffer, ",\"format\":");
        etl_json_add_string(buffer, node->format, strlen(node->format));
        if (extension.length) {
            etl_buffer_add_text(buffer, ",\"extension\":");
            etl_json_add_string(buffer, extension.data, extension.length);
        }
        if (node->n_children) {
            etl_buffer_add_text(buffer, ",\"children\":");
            add_nodes(buffer, node);
        }
        etl_buffer_add(buffer, "}", 1);
    }
    etl_buffer_add(buffer, "]", 1);
}

void etl_schema_write_json(struct etl_buffer *buffer, const struct ArrowSchema *schema)
{
    etl_buffer_add_text(buffer, "{\"columns\":");
    add_nodes(buffer, schema);
    etl_buffer_add(buffer, "}", 1);
}

/* One column as it stands in the text; `children` is a struct node that holds them. */
struct node {
    char *name, *format, *extension;
    struct ArrowSchema children;
};

static void node_fini(struct node *node)
{
    free(node->name);
    free(node->format);
    free(node->extension);
    etl_schema_release(&node->children);
}

static etl_status malformed(struct etl_error *err)
{
    return etl_fail(err, ETL_DATA, "malformed schema");
}

static etl_status read_nodes(struct etl_json *json, int depth, struct ArrowSchema *parent, struct etl_error *err);

static etl_status read_member(struct etl_json *json, int depth, struct node *node, struct etl_error *err)
{
    struct etl_bytes key = etl_json_text(json);
    char **field = NULL;
    enum etl_json_token token = ETL_JSON_ERROR;

    if (key.length == 8 && memcmp(key.data, "children", 8) == 0)
        return read_nodes(json, depth + 1, &node->children, err);
    if (key.length == 4 && memcmp(key.data, "name", 4) == 0)
        field = &node->name;
    else if (key.length == 6 && memcmp(key.data, "format", 6) == 0)
        field = &node->format;
    else if (key.length == 9 && memcmp(key.data, "extension", 9) == 0)
        field = &node->extension;
    token = etl_json_next(json);
    if (!field || *field || token != ETL_JSON_STRING)
        return malformed(err);
    *field = etl_json_to_string(etl_json_raw(json, token));
    return *field ? ETL_OK : malformed(err);
}

static etl_status make_node(struct node *node, struct ArrowSchema *ret_schema, struct etl_error *err)
{
    struct etl_type type = {0};
    struct ArrowSchema item = {0};
    etl_status status = ETL_OK;

    if (!node->name || !node->format)
        return malformed(err);
    ETL_TRY(etl_type_parse(node->format, node->extension, &type, err));
    if (type.kind == ETL_KIND_STRUCT) {
        ETL_TRY(etl_schema_set_name(&node->children, node->name, err));
        etl_schema_move(&node->children, ret_schema);
    } else if (type.kind == ETL_KIND_LIST) {
        if (node->children.n_children != 1)
            ETL_TRY(malformed(err));
        ETL_TRY(etl_schema_copy(node->children.children[0], &item, err));
        ETL_TRY(etl_schema_init_list(ret_schema, node->name, &item, err));
    } else {
        ETL_TRY(etl_schema_init_leaf(ret_schema, node->name, &type, err));
    }
out:
    return status;
}

static etl_status read_node(struct etl_json *json, int depth, struct ArrowSchema *parent, struct etl_error *err)
{
    struct node node = {0};
    struct ArrowSchema schema = {0};
    enum etl_json_token token = ETL_JSON_ERROR;
    etl_status status = ETL_OK;

    ETL_TRY(etl_schema_init_struct(&node.children, "", err));
    while ((token = etl_json_next(json)) == ETL_JSON_KEY)
        ETL_TRY(read_member(json, depth, &node, err));
    if (token != ETL_JSON_END_OBJECT)
        ETL_TRY(malformed(err));
    ETL_TRY(make_node(&node, &schema, err));
    ETL_TRY(etl_schema_add(parent, &schema, err));
out:
    node_fini(&node);
    return status;
}

static etl_status read_nodes(struct etl_json *json, int depth, struct ArrowSchema *parent, struct etl_error *err)
{
    enum etl_json_token token = etl_json_next(json);

    if (token != ETL_JSON_BEGIN_ARRAY || depth > DEPTH_MAX)
        return malformed(err);
    while ((token = etl_json_next(json)) == ETL_JSON_BEGIN_OBJECT) {
        etl_status status = parent->n_children < COLUMNS_MAX ? read_node(json, depth, parent, err) : malformed(err);
        if (status != ETL_OK)
            return status;
    }
    return token == ETL_JSON_END_ARRAY ? ETL_OK : malformed(err);
}

etl_status etl_schema_read_json(const char *text, size_t length, struct ArrowSchema *ret_schema, struct etl_error *err)
{
    struct etl_json json;
    struct ArrowSchema schema = {0};
    struct etl_bytes columns = {NULL, 0};
    etl_status status = ETL_OK;

    etl_json_init(&json, text, length, 0);
    if (!etl_json_find(text, length, "columns", &columns))
        ETL_TRY(malformed(err));
    etl_json_reset(&json, columns.data, columns.length);
    ETL_TRY(etl_schema_init_struct(&schema, "", err));
    ETL_TRY(read_nodes(&json, 0, &schema, err));
    ETL_TRY(etl_schema_validate(&schema, err));
    etl_schema_move(&schema, ret_schema);
out:
    if (status != ETL_OK && status != ETL_NOMEM)
        status = ETL_DATA;
    etl_schema_release(&schema);
    etl_json_fini(&json);
    return status;
}
