/* Option table and parser. Long options take "--name value" or "--name=value"; a single "--" ends them; a lone "-" is an
 * operand. Options may stand before and after operands. */
#include "core/cli/options.h"

#include "core/base/string.h"
#include "core/base/units.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum kind { KIND_FLAG, KIND_TEXT, KIND_LIST, KIND_COUNT, KIND_BYTES, KIND_SECONDS };

#define AT(field) offsetof(struct options, field)

const struct option_spec option_table[] = {
    {"source", 's', "CONNECTOR", "source connector: a path, a file name or a bare name", OPTIONS_SOURCE, KIND_TEXT,
     AT(source)},
    {"source-opt", 0, "KEY=VALUE", "a setting of the source (repeatable)", OPTIONS_SOURCE, KIND_LIST, AT(source_opts)},
    {"source-config", 0, "FILE", "settings of the source from a YAML or JSON file", OPTIONS_SOURCE, KIND_TEXT,
     AT(source_config)},
    {"dest", 'd', "CONNECTOR", "destination connector: a path, a file name or a bare name", OPTIONS_DEST, KIND_TEXT,
     AT(dest)},
    {"dest-opt", 0, "KEY=VALUE", "a setting of the destination (repeatable)", OPTIONS_DEST, KIND_LIST, AT(dest_opts)},
    {"dest-config", 0, "FILE", "settings of the destination from a YAML or JSON file", OPTIONS_DEST, KIND_TEXT,
     AT(dest_config)},
    {"plugin-dir", 0, "DIR", "look for connectors here first", OPTIONS_PLUGINS, KIND_TEXT, AT(plugin_dir)},
    {"pipeline", 'p', "NAME", "name of the pipeline in the state store", OPTIONS_PIPELINE, KIND_TEXT, AT(pipeline)},
    {"include", 'i', "GLOB", "only streams whose name matches (repeatable)", OPTIONS_SELECT, KIND_LIST, AT(include)},
    {"exclude", 'x', "GLOB", "not the streams whose name matches (repeatable)", OPTIONS_SELECT, KIND_LIST, AT(exclude)},
    {"mode", 'm', "MODE", "append, overwrite or upsert", OPTIONS_SELECT, KIND_TEXT, AT(mode)},
    {"primary-key", 'k', "COLUMNS", "key columns, separated by commas", OPTIONS_SELECT, KIND_TEXT, AT(primary_key)},
    {"cursor", 0, "COLUMN", "read only rows whose cursor column has advanced", OPTIONS_SELECT, KIND_TEXT, AT(cursor)},
    {"cursor-from", 0, "VALUE", "first run: start at this cursor value", OPTIONS_SELECT, KIND_TEXT, AT(cursor_from)},
    {"cursor-until", 0, "VALUE", "stop at this cursor value", OPTIONS_SELECT, KIND_TEXT, AT(cursor_until)},
    {"cursor-lookback", 0, "TIME", "read again this far behind the saved cursor (90s, 2h, 1d, or a number)",
     OPTIONS_SELECT, KIND_SECONDS, AT(cursor_lookback)},
    {"target", 't', "NAME", "table, directory or topic at the destination (one stream only)", OPTIONS_SELECT, KIND_TEXT,
     AT(target)},
    {"columns", 0, "GLOB", "only these columns (repeatable)", OPTIONS_SELECT, KIND_LIST, AT(columns)},
    {"exclude-columns", 0, "GLOB", "not these columns (repeatable)", OPTIONS_SELECT, KIND_LIST, AT(exclude_columns)},
    {"rename", 0, "COLUMN=NAME", "rename a column (repeatable)", OPTIONS_SELECT, KIND_LIST, AT(renames)},
    {"mask", 0, "COLUMN=KIND", "hash, redact, partial or null a column (repeatable)", OPTIONS_SELECT, KIND_LIST,
     AT(masks)},
    {"mask-key", 0, "REFERENCE", "key of --mask COLUMN=hash: ${env:NAME} or ${file:PATH}", OPTIONS_SELECT, KIND_TEXT,
     AT(mask_key)},
    {"contract", 0, "CONTRACT", "on schema changes: evolve, freeze, discard-row or dead-letter", OPTIONS_SELECT,
     KIND_TEXT, AT(contract)},
    {"operation-column", 0, "COLUMN", "column that says insert, update or delete of each row", OPTIONS_SELECT,
     KIND_TEXT, AT(operation_column)},
    {"deletes", 0, "HOW", "delete operations: hard, soft or ignore", OPTIONS_SELECT, KIND_TEXT, AT(deletes)},
    {"limit", 'n', "ROWS", "stop each stream after this many rows", OPTIONS_LIMIT, KIND_COUNT, AT(limit)},
    {"limit", 'n', "ROWS", "list at most this many", OPTIONS_LIST, KIND_COUNT, AT(limit)},
    {"dry-run", 0, NULL, "read and check everything, write nothing", OPTIONS_RUN, KIND_FLAG, AT(dry_run)},
    {"full-refresh", 0, NULL, "forget the saved cursors and rebuild the targets", OPTIONS_RUN, KIND_FLAG,
     AT(full_refresh)},
    {"delivery", 0, "CLASS", "require exactly-once, effectively-once or at-least-once", OPTIONS_RUN, KIND_TEXT,
     AT(delivery)},
    {"parallel", 0, "N", "streams or slices that run at the same time", OPTIONS_RUN, KIND_COUNT, AT(parallel)},
    {"memory-limit", 0, "BYTES", "memory of all queues together (64MiB)", OPTIONS_RUN, KIND_BYTES, AT(memory_limit)},
    {"commit-rows", 0, "ROWS", "commit at the first checkpoint after this many rows", OPTIONS_RUN, KIND_COUNT,
     AT(commit_rows)},
    {"commit-bytes", 0, "BYTES", "commit at the first checkpoint after this many bytes", OPTIONS_RUN, KIND_BYTES,
     AT(commit_bytes)},
    {"commit-interval", 0, "TIME", "commit at the first checkpoint after this time", OPTIONS_RUN, KIND_SECONDS,
     AT(commit_interval)},
    {"batch-rows", 0, "ROWS", "rows that a source should put into a batch", OPTIONS_RUN, KIND_COUNT, AT(batch_rows)},
    {"batch-bytes", 0, "BYTES", "bytes that a source should put into a batch", OPTIONS_RUN, KIND_BYTES,
     AT(batch_bytes)},
    {"retries", 0, "N", "tries after a failure that may pass", OPTIONS_RUN, KIND_COUNT, AT(retries)},
    {"summary", 0, "FILE", "write the run report (JSON) to this file", OPTIONS_RUN, KIND_TEXT, AT(summary)},
    {"no-progress", 0, NULL, "no progress line", OPTIONS_RUN, KIND_FLAG, AT(no_progress)},
    {"state", 0, "LOCATION", "state store (default: $ETLHOST_STATE, else $XDG_STATE_HOME/etlhost/state.db)",
     OPTIONS_STATE, KIND_TEXT, AT(state)},
    {"stream", 0, "NAME", "one stream", OPTIONS_LINE | OPTIONS_STREAM, KIND_TEXT, AT(stream)},
    {"slice", 0, "NAME", "one slice of the stream", OPTIONS_LINE, KIND_TEXT, AT(slice)},
    {"seq", 0, "N", "the checkpoint with this number", OPTIONS_LINE, KIND_COUNT, AT(seq)},
    {"all", 0, NULL, "everything", OPTIONS_ALL, KIND_FLAG, AT(all)},
    {"output", 'o', "FORMAT", "text or json, on standard output", OPTIONS_OUTPUT, KIND_TEXT, AT(output)},
    {"log-level", 0, "LEVEL", "error, warn, info or debug", OPTIONS_COMMON, KIND_TEXT, AT(log_level)},
    {"log-format", 0, "FORMAT", "text or json, on standard error", OPTIONS_COMMON, KIND_TEXT, AT(log_format)},
    {"quiet", 'q', NULL, "only errors on standard error", OPTIONS_COMMON, KIND_FLAG, AT(quiet)},
    {"help", 'h', NULL, "show this help", OPTIONS_COMMON, KIND_FLAG, AT(help)},
    {NULL, 0, NULL, NULL, 0, 0, 0},
};

