/* Lines are collected per batch and written whole; a lock keeps the lines of different streams apart. */
#include "core/cli/record_printer.h"

#include <errno.h>
#include <etlhost/sdk.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cli/signals.h"

struct etl_dest {
    pthread_mutex_t lock;
};

struct etl_writer {
    struct etl_dest *dest;
    struct ArrowSchema schema; /* own copy: the view borrows it */
    struct etl_view view;
    struct etl_buffer lines;
    char stream[];
};

static etl_status open_printer(const struct etl_host *host, const char *config, size_t length,
                               struct etl_dest **ret_dest, struct etl_error *err)
{
    (void)host, (void)config, (void)length;
    struct etl_dest *dest = calloc(1, sizeof(*dest));
    if (!dest)
        return etl_fail_memory(err);
    pthread_mutex_init(&dest->lock, NULL);
    *ret_dest = dest;
    return ETL_OK;
}

static etl_status check_printer(struct etl_dest *dest, struct etl_error *err)
{
    (void)dest, (void)err;
    return ETL_OK;
}

static void close_printer(struct etl_dest *dest)
{
    pthread_mutex_destroy(&dest->lock);
    free(dest);
}

static void cancel_printer(struct etl_dest *dest)
{
    (void)dest;
}

static etl_status begin(struct etl_dest *dest, const struct etl_write_plan *plan, struct etl_writer **ret_writer,
                        struct etl_recovery *recovery, struct etl_error *err)
{
    struct etl_writer *writer = calloc(1, sizeof(*writer) + strlen(plan->stream) + 1);
    if (!writer)
        return etl_fail_memory(err);
    writer->dest = dest;
    memcpy(writer->stream, plan->stream, strlen(plan->stream) + 1);
    recovery->guarantee = ETL_GUARANTEE_FLUSH;
    recovery->is_final = 1;
    *ret_writer = writer;
    return ETL_OK;
}

static void forget_schema(struct etl_writer *writer)
{
    if (writer->schema.release) {
        etl_view_fini(&writer->view);
        writer->schema.release(&writer->schema);
    }
    memset(&writer->view, 0, sizeof(writer->view));
    memset(&writer->schema, 0, sizeof(writer->schema));
}

static etl_status set_schema(struct etl_writer *writer, const struct ArrowSchema *schema, struct etl_error *err)
{
    etl_status status = ETL_OK;
    forget_schema(writer);
    ETL_TRY(etl_schema_copy(schema, &writer->schema, err));
    ETL_TRY(etl_view_init(&writer->view, &writer->schema, err));
out:
    return status;
}

static etl_status write_all(const char *data, size_t length, struct etl_error *err)
{
    while (length) {
        ssize_t written = write(STDOUT_FILENO, data, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EPIPE)
            signals_end_by_pipe(); /* the reader has seen enough: nothing is left to do */
        if (written < 0)
            return etl_fail_errno(err, errno, "standard output", "");
        data += written;
        length -= (size_t)written;
    }
    return ETL_OK;
}

static etl_status write_rows(struct etl_writer *writer, struct ArrowArray *batch, uint64_t flags, struct etl_error *err)
{
    struct etl_buffer *lines = &writer->lines;
    etl_buffer_reset(lines);
    etl_view_set(&writer->view, batch);
    for (int64_t row = 0; row < batch->length; row++) {
        etl_buffer_add_text(lines, "{\"stream\":");
        etl_json_add_string(lines, writer->stream, strlen(writer->stream));
        if (etl_view_op(&writer->view, flags, row) == ETL_OP_DELETE)
            etl_buffer_add_text(lines, ",\"deleted\":true");
        etl_buffer_add_text(lines, ",\"record\":");
        etl_json_add_row(lines, &writer->view, row);
        etl_buffer_add(lines, "}\n", 2);
    }
    if (lines->failed)
        return etl_fail_memory(err);
    pthread_mutex_lock(&writer->dest->lock);
    etl_status status = write_all(lines->data, lines->length, err);
    pthread_mutex_unlock(&writer->dest->lock);
    return status;
}

static etl_status commit(struct etl_writer *writer, const struct etl_commit *unit, struct etl_error *err)
{
    (void)writer, (void)unit, (void)err;
    return ETL_OK;
}

static etl_status rollback(struct etl_writer *writer, struct etl_error *err)
{
    (void)writer, (void)err;
    return ETL_OK;
}

static void end(struct etl_writer *writer)
{
    forget_schema(writer);
    etl_buffer_fini(&writer->lines);
    free(writer);
}

const struct connector *record_printer(void)
{
    static const struct connector printer = {
        .id = "print",
        .summary = "prints records",
        .config_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{}}",
        .version = "",
        .path = "",
        .role = ETL_ROLE_DEST,
        .caps = ETL_CAP_PARALLEL | ETL_CAP_UPSERT | ETL_CAP_GENERATIONS | ETL_CAP_EVOLVES,
        .dest = {.struct_size = sizeof(struct etl_dest_ops),
                 .open = open_printer,
                 .check = check_printer,
                 .begin = begin,
                 .set_schema = set_schema,
                 .write = write_rows,
                 .commit = commit,
                 .rollback = rollback,
                 .cancel = cancel_printer,
                 .end = end,
                 .close = close_printer},
    };
    return &printer;
}
