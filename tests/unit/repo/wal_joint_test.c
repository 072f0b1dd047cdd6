/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/wal_limits.h"
#include "fake/wal.h"
#include "pg/wal_page.h"
#include "repo/wal_joint.h"

#include <string.h>

enum { FIRST = 5 }; /* segment with which a fake stream begins */

static WalName name_of(uint64_t segment)
{
    return wal_name_of_lsn((Timeline){1}, (Lsn){segment * FAKE_WAL_SEGMENT}, FAKE_WAL_SEGMENT);
}

static WalJoint joint_of(Span plain)
{
    AUTO(wal_index_done) WalIndex index = {.changes = NULL};
    ASSERT_OK(wal_index_of(&index, plain));
    return wal_joint_of(&index.summary, &index.seams);
}

static Span segment_of(const FakeWal *wal, size_t at)
{
    return span_cut(buf_span(&wal->bytes), at * FAKE_WAL_SEGMENT, FAKE_WAL_SEGMENT);
}

/* The break at the last of the segments; none may be at those before. */
static WalBreak joined(const Span *segments, size_t count, uint64_t first)
{
    WalChain chain = {.is_begun = false};
    WalBreak last = {.is_there = false};
    for (size_t i = 0; i < count; i++) {
        const WalJoint joint = joint_of(segments[i]);
        if (last.is_there)
            fail_msg("segment %zu of %zu: %s", i, count, last.text);
        wal_chain_add(&last, &chain, &joint, name_of(first + i));
    }
    return last;
}

static void assert_joined(const Span *segments, size_t count, uint64_t first)
{
    const WalBreak last = joined(segments, count, first);
    if (last.is_there)
        fail_msg("the last of %zu segments: %s", count, last.text);
}

static void assert_broken(const Span *segments, size_t count, const char *why)
{
    const WalBreak last = joined(segments, count, FIRST);
    assert_true(last.is_there);
    if (!strstr(last.text, why))
        fail_msg("\"%s\" does not say \"%s\"", last.text, why);
}

/* Three segments; a record begins `left` bytes before each border, and `salt` is in all of them. */
static void life(FakeWal *out, size_t left, uint32_t salt, size_t record_bytes)
{
    fake_wal_begin(out, 15);
    static uint8_t main[200000];
    memset(main, (int)salt, sizeof main);
    for (int i = 0; i < 3; i++) {
        size_t room;
        while ((room = FAKE_WAL_SEGMENT - out->bytes.len % FAKE_WAL_SEGMENT) > left + 200)
            fake_wal_filler(out, room > left + 8192 ? 4000 : 64);
        fake_wal_filler(out, room - left);
        fake_wal_main(out, 200, 0, (Xid){salt}, span_of(main, record_bytes));
    }
    fake_wal_filler(out, 64);
    fake_wal_pad_segment(out);
}

static const size_t lefts[] = {0, 8, 16, 24, 32, 104, 192};
static const size_t sizes[] = {300, 400, 20000, 70000, 150000};

static void test_wal_chain__goes_on_over_every_border(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lefts) * COUNT_OF(sizes); i++) {
        AUTO(fake_wal_done) FakeWal wal;
        life(&wal, lefts[i % COUNT_OF(lefts)], 1, sizes[i / COUNT_OF(lefts)]);
        const Span segments[] = {segment_of(&wal, 0), segment_of(&wal, 1), segment_of(&wal, 2)};
        assert_joined(segments, 3, FIRST);
    }
}

/* Two lives whose records are all of the same lengths differ in nothing but the bytes over the border. */
static void test_wal_chain__breaks_where_the_record_over_the_border_is_of_two_lives(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lefts) * COUNT_OF(sizes); i++) {
        const size_t left = lefts[i % COUNT_OF(lefts)], size = sizes[i / COUNT_OF(lefts)];
        AUTO(fake_wal_done) FakeWal a;
        AUTO(fake_wal_done) FakeWal b;
        life(&a, left, 1, size);
        life(&b, left, 2, size);
        const Span segments[] = {segment_of(&a, 0), segment_of(&b, 1)};
        if (left && size < WAL_SEAM_MAX)
            assert_broken(segments, 2, "do not belong together");
        else
            assert_joined(segments, 2, FIRST); /* nothing crosses, or more than an index keeps */
    }
}

