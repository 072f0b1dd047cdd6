/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Objects that several repositories have, read as one. */
#include "unit.h"

#include "base/limits.h"
#include "repo/json_object.h"
#include "repo/repo_unit.h"
#include "store/faulty.h"
#include "store/mirror.h"

#define KEY  "main/g1/wal/x"
#define NAME "g1/wal/x"

enum { PLAIN_BYTES = 3 * FRAME_PLAIN_MAX };
static const ContainerExpect expect = {CONTAINER_WAL, NAME};

typedef struct Pair {
    Store *a, *b;
    RepoSet *set;
    Repo *mirror;
    Buf plain;
} Pair;

static void pair_done(Pair *pair)
{
    repo_free(&pair->mirror);
    repo_set_free(&pair->set);
    buf_done(&pair->plain);
}

static void object_put(Store *store, CodecKind codec, Span plain, const char *facts)
{
    const ContainerSpec spec = {CONTAINER_WAL, NAME, codec, codec_level_default(codec),
                                span_of(facts, strlen(facts))};
    AUTO(buf_done) Buf object = {0};
    ASSERT_OK(object_encode(&object, &spec, plain));
    ASSERT_OK(store_put_all(store, KEY, buf_span(&object)));
}

static Repo *faulty_repo(Store **faulty, const char *name)
{
    *faulty = faulty_store_new(mem_store_new());
    Repo *repo = NULL;
    ASSERT_OK(repo_init_store(&repo, name, *faulty));
    return repo;
}

static Pair pair_new(void)
{
    Pair pair = {0};
    uint64_t word = 88172645463325252;
    while (pair.plain.len < PLAIN_BYTES) {
        word ^= word << 13, word ^= word >> 7, word ^= word << 17;
        buf_add_u64(&pair.plain, word);
    }
    Repo *const a = faulty_repo(&pair.a, "a"), *const b = faulty_repo(&pair.b, "b");
    pair.set = repo_set_of((Repo *[]){a, b}, 2);
    pair.mirror = repo_mirror(pair.set);
    return pair;
}

static void damage(Store *store, uint64_t at)
{
    faulty_plan(store, (FaultyPlan){.damage = FAULTY_FLIP, .damage_key = KEY, .damage_at = at});
}

static size_t faults_told(const Pair *pair)
{
    size_t count = 0;
    for (Err *fault; (fault = mirror_fault_take(pair->mirror->store)); err_free(&fault))
        count++;
    return count;
}

static void read_check(const Pair *pair, ContainerReader *reader, uint64_t offset, uint64_t size)
{
    AUTO(buf_done) Buf got = {0};
    BufSink to = buf_sink(&got, PLAIN_BYTES);
    ASSERT_OK(container_read(reader, offset, size, &to.sink));
    assert_true(span_equal(buf_span(&got), span_cut(buf_span(&pair->plain), offset, size)));
}

static void test_container_read__goes_on_in_the_other_copy(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    AUTO(container_close) ContainerReader *reader = NULL;
    object_put(pair.a, CODEC_NONE, buf_span(&pair.plain), "facts");
    object_put(pair.b, CODEC_LZ4, buf_span(&pair.plain),
               "facts"); /* other stored bytes, the same plain ones */
    damage(pair.a, 2 * FRAME_PLAIN_MAX + 5000);
    ASSERT_OK(container_open(&reader, pair.mirror->store, KEY, &expect));
    read_check(&pair, reader, 100, 50);
    assert_int_equal(faults_told(&pair), 0);
    read_check(&pair, reader, 100, PLAIN_BYTES - 200);
    read_check(&pair, reader, 2 * FRAME_PLAIN_MAX + 7, 9);
    assert_int_equal(faults_told(&pair), 1);
    assert_string_equal(pair.mirror->name, "a and b");
}

static void test_container_read__fails_when_both_are_bad(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    AUTO(container_close) ContainerReader *reader = NULL;
    AUTO(buf_done) Buf got = {0};
    BufSink to = buf_sink(&got, PLAIN_BYTES);
    object_put(pair.a, CODEC_NONE, buf_span(&pair.plain), "facts");
    object_put(pair.b, CODEC_NONE, buf_span(&pair.plain), "facts");
    damage(pair.a, FRAME_PLAIN_MAX + 5000);
    damage(pair.b, 2 * FRAME_PLAIN_MAX + 5000);
    ASSERT_OK(container_open(&reader, pair.mirror->store, KEY, &expect));
    AUTO(err_free) Err *err = container_read(reader, 0, PLAIN_BYTES, &to.sink);
    assert_true(err_is(err, ERR_CORRUPT));
    assert_non_null(strstr(err_text(err), "repository a"));
    assert_non_null(strstr(err_detail_text(err), "repository b"));
    assert_int_equal(got.len, 2 * FRAME_PLAIN_MAX); /* what was pushed is good */
    assert_true(span_equal(buf_span(&got), span_cut(buf_span(&pair.plain), 0, got.len)));
}

/* A receiver that is full is no reason to ask elsewhere. */
static void test_container_read__does_not_blame_a_copy_for_the_receiver(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    AUTO(container_close) ContainerReader *reader = NULL;
    AUTO(buf_done) Buf got = {0};
    BufSink to = buf_sink(&got, 1000);
    object_put(pair.a, CODEC_NONE, buf_span(&pair.plain), "facts");
    object_put(pair.b, CODEC_NONE, buf_span(&pair.plain), "facts");
    faulty_plan(pair.b, (FaultyPlan){.nth = 0});
    ASSERT_OK(container_open(&reader, pair.mirror->store, KEY, &expect));
    ASSERT_ERR(LIMIT, container_read(reader, 0, PLAIN_BYTES, &to.sink));
    assert_int_equal(faults_told(&pair), 0);
    assert_int_equal(faulty_calls(pair.b, FAULTY_GET), 0);
}

/* A copy that is sound and tells another story is none. */
static void test_container_read__does_not_mix_two_contents(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    AUTO(container_close) ContainerReader *reader = NULL;
    AUTO(buf_done) Buf got = {0};
    BufSink to = buf_sink(&got, PLAIN_BYTES);
    object_put(pair.a, CODEC_NONE, buf_span(&pair.plain), "facts");
    object_put(pair.b, CODEC_NONE, buf_span(&pair.plain), "other");
    damage(pair.a, FRAME_PLAIN_MAX + 5000);
    ASSERT_OK(container_open(&reader, pair.mirror->store, KEY, &expect));
    ASSERT_ERR(CORRUPT, container_read(reader, 0, PLAIN_BYTES, &to.sink));
}

static void test_container_load__takes_the_good_copy(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    AUTO(buf_done) Buf got = {0};
    object_put(pair.a, CODEC_ZSTD, buf_span(&pair.plain), "facts");
    object_put(pair.b, CODEC_LZ4, buf_span(&pair.plain), "facts");
    damage(pair.a, 300000);
    ASSERT_OK(container_load(&got, pair.mirror->store, KEY, &expect, PLAIN_BYTES));
    assert_true(span_equal(buf_span(&got), buf_span(&pair.plain)));
    assert_int_equal(faults_told(&pair), 1);
}

UNIT_MAIN(cmocka_unit_test(test_container_read__goes_on_in_the_other_copy),
          cmocka_unit_test(test_container_read__fails_when_both_are_bad),
          cmocka_unit_test(test_container_read__does_not_blame_a_copy_for_the_receiver),
          cmocka_unit_test(test_container_read__does_not_mix_two_contents),
          cmocka_unit_test(test_container_load__takes_the_good_copy))
