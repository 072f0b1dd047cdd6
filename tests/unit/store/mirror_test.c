/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/buf.h"
#include "base/limits.h"
#include "store/faulty.h"
#include "store/mem.h"
#include "store/mirror.h"

#include <stdio.h>
#include <string.h>

#define TEXT(literal) span_of(literal, sizeof(literal) - 1)

typedef struct Pair {
    Store *a, *b, *mirror;
} Pair;

static void pair_done(Pair *pair)
{
    store_free(&pair->mirror);
    store_free(&pair->a);
    store_free(&pair->b);
}

static Pair pair_new(void)
{
    Pair pair = {.a = faulty_store_new(mem_store_new()), .b = faulty_store_new(mem_store_new())};
    pair.mirror = mirror_store_new((MirrorMember[]){{pair.a, "one"}, {pair.b, "two"}}, 2);
    return pair;
}

static void put(Store *store, const char *key, const char *text)
{
    ASSERT_OK(store_put_all(store, key, span_of(text, strlen(text))));
}

static bool everything(void *arg, FaultyCall call, const char *key)
{
    (void)arg, (void)call, (void)key;
    return true;
}

static void fail_all(Store *store, ErrClass class)
{
    faulty_plan(store, (FaultyPlan){.matches = everything, .fault_class = class});
}

/* The next fault's text has `part` in it; NULL: there is none. */
static void assert_told(Store *mirror, const char *part)
{
    AUTO(err_free) Err *fault = mirror_fault_take(mirror);
    if (!part && fault)
        fail_msg("told: %s", err_text(fault));
    assert_true(!part || (fault && strstr(err_text(fault), part)));
}

/* ---- listing */

static Err *key_add(void *arg, const ObjectEntry *entry)
{
    buf_addf(arg, "%s=%d ", entry->key, (int)entry->info.size_bytes);
    return NULL;
}

static void assert_listed(Store *store, const char *prefix, ListOpts opts, const char *expected)
{
    AUTO(buf_done) Buf keys = {0};
    ASSERT_OK(store_list(store, prefix, opts, key_add, &keys));
    assert_string_equal(buf_text(&keys), expected);
}

static void test_mirror_list__is_the_union(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    put(pair.a, "x/1", "a");
    put(pair.a, "x/3", "a");
    put(pair.b, "x/2", "bb");
    put(pair.b, "x/3", "bb");
    put(pair.b, "y/4", "bb");
    assert_listed(pair.mirror, "", (ListOpts){0}, "x/1=1 x/2=2 x/3=1 y/4=2 ");
    assert_listed(pair.mirror, "x/", (ListOpts){.after = "x/1"}, "x/2=2 x/3=1 ");
    assert_listed(pair.mirror, "", (ListOpts){.one_level = true}, "x/=0 y/=0 ");
    assert_told(pair.mirror, NULL);
}

static Err *key_count(void *arg, const ObjectEntry *entry)
{
    size_t *const count = arg;
    char expected[16];
    snprintf(expected, sizeof expected, "k/%06zu", *count);
    assert_string_equal(entry->key, expected);
    ++*count;
    return NULL;
}

static void test_mirror_list__goes_on_over_many_pages(void **state)
{
    (void)state;
    enum { KEYS = 3500 };
    AUTO(pair_done) Pair pair = pair_new();
    for (int i = KEYS - 1; i >= 0; i--) { /* backwards: a store in memory sorts as it goes */
        char key[16];
        snprintf(key, sizeof key, "k/%06d", i);
        if (i % 3 != 1)
            put(pair.a, key, "a");
        if (i % 3 != 2)
            put(pair.b, key, "b");
    }
    size_t count = 0;
    ASSERT_OK(store_list(pair.mirror, "k/", (ListOpts){0}, key_count, &count));
    assert_int_equal(count, KEYS);
}

static void test_mirror_list__goes_on_without_one_that_breaks_off(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    put(pair.a, "x/1", "a");
    put(pair.b, "x/1", "b");
    put(pair.b, "x/2", "b");
    faulty_plan(pair.a, (FaultyPlan){.nth = 1, .fault_class = ERR_AWAY, .is_late = true});
    assert_listed(pair.mirror, "x/", (ListOpts){0}, "x/1=1 x/2=1 ");
    assert_told(pair.mirror, "repository one: planned fault");
    assert_told(pair.mirror, NULL);
    assert_listed(pair.mirror, "x/", (ListOpts){0}, "x/1=1 x/2=1 "); /* left out from now on */
    assert_int_equal(faulty_calls(pair.a, FAULTY_LIST), 1);
}

static void test_mirror_list__fails_when_no_member_answers(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    AUTO(buf_done) Buf keys = {0};
    fail_all(pair.a, ERR_AWAY);
    fail_all(pair.b, ERR_IO);
    AUTO(err_free) Err *err = store_list(pair.mirror, "x/", (ListOpts){0}, key_add, &keys);
    assert_true(err_is(err, ERR_IO));
    assert_non_null(strstr(err_text(err), "repository two"));
    assert_non_null(strstr(err_detail_text(err), "repository one"));
    assert_told(pair.mirror, NULL);
}

static Err *refuse(void *arg, const ObjectEntry *entry)
{
    (void)arg;
    return ERR(REFUSED, "enough of %s", entry->key);
}

static void test_mirror_list__passes_the_receivers_error_on(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    put(pair.a, "x/1", "a");
    ASSERT_ERR(REFUSED, store_list(pair.mirror, "x/", (ListOpts){0}, refuse, NULL));
    assert_told(pair.mirror, NULL);
}

/* ---- copies */

