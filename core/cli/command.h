/* The commands of etlhost. Each cmd_*.c holds one or two of them; commands are the only code that prints. */
#ifndef CORE_CLI_COMMAND_H
#define CORE_CLI_COMMAND_H

#include "core/cli/options.h"

struct command {
    const char *name;
    const char *operands; /* for the usage lines, one for each part between |; "" = none */
    const char *summary;
    const char *details; /* paragraph of --help, NULL = none */
    int operands_max;
    unsigned groups;
    int (*run)(const struct options *options);
};

extern const struct command command_table[]; /* ends with name NULL */

int command_run(const struct options *options);
int command_plan(const struct options *options);
int command_check(const struct options *options);
int command_discover(const struct options *options);
int command_read(const struct options *options);
int command_inspect(const struct options *options);
int command_plugins(const struct options *options);
int command_state(const struct options *options);
int command_history(const struct options *options);
int command_dlq(const struct options *options);
int command_completion(const struct options *options);
int command_config_schema(const struct options *options);
int command_version(const struct options *options);

/* The program: finds the command, parses, runs; returns the exit code. */
int cli_main(int argc, const char **argv);

void command_print_help(FILE *out, const struct command *command);

#endif
