/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* What is read of a file and what is taken from the parent, rule by rule. */
#include "unit.h"

#include "backup/backup_plan.h"
#include "base/limits.h"

enum { SEGMENT_BLOCKS = 1000 };

static const PgVersion version = {.major = 15, .catalog_version = 202209061};
static const RelFile relation = {{TABLESPACE_DEFAULT}, {5}, {16384}};

/* One file, its parent's copy, and a map. */
typedef struct Plans {
    Arena *arena;
    WalChanges *changes;
    ManifestEntry base;
    Extent extents[4];
    FilePlan plan;
} Plans;

static void plans_begin(Plans *plans)
{
    *plans = (Plans){.arena = arena_new(), .changes = wal_changes_new()};
}

static void plans_done(Plans *plans)
{
    wal_changes_free(&plans->changes);
    arena_free(&plans->arena);
}

static void plan_bytes(Plans *plans, const char *path, uint64_t base_bytes, uint64_t bytes)
{
    plans->base = (ManifestEntry){.kind = MANIFEST_FILE, .path = path, .size_bytes = base_bytes};
    const PlanInput input = {.path = pgdata_path_classify(path, &version),
                             .size_bytes = bytes,
                             .base = &plans->base,
                             .segment_blocks = SEGMENT_BLOCKS,
                             .changes = plans->changes};
    plans->plan = file_plan(&input, plans->arena);
}

static void plan(Plans *plans, const char *path, uint32_t base_blocks, uint32_t blocks)
{
    plan_bytes(plans, path, (uint64_t)base_blocks * PAGE_BYTES, (uint64_t)blocks * PAGE_BYTES);
}

static void mark(Plans *plans, uint32_t block)
{
    wal_changes_mark(plans->changes, relation, (NumberRun){block, 1});
}

/* Reads exactly these runs: pairs of first block and count. */
static void assert_reads(const Plans *plans, const uint32_t *pairs, size_t count)
{
    assert_int_equal(plans->plan.kind, PLAN_BLOCKS);
    assert_int_equal(plans->plan.read_count, count);
    uint64_t blocks = 0;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(plans->plan.reads[i].first, pairs[2 * i]);
        assert_int_equal(plans->plan.reads[i].count, pairs[2 * i + 1]);
        blocks += pairs[2 * i + 1];
    }
    assert_int_equal(plans->plan.read_bytes, blocks * PAGE_BYTES);
}

