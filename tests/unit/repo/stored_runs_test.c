/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/limits.h"
#include "base/text.h"
#include "repo/pack.h"
#include "repo/stored_runs.h"
#include "store/faulty.h"
#include "store/mem.h"

#include <string.h>

static const KeyRoot root = {"main", 1};
static const BackupLabel early = {"20261121-070000I"}, late = {"20261121-083000I"};

typedef struct Writing {
    BackupLabel label;
    Counter begun;
    PackWriter *packs;
} Writing;

static void writing_begin(Writing *writing, Store **store, BackupLabel label)
{
    *writing = (Writing){.label = label};
    const PackWriterSpec spec = {
        .stores = store, .store_count = 1, .root = &root, .label = label, .packs_begun = &writing->begun};
    ASSERT_OK(pack_writer_new(&writing->packs, &spec));
}

static PackPlace run_add(Writing *writing, const char *path, uint32_t block, uint32_t count)
{
    static uint8_t pages[8 * PAGE_BYTES];
    memset(pages, (int)block + 1, sizeof pages);
    const PackRun run = {.path = path,
                         .file_offset = (uint64_t)block * PAGE_BYTES,
                         .file_bytes = 100 * PAGE_BYTES,
                         .is_damaged = block == 66};
    PackPlace place;
    ASSERT_OK(pack_add(&place, writing->packs, &run, span_of(pages, count * PAGE_BYTES)));
    return place;
}

static void assert_run(const StoredRuns *runs, const StoredRun *run, uint32_t block, uint32_t pack,
                       BackupLabel label)
{
    const Extent extent = stored_run_extent(runs, run, block, 1);
    assert_int_equal(run->first_block, block);
    assert_int_equal(extent.first_block, block);
    assert_int_equal(extent.count, 1);
    assert_int_equal(extent.pack, pack);
    assert_int_equal(extent.offset, run->offset);
    assert_string_equal(extent.label.text, label.text);
    assert_int_equal(run->file_bytes, 100 * PAGE_BYTES);
    assert_int_equal(run->is_damaged, block == 66);
}

static void add_label(StoredRuns *runs, Store *store, BackupLabel label)
{
    ASSERT_OK(stored_runs_add(runs, &(StoredSource){.store = store, .root = &root, .label = label}));
}

static void test_stored_runs__are_found_by_path(void **state)
{
    (void)state;
    AUTO(store_free) Store *store = mem_store_new();
    Writing first, second;
    writing_begin(&first, &store, early);
    run_add(&first, "base/5/1", 70, 2);
    run_add(&first, "base/5/2", 5, 1);
    run_add(&first, "base/5/1", 66, 1);
    run_add(&first, "", 0, 1); /* a leaf of a manifest */
    ASSERT_OK(pack_finish(first.packs));
    const PackPlace third = run_add(&first, "base/5/1", 3, 4);
    assert_int_equal(third.pack, 2);
    ASSERT_OK(pack_finish(first.packs));
    writing_begin(&second, &store, late);
    run_add(&second, "base/5/1", 70, 1);
    ASSERT_OK(pack_finish(second.packs));
    run_add(&second, "", 0, 1);
    ASSERT_OK(pack_finish(second.packs));

    AUTO(stored_runs_free) StoredRuns *runs = NULL;
    ASSERT_OK(stored_runs_new(&runs));
    add_label(runs, store, early);
    add_label(runs, store, late);
    stored_runs_sort(runs);
    assert_int_equal(stored_runs_count(runs), 5);
    size_t count;
    const StoredRun *found = stored_runs_find(&count, runs, "base/5/1");
    assert_int_equal(count, 4);
    assert_run(runs, &found[0], 3, 2, early);
    assert_run(runs, &found[1], 66, 1, early);
    assert_run(runs, &found[2], 70, 1, late);
    assert_run(runs, &found[3], 70, 1, early);
    const Extent inside = stored_run_extent(runs, &found[0], 5, 2);
    assert_int_equal(inside.offset, found[0].offset + 2 * PAGE_BYTES);
    assert_int_equal(inside.count, 2);
    (void)stored_runs_find(&count, runs, "base/5/2");
    assert_int_equal(count, 1);
    (void)stored_runs_find(&count, runs, "base/5/");
    assert_int_equal(count, 0);

    const PackUse *const packs = stored_runs_packs(&count, runs);
    assert_int_equal(count, 3); /* not the one that holds no file */
    size_t own;
    const PackWritten *const written = pack_writer_packs(first.packs, &own);
    for (size_t i = 0; i < own; i++) {
        assert_string_equal(packs[i].label.text, early.text);
        assert_int_equal(packs[i].pack, written[i].pack);
        assert_int_equal(packs[i].stored_bytes, written[i].summary.stored_bytes);
        assert_int_equal(packs[i].plain_bytes, written[i].summary.plain_bytes);
        assert_true(sha256_equal(&packs[i].sha256, &written[i].summary.sha256));
    }
    pack_writer_free(&first.packs);
    pack_writer_free(&second.packs);
}

