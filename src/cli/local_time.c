/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cli/local_time.h"

#include "base/buf.h"
#include "base/text.h"
#include "cli/zone.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define US_PER_SECOND INT64_C(1000000)

/* Longer than any of these is no time. */
enum { TIME_TEXT_MAX = 120, ABBREVIATION_MIN = 2, ABBREVIATION_MAX = 6, OFFSET_HOURS_MAX = 15 };

/* Exactly `digits` digits at *at, which moves on. */
static bool number_take(int *out, const char **at, int digits)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        if (!isdigit((unsigned char)(*at)[i]))
            return false;
        value = value * 10 + ((*at)[i] - '0');
    }
    *out = value;
    *at += digits;
    return true;
}

static bool char_take(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

/* ".5" to ".123456": microseconds. */
static bool fraction_take(int *out_us, const char **at)
{
    int us = 0, scale = 100000;
    if (!isdigit((unsigned char)**at))
        return false;
    for (; isdigit((unsigned char)**at); (*at)++, scale /= 10) {
        if (!scale)
            return false;
        us += (**at - '0') * scale;
    }
    *out_us = us;
    return true;
}

/* Date and time of day; *at then stands at the zone. */
static bool civil_take(Civil *out, const char **at)
{
    Civil c = {0};
    bool is_good = number_take(&c.year, at, 4) && char_take(at, '-') && number_take(&c.month, at, 2) &&
                   char_take(at, '-') && number_take(&c.day, at, 2) &&
                   (char_take(at, 'T') || char_take(at, ' ')) && number_take(&c.hour, at, 2) &&
                   char_take(at, ':') && number_take(&c.minute, at, 2);
    if (is_good && char_take(at, ':'))
        is_good = number_take(&c.second, at, 2) && (!char_take(at, '.') || fraction_take(&c.us, at));
    if (!is_good || c.year < 1970 || c.month < 1 || c.month > 12 || c.day < 1 || c.hour > 23 ||
        c.minute > 59 || c.second > 59)
        return false;
    /* 31 April comes back as 1 May. */
    const Civil back = instant_civil(instant_from_civil(&c));
    *out = c;
    return back.day == c.day && back.month == c.month;
}

/* "+09", "+0900", "+09:00" */
static bool offset_parse(int64_t *out_seconds, const char *text)
{
    int hours = 0, minutes = 0;
    const char *at = text + 1;
    if (!number_take(&hours, &at, 2))
        return false;
    if (*at) {
        (void)char_take(&at, ':');
        if (!number_take(&minutes, &at, 2) || *at)
            return false;
    }
    if (hours > OFFSET_HOURS_MAX || minutes > 59)
        return false;
    const int64_t seconds = hours * 3600 + minutes * 60;
    *out_seconds = text[0] == '-' ? -seconds : seconds;
    return true;
}

static bool is_abbreviation(const char *zone)
{
    const size_t len = strlen(zone);
    return len >= ABBREVIATION_MIN && len <= ABBREVIATION_MAX &&
           strspn(zone, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == len;
}

/* A local time at one of the zone's offsets. */
static Err *offset_choose(int64_t *out_seconds, const Civil *local, const char *zone)
{
    ZoneOffsets offsets;
    TRY(zone_offsets(&offsets, local, zone));
    const char *const where = zone ? zone : "the local time zone";
    char clock[32];
    snprintf(clock, sizeof clock, "%04d-%02d-%02d %02d:%02d:%02d", local->year % 10000, local->month % 100,
             local->day % 100, local->hour % 100, local->minute % 100, local->second % 100);
    if (!offsets.count)
        return err_hint(ERR(USAGE, "%s does not exist in %s: clocks were put forward over it", clock, where),
                        "give the time with an offset, such as +00 for UTC");
    if (offsets.count > 1)
        return err_hint(
            ERR(USAGE, "%s comes twice in %s: at %s and at %s", clock, where,
                zone_offset_text(offsets.seconds[0]).text, zone_offset_text(offsets.seconds[1]).text),
            "say which one with the offset: \"%s%s\"", clock, zone_offset_text(offsets.seconds[0]).text);
    *out_seconds = offsets.seconds[0];
    return NULL;
}

static Err *zone_resolve(int64_t *out_seconds, const Civil *local, const char *zone)
{
    static const char *const utc[] = {"Z", "z", "UTC", "utc", "GMT", "UT"};
    for (size_t i = 0; i < COUNT_OF(utc); i++) {
        if (text_equal(utc[i], zone)) {
            *out_seconds = 0;
            return NULL;
        }
    }
    if (*zone == '+' || *zone == '-') {
        if (offset_parse(out_seconds, zone))
            return NULL;
        return err_hint(ERR(USAGE, "\"%s\" is not an offset from UTC", zone), "write +09, +0900 or +09:00");
    }
    if (!is_abbreviation(zone))
        return offset_choose(out_seconds, local, zone);
    AUTO(err_free) Err *err = zone_abbreviation(out_seconds, zone, local);
    if (!err_is(err, ERR_NOT_FOUND))
        return TAKE(err);
    /* Some zones have such names: PRC, EET, NZ. */
    return offset_choose(out_seconds, local, zone);
}

Err *moment_parse(Moment *out, const char *text)
{
    Civil local;
    const char *at = text;
    if (strlen(text) > TIME_TEXT_MAX || !civil_take(&local, &at))
        return err_hint(ERR(USAGE, "\"%.*s\" is not a time", TIME_TEXT_MAX, text),
                        "write it like \"2026-11-21 08:33:12+09\" or \"2026-11-21 08:33:12 Asia/Seoul\"");
    at += *at == ' ';
    Moment moment = {.is_zoneless = !*at};
    if (moment.is_zoneless)
        TRY(offset_choose(&moment.offset_s, &local, NULL));
    else
        TRY_AS(zone_resolve(&moment.offset_s, &local, at), "\"%s\"", text);
    moment.at = (Instant){instant_from_civil(&local).us - moment.offset_s * US_PER_SECOND};
    *out = moment;
    return NULL;
}

static void civil_add(Buf *out, const Civil *c, const Civil *unless_same_day)
{
    if (!unless_same_day || unless_same_day->day != c->day)
        buf_addf(out, "%04d-%02d-%02d ", c->year, c->month, c->day);
    buf_addf(out, "%02d:%02d:%02d", c->hour, c->minute, c->second);
    if (!c->us)
        return;
    buf_addf(out, ".%06d", c->us);
    while (out->data[out->len - 1] == '0')
        out->data[--out->len] = 0;
}

static LocalTimeText at_offset(Instant at, int64_t offset_s)
{
    LocalTimeText out = {"none"};
    if (instant_is_none(at))
        return out;
    const Civil utc = instant_civil(at), local = instant_civil((Instant){at.us + offset_s * US_PER_SECOND});
    AUTO(buf_done) Buf text = {0};
    civil_add(&text, &local, NULL);
    buf_addf(&text, "%s", zone_offset_text(offset_s).text);
    if (offset_s) {
        buf_addf(&text, " (");
        civil_add(&text, &utc, &local);
        buf_addf(&text, " UTC)");
    }
    snprintf(out.text, sizeof out.text, "%s", buf_text(&text));
    return out;
}

LocalTimeText local_time_text(Instant instant)
{
    if (instant_is_none(instant))
        return (LocalTimeText){"none"};
    const int64_t us = instant.us % US_PER_SECOND;
    const time_t seconds = instant.us / US_PER_SECOND - (us < 0);
    struct tm tm;
    return at_offset(instant, localtime_r(&seconds, &tm) ? tm.tm_gmtoff : 0);
}

LocalTimeText moment_text(const Moment *moment)
{
    return at_offset(moment->at, moment->offset_s);
}

/* How many bytes at `text` are a time as instant_text() writes it; 0: none. */
static size_t stamp_len(Instant *out, const char *text)
{
    InstantText stamp;
    const size_t len = strspn(text, "0123456789-:.T") + 1;
    if (text[len - 1] != 'Z' || len >= sizeof stamp.text)
        return 0;
    memcpy(stamp.text, text, len);
    stamp.text[len] = 0;
    AUTO(err_free) Err *err = instant_parse(out, stamp.text);
    return err ? 0 : len;
}

void local_times_add(Buf *out, const char *text)
{
    for (const char *at = text; *at;) {
        Instant instant;
        const bool begins_here = at == text || at[-1] == ' ' || at[-1] == '(';
        const size_t len = begins_here ? stamp_len(&instant, at) : 0;
        if (len)
            buf_add_text(out, local_time_text(instant).text);
        else
            buf_add(out, at, 1);
        at += len ? len : 1;
    }
}
