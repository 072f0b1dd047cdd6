/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "repo/label.h"

#include <string.h>

static Instant instant_at(const char *text)
{
    Instant instant;
    ASSERT_OK(instant_parse(&instant, text));
    return instant;
}

static void test_label__names_the_second_and_the_type(void **state)
{
    (void)state;
    BackupLabel label;
    ASSERT_OK(label_next(&label, BACKUP_INCR, instant_at("2026-11-21T08:30:00.999999Z"), NULL));
    assert_string_equal(label.text, "20261121-083000I");
    assert_int_equal(label_type(label), BACKUP_INCR);
    assert_int_equal(label_time(label).us, instant_at("2026-11-21T08:30:00Z").us);
}

static void test_label_next__is_later_than_the_newest_when_the_clock_steps_back(void **state)
{
    (void)state;
    BackupLabel newest, label;
    ASSERT_OK(label_parse(&newest, "20261231-235959F"));
    ASSERT_OK(label_next(&label, BACKUP_DIFF, instant_at("2026-11-21T08:30:00Z"), &newest));
    assert_string_equal(label.text, "20270101-000000D");
    ASSERT_OK(label_next(&label, BACKUP_FULL, instant_at("2026-12-31T23:59:59.500000Z"), &newest));
    assert_string_equal(label.text, "20270101-000000F");
}

static void test_label_next__never_repeats_a_second(void **state)
{
    (void)state;
    BackupLabel newest, label;
    ASSERT_OK(label_parse(&newest, "20261121-083000F"));
    ASSERT_OK(label_next(&label, BACKUP_INCR, instant_at("2026-11-21T08:30:00.500000Z"), &newest));
    assert_string_equal(label.text, "20261121-083001I");
    ASSERT_OK(label_next(&label, BACKUP_INCR, instant_at("2026-11-21T08:30:01Z"), &newest));
    assert_string_equal(label.text, "20261121-083001I");
}

static void test_label_next__ends_with_the_year_9999(void **state)
{
    (void)state;
    BackupLabel newest, label = {"untouched"};
    ASSERT_OK(label_parse(&newest, "99991231-235959F"));
    ASSERT_ERR(LIMIT, label_next(&label, BACKUP_FULL, instant_at("2026-11-21T08:30:00Z"), &newest));
    assert_string_equal(label.text, "untouched");
}

static void test_label_parse__refuses_what_is_no_label(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "20261121-083000",
                                      "20261121-083000X",
                                      "20261121-083000f",
                                      "20261121-083000FF",
                                      "20261121 083000F",
                                      "20261321-083000F",
                                      "20260021-083000F",
                                      "20260229-083000F",
                                      "20261121-240000F",
                                      "20261121-086000F",
                                      "2026112a-083000F",
                                      "-0261121-083000F",
                                      "../../../../etcF"};
    BackupLabel label;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(label_is(bad[i]));
        ASSERT_ERR(USAGE, label_parse(&label, bad[i]));
    }
    assert_true(label_is("20280229-235959D"));
}

static void test_backup_type__is_read_back_as_named(void **state)
{
    (void)state;
    for (BackupType type = BACKUP_FULL; type <= BACKUP_INCR; type++) {
        BackupType again;
        ASSERT_OK(backup_type_parse(&again, backup_type_name(type)));
        assert_int_equal(again, type);
    }
    BackupType type;
    ASSERT_ERR(USAGE, backup_type_parse(&type, "incremental"));
}

static void test_label_is_among__takes_the_whole_label(void **state)
{
    (void)state;
    static const BackupLabel labels[] = {{"20261121-083000F"}, {"20261121-090000I"}};
    assert_true(label_is_among(labels[1], labels, COUNT_OF(labels)));
    assert_false(label_is_among(labels[1], labels, 1));
    assert_false(label_is_among((BackupLabel){"20261121-090000D"}, labels, COUNT_OF(labels)));
}

UNIT_MAIN(cmocka_unit_test(test_label__names_the_second_and_the_type),
          cmocka_unit_test(test_label_next__is_later_than_the_newest_when_the_clock_steps_back),
          cmocka_unit_test(test_label_next__never_repeats_a_second),
          cmocka_unit_test(test_label_next__ends_with_the_year_9999),
          cmocka_unit_test(test_label_parse__refuses_what_is_no_label),
          cmocka_unit_test(test_label_is_among__takes_the_whole_label),
          cmocka_unit_test(test_backup_type__is_read_back_as_named))
