/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/buf.h"
#include "store/fan.h"
#include "store/faulty.h"
#include "store/mem.h"

#include <string.h>

#define TEXT(literal) span_of(literal, sizeof(literal) - 1)

typedef struct Two {
    Store *stores[2]; /* faulty ones */
} Two;

static Two two_new(void)
{
    return (Two){{faulty_store_new(mem_store_new()), faulty_store_new(mem_store_new())}};
}

static void two_done(Two *two)
{
    store_free(&two->stores[0]);
    store_free(&two->stores[1]);
}

static Err *put_in_both(Two *two, const char *key, Span bytes)
{
    AUTO(store_put_abort) StorePut *put = NULL;
    TRY(store_put_fan(&put, two->stores, 2, key, (PutOpts){0}));
    TRY(store_put_write(put, bytes));
    return store_put_commit(TAKE(put));
}

static bool has(Store *store, const char *key)
{
    ObjectInfo info;
    Err *err = store_stat(&info, store, key);
    const bool answer = !err;
    err_free(&err);
    return answer;
}

static void test_fan__puts_the_same_bytes_everywhere(void **state)
{
    (void)state;
    AUTO(two_done) Two two = two_new();
    ASSERT_OK(put_in_both(&two, "k", TEXT("content")));
    for (size_t i = 0; i < 2; i++) {
        AUTO(buf_done) Buf bytes = {0};
        ASSERT_OK(store_get_all(&bytes, two.stores[i], "k", RANGE_ALL, 10));
        assert_string_equal(buf_text(&bytes), "content");
    }
}

static void test_fan__exists_in_one_is_exists_and_names_it(void **state)
{
    (void)state;
    AUTO(two_done) Two two = two_new();
    ASSERT_OK(store_put_all(two.stores[1], "k", TEXT("old")));
    ASSERT_ERR_TEXT(EXISTS, "mem://", put_in_both(&two, "k", TEXT("new")));
    assert_false(has(two.stores[0], "k"));
}

/* Each call of either store fails once; afterwards the missing ones can be found and filled. */
static void test_fan__can_be_completed_after_any_fault(void **state)
{
    (void)state;
    static const bool partly[] = {false, false, false, true};
    for (size_t failing = 0; failing < 2; failing++) {
        for (uint64_t nth = 1; nth <= 3; nth++) {
            AUTO(two_done) Two two = two_new();
            faulty_plan(two.stores[failing], (FaultyPlan){.nth = nth, .fault_class = ERR_IO});
            AUTO(err_free) Err *err = put_in_both(&two, "k", TEXT("content"));
            assert_true(err_is(err, ERR_IO));
            const bool is_partial = failing == 1 && partly[nth];
            assert_int_equal(has(two.stores[0], "k"), is_partial);
            assert_int_equal(strstr(err_detail_text(err), "already stored in mem://") != NULL, is_partial);

            Store *missing[2];
            size_t count = 0;
            ASSERT_OK(store_fan_missing(missing, &count, two.stores, 2, "k"));
            assert_int_equal(count, is_partial ? 1 : 2);
            for (size_t i = 0; i < count; i++)
                ASSERT_OK(store_put_all(missing[i], "k", TEXT("content")));
            assert_true(has(two.stores[0], "k") && has(two.stores[1], "k"));
        }
    }
}

static void test_fan_missing__passes_on_what_it_cannot_know(void **state)
{
    (void)state;
    AUTO(two_done) Two two = two_new();
    faulty_plan(two.stores[1], (FaultyPlan){.nth = 1, .fault_class = ERR_AWAY});
    Store *missing[2];
    size_t count = 77;
    ASSERT_ERR(AWAY, store_fan_missing(missing, &count, two.stores, 2, "k"));
    assert_int_equal(count, 77);
}

UNIT_MAIN(cmocka_unit_test(test_fan__puts_the_same_bytes_everywhere),
          cmocka_unit_test(test_fan__exists_in_one_is_exists_and_names_it),
          cmocka_unit_test(test_fan__can_be_completed_after_any_fault),
          cmocka_unit_test(test_fan_missing__passes_on_what_it_cannot_know))
