/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "archive/archive_unit.h"
#include "backup/backup_unit.h"
#include "job/info.h"
#include "repo/hold_wal.h"
#include "retention/policy.h"

typedef struct Scene {
    Repo *repo;
    Arena *arena;
    Report report;
} Scene;

static void scene_done(Scene *scene)
{
    repo_free(&scene->repo);
    arena_free(&scene->arena);
    report_done(&scene->report);
}

/* A repository with the generation and the production branch on timeline 1. */
static Scene scene_new(void)
{
    Scene scene = {.repo = new_repo("main"), .arena = arena_new()};
    put_generation(scene.repo);
    put_branch(scene.repo, 1, 0, (Lsn){0});
    return scene;
}

static Info look(Scene *scene)
{
    Info info;
    ASSERT_OK(info_of_repo(&info, scene->repo, "main", &scene->report, scene->arena));
    return info;
}

static void test_info__of_an_unknown_cluster_has_no_generation(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = {.repo = new_repo("main"), .arena = arena_new()};
    const Info info = look(&scene);
    assert_int_equal(info.generation_count, 0);
    assert_int_equal(info.backup_count, 0);
}

static void test_info__joins_backups_of_one_stretch_into_one_window(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    put_days(scene.repo, 1, 5, 9);
    put_backup(scene.repo, "20260101-000050F", 1, SEGMENT(5), SEGMENT(6));
    put_backup(scene.repo, "20260101-000110I", 1, SEGMENT(7), (Lsn){SEGMENT(7).at + 4096});
    const Info info = look(&scene);
    assert_int_equal(info.backup_count, 2);
    assert_int_equal(info.backups[0].state, INFO_BACKUP_GOOD);
    assert_true(info.backups[0].is_on_production);
    assert_int_equal(info.production.id, 1);
    assert_int_equal(info.window_count, 1);
    assert_int_equal(info.windows[0].backups, 2);
    assert_string_equal(info.windows[0].last_backup.text, "20260101-000110I");
    assert_int_equal(info.windows[0].from_lsn.at, SEGMENT(6).at);
    assert_int_equal(info.windows[0].to_lsn.at, SEGMENT(10).at);
    assert_int_equal(info.windows[0].to_time.us, second(90).us);
    assert_false(info.windows[0].ends_in_gap);
    assert_int_equal(info.gap_count, 0);
    assert_int_equal(info.archived_end.at, SEGMENT(10).at);
    assert_int_equal(info.archived_commit.us, second(90).us);
    assert_int_equal(scene.report.count, 0);
}

static void test_info__tells_a_gap_and_the_backups_it_breaks(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    put_days(scene.repo, 1, 5, 6);
    put_days(scene.repo, 1, 9, 12);
    put_backup(scene.repo, "20260101-000050F", 1, SEGMENT(5), SEGMENT(6));
    put_backup(scene.repo, "20260101-000100F", 1, SEGMENT(6), SEGMENT(9));
    put_backup(scene.repo, "20260101-000110F", 1, SEGMENT(9), SEGMENT(10));
    const Info info = look(&scene);
    assert_int_equal(info.gap_count, 1);
    assert_string_equal(wal_name_text(info.gaps[0].first).text, "000000010000000000000007");
    assert_string_equal(wal_name_text(info.gaps[0].last).text, "000000010000000000000008");
    assert_int_equal(info.gaps[0].segments, 2);
    assert_int_equal(info.gaps[0].break_count, 1);
    assert_false(info.gaps[0].is_harmless);
    assert_string_equal(info.gaps[0].breaks[0].text, "20260101-000100F");
    assert_int_equal(info.backups[1].state, INFO_BACKUP_BROKEN);
    assert_int_equal(info.backups[1].missing.segment, 7);
    assert_int_equal(info.window_count, 2);
    assert_true(info.windows[0].ends_in_gap);
    assert_int_equal(info.windows[0].to_time.us, second(60).us);
    assert_false(info.windows[1].ends_in_gap);
}

/* Between two backups that are kept for their day WAL has expired; the third stretch that is missing was wanted. */
static void test_info__takes_what_expired_for_no_gap(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    const KeyRoot root = {"main", 1};
    const WalWanted wanted[] = {{{1}, 5, 6}, {{1}, 9, WAL_WANTED_OPEN}};
    put_days(scene.repo, 1, 5, 6);
    put_days(scene.repo, 1, 9, 10);
    put_days(scene.repo, 1, 12, 13);
    put_backup(scene.repo, "20260101-000050F", 1, SEGMENT(5), SEGMENT(6));
    put_backup(scene.repo, "20260101-000110F", 1, SEGMENT(9), SEGMENT(10));
    Info info = look(&scene);
    assert_int_equal(info.gap_count, 2);
    assert_false(info.gaps[0].is_harmless || info.gaps[1].is_harmless);
    ASSERT_OK(hold_wal_write(scene.repo, &root, 1, &(WalWantedList){wanted, 2}));
    info = look(&scene);
    assert_true(info.gaps[0].is_harmless);
    assert_false(info.gaps[1].is_harmless);
}

