/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Whatever call fails while a backup is restored, of a file or of a store: either the data directory is whole, or it has
 * no control file, so that no server can start on it, and a second run ends what the first began.
 */
#include "unit.h"

#include "base/text.h"
#include "unit/pg/fixture.h"

#include "fake/fault.h"
#include "fake/no_leak_check.h"
#include "fake/stopped_cluster.h"
#include "fault/store_kinds.h"
#include "archive/wal_rights.h"
#include "restore/restore.h"
#include "repo/hold.h"
#include "repo/wal_object.h"

#include <errno.h>
#include <unistd.h>

enum { CALLS_MAX = 5000, NOBODY = 65534 };

typedef struct RestoreWorld {
    StoppedCluster cluster;
    char target[128];
} RestoreWorld;

static void world_done(RestoreWorld *world)
{
    stopped_cluster_done(&world->cluster);
}

static Err *run_and_tell(Report *report, const RestoreWorld *world)
{
    AUTO(arena_free) Arena *arena = arena_new();
    Progress progress = {.phase = ""};
    RestoreResult result;
    const RestoreOptions options = {.target_text = "the latest",
                                    .to_dir = world->target,
                                    .restore_command = "false",
                                    .delta = true,
                                    .progress = &progress};
    return restore_run(&result, &world->cluster.options, &options, report, arena);
}

static Err *run(const RestoreWorld *world)
{
    AUTO(report_done) Report report = {0};
    return run_and_tell(&report, world);
}

static bool is_same(const RestoreWorld *world, const char *path)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf was = {0};
    AUTO(buf_done) Buf is = {0};
    ASSERT_OK(file_read_all(&was, path_join(world->cluster.data, path, arena), 1 << 20));
    ASSERT_OK(file_read_all(&is, path_join(world->target, path, arena), 1 << 20));
    return span_equal(buf_span(&was), buf_span(&is));
}

static bool is_there(const RestoreWorld *world, const char *path)
{
    AUTO(arena_free) Arena *arena = arena_new();
    EntryInfo info;
    ASSERT_OK(entry_stat(&info, path_join(world->target, path, arena)));
    return info.kind != ENTRY_ABSENT;
}

static void whole_check(const RestoreWorld *world)
{
    static const char *const files[] = {"global/pg_control", "PG_VERSION",   "base/5/1259",
                                        "base/5/notes",      "base/5/empty", "pg_hba.conf"};
    for (size_t i = 0; i < COUNT_OF(files); i++)
        assert_true(is_same(world, files[i]));
    assert_false(is_there(world, RESTORE_MARKER));
    assert_true(is_there(world, RESTORE_CLONE_MARKER));
}

/* After a run that ended with `err`, or well with NULL. */
static void after_check(const RestoreWorld *world, int nth, const Err *err)
{
    if (err && is_there(world, "global/pg_control") && is_there(world, "PG_VERSION"))
        assert_true(is_same(world, "base/5/notes") && is_same(world, "base/5/1259"));
    if (!err)
        whole_check(world);
    Err *const again = run(world);
    if (again)
        fail_msg("after call %d the second run: %s", nth, err_text(again));
    whole_check(world);
    ASSERT_OK(folder_remove_all(world->target));
}

/* Whether there were that many calls. */
static bool break_at(const RestoreWorld *world, int nth, int errnum)
{
    fake_fault_at(nth, errnum);
    AUTO(err_free) Err *err = run(world);
    const bool is_hit = fake_fault_hit();
    fake_fault_at(0, 0);
    assert_true(is_hit || !err);
    if (err && err_is(err, ERR_BUG))
        fail_msg("call %d: %s", nth, err_text(err));
    after_check(world, nth, err);
    return is_hit;
}

static void world_begin(void)
{
    if (geteuid() == 0) /* a restore refuses to make files of root's */
        assert_int_equal(seteuid(NOBODY), 0);
}

