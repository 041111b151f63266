/* A source and a destination that behave, without the SDK, so that a lying plugin is this file with one thing wrong: it defines a
 * macro before the include (READ_NEXT, WRITE ...) that names its own function, or PLUGIN_* for the descriptor.
 *
 * The source has the stream "numbers" with the column n (int64): one batch 1, 2, 3, a checkpoint, the end. The destination takes
 * everything and keeps nothing. */
#ifndef SKELETON_H
#define SKELETON_H

#include <etlhost/abi.h>
#include <stdlib.h>
#include <string.h>

#define MAYBE_UNUSED __attribute__((unused))

struct etl_source {
    const struct etl_host *host;
};

struct etl_reader {
    int step;
    int calls;
};

struct etl_dest {
    const struct etl_host *host;
};

struct etl_writer {
    uint64_t seq;
};

static inline MAYBE_UNUSED etl_status fail(struct etl_error *err, etl_status status, const char *message)
{
    size_t length = strlen(message);

    memcpy(err->message, message, length + 1);
    return status;
}

/* ---- Arrow ---- */

static inline void schema_release(struct ArrowSchema *schema)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (schema->children[i]->release != NULL)
            schema->children[i]->release(schema->children[i]);
        free(schema->children[i]);
    }
    free(schema->children);
    schema->release = NULL;
}

static inline void array_release(struct ArrowArray *array)
{
    for (int64_t i = 0; i < array->n_children; i++) {
        if (array->children[i]->release != NULL)
            array->children[i]->release(array->children[i]);
        free(array->children[i]);
    }
    for (int64_t i = 0; i < array->n_buffers; i++)
        free((void *)(uintptr_t)array->buffers[i]);
    free(array->children);
    free((void *)(uintptr_t)array->buffers);
    array->release = NULL;
}

static inline MAYBE_UNUSED void make_schema(struct ArrowSchema *schema)
{
    struct ArrowSchema *child = calloc(1, sizeof(*child));

    memset(schema, 0, sizeof(*schema));
    child->format = "l";
    child->name = "n";
    child->flags = ARROW_FLAG_NULLABLE;
    child->release = schema_release;
    schema->format = "+s";
    schema->name = "";
    schema->n_children = 1;
    schema->children = calloc(1, sizeof(*schema->children));
    schema->children[0] = child;
    schema->release = schema_release;
}

static inline MAYBE_UNUSED void make_batch(struct ArrowArray *array)
{
    struct ArrowArray *child = calloc(1, sizeof(*child));
    int64_t *values = calloc(3, sizeof(*values));

    for (int64_t i = 0; i < 3; i++)
        values[i] = i + 1;
    memset(array, 0, sizeof(*array));
    child->length = 3;
    child->n_buffers = 2;
    child->buffers = calloc(2, sizeof(*child->buffers));
    child->buffers[1] = values;
    child->release = array_release;
    array->length = 3;
    array->n_buffers = 1;
    array->buffers = calloc(1, sizeof(*array->buffers));
    array->n_children = 1;
    array->children = calloc(1, sizeof(*array->children));
    array->children[0] = child;
    array->release = array_release;
}

/* ---- source ---- */

static MAYBE_UNUSED etl_status good_source_open(const struct etl_host *host, const char *config, size_t length,
                                                struct etl_source **ret_source, struct etl_error *err)
{
    (void)config;
    (void)length;
    (void)err;
    *ret_source = calloc(1, sizeof(**ret_source));
    (*ret_source)->host = host;
    return ETL_OK;
}

static MAYBE_UNUSED etl_status good_source_check(struct etl_source *source, struct etl_error *err)
{
    (void)source;
    (void)err;
    return ETL_OK;
}

static MAYBE_UNUSED etl_status good_discover(struct etl_source *source, etl_emit_stream emit, void *arg,
                                             struct etl_error *err)
{
    static const char stream[] = "{\"name\": \"numbers\", \"primary_key\": [\"n\"]}";
    struct ArrowSchema schema;

