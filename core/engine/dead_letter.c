/* Puts the built-in source in the place of the pipeline's. */
#include "core/engine/dead_letter.h"

#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/engine/dead_letter_source.h"
#include "core/engine/replay.h"
#include "core/observe/log.h"

static int finish(struct report *report, const char *status, int code)
{
    report->status = status;
    report->exit_code = code;
    report->ended_at_us = clock_now_us();
    return code;
}

int dead_letter_retry(const struct run_input *input, const char *stream, struct report *report, struct etl_error *err)
{
    struct run_input replay = *input;
    struct log_context context = {.pipeline = input->pipeline->id, .run_id = report->run_id, .stream = stream};
    struct etl_source *source = NULL;
    size_t count = 0;
    uint64_t raw = 0;
    etl_status status =
        dead_letter_source_new(input->store, input->pipeline->id, stream, report->run_id, &source, &count, &raw, err);
    if (status != ETL_OK) {
        report_set_error(report, &report->error, err->message);
        return finish(report, "failed", status_exit_code(status));
    }
    if (raw)
        log_write(ETL_LOG_WARN, &context,
                  "%llu dead letters cannot be replayed (input that could not be parsed, or deletions); they stay "
                  "where they are",
                  (unsigned long long)raw);
    if (!count) {
        dead_letter_source_free(source);
        log_write(ETL_LOG_INFO, &context, "no dead letters to replay");
        return finish(report, "ok", EXIT_CODE_OK);
    }
    replay.source = &dead_letter_source;
    replay.source_settings = NULL;
    return replay_execute(&replay, source, report, err);
}