static void fault_keep(void *arg, Err *fault)
{
    Err **const kept = arg;
    assert_null(*kept);
    *kept = fault;
}

static void test_stored_runs__pass_over_a_damaged_pack(void **state)
{
    (void)state;
    AUTO(store_free) Store *store = mem_store_new();
    Writing writing;
    writing_begin(&writing, &store, early);
    for (uint32_t i = 0; i < 3; i++) {
        run_add(&writing, "base/5/1", 10 * i, 1);
        ASSERT_OK(pack_finish(writing.packs));
    }
    const Key key = key_pack(&root, early, 2);
    ASSERT_OK(store_remove(store, key.text));
    ASSERT_OK(store_put_all(store, key.text, span_of("short", 5)));
    AUTO(err_free) Err *fault = NULL;
    AUTO(stored_runs_free) StoredRuns *runs = NULL;
    ASSERT_OK(stored_runs_new(&runs));
    const StoredSource source = {
        .store = store, .root = &root, .label = early, .on_fault = fault_keep, .fault_arg = &fault};
    ASSERT_OK(stored_runs_add(runs, &source));
    stored_runs_sort(runs);
    size_t count;
    (void)stored_runs_find(&count, runs, "base/5/1");
    assert_int_equal(count, 2);
    assert_non_null(fault);
    assert_non_null(strstr(err_text(fault), key.text));
    pack_writer_free(&writing.packs);
}

static void test_stored_runs__pass_on_a_store_that_is_away(void **state)
{
    (void)state;
    AUTO(store_free) Store *store = faulty_store_new(mem_store_new());
    Writing writing;
    writing_begin(&writing, &store, early);
    run_add(&writing, "base/5/1", 0, 1);
    ASSERT_OK(pack_finish(writing.packs));
    pack_writer_free(&writing.packs);
    uint64_t nth = 0;
    for (bool is_hit = true; is_hit;) {
        AUTO(stored_runs_free) StoredRuns *runs = NULL;
        ASSERT_OK(stored_runs_new(&runs));
        faulty_plan(store, (FaultyPlan){.nth = ++nth, .fault_class = ERR_AWAY});
        AUTO(err_free)
        Err *err = stored_runs_add(runs, &(StoredSource){.store = store, .root = &root, .label = early});
        is_hit = faulty_hit(store);
        assert_true(is_hit ? err_is(err, ERR_AWAY) : !err);
    }
    assert_true(nth > 2);
}

static void test_stored_runs__are_in_every_repository(void **state)
{
    (void)state;
    AUTO(store_free) Store *store = mem_store_new();
    AUTO(store_free) Store *other = mem_store_new();
    Writing writing;
    writing_begin(&writing, &store, early);
    for (uint32_t i = 0; i < 3; i++) {
        run_add(&writing, "base/5/1", i, 1);
        ASSERT_OK(pack_finish(writing.packs));
    }
    pack_writer_free(&writing.packs);
    AUTO(buf_done) Buf third = {0};
    ASSERT_OK(store_get_all(&third, store, key_pack(&root, early, 3).text, RANGE_ALL, 1 << 20));
    ASSERT_OK(store_put_all(other, key_pack(&root, early, 3).text, buf_span(&third)));
    ASSERT_OK(store_put_all(other, key_pack(&root, early, 1).text, span_of("short", 5)));
    AUTO(stored_runs_free) StoredRuns *runs = NULL;
    ASSERT_OK(stored_runs_new(&runs));
    Store *const members[] = {store, other};
    const StoredSource source = {
        .store = store, .members = members, .member_count = 2, .root = &root, .label = early};
    ASSERT_OK(stored_runs_add(runs, &source));
    stored_runs_sort(runs);
    size_t count;
    const StoredRun *const found = stored_runs_find(&count, runs, "base/5/1");
    assert_int_equal(count, 1);
    assert_run(runs, &found[0], 2, 3, early);
}

static void test_stored_runs__may_be_none(void **state)
{
    (void)state;
    AUTO(store_free) Store *store = mem_store_new();
    AUTO(stored_runs_free) StoredRuns *runs = NULL;
    ASSERT_OK(stored_runs_new(&runs));
    add_label(runs, store, early);
    stored_runs_sort(runs);
    size_t count = 1;
    (void)stored_runs_find(&count, runs, "base/5/1");
    assert_int_equal(count, 0);
}

UNIT_MAIN(cmocka_unit_test(test_stored_runs__are_found_by_path),
          cmocka_unit_test(test_stored_runs__pass_over_a_damaged_pack),
          cmocka_unit_test(test_stored_runs__pass_on_a_store_that_is_away),
          cmocka_unit_test(test_stored_runs__are_in_every_repository),
          cmocka_unit_test(test_stored_runs__may_be_none))
