/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "retention/policy.h"

#include "base/text.h"
#include "repo/backup_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_US INT64_C(3600000000)
#define DAY_US  (24 * HOUR_US)

static const char *const reason_names[] = {
    [POLICY_LAST] = "last",       [POLICY_PIN] = "pin",       [POLICY_FOREIGN] = "branch",
    [POLICY_PITR] = "pitr",       [POLICY_DAILY] = "daily",   [POLICY_WEEKLY] = "weekly",
    [POLICY_MONTHLY] = "monthly", [POLICY_YEARLY] = "yearly", [POLICY_BACKUPS] = "backups"};
static const char *const reason_texts[] = {[POLICY_LAST] = "the last good one",
                                           [POLICY_PIN] = "pinned",
                                           [POLICY_FOREIGN] = "of another branch",
                                           [POLICY_PITR] = "pitr",
                                           [POLICY_DAILY] = "daily",
                                           [POLICY_WEEKLY] = "weekly",
                                           [POLICY_MONTHLY] = "monthly",
                                           [POLICY_YEARLY] = "yearly",
                                           [POLICY_BACKUPS] = "backups"};

const char *policy_reason_name(PolicyReason reason)
{
    return reason_names[reason];
}

void policy_reasons_text(Buf *to, unsigned reasons)
{
    const char *comma = "";
    for (PolicyReason reason = 0; reason < POLICY_REASON_COUNT; reason++) {
        if (!(reasons & 1U << reason))
            continue;
        buf_addf(to, "%s%s", comma, reason_texts[reason]);
        comma = ", ";
    }
}

PolicyBackup policy_backup(const BackupRecord *record, Instant stored)
{
    return (PolicyBackup){.label = record->label,
                          .start_lsn = record->start_lsn,
                          .stop_lsn = record->stop_lsn,
                          .start_time = record->start_time,
                          .stop_time = record->stop_time,
                          .stored = stored};
}

/* One backup of the production branch. */
typedef struct Place {
    const PolicyBackup *backup;
    unsigned *reasons;
    Instant earliest, latest;
    Instant sure; /* it certainly was no later than this */
} Place;

typedef struct Judging {
    const PolicyAsk *ask;
    Place *places; /* by LSN */
    size_t count;
} Judging;

static int place_compare(const void *a, const void *b)
{
    const PolicyBackup *const x = ((const Place *)a)->backup, *const y = ((const Place *)b)->backup;
    if (x->stop_lsn.at != y->stop_lsn.at)
        return x->stop_lsn.at < y->stop_lsn.at ? -1 : 1;
    return strcmp(x->label.text, y->label.text);
}

/* ---- what time it was ---- */

static Instant reading_min(Instant a, Instant b)
{
    if (instant_is_none(a) || instant_is_none(b))
        return instant_is_none(a) ? b : a;
    return a.us < b.us ? a : b;
}

static Instant reading_max(Instant a, Instant b) /* none is the lowest */
{
    return a.us > b.us ? a : b;
}

static Instant believed(Instant reading, Instant now)
{
    return reading.us > now.us ? INSTANT_NONE : reading;
}

/* What both clocks say of it, as far as that is possible; none: nothing. */
static Instant own_reading(const PolicyBackup *backup, Instant now)
{
    return reading_max(believed(backup->stop_time, now), believed(backup->stored, now));
}

static void bounds_find(Judging *judging)
{
    const Instant now = judging->ask->now;
    Instant latest = INSTANT_NONE, before = INSTANT_NONE, earliest = now, sure = now;
    for (size_t i = 0; i < judging->count; i++) {
        Place *const place = &judging->places[i];
        const Instant own = own_reading(place->backup, now);
        latest = reading_max(latest, reading_max(place->backup->stop_time, place->backup->stored));
        place->latest = latest;
        /* A clock that shows less than it did before had been set back: how far is not known. */
        place->sure = own.us < before.us ? INSTANT_NONE : own;
        before = reading_max(before, own);
    }
    for (size_t i = judging->count; i-- > 0;) {
        Place *const place = &judging->places[i];
        earliest = reading_min(earliest, reading_min(place->backup->stop_time, place->backup->stored));
        place->earliest = earliest;
        place->latest = reading_max(place->latest, earliest);
        if (!instant_is_none(place->sure))
            sure = place->sure;
        place->sure = sure;
    }
}

