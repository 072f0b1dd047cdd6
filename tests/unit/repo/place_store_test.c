/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/limits.h"
#include "repo/place_store.h"
#include "store/mem.h"

#include <stdio.h>

static const KeyRoot root = {"main", 1};
static const BackupLabel label = {"20261121-083000F"};

typedef struct Bench {
    Store *store;
    Counter packs_begun;
    PackWriter *packs;
    PlaceReader *reader;
} Bench;

static void bench_begin(Bench *bench)
{
    *bench = (Bench){.store = mem_store_new()};
    const PackWriterSpec spec = {.stores = &bench->store,
                                 .store_count = 1,
                                 .root = &root,
                                 .label = label,
                                 .packs_begun = &bench->packs_begun,
                                 .codec = CODEC_NONE};
    ASSERT_OK(pack_writer_new(&bench->packs, &spec));
    bench->reader = place_reader_new(bench->store, &root);
}

static void bench_end(Bench *bench)
{
    place_reader_free(&bench->reader);
    pack_writer_free(&bench->packs);
    store_free(&bench->store);
}

/* Bytes that are not zero, other ones for each `seed`. */
static void fill(Buf *out, size_t size, uint8_t seed)
{
    uint8_t *const to = buf_reserve(out, size);
    for (size_t i = 0; i < size; i++)
        to[i] = (uint8_t)(1 + (i / 251 + i + seed) % 255);
    buf_grown(out, size);
}

static void assert_gets(Bench *bench, const PlainPlace *place, Span bytes)
{
    AUTO(buf_done) Buf out = {0};
    ASSERT_OK(place_get(&out, bench->reader, place));
    assert_true(span_equal(buf_span(&out), bytes));
}

static void test_place_put__is_got_back_from_many_packs(void **state)
{
    (void)state;
    enum { PLACES = 12 };
    Bench bench;
    bench_begin(&bench);
    PlainPlace places[PLACES];
    for (uint8_t i = 0; i < PLACES; i++) {
        AUTO(buf_done) Buf bytes = {0};
        fill(&bytes, 100 + i, i);
        ASSERT_OK(place_put(&places[i], bench.packs, label, buf_span(&bytes)));
        ASSERT_OK(pack_finish(bench.packs));
        assert_int_equal(places[i].pack, i + 1);
    }
    for (int round = 0; round < 2; round++) {
        for (uint8_t i = 0; i < PLACES; i++) {
            AUTO(buf_done) Buf bytes = {0};
            fill(&bytes, 100 + i, i);
            assert_gets(&bench, &places[i], buf_span(&bytes));
        }
    }
    bench_end(&bench);
}

static void test_place_put__keeps_many_frames_in_one_pack(void **state)
{
    (void)state;
    Bench bench;
    bench_begin(&bench);
    AUTO(buf_done) Buf page = {0};
    AUTO(buf_done) Buf bytes = {0};
    fill(&page, FRAME_PLAIN_MAX, 1);
    fill(&bytes, 3 * FRAME_PLAIN_MAX + 77, 2);
    const PackRun run = {.path = "base/5/1", .file_bytes = FRAME_PLAIN_MAX};
    PackPlace place;
    /* Leaves room for one more frame in the first pack. */
    for (size_t at = 0; at < PACK_STORED_TARGET / FRAME_PLAIN_MAX - 1; at++)
        ASSERT_OK(pack_add(&place, bench.packs, &run, buf_span(&page)));
    assert_int_equal(place.pack, 1);
    PlainPlace whole;
    ASSERT_OK(place_put(&whole, bench.packs, label, buf_span(&bytes)));
    ASSERT_OK(pack_finish(bench.packs));
    assert_true(whole.pack > 1);
    assert_int_equal(whole.size_bytes, bytes.len);
    assert_gets(&bench, &whole, buf_span(&bytes));
    bench_end(&bench);
}

static void test_place_put__takes_no_room_for_no_bytes(void **state)
{
    (void)state;
    Bench bench;
    bench_begin(&bench);
    PlainPlace place;
    ASSERT_OK(place_put(&place, bench.packs, label, span_of(NULL, 0)));
    assert_int_equal(place.pack, 1);
    assert_int_equal(place.size_bytes, 0);
    assert_gets(&bench, &place, span_of(NULL, 0));
    place.hash.bytes[0] ^= 1;
    AUTO(buf_done) Buf out = {0};
    ASSERT_ERR(CORRUPT, place_get(&out, bench.reader, &place));
    bench_end(&bench);
}

