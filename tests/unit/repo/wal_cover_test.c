/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "fake/wal.h"
#include "repo/repo_unit.h"
#include "repo/wal_cover.h"
#include "store/faulty.h"
#include "store/mem.h"
#include "store/mirror.h"

static const Generation generation = {
    .root = {"main", 1}, .system_id = {FAKE_WAL_SYSTEM_ID}, .major = 15, .segment_bytes = FAKE_WAL_SEGMENT};

typedef struct Scene {
    Repo *repo;
    FakeWal wal; /* segment 5 on timeline 1 */
    WalName name;
    Arena *arena;
} Scene;

static void scene_done(Scene *scene)
{
    repo_free(&scene->repo);
    fake_wal_done(&scene->wal);
    arena_free(&scene->arena);
}

static Scene scene_new(void)
{
    Scene scene = {.repo = new_repo("main"), .arena = arena_new()};
    fake_wal_begin(&scene.wal, 15);
    for (size_t i = 0; i < 30; i++)
        fake_wal_filler(&scene.wal, 1000);
    scene.name = wal_name_of_lsn((Timeline){1}, scene.wal.start, FAKE_WAL_SEGMENT);
    return scene;
}

static WalTail tail_of(const Scene *scene, uint32_t from, uint32_t to)
{
    return (WalTail){scene->name, from, to};
}

static void put_tail(const Scene *scene, uint32_t from, uint32_t to)
{
    const WalTail tail = tail_of(scene, from, to);
    const WalObjectSpec spec = {
        .generation = &generation, .name = scene->name, .tail = &tail, .codec = CODEC_LZ4, .level = 1};
    AUTO(buf_done) Buf object = {0};
    AUTO(err_free) Err *index_fault = NULL;
    ASSERT_OK(wal_object_encode(&object, &index_fault, &spec,
                                span_cut(buf_span(&scene->wal.bytes), from, to - from)));
    assert_null(index_fault);
    ASSERT_OK(repo_put(scene->repo, key_wal_tail(&generation.root, &tail).text, buf_span(&object)));
}

static WalCover look(const Scene *scene)
{
    WalCover cover;
    ASSERT_OK(wal_cover_find(&cover, scene->repo->store, &generation.root, scene->name, scene->arena));
    return cover;
}

static void assert_covers(const Scene *scene, size_t count, uint32_t bytes)
{
    const WalCover cover = look(scene);
    assert_int_equal(cover.count, count);
    assert_int_equal(cover.bytes, bytes);
    AUTO(buf_done) Buf plain = {0};
    buf_add_text(&plain, "before");
    ASSERT_OK(wal_cover_read(&plain, scene->repo->store, &generation.root, &cover));
    assert_true(
        span_equal(span_cut(buf_span(&plain), 6, SIZE_MAX), span_cut(buf_span(&scene->wal.bytes), 0, bytes)));
}

static void test_wal_tail__gives_back_its_bytes_facts_and_records(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    const uint32_t end = (uint32_t)scene.wal.bytes.len;
    const WalTail first = tail_of(&scene, 0, end), later = tail_of(&scene, 8192, end);
    put_tail(&scene, first.from, first.to);
    put_tail(&scene, later.from, later.to);
    Store *const store = scene.repo->store;
    AUTO(buf_done) Buf plain = {0};
    ASSERT_OK(wal_tail_read(&plain, store, &generation.root, &later));
    assert_true(span_equal(buf_span(&plain), span_cut(buf_span(&scene.wal.bytes), 8192, SIZE_MAX)));
    WalFacts facts;
    ASSERT_OK(wal_tail_facts(&facts, store, &generation.root, &later));
    assert_int_equal(facts.plain_bytes, end - 8192);
    assert_int_equal(facts.system_id.id, FAKE_WAL_SYSTEM_ID);
    WalSummary summary;
    bool has_summary = true;
    ASSERT_OK(wal_tail_summary(&summary, &has_summary, store, &generation.root, &later));
    assert_false(has_summary);
    ASSERT_OK(wal_tail_summary(&summary, &has_summary, store, &generation.root, &first));
    assert_true(has_summary);
    assert_int_equal(summary.records, 30);
    assert_int_equal(summary.progress.next.at, scene.wal.start.at + end);
    wal_summary_done(&summary);
}

static void test_wal_cover__reaches_as_far_as_tails_join(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    assert_covers(&scene, 0, 0);
    put_tail(&scene, 0, 4000);
    assert_covers(&scene, 1, 4000);
    put_tail(&scene, 8008, 12000); /* behind a hole */
    assert_covers(&scene, 1, 4000);
    put_tail(&scene, 4000, 6000);
    assert_covers(&scene, 2, 6000);
    put_tail(&scene, 3000, 8008); /* makes the one before needless, and closes the hole */
    assert_covers(&scene, 3, 12000);
    put_tail(&scene, 0, 20000);
    assert_covers(&scene, 1, 20000);
}

static void test_wal_cover__asks_only_for_its_segment(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    scene.name = wal_name_next(scene.name);
    put_tail(&scene, 0, 4000);
    scene.name = wal_name_prev(scene.name);
    assert_covers(&scene, 0, 0);
}

