/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/text.h"
#include "retention/policy.h"

#include <stdio.h>

#define HOUR_US INT64_C(3600000000)
#define DAY_US  (24 * HOUR_US)

enum { SHOP_MAX = 800, LSN_STEP = 0x1000000 };

/* Backups in the order of their WAL, made at moments counted in hours from Thursday, 2026-01-01 00:00 UTC. */
typedef struct Shop {
    PolicyBackup backups[SHOP_MAX];
    size_t count;
    Instant begin;
} Shop;

static Shop shop_new(void)
{
    return (Shop){.begin = instant_from_civil(&(Civil){.year = 2026, .month = 1, .day = 1})};
}

static Instant at_hour(const Shop *shop, int64_t hour)
{
    return (Instant){shop->begin.us + hour * HOUR_US};
}

/* By both clocks at this hour. */
static PolicyBackup *backup_add(Shop *shop, int64_t hour)
{
    PolicyBackup *const backup = &shop->backups[shop->count++];
    *backup = (PolicyBackup){.start_lsn = {shop->count * LSN_STEP},
                             .stop_lsn = {shop->count * LSN_STEP + 0x100},
                             .start_time = at_hour(shop, hour),
                             .stop_time = at_hour(shop, hour),
                             .stored = at_hour(shop, hour),
                             .is_on_production = true,
                             .is_good = true};
    snprintf(backup->label.text, sizeof backup->label.text, "%08zu-000000F", 20000101 + shop->count % 28);
    return backup;
}

typedef struct Judged {
    Arena *arena;
    Policy policy;
} Judged;

static void judged_done(Judged *judged)
{
    arena_free(&judged->arena);
}

static Judged judge(const Shop *shop, const char *promises, int64_t now_hour)
{
    Judged judged = {.arena = arena_new()};
    PolicyAsk ask = {.backups = shop->backups, .count = shop->count, .now = at_hour(shop, now_hour)};
    ASSERT_OK(promises_parse(&ask.promises, promises));
    policy_judge(&judged.policy, &ask, judged.arena);
    return judged;
}

/* "0 3 4": which of the backups stay. */
static void assert_kept(const Shop *shop, const char *promises, int64_t now_hour, const char *expected)
{
    AUTO(judged_done) Judged judged = judge(shop, promises, now_hour);
    AUTO(buf_done) Buf kept = {0};
    for (size_t i = 0; i < shop->count; i++) {
        if (judged.policy.reasons[i])
            buf_addf(&kept, "%s%zu", kept.len ? " " : "", i);
    }
    assert_string_equal(buf_text(&kept), expected);
}

static void assert_reasons(const Shop *shop, const char *promises, int64_t now_hour,
                           const char *const *expected)
{
    AUTO(judged_done) Judged judged = judge(shop, promises, now_hour);
    for (size_t i = 0; i < shop->count; i++) {
        AUTO(buf_done) Buf text = {0};
        policy_reasons_text(&text, judged.policy.reasons[i]);
        assert_string_equal(buf_text(&text), expected[i]);
    }
}

static uint64_t wal_from(const Shop *shop, const char *promises, int64_t now_hour)
{
    AUTO(judged_done) Judged judged = judge(shop, promises, now_hour);
    assert_true(judged.policy.has_last);
    return judged.policy.wal_from.at;
}

/* ---- each promise ---- */

static void test_policy__pitr_keeps_what_opens_the_window_and_all_in_it(void **state)
{
    (void)state;
    Shop shop = shop_new();
    for (int day = 0; day < 10; day++)
        backup_add(&shop, day * 24);
    assert_kept(&shop, "pitr 3d", 9 * 24 + 1, "6 7 8 9");
    assert_kept(&shop, "pitr 3d", 9 * 24, "6 7 8 9");
    assert_kept(&shop, "pitr 73h", 9 * 24, "5 6 7 8 9");
    assert_int_equal(wal_from(&shop, "pitr 3d", 9 * 24 + 1), shop.backups[6].start_lsn.at);
    /* Nothing is old enough: all lies in the window. */
    assert_kept(&shop, "pitr 30d", 9 * 24, "0 1 2 3 4 5 6 7 8 9");
    assert_int_equal(wal_from(&shop, "pitr 30d", 9 * 24), shop.backups[0].start_lsn.at);
    /* Long after the last one, that one opens it. */
    assert_kept(&shop, "pitr 3d", 100 * 24, "9");
}