static void test_wal_chain__breaks_where_lengths_differ(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lefts); i++) {
        AUTO(fake_wal_done) FakeWal a;
        AUTO(fake_wal_done) FakeWal b;
        AUTO(fake_wal_done) FakeWal c;
        life(&a, lefts[i], 1, 400);
        life(&b, lefts[i], 1, 408);
        life(&c, lefts[i] + 8, 1, 400);
        const Span longer[] = {segment_of(&a, 0), segment_of(&b, 1)};
        const Span earlier[] = {segment_of(&c, 0), segment_of(&a, 1)};
        if (lefts[i])
            assert_broken(longer, 2, "bytes are missing of the last record");
        assert_true(joined(earlier, 2, FIRST).is_there);
    }
}

/* Where no record crosses, the first one of the later segment names the last one of the earlier. */
static void test_wal_chain__breaks_where_another_record_was_the_last(void **state)
{
    (void)state;
    AUTO(fake_wal_done) FakeWal a;
    AUTO(fake_wal_done) FakeWal b;
    fake_wal_begin(&a, 15);
    fake_wal_begin(&b, 15);
    fake_wal_filler(&a, 64);
    fake_wal_filler(&b, 64);
    fake_wal_filler(&b, 72);
    static const Span none;
    FakeWal *const lives[] = {&a, &b};
    for (size_t i = 0; i < 2; i++) {
        fake_wal_main(lives[i], WAL_XLOG, WAL_XLOG_SWITCH, (Xid){0}, none);
        fake_wal_pad_segment(lives[i]);
        fake_wal_filler(lives[i], 64);
        fake_wal_pad_segment(lives[i]);
    }
    const Span good[] = {segment_of(&a, 0), segment_of(&a, 1)};
    const Span alien[] = {segment_of(&a, 0), segment_of(&b, 1)};
    assert_joined(good, 2, FIRST);
    assert_broken(alien, 2, "the one before ends with that at");
}

/* The server died within the record that is open and declared it void when it came back, on the page at `at`. */
static void declare_void(FakeWal *wal, Lsn at, const WalJoint *before)
{
    assert_true(lsn_is_valid(before->open_start));
    fake_wal_cut(wal, at, before->last);
    wal->next_flags = WAL_PAGE_OVERWRITES;
    uint8_t main[16];
    put_u64(main, before->open_start.at);
    put_u64(main + 8, 0);
    fake_wal_main(wal, WAL_XLOG, WAL_XLOG_OVERWRITE_CONTRECORD, (Xid){0}, span_of(main, sizeof main));
    fake_wal_filler(wal, 64);
    fake_wal_pad_segment(wal);
}

static void test_wal_chain__passes_over_a_record_that_was_declared_void(void **state)
{
    (void)state;
    AUTO(fake_wal_done) FakeWal wal;
    life(&wal, 104, 1, 400);
    const Lsn border = {(FIRST + 1) * (uint64_t)FAKE_WAL_SEGMENT};
    AUTO(buf_done) Buf first = {0};
    const Span all = segment_of(&wal, 0);
    buf_add(&first, all.ptr, all.len);
    const WalJoint before = joint_of(buf_span(&first));
    assert_int_equal(before.open_start.at, border.at - 104);
    declare_void(&wal, border, &before);
    const Span segments[] = {buf_span(&first), segment_of(&wal, 1)};
    assert_joined(segments, 2, FIRST);
}

/* A crash further on takes nothing away from the record that crosses the border. */
static void test_wal_chain__goes_on_where_a_later_record_was_declared_void(void **state)
{
    (void)state;
    enum { UNTIL = 10 * PAGE_BYTES };
    AUTO(fake_wal_done) FakeWal wal;
    life(&wal, 104, 1, 400);
    const WalJoint before = joint_of(span_cut(segment_of(&wal, 1), 0, UNTIL));
    declare_void(&wal, (Lsn){wal.start.at + FAKE_WAL_SEGMENT + UNTIL}, &before);
    const Span segments[] = {segment_of(&wal, 0), segment_of(&wal, 1)};
    assert_joined(segments, 2, FIRST);
}

