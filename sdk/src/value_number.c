/* Text forms of numbers. The parsers run once per cell and mostly on values that are not numbers, so they decide by the first bytes.
 * Doubles: a text of at most 15 digits and a small power of ten is one exact multiplication or division (both operands are exact, so
 * the result is the nearest double); everything else goes to strtod in a canonical form of bounded length. */
#include <etlhost/sdk/value_text.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/src/text_scan.h"

__extension__ typedef unsigned __int128 uint128;

#define DECIMAL_DIGITS_MAX 38
#define EXPONENT_MAX       99999999

static const uint64_t powers_of_ten[20] = {1u,
                                           10u,
                                           100u,
                                           1000u,
                                           10000u,
                                           100000u,
                                           1000000u,
                                           10000000u,
                                           100000000u,
                                           1000000000u,
                                           10000000000u,
                                           100000000000u,
                                           1000000000000u,
                                           10000000000000u,
                                           100000000000000u,
                                           1000000000000000u,
                                           10000000000000000u,
                                           100000000000000000u,
                                           1000000000000000000u,
                                           10000000000000000000u};

static uint128 power_of_ten(unsigned exponent)
{
    if (exponent < 20)
        return powers_of_ten[exponent];
    return (uint128)powers_of_ten[19] * powers_of_ten[exponent - 19];
}

/* ---- integers ---- */

