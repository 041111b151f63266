/* The inference lattice. For fields that no schema has announced yet, the result does not depend on the order of values; once
 * announced, a type only widens, and a value that fits as it is changes nothing. */
#include "sdk/src/infer.h"

#include <math.h>
#include <stdlib.h>

#include "sdk/src/batch_text.h"

#define DIGITS_MAX     38
#define DIGITS_ROOMY   18 /* inferred decimals have this precision at least: the next larger amount is no schema change */
#define INT64_DIGITS   19
#define EXPONENT_LIMIT 1000

/* ---- looks --------------------------------------------------------------------------------------------------------- */

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

/* "e+12" at `at`: NULL when malformed; *ret_exponent is clamped to +-EXPONENT_LIMIT. */
static const char *scan_exponent(const char *at, const char *end, int *ret_exponent)
{
    bool is_negative = false;
    const char *digits = NULL;
    int exponent = 0;
    at++;
    if (at < end && (*at == '+' || *at == '-'))
        is_negative = *at++ == '-';
    digits = at;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        exponent = exponent < EXPONENT_LIMIT ? exponent * 10 + (*at - '0') : EXPONENT_LIMIT;
    *ret_exponent = is_negative ? -exponent : exponent;
    return at > digits ? at : NULL;
}

static int clamp_digits(ptrdiff_t digits)
{
    return digits < 0 ? 0 : digits > 2 * EXPONENT_LIMIT ? 2 * EXPONENT_LIMIT : (int)digits;
}

/* The grammar of JSON numbers, which is also that of cells. */
static bool scan_number(struct etl_bytes text, struct number_facts *ret_facts)
{
    const char *at = text.data, *end = text.data + text.length, *whole = NULL, *fraction = NULL;
    ptrdiff_t whole_digits = 0, fraction_digits = 0;
    int exponent = 0;
    int64_t integer = 0;
    double number = 0;
    struct number_facts facts = {.has_plain = true};
    if (at < end && *at == '-')
        at++;
    whole = at;
    at = skip_digits(at, end);
    whole_digits = at - whole;
    if (whole_digits == 0 || (whole_digits > 1 && *whole == '0'))
        return false;
    if (*whole == '0')
        whole_digits = 0;
    if (at < end && *at == '.') {
        fraction = ++at;
        at = skip_digits(at, end);
        fraction_digits = at - fraction;
        if (fraction_digits == 0)
            return false;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at = scan_exponent(at, end, &exponent);
        if (!at)
            return false;
        facts.has_plain = false;
        facts.has_exponent = true;
        facts.is_extreme = exponent >= EXPONENT_LIMIT || exponent <= -EXPONENT_LIMIT;
    }
    if (at != end)
        return false;
    facts.int_digits = clamp_digits(whole_digits + exponent);
    facts.scale = clamp_digits(fraction_digits - exponent);
    facts.not_int64 = facts.has_plain && (fraction || !etl_parse_int64(text.data, text.length, &integer));
    if (facts.has_exponent || facts.int_digits > DIGITS_MAX)
        facts.not_double = !etl_parse_double(text.data, text.length, &number);
    *ret_facts = facts;
    return true;
}

static enum look look_of_moment(struct etl_bytes text)
{
    int32_t days = 0;
    int64_t us = 0;
    bool has_zone = false;
    if (text.length < 10 || text.data[4] != '-' || text.data[7] != '-')
        return LOOK_TEXT;
    if (text.length == 10)
        return etl_parse_date(text.data, text.length, &days) ? LOOK_DATE : LOOK_TEXT;
    if (!etl_parse_timestamp(text.data, text.length, &us, &has_zone))
        return LOOK_TEXT;
    return has_zone ? LOOK_TIMESTAMP_UTC : LOOK_TIMESTAMP;
}

struct value infer_json_string(struct etl_bytes text)
{
    return (struct value){.look = look_of_moment(text), .text = text};
}

struct value infer_json_number(struct etl_bytes text)
{
    struct value value = {.look = LOOK_NUMBER, .text = text};
    if (!scan_number(text, &value.number))
        value.look = LOOK_TEXT;
    return value;
}

struct value infer_cell(struct etl_bytes text)
{
    struct value value = {.look = LOOK_TEXT, .is_cell = true, .text = text};
    bool truth = false;
    if (!text.data)
        value.look = LOOK_NULL;
    else if (scan_number(text, &value.number))
        value.look = LOOK_NUMBER;
    else if (etl_parse_bool(text.data, text.length, &truth))
        value.look = LOOK_BOOL;
    else
        value.look = look_of_moment(text);
    return value;
}

/* ---- fields -------------------------------------------------------------------------------------------------------- */

uint32_t field_hash(const char *name, size_t length)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)name[i]) * 16777619u;
    return hash ^ hash >> 15;
}

