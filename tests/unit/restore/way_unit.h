/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * tests/unit/restore/way_unit.h - a made-up cluster on whose way a restore is: timeline 1 from segment 5 on, which went on
 * behind the switch in segment 8 at which timeline 2 left it; 2 is production's. Every segment has one commit, at ten
 * times as many seconds as its number, and a backup ends at the second in its label and one more.
 *
 * Included after unit.h.
 */
#pragma once

#include "archive/archive_unit.h"
#include "backup/backup_unit.h"
#include "restore/restore_hold.h"

/* Behind the commit with which segment 8 begins. */
#define SWITCH ((Lsn){SEGMENT(8).at + 80})

typedef struct Scene {
    Repo *repo;
    RepoSet set; /* of it alone */
    Arena *arena;
    Report report;
    Progress progress;
    ClusterOptions cluster;
    RestoreOptions options;
    Restore restore;
} Scene;

static inline void scene_done(Scene *scene)
{
    repo_free(&scene->repo);
    arena_free(&scene->arena);
    report_done(&scene->report);
}

static inline void scene_begin(Scene *scene)
{
    *scene = (Scene){.repo = new_repo("main"), .arena = arena_new(), .progress = {.phase = ""}};
    scene->cluster = (ClusterOptions){.name = "main"};
    put_generation(scene->repo);
    put_branch(scene->repo, 1, 0, (Lsn){0});
    put_branch(scene->repo, 2, 1, SWITCH);
    AUTO(buf_done) Buf history = {0};
    buf_addf(&history, "1\t%s\tx\n", lsn_text(SWITCH).text);
    put_history(scene->repo, 2, buf_text(&history));
    put_days(scene->repo, 1, 5, 11);
    put_days(scene->repo, 2, 8, 9);
    put_backup(scene->repo, "20260101-000051F", 1, SEGMENT(5), SEGMENT(6));
    put_backup(scene->repo, "20260101-000111F", 1, SEGMENT(7), SEGMENT(8));
    put_backup(scene->repo, "20260101-000131F", 2, SEGMENT(9), (Lsn){SEGMENT(9).at + 4096});
    put_backup(scene->repo, "20260101-000141F", 1, SEGMENT(10),
               SEGMENT(11)); /* of the branch that was left */
}

static inline Err *way_find(Scene *scene, RestoreOptions options)
{
    scene->options = options;
    scene->options.progress = &scene->progress;
    if (!options.target_text)
        scene->options.target_text = "the target";
    Restore *const restore = &scene->restore;
    scene->set = (RepoSet){.repos = &scene->repo, .stores = &scene->repo->store, .count = 1};
    *restore = (Restore){.cluster = &scene->cluster,
                         .options = &scene->options,
                         .report = &scene->report,
                         .arena = scene->arena,
                         .place = {.role = PLAN_CLONE},
                         .from = {.set = &scene->set, .repo = scene->repo, .generation = unit_generation}};
    ASSERT_OK(pg_version_of_major(&restore->from.version, unit_generation.major));
    TRY(restore_holds_read(restore));
    return restore_way_find(restore);
}

static inline RestoreOptions at_time(int64_t seconds)
{
    return (RestoreOptions){.target = {.kind = WAL_TARGET_TIME, .time = second(seconds)}};
}

static inline RestoreOptions at_lsn(Lsn lsn, uint32_t timeline)
{
    return (RestoreOptions){.target = {.kind = WAL_TARGET_LSN, .lsn = lsn}, .timeline = {timeline}};
}

static inline void assert_way(const Scene *scene, const char *label, uint32_t timeline)
{
    const RestoreResult *const found = &scene->restore.result;
    assert_string_equal(found->backup.label.text, label);
    assert_int_equal(found->timeline.id, timeline);
    assert_int_equal(scene->restore.way.lineage.timeline.id, timeline);
}

static inline void segment_remove(const Scene *scene, uint32_t timeline, uint64_t segment)
{
    const Key key = key_wal(&unit_generation.root, segment_name(timeline, segment));
    ASSERT_OK(store_remove(scene->repo->store, key.text));
}