static void test_place_get_range__reads_any_part_of_a_pack(void **state)
{
    (void)state;
    Bench bench;
    bench_begin(&bench);
    PlainPlace place;
    ASSERT_OK(place_put(&place, bench.packs, label, span_of("abcdef", 6)));
    ASSERT_OK(pack_finish(bench.packs));
    AUTO(buf_done) Buf out = {0};
    buf_add_text(&out, "x");
    PackRange range = {.label = label, .pack = place.pack, .offset = place.offset + 2, .size_bytes = 3};
    ASSERT_OK(place_get_range(&out, bench.reader, &range));
    assert_string_equal(buf_text(&out), "xcde");
    range.size_bytes = 5;
    ASSERT_ERR(CORRUPT, place_get_range(&out, bench.reader, &range));
    range.pack++;
    ASSERT_ERR(CORRUPT, place_get_range(&out, bench.reader, &range));
    assert_string_equal(buf_text(&out), "xcde");
    bench_end(&bench);
}

static void test_place_get__leaves_the_buffer_alone_on_failure(void **state)
{
    (void)state;
    Bench bench;
    bench_begin(&bench);
    PlainPlace place;
    ASSERT_OK(place_put(&place, bench.packs, label, span_of("abcdef", 6)));
    AUTO(buf_done) Buf out = {0};
    buf_add_text(&out, "x");
    ASSERT_ERR(CORRUPT, place_get(&out, bench.reader, &place));
    ASSERT_OK(pack_finish(bench.packs));
    PlainPlace other = place;
    other.size_bytes = 7;
    ASSERT_ERR(CORRUPT, place_get(&out, bench.reader, &other));
    other = place;
    other.hash.bytes[0] ^= 1;
    ASSERT_ERR_TEXT(CORRUPT, "20261121-083000F/pack-000001 at 0", place_get(&out, bench.reader, &other));
    assert_string_equal(buf_text(&out), "x");
    ASSERT_OK(place_get(&out, bench.reader, &place));
    assert_string_equal(buf_text(&out), "xabcdef");
    bench_end(&bench);
}

static void test_place_leaves__carry_a_manifest(void **state)
{
    (void)state;
    enum { FILES = 4000 };
    Bench bench;
    bench_begin(&bench);
    PlaceWriter places = {.packs = bench.packs, .label = label};
    AUTO(manifest_writer_free) ManifestWriter *writer = manifest_writer_new(place_leaf_out(&places));
    for (unsigned i = 0; i < FILES; i++) {
        char path[32];
        snprintf(path, sizeof path, "base/5/%06u", i);
        ASSERT_OK(manifest_add(writer, &(ManifestEntry){.path = path, .mode = 0600, .modified = {0}}));
    }
    PlainPlace manifest;
    ASSERT_OK(manifest_finish(&manifest, writer));
    ASSERT_OK(pack_finish(bench.packs));

    AUTO(manifest_close) ManifestReader *reader = NULL;
    ASSERT_OK(manifest_open(&reader, place_leaf_in(bench.reader), &manifest));
    assert_true(manifest_leaf_count(reader) > 1);
    ManifestEntry entry;
    unsigned seen = 0;
    for (bool is_end = false; !is_end; seen++)
        ASSERT_OK(manifest_next(&entry, &is_end, reader));
    assert_int_equal(seen, FILES + 1);
    bench_end(&bench);
}

UNIT_MAIN(cmocka_unit_test(test_place_put__is_got_back_from_many_packs),
          cmocka_unit_test(test_place_put__keeps_many_frames_in_one_pack),
          cmocka_unit_test(test_place_put__takes_no_room_for_no_bytes),
          cmocka_unit_test(test_place_get_range__reads_any_part_of_a_pack),
          cmocka_unit_test(test_place_get__leaves_the_buffer_alone_on_failure),
          cmocka_unit_test(test_place_leaves__carry_a_manifest))
