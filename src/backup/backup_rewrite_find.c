/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * backup/backup_rewrite_find.c - which backups stay, and so which packs are worth rewriting
 *
 * What others hold costs requests, and is only looked at when there is something to win. What cannot be read counts as a
 * backup that holds everything: then nothing is rewritten.
 */
#include "backup/backup_older.h"
#include "base/limits.h"
#include "base/text.h"
#include "os/clock.h"
#include "repo/hold.h"
#include "retention/policy.h"

enum {
    WORTH_BYTES = 16 * 1024 * 1024, /* dead ones: below, every small incremental would look around */
    /* Those that stay for one of these do so for months. */
    STAYS_LONG = 1 << POLICY_PIN | 1 << POLICY_FOREIGN | 1 << POLICY_MONTHLY | 1 << POLICY_YEARLY,
};

typedef struct Stay {
    Backup *backup;
    Repo *repo;
    Lineage lineage;
    HoldList holds;
    Buf policy; /* of PolicyBackup: those that are not condemned */
} Stay;

static void stay_done(Stay *stay)
{
    buf_done(&stay->policy);
}

static Err *stay_add(Stay *stay, BackupLabel label)
{
    Backup *const backup = stay->backup;
    BackupRecord record;
    TRY(backup_record_load(&record, stay->repo, &backup->generation.root, label, backup->arena));
    PolicyBackup candidate = policy_backup(&record, INSTANT_NONE);
    candidate.is_on_production = lineage_has_backup(&stay->lineage, record.timeline, record.stop_lsn);
    candidate.is_good = true;
    candidate.is_pinned = hold_is_pinned(&stay->holds, label);
    buf_add(&stay->policy, &candidate, sizeof candidate);
    return NULL;
}

/* All backups that nobody has condemned yet. */
static Err *stay_list(Stay *stay)
{
    Backup *const backup = stay->backup;
    const KeyRoot *const root = &backup->generation.root;
    const BackupEntry *entries;
    size_t count;
    TRY(lineage_load(&stay->lineage, stay->repo, &backup->generation, backup->record.timeline,
                     backup->arena));
    TRY(hold_list(&stay->holds, backup->set->repos[0], root, backup->arena));
    TRY(backup_list(&entries, &count, stay->repo, root, backup->arena));
    for (size_t i = 0; i < count; i++) {
        if (entries[i].is_committed && !hold_is_condemned(&stay->holds, entries[i].label))
            TRY(stay_add(stay, entries[i].label));
    }
    return NULL;
}

/* What stays when the promises have been applied, and the packs of each. */
static Err *holders_find(RewriteAsk *ask, const Stay *stay)
{
    Backup *const backup = stay->backup;
    const PolicyBackup *const all = (const PolicyBackup *)(const void *)stay->policy.data;
    const size_t count = stay->policy.len / sizeof *all;
    Policy policy;
    policy_judge(
        &policy,
        &(PolicyAsk){
            .backups = all, .count = count, .promises = backup->cluster->retention, .now = clock_now()},
        backup->arena);
    RewriteHolder *const holders = arena_alloc(backup->arena, count * sizeof *holders);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (!policy.reasons[i])
            continue;
        holders[kept].stays_long = policy.reasons[i] & STAYS_LONG;
        TRY(backup_packs_load(&holders[kept++].packs, stay->repo, &backup->generation.root, all[i].label,
                              backup->arena));
    }
    ask->holders = holders;
    ask->holder_count = kept;
    return NULL;
}

/* A tenth of what the map makes this backup read, or so much that it costs a second. */
static uint64_t bytes_max(const Backup *backup)
{
    uint64_t bytes = 0;
    const WalChanges *const changes = backup->base->changes;
    for (size_t i = 0; changes && i < wal_changes_count(changes); i++)
        bytes += number_set_count(&wal_changes_at(changes, i)->blocks) * PAGE_BYTES;
    const uint64_t floor = (uint64_t)backup->cluster->jobs * REWRITE_FLOOR_BYTES;
    return bytes / 10 > floor ? bytes / 10 : floor;
}

/* As far as the parent alone can tell. */
static bool is_worth_looking(const RewriteAsk *ask, Arena *arena)
{
    const PackSet set = rewrite_choose(ask, arena);
    uint64_t dead_bytes = 0;
    for (size_t i = 0; i < set.count; i++)
        dead_bytes += set.packs[i].plain_bytes - set.packs[i].live_bytes;
    return dead_bytes >= WORTH_BYTES;
}

static Err *choose(PackSet *out, RewriteAsk *ask, Backup *backup)
{
    AUTO(stay_done) Stay stay = {.backup = backup, .repo = backup->base->repo};
    TRY(stay_list(&stay));
    TRY(holders_find(ask, &stay));
    *out = rewrite_choose(ask, backup->arena);
    return NULL;
}

Err *rewrite_find(Backup *backup)
{
    Base *const base = backup->base;
    if (!base || backup->options->type != BACKUP_INCR)
        return NULL; /* the next diff builds on the same full backup, and would do it all again */
    RewriteAsk ask = {.packs = base->packs, .bytes_max = bytes_max(backup)};
    if (!is_worth_looking(&ask, backup->arena))
        return NULL;
    AUTO(err_free) Err *err = choose(&base->rewrite, &ask, backup);
    if (err && !err_is_unreadable(err))
        return TAKE(err);
    if (base->rewrite.count)
        report_note(backup->report, "backup/REWRITES",
                    "%zu mostly dead packs are left behind: %s of them stored again", base->rewrite.count,
                    size_text(base->rewrite.live_bytes).text);
    return NULL;
}
