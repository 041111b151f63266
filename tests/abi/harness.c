/* A small host: loads the reference plugin and runs its source and its destination once. Built against the frozen header and against
 * that of the next minor version with the loader of its own below, and against today's with the loader of etlhost
 * (USE_CORE_LOADER).
 *
 * Every struct that it hands to the plugin ends at the end of a mapped page, so that a plugin which touches one byte beyond
 * struct_size dies.
 *
 * usage: harness PLUGIN */
#include <dlfcn.h>
#include <etlhost/abi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef USE_CORE_LOADER
#include "core/plugin/plugin.h"
#endif

#if defined(NEXT_MINOR) && ETL_ABI_MINOR < 1
#error "the header of the next minor version was not found"
#endif

#if ETL_ABI_MINOR >= 1
#define SET_NEXT(pointer, value) ((pointer)->next = (value))
#define NEXT(pointer)            ((pointer)->next)
#else
#define SET_NEXT(pointer, value) ((void)(pointer))
#define NEXT(pointer)            UINT64_C(0)
#endif

/* Gives way to a message and the end of the program: it is a test. */
static void require(int condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "FAIL: %s\n", what);
    exit(EXIT_FAILURE);
}

/* `size` zero bytes that end where an unmapped page begins, with struct_size set. Never freed. */
static void *guarded(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint32_t struct_size = (uint32_t)size;
    char *object = NULL;

    require(pages != MAP_FAILED && size <= page, "mmap");
    require(mprotect(pages + page, page, PROT_NONE) == 0, "mprotect");
    object = pages + page - size;
    memcpy(object, &struct_size, sizeof(struct_size));
    return object;
}

#define NEW(type) ((struct type *)guarded(sizeof(struct type)))

/* ---- services ---- */

static void host_log(const struct etl_host *host, uint32_t level, const char *message, size_t length)
{
    (void)host;
    (void)level;
    (void)message;
    (void)length;
}

static int32_t host_cancelled(const struct etl_host *host)
{
    (void)host;
    return 0;
}

static const void *host_extension(const struct etl_host *host, const char *id)
{
    (void)host;
    (void)id;
    return NULL;
}

static struct etl_host *make_host(void)
{
    struct etl_host *host = NEW(etl_host);

    host->abi_minor = ETL_ABI_MINOR;
    host->log = host_log;
    host->cancelled = host_cancelled;
    host->get_extension = host_extension;
    SET_NEXT(host, 70);
    return host;
}

/* ---- loading ---- */

struct ops {
    struct etl_source_ops source;
    struct etl_dest_ops dest;
    uint32_t minor_built;
};

#ifdef USE_CORE_LOADER
static void load(const char *path, const struct etl_host *host, struct ops *ops)
{
    struct plugin *plugin = NULL;
    struct etl_error *err = NEW(etl_error);
    char *absolute = realpath(path, NULL);

    require(absolute != NULL, "no such plugin");
    require(plugin_load(absolute, host, &plugin, err) == ETL_OK, err->message);
    ops->source = plugin->source.source;
    ops->dest = plugin->dest.dest;
    ops->minor_built = plugin->descriptor->abi_minor_built;
    free(absolute);
}
#else
static void copy_known(void *to, size_t to_size, const void *from, uint32_t from_size)
{
    memset(to, 0, to_size);
    memcpy(to, from, from_size < to_size ? from_size : to_size);
}

static void load(const char *path, const struct etl_host *host, struct ops *ops)
{
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const struct etl_plugin *(*entry)(void) = NULL;
    const struct etl_plugin *plugin = NULL;
    void *symbol = NULL;

    (void)host;
    require(module != NULL, "dlopen");
    symbol = dlsym(module, "etl_plugin_v1");
    require(symbol != NULL, "dlsym");
    memcpy(&entry, &symbol, sizeof(entry));
    plugin = entry();
    require(plugin->magic == ETL_PLUGIN_MAGIC, "magic");
    require(plugin->abi_minor_required <= ETL_ABI_MINOR, "needs a newer host");
    for (size_t i = 0; plugin->connectors[i] != NULL; i++) {
        const struct etl_connector *connector = plugin->connectors[i];

        if (connector->role == ETL_ROLE_SOURCE)
            copy_known(&ops->source, sizeof(ops->source), connector->source, connector->source->struct_size);
        else
            copy_known(&ops->dest, sizeof(ops->dest), connector->dest, connector->dest->struct_size);
    }
    ops->minor_built = plugin->abi_minor_built;
}
#endif

/* ---- one run ---- */

/* What a field of the next version must hold: set when both sides know it, else zero. */
static uint64_t expected_next(const struct ops *ops, uint64_t value)
{
    return ETL_ABI_MINOR >= 1 && ops->minor_built >= 1 ? value : 0;
}

