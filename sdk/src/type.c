/* Arrow format strings <-> struct etl_type. The table of fixed formats is the ABI's subset; decimals are parsed. */
#include <etlhost/sdk/type.h>

#include <stdio.h>
#include <string.h>

static const struct {
    const char *format;
    struct etl_type type;
} fixed_formats[] = {
    {"b", {.kind = ETL_KIND_BOOL}},
    {"c", {.kind = ETL_KIND_INT, .bits = 8}},
    {"s", {.kind = ETL_KIND_INT, .bits = 16}},
    {"i", {.kind = ETL_KIND_INT, .bits = 32}},
    {"l", {.kind = ETL_KIND_INT, .bits = 64}},
    {"C", {.kind = ETL_KIND_UINT, .bits = 8}},
    {"S", {.kind = ETL_KIND_UINT, .bits = 16}},
    {"I", {.kind = ETL_KIND_UINT, .bits = 32}},
    {"L", {.kind = ETL_KIND_UINT, .bits = 64}},
    {"f", {.kind = ETL_KIND_DOUBLE, .bits = 32}},
    {"g", {.kind = ETL_KIND_DOUBLE, .bits = 64}},
    {"u", {.kind = ETL_KIND_STRING}},
    {"U", {.kind = ETL_KIND_STRING, .is_large = true}},
    {"z", {.kind = ETL_KIND_BINARY}},
    {"Z", {.kind = ETL_KIND_BINARY, .is_large = true}},
    {"tdD", {.kind = ETL_KIND_DATE}},
    {"ttu", {.kind = ETL_KIND_TIME}},
    {"tsu:", {.kind = ETL_KIND_TIMESTAMP}},
    {"tsu:UTC", {.kind = ETL_KIND_TIMESTAMP, .is_utc = true}},
    {"+s", {.kind = ETL_KIND_STRUCT}},
    {"+l", {.kind = ETL_KIND_LIST}},
};

/* Reads 1 to 3 digits; false when there are none or more. */
static bool parse_small(const char **at, int *ret_value)
{
    int value = 0, digits = 0;
    while (**at >= '0' && **at <= '9' && digits < 4) {
        value = value * 10 + (**at - '0');
        (*at)++;
        digits++;
    }
    *ret_value = value;
    return digits >= 1 && digits <= 3;
}

/* "d:P,S" or "d:P,S,128" */
static bool parse_decimal_format(const char *format, struct etl_type *ret_type)
{
    const char *at = format + 2;
    int precision = 0, scale = 0;
    if (strncmp(format, "d:", 2) != 0 || !parse_small(&at, &precision) || *at++ != ',' || !parse_small(&at, &scale))
        return false;
    if (*at != '\0' && strcmp(at, ",128") != 0)
        return false;
    if (precision < 1 || precision > 38 || scale > precision)
        return false;
    *ret_type = (struct etl_type){.kind = ETL_KIND_DECIMAL, .precision = (uint8_t)precision, .scale = (int8_t)scale};
    return true;
}

static bool parse_format(const char *format, struct etl_type *ret_type)
{
    for (size_t i = 0; i < sizeof fixed_formats / sizeof fixed_formats[0]; i++) {
        if (strcmp(format, fixed_formats[i].format) == 0) {
            *ret_type = fixed_formats[i].type;
            return true;
        }
    }
    return parse_decimal_format(format, ret_type);
}

etl_status etl_type_parse(const char *format, const char *extension, struct etl_type *ret_type, struct etl_error *err)
{
    struct etl_type type = {.kind = ETL_KIND_BOOL};
    if (!format)
        return etl_fail(err, ETL_UNSUPPORTED, "schema node without a format");
    if (!parse_format(format, &type)) {
        if (strncmp(format, "ts", 2) == 0)
            return etl_fail(err, ETL_UNSUPPORTED, "Arrow format \"%s\" is not supported: use \"tsu:\" or \"tsu:UTC\"",
                            format);
        return etl_fail(err, ETL_UNSUPPORTED, "Arrow format \"%s\" is not supported", format);
    }
    if (extension && strcmp(extension, "arrow.json") == 0) {
        if (type.kind != ETL_KIND_STRING)
            return etl_fail(err, ETL_UNSUPPORTED, "extension arrow.json needs format u or U, not \"%s\"", format);
        type.kind = ETL_KIND_JSON;
    } else if (extension && strcmp(extension, "arrow.uuid") == 0) {
        if (type.kind != ETL_KIND_STRING || type.is_large)
            return etl_fail(err, ETL_UNSUPPORTED, "extension arrow.uuid needs format u, not \"%s\"", format);
        type.kind = ETL_KIND_UUID;
    }
    *ret_type = type;
    return ETL_OK;
}

