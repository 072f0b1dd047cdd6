/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * From which backup, along which line, to which record: all of it is known before a byte is copied.
 *
 * Backups are tried from the newest on. One fits when it is complete before the target is met. What does not lie before
 * the end of the archive is refused, but for a time: then the end itself becomes the target, so that the server gets
 * there and does not stop because nothing later ever came.
 */
#include "base/text.h"
#include "restore/restore_hold.h"
#include "restore/restore_priv.h"

#include <stdlib.h>
#include <string.h>

typedef struct Seek {
    Restore *restore;
    BackupRecord *records; /* complete and on the line, the newest first */
    size_t count;
    size_t at;       /* the one that is being tried */
    bool has_gap;    /* where a name or transaction was looked for, the WAL … */
    WalName missing; /* … ended here and goes on behind it */
    bool has_going;  /* one that is being removed was passed over: */
    BackupLabel going;
    WalSource source;
} Seek;

/* ---- the line of descent */

/* Where nothing says which timelines are rightful: a stopped server's backups and no archive. */
static Err *timeline_of_newest(Timeline *out, const Restore *restore)
{
    const RestoreFrom *const from = &restore->from;
    const BackupEntry *entries;
    size_t count;
    TRY(backup_list(&entries, &count, from->repo, &from->generation.root, restore->arena));
    *out = (Timeline){1};
    while (count && !entries[count - 1].is_committed)
        count--;
    if (!count)
        return NULL;
    BackupRecord record;
    TRY(backup_record_load(&record, from->repo, &from->generation.root, entries[count - 1].label,
                           restore->arena));
    *out = record.timeline;
    return NULL;
}

static Err *timeline_choose(Timeline *out, const Restore *restore)
{
    const RestoreFrom *const from = &restore->from;
    *out = restore->options->timeline;
    if (out->id)
        return NULL;
    const BranchRecord *records;
    size_t count;
    TRY(branch_list(&records, &count, from->repo, &from->generation.root, restore->arena));
    *out = lineage_production(records, count);
    if (out->id)
        return NULL;
    return timeline_of_newest(out, restore);
}

static int newest_first(const void *a, const void *b)
{
    const BackupRecord *const x = a, *const y = b;
    if (x->stop_lsn.at != y->stop_lsn.at)
        return x->stop_lsn.at > y->stop_lsn.at ? -1 : 1;
    return strcmp(y->label.text, x->label.text); /* of a server that was stopped all the time */
}

/* A backup that cannot be read does not stand in the way of another. `*damage` is the last of them. One that has gone
 * since the listing is passed over like one that goes. */
static Err *record_load(Seek *seek, Err **damage, BackupLabel label)
{
    const Restore *const restore = seek->restore;
    const RestoreFrom *const from = &restore->from;
    BackupRecord *const record = &seek->records[seek->count];
    bool goes;
    TRY(restore_hold_goes(&goes, restore, label));
    Err *err =
        goes ? NULL : backup_record_load(record, from->repo, &from->generation.root, label, restore->arena);
    if (goes || err_is(err, ERR_NOT_FOUND)) {
        err_free(&err);
        seek->has_going = true;
        seek->going = label;
        return NULL;
    }
    if (err_is(err, ERR_CORRUPT)) {
        if (*damage)
            report_survived(restore->report, TAKE(*damage));
        *damage = err_doing(err, "backup %s", label.text);
        return NULL;
    }
    TRY(err);
    if (lineage_has_backup(&restore->way.lineage, record->timeline, record->stop_lsn))
        seek->count++;
    return NULL;
}

static Err *going_err(const Seek *seek)
{
    return err_hint(ERR(REFUSED, "backup %s is being removed %s", seek->going.text,
                        restore_hold_where(seek->restore, seek->going)),
                    "pgstrata info shows what else there is; where no expire runs any more, --force takes it "
                    "while it is still there");
}

