/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cli/zone.h"

#include "base/buf.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOUR_S        INT64_C(3600)
#define DAY_S         (24 * HOUR_S)
#define ZONE_NAME_MAX 64

/* Offsets reach from -12 to +14 hours: samples around a local time taken as UTC see both sides of a change near it. */
enum { SAMPLE_HOURS = 9, SAMPLES_EACH_SIDE = 3 };
/* Summer time comes within a year; so do names that change for good. */
enum { MONTH_DAYS = 30, MONTHS_EACH_SIDE = 12 };

/* Where the process runs while it asks about another zone. */
typedef struct Visit {
    bool is_away;
    char *home; /* TZ's value, or NULL when it was not set */
} Visit;

static void visit_begin(Visit *visit, const char *zone)
{
    const char *const home = getenv("TZ");
    *visit = (Visit){true, home ? mem_text(home) : NULL};
    AUTO(buf_done) Buf value = {0};
    buf_addf(&value, ":%s", zone); /* a file, never a rule such as EST5EDT */
    setenv("TZ", buf_text(&value), 1);
    tzset();
}

static void visit_end(Visit *visit)
{
    if (!visit->is_away)
        return;
    if (visit->home)
        setenv("TZ", visit->home, 1);
    else
        unsetenv("TZ");
    tzset();
    mem_free(&visit->home);
    visit->is_away = false;
}

static void stream_close(FILE **stream)
{
    if (*stream)
        fclose(*stream);
}

/* NULL when there is none. */
static FILE *database_open(const char *name)
{
    const char *const folder = getenv("TZDIR");
    AUTO(buf_done) Buf path = {0};
    buf_addf(&path, "%s/%s", folder && *folder ? folder : "/usr/share/zoneinfo", name);
    return fopen(buf_text(&path), "re");
}

/* The C library takes an unknown zone for UTC, silently, so the file is looked at first. */
static bool zone_exists(const char *name)
{
    if (strlen(name) >= ZONE_NAME_MAX || name[0] == '/' || strstr(name, ".."))
        return false;
    AUTO(stream_close) FILE *stream = database_open(name);
    char magic[4];
    return stream && fread(magic, 1, sizeof magic, stream) == sizeof magic && memcmp(magic, "TZif", 4) == 0;
}

static int64_t seconds_of(const Civil *local)
{
    Civil whole = *local;
    whole.us = 0;
    return instant_from_civil(&whole).us / 1000000;
}

static bool offsets_hold(const ZoneOffsets *offsets, int64_t seconds)
{
    for (size_t i = 0; i < offsets->count; i++) {
        if (offsets->seconds[i] == seconds)
            return true;
    }
    return false;
}

static void offsets_add(ZoneOffsets *offsets, int64_t seconds)
{
    if (!offsets_hold(offsets, seconds) && offsets->count < ZONE_OFFSETS_MAX)
        offsets->seconds[offsets->count++] = seconds;
}

static int64_t offset_at(int64_t utc_seconds)
{
    const time_t at = utc_seconds;
    struct tm tm;
    return localtime_r(&at, &tm) ? tm.tm_gmtoff : 0;
}

Err *zone_offsets(ZoneOffsets *out, const Civil *local, const char *name)
{
    AUTO(visit_end) Visit visit = {0};
    if (name && !zone_exists(name))
        return err_hint(ERR(USAGE, "the system's time zone database has no zone \"%s\"", name),
                        "zones are written like Asia/Seoul; an offset such as +09:00 always works");
    if (name)
        visit_begin(&visit, name);
    else
        tzset();
    const int64_t seconds = seconds_of(local);
    ZoneOffsets tried = {0}, found = {0};
    for (int i = -SAMPLES_EACH_SIDE; i <= SAMPLES_EACH_SIDE; i++)
        offsets_add(&tried, offset_at(seconds + i * SAMPLE_HOURS * HOUR_S));
    /* An offset is right when the clock showed it at the moment that it leads to. */
    for (size_t i = 0; i < tried.count; i++) {
        if (offset_at(seconds - tried.seconds[i]) == tried.seconds[i])
            offsets_add(&found, tried.seconds[i]);
    }
    *out = found;
    return NULL;
}

