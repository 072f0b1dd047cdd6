/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Is a copy the very object that is missed? Sound it may be and still another one: a pack of a backup that was begun again
 * under its label, a commit that another host wrote. The backups name the SHA-256 of every pack they draw on, and this
 * host remembers the commits that it wrote.
 */
#include "job/repair_priv.h"

#include "base/text.h"

static bool ends_the_work(const Err *err)
{
    return err_is(err, ERR_AWAY) || err_is(err, ERR_CANCELED);
}

/* ---- packs */

typedef struct PackAsk {
    const RepairTask *task;
    Sha256 sha256; /* of one that is found */
    bool is_found;
    const char *by; /* label of the backup that says so */
} PackAsk;

/* One whose list cannot be read says nothing. */
static Err *backup_ask(PackAsk *ask, Repo *repo, BackupLabel label)
{
    const RepairTask *const task = ask->task;
    PackUses packs;
    Err *err = backup_packs_load(&packs, repo, &task->root, label, task->repair->arena);
    if (ends_the_work(err))
        return err;
    for (size_t i = 0; !err && !ask->is_found && i < packs.count; i++) {
        const PackUse *const use = &packs.uses[i];
        if (use->pack != task->object.pack || !text_equal(use->label.text, task->object.label.text))
            continue;
        ask->is_found = true;
        ask->sha256 = use->sha256;
        ask->by = arena_text(task->repair->arena, label.text);
    }
    err_free(&err);
    return NULL;
}

/* The backup that wrote it is asked first: it is the likeliest to draw on it. */
static Err *repository_ask(PackAsk *ask, Repo *repo)
{
    const RepairTask *const task = ask->task;
    const BackupEntry *entries;
    size_t count;
    TRY(backup_ask(ask, repo, task->object.label));
    if (ask->is_found)
        return NULL;
    TRY(backup_list(&entries, &count, repo, &task->root, task->repair->arena));
    for (size_t i = 0; i < count && !ask->is_found; i++) {
        if (entries[i].is_committed && !text_equal(entries[i].label.text, task->object.label.text))
            TRY(backup_ask(ask, repo, entries[i].label));
    }
    return NULL;
}

/* Its own repository says; where nothing there can, the others. */
static Err *pack_check(const char **why, const RepairTask *task, const RepairSite *from,
                       const ContainerSummary *copy)
{
    PackAsk ask = {.task = task};
    TRY(repository_ask(&ask, task->repair->sites[task->site].repo));
    for (size_t i = 0; i < task->repair->site_count && !ask.is_found; i++)
        TRY(repository_ask(&ask, task->repair->sites[i].repo));
    if (ask.is_found && !sha256_equal(&ask.sha256, &copy->sha256))
        *why = arena_textf(
            task->repair->arena, "that of repository %s is another object: SHA-256 %s, backup %s draws on %s",
            from->repo->name, sha256_text(&copy->sha256).text, ask.by, sha256_text(&ask.sha256).text);
    return NULL;
}

/* ---- commits */

static Err *commit_check(const char **why, const RepairTask *task, const RepairSite *from)
{
    const ClusterOptions *const cluster = task->repair->work->cluster;
    AUTO(report_done) Report told = {0}; /* by verify */
    AUTO(buf_done) Buf bytes = {0};
    const CommitNotes notes = commit_notes_load(cluster->state_dir, task->repair->sites[task->site].repo,
                                                cluster->name, &told, task->repair->arena);
    const CommitNote *const note = commit_note_find(&notes, task->root.generation, task->object.label);
    if (!note)
        return NULL;
    TRY(store_get_all(&bytes, from->repo->store, task->key, RANGE_ALL, JSON_OBJECT_MAX));
    const Hash128 hash = hash128_of(buf_span(&bytes));
    if (!hash128_equal(&hash, &note->hash))
        *why = arena_textf(task->repair->arena, "that of repository %s is not the one that this host wrote",
                           from->repo->name);
    return NULL;
}

Err *repair_copy_check(const char **why, const RepairTask *task, const RepairSite *from,
                       const ContainerSummary *copy)
{
    *why = NULL;
    if (task->object.kind == CONTAINER_PACK)
        return pack_check(why, task, from, copy);
    return task->object.kind == CONTAINER_BACKUP ? commit_check(why, task, from) : NULL;
}
