/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Segments that are sound and do not belong together: a copy of the server has archived them. */
#include "unit.h"

#include "job/verify_priv.h"
#include "job/verify_unit.h"

#define LATER "20260101-000110F"

/* The same segment of a server that began as the same one and went on differently. */
static void put_alien(Repo *repo, uint32_t timeline, uint64_t segment)
{
    AUTO(fake_wal_done) FakeWal wal;
    fake_wal_begin(&wal, 15);
    for (uint64_t at = 5; at <= segment; at++) {
        add_commit(&wal, (uint32_t)(800 + at), (int64_t)at * 10);
        if (at + 1 >= segment)
            fake_wal_filler(&wal, 1000);
        fill_segment(&wal, 0);
    }
    ASSERT_OK(store_remove(repo->store, segment_key(timeline, segment).text));
    put_segments(repo, &wal, timeline, segment, segment + 1);
}

/* Timeline 1 from 5 to 9, a backup in 5 and 6. */
static Scene line_new(void)
{
    Scene scene = {.repo = new_repo("main"), .arena = arena_new(), .folder = test_folder()};
    put_generation(scene.repo);
    put_branch(scene.repo, 1, 0, (Lsn){0});
    put_days(scene.repo, 1, 5, 9);
    put_full_backup(scene.repo, LABEL, SEGMENT(5), (Lsn){SEGMENT(6).at + 8192});
    return scene;
}

static bool is_break_told(const Scene *scene, const char *name)
{
    AUTO(buf_done) Buf text = {0};
    buf_addf(&text, "WAL %s does not go on where", name);
    return is_told(&scene->report, ERR_CORRUPT, buf_text(&text));
}

static void test_verify__finds_a_segment_of_another_life(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = line_new();
    look(&scene);
    assert_int_equal(scene.report.count, 0);
    put_alien(scene.repo, 1, 8);
    look(&scene);
    assert_int_equal(scene.result.faulty, 0); /* it is whole */
    assert_int_equal(scene.result.breaks, 2);
    assert_true(is_break_told(&scene, "000000010000000000000008"));
    assert_true(is_break_told(&scene, "000000010000000000000009"));
    assert_non_null(strstr(scene.report.notices[0].detail, "No restore gets past 0/800000 from " LABEL));
    assert_non_null(strstr(scene.report.notices[0].detail, "8 fits neither what is before it"));
    assert_int_equal(scene.result.backups[0].state, VERIFY_GOOD);
    assert_int_equal(scene.result.backups[0].to_lsn.at, SEGMENT(8).at);
    assert_int_equal(scene.result.backups[0].to_time.us, second(70).us);
    ASSERT_OK(verify_at(&scene, (VerifyOptions){.depth = VERIFY_NAMES})); /* opens none */
    assert_int_equal(scene.report.count, 0);
}

static void test_verify__ties_a_break_to_the_backup_that_it_breaks(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = line_new();
    put_alien(scene.repo, 1, 6);
    static const VerifyOptions options[] = {{.depth = VERIFY_ALL}, {.backup = LABEL}};
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        ASSERT_OK(verify_at(&scene, options[i]));
        assert_true(is_break_told(&scene, "000000010000000000000006"));
        assert_true(is_told(&scene.report, ERR_CORRUPT, "backup " LABEL " cannot be restored: WAL "));
        assert_int_equal(scene.result.backups[0].state, VERIFY_BROKEN);
    }
}

/* What begins behind a break, or with it, does not go over it. */
static void test_verify__leaves_a_backup_that_begins_at_a_break_good(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = line_new();
    put_full_backup(scene.repo, LATER, SEGMENT(8), (Lsn){SEGMENT(9).at + 8192});
    put_alien(scene.repo, 1, 7);
    look(&scene);
    assert_int_equal(scene.result.backup_count, 2);
    assert_int_equal(scene.result.backups[0].to_lsn.at, SEGMENT(7).at);
    assert_int_equal(scene.result.backups[1].state, VERIFY_GOOD);
    assert_int_equal(scene.result.backups[1].to_lsn.at, SEGMENT(10).at);
}

