/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* What a restore finds out before it copies anything. */
#include "unit.h"

#include "restore/way_unit.h"

/* Stores it anew with a record that is bad in its middle: names and border lines are as they were. */
static void segment_break(const Scene *scene, uint32_t timeline, uint64_t segment)
{
    AUTO(fake_wal_done) FakeWal wal;
    fake_wal_begin(&wal, 15);
    for (uint64_t at = 5; at <= segment; at++) {
        add_commit(&wal, (uint32_t)(800 + at), (int64_t)at * 10);
        fill_segment(&wal, 0);
    }
    wal.bytes.data[(segment - 5) * FAKE_WAL_SEGMENT + 400000] ^= 1;
    segment_remove(scene, timeline, segment);
    put_segments(scene->repo, &wal, timeline, segment, segment + 1);
}

static void test_restore_way__takes_the_newest_backup_before_the_target(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene;
    scene_begin(&scene);
    ASSERT_OK(way_find(&scene, (RestoreOptions){0}));
    assert_way(&scene, "20260101-000131F", 2);
    assert_true(scene.restore.way.is_pinned);
    assert_int_equal(scene.restore.way.end_time.us, second(90).us);
    ASSERT_OK(way_find(&scene, at_time(85)));
    assert_way(&scene, "20260101-000111F", 2);
    ASSERT_OK(way_find(&scene, at_time(65)));
    assert_way(&scene, "20260101-000051F", 1);
    assert_int_equal(scene.restore.way.end_time.us, second(60).us);
    assert_int_equal(scene.restore.result.wal_segments,
                     3); /* the commit at which it stops begins segment 7 */
    ASSERT_OK(way_find(&scene, (RestoreOptions){.target = {.kind = WAL_TARGET_IMMEDIATE}}));
    assert_way(&scene, "20260101-000131F", 2);
}

/* Recovery is told the timeline that wrote the last byte before the target, not one that begins behind it. */
static void test_restore_way__ends_on_the_timeline_of_the_target(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene;
    scene_begin(&scene);
    ASSERT_OK(way_find(&scene, at_lsn((Lsn){SEGMENT(7).at + 5000}, 0)));
    assert_way(&scene, "20260101-000051F", 1);
    assert_int_equal(scene.restore.way.lineage.count, 1);
    ASSERT_OK(way_find(&scene, at_lsn((Lsn){SEGMENT(8).at + 5000}, 0)));
    assert_way(&scene, "20260101-000111F", 2);
    ASSERT_OK(way_find(&scene, at_lsn((Lsn){SEGMENT(8).at + 5000}, 1)));
    assert_way(&scene, "20260101-000111F", 1);
}

static void test_restore_way__knows_which_backups_are_of_the_line(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene;
    scene_begin(&scene);
    ASSERT_OK(way_find(&scene, (RestoreOptions){.timeline = {1}}));
    assert_way(&scene, "20260101-000141F", 1);
    ASSERT_ERR_TEXT(GAP, "backup 20260101-000141F does not",
                    way_find(&scene, (RestoreOptions){.backup = "20260101-000141F"}));
    ASSERT_ERR_TEXT(NOT_FOUND, "20260101-000142F",
                    way_find(&scene, (RestoreOptions){.backup = "20260101-000142F"}));
    ASSERT_ERR_TEXT(GAP, "timeline 9", way_find(&scene, (RestoreOptions){.timeline = {9}}));
}

/* Production's timeline is known to have begun, and nothing of it is there: what is left is said to be less. */
static void test_restore_way__warns_where_nothing_of_the_branch_is_archived(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene;
    scene_begin(&scene);
    const RestoreOptions options = {.backup = "20260101-000111F"};
    ASSERT_OK(way_find(&scene, options));
    assert_way(&scene, "20260101-000111F", 2);
    assert_int_equal(scene.report.count, 0);
    segment_remove(&scene, 2, 8);
    segment_remove(&scene, 2, 9);
    ASSERT_OK(way_find(&scene, options));
    assert_way(&scene, "20260101-000111F", 1);
    assert_true(scene.restore.way.end_lsn.at <= SWITCH.at);
    assert_int_equal(scene.report.count, 1);
    assert_string_equal(scene.report.notices[0].code, "restore/SHORT_BRANCH");
}

/* The hint must be there, whole, and lead somewhere. */
static void assert_hint(Err *err, ErrClass class, const char *text, const char *hint)
{
    if (!err)
        fail_msg("no error, but expected \"%s\"", text);
    if (!err_is(err, class) || !strstr(err_text(err), text) || !strstr(err_hint_text(err), hint))
        fail_msg("%s\nHINT: %s", err_text(err), err_hint_text(err));
    err_free(&err);
}

static void test_restore_way__names_a_hole_below_the_child(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene;
    scene_begin(&scene);
    segment_remove(&scene, 1, 7);
    segment_remove(&scene, 2, 9);
    /* The newest backup's own WAL is not there; so is that of the one before: the oldest goes up to the hole. */
    Err *err = way_find(&scene, (RestoreOptions){.to_dir = "/srv/it's", .timeline = {2}});
    assert_hint(err, ERR_GAP, "WAL segment 000000020000000000000009 is missing",
                "pgstrata restore --cluster=main --to-dir='/srv/it'\\''s' --target-timeline=2 "
                "--backup=20260101-000051F "
                "--target-lsn=");
    err = way_find(&scene, at_time(75));
    assert_hint(err, ERR_GAP, "WAL segment 000000010000000000000007 is missing",
                "--cluster=main --backup=20260101-000051F --target-lsn=");
    /* What it gives is a way. */
    ASSERT_OK(way_find(&scene, at_time(55)));
    assert_way(&scene, "20260101-000051F", 1);
}

