/* The one place that maps a class of failure to an exit code and to the question whether to try again. */
#include "core/base/status.h"

int status_exit_code(etl_status status)
{
    switch (status) {
    case ETL_OK: return EXIT_CODE_OK;
    case ETL_CONFIG:
    case ETL_NOT_FOUND:
    case ETL_UNSUPPORTED: return EXIT_CODE_USAGE;
    case ETL_SCHEMA: return EXIT_CODE_CONTRACT;
    case ETL_CONFLICT: return EXIT_CODE_FENCED;
    default: return EXIT_CODE_FAILED;
    }
}

bool status_is_retryable(etl_status status)
{
    return status == ETL_TRANSIENT || status == ETL_THROTTLED;
}
