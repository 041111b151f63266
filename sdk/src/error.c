/* Errors and log lines. Everything that ends in a message or a log line passes through clean_text(), so that what reaches the
 * host is one line of valid UTF-8 whatever the connector put in. Formatting goes to a local buffer first because arguments
 * may point into the message that is being replaced. */
#include <etlhost/sdk/error.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sdk/src/text_scan.h"

/* Copies at most `capacity` - 1 bytes, whole characters only, and ends with a NUL. Returns the length. */
static size_t clean_text(char *to, size_t capacity, const char *from)
{
    const char *end = from + strlen(from);
    size_t length = 0;

    while (from < end) {
        const char *source = from;
        size_t used = 1, size = 1;
        if (etl__byte(from) >= 0x80) {
            size = used = etl__utf8_sequence(from, end);
            if (size == 0) {
                used = 1;
                size = 3;
                source = "\xef\xbf\xbd";
            }
        } else if (etl__byte(from) < 0x20 || etl__byte(from) == 0x7f) {
            source = " ";
        }
        if (length + size >= capacity)
            break;
        memcpy(to + length, source, size);
        length += size;
        from += used;
    }
    to[length] = '\0';
    return length;
}

void etl_error_init(struct etl_error *err)
{
    memset(err, 0, sizeof(*err));
    err->struct_size = sizeof(*err);
}

etl_status etl_fail(struct etl_error *err, etl_status status, const char *format, ...)
{
    char text[sizeof(err->message)];
    va_list args;

    if (!err)
        return status;
    va_start(args, format);
    if (vsnprintf(text, sizeof(text), format, args) < 0)
        text[0] = '\0';
    va_end(args);
    clean_text(err->message, sizeof(err->message), text);
    return status;
}

etl_status etl_fail_errno(struct etl_error *err, int error_number, const char *what, const char *path)
{
    char buffer[128];
    const char *reason = strerror_r(error_number, buffer, sizeof(buffer));
    etl_status status = ETL_IO;

    if (error_number == ENOMEM)
        status = ETL_NOMEM;
    else if (error_number == ENOENT)
        status = ETL_NOT_FOUND;
    else if (error_number == EACCES || error_number == EPERM)
        status = ETL_AUTH;
    if (err)
        err->vendor_code = error_number;
    if (path && *path)
        return etl_fail(err, status, "%s %s: %s", what, path, reason);
    return etl_fail(err, status, "%s: %s", what, reason);
}

etl_status etl_fail_memory(struct etl_error *err)
{
    return etl_fail(err, ETL_NOMEM, "out of memory");
}

etl_status etl_prefix(struct etl_error *err, etl_status status, const char *format, ...)
{
    char text[sizeof(err->message)];
    va_list args;
    int length = 0;

    if (!err)
        return status;
    va_start(args, format);
    length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (length < 0)
        length = 0;
    if ((size_t)length < sizeof(text))
        snprintf(text + length, sizeof(text) - (size_t)length, "%s", err->message);
    clean_text(err->message, sizeof(err->message), text);
    return status;
}

const char *etl_status_name(etl_status status)
{
    static const char *const names[] = {
        [ETL_OK] = "ok",
        [ETL_CONFIG] = "config",
        [ETL_AUTH] = "auth",
        [ETL_NOT_FOUND] = "not_found",
        [ETL_UNSUPPORTED] = "unsupported",
        [ETL_SCHEMA] = "schema",
        [ETL_DATA] = "data",
        [ETL_TRANSIENT] = "transient",
        [ETL_THROTTLED] = "throttled",
        [ETL_IN_DOUBT] = "in_doubt",
        [ETL_CONFLICT] = "conflict",
        [ETL_STATE_INVALID] = "state_invalid",
        [ETL_CANCELLED] = "cancelled",
        [ETL_NOMEM] = "nomem",
        [ETL_IO] = "io",
        [ETL_INTERNAL] = "internal",
        [ETL_MISUSE] = "misuse",
    };
    if (status < 0 || (size_t)status >= sizeof(names) / sizeof(names[0]))
        return "unknown";
    return names[status];
}

void etl_log(const struct etl_host *host, uint32_t level, const char *format, ...)
{
    char text[2048], line[2048];
    va_list args;
    int length = 0;

    if (!host || !host->log)
        return;
    va_start(args, format);
    length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (length >= 0)
        host->log(host, level, line, clean_text(line, sizeof(line), text));
}
