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

/* Values of options that have few; also of --NAME=VALUE. */
static const struct {
    const char *option, *values;
} option_values[] = {
    {"mode", "append overwrite upsert"},
    {"contract", "evolve freeze discard-row dead-letter"},
    {"deletes", "hard soft ignore"},
    {"delivery", "exactly-once effectively-once at-least-once"},
    {"output", "text json"},
    {"log-format", "text json"},
    {"log-level", "error warn info debug"},
};

static const char *values_of(const struct option_spec *spec)
{
    for (size_t i = 0; i < sizeof(option_values) / sizeof(option_values[0]); i++)
        if (!strcmp(option_values[i].option, spec->name))
            return option_values[i].values;
    return NULL;
}

/* The words that may follow a command: `list`, `show` ...; those in capitals stand for something. */
static void print_actions(const struct command *command)
{
    const char *form = command->operands;
    while (form) {
        size_t length = strcspn(form, "|");
        if (*form >= 'a' && *form <= 'z')
            printf("%.*s ", (int)(strcspn(form, " ") < length ? strcspn(form, " ") : length), form);
        form = form[length] ? form + length + 1 : NULL;
    }
}

static void print_bash_option(const struct option_spec *spec)
{
    const char *values = values_of(spec);
    if (!spec->argument)
        return;
    printf("    --%s", spec->name);
    if (spec->letter)
        printf("|-%c", spec->letter);
    if (values)
        printf(") words='%s';;\n", values);
    else if (!strcmp(spec->argument, "CONNECTOR"))
        puts(") words=$(_etlhost_connectors \"$1\"); files=1;;");
    else
        puts(takes_path(spec) ? ") files=1;;" : ") return;;");
}

static void print_bash(void)
{
    puts("# bash completion for etlhost: source <(etlhost completion bash)\n"
         "_etlhost_connectors()\n{\n    \"$1\" plugins 2>/dev/null | while read -r name role _; do\n"
         "        case $role in source|destination) echo \"$name\";; esac\n    done\n}\n"
         "_etlhost()\n{\n    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command=run "
         "position=1 words= files= word\n"
         "    # --name=value comes as three words\n"
         "    if [[ $current == = ]]; then\n        current=\n"
         "    elif [[ $previous == = ]]; then\n        previous=${COMP_WORDS[COMP_CWORD-2]}\n    fi\n"
         "    case ${COMP_WORDS[1]} in");
    for (const struct command *command = command_table; command->name; command++)
        printf("%s%s", command == command_table ? "    " : "|", command->name);
    puts(") command=${COMP_WORDS[1]} position=2;;\n    help) command=help position=2;;\n    esac\n"
         "    [[ $COMP_CWORD -gt 1 ]] || command=\n    case $previous in");
    for (const struct option_spec *spec = option_table; spec->name; spec++)
        if (spec == option_table || strcmp(spec->name, spec[-1].name) != 0)
            print_bash_option(spec);
    puts("    *)\n        if [[ $current == -* ]]; then\n            case ${command:-run} in");
    for (const struct command *command = command_table; command->name; command++) {
        printf("            %s) words='", command->name);
        for (const struct option_spec *spec = option_table; spec->name; spec++)
            if (spec->groups & command->groups)
                printf("--%s ", spec->name);
        puts("';;");
    }
    printf("            esac\n        elif [[ $COMP_CWORD -gt $position ]]; then\n            files=1\n        else\n"
           "            case $command in\n            ''|help) words='");
    for (const struct command *command = command_table; command->name; command++)
        printf("%s ", command->name);
    puts("';;\n            inspect) words=$(_etlhost_connectors \"$1\"); files=1;;");
    for (const struct command *command = command_table; command->name; command++) {
        if (!*command->operands || *command->operands < 'a' || *command->operands > 'z')
            continue;
        printf("            %s) words='", command->name);
        print_actions(command);
        puts("';;");
    }
    puts("            *) files=1;;\n            esac\n        fi;;\n    esac\n"
         "    COMPREPLY=()\n"
         "    while IFS= read -r word; do COMPREPLY+=(\"$word\"); done < <(\n"
         "        compgen -W \"$words\" -- \"$current\"\n"
         "        [[ -z $files ]] || compgen -f -- \"$current\")\n"
         "}\ncomplete -o filenames -F _etlhost etlhost");
}

/* A single-quoted zsh word inside brackets may hold neither quotes nor brackets nor colons. */
static void print_zsh_help(const char *text)
{
    for (; *text; text++)
        if (!strchr("'[]:`\\", *text))
            putchar(*text);
}

static void print_zsh_value(const struct option_spec *spec, const char *values)
{
    if (spec->argument)
        printf(":%s:", spec->name);
    if (values)
        printf("(%s)", values);
    else if (spec->argument && !strcmp(spec->argument, "CONNECTOR"))
        fputs("_etlhost_connectors", stdout);
    else if (spec->argument)
        fputs(takes_path(spec) ? "_files" : " ", stdout);
    putchar('\'');
}

static void print_zsh_option(const struct option_spec *spec)
{
    const char *values = values_of(spec);
    if (spec->letter)
        printf(" '*-%c%s[", spec->letter, spec->argument ? "+" : "");
    if (spec->letter) {
        print_zsh_help(spec->help);
        fputs("]", stdout);
        print_zsh_value(spec, values);
    }
    printf(" '*--%s%s[", spec->name, spec->argument ? "=" : "");
    print_zsh_help(spec->help);
    fputs("]", stdout);
    print_zsh_value(spec, values);
}

static void print_zsh(void)
{
    puts("#compdef etlhost\n# zsh completion for etlhost: etlhost completion zsh > _etlhost, in a folder of "
         "$fpath\n"
         "_etlhost_connectors()\n{\n    compadd -- $($words[1] plugins 2>/dev/null | awk 'NR > 1 { print $1 }')\n"
         "    _files\n}\n_etlhost()\n{\n    local "
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
            print_zsh_option(spec);
        }
        if (*command->operands >= 'a' && *command->operands <= 'z') {
            fputs(" '2:action:(", stdout);
            print_actions(command);
            fputs(")'", stdout);
        }
        puts(!strcmp(command->name, "inspect") ? " '*:connector:_etlhost_connectors';;" : " '*:file:_files';;");
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
