/* `version`, `config-schema`, `completion`. */
#include "config.h"

#include "core/base/status.h"
#include "core/cli/command.h"
#include "core/cli/output.h"
#include "core/config/pipeline_schema.h"
#include <etlhost/abi.h>
#include <string.h>

int command_version(const struct options *options)
{
    if (output_is_json(options))
        return output_json(json_pack("{s:s, s:{s:i, s:i}}", "version", PACKAGE_VERSION, "abi", "major", ETL_ABI_MAJOR,
                                     "minor", ETL_ABI_MINOR));
    printf("etlhost %s (plugin ABI %d.%d)\n", PACKAGE_VERSION, ETL_ABI_MAJOR, ETL_ABI_MINOR);
    return EXIT_CODE_OK;
}

int command_config_schema(const struct options *options)
{
    (void)options;
    return puts(pipeline_schema_text) == EOF ? EXIT_CODE_FAILED : EXIT_CODE_OK;
}

/* Options whose value is a file or a directory; the shells complete those themselves. */
static bool takes_path(const struct option_spec *spec)
{
    return spec->argument && (strstr(spec->argument, "FILE") || strstr(spec->argument, "DIR") ||
                              strstr(spec->argument, "CONNECTOR") || strstr(spec->argument, "LOCATION"));
}

static void print_bash(void)
{
    puts("# bash completion for etlhost: source <(etlhost completion bash)\n_etlhost()\n{\n    local "
         "current=${COMP_WORDS[COMP_CWORD]} "
         "previous=${COMP_WORDS[COMP_CWORD-1]} command=run word\n    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; "
         "do\n        case $word in");
    for (const struct command *command = command_table; command->name; command++)
        printf("        %s) command=%s; break;;\n", command->name, command->name);
    puts("        esac\n    done\n    case $previous in");
    for (const struct option_spec *spec = option_table; spec->name; spec++)
        if (takes_path(spec))
            printf("    --%s) COMPREPLY=($(compgen -f -- \"$current\")); return;;\n", spec->name);
    puts("    --mode) COMPREPLY=($(compgen -W 'append overwrite upsert' -- \"$current\")); return;;\n"
         "    --contract) COMPREPLY=($(compgen -W 'evolve freeze discard-row dead-letter' -- \"$current\")); return;;\n"
         "    --deletes) COMPREPLY=($(compgen -W 'hard soft ignore' -- \"$current\")); return;;\n"
         "    --delivery) COMPREPLY=($(compgen -W 'exactly-once effectively-once at-least-once' -- \"$current\")); "
         "return;;\n"
         "    --output|--log-format) COMPREPLY=($(compgen -W 'text json' -- \"$current\")); return;;\n"
         "    --log-level) COMPREPLY=($(compgen -W 'error warn info debug' -- \"$current\")); return;;\n    esac\n"
         "    if [[ $current != -* ]]; then\n        COMPREPLY=($(compgen -f -- \"$current\"))");
    printf("        [ \"$COMP_CWORD\" = 1 ] && COMPREPLY+=($(compgen -W '");
    for (const struct command *command = command_table; command->name; command++)
        printf("%s ", command->name);
    puts("' -- \"$current\"))\n        return\n    fi\n    case $command in");
    for (const struct command *command = command_table; command->name; command++) {
        printf("    %s) word='", command->name);
        for (const struct option_spec *spec = option_table; spec->name; spec++)
            if (spec->groups & command->groups)
                printf("--%s ", spec->name);
        puts("';;");
    }
    puts("    esac\n    COMPREPLY=($(compgen -W \"$word\" -- \"$current\"))\n}\ncomplete -o filenames -F _etlhost "
         "etlhost");
}

/* A single-quoted zsh word inside brackets may hold neither quotes nor brackets nor colons. */
static void print_zsh_help(const char *text)
{
    for (; *text; text++)
        if (!strchr("'[]:`\\", *text))
            putchar(*text);
}

static void print_zsh(void)
{
    puts("#compdef etlhost\n# zsh completion for etlhost: etlhost completion zsh > _etlhost, in a folder of "
         "$fpath\n_etlhost()\n{\n    local "
         "command=run word\n    for word in ${words[2,CURRENT-1]}; do\n        case $word in");
    for (const struct command *command = command_table; command->name; command++)
        printf("        %s) command=%s; break;;\n", command->name, command->name);
    puts("        esac\n    done\n    if (( CURRENT == 2 )) && [[ $PREFIX != -* ]]; then\n        local -a commands=(");
    for (const struct command *command = command_table; command->name; command++) {
        printf("            '%s:", command->name);
        print_zsh_help(command->summary);
        puts("'");
    }
    puts("        )\n        _describe command commands\n        _files\n        return\n    fi\n    case $command in");
    for (const struct command *command = command_table; command->name; command++) {
        printf("    %s) _arguments -S", command->name);
        for (const struct option_spec *spec = option_table; spec->name; spec++) {
            if (!(spec->groups & command->groups))
                continue;
            printf(" '*--%s%s[", spec->name, spec->argument ? "=" : "");
            print_zsh_help(spec->help);
            printf("]%s%s%s'", spec->argument ? ":" : "", spec->argument ? spec->name : "",
                   takes_path(spec) ? ":_files"
                   : spec->argument ? ": "
                                    : "");
        }
        puts(" '*:file:_files';;");
    }
    puts("    esac\n}\n_etlhost \"$@\"");
}

int command_completion(const struct options *options)
{
    struct etl_error err;
    etl_error_init(&err);
    if (options->operand_count == 1 && !strcmp(options->operands[0], "bash")) {
        print_bash();
    } else if (options->operand_count == 1 && !strcmp(options->operands[0], "zsh")) {
        print_zsh();
    } else {
        etl_fail(&err, ETL_CONFIG, "completion: for which shell? bash or zsh");
        return output_error(ETL_CONFIG, &err);
    }
    return EXIT_CODE_OK;
}
