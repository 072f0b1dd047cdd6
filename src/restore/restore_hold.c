/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "restore/restore_hold.h"

#include "cluster/cluster.h"
#include "os/clock.h"
#include "repo/hold_wal.h"

/* So many others may decide about the same backup under our eyes. */
enum { RENEW_TRIES_MAX = 10 };

/* What one repository has decided. */
typedef struct RepoHolds {
    Repo *repo;
    HoldList list; /* empty where it could not be read */
} RepoHolds;

struct RestoreHolds {
    const RepoHolds *repos; /* in the order of the set */
    size_t count;
};

/* A backup's chances, over all repositories that have it. */
typedef struct Standing {
    bool stays;    /* in one of them at least nothing was said against it */
    Instant until; /* else: removed from the last of them not before; INSTANT_NONE: it goes at this moment */
} Standing;

static const KeyRoot *root_of(const Restore *restore)
{
    return &restore->from.generation.root;
}

/* ---- what was decided */

/* A stop signal ends the restore; of anything else that goes wrong here the person is told. */
static Err *survive(Restore *restore, Err *err, const char *doing, const Repo *repo)
{
    if (!err || err_is(err, ERR_CANCELED))
        return err;
    report_survived(restore->report, err_hint(err_doing(err, "%s in the repository %s", doing, repo->name),
                                              "what is restored here may be expiring: let no expire run"));
    return NULL;
}

static Err *decisions_read(RestoreHolds **out, Restore *restore)
{
    const RepoSet *const set = restore->from.set;
    RepoHolds *const repos = arena_alloc(restore->arena, set->count * sizeof *repos);
    for (size_t i = 0; i < set->count; i++) {
        repos[i] = (RepoHolds){.repo = set->repos[i]};
        Err *err = hold_list(&repos[i].list, set->repos[i], root_of(restore), restore->arena);
        TRY(survive(restore, err, "reading what was decided about backups", set->repos[i]));
    }
    *out = arena_alloc(restore->arena, sizeof **out);
    **out = (RestoreHolds){.repos = repos, .count = set->count};
    return NULL;
}

Err *restore_holds_read(Restore *restore)
{
    return decisions_read(&restore->holds, restore);
}

static bool is_doubted(const RestoreHolds *holds, BackupLabel label)
{
    bool is_said = false;
    for (size_t i = 0; holds && i < holds->count; i++)
        is_said |= hold_is_condemned(&holds->repos[i].list, label);
    return is_said;
}

/* Is it committed there? Not for a repository that does not answer: nothing can be read out of it. */
static Err *commit_look(bool *out, const Restore *restore, const Repo *repo, BackupLabel label)
{
    ObjectInfo info;
    Err *err = store_stat(&info, repo->store, key_backup_object(root_of(restore), label, "backup").text);
    if (err_is(err, ERR_CANCELED))
        return err;
    *out = !err;
    err_free(&err);
    return NULL;
}

/* A decision that cannot be read removes nothing (repo/hold.h). */
static bool is_against(const Hold *fate)
{
    return hold_says(fate, HOLD_CONDEMNED) || hold_says(fate, HOLD_REMOVING);
}

static Err *standing_find(Standing *out, const Restore *restore, BackupLabel label)
{
    const RestoreHolds *const holds = restore->holds;
    Standing standing = {.stays = !is_doubted(holds, label), .until = INSTANT_NONE};
    for (size_t i = 0; !standing.stays && i < holds->count; i++) {
        const Hold *const fate = hold_find(&holds->repos[i].list, HOLD_FATES, label.text);
        bool is_there;
        TRY(commit_look(&is_there, restore, holds->repos[i].repo, label));
        if (!is_there)
            continue;
        standing.stays = !is_against(fate);
        if (hold_says(fate, HOLD_CONDEMNED)) {
            const int64_t until_us = fate->stored.us + restore->cluster->expire_grace_us;
            standing.until.us = until_us > standing.until.us ? until_us : standing.until.us;
        }
    }
    *out = standing;
    return NULL;
}

Err *restore_hold_goes(bool *out, const Restore *restore, BackupLabel label)
{
    Standing standing;
    TRY(standing_find(&standing, restore, label));
    *out = !standing.stays && instant_is_none(standing.until) && !restore->options->is_forced;
    return NULL;
}

const char *restore_hold_where(const Restore *restore, BackupLabel label)
{
    const RestoreHolds *const holds = restore->holds;
    for (size_t i = 0; holds && i < holds->count; i++) {
        const Hold *const fate = hold_find(&holds->repos[i].list, HOLD_FATES, label.text);
        if (hold_says(fate, HOLD_REMOVING))
            return arena_textf(restore->arena, "in the repository %s, since %s", holds->repos[i].repo->name,
                               instant_text(fate->stored).text);
    }
    return arena_textf(restore->arena, "in the repository %s", restore->from.repo->name);
}

