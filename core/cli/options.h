/* Command-line options: one table drives parsing, --help, completion and the test that holds the man page to them. */
#ifndef CORE_CLI_OPTIONS_H
#define CORE_CLI_OPTIONS_H

#include <etlhost/sdk/error.h>
#include <stdbool.h>
#include <stdio.h>

/* Values of all options of all commands; NULL, -1 or false = not given. Strings borrow from argv, lists are owned. */
struct options {
    const char *source, *dest, *source_config, *dest_config;
    char **source_opts, **dest_opts;
    const char *pipeline, *plugin_dir, *state, *delivery;
    char **include, **exclude;
    const char *mode, *primary_key, *cursor, *cursor_from, *cursor_until, *target, *contract, *deletes, *mask_key,
        *operation_column;
    char **columns, **exclude_columns, **renames, **masks;
    int64_t limit, parallel, commit_rows, commit_bytes, batch_rows, batch_bytes, memory_limit, retries, seq;
    double cursor_lookback, commit_interval;
    bool dry_run, full_refresh, quiet, no_progress, help, all;
    const char *summary, *log_level, *log_format, *output, *stream, *slice, *run;
    const char *const *operands; /* what is no option */
    int operand_count;
};

/* Which options a command takes. */
enum option_group {
    OPTIONS_COMMON = 1 << 0,
    OPTIONS_SOURCE = 1 << 1,
    OPTIONS_DEST = 1 << 2,
    OPTIONS_PLUGINS = 1 << 3,
    OPTIONS_SELECT = 1 << 4, /* which streams and columns, and how */
    OPTIONS_RUN = 1 << 5,
    OPTIONS_STATE = 1 << 6,
    OPTIONS_LIMIT = 1 << 7,
    OPTIONS_PIPELINE = 1 << 8,
    OPTIONS_LINE = 1 << 9, /* --stream, --slice, --seq: one line of checkpoints */
    OPTIONS_STREAM = 1 << 10,
    OPTIONS_ALL = 1 << 11,
    OPTIONS_OUTPUT = 1 << 12,
    OPTIONS_LIST = 1 << 13
};

struct option_spec {
    const char *name;     /* without dashes */
    char letter;          /* 0 = none */
    const char *argument; /* NULL = a flag */
    const char *help;
    unsigned groups;
    int kind;
    size_t offset;
};

extern const struct option_spec option_table[]; /* ends with name NULL */

void options_init(struct options *options);
void options_fini(struct options *options);

/* Parses the words of a command that takes `groups`. Errors are ETL_CONFIG: unknown option (with the nearest one), missing or malformed value. `argv`
 * is permuted so that operands are contiguous. */
etl_status options_parse(struct options *options, unsigned groups, int argc, const char **argv, struct etl_error *err);

/* The options part of a command's --help. */
void options_print_help(FILE *out, unsigned groups);

#endif
