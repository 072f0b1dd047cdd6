/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* What an interrupted backup saves the next one, file by file. */
#include "unit.h"

#include "backup/backup_resume.h"
#include "base/limits.h"
#include "base/text.h"
#include "store/mem.h"

#include <string.h>

enum { SEGMENT_BLOCKS = 1000 };

static const PgVersion version = {.major = 15, .catalog_version = 202209061};
static const RelFile relation = {{TABLESPACE_DEFAULT}, {5}, {16384}};
static const KeyRoot root = {"main", 1};
static const BackupLabel broken_off = {"20261121-070000I"}, parent = {"20261120-000000F"};

static const char first_segment[] = "base/5/16384", second_segment[] = "base/5/16384.1";

/* What was stored, what changed since, and what comes of it. */
typedef struct Unit {
    Arena *arena;
    Store *store;
    Counter begun;
    PackWriter *packs;
    StoredRuns *runs;
    WalChanges *changes;
    FilePlan plan;
    ManifestEntry base;
    const ManifestEntry *result;
} Unit;

static void unit_begin(Unit *unit)
{
    *unit = (Unit){.arena = arena_new(), .store = mem_store_new(), .changes = wal_changes_new()};
    const PackWriterSpec spec = {.stores = &unit->store,
                                 .store_count = 1,
                                 .root = &root,
                                 .label = broken_off,
                                 .packs_begun = &unit->begun};
    ASSERT_OK(pack_writer_new(&unit->packs, &spec));
    ASSERT_OK(stored_runs_new(&unit->runs));
}

static void unit_end(Unit *unit)
{
    pack_writer_free(&unit->packs);
    stored_runs_free(&unit->runs);
    wal_changes_free(&unit->changes);
    store_free(&unit->store);
    arena_free(&unit->arena);
}

static void stored(Unit *unit, const char *path, uint32_t block, uint32_t count, bool is_damaged)
{
    static uint8_t pages[8 * PAGE_BYTES];
    memset(pages, 1, sizeof pages);
    const PackRun run = {.path = path, .file_offset = (uint64_t)block * PAGE_BYTES, .is_damaged = is_damaged};
    PackPlace place;
    ASSERT_OK(pack_add(&place, unit->packs, &run, span_of(pages, count * PAGE_BYTES)));
}

static void stored_done(Unit *unit)
{
    ASSERT_OK(pack_finish(unit->packs));
    ASSERT_OK(stored_runs_add(unit->runs,
                              &(StoredSource){.store = unit->store, .root = &root, .label = broken_off}));
    stored_runs_sort(unit->runs);
}

/* Blocks 0 to 3, 5, 6 of the first segment, 6 damaged; 10 of the second. */
static void some_stored(Unit *unit)
{
    stored(unit, first_segment, 0, 4, false);
    stored(unit, first_segment, 5, 1, false);
    stored(unit, first_segment, 6, 1, true);
    stored(unit, second_segment, 10, 1, false);
    stored(unit, "base/5/16384_vm", 0, 2, false);
    stored(unit, "postgresql.conf", 0, 1, false);
    stored_done(unit);
}

static void plan(Unit *unit, const char *path, FilePlan before, const ManifestEntry *base, uint32_t blocks)
{
    const PlanInput input = {.path = pgdata_path_classify(path, &version),
                             .size_bytes = (uint64_t)blocks * PAGE_BYTES,
                             .segment_blocks = SEGMENT_BLOCKS};
    ResumeFile file = {.path = path, .input = &input, .plan = &unit->plan, .base = base};
    unit->plan = before;
    resume_plan(&file, unit->runs, unit->changes, unit->arena);
    unit->result = file.base;
}

/* Reads exactly these runs: pairs of first block and count. */
static void assert_reads(const Unit *unit, const uint32_t *pairs, size_t count)
{
    uint64_t bytes = 0;
    assert_int_equal(unit->plan.kind, PLAN_BLOCKS);
    assert_int_equal(unit->plan.read_count, count / 2);
    for (size_t i = 0; i < count / 2; i++) {
        assert_int_equal(unit->plan.reads[i].first, pairs[2 * i]);
        assert_int_equal(unit->plan.reads[i].count, pairs[2 * i + 1]);
        bytes += (uint64_t)pairs[2 * i + 1] * PAGE_BYTES;
    }
    assert_int_equal(unit->plan.read_bytes, bytes);
}

