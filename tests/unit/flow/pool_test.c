/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/text.h"
#include "flow/latch.h"
#include "flow/lock.h"
#include "flow/pool.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

/* What one run saw. Units are numbers on the heap. */
typedef struct Run {
    size_t push_count;
    uint64_t fail_at;    /* the unit with this number fails */
    bool producer_fails; /* after all pushes */
    bool begin_fails;    /* in every worker */
    bool end_fails;      /* in every worker */
    Counter worked, sum, begun, ended, freed;
    Counter pushed;
    Counter signals_open; /* workers that could receive SIGTERM */
} Run;

static Counter units_freed;
static Flag stop_flag;

typedef struct WorkerState {
    Run *run;
} WorkerState;

static void unit_free(void *unit)
{
    counter_add(&units_freed, 1);
    mem_free(&unit);
}

static Err *produce(void *arg, Pool *pool)
{
    Run *const run = arg;
    for (uint64_t i = 1; i <= run->push_count; i++) {
        uint64_t *const unit = mem_new(sizeof *unit);
        *unit = i;
        counter_add(&run->pushed, 1);
        TRY(pool_push(pool, unit));
    }
    return run->producer_fails ? ERR(IO, "the producer broke") : NULL;
}

static Err *work(void *arg, Pool *pool, void *state, void *unit)
{
    Run *const run = arg;
    (void)state;
    TRY(pool_check(pool));
    const uint64_t number = *(const uint64_t *)unit;
    if (number == run->fail_at)
        return ERR(CORRUPT, "unit %lu broke", (unsigned long)number);
    counter_add(&run->worked, 1);
    counter_add(&run->sum, number);
    return NULL;
}

static Err *worker_begin(void **state, void *arg)
{
    Run *const run = arg;
    if (run->begin_fails)
        return ERR(AWAY, "a worker could not begin");
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    counter_add(&run->signals_open, !sigismember(&mask, SIGTERM));
    WorkerState *const made = mem_new(sizeof *made);
    made->run = run;
    counter_add(&run->begun, 1);
    *state = made;
    return NULL;
}

static Err *worker_end(void *state)
{
    Run *const run = ((WorkerState *)state)->run;
    counter_add(&run->ended, 1);
    return run->end_fails ? ERR(IO, "a worker could not end") : NULL;
}

static void worker_free(void *state)
{
    counter_add(&((WorkerState *)state)->run->freed, 1);
    mem_free(&state);
}

static PoolSpec spec_of(Run *run, size_t workers)
{
    units_freed = (Counter){0};
    return (PoolSpec){.workers = workers,
                      .arg = run,
                      .produce = produce,
                      .work = work,
                      .unit_free = unit_free,
                      .begin = worker_begin,
                      .end = worker_end,
                      .free = worker_free};
}

static void test_pool_run__works_on_every_unit_once(void **state)
{
    (void)state;
    for (size_t workers = 1; workers <= 4; workers++) {
        Run run = {.push_count = 1000};
        const PoolSpec spec = spec_of(&run, workers);
        ASSERT_OK(pool_run(&spec));
        assert_int_equal(counter_get(&run.worked), 1000);
        assert_int_equal(counter_get(&run.sum), 500500);
        assert_int_equal(counter_get(&units_freed), 1000);
        assert_int_equal(counter_get(&run.begun), workers);
        assert_int_equal(counter_get(&run.ended), workers);
        assert_int_equal(counter_get(&run.freed), workers);
    }
}

static void test_pool_run__of_nothing_ends_well(void **state)
{
    (void)state;
    Run run = {0};
    const PoolSpec spec = spec_of(&run, 3);
    ASSERT_OK(pool_run(&spec));
    assert_int_equal(counter_get(&run.ended), 3);
}

static void test_pool_run__returns_the_first_error_and_stops(void **state)
{
    (void)state;
    for (uint64_t fail_at = 1; fail_at <= 50; fail_at += 7) {
        Run run = {.push_count = 100000, .fail_at = fail_at};
        const PoolSpec spec = spec_of(&run, 3);
        ASSERT_ERR_TEXT(CORRUPT, "broke", pool_run(&spec));
        assert_true(counter_get(&run.pushed) < 100000);
        assert_int_equal(counter_get(&units_freed), counter_get(&run.pushed));
        assert_int_equal(counter_get(&run.ended), 0);
        assert_int_equal(counter_get(&run.freed), counter_get(&run.begun));
    }
}

static void test_pool_run__stops_when_the_producer_breaks(void **state)
{
    (void)state;
    Run run = {.push_count = 20, .producer_fails = true};
    const PoolSpec spec = spec_of(&run, 2);
    ASSERT_ERR_TEXT(IO, "producer", pool_run(&spec));
    assert_int_equal(counter_get(&units_freed), 20);
    assert_int_equal(counter_get(&run.ended), 0);
}