    (void)source;
    (void)err;
    make_schema(&schema);
    return emit(arg, stream, strlen(stream), &schema);
}

static MAYBE_UNUSED etl_status good_read_open(struct etl_source *source, const struct etl_read_request *request,
                                              struct etl_reader **ret_reader, struct etl_error *err)
{
    (void)source;
    (void)request;
    (void)err;
    *ret_reader = calloc(1, sizeof(**ret_reader));
    return ETL_OK;
}

static MAYBE_UNUSED etl_status good_read_next(struct etl_reader *reader, struct etl_message *message,
                                              struct etl_error *err)
{
    (void)err;
    switch (reader->step++) {
    case 0:
        message->kind = ETL_MESSAGE_SCHEMA;
        make_schema(&message->schema);
        break;
    case 1:
        message->kind = ETL_MESSAGE_BATCH;
        make_batch(&message->batch);
        break;
    case 2:
        message->kind = ETL_MESSAGE_CHECKPOINT;
        message->state = "{\"n\":3}";
        message->state_len = 7;
        break;
    default: message->kind = ETL_MESSAGE_END; break;
    }
    return ETL_OK;
}

static MAYBE_UNUSED void good_source_cancel(struct etl_source *source)
{
    (void)source;
}

static MAYBE_UNUSED void good_read_close(struct etl_reader *reader)
{
    free(reader);
}

static MAYBE_UNUSED void good_source_close(struct etl_source *source)
{
    free(source);
}

/* ---- destination ---- */

static MAYBE_UNUSED etl_status good_dest_open(const struct etl_host *host, const char *config, size_t length,
                                              struct etl_dest **ret_dest, struct etl_error *err)
{
    (void)config;
    (void)length;
    (void)err;
    *ret_dest = calloc(1, sizeof(**ret_dest));
    (*ret_dest)->host = host;
    return ETL_OK;
}

static MAYBE_UNUSED etl_status good_dest_check(struct etl_dest *dest, struct etl_error *err)
{
    (void)dest;
    (void)err;
    return ETL_OK;
}

static MAYBE_UNUSED etl_status good_begin(struct etl_dest *dest, const struct etl_write_plan *plan,
                                          struct etl_writer **ret_writer, struct etl_recovery *recovery,
                                          struct etl_error *err)
{
    (void)dest;
    (void)err;
    recovery->generation = plan->generation;
    recovery->is_final = 1;
    recovery->guarantee = ETL_GUARANTEE_FLUSH;
    *ret_writer = calloc(1, sizeof(**ret_writer));
    return ETL_OK;
}

static MAYBE_UNUSED etl_status good_set_schema(struct etl_writer *writer, const struct ArrowSchema *schema,
                                               struct etl_error *err)
{
    (void)writer;
    (void)schema;
    (void)err;
    return ETL_OK;
}

static MAYBE_UNUSED etl_status good_write(struct etl_writer *writer, struct ArrowArray *batch, uint64_t flags,
                                          struct etl_error *err)
{
    (void)writer;
    (void)batch;
    (void)flags;
    (void)err;
    return ETL_OK;
}

static MAYBE_UNUSED etl_status good_commit(struct etl_writer *writer, const struct etl_commit *commit,
                                           struct etl_error *err)
{
    (void)err;
    writer->seq = commit->seq;
    return ETL_OK;
}

static MAYBE_UNUSED etl_status good_rollback(struct etl_writer *writer, struct etl_error *err)
{
    (void)writer;
    (void)err;
    return ETL_OK;
}

static MAYBE_UNUSED void good_dest_cancel(struct etl_dest *dest)
{
    (void)dest;
}

static MAYBE_UNUSED void good_end(struct etl_writer *writer)
{
    free(writer);
}

static MAYBE_UNUSED void good_dest_close(struct etl_dest *dest)
{
    free(dest);
}

/* ---- what a liar may replace ---- */

