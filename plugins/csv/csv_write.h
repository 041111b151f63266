/* Rows as CSV text. */
#ifndef PLUGINS_CSV_CSV_WRITE_H
#define PLUGINS_CSV_CSV_WRITE_H

#include "plugins/csv/csv.h"

struct csv_layout {
    char delimiter;
    bool quote_all;
    const char *null_text; /* without the delimiter, quotes and line ends */
    size_t null_length;
    const char *line_end;
};

struct csv_row_writer;

/* Borrows the layout, copies the schema. */
etl_status csv_row_writer_new(const struct csv_layout *layout, const struct ArrowSchema *schema,
                              struct csv_row_writer **ret_rows, struct etl_error *err);
void csv_row_writer_free(struct csv_row_writer *rows); /* NULL-safe */

void csv_write_header(struct csv_row_writer *rows, struct etl_buffer *text);

/* Points to a batch, which must stay. DELETE rows are ETL_UNSUPPORTED. */
etl_status csv_row_writer_set(struct csv_row_writer *rows, const struct ArrowArray *batch, uint64_t flags,
                              struct etl_error *err);

/* Appends whole rows from `row` on until the text has `enough` bytes or there are no more; returns the next row. */
int64_t csv_write_rows(struct csv_row_writer *rows, int64_t row, size_t enough, struct etl_buffer *text);

#endif
