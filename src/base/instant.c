/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "base/instant.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { DAYS_PER_ERA = 146097, DAYS_TO_EPOCH = 719468 }; /* 400 years; 0000-03-01 to 1970-01-01 */

#define US_PER_SECOND INT64_C(1000000)
#define US_PER_DAY    (INT64_C(86400) * US_PER_SECOND)
#define PG_EPOCH_US   (INT64_C(946684800) * US_PER_SECOND) /* 2000-01-01 */

Instant instant_from_pg(int64_t us_since_2000)
{
    int64_t us;
    if (__builtin_add_overflow(us_since_2000, PG_EPOCH_US, &us))
        return INSTANT_NONE;
    return (Instant){us};
}

int64_t instant_to_pg(Instant instant)
{
    return instant.us - PG_EPOCH_US;
}

/* Days since 1970-01-01, counting years from March so that the leap day comes last. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    const int64_t era = (year >= 0 ? year : year - 399) / 400;
    const int64_t year_of_era = year - era * 400;
    const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH;
}

Instant instant_from_civil(const Civil *civil)
{
    const int64_t days = days_from_civil(civil->year, civil->month, civil->day);
    const int64_t seconds = days * 86400 + civil->hour * 3600 + civil->minute * 60 + civil->second;
    return (Instant){seconds * US_PER_SECOND + civil->us};
}

Civil instant_civil(Instant instant)
{
    int64_t days = instant.us / US_PER_DAY, rest = instant.us % US_PER_DAY;
    if (rest < 0) {
        rest += US_PER_DAY;
        days--;
    }
    days += DAYS_TO_EPOCH;
    const int64_t era = (days >= 0 ? days : days - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    const int64_t day_of_era = days - era * DAYS_PER_ERA;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / (DAYS_PER_ERA - 1)) / 365;
    const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t month_from_march = (5 * day_of_year + 2) / 153;
    Civil civil = {0};
    civil.day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    civil.month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    civil.year = (int)(year_of_era + era * 400 + (civil.month <= 2));
    const int64_t seconds = rest / US_PER_SECOND;
    civil.us = (int)(rest % US_PER_SECOND);
    civil.hour = (int)(seconds / 3600);
    civil.minute = (int)(seconds % 3600 / 60);
    civil.second = (int)(seconds % 60);
    return civil;
}

static char *digits_put(char *to, int value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        to[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return to + digits;
}

/* By hand: a manifest has a time a line, and snprintf takes ten times as long. */
InstantText instant_text(Instant instant)
{
    static const char between[] = "--T::";
    InstantText out = {"none"};
    if (instant_is_none(instant))
        return out;
    const Civil c = instant_civil(instant);
    const int fields[] = {c.month, c.day, c.hour, c.minute, c.second};
    char *at = out.text;
    if (c.year >= 0 && c.year <= 9999)
        at = digits_put(at, c.year, 4);
    else
        at += snprintf(at, sizeof out.text - strlen("-01-01T00:00:00.000000Z"), "%04d", c.year);
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        *at++ = between[i];
        at = digits_put(at, fields[i], 2);
    }
    if (c.us) {
        *at++ = '.';
        at = digits_put(at, c.us, 6);
    }
    memcpy(at, "Z", sizeof "Z");
    return out;
}

bool instant_has_text(Instant instant)
{
    const Civil c = instant_civil(instant);
    return c.year >= 0 && c.year <= 9999;
}

static bool days_fit(const Civil *c)
{
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (c->month < 1 || c->month > 12 || c->day < 1 || c->day > days[c->month - 1])
        return false;
    const bool is_leap = (c->year % 4 == 0 && c->year % 100 != 0) || c->year % 400 == 0;
    return c->month != 2 || c->day < 29 || is_leap;
}

/* Takes `digits` digits and the character behind them; NULL when something else stands there, or `text` is NULL. */
static const char *field_take(int *out, const char *text, int digits, char behind)
{
    int value = 0;
    for (int i = 0; text && i < digits; i++) {
        if (text[i] < '0' || text[i] > '9')
            return NULL;
        value = value * 10 + (text[i] - '0');
    }
    *out = value;
    return text && text[digits] == behind ? text + digits + 1 : NULL;
}

Err *instant_parse(Instant *out, const char *text)
{
    Civil c = {0};
    const char *at = field_take(&c.year, text, 4, '-');
    at = field_take(&c.month, at, 2, '-');
    at = field_take(&c.day, at, 2, 'T');
    at = field_take(&c.hour, at, 2, ':');
    at = field_take(&c.minute, at, 2, ':');
    const char *const whole = field_take(&c.second, at, 2, 'Z');
    if (!whole)
        at = field_take(&c.us, field_take(&c.second, at, 2, '.'), 6, 'Z');
    const char *const end = whole ? whole : at;
    if (!end || *end || !days_fit(&c) || c.hour > 23 || c.minute > 59 || c.second > 59)
        return ERR(USAGE, "\"%s\" is not a time such as 2026-11-21T08:33:12Z", text);
    *out = instant_from_civil(&c);
    return NULL;
}
