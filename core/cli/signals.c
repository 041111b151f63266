/* The waiting thread is detached: it ends with the process. */
#include "core/cli/signals.h"

#include "core/observe/log.h"
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static atomic_int received; /* global: there is one set of signals per process */

static void fill(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
}

void signals_block(void)
{
    sigset_t set;
    fill(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void *watch(void *arg)
{
    sigset_t set;
    int number = 0;
    (void)arg;
    fill(&set);
    while (sigwait(&set, &number) == 0) {
        if (atomic_exchange(&received, number))
            _exit(128 + number);
        log_write(ETL_LOG_WARN, NULL, "%s: committing what is complete, then stopping (again to stop at once)",
                  number == SIGINT ? "interrupted" : "told to terminate");
    }
    return NULL;
}

int signals_watch(void)
{
    pthread_t thread;
    int failed = pthread_create(&thread, NULL, watch, NULL);
    if (!failed)
        pthread_detach(thread);
    return failed;
}

atomic_int *signals_flag(void)
{
    return &received;
}

void signals_end_by_pipe(void)
{
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
}
