/* Text forms of booleans, dates, times, timestamps, UUIDs, and the UTF-8 check. Calendar arithmetic is the proleptic Gregorian
 * calendar in days (eras of 400 years that begin in March), without the C library's time functions. */
#include <etlhost/sdk/value_text.h>

#include <string.h>

#include "sdk/src/text_scan.h"

#define US_PER_SECOND INT64_C(1000000)
#define US_PER_DAY    (INT64_C(86400) * US_PER_SECOND)

bool etl_parse_bool(const char *text, size_t length, bool *ret_value)
{
    bool is_true = length == 4 && memcmp(text, "true", 4) == 0;

    if (!is_true && !(length == 5 && memcmp(text, "false", 5) == 0))
        return false;
    *ret_value = is_true;
    return true;
}

bool etl_is_uuid(const char *text, size_t length)
{
    if (length != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-')
        return false;
    for (size_t i = 0; i < 36; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23)
            continue;
        if (!etl__is_digit(text[i]) && (uint8_t)((text[i] | 0x20) - 'a') > 5)
            return false;
    }
    return true;
}

bool etl_is_utf8(const char *text, size_t length)
{
    const char *p = text, *end = text + length;

    while ((p = length ? etl__ascii_scan(p, end) : end) < end) {
        do {
            size_t size = etl__utf8_sequence(p, end);
            if (size == 0)
                return false;
            p += size;
        } while (p < end && etl__byte(p) >= 0x80);
    }
    return true;
}

/* ---- calendar ---- */

