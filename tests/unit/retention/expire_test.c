/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "retention/full_due.h"
#include "retention/yard.h"

static const ExpireBackup *row_of(const ExpireResult *result, const YardBackup *backup)
{
    for (size_t i = 0; i < result->backup_count; i++) {
        if (text_equal(result->backups[i].label.text, backup->label.text))
            return &result->backups[i];
    }
    return NULL;
}

static void hand_refuses(Yard *yard, const YardBackup *backup, const char *text)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(report_done) Report report = {0};
    ExpireResult result;
    const ExpireWork work = {
        .cluster = &yard->cluster, .options = {.backup = backup->label.text}, .report = &report};
    ASSERT_ERR_TEXT(REFUSED, text, expire_repos(&result, &yard->repo, 1, &work, arena));
}

/* ---- condemning, the grace, removing ---- */

static void test_expire__condemns_then_waits_then_removes(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(report_done) Report report = {0};
    yard_open(&yard, "backups 2", DAY_US);
    yard_days_pass(&yard, 3);
    ExpireResult result = yard_expire_with(&yard, (ExpireOptions){0}, &report, arena);
    assert_int_equal(result.backup_count, 3);
    assert_int_equal(row_of(&result, &yard.backups[0])->state, EXPIRE_CONDEMNED);
    assert_int_equal(row_of(&result, &yard.backups[0])->due.us, clock_now().us + DAY_US);
    assert_string_equal(row_of(&result, &yard.backups[2])->why, "the last good one, backups");
    yard_wait(&yard, DAY_US - HOUR_US);
    yard_expire(&yard);
    assert_true(yard_has_backup(&yard, &yard.backups[0]));
    yard_wait(&yard, HOUR_US);
    result = yard_expire_with(&yard, (ExpireOptions){0}, &report, arena);
    assert_int_equal(row_of(&result, &yard.backups[0])->state, EXPIRE_REMOVED);
    assert_int_equal(result.backups_removed.objects, 5);
    assert_int_equal(report.count, 0);
    yard_check(&yard);
    AUTO(buf_done) Buf keys = {0};
    assert_null(strstr(yard_keys(&yard, &keys, "backup/"), yard.backups[0].label.text));
    /* Nothing is left of it but the word that it was removed on purpose. */
    assert_int_equal(yard_count_keys(&yard, "hold/fate/"), 0);
    assert_int_equal(yard_count_keys(&yard, "hold/gone/"), 1);
}

static void test_expire__a_dry_run_says_it_and_changes_nothing(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(report_done) Report report = {0};
    AUTO(buf_done) Buf before = {0}, after = {0};
    yard_open(&yard, "backups 1", DAY_US);
    yard_days_pass(&yard, 2);
    yard_expire(&yard);
    yard_wait(&yard, 2 * DAY_US);
    yard_backup(&yard, NULL);
    (void)yard_keys(&yard, &before, "");
    const ExpireOptions dry = {.dry_run = true, .lists_objects = true};
    const ExpireResult said = yard_expire_with(&yard, dry, &report, arena);
    assert_string_equal(yard_keys(&yard, &after, ""), buf_text(&before));
    assert_int_equal(row_of(&said, &yard.backups[0])->state, EXPIRE_REMOVED);
    assert_int_equal(row_of(&said, &yard.backups[1])->state, EXPIRE_CONDEMNED);
    assert_int_equal(row_of(&said, &yard.backups[2])->state, EXPIRE_KEPT);
    const ExpireResult done = yard_expire_with(&yard, (ExpireOptions){.lists_objects = true}, &report, arena);
    assert_int_equal(done.backups_removed.objects, said.backups_removed.objects);
    assert_int_equal(done.backups_removed.bytes, said.backups_removed.bytes);
    assert_int_equal(done.wal_removed.objects, said.wal_removed.objects);
    assert_int_equal(done.object_count, said.object_count);
    assert_true(said.wal_removed.objects > 0);
}