void options_init(struct options *options)
{
    memset(options, 0, sizeof(*options));
    options->limit = options->parallel = options->commit_rows = options->commit_bytes = -1;
    options->batch_rows = options->batch_bytes = options->memory_limit = options->retries = options->seq = -1;
    options->cursor_lookback = options->commit_interval = -1;
}

void options_fini(struct options *options)
{
    for (const struct option_spec *spec = option_table; spec->name; spec++)
        if (spec->kind == KIND_LIST)
            string_list_free(*(char ***)(void *)((char *)options + spec->offset));
    memset(options, 0, sizeof(*options));
}

static bool parse_count(const char *text, int64_t *ret_value)
{
    int64_t value = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || value > (INT64_MAX - 9) / 10)
            return false;
        value = value * 10 + (*text - '0');
    }
    *ret_value = value;
    return true;
}

static etl_status append(char ***list, const char *value, struct etl_error *err)
{
    size_t count = 0;
    while (*list && (*list)[count])
        count++;
    char **grown = realloc(*list, (count + 2) * sizeof(*grown));
    if (!grown)
        return etl_fail_memory(err);
    *list = grown;
    grown[count + 1] = NULL;
    grown[count] = string_copy(value);
    return grown[count] ? ETL_OK : etl_fail_memory(err);
}

