/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Timelines, and along each branch that has something of its own: windows and gaps.
 *
 * The production branch comes first. Another timeline is looked along only when its archive goes on behind the point
 * where it left production; what it shares with production was told there.
 */
#include "job/info_priv.h"
#include "archive/wal_window.h"

#include <stdlib.h>
#include <string.h>

static const BranchRecord *record_of(const BranchRecord *records, size_t count, Timeline timeline)
{
    for (size_t i = 0; i < count; i++) {
        if (records[i].timeline.id == timeline.id)
            return &records[i];
    }
    return NULL;
}

static int timeline_compare(const void *a, const void *b)
{
    const Timeline *const x = a, *const y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* All numbers that the archive or a branch record knows, ascending, each once. */
static const Timeline *timeline_numbers(size_t *count, const WalArchive *archive, const BranchRecord *records,
                                        size_t record_count, Arena *arena)
{
    Timeline *const all = arena_alloc(arena, (archive->count + record_count) * sizeof *all);
    size_t found = 0, kept = 0;
    for (size_t i = 0; i < archive->count; i++)
        all[found++] = archive->timelines[i].timeline;
    for (size_t i = 0; i < record_count; i++)
        all[found++] = records[i].timeline;
    if (found)
        qsort(all, found, sizeof *all, timeline_compare);
    for (size_t i = 0; i < found; i++) {
        if (!kept || all[kept - 1].id != all[i].id)
            all[kept++] = all[i];
    }
    *count = kept;
    return all;
}

Err *info_timelines_read(Info *info, InfoReading *reading)
{
    Repo *const repo = reading->repo;
    const KeyRoot *const root = &reading->generation->root;
    const BranchRecord *records;
    size_t record_count;
    TRY(wal_archive_list(&info->archive, repo, reading->generation, reading->arena));
    if (reading->unsound.count)
        wal_archive_leave_out(&info->archive, reading->unsound.names, reading->unsound.count, reading->arena);
    TRY(branch_list(&records, &record_count, repo, root, reading->arena));
    info->production = lineage_production(records, record_count);
    const Timeline *const numbers =
        timeline_numbers(&info->timeline_count, &info->archive, records, record_count, reading->arena);
    InfoTimeline *const timelines = arena_alloc(reading->arena, info->timeline_count * sizeof *timelines);
    Lineage production = {.count = 0};
    if (info->production.id)
        TRY(lineage_load(&production, repo, reading->generation, info->production, reading->arena));
    for (size_t i = 0; i < info->timeline_count; i++) {
        Lineage lineage;
        TRY(lineage_load(&lineage, repo, reading->generation, numbers[i], reading->arena));
        timelines[i] = (InfoTimeline){.timeline = numbers[i],
                                      .record = record_of(records, record_count, numbers[i]),
                                      .wal = wal_archive_timeline(&info->archive, numbers[i]),
                                      .is_on_production = lineage_part(&production, numbers[i]) != NULL};
        if (lineage.count > 1) {
            timelines[i].parent = lineage.parts[lineage.count - 2].timeline;
            timelines[i].switch_lsn = lineage.parts[lineage.count - 1].begin;
        }
    }
    info->timelines = timelines;
    return NULL;
}

/* One look along a branch. */
typedef struct BranchLook {
    Info *info;
    InfoReading *reading;
    WalSource source;
    Lineage lineage;
    Lsn own_from;         /* what begins before it was told with the production branch */
    InfoBackup **backups; /* of this branch, by the LSN at which they are consistent */
    size_t backup_count;
    Buf *windows, *gaps;
} BranchLook;

static int backup_compare(const void *a, const void *b)
{
    const InfoBackup *const x = *(InfoBackup *const *)a, *const y = *(InfoBackup *const *)b;
    if (x->record.stop_lsn.at != y->record.stop_lsn.at)
        return x->record.stop_lsn.at < y->record.stop_lsn.at ? -1 : 1;
    return strcmp(x->label.text, y->label.text);
}

/* Can the backup be used along the branch? It is good when it is on one of them. An offline backup brings the WAL it
 * needs. */
static bool backup_judge(InfoBackup *backup, const WalWindow *window)
{
    if (backup->record.offline || wal_window_reaches(window, backup->record.stop_lsn)) {
        backup->state = INFO_BACKUP_GOOD;
        return true;
    }
    if (backup->state == INFO_BACKUP_BROKEN && !backup->missing.segment_bytes)
        backup->missing = window->missing;
    return false;
}

static Instant later(Instant a, Instant b)
{
    return a.us > b.us ? a : b;
}

/* The window's end in time. That an index cannot be read is reported and costs no more than the time. */
static Instant window_time(const WalWindow *window, InfoReading *reading)
{
    Instant last = INSTANT_NONE;
    Err *err = wal_window_last_commit(&last, window);
    if (err)
        report_fault(reading->report, err_doing(err, "looking for the last commit"));
    return last;
}

/* A backup opens a window, or lies in the one before it when both end at the same place. */
static void window_add(BranchLook *look, const InfoBackup *backup, const WalWindow *window)
{
    InfoWindow *const last =
        look->windows->len ? (InfoWindow *)(void *)(look->windows->data + look->windows->len) - 1 : NULL;
    const Lsn to = lsn_max(window->end, backup->record.stop_lsn);
    if (last && last->branch.id == look->lineage.timeline.id && last->to_lsn.at == to.at) {
        last->backups++;
        last->last_backup = backup->label;
        last->to_time = later(last->to_time, backup->record.stop_time);
        return;
    }
    const InfoWindow fresh = {.branch = look->lineage.timeline,
                              .first_backup = backup->label,
                              .last_backup = backup->label,
                              .backups = 1,
                              .from_lsn = backup->record.stop_lsn,
                              .to_lsn = to,
                              .from_time = backup->record.stop_time,
                              .to_time = later(backup->record.stop_time, window_time(window, look->reading)),
                              .ends_in_gap = window->is_gap,
                              .missing = window->missing};
    buf_add(look->windows, &fresh, sizeof fresh);
}

static void windows_find(BranchLook *look)
{
    for (size_t i = 0; i < look->backup_count; i++) {
        InfoBackup *const backup = look->backups[i];
        const WalWindow window = wal_window_find(&look->source, backup->record.start_lsn);
        if (!backup_judge(backup, &window) || window.end.at <= look->own_from.at)
            continue;
        window_add(look, backup, &window);
        if (lsn_is_valid(backup->to_lsn)) /* it was told with the production branch */
            continue;
        const InfoWindow *const last = (InfoWindow *)(void *)(look->windows->data + look->windows->len) - 1;
        backup->to_lsn = last->to_lsn;
        backup->to_time = last->to_time;
    }
}

static void gap_add(BranchLook *look, const WalWindow *window)
{
    const uint64_t first = window->missing.segment, last = window->next_segment - 1;
    AUTO(buf_done) Buf breaks = {0};
    bool is_passed = false;
    for (size_t i = 0; i < look->backup_count; i++) {
        const BackupRecord *const record = &look->backups[i]->record;
        const bool begins_before = lineage_segment_at(&look->lineage, record->start_lsn) <= last;
        is_passed |= begins_before && look->backups[i]->state == INFO_BACKUP_GOOD;
        if (!record->offline && begins_before &&
            lineage_segment_before(&look->lineage, record->stop_lsn) >= first)
            buf_add(&breaks, &record->label, sizeof record->label);
    }
    LineageCopy last_copy;
    (void)lineage_copy(&last_copy, &look->lineage, last, 0);
    const InfoGap gap = {
        .branch = look->lineage.timeline,
        .first = window->missing,
        .last = last_copy.name,
        .segments = last - first + 1,
        .breaks = (const BackupLabel *)(const void *)arena_bytes(look->reading->arena, buf_span(&breaks)).ptr,
        .break_count = breaks.len / sizeof(BackupLabel),
        .is_harmless =
            !breaks.len && (!is_passed || info_wal_expired(look->reading, &look->lineage, first, last))};
    buf_add(look->gaps, &gap, sizeof gap);
}

/* Walks from one stretch of the branch's archive to the next. The end of the last one is where production stands. */
static void gaps_find(BranchLook *look)
{
    WalWindow window = wal_window_find(&look->source, (Lsn){0});
    if (window.segments == 0 && window.is_gap) /* nothing is expected before the first segment */
        window = wal_window_find(&look->source, (Lsn){window.next_segment * look->lineage.segment_bytes});
    while (window.is_gap) {
        if ((window.next_segment) * look->lineage.segment_bytes > look->own_from.at)
            gap_add(look, &window);
        window = wal_window_find(&look->source, (Lsn){window.next_segment * look->lineage.segment_bytes});
    }
    if (look->lineage.timeline.id == look->info->production.id && window.segments) {
        look->info->archived_end = window.end;
        look->info->archived_commit = window_time(&window, look->reading);
    }
}

static void branch_backups(BranchLook *look, InfoBackup *backups)
{
    const Info *const info = look->info;
    look->backups = arena_alloc(look->reading->arena, info->backup_count * sizeof *look->backups);
    for (size_t i = 0; i < info->backup_count; i++) {
        const BackupRecord *const record = &backups[i].record;
        if (!backups[i].entry.is_committed || backups[i].state == INFO_BACKUP_DAMAGED ||
            !lineage_has_backup(&look->lineage, record->timeline, record->stop_lsn))
            continue;
        look->backups[look->backup_count++] = &backups[i];
        backups[i].is_on_production |= look->lineage.timeline.id == info->production.id;
    }
    if (look->backup_count)
        qsort(look->backups, look->backup_count, sizeof(InfoBackup *), backup_compare);
}

static Err *branch_look(BranchLook *look, InfoBackup *backups, Timeline timeline)
{
    InfoReading *const reading = look->reading;
    TRY(lineage_load(&look->lineage, reading->repo, reading->generation, timeline, reading->arena));
    if (look->info->production.id && timeline.id != look->info->production.id) {
        Lineage production;
        TRY(lineage_load(&production, reading->repo, reading->generation, look->info->production,
                         reading->arena));
        look->own_from = lineage_fork(&look->lineage, &production);
    }
    look->source = (WalSource){.repo = reading->repo,
                               .generation = reading->generation,
                               .archive = &look->info->archive,
                               .lineage = &look->lineage};
    branch_backups(look, backups);
    windows_find(look);
    gaps_find(look);
    return NULL;
}

static Span buf_keep(const Buf *buf, Arena *arena)
{
    return arena_bytes(arena, buf_span(buf));
}

Err *info_branches_read(Info *info, InfoBackup *backups, InfoReading *reading)
{
    AUTO(buf_done) Buf windows = {0};
    AUTO(buf_done) Buf gaps = {0};
    const BranchLook fresh = {.info = info, .reading = reading, .windows = &windows, .gaps = &gaps};
    if (info->production.id) {
        BranchLook look = fresh;
        TRY(branch_look(&look, backups, info->production));
    }
    for (size_t i = 0; i < info->timeline_count; i++) {
        BranchLook look = fresh;
        if (info->timelines[i].timeline.id != info->production.id)
            TRY(branch_look(&look, backups, info->timelines[i].timeline));
    }
    info->window_count = windows.len / sizeof(InfoWindow);
    info->windows = (const InfoWindow *)(const void *)buf_keep(&windows, reading->arena).ptr;
    info->gap_count = gaps.len / sizeof(InfoGap);
    info->gaps = (const InfoGap *)(const void *)buf_keep(&gaps, reading->arena).ptr;
    return NULL;
}