static void test_expire__what_a_promise_wants_again_is_reprieved(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    yard_open(&yard, "backups 1", DAY_US);
    yard_days_pass(&yard, 4);
    yard_expire(&yard);
    assert_int_equal(yard_count_keys(&yard, "hold/fate/"), 3);
    yard_wait(&yard, 3 * DAY_US);
    ASSERT_OK(promises_parse(&yard.cluster.retention, "pitr 30d"));
    yard_expire(&yard);
    yard_wait(&yard, 3 * DAY_US);
    yard_expire(&yard);
    yard_check(&yard);
    for (size_t i = 0; i < yard.count; i++)
        assert_true(yard_restores(&yard, &yard.backups[i]));
    assert_int_equal(yard_count_keys(&yard, "hold/fate/"), 6);
}

static void test_expire__wal_waits_for_the_grace_too(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    yard_open(&yard, "pitr 30d", DAY_US);
    yard_days_pass(&yard, 9);
    yard_expire(&yard);
    const size_t all = yard_count_keys(&yard, "wal/");
    /* Shortened by mistake, and put right in time. */
    ASSERT_OK(promises_parse(&yard.cluster.retention, "pitr 1d"));
    yard_expire(&yard);
    yard_wait(&yard, 20 * HOUR_US);
    yard_expire(&yard);
    assert_int_equal(yard_count_keys(&yard, "wal/"), all);
    ASSERT_OK(promises_parse(&yard.cluster.retention, "pitr 30d"));
    yard_expire(&yard);
    yard_check(&yard);
    ASSERT_OK(promises_parse(&yard.cluster.retention, "pitr 1d"));
    for (int hour = 0; hour < 60; hour += 5) {
        yard_expire(&yard);
        yard_wait(&yard, 5 * HOUR_US);
    }
    yard_check(&yard);
    assert_in_range(yard_count_keys(&yard, "wal/"), 1, 3);
    assert_in_range(yard_count_keys(&yard, "hold/wal/"), 1, 17);
}

static void test_expire__keeps_the_wal_that_makes_a_kept_backup_consistent_and_no_more(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    yard_open(&yard, "daily 3", 0);
    yard_days_pass(&yard, 3);
    yard_expire(&yard);
    yard_check(&yard);
    /* Of each day the segments from start to stop; those between are gone. From the last one on all is there. */
    const YardBackup *const first = &yard.backups[0], *const second = &yard.backups[1];
    assert_true(yard_has_wal(&yard, 1, first->start, first->stop));
    assert_false(yard_has_wal(&yard, 1, first->start, second->stop));
    yard_write(&yard, 5);
    yard_expire(&yard);
    yard_check(&yard);
}

/* ---- packs that others draw on ---- */

static void test_expire__packs_stay_until_nobody_draws_on_them(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    yard_open(&yard, "backups 1", 0);
    YardBackup *const full = yard_backup(&yard, NULL);
    yard_wait(&yard, DAY_US);
    YardBackup *const incr = yard_begin(&yard, full);
    yard_pack_add(incr, full->label, 2);
    yard_copy(&yard, incr, NULL, 1);
    yard_list(&yard, incr);
    yard_commit(&yard, incr);
    yard_expire(&yard);
    yard_check(&yard);
    AUTO(buf_done) Buf keys = {0};
    char expected[200];
    snprintf(expected, sizeof expected, "main/g1/backup/%s/pack-000002\n", full->label.text);
    char prefix[64];
    snprintf(prefix, sizeof prefix, "backup/%s/", full->label.text);
    assert_string_equal(yard_keys(&yard, &keys, prefix), expected);
    /* Its fate is not forgotten before its last pack goes. */
    assert_int_equal(yard_count_keys(&yard, "hold/fate/"), 2);
    yard_wait(&yard, DAY_US);
    yard_backup(&yard, NULL);
    yard_expire(&yard);
    yard_expire(&yard);
    yard_check(&yard);
    assert_int_equal(yard_count_keys(&yard, prefix), 0);
    assert_int_equal(yard_count_keys(&yard, "hold/fate/"), 0);
}

