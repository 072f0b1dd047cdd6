/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* What was decided about backups and WAL, and what a restore makes of it. */
#include "unit.h"

#include "base/text.h"
#include "fake/clock.h"
#include "repo/hold_wal.h"
#include "restore/way_unit.h"
#include "store/faulty.h"

#define HOUR_US INT64_C(3600000000)
#define DAY_US  (24 * HOUR_US)

static const char first[] = "20260101-000051F", second_one[] = "20260101-000111F",
                  newest[] = "20260101-000131F";

static Instant day(int days)
{
    return (Instant){second(0).us + days * DAY_US};
}

/* It is day 10 when a restore looks. */
static void decided_scene(Scene *scene)
{
    fake_clock_set(day(1));
    scene_begin(scene);
    scene->cluster.expire_grace_us = DAY_US;
    fake_clock_set(day(10));
}

static void say_in(Repo *repo, const char *label, HoldWord word, int days)
{
    AUTO(arena_free) Arena *arena = arena_new();
    HoldList list;
    ASSERT_OK(hold_list(&list, repo, &unit_generation.root, arena));
    Hold hold = hold_next(HOLD_FATES, label, word, hold_find(&list, HOLD_FATES, label));
    hold.host = "db2";
    hold.note = "no promise wants it";
    fake_clock_set(day(days));
    ASSERT_OK(hold_write(repo, &unit_generation.root, &hold));
    fake_clock_set(day(10));
}

static void say(const Scene *scene, const char *label, HoldWord word, int days)
{
    say_in(scene->repo, label, word, days);
}

static const char *told(const Scene *scene, const char *code)
{
    for (size_t i = 0; i < scene->report.count; i++) {
        if (text_equal(scene->report.notices[i].code, code))
            return scene->report.notices[i].text;
    }
    return "";
}

static void assert_told(const Scene *scene, const char *code, const char *text)
{
    if (!strstr(told(scene, code), text))
        fail_msg("%s: \"%s\", and not \"%s\"", code, told(scene, code), text);
}

static void test_restore_hold__leaves_a_backup_that_is_being_removed(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene;
    decided_scene(&scene);
    say(&scene, newest, HOLD_CONDEMNED, 8);
    say(&scene, newest, HOLD_REMOVING, 9);
    ASSERT_OK(way_find(&scene, (RestoreOptions){0}));
    assert_way(&scene, second_one, 2);
    assert_told(&scene, "restore/REMOVING",
                "20260101-000131F is being removed in the repository main, since 2026-01-10T");
    ASSERT_ERR_TEXT(REFUSED, "backup 20260101-000131F is being removed",
                    way_find(&scene, (RestoreOptions){.backup = newest}));
    ASSERT_OK(way_find(&scene, (RestoreOptions){.backup = newest, .is_forced = true}));
    assert_way(&scene, newest, 2);
    ASSERT_OK(restore_hold_tell(&scene.restore));
    assert_told(&scene, "restore/CONDEMNED", "may be removed at any moment");
    ASSERT_OK(restore_hold_renew(&scene.restore));
    /* Taken back: it is like any other. */
    say(&scene, newest, HOLD_REPRIEVED, 9);
    ASSERT_OK(way_find(&scene, (RestoreOptions){.backup = newest}));
}

/* Nothing else leads there: the reason is named with what was looked for. */
static void test_restore_hold__names_the_backup_that_goes_where_nothing_else_leads(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene;
    decided_scene(&scene);
    say(&scene, first, HOLD_REMOVING, 9);
    Err *err = way_find(&scene, at_time(65));
    assert_non_null(strstr(err_detail_text(err), "backup 20260101-000051F is being removed"));
    ASSERT_ERR_TEXT(GAP, "lies before the end of the oldest backup, 20260101-000111F", err);
}

static void test_restore_hold__tells_until_when_a_condemned_backup_stays(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene;
    decided_scene(&scene);
    ASSERT_OK(way_find(&scene, (RestoreOptions){0}));
    ASSERT_OK(restore_hold_tell(&scene.restore));
    assert_int_equal(scene.report.count, 0);
    fake_clock_set((Instant){day(10).us - HOUR_US});
    say(&scene, newest, HOLD_CONDEMNED, 9);
    fake_clock_set((Instant){day(10).us - HOUR_US});
    ASSERT_OK(way_find(&scene, (RestoreOptions){0}));
    assert_way(&scene, newest, 2);
    ASSERT_OK(restore_hold_tell(&scene.restore));
    assert_told(&scene, "restore/CONDEMNED", "it may be removed from 2026-01-11T00:00:00Z on");
    assert_string_equal(scene.report.notices[0].hint, "\"pgstrata pin 20260101-000131F\" keeps it");
}

