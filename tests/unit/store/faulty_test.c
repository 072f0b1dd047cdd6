/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/buf.h"
#include "store/faulty.h"
#include "store/mem.h"

#include <string.h>

#define TEXT(literal) span_of(literal, sizeof(literal) - 1)

static Store *faulty_new(void)
{
    Store *const store = faulty_store_new(mem_store_new());
    ASSERT_OK(store_put_all(store, "k", TEXT("0123456789")));
    return store;
}

static void test_faulty__fails_the_nth_call_only(void **state)
{
    (void)state;
    AUTO(store_free) Store *store = faulty_new();
    ObjectInfo info;
    faulty_plan(store, (FaultyPlan){.nth = 2, .fault_class = ERR_DENIED});
    ASSERT_OK(store_stat(&info, store, "k"));
    assert_false(faulty_hit(store));
    ASSERT_ERR(DENIED, store_stat(&info, store, "k"));
    assert_true(faulty_hit(store));
    ASSERT_OK(store_stat(&info, store, "k"));
    assert_int_equal(faulty_calls(store, FAULTY_STAT), 3);
}

static void assert_damaged(FaultyDamage damage, uint64_t at, Range range, const char *expected)
{
    AUTO(store_free) Store *store = faulty_new();
    AUTO(buf_done) Buf bytes = {0};
    faulty_plan(store, (FaultyPlan){.damage = damage, .damage_key = "k", .damage_at = at});
    ASSERT_OK(store_get_all(&bytes, store, "k", range, 100));
    assert_string_equal(buf_text(&bytes), expected);
}

static void test_faulty_get__flips_and_cuts_at_the_byte_of_the_object(void **state)
{
    (void)state;
    assert_damaged(FAULTY_FLIP, 3, RANGE_ALL,
                   "012\xcc"
                   "456789");
    assert_damaged(FAULTY_FLIP, 3, (Range){2, 3},
                   "2\xcc"
                   "4");
    assert_damaged(FAULTY_FLIP, 3, (Range){4, 3}, "456");
    assert_damaged(FAULTY_CUT, 3, RANGE_ALL, "012");
    assert_damaged(FAULTY_CUT, 3, (Range){5, 3}, "");
    assert_damaged(FAULTY_NONE, 3, RANGE_ALL, "0123456789");
}

static void test_faulty_get__damages_the_nth_one_if_it_is_a_get(void **state)
{
    (void)state;
    AUTO(store_free) Store *store = faulty_new();
    AUTO(buf_done) Buf bytes = {0};
    ObjectInfo info;
    faulty_plan(store, (FaultyPlan){.nth = 2, .damage = FAULTY_CUT, .damage_at = 1});
    ASSERT_OK(store_get_all(&bytes, store, "k", (Range){4, 3}, 100));
    ASSERT_OK(store_stat(&info, store, "k"));
    assert_string_equal(buf_text(&bytes), "456");
    assert_false(faulty_hit(store));
    faulty_plan(store, (FaultyPlan){.nth = 2, .damage = FAULTY_CUT, .damage_at = 1});
    ASSERT_OK(store_stat(&info, store, "k"));
    ASSERT_OK(store_get_all(&bytes, store, "k", (Range){4, 3}, 100));
    assert_string_equal(buf_text(&bytes), "4564");
    assert_true(faulty_hit(store));
    assert_int_equal(faulty_total(store), 2);
}

static void test_faulty__a_late_failure_has_done_its_work(void **state)
{
    (void)state;
    AUTO(store_free) Store *store = faulty_new();
    ObjectInfo info;
    faulty_plan(store, (FaultyPlan){.nth = 1, .fault_class = ERR_AWAY, .is_late = true});
    ASSERT_ERR(AWAY, store_remove(store, "k"));
    ASSERT_ERR(NOT_FOUND, store_stat(&info, store, "k"));
    faulty_plan(store, (FaultyPlan){.nth = 3, .fault_class = ERR_AWAY, .is_late = true});
    ASSERT_ERR(AWAY, store_put_all(store, "k", TEXT("new")));
    ASSERT_OK(store_stat(&info, store, "k"));
    assert_int_equal(info.size_bytes, 3);
}

UNIT_MAIN(cmocka_unit_test(test_faulty__fails_the_nth_call_only),
          cmocka_unit_test(test_faulty_get__flips_and_cuts_at_the_byte_of_the_object),
          cmocka_unit_test(test_faulty_get__damages_the_nth_one_if_it_is_a_get),
          cmocka_unit_test(test_faulty__a_late_failure_has_done_its_work))
