/* Checks behind etl_append_text that the shredder needs without appending. Private to the SDK. */
#ifndef ETL_SRC_BATCH_TEXT_H
#define ETL_SRC_BATCH_TEXT_H

#include <stdbool.h>
#include <stddef.h>

bool etl__is_json(const char *text, size_t length);
bool etl__is_base64(const char *text, size_t length);

#endif
