/* Printing. A table keeps its cells until all widths are known. */
#include "core/cli/output.h"

#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/base/string.h"
#include "core/observe/log.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int output_error(etl_status status, const struct etl_error *err)
{
    char *clean = log_scrub(err->message[0] ? err->message : etl_status_name(status));
    if (log_is_json())
        log_write(ETL_LOG_ERROR, NULL, "%s", clean ? clean : "out of memory");
    else
        fprintf(stderr, "etlhost: %s\n", clean ? clean : "out of memory");
    free(clean);
    return status_exit_code(status);
}

bool output_is_json(const struct options *options)
{
    return options->output && !strcmp(options->output, "json");
}

int output_json(json_t *value)
{
    int failed = !value || json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) ||
                 putchar('\n') == EOF || fflush(stdout);
    json_decref(value);
    if (failed)
        fprintf(stderr, "etlhost: standard output: %s\n", value ? strerror(errno) : "out of memory");
    return failed ? EXIT_CODE_FAILED : EXIT_CODE_OK;
}

#define TABLE_COLUMNS_MAX 24

struct output_table {
    const char *const *headers;
    size_t columns, count, capacity;
    char **cells;
};

struct output_table *output_table_new(const char *const *headers)
{
    struct output_table *table = calloc(1, sizeof(*table));
    if (!table)
        return NULL;
    table->headers = headers;
    while (headers[table->columns] && table->columns < TABLE_COLUMNS_MAX)
        table->columns++;
    return table;
}

void output_table_add(struct output_table *table, const char *cell)
{
    if (!table)
        return;
    if (table->count == table->capacity) {
        size_t capacity = table->capacity ? table->capacity * 2 : 64;
        char **cells = realloc(table->cells, capacity * sizeof(*cells));
        if (!cells)
            return;
        table->cells = cells;
        table->capacity = capacity;
    }
    table->cells[table->count++] = string_copy(cell ? cell : "");
}

void output_table_add_count(struct output_table *table, uint64_t value)
{
    char digits[32], grouped[48];
    int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value), at = 0;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            grouped[at++] = ',';
        grouped[at++] = digits[i];
    }
    grouped[at] = 0;
    output_table_add(table, grouped);
}

/* Characters, not bytes: continuation bytes of UTF-8 take no room. */
static size_t display_width(const char *text)
{
    size_t width = 0;
    for (; text && *text; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

/* Blanks are owed until something follows them: no line ends with blanks. */
static void print_cell(FILE *out, const char *text, size_t width, bool right, bool last, size_t *owed)
{
    size_t pad = width - display_width(text);
    if (right)
        *owed += pad;
    if (text && *text) {
        fprintf(out, "%*s%s", (int)*owed, "", text);
        *owed = 0;
    }
    *owed += (right ? 0 : pad) + 2;
    if (last)
        putc('\n', out);
}

void output_table_print(struct output_table *table, FILE *out)
{
    if (!table)
        return;
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    for (size_t column = 0; column < table->columns; column++) {
        const char *header = table->headers[column];
        widths[column] = display_width(header + (header[0] == '>'));
    }
    for (size_t i = 0; i < table->count; i++) {
        size_t width = display_width(table->cells[i]);
        widths[i % table->columns] = width > widths[i % table->columns] ? width : widths[i % table->columns];
    }
    for (size_t row = 0; row <= table->count / table->columns; row++) {
        size_t owed = 0;
        for (size_t column = 0; column < table->columns; column++) {
            const char *header = table->headers[column];
            bool right = header[0] == '>';
            const char *cell = row ? table->cells[(row - 1) * table->columns + column] : header + right;
            print_cell(out, cell, widths[column], right, column + 1 == table->columns, &owed);
        }
    }
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free(table->cells);
    free(table);
}

const char *output_bytes(char *buffer, size_t size, uint64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 999.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1000;
        unit++;
    }
    snprintf(buffer, size, unit && value < 99.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return buffer;
}

const char *output_time(char *buffer, int64_t us)
{
    buffer[0] = 0;
    if (us)
        clock_format(us, buffer);
    return buffer;
}
