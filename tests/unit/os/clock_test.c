/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "os/clock.h"
#include "os/signal.h"

#include <signal.h>
#include <string.h>

static void test_clock_sleep__sleeps_as_long_as_asked(void **state)
{
    (void)state;
    const int64_t begin = clock_monotonic_us();
    clock_sleep_ms(70);
    const int64_t slept = clock_monotonic_us() - begin;
    assert_in_range(slept, 70000, 2000000);
}

static void test_clock_now__is_after_this_test_was_written(void **state)
{
    (void)state;
    assert_true(clock_now().us > INT64_C(1767225600000000)); /* 2026-01-01 */
}

static void test_signal__state_request_is_taken_once(void **state)
{
    (void)state;
    signal_setup();
    assert_false(signal_take_state_request());
    raise(SIGUSR1);
    assert_true(signal_take_state_request());
    assert_false(signal_take_state_request());
}

/* The last one: a stop stays pending. */
static void test_signal__stop_ends_a_sleep_and_cancels(void **state)
{
    (void)state;
    signal_setup();
    ASSERT_OK(signal_check());
    raise(SIGTERM);
    raise(SIGINT);
    assert_int_equal(signal_stop_pending(), SIGTERM);
    const int64_t begin = clock_monotonic_us();
    clock_sleep_ms(60000);
    assert_true(clock_monotonic_us() - begin < 10000000);
    ASSERT_ERR_TEXT(CANCELED, "SIGTERM", signal_check());
}

UNIT_MAIN(cmocka_unit_test(test_clock_sleep__sleeps_as_long_as_asked),
          cmocka_unit_test(test_clock_now__is_after_this_test_was_written),
          cmocka_unit_test(test_signal__state_request_is_taken_once),
          cmocka_unit_test(test_signal__stop_ends_a_sleep_and_cancels))
