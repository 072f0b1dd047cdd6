/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * One suite over every driver and every wrapper: what store/store.h promises holds for all of them. A new driver is a
 * new line in makers[].
 */
#include "unit.h"

#include "base/buf.h"
#include "base/limits.h"
#include "fake/folder.h"
#include "os/clock.h"
#include "store/fan.h"
#include "store/faulty.h"
#include "store/mem.h"
#include "store/posix.h"
#include "store/readonly.h"
#include "store/retry.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define TEXT(literal) span_of(literal, sizeof(literal) - 1)

enum { THREADS = 8, LARGE_BYTES = 5 * 1024 * 1024 + 17, RETRY_MS = 1000 };

/* The store under test. Things are put through `writer`, which differs where the store itself cannot write. */
typedef struct Fixture {
    TestFolder folder;
    Store *store;
    Store *writer;
} Fixture;

typedef struct Maker {
    const char *name;
    void (*make)(Fixture *fixture);
} Maker;

static Store *new_posix(Fixture *fixture)
{
    Store *store = NULL;
    ASSERT_OK(store_open(&store, store_drivers, &(StoreOptions){.url = fixture->folder.path}));
    return store;
}

static void make_mem(Fixture *fixture)
{
    fixture->store = fixture->writer = mem_store_new();
}

static void make_posix(Fixture *fixture)
{
    fixture->store = fixture->writer = new_posix(fixture);
}

static void make_retry_mem(Fixture *fixture)
{
    fixture->store = fixture->writer = retry_store_new(mem_store_new(), RETRY_MS);
}

static void make_retry_faulty_posix(Fixture *fixture)
{
    fixture->store = fixture->writer = retry_store_new(faulty_store_new(new_posix(fixture)), RETRY_MS);
}

static void make_faulty_mem(Fixture *fixture)
{
    fixture->store = fixture->writer = faulty_store_new(mem_store_new());
}

static void make_readonly_posix(Fixture *fixture)
{
    fixture->writer = new_posix(fixture);
    fixture->store = readonly_store_new(fixture->writer);
}

/* A store whose puts go through a fan into a mem and a posix store; everything else asks the posix one. */
typedef struct FanStore {
    Store base;
    Store *stores[2];
    size_t count;
} FanStore;

static Store *front_of(Store *store)
{
    return ((FanStore *)store)->stores[0];
}

static Err *fan_get(Store *store, const char *key, Range range, Sink *to)
{
    return store_get(front_of(store), key, range, to);
}

static Err *fan_put(StorePut **out, Store *store, const char *key, PutOpts opts)
{
    FanStore *const self = (FanStore *)store;
    return store_put_fan(out, self->stores, self->count, key, opts);
}

static Err *fan_stat(ObjectInfo *out, Store *store, const char *key)
{
    return store_stat(out, front_of(store), key);
}

static Err *fan_list(Store *store, const char *prefix, ListOpts opts, ListFn *each, void *arg)
{
    return store_list(front_of(store), prefix, opts, each, arg);
}

static Err *fan_remove(Store *store, const char *key)
{
    FanStore *const self = (FanStore *)store;
    for (size_t i = 0; i < self->count; i++)
        TRY(store_remove(self->stores[i], key));
    return NULL;
}

static Err *fan_settle(Store *store, const char *key)
{
    return store_settle(front_of(store), key);
}

static Err *fan_leftovers(StoreLeftovers *out, Store *store)
{
    return store_leftovers(out, front_of(store));
}

static void fan_free(Store *store)
{
    FanStore *self = (FanStore *)store;
    for (size_t i = 0; i < self->count; i++)
        store_free(&self->stores[i]);
    mem_free(&self);
}

static void make_fan(Fixture *fixture, size_t count)
{
    static const StoreOps ops = {
        .scheme = "fan",
        .get = fan_get,
        .put = fan_put,
        .stat = fan_stat,
        .list = fan_list,
        .remove = fan_remove,
        .settle = fan_settle,
        .leftovers = fan_leftovers,
        .free = fan_free,
    };
    FanStore *const self = mem_new(sizeof *self);
    self->base = (Store){.ops = &ops, .caps = STORE_ATOMIC_CREATE, .name = "fan"};
    self->count = count;
    self->stores[0] = new_posix(fixture);
    if (count > 1)
        self->stores[1] = mem_store_new();
    fixture->store = fixture->writer = &self->base;
}

