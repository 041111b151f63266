/* The null destination: what it accepts and what it calls misuse. */
#include <criterion/criterion.h>
#include <string.h>

#include <etlhost/sdk.h>

#include "plugins/null/null_dest.h"

static const char *const no_keys[] = {NULL};
static struct etl_error err;
static struct etl_dest *dest;
static struct etl_writer *writer;

static etl_status begin(uint32_t mode, uint64_t generation)
{
    struct etl_write_plan plan = {.struct_size = sizeof plan,
                                  .mode = mode,
                                  .pipeline_id = "p",
                                  .stream = "s",
                                  .slice = "",
                                  .target = "t",
                                  .keys = no_keys,
                                  .generation = generation,
                                  .run_id = ""};
    struct etl_recovery recovery = {.struct_size = sizeof recovery};
    etl_error_init(&err);
    etl_status status = null_dest_ops.begin(dest, &plan, &writer, &recovery, &err);
    cr_assert(status != ETL_OK || (recovery.guarantee == ETL_GUARANTEE_FLUSH && !recovery.found && recovery.is_final));
    return status;
}

static void setup(void)
{
    etl_error_init(&err);
    cr_assert_eq(null_dest_ops.open(NULL, "{}", 2, &dest, &err), ETL_OK);
}

static void finish(void)
{
    null_dest_ops.end(writer);
    null_dest_ops.close(dest);
}

static etl_status set_schema(const char *columns)
{
    struct ArrowSchema schema = {0};
    cr_assert_eq(etl_schema_init_struct(&schema, "", &err), ETL_OK);
    for (const char *c = columns; *c; c++) {
        char name[2] = {*c, 0};
        cr_assert_eq(etl_schema_add_column(&schema, name, *c == 'o' ? "C" : "l", NULL, &err), ETL_OK);
        if (*c == 'o')
            cr_assert_eq(etl_schema_set_metadata(&schema, ETL_META_OP_COLUMN, "o", &err), ETL_OK);
    }
    etl_status status = null_dest_ops.set_schema(writer, &schema, &err);
    etl_schema_release(&schema);
    return status;
}

static struct ArrowArray make_batch(void)
{
    struct ArrowSchema schema = {0};
    struct ArrowArray batch = {0};
    struct etl_builder *builder = NULL;
    cr_assert_eq(etl_schema_init_struct(&schema, "", &err), ETL_OK);
    cr_assert_eq(etl_schema_add_column(&schema, "a", "l", NULL, &err), ETL_OK);
    cr_assert_eq(etl_builder_new(&schema, &builder, &err), ETL_OK);
    cr_assert_eq(etl_append_int(etl_builder_column(builder, 0), 1, &err), ETL_OK);
    cr_assert_eq(etl_builder_end_row(builder, &err), ETL_OK);
    cr_assert_eq(etl_builder_finish(builder, &batch, &err), ETL_OK);
    etl_builder_free(builder);
    etl_schema_release(&schema);
    return batch;
}

static etl_status commit(uint64_t seq, uint32_t flags)
{
    struct etl_commit request = {
        .struct_size = sizeof request, .flags = flags, .seq = seq, .state = "", .state_len = 0};
    return null_dest_ops.commit(writer, &request, &err);
}

Test(null, order_of_calls)
{
    setup();
    struct ArrowArray batch = make_batch();
    cr_assert_eq(begin(ETL_MODE_APPEND, 0), ETL_OK);
    cr_expect_eq(null_dest_ops.write(writer, &batch, 0, &err), ETL_MISUSE);
    cr_expect_eq(set_schema("a"), ETL_OK);
    cr_expect_eq(null_dest_ops.write(writer, &batch, ETL_OP_DELETE, &err), ETL_OK);
    cr_expect_eq(null_dest_ops.write(writer, &batch, 3, &err), ETL_MISUSE);
    cr_expect(batch.release != NULL);
    cr_expect_eq(commit(7, 0), ETL_OK);
    cr_expect_eq(commit(7, 0), ETL_MISUSE);
    cr_expect_eq(commit(9, 0), ETL_MISUSE);
    cr_expect_eq(commit(8, 0), ETL_OK);
    cr_expect_eq(commit(9, ETL_COMMIT_FINAL), ETL_MISUSE);
    batch.offset = 1;
    cr_expect_eq(null_dest_ops.write(writer, &batch, 0, &err), ETL_MISUSE);
    batch.offset = 0;
    batch.length = 2;
    cr_expect_eq(null_dest_ops.write(writer, &batch, 0, &err), ETL_MISUSE);
    cr_expect_eq(set_schema("ab"), ETL_OK);
    batch.length = 1;
    cr_expect_eq(null_dest_ops.write(writer, &batch, 0, &err), ETL_MISUSE);
    etl_array_release(&batch);
    cr_expect_eq(null_dest_ops.write(writer, &batch, 0, &err), ETL_MISUSE);
    cr_expect(*err.message);
    finish();
}

Test(null, schemas_only_grow)
{
    setup();
    cr_assert_eq(begin(ETL_MODE_APPEND, 0), ETL_OK);
    cr_expect_eq(set_schema("ab"), ETL_OK);
    cr_expect_eq(set_schema("oab"), ETL_OK);
    cr_expect_eq(set_schema("aobc"), ETL_OK);
    cr_expect_eq(set_schema("abcd"), ETL_OK);
    cr_expect_eq(set_schema("abdc"), ETL_MISUSE);
    cr_expect_eq(set_schema("abc"), ETL_MISUSE);
    cr_expect_eq(set_schema("aa"), ETL_MISUSE);
    finish();
}

Test(null, plans_and_generations)
{
    setup();
    cr_expect_eq(begin(ETL_MODE_UPSERT, 0), ETL_MISUSE);
    cr_expect_eq(begin(0, 0), ETL_MISUSE);
    cr_assert_eq(begin(ETL_MODE_OVERWRITE, 2), ETL_OK);
    cr_expect_eq(commit(0, 0), ETL_MISUSE);
    cr_expect_eq(commit(1, 0), ETL_OK);
    cr_expect_eq(commit(2, ETL_COMMIT_FINAL), ETL_OK);
    cr_expect_eq(commit(3, ETL_COMMIT_FINAL), ETL_MISUSE);
    cr_expect_eq(commit(3, 0), ETL_OK);
    finish();
}
