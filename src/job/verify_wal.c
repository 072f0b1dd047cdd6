/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * The WAL of a generation as a whole: can every backup be made consistent, can one go on from it, are the timelines
 * told? That a segment is damaged was found object by object; here it is tied to the backups that need it.
 */
#include "job/verify_chain.h"

#include "base/text.h"

#include <inttypes.h>

static VerifyBackup *backup_of(VerifyRun *run, uint32_t generation, BackupLabel label)
{
    VerifyBackup *const backups = (VerifyBackup *)(void *)run->backups.data;
    for (size_t i = 0; i < run->backups.len / sizeof *backups; i++) {
        if (backups[i].generation == generation && text_equal(backups[i].label.text, label.text))
            return &backups[i];
    }
    return NULL;
}

/* For repair: another repository may have what this one lacks. */
static void hole_keep(VerifyRun *run, uint32_t generation, uint64_t first, uint64_t last)
{
    const VerifyHole hole = {generation, first, last};
    if (run->extras.findings)
        buf_add(&run->extras.findings->holes, &hole, sizeof hole);
}

static Err *broken_tell(VerifyRun *run, VerifyBackup *backup, const InfoBackup *info)
{
    const uint32_t bytes = verify_generation(run, backup->generation)->generation.segment_bytes;
    hole_keep(run, backup->generation, info->record.start_lsn.at / bytes, info->record.stop_lsn.at / bytes);
    if (backup->state == VERIFY_GOOD)
        backup->state = VERIFY_BROKEN;
    Err *const err =
        info->missing.segment_bytes
            ? ERR(GAP,
                  "backup %s cannot be restored: WAL %s, which it needs to become consistent, is missing",
                  info->label.text, wal_name_text(info->missing).text)
            : ERR(GAP, "backup %s cannot be restored: its timeline %" PRIu32 " is not known here up to %s",
                  info->label.text, info->record.timeline.id, lsn_text(info->record.stop_lsn).text);
    return verify_found(run,
                        err_hint(err, "if the server still has the segment in pg_wal, archive-push stores "
                                      "it; else take a new backup now"));
}

/* Is the segment one that the backup needs to become consistent? */
static bool needs(const BackupRecord *record, WalName name)
{
    return !record->offline && record->timeline.id == name.timeline.id &&
           wal_name_end(name).at > record->start_lsn.at && wal_name_start(name).at < record->stop_lsn.at;
}

/* The gravest of what keeps the backup from its WAL: damage before what only a newer program reads; NULL: nothing. */
static const WalDamaged *damaged_find(const VerifyRun *run, const VerifyBackup *backup,
                                      const BackupRecord *record)
{
    const WalDamaged *const damaged = (const WalDamaged *)(const void *)run->damaged_wal.data;
    const WalDamaged *newer = NULL;
    for (size_t i = 0; i < run->damaged_wal.len / sizeof *damaged; i++) {
        if (damaged[i].is_tail || damaged[i].generation != backup->generation ||
            !needs(record, damaged[i].name))
            continue;
        if (!damaged[i].is_newer)
            return &damaged[i];
        newer = newer ? newer : &damaged[i];
    }
    return newer;
}

static Err *newer_wal_tell(VerifyRun *run, VerifyBackup *backup, WalName name)
{
    if (backup->state == VERIFY_GOOD)
        backup->state = VERIFY_NEWER;
    return verify_found(run, err_hint(ERR(UNSUPPORTED,
                                          "backup %s cannot be restored: WAL %s, which it needs to become "
                                          "consistent, was written by a newer pgstrata",
                                          backup->label.text, wal_name_text(name).text),
                                      "restore it with a newer pgstrata"));
}

static Err *damaged_wal_tell(VerifyRun *run, VerifyBackup *backup, const InfoBackup *info)
{
    const WalDamaged *const damaged = damaged_find(run, backup, &info->record);
    if (!damaged)
        return NULL;
    if (damaged->is_newer)
        return newer_wal_tell(run, backup, damaged->name);
    backup->state = VERIFY_DAMAGED;
    return verify_found(
        run,
        err_hint(ERR(CORRUPT,
                     "backup %s cannot be restored: WAL %s, which it needs to become consistent, is damaged",
                     info->label.text, wal_name_text(damaged->name).text),
                 "copy the segment from another repository, or take a new backup now"));
}

static void hole_of_gap(VerifyRun *run, const VerifyGeneration *generation, const InfoGap *gap)
{
    hole_keep(run, generation->generation.root.generation, gap->first.segment, gap->last.segment);
}

