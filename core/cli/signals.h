/* SIGINT and SIGTERM: one thread waits for them. The first asks the run to commit what it has and stop, the second ends the process. */
#ifndef CORE_CLI_SIGNALS_H
#define CORE_CLI_SIGNALS_H

#include <stdatomic.h>

/* Blocks the signals in the calling thread, hence in all that it starts later. First thing in main. SIGPIPE is ignored. */
void signals_block(void);
/* Starts the thread; for commands that run streams. */
int signals_watch(void);
/* Set to the signal's number once one has come. */
atomic_int *signals_flag(void);
/* Ends the process as SIGPIPE ends any filter. */
void signals_end_by_pipe(void);

#endif