static Err *records_load(Seek *seek)
{
    Restore *const restore = seek->restore;
    const RestoreFrom *const from = &restore->from;
    const char *const wanted = restore->options->backup;
    const BackupEntry *entries;
    size_t count;
    TRY(backup_list(&entries, &count, from->repo, &from->generation.root, restore->arena));
    seek->records = arena_alloc(restore->arena, (count + 1) * sizeof *seek->records);
    bool is_met = false;
    AUTO(err_free) Err *damage = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!entries[i].is_committed || (wanted && !text_equal(wanted, entries[i].label.text)))
            continue;
        is_met = true;
        TRY(record_load(seek, &damage, entries[i].label));
    }
    if (damage && !seek->count)
        return TAKE(damage);
    if (damage)
        report_survived(restore->report, TAKE(damage));
    qsort(seek->records, seek->count, sizeof *seek->records, newest_first);
    if (seek->count)
        return NULL;
    if (seek->has_going)
        return going_err(seek);
    if (wanted && !is_met)
        return err_hint(ERR(NOT_FOUND, "there is no backup %s of cluster %s", wanted, restore->cluster->name),
                        "pgstrata info lists the backups");
    return err_hint(ERR(GAP, "%s of cluster %s lies on the way to timeline %u",
                        wanted ? arena_textf(restore->arena, "backup %s does not; it", wanted) : "no backup",
                        restore->cluster->name, restore->way.lineage.timeline.id),
                    "pgstrata info lists backups and timelines; --target-timeline names another");
}

/* ---- words for what cannot be had */

/* As a shell reads it back. */
static const char *shell_word(const char *text, Arena *arena)
{
    AUTO(buf_done) Buf word = {0};
    buf_add_text(&word, "'");
    for (; *text; text++) {
        if (*text == '\'')
            buf_add_text(&word, "'\\'");
        buf_add(&word, text, 1);
    }
    buf_add_text(&word, "'");
    return arena_text(arena, buf_text(&word));
}

static void flag_add(Buf *out, const char *flag, bool is_given)
{
    if (is_given)
        buf_addf(out, " %s", flag);
}

static void word_add(Buf *out, const char *option, const char *value, Arena *arena)
{
    if (value)
        buf_addf(out, " %s=%s", option, shell_word(value, arena));
}

/* What decides where the copy goes, and what becomes of it. */
static void place_options_add(Buf *out, const Restore *restore)
{
    const RestoreOptions *const options = restore->options;
    Arena *const arena = restore->arena;
    word_add(out, "--repo", options->repos, arena);
    word_add(out, "--to-dir", options->to_dir, arena);
    for (size_t i = 0; i < options->tablespace_count; i++) {
        const RestoreTablespace *const space = &options->tablespaces[i];
        const char *const which = space->name ? space->name : arena_textf(arena, "%u", space->oid.id);
        word_add(out, "--tablespace-map", arena_textf(arena, "%s=%s", which, space->folder), arena);
    }
    flag_add(out, "--takeover", options->takeover);
    flag_add(out, "--isolate", options->isolate);
    flag_add(out, "--delta", options->delta);
    flag_add(out, "--no-salvage", options->no_salvage);
    flag_add(out, "--start", options->start);
}

/* The whole command, so that it can be pasted: without its folder it would restore in place. */
static Err *command_hint(const Restore *restore, Err *err, const char *what, const char *target)
{
    const uint32_t timeline = restore->options->timeline.id;
    AUTO(buf_done) Buf command = {0};
    buf_addf(&command, "pgstrata restore --cluster=%s", restore->cluster->name);
    place_options_add(&command, restore);
    if (timeline)
        buf_addf(&command, " --target-timeline=%u", timeline);
    buf_addf(&command, " %s", target);
    return err_hint(err, "%s: %s", what, buf_text(&command));
}

static const char reachable[] = "to recover to the last moment that can be reached";

/* The end of what recovery can replay: a break ends it, however much is archived behind. */
static Err *tip_find(WindowTip *out, const WalWindow *window)
{
    const WalTarget end = {.kind = WAL_TARGET_END};
    WindowStop stop;
    TRY(wal_window_target(&stop, window, &end));
    WalWindow whole = *window;
    if (stop.broken.is_there) {
        const uint32_t segment_bytes = window->source.generation->segment_bytes;
        whole.segments = (stop.broken.at.at - 1) / segment_bytes + 1 - window->first_segment;
        whole.end = (Lsn){(whole.first_segment + whole.segments) * segment_bytes};
    }
    return wal_window_tip(out, &whole);
}

/* Of the backups from this one on, the newest that its WAL makes whole, and how far it can be rolled forward. */
static Err *reach_hint(const Seek *seek, Err *err)
{
    const Restore *const restore = seek->restore;
    for (size_t i = seek->at; i < seek->count; i++) {
        const BackupRecord *const backup = &seek->records[i];
        const WalWindow window = wal_window_find(&seek->source, backup->start_lsn);
        WindowTip tip;
        AUTO(err_free) Err *tip_err = tip_find(&tip, &window);
        if (tip_err || !lsn_is_valid(tip.record) || tip.end.at < backup->stop_lsn.at)
            continue;
        if (tip.has_commit)
            err = err_detail(err, "the last commit that can be reached is of %s",
                             instant_text(tip.commit_time).text);
        return command_hint(restore, err, reachable,
                            arena_textf(restore->arena, "--backup=%s --target-lsn=%s", backup->label.text,
                                        lsn_text(tip.record).text));
    }
    return err;
}