static void test_expire__packs_stay_for_a_backup_that_has_begun(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    yard_open(&yard, "backups 1", 0);
    YardBackup *const full = yard_backup(&yard, NULL);
    YardBackup *const running = yard_begin(&yard, full);
    yard_wait(&yard, HOUR_US);
    yard_backup(&yard, NULL);
    yard_expire(&yard);
    assert_false(yard_has_backup(&yard, full));
    yard_copy(&yard, running, full, 1);
    yard_list(&yard, running);
    yard_commit(&yard, running);
    yard_check_commits(&yard);
    yard_expire(&yard);
    yard_check(&yard);
}

/* Who condemns a backup at the moment at which it goes leaves a word about nothing. */
static void test_expire__forgets_a_word_about_nothing(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    yard_open(&yard, "backups 1", DAY_US);
    yard_backup(&yard, NULL);
    Hold hold = hold_next(HOLD_FATES, "20200101-000000F", HOLD_CONDEMNED, NULL);
    hold.number = 2;
    ASSERT_OK(hold_write(yard.repo, &yard.generation.root, &hold));
    yard_expire(&yard);
    assert_int_equal(yard_count_keys(&yard, "hold/fate/"), 0);
}

/* ---- what was never committed ---- */

static void test_expire__a_backup_that_failed_goes_after_seven_days_and_the_grace(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    yard_open(&yard, "pitr 30d", DAY_US);
    yard_backup(&yard, NULL);
    YardBackup *const failed = yard_begin(&yard, NULL);
    yard_copy(&yard, failed, NULL, 3);
    char prefix[64];
    snprintf(prefix, sizeof prefix, "backup/%s/", failed->label.text);
    yard_wait(&yard, 7 * DAY_US - HOUR_US);
    yard_expire(&yard);
    assert_int_equal(yard_count_keys(&yard, "hold/fate/"), 0);
    yard_wait(&yard, 2 * HOUR_US);
    yard_expire(&yard);
    assert_int_equal(yard_count_keys(&yard, "hold/fate/"), 1);
    assert_int_equal(yard_count_keys(&yard, prefix), 4);
    yard_wait(&yard, DAY_US);
    yard_expire(&yard);
    assert_int_equal(yard_count_keys(&yard, prefix), 0);
    assert_int_equal(yard_count_keys(&yard, "hold/fate/"), 0);
    yard_check(&yard);
}

/* ---- what cannot be read ---- */

static void test_expire__what_cannot_be_read_stays_and_so_does_what_it_may_need(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(report_done) Report report = {0};
    yard_open(&yard, "backups 1", 0);
    yard_days_pass(&yard, 3);
    const Key key = key_backup_object(&yard.generation.root, yard.backups[0].label, "backup");
    ASSERT_OK(store_remove(yard.repo->store, key.text));
    yard_put(&yard, key, 9);
    const size_t wal = yard_count_keys(&yard, "wal/");
    const ExpireResult result = yard_expire_with(&yard, (ExpireOptions){0}, &report, arena);
    assert_int_equal(row_of(&result, &yard.backups[0])->state, EXPIRE_KEPT);
    assert_string_equal(row_of(&result, &yard.backups[0])->why, "its commit cannot be read");
    assert_int_equal(yard_count_keys(&yard, "wal/"), wal);
    assert_true(report.has_level[NOTICE_WARNING]);
    hand_refuses(&yard, &yard.backups[0], "its commit cannot be read");
    /* The second one is no backup any more, but its packs may be drawn on. */
    assert_false(yard_has_backup(&yard, &yard.backups[1]));
    assert_true(yard_has(&yard, key_pack(&yard.generation.root, yard.backups[1].label, 1)));
}