/* ---- the promises ---- */

typedef enum Clock { BY_SERVER, BY_STORE, BY_EARLIEST, BY_LATEST, CLOCK_COUNT } Clock;

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* The number of the day, week, … in UTC. 1970-01-01 was a Thursday; weeks begin on Mondays. */
static int64_t period_of(PolicyReason reason, Instant time)
{
    const int64_t day = floor_div(time.us, DAY_US);
    const Civil civil = instant_civil(time);
    switch (reason) {
    case POLICY_WEEKLY:
        return floor_div(day + 3, 7);
    case POLICY_MONTHLY:
        return (int64_t)civil.year * 12 + civil.month;
    case POLICY_YEARLY:
        return civil.year;
    default:
        return day;
    }
}

/* What cannot fulfil a promise is passed over; with `with_broken` as if WAL that is missing were there. */
static bool is_candidate(const Place *place, bool with_broken)
{
    return !place->backup->is_given_up && (with_broken || place->backup->is_good);
}

/* Bounds stand in for a reading that there is not. */
static Instant time_by(Clock clock, const Place *place)
{
    const Instant server = place->backup->stop_time, store = place->backup->stored;
    switch (clock) {
    case BY_SERVER:
        return instant_is_none(server) ? place->earliest : server;
    case BY_STORE:
        return instant_is_none(store) ? place->earliest : store;
    case BY_EARLIEST:
        return place->earliest;
    default:
        return place->latest;
    }
}

/* The last one of each of the newest `wanted` periods. Where the clock was set back between two backups, the older one
 * may be of another period whatever it shows: it stays too, and takes no other period's place. */
static void periods_keep(Judging *judging, PolicyReason reason, uint32_t wanted, Clock clock,
                         bool with_broken)
{
    int64_t period = INT64_MAX, later_us = INT64_MAX;
    for (size_t i = judging->count; i-- > 0 && wanted;) {
        Place *const place = &judging->places[i];
        const Instant time = time_by(clock, place);
        const int64_t own = period_of(reason, time);
        if (!is_candidate(place, with_broken))
            continue;
        const bool was_set_back = time.us > later_us;
        later_us = time.us;
        if (own == period && !was_set_back)
            continue;
        *place->reasons |= 1U << reason;
        period = own;
        wanted -= !was_set_back;
    }
}

static void all_periods_keep(Judging *judging, bool with_broken)
{
    const Promises *const promises = &judging->ask->promises;
    const struct {
        PolicyReason reason;
        uint32_t wanted;
    } all[] = {{POLICY_DAILY, promises->daily},
               {POLICY_WEEKLY, promises->weekly},
               {POLICY_MONTHLY, promises->monthly},
               {POLICY_YEARLY, promises->yearly}};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        for (Clock clock = 0; clock < CLOCK_COUNT; clock++)
            periods_keep(judging, all[i].reason, all[i].wanted, clock, with_broken);
    }
}

static void newest_keep(Judging *judging, bool with_broken)
{
    uint32_t wanted = judging->ask->promises.backups;
    for (size_t i = judging->count; i-- > 0 && wanted;) {
        if (!is_candidate(&judging->places[i], with_broken))
            continue;
        *judging->places[i].reasons |= 1U << POLICY_BACKUPS;
        wanted--;
    }
}

/* The newest backup that is old enough opens the window, everything after it lies in it. Without one all do. */
static void pitr_keep(Judging *judging)
{
    const int64_t begin_us = judging->ask->now.us - judging->ask->promises.pitr_us;
    if (!judging->ask->promises.pitr_us)
        return;
    size_t first = judging->count;
    bool is_found = false;
    while (first > 0 && !is_found) {
        const Place *const place = &judging->places[--first];
        is_found = is_candidate(place, false) && place->sure.us <= begin_us;
    }
    for (size_t i = first; i < judging->count; i++) {
        if (is_candidate(&judging->places[i], true))
            *judging->places[i].reasons |= 1U << POLICY_PITR;
    }
}

