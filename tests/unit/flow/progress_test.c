/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "flow/progress.h"

static void test_progress__shows_what_was_counted(void **state)
{
    (void)state;
    Progress progress = {.phase = NULL};
    assert_string_equal(progress_now(&progress).phase, "");

    progress_phase(&progress, "copying");
    counter_set(&progress.bytes_total, 100);
    counter_add(&progress.bytes_done, 7);
    counter_add(&progress.bytes_done, 8);
    counter_add(&progress.files_done, 1);
    const ProgressNow now = progress_now(&progress);
    assert_string_equal(now.phase, "copying");
    assert_int_equal(now.bytes_total, 100);
    assert_int_equal(now.bytes_done, 15);
    assert_int_equal(now.files_done, 1);
    assert_int_equal(now.files_total, 0);
}

static void test_counter_add__returns_the_value_before(void **state)
{
    (void)state;
    Counter counter = {0};
    assert_int_equal(counter_add(&counter, 1), 0);
    assert_int_equal(counter_add(&counter, 1), 1);
    assert_int_equal(counter_get(&counter), 2);
}

UNIT_MAIN(cmocka_unit_test(test_progress__shows_what_was_counted),
          cmocka_unit_test(test_counter_add__returns_the_value_before))