static Err *backups_judge(VerifyRun *run, const VerifyGeneration *generation, const Info *info)
{
    for (size_t i = 0; i < info->backup_count; i++) {
        const InfoBackup *const known = &info->backups[i];
        VerifyBackup *const backup = backup_of(run, generation->generation.root.generation, known->label);
        if (!backup || known->state == INFO_BACKUP_INTERRUPTED || known->state == INFO_BACKUP_DAMAGED ||
            known->state == INFO_BACKUP_EXPIRED)
            continue;
        if (known->state == INFO_BACKUP_BROKEN)
            TRY(broken_tell(run, backup, known));
        else
            TRY(damaged_wal_tell(run, backup, known));
    }
    return NULL;
}

/* What a gap costs: the way from the backups before it to the moments behind it. Where no backup lies before it, nothing;
 * a server that begins to archive hands over whatever old segments it still has. */
static void gaps_tell(VerifyRun *run, const VerifyGeneration *generation, const Info *info)
{
    for (size_t i = 0; i < info->gap_count; i++) {
        const InfoGap *const gap = &info->gaps[i];
        run->result->gaps += !gap->is_harmless;
        if (!gap->is_harmless)
            hole_of_gap(run, generation, gap);
        AUTO(buf_done) Buf text = {0};
        buf_addf(&text, "WAL %s", wal_name_text(gap->first).text);
        if (gap->segments > 1)
            buf_addf(&text, " to %s, %" PRIu64 " segments,", wal_name_text(gap->last).text, gap->segments);
        buf_addf(&text, " missing on timeline %" PRIu32, gap->branch.id);
        if (gap->is_harmless) {
            report_note(&run->found, "verify/GAP",
                        "%s; no restore needs it: every usable backup begins later", buf_text(&text));
            continue;
        }
        if (gap->break_count) {
            buf_add_text(&text, "; backups that need it:");
            for (size_t j = 0; j < gap->break_count; j++)
                buf_addf(&text, " %s", gap->breaks[j].text);
            report_warn(&run->found, "verify/GAP", "%s", buf_text(&text));
        } else {
            report_warn(&run->found, "verify/GAP", "%s; it breaks no backup, but no restore gets past it",
                        buf_text(&text));
        }
        report_hint(&run->found, "moments behind the gap are reached from backups taken after it");
    }
}

/* A timeline that production does not come from, and whose origin nobody tells. */
static Err *timelines_judge(VerifyRun *run, const VerifyGeneration *generation, const Info *info)
{
    const KeyRoot *const root = &generation->generation.root;
    for (size_t i = 0; i < info->timeline_count; i++) {
        const InfoTimeline *const timeline = &info->timelines[i];
        if (!wal_timeline_end(timeline->wal))
            continue;
        const bool begins_here =
            timeline->timeline.id == 1 || (timeline->record && !timeline->record->parent.id);
        if (!begins_here && !timeline->wal->has_history) {
            verify_lost(run, key_history(root, timeline->timeline).text, CONTAINER_HISTORY, true);
            TRY(verify_found(
                run, err_hint(ERR(CORRUPT, "%s is missing: nothing on timeline %" PRIu32 " can be restored",
                                  key_history(root, timeline->timeline).text, timeline->timeline.id),
                              "if the server still has the file in pg_wal, archive-push stores it; else "
                              "copy it from another repository")));
        }
        if (!timeline->record && !timeline->is_on_production) {
            verify_lost(run, key_branch(root, timeline->timeline).text, CONTAINER_BRANCH, true);
            TRY(verify_found(
                run,
                err_hint(ERR(CORRUPT, "%s is missing: whether timeline %" PRIu32 " is rightful is not known",
                             key_branch(root, timeline->timeline).text, timeline->timeline.id),
                         "copy it from another repository, or say so with takeover")));
        }
    }
    return NULL;
}

static const SegmentBreak *breaks_of(size_t *count, const VerifyRun *run)
{
    *count = run->breaks.len / sizeof(SegmentBreak);
    return (const SegmentBreak *)(const void *)run->breaks.data;
}

/* The segments of the generation that cannot be read, whole or in tails that nothing whole stands for, and those at which
 * the way ends because they do not belong to what is before. Not so for a backup that begins with one: `begun`. */
