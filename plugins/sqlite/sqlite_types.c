/* Declared types: how the destination names the types of its columns so that the source reads the same types back, and what
 * SQLite's affinity does to values. A name with TEXT in it has TEXT affinity, so exact decimals and times keep their text.
 */
#include "plugins/sqlite/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define DAY_US (INT64_C(86400) * 1000000)

const char *sqlite_declare(const struct etl_type *type, char buffer[SQLITE_DECL_MAX])
{
    const char *name = "TEXT";

    switch (type->kind) {
    case ETL_KIND_BOOL: name = "BOOLEAN"; break;
    case ETL_KIND_INT:
    case ETL_KIND_UINT: name = "BIGINT"; break;
    case ETL_KIND_DOUBLE: name = type->bits == 32 ? "FLOAT" : "DOUBLE"; break;
    case ETL_KIND_DECIMAL:
        snprintf(buffer, SQLITE_DECL_MAX, "DECIMAL_TEXT(%u,%d)", (unsigned)type->precision, (int)type->scale);
        return buffer;
    case ETL_KIND_STRING: break;
    case ETL_KIND_JSON:
    case ETL_KIND_STRUCT:
    case ETL_KIND_LIST: name = "JSON_TEXT"; break;
    case ETL_KIND_UUID: name = "UUID_TEXT"; break;
    case ETL_KIND_BINARY: name = "BLOB"; break;
    case ETL_KIND_DATE: name = "DATE_TEXT"; break;
    case ETL_KIND_TIME: name = "TIME_TEXT"; break;
    case ETL_KIND_TIMESTAMP: name = type->is_utc ? "TIMESTAMPTZ_TEXT" : "TIMESTAMP_TEXT"; break;
    }
    snprintf(buffer, SQLITE_DECL_MAX, "%s", name);
    return buffer;
}

static bool parse_decimal(const char *declared, struct etl_type *ret_type)
{
    char *end = NULL;
    long precision = 0, scale = 0;

    if (strncasecmp(declared, "DECIMAL_TEXT(", 13) != 0)
        return false;
    precision = strtol(declared + 13, &end, 10);
    if (*end != ',')
        return false;
    scale = strtol(end + 1, &end, 10);
    if (*end != ')' || end[1] || precision < 1 || precision > 38 || scale < 0 || scale > precision)
        return false;
    *ret_type = (struct etl_type){.kind = ETL_KIND_DECIMAL, .precision = (uint8_t)precision, .scale = (int8_t)scale};
    return true;
}

bool sqlite_declared(const char *declared, struct etl_type *ret_type)
{
    static const struct {
        const char *name;
        struct etl_type type;
    } known[] = {
        {"BIGINT", {.kind = ETL_KIND_INT, .bits = 64}},
        {"INTEGER", {.kind = ETL_KIND_INT, .bits = 64}},
        {"TEXT", {.kind = ETL_KIND_STRING}},
        {"BOOLEAN", {.kind = ETL_KIND_BOOL}},
        {"DOUBLE", {.kind = ETL_KIND_DOUBLE, .bits = 64}},
        {"REAL", {.kind = ETL_KIND_DOUBLE, .bits = 64}},
        {"FLOAT", {.kind = ETL_KIND_DOUBLE, .bits = 32}},
        {"BLOB", {.kind = ETL_KIND_BINARY}},
        {"JSON_TEXT", {.kind = ETL_KIND_JSON}},
        {"UUID_TEXT", {.kind = ETL_KIND_UUID}},
        {"DATE_TEXT", {.kind = ETL_KIND_DATE}},
        {"TIME_TEXT", {.kind = ETL_KIND_TIME}},
        {"TIMESTAMP_TEXT", {.kind = ETL_KIND_TIMESTAMP}},
        {"TIMESTAMPTZ_TEXT", {.kind = ETL_KIND_TIMESTAMP, .is_utc = true}},
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcasecmp(declared, known[i].name) == 0) {
            *ret_type = known[i].type;
            return true;
        }
    }
    return parse_decimal(declared, ret_type);
}

enum sqlite_affinity sqlite_affinity_of(const char *declared)
{
    if (strcasestr(declared, "INT"))
        return SQLITE_AFF_INTEGER;
    if (strcasestr(declared, "CHAR") || strcasestr(declared, "CLOB") || strcasestr(declared, "TEXT"))
        return SQLITE_AFF_TEXT;
    if (!*declared || strcasestr(declared, "BLOB"))
        return SQLITE_AFF_BLOB;
    if (strcasestr(declared, "REAL") || strcasestr(declared, "FLOA") || strcasestr(declared, "DOUB"))
        return SQLITE_AFF_REAL;
    return SQLITE_AFF_NUMERIC;
}

static bool is_json(const struct etl_type *type)
{
    return type->kind == ETL_KIND_JSON || type->kind == ETL_KIND_STRUCT || type->kind == ETL_KIND_LIST;
}

static bool is_integer(const struct etl_type *type)
{
    return type->kind == ETL_KIND_INT || type->kind == ETL_KIND_UINT;
}

/* Decimal that holds both; an integer counts as 19 digits. Text when 38 digits do not do. */
static struct etl_type merge_decimal(const struct etl_type *a, const struct etl_type *b)
{
    int whole_a = is_integer(a) ? 19 : a->precision - a->scale, whole_b = is_integer(b) ? 19 : b->precision - b->scale;
    int scale_a = is_integer(a) ? 0 : a->scale, scale_b = is_integer(b) ? 0 : b->scale;
    int whole = whole_a > whole_b ? whole_a : whole_b, scale = scale_a > scale_b ? scale_a : scale_b;