struct field *field_new(struct field *parent, const char *name, size_t length, uint32_t hash)
{
    struct field *field = calloc(1, sizeof *field);
    if (!field)
        return NULL;
    field->name = malloc(length + 1);
    if (!field->name) {
        free(field);
        return NULL;
    }
    if (length)
        memcpy(field->name, name, length);
    field->name[length] = '\0';
    field->name_length = length;
    field->hash = hash;
    field->parent = parent;
    return field;
}

static void free_below(struct field *field)
{
    for (size_t i = 0; i < field->n_children; i++)
        field_free(field->children[i]);
    free(field->children);
    free(field->table);
    field_free(field->item);
    field->children = NULL;
    field->table = NULL;
    field->item = NULL;
    field->n_children = field->capacity = field->n_pinned = field->table_size = 0;
}

void field_free(struct field *field)
{
    if (!field)
        return;
    free_below(field);
    free(field->name);
    free(field);
}

struct field *field_find(const struct field *parent, const char *name, size_t length)
{
    uint32_t hash = 0;
    if (!parent->table_size)
        return NULL;
    hash = field_hash(name, length);
    for (size_t i = hash & (parent->table_size - 1); parent->table[i]; i = (i + 1) & (parent->table_size - 1)) {
        struct field *field = parent->table[i];
        if (field->hash == hash && field->name_length == length && memcmp(field->name, name, length) == 0)
            return field;
    }
    return NULL;
}

static void table_put(struct field *parent, struct field *field)
{
    size_t i = field->hash & (parent->table_size - 1);
    while (parent->table[i])
        i = (i + 1) & (parent->table_size - 1);
    parent->table[i] = field;
}

static bool grow_children(struct field *parent)
{
    size_t capacity = parent->capacity ? parent->capacity * 2 : 16;
    struct field **children = NULL, **table = NULL;
    if (parent->n_children < parent->capacity)
        return true;
    children = realloc(parent->children, capacity * sizeof(struct field *));
    if (!children)
        return false;
    parent->children = children;
    table = calloc(capacity * 2, sizeof(struct field *));
    if (!table)
        return false;
    free(parent->table);
    parent->table = table;
    parent->table_size = capacity * 2;
    parent->capacity = capacity;
    for (size_t i = 0; i < parent->n_children; i++)
        table_put(parent, parent->children[i]);
    return true;
}

struct field *field_add(struct field *parent, const char *name, size_t length)
{
    struct field *field = grow_children(parent) ? field_new(parent, name, length, field_hash(name, length)) : NULL;
    if (!field)
        return NULL;
    field->index = parent->n_children;
    parent->children[parent->n_children++] = field;
    table_put(parent, field);
    return field;
}

struct field *field_item(struct field *list)
{
    if (!list->item) {
        list->item = field_new(list, "item", 4, 0);
        if (list->item)
            list->item->is_item = true;
    }
    return list->item;
}

void field_set_json(struct field *field)
{
    free_below(field);
    field->known = KNOWN_JSON;
}

/* ---- joining ------------------------------------------------------------------------------------------------------- */

static bool number_fits(const struct etl_type *type, const struct value *value)
{
    const char *text = value->text.data;
    size_t length = value->text.length;
    struct etl_decimal decimal;
    int64_t integer = 0;
    uint64_t natural = 0;
    double number = 0;
    switch (type->kind) {
    case ETL_KIND_INT:
        return etl_parse_int64(text, length, &integer) &&
               (type->bits == 64 ||
                (integer >= -(INT64_C(1) << (type->bits - 1)) && integer < INT64_C(1) << (type->bits - 1)));
    case ETL_KIND_UINT:
        return etl_parse_uint64(text, length, &natural) && (type->bits == 64 || natural >> type->bits == 0);
    case ETL_KIND_DOUBLE:
        return etl_parse_double(text, length, &number) &&
               (type->bits == 64 || !isfinite(number) || isfinite((double)(float)number));
    case ETL_KIND_DECIMAL:
        return !(value->is_cell && value->number.has_exponent) &&
               etl_parse_decimal(text, length, type->precision, type->scale, &decimal);
    default: return false;
    }
}