static void test_expire__without_a_good_backup_nothing_goes(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    yard_open(&yard, "backups 1", 0);
    yard_write(&yard, 5);
    yard_expire(&yard);
    assert_int_equal(yard_count_keys(&yard, "wal/"), 5);
    yard_days_pass(&yard, 2);
    for (size_t i = 0; i < yard.count; i++)
        ASSERT_OK(store_remove(
            yard.repo->store,
            key_wal(&yard.generation.root, yard_segment(1, yard.backups[i].start / SEGMENT_BYTES)).text));
    const size_t wal = yard_count_keys(&yard, "wal/");
    yard_expire(&yard);
    assert_true(yard_has_backup(&yard, &yard.backups[1]));
    assert_int_equal(yard_count_keys(&yard, "wal/"), wal);
}

/* ---- branches ---- */

static void test_expire__other_branches_stay_until_they_are_given_up(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(report_done) Report report = {0};
    yard_open(&yard, "backups 1", 0);
    yard_days_pass(&yard, 3);
    /* Restored to a moment before the second backup. */
    yard_branch(&yard, 2, 1, yard.backups[1].start - 0x100);
    yard_days_pass(&yard, 2);
    yard_expire(&yard);
    yard_check(&yard);
    assert_false(yard_has_backup(&yard, &yard.backups[0]));
    assert_true(yard_has_backup(&yard, &yard.backups[1]) && yard_has_backup(&yard, &yard.backups[2]));
    assert_true(yard_has_wal(&yard, 1, yard.backups[1].start, yard_tip(&yard, 1)));
    ExpireResult result;
    const ExpireWork work = {.cluster = &yard.cluster, .options = {.drop_timeline = {2}}, .report = &report};
    ASSERT_ERR_TEXT(REFUSED, "tip of the production branch",
                    expire_repos(&result, &yard.repo, 1, &work, arena));
    yard.timelines[1].is_given_up = true;
    (void)yard_expire_with(&yard, (ExpireOptions){.drop_timeline = {1}}, &report, arena);
    yard_check(&yard);
    assert_false(yard_has_backup(&yard, &yard.backups[1]) || yard_has_backup(&yard, &yard.backups[2]));
    assert_int_equal(yard_count_keys(&yard, "wal/00000001/"), 0);
    assert_int_equal(yard_count_keys(&yard, "branch/"), 2);
}

/* ---- by hand ---- */

static void hand_takes(Yard *yard, const YardBackup *backup, bool is_forced)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(report_done) Report report = {0};
    (void)yard_expire_with(yard, (ExpireOptions){.backup = backup->label.text, .is_forced = is_forced},
                           &report, arena);
}

static void pin(Yard *yard, YardBackup *backup)
{
    const Hold hold = hold_next(HOLD_PINS, backup->label.text, HOLD_PINNED, NULL);
    ASSERT_OK(hold_write(yard->repo, &yard->generation.root, &hold));
    backup->is_pinned = true;
}

static void test_expire__one_by_hand_goes_although_it_was_promised_and_nothing_else(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    yard_open(&yard, "daily 2", 0);
    yard_days_pass(&yard, 4);
    hand_takes(&yard, &yard.backups[2], false);
    yard.backups[2].is_given_up = true;
    assert_true(yard_has_backup(&yard, &yard.backups[0]));
    assert_false(yard_has_backup(&yard, &yard.backups[2]));
    assert_int_equal(yard_count_keys(&yard, "backup/"), 15);
    yard_check(&yard);
    yard_expire(&yard);
    assert_true(yard_has_backup(&yard, &yard.backups[1]));
    yard_check(&yard);
}

static void test_expire__by_hand_waits_for_the_grace_and_no_promise_takes_it_back(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    yard_open(&yard, "daily 9", DAY_US);
    yard_days_pass(&yard, 3);
    hand_takes(&yard, &yard.backups[1], false);
    yard.backups[1].is_given_up = true;
    yard_expire(&yard);
    assert_true(yard_has_backup(&yard, &yard.backups[1]));
    yard_wait(&yard, DAY_US);
    yard_expire(&yard);
    assert_false(yard_has_backup(&yard, &yard.backups[1]));
    yard_check(&yard);
}