static Hold fate_of(const Scene *scene, const char *label)
{
    HoldList list;
    ASSERT_OK(hold_list(&list, scene->repo, &unit_generation.root, scene->arena));
    return *hold_find(&list, HOLD_FATES, label);
}

/* A whole grace lies ahead when the first file is touched, and who decided what stays known. */
static void test_restore_hold__condemns_anew_before_anything_is_touched(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene;
    decided_scene(&scene);
    say(&scene, newest, HOLD_CONDEMNED, 5);
    ASSERT_OK(way_find(&scene, (RestoreOptions){0}));
    assert_way(&scene, newest, 2);
    ASSERT_OK(restore_hold_renew(&scene.restore));
    const Hold fate = fate_of(&scene, newest);
    assert_int_equal(fate.number, 2);
    assert_int_equal(fate.word, HOLD_CONDEMNED);
    assert_int_equal(fate.stored.us, day(10).us);
    assert_string_equal(fate.host, "db2");
    assert_int_equal(fate.by, HOLD_BY_RULE);
}

static void test_restore_hold__refuses_what_went_since_it_was_chosen(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene;
    decided_scene(&scene);
    say(&scene, newest, HOLD_CONDEMNED, 5);
    ASSERT_OK(way_find(&scene, (RestoreOptions){0}));
    say(&scene, newest, HOLD_REMOVING, 9);
    ASSERT_ERR_TEXT(REFUSED, "backup 20260101-000131F is being removed", restore_hold_renew(&scene.restore));
    ASSERT_OK(hold_forget(scene.repo, &unit_generation.root, label_of(newest)));
    ASSERT_OK(store_remove(scene.repo->store,
                           key_backup_object(&unit_generation.root, label_of(newest), "backup").text));
    ASSERT_ERR_TEXT(REFUSED, "backup 20260101-000131F has gone since it was chosen",
                    restore_hold_renew(&scene.restore));
}

/* What one repository gives up the other one keeps. */
static void test_restore_hold__counts_on_the_repository_that_keeps_it(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene;
    AUTO(repo_free) Repo *other = NULL;
    decided_scene(&scene);
    ASSERT_OK(way_find(&scene, (RestoreOptions){.backup = newest}));
    other = new_repo("other");
    put_generation(other);
    Repo *repos[] = {scene.repo, other};
    RepoSet both = {.repos = repos, .count = 2};
    say(&scene, newest, HOLD_REMOVING, 9);
    bool goes;
    scene.restore.from.set = &both;
    ASSERT_OK(restore_holds_read(&scene.restore));
    ASSERT_OK(restore_hold_goes(&goes, &scene.restore, label_of(newest)));
    assert_true(goes); /* the other one has not got it */
    put_backup(other, newest, 2, SEGMENT(9), (Lsn){SEGMENT(9).at + 4096});
    ASSERT_OK(restore_hold_goes(&goes, &scene.restore, label_of(newest)));
    assert_false(goes);
    ASSERT_OK(restore_hold_tell(&scene.restore));
    assert_string_equal(told(&scene, "restore/CONDEMNED"), "");
    say_in(other, newest, HOLD_CONDEMNED, 10);
    ASSERT_OK(restore_holds_read(&scene.restore));
    ASSERT_OK(restore_hold_goes(&goes, &scene.restore, label_of(newest)));
    assert_false(goes);
    ASSERT_OK(restore_hold_tell(&scene.restore));
    assert_told(&scene, "restore/CONDEMNED", "from 2026-01-12T00:00:00Z on");
}

static void wanted_put(const Scene *scene, uint32_t number, const WalWantedList *list, int days)
{
    fake_clock_set(day(days));
    ASSERT_OK(hold_wal_write(scene->repo, &unit_generation.root, number, list));
    fake_clock_set(day(10));
}

