/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * WAL that nothing wants. What is wanted now is written down, and only what no record of the last grace wanted goes: the
 * records younger than the grace, and the youngest that is older (repo/hold_wal.h).
 *
 * WAL beside the production branch, and of what an ancestor wrote behind the point where production left it, stays until
 * its timeline is given up, and all others that branched off it.
 */
#include "archive/wal_window.h"
#include "base/text.h"
#include "retention/expire_priv.h"

#include <inttypes.h>
#include <string.h>

enum {
    RECORDS_PER_GRACE = 16, /* more in one grace say nothing new */
    RECORD_TRIES_MAX = 10,  /* so many others may write one under our eyes */
};

typedef struct Wanted {
    WalWanted range;
    const char *why;
} Wanted;

typedef struct WalSweep {
    Expiry *expiry;
    Buf wanted;   /* of Wanted: by what there is now */
    Buf ranges;   /* of WalWanted: the same, to be written down */
    Buf records;  /* of WalWantedList: those that still count */
    bool is_ripe; /* one of them is a grace old */
    Buf keys;     /* what goes, each with its NUL */
} WalSweep;

static void wal_sweep_done(WalSweep *sweep)
{
    buf_done(&sweep->wanted);
    buf_done(&sweep->ranges);
    buf_done(&sweep->records);
    buf_done(&sweep->keys);
}

/* ---- what is wanted now ---- */

/* The bytes [from, to) of a line of descent. */
static void line_add(WalSweep *sweep, const Lineage *line, Lsn from, Lsn to, const char *why)
{
    const uint64_t segment_bytes = line->segment_bytes;
    for (size_t i = 0; i < line->count; i++) {
        const LineagePart *const part = &line->parts[i];
        const Lsn begin = lsn_max(from, part->begin), end = lsn_min(to, part->end);
        if (begin.at >= end.at)
            continue;
        const bool is_open = end.at == LINEAGE_OPEN.at;
        const Wanted wanted = {{.timeline = part->timeline,
                                .first = begin.at / segment_bytes,
                                .last = is_open ? WAL_WANTED_OPEN : (end.at - 1) / segment_bytes},
                               why};
        buf_add(&sweep->wanted, &wanted, sizeof wanted);
        buf_add(&sweep->ranges, &wanted.range, sizeof wanted.range);
    }
}

/* A backup of another branch can be rolled forward for as long as that branch is there. */
static Err *committed_add(WalSweep *sweep, const StockBackup *backup)
{
    const Stock *const stock = &sweep->expiry->stock;
    const BackupRecord *const record = &backup->record;
    const char *const why = arena_textf(sweep->expiry->arena, "backup %s", record->label.text);
    const Lineage *other;
    bool has_other = false;
    for (size_t i = 0;
         !backup->is_on_production && !backup->is_given_up && stock_line_of(&other, stock, record, i); i++) {
        line_add(sweep, other, record->start_lsn, LINEAGE_OPEN, why);
        has_other = true;
    }
    if (has_other)
        return NULL;
    Lineage line = stock->production;
    if (!backup->is_on_production)
        TRY(lineage_load(&line, stock->repo, stock->generation, record->timeline, sweep->expiry->arena));
    /* The record that the backup must reach may end right behind the border of a segment. */
    line_add(sweep, &line, record->start_lsn, (Lsn){record->stop_lsn.at + 1}, why);
    return NULL;
}

/* Is anything stored that only this line has? */
static bool has_own(const Stock *stock, const Lineage *line, Lsn fork)
{
    const LineagePart *const own = &line->parts[line->count - 1];
    const WalTimeline *const wal = wal_archive_timeline(&stock->archive, line->timeline);
    return wal && wal_timeline_end(wal) > lsn_max(own->begin, fork).at / line->segment_bytes;
}

/* The newest backup of production that leads to where the line leaves it, all WAL up to there being there. */
static const BackupRecord *base_find(const Expiry *expiry, const Lineage *line, Lsn fork)
{
    const Stock *const stock = &expiry->stock;
    const BackupRecord *base = NULL;
    const WalSource source = {
        .repo = stock->repo, .generation = stock->generation, .archive = &stock->archive, .lineage = line};
    for (size_t i = 0; i < stock->count; i++) {
        const StockBackup *const backup = &stock->backups[i];
        if (!backup->is_on_production || expiry->judgements[i].verdict != VERDICT_STAYS ||
            !lineage_has_backup(line, backup->record.timeline, backup->record.stop_lsn) ||
            (base && base->stop_lsn.at > backup->record.stop_lsn.at))
            continue;
        base = &backup->record;
    }
    if (!base)
        return NULL;
    const WalWindow window = wal_window_find(&source, base->start_lsn);
    return wal_window_reaches(&window, fork) ? base : NULL;
}