/* What a dry run says of the backup, and what the sums are, is what happens then. */
static void dry_run_agrees(Yard *yard, const ExpireOptions *options, const YardBackup *backup)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(report_done) Report report = {0};
    AUTO(buf_done) Buf before = {0}, after = {0};
    ExpireOptions dry = *options;
    dry.dry_run = true;
    (void)yard_keys(yard, &before, "");
    const ExpireResult said = yard_expire_with(yard, dry, &report, arena);
    assert_string_equal(yard_keys(yard, &after, ""), buf_text(&before));
    const ExpireResult done = yard_expire_with(yard, *options, &report, arena);
    assert_int_equal(row_of(&said, backup)->state, row_of(&done, backup)->state);
    assert_int_not_equal(row_of(&said, backup)->state, EXPIRE_KEPT);
    assert_string_equal(row_of(&said, backup)->why, row_of(&done, backup)->why);
    assert_int_equal(said.backups_removed.objects, done.backups_removed.objects);
    assert_int_equal(said.wal_removed.objects, done.wal_removed.objects);
    assert_int_equal(said.wal_later.objects, done.wal_later.objects);
}

static void test_expire__a_dry_run_says_what_a_word_by_hand_would_do(void **state)
{
    (void)state;
    for (int64_t grace_us = 0; grace_us <= DAY_US; grace_us += DAY_US) {
        AUTO(yard_done) Yard yard;
        yard_open(&yard, "backups 9", grace_us);
        yard_days_pass(&yard, 3);
        const ExpireOptions by_hand = {.backup = yard.backups[0].label.text};
        dry_run_agrees(&yard, &by_hand, &yard.backups[0]);
        yard_branch(&yard, 2, 1, yard.backups[2].start - 0x100);
        yard_days_pass(&yard, 2);
        dry_run_agrees(&yard, &(ExpireOptions){.drop_timeline = {1}}, &yard.backups[2]);
    }
}

static void test_expire__by_hand_is_refused_for_the_last_a_pinned_and_a_running_one(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(report_done) Report report = {0};
    yard_open(&yard, "daily 2", 0);
    yard_days_pass(&yard, 3);
    pin(&yard, &yard.backups[0]);
    YardBackup *const running = yard_begin(&yard, NULL);
    hand_refuses(&yard, &yard.backups[2], "the last good one");
    hand_refuses(&yard, &yard.backups[0], "is pinned");
    hand_refuses(&yard, running, "may be running");
    ExpireResult result;
    const ExpireWork unknown = {
        .cluster = &yard.cluster, .options = {.backup = "20200101-000000F"}, .report = &report};
    ASSERT_ERR(NOT_FOUND, expire_repos(&result, &yard.repo, 1, &unknown, arena));
    const ExpireWork odd = {.cluster = &yard.cluster, .options = {.backup = "latest"}, .report = &report};
    ASSERT_ERR(USAGE, expire_repos(&result, &yard.repo, 1, &odd, arena));
    yard_expire(&yard);
    yard_check(&yard);
    hand_takes(&yard, &yard.backups[2], true);
    hand_takes(&yard, &yard.backups[0], true);
    hand_takes(&yard, running, true);
    assert_false(yard_has_backup(&yard, &yard.backups[2]) || yard_has_backup(&yard, &yard.backups[0]));
    assert_false(yard_has(&yard, key_backup_object(&yard.generation.root, running->label, "begin")));
}

/* ---- faults ---- */

/* Incremental backups that draw on each other, a failed one, one that is pinned; a lot is due. */
static void yard_fill(Yard *yard)
{
    yard_open(yard, "pitr 36h, daily 2, weekly 2", DAY_US);
    const YardBackup *parent = NULL;
    for (int day = 0; day < 9; day++) {
        yard_write(yard, 1);
        if (day % 5 == 3)
            (void)yard_begin(yard, parent);
        YardBackup *const backup = yard_backup(yard, day % 4 ? parent : NULL);
        if (day == 2)
            pin(yard, backup);
        parent = backup;
        if (day == 6)
            yard_expire(yard);
        yard_wait(yard, DAY_US - HOUR_US / 2);
    }
}

