/* The log on stderr: text for people ("12:00:01 INFO  orders: message", local time), JSON lines for machines ({"ts","level","msg","pipeline",
 * "run_id","stream","connector"}). Secrets are replaced by "***" before anything is written; control characters are taken out; a
 * line is cut at 8 KiB. Any thread, except where said. */
#ifndef CORE_OBSERVE_LOG_H
#define CORE_OBSERVE_LOG_H

#include <etlhost/sdk/error.h>
#include <stdbool.h>

struct log_context { /* NULL fields are left out */
    const char *pipeline, *run_id, *stream, *connector;
};

void log_configure(uint32_t level, bool json); /* ETL_LOG_*; before threads start */
bool log_is_json(void);
void log_add_secret(const char *value); /* values of 4 bytes and more are scrubbed from all later lines */
void log_write(uint32_t level, const struct log_context *context, const char *format, ...) ETL_PRINTF(3, 4);
void log_write_text(uint32_t level, const struct log_context *context, const char *message, size_t length);
/* Copies `text` with every known secret replaced, and what is no UTF-8 or a control character (line ends and tabs stay) as '?'. NULL for NULL
 * or when memory is out; the caller frees. For errors and reports. */
char *log_scrub(const char *text);
/* Called before a line is written and after, so that a progress line on the same terminal can step aside. */
void log_set_pause(void (*pause)(bool begin));

#endif