static bool has_own_backup(const Stock *stock, const Lineage *line)
{
    for (size_t i = 0; i < stock->count; i++) {
        const StockBackup *const backup = &stock->backups[i];
        if (backup->entry.is_committed && backup->is_placed && !backup->is_on_production &&
            lineage_has_backup(line, backup->record.timeline, backup->record.stop_lsn))
            return true;
    }
    return false;
}

static void useless_tell(const Expiry *expiry, Timeline timeline)
{
    const WalTimeline *const wal = wal_archive_timeline(&expiry->stock.archive, timeline);
    Report *const report = expiry->work->report;
    report_note(report, "expire/NO_BACKUP",
                "no backup leads to what timeline %u wrote beside the production branch; it has %" PRIu64
                " segments, %s, in the repository %s",
                timeline.id, wal->segments, size_text(wal->stored_bytes).text, expiry->repo->name);
    report_hint(report, "\"pgstrata expire --drop-timeline %u\" gives it up", timeline.id);
}

/* What another branch has written, and the way there. */
static void other_add(WalSweep *sweep, const Lineage *line)
{
    Expiry *const expiry = sweep->expiry;
    const Stock *const stock = &expiry->stock;
    const Lsn fork = stock->production.count ? lineage_fork(line, &stock->production) : (Lsn){0};
    const char *const why =
        arena_textf(expiry->arena, "timeline %u, which is another branch", line->timeline.id);
    line_add(sweep, line, fork, LINEAGE_OPEN, why);
    if (!has_own(stock, line, fork))
        return;
    const BackupRecord *const base = base_find(expiry, line, fork);
    if (base)
        line_add(sweep, line, base->start_lsn, fork, why);
    else if (!has_own_backup(stock, line))
        useless_tell(expiry, line->timeline);
}

static Err *running_add(WalSweep *sweep, const StockBackup *backup)
{
    Lineage line;
    const Stock *const stock = &sweep->expiry->stock;
    if (!backup->entry.has_begin || !lsn_is_valid(backup->begin.start_lsn))
        return NULL;
    TRY(lineage_load(&line, stock->repo, stock->generation, backup->begin.timeline, sweep->expiry->arena));
    line_add(
        sweep, &line, backup->begin.start_lsn, LINEAGE_OPEN,
        arena_textf(sweep->expiry->arena, "backup %s, begun and not committed", backup->entry.label.text));
    return NULL;
}

static Err *wanted_find(WalSweep *sweep)
{
    Expiry *const expiry = sweep->expiry;
    const Promises *const promises = &expiry->work->cluster->retention;
    if (expiry->policy.has_last)
        line_add(sweep, &expiry->stock.production, expiry->policy.wal_from, LINEAGE_OPEN,
                 promises->pitr_us ? "pitr" : "the last good backup");
    for (size_t i = 0; i < expiry->stock.count; i++) {
        const StockBackup *const backup = &expiry->stock.backups[i];
        if (expire_is_due(expiry, i))
            continue;
        TRY(backup->entry.is_committed ? committed_add(sweep, backup) : running_add(sweep, backup));
    }
    for (size_t i = 0; i < expiry->stock.other_count && expiry->policy.has_last; i++)
        other_add(sweep, &expiry->stock.others[i]);
    return NULL;
}

/* ---- what was wanted ---- */

static WalWantedList ranges_list(const WalSweep *sweep)
{
    return (WalWantedList){.ranges = (const WalWanted *)(const void *)sweep->ranges.data,
                           .count = sweep->ranges.len / sizeof(WalWanted)};
}

static int64_t age_of(const Expiry *expiry, const HoldWalEntry *record)
{
    return expiry->store_now.us - record->stored.us;
}

static bool is_within(const WalWanted *range, const WalWantedList *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const WalWanted *const in = &list->ranges[i];
        if (in->timeline.id == range->timeline.id && in->first <= range->first && range->last <= in->last)
            return true;
    }
    return false;
}

/* What a record of a moment ago says. One that cannot be read, or that somebody has tidied away, says nothing. */
static Err *said_read(WalWantedList *out, const Expiry *expiry, uint32_t number)
{
    *out = (WalWantedList){.count = 0};
    Err *err = hold_wal_load(out, expiry->repo, &expiry->generation->root, number, expiry->arena);
    if (err_is_unreadable(err))
        err_free(&err);
    return err;
}

/* Adds what was said to what is to be written. Was all that is wanted now said? */
static bool said_join(WalSweep *sweep, const WalWantedList *said)
{
    const WalWantedList own = ranges_list(sweep);
    bool is_said = true;
    AUTO(buf_done) Buf more = {0};
    for (size_t i = 0; i < own.count; i++)
        is_said &= is_within(&own.ranges[i], said);
    for (size_t i = 0; i < said->count; i++) {
        if (!is_within(&said->ranges[i], &own))
            buf_add(&more, &said->ranges[i], sizeof said->ranges[i]);
    }
    buf_add(&sweep->ranges, more.data, more.len);
    return is_said;
}

