/* Who holds a lease: enough to tell, later and on the same machine, whether that process still lives. */
#ifndef CORE_STATE_IDENTITY_H
#define CORE_STATE_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

/* "" and 0 = could not be found out. */
struct identity {
    char host[33];       /* hash of the machine id: the same over boots */
    char host_name[65];  /* for people */
    char boot[40];       /* the kernel's boot id */
    char name_space[40]; /* of the process ids: a container has its own */
    int64_t pid;
    int64_t pid_start; /* clock ticks after boot: a recycled process id has another one */
};

void identity_self(struct identity *identity);
/* True only when it is certain: an earlier boot of this host, or no such process in this process's name space. */
bool identity_is_dead(const struct identity *identity);

#endif