#ifndef SOURCE_OPEN
#define SOURCE_OPEN good_source_open
#endif
#ifndef DEST_OPEN
#define DEST_OPEN good_dest_open
#endif
#ifndef DISCOVER
#define DISCOVER good_discover
#endif
#ifndef READ_OPEN
#define READ_OPEN good_read_open
#endif
#ifndef READ_NEXT
#define READ_NEXT good_read_next
#endif
#ifndef BEGIN
#define BEGIN good_begin
#endif
#ifndef WRITE
#define WRITE good_write
#endif
#ifndef COMMIT
#define COMMIT good_commit
#endif
#ifndef PLUGIN_LOAD
#define PLUGIN_LOAD NULL
#endif
#ifndef PLUGIN_MAGIC
#define PLUGIN_MAGIC ETL_PLUGIN_MAGIC
#endif
#ifndef PLUGIN_SIZE
#define PLUGIN_SIZE sizeof(struct etl_plugin)
#endif
#ifndef PLUGIN_BUILT
#define PLUGIN_BUILT ETL_ABI_MINOR
#endif
#ifndef PLUGIN_REQUIRED
#define PLUGIN_REQUIRED 0
#endif
#ifndef OPS_SIZE
#define OPS_SIZE sizeof(struct etl_source_ops)
#endif
#ifndef CONNECTOR_SIZE
#define CONNECTOR_SIZE sizeof(struct etl_connector)
#endif
#ifndef CONNECTOR_ROLE
#define CONNECTOR_ROLE ETL_ROLE_SOURCE
#endif
#ifndef CONNECTOR_ID
#define CONNECTOR_ID "liar"
#endif
#ifndef CONFIG_SCHEMA
#define CONFIG_SCHEMA "{\"type\": \"object\", \"properties\": {}, \"additionalProperties\": false}"
#endif

/* Declared by <etlhost/abi.h>; a file with ENTRY defined brings its own. */
static const struct etl_source_ops source_ops = {
    .struct_size = OPS_SIZE,
    .open = SOURCE_OPEN,
    .check = good_source_check,
    .discover = DISCOVER,
    .read_open = READ_OPEN,
    .read_next = READ_NEXT,
    .cancel = good_source_cancel,
    .read_close = good_read_close,
    .close = good_source_close,
};

static const struct etl_dest_ops dest_ops = {
    .struct_size = sizeof(struct etl_dest_ops),
    .open = DEST_OPEN,
    .check = good_dest_check,
    .begin = BEGIN,
    .set_schema = good_set_schema,
    .write = WRITE,
    .commit = COMMIT,
    .rollback = good_rollback,
    .cancel = good_dest_cancel,
    .end = good_end,
    .close = good_dest_close,
};

static const struct etl_connector source_connector = {
    .struct_size = CONNECTOR_SIZE,
    .role = CONNECTOR_ROLE,
    .id = CONNECTOR_ID,
    .summary = "a source for tests",
    .config_schema = CONFIG_SCHEMA,
    .state_version = 1,
    .source = &source_ops,
};

static const struct etl_connector dest_connector = {
    .struct_size = sizeof(struct etl_connector),
    .role = ETL_ROLE_DEST,
    .id = "liar",
    .summary = "a destination for tests",
    .config_schema = "{\"type\": \"object\", \"properties\": {}, \"additionalProperties\": false}",
    .dest = &dest_ops,
};

static const struct etl_connector *const connectors[] = {
#ifdef FIRST_CONNECTOR
    FIRST_CONNECTOR,
#endif
    &source_connector,
    &dest_connector,
    NULL,
};

static MAYBE_UNUSED const struct etl_plugin descriptor = {
    .struct_size = PLUGIN_SIZE,
    .magic = PLUGIN_MAGIC,
    .abi_minor_built = PLUGIN_BUILT,
    .abi_minor_required = PLUGIN_REQUIRED,
    .name = "liar",
    .version = "1.0",
    .vendor = "",
    .license = "0BSD",
    .connectors = connectors,
    .load = PLUGIN_LOAD,
};

#ifndef ENTRY
const struct etl_plugin *etl_plugin_v1(void)
{
    return &descriptor;
}
#endif

#endif
