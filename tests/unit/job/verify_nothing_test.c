/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Repositories in which nothing is damaged because nothing is there. */
#include "unit.h"

#include "job/verify_unit.h"
#include "repo/hold.h"

static const VerifyDepth depths[] = {VERIFY_ALL, VERIFY_NAMES};

static void test_verify__is_not_content_with_a_repository_without_the_cluster(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(depths); i++) {
        AUTO(scene_done)
        Scene scene = {.repo = new_repo("main"), .arena = arena_new(), .folder = test_folder()};
        ASSERT_OK(store_put_all(scene.repo->store, "other/g1/cluster", span_of("x", 1)));
        ASSERT_OK(store_put_all(scene.repo->store, "third/g1/cluster", span_of("x", 1)));
        ASSERT_OK(verify_at(&scene, (VerifyOptions){.depth = depths[i]}));
        assert_int_equal(scene.report.count, 1);
        assert_true(is_told(&scene.report, ERR_CORRUPT, "holds nothing of cluster main"));
        assert_non_null(strstr(scene.report.notices[0].detail, "other, third"));
        assert_non_null(strstr(scene.report.notices[0].hint, "setup"));
    }
}

static void test_verify__is_not_content_without_a_backup(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(depths); i++) {
        AUTO(scene_done)
        Scene scene = {.repo = new_repo("main"), .arena = arena_new(), .folder = test_folder()};
        put_generation(scene.repo);
        put_branch(scene.repo, 1, 0, (Lsn){0});
        put_days(scene.repo, 1, 5, 6);
        put_begin(scene.repo, "20260101-000110F");
        ASSERT_OK(verify_at(&scene, (VerifyOptions){.depth = depths[i]}));
        assert_true(is_told(&scene.report, ERR_GAP, "cluster main has no backup in the repository main"));
        put_full_backup(scene.repo, LABEL, SEGMENT(5), (Lsn){SEGMENT(6).at - 8192});
        ASSERT_OK(verify_at(&scene, (VerifyOptions){.depth = depths[i]}));
        assert_false(scene.report.has_level[NOTICE_FAULT]);
    }
}

/* Backups of the life before bring nothing of the present one back. */
static void test_verify__is_not_content_with_backups_of_an_older_generation(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    RepoSet *const set = repo_set_of(&scene.repo, 1);
    Generation wanted = unit_generation, made;
    wanted.system_id.id++;
    ASSERT_OK(generation_create(&made, set, &wanted));
    set->count = 0; /* the repository stays the scene's */
    AUTO(repo_set_free) RepoSet *owned = set;
    assert_int_equal(made.root.generation, 2);
    look(&scene);
    assert_int_equal(scene.report.count, 1);
    assert_true(is_told(&scene.report, ERR_GAP, "since its generation 2 began"));
    assert_int_equal(scene.result.backups[0].state, VERIFY_GOOD);
    ASSERT_OK(verify_at(&scene, (VerifyOptions){.depth = VERIFY_ALL, .backup = LABEL}));
    assert_int_equal(scene.report.count, 0);
}

/* Another host has expired it, and every word of that but one has gone too: nothing was lost. */
static void test_verify__believes_that_a_backup_was_removed_elsewhere(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    const KeyRoot *const root = &unit_generation.root;
    const char *const removed = "20260101-000010F";
    const CommitNote note = {.root = *root, .label = label_of(removed), .committed = second(100)};
    scene.state_dir = scene.folder.path;
    ASSERT_OK(commit_note_write(scene.state_dir, scene.repo, &note));
    look(&scene);
    assert_true(is_told(&scene.report, ERR_CORRUPT, "and its commit object is gone"));
    ASSERT_OK(hold_gone_write(scene.repo, root, label_of(removed)));
    for (int i = 0; i < 2; i++) {
        look(&scene);
        assert_int_equal(scene.report.count, 0);
    }
}

UNIT_MAIN(cmocka_unit_test(test_verify__believes_that_a_backup_was_removed_elsewhere),
          cmocka_unit_test(test_verify__is_not_content_with_a_repository_without_the_cluster),
          cmocka_unit_test(test_verify__is_not_content_without_a_backup),
          cmocka_unit_test(test_verify__is_not_content_with_backups_of_an_older_generation))
