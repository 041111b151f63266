/* Splitting text into records and cells. */
#ifndef PLUGINS_CSV_CSV_PARSE_H
#define PLUGINS_CSV_CSV_PARSE_H

#include <etlhost/sdk/error.h>
#include <stdbool.h>

struct csv_splitter;

struct csv_dialect {
    char delimiter;
    char quote; /* 0 = there are no quotes */
};

enum csv_result {
    CSV_RECORD, /* cells are filled */
    CSV_BLANK,  /* an empty line */
    CSV_MORE,   /* the record does not end in the data given */
    CSV_BAD,    /* malformed: `problem` says why, `length` is what to skip */
    CSV_FAILED  /* out of memory */
};

/* Borrowed from the splitter and the data given to it, until the next call. */
struct csv_record {
    struct etl_bytes *cells; /* data NULL: an empty cell without quotes */
    const bool *is_quoted;   /* per cell */
    size_t count;            /* as found; no more than cells_max are stored */
    size_t length;           /* bytes of the record with its line end */
    size_t lines;            /* line ends in it */
    bool has_end;            /* false: the data ended without a line end */
    bool is_unclosed;        /* CSV_BAD: a quote is still open at the end of the data */
    const char *problem;     /* CSV_BAD: static text */
};

/* No more than this many cells of a record are stored. */
#define CSV_CELLS_MAX ((size_t)65536)

etl_status csv_splitter_new(const struct csv_dialect *dialect, struct csv_splitter **ret_splitter,
                            struct etl_error *err);
void csv_splitter_free(struct csv_splitter *splitter); /* NULL-safe */

/* Splits the record at the start of `data`. `is_end`: nothing will follow these bytes. A line ends with LF, CR LF or CR. No data at
 * all is CSV_MORE. */
enum csv_result csv_split(struct csv_splitter *splitter, const char *data, size_t length, bool is_end,
                          struct csv_record *record);

/* The same by libcsv alone: slow, and the reference that the splitter is tested against. Not for a dialect without quotes. */
enum csv_result csv_split_reference(struct csv_splitter *splitter, const char *data, size_t length, bool is_end,
                                    struct csv_record *record);

/* Length of the first line with its end; 0 when it does not end in the data and `is_end` is not set. */
size_t csv_line_length(const char *data, size_t length, bool is_end);

#endif