    if (whole + scale > 38)
        return (struct etl_type){.kind = ETL_KIND_STRING};
    return (struct etl_type){.kind = ETL_KIND_DECIMAL, .precision = (uint8_t)(whole + scale), .scale = (int8_t)scale};
}

struct etl_type sqlite_merge_type(const struct etl_type *held, const struct etl_type *incoming)
{
    const struct etl_type text = {.kind = ETL_KIND_STRING};
    bool held_number = is_integer(held) || held->kind == ETL_KIND_DECIMAL;
    bool incoming_number = is_integer(incoming) || incoming->kind == ETL_KIND_DECIMAL;

    if (is_integer(held) && (is_integer(incoming) || incoming->kind == ETL_KIND_BOOL)) /* 0 and 1, as SQLite has it */
        return *held;
    if (held_number && incoming_number)
        return merge_decimal(held, incoming);
    if (held->kind == ETL_KIND_DOUBLE && incoming->kind == ETL_KIND_DOUBLE)
        return held->bits == 64 ? *held : *incoming;
    if (held->kind == ETL_KIND_DOUBLE && is_integer(incoming))
        return *held;
    if (is_json(held) && is_json(incoming))
        return *held;
    if (held->kind == ETL_KIND_TIMESTAMP && incoming->kind == ETL_KIND_TIMESTAMP)
        return held->is_utc == incoming->is_utc ? *held : text;
    if (held->kind == ETL_KIND_DATE && incoming->kind == ETL_KIND_TIMESTAMP)
        return incoming->is_utc ? text : *incoming;
    if (held->kind == ETL_KIND_TIMESTAMP && incoming->kind == ETL_KIND_DATE)
        return held->is_utc ? text : *held;
    return held->kind == incoming->kind ? *held : text;
}

bool sqlite_affinity_keeps(enum sqlite_affinity affinity, const struct etl_type *type)
{
    bool numeric = affinity != SQLITE_AFF_TEXT && affinity != SQLITE_AFF_BLOB;

    switch (type->kind) {
    case ETL_KIND_STRING:
    case ETL_KIND_JSON:
    case ETL_KIND_STRUCT:
    case ETL_KIND_LIST: return !numeric;                             /* "007" would become 7 */
    case ETL_KIND_DECIMAL: return !numeric || type->precision <= 15; /* SQLite keeps 15 digits */
    case ETL_KIND_BOOL:
    case ETL_KIND_INT:
    case ETL_KIND_UINT:
    case ETL_KIND_DOUBLE:
    case ETL_KIND_UUID:
    case ETL_KIND_BINARY:
    case ETL_KIND_DATE:
    case ETL_KIND_TIME:
    case ETL_KIND_TIMESTAMP: break; /* never looks like a number of another value */
    }
    return true;
}

/* ---- etlhost_recast ---- */

/* Text form of a stored value; empty for blobs and NULL. */
static size_t stored_text(sqlite3_value *value, bool is_bool, char *buffer, const char **ret_text)
{
    *ret_text = buffer;
    switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
        if (is_bool && (uint64_t)sqlite3_value_int64(value) < 2) {
            *ret_text = sqlite3_value_int64(value) ? "true" : "false";
            return sqlite3_value_int64(value) ? 4 : 5;
        }
        return etl_format_int64(buffer, sqlite3_value_int64(value));
    case SQLITE_FLOAT: return etl_format_double(buffer, sqlite3_value_double(value));
    case SQLITE_TEXT: *ret_text = (const char *)sqlite3_value_text(value); return (size_t)sqlite3_value_bytes(value);
    default: return 0;
    }
}

static void recast(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    struct etl_type from = {.kind = ETL_KIND_STRING}, to = {.kind = ETL_KIND_STRING};
    struct etl_decimal decimal = {0, 0};
    char buffer[ETL_VALUE_TEXT_MAX], out[ETL_VALUE_TEXT_MAX];
    const char *text = NULL;
    size_t length = 0;
    int32_t days = 0;
    int kind = sqlite3_value_type(argv[0]);

    (void)argc;
    (void)sqlite_declared((const char *)sqlite3_value_text(argv[1]), &from);
    if (kind == SQLITE_NULL || kind == SQLITE_BLOB ||
        !sqlite_declared((const char *)sqlite3_value_text(argv[2]), &to)) {
        sqlite3_result_value(context, argv[0]);
        return;
    }
    length = stored_text(argv[0], from.kind == ETL_KIND_BOOL, buffer, &text);
    if (to.kind == ETL_KIND_STRING || is_json(&to)) {
        sqlite3_result_text64(context, text, length, SQLITE_TRANSIENT, SQLITE_UTF8);
    } else if (to.kind == ETL_KIND_DECIMAL && etl_parse_decimal(text, length, to.precision, to.scale, &decimal)) {
        length = etl_format_decimal(out, decimal, to.scale);
        sqlite3_result_text64(context, out, length, SQLITE_TRANSIENT, SQLITE_UTF8);
    } else if (to.kind == ETL_KIND_TIMESTAMP && etl_parse_date(text, length, &days)) {
        length = etl_format_timestamp(out, days * DAY_US, to.is_utc);
        sqlite3_result_text64(context, out, length, SQLITE_TRANSIENT, SQLITE_UTF8);
    } else {
        sqlite3_result_value(context, argv[0]);
    }
}

etl_status sqlite_register_recast(struct sqlite_db *db, struct etl_error *err)
{
    int rc = sqlite3_create_function(db->handle, "etlhost_recast", 3, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, recast,
                                     NULL, NULL);

    return rc == SQLITE_OK ? ETL_OK : sqlite_fail(db, rc, "register function", err);
}