static void make_fan_of_one(Fixture *fixture)
{
    make_fan(fixture, 1);
}

static void make_fan_of_two(Fixture *fixture)
{
    make_fan(fixture, 2);
}

static const Maker makers[] = {
    {"mem", make_mem},
    {"posix", make_posix},
    {"retry(mem)", make_retry_mem},
    {"retry(faulty(posix))", make_retry_faulty_posix},
    {"faulty(mem)", make_faulty_mem},
    {"fan(posix)", make_fan_of_one},
    {"fan(posix, mem)", make_fan_of_two},
    {"readonly(posix)", make_readonly_posix},
};

static int setup(void **state)
{
    const Maker *const maker = *state;
    Fixture *const fixture = mem_new(sizeof *fixture);
    fixture->folder = test_folder();
    maker->make(fixture);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    Fixture *fixture = *state;
    store_free(&fixture->store);
    test_folder_done(&fixture->folder);
    mem_free(&fixture);
    return 0;
}

static Fixture *given(void **state)
{
    return *state;
}

static void put_text(const Fixture *fixture, const char *key, const char *text)
{
    ASSERT_OK(store_put_all(fixture->writer, key, span_of(text, strlen(text))));
}

static void assert_object(Store *store, const char *key, Range range, const char *expected)
{
    AUTO(buf_done) Buf bytes = {0};
    ASSERT_OK(store_get_all(&bytes, store, key, range, 1000));
    assert_string_equal(buf_text(&bytes), expected);
}

/* Keys, a blank behind each. */
static Err *collect(void *arg, const ObjectEntry *entry)
{
    buf_addf(arg, "%s ", entry->key);
    return NULL;
}

static void assert_list(Store *store, const char *prefix, ListOpts opts, const char *expected)
{
    AUTO(buf_done) Buf keys = {0};
    ASSERT_OK(store_list(store, prefix, opts, collect, &keys));
    assert_string_equal(buf_text(&keys), expected);
}

static void test_store__gives_back_what_was_put(void **state)
{
    const Fixture *const fixture = given(state);
    put_text(fixture, "main/g1/cluster", "hello");
    put_text(fixture, "empty", "");
    assert_object(fixture->store, "main/g1/cluster", RANGE_ALL, "hello");
    assert_object(fixture->store, "empty", RANGE_ALL, "");
    ObjectInfo info;
    ASSERT_OK(store_stat(&info, fixture->store, "main/g1/cluster"));
    assert_int_equal(info.size_bytes, 5);
    const int64_t age_us = clock_now().us - info.modified.us;
    assert_true(age_us > -60000000 && age_us < 60000000);
}

static void test_store__knows_nothing_of_what_is_absent(void **state)
{
    const Fixture *const fixture = given(state);
    put_text(fixture, "a/b", "x");
    static const char *const absent[] = {"a", "a/c", "a/b/c", "b", "a/b.x"};
    for (size_t i = 0; i < COUNT_OF(absent); i++) {
        AUTO(buf_done) Buf bytes = {0};
        ObjectInfo info;
        ASSERT_ERR(NOT_FOUND, store_get_all(&bytes, fixture->store, absent[i], RANGE_ALL, 10));
        ASSERT_ERR(NOT_FOUND, store_stat(&info, fixture->store, absent[i]));
        ASSERT_ERR(NOT_FOUND, store_settle(fixture->writer, absent[i]));
    }
}

static void test_store__refuses_what_is_no_key(void **state)
{
    const Fixture *const fixture = given(state);
    char long_key[600] = {0};
    memset(long_key, 'a', sizeof long_key - 1);
    const char *const bad[] = {"",    "/",    "/a",  "a/",   "a//b",   "..",       "../a",
                               "a/.", ".tmp", "a b", "a\nb", "a/../b", "\xc3\xa4", long_key};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        AUTO(buf_done) Buf bytes = {0};
        ObjectInfo info;
        ASSERT_ERR(REFUSED, store_put_all(fixture->store, bad[i], TEXT("x")));
        ASSERT_ERR(REFUSED, store_get_all(&bytes, fixture->store, bad[i], RANGE_ALL, 10));
        ASSERT_ERR(REFUSED, store_stat(&info, fixture->store, bad[i]));
        ASSERT_ERR(REFUSED, store_remove(fixture->store, bad[i]));
    }
    long_key[STORE_KEY_MAX] = 0;
    for (size_t i = 99; i < STORE_KEY_MAX; i += 100)
        long_key[i] = '/';
    put_text(fixture, long_key, "longest");
    assert_object(fixture->store, long_key, RANGE_ALL, "longest");
}