/* ---- what is told of it */

/* "may be removed from … on" */
static const char *removal_text(const Restore *restore, Instant until)
{
    return until.us <= clock_now().us
               ? "may be removed at any moment"
               : arena_textf(restore->arena, "may be removed from %s on", instant_text(until).text);
}

static Err *backup_tell(Restore *restore)
{
    Standing standing;
    const BackupLabel label = restore->way.backup.label;
    const RestoreHolds *const holds = restore->holds;
    for (size_t i = 0; i < holds->count; i++) {
        const Hold *const fate = hold_find(&holds->repos[i].list, HOLD_FATES, label.text);
        if (fate && fate->fault)
            report_warn(restore->report, "restore/UNREADABLE",
                        "what was decided about backup %s in the repository %s cannot be read: %s",
                        label.text, holds->repos[i].repo->name, fate->fault);
    }
    TRY(standing_find(&standing, restore, label));
    if (standing.stays)
        return NULL;
    report_warn(restore->report, "restore/CONDEMNED", "backup %s is condemned: it %s", label.text,
                removal_text(restore, standing.until));
    report_hint(restore->report, "\"pgstrata pin %s\" keeps it", label.text);
    return NULL;
}

/* What one record says of the WAL on the way. */
typedef struct WalJudgement {
    const HoldWalEntry *record;
    WalWantedList wanted;
    Timeline young; /* all segments of this one from the one that was looked at on; 0: none */
} WalJudgement;

/* A segment that came after the record was not judged by it: its timeline may have begun since. They come in order. */
static Err *is_young(bool *out, WalJudgement *judgement, const Restore *restore, const Repo *repo,
                     WalName name)
{
    ObjectInfo info;
    *out = judgement->young.id == name.timeline.id;
    if (*out)
        return NULL;
    Err *err = store_stat(&info, repo->store, key_wal(root_of(restore), name).text);
    if (err && !err_is(err, ERR_NOT_FOUND))
        return err;
    *out = err || info.modified.us > judgement->record->stored.us;
    if (!err && *out)
        judgement->young = name.timeline;
    err_free(&err);
    return NULL;
}

/* Does the record want every segment on the way? `*missing` is the first that it does not. */
static Err *is_wanted(bool *out, WalName *missing, WalJudgement *judgement, const Restore *restore,
                      const Repo *repo)
{
    const RestoreWay *const way = &restore->way;
    const uint64_t last = lineage_segment_before(&way->lineage, way->end_lsn);
    *out = true;
    for (uint64_t segment = way->window.first_segment; segment <= last && *out; segment++) {
        LineageCopy copy;
        if (!lineage_copy(&copy, &way->lineage, segment, 0) ||
            wal_wanted_has(&judgement->wanted, copy.name.timeline, segment))
            continue;
        TRY(is_young(out, judgement, restore, repo, copy.name));
        if (!*out)
            *missing = copy.name;
    }
    return NULL;
}

/* Until when the WAL of the way stays there: a grace from the first record on that did not want it any more, after all
 * that did. INSTANT_NONE: nothing was said against it. */
static Err *wal_until(Instant *until, WalName *missing, const Restore *restore, const RepoHolds *holds)
{
    AUTO(arena_free) Arena *arena = arena_new();
    Instant since = INSTANT_NONE;
    bool wants = false;
    for (size_t i = holds->list.wal_count; i-- > 0 && !wants;) {
        WalJudgement judgement = {.record = &holds->list.wal[i]};
        TRY(hold_wal_load(&judgement.wanted, holds->repo, root_of(restore), judgement.record->number, arena));
        TRY(is_wanted(&wants, missing, &judgement, restore, holds->repo));
        if (!wants)
            since = judgement.record->stored;
    }
    *until = since;
    if (!instant_is_none(since))
        until->us += restore->cluster->expire_grace_us;
    return NULL;
}

/* A repository without the first segment of the way keeps nothing of it. */
static Err *wal_look(bool *out, const Restore *restore, const Repo *repo)
{
    ObjectInfo info;
    LineageCopy copy;
    *out = false;
    if (!lineage_copy(&copy, &restore->way.lineage, restore->way.window.first_segment, 0))
        return NULL;
    Err *err = store_stat(&info, repo->store, key_wal(root_of(restore), copy.name).text);
    if (err_is(err, ERR_CANCELED))
        return err;
    *out = !err;
    err_free(&err);
    return NULL;
}