static int64_t days_from_civil(int64_t year, unsigned month, unsigned day)
{
    int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (int64_t)(month + (month > 2 ? -3u : 9u)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static void civil_from_days(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day)
{
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153; /* months since March */

    *ret_day = (unsigned)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *ret_month = (unsigned)(shifted < 10 ? shifted + 3 : shifted - 9);
    *ret_year = year_of_era + era * 400 + (*ret_month <= 2);
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 ? 28u + leap : 30u + ((month + (month >> 3)) & 1);
}

/* ---- parsing ---- */

/* Two digits, or a number above 99. */
static unsigned two_digits(const char *text)
{
    unsigned tens = (uint8_t)(text[0] - '0'), ones = (uint8_t)(text[1] - '0');
    return tens > 9 || ones > 9 ? 1000 : tens * 10 + ones;
}

bool etl_parse_date(const char *text, size_t length, int32_t *ret_days)
{
    unsigned century = 0, year = 0, month = 0, day = 0;

    if (length != 10 || text[4] != '-' || text[7] != '-')
        return false;
    century = two_digits(text);
    year = two_digits(text + 2);
    month = two_digits(text + 5);
    day = two_digits(text + 8);
    if (century > 99 || year > 99 || month - 1 > 11)
        return false;
    year += century * 100;
    if (year == 0 || day == 0 || day > days_in_month(year, month))
        return false;
    *ret_days = (int32_t)days_from_civil(year, month, day);
    return true;
}

/* "hh:mm:ss" and a fraction at the start of the text; returns the number of bytes used, 0 if it is no time. */
static size_t parse_time_of_day(const char *text, size_t length, int64_t *ret_us)
{
    unsigned hour = 0, minute = 0, second = 0;
    int64_t fraction = 0, unit = US_PER_SECOND;
    size_t at = 8;

    if (length < 8 || text[2] != ':' || text[5] != ':')
        return 0;
    hour = two_digits(text);
    minute = two_digits(text + 3);
    second = two_digits(text + 6);
    if (hour > 23 || minute > 59 || second > 59)
        return 0;
    if (length > 8 && text[8] == '.') {
        for (at = 9; at < length && etl__is_digit(text[at]); at++) {
            unit /= 10;
            if (unit == 0 && text[at] != '0')
                return 0; /* finer than a microsecond */
            fraction += (text[at] - '0') * unit;
        }
        if (at == 9)
            return 0;
    }
    *ret_us = ((int64_t)hour * 3600 + minute * 60 + second) * US_PER_SECOND + fraction;
    return at;
}

bool etl_parse_time(const char *text, size_t length, int64_t *ret_us)
{
    int64_t us = 0;

    if (length < 8 || parse_time_of_day(text, length, &us) != length)
        return false;
    *ret_us = us;
    return true;
}

/* "Z", "+hh", "+hhmm", "+hh:mm" -> microseconds east of UTC. */
static bool parse_zone(const char *text, size_t length, int64_t *ret_us)
{
    unsigned hour = 0, minute = 0;

    if (length == 1 && text[0] == 'Z') {
        *ret_us = 0;
        return true;
    }
    if ((text[0] != '+' && text[0] != '-') || (length != 3 && length != 5 && length != 6))
        return false;
    hour = two_digits(text + 1);
    if (length == 6 && text[3] != ':')
        return false;
    if (length > 3)
        minute = two_digits(text + length - 2);
    if (hour > 23 || minute > 59)
        return false;
    *ret_us = (int64_t)(hour * 60 + minute) * 60 * US_PER_SECOND;
    if (text[0] == '-')
        *ret_us = -*ret_us;
    return true;
}

bool etl_parse_timestamp(const char *text, size_t length, int64_t *ret_us, bool *ret_has_zone)
{
    int32_t days = 0;
    int64_t us = 0, zone = 0;
    size_t used = 0;

    if (length < 19 || (text[10] != 'T' && text[10] != ' ') || !etl_parse_date(text, 10, &days))
        return false;
    used = parse_time_of_day(text + 11, length - 11, &us);
    if (used == 0)
        return false;
    used += 11;
    if (used < length && !parse_zone(text + used, length - used, &zone))
        return false;
    us += days * US_PER_DAY - zone;
    /* The zone may have moved it out of the years that have a text form. */
    if (us < -719162 * US_PER_DAY || us >= 2932897 * US_PER_DAY)
        return false;
    *ret_us = us;
    *ret_has_zone = used < length;
    return true;
}

/* ---- formatting ---- */

static size_t put_digits(char *buffer, uint64_t value, size_t width)
{
    for (size_t i = width; i-- > 0; value /= 10)
        buffer[i] = (char)('0' + value % 10);
    return width;
}

static size_t format_days(char *buffer, int64_t days)
{
    int64_t year = 0;
    unsigned month = 0, day = 0;
    size_t length = 0;

    civil_from_days(days, &year, &month, &day);
    if (year < 0 || year > 9999)
        buffer[length++] = year < 0 ? '-' : '+';
    if (year < 0)
        year = -year;
    if (year > 9999)
        length += etl_format_int64(buffer + length, year);
    else
        length += put_digits(buffer + length, (uint64_t)year, 4);
    buffer[length++] = '-';
    length += put_digits(buffer + length, month, 2);
    buffer[length++] = '-';
    return length + put_digits(buffer + length, day, 2);
}

size_t etl_format_date(char *buffer, int32_t days)
{
    return format_days(buffer, days);
}

size_t etl_format_time(char *buffer, int64_t us)
{
    uint64_t magnitude = us < 0 ? 0 - (uint64_t)us : (uint64_t)us, second = magnitude / 1000000,
             fraction = magnitude % 1000000;
    size_t length = 0;

    if (us < 0)
        buffer[length++] = '-';
    if (second >= 360000)
        length += etl_format_uint64(buffer + length, second / 3600);
    else
        length += put_digits(buffer + length, second / 3600, 2);
    buffer[length++] = ':';
    length += put_digits(buffer + length, second / 60 % 60, 2);
    buffer[length++] = ':';
    length += put_digits(buffer + length, second % 60, 2);
    if (fraction == 0)
        return length;
    buffer[length++] = '.';
    return length + put_digits(buffer + length, fraction, 6);
}

size_t etl_format_timestamp(char *buffer, int64_t us, bool is_utc)
{
    int64_t days = us / US_PER_DAY, rest = us % US_PER_DAY;
    size_t length = 0;

    if (rest < 0) {
        rest += US_PER_DAY;
        days--;
    }
    length = format_days(buffer, days);
    buffer[length++] = 'T';
    length += etl_format_time(buffer + length, rest);
    if (is_utc)
        buffer[length++] = 'Z';
    return length;
}
