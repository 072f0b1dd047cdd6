/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* tests/unit/job/repair_unit.h - two repositories to be repaired from each other. Included after unit.h. */
#pragma once

#include "base/text.h"
#include "job/verify_unit.h"

#include "job/repair.h"

/* A repository, and another one with the same objects. */
typedef struct Pair {
    Scene scene;
    Repo *other;
    Report report;
    RepairResult result;
} Pair;

static inline void pair_done(Pair *pair)
{
    scene_done(&pair->scene);
    repo_free(&pair->other);
    report_done(&pair->report);
}

static inline void objects_copy(Repo *to, Repo *from)
{
    const Keys keys = all_keys(from);
    for (size_t i = 0; i < keys.count; i++) {
        AUTO(buf_done) Buf bytes = {0};
        if (text_equal(keys.keys[i].text, KEY_REPOSITORY))
            continue;
        ASSERT_OK(store_get_all(&bytes, from->store, keys.keys[i].text, RANGE_ALL, 1 << 24));
        ASSERT_OK(store_put_all(to->store, keys.keys[i].text, buf_span(&bytes)));
    }
}

static inline Pair pair_new(void)
{
    Pair pair = {.scene = scene_new(), .other = new_repo("other")};
    objects_copy(pair.other, pair.scene.repo);
    return pair;
}

static inline Err *repair_at(Pair *pair, size_t repos, RepairOptions options)
{
    static const RepoOptions names[] = {{.name = "main", .url = "/nowhere"},
                                        {.name = "other", .url = "/nowhere"}};
    const ClusterOptions cluster = {
        .name = "main", .repos = names, .repo_count = repos, .jobs = 2, .state_dir = pair->scene.state_dir};
    Progress progress = {.phase = ""};
    const RepairWork work = {
        .cluster = &cluster, .options = options, .progress = &progress, .report = &pair->report};
    report_done(&pair->report);
    pair->report = (Report){0};
    return repair_repos(&pair->result, (Repo *const[]){pair->scene.repo, pair->other}, repos, &work,
                        pair->scene.arena);
}

static inline void repair(Pair *pair, size_t repos)
{
    ASSERT_OK(repair_at(pair, repos, (RepairOptions){.dry_run = false}));
}

static inline size_t aside_count(Repo *repo)
{
    const Keys keys = all_keys(repo);
    size_t count = 0;
    for (size_t i = 0; i < keys.count; i++)
        count += text_starts(keys.keys[i].text, "main/g1/quarantine/");
    return count;
}

static inline void aside_remove(Repo *repo)
{
    const Keys keys = all_keys(repo);
    for (size_t i = 0; i < keys.count; i++) {
        if (text_starts(keys.keys[i].text, "main/g1/quarantine/"))
            ASSERT_OK(store_remove(repo->store, keys.keys[i].text));
    }
}