static void test_store_get__gives_ranges(void **state)
{
    const Fixture *const fixture = given(state);
    put_text(fixture, "k", "0123456789");
    assert_object(fixture->store, "k", (Range){3, 4}, "3456");
    assert_object(fixture->store, "k", (Range){0, 10}, "0123456789");
    assert_object(fixture->store, "k", (Range){7, RANGE_TO_END}, "789");
    assert_object(fixture->store, "k", (Range){10, RANGE_TO_END}, "");
    assert_object(fixture->store, "k", (Range){4, 0}, "");
}

static void test_store_get__range_past_the_end_is_corrupt(void **state)
{
    const Fixture *const fixture = given(state);
    AUTO(buf_done) Buf bytes = {0};
    put_text(fixture, "k", "0123456789");
    ASSERT_ERR(CORRUPT, store_get_all(&bytes, fixture->store, "k", (Range){0, 11}, 100));
    ASSERT_ERR(CORRUPT, store_get_all(&bytes, fixture->store, "k", (Range){10, 1}, 100));
    ASSERT_ERR(CORRUPT, store_get_all(&bytes, fixture->store, "k", (Range){11, RANGE_TO_END}, 100));
    assert_int_equal(bytes.len, 0);
}

static void test_store_get_all__keeps_to_its_limit(void **state)
{
    const Fixture *const fixture = given(state);
    AUTO(buf_done) Buf bytes = {0};
    put_text(fixture, "k", "0123456789");
    buf_add_text(&bytes, "before ");
    ASSERT_ERR_TEXT(LIMIT, "object k", store_get_all(&bytes, fixture->store, "k", RANGE_ALL, 9));
    assert_int_equal(bytes.len, strlen("before "));
    ASSERT_OK(store_get_all(&bytes, fixture->store, "k", RANGE_ALL, 10));
    assert_string_equal(buf_text(&bytes), "before 0123456789");
}

static void test_store_put__is_invisible_before_its_commit(void **state)
{
    const Fixture *const fixture = given(state);
    AUTO(store_put_abort) StorePut *put = NULL;
    AUTO(buf_done) Buf bytes = {0};
    ObjectInfo info;
    ASSERT_OK(store_put(&put, fixture->writer, "a/k", (PutOpts){0}));
    ASSERT_OK(store_put_write(put, TEXT("half")));
    ASSERT_ERR(NOT_FOUND, store_stat(&info, fixture->store, "a/k"));
    ASSERT_ERR(NOT_FOUND, store_get_all(&bytes, fixture->store, "a/k", RANGE_ALL, 10));
    assert_list(fixture->store, "", (ListOpts){0}, "");
    ASSERT_OK(store_put_write(put, TEXT(" done")));
    ASSERT_OK(sink_finish(&put->sink));
    ASSERT_OK(store_put_commit(TAKE(put)));
    assert_object(fixture->store, "a/k", RANGE_ALL, "half done");
    assert_list(fixture->store, "", (ListOpts){0}, "a/k ");
}

static void test_store_put__leaves_nothing_when_abandoned(void **state)
{
    const Fixture *const fixture = given(state);
    StorePut *put = NULL;
    ASSERT_OK(store_put(&put, fixture->writer, "a/k", (PutOpts){0}));
    ASSERT_OK(store_put_write(put, TEXT("half")));
    store_put_abort(&put);
    assert_null(put);
    assert_list(fixture->store, "", (ListOpts){0}, "");
    put_text(fixture, "a/k", "whole");
    assert_object(fixture->store, "a/k", RANGE_ALL, "whole");
}

static void test_store_put__never_overwrites(void **state)
{
    const Fixture *const fixture = given(state);
    put_text(fixture, "a/k", "first");
    ASSERT_ERR(EXISTS, store_put_all(fixture->writer, "a/k", TEXT("other")));
    ASSERT_ERR(EXISTS, store_put_all(fixture->writer, "a/k", TEXT("first")));
    assert_object(fixture->store, "a/k", RANGE_ALL, "first");
}