static void test_policy__pitr_counts_from_the_stop_not_the_start(void **state)
{
    (void)state;
    Shop shop = shop_new();
    backup_add(&shop, 0);
    backup_add(&shop, 24)->start_time = at_hour(&shop, 1);
    backup_add(&shop, 48);
    assert_kept(&shop, "pitr 30h", 48, "0 1 2");
    assert_kept(&shop, "pitr 24h", 48, "1 2");
}

static void test_policy__pitr_window_begins_with_the_earliest_start_in_it(void **state)
{
    (void)state;
    Shop shop = shop_new();
    backup_add(&shop, 0);
    /* A long backup that ended after a short one which began after it. */
    backup_add(&shop, 24)->start_lsn.at = 2 * LSN_STEP;
    backup_add(&shop, 25)->start_lsn.at = LSN_STEP + 0x800;
    assert_int_equal(wal_from(&shop, "pitr 24h", 49), LSN_STEP + 0x800);
}

static void test_policy__days_are_those_that_have_a_backup(void **state)
{
    (void)state;
    Shop shop = shop_new();
    backup_add(&shop, 0);
    backup_add(&shop, 23);
    backup_add(&shop, 24);
    backup_add(&shop, 30);
    backup_add(&shop, 24 * 9);
    assert_kept(&shop, "daily 1", 24 * 9, "4");
    assert_kept(&shop, "daily 2", 24 * 9, "3 4");
    assert_kept(&shop, "daily 3", 24 * 300, "1 3 4");
    assert_int_equal(wal_from(&shop, "daily 3", 24 * 9), shop.backups[4].start_lsn.at);
}

static void test_policy__weeks_begin_on_monday_months_and_years_on_their_first(void **state)
{
    (void)state;
    Shop shop = shop_new();
    for (int day = 0; day < 400; day++)
        backup_add(&shop, day * 24 + 12);
    /* Thursday 2027-02-04 is the last day: 399. Sundays before: 2027-01-31 (395), 2027-01-24 (388). */
    assert_kept(&shop, "weekly 3", 400 * 24, "388 395 399");
    /* The last days of December (364) and January (395). */
    assert_kept(&shop, "monthly 3", 400 * 24, "364 395 399");
    assert_kept(&shop, "yearly 3", 400 * 24, "364 399");
}

static void test_policy__promises_add_up(void **state)
{
    (void)state;
    Shop shop = shop_new();
    for (int day = 0; day < 20; day++)
        backup_add(&shop, day * 24 + 12);
    assert_kept(&shop, "daily 2, weekly 3, pitr 4d, backups 3", 19 * 24 + 13, "10 15 16 17 18 19");
    Shop three = shop_new();
    for (int day = 0; day < 3; day++)
        backup_add(&three, day * 24 + 12);
    assert_reasons(&three, "daily 2, backups 1, yearly 5", 61,
                   (const char *[]){"", "daily", "the last good one, daily, yearly, backups"});
}

/* ---- what stays whatever is promised ---- */

static void test_policy__the_last_good_one_stays(void **state)
{
    (void)state;
    Shop shop = shop_new();
    backup_add(&shop, 0);
    backup_add(&shop, 24)->is_good = false;
    /* The broken one would be the day's; what is good before it stays as the last good one. */
    assert_reasons(&shop, "daily 1", 25, (const char *[]){"the last good one, daily", "daily"});
    assert_int_equal(wal_from(&shop, "daily 1", 25), shop.backups[0].start_lsn.at);
    shop.backups[0].is_given_up = true;
    assert_kept(&shop, "daily 1", 25, "0 1");
    shop.backups[0].is_forced = true;
    AUTO(judged_done) Judged judged = judge(&shop, "daily 1", 25);
    assert_int_equal(judged.policy.reasons[0], 0);
    assert_false(judged.policy.has_last);
}