static etl_status take_stream(void *arg, const char *stream_json, size_t length, struct ArrowSchema *schema)
{
    int *count = arg;

    require(length > 2 && stream_json[0] == '{', "stream is not JSON");
    schema->release(schema);
    (*count)++;
    return ETL_OK;
}

static struct etl_writer *begin(const struct ops *ops, struct etl_dest *dest)
{
    static const char *const keys[] = {"n", NULL};
    struct etl_error *err = NEW(etl_error);
    struct etl_write_plan *plan = NEW(etl_write_plan);
    struct etl_recovery *recovery = NEW(etl_recovery);
    struct etl_writer *writer = NULL;

    plan->mode = ETL_MODE_UPSERT;
    plan->pipeline_id = plan->slice = plan->run_id = "";
    plan->stream = plan->target = "numbers";
    plan->keys = keys;
    SET_NEXT(plan, 72);
    require(ops->dest.begin(dest, plan, &writer, recovery, err) == ETL_OK, err->message);
    require(NEXT(recovery) == expected_next(ops, 7), "etl_recovery.next");
    return writer;
}

static struct etl_reader *read_open(const struct ops *ops, struct etl_source *source)
{
    struct etl_error *err = NEW(etl_error);
    struct etl_read_request *request = NEW(etl_read_request);
    struct etl_reader *reader = NULL;

    request->stream = "numbers";
    request->slice = request->cursor_column = request->cursor_from = request->cursor_until = "";
    SET_NEXT(request, 71);
    require(ops->source.read_open(source, request, &reader, err) == ETL_OK, err->message);
    return reader;
}

static void commit(const struct ops *ops, struct etl_writer *writer, const struct etl_message *message)
{
    struct etl_error *err = NEW(etl_error);
    struct etl_commit *unit = NEW(etl_commit);

    unit->seq = 1;
    unit->state = message->state;
    unit->state_len = message->state_len;
    SET_NEXT(unit, 73);
    require(ops->dest.commit(writer, unit, err) == ETL_OK, err->message);
}

/* Moves all messages of the reader to the writer; returns the rows. */
static int64_t pump(const struct ops *ops, struct etl_reader *reader, struct etl_writer *writer)
{
    int64_t rows = 0;

    for (int calls = 0; calls < 100; calls++) {
        struct etl_error *err = NEW(etl_error);
        struct etl_message *message = NEW(etl_message);

        require(ops->source.read_next(reader, message, err) == ETL_OK, err->message);
        require(NEXT(message) == expected_next(ops, 5), "etl_message.next");
        require(NEXT(err) == expected_next(ops, 6), "etl_error.next");
        if (message->kind == ETL_MESSAGE_SCHEMA) {
            require(ops->dest.set_schema(writer, &message->schema, err) == ETL_OK, err->message);
            message->schema.release(&message->schema);
        } else if (message->kind == ETL_MESSAGE_BATCH) {
            rows += message->batch.length;
            require(ops->dest.write(writer, &message->batch, message->flags, err) == ETL_OK, err->message);
            if (message->batch.release != NULL)
                message->batch.release(&message->batch);
        } else if (message->kind == ETL_MESSAGE_CHECKPOINT) {
            commit(ops, writer, message);
        } else {
            require(message->kind == ETL_MESSAGE_END, "unknown message");
            return rows;
        }
    }
    return -1;
}

int main(int argc, char **argv)
{
    struct etl_host *host = make_host();
    struct etl_error *err = NEW(etl_error);
    struct etl_source *source = NULL;
    struct etl_dest *dest = NULL;
    struct etl_reader *reader = NULL;
    struct etl_writer *writer = NULL;
    struct ops ops;
    int streams = 0;

    require(argc == 2, "usage: harness PLUGIN");
    memset(&ops, 0, sizeof(ops));
    load(argv[1], host, &ops);
    require(ops.source.open(host, "{}", 2, &source, err) == ETL_OK, err->message);
    require(ops.dest.open(host, "{}", 2, &dest, err) == ETL_OK, err->message);
    require(ops.source.discover(source, take_stream, &streams, err) == ETL_OK, err->message);
    require(streams == 1, "discover");
    writer = begin(&ops, dest);
    reader = read_open(&ops, source);
    require(pump(&ops, reader, writer) == 3, "rows");
    ops.source.read_close(reader);
    ops.dest.end(writer);
    ops.source.close(source);
    ops.dest.close(dest);
    printf("host 1.%d, plugin built for 1.%u: ok\n", ETL_ABI_MINOR, ops.minor_built);
    return 0;
}
