/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "cluster/cluster.h"
#include "archive/look_ahead.h"
#include "archive/wal_rights.h"
#include "os/path.h"
#include "repo/plan.h"
#include "repo/wal_archive.h"
#include "wal_world.h"

static void record(World *world, uint32_t timeline, uint32_t parent, Lsn switch_lsn)
{
    const BranchRecord made = {.timeline = {timeline},
                               .parent = {parent},
                               .switch_lsn = switch_lsn,
                               .host = "db1",
                               .data_directory = "/data"};
    ASSERT_OK(branch_write(world->set, &world->generation.root, &made));
}

static int begin(void **state)
{
    World *world = mem_new(sizeof *world);
    world_begin(world);
    record(world, 1, 0, (Lsn){0});
    *state = world;
    return 0;
}

static int done(void **state)
{
    world_done(*state);
    mem_free(state);
    return 0;
}

static void history(World *world, uint32_t timeline, uint32_t parent, Lsn switch_lsn)
{
    AUTO(buf_done) Buf text = {0};
    buf_addf(&text, "%u\t%s\tno recovery target specified\n", parent, lsn_text(switch_lsn).text);
    const WalName name = wal_name_of_history((Timeline){timeline}, FAKE_WAL_SEGMENT);
    world_file(world, wal_name_text(name).text, buf_span(&text));
}

static Err *check(World *world, uint32_t timeline)
{
    char wal[80];
    strcpy(wal, test_path(&world->folder, "pg_wal"));
    return wal_rights_check(&world->to, &(WalClaim){world->folder.path, wal, {timeline}});
}

static BranchOrigin origin_of(World *world, uint32_t timeline)
{
    AUTO(arena_free) Arena *arena = arena_new();
    Branches branches;
    ASSERT_OK(branches_load(&branches, world->set, &world->generation.root, arena));
    const BranchRecord *const found = branches_find(&branches, (Timeline){timeline});
    assert_non_null(found);
    return found->origin;
}

/* The first byte behind the fixture's segment `at`. */
static Lsn end_of(const World *world, size_t at)
{
    return wal_name_end(world_name(world, at));
}

static WalName history_name(uint32_t timeline)
{
    return wal_name_of_history((Timeline){timeline}, FAKE_WAL_SEGMENT);
}

static void test_wal_rights__timeline_with_a_record_is_rightful(void **state)
{
    ASSERT_OK(check(*state, 1));
}

static void test_wal_rights__without_any_record_setup_is_asked_for(void **state)
{
    World *const world = *state;
    ASSERT_OK(store_remove(world->a->store, key_branch(&world->generation.root, (Timeline){1}).text));
    ASSERT_OK(store_remove(world->b->store, key_branch(&world->generation.root, (Timeline){1}).text));
    ASSERT_ERR(REFUSED, check(world, 1));
}

static void test_wal_rights__record_in_one_repository_is_enough(void **state)
{
    World *const world = *state;
    ASSERT_OK(store_remove(world->a->store, key_branch(&world->generation.root, (Timeline){1}).text));
    ASSERT_OK(check(world, 1));
}

static void test_wal_rights__branch_at_the_archived_tip_is_a_failover(void **state)
{
    World *const world = *state;
    ASSERT_OK(wal_store_file(&world->to, world_segment_file(world, 0)));
    history(world, 2, 1, (Lsn){end_of(world, 0).at + 5000});
    ASSERT_OK(check(world, 2));
    assert_int_equal(origin_of(world, 2), BRANCH_FAILOVER);
    assert_true(world_has(world, world->a, history_name(2)) && world_has(world, world->b, history_name(2)));
}