static void world_fill(RestoreWorld *world)
{
    snprintf(world->target, sizeof world->target, "%s/restored", world->cluster.top.path);
    cluster_pages(&world->cluster, "base/5/1259", 3);
    cluster_filler(&world->cluster, "base/5/notes", 300000);
    cluster_filler(&world->cluster, "base/5/empty", 0);
    cluster_filler(&world->cluster, "pg_hba.conf", 100);
    cluster_file(&world->cluster, "postgresql.conf", fixture_text("port = 5433\n"));
    BackupResult backup;
    ASSERT_OK(stopped_cluster_backup(&backup, &world->cluster, NULL));
}

static void break_with(int errnum)
{
    AUTO(world_done) RestoreWorld world;
    world_begin();
    stopped_cluster_make(&world.cluster);
    world_fill(&world);
    int failed = 0;
    while (break_at(&world, failed + 1, errnum))
        assert_true(++failed < CALLS_MAX);
    assert_true(failed > 50);
}

static void test_restore__survives_a_failing_disk(void **state)
{
    (void)state;
    break_with(EIO);
}

static void test_restore__survives_a_full_disk(void **state)
{
    (void)state;
    break_with(ENOSPC);
}

/* ---- what nobody can read */

static const char *const strangers[] = {"letter", "base/5/mine", "pg_tblspc/note", "global/pg_control"};

static void wreck_make(const RestoreWorld *world)
{
    ASSERT_OK(folder_remove_all(world->cluster.data));
    cluster_file(&world->cluster, "PG_VERSION", fixture_text("15\n"));
    for (size_t i = 0; i < COUNT_OF(strangers); i++)
        cluster_file(&world->cluster, strangers[i], fixture_text(strangers[i]));
}

/* Is it as it was in the data directory or in a folder beside it? */
static bool is_kept(const RestoreWorld *world, const char *path)
{
    AUTO(arena_free) Arena *arena = arena_new();
    FolderList list;
    ASSERT_OK(folder_list(&list, world->cluster.top.path, arena));
    for (size_t i = 0; i < list.count; i++) {
        AUTO(buf_done) Buf text = {0};
        const char *const folder = path_join(world->cluster.top.path, list.entries[i].name, arena);
        AUTO(err_free) Err *err = file_read_all(&text, path_join(folder, path, arena), 1 << 20);
        if (!err && text_equal(buf_text(&text), path))
            return true;
    }
    return false;
}

static void asides_remove(const RestoreWorld *world)
{
    AUTO(arena_free) Arena *arena = arena_new();
    FolderList list;
    ASSERT_OK(folder_list(&list, world->cluster.top.path, arena));
    for (size_t i = 0; i < list.count; i++) {
        if (text_starts(list.entries[i].name, "data.aside-"))
            ASSERT_OK(folder_remove_all(path_join(world->cluster.top.path, list.entries[i].name, arena)));
    }
}

/* A folder that is moved aside is whole there, however often that was cut off. */
static void test_restore__loses_nothing_that_it_moves_aside(void **state)
{
    (void)state;
    AUTO(world_done) RestoreWorld world;
    world_begin();
    stopped_cluster_make(&world.cluster);
    world_fill(&world);
    snprintf(world.target, sizeof world.target, "%s", world.cluster.data);
    int nth = 0;
    for (bool is_hit = true; is_hit; nth++) {
        assert_true(nth < CALLS_MAX);
        wreck_make(&world);
        fake_fault_at(nth + 1, EIO);
        AUTO(err_free) Err *err = run(&world);
        is_hit = fake_fault_hit();
        fake_fault_at(0, 0);
        err_free(&err);
        err = run(&world);
        if (err)
            fail_msg("after call %d the second run: %s", nth, err_text(err));
        for (size_t i = 0; i < COUNT_OF(strangers); i++) {
            if (!is_kept(&world, strangers[i]))
                fail_msg("after call %d %s is gone", nth, strangers[i]);
        }
        assert_true(is_there(&world, "base/5/notes") && !is_there(&world, RESTORE_MARKER));
        asides_remove(&world);
    }
    assert_true(nth > 50);
}

/* ---- stores */

static bool store_break_at(const RestoreWorld *world, StoreRun *run_of)
{
    store_run_begin(run_of);
    AUTO(err_free) Err *err = run(world);
    store_run_end(run_of, err);
    after_check(world, (int)run_of->nth, err);
    return !run_of->is_last;
}