static void test_store_put__the_first_commit_wins(void **state)
{
    const Fixture *const fixture = given(state);
    AUTO(store_put_abort) StorePut *one = NULL;
    AUTO(store_put_abort) StorePut *two = NULL;
    ASSERT_OK(store_put(&one, fixture->writer, "k", (PutOpts){0}));
    ASSERT_OK(store_put(&two, fixture->writer, "k", (PutOpts){0}));
    ASSERT_OK(store_put_write(one, TEXT("one")));
    ASSERT_OK(store_put_write(two, TEXT("two")));
    ASSERT_OK(store_put_commit(TAKE(two)));
    ASSERT_ERR(EXISTS, store_put_commit(TAKE(one)));
    assert_object(fixture->store, "k", RANGE_ALL, "two");
    assert_list(fixture->store, "", (ListOpts){0}, "k ");
}

typedef struct Racer {
    Store *store;
    int number;
    Err *err;
} Racer;

static void *race(void *arg)
{
    Racer *const racer = arg;
    char text[200];
    snprintf(text, sizeof text, "%0199d", racer->number);
    racer->err = store_put_all(racer->store, "race/k", span_of(text, 199));
    return NULL;
}

static void test_store_put__of_parallel_puts_exactly_one_commits(void **state)
{
    const Fixture *const fixture = given(state);
    pthread_t threads[THREADS];
    Racer racers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        racers[i] = (Racer){fixture->writer, i, NULL};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    int winner = -1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++) {
        if (!racers[i].err) {
            assert_int_equal(winner, -1);
            winner = i;
            continue;
        }
        assert_int_equal(err_class(racers[i].err), ERR_EXISTS);
        err_free(&racers[i].err);
    }
    assert_in_range(winner, 0, THREADS - 1);
    char expected[200];
    snprintf(expected, sizeof expected, "%0199d", winner);
    assert_object(fixture->store, "race/k", RANGE_ALL, expected);
}

static uint8_t large_byte(size_t at)
{
    return (uint8_t)(at * 2654435761u >> 13);
}

static void test_store__takes_large_objects(void **state)
{
    const Fixture *const fixture = given(state);
    AUTO(mem_free) uint8_t *bytes = mem_new(LARGE_BYTES);
    for (size_t i = 0; i < LARGE_BYTES; i++)
        bytes[i] = large_byte(i);
    AUTO(store_put_abort) StorePut *put = NULL;
    ASSERT_OK(store_put(&put, fixture->writer, "large", (PutOpts){.size_hint_bytes = LARGE_BYTES}));
    for (size_t at = 0; at < LARGE_BYTES; at += 77777)
        ASSERT_OK(store_put_write(put, span_cut(span_of(bytes, LARGE_BYTES), at, 77777)));
    ASSERT_OK(store_put_commit(TAKE(put)));

    AUTO(buf_done) Buf back = {0};
    ASSERT_OK(store_get_all(&back, fixture->store, "large", RANGE_ALL, LARGE_BYTES));
    assert_int_equal(back.len, LARGE_BYTES);
    assert_memory_equal(back.data, bytes, LARGE_BYTES);
    buf_clear(&back);
    ASSERT_OK(store_get_all(&back, fixture->store, "large", (Range){1048575, 2097155}, LARGE_BYTES));
    assert_int_equal(back.len, 2097155);
    assert_memory_equal(back.data, bytes + 1048575, back.len);
}

/* Bytewise: '-' and '.' before '/', digits and upper case before lower case. */
static const char *const nasty[] = {
    "A",       "B/x",  "a-b",     "a-b.c/x", "a.b",   "a/0", "a/b-/x", "a/b.x/y", "a/b/c",
    "a/b/c.d", "a/b0", "a/z/y/x", "a0",      "a_b/c", "aa",  "b/a",    "b/b/a",   "c",
};

static void put_nasty(const Fixture *fixture)
{
    for (size_t i = COUNT_OF(nasty); i > 0; i--)
        put_text(fixture, nasty[(i * 7) % COUNT_OF(nasty)], nasty[(i * 7) % COUNT_OF(nasty)]);
}

static void test_store_list__is_sorted_bytewise_over_whole_keys(void **state)
{
    const Fixture *const fixture = given(state);
    put_nasty(fixture);
    AUTO(buf_done) Buf expected = {0};
    for (size_t i = 0; i < COUNT_OF(nasty); i++)
        buf_addf(&expected, "%s ", nasty[i]);
    for (size_t i = 1; i < COUNT_OF(nasty); i++)
        assert_true(strcmp(nasty[i - 1], nasty[i]) < 0);
    assert_list(fixture->store, "", (ListOpts){0}, buf_text(&expected));
}

