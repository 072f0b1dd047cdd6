/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/buf.h"
#include "fake/clock.h"
#include "store/faulty.h"
#include "store/mem.h"
#include "store/retry.h"

#include <stdio.h>
#include <string.h>

#define TEXT(literal) span_of(literal, sizeof(literal) - 1)

enum { PATIENCE_MS = 60000 };

typedef struct Pair {
    Store *faulty;
    Store *retry; /* owns faulty */
} Pair;

static Pair pair_new(void)
{
    Store *const faulty = faulty_store_new(mem_store_new());
    return (Pair){faulty, retry_store_new(faulty, PATIENCE_MS)};
}

static void pair_done(Pair *pair)
{
    store_free(&pair->retry);
}

/* Fails the first `left` calls. */
static bool first_calls(void *arg, FaultyCall call, const char *key)
{
    int *const left = arg;
    (void)call;
    (void)key;
    return (*left)-- > 0;
}

static bool all_calls(void *arg, FaultyCall call, const char *key)
{
    (void)arg;
    (void)call;
    (void)key;
    return true;
}

static void away_for(const Pair *pair, int *calls)
{
    faulty_plan(pair->faulty, (FaultyPlan){.fault_class = ERR_AWAY, .matches = first_calls, .arg = calls});
}

static void test_retry__waits_longer_each_time(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    ASSERT_OK(store_put_all(pair.retry, "k", TEXT("x")));
    int calls = 4;
    away_for(&pair, &calls);
    const int64_t slept = fake_clock_slept_ms();
    ObjectInfo info;
    ASSERT_OK(store_stat(&info, pair.retry, "k"));
    assert_int_equal(fake_clock_slept_ms() - slept, 100 + 200 + 400 + 800);
    assert_int_equal(faulty_calls(pair.faulty, FAULTY_STAT), 5);
}

static void test_retry__repeats_every_call_that_can_be_repeated(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    AUTO(store_put_abort) StorePut *put = NULL;
    int calls = 2;
    away_for(&pair, &calls);
    ASSERT_OK(store_put(&put, pair.retry, "k", (PutOpts){0}));
    ASSERT_OK(store_put_commit(TAKE(put)));
    calls = 2;
    ASSERT_OK(store_settle(pair.retry, "k"));
    calls = 2;
    ASSERT_OK(store_remove(pair.retry, "k"));
    assert_int_equal(faulty_calls(pair.faulty, FAULTY_PUT), 3);
    assert_int_equal(faulty_calls(pair.faulty, FAULTY_SETTLE), 3);
    assert_int_equal(faulty_calls(pair.faulty, FAULTY_REMOVE), 3);
}

static void test_retry__patience_ends(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    faulty_plan(pair.faulty, (FaultyPlan){.fault_class = ERR_AWAY, .matches = all_calls});
    const int64_t slept = fake_clock_slept_ms();
    AUTO(err_free) Err *err = store_remove(pair.retry, "k");
    assert_true(err_is(err, ERR_AWAY));
    assert_non_null(strstr(err_detail_text(err), "gave up after"));
    assert_int_equal(fake_clock_slept_ms() - slept, PATIENCE_MS);
    assert_in_range(faulty_calls(pair.faulty, FAULTY_REMOVE), 10, 30);
}

static void test_retry__repeats_nothing_but_away(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    for (int class = 0; class < ERR_CLASS_COUNT; class ++) {
        if (class == ERR_AWAY)
            continue;
        faulty_plan(pair.faulty, (FaultyPlan){.fault_class = (ErrClass) class, .nth = 1});
        AUTO(err_free) Err *err = store_remove(pair.retry, "k");
        assert_true(err_is(err, (ErrClass) class));
        assert_string_equal(err_detail_text(err), "");
    }
}

static void test_retry__does_not_repeat_a_commit(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    faulty_plan(pair.faulty, (FaultyPlan){.fault_class = ERR_AWAY, .nth = 3}); /* put, write, commit */
    ASSERT_ERR(AWAY, store_put_all(pair.retry, "k", TEXT("x")));
    assert_int_equal(faulty_calls(pair.faulty, FAULTY_COMMIT), 1);
    ASSERT_OK(store_put_all(pair.retry, "k", TEXT("x")));
}

static void test_retry_get__goes_on_where_it_broke_off(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    ASSERT_OK(store_put_all(pair.retry, "k", TEXT("0123456789")));
    static const Range ranges[] = {{0, RANGE_TO_END}, {2, 7}, {0, 10}};
    static const char *const expected[] = {"0123456789", "2345678", "0123456789"};
    for (size_t i = 0; i < COUNT_OF(ranges); i++) {
        for (uint64_t at = 0; at < 10; at++) {
            AUTO(buf_done) Buf bytes = {0};
            faulty_plan(pair.faulty, (FaultyPlan){.fault_class = ERR_AWAY,
                                                  .damage = FAULTY_BREAK,
                                                  .damage_key = "k",
                                                  .damage_at = at});
            ASSERT_OK(store_get_all(&bytes, pair.retry, "k", ranges[i], 10));
            assert_string_equal(buf_text(&bytes), expected[i]);
            const bool is_met = at >= ranges[i].offset && at - ranges[i].offset < strlen(expected[i]);
            assert_int_equal(faulty_hit(pair.faulty), is_met);
        }
    }
}

static Err *refuse(Sink *sink, Span bytes)
{
    (void)sink;
    (void)bytes;
    return ERR(AWAY, "the receiver is away");
}

static void test_retry_get__leaves_the_receivers_error_alone(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    ASSERT_OK(store_put_all(pair.retry, "k", TEXT("0123456789")));
    static const SinkOps ops = {.write = refuse};
    Sink sink = {.ops = &ops};
    faulty_plan(pair.faulty, (FaultyPlan){0});
    ASSERT_ERR_TEXT(AWAY, "the receiver", store_get(pair.retry, "k", RANGE_ALL, &sink));
    assert_int_equal(faulty_calls(pair.faulty, FAULTY_GET), 1);
}

static Err *append(void *arg, const ObjectEntry *entry)
{
    buf_addf(arg, "%s ", entry->key);
    return NULL;
}

static void test_retry_list__goes_on_after_the_last_key(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    static const char *const keys[] = {"a/b", "a/c", "b", "c/d/e"};
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        ASSERT_OK(store_put_all(pair.retry, keys[i], TEXT("x")));
    for (int breaks = 0; breaks < 5; breaks++) {
        AUTO(buf_done) Buf found = {0};
        int calls = breaks;
        faulty_plan(
            pair.faulty,
            (FaultyPlan){.fault_class = ERR_AWAY, .matches = first_calls, .arg = &calls, .is_late = true});
        ASSERT_OK(store_list(pair.retry, "", (ListOpts){0}, append, &found));
        assert_string_equal(buf_text(&found), "a/b a/c b c/d/e ");
    }
}

UNIT_MAIN(cmocka_unit_test(test_retry__waits_longer_each_time),
          cmocka_unit_test(test_retry__repeats_every_call_that_can_be_repeated),
          cmocka_unit_test(test_retry__patience_ends), cmocka_unit_test(test_retry__repeats_nothing_but_away),
          cmocka_unit_test(test_retry__does_not_repeat_a_commit),
          cmocka_unit_test(test_retry_get__goes_on_where_it_broke_off),
          cmocka_unit_test(test_retry_get__leaves_the_receivers_error_alone),
          cmocka_unit_test(test_retry_list__goes_on_after_the_last_key))