static Err *wal_tell(Restore *restore)
{
    WalName missing = {0};
    Instant until = INSTANT_NONE;
    const RestoreHolds *const holds = restore->holds;
    for (size_t i = 0; i < holds->count; i++) {
        bool is_there;
        Instant here = INSTANT_NONE;
        TRY(wal_look(&is_there, restore, holds->repos[i].repo));
        if (!is_there)
            continue;
        Err *err = wal_until(&here, &missing, restore, &holds->repos[i]);
        TRY(survive(restore, err, "reading which WAL expiry wants", holds->repos[i].repo));
        if (instant_is_none(here))
            return NULL;
        until.us = here.us > until.us ? here.us : until.us;
    }
    if (instant_is_none(until))
        return NULL;
    report_warn(restore->report, "restore/CONDEMNED_WAL", "WAL from segment %s on is promised no more: it %s",
                wal_name_text(missing).text, removal_text(restore, until));
    report_hint(
        restore->report,
        "let no expire run before the server has reached the target, or promise it: a longer \"pitr\"");
    return NULL;
}

Err *restore_hold_tell(Restore *restore)
{
    if (!restore->holds)
        return NULL;
    TRY(backup_tell(restore));
    return restore->way.window.segments ? wal_tell(restore) : NULL;
}

/* ---- another grace */

/* As it was condemned before, by whom and why; only the grace begins anew. `*is_beaten`: somebody else has decided. */
static Err *condemn_anew(bool *is_beaten, Restore *restore, const RepoHolds *holds)
{
    const BackupLabel label = restore->way.backup.label;
    const Hold *const fate = hold_find(&holds->list, HOLD_FATES, label.text);
    bool is_there;
    if (!hold_says(fate, HOLD_CONDEMNED))
        return NULL;
    TRY(commit_look(&is_there, restore, holds->repo, label));
    if (!is_there)
        return NULL;
    Hold again = hold_next(HOLD_FATES, label.text, HOLD_CONDEMNED, fate);
    again.by = fate->by;
    again.host = fate->host;
    again.note = fate->note;
    Err *err = hold_write(holds->repo, root_of(restore), &again);
    if (err_is(err, ERR_EXISTS)) {
        *is_beaten = true;
        err_free(&err);
    }
    return survive(restore, err, "putting off the removal of the backup", holds->repo);
}

static Err *too_late(Err *err)
{
    return err_hint(err, "the same restore again chooses among what stays");
}

/* Decisions are read before names: who removes a backup forgets the decision last. */
static Err *chosen_look(Restore *restore)
{
    bool goes;
    ObjectInfo info;
    const BackupLabel label = restore->way.backup.label;
    TRY(restore_holds_read(restore));
    TRY(restore_hold_goes(&goes, restore, label));
    if (goes)
        return too_late(
            ERR(REFUSED, "backup %s is being removed %s", label.text, restore_hold_where(restore, label)));
    AUTO(err_free)
    Err *err = store_stat(&info, restore->from.repo->store,
                          key_backup_object(root_of(restore), label, "backup").text);
    if (!err_is(err, ERR_NOT_FOUND))
        return TAKE(err);
    return too_late(
        err_detail(ERR(REFUSED, "backup %s has gone since it was chosen", label.text), "%s", err_text(err)));
}

static Err *renew_try(bool *is_done, Restore *restore)
{
    Standing standing;
    *is_done = true;
    TRY(chosen_look(restore));
    TRY(standing_find(&standing, restore, restore->way.backup.label));
    for (size_t i = 0; !standing.stays && i < restore->holds->count; i++) {
        bool is_beaten = false;
        TRY(condemn_anew(&is_beaten, restore, &restore->holds->repos[i]));
        *is_done &= !is_beaten;
    }
    return NULL;
}

Err *restore_hold_renew(Restore *restore)
{
    bool is_done = false;
    for (int i = 0; i < RENEW_TRIES_MAX && !is_done; i++)
        TRY(renew_try(&is_done, restore));
    if (!is_done)
        return ERR(BUSY, "others decide about backup %s again and again", restore->way.backup.label.text);
    /* Who removed it meanwhile has forgotten all that was decided, so that our number was free again. */
    return chosen_look(restore);
}

Err *restore_hold_explain(Restore *restore, Err *err)
{
    const bool is_loss = err_is(err, ERR_CORRUPT) || err_is(err, ERR_NOT_FOUND);
    if (!is_loss || !restore->holds || !*restore->way.backup.label.text)
        return err;
    Err *gone = chosen_look(restore);
    if (!err_is(gone, ERR_REFUSED)) {
        err_free(&gone);
        return err;
    }
    gone = err_detail(gone, "%s", err_text(err));
    err_free(&err);
    return gone;
}