/* Units that somebody waits for. The first is taken by the only worker and fails; the others are in the queue then. */
typedef struct Awaited {
    Latch *latches[3];
    size_t awaited;
} Awaited;

static Err *awaited_produce(void *arg, Pool *pool)
{
    Awaited *const awaited = arg;
    for (size_t i = 0; i < COUNT_OF(awaited->latches); i++)
        TRY(pool_push(pool, awaited->latches[i]));
    latch_wait(awaited->latches[awaited->awaited]);
    /* Not CANCELED here would be a unit taken for done: the run would end with the producer's wrong answer. */
    Err *const err = pool_check(pool);
    return err ? err : ERR(BUG, "a failed unit looks done");
}

static Err *awaited_work(void *arg, Pool *pool, void *state, void *unit)
{
    (void)arg;
    (void)pool;
    (void)state;
    (void)unit;
    return ERR(CORRUPT, "the unit broke");
}

static void awaited_free(void *unit)
{
    latch_count_down(unit);
}

static void test_pool_run__lets_go_who_waits_for_a_unit(void **state)
{
    (void)state;
    for (size_t i = 0; i < 300; i++) {
        Awaited awaited = {.awaited = i % 3};
        for (size_t k = 0; k < COUNT_OF(awaited.latches); k++)
            awaited.latches[k] = latch_new(1);
        const PoolSpec spec = {.workers = 1,
                               .queue_units = 3,
                               .arg = &awaited,
                               .produce = awaited_produce,
                               .work = awaited_work,
                               .unit_free = awaited_free};
        ASSERT_ERR_TEXT(CORRUPT, "broke", pool_run(&spec));
        for (size_t k = 0; k < COUNT_OF(awaited.latches); k++)
            latch_free(&awaited.latches[k]);
    }
}

static void test_pool_run__stops_when_no_worker_begins(void **state)
{
    (void)state;
    Run run = {.push_count = 100000, .begin_fails = true};
    const PoolSpec spec = spec_of(&run, 2);
    ASSERT_ERR_TEXT(AWAY, "begin", pool_run(&spec));
    assert_int_equal(counter_get(&run.worked), 0);
    assert_int_equal(counter_get(&run.freed), 0);
    assert_int_equal(counter_get(&units_freed), counter_get(&run.pushed));
}

static void test_pool_run__reports_a_failed_end(void **state)
{
    (void)state;
    Run run = {.push_count = 10, .end_fails = true};
    const PoolSpec spec = spec_of(&run, 2);
    ASSERT_ERR_TEXT(IO, "could not end", pool_run(&spec));
    assert_int_equal(counter_get(&run.freed), 2);
}

static Err *stop_check(void)
{
    return flag_is_up(&stop_flag) ? ERR(CANCELED, "stopped by the test") : NULL;
}

static void test_pool_run__stops_on_request(void **state)
{
    (void)state;
    stop_flag = (Flag){0};
    flag_raise(&stop_flag);
    Run run = {.push_count = 100000};
    PoolSpec spec = spec_of(&run, 2);
    spec.stop_check = stop_check;
    ASSERT_ERR_TEXT(CANCELED, "stopped by the test", pool_run(&spec));
    assert_int_equal(counter_get(&run.worked), 0);
    assert_int_equal(counter_get(&units_freed), counter_get(&run.pushed));
}

static void test_pool_run__keeps_signals_from_its_workers(void **state)
{
    (void)state;
    Run run = {.push_count = 1};
    const PoolSpec spec = spec_of(&run, 4);
    ASSERT_OK(pool_run(&spec));
    assert_int_equal(counter_get(&run.signals_open), 0);
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    assert_false(sigismember(&mask, SIGTERM)); /* and gives the caller's mask back */
}

UNIT_MAIN(cmocka_unit_test(test_pool_run__works_on_every_unit_once),
          cmocka_unit_test(test_pool_run__of_nothing_ends_well),
          cmocka_unit_test(test_pool_run__returns_the_first_error_and_stops),
          cmocka_unit_test(test_pool_run__stops_when_the_producer_breaks),
          cmocka_unit_test(test_pool_run__lets_go_who_waits_for_a_unit),
          cmocka_unit_test(test_pool_run__stops_when_no_worker_begins),
          cmocka_unit_test(test_pool_run__reports_a_failed_end),
          cmocka_unit_test(test_pool_run__stops_on_request),
          cmocka_unit_test(test_pool_run__keeps_signals_from_its_workers))