static void test_store_list__takes_any_text_as_prefix(void **state)
{
    const Fixture *const fixture = given(state);
    put_nasty(fixture);
    assert_list(fixture->store, "a/b", (ListOpts){0}, "a/b-/x a/b.x/y a/b/c a/b/c.d a/b0 ");
    assert_list(fixture->store, "a/b/", (ListOpts){0}, "a/b/c a/b/c.d ");
    assert_list(fixture->store, "a-", (ListOpts){0}, "a-b a-b.c/x ");
    assert_list(fixture->store, "a/b/c", (ListOpts){0}, "a/b/c a/b/c.d ");
    assert_list(fixture->store, "c/", (ListOpts){0}, "");
    assert_list(fixture->store, "nothing/here", (ListOpts){0}, "");
    assert_list(fixture->store, "a//", (ListOpts){0}, "");
    assert_list(fixture->store, "../", (ListOpts){0}, "");
    assert_list(fixture->store, ".", (ListOpts){0}, "");
}

static void test_store_list__goes_on_after_any_key(void **state)
{
    const Fixture *const fixture = given(state);
    put_nasty(fixture);
    AUTO(buf_done) Buf expected = {0};
    for (size_t from = COUNT_OF(nasty); from > 0; from--) {
        assert_list(fixture->store, "", (ListOpts){.after = nasty[from - 1]}, buf_text(&expected));
        AUTO(buf_done) Buf longer = {0};
        buf_addf(&longer, "%s %s", nasty[from - 1], buf_text(&expected));
        buf_swap(&longer, &expected);
    }
    assert_list(fixture->store, "", (ListOpts){.after = ""}, buf_text(&expected));
    assert_list(fixture->store, "a/b", (ListOpts){.after = "a/b.~"}, "a/b/c a/b/c.d a/b0 ");
    assert_list(fixture->store, "a/b", (ListOpts){.after = "a/b/"}, "a/b/c a/b/c.d a/b0 ");
    assert_list(fixture->store, "a/b", (ListOpts){.after = "zzz"}, "");
}

static void test_store_list__stops_at_one_level(void **state)
{
    const Fixture *const fixture = given(state);
    put_nasty(fixture);
    const ListOpts level = {.one_level = true};
    assert_list(fixture->store, "", level, "A B/ a-b a-b.c/ a.b a/ a0 a_b/ aa b/ c ");
    assert_list(fixture->store, "a/", level, "a/0 a/b-/ a/b.x/ a/b/ a/b0 a/z/ ");
    assert_list(fixture->store, "a/b", level, "a/b-/ a/b.x/ a/b/ a/b0 ");
    assert_list(fixture->store, "", (ListOpts){.one_level = true, .after = "a-b.c/"},
                "a.b a/ a0 a_b/ aa b/ c ");
    assert_list(fixture->store, "", (ListOpts){.one_level = true, .after = "a/"}, "a0 a_b/ aa b/ c ");
}

static Err *stop_at_second(void *arg, const ObjectEntry *entry)
{
    int *const count = arg;
    (void)entry;
    return ++*count == 2 ? ERR(CANCELED, "enough") : NULL;
}

static void test_store_list__ends_with_the_receivers_error(void **state)
{
    const Fixture *const fixture = given(state);
    put_nasty(fixture);
    int count = 0;
    ASSERT_ERR_TEXT(CANCELED, "enough",
                    store_list(fixture->store, "", (ListOpts){0}, stop_at_second, &count));
    assert_int_equal(count, 2);
}

static Err *check_info(void *arg, const ObjectEntry *entry)
{
    int *const count = arg;
    ++*count;
    assert_int_equal(entry->info.size_bytes, strlen(entry->key)); /* put_nasty stores the key as content */
    assert_false(instant_is_none(entry->info.modified));
    return NULL;
}

static void test_store_list__tells_sizes_and_times(void **state)
{
    const Fixture *const fixture = given(state);
    put_nasty(fixture);
    int count = 0;
    ASSERT_OK(store_list(fixture->store, "", (ListOpts){0}, check_info, &count));
    assert_int_equal(count, COUNT_OF(nasty));
}