bool infer_fits(const struct etl_type *type, const struct value *value)
{
    int64_t us = 0;
    bool is_string = value->is_cell || value->look > LOOK_NUMBER;
    switch (type->kind) {
    case ETL_KIND_STRING: return true;
    case ETL_KIND_JSON: return !value->is_cell || etl__is_json(value->text.data, value->text.length);
    case ETL_KIND_BOOL: return value->look == LOOK_BOOL;
    case ETL_KIND_INT:
    case ETL_KIND_UINT:
    case ETL_KIND_DECIMAL: return value->look == LOOK_NUMBER && number_fits(type, value);
    case ETL_KIND_DOUBLE: return (value->look == LOOK_NUMBER || value->is_cell) && number_fits(type, value);
    case ETL_KIND_DATE: return value->look == LOOK_DATE;
    case ETL_KIND_TIMESTAMP:
        return value->look == (type->is_utc ? LOOK_TIMESTAMP_UTC : LOOK_TIMESTAMP) ||
               (value->look == LOOK_DATE && !type->is_utc);
    case ETL_KIND_TIME: return is_string && etl_parse_time(value->text.data, value->text.length, &us);
    case ETL_KIND_UUID: return is_string && etl_is_uuid(value->text.data, value->text.length);
    case ETL_KIND_BINARY: return is_string && etl__is_base64(value->text.data, value->text.length);
    case ETL_KIND_STRUCT:
    case ETL_KIND_LIST: break;
    }
    return false;
}

static void join_facts(struct number_facts *facts, const struct number_facts *more)
{
    facts->int_digits = facts->int_digits > more->int_digits ? facts->int_digits : more->int_digits;
    facts->scale = facts->scale > more->scale ? facts->scale : more->scale;
    facts->has_plain |= more->has_plain;
    facts->has_exponent |= more->has_exponent;
    facts->not_int64 |= more->not_int64;
    facts->is_extreme |= more->is_extreme;
    facts->not_double |= more->not_double;
}

static enum known known_of_look(enum look look)
{
    static const enum known by_look[] = {KNOWN_NOTHING,       KNOWN_BOOL, KNOWN_NUMBER, KNOWN_DATE, KNOWN_TIMESTAMP,
                                         KNOWN_TIMESTAMP_UTC, KNOWN_TEXT, KNOWN_STRUCT, KNOWN_LIST};
    return by_look[look];
}

static void join_number(struct field *field, const struct value *value)
{
    join_facts(&field->number, &value->number);
    /* "12E5" among integers is a code, not a number: it would not come back. */
    if (value->is_cell && field->number.has_exponent && field->number.has_plain)
        field->known = KNOWN_TEXT;
}

static void join_seeded(struct field *field, const struct value *value)
{
    bool is_integer = field->pinned.kind == ETL_KIND_INT || field->pinned.kind == ETL_KIND_UINT;
    if (value->look == LOOK_NUMBER && is_integer) {
        field->known = KNOWN_NUMBER;
        field->number = (struct number_facts){.has_plain = true, .int_digits = field->pinned.bits == 64 ? 20 : 10};
        join_number(field, value);
    } else {
        field->known = value->look == LOOK_NUMBER && field->pinned.kind == ETL_KIND_DOUBLE ? KNOWN_DOUBLE : KNOWN_TEXT;
    }
}

static void join_scalar(struct field *field, const struct value *value)
{
    enum known seen = known_of_look(value->look);
    bool both_local = (field->known == KNOWN_DATE && seen == KNOWN_TIMESTAMP) ||
                      (field->known == KNOWN_TIMESTAMP && seen == KNOWN_DATE);
    switch (field->known) {
    case KNOWN_NOTHING:
        field->known = seen;
        if (seen == KNOWN_NUMBER)
            join_number(field, value);
        break;
    case KNOWN_NUMBER:
        field->known = seen == KNOWN_NUMBER ? KNOWN_NUMBER : KNOWN_TEXT;
        if (seen == KNOWN_NUMBER)
            join_number(field, value);
        break;
    case KNOWN_BOOL:
    case KNOWN_DATE:
    case KNOWN_TIMESTAMP:
    case KNOWN_TIMESTAMP_UTC:
        if (both_local)
            field->known = KNOWN_TIMESTAMP;
        else if (seen != field->known)
            field->known = KNOWN_TEXT;
        break;
    case KNOWN_DOUBLE: field->known = seen == KNOWN_NUMBER ? KNOWN_DOUBLE : KNOWN_TEXT; break;
    case KNOWN_SEEDED: join_seeded(field, value); break;
    case KNOWN_STRUCT:
    case KNOWN_LIST: field_set_json(field); break;
    case KNOWN_JSON: field->known = value->is_cell ? KNOWN_TEXT : KNOWN_JSON; break;
    case KNOWN_TEXT: break;
    }
}

void infer_join(struct field *field, const struct value *value)
{
    struct etl_type type;
    if (value->look == LOOK_NULL)
        return;
    if (value->look >= LOOK_OBJECT) {
        enum known seen = known_of_look(value->look);
        if (field->known == KNOWN_NOTHING)
            field->known = seen;
        else if (field->known != seen)
            field_set_json(field);
        return;
    }
    if (field->is_pinned && infer_fits(&field->pinned, value))
        return;
    join_scalar(field, value);
    /* What does not fit must widen, or its record would come back for ever. */
    if (field->is_pinned && infer_type(field, &type) && etl_type_equal(&type, &field->pinned))
        field->known = KNOWN_TEXT;
}

