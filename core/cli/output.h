/* Results on standard output, errors on standard error. */
#ifndef CORE_CLI_OUTPUT_H
#define CORE_CLI_OUTPUT_H

#include "core/cli/options.h"
#include <jansson.h>

/* "etlhost: message" on stderr, secrets removed; returns the exit code of the status. */
int output_error(etl_status status, const struct etl_error *err);

bool output_is_json(const struct options *options);

/* Pretty JSON and a line end on stdout; takes the reference. Returns 0, or the exit code when writing failed. */
int output_json(json_t *value);

/* A table with a header: cells are added row by row, all columns padded to their widest cell (numbers are right-aligned when the header starts with
 * '>'). */
struct output_table;
struct output_table *output_table_new(const char *const *headers);   /* NULL-terminated; NULL when memory is out */
void output_table_add(struct output_table *table, const char *cell); /* NULL = "" */
void output_table_add_count(struct output_table *table, uint64_t value);
void output_table_print(struct output_table *table, FILE *out); /* prints and frees; NULL-safe */

/* "1.2 GB". */
const char *output_bytes(char *buffer, size_t size, uint64_t bytes);
/* "2026-01-31T23:59:59Z", "" for 0; 32 bytes. */
const char *output_time(char *buffer, int64_t us);

#endif