ZoneText zone_offset_text(int64_t seconds)
{
    ZoneText out;
    const int64_t size = seconds < 0 ? -seconds : seconds;
    const int hours = (int)(size / HOUR_S % 100), minutes = (int)(size % HOUR_S / 60);
    if (minutes)
        snprintf(out.text, sizeof out.text, "%c%02d:%02d", seconds < 0 ? '-' : '+', hours, minutes);
    else
        snprintf(out.text, sizeof out.text, "%c%02d", seconds < 0 ? '-' : '+', hours);
    return out;
}

/* What an abbreviation was found to mean, and a zone that uses it so. */
typedef struct Meanings {
    const char *abbreviation;
    int64_t around; /* seconds since 1970 */
    ZoneOffsets offsets;
    char zones[ZONE_OFFSETS_MAX][ZONE_NAME_MAX];
} Meanings;

static void meaning_add(Meanings *meanings, int64_t seconds, const char *zone)
{
    const size_t before = meanings->offsets.count;
    offsets_add(&meanings->offsets, seconds);
    if (meanings->offsets.count > before)
        snprintf(meanings->zones[before], ZONE_NAME_MAX, "%s", zone);
}

static void zone_ask(Meanings *meanings, const char *zone)
{
    AUTO(visit_end) Visit visit = {0};
    visit_begin(&visit, zone);
    for (int i = -MONTHS_EACH_SIDE; i <= MONTHS_EACH_SIDE; i++) {
        const time_t at = meanings->around + i * MONTH_DAYS * DAY_S;
        struct tm tm;
        if (localtime_r(&at, &tm) && text_equal(tm.tm_zone, meanings->abbreviation))
            meaning_add(meanings, tm.tm_gmtoff, zone);
    }
}

/* Every zone of the database's list: country code, place, name, remarks, apart by tabs. */
static void zones_ask(Meanings *meanings)
{
    AUTO(stream_close) FILE *stream = database_open("zone1970.tab");
    if (!stream)
        stream = database_open("zone.tab");
    char line[512];
    while (stream && fgets(line, sizeof line, stream)) {
        char zone[ZONE_NAME_MAX];
        if (line[0] != '#' && sscanf(line, "%*s %*s %63s", zone) == 1 && zone_exists(zone))
            zone_ask(meanings, zone);
    }
}

/* Meanings that people use and the database does not know, so that nobody gets the other one. */
static void habits_ask(Meanings *meanings)
{
    static const struct {
        const char *abbreviation, *zone;
        int64_t hours;
    } habits[] = {
        {"AST", "Asia/Riyadh", 3},    {"BST", "Asia/Dhaka", 6}, {"BST", "Pacific/Bougainville", 11},
        {"SST", "Asia/Singapore", 8}, {"GST", "Asia/Dubai", 4}, {"GST", "Atlantic/South_Georgia", -2}};
    for (size_t i = 0; i < COUNT_OF(habits); i++) {
        if (text_equal(habits[i].abbreviation, meanings->abbreviation))
            meaning_add(meanings, habits[i].hours * HOUR_S, habits[i].zone);
    }
}

Err *zone_abbreviation(int64_t *out_seconds, const char *abbreviation, const Civil *local)
{
    Meanings meanings = {.abbreviation = abbreviation, .around = seconds_of(local)};
    zones_ask(&meanings);
    habits_ask(&meanings);
    if (!meanings.offsets.count)
        return ERR(NOT_FOUND, "no time zone uses the abbreviation \"%s\"", abbreviation);
    if (meanings.offsets.count == 1) {
        *out_seconds = meanings.offsets.seconds[0];
        return NULL;
    }
    AUTO(buf_done) Buf list = {0};
    for (size_t i = 0; i < meanings.offsets.count; i++)
        buf_addf(&list, "%s%s in %s", i ? ", " : "", zone_offset_text(meanings.offsets.seconds[i]).text,
                 meanings.zones[i]);
    return err_hint(ERR(USAGE, "\"%s\" can mean %s", abbreviation, buf_text(&list)),
                    "write the offset, such as %s, or the zone, such as %s",
                    zone_offset_text(meanings.offsets.seconds[0]).text, meanings.zones[0]);
}