const char *etl_type_format(const struct etl_type *type, char *buffer)
{
    struct etl_type plain = *type;
    if (type->kind == ETL_KIND_DECIMAL) {
        snprintf(buffer, ETL_TYPE_FORMAT_MAX, "d:%u,%d", type->precision, type->scale);
        return buffer;
    }
    if (type->kind == ETL_KIND_JSON || type->kind == ETL_KIND_UUID)
        plain.kind = ETL_KIND_STRING;
    buffer[0] = '\0';
    for (size_t i = 0; i < sizeof fixed_formats / sizeof fixed_formats[0]; i++)
        if (etl_type_equal(&plain, &fixed_formats[i].type))
            snprintf(buffer, ETL_TYPE_FORMAT_MAX, "%s", fixed_formats[i].format);
    return buffer;
}

const char *etl_type_extension(const struct etl_type *type)
{
    if (type->kind == ETL_KIND_JSON)
        return "arrow.json";
    return type->kind == ETL_KIND_UUID ? "arrow.uuid" : NULL;
}

const char *etl_type_name(const struct etl_type *type, char *buffer)
{
    const char *name = "";
    switch (type->kind) {
    case ETL_KIND_BOOL: name = "boolean"; break;
    case ETL_KIND_STRING: name = "text"; break;
    case ETL_KIND_JSON: name = "json"; break;
    case ETL_KIND_UUID: name = "uuid"; break;
    case ETL_KIND_BINARY: name = "binary"; break;
    case ETL_KIND_DATE: name = "date"; break;
    case ETL_KIND_TIME: name = "time"; break;
    case ETL_KIND_TIMESTAMP: name = type->is_utc ? "timestamp with time zone" : "timestamp"; break;
    case ETL_KIND_STRUCT: name = "struct"; break;
    case ETL_KIND_LIST: name = "list"; break;
    case ETL_KIND_INT: snprintf(buffer, ETL_TYPE_NAME_MAX, "int%u", type->bits); return buffer;
    case ETL_KIND_UINT: snprintf(buffer, ETL_TYPE_NAME_MAX, "uint%u", type->bits); return buffer;
    case ETL_KIND_DOUBLE: name = type->bits == 32 ? "float" : "double"; break;
    case ETL_KIND_DECIMAL:
        snprintf(buffer, ETL_TYPE_NAME_MAX, "decimal(%u,%d)", type->precision, type->scale);
        return buffer;
    }
    snprintf(buffer, ETL_TYPE_NAME_MAX, "%s", name);
    return buffer;
}

bool etl_type_equal(const struct etl_type *a, const struct etl_type *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case ETL_KIND_INT:
    case ETL_KIND_UINT:
    case ETL_KIND_DOUBLE: return a->bits == b->bits;
    case ETL_KIND_DECIMAL: return a->precision == b->precision && a->scale == b->scale;
    case ETL_KIND_STRING:
    case ETL_KIND_JSON:
    case ETL_KIND_BINARY: return a->is_large == b->is_large;
    case ETL_KIND_TIMESTAMP: return a->is_utc == b->is_utc;
    case ETL_KIND_BOOL:
    case ETL_KIND_UUID:
    case ETL_KIND_DATE:
    case ETL_KIND_TIME:
    case ETL_KIND_STRUCT:
    case ETL_KIND_LIST: break;
    }
    return true;
}

size_t etl_type_width(const struct etl_type *type)
{
    switch (type->kind) {
    case ETL_KIND_INT:
    case ETL_KIND_UINT:
    case ETL_KIND_DOUBLE: return type->bits / 8u;
    case ETL_KIND_DECIMAL: return 16;
    case ETL_KIND_DATE: return 4;
    case ETL_KIND_TIME:
    case ETL_KIND_TIMESTAMP: return 8;
    case ETL_KIND_BOOL:
    case ETL_KIND_STRING:
    case ETL_KIND_JSON:
    case ETL_KIND_UUID:
    case ETL_KIND_BINARY:
    case ETL_KIND_STRUCT:
    case ETL_KIND_LIST: break;
    }
    return 0;
}