/* A host that has taken the number may want less: what he said is read. */
static Err *record_put(WalSweep *sweep, uint32_t number)
{
    Expiry *const expiry = sweep->expiry;
    for (int i = 0; i < RECORD_TRIES_MAX; i++, number++) {
        const WalWantedList list = ranges_list(sweep);
        WalWantedList said;
        Err *err = hold_wal_write(expiry->repo, &expiry->generation->root, number, &list);
        if (!err_is(err, ERR_EXISTS))
            return err;
        err_free(&err);
        TRY(said_read(&said, expiry, number));
        if (said_join(sweep, &said))
            return NULL;
    }
    return ERR(BUSY, "others write down which WAL they want in the repository %s again and again",
               expiry->repo->name);
}

/* Written down unless that was done a moment ago, by whomever. A host that wants more says so at once, with what the
 * other one wanted, so that hosts which run one behind the other do not fill the repository with records. */
static Err *record_write(WalSweep *sweep)
{
    Expiry *const expiry = sweep->expiry;
    const HoldList *const holds = &expiry->stock.holds;
    const HoldWalEntry *const last = holds->wal_count ? &holds->wal[holds->wal_count - 1] : NULL;
    const int64_t grace_us = expiry->work->cluster->expire_grace_us;
    const bool is_young =
        last && age_of(expiry, last) >= 0 && age_of(expiry, last) < grace_us / RECORDS_PER_GRACE;
    WalWantedList said = {.count = 0};
    if (expiry->work->options.dry_run)
        return NULL;
    if (is_young)
        TRY(said_read(&said, expiry, last->number));
    if (is_young && said_join(sweep, &said))
        return NULL;
    return record_put(sweep, last ? last->number + 1 : 1);
}

static Err *record_load(WalSweep *sweep, uint32_t number)
{
    WalWantedList list;
    TRY(hold_wal_load(&list, sweep->expiry->repo, &sweep->expiry->generation->root, number,
                      sweep->expiry->arena));
    buf_add(&sweep->records, &list, sizeof list);
    return NULL;
}

/* From the newest back to the first that is a grace old; those before it have had their day. Without one that old
 * nothing may go yet. Order is that of the numbers, because a clock may have been wrong. */
static Err *records_read(WalSweep *sweep)
{
    Expiry *const expiry = sweep->expiry;
    const HoldList *const holds = &expiry->stock.holds;
    const int64_t grace_us = expiry->work->cluster->expire_grace_us;
    sweep->is_ripe = grace_us == 0; /* what is wanted now is what was wanted a grace ago */
    for (size_t i = holds->wal_count; i-- > 0;) {
        const HoldWalEntry *const record = &holds->wal[i];
        if (!sweep->is_ripe)
            TRY(record_load(sweep, record->number));
        else if (!expiry->work->options.dry_run)
            TRY(hold_wal_remove(expiry->repo, &expiry->generation->root, record->number));
        sweep->is_ripe |= age_of(expiry, record) >= grace_us;
    }
    return NULL;
}

/* ---- what goes ---- */

/* NULL: nothing wants it. */
static const char *wanted_by(const WalSweep *sweep, Timeline timeline, uint64_t segment)
{
    const Wanted *const wanted = (const Wanted *)(const void *)sweep->wanted.data;
    for (size_t i = 0; i < sweep->wanted.len / sizeof *wanted; i++) {
        if (wal_wanted_has(&(WalWantedList){&wanted[i].range, 1}, timeline, segment))
            return wanted[i].why;
    }
    return NULL;
}

static bool was_wanted(const WalSweep *sweep, Timeline timeline, uint64_t segment)
{
    const WalWantedList *const records = (const WalWantedList *)(const void *)sweep->records.data;
    for (size_t i = 0; i < sweep->records.len / sizeof *records; i++) {
        if (wal_wanted_has(&records[i], timeline, segment))
            return true;
    }
    return false;
}

/* Does any byte of it belong to another branch than production? */
static bool is_foreign(const Expiry *expiry, Timeline timeline, uint64_t segment)
{
    const Lineage *const production = &expiry->stock.production;
    const LineagePart *const part = lineage_part(production, timeline);
    const uint64_t begin = segment * production->segment_bytes, end = begin + production->segment_bytes;
    return !part || end > part->end.at || end <= part->begin.at;
}

/* The segment to which an object belongs; false for history files and what is no WAL. */
static bool segment_of(Timeline *timeline, uint64_t *segment, const Expiry *expiry, const char *key)
{
    WalName name;
    WalTail tail;
    const char *const last = strrchr(key, '/') + 1;
    if (key_wal_tail_matches(&tail, last, expiry->generation->segment_bytes))
        name = tail.name;
    else if (!key_wal_matches(&name, last, expiry->generation->segment_bytes) ||
             name.kind == WAL_NAME_HISTORY)
        return false;
    *timeline = name.timeline;
    *segment = name.segment;
    return text_starts(key, key_wal_prefix(&expiry->generation->root, name.timeline).text);
}

