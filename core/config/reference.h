/* References in configuration text: ${env:NAME} and ${file:PATH}; $${ stands for a plain ${. */
#ifndef CORE_CONFIG_REFERENCE_H
#define CORE_CONFIG_REFERENCE_H

#include <etlhost/sdk/error.h>
#include <stdbool.h>

bool reference_is_in(const char *text);
/* The text with every reference replaced, once; the caller frees. A message names the variable or file, never a value. */
etl_status reference_expand(const char *text, char **ret_text, struct etl_error *err);
/* Calls add(value) for every reference that can be resolved. */
void reference_each_value(const char *text, void (*add)(const char *value));

#endif