static Err *missing_err(const Seek *seek)
{
    const Restore *const restore = seek->restore;
    Err *const err = ERR(GAP, "WAL segment %s is missing in repository %s: %s cannot be reached",
                         wal_name_text(restore->way.window.missing).text, restore->from.repo->name,
                         restore->options->target_text);
    return reach_hint(seek, err);
}

/* A place in WAL that another timeline wrote on past its switch point. */
static Err *other_timeline_hint(const Restore *restore, Err *err)
{
    const RestoreWay *const way = &restore->way;
    if (way->target.kind != WAL_TARGET_LSN)
        return err;
    const uint64_t segment = way->target.lsn.at / restore->from.generation.segment_bytes;
    for (size_t i = 0; i < way->archive.count; i++) {
        const WalTimeline *const other = &way->archive.timelines[i];
        if (other->timeline.id != way->lineage.timeline.id &&
            (wal_timeline_has(other, segment) || wal_timeline_covered(other, segment)))
            err = err_hint(err, "timeline %u has WAL at %s: --target-timeline=%u leads there",
                           other->timeline.id, lsn_text(way->target.lsn).text, other->timeline.id);
    }
    return err;
}

static Err *broken_err(const Seek *seek, const WindowBreak *broken)
{
    Err *const err = ERR(GAP, "records of WAL do not go on at %s (%s): %s cannot be reached",
                         lsn_text(broken->at).text, broken->text, seek->restore->options->target_text);
    return reach_hint(seek, err);
}

static Err *behind_err(const Seek *seek, const WindowStop *stop)
{
    const Restore *const restore = seek->restore;
    const char *const target = restore->options->target_text;
    if (stop->broken.is_there)
        return broken_err(seek, &stop->broken);
    if (restore->way.window.is_gap)
        return missing_err(seek);
    Err *const err = ERR(GAP, "%s lies behind the end of the archive on timeline %u, %s", target,
                         restore->way.lineage.timeline.id, lsn_text(restore->way.window.end).text);
    return reach_hint(seek, other_timeline_hint(restore, err));
}

/* What a server writes with wal_level minimal is not all in WAL: recovery can go up to there and no further. */
static Err *minimal_err(const Restore *restore)
{
    const RestoreWay *const way = &restore->way;
    const WalTarget before = {.kind = WAL_TARGET_LSN, .is_exclusive = true, .lsn = way->facts.minimal};
    Err *err = ERR(GAP, "the server ran with wal_level minimal at %s: %s cannot be reached",
                   lsn_text(before.lsn).text, restore->options->target_text);
    WindowStop stop;
    AUTO(err_free) Err *stop_err = wal_window_target(&stop, &way->window, &before);
    if (stop_err || !stop.is_found || stop.match.end.at < way->backup.stop_lsn.at)
        return err;
    if (!instant_is_none(stop.match.last_time))
        err = err_detail(err, "the last commit that can be reached is of %s",
                         instant_text(stop.match.last_time).text);
    return command_hint(restore, err, reachable,
                        arena_textf(restore->arena, "--backup=%s --target-lsn=%s --target-exclusive",
                                    way->backup.label.text, lsn_text(before.lsn).text));
}

/* ---- one backup */

typedef enum Fit {
    FIT_YES,
    FIT_TOO_YOUNG, /* the target is met before the backup is complete: try an older one */
    FIT_NOT_MET,   /* a name or transaction that does not occur from here on: the same */
} Fit;

/* The end that was found becomes the target. */
static Err *end_pin(Restore *restore)
{
    RestoreWay *const way = &restore->way;
    WindowTip tip;
    TRY(wal_window_tip(&tip, &way->window));
    way->end_lsn = lsn_max(tip.end, way->backup.stop_lsn);
    way->end_time = tip.has_commit ? tip.commit_time : INSTANT_NONE;
    if (!lsn_is_valid(tip.record) || tip.end.at < way->backup.stop_lsn.at)
        return NULL; /* a stopped server's backup and no WAL after it: nothing to stop at */
    way->target = (WalTarget){.kind = WAL_TARGET_LSN, .lsn = tip.record};
    way->is_pinned = true;
    return NULL;
}

/* A name or transaction did not occur; older backups may have it, and what is behind a gap nobody knows. */
static Fit not_met(Seek *seek)
{
    const WalWindow *const window = &seek->restore->way.window;
    if (window->is_gap && !seek->has_gap) {
        seek->has_gap = true;
        seek->missing = window->missing;
    }
    return FIT_NOT_MET;
}

