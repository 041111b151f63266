/* A plugin that follows the rules for growth; built against the frozen header, today's and that of the next minor version. Under
 * the next one it looks for the field `next` of each struct of the host, and fills it in those that it hands over, only where the
 * host's struct has it. */
#include <etlhost/abi.h>

#if defined(NEXT_MINOR) && ETL_ABI_MINOR < 1
#error "the header of the next minor version was not found"
#endif

#if ETL_ABI_MINOR >= 1
#define HOST_NEXT(pointer)         (ETL_HAS(pointer, next) ? (pointer)->next : 0)
#define SET_NEXT(pointer, value)   ((void)(ETL_HAS(pointer, next) ? ((pointer)->next = (value)) : 0))
#define EXPECT_NEXT(pointer, seen) (HOST_NEXT(pointer) == (ETL_HAS(pointer, next) ? (uint64_t)(seen) : 0))
#else
#define SET_NEXT(pointer, value)   ((void)(pointer))
#define EXPECT_NEXT(pointer, seen) ((pointer) != NULL)
#endif

static etl_status reference_open(const struct etl_host *host, const char *config, size_t length,
                                 struct etl_source **ret_source, struct etl_error *err);
static etl_status reference_read_open(struct etl_source *source, const struct etl_read_request *request,
                                      struct etl_reader **ret_reader, struct etl_error *err);
static etl_status reference_read_next(struct etl_reader *reader, struct etl_message *message, struct etl_error *err);
static etl_status reference_begin(struct etl_dest *dest, const struct etl_write_plan *plan,
                                  struct etl_writer **ret_writer, struct etl_recovery *recovery, struct etl_error *err);
static etl_status reference_commit(struct etl_writer *writer, const struct etl_commit *commit, struct etl_error *err);

#ifdef REQUIRES_NEXT
#define PLUGIN_REQUIRED 1
#endif
#define SOURCE_OPEN reference_open
#define READ_OPEN   reference_read_open
#define READ_NEXT   reference_read_next
#define BEGIN       reference_begin
#define COMMIT      reference_commit
#include "bad/skeleton.h"

static etl_status reference_open(const struct etl_host *host, const char *config, size_t length,
                                 struct etl_source **ret_source, struct etl_error *err)
{
    if (!EXPECT_NEXT(host, 70))
        return fail(err, ETL_INTERNAL, "etl_host.next is wrong");
    return good_source_open(host, config, length, ret_source, err);
}

static etl_status reference_read_open(struct etl_source *source, const struct etl_read_request *request,
                                      struct etl_reader **ret_reader, struct etl_error *err)
{
    if (!EXPECT_NEXT(request, 71))
        return fail(err, ETL_INTERNAL, "etl_read_request.next is wrong");
    return good_read_open(source, request, ret_reader, err);
}

static etl_status reference_read_next(struct etl_reader *reader, struct etl_message *message, struct etl_error *err)
{
    SET_NEXT(message, 5);
    SET_NEXT(err, 6);
    return good_read_next(reader, message, err);
}

static etl_status reference_begin(struct etl_dest *dest, const struct etl_write_plan *plan,
                                  struct etl_writer **ret_writer, struct etl_recovery *recovery, struct etl_error *err)
{
    SET_NEXT(recovery, 7);
    if (!EXPECT_NEXT(plan, 72))
        return fail(err, ETL_INTERNAL, "etl_write_plan.next is wrong");
    return good_begin(dest, plan, ret_writer, recovery, err);
}

static etl_status reference_commit(struct etl_writer *writer, const struct etl_commit *commit, struct etl_error *err)
{
    if (!EXPECT_NEXT(commit, 73))
        return fail(err, ETL_INTERNAL, "etl_commit.next is wrong");
    return good_commit(writer, commit, err);
}
