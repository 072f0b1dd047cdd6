/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/cache_limits.h"
#include "base/limits.h"
#include "flow/pool.h"
#include "repo/pack.h"
#include "repo/page_hashes.h"
#include "store/mem.h"

#include <stdio.h>
#include <string.h>

enum { PACKS = 2 * PAGE_HASHES_PACKS_MAX, BLOCKS = 3 };

static const KeyRoot root = {"main", 1};
static const BackupLabel label = {"20261121-083000F"};

static Span pages_make(uint8_t *pages, uint32_t pack)
{
    for (size_t i = 0; i < BLOCKS * PAGE_BYTES; i++)
        pages[i] = (uint8_t)(i * 7 + i / PAGE_BYTES + pack + 1);
    return span_of(pages, BLOCKS * PAGE_BYTES);
}

/* A store with packs of three pages each. */
static Store *store_make(uint32_t packs)
{
    Store *store = mem_store_new();
    Counter begun = {0};
    const PackWriterSpec spec = {
        .stores = &store, .store_count = 1, .root = &root, .label = label, .packs_begun = &begun};
    AUTO(pack_writer_free) PackWriter *writer = NULL;
    ASSERT_OK(pack_writer_new(&writer, &spec));
    for (uint32_t i = 1; i <= packs; i++) {
        uint8_t pages[BLOCKS * PAGE_BYTES];
        PackPlace place;
        const PackRun run = {.path = "base/5/1", .file_bytes = sizeof pages};
        ASSERT_OK(pack_add(&place, writer, &run, pages_make(pages, i)));
        ASSERT_OK(pack_finish(writer));
        assert_int_equal(place.pack, i);
    }
    return store;
}

static Err *pack_look(PageHashes *hashes, uint32_t pack)
{
    uint8_t pages[BLOCKS * PAGE_BYTES];
    pages_make(pages, pack);
    const Extent extent = {.first_block = 40, .count = 2, .label = label, .pack = pack, .offset = PAGE_BYTES};
    uint64_t out[2], seed;
    TRY(page_hashes_get(out, &seed, hashes, &extent));
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(out[i], hash64_of(span_of(pages + (i + 1) * PAGE_BYTES, PAGE_BYTES), seed));
    return NULL;
}

static void test_page_hashes__come_from_the_pack_of_the_extent(void **state)
{
    (void)state;
    AUTO(store_free) Store *store = store_make(PACKS);
    AUTO(page_hashes_free) PageHashes *hashes = page_hashes_new(store, &root);
    for (int round = 0; round < 2; round++) {
        for (uint32_t pack = 1; pack <= PACKS; pack++)
            ASSERT_OK(pack_look(hashes, pack));
    }
}

static void test_page_hashes__are_remembered(void **state)
{
    (void)state;
    AUTO(store_free) Store *store = store_make(PAGE_HASHES_PACKS_MAX + 1);
    AUTO(page_hashes_free) PageHashes *hashes = page_hashes_new(store, &root);
    for (uint32_t pack = 1; pack <= PAGE_HASHES_PACKS_MAX; pack++)
        ASSERT_OK(pack_look(hashes, pack));
    ASSERT_OK(pack_look(hashes, 1)); /* now 2 was asked for longest */
    ASSERT_OK(pack_look(hashes, PAGE_HASHES_PACKS_MAX + 1));
    for (uint32_t pack = 1; pack <= PAGE_HASHES_PACKS_MAX + 1; pack++)
        ASSERT_OK(store_remove(store, key_pack(&root, label, pack).text));
    ASSERT_ERR(NOT_FOUND, pack_look(hashes, 2));
    ASSERT_OK(pack_look(hashes, 1));
    ASSERT_OK(pack_look(hashes, 3));
    ASSERT_OK(pack_look(hashes, PAGE_HASHES_PACKS_MAX + 1));
}

static void test_page_hashes__name_the_pack_that_is_missing_or_damaged(void **state)
{
    (void)state;
    AUTO(store_free) Store *store = store_make(2);
    AUTO(page_hashes_free) PageHashes *hashes = page_hashes_new(store, &root);
    ASSERT_ERR_TEXT(NOT_FOUND, "main/g1/backup/20261121-083000F/pack-000003", pack_look(hashes, 3));

    AUTO(buf_done) Buf bytes = {0};
    const Key key = key_pack(&root, label, 2);
    ASSERT_OK(store_get_all(&bytes, store, key.text, RANGE_ALL, 1 << 20));
    bytes.data[bytes.len - 120] ^= 1; /* in the index */
    ASSERT_OK(store_remove(store, key.text));
    ASSERT_OK(store_put_all(store, key.text, buf_span(&bytes)));
    ASSERT_ERR_TEXT(CORRUPT, "main/g1/backup/20261121-083000F/pack-000002", pack_look(hashes, 2));

    uint64_t out[4], seed = 5;
    const Extent far = {.count = 4, .label = label, .pack = 1};
    ASSERT_ERR_TEXT(CORRUPT, "main/g1/backup/20261121-083000F/pack-000001",
                    page_hashes_get(out, &seed, hashes, &far));
    assert_int_equal(seed, 5);
    ASSERT_OK(pack_look(hashes, 1));
}

/* Many workers, more packs than are kept. */

static Err *units_produce(void *arg, Pool *pool)
{
    (void)arg;
    for (uint32_t i = 0; i < 4 * PACKS; i++) {
        uint32_t *const unit = mem_new(sizeof *unit);
        *unit = 1 + i * 5 % PACKS;
        TRY(pool_push(pool, unit));
    }
    return NULL;
}

static Err *unit_work(void *arg, Pool *pool, void *state, void *unit)
{
    (void)pool;
    (void)state;
    return pack_look(arg, *(uint32_t *)unit);
}

static void unit_free(void *unit)
{
    mem_free(&unit);
}

static void test_page_hashes__serve_many_threads(void **state)
{
    (void)state;
    AUTO(store_free) Store *store = store_make(PACKS);
    AUTO(page_hashes_free) PageHashes *hashes = page_hashes_new(store, &root);
    ASSERT_OK(pool_run(&(PoolSpec){
        .workers = 8, .arg = hashes, .produce = units_produce, .work = unit_work, .unit_free = unit_free}));
}

UNIT_MAIN(cmocka_unit_test(test_page_hashes__come_from_the_pack_of_the_extent),
          cmocka_unit_test(test_page_hashes__are_remembered),
          cmocka_unit_test(test_page_hashes__name_the_pack_that_is_missing_or_damaged),
          cmocka_unit_test(test_page_hashes__serve_many_threads))