static void test_policy__a_broken_backup_takes_no_good_ones_place(void **state)
{
    (void)state;
    Shop shop = shop_new();
    backup_add(&shop, 0);
    backup_add(&shop, 12)->is_good = false;
    backup_add(&shop, 24)->is_good = false;
    backup_add(&shop, 48);
    backup_add(&shop, 72);
    assert_kept(&shop, "daily 3", 72, "0 2 3 4");
    assert_kept(&shop, "backups 2", 72, "3 4");
    assert_kept(&shop, "backups 3", 72, "0 2 3 4");
    /* The window is opened by a good one. */
    assert_kept(&shop, "pitr 40h", 72, "0 1 2 3 4");
}

static void test_policy__pins_and_foreign_branches_stay(void **state)
{
    (void)state;
    Shop shop = shop_new();
    backup_add(&shop, 0)->is_pinned = true;
    backup_add(&shop, 1)->is_on_production = false;
    backup_add(&shop, 2);
    backup_add(&shop, 3);
    assert_reasons(&shop, "backups 1", 3,
                   (const char *[]){"pinned", "of another branch", "", "the last good one, backups"});
    shop.backups[1].is_given_up = true;
    assert_kept(&shop, "backups 1", 3, "0 3");
    shop.backups[0].is_given_up = true;
    assert_kept(&shop, "backups 1", 3, "0 3");
    shop.backups[0].is_forced = true;
    assert_kept(&shop, "backups 1", 3, "3");
}

static void test_policy__what_was_given_up_fulfils_no_promise(void **state)
{
    (void)state;
    Shop shop = shop_new();
    backup_add(&shop, 0);
    backup_add(&shop, 1)->is_given_up = true;
    backup_add(&shop, 30);
    assert_kept(&shop, "daily 2", 31, "0 2");
    assert_kept(&shop, "pitr 20h", 31, "0 2");
}

static void test_policy__nothing_is_nothing(void **state)
{
    (void)state;
    Shop shop = shop_new();
    AUTO(judged_done) Judged judged = judge(&shop, "pitr 7d, daily 7", 0);
    assert_false(judged.policy.has_last);
}

/* ---- clocks ---- */

/* Two days of a clock that was a year ahead: those days, and the days after them, stay as if it had been right. */
static void test_policy__a_clock_that_was_ahead_loses_no_day(void **state)
{
    (void)state;
    Shop shop = shop_new();
    for (int day = 0; day < 8; day++)
        backup_add(&shop, (day == 3 || day == 4 ? 365 + day : day) * 24);
    assert_kept(&shop, "daily 5", 7 * 24, "0 1 2 3 4 5 6 7");
    assert_kept(&shop, "pitr 3d", 7 * 24, "2 3 4 5 6 7");
    assert_kept(&shop, "pitr 2d", 7 * 24, "5 6 7");
}

static void test_policy__a_clock_that_was_behind_loses_no_day(void **state)
{
    (void)state;
    Shop shop = shop_new();
    for (int day = 0; day < 8; day++)
        backup_add(&shop, (day == 3 || day == 4 ? day - 365 : day) * 24);
    assert_kept(&shop, "daily 5", 7 * 24, "1 3 4 5 6 7");
    /* When those two days were is not known, but that they were before the fifth. */
    assert_kept(&shop, "pitr 3d", 7 * 24, "2 3 4 5 6 7");
    assert_kept(&shop, "pitr 132h", 7 * 24, "1 2 3 4 5 6 7");
}

static void test_policy__one_clock_is_not_enough_to_be_old(void **state)
{
    (void)state;
    Shop shop = shop_new();
    for (int day = 0; day < 5; day++)
        backup_add(&shop, day * 24)->stop_time = at_hour(&shop, -1000);
    assert_kept(&shop, "pitr 2d", 4 * 24, "2 3 4");
    /* Copied just now: every commit has the time of the copy. */
    Shop copied = shop_new();
    for (int day = 0; day < 5; day++)
        backup_add(&copied, day * 24)->stored = at_hour(&copied, 100);
    assert_kept(&copied, "pitr 1d", 4 * 24 + 10, "0 1 2 3 4");
    assert_kept(&copied, "daily 2", 4 * 24 + 10, "3 4");
}

static void test_policy__a_now_that_stepped_back_keeps_everything(void **state)
{
    (void)state;
    Shop shop = shop_new();
    for (int day = 0; day < 10; day++)
        backup_add(&shop, day * 24);
    assert_kept(&shop, "pitr 2d", -1000 * 24, "0 1 2 3 4 5 6 7 8 9");
    assert_kept(&shop, "pitr 2d", 5 * 24, "3 4 5 6 7 8 9");
    assert_kept(&shop, "daily 3", -1000 * 24, "7 8 9");
}