static void test_wal_rights__failover_stores_what_the_parent_left_in_pg_wal(void **state)
{
    World *const world = *state;
    world_segment_file(world, 0);
    world_segment_file(world, 1);
    world_file(world, wal_name_text(wal_name_next(world_name(world, 1))).text,
               world_segment(world, 0)); /* recycled */
    history(world, 2, 1, (Lsn){end_of(world, 1).at + FAKE_WAL_SEGMENT + 5000});
    ASSERT_OK(check(world, 2));
    assert_true(world_has(world, world->a, world_name(world, 0)));
    assert_true(world_has(world, world->b, world_name(world, 1)));
    assert_false(world_has(world, world->a, wal_name_next(world_name(world, 1))));
}

/* What the parent wrote behind the switch point is not of the line. */
static void test_wal_rights__failover_leaves_what_lies_behind_the_switch_point(void **state)
{
    World *const world = *state;
    world_segment_file(world, 0);
    world_segment_file(world, 1);
    history(world, 2, 1, (Lsn){end_of(world, 0).at + 5000});
    ASSERT_OK(check(world, 2));
    assert_true(world_has(world, world->a, world_name(world, 0)));
    assert_false(world_has(world, world->a, world_name(world, 1)));
}

static void test_wal_rights__branch_behind_the_archived_tip_is_refused(void **state)
{
    World *const world = *state;
    ASSERT_OK(wal_store_file(&world->to, world_segment_file(world, 0)));
    history(world, 2, 1, (Lsn){end_of(world, 0).at - 8});
    ASSERT_ERR_TEXT(REFUSED, "behind what is archived", check(world, 2));
    assert_false(world_has(world, world->a, history_name(2)));
    history(world, 2, 1, end_of(world, 0)); /* exactly at its end */
    ASSERT_OK(check(world, 2));
}

/* The old primary crashed beyond the switch point, and its last bytes were salvaged. */
static void test_wal_rights__tail_behind_the_switch_point_does_not_stop_a_failover(void **state)
{
    World *const world = *state;
    AUTO(wal_parcel_free) WalParcel *tail = NULL;
    ASSERT_OK(wal_store_file(&world->to, world_segment_file(world, 0)));
    ASSERT_OK(wal_parcel_make_tail(&tail, &world->to, world_segment_file(world, 1),
                                   (Lsn){end_of(world, 0).at + 9000}));
    ASSERT_OK(wal_parcel_store(tail, &world->to));
    history(world, 2, 1, (Lsn){end_of(world, 0).at + 5000});
    ASSERT_OK(check(world, 2));
    assert_int_equal(origin_of(world, 2), BRANCH_FAILOVER);
}

/* A tail is no reason to leave the finished segment in pg_wal. */
static void test_wal_rights__failover_stores_a_segment_that_was_only_there_as_a_tail(void **state)
{
    World *const world = *state;
    AUTO(wal_parcel_free) WalParcel *tail = NULL;
    ASSERT_OK(wal_parcel_make_tail(&tail, &world->to, world_segment_file(world, 0),
                                   (Lsn){wal_name_start(world_name(world, 0)).at + 9000}));
    ASSERT_OK(wal_parcel_store(tail, &world->to));
    history(world, 2, 1, (Lsn){end_of(world, 0).at + 5000});
    ASSERT_OK(check(world, 2));
    assert_true(world_has(world, world->a, world_name(world, 0)));
}

static void test_wal_rights__tip_counts_in_every_repository(void **state)
{
    World *const world = *state;
    const WalName name = world_name(world, 0);
    ASSERT_OK(wal_store_file(&world->to, world_segment_file(world, 0)));
    ASSERT_OK(store_remove(world->a->store, key_wal(&world->generation.root, name).text));
    history(world, 2, 1, (Lsn){end_of(world, 0).at - 8});
    ASSERT_ERR(REFUSED, check(world, 2));
}

static void test_wal_rights__branch_of_an_older_timeline_is_refused(void **state)
{
    World *const world = *state;
    record(world, 2, 1, end_of(world, 0));
    history(world, 3, 1, (Lsn){end_of(world, 1).at});
    ASSERT_ERR_TEXT(REFUSED, "production is on timeline 2", check(world, 3));
}