#define ASSERT_READS(plans, ...)                                                                             \
    assert_reads(plans, (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 8)

static void test_plan__untouched_main_fork_is_not_opened(void **state)
{
    (void)state;
    AUTO(plans_done) Plans plans;
    plans_begin(&plans);
    plan(&plans, "base/5/16384", 100, 100);
    assert_reads(&plans, NULL, 0);
}

static void test_plan__marked_blocks_are_read(void **state)
{
    (void)state;
    AUTO(plans_done) Plans plans;
    plans_begin(&plans);
    mark(&plans, 0);
    mark(&plans, 7);
    mark(&plans, 8);
    mark(&plans, 99);
    mark(&plans, 500); /* behind the end: cut off since */
    plan(&plans, "base/5/16384", 100, 100);
    ASSERT_READS(&plans, 0, 1, 7, 2, 99, 1);
}

static void test_plan__marks_of_other_segments_are_theirs(void **state)
{
    (void)state;
    AUTO(plans_done) Plans plans;
    plans_begin(&plans);
    mark(&plans, 999);
    mark(&plans, 1000);
    mark(&plans, 1003);
    mark(&plans, 2000);
    plan(&plans, "base/5/16384.1", 1000, 1000);
    ASSERT_READS(&plans, 0, 1, 3, 1);
    plan(&plans, "base/5/16384", 1000, 1000);
    ASSERT_READS(&plans, 999, 1);
    plan(&plans, "base/5/16384.3", 1000, 1000);
    assert_reads(&plans, NULL, 0);
}

static void test_plan__file_the_parent_lacks_is_whole(void **state)
{
    (void)state;
    AUTO(plans_done) Plans plans;
    plans_begin(&plans);
    const PlanInput input = {.path = pgdata_path_classify("base/5/16384", &version),
                             .size_bytes = 3 * PAGE_BYTES,
                             .segment_blocks = SEGMENT_BLOCKS,
                             .changes = plans.changes};
    plans.plan = file_plan(&input, plans.arena);
    assert_int_equal(plans.plan.kind, PLAN_WHOLE);
    assert_int_equal(plans.plan.read_bytes, 3 * PAGE_BYTES);
}

static void test_plan__segment_at_or_behind_the_limit_is_whole(void **state)
{
    (void)state;
    AUTO(plans_done) Plans plans;
    plans_begin(&plans);
    wal_changes_limit(plans.changes, relation, 1000);
    plan(&plans, "base/5/16384.1", 1000, 1000);
    assert_int_equal(plans.plan.kind, PLAN_WHOLE);
    plan(&plans, "base/5/16384.2", 10, 10);
    assert_int_equal(plans.plan.kind, PLAN_WHOLE);
    plan(&plans, "base/5/16384", 1000, 1000);
    assert_reads(&plans, NULL, 0);
}

static void test_plan__from_the_limit_on_nothing_is_the_parents(void **state)
{
    (void)state;
    AUTO(plans_done) Plans plans;
    plans_begin(&plans);
    wal_changes_limit(plans.changes, relation, 40);
    mark(&plans, 10);
    mark(&plans, 60); /* written after the cut; those between are zeros, and read too */
    plan(&plans, "base/5/16384", 100, 100);
    ASSERT_READS(&plans, 10, 1, 40, 60);
}

static void test_plan__recreated_relation_is_whole(void **state)
{
    (void)state;
    AUTO(plans_done) Plans plans;
    plans_begin(&plans);
    wal_changes_limit(plans.changes, relation, 0);
    plan(&plans, "base/5/16384", 100, 100);
    assert_int_equal(plans.plan.kind, PLAN_WHOLE);
}

/* A relation grows by pages of zeros, and a hash index by buckets, that no WAL names. */
static void test_plan__what_the_parent_did_not_reach_is_read(void **state)
{
    (void)state;
    AUTO(plans_done) Plans plans;
    plans_begin(&plans);
    plan(&plans, "base/5/16384", 100, 130);
    ASSERT_READS(&plans, 100, 30);
    mark(&plans, 99);
    mark(&plans, 110);
    plan(&plans, "base/5/16384", 100, 130);
    ASSERT_READS(&plans, 99, 31);
    plan(&plans, "base/5/16384", 0, 1000);
    ASSERT_READS(&plans, 0, 1000);
}

static void test_plan__shorter_file_has_what_is_left(void **state)
{
    (void)state;
    AUTO(plans_done) Plans plans;
    plans_begin(&plans);
    mark(&plans, 20);
    mark(&plans, 80);
    plan(&plans, "base/5/16384", 100, 50);
    ASSERT_READS(&plans, 20, 1);
    plan(&plans, "base/5/16384", 100, 0);
    assert_reads(&plans, NULL, 0);
}

static void test_plan__irregular_length_is_whole(void **state)
{
    (void)state;
    AUTO(plans_done) Plans plans;
    plans_begin(&plans);
    plan_bytes(&plans, "base/5/16384", 100 * PAGE_BYTES, 100 * PAGE_BYTES + 1);
    assert_int_equal(plans.plan.kind, PLAN_WHOLE);
    plan_bytes(&plans, "base/5/16384", 100 * PAGE_BYTES - 1, 100 * PAGE_BYTES);
    assert_int_equal(plans.plan.kind, PLAN_WHOLE);
    plan(&plans, "base/5/16384", SEGMENT_BLOCKS, SEGMENT_BLOCKS + 1);
    assert_int_equal(plans.plan.kind, PLAN_WHOLE);
}

static void test_plan__made_or_dropped_database_is_whole(void **state)
{
    (void)state;
    AUTO(plans_done) Plans plans;
    plans_begin(&plans);
    wal_changes_database(plans.changes, (WalDatabase){{TABLESPACE_DEFAULT}, {5}});
    plan(&plans, "base/5/16384", 100, 100);
    assert_int_equal(plans.plan.kind, PLAN_WHOLE);
    plan(&plans, "base/5/16384_vm", 1, 1);
    assert_int_equal(plans.plan.kind, PLAN_WHOLE);
    plan(&plans, "base/6/16384", 100, 100); /* another database */
    assert_reads(&plans, NULL, 0);
    plan(&plans, "pg_tblspc/20000/PG_15_202209061/5/16384", 100, 100); /* the same one elsewhere */
    assert_reads(&plans, NULL, 0);
}

/* Heap records clear bits of the visibility map without naming its page: a mark on the heap is enough to look. */
static void test_plan__maps_of_a_touched_relation_are_compared(void **state)
{
    (void)state;
    AUTO(plans_done) Plans plans;
    plans_begin(&plans);
    mark(&plans, 3);
    plan(&plans, "base/5/16384_vm", 1, 1);
    assert_int_equal(plans.plan.kind, PLAN_COMPARE);
    plan(&plans, "base/5/16384_fsm", 3, 3);
    assert_int_equal(plans.plan.kind, PLAN_COMPARE);
    assert_int_equal(plans.plan.read_bytes, 3 * PAGE_BYTES);
}

/* Cutting a relation zeroes the end of the last page that its visibility map keeps, without WAL where there are no
 * checksums. The length of the map stays. */
static void test_plan__maps_of_a_cut_relation_are_compared(void **state)
{
    (void)state;
    AUTO(plans_done) Plans plans;
    plans_begin(&plans);
    wal_changes_limit(plans.changes, relation, 90);
    plan(&plans, "base/5/16384_vm", 1, 1);
    assert_int_equal(plans.plan.kind, PLAN_COMPARE);
}

static void test_plan__maps_of_an_untouched_relation_are_not_opened(void **state)
{
    (void)state;
    AUTO(plans_done) Plans plans;
    plans_begin(&plans);
    plan(&plans, "base/5/16384_vm", 1, 1);
    assert_reads(&plans, NULL, 0);
    plan(&plans, "base/5/16384_fsm", 3, 3);
    assert_reads(&plans, NULL, 0);
    plan(&plans, "base/5/16384_fsm", 3, 4); /* it grew all the same */
    assert_int_equal(plans.plan.kind, PLAN_COMPARE);
}

static void test_plan__init_forks_and_other_files_are_compared(void **state)
{
    (void)state;
    AUTO(plans_done) Plans plans;
    plans_begin(&plans);
    static const char *const paths[] = {"base/5/16384_init", "global/pg_control", "pg_xact/0000",
                                        "base/5/pg_filenode.map", "postgresql.conf"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        plan_bytes(&plans, paths[i], 8192, 8192);
        assert_int_equal(plans.plan.kind, PLAN_COMPARE);
        assert_int_equal(plans.plan.read_bytes, 8192);
    }
}

static void test_plan__without_a_map_everything_is_compared(void **state)
{
    (void)state;
    AUTO(plans_done) Plans plans;
    plans_begin(&plans);
    wal_changes_free(&plans.changes);
    plan(&plans, "base/5/16384", 100, 120);
    assert_int_equal(plans.plan.kind, PLAN_COMPARE);
    plan(&plans, "base/5/16384_vm", 1, 1);
    assert_int_equal(plans.plan.kind, PLAN_COMPARE);
}

/* ---- the parent's extents of a run */

static void extents_give(Plans *plans)
{
    const Extent extents[] = {
        {.first_block = 0, .count = 10, .pack = 1, .offset = 0},
        {.first_block = 20, .count = 5, .pack = 1, .offset = 10 * PAGE_BYTES}, /* zeros before it */
        {.first_block = 25, .count = 5, .pack = 2, .offset = 700 * PAGE_BYTES},
    };
    memcpy(plans->extents, extents, sizeof extents);
    plans->base = (ManifestEntry){.kind = MANIFEST_FILE,
                                  .path = "base/5/16384",
                                  .size_bytes = 40 * PAGE_BYTES,
                                  .extents = plans->extents,
                                  .extent_count = 3};
}

static void assert_extent(const Buf *found, size_t at, NumberRun blocks, uint32_t pack, uint64_t block_offset)
{
    assert_true(at < found->len / sizeof(Extent));
    const Extent *const extent = &((const Extent *)(const void *)found->data)[at];
    assert_int_equal(extent->first_block, blocks.first);
    assert_int_equal(extent->count, blocks.count);
    assert_int_equal(extent->pack, pack);
    assert_int_equal(extent->offset, block_offset * PAGE_BYTES);
}

static void test_base_extents__are_cut_to_the_run(void **state)
{
    (void)state;
    AUTO(plans_done) Plans plans;
    plans_begin(&plans);
    extents_give(&plans);
    AUTO(buf_done) Buf found = {0};
    base_extents_add(&found, &plans.base, (NumberRun){8, 20});
    assert_int_equal(found.len / sizeof(Extent), 3);
    assert_extent(&found, 0, (NumberRun){8, 2}, 1, 8);
    assert_extent(&found, 1, (NumberRun){20, 5}, 1, 10);
    assert_extent(&found, 2, (NumberRun){25, 3}, 2, 700);
}

static void test_base_extents__of_zeros_are_none(void **state)
{
    (void)state;
    AUTO(plans_done) Plans plans;
    plans_begin(&plans);
    extents_give(&plans);
    AUTO(buf_done) Buf found = {0};
    base_extents_add(&found, &plans.base, (NumberRun){10, 10});
    base_extents_add(&found, &plans.base, (NumberRun){30, 100});
    base_extents_add(&found, &plans.base, (NumberRun){5, 0});
    assert_int_equal(found.len, 0);
}

static void test_base_extents__that_go_on_are_joined(void **state)
{
    (void)state;
    AUTO(plans_done) Plans plans;
    plans_begin(&plans);
    extents_give(&plans);
    AUTO(buf_done) Buf found = {0};
    base_extents_add(&found, &plans.base, (NumberRun){0, 4});
    base_extents_add(&found, &plans.base, (NumberRun){4, 2});
    assert_int_equal(found.len / sizeof(Extent), 1);
    assert_extent(&found, 0, (NumberRun){0, 6}, 1, 0);
}

static void test_reads__join_where_they_touch_or_overlap(void **state)
{
    (void)state;
    AUTO(plans_done) Plans plans;
    plans_begin(&plans);
    static const NumberRun runs[] = {{2, 3}, {5, 2}, {6, 1}, {6, 4}, {11, 0}, {11, 1}};
    AUTO(buf_done) Buf reads = {0};
    for (size_t i = 0; i < COUNT_OF(runs); i++)
        reads_add(&reads, runs[i]);
    const FilePlan plan = reads_plan(&reads, plans.arena);
    assert_int_equal(plan.kind, PLAN_BLOCKS);
    assert_int_equal(plan.read_count, 2);
    assert_int_equal(plan.reads[0].first, 2);
    assert_int_equal(plan.reads[0].count, 8);
    assert_int_equal(plan.reads[1].first, 11);
    assert_int_equal(plan.reads[1].count, 1);
    assert_int_equal(plan.read_bytes, 9 * PAGE_BYTES);
}

UNIT_MAIN(cmocka_unit_test(test_plan__untouched_main_fork_is_not_opened),
          cmocka_unit_test(test_plan__marked_blocks_are_read),
          cmocka_unit_test(test_plan__marks_of_other_segments_are_theirs),
          cmocka_unit_test(test_plan__file_the_parent_lacks_is_whole),
          cmocka_unit_test(test_plan__segment_at_or_behind_the_limit_is_whole),
          cmocka_unit_test(test_plan__from_the_limit_on_nothing_is_the_parents),
          cmocka_unit_test(test_plan__recreated_relation_is_whole),
          cmocka_unit_test(test_plan__what_the_parent_did_not_reach_is_read),
          cmocka_unit_test(test_plan__shorter_file_has_what_is_left),
          cmocka_unit_test(test_plan__irregular_length_is_whole),
          cmocka_unit_test(test_plan__made_or_dropped_database_is_whole),
          cmocka_unit_test(test_plan__maps_of_a_touched_relation_are_compared),
          cmocka_unit_test(test_plan__maps_of_a_cut_relation_are_compared),
          cmocka_unit_test(test_plan__maps_of_an_untouched_relation_are_not_opened),
          cmocka_unit_test(test_plan__init_forks_and_other_files_are_compared),
          cmocka_unit_test(test_plan__without_a_map_everything_is_compared),
          cmocka_unit_test(test_reads__join_where_they_touch_or_overlap),
          cmocka_unit_test(test_base_extents__are_cut_to_the_run),
          cmocka_unit_test(test_base_extents__of_zeros_are_none),
          cmocka_unit_test(test_base_extents__that_go_on_are_joined))
