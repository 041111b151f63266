/* Errors and log lines. Thread rule for all: any thread, no shared state. None of them blocks or allocates. */
#ifndef ETL_SDK_ERROR_H
#define ETL_SDK_ERROR_H

#include <etlhost/abi.h>
#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define ETL_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define ETL_PRINTF(f, a)
#endif

/* Bytes that belong to someone else. `data` may be NULL when `length` is 0; not NUL-terminated. */
struct etl_bytes {
    const char *data;
    size_t length;
};

/* Assigns the result to the local `status` and jumps to the local label `out` unless it is ETL_OK. */
#define ETL_TRY(expression)                                                                                            \
    do {                                                                                                               \
        status = (expression);                                                                                         \
        if (status != ETL_OK)                                                                                          \
            goto out;                                                                                                  \
    } while (0)

/* Zeroes `err` and sets struct_size. */
void etl_error_init(struct etl_error *err);

/* Writes the message (cut at a character boundary, invalid UTF-8 and control characters replaced) and returns `status`.
 * `err` may be NULL. Arguments may point into err->message. */
etl_status etl_fail(struct etl_error *err, etl_status status, const char *format, ...) ETL_PRINTF(3, 4);

/* "WHAT PATH: strerror(error_number)"; keeps error_number as vendor_code. Returns ETL_NOMEM for ENOMEM, ETL_NOT_FOUND for
 * ENOENT, ETL_AUTH for EACCES and EPERM, else ETL_IO. */
etl_status etl_fail_errno(struct etl_error *err, int error_number, const char *what, const char *path);

/* "out of memory" with ETL_NOMEM. */
etl_status etl_fail_memory(struct etl_error *err);

/* Puts context in front of a message that is already there ("stream orders: ") and returns `status` unchanged. */
etl_status etl_prefix(struct etl_error *err, etl_status status, const char *format, ...) ETL_PRINTF(3, 4);

/* "ETL_CONFIG" -> "config", ... "unknown" for anything else. Static. */
const char *etl_status_name(etl_status status);

/* Formats and hands one line to the host's log. Does nothing when `host` is NULL. */
void etl_log(const struct etl_host *host, uint32_t level, const char *format, ...) ETL_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif

#endif