static Err *wal_see(void *arg, const ObjectEntry *object)
{
    WalSweep *const sweep = arg;
    Expiry *const expiry = sweep->expiry;
    Timeline timeline;
    uint64_t segment;
    if (!segment_of(&timeline, &segment, expiry, object->key))
        return NULL;
    const char *why = wanted_by(sweep, timeline, segment);
    if (!why && expiry->policy.has_last && is_foreign(expiry, timeline, segment) &&
        !hold_is_given_up(&expiry->stock.holds, timeline))
        why = "of another branch";
    if (why) {
        expire_note(expiry, object, EXPIRE_OBJECT_KEPT, why);
    } else if (!sweep->is_ripe || was_wanted(sweep, timeline, segment)) {
        expire_note(expiry, object, EXPIRE_OBJECT_LATER, "wanted until a short while ago");
    } else {
        buf_add(&sweep->keys, object->key, strlen(object->key) + 1);
        expire_note(expiry, object, EXPIRE_OBJECT_REMOVED, "no promise and no backup wants it");
    }
    return NULL;
}

static Err *wal_remove(WalSweep *sweep)
{
    Expiry *const expiry = sweep->expiry;
    TRY(store_list(expiry->repo->store, key_wal_root(&expiry->generation->root).text, (ListOpts){0}, wal_see,
                   sweep));
    for (size_t at = 0; at < sweep->keys.len && !expiry->work->options.dry_run;
         at += strlen((const char *)sweep->keys.data + at) + 1)
        TRY(store_remove(expiry->repo->store, (const char *)sweep->keys.data + at));
    return NULL;
}

static bool is_readable(Expiry *expiry)
{
    const char *const fault = expiry->stock.fault ? expiry->stock.fault : expiry->stock.line_fault;
    if (!fault)
        return true;
    report_warn(expiry->work->report, "expire/UNREADABLE", "no WAL is removed from the repository %s: %s",
                expiry->repo->name, fault);
    report_hint(expiry->work->report, "what cannot be read may need it: \"pgstrata verify\" says more");
    return false;
}

static uint64_t segments_of(const WalArchive *archive, uint64_t *bytes)
{
    uint64_t segments = 0;
    *bytes = 0;
    for (size_t i = 0; i < archive->count; i++) {
        segments += archive->timelines[i].segments;
        *bytes += archive->timelines[i].stored_bytes;
    }
    return segments;
}

/* A generation that has been followed by another one, and of which nobody will ever restore anything. */
static bool is_left_over(const Expiry *expiry)
{
    return expiry->generation->root.generation != expiry->today && expire_has_no_backup(expiry);
}

static bool is_given_up(const Expiry *expiry)
{
    const WalArchive *const archive = &expiry->stock.archive;
    if (expiry->work->options.drop_generation == expiry->generation->root.generation)
        return true; /* also where a dry run has not said it */
    for (size_t i = 0; i < archive->count; i++) {
        if (!hold_is_given_up(&expiry->stock.holds, archive->timelines[i].timeline))
            return false;
    }
    return true;
}

/* Without a good backup of the production branch it is all that there is; a person may still need it. */
static bool is_all_there_is(const Expiry *expiry)
{
    uint64_t bytes;
    Report *const report = expiry->work->report;
    const uint32_t generation = expiry->generation->root.generation;
    const uint64_t segments = segments_of(&expiry->stock.archive, &bytes);
    if (expiry->policy.has_last)
        return false;
    if (!is_left_over(expiry) || !segments)
        return true;
    if (is_given_up(expiry))
        return false;
    report_note(report, "expire/NO_BACKUP",
                "generation %u has no backup any more, and %" PRIu64
                " WAL segments, %s, in the repository %s",
                generation, segments, size_text(bytes).text, expiry->repo->name);
    report_hint(report, "\"pgstrata expire --drop-generation %u\" gives them up", generation);
    return true;
}

Err *expire_wal(Expiry *expiry)
{
    AUTO(wal_sweep_done) WalSweep sweep = {.expiry = expiry};
    if (expiry->work->options.backup || !is_readable(expiry) || is_all_there_is(expiry))
        return NULL;
    TRY(wanted_find(&sweep));
    TRY(record_write(&sweep));
    Err *err = records_read(&sweep);
    if (err_is_unreadable(err)) {
        report_survived(expiry->work->report,
                        err_doing(err, "no WAL is removed from the repository %s", expiry->repo->name));
        return NULL;
    }
    TRY(err);
    return wal_remove(&sweep);
}