/* Of those that were not given up if possible, of the good ones if possible. */
static Place *last_find(Judging *judging)
{
    for (int try = 0; try < 4; try++) {
        const bool with_given_up = try & 1, with_broken = try & 2;
        for (size_t i = judging->count; i-- > 0;) {
            const PolicyBackup *const backup = judging->places[i].backup;
            if (!backup->is_forced && (with_given_up || !backup->is_given_up) &&
                (with_broken || backup->is_good))
                return &judging->places[i];
        }
    }
    return NULL;
}

/* ---- the judgement ---- */

static void others_keep(const PolicyAsk *ask, unsigned *reasons)
{
    for (size_t i = 0; i < ask->count; i++) {
        const PolicyBackup *const backup = &ask->backups[i];
        if (backup->is_pinned && !backup->is_forced)
            reasons[i] |= 1U << POLICY_PIN;
        if (!backup->is_on_production && !backup->is_given_up)
            reasons[i] |= 1U << POLICY_FOREIGN;
    }
}

static Lsn wal_from_find(const Judging *judging, const Place *last)
{
    Lsn from = last->backup->start_lsn;
    for (size_t i = 0; i < judging->count; i++) {
        if (*judging->places[i].reasons & 1U << POLICY_PITR)
            from = lsn_min(from, judging->places[i].backup->start_lsn);
    }
    return from;
}

void policy_judge(Policy *out, const PolicyAsk *ask, Arena *arena)
{
    unsigned *const reasons = arena_alloc(arena, ask->count * sizeof *reasons);
    Judging judging = {.ask = ask, .places = arena_alloc(arena, ask->count * sizeof(Place))};
    for (size_t i = 0; i < ask->count; i++) {
        if (ask->backups[i].is_on_production)
            judging.places[judging.count++] = (Place){.backup = &ask->backups[i], .reasons = &reasons[i]};
    }
    if (judging.count)
        qsort(judging.places, judging.count, sizeof(Place), place_compare);
    bounds_find(&judging);
    others_keep(ask, reasons);
    for (int with_broken = 0; with_broken <= 1; with_broken++) {
        all_periods_keep(&judging, with_broken);
        newest_keep(&judging, with_broken);
    }
    pitr_keep(&judging);
    Place *const last = last_find(&judging);
    if (last)
        *last->reasons |= 1U << POLICY_LAST;
    *out = (Policy){.reasons = reasons, .has_last = last && last->backup->is_good};
    if (out->has_last)
        out->wal_from = wal_from_find(&judging, last);
}

/* ---- full-every ---- */

/* A backup at the same hour of the day is never a whole number of days after the last one. */
static int64_t slack_of(int64_t every_us)
{
    return every_us / 10 < HOUR_US ? every_us / 10 : HOUR_US;
}

static const PolicyBackup *newest_full(const PolicyAsk *ask)
{
    const PolicyBackup *newest = NULL;
    for (size_t i = 0; i < ask->count; i++) {
        const PolicyBackup *const backup = &ask->backups[i];
        if (backup->is_on_production && backup->is_good && label_type(backup->label) == BACKUP_FULL &&
            (!newest || backup->stop_lsn.at > newest->stop_lsn.at))
            newest = backup;
    }
    return newest;
}

void full_is_due(FullDue *out, const PolicyAsk *ask)
{
    const int64_t every_us = ask->promises.full_every_us;
    *out = (FullDue){.is_due = false};
    if (!every_us)
        return;
    const PolicyBackup *const full = newest_full(ask);
    const int64_t age_us =
        full && !instant_is_none(full->start_time) ? ask->now.us - full->start_time.us : -1;
    out->is_due = age_us < 0 || age_us >= every_us - slack_of(every_us);
    if (!out->is_due)
        return;
    if (!full)
        snprintf(out->why, sizeof out->why, "there is no good full backup, and full-every asks for one");
    else if (age_us < 0)
        snprintf(out->why, sizeof out->why,
                 "how old the full backup %s is cannot be told: its time lies ahead", full->label.text);
    else
        snprintf(out->why, sizeof out->why, "the full backup %s is %s old, full-every is %s",
                 full->label.text, duration_text(age_us).text, duration_text(every_us).text);
}