static bool is_looked_for(const WalTarget *target)
{
    return target->kind == WAL_TARGET_XID || target->kind == WAL_TARGET_NAME;
}

static Err *target_seek(Fit *out, Seek *seek)
{
    Restore *const restore = seek->restore;
    RestoreWay *const way = &restore->way;
    WindowStop stop;
    TRY(wal_window_target(&stop, &way->window, &way->target));
    *out = FIT_YES;
    if (stop.is_found) {
        if (stop.match.end.at < way->backup.stop_lsn.at) {
            *out = FIT_TOO_YOUNG;
            return NULL;
        }
        way->end_lsn = stop.match.end;
        way->end_time = stop.match.last_time;
        way->stop_xid = stop.match.xid;
        way->stop_is_before = stop.match.is_before;
        return NULL;
    }
    if (is_looked_for(&way->target)) {
        *out = not_met(seek);
        return NULL;
    }
    if (way->target.kind != WAL_TARGET_TIME || way->window.is_gap || stop.broken.is_there)
        return behind_err(seek, &stop);
    return end_pin(restore);
}

static Err *backup_try(Fit *out, Seek *seek)
{
    const BackupRecord *const record = &seek->records[seek->at];
    Restore *const restore = seek->restore;
    RestoreWay *const way = &restore->way;
    way->backup = *record;
    way->target = restore->options->target;
    way->window = wal_window_find(&seek->source, record->start_lsn);
    *out = FIT_TOO_YOUNG;
    const bool is_too_young =
        (way->target.kind == WAL_TARGET_TIME && record->stop_time.us > way->target.time.us) ||
        (way->target.kind == WAL_TARGET_LSN && record->stop_lsn.at > way->target.lsn.at);
    if (is_too_young)
        return NULL;
    const bool needs_wal = !record->offline;
    if (needs_wal && !wal_window_reaches(&way->window, record->stop_lsn)) {
        *out = not_met(seek);
        return is_looked_for(&way->target) ? NULL : missing_err(seek);
    }
    *out = FIT_YES;
    switch (way->target.kind) {
    case WAL_TARGET_END:
        if (way->window.is_gap)
            return missing_err(seek);
        return end_pin(restore);
    case WAL_TARGET_IMMEDIATE:
        way->target.lsn = record->stop_lsn;
        way->end_lsn = record->stop_lsn;
        way->end_time = INSTANT_NONE;
        return NULL;
    case WAL_TARGET_TIME:
    case WAL_TARGET_XID:
    case WAL_TARGET_LSN:
    case WAL_TARGET_NAME:
        break;
    }
    return target_seek(out, seek);
}

/* A name or transaction that no backup leads to. */
static Err *nowhere_err(Seek *seek)
{
    const Restore *const restore = seek->restore;
    Err *err =
        err_hint(ERR(GAP, "%s does not occur on timeline %u from backup %s on", restore->options->target_text,
                     restore->way.lineage.timeline.id, seek->records[seek->count - 1].label.text),
                 "pgstrata info shows the timelines; --target-timeline names another");
    if (!seek->has_gap)
        return err_hint(err,
                        "what a server wrote last may not be archived yet: SELECT pg_switch_wal() on it");
    seek->at = 0;
    err = err_detail(err,
                     "WAL segment %s is missing in repository %s, and what lies behind it cannot be reached",
                     wal_name_text(seek->missing).text, restore->from.repo->name);
    return reach_hint(seek, err);
}

static Err *early_err(const Seek *seek)
{
    const Restore *const restore = seek->restore;
    const BackupRecord *const oldest = &seek->records[seek->count - 1];
    Err *const err =
        ERR(GAP, "%s lies before the end of %s %s on timeline %u, %s (LSN %s)", restore->options->target_text,
            restore->options->backup ? "backup" : "the oldest backup,", oldest->label.text,
            restore->way.lineage.timeline.id, instant_text(oldest->stop_time).text,
            lsn_text(oldest->stop_lsn).text);
    return command_hint(restore, err, "the first moment that can be reached",
                        arena_textf(restore->arena, "--backup=%s --target-immediate", oldest->label.text));
}

static Err *backup_choose(Seek *seek)
{
    Fit fit = FIT_TOO_YOUNG;
    for (seek->at = 0; seek->at < seek->count; seek->at++) {
        TRY(backup_try(&fit, seek));
        if (fit == FIT_YES)
            return NULL;
    }
    return fit == FIT_NOT_MET ? nowhere_err(seek) : early_err(seek);
}