/* Both are sound objects; which of them is right nobody knows. */
static void test_wal_cover_read__refuses_tails_that_differ(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    put_tail(&scene, 0, 4000);
    scene.wal.bytes.data[3500] ^= 1;
    put_tail(&scene, 3000, 8000);
    const WalCover cover = look(&scene);
    assert_int_equal(cover.bytes, 8000);
    AUTO(buf_done) Buf plain = {0};
    ASSERT_ERR_TEXT(CORRUPT, "other bytes",
                    wal_cover_read(&plain, scene.repo->store, &generation.root, &cover));
    assert_int_equal(plain.len, 0);
}

typedef struct Pair {
    Store *a, *b; /* the faulty stores */
    RepoSet *set;
    Repo *mirror;
} Pair;

static void pair_done(Pair *pair)
{
    repo_free(&pair->mirror);
    repo_set_free(&pair->set);
}

static Repo *faulty_repo(Store **faulty, const char *name)
{
    Repo *repo = NULL;
    *faulty = faulty_store_new(mem_store_new());
    ASSERT_OK(repo_init_store(&repo, name, *faulty));
    return repo;
}

static void test_wal_object_and_tail_read__take_the_good_copy_of_a_mirror(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    AUTO(pair_done) Pair pair = {0};
    Repo *const a = faulty_repo(&pair.a, "a"), *const b = faulty_repo(&pair.b, "b");
    pair.set = repo_set_of((Repo *[]){a, b}, 2);
    pair.mirror = repo_mirror(pair.set);
    const WalTail tail = tail_of(&scene, 0, 8000);
    while (scene.wal.bytes.len < FAKE_WAL_SEGMENT)
        buf_add_u8(&scene.wal.bytes, 0);
    const Span segment = buf_span(&scene.wal.bytes);
    for (size_t is_tail = 0; is_tail < 2; is_tail++) {
        const WalObjectSpec spec = {.generation = &generation,
                                    .name = scene.name,
                                    .tail = is_tail ? &tail : NULL,
                                    .codec = CODEC_LZ4,
                                    .level = 1};
        const Key key =
            is_tail ? key_wal_tail(&generation.root, &tail) : key_wal(&generation.root, scene.name);
        const Span plain = is_tail ? span_cut(segment, 0, tail.to) : segment;
        AUTO(buf_done) Buf object = {0}, got = {0};
        AUTO(err_free) Err *index_fault = NULL;
        ASSERT_OK(wal_object_encode(&object, &index_fault, &spec, plain));
        ASSERT_OK(store_put_all(pair.a, key.text, buf_span(&object)));
        ASSERT_OK(store_put_all(pair.b, key.text, buf_span(&object)));
        faulty_plan(pair.a, (FaultyPlan){.damage_key = key.text, .damage = FAULTY_FLIP, .damage_at = 300});
        ASSERT_OK(is_tail ? wal_tail_read(&got, pair.mirror->store, &generation.root, &tail)
                          : wal_object_read(&got, pair.mirror->store, &generation.root, scene.name));
        assert_true(span_equal(buf_span(&got), plain));
        AUTO(err_free) Err *fault = mirror_fault_take(pair.mirror->store);
        assert_true(err_is(fault, ERR_CORRUPT));
    }
}

static void test_wal_cover_read__never_leaves_out_a_damaged_tail(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    put_tail(&scene, 0, 4000);
    const WalTail tail = tail_of(&scene, 0, 8000);
    ASSERT_OK(store_put_all(scene.repo->store, key_wal_tail(&generation.root, &tail).text, span_of("x", 1)));
    const WalCover cover = look(&scene);
    AUTO(buf_done) Buf plain = {0};
    ASSERT_ERR(CORRUPT, wal_cover_read(&plain, scene.repo->store, &generation.root, &cover));
}

static void test_wal_object_encode__refuses_a_tail_of_another_size(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    const WalTail tail = tail_of(&scene, 0, 4000);
    const WalObjectSpec spec = {.generation = &generation, .name = scene.name, .tail = &tail};
    AUTO(buf_done) Buf object = {0};
    AUTO(err_free) Err *index_fault = NULL;
    ASSERT_ERR(CORRUPT, wal_object_encode(&object, &index_fault, &spec,
                                          span_cut(buf_span(&scene.wal.bytes), 0, 3999)));
}

UNIT_MAIN(cmocka_unit_test(test_wal_tail__gives_back_its_bytes_facts_and_records),
          cmocka_unit_test(test_wal_cover__reaches_as_far_as_tails_join),
          cmocka_unit_test(test_wal_cover__asks_only_for_its_segment),
          cmocka_unit_test(test_wal_cover_read__refuses_tails_that_differ),
          cmocka_unit_test(test_wal_object_and_tail_read__take_the_good_copy_of_a_mirror),
          cmocka_unit_test(test_wal_cover_read__never_leaves_out_a_damaged_tail),
          cmocka_unit_test(test_wal_object_encode__refuses_a_tail_of_another_size))