static void test_restore__survives_whatever_goes_wrong_in_the_store(void **state)
{
    (void)state;
    AUTO(world_done) RestoreWorld world;
    world_begin();
    stopped_cluster_make_held(&world.cluster, held_drivers, 1);
    world_fill(&world);
    for (size_t i = 0; i < COUNT_OF(store_kinds); i++) {
        world.cluster.repo_options[0].retry_timeout_ms = store_kinds[i].patience_ms;
        StoreRun run_of = {.kind = &store_kinds[i], .store = held_store("r1"), .nth = 1};
        uint64_t hits = 0;
        for (; store_break_at(&world, &run_of); run_of.nth++)
            hits += run_of.was_hit;
        assert_true(run_of.nth > 8 && hits > 1);
    }
    held_stores_done();
}

/* The timeline's history file and a word about an older backup, so that all that is asked for is there. */
static void others_put(const RestoreWorld *world)
{
    enum { SEGMENT_BYTES = 16 << 20 };
    const Generation generation = {.root = world->cluster.root, .segment_bytes = SEGMENT_BYTES};
    const WalName name = wal_name_of_history((Timeline){3}, SEGMENT_BYTES);
    const WalObjectSpec spec = {.generation = &generation, .name = name, .codec = CODEC_ZSTD, .level = 1};
    AUTO(buf_done) Buf object = {0};
    AUTO(err_free) Err *index_fault = NULL;
    ASSERT_OK(
        wal_object_encode(&object, &index_fault, &spec, fixture_text("1\t0/100000\tx\n2\t0/200000\tx\n")));
    AUTO(repo_set_free) RepoSet *set = NULL;
    ASSERT_OK(cluster_repos_open(&set, &world->cluster.options));
    ASSERT_OK(repo_set_put(set, key_wal(&world->cluster.root, name).text, buf_span(&object)));
    const BackupLabel older = {"20200101-000000F"};
    for (size_t i = 0; i < set->count; i++)
        ASSERT_OK(hold_gone_write(set->repos[i], &world->cluster.root, older));
}

/* The other repository has a good copy of everything, and it is told which one was bad. */
static void test_restore__takes_the_good_copy(void **state)
{
    (void)state;
    AUTO(world_done) RestoreWorld world;
    world_begin();
    stopped_cluster_make_held(&world.cluster, held_drivers, 2);
    world_fill(&world);
    others_put(&world);
    for (size_t i = 0; i < COUNT_OF(store_kinds); i++) {
        const StoreKind *const kind = &store_kinds[i];
        world.cluster.repo_options[0].retry_timeout_ms = kind->patience_ms;
        StoreRun run_of = {.kind = kind, .store = held_store("r1"), .nth = 1};
        uint64_t told = 0;
        for (; !run_of.is_last; run_of.nth++) {
            AUTO(report_done) Report report = {0};
            store_run_begin(&run_of);
            Err *const err = run_and_tell(&report, &world);
            store_run_end(&run_of, NULL);
            ASSERT_OK(err);
            whole_check(&world);
            const bool is_told = report.has_level[NOTICE_WARNING];
            /* A damaged byte may be one that was read along and is in no use. */
            const bool may_be_unseen = kind->patience_ms || kind->class == ERR_CORRUPT;
            if (is_told ? !run_of.was_hit : run_of.was_hit && !may_be_unseen)
                fail_msg("%s, call %d: %s", kind->name, (int)run_of.nth,
                         run_of.was_hit ? "nobody was told" : "a warning for nothing");
            told += is_told;
            ASSERT_OK(folder_remove_all(world.target));
        }
        assert_true(run_of.nth > 8 && (told > 4 || kind->patience_ms));
    }
    held_stores_done();
}

UNIT_MAIN(cmocka_unit_test(test_restore__survives_whatever_goes_wrong_in_the_store),
          cmocka_unit_test(test_restore__takes_the_good_copy),
          cmocka_unit_test(test_restore__survives_a_failing_disk),
          cmocka_unit_test(test_restore__loses_nothing_that_it_moves_aside),
          cmocka_unit_test(test_restore__survives_a_full_disk))
