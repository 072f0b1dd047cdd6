/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* The use case, top to bottom. */
#include "job/restore.h"

#include "job/cluster.h"
#include "job/restore_priv.h"
#include "os/entry.h"

static void restore_done(Restore *restore)
{
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
    restore->from.repo = restore->from.set->repos[0];
    if (first)
        report_survived(restore->report, TAKE(first));
    return NULL;
}

static Err *from_open(Restore *restore)
{
    RestoreFrom *const from = &restore->from;
    TRY(repos_open(restore));
    TRY(generation_latest(&from->generation, from->set, restore->cluster->name));
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

static Err *work(Restore *restore)
{
    AUTO(buf_done) Buf control = {0};
    TRY(restore_place_begin(restore));
    TRY(restore_copy(&control, restore));
    TRY(restore_settings_write(restore, buf_span(&control)));
    TRY(restore_place_end(restore, buf_span(&control)));
    TRY(aside_tell(restore));
    return restore->options->start ? restore_start(restore) : NULL;
}

Err *restore_run(RestoreResult *out, const ClusterOptions *cluster, const RestoreOptions *options,
                 Report *report, Arena *arena)
{
    AUTO(restore_done)
    Restore restore = {.cluster = cluster, .options = options, .report = report, .arena = arena};
    TRY(restore_place_rights(&restore));
    TRY(from_open(&restore));
    TRY(restore_place_judge(&restore));
    if (!options->dry_run) {
        TRY(restore_place_confirm(&restore));
        TRY(restore_salvage(&restore));
    }
    TRY(restore_way_find(&restore));
    TRY(restore_tablespaces_find(&restore));
    if (!options->dry_run)
        TRY(work(&restore));
    *out = restore.result;
    return NULL;
}
