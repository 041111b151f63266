/* What the files of the source share: settings, and the reader's functions. */
#ifndef PLUGINS_CSV_CSV_SOURCE_H
#define PLUGINS_CSV_CSV_SOURCE_H

#include <stdatomic.h>

#include "plugins/csv/csv.h"
#include "plugins/csv/csv_parse.h"

#define CSV_SOURCE_SETTINGS(S)                                                                                         \
    S(TEXT, path, ETL_SETTING_REQUIRED, "", "", "A file, a glob, a directory, or - for standard input")                \
    S(TEXT, stream, 0, "\"\"", "", "Name of the one stream of all files; otherwise each file's name gives its stream") \
    S(CHOICE, compression, 0, "\"auto\"", "\"auto\",\"none\",\"gzip\",\"zstd\"",                                       \
      "Compression; auto looks at the content")                                                                        \
    S(TEXT, delimiter, 0, "\",\"", "", "One character between cells; tab for a tab")                                   \
    S(TEXT, quote, 0, "\"\\\"\"", "", "The character around cells; empty when there is none")                          \
    S(FLAG, header, 0, "true", "", "The first record holds the names of the columns")                                  \
    S(LIST, names, 0, "[]", "", "Names of the columns of files without header; otherwise c1, c2 ...")                  \
    S(CHOICE, encoding, 0, "\"utf-8\"", "\"utf-8\",\"latin1\",\"windows-1252\",\"utf-16\"", "Encoding of the text")    \
    S(LIST, null_values, 0, "[\"\"]", "", "Cells without quotes that mean NULL")                                       \
    S(CHOICE, ragged, 0, "\"error\"", "\"error\",\"pad\"",                                                             \
      "Records with too few cells: refuse them, or fill up with NULL")                                                 \
    S(COUNT, skip_rows, 0, "0", "", "Lines to skip at the start of each file")                                         \
    S(COUNT, sample_rows, 0, "20000", "", "Records that are looked at to find the types")                              \
    S(FLAG, infer, 0, "true", "", "Find the types of the columns; otherwise all are text")                             \
    S(FLAG, trim, 0, "false", "", "Remove spaces and tabs around cells without quotes")                                \
    S(BYTES, record_size_max, 0, "67108864", "", "A longer record is refused")
ETL_SETTINGS(csv_source_settings, CSV_SOURCE_SETTINGS);

enum csv_encoding { CSV_UTF8, CSV_LATIN1, CSV_WINDOWS_1252, CSV_UTF16 };

/* The settings of a source in the form that reading needs. */
struct csv_format {
    struct csv_source_settings settings;
    struct csv_dialect dialect;
    enum csv_encoding encoding;
    bool is_plain_null; /* NULL is the empty cell without quotes and nothing else, and nothing is trimmed */
};

/* Parses and checks the settings. fini is repeatable. */
etl_status csv_format_init(struct csv_format *format, const char *config, size_t length, struct etl_error *err);
void csv_format_fini(struct csv_format *format);

struct etl_source {
    const struct etl_host *host;
    struct csv_format format;
    atomic_int is_cancelled;
    struct csv_input *standard_input; /* opened by discover, taken by the first reader */
    bool is_pipe_taken;               /* a reader has had it: what it has read cannot be read again */
};

/* ---- csv_reader.c ---- */
etl_status csv_read_open(struct etl_source *source, const struct etl_read_request *request,
                         struct etl_reader **ret_reader, struct etl_error *err);
etl_status csv_read_next(struct etl_reader *reader, struct etl_message *message, struct etl_error *err);
void csv_read_close(struct etl_reader *reader);

#endif