bool etl_parse_uint64(const char *text, size_t length, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (length == 0 || length > 20 || !etl__is_digit(text[0]) || (text[0] == '0' && length > 1))
        return false;
    for (size_t i = 0; i < length; i++) {
        uint64_t digit = (uint8_t)(text[i] - '0');
        if (digit > 9)
            return false;
        if (i == 19 && value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret_value = value;
    return true;
}

bool etl_parse_int64(const char *text, size_t length, int64_t *ret_value)
{
    uint64_t magnitude = 0;
    bool negative = length > 0 && text[0] == '-';

    if (!etl_parse_uint64(text + negative, length - negative, &magnitude))
        return false;
    if (magnitude > (uint64_t)INT64_MAX + negative || (negative && magnitude == 0))
        return false;
    *ret_value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

size_t etl_format_uint64(char *buffer, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    memcpy(buffer, digits + at, sizeof(digits) - at);
    return sizeof(digits) - at;
}

size_t etl_format_int64(char *buffer, int64_t value)
{
    if (value >= 0)
        return etl_format_uint64(buffer, (uint64_t)value);
    buffer[0] = '-';
    return 1 + etl_format_uint64(buffer + 1, 0 - (uint64_t)value);
}

/* ---- the grammar of numbers ---- */

/* A number split into its parts: digits are [integer, integer_end) and [fraction, fraction_end). */
struct number {
    bool negative;
    const char *integer, *integer_end, *fraction, *fraction_end;
    int32_t exponent; /* as written, cut at +-EXPONENT_MAX */
};

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && etl__is_digit(*p))
        p++;
    return p;
}

static bool split_exponent(const char *p, const char *end, int32_t *ret_exponent)
{
    bool negative = false;
    int32_t exponent = 0;

    if (p < end && (*p == '+' || *p == '-'))
        negative = *p++ == '-';
    if (p == end)
        return false;
    for (; p < end; p++) {
        if (!etl__is_digit(*p))
            return false;
        if (exponent < EXPONENT_MAX / 10)
            exponent = exponent * 10 + (*p - '0');
        else
            exponent = EXPONENT_MAX;
    }
    *ret_exponent = negative ? -exponent : exponent;
    return true;
}

/* The grammar of JSON numbers. */
static bool split_number(const char *text, size_t length, struct number *number)
{
    const char *p = text, *end = text + length;

    number->negative = p < end && *p == '-';
    p += number->negative;
    number->integer = p;
    p = skip_digits(p, end);
    number->integer_end = number->fraction = number->fraction_end = p;
    number->exponent = 0;
    if (p == number->integer || (*number->integer == '0' && p - number->integer > 1))
        return false;
    if (p < end && *p == '.') {
        number->fraction = ++p;
        p = skip_digits(p, end);
        number->fraction_end = p;
        if (p == number->fraction)
            return false;
    }
    if (p == end)
        return true;
    return (*p == 'e' || *p == 'E') && split_exponent(p + 1, end, &number->exponent);
}

/* ---- decimals ---- */

static uint128 decimal_magnitude(struct etl_decimal value)
{
    uint128 bits = (uint128)(uint64_t)value.high << 64 | value.low;
    return value.high < 0 ? 0 - bits : bits;
}

static struct etl_decimal decimal_make(uint128 magnitude, bool negative)
{
    uint128 bits = negative ? 0 - magnitude : magnitude;
    struct etl_decimal value = {.low = (uint64_t)bits, .high = (int64_t)(uint64_t)(bits >> 64)};
    return value;
}

/* Digits gathered so far; zeros at the end are only counted, so that "1.000...0" of any length is 1. */
struct gather {
    uint128 mantissa;
    unsigned digits; /* of the mantissa */
    size_t zeros;    /* seen behind it */
};

static bool gather_digits(struct gather *gather, const char *p, const char *end)
{
    for (; p < end; p++) {
        unsigned digit = (unsigned)(*p - '0');
        if (digit == 0) {
            gather->zeros += gather->mantissa != 0;
            continue;
        }
        if (gather->digits + gather->zeros + 1 > DECIMAL_DIGITS_MAX)
            return false;
        gather->mantissa = gather->mantissa * power_of_ten((unsigned)gather->zeros + 1) + digit;
        gather->digits += (unsigned)gather->zeros + 1;
        gather->zeros = 0;
    }
    return true;
}

static bool parse_decimal_slow(const char *text, size_t length, uint8_t precision, int8_t scale,
                               struct etl_decimal *ret_value)
{
    struct number number;
    struct gather gather = {0};
    int64_t shift = 0;

    if (!split_number(text, length, &number) || !gather_digits(&gather, number.integer, number.integer_end) ||
        !gather_digits(&gather, number.fraction, number.fraction_end))
        return false;
    if (gather.mantissa != 0) {
        /* The mantissa ends in a digit other than zero, so a negative shift would lose it. */
        shift = (int64_t)number.exponent - (number.fraction_end - number.fraction) + (int64_t)gather.zeros + scale;
        if (shift < 0 || shift > DECIMAL_DIGITS_MAX || (int64_t)gather.digits + shift > precision)
            return false;
        gather.mantissa *= power_of_ten((unsigned)shift);
    }
    *ret_value = decimal_make(gather.mantissa, number.negative);
    return true;
}

/* Plain notation of at most 18 digits whose fraction is not longer than the scale: what most columns hold. */
static bool parse_decimal_fast(const char *text, size_t length, uint8_t precision, int8_t scale,
                               struct etl_decimal *ret_value)
{
    const char *p = text, *end = text + length, *start = NULL;
    bool negative = *p == '-';
    uint64_t value = 0;
    int shift = scale;
    uint128 magnitude = 0;

    p += negative;
    start = p;
    for (; p < end && etl__is_digit(*p); p++)
        value = value * 10 + (uint64_t)(*p - '0');
    if (p == start || (*start == '0' && p - start > 1))
        return false;
    if (p < end) {
        const char *fraction = p + 1;
        if (*p != '.' || fraction == end)
            return false;
        for (p = fraction; p < end && etl__is_digit(*p); p++)
            value = value * 10 + (uint64_t)(*p - '0');
        shift -= (int)(p - fraction);
    }
    if (p != end || shift < 0 || shift > DECIMAL_DIGITS_MAX - 19)
        return false;
    magnitude = (uint128)value * powers_of_ten[shift];
    if (magnitude >= power_of_ten(precision))
        return false;
    *ret_value = decimal_make(magnitude, negative);
    return true;
}

bool etl_parse_decimal(const char *text, size_t length, uint8_t precision, int8_t scale, struct etl_decimal *ret_value)
{
    if (length == 0 || !(etl__is_digit(text[0]) || text[0] == '-') || precision > DECIMAL_DIGITS_MAX)
        return false;
    if (length <= 18 && scale >= 0 && parse_decimal_fast(text, length, precision, scale, ret_value))
        return true;
    return parse_decimal_slow(text, length, precision, scale, ret_value);
}

size_t etl_format_decimal(char *buffer, struct etl_decimal value, int8_t scale)
{
    char digits[48];
    size_t at = sizeof(digits), length = 0, fraction = scale > 0 ? (size_t)scale : 0;
    uint128 rest = decimal_magnitude(value);

    if (fraction > DECIMAL_DIGITS_MAX)
        fraction = DECIMAL_DIGITS_MAX;
    while (rest > UINT64_MAX) {
        digits[--at] = (char)('0' + (unsigned)(rest % 10));
        rest /= 10;
    }
    for (uint64_t low = (uint64_t)rest; low; low /= 10)
        digits[--at] = (char)('0' + low % 10);
    while (sizeof(digits) - at < fraction + 1)
        digits[--at] = '0';
    if (value.high < 0)
        buffer[length++] = '-';
    memcpy(buffer + length, digits + at, sizeof(digits) - at - fraction);
    length += sizeof(digits) - at - fraction;
    if (fraction == 0)
        return length;
    buffer[length++] = '.';
    memcpy(buffer + length, digits + sizeof(digits) - fraction, fraction);
    return length + fraction;
}

bool etl_decimal_rescale(struct etl_decimal value, int8_t from, int8_t to, struct etl_decimal *ret_value)
{
    uint128 magnitude = decimal_magnitude(value), limit = power_of_ten(DECIMAL_DIGITS_MAX);
    int shift = to - from;

    if (shift < 0 || magnitude >= limit)
        return false;
    if (magnitude != 0) {
        if (shift > DECIMAL_DIGITS_MAX || magnitude > (limit - 1) / power_of_ten((unsigned)shift))
            return false;
        magnitude *= power_of_ten((unsigned)shift);
    }
    *ret_value = decimal_make(magnitude, value.high < 0);
    return true;
}

struct etl_decimal etl_decimal_from_int64(int64_t value)
{
    struct etl_decimal decimal = {.low = (uint64_t)value, .high = value < 0 ? -1 : 0};
    return decimal;
}

int etl_decimal_compare(struct etl_decimal a, struct etl_decimal b)
{
    if (a.high != b.high)
        return a.high < b.high ? -1 : 1;
    return a.low == b.low ? 0 : a.low < b.low ? -1 : 1;
}

unsigned etl_decimal_digits(struct etl_decimal value)
{
    uint128 magnitude = decimal_magnitude(value);
    unsigned digits = 1;

    while (digits <= DECIMAL_DIGITS_MAX && magnitude >= power_of_ten(digits))
        digits++;
    return digits;
}

/* ---- doubles ---- */

static const double double_powers[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                         1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* Significant digits that decide the nearest double: 767 are enough for any, what follows only breaks a tie. */
#define DOUBLE_DIGITS_MAX 770

struct digits {
    char text[DOUBLE_DIGITS_MAX + 32];
    size_t length;
    int64_t dropped; /* digits that were left out */
    bool sticky;     /* one of them was not zero */
};

static void add_digits(struct digits *digits, const char *p, const char *end)
{
    for (; p < end; p++) {
        if (digits->length == 0 && *p == '0')
            continue;
        if (digits->length < DOUBLE_DIGITS_MAX) {
            digits->text[digits->length++] = *p;
        } else {
            digits->dropped++;
            digits->sticky |= *p != '0';
        }
    }
}

static double double_from_digits(struct digits *digits, int64_t exponent)
{
    size_t length = digits->length;

    if (length == 0)
        return 0.0;
    if (digits->sticky) {
        digits->text[length++] = '1';
        exponent--;
    }
    exponent += digits->dropped;
    if (exponent > EXPONENT_MAX)
        exponent = EXPONENT_MAX;
    if (exponent < -EXPONENT_MAX)
        exponent = -EXPONENT_MAX;
    snprintf(digits->text + length, sizeof(digits->text) - length, "e%d", (int)exponent);
    return strtod(digits->text, NULL);
}

static bool parse_double_slow(const struct number *number, double *ret_value)
{
    struct digits digits;
    double value = 0;

    digits.length = 0;
    digits.dropped = 0;
    digits.sticky = false;
    add_digits(&digits, number->integer, number->integer_end);
    add_digits(&digits, number->fraction, number->fraction_end);
    value = double_from_digits(&digits, (int64_t)number->exponent - (number->fraction_end - number->fraction));
    if (isinf(value))
        return false;
    *ret_value = number->negative ? -value : value;
    return true;
}

static bool parse_double_name(const char *text, size_t length, double *ret_value)
{
    if (length == 3 && memcmp(text, "NaN", 3) == 0)
        *ret_value = (double)NAN;
    else if (length == 8 && memcmp(text, "Infinity", 8) == 0)
        *ret_value = (double)INFINITY;
    else if (length == 9 && memcmp(text, "-Infinity", 9) == 0)
        *ret_value = -(double)INFINITY;
    else
        return false;
    return true;
}

bool etl_parse_double(const char *text, size_t length, double *ret_value)
{
    struct number number;
    uint64_t mantissa = 0;
    int64_t exponent = 0;

    if (length == 0)
        return false;
    if (!split_number(text, length, &number))
        return parse_double_name(text, length, ret_value);
    exponent = (int64_t)number.exponent - (number.fraction_end - number.fraction);
    if ((number.integer_end - number.integer) + (number.fraction_end - number.fraction) > 15 || exponent < -22 ||
        exponent > 22)
        return parse_double_slow(&number, ret_value);
    for (const char *p = number.integer; p < number.integer_end; p++)
        mantissa = mantissa * 10 + (uint64_t)(*p - '0');
    for (const char *p = number.fraction; p < number.fraction_end; p++)
        mantissa = mantissa * 10 + (uint64_t)(*p - '0');
    *ret_value =
        exponent < 0 ? (double)mantissa / double_powers[-exponent] : (double)mantissa * double_powers[exponent];
    if (number.negative)
        *ret_value = -*ret_value;
    return true;
}

/* Values with at most 15 significant digits and a short fraction: the smallest number of fraction digits that comes back is
 * also the shortest text. Returns 0 when the value is not of that kind. */
static size_t format_double_fast(char *buffer, double value)
{
    double magnitude = fabs(value);
    size_t length = 0;

    if (value == 0 || magnitude < 1e-4 || magnitude >= 1e15)
        return 0;
    for (int digits = 1; digits <= 9; digits++) {
        double scaled = magnitude * double_powers[digits];
        uint64_t whole = 0;
        if (scaled >= 1e15)
            return 0;
        whole = (uint64_t)(scaled + 0.5);
        if ((double)whole / double_powers[digits] != magnitude)
            continue;
        if (value < 0)
            buffer[length++] = '-';
        length += etl_format_uint64(buffer + length, whole / powers_of_ten[digits]);
        buffer[length++] = '.';
        whole %= powers_of_ten[digits];
        for (int i = digits - 1; i >= 0; i--, whole /= 10)
            buffer[length + (size_t)i] = (char)('0' + whole % 10);
        return length + (size_t)digits;
    }
    return 0;
}

size_t etl_format_double(char *buffer, double value)
{
    size_t length = 0;

    if (isnan(value)) {
        memcpy(buffer, "NaN", 3);
        return 3;
    }
    if (isinf(value)) {
        length = value < 0 ? 9 : 8;
        memcpy(buffer, value < 0 ? "-Infinity" : "Infinity", length);
        return length;
    }
    length = format_double_fast(buffer, value);
    if (length)
        return length;
    /* 15 digits always come back, except from subnormal numbers, which hold fewer. */
    for (int precision = fabs(value) < DBL_MIN ? 1 : 15; precision <= 17; precision++) {
        length = (size_t)snprintf(buffer, ETL_VALUE_TEXT_MAX, "%.*g", precision, value);
        if (strtod(buffer, NULL) == value)
            break;
    }
    if (!memchr(buffer, '.', length) && !memchr(buffer, 'e', length)) {
        memcpy(buffer + length, ".0", 2);
        length += 2;
    }
    return length;
}