/* ---- types --------------------------------------------------------------------------------------------------------- */

/* True when an announced decimal holds everything as it is. */
static bool is_within(const struct number_facts *facts, const struct etl_type *type)
{
    return type->kind == ETL_KIND_DECIMAL && !facts->has_exponent && facts->scale <= type->scale &&
           facts->int_digits <= type->precision - type->scale;
}

static struct etl_type number_type(const struct field *field)
{
    const struct number_facts *facts = &field->number;
    const struct etl_type text = {.kind = ETL_KIND_STRING}, number = {.kind = ETL_KIND_DOUBLE, .bits = 64};
    int digits = facts->int_digits + facts->scale;
    if (field->is_pinned && is_within(facts, &field->pinned))
        return field->pinned;
    if (facts->has_plain && !facts->has_exponent && !facts->not_int64)
        return (struct etl_type){.kind = ETL_KIND_INT, .bits = 64};
    if (!facts->has_plain || digits > DIGITS_MAX || facts->is_extreme)
        return facts->has_exponent && !facts->not_double ? number : text;
    if (digits < DIGITS_ROOMY)
        digits = DIGITS_ROOMY;
    return (struct etl_type){.kind = ETL_KIND_DECIMAL, .precision = (uint8_t)digits, .scale = (int8_t)facts->scale};
}

bool infer_type(const struct field *field, struct etl_type *ret_type)
{
    struct etl_type type = {.kind = ETL_KIND_STRING};
    switch (field->known) {
    case KNOWN_NOTHING: return false;
    case KNOWN_BOOL: type.kind = ETL_KIND_BOOL; break;
    case KNOWN_NUMBER:
        type = number_type(field);
        /* An announced number that no number type holds any longer is text; it never was a double. */
        if (field->is_pinned && type.kind == ETL_KIND_DOUBLE && field->pinned.kind != ETL_KIND_DOUBLE)
            type = (struct etl_type){.kind = ETL_KIND_STRING};
        break;
    case KNOWN_DOUBLE: type = (struct etl_type){.kind = ETL_KIND_DOUBLE, .bits = 64}; break;
    case KNOWN_DATE: type.kind = ETL_KIND_DATE; break;
    case KNOWN_TIMESTAMP: type.kind = ETL_KIND_TIMESTAMP; break;
    case KNOWN_TIMESTAMP_UTC:
        type.kind = ETL_KIND_TIMESTAMP;
        type.is_utc = true;
        break;
    case KNOWN_TEXT: break;
    case KNOWN_STRUCT: type.kind = ETL_KIND_STRUCT; break;
    case KNOWN_LIST: type.kind = ETL_KIND_LIST; break;
    case KNOWN_JSON: type.kind = ETL_KIND_JSON; break;
    case KNOWN_SEEDED: type = field->pinned; break;
    }
    /* Large offsets, once announced, stay. */
    if (field->is_pinned && field->pinned.is_large && (type.kind == ETL_KIND_STRING || type.kind == ETL_KIND_JSON))
        type.is_large = true;
    *ret_type = type;
    return true;
}

static enum known known_of_type(const struct etl_type *type)
{
    switch (type->kind) {
    case ETL_KIND_BOOL: return KNOWN_BOOL;
    case ETL_KIND_INT: return type->bits == 64 ? KNOWN_NUMBER : KNOWN_SEEDED;
    case ETL_KIND_DOUBLE: return type->bits == 64 ? KNOWN_DOUBLE : KNOWN_SEEDED;
    case ETL_KIND_DECIMAL: return KNOWN_NUMBER;
    case ETL_KIND_STRING: return KNOWN_TEXT;
    case ETL_KIND_JSON: return KNOWN_JSON;
    case ETL_KIND_DATE: return KNOWN_DATE;
    case ETL_KIND_TIMESTAMP: return type->is_utc ? KNOWN_TIMESTAMP_UTC : KNOWN_TIMESTAMP;
    case ETL_KIND_STRUCT: return KNOWN_STRUCT;
    case ETL_KIND_LIST: return KNOWN_LIST;
    case ETL_KIND_UINT:
    case ETL_KIND_UUID:
    case ETL_KIND_BINARY:
    case ETL_KIND_TIME: break;
    }
    return KNOWN_SEEDED;
}

void infer_seed(struct field *field, const struct etl_type *type)
{
    field->known = known_of_type(type);
    field->is_pinned = true;
    field->pinned = *type;
    if (type->kind == ETL_KIND_DECIMAL)
        field->number = (struct number_facts){
            .has_plain = true, .not_int64 = true, .int_digits = type->precision - type->scale, .scale = type->scale};
    /* Whatever replaces int64 must hold every int64. */
    if (type->kind == ETL_KIND_INT)
        field->number = (struct number_facts){.has_plain = true, .int_digits = INT64_DIGITS};
}
