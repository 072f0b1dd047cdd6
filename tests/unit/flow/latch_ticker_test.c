/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "flow/latch.h"
#include "flow/lock.h"
#include "flow/ticker.h"

#include <unistd.h>

static void count_up(void *arg)
{
    counter_add(arg, 1);
}

static void test_ticker__calls_until_it_is_stopped(void **state)
{
    (void)state;
    Counter calls = {0};
    Ticker *ticker = NULL;
    ASSERT_OK(ticker_start(&ticker, 1, count_up, &calls));
    while (counter_get(&calls) < 3)
        usleep(1000);
    ticker_stop(&ticker);
    assert_null(ticker);
    const uint64_t stopped_at = counter_get(&calls);
    usleep(20000);
    assert_int_equal(counter_get(&calls), stopped_at);
    ticker_stop(&ticker); /* once more does nothing */
}

typedef struct Part {
    Latch *latch;
    Counter *done;
} Part;

static void part_end(void *arg)
{
    const Part *const part = arg;
    if (counter_add(part->done, 1) < 2)
        latch_count_down(part->latch);
}

static void test_latch__opens_with_its_last_part(void **state)
{
    (void)state;
    Counter done = {0};
    Part part = {latch_new(2), &done};
    Ticker *ticker = NULL;
    ASSERT_OK(ticker_start(&ticker, 1, part_end, &part));
    latch_wait(part.latch);
    assert_true(counter_get(&done) >= 2);
    ticker_stop(&ticker);
    latch_wait(part.latch); /* an open latch stays open */
    latch_free(&part.latch);
}

UNIT_MAIN(cmocka_unit_test(test_ticker__calls_until_it_is_stopped),
          cmocka_unit_test(test_latch__opens_with_its_last_part))
