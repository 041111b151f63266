/* The command table and the way from argv to a command. Without a command word the command is `run`. */
#include "core/base/status.h"
#include "core/base/string.h"
#include "core/cli/command.h"
#include "core/cli/output.h"
#include "core/cli/session.h"
#include <errno.h>
#include <string.h>

#define RUN_GROUPS                                                                                                     \
    (OPTIONS_COMMON | OPTIONS_SOURCE | OPTIONS_DEST | OPTIONS_PLUGINS | OPTIONS_PIPELINE | OPTIONS_SELECT |            \
     OPTIONS_LIMIT | OPTIONS_RUN | OPTIONS_STATE | OPTIONS_OUTPUT)

const struct command command_table[] = {
    {"run", "[FILE]", "move records from a source to a destination",
     "Runs the pipeline that FILE (YAML or JSON, etlhost.conf(5)) and the options describe.", 1, RUN_GROUPS,
     command_run},
    {"plan", "[FILE]", "show what a run would do, and change nothing", NULL, 1, RUN_GROUPS, command_plan},
    {"check", "[FILE]", "prove that the settings work", NULL, 1,
     OPTIONS_COMMON | OPTIONS_SOURCE | OPTIONS_DEST | OPTIONS_PLUGINS | OPTIONS_OUTPUT, command_check},
    {"discover", "[FILE]", "list the streams of a source with their columns", NULL, 1,
     OPTIONS_COMMON | OPTIONS_SOURCE | OPTIONS_PLUGINS | OPTIONS_OUTPUT, command_discover},
    {"read", "[FILE]", "print records of a source as JSON lines", NULL, 1,
     OPTIONS_COMMON | OPTIONS_SOURCE | OPTIONS_PLUGINS | OPTIONS_SELECT | OPTIONS_LIMIT, command_read},
    {"inspect", "CONNECTOR", "show what a connector is and its settings", NULL, 1,
     OPTIONS_COMMON | OPTIONS_PLUGINS | OPTIONS_OUTPUT, command_inspect},
    {"plugins", "", "list the connectors that can be found", NULL, 0, OPTIONS_COMMON | OPTIONS_PLUGINS | OPTIONS_OUTPUT,
     command_plugins},
    {"state", "list|show PIPELINE|history PIPELINE|export [PIPELINE]|import FILE|rollback PIPELINE|reset PIPELINE",
     "look at saved cursors and repair them", NULL, 2,
     OPTIONS_COMMON | OPTIONS_STATE | OPTIONS_LINE | OPTIONS_ALL | OPTIONS_OUTPUT, command_state},
    {"history", "[RUN]", "list past runs, or show the report of one", NULL, 1,
     OPTIONS_COMMON | OPTIONS_STATE | OPTIONS_PIPELINE | OPTIONS_LIST | OPTIONS_OUTPUT, command_history},
    {"dlq", "list|show NUMBER|retry [FILE]", "records that were set aside: list, show, try again",
     "`retry` takes the options of `run`: it replays the records of the pipeline, or of --stream, into its "
     "destination.",
     2, RUN_GROUPS | OPTIONS_STREAM, command_dlq},
    {"config-schema", "", "print the JSON Schema of pipeline files", NULL, 0, OPTIONS_COMMON, command_config_schema},
    {"completion", "bash|zsh", "print a completion script for a shell", NULL, 1, OPTIONS_COMMON, command_completion},
    {"version", "", "print the version", NULL, 0, OPTIONS_COMMON | OPTIONS_OUTPUT, command_version},
    {NULL, NULL, NULL, NULL, 0, 0, NULL},
};

static const struct command *find_command(const char *name)
{
    for (const struct command *command = command_table; command->name; command++)
        if (!strcmp(command->name, name))
            return command;
    return NULL;
}

static void print_overview(FILE *out)
{
    fputs("usage: etlhost [run] --source CONNECTOR --dest CONNECTOR [OPTIONS]\n"
          "       etlhost run FILE [OPTIONS]\n"
          "       etlhost COMMAND [OPTIONS]\n\nCommands:\n",
          out);
    for (const struct command *command = command_table; command->name; command++)
        fprintf(out, "  %-14s %s\n", command->name, command->summary);
    fputs("\n`etlhost COMMAND --help` shows the options of a command; etlhost(1) explains them.\n", out);
}

void command_print_help(FILE *out, const struct command *command)
{
    const char *form = command->operands;
    for (size_t length = 0; form; form = form[length] ? form + length + 1 : NULL) {
        length = strcspn(form, "|");
        fprintf(out, "%s etlhost %s%s%.*s [OPTIONS]\n", form == command->operands ? "usage:" : "      ", command->name,
                length ? " " : "", (int)length, form);
    }
    fprintf(out, "\n%c%s.\n", command->summary[0] - 'a' + 'A', command->summary + 1);
    if (command->details)
        fprintf(out, "%s\n", command->details);
    options_print_help(out, command->groups);
}

static int usage_error(const char *word)
{
    const char *names[32];
    size_t count = 0;
    for (const struct command *command = command_table; command->name && count < 31; command++)
        names[count++] = command->name;
    names[count] = NULL;
    const char *nearest = string_nearest(word, names);
    fprintf(stderr, "etlhost: there is no command \"%s\"%s%s%s (see etlhost --help)\n", word,
            nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
    return EXIT_CODE_USAGE;
}

/* What was printed may still be on its way: a full disk or a closed pipe must not pass for success. */
static int end_output(int code)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "etlhost: standard output: %s\n", errno ? strerror(errno) : "not everything was written");
    return code ? code : EXIT_CODE_FAILED;
}

static int run_command(const struct command *command, int argc, const char **argv)
{
    struct options options;
    struct etl_error err;
    int code = EXIT_CODE_OK;
    etl_error_init(&err);
    options_init(&options);
    etl_status status = options_parse(&options, command->groups, argc, argv, &err);
    if (status == ETL_OK && !options.help && options.operand_count > command->operands_max)
        status = etl_fail(&err, ETL_CONFIG, "%s: \"%s\" is too much (see etlhost %s --help)", command->name,
                          options.operands[command->operands_max], command->name);
    if (status == ETL_OK)
        status = session_configure_log(&options, &err);
    if (status != ETL_OK)
        code = output_error(status, &err);
    else if (options.help)
        command_print_help(stdout, command);
    else
        code = command->run(&options);
    options_fini(&options);
    return end_output(code);
}

int cli_main(int argc, const char **argv)
{
    const struct command *command = NULL;
    if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || (!strcmp(argv[1], "help") && argc == 2)) {
        print_overview(argc < 2 ? stderr : stdout);
        return argc < 2 ? EXIT_CODE_USAGE : EXIT_CODE_OK;
    }
    if (!strcmp(argv[1], "--version"))
        argv[1] = "version";
    if (!strcmp(argv[1], "help")) {
        if (!(command = find_command(argv[2])))
            return usage_error(argv[2]);
        command_print_help(stdout, command);
        return EXIT_CODE_OK;
    }
    if (argv[1][0] == '-')
        return run_command(&command_table[0], argc - 1, argv + 1);
    if (!(command = find_command(argv[1])))
        return usage_error(argv[1]);
    return run_command(command, argc - 2, argv + 2);
}