static void test_wal_rights__branch_of_no_rightful_timeline_is_refused(void **state)
{
    World *const world = *state;
    history(world, 3, 2, (Lsn){end_of(world, 1).at});
    ASSERT_ERR_TEXT(REFUSED, "no rightful one", check(world, 3));
}

static void test_wal_rights__timeline_without_history_is_refused(void **state)
{
    ASSERT_ERR_TEXT(REFUSED, "history file is missing", check(*state, 2));
}

static void write_plan(World *world, PlanRole role, const char *host)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf text = {0};
    char *real = NULL;
    ASSERT_OK(path_real(&real, world->folder.path, arena));
    const PlanRepo repo = {"a", "/srv/a", world->a->id};
    const PlanStretch stretch = {{1}, world_name(world, 0).segment, PLAN_OPEN, {0}};
    Plan plan = {.role = role,
                 .root = world->generation.root,
                 .system_id = world->generation.system_id,
                 .segment_bytes = FAKE_WAL_SEGMENT,
                 .repos = &repo,
                 .repo_count = 1,
                 .branch = {&stretch, 1},
                 .has_end = role != PLAN_STANDBY,
                 .end_segment = stretch.first_segment,
                 .target = "latest",
                 .host = host,
                 .data_directory = real};
    ASSERT_OK(label_parse(&plan.backup, "20260101-000000F"));
    ASSERT_OK(plan_format(&text, &plan));
    ASSERT_OK(file_write_durable(test_path(&world->folder, PLAN_FILE_NAME), buf_span(&text), 0600));
}

static void test_wal_rights__owners_plan_makes_a_branch_behind_the_tip_rightful(void **state)
{
    World *const world = *state;
    ASSERT_OK(wal_store_file(&world->to, world_segment_file(world, 0)));
    history(world, 2, 1, (Lsn){end_of(world, 0).at - 8});
    write_plan(world, PLAN_CLONE, cluster_host_name().text);
    ASSERT_ERR(REFUSED, check(world, 2));
    write_plan(world, PLAN_OWNER, "another-host");
    ASSERT_ERR(REFUSED, check(world, 2));
    write_plan(world, PLAN_OWNER, cluster_host_name().text);
    ASSERT_OK(check(world, 2));
    assert_int_equal(origin_of(world, 2), BRANCH_RESTORE);
}

static void test_wal_rights__take_makes_it_rightful_after_a_refusal(void **state)
{
    World *const world = *state;
    char wal[80];
    strcpy(wal, test_path(&world->folder, "pg_wal"));
    ASSERT_OK(wal_store_file(&world->to, world_segment_file(world, 0)));
    history(world, 2, 1, (Lsn){end_of(world, 0).at - 8});
    ASSERT_OK(wal_rights_take(&world->to, &(WalClaim){world->folder.path, wal, {2}}));
    assert_int_equal(origin_of(world, 2), BRANCH_TAKEOVER);
    ASSERT_OK(check(world, 2));
}

/* Killed between the record and the history file: the next call makes up for it. */
static void test_wal_rights__stores_a_history_that_is_missing(void **state)
{
    World *const world = *state;
    record(world, 2, 1, end_of(world, 0));
    history(world, 2, 1, end_of(world, 0));
    ASSERT_OK(check(world, 2));
    assert_true(world_has(world, world->a, history_name(2)));
}

static void test_wal_rights__marked_directories_are_refused(void **state)
{
    World *const world = *state;
    static const char *const markers[] = {RESTORE_CLONE_MARKER, RESTORE_MARKER};
    ASSERT_OK(wal_rights_markers(world->folder.path));
    for (size_t i = 0; i < COUNT_OF(markers); i++) {
        ASSERT_OK(file_write_durable(test_path(&world->folder, markers[i]), span_of("", 0), 0600));
        ASSERT_ERR_TEXT(REFUSED, markers[i], wal_rights_markers(world->folder.path));
        ASSERT_OK(file_remove(test_path(&world->folder, markers[i])));
    }
}

