/* Progress of a run: a line that is rewritten on a terminal, plain log lines every 10 s elsewhere. */
#ifndef CORE_CLI_PROGRESS_H
#define CORE_CLI_PROGRESS_H

#include "core/observe/report.h"

struct progress;

/* Starts a thread that reads the report's counters. NULL when there is nothing to show or no thread to be had: not an error. */
struct progress *progress_start(struct report *report);
void progress_stop(struct progress *progress); /* NULL-safe; clears the line */

#endif