/* Reads as one who knows what is good: text without "bad". */
static Err *good_read(Buf *out, Store *store, const char *key)
{
    AUTO(copies_done) Copies copies = copies_of(store, key);
    Store *copy;
    while (copies_next(&copy, &copies)) {
        AUTO(buf_done) Buf bytes = {0};
        Err *err = store_get_all(&bytes, copy, key, RANGE_ALL, 100);
        if (!err && strstr(buf_text(&bytes), "bad"))
            err = ERR(CORRUPT, "%s is bad", key);
        if (!err) {
            buf_swap(out, &bytes);
            return NULL;
        }
        copies_bad(&copies, err);
    }
    return copies_none(&copies);
}

static void test_copies__give_the_first_good_one_and_tell_of_the_bad(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    AUTO(buf_done) Buf bytes = {0};
    put(pair.a, "k", "bad");
    put(pair.b, "k", "fine");
    put(pair.b, "only", "here");
    ASSERT_OK(good_read(&bytes, pair.mirror, "k"));
    ASSERT_OK(good_read(&bytes, pair.mirror, "k")); /* told once */
    assert_string_equal(buf_text(&bytes), "fine");
    ASSERT_OK(good_read(&bytes, pair.mirror, "only"));
    assert_told(pair.mirror, "repository one: k is bad");
    assert_told(pair.mirror, "repository one: no object only");
    assert_told(pair.mirror, NULL);
}

static void test_copies__name_all_when_none_is_good(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    AUTO(buf_done) Buf bytes = {0};
    put(pair.b, "k", "bad");
    AUTO(err_free) Err *err = good_read(&bytes, pair.mirror, "k");
    assert_true(err_is(err, ERR_CORRUPT));
    assert_string_equal(err_text(err), "repository two: k is bad");
    assert_non_null(strstr(err_detail_text(err), "repository one: no object k"));
    ASSERT_ERR(NOT_FOUND, good_read(&bytes, pair.mirror, "nowhere"));
    assert_told(pair.mirror, NULL);
}

static void test_copies__leave_out_what_is_away(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    AUTO(buf_done) Buf bytes = {0};
    put(pair.b, "k", "fine");
    fail_all(pair.a, ERR_AWAY);
    ASSERT_OK(good_read(&bytes, pair.mirror, "k"));
    ASSERT_OK(good_read(&bytes, pair.mirror, "k"));
    assert_int_equal(faulty_calls(pair.a, FAULTY_GET), 1);
    assert_told(pair.mirror, "repository one: planned fault");
    AUTO(err_free) Err *err = good_read(&bytes, pair.mirror, "nowhere");
    assert_true(err_is(err, ERR_NOT_FOUND));
    assert_non_null(strstr(err_detail_text(err), "repository one"));
    fail_all(pair.b, ERR_AWAY);
    ASSERT_ERR(AWAY, good_read(&bytes, pair.mirror, "k"));
}

static void test_copies__of_a_plain_store_are_the_one(void **state)
{
    (void)state;
    AUTO(store_free) Store *store = faulty_store_new(mem_store_new());
    AUTO(buf_done) Buf bytes = {0};
    put(store, "k", "bad");
    ASSERT_ERR_TEXT(CORRUPT, "k is bad", good_read(&bytes, store, "k"));
    fail_all(store, ERR_AWAY);
    ASSERT_ERR(AWAY, good_read(&bytes, store, "k"));
    faulty_plan(store, (FaultyPlan){.nth = 0});
    ASSERT_ERR(CORRUPT, good_read(&bytes, store, "k"));
}

static void test_mirror_fault_take__bounds_what_is_kept(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    for (int i = 0; i < MIRROR_FAULTS_MAX + 7; i++) {
        AUTO(buf_done) Buf bytes = {0};
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        put(pair.b, key, "fine");
        ASSERT_OK(good_read(&bytes, pair.mirror, key));
    }
    for (int i = 0; i < MIRROR_FAULTS_MAX; i++)
        assert_told(pair.mirror, "repository one: ");
    assert_told(pair.mirror, "7 more bad copies");
    assert_told(pair.mirror, NULL);
}

/* ---- as a store */

static void test_mirror__reads_through_and_writes_nothing(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    AUTO(buf_done) Buf bytes = {0};
    ObjectInfo info;
    put(pair.b, "k", "fine");
    ASSERT_OK(store_get_all(&bytes, pair.mirror, "k", RANGE_ALL, 100));
    assert_string_equal(buf_text(&bytes), "fine");
    ASSERT_OK(store_stat(&info, pair.mirror, "k"));
    assert_int_equal(info.size_bytes, 4);
    ASSERT_ERR(NOT_FOUND, store_stat(&info, pair.mirror, "none"));
    ASSERT_ERR(REFUSED, store_put_all(pair.mirror, "new", TEXT("x")));
    ASSERT_ERR(REFUSED, store_remove(pair.mirror, "k"));
    ASSERT_ERR(REFUSED, store_settle(pair.mirror, "k"));
}

UNIT_MAIN(cmocka_unit_test(test_mirror_list__is_the_union),
          cmocka_unit_test(test_mirror_list__goes_on_over_many_pages),
          cmocka_unit_test(test_mirror_list__goes_on_without_one_that_breaks_off),
          cmocka_unit_test(test_mirror_list__fails_when_no_member_answers),
          cmocka_unit_test(test_mirror_list__passes_the_receivers_error_on),
          cmocka_unit_test(test_copies__give_the_first_good_one_and_tell_of_the_bad),
          cmocka_unit_test(test_copies__name_all_when_none_is_good),
          cmocka_unit_test(test_copies__leave_out_what_is_away),
          cmocka_unit_test(test_copies__of_a_plain_store_are_the_one),
          cmocka_unit_test(test_mirror_fault_take__bounds_what_is_kept),
          cmocka_unit_test(test_mirror__reads_through_and_writes_nothing))