static void test_expire__whatever_call_fails_the_promises_hold_and_the_next_run_ends_it(void **state)
{
    (void)state;
    AUTO(buf_done) Buf expected = {0}, keys = {0};
    AUTO(yard_done) Yard good;
    yard_fill(&good);
    yard_expire(&good);
    yard_expire(&good);
    yard_check(&good);
    (void)yard_keys(&good, &expected, "backup/");
    bool was_hit = true;
    for (uint64_t n = 1; was_hit; n++) {
        AUTO(yard_done) Yard yard;
        AUTO(arena_free) Arena *arena = arena_new();
        AUTO(report_done) Report report = {0};
        yard_fill(&yard);
        faulty_plan(yard.faulty, (FaultyPlan){.nth = n, .fault_class = ERR_AWAY, .is_late = n % 2});
        (void)yard_expire_with(&yard, (ExpireOptions){0}, &report, arena);
        was_hit = faulty_hit(yard.faulty);
        faulty_plan(yard.faulty, (FaultyPlan){0});
        yard_check(&yard);
        yard_expire(&yard);
        yard_expire(&yard);
        yard_check(&yard);
        assert_string_equal(yard_keys(&yard, &keys, "backup/"), buf_text(&expected));
        if (was_hit && !report.has_level[NOTICE_FAULT] && !report.has_level[NOTICE_WARNING])
            assert_true(n % 2); /* a removal whose answer got lost may be found to be done */
    }
}

/* ---- full-every ---- */

static void test_full_due__follows_what_the_repository_holds(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    AUTO(arena_free) Arena *arena = arena_new();
    FullDue due;
    yard_open(&yard, "daily 2, full-every 3d", DAY_US);
    ASSERT_OK(full_due_in(&due, yard.set, &yard.cluster, arena));
    assert_true(due.is_due);
    const YardBackup *const full = yard_backup(&yard, NULL);
    yard_wait(&yard, DAY_US);
    yard_backup(&yard, full);
    ASSERT_OK(full_due_in(&due, yard.set, &yard.cluster, arena));
    assert_false(due.is_due);
    yard_wait(&yard, 2 * DAY_US);
    ASSERT_OK(full_due_in(&due, yard.set, &yard.cluster, arena));
    assert_true(due.is_due);
    assert_non_null(strstr(due.why, full->label.text));
}

UNIT_MAIN(cmocka_unit_test(test_expire__forgets_a_word_about_nothing),
          cmocka_unit_test(test_full_due__follows_what_the_repository_holds),
          cmocka_unit_test(test_expire__condemns_then_waits_then_removes),
          cmocka_unit_test(test_expire__a_dry_run_says_it_and_changes_nothing),
          cmocka_unit_test(test_expire__what_a_promise_wants_again_is_reprieved),
          cmocka_unit_test(test_expire__wal_waits_for_the_grace_too),
          cmocka_unit_test(test_expire__keeps_the_wal_that_makes_a_kept_backup_consistent_and_no_more),
          cmocka_unit_test(test_expire__packs_stay_until_nobody_draws_on_them),
          cmocka_unit_test(test_expire__packs_stay_for_a_backup_that_has_begun),
          cmocka_unit_test(test_expire__a_backup_that_failed_goes_after_seven_days_and_the_grace),
          cmocka_unit_test(test_expire__what_cannot_be_read_stays_and_so_does_what_it_may_need),
          cmocka_unit_test(test_expire__without_a_good_backup_nothing_goes),
          cmocka_unit_test(test_expire__other_branches_stay_until_they_are_given_up),
          cmocka_unit_test(test_expire__one_by_hand_goes_although_it_was_promised_and_nothing_else),
          cmocka_unit_test(test_expire__by_hand_waits_for_the_grace_and_no_promise_takes_it_back),
          cmocka_unit_test(test_expire__a_dry_run_says_what_a_word_by_hand_would_do),
          cmocka_unit_test(test_expire__by_hand_is_refused_for_the_last_a_pinned_and_a_running_one),
          cmocka_unit_test(test_expire__whatever_call_fails_the_promises_hold_and_the_next_run_ends_it))
