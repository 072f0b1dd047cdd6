/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * An expiry that happens within a restore, before its first call of the store, its second, … until there is none: either
 * the copy is whole, or the restore refuses with its reason before it has written anything.
 */
#include "unit.h"

#include "base/text.h"
#include "pg/fixture.h"

#include "fake/clock.h"
#include "fake/held_store.h"
#include "fake/no_leak_check.h"
#include "fake/stopped_cluster.h"
#include "archive/wal_rights.h"
#include "restore/restore.h"
#include "retention/expire.h"

#include <unistd.h>

enum { NOBODY = 65534 };

#define DAY_US (INT64_C(24) * 3600 * 1000000)

typedef struct World {
    StoppedCluster cluster;
    char target[128];
    BackupLabel old, young;
    uint64_t at, calls;
    bool is_inside;
} World;

static void world_done(World *world)
{
    held_stores_done();
    stopped_cluster_done(&world->cluster);
}

static void expire(const World *world)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(report_done) Report report = {0};
    ExpireResult result;
    const ExpireWork work = {.cluster = &world->cluster.options, .report = &report};
    ASSERT_OK(expire_run(&result, &work, arena));
    assert_int_equal(report.count, 0);
}

static void day_set(int day)
{
    fake_clock_set((Instant){INT64_C(1767225600000000) + day * DAY_US});
}

/* Two backups, of which the older one was condemned so many days ago; 0: it was not. */
static void world_begin(World *world, int condemned_days, size_t repo_count)
{
    BackupResult backup;
    *world = (World){0};
    if (geteuid() == 0) /* a restore refuses to make files of root's */
        assert_int_equal(seteuid(NOBODY), 0);
    day_set(1);
    stopped_cluster_make_held(&world->cluster, held_drivers, repo_count);
    snprintf(world->target, sizeof world->target, "%s/restored", world->cluster.top.path);
    world->cluster.options.expire_grace_us = DAY_US;
    ASSERT_OK(promises_parse(&world->cluster.options.retention, "backups 1"));
    cluster_pages(&world->cluster, "base/5/1259", 3);
    cluster_filler(&world->cluster, "base/5/notes", 300000);
    ASSERT_OK(stopped_cluster_backup(&backup, &world->cluster, NULL));
    world->old = backup.label;
    day_set(2);
    cluster_filler(&world->cluster, "base/5/later", 5000);
    world->cluster.type = BACKUP_INCR;
    ASSERT_OK(stopped_cluster_backup(&backup, &world->cluster, NULL));
    world->young = backup.label;
    day_set(10 - condemned_days);
    if (condemned_days)
        expire(world);
    day_set(10);
}

static bool intrude(void *arg, FaultyCall call, const char *key)
{
    World *const world = arg;
    (void)call;
    (void)key;
    if (world->is_inside || ++world->calls != world->at)
        return false;
    world->is_inside = true;
    expire(world);
    world->is_inside = false;
    return false;
}

static bool is_there(const World *world, const char *path)
{
    AUTO(arena_free) Arena *arena = arena_new();
    EntryInfo info;
    ASSERT_OK(entry_stat(&info, path_join(world->target, path, arena)));
    return info.kind != ENTRY_ABSENT;
}

static Err *restore(const World *world, const char *label)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(report_done) Report report = {0};
    Progress progress = {.phase = ""};
    RestoreResult result;
    const RestoreOptions options = {.target_text = "the latest",
                                    .backup = label,
                                    .to_dir = world->target,
                                    .restore_command = "false",
                                    .delta = true,
                                    .progress = &progress};
    return restore_run(&result, &world->cluster.options, &options, &report, arena);
}

/* What a try ended in. */
typedef struct Ends {
    size_t whole, refused;
} Ends;

static void end_check(const World *world, Ends *ends, Err *err)
{
    /* NOT_FOUND: it had gone before the restore looked for it. */
    if (err && !err_is(err, ERR_REFUSED) && !err_is(err, ERR_NOT_FOUND))
        fail_msg("expiry before call %d: %s", (int)world->at, err_text(err));
    if (err && (is_there(world, "PG_VERSION") || is_there(world, RESTORE_MARKER)))
        fail_msg("expiry before call %d: written to, and then: %s", (int)world->at, err_text(err));
    if (!err)
        assert_true(is_there(world, "global/pg_control") && !is_there(world, RESTORE_MARKER));
    ends->whole += !err;
    ends->refused += err != NULL;
    err_free(&err);
}

static Ends every_call_try(int condemned_days, bool by_label, size_t repo_count)
{
    Ends ends = {0};
    bool was_reached = true;
    for (uint64_t at = 1; was_reached; at++) {
        AUTO(world_done) World world;
        world_begin(&world, condemned_days, repo_count);
        world.at = at;
        faulty_plan(held_store("r1"), (FaultyPlan){.matches = intrude, .arg = &world});
        faulty_plan(held_store("r2"), (FaultyPlan){.matches = intrude, .arg = &world});
        Err *const err = restore(&world, by_label ? world.old.text : NULL);
        faulty_plan(held_store("r1"), (FaultyPlan){0});
        faulty_plan(held_store("r2"), (FaultyPlan){0});
        was_reached = world.calls >= at;
        end_check(&world, &ends, err);
    }
    return ends;
}

/* What is condemned within the restore stays for a grace. */
static void test_restore__of_what_nobody_wants_any_more_is_whole(void **state)
{
    (void)state;
    const Ends ends = every_call_try(0, true, 1);
    assert_int_equal(ends.refused, 0);
    assert_true(ends.whole > 10);
}

static void test_restore__meets_the_removal_of_its_backup(void **state)
{
    (void)state;
    for (size_t repos = 1; repos <= 2; repos++) {
        const Ends ends = every_call_try(3, true, repos);
        assert_true(ends.refused > 5);
        assert_true(ends.whole > 5);
    }
}

/* The backup that stays is not touched by any of it. */
static void test_restore__of_another_backup_does_not_mind(void **state)
{
    (void)state;
    const Ends ends = every_call_try(3, false, 1);
    assert_int_equal(ends.refused, 0);
}

UNIT_MAIN(cmocka_unit_test(test_restore__of_what_nobody_wants_any_more_is_whole),
          cmocka_unit_test(test_restore__meets_the_removal_of_its_backup),
          cmocka_unit_test(test_restore__of_another_backup_does_not_mind))
