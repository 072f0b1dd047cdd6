/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "fake/folder.h"
#include "archive/archive_unit.h"
#include "archive/segment_end.h"
#include "os/file.h"

/* The fake server's pg_wal: WAL from segment 5 on. */
typedef struct Scene {
    TestFolder folder;
    FakeWal wal;
} Scene;

static int begin(void **state)
{
    Scene *const scene = mem_new(sizeof *scene);
    scene->folder = test_folder();
    fake_wal_begin(&scene->wal, 15);
    *state = scene;
    return 0;
}

static int done(void **state)
{
    Scene *const scene = *state;
    fake_wal_done(&scene->wal);
    test_folder_done(&scene->folder);
    mem_free(state);
    return 0;
}

static void put_file(const Scene *scene, uint64_t segment, Span bytes)
{
    ASSERT_OK(file_write_durable(test_path(&scene->folder, wal_name_text(segment_name(1, segment)).text),
                                 bytes, 0600));
}

/* Segments 5 to `last` of the stream, the last one filled up with zeros. */
static void put_files(Scene *scene, uint64_t last)
{
    fake_wal_pad_segment(&scene->wal);
    for (uint64_t at = 5; at <= last; at++)
        put_file(scene, at,
                 span_cut(buf_span(&scene->wal.bytes), (at - 5) * FAKE_WAL_SEGMENT, FAKE_WAL_SEGMENT));
}

static SegmentEnd look(const Scene *scene, uint64_t segment)
{
    SegmentEnd end;
    ASSERT_OK(
        segment_end_find(&end, test_path(&scene->folder, "."), segment_name(1, segment), &unit_generation));
    return end;
}

static void test_segment_end__is_the_end_of_the_last_whole_record(void **state)
{
    Scene *const scene = *state;
    add_commit(&scene->wal, 800, 1);
    fake_wal_filler(&scene->wal, 20000);
    const Lsn at = fake_wal_at(&scene->wal);
    put_files(scene, 5);
    const SegmentEnd end = look(scene, 5);
    assert_false(end.is_finished);
    assert_true(end.has_record);
    assert_int_equal(end.at.at, at.at);
}

/* The file had an older life; and the last record was only half written. */
static void test_segment_end__is_not_fooled_by_what_stands_behind(void **state)
{
    Scene *const scene = *state;
    fake_wal_filler(&scene->wal, 3000);
    const Lsn at = fake_wal_at(&scene->wal);
    fake_wal_filler(&scene->wal, 20000);
    memset(scene->wal.bytes.data + 2 * PAGE_BYTES, 0xAB, scene->wal.bytes.len - 2 * PAGE_BYTES);
    put_files(scene, 5);
    assert_int_equal(look(scene, 5).at.at, at.at);
}

static void test_segment_end__full_or_switched_or_followed_is_finished(void **state)
{
    Scene *const scene = *state;
    fill_segment(&scene->wal, 40);
    fake_wal_filler(&scene->wal, 200); /* goes on in 6 */
    fake_wal_main(&scene->wal, WAL_XLOG, WAL_XLOG_SWITCH, (Xid){0}, (Span){0});
    fake_wal_pad_segment(&scene->wal);
    fake_wal_filler(&scene->wal, 200);
    put_files(scene, 7);
    assert_false(look(scene, 7).is_finished);
    assert_true(look(scene, 6).is_finished);
    ASSERT_OK(file_remove(test_path(&scene->folder, wal_name_text(segment_name(1, 7)).text)));
    assert_true(look(scene, 6).is_finished); /* by its switch */
    ASSERT_OK(file_remove(test_path(&scene->folder, wal_name_text(segment_name(1, 6)).text)));
    assert_true(look(scene, 5).is_finished); /* to its last byte */
}

static void test_segment_end__recycled_file_behind_does_not_finish(void **state)
{
    Scene *const scene = *state;
    fake_wal_filler(&scene->wal, 3000);
    put_files(scene, 5);
    put_file(scene, 6, buf_span(&scene->wal.bytes));
    assert_false(look(scene, 5).is_finished);
    static const uint8_t zeros[FAKE_WAL_SEGMENT]; /* made ahead */
    put_file(scene, 6, span_of(zeros, sizeof zeros));
    assert_false(look(scene, 5).is_finished);
    put_file(scene, 6, span_of("", 0));
    assert_false(look(scene, 5).is_finished);
    SegmentEnd end;
    ASSERT_ERR(CORRUPT,
               segment_end_find(&end, test_path(&scene->folder, "."), segment_name(1, 6), &unit_generation));
}

/* A file of another size is no segment, whatever it begins with; it keeps nobody from looking at the one before. */
static void test_segment_end__file_of_another_size_behind_does_not_finish(void **state)
{
    Scene *const scene = *state;
    add_commit(&scene->wal, 800, 1);
    fake_wal_pad_segment(&scene->wal);
    add_commit(&scene->wal, 801, 2);
    put_files(scene, 6);
    assert_true(look(scene, 5).is_finished);
    AUTO(buf_done) Buf more = {0};
    buf_add(&more, scene->wal.bytes.data, scene->wal.bytes.len);
    buf_add_text(&more, "more");
    put_file(scene, 6, span_cut(buf_span(&more), FAKE_WAL_SEGMENT, SIZE_MAX));
    assert_false(look(scene, 5).is_finished);
}

static void test_segment_end__record_over_the_border_counts_when_it_is_whole(void **state)
{
    Scene *const scene = *state;
    fill_segment(&scene->wal, 40);
    fake_wal_filler(&scene->wal, 200);
    const Lsn at = fake_wal_at(&scene->wal);
    put_files(scene, 6);
    assert_true(look(scene, 6).has_record);
    assert_int_equal(look(scene, 6).at.at, at.at);
    scene->wal.bytes.data[FAKE_WAL_SEGMENT + WAL_PAGE_LONG_HEAD_BYTES + 5] ^= 1;
    put_files(scene, 6);
    assert_false(look(scene, 6).has_record);
    /* Without the segment before, its begin is taken on trust. */
    ASSERT_OK(file_remove(test_path(&scene->folder, wal_name_text(segment_name(1, 5)).text)));
    assert_int_equal(look(scene, 6).at.at, at.at);
}

static void test_segment_end__segment_with_a_head_alone_has_no_record(void **state)
{
    Scene *const scene = *state;
    fake_wal_filler(&scene->wal, 100);
    memset(scene->wal.bytes.data + WAL_PAGE_LONG_HEAD_BYTES, 0,
           scene->wal.bytes.len - WAL_PAGE_LONG_HEAD_BYTES);
    put_files(scene, 5);
    assert_false(look(scene, 5).is_finished || look(scene, 5).has_record);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, done)
UNIT_MAIN(TEST(test_segment_end__is_the_end_of_the_last_whole_record),
          TEST(test_segment_end__is_not_fooled_by_what_stands_behind),
          TEST(test_segment_end__full_or_switched_or_followed_is_finished),
          TEST(test_segment_end__recycled_file_behind_does_not_finish),
          TEST(test_segment_end__file_of_another_size_behind_does_not_finish),
          TEST(test_segment_end__record_over_the_border_counts_when_it_is_whole),
          TEST(test_segment_end__segment_with_a_head_alone_has_no_record))
