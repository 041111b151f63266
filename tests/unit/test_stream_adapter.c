#include "tests/unit/sdk_helpers.h"

#include <errno.h>

/* A stream of two batches that fails as told. */
static int next_error, schema_error, batches, releases;
static const char *last_error;

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    (void)stream;
    if (schema_error)
        return schema_error;
    OK(etl_schema_init_struct(out, "", &err));
    return 0;
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    struct ArrowSchema schema = {0};
    struct etl_builder *builder = NULL;
    (void)stream;
    if (next_error)
        return next_error;
    memset(out, 0, sizeof *out);
    if (batches++ == 2)
        return 0;
    OK(etl_schema_init_struct(&schema, "", &err));
    OK(etl_builder_new(&schema, &builder, &err));
    OK(etl_builder_end_rows(builder, batches, &err));
    OK(etl_builder_finish(builder, out, &err));
    etl_builder_free(builder);
    etl_schema_release(&schema);
    return 0;
}

static const char *get_last_error(struct ArrowArrayStream *stream)
{
    (void)stream;
    return last_error;
}

static void release(struct ArrowArrayStream *stream)
{
    releases++;
    stream->release = NULL;
}

static struct ArrowArrayStream make(void)
{
    return (struct ArrowArrayStream){get_schema, get_next, get_last_error, release, NULL};
}

Test(stream_adapter, messages)
{
    struct ArrowArrayStream stream = make();
    struct etl_stream_adapter adapter;
    struct etl_message message = {.struct_size = sizeof message};
    OK(etl_stream_adapter_init(&adapter, &stream, "{\"done\":1}", 10, &err));
    cr_expect_null(stream.release);
    schema_error = ETIMEDOUT;
    FAILS(ETL_TRANSIENT, "error 110", etl_stream_adapter_next(&adapter, &message, &err));
    schema_error = 0;
    OK(etl_stream_adapter_next(&adapter, &message, &err));
    cr_assert_eq(message.kind, ETL_MESSAGE_SCHEMA);
    etl_schema_release(&message.schema);
    for (int i = 1; i <= 2; i++) {
        next_error = EAGAIN;
        last_error = "the line is busy";
        FAILS(ETL_TRANSIENT, "the line is busy", etl_stream_adapter_next(&adapter, &message, &err));
        next_error = 0;
        OK(etl_stream_adapter_next(&adapter, &message, &err));
        cr_assert_eq(message.kind, ETL_MESSAGE_BATCH);
        cr_assert_eq(message.batch.length, i);
        etl_array_release(&message.batch);
    }
    OK(etl_stream_adapter_next(&adapter, &message, &err));
    cr_assert_eq(message.kind, ETL_MESSAGE_CHECKPOINT);
    cr_expect_eq(message.state_len, 10);
    cr_expect_arr_eq(message.state, "{\"done\":1}", 10);
    for (int i = 0; i < 2; i++) {
        OK(etl_stream_adapter_next(&adapter, &message, &err));
        cr_assert_eq(message.kind, ETL_MESSAGE_END);
    }
    etl_stream_adapter_fini(&adapter);
    etl_stream_adapter_fini(&adapter);
    etl_stream_adapter_fini(NULL);
    cr_expect_eq(releases, 1);
}

Test(stream_adapter, failures)
{
    static const int codes[][2] = {{EINTR, ETL_TRANSIENT}, {ECONNRESET, ETL_TRANSIENT},
                                   {ENOMEM, ETL_NOMEM},    {ECANCELED, ETL_CANCELLED},
                                   {EIO, ETL_IO},          {EINVAL, ETL_IO}};
    struct ArrowArrayStream stream = make(), dead = {0};
    struct etl_stream_adapter adapter;
    struct etl_message message = {.struct_size = sizeof message};
    OK(etl_stream_adapter_init(&adapter, &stream, NULL, 0, &err));
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct etl_error error;
        schema_error = codes[i][0];
        etl_error_init(&error);
        cr_expect_eq(etl_stream_adapter_next(&adapter, &message, &error), codes[i][1]);
        cr_expect_eq(error.vendor_code, codes[i][0]);
        cr_expect(*error.message);
        cr_expect_null(message.schema.release);
    }
    etl_stream_adapter_fini(&adapter);
    FAILS(ETL_MISUSE, "not initialised", etl_stream_adapter_next(&adapter, &message, &err));
    FAILS(ETL_MISUSE, "released", etl_stream_adapter_init(&adapter, &dead, NULL, 0, &err));
    etl_stream_adapter_fini(&adapter);
    stream = make();
    FAILS(ETL_MISUSE, "larger", etl_stream_adapter_init(&adapter, &stream, "", ETL_STATE_MAX_BYTES + 1, &err));
    etl_stream_adapter_fini(&adapter);
    cr_expect_eq(releases, 2);
}
