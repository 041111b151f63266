/* Sizes and durations: a number and a unit, durations also several of them. */
#include "core/base/units.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    double factor;
};

/* Plain decimal notation only: strtod would also take hexadecimal, exponents and "inf". */
static bool parse_number(const char **text, double *ret_number)
{
    char *end = NULL;
    size_t digits = strspn(*text, "0123456789"), fraction = 0;
    if ((*text)[digits] == '.')
        fraction = strspn(*text + digits + 1, "0123456789");
    if (digits == 0 || ((*text)[digits] == '.' && fraction == 0) || digits > 18)
        return false;
    char copy[40] = "";
    size_t length = digits + (fraction > 0 ? fraction + 1 : 0);
    if (length >= sizeof(copy))
        return false;
    memcpy(copy, *text, length);
    *ret_number = strtod(copy, &end);
    *text += length;
    return true;
}

/* Takes the letters that follow as a unit. */
static bool parse_unit(const char **text, const struct unit *units, double *ret_factor)
{
    *text += strspn(*text, " ");
    size_t length = 0;
    while (((*text)[length] >= 'a' && (*text)[length] <= 'z') || ((*text)[length] >= 'A' && (*text)[length] <= 'Z'))
        length++;
    for (; units->name != NULL; units++) {
        if (strlen(units->name) == length && strncmp(units->name, *text, length) == 0) {
            *ret_factor = units->factor;
            *text += length;
            *text += strspn(*text, " ");
            return true;
        }
    }
    return false;
}

bool units_parse_bytes(const char *text, int64_t *ret_bytes)
{
    static const struct unit units[] = {
        {"", 1},
        {"B", 1},
        {"k", 1024},
        {"K", 1024},
        {"KiB", 1024},
        {"kB", 1e3},
        {"KB", 1e3},
        {"M", 1048576},
        {"MiB", 1048576},
        {"MB", 1e6},
        {"G", 1073741824},
        {"GiB", 1073741824},
        {"GB", 1e9},
        {"T", 1099511627776.0},
        {"TiB", 1099511627776.0},
        {"TB", 1e12},
        {NULL, 0},
    };
    double number = 0, factor = 0;
    if (!parse_number(&text, &number) || !parse_unit(&text, units, &factor) || *text != '\0' ||
        number * factor >= 9.2e18)
        return false;
    *ret_bytes = (int64_t)(number * factor);
    return true;
}

bool units_parse_seconds(const char *text, double *ret_seconds)
{
    static const struct unit units[] = {{"", 1},     {"ms", 0.001}, {"s", 1},     {"m", 60},
                                        {"min", 60}, {"h", 3600},   {"d", 86400}, {NULL, 0}};
    double number = 0, factor = 0, sum = 0;
    do {
        if (!parse_number(&text, &number) || !parse_unit(&text, units, &factor))
            return false;
        sum += number * factor;
    } while (*text != '\0');
    if (sum > 9e15)
        return false;
    *ret_seconds = sum;
    return true;
}