static etl_status store_value(struct options *options, const struct option_spec *spec, const char *value,
                              struct etl_error *err)
{
    void *field = (char *)options + spec->offset;
    bool ok = true;
    switch ((enum kind)spec->kind) {
    case KIND_FLAG: *(bool *)field = true; break;
    case KIND_TEXT: *(const char **)field = value; break;
    case KIND_LIST: return append(field, value, err);
    case KIND_COUNT: ok = parse_count(value, field); break;
    case KIND_BYTES: ok = units_parse_bytes(value, field); break;
    case KIND_SECONDS: ok = units_parse_seconds(value, field); break;
    }
    return ok ? ETL_OK
              : etl_fail(err, ETL_CONFIG, "--%s: \"%s\" is not %s", spec->name, value,
                         spec->kind == KIND_COUNT   ? "a whole number"
                         : spec->kind == KIND_BYTES ? "a size such as 64MiB"
                                                    : "a time such as 90s, 5m or 2h");
}

static const struct option_spec *find(unsigned groups, const char *name, size_t length, char letter)
{
    for (const struct option_spec *spec = option_table; spec->name; spec++) {
        bool same =
            letter ? spec->letter == letter : strlen(spec->name) == length && !strncmp(spec->name, name, length);
        if (same && (spec->groups & groups))
            return spec;
    }
    return NULL;
}

static etl_status unknown(const char *word, unsigned groups, struct etl_error *err)
{
    const char *names[sizeof(option_table) / sizeof(option_table[0])];
    char bare[64];
    size_t count = 0;
    snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(word + strspn(word, "-"), "="), word + strspn(word, "-"));
    for (const struct option_spec *spec = option_table; spec->name; spec++)
        if (spec->groups & groups)
            names[count++] = spec->name;
    names[count] = NULL;
    const char *nearest = string_nearest(bare, names);
    if (nearest)
        return etl_fail(err, ETL_CONFIG, "unknown option %s; did you mean --%s?", word, nearest);
    return etl_fail(err, ETL_CONFIG, "unknown option %s (see --help)", word);
}

/* One option word; *index moves past its value. */
static etl_status parse_option(struct options *options, unsigned groups, int argc, const char **argv, int *index,
                               struct etl_error *err)
{
    const char *word = argv[*index];
    bool is_long = word[1] == '-';
    const char *name = word + (is_long ? 2 : 1), *value = NULL;
    size_t length = is_long ? strcspn(name, "=") : 1;
    const struct option_spec *spec = find(groups, name, length, is_long ? 0 : *name);
    if (!spec)
        return unknown(word, groups, err);
    if (name[length])
        value = name + length + (is_long ? 1 : 0);
    if (!spec->argument)
        return value ? etl_fail(err, ETL_CONFIG, "--%s takes no value", spec->name)
                     : store_value(options, spec, "", err);
    if (!value && *index + 1 >= argc)
        return etl_fail(err, ETL_CONFIG, "--%s needs a value: --%s %s", spec->name, spec->name, spec->argument);
    if (!value)
        value = argv[++*index];
    return store_value(options, spec, value, err);
}

etl_status options_parse(struct options *options, unsigned groups, int argc, const char **argv, struct etl_error *err)
{
    int operands = 0;
    bool only_operands = false;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (!only_operands && !strcmp(word, "--")) {
            only_operands = true;
        } else if (only_operands || word[0] != '-' || !word[1]) {
            argv[operands++] = word;
        } else {
            etl_status status = parse_option(options, groups, argc, argv, &i, err);
            if (status != ETL_OK)
                return status;
        }
    }
    options->operands = argv;
    options->operand_count = operands;
    return ETL_OK;
}

void options_print_help(FILE *out, unsigned groups)
{
    fputs("\nOptions:\n", out);
    for (const struct option_spec *spec = option_table; spec->name; spec++) {
        char left[64];
        if (!(spec->groups & groups))
            continue;
        snprintf(left, sizeof(left), "%c%c%s--%s%s%s", spec->letter ? '-' : ' ', spec->letter ? spec->letter : ' ',
                 spec->letter ? ", " : "  ", spec->name, spec->argument ? " " : "",
                 spec->argument ? spec->argument : "");
        fprintf(out, "  %-30s %s\n", left, spec->help);
    }
}
