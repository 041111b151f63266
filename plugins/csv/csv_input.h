/* The records of the files of a stream, one after the other. */
#ifndef PLUGINS_CSV_CSV_INPUT_H
#define PLUGINS_CSV_CSV_INPUT_H

#include <etlhost/sdk/input_files.h>

#include "plugins/csv/csv_source.h"

/* Bytes of a sample, at most. */
#define CSV_SAMPLE_BYTES ((size_t)16 * 1024 * 1024)

enum csv_found {
    CSV_FOUND_RECORD,
    CSV_FOUND_BAD,    /* see `problem`; consume it to go on */
    CSV_FOUND_END,    /* of this file */
    CSV_FOUND_NOTHING /* a pipe that has nothing within the time given */
};

struct csv_input;

/* `stream` NULL = all files. Reads where `state` says. */
etl_status csv_input_open(const struct etl_host *host, const struct csv_format *format, const char *stream,
                          const char *state, size_t state_len, struct csv_input **ret_input, struct etl_error *err);
void csv_input_close(struct csv_input *input); /* NULL-safe */

/* The files behind it, for state, cursor and cancellation. */
struct etl_input_files *csv_input_files(struct csv_input *input);

/* Goes to the next file that has something unread and reads its header, leaving out files without any record. */
etl_status csv_input_next_file(struct csv_input *input, bool *ret_found, struct etl_error *err);

/* Names of the columns of the current file; borrowed until the next file. */
const char *const *csv_input_names(const struct csv_input *input, size_t *ret_count);

/* The next record, with as many cells as there are columns; the same again until it has been consumed. Waits for a pipe for
 * `wait_ms`. The cells are borrowed until the next call. */
etl_status csv_input_record(struct csv_input *input, uint32_t wait_ms, enum csv_found *ret_found,
                            const struct etl_bytes **ret_cells, struct etl_error *err);
etl_status csv_input_consume(struct csv_input *input, struct etl_error *err);

/* Why the record is bad: "5 fields, header has 4". */
const char *csv_input_problem(struct csv_input *input);
/* "data/a.csv: line 17", or "data/a.csv: byte 1234" where the line is not known. */
const char *csv_input_location(struct csv_input *input);
/* The record as it is written (in UTF-8), cut at 64 KiB. */
struct etl_bytes csv_input_raw(const struct csv_input *input);

/* Notes in the files' state that everything consumed so far has been handed out. */
void csv_input_mark(struct csv_input *input);

/* From now on consumed records are kept until rewind, which goes back to here. For a sample of what can be read only once. False
 * from can_hold_more when the sample should end. */
void csv_input_hold(struct csv_input *input);
bool csv_input_can_hold_more(const struct csv_input *input);
void csv_input_rewind(struct csv_input *input);

#endif
