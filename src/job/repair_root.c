/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * The object at the root of a repository, without which nobody opens it.
 *
 * It has no copy anywhere: each repository has its own id, and with a borrowed one this host would take the commits of one for
 * those of the other. So it is mended from what is left of it, or written anew: with the id under which this host remembers
 * the commits that stand in the repository, or else with a new id. Only where the cluster is found in the store: a folder
 * over which nothing is mounted gets none.
 *
 * What is damaged is set aside in the quarantine of the newest generation, where the second step finds it, or the next repair
 * after an interruption. The second step opens the store anew: one that has seen the object go refuses to write, as if its disk
 * had been taken away.
 */
#include "job/repair_priv.h"

#include "base/text.h"
#include "cluster/cluster.h"
#include "os/clock.h"
#include "os/random.h"
#include "repo/container_mend.h"

#include <string.h>

typedef struct RootMending {
    Repo *repo;
    const RepairWork *work;
    Generation generation; /* the newest one */
    bool is_missing;
    RepairDeed deed;
    RootStep step;
    Arena *arena;
} RootMending;

static const ContainerExpect root_expect = {CONTAINER_REPOSITORY, KEY_REPOSITORY};

/* Under which key its bytes are set aside; without a hash what all such keys begin with. */
static Key aside_key(const RootMending *mending, const Hash128 *hash)
{
    const KeyRoot *const root = &mending->generation.root;
    return key_quarantine(
        root, arena_textf(mending->arena, "%s" KEY_REPOSITORY, key_generation_prefix(root).text), hash);
}

static Err *key_note(void *arg, const ObjectEntry *entry)
{
    buf_add(arg, entry->key, strlen(entry->key) + 1);
    return NULL;
}

/* Appends what can be made of the bytes at `key`; nothing where nothing can. */
static Err *bytes_mend(Buf *out, Span *left, Buf *damaged, const RootMending *mending, const char *key)
{
    AUTO(buf_done) Buf facts = {0};
    bool is_mended;
    buf_clear(damaged);
    TRY(store_get_all(damaged, mending->repo->store, key, RANGE_ALL, JSON_OBJECT_MAX));
    *left = buf_span(damaged);
    Err *err = container_verify_bytes(&facts, *left, &root_expect);
    if (!err) {
        buf_add(out, left->ptr, left->len);
        return NULL;
    }
    err_free(&err);
    return container_mend(out, &is_mended, *left, &root_expect);
}

/* From its place, or from where an interrupted repair has put it. */
static Err *remains_mend(Buf *out, Span *left, Buf *damaged, const RootMending *mending)
{
    AUTO(buf_done) Buf keys = {0};
    if (!mending->is_missing)
        return bytes_mend(out, left, damaged, mending, KEY_REPOSITORY);
    TRY(store_list(mending->repo->store, aside_key(mending, NULL).text, (ListOpts){0}, key_note, &keys));
    for (size_t at = 0; at < keys.len && !out->len; at += strlen(buf_text(&keys) + at) + 1)
        TRY(bytes_mend(out, left, damaged, mending, buf_text(&keys) + at));
    return NULL;
}

static Err *damaged_take_away(const RootMending *mending, Span damaged)
{
    const Hash128 hash = hash128_of(damaged);
    TRY(repo_put(mending->repo, aside_key(mending, &hash).text, damaged));
    return store_remove(mending->repo->store, KEY_REPOSITORY);
}

static Err *anew_write(const RootMending *mending)
{
    const ClusterOptions *const cluster = mending->work->cluster;
    const char *id;
    UuidText fresh;
    TRY(commit_notes_repository(&id, cluster->state_dir, mending->repo, cluster->name, mending->arena));
    TRY(random_uuid(&fresh));
    if (!id) {
        report_warn(mending->work->report, "repair/ID",
                    "the repository %s has the new id %s: nothing tells the old one", mending->repo->name,
                    fresh.text);
        report_hint(
            mending->work->report,
            "standbys and clones that restore has made ask for the old one and wait: put the new id into "
            "their pgstrata.plan, once it is certain that this is their repository");
    }
    return repo_object_write(mending->repo->store, id ? id : fresh.text, clock_now());
}

static Err *root_write(RootMending *mending)
{
    AUTO(buf_done) Buf damaged = {0};
    AUTO(buf_done) Buf made = {0};
    Span left = {0};
    TRY(remains_mend(&made, &left, &damaged, mending));
    mending->deed.how = made.len ? REPAIR_MENDED : REPAIR_REBUILT;
    mending->step = ROOT_DONE;
    if (mending->work->options.dry_run)
        return NULL;
    if (!mending->is_missing) {
        mending->step = ROOT_TAKEN_AWAY;
        return damaged_take_away(mending, left);
    }
    return made.len ? repo_put(mending->repo, KEY_REPOSITORY, buf_span(&made)) : anew_write(mending);
}

/* False when the cluster is not in the store: then this is no repository of it, whatever else it is. */
static Err *cluster_find(bool *is_there, RootMending *mending)
{
    const Generation *list;
    size_t count;
    TRY(generation_list(&list, &count, mending->repo, mending->work->cluster->name, mending->arena));
    *is_there = count > 0;
    if (count)
        mending->generation = list[count - 1];
    return NULL;
}

Err *repair_root(RepairDeed *out, RootStep *step, Repo *headless, const RepairWork *work, Arena *arena)
{
    ObjectInfo info;
    Err *err = store_stat(&info, headless->store, KEY_REPOSITORY);
    RootMending mending = {
        .repo = headless,
        .work = work,
        .is_missing = err_is(err, ERR_NOT_FOUND),
        .deed = {.repo = arena_text(arena, headless->name), .key = KEY_REPOSITORY, .from = ""},
        .step = ROOT_OF_NOBODY,
        .arena = arena};
    bool is_there;
    if (mending.is_missing)
        err_free(&err);
    TRY(err);
    TRY(cluster_find(&is_there, &mending));
    if (is_there)
        TRY(root_write(&mending));
    mending.deed.was_missing = mending.is_missing;
    *out = mending.deed;
    *step = mending.step;
    return NULL;
}

static Err *step_take(RepairDeed *deed, RootStep *step, const RepoSpec *spec, const RepairWork *work,
                      Arena *arena)
{
    AUTO(repo_free) Repo *headless = NULL;
    TRY(repo_open_headless(&headless, spec));
    return repair_root(deed, step, headless, work, arena);
}

static Err *root_of(Buf *deeds, const RepoSpec *spec, const RepairWork *work, Arena *arena)
{
    AUTO(repo_free) Repo *repo = NULL;
    RepairDeed deed;
    RootStep step;
    AUTO(err_free) Err *err = repo_open(&repo, spec);
    if (!err_is(err, ERR_CORRUPT))
        return TAKE(err);
    TRY(step_take(&deed, &step, spec, work, arena));
    if (step == ROOT_OF_NOBODY)
        return TAKE(err);
    if (step == ROOT_TAKEN_AWAY) {
        TRY(step_take(&deed, &step, spec, work, arena));
        deed.was_missing = false;
    }
    buf_add(deeds, &deed, sizeof deed);
    if (work->options.dry_run)
        report_fault(work->report, TAKE(err));
    return NULL;
}

Err *repair_roots(Buf *deeds, const RepairWork *work, Arena *arena)
{
    for (size_t i = 0; i < work->cluster->repo_count; i++) {
        const RepoSpec spec = cluster_repo_spec(work->cluster, i);
        TRY(root_of(deeds, &spec, work, arena));
    }
    return NULL;
}