/* What was decided about a backup, and which promises keep it. */
static void test_info__knows_pins_condemnations_and_remains(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    const KeyRoot root = {"main", 1};
    Promises promises;
    put_days(scene.repo, 1, 5, 12);
    put_backup(scene.repo, "20260101-000050F", 1, SEGMENT(5), SEGMENT(6));
    put_backup(scene.repo, "20260101-000110F", 1, SEGMENT(9), SEGMENT(10));
    const Hold condemned = hold_next(HOLD_FATES, "20260101-000050F", HOLD_CONDEMNED, NULL);
    Hold pin = hold_next(HOLD_PINS, "20260101-000110F", HOLD_PINNED, NULL);
    pin.note = "why";
    ASSERT_OK(hold_write(scene.repo, &root, &condemned));
    ASSERT_OK(hold_write(scene.repo, &root, &pin));
    ASSERT_OK(
        store_put_all(scene.repo->store, "main/g1/backup/20260101-000040F/pack-000001", span_of("x", 1)));
    ASSERT_OK(promises_parse(&promises, "backups 1"));
    const Info info = look(&scene);
    const unsigned *const reasons = info_reasons(&info, &promises, scene.arena);
    assert_int_equal(info.backups[0].state, INFO_BACKUP_EXPIRED);
    assert_true(info.backups[1].is_condemned && !info.backups[1].is_pinned);
    assert_int_equal(reasons[0] | reasons[1], 0);
    assert_true(info.backups[2].is_pinned && !info.backups[2].is_condemned);
    assert_string_equal(info.backups[2].pin_note, "why");
    assert_int_equal(reasons[2], 1U << POLICY_LAST | 1U << POLICY_PIN | 1U << POLICY_BACKUPS);
}

static void test_info__takes_a_gap_for_harmless_only_before_the_first_good_backup(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    put_days(scene.repo, 1, 5, 6);
    put_days(scene.repo, 1, 8, 9);
    put_days(scene.repo, 1, 11, 12);
    Info info = look(&scene);
    assert_int_equal(info.gap_count, 2);
    assert_true(info.gaps[0].is_harmless);
    assert_true(info.gaps[1].is_harmless);
    put_backup(scene.repo, "20260101-000050F", 1, SEGMENT(8), SEGMENT(9));
    info = look(&scene);
    assert_true(info.gaps[0].is_harmless);
    assert_false(info.gaps[1].is_harmless);
    put_backup(scene.repo, "20260101-000051F", 1, SEGMENT(5), (Lsn){SEGMENT(8).at + 4096});
    info = look(&scene);
    assert_int_equal(info.gaps[0].break_count, 1);
    assert_false(info.gaps[0].is_harmless);
}

static void test_info__tells_interrupted_and_damaged_backups_apart(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    put_days(scene.repo, 1, 5, 6);
    put_begin(scene.repo, "20260101-000050F");
    put_begin(scene.repo, "20260101-000051F");
    const Key key = key_backup_object(&unit_generation.root, label_of("20260101-000051F"), "backup");
    ASSERT_OK(store_put_all(scene.repo->store, key.text, span_of("rubbish", 7)));
    const Info info = look(&scene);
    assert_int_equal(info.backups[0].state, INFO_BACKUP_INTERRUPTED);
    assert_int_equal(info.backups[1].state, INFO_BACKUP_DAMAGED);
    assert_true(scene.report.has_class[ERR_CORRUPT]);
    assert_int_equal(info.window_count, 0);
}

/* The switch segment of the parent was never archived whole; the backup that ends in it stands on the child's copy. */
static void test_info__judges_a_backup_by_the_branch_that_has_its_wal(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    put_days(scene.repo, 1, 5, 6);
    put_days(scene.repo, 2, 7, 8);
    put_history(scene.repo, 2, "1\t0/780000\tx\n");
    put_branch(scene.repo, 2, 1, (Lsn){0x780000});
    put_backup(scene.repo, "20260101-000050F", 1, SEGMENT(6), (Lsn){SEGMENT(7).at + 4096});
    const Info info = look(&scene);
    assert_int_equal(info.production.id, 2);
    assert_int_equal(info.backups[0].state, INFO_BACKUP_GOOD);
    assert_int_equal(info.window_count, 1);
    assert_int_equal(info.windows[0].branch.id, 2);
    assert_int_equal(info.timeline_count, 2);
    assert_int_equal(info.timelines[1].parent.id, 1);
    assert_int_equal(info.timelines[1].switch_lsn.at, 0x780000);
    assert_int_equal(info.gap_count, 0);
}

static void test_info__shows_an_old_branch_only_where_it_went_on(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    put_days(scene.repo, 1, 5, 9);
    put_days(scene.repo, 2, 7, 8);
    put_history(scene.repo, 2, "1\t0/780000\tx\n");
    put_branch(scene.repo, 2, 1, (Lsn){0x780000});
    put_backup(scene.repo, "20260101-000050F", 1, SEGMENT(5), SEGMENT(6));
    put_backup(scene.repo, "20260101-000130F", 1, SEGMENT(8), (Lsn){SEGMENT(8).at + 4096});
    const Info info = look(&scene);
    assert_int_equal(info.window_count, 2);
    assert_int_equal(info.windows[0].branch.id, 2);
    assert_int_equal(info.windows[0].backups, 1);
    assert_int_equal(info.windows[1].branch.id, 1);
    assert_int_equal(info.windows[1].backups, 2);
    assert_true(info.backups[0].is_on_production);
    assert_false(info.backups[1].is_on_production);
    assert_int_equal(info.backups[1].state, INFO_BACKUP_GOOD);
}

UNIT_MAIN(cmocka_unit_test(test_info__of_an_unknown_cluster_has_no_generation),
          cmocka_unit_test(test_info__joins_backups_of_one_stretch_into_one_window),
          cmocka_unit_test(test_info__tells_a_gap_and_the_backups_it_breaks),
          cmocka_unit_test(test_info__takes_what_expired_for_no_gap),
          cmocka_unit_test(test_info__knows_pins_condemnations_and_remains),
          cmocka_unit_test(test_info__takes_a_gap_for_harmless_only_before_the_first_good_backup),
          cmocka_unit_test(test_info__tells_interrupted_and_damaged_backups_apart),
          cmocka_unit_test(test_info__judges_a_backup_by_the_branch_that_has_its_wal),
          cmocka_unit_test(test_info__shows_an_old_branch_only_where_it_went_on))
