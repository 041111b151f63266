/* JSON lines: shared by the files of this folder. */
#ifndef PLUGINS_JSONL_H
#define PLUGINS_JSONL_H

#include <etlhost/sdk.h>
#include <etlhost/sdk/input_files.h>

#define JSONL_STATE_VERSION 1

extern const struct etl_source_ops jsonl_source_ops;
extern const struct etl_dest_ops jsonl_dest_ops;
const char *jsonl_source_schema(void);
const char *jsonl_dest_schema(void);

/* ---- lines of a file (jsonl_lines.c) ---- */

enum jsonl_line_kind {
    JSONL_LINE,     /* a line that is not blank */
    JSONL_TOO_LONG, /* a line above the limit: `text` holds its beginning */
    JSONL_NOT_YET,  /* standard input or a pipe has nothing within the time allowed */
    JSONL_END_OF_FILE
};

struct jsonl_line {
    enum jsonl_line_kind kind;
    struct etl_bytes text; /* without the line end; borrowed until the next call */
    uint64_t offset;       /* of its first byte in the file's decompressed content */
    uint64_t end;          /* of the byte behind its line end */
    uint64_t number;       /* counted from where reading of the file started, from 1 */
    bool is_terminated;    /* ends in a line end */
};

struct jsonl_lines {
    struct etl_input_files *files; /* borrowed */
    size_t record_max;
    char *buffer;
    size_t capacity, begin, end, scanned; /* bytes [begin, end) are there, the first `scanned` hold no line end */
    uint64_t offset;                      /* in the file, of buffer[begin] */
    uint64_t number;                      /* of the last line handed out */
    bool is_at_end;
};

void jsonl_lines_init(struct jsonl_lines *lines, struct etl_input_files *files, size_t record_max);
void jsonl_lines_fini(struct jsonl_lines *lines);

/* To be called after each etl_input_files_next: reading starts at its offset. */
void jsonl_lines_start(struct jsonl_lines *lines);

/* The next line of the current file that is not blank. Never holds more than record_max bytes and one block. */
etl_status jsonl_lines_next(struct jsonl_lines *lines, uint32_t max_wait_ms, struct jsonl_line *ret_line,
                            struct etl_error *err);

#endif