/* What may have led there is named where nothing else does, or where the way is longer without it. */
static Err *way_choose(Seek *seek)
{
    Err *err = backup_choose(seek);
    const Restore *const restore = seek->restore;
    if (!seek->has_going)
        return err;
    const char *const where = restore_hold_where(restore, seek->going);
    if (err)
        return err_detail(err, "backup %s is being removed %s", seek->going.text, where);
    report_note(restore->report, "restore/REMOVING", "backup %s is being removed %s: it was not considered",
                seek->going.text, where);
    return NULL;
}

/* ---- what the server will meet */

static Err *facts_check(const Seek *seek)
{
    Restore *const restore = seek->restore;
    RestoreWay *const way = &restore->way;
    if (!way->window.segments)
        return NULL;
    TRY(wal_window_facts(&way->facts, &way->window, way->end_lsn, restore->arena));
    if (way->facts.broken.is_there)
        return broken_err(seek, &way->facts.broken);
    if (lsn_is_valid(way->facts.minimal))
        return minimal_err(restore);
    if (way->facts.unread)
        report_warn(restore->report, "restore/UNREAD_WAL",
                    "%llu records of WAL on the way could not be taken apart; what they change is not known",
                    (unsigned long long)way->facts.unread);
    return NULL;
}

/* What only a tail holds, a standby gets from its primary or not at all. */
static void tail_tell(const Restore *restore)
{
    const WalWindow *const window = &restore->way.window;
    WalSource source = window->source;
    source.is_whole_only = false;
    const WalWindow with_tails = wal_window_find(&source, window->start);
    if (with_tails.end.at <= window->end.at)
        return;
    report_note(restore->report, "restore/TAIL",
                "the archive has the unfinished segment %s up to %s, which a standby is not given",
                wal_name_text(window->missing).text, lsn_text(with_tails.end).text);
    report_hint(restore->report, "without --standby a restore recovers what is in it");
}

/* Told to follow a timeline that begins behind the target, the server would make one of which it says that it left that
 * timeline before its begin. A standby has no target and follows the whole line. */
static void line_cut(Seek *seek)
{
    Restore *const restore = seek->restore;
    RestoreWay *const way = &restore->way;
    if (!lsn_is_valid(way->end_lsn))
        return;
    const LineagePart youngest = way->lineage.parts[way->lineage.count - 1];
    way->lineage = lineage_until(&way->lineage, way->end_lsn, restore->arena);
    if (way->is_pinned && way->lineage.timeline.id != youngest.timeline.id)
        report_warn(
            restore->report, "restore/SHORT_BRANCH",
            "timeline %u began at %s, and no record of it can be replayed: recovery ends on timeline %u",
            youngest.timeline.id, lsn_text(youngest.begin).text, way->lineage.timeline.id);
    way->window = wal_window_find(&seek->source, way->backup.start_lsn);
}

Err *restore_way_find(Restore *restore)
{
    RestoreWay *const way = &restore->way;
    const RestoreFrom *const from = &restore->from;
    progress_phase(restore->options->progress, "looking for the way");
    *way = (RestoreWay){0};
    TRY(wal_archive_list(&way->archive, from->repo, &from->generation, restore->arena));
    if (restore->unarchived)
        way->archive = wal_local_join(&way->archive, restore->unarchived, restore->arena);
    TRY(timeline_choose(&way->followed, restore));
    TRY(lineage_load(&way->lineage, from->repo, &from->generation, way->followed, restore->arena));
    Seek seek = {.restore = restore,
                 .source = {.repo = from->repo,
                            .generation = &from->generation,
                            .archive = &way->archive,
                            .lineage = &way->lineage,
                            .local = restore->unarchived,
                            .is_whole_only = restore->place.role == PLAN_STANDBY}};
    TRY(records_load(&seek));
    TRY(way_choose(&seek));
    if (restore->place.role == PLAN_STANDBY)
        tail_tell(restore);
    else
        line_cut(&seek);
    TRY(facts_check(&seek));
    const uint32_t segment = from->generation.segment_bytes;
    RestoreResult *const result = &restore->result;
    result->backup = way->backup;
    result->timeline = way->lineage.timeline;
    result->end_lsn = way->end_lsn;
    result->end_time = way->end_time;
    result->stop_xid = way->stop_xid;
    result->stop_is_before = way->stop_is_before;
    result->is_pinned = way->is_pinned;
    if (way->window.segments)
        result->wal_segments = (way->end_lsn.at - 1) / segment - way->backup.start_lsn.at / segment + 1;
    return NULL;
}
