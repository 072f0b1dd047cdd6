/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Segments that were stored without index. */
#include "unit.h"

#include "job/repair_unit.h"
#include "store/faulty.h"

static bool is_noted(const Report *report, const char *part)
{
    for (size_t i = 0; i < report->count; i++) {
        if (report->notices[i].level == NOTICE_NOTE && strstr(report->notices[i].text, part))
            return true;
    }
    return false;
}

static bool has_index(Repo *repo, uint32_t timeline, uint64_t segment)
{
    WalChecked checked;
    ASSERT_OK(
        wal_object_check(&checked, repo->store, &unit_generation.root, segment_name(timeline, segment)));
    return checked.has_index;
}

static void plain_read(Buf *out, Repo *repo, uint32_t timeline, uint64_t segment)
{
    ASSERT_OK(wal_object_read(out, repo->store, &unit_generation.root, segment_name(timeline, segment)));
}

static void test_repair__indexes_segments_without_index(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    Repo *const repo = pair.scene.repo;
    AUTO(buf_done) Buf before = {0};
    AUTO(buf_done) Buf after = {0};
    AUTO(buf_done) Buf other = {0};
    AUTO(buf_done) Buf other_after = {0};
    const Key untouched = segment_key(1, 6);
    plain_read(&before, repo, 1, 5);
    index_remove(repo, 1, 5);
    ASSERT_OK(store_get_all(&other, repo->store, untouched.text, RANGE_ALL, 1 << 24));
    look(&pair.scene);
    assert_true(
        is_noted(&pair.scene.report, "1 WAL segment without index, the first 000000010000000000000005"));
    repair(&pair, 1);
    assert_int_equal(pair.result.deed_count, 1);
    assert_int_equal(pair.result.deeds[0].how, REPAIR_INDEXED);
    assert_true(pair.result.deeds[0].had_no_index);
    assert_true(has_index(repo, 1, 5));
    plain_read(&after, repo, 1, 5);
    assert_true(span_equal(buf_span(&before), buf_span(&after)));
    assert_int_equal(aside_count(repo), 0);
    assert_int_equal(pair.report.count, 0);
    ASSERT_OK(store_get_all(&other_after, repo->store, untouched.text, RANGE_ALL, 1 << 24));
    assert_true(span_equal(buf_span(&other), buf_span(&other_after)));
}

/* While it is replaced it is not there: that of the newest one could be taken for the end of WAL. */
static void test_repair__leaves_the_newest_segment_without_index(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    index_remove(pair.scene.repo, 1, 7);
    index_remove(pair.scene.repo, 2, 8);
    repair(&pair, 1);
    assert_int_equal(pair.result.deed_count, 0);
    assert_false(has_index(pair.scene.repo, 1, 7));
    assert_true(is_noted(&pair.report, "2 WAL segments without index"));
    ASSERT_OK(repair_at(&pair, 1, (RepairOptions){.dry_run = true}));
    assert_int_equal(pair.result.deed_count, 0);
}

static void test_repair__says_which_segments_it_would_index(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    index_remove(pair.scene.repo, 1, 5);
    ASSERT_OK(repair_at(&pair, 1, (RepairOptions){.dry_run = true}));
    assert_int_equal(pair.result.deed_count, 1);
    assert_int_equal(pair.result.deeds[0].how, REPAIR_INDEXED);
    assert_false(has_index(pair.scene.repo, 1, 5));
}

/* One that lacks nothing but its index is as good as any for who misses it. */
static void test_repair__copies_a_segment_that_has_no_index(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    ASSERT_OK(store_remove(pair.scene.repo->store, segment_key(1, 6).text));
    index_remove(pair.other, 1, 6);
    repair(&pair, 2);
    assert_true(has_index(pair.scene.repo, 1, 6));
    assert_true(has_index(pair.other, 1, 6));
    assert_false(pair.report.has_level[NOTICE_FAULT]);
}

/* The n-th call of the store fails, for every n: the segment is never lost, and the next repair ends it. */
static void test_repair__broken_off_while_indexing_loses_nothing(void **state)
{
    (void)state;
    bool is_last = false;
    for (uint64_t n = 1; !is_last; n++) {
        AUTO(pair_done) Pair pair = {.scene = scene_new()};
        AUTO(buf_done) Buf before = {0};
        AUTO(buf_done) Buf after = {0};
        plain_read(&before, pair.scene.repo, 1, 5);
        index_remove(pair.scene.repo, 1, 5);
        Store *const faulty = faulty_store_new(pair.scene.repo->store);
        pair.scene.repo->store = faulty;
        faulty_plan(faulty, (FaultyPlan){.nth = n, .fault_class = ERR_AWAY});
        Err *err = repair_at(&pair, 1, (RepairOptions){.dry_run = false});
        is_last = !faulty_hit(faulty);
        err_free(&err);
        faulty_plan(faulty, (FaultyPlan){.nth = 0});
        repair(&pair, 1);
        assert_true(has_index(pair.scene.repo, 1, 5));
        plain_read(&after, pair.scene.repo, 1, 5);
        assert_true(span_equal(buf_span(&before), buf_span(&after)));
        assert_false(pair.report.has_level[NOTICE_FAULT]);
    }
}

UNIT_MAIN(cmocka_unit_test(test_repair__indexes_segments_without_index),
          cmocka_unit_test(test_repair__leaves_the_newest_segment_without_index),
          cmocka_unit_test(test_repair__says_which_segments_it_would_index),
          cmocka_unit_test(test_repair__copies_a_segment_that_has_no_index),
          cmocka_unit_test(test_repair__broken_off_while_indexing_loses_nothing))
