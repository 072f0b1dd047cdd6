/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "job/info.h"

#include "base/text.h"
#include "cluster/cluster.h"
#include "cluster/commit_note.h"
#include "job/info_priv.h"

#include <stdlib.h>
#include <string.h>

static Err *generations_read(Info *info, Repo *repo, Arena *arena)
{
    const Generation *list;
    size_t count;
    TRY(generation_list(&list, &count, repo, info->cluster, arena));
    InfoGeneration *const generations = arena_alloc(arena, count * sizeof *generations);
    for (size_t i = 0; i < count; i++) {
        const BackupEntry *entries;
        size_t entry_count;
        TRY(backup_list(&entries, &entry_count, repo, &list[i].root, arena));
        generations[i].generation = list[i];
        for (size_t j = 0; j < entry_count; j++)
            generations[i].backups += entries[j].is_committed;
    }
    info->generations = generations;
    info->generation_count = count;
    return NULL;
}

static void backup_read(InfoBackup *backup, const BackupEntry *entry, Repo *repo, const KeyRoot *root,
                        InfoReading *reading)
{
    *backup = (InfoBackup){.label = entry->label,
                           .entry = *entry,
                           .state = entry->has_begin ? INFO_BACKUP_INTERRUPTED : INFO_BACKUP_EXPIRED,
                           .to_time = INSTANT_NONE,
                           .pin_note = "",
                           .condemned = INSTANT_NONE,
                           .condemned_by = ""};
    if (!entry->is_committed)
        return;
    BackupRecord record;
    Err *err = backup_record_load(&record, repo, root, entry->label, reading->arena);
    if (err) {
        backup->state = INFO_BACKUP_DAMAGED;
        report_fault(reading->report, err_doing(err, "backup %s", entry->label.text));
        return;
    }
    backup->state = INFO_BACKUP_BROKEN; /* until a branch shows that its WAL is there */
    backup->record = record;
}

static Err *backups_read(InfoBackup **out, Info *info, Repo *repo, InfoReading *reading)
{
    const BackupEntry *entries;
    size_t count;
    TRY(backup_list(&entries, &count, repo, &reading->generation->root, reading->arena));
    InfoBackup *const backups = arena_alloc(reading->arena, count * sizeof *backups);
    for (size_t i = 0; i < count; i++)
        backup_read(&backups[i], &entries[i], repo, &reading->generation->root, reading);
    info->backups = *out = backups;
    info->backup_count = count;
    return NULL;
}

Err *info_of_generation(Info *out, const InfoAsk *ask, Report *report, Arena *arena)
{
    Info info = {.cluster = arena_text(arena, ask->generation->root.cluster),
                 .archived_commit = INSTANT_NONE};
    InfoReading reading = {.repo = ask->repo,
                           .generation = ask->generation,
                           .unsound = ask->unsound,
                           .report = report,
                           .arena = arena};
    InfoBackup *backups;
    TRY(info_holds_read(&reading));
    TRY(backups_read(&backups, &info, ask->repo, &reading));
    TRY(info_timelines_read(&info, &reading));
    TRY(info_branches_read(&info, backups, &reading));
    info_holds_apply(backups, info.backup_count, &reading);
    *out = info;
    return NULL;
}

Err *info_of_repo(Info *out, Repo *repo, const char *cluster, Report *report, Arena *arena)
{
    Info all = {.cluster = arena_text(arena, cluster), .archived_commit = INSTANT_NONE};
    TRY(generations_read(&all, repo, arena));
    Info info = all;
    if (all.generation_count)
        TRY(info_of_generation(
            &info,
            &(InfoAsk){.repo = repo, .generation = &all.generations[all.generation_count - 1].generation},
            report, arena));
    info.generations = all.generations;
    info.generation_count = all.generation_count;
    *out = info;
    return NULL;
}

/* What looks like a backup that was broken off may be one whose commit was lost. The notes are older than the listing. */
static Err *lost_find(Info *info, const CommitNotes *notes, Repo *repo, InfoReading *reading)
{
    InfoBackup *const backups = arena_alloc(reading->arena, info->backup_count * sizeof *backups);
    if (info->backup_count)
        memcpy(backups, info->backups, info->backup_count * sizeof *backups);
    for (size_t i = 0; i < info->backup_count; i++) {
        const CommitNote *const note =
            commit_note_find(notes, info->generations[info->generation_count - 1].generation.root.generation,
                             backups[i].label);
        if (backups[i].entry.is_committed || !note)
            continue;
        Err *err = commit_note_check(note, repo);
        if (err && !err_is(err, ERR_CORRUPT))
            return err;
        if (!err)
            continue;
        backups[i].state = INFO_BACKUP_LOST;
        report_fault(reading->report, err);
    }
    info->backups = backups;
    return NULL;
}

/* Opens one repository and tells of it when none before did. */
static Err *repo_read(Info *info, InfoRepo *to, size_t at, const ClusterOptions *cluster,
                      InfoReading *reading)
{
    AUTO(repo_free) Repo *repo = NULL;
    const RepoSpec spec = cluster_repo_spec(cluster, at);
    TRY(repo_open(&repo, &spec));
    Info found;
    if (info->generation_count) {
        const Generation *list;
        size_t count;
        TRY(generation_list(&list, &count, repo, cluster->name, reading->arena));
        to->is_known = count > 0;
        return NULL;
    }
    const CommitNotes notes =
        commit_notes_load(cluster->state_dir, repo, cluster->name, reading->report, reading->arena);
    TRY(info_of_repo(&found, repo, cluster->name, reading->report, reading->arena));
    if (notes.count && found.generation_count)
        TRY(lost_find(&found, &notes, repo, reading));
    to->is_known = to->is_told = found.generation_count > 0;
    *info = found;
    return NULL;
}

Err *info_gather(Info *out, const ClusterOptions *cluster, Report *report, Arena *arena)
{
    Info info = {.cluster = cluster->name, .archived_commit = INSTANT_NONE};
    InfoRepo *const repos = arena_alloc(arena, cluster->repo_count * sizeof *repos);
    InfoReading reading = {.report = report, .arena = arena};
    AUTO(err_free) Err *last = NULL;
    size_t answering = 0;
    for (size_t i = 0; i < cluster->repo_count; i++) {
        repos[i] = (InfoRepo){.name = cluster->repos[i].name, .url = cluster->repos[i].url};
        Err *err = repo_read(&info, &repos[i], i, cluster, &reading);
        if (!err) {
            answering++;
            continue;
        }
        repos[i].fault = arena_text(arena, err_text(err));
        if (last)
            report_fault(report, TAKE(last));
        last = err;
    }
    if (!answering && last)
        return TAKE(last);
    if (last)
        report_fault(report, TAKE(last));
    info.repos = repos;
    info.repo_count = cluster->repo_count;
    *out = info;
    return NULL;
}

const InfoBackup *info_backup(const Info *info, const char *label)
{
    for (size_t i = 0; i < info->backup_count; i++) {
        if (text_equal(info->backups[i].label.text, label))
            return &info->backups[i];
    }
    return NULL;
}