static void test_verify__warns_of_a_break_that_no_backup_comes_to(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = {.repo = new_repo("main"), .arena = arena_new(), .folder = test_folder()};
    put_generation(scene.repo);
    put_branch(scene.repo, 1, 0, (Lsn){0});
    put_days(scene.repo, 1, 5, 9);
    put_full_backup(scene.repo, LATER, SEGMENT(8), (Lsn){SEGMENT(9).at + 8192});
    put_alien(scene.repo, 1, 6);
    look(&scene);
    assert_false(scene.report.has_level[NOTICE_FAULT]);
    assert_true(is_warned(&scene.report, "000000010000000000000006 does not go on"));
    assert_int_equal(scene.result.backups[0].to_lsn.at, SEGMENT(10).at);
}

/* Timeline 2 branches off in segment 7, so it goes on behind segment 6 of timeline 1, and so does timeline 1. */
static void test_verify__joins_segments_over_a_change_of_timeline(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    put_alien(scene.repo, 2, 7);
    look(&scene);
    assert_true(is_break_told(&scene, "000000020000000000000007"));
    assert_non_null(strstr(scene.report.notices[0].text, "where 000000010000000000000006 ends"));
    assert_true(is_break_told(&scene, "000000020000000000000008"));
    assert_int_equal(scene.result.breaks, 2);
}

static void test_verify__holds_a_tail_against_the_segment_before_it(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    put_alien(scene.repo, 2, 8);
    look(&scene);
    assert_true(is_break_told(&scene, "000000020000000000000009"));
}

static void test_verify__joins_segments_that_have_no_index(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = line_new();
    for (uint64_t at = 6; at <= 9; at++)
        index_remove(scene.repo, 1, at);
    look(&scene);
    assert_false(scene.report.has_level[NOTICE_WARNING] || scene.report.has_level[NOTICE_FAULT]);
    assert_int_equal(scene.result.breaks, 0);
    put_alien(scene.repo, 1, 8);
    index_remove(scene.repo, 1, 8);
    look(&scene);
    assert_int_equal(scene.result.breaks, 2);
}

static void since_look(Scene *scene, VerifySeen **seen)
{
    static const RepoOptions repos[] = {{.name = "main", .url = "/nowhere"}};
    const ClusterOptions cluster = {.name = "main", .repos = repos, .repo_count = 1, .jobs = 2};
    Progress progress = {.phase = ""};
    const VerifyWork work = {.cluster = &cluster, .progress = &progress, .report = &scene->report};
    AUTO(verify_seen_free) VerifySeen *before = TAKE(*seen);
    *seen = verify_seen_new();
    if (before)
        verify_seen_sort(before);
    report_done(&scene->report);
    scene->report = (Report){0};
    ASSERT_OK(verify_repo_with(&scene->result, scene->repo, &work,
                               &(VerifyExtras){.before = before, .after = *seen}, scene->arena));
}

/* What is new is joined with what was read before, and a break is told until it is gone. */
static void test_verify_since_last__joins_what_is_new(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = line_new();
    AUTO(verify_seen_free) VerifySeen *seen = NULL;
    AUTO(buf_done) Buf good = {0};
    const Key key = segment_key(1, 7);
    ASSERT_OK(store_get_all(&good, scene.repo->store, key.text, RANGE_ALL, 1 << 24));
    since_look(&scene, &seen);
    since_look(&scene, &seen);
    assert_int_equal(scene.result.skipped, scene.result.objects);
    put_alien(scene.repo, 1, 7);
    for (int i = 0; i < 3; i++) {
        since_look(&scene, &seen);
        assert_int_equal(scene.result.breaks, 2);
        assert_true(is_break_told(&scene, "000000010000000000000007"));
    }
    object_put(&scene, &key, buf_span(&good));
    since_look(&scene, &seen);
    assert_int_equal(scene.report.count, 0);
    since_look(&scene, &seen);
    assert_int_equal(scene.result.skipped, scene.result.objects);
}

UNIT_MAIN(cmocka_unit_test(test_verify__finds_a_segment_of_another_life),
          cmocka_unit_test(test_verify__ties_a_break_to_the_backup_that_it_breaks),
          cmocka_unit_test(test_verify__leaves_a_backup_that_begins_at_a_break_good),
          cmocka_unit_test(test_verify__warns_of_a_break_that_no_backup_comes_to),
          cmocka_unit_test(test_verify__joins_segments_over_a_change_of_timeline),
          cmocka_unit_test(test_verify__holds_a_tail_against_the_segment_before_it),
          cmocka_unit_test(test_verify__joins_segments_that_have_no_index),
          cmocka_unit_test(test_verify_since_last__joins_what_is_new))