#define ASSERT_READS(unit, ...)                                                                              \
    assert_reads(unit, (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4)

/* Extent `at` of the base. */
static void assert_taken(const Unit *unit, size_t at, uint32_t first, uint32_t count, BackupLabel label)
{
    assert_true(unit->result && at < unit->result->extent_count);
    const Extent *const extent = &unit->result->extents[at];
    assert_int_equal(extent->first_block, first);
    assert_int_equal(extent->count, count);
    assert_string_equal(extent->label.text, label.text);
}

static const FilePlan whole = {.kind = PLAN_WHOLE};

static void test_resume_plan__takes_what_no_wal_has_touched(void **state)
{
    (void)state;
    Unit unit;
    unit_begin(&unit);
    some_stored(&unit);
    plan(&unit, first_segment, whole, NULL, 8);
    ASSERT_READS(&unit, 4, 1, 6, 2); /* never stored; damaged, and behind */
    assert_int_equal(unit.result->extent_count, 2);
    assert_taken(&unit, 0, 0, 4, broken_off);
    assert_taken(&unit, 1, 5, 1, broken_off);
    assert_int_equal(unit.result->extents[1].offset, 4 * PAGE_BYTES);
    plan(&unit, first_segment, whole, NULL, 2); /* it was cut since, without a trace in the map */
    assert_int_equal(unit.plan.read_count, 0);
    assert_taken(&unit, 0, 0, 2, broken_off);
    plan(&unit, "base/5/16385", whole, NULL, 8);
    assert_int_equal(unit.plan.kind, PLAN_WHOLE);
    assert_null(unit.result);
    unit_end(&unit);
}

static void test_resume_plan__reads_what_has_changed_since(void **state)
{
    (void)state;
    Unit unit;
    unit_begin(&unit);
    some_stored(&unit);
    wal_changes_mark(unit.changes, relation, (NumberRun){1, 2});
    wal_changes_mark(unit.changes, relation, (NumberRun){SEGMENT_BLOCKS + 10, 1});
    plan(&unit, first_segment, whole, NULL, 7);
    ASSERT_READS(&unit, 1, 2, 4, 1, 6, 1);
    assert_taken(&unit, 0, 0, 1, broken_off);
    assert_taken(&unit, 1, 3, 1, broken_off);
    assert_int_equal(unit.result->extents[1].offset, 3 * PAGE_BYTES);
    assert_taken(&unit, 2, 5, 1, broken_off);
    plan(&unit, second_segment, whole, NULL, 20);
    assert_int_equal(unit.plan.kind, PLAN_COMPARE); /* nothing is certain; the hash may still be the same */
    unit_end(&unit);
}

static void test_resume_plan__trusts_nothing_behind_a_cut(void **state)
{
    (void)state;
    Unit unit;
    unit_begin(&unit);
    some_stored(&unit);
    wal_changes_limit(unit.changes, relation, 2);
    plan(&unit, first_segment, whole, NULL, 7);
    ASSERT_READS(&unit, 2, 5);
    plan(&unit, second_segment, whole, NULL, 20);
    assert_int_equal(unit.plan.kind, PLAN_COMPARE);
    wal_changes_limit(unit.changes, relation, 0);
    plan(&unit, first_segment, whole, NULL, 7);
    assert_int_equal(unit.plan.kind, PLAN_COMPARE);
    unit_end(&unit);
}

static void test_resume_plan__compares_in_a_database_that_was_made_or_dropped(void **state)
{
    (void)state;
    Unit unit;
    unit_begin(&unit);
    some_stored(&unit);
    wal_changes_database(unit.changes, (WalDatabase){relation.tablespace, relation.database});
    plan(&unit, first_segment, whole, NULL, 7);
    assert_int_equal(unit.plan.kind, PLAN_COMPARE);
    assert_taken(&unit, 0, 0, 4, broken_off);
    unit_end(&unit);
}

static void test_resume_plan__shortens_what_the_parent_leaves_to_read(void **state)
{
    (void)state;
    Unit unit;
    unit_begin(&unit);
    some_stored(&unit);
    const Extent old = {0, 8, parent, 1, 0};
    const ManifestEntry base = {
        .path = first_segment, .size_bytes = 8 * PAGE_BYTES, .extents = &old, .extent_count = 1};
    NumberRun reads[] = {{1, 1}, {3, 2}, {7, 1}};
    plan(&unit, first_segment, (FilePlan){.kind = PLAN_BLOCKS, .reads = reads, .read_count = 3}, &base, 8);
    ASSERT_READS(&unit, 4, 1, 7, 1);
    assert_int_equal(unit.result->extent_count, 5);
    assert_taken(&unit, 0, 0, 1, parent);
    assert_taken(&unit, 1, 1, 1, broken_off);
    assert_taken(&unit, 2, 2, 1, parent);
    assert_taken(&unit, 3, 3, 1, broken_off);
    assert_taken(&unit, 4, 4, 4, parent); /* 4 and 7 are read all the same */
    plan(&unit, first_segment, (FilePlan){.kind = PLAN_BLOCKS}, &base, 8);
    assert_int_equal(unit.plan.read_count, 0);
    assert_ptr_equal(unit.result, &base);
    unit_end(&unit);
}

static void test_resume_plan__compares_what_no_wal_tells_about(void **state)
{
    (void)state;
    static const char *const paths[] = {"base/5/16384_vm", "postgresql.conf"};
    Unit unit;
    unit_begin(&unit);
    some_stored(&unit);
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        plan(&unit, paths[i], whole, NULL, 1);
        assert_int_equal(unit.plan.kind, PLAN_COMPARE);
        assert_taken(&unit, 0, 0, 1, broken_off);
    }
    unit_end(&unit);
}

