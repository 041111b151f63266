/* Exit codes by class of failure. Leaf: includes nothing of ours but the SDK. */
#ifndef CORE_BASE_STATUS_H
#define CORE_BASE_STATUS_H

#include <etlhost/sdk/error.h>
#include <stdbool.h>

enum exit_code {
    EXIT_CODE_OK = 0,
    EXIT_CODE_FAILED = 1,
    EXIT_CODE_USAGE = 2,
    EXIT_CODE_PARTIAL = 3,
    EXIT_CODE_CHECK = 4,
    EXIT_CODE_CONTRACT = 5,
    EXIT_CODE_BUSY = 75,
    EXIT_CODE_FENCED = 76,
    EXIT_CODE_SIGINT = 130,
    EXIT_CODE_SIGTERM = 143
};

/* Exit code of a run that ended with this status: CONFIG, NOT_FOUND, UNSUPPORTED -> 2, SCHEMA -> 5, CONFLICT -> 76, else 1. */
int status_exit_code(etl_status status);

/* Whether trying again may help: TRANSIENT, THROTTLED. */
bool status_is_retryable(etl_status status);

#endif
