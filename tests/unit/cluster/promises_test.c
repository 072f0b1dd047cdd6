/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "cluster/promises.h"

static const int64_t day_us = INT64_C(86400000000);

static void test_promises_parse__reads_all_of_them(void **state)
{
    (void)state;
    Promises all;
    ASSERT_OK(
        promises_parse(&all, " pitr 14d,daily 7 , weekly 8,monthly 12,\tyearly 3, backups 5, full-every 5w"));
    assert_int_equal(all.pitr_us, 14 * day_us);
    assert_int_equal(all.daily, 7);
    assert_int_equal(all.weekly, 8);
    assert_int_equal(all.monthly, 12);
    assert_int_equal(all.yearly, 3);
    assert_int_equal(all.backups, 5);
    assert_int_equal(all.full_every_us, 35 * day_us);
    ASSERT_OK(promises_parse(&all, "pitr 36h"));
    assert_int_equal(all.pitr_us, day_us * 3 / 2);
    assert_int_equal(all.daily, 0);
    ASSERT_OK(promises_parse(&all, PROMISES_DEFAULT));
    assert_int_equal(all.weekly, 4);
}

static void test_promises_parse__names_the_wrong_word(void **state)
{
    (void)state;
    static const struct {
        const char *text, *named;
    } wrong[] = {{"", "a promise is missing"},
                 {"daily 7,", "a promise is missing"},
                 {"daily 7,,weekly 2", "a promise is missing"},
                 {"dayly 7", "\"dayly\" is no promise"},
                 {"daily", "\"\" is not how many"},
                 {"daily 0", "\"0\" is not how many"},
                 {"daily -1", "\"-1\""},
                 {"daily 7d", "\"7d\""},
                 {"daily 99999999999999999999", "\"99999999999999999999\""},
                 {"pitr 7", "\"7\" is not how long"},
                 {"pitr 7m", "\"7m\""},
                 {"pitr d", "\"d\""},
                 {"pitr 0d", "\"0d\""},
                 {"pitr 99999999w", "\"99999999w\""},
                 {"pitr 7 d", "\"7\""},
                 {"pitr 7d daily 7", "\"daily\" is one word too many"},
                 {"daily 7, daily 7", "\"daily\" is promised twice"},
                 {"pitr 7d, pitr 1d", "\"pitr\" is promised twice"},
                 {"full-every 30d", "promises to keep no backup"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        Promises untouched = {.daily = 99};
        ASSERT_ERR_TEXT(USAGE, wrong[i].named, promises_parse(&untouched, wrong[i].text));
        assert_int_equal(untouched.daily, 99);
    }
}

static void test_promises_parse__finds_the_word_that_was_meant(void **state)
{
    (void)state;
    Promises none;
    Err *err = promises_parse(&none, "dayly 7");
    assert_string_equal(err_hint_text(err), "did you mean \"daily\"?");
    err_free(&err);
}

static int64_t age_max_hours(const char *text)
{
    Promises promises;
    ASSERT_OK(promises_parse(&promises, text));
    return promises_backup_age_max_us(&promises) / (day_us / 24);
}

static void test_promises_backup_age_max__follows_the_shortest_period(void **state)
{
    (void)state;
    assert_int_equal(age_max_hours("pitr 7d, daily 7, weekly 4"), 36);
    assert_int_equal(age_max_hours("pitr 7d, weekly 4, yearly 1"), 8 * 24);
    assert_int_equal(age_max_hours("monthly 4"), 32 * 24);
    assert_int_equal(age_max_hours("yearly 4"), 367 * 24);
    assert_int_equal(age_max_hours("pitr 7d"), 36);
}

UNIT_MAIN(cmocka_unit_test(test_promises_backup_age_max__follows_the_shortest_period),
          cmocka_unit_test(test_promises_parse__reads_all_of_them),
          cmocka_unit_test(test_promises_parse__names_the_wrong_word),
          cmocka_unit_test(test_promises_parse__finds_the_word_that_was_meant))
