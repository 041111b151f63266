/* A destination that counts records and forgets them. It holds its caller to the contract: a call out of order, a batch that does not match
 * the schema or a gap in the sequence of commits is ETL_MISUSE, which makes it useful for measuring and for testing alike. Writers share
 * nothing, so there are no locks. */
#include "plugins/null/null_dest.h"

#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk/error.h>
#include <etlhost/sdk/schema.h>

struct etl_dest {
    const struct etl_host *host;
};

struct etl_writer {
    struct etl_dest *dest;
    struct ArrowSchema schema;
    char *stream;
    uint64_t generation, seq;
    uint64_t rows, batches, commits;
    int is_final, has_committed;
};

static etl_status null_open(const struct etl_host *host, const char *config, size_t length, struct etl_dest **ret_dest,
                            struct etl_error *err)
{
    struct etl_dest *dest = calloc(1, sizeof *dest);
    (void)config;
    (void)length;
    if (!dest)
        return etl_fail_memory(err);
    dest->host = host;
    *ret_dest = dest;
    return ETL_OK;
}

static etl_status null_check(struct etl_dest *dest, struct etl_error *err)
{
    (void)dest;
    (void)err;
    return ETL_OK;
}

static void recover(struct etl_recovery *recovery)
{
    recovery->is_final = 1;
    recovery->guarantee = ETL_GUARANTEE_FLUSH;
}

static etl_status null_explain(struct etl_dest *dest, const struct etl_write_plan *plan,
                               const struct ArrowSchema *schema, etl_emit_text emit, void *arg,
                               struct etl_recovery *recovery, struct etl_error *err)
{
    static const char text[] = "discard all records";
    (void)dest;
    (void)plan;
    (void)schema;
    (void)err;
    recover(recovery);
    return emit(arg, text, sizeof text - 1);
}

static etl_status null_begin(struct etl_dest *dest, const struct etl_write_plan *plan, struct etl_writer **ret_writer,
                             struct etl_recovery *recovery, struct etl_error *err)
{
    if (plan->mode < ETL_MODE_APPEND || plan->mode > ETL_MODE_UPSERT)
        return etl_fail(err, ETL_MISUSE, "unknown write mode %u", (unsigned)plan->mode);
    if (plan->mode == ETL_MODE_UPSERT && !plan->keys[0])
        return etl_fail(err, ETL_MISUSE, "mode upsert without a key");
    struct etl_writer *writer = calloc(1, sizeof *writer);
    char *stream = strdup(plan->stream);
    if (!writer || !stream) {
        free(writer);
        free(stream);
        return etl_fail_memory(err);
    }
    writer->dest = dest;
    writer->stream = stream;
    writer->generation = plan->generation;
    recover(recovery);
    *ret_writer = writer;
    return ETL_OK;
}

/* The columns of the old schema come first in the new one, in the same order; operation columns are no columns of the target. */
static int extends(const struct ArrowSchema *from, const struct ArrowSchema *to)
{
    int64_t from_op = etl_schema_op_column(from), to_op = etl_schema_op_column(to), at = 0;
    for (int64_t i = 0; i < from->n_children; i++) {
        if (i == from_op)
            continue;
        at += at == to_op;
        if (at >= to->n_children || strcmp(from->children[i]->name, to->children[at]->name) != 0)
            return 0;
        at++;
    }
    return 1;
}

static etl_status null_set_schema(struct etl_writer *writer, const struct ArrowSchema *schema, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowSchema copy = {0};
    if (etl_schema_validate(schema, err) != ETL_OK)
        return etl_prefix(err, ETL_MISUSE, "set_schema: ");
    if (writer->schema.release && !extends(&writer->schema, schema))
        return etl_fail(err, ETL_MISUSE, "set_schema: the new schema does not start with the columns of the old one");
    ETL_TRY(etl_schema_copy(schema, &copy, err));
    etl_schema_release(&writer->schema);
    etl_schema_move(&copy, &writer->schema);
out:
    return status;
}

static etl_status null_write(struct etl_writer *writer, struct ArrowArray *batch, uint64_t flags, struct etl_error *err)
{
    if (!writer->schema.release)
        return etl_fail(err, ETL_MISUSE, "write before set_schema");
    if (!batch->release)
        return etl_fail(err, ETL_MISUSE, "write of a batch that has been released");
    if (batch->n_children != writer->schema.n_children)
        return etl_fail(err, ETL_MISUSE, "write of a batch with %lld columns under a schema with %lld",
                        (long long)batch->n_children, (long long)writer->schema.n_children);
    if (batch->offset != 0)
        return etl_fail(err, ETL_MISUSE, "write of a batch whose root has an offset");
    for (int64_t i = 0; i < batch->n_children; i++) {
        if (batch->children[i]->length < batch->length)
            return etl_fail(err, ETL_MISUSE, "write of a batch whose column %lld is too short", (long long)i);
    }
    if ((flags & ETL_OP_MASK) > ETL_OP_DELETE)
        return etl_fail(err, ETL_MISUSE, "write with an unknown operation");
    writer->rows += (uint64_t)batch->length;
    writer->batches++;
    return ETL_OK;
}

static etl_status null_commit(struct etl_writer *writer, const struct etl_commit *commit, struct etl_error *err)
{
    if (commit->seq == 0 || (writer->has_committed && commit->seq != writer->seq + 1))
        return etl_fail(err, ETL_MISUSE, "commit %llu after commit %llu", (unsigned long long)commit->seq,
                        (unsigned long long)writer->seq);
    if (!commit->state || commit->state_len > ETL_STATE_MAX_BYTES)
        return etl_fail(err, ETL_MISUSE, "commit without a state, or with one above 1 MiB");
    if ((commit->flags & ETL_COMMIT_FINAL) && (writer->generation == 0 || writer->is_final))
        return etl_fail(err, ETL_MISUSE, "final commit of generation %llu, which is live already",
                        (unsigned long long)writer->generation);
    if (commit->flags & ETL_COMMIT_FINAL)
        writer->is_final = 1;
    writer->has_committed = 1;
    writer->seq = commit->seq;
    writer->commits++;
    return ETL_OK;
}

static etl_status null_rollback(struct etl_writer *writer, struct etl_error *err)
{
    (void)writer;
    (void)err;
    return ETL_OK;
}

/* Nothing here blocks. */
static void null_cancel(struct etl_dest *dest)
{
    (void)dest;
}

static void null_end(struct etl_writer *writer)
{
    etl_log(writer->dest->host, ETL_LOG_DEBUG, "stream %s: discarded %llu records in %llu batches and %llu commits",
            writer->stream, (unsigned long long)writer->rows, (unsigned long long)writer->batches,
            (unsigned long long)writer->commits);
    etl_schema_release(&writer->schema);
    free(writer->stream);
    free(writer);
}

static void null_close(struct etl_dest *dest)
{
    free(dest);
}

const struct etl_dest_ops null_dest_ops = {
    .struct_size = sizeof(struct etl_dest_ops),
    .open = null_open,
    .check = null_check,
    .explain = null_explain,
    .begin = null_begin,
    .set_schema = null_set_schema,
    .write = null_write,
    .commit = null_commit,
    .rollback = null_rollback,
    .cancel = null_cancel,
    .end = null_end,
    .close = null_close,
};