/* A record may fill segments of which no other record is known. */
static void test_wal_chain__follows_a_record_over_segments_that_it_fills(void **state)
{
    (void)state;
    AUTO(fake_wal_done) FakeWal wal;
    fake_wal_begin(&wal, 15);
    AUTO(buf_done) Buf main = {0};
    const size_t size = 3 * FAKE_WAL_SEGMENT;
    memset(buf_reserve(&main, size), 3, size);
    buf_grown(&main, size);
    fake_wal_filler(&wal, 64);
    fake_wal_main(&wal, 200, 0, (Xid){700}, buf_span(&main));
    fake_wal_filler(&wal, 64);
    fake_wal_pad_segment(&wal);
    const Span segments[] = {segment_of(&wal, 0), segment_of(&wal, 1), segment_of(&wal, 2),
                             segment_of(&wal, 3)};
    assert_joined(segments, 4, FIRST);
    const Span short_of_one[] = {segment_of(&wal, 0), segment_of(&wal, 1), segment_of(&wal, 3)};
    assert_true(joined(short_of_one, 3, FIRST).is_there);
    /* A chain may begin in the middle of it. */
    for (size_t i = 1; i <= 2; i++)
        assert_joined(segments + i, 4 - i, FIRST + i);
    assert_broken(short_of_one + 1, 2, "bytes are missing of the last record");
}

static void test_wal_chain__breaks_where_records_end_before_the_segment(void **state)
{
    (void)state;
    AUTO(fake_wal_done) FakeWal wal;
    life(&wal, 104, 1, 400);
    memset(wal.bytes.data + 40 * PAGE_BYTES, 0, PAGE_BYTES);
    const Span segments[] = {segment_of(&wal, 0), segment_of(&wal, 1)};
    assert_broken(segments, 2, "the records of the one before end at 0/");
}

/* Real servers: commits, checkpoints, switches. The last segment of a fixture is of another timeline, and not the next. */
static void test_wal_chain__goes_on_in_the_wal_of_every_major(void **state)
{
    (void)state;
    for (unsigned major = 13; major <= 18; major++) {
        AUTO(buf_done) Buf stream = {0};
        Span segments[64];
        WalSegmentHead first, head;
        fake_wal_fixture(&stream, major);
        ASSERT_OK(wal_segment_head_decode(&first, buf_span(&stream)));
        size_t count = 0;
        for (size_t at = 0; at < stream.len; at += FAKE_WAL_SEGMENT) {
            segments[count] = span_cut(buf_span(&stream), at, FAKE_WAL_SEGMENT);
            ASSERT_OK(wal_segment_head_decode(&head, segments[count]));
            if (head.address.at != first.address.at + at)
                break;
            count++;
        }
        assert_in_range(count, 4, COUNT_OF(segments));
        assert_joined(segments, count, first.address.at / FAKE_WAL_SEGMENT);
    }
}

UNIT_MAIN(cmocka_unit_test(test_wal_chain__goes_on_over_every_border),
          cmocka_unit_test(test_wal_chain__breaks_where_the_record_over_the_border_is_of_two_lives),
          cmocka_unit_test(test_wal_chain__breaks_where_lengths_differ),
          cmocka_unit_test(test_wal_chain__breaks_where_another_record_was_the_last),
          cmocka_unit_test(test_wal_chain__passes_over_a_record_that_was_declared_void),
          cmocka_unit_test(test_wal_chain__goes_on_where_a_later_record_was_declared_void),
          cmocka_unit_test(test_wal_chain__follows_a_record_over_segments_that_it_fills),
          cmocka_unit_test(test_wal_chain__breaks_where_records_end_before_the_segment),
          cmocka_unit_test(test_wal_chain__goes_on_in_the_wal_of_every_major))
