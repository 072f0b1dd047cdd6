/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* The use case, top to bottom. */
#include "restore/restore.h"

#include "cluster/cluster.h"
#include "restore/restore_hold.h"
#include "restore/restore_priv.h"
#include "os/entry.h"
#include "store/mirror.h"

static void restore_done(Restore *restore)
{
    repo_free(&restore->from.repo);
    repo_set_free(&restore->from.set);
}

/* A repository that is away must not keep us from restoring out of another. */
static Err *repos_open(Restore *restore)
{
    const ClusterOptions *const cluster = restore->cluster;
    AUTO(arena_free) Arena *arena = arena_new();
    Repo **const repos = arena_alloc(arena, (cluster->repo_count + 1) * sizeof(Repo *));
    restore->from.options = arena_alloc(restore->arena, (cluster->repo_count + 1) * sizeof(RepoOptions));
    size_t count = 0;
    AUTO(err_free) Err *first = NULL;
    for (size_t i = 0; i < cluster->repo_count; i++) {
        const RepoOptions *const options = &cluster->repos[i];
        const RepoSpec spec = cluster_repo_spec(cluster, i);
        Err *err = repo_open(&repos[count], &spec);
        if (!err) {
            restore->from.options[count++] = *options;
        } else if (!first) {
            first = TAKE(err);
        } else {
            report_survived(restore->report, TAKE(err));
        }
    }
    if (!count)
        return TAKE(first);
    restore->from.set = repo_set_of(repos, count);
    restore->from.repo = repo_mirror(restore->from.set);
    if (first)
        report_survived(restore->report, TAKE(first));
    return NULL;
}

static Err *from_open(Restore *restore)
{
    RestoreFrom *const from = &restore->from;
    TRY(repos_open(restore));
    RepoSet mirror = {&from->repo, &from->repo->store, 1};
    TRY(generation_latest(&from->generation, &mirror, restore->cluster->name));
    return pg_version_of_major(&from->version, from->generation.major);
}

static Err *aside_tell(const Restore *restore)
{
    EntryInfo info;
    TRY(entry_stat(&info, restore->place.aside));
    if (info.kind == ENTRY_FOLDER)
        report_note(restore->report, "restore/ASIDE", "what was in the way is now in %s",
                    restore->place.aside);
    return NULL;
}

/* The way that was announced, found again: folders, room and tablespaces were settled for its backup. What others have
 * committed since is not asked. */
static Err *way_again(Restore *restore)
{
    const RestoreOptions *const options = restore->options;
    const BackupLabel label = restore->way.backup.label;
    Report *const report = restore->report;
    RestoreOptions same = *options;
    same.backup = label.text;
    same.timeline = restore->way.followed;
    Report again = {0};
    restore->unarchived = NULL;
    restore->options = &same;
    restore->report = &again;
    Err *const err = restore_way_find(restore);
    restore->report = report;
    restore->options = options;
    report_done(&again); /* all of it was said before */
    return err;
}

/* What was looked at in pg_wal is archived now, and its names are the archive's. */
static Err *way_save(Restore *restore)
{
    const RestoreOptions *const options = restore->options;
    TRY(restore_salvage(restore));
    if (restore->has_new_branch && !options->timeline.id)
        return err_hint(
            ERR(REFUSED,
                "%s/pg_wal had a timeline that the archive did not know; it is archived now, and what "
                "was announced leaves it out",
                restore->place.folder),
            "run the same restore again to follow it, or with --target-timeline=%u to leave it",
            restore->way.followed.id);
    if (!restore->unarchived)
        return NULL;
    const Lsn announced = restore->way.end_lsn;
    TRY(way_again(restore));
    const Lsn end = restore->way.end_lsn;
    if (end.at < announced.at)
        return err_hint(ERR(REFUSED, "LSN %s was announced, and now the archive leads backup %s to %s only",
                            lsn_text(announced).text, restore->way.backup.label.text, lsn_text(end).text),
                        "nothing was restored over; run it again to see what can be had now");
    return options->announce && end.at != announced.at ? options->announce(options->person, &restore->result)
                                                       : NULL;
}

static Err *work(Restore *restore)
{
    AUTO(buf_done) Buf control = {0};
    TRY(restore_place_confirm(restore));
    TRY(way_save(restore));
    TRY(restore_hold_renew(restore));
    TRY(restore_place_begin(restore));
    TRY(restore_strangers_keep(restore));
    TRY(restore_copy(&control, restore));
    TRY(restore_settings_write(restore, buf_span(&control)));
    TRY(restore_place_end(restore, buf_span(&control)));
    TRY(aside_tell(restore));
    return restore->options->start ? restore_start(restore) : NULL;
}

/* What is damaged in the archive may be whole elsewhere in it. */
static Err *damage_explain(Err *err)
{
    return err_is(err, ERR_CORRUPT)
               ? err_hint(err,
                          "pgstrata verify names all that is damaged; an older --backup or another --repo "
                          "may hold it whole")
               : err;
}

/* The old server's WAL is saved also where the restore is refused for now, if the person has agreed to it beforehand; and
 * the archive has the last word: a look does not know the histories that salvage brings. */
static Err *way_find(Restore *restore)
{
    const RestoreOptions *const options = restore->options;
    const bool is_agreed = !options->dry_run && !options->confirm && !options->no_salvage;
    Err *err = restore_way_look(restore);
    if (!err_is(err, ERR_GAP) || restore->place.ground == GROUND_FREE || !is_agreed)
        return err;
    err_free(&err);
    TRY(restore_salvage(restore));
    restore->unarchived = NULL;
    restore->has_new_branch = false; /* the way will tell */
    return restore_way_find(restore);
}

static Err *run(Restore *restore)
{
    const RestoreOptions *const options = restore->options;
    TRY(restore_place_rights(restore));
    TRY(from_open(restore));
    TRY(restore_place_judge(restore));
    TRY(restore_holds_read(restore));
    TRY(damage_explain(way_find(restore)));
    TRY(restore_hold_tell(restore));
    TRY(restore_tablespaces_find(restore));
    TRY(damage_explain(restore_room_check(restore)));
    if (options->announce)
        TRY(options->announce(options->person, &restore->result));
    return options->dry_run ? NULL : damage_explain(work(restore));
}

/* Bad copies that were made good by others. */
static void bad_copies_tell(const Restore *restore)
{
    Err *fault;
    while (restore->from.repo && (fault = mirror_fault_take(restore->from.repo->store))) {
        if (!err_is(fault, ERR_AWAY))
            fault = err_hint(
                fault, "another repository's copy was taken; pgstrata verify shows what else is bad here");
        report_survived(restore->report, fault);
    }
}

Err *restore_run(RestoreResult *out, const ClusterOptions *cluster, const RestoreOptions *options,
                 Report *report, Arena *arena)
{
    AUTO(restore_done)
    Restore restore = {.cluster = cluster, .options = options, .report = report, .arena = arena};
    Err *const err = restore_hold_explain(&restore, run(&restore));
    bad_copies_tell(&restore);
    if (!err)
        *out = restore.result;
    return err;
}
