/* What one instance gets from the host: log lines tagged with its name, cancellation, extensions. */
#ifndef CORE_PLUGIN_SERVICES_H
#define CORE_PLUGIN_SERVICES_H

#include <etlhost/abi.h>
#include <etlhost/ext/reject.h>
#include <stdatomic.h>

/* Takes a rejected record for the stream it names; [reader] thread of that stream. */
typedef etl_status (*services_reject)(void *arg, const struct etl_rejected *rejected, struct etl_error *err);

struct services {
    struct etl_host host;  /* what the plugin sees; host.ctx is this struct */
    const char *name;      /* for log lines: "source csv"; borrowed */
    atomic_int *cancelled; /* borrowed; NULL = never */
    services_reject reject;
    void *reject_arg;
};

/* Fills `services`; it must not move afterwards. reject NULL = "etl.reject/1" is not offered. */
void services_init(struct services *services, const char *name, atomic_int *cancelled, services_reject reject,
                   void *reject_arg);

#endif