static void test_store_remove__takes_away_once_and_is_content_twice(void **state)
{
    const Fixture *const fixture = given(state);
    put_text(fixture, "a/k", "x");
    put_text(fixture, "a/l", "y");
    ASSERT_OK(store_remove(fixture->writer, "a/k"));
    ASSERT_OK(store_remove(fixture->writer, "a/k"));
    ASSERT_OK(store_remove(fixture->writer, "never/was"));
    ASSERT_OK(store_remove(fixture->writer, "a"));
    assert_list(fixture->store, "", (ListOpts){0}, "a/l ");
    ASSERT_OK(store_remove(fixture->writer, "a/l"));
    assert_list(fixture->store, "", (ListOpts){0}, "");
    put_text(fixture, "a/k", "again");
    assert_object(fixture->store, "a/k", RANGE_ALL, "again");
}

static void test_store_settle__is_content_with_what_is_there(void **state)
{
    const Fixture *const fixture = given(state);
    put_text(fixture, "a/b/k", "x");
    put_text(fixture, "k", "x");
    ASSERT_OK(store_settle(fixture->writer, "a/b/k"));
    ASSERT_OK(store_settle(fixture->writer, "k"));
}

static void test_store_leftovers__counts_no_object(void **state)
{
    const Fixture *const fixture = given(state);
    put_text(fixture, "a/k", "x");
    StoreLeftovers left = {.count = 7};
    ASSERT_OK(store_leftovers(&left, fixture->store));
    assert_int_equal(left.count, 0);
    assert_int_equal(left.bytes, 0);
    assert_true(instant_is_none(left.oldest));
}

static void test_store__refuses_writes_when_it_is_for_reading(void **state)
{
    const Fixture *const fixture = given(state);
    if (fixture->store == fixture->writer)
        return; /* this one may write */
    put_text(fixture, "k", "x");
    ASSERT_ERR(REFUSED, store_put_all(fixture->store, "l", TEXT("y")));
    ASSERT_ERR(REFUSED, store_remove(fixture->store, "k"));
    ASSERT_ERR(REFUSED, store_settle(fixture->store, "k"));
    assert_list(fixture->store, "", (ListOpts){0}, "k ");
}

#define CASE(function)                                                                                       \
    {                                                                                                        \
#function, function                                                                                  \
    }

static const struct {
    const char *name;
    CMUnitTestFunction function;
} cases[] = {
    CASE(test_store__gives_back_what_was_put),
    CASE(test_store__knows_nothing_of_what_is_absent),
    CASE(test_store__refuses_what_is_no_key),
    CASE(test_store_get__gives_ranges),
    CASE(test_store_get__range_past_the_end_is_corrupt),
    CASE(test_store_get_all__keeps_to_its_limit),
    CASE(test_store_put__is_invisible_before_its_commit),
    CASE(test_store_put__leaves_nothing_when_abandoned),
    CASE(test_store_put__never_overwrites),
    CASE(test_store_put__the_first_commit_wins),
    CASE(test_store_put__of_parallel_puts_exactly_one_commits),
    CASE(test_store__takes_large_objects),
    CASE(test_store_list__is_sorted_bytewise_over_whole_keys),
    CASE(test_store_list__takes_any_text_as_prefix),
    CASE(test_store_list__goes_on_after_any_key),
    CASE(test_store_list__stops_at_one_level),
    CASE(test_store_list__ends_with_the_receivers_error),
    CASE(test_store_list__tells_sizes_and_times),
    CASE(test_store_remove__takes_away_once_and_is_content_twice),
    CASE(test_store_settle__is_content_with_what_is_there),
    CASE(test_store_leftovers__counts_no_object),
    CASE(test_store__refuses_writes_when_it_is_for_reading),
};

int main(void)
{
    static char names[COUNT_OF(makers)][COUNT_OF(cases)][120];
    static struct CMUnitTest tests[COUNT_OF(makers) * COUNT_OF(cases)];
    size_t count = 0;
    for (size_t m = 0; m < COUNT_OF(makers); m++) {
        for (size_t c = 0; c < COUNT_OF(cases); c++) {
            snprintf(names[m][c], sizeof names[m][c], "%s: %s", makers[m].name, cases[c].name);
            tests[count++] = (struct CMUnitTest){names[m][c], cases[c].function, setup, teardown,
                                                 (void *)(uintptr_t)&makers[m]};
        }
    }
    return cmocka_run_group_tests_name("stores", tests, NULL, NULL);
}
