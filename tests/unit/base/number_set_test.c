/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/number_set.h"

#include <stdlib.h>

static void expect_runs(const NumberSet *set, const NumberRun *runs, size_t count)
{
    NumberRun run = {0, 0};
    for (size_t i = 0; i < count; i++) {
        assert_true(number_set_next(&run, set, run.first + run.count));
        assert_int_equal(run.first, runs[i].first);
        assert_int_equal(run.count, runs[i].count);
    }
    assert_false(number_set_next(&run, set, run.first + run.count));
}

static void test_empty__has_nothing(void **state)
{
    (void)state;
    AUTO(number_set_done) NumberSet set = {0};
    assert_false(number_set_has(&set, 0));
    assert_int_equal(number_set_count(&set), 0);
    assert_int_equal(set.bytes, 0);
    number_set_cut(&set, 0);
    expect_runs(&set, NULL, 0);
}

static void test_add__sorts_and_joins_neighbours(void **state)
{
    (void)state;
    AUTO(number_set_done) NumberSet set = {0};
    const uint32_t blocks[] = {7, 5, 6, 5, 70000, 131071, 131072, UINT32_MAX - 1, 0};
    for (size_t i = 0; i < COUNT_OF(blocks); i++)
        number_set_add(&set, blocks[i]);
    assert_int_equal(number_set_count(&set), 8);
    /* 131071 and 131072 touch, but lie in two stretches. */
    const NumberRun runs[] = {{0, 1}, {5, 3}, {70000, 1}, {131071, 1}, {131072, 1}, {UINT32_MAX - 1, 1}};
    expect_runs(&set, runs, COUNT_OF(runs));
    NumberRun rest;
    assert_true(number_set_next(&rest, &set, 6));
    assert_int_equal(rest.first, 6);
    assert_int_equal(rest.count, 2);
}

static void test_whole_stretch__is_one_run_and_small(void **state)
{
    (void)state;
    AUTO(number_set_done) NumberSet set = {0};
    number_set_add_run(&set, (NumberRun){0, 131072});
    assert_int_equal(number_set_count(&set), 131072);
    const NumberRun runs[] = {{0, 65536}, {65536, 65536}};
    expect_runs(&set, runs, COUNT_OF(runs));
    assert_true(set.bytes < 17000);
}

static void test_cut__forgets_the_limit_and_what_is_behind(void **state)
{
    (void)state;
    /* 10 blocks make a list, 5000 a bitmap. */
    const uint32_t sizes[] = {10, 5000};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        AUTO(number_set_done) NumberSet set = {0};
        number_set_add_run(&set, (NumberRun){65536, sizes[i]});
        number_set_add(&set, 200000);
        number_set_cut(&set, 65536 + 5);
        const NumberRun runs[] = {{65536, 5}};
        expect_runs(&set, runs, COUNT_OF(runs));
        assert_int_equal(number_set_count(&set), 5);
        number_set_add(&set, 65536 + 6); /* grown again */
        assert_true(number_set_has(&set, 65536 + 6));
        assert_false(number_set_has(&set, 65536 + 5));
        number_set_cut(&set, 65536);
        expect_runs(&set, NULL, 0);
    }
}

static void test_join__adds_all(void **state)
{
    (void)state;
    AUTO(number_set_done) NumberSet a = {0};
    AUTO(number_set_done) NumberSet b = {0};
    number_set_add_run(&a, (NumberRun){0, 3});
    number_set_add_run(&b, (NumberRun){2, 2000});
    number_set_add(&b, 1000000);
    number_set_join(&a, &b);
    const NumberRun runs[] = {{0, 2002}, {1000000, 1}};
    expect_runs(&a, runs, COUNT_OF(runs));
}

enum { MODEL_BLOCKS = 200000 };

static void expect_equal(const NumberSet *set, const bool *model)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < MODEL_BLOCKS; i++) {
        assert_int_equal(number_set_has(set, i), model[i]);
        count += model[i];
    }
    assert_int_equal(number_set_count(set), count);
    uint64_t in_runs = 0;
    NumberRun run = {0, 0};
    while (number_set_next(&run, set, run.first + run.count)) {
        assert_true(model[run.first] && model[run.first + run.count - 1]);
        in_runs += run.count;
    }
    assert_int_equal(in_runs, count);
}

/* Against the simplest thing that is right. */
static void test_random_work__agrees_with_an_array(void **state)
{
    (void)state;
    AUTO(number_set_done) NumberSet set = {0};
    AUTO(mem_free) bool *model = mem_new(MODEL_BLOCKS);
    srand(1);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 2000; i++) {
            const uint32_t block = (uint32_t)rand() % MODEL_BLOCKS;
            number_set_add(&set, block);
            model[block] = true;
        }
        if (round % 4 == 3) {
            const uint32_t limit = (uint32_t)rand() % MODEL_BLOCKS;
            number_set_cut(&set, limit);
            for (uint32_t i = limit; i < MODEL_BLOCKS; i++)
                model[i] = false;
        }
        expect_equal(&set, model);
    }
}

static void test_mark__adds_where_a_bitmap_stands(void **state)
{
    (void)state;
    AUTO(number_set_done) NumberSet set = {.stretches = NULL};
    assert_false(number_set_mark(&set, 7)); /* nothing there */
    number_set_add(&set, 7);
    assert_false(number_set_mark(&set, 8)); /* a list */
    assert_int_equal(number_set_count(&set), 1);
    number_set_add_run(&set, (NumberRun){1000, 5000});
    assert_true(number_set_mark(&set, 8));
    assert_true(number_set_mark(&set, 8));
    assert_true(number_set_mark(&set, 65535));
    assert_int_equal(number_set_count(&set), 5003);
    assert_true(number_set_has(&set, 8) && number_set_has(&set, 65535));
    assert_false(number_set_mark(&set, 65536)); /* another stretch */
    number_set_add(&set, 65536);
    number_set_cut(&set, 100); /* the latest stretch is gone */
    assert_false(number_set_mark(&set, 65537));
    assert_int_equal(number_set_count(&set), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty__has_nothing),
        cmocka_unit_test(test_add__sorts_and_joins_neighbours),
        cmocka_unit_test(test_whole_stretch__is_one_run_and_small),
        cmocka_unit_test(test_cut__forgets_the_limit_and_what_is_behind),
        cmocka_unit_test(test_join__adds_all),
        cmocka_unit_test(test_mark__adds_where_a_bitmap_stands),
        cmocka_unit_test(test_random_work__agrees_with_an_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