static void test_restore_hold__tells_until_when_the_wal_to_the_target_stays(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene;
    decided_scene(&scene);
    scene.cluster.expire_grace_us = 30 * DAY_US;
    const WalWanted all[] = {{{1}, 5, 8}, {{2}, 8, WAL_WANTED_OPEN}}, late[] = {{{2}, 9, WAL_WANTED_OPEN}};
    wanted_put(&scene, 1, &(WalWantedList){all, 2}, 2);
    wanted_put(&scene, 2, &(WalWantedList){late, 1}, 4);
    wanted_put(&scene, 3, &(WalWantedList){late, 1}, 6);
    ASSERT_OK(way_find(&scene, (RestoreOptions){0}));
    assert_way(&scene, newest, 2);
    ASSERT_OK(restore_hold_tell(&scene.restore));
    assert_int_equal(scene.report.count, 0);
    ASSERT_OK(way_find(&scene, at_time(65)));
    assert_way(&scene, first, 1);
    ASSERT_OK(restore_hold_tell(&scene.restore));
    /* A grace from the first that did not want it any more. */
    assert_told(&scene, "restore/CONDEMNED_WAL",
                "WAL from segment 000000010000000000000005 on is promised no more: it may be removed from "
                "2026-02-04T00:00:00Z on");
}

/* A timeline that began after the last expiry is in no record, and nobody has given it up. */
static void test_restore_hold__says_nothing_of_wal_that_came_after_the_last_expiry(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene;
    decided_scene(&scene);
    const WalWanted before[] = {{{1}, 5, WAL_WANTED_OPEN}};
    wanted_put(&scene, 1, &(WalWantedList){before, 1}, 0);
    ASSERT_OK(way_find(&scene, (RestoreOptions){0}));
    assert_way(&scene, newest, 2);
    ASSERT_OK(restore_hold_tell(&scene.restore));
    assert_int_equal(scene.report.count, 0);
    wanted_put(&scene, 2, &(WalWantedList){before, 1}, 3);
    ASSERT_OK(restore_holds_read(&scene.restore));
    ASSERT_OK(restore_hold_tell(&scene.restore));
    assert_told(&scene, "restore/CONDEMNED_WAL", "WAL from segment 000000020000000000000009 on");
}

/* Restoring comes first: what cannot be read is told of, and stops nothing. */
static void test_restore_hold__goes_on_where_decisions_cannot_be_read(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene;
    decided_scene(&scene);
    const Key key = key_hold(&unit_generation.root, "fate", newest, 1);
    ASSERT_OK(store_put_all(scene.repo->store, key.text, span_of("rubbish", 7)));
    ASSERT_OK(way_find(&scene, (RestoreOptions){0}));
    assert_way(&scene, newest, 2);
    ASSERT_OK(restore_hold_tell(&scene.restore));
    assert_told(&scene, "restore/UNREADABLE", "backup 20260101-000131F in the repository main");
    ASSERT_OK(restore_hold_renew(&scene.restore));
}

static bool is_about_holds(void *arg, FaultyCall call, const char *key)
{
    (void)arg;
    (void)call;
    return strstr(key, "/hold/") != NULL;
}

static void test_restore_hold__goes_on_where_nothing_is_answered_about_decisions(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene;
    decided_scene(&scene);
    say(&scene, newest, HOLD_CONDEMNED, 5);
    scene.repo->store = faulty_store_new(scene.repo->store);
    faulty_plan(scene.repo->store, (FaultyPlan){.matches = is_about_holds, .fault_class = ERR_DENIED});
    ASSERT_OK(way_find(&scene, (RestoreOptions){0}));
    assert_way(&scene, newest, 2);
    ASSERT_OK(restore_hold_tell(&scene.restore));
    ASSERT_OK(restore_hold_renew(&scene.restore));
    assert_true(scene.report.has_level[NOTICE_WARNING] && !scene.report.has_level[NOTICE_FAULT]);
}

UNIT_MAIN(cmocka_unit_test(test_restore_hold__leaves_a_backup_that_is_being_removed),
          cmocka_unit_test(test_restore_hold__names_the_backup_that_goes_where_nothing_else_leads),
          cmocka_unit_test(test_restore_hold__tells_until_when_a_condemned_backup_stays),
          cmocka_unit_test(test_restore_hold__condemns_anew_before_anything_is_touched),
          cmocka_unit_test(test_restore_hold__refuses_what_went_since_it_was_chosen),
          cmocka_unit_test(test_restore_hold__counts_on_the_repository_that_keeps_it),
          cmocka_unit_test(test_restore_hold__tells_until_when_the_wal_to_the_target_stays),
          cmocka_unit_test(test_restore_hold__says_nothing_of_wal_that_came_after_the_last_expiry),
          cmocka_unit_test(test_restore_hold__goes_on_where_decisions_cannot_be_read),
          cmocka_unit_test(test_restore_hold__goes_on_where_nothing_is_answered_about_decisions))