static WalUnsound unsound_of(const VerifyRun *run, uint32_t generation, const WalArchive *archive,
                             uint64_t begun)
{
    const WalDamaged *const damaged = (const WalDamaged *)(const void *)run->damaged_wal.data;
    const size_t count = run->damaged_wal.len / sizeof *damaged;
    size_t break_count;
    const SegmentBreak *const breaks = breaks_of(&break_count, run);
    WalName *const names = arena_alloc(run->arena, (count + break_count) * sizeof *names);
    WalUnsound unsound = {.names = names};
    for (size_t i = 0; i < count; i++) {
        const WalTimeline *const timeline = wal_archive_timeline(archive, damaged[i].name.timeline);
        const bool is_whole =
            damaged[i].is_tail && timeline && wal_timeline_has(timeline, damaged[i].name.segment);
        if (damaged[i].generation == generation && !is_whole)
            names[unsound.count++] = damaged[i].name;
    }
    for (size_t i = 0; i < break_count; i++) {
        if (breaks[i].generation == generation && breaks[i].name.segment != begun)
            names[unsound.count++] = breaks[i].name;
    }
    return unsound;
}

/* What is left when these segments count as not stored. */
static Err *sound_find(Info *out, VerifyRun *run, const VerifyGeneration *generation, const Info *info,
                       uint64_t begun)
{
    AUTO(report_done) Report twice = {0};
    const WalUnsound unsound = unsound_of(run, generation->generation.root.generation, &info->archive, begun);
    if (unsound.count)
        return info_of_generation(out, &(InfoAsk){run->repo, &generation->generation, unsound}, &twice,
                                  run->arena);
    *out = *info;
    return NULL;
}

static bool begins_at_break(const VerifyRun *run, uint32_t generation, uint64_t segment)
{
    size_t count;
    const SegmentBreak *const breaks = breaks_of(&count, run);
    for (size_t i = 0; i < count; i++) {
        if (breaks[i].generation == generation && breaks[i].name.segment == segment)
            return true;
    }
    return false;
}

static Err *cut_off_tell(VerifyRun *run, VerifyBackup *backup, const InfoBackup *info)
{
    backup->state = VERIFY_BROKEN;
    return verify_found(
        run,
        err_hint(ERR(CORRUPT,
                     "backup %s cannot be restored: WAL %s, which it needs to become consistent, does not "
                     "go on where the segment before it ends",
                     backup->label.text, wal_name_text(info->missing).text),
                 "take a new backup now"));
}

/* From when to when a good backup restores. Where WAL was found damaged or alien, only up to there. */
static Err *moments_of(VerifyRun *run, VerifyBackup *backup, const InfoBackup *known)
{
    if (known->state == INFO_BACKUP_BROKEN && known->missing.segment_bytes)
        return cut_off_tell(run, backup, known);
    if (known->state != INFO_BACKUP_GOOD)
        return NULL;
    backup->from_lsn = known->record.stop_lsn;
    backup->from_time = known->record.stop_time;
    backup->to_lsn = known->to_lsn;
    backup->to_time = known->to_time;
    return NULL;
}

static Err *moments_find(VerifyRun *run, const VerifyGeneration *generation, const Info *info)
{
    const uint32_t number = generation->generation.root.generation;
    Info sound;
    TRY(sound_find(&sound, run, generation, info, UINT64_MAX));
    for (size_t i = 0; i < info->backup_count; i++) {
        const InfoBackup *const known = &info->backups[i];
        VerifyBackup *const backup = backup_of(run, number, known->label);
        const uint64_t begun = known->record.start_lsn.at / generation->generation.segment_bytes;
        Info own = sound;
        if (!backup || backup->state != VERIFY_GOOD || known->state != INFO_BACKUP_GOOD)
            continue;
        if (begins_at_break(run, number, begun))
            TRY(sound_find(&own, run, generation, info, begun));
        const InfoBackup *const left = info_backup(&own, known->label.text);
        if (left)
            TRY(moments_of(run, backup, left));
    }
    return NULL;
}

static Err *follow(VerifyRun *run, const VerifyGeneration *generation)
{
    AUTO(report_done) Report twice = {0}; /* what cannot be read was told with its object */
    Info info;
    TRY(info_of_generation(&info, &(InfoAsk){.repo = run->repo, .generation = &generation->generation},
                           &twice, run->arena));
    TRY(backups_judge(run, generation, &info));
    TRY(verify_chain(run, generation));
    TRY(moments_find(run, generation, &info));
    TRY(verify_breaks_tell(run, generation, &info));
    if (run->scope.is_limited)
        return NULL;
    gaps_tell(run, generation, &info);
    return timelines_judge(run, generation, &info);
}

Err *verify_wal(VerifyRun *run, const VerifyGeneration *generation)
{
    progress_phase(run->work->progress, "following WAL");
    Err *err = follow(run, generation);
    return err ? verify_found(run, err_doing(err, "following the timelines of generation %" PRIu32,
                                             generation->generation.root.generation))
               : NULL;
}