/* The same blocks twice: the later attempt's count, and none is taken twice. */
static void test_resume_plan__copes_with_runs_that_overlap(void **state)
{
    (void)state;
    Unit unit;
    unit_begin(&unit);
    stored(&unit, first_segment, 0, 4, false);
    stored(&unit, first_segment, 2, 4, false);
    stored(&unit, first_segment, 3, 1, false);
    stored_done(&unit);
    plan(&unit, first_segment, whole, NULL, 6);
    assert_int_equal(unit.plan.read_count, 0);
    assert_int_equal(unit.result->extent_count, 2);
    assert_taken(&unit, 0, 0, 4, broken_off);
    assert_taken(&unit, 1, 4, 2, broken_off);
    assert_int_equal(unit.result->extents[1].offset, 6 * PAGE_BYTES);
    unit_end(&unit);
}

static void test_resume_plan__compares_when_nothing_is_known_of_changes(void **state)
{
    (void)state;
    Unit unit;
    unit_begin(&unit);
    some_stored(&unit);
    wal_changes_free(&unit.changes);
    plan(&unit, first_segment, whole, NULL, 8);
    assert_int_equal(unit.plan.kind, PLAN_COMPARE);
    assert_taken(&unit, 0, 0, 4, broken_off);
    unit_end(&unit);
}

UNIT_MAIN(cmocka_unit_test(test_resume_plan__compares_when_nothing_is_known_of_changes),
          cmocka_unit_test(test_resume_plan__takes_what_no_wal_has_touched),
          cmocka_unit_test(test_resume_plan__reads_what_has_changed_since),
          cmocka_unit_test(test_resume_plan__trusts_nothing_behind_a_cut),
          cmocka_unit_test(test_resume_plan__compares_in_a_database_that_was_made_or_dropped),
          cmocka_unit_test(test_resume_plan__shortens_what_the_parent_leaves_to_read),
          cmocka_unit_test(test_resume_plan__compares_what_no_wal_tells_about),
          cmocka_unit_test(test_resume_plan__copes_with_runs_that_overlap))
