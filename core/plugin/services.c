/* What one instance gets from the host. Everything here may be called from any thread of a plugin, at any time between open() and
 * close(), so it reads only what services_init has set. What comes from the plugin is not trusted: sizes and pointers are checked. */
#include "core/plugin/services.h"

#include <string.h>

#include "core/observe/log.h"

static void ETL_CALL service_log(const struct etl_host *host, uint32_t level, const char *message, size_t length)
{
    const struct services *services = NULL;
    struct log_context context = {0};

    if (host == NULL || host->ctx == NULL || (message == NULL && length > 0))
        return;
    services = host->ctx;
    context.connector = services->name;
    log_write_text(level, &context, message, length);
}

static int32_t ETL_CALL service_cancelled(const struct etl_host *host)
{
    const struct services *services = host != NULL ? host->ctx : NULL;

    return services != NULL && services->cancelled != NULL &&
           atomic_load_explicit(services->cancelled, memory_order_relaxed) != 0;
}

static const char *text_or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static etl_status ETL_CALL service_reject(const struct etl_host *host, const struct etl_rejected *rejected,
                                          struct etl_error *err)
{
    const struct services *services = host != NULL ? host->ctx : NULL;
    struct etl_rejected record;

    if (services == NULL || services->reject == NULL)
        return etl_fail(err, ETL_MISUSE, "etl.reject/1 called with a host that did not offer it");
    if (rejected == NULL ||
        rejected->struct_size < offsetof(struct etl_rejected, record_len) + sizeof(rejected->record_len))
        return etl_fail(err, ETL_MISUSE,
                        "%s: etl_rejected.struct_size is too small: set it to sizeof(struct etl_rejected)",
                        text_or_empty(services->name));
    memset(&record, 0, sizeof(record));
    memcpy(&record, rejected, rejected->struct_size < sizeof(record) ? rejected->struct_size : sizeof(record));
    if (record.record == NULL && record.record_len > 0)
        return etl_fail(err, ETL_MISUSE, "%s: etl_rejected.record is NULL but record_len is not 0",
                        text_or_empty(services->name));
    record.struct_size = sizeof(record);
    record.stream = text_or_empty(record.stream);
    record.slice = text_or_empty(record.slice);
    record.location = text_or_empty(record.location);
    record.column = text_or_empty(record.column);
    record.reason = text_or_empty(record.reason);
    record.record = text_or_empty(record.record);
    return services->reject(services->reject_arg, &record, err);
}

static const struct etl_reject_service reject_service = {
    .struct_size = sizeof(struct etl_reject_service),
    .reject = service_reject,
};

static const void *ETL_CALL service_get_extension(const struct etl_host *host, const char *id)
{
    const struct services *services = host != NULL ? host->ctx : NULL;

    if (services == NULL || id == NULL)
        return NULL;
    if (strcmp(id, ETL_EXT_REJECT) == 0)
        return services->reject != NULL ? &reject_service : NULL;
    return NULL;
}

void services_init(struct services *services, const char *name, atomic_int *cancelled, services_reject reject,
                   void *reject_arg)
{
    memset(services, 0, sizeof(*services));
    services->host.struct_size = sizeof(services->host);
    services->host.abi_minor = ETL_ABI_MINOR;
    services->host.ctx = services;
    services->host.log = service_log;
    services->host.cancelled = service_cancelled;
    services->host.get_extension = service_get_extension;
    services->name = name;
    services->cancelled = cancelled;
    services->reject = reject;
    services->reject_arg = reject_arg;
}
