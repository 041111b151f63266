/* Points at which a test makes the process die or a call fail. Only in builds with ENABLE_FAILPOINTS defined (configure --enable-failpoints);
 * otherwise the macro is ETL_OK and costs nothing. The environment variable ETLHOST_FAILPOINT holds a list NAME[:HIT]:ACTION[,...]; HIT counts the
 * passes from 1 (default 1); actions: kill (SIGKILL to the own process), error (ETL_IO), enospc (ETL_IO with ENOSPC), transient, in_doubt,
 * delay (sleeps 100 ms, ETL_OK). Any thread. */
#ifndef ETL_SDK_FAILPOINT_H
#define ETL_SDK_FAILPOINT_H

#include <etlhost/sdk/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef ENABLE_FAILPOINTS
etl_status etl_failpoint(const char *name, struct etl_error *err);
#define ETL_FAILPOINT(name, err) etl_failpoint(name, err)
#else
#define ETL_FAILPOINT(name, err) ((void)(err), (etl_status)ETL_OK)
#endif

#ifdef __cplusplus
}
#endif

#endif