static bool commit_counts(void *arg, FaultyCall call, const char *key)
{
    if (call == FAULTY_COMMIT)
        strcat(arg, strstr(key, ".wal") ? strrchr(key, '/') + 1 : "");
    return false;
}

static void test_look_ahead__stores_what_is_ready_in_the_order_of_names(void **state)
{
    World *const world = *state;
    char wal[80], spool[80], seen[400] = "", expected[400] = "";
    strcpy(wal, test_path(&world->folder, "pg_wal"));
    strcpy(spool, test_path(&world->folder, "spool"));
    ASSERT_OK(folder_make(spool, 0700));
    ASSERT_OK(folder_make(test_path(&world->folder, "pg_wal/archive_status"), 0700));
    size_t count = 0;
    for (size_t at = 0; at < world->segments && world_name(world, at).timeline.id == 1; at++, count++) {
        char ready[80];
        world_segment_file(world, at);
        strcpy(ready, "archive_status/");
        strcat(ready, wal_name_text(world_name(world, at)).text);
        if (at) {
            strcat(expected, wal_name_text(world_name(world, at)).text);
            strcat(expected, ".wal");
        }
        world_file(world, strcat(ready, ".ready"), span_of("", 0));
    }
    assert_true(count >= 2);
    faulty_plan(world->faulty_a, (FaultyPlan){.matches = commit_counts, .arg = seen});
    const Span promise = span_of("promise\n", 8);
    look_ahead(&world->to, &(LookAhead){wal, spool, promise, world_name(world, 0), 2});
    assert_string_equal(seen, expected);
    const WalName next = world_name(world, 1);
    assert_true(world_has(world, world->b, next));
    char name[64];
    strcpy(name, wal_name_text(next).text);
    const Hash128 hash = hash128_of(world_segment(world, 1)), other = hash128_of(world_segment(world, 0));
    assert_false(look_ahead_done(spool, span_of("another\n", 8), name, &hash));
    assert_false(look_ahead_done(spool, promise, name, &hash)); /* the note was used up */
    look_ahead(&world->to, &(LookAhead){wal, spool, promise, world_name(world, 0), 2});
    assert_true(look_ahead_done(spool, promise, name, &hash));
    look_ahead(&world->to, &(LookAhead){wal, spool, promise, world_name(world, 0), 2});
    assert_false(look_ahead_done(spool, promise, name, &other));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, done)
UNIT_MAIN(TEST(test_wal_rights__timeline_with_a_record_is_rightful),
          TEST(test_wal_rights__without_any_record_setup_is_asked_for),
          TEST(test_wal_rights__record_in_one_repository_is_enough),
          TEST(test_wal_rights__branch_at_the_archived_tip_is_a_failover),
          TEST(test_wal_rights__failover_stores_what_the_parent_left_in_pg_wal),
          TEST(test_wal_rights__failover_leaves_what_lies_behind_the_switch_point),
          TEST(test_wal_rights__branch_behind_the_archived_tip_is_refused),
          TEST(test_wal_rights__tail_behind_the_switch_point_does_not_stop_a_failover),
          TEST(test_wal_rights__failover_stores_a_segment_that_was_only_there_as_a_tail),
          TEST(test_wal_rights__tip_counts_in_every_repository),
          TEST(test_wal_rights__branch_of_an_older_timeline_is_refused),
          TEST(test_wal_rights__branch_of_no_rightful_timeline_is_refused),
          TEST(test_wal_rights__timeline_without_history_is_refused),
          TEST(test_wal_rights__owners_plan_makes_a_branch_behind_the_tip_rightful),
          TEST(test_wal_rights__take_makes_it_rightful_after_a_refusal),
          TEST(test_wal_rights__stores_a_history_that_is_missing),
          TEST(test_wal_rights__marked_directories_are_refused),
          TEST(test_look_ahead__stores_what_is_ready_in_the_order_of_names))