/* The end of the archive is there, and no server would come to it. */
static void test_restore_way__refuses_the_latest_behind_a_break(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene;
    scene_begin(&scene);
    segment_break(&scene, 1, 7);
    const RestoreOptions latest = {.backup = "20260101-000051F"};
    Err *err = way_find(&scene, latest);
    const char *const lsn = strstr(err_hint_text(err), "--target-lsn=");
    assert_non_null(lsn);
    Lsn reachable;
    ASSERT_OK(lsn_parse(&reachable, lsn + strlen("--target-lsn=")));
    assert_in_range(reachable.at, SEGMENT(7).at + 300000, SEGMENT(7).at + 400000);
    assert_hint(err, ERR_GAP, "records of WAL do not go on at 0/7",
                "--backup=20260101-000051F --target-lsn=");
    /* What it gives is a way, and so is a moment before. */
    RestoreOptions before = at_lsn(reachable, 0);
    before.backup = latest.backup;
    ASSERT_OK(way_find(&scene, before));
    ASSERT_OK(way_find(&scene, at_time(65)));
    /* A backup behind it is whole. */
    ASSERT_OK(way_find(&scene, (RestoreOptions){0}));
}

/* Without them the command would restore somewhere else, or make another kind of copy. */
static void test_restore_way__gives_a_command_with_all_that_was_asked(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene;
    scene_begin(&scene);
    segment_remove(&scene, 2, 9);
    const RestoreTablespace spaces[] = {{.name = "fast disk", .folder = "/ssd/a"},
                                        {.oid = {16400}, .folder = "/ssd/b"}};
    Err *err = way_find(&scene, (RestoreOptions){.repos = "r2",
                                                 .to_dir = "/srv/new",
                                                 .tablespaces = spaces,
                                                 .tablespace_count = 2,
                                                 .takeover = true,
                                                 .isolate = true,
                                                 .delta = true,
                                                 .no_salvage = true,
                                                 .start = true});
    assert_hint(err, ERR_GAP, "is missing",
                "pgstrata restore --cluster=main --repo='r2' --to-dir='/srv/new' "
                "--tablespace-map='fast disk=/ssd/a' --tablespace-map='16400=/ssd/b' "
                "--takeover --isolate --delta --no-salvage --start --backup=20260101-000111F --target-lsn=");
}

static RestoreOptions at_xid(uint32_t xid)
{
    return (RestoreOptions){.target = {.kind = WAL_TARGET_XID, .xid = {xid}}};
}

/* Nobody knows where a transaction is: backups that their WAL does not reach hide no older one, and a hole is named. */
static void test_restore_way__looks_for_a_transaction_in_all_that_is_there(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene;
    scene_begin(&scene);
    ASSERT_OK(way_find(&scene, at_xid(807)));
    assert_way(&scene, "20260101-000051F", 1);
    segment_remove(&scene, 2, 9);
    ASSERT_OK(way_find(&scene, at_xid(807)));
    Err *err = way_find(&scene, at_xid(999));
    assert_string_equal(err_detail_text(err), "");
    assert_hint(err, ERR_GAP, "does not occur on timeline 2 from backup 20260101-000051F on",
                "--target-timeline");
    segment_remove(&scene, 1, 6);
    err = way_find(&scene, at_xid(806));
    assert_non_null(strstr(err_detail_text(err), "WAL segment 000000010000000000000006 is missing"));
    assert_hint(err, ERR_GAP, "does not occur", "--cluster=main --backup=20260101-000111F --target-lsn=");
}

static void test_restore_way__names_the_other_branch(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene;
    scene_begin(&scene);
    Err *err = way_find(&scene, at_lsn((Lsn){SEGMENT(10).at + 5000}, 0));
    assert_hint(err, ERR_GAP, "behind the end of the archive on timeline 2",
                "--target-timeline=1 leads there");
    ASSERT_OK(way_find(&scene, at_lsn((Lsn){SEGMENT(10).at + 5000}, 1)));
    assert_way(&scene, "20260101-000111F", 1);
}

static void test_restore_way__names_the_first_moment(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene;
    scene_begin(&scene);
    Err *err = way_find(&scene, at_time(20));
    assert_hint(err, ERR_GAP, "lies before the end of the oldest backup, 20260101-000051F",
                "pgstrata restore --cluster=main --backup=20260101-000051F --target-immediate");
}

UNIT_MAIN(cmocka_unit_test(test_restore_way__takes_the_newest_backup_before_the_target),
          cmocka_unit_test(test_restore_way__ends_on_the_timeline_of_the_target),
          cmocka_unit_test(test_restore_way__knows_which_backups_are_of_the_line),
          cmocka_unit_test(test_restore_way__warns_where_nothing_of_the_branch_is_archived),
          cmocka_unit_test(test_restore_way__names_a_hole_below_the_child),
          cmocka_unit_test(test_restore_way__refuses_the_latest_behind_a_break),
          cmocka_unit_test(test_restore_way__gives_a_command_with_all_that_was_asked),
          cmocka_unit_test(test_restore_way__looks_for_a_transaction_in_all_that_is_there),
          cmocka_unit_test(test_restore_way__names_the_other_branch),
          cmocka_unit_test(test_restore_way__names_the_first_moment))