static void test_policy__order_comes_from_the_wal(void **state)
{
    (void)state;
    Shop shop = shop_new();
    backup_add(&shop, 48);
    backup_add(&shop, 24);
    backup_add(&shop, 0);
    shop.backups[0].stop_lsn.at = 9 * LSN_STEP;
    shop.backups[2].stop_lsn.at = LSN_STEP;
    assert_kept(&shop, "backups 1", 48, "0");
    assert_kept(&shop, "pitr 1d", 48, "0 1");
}

/* ---- full-every ---- */

static FullDue due_at(const Shop *shop, const char *promises, int64_t now_hour)
{
    FullDue due;
    PolicyAsk ask = {.backups = shop->backups, .count = shop->count, .now = at_hour(shop, now_hour)};
    ASSERT_OK(promises_parse(&ask.promises, promises));
    full_is_due(&due, &ask);
    return due;
}

static void test_full_is_due__when_the_newest_full_is_old(void **state)
{
    (void)state;
    Shop shop = shop_new();
    memcpy(backup_add(&shop, 0)->label.text, "20260101-000000F", 17);
    memcpy(backup_add(&shop, 200)->label.text, "20260109-080000I", 17);
    assert_false(due_at(&shop, "daily 7", 100000).is_due);
    assert_false(due_at(&shop, "daily 7, full-every 7d", 166).is_due);
    /* Daily at the same hour: an hour early is not a day late. */
    assert_true(due_at(&shop, "daily 7, full-every 7d", 167).is_due);
    assert_string_equal(due_at(&shop, "daily 7, full-every 7d", 170).why,
                        "the full backup 20260101-000000F is 170h00m old, full-every is 168h00m");
}

static void test_full_is_due__when_there_is_no_full_to_trust(void **state)
{
    (void)state;
    Shop shop = shop_new();
    assert_true(due_at(&shop, "daily 7, full-every 7d", 0).is_due);
    PolicyBackup *const full = backup_add(&shop, 0);
    memcpy(full->label.text, "20260101-000000F", 17);
    full->is_good = false;
    assert_true(due_at(&shop, "daily 7, full-every 7d", 0).is_due);
    full->is_good = true;
    full->is_on_production = false;
    assert_true(due_at(&shop, "daily 7, full-every 7d", 0).is_due);
    full->is_on_production = true;
    assert_false(due_at(&shop, "daily 7, full-every 7d", 0).is_due);
    assert_true(due_at(&shop, "daily 7, full-every 7d", -5).is_due);
}

UNIT_MAIN(cmocka_unit_test(test_policy__pitr_keeps_what_opens_the_window_and_all_in_it),
          cmocka_unit_test(test_policy__pitr_counts_from_the_stop_not_the_start),
          cmocka_unit_test(test_policy__pitr_window_begins_with_the_earliest_start_in_it),
          cmocka_unit_test(test_policy__days_are_those_that_have_a_backup),
          cmocka_unit_test(test_policy__weeks_begin_on_monday_months_and_years_on_their_first),
          cmocka_unit_test(test_policy__promises_add_up),
          cmocka_unit_test(test_policy__the_last_good_one_stays),
          cmocka_unit_test(test_policy__a_broken_backup_takes_no_good_ones_place),
          cmocka_unit_test(test_policy__pins_and_foreign_branches_stay),
          cmocka_unit_test(test_policy__what_was_given_up_fulfils_no_promise),
          cmocka_unit_test(test_policy__nothing_is_nothing),
          cmocka_unit_test(test_policy__a_clock_that_was_ahead_loses_no_day),
          cmocka_unit_test(test_policy__a_clock_that_was_behind_loses_no_day),
          cmocka_unit_test(test_policy__one_clock_is_not_enough_to_be_old),
          cmocka_unit_test(test_policy__a_now_that_stepped_back_keeps_everything),
          cmocka_unit_test(test_policy__order_comes_from_the_wal),
          cmocka_unit_test(test_full_is_due__when_the_newest_full_is_old),
          cmocka_unit_test(test_full_is_due__when_there_is_no_full_to_trust))
