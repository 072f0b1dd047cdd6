/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "fake/wal.h"
#include "pg/wal_reader.h"

#include <string.h>

/* What the callback saw. */
typedef struct Seen {
    unsigned count;
    WalEntry entry[64]; /* the first ones; bytes are gone */
    WalEntry last;
    uint64_t digest; /* over start, end, head and bytes of all */
    unsigned fail_at;
} Seen;

static Err *seen_entry(void *arg, const WalEntry *entry)
{
    Seen *const seen = arg;
    if (seen->count < COUNT_OF(seen->entry))
        seen->entry[seen->count] = *entry;
    seen->count++;
    seen->last = *entry;
    seen->digest = seen->digest * 31 + (entry->start.at ^ entry->end.at ^ wal_record_crc(entry->bytes));
    return seen->fail_at == seen->count ? ERR(CANCELED, "enough") : NULL;
}

static WalReader *reader_at(Span bytes, Seen *seen)
{
    WalSegmentHead head;
    *seen = (Seen){0};
    ASSERT_OK(wal_segment_head_decode(&head, bytes));
    return wal_reader_new(&head, seen_entry, seen);
}

/* Reads it all at once. The spans of the result are cleared. */
static WalProgress read_all(Span bytes, Seen *seen)
{
    AUTO(wal_reader_free) WalReader *reader = reader_at(bytes, seen);
    ASSERT_OK(wal_reader_push(reader, bytes));
    WalProgress progress = wal_reader_progress(reader);
    progress.open_bytes = progress.head_seam = (Span){0};
    return progress;
}

static void test_wal_reader__delivers_records_of_every_length(void **state)
{
    (void)state;
    FakeWal wal;
    Seen seen;
    fake_wal_begin(&wal, 17);
    Lsn last = {0};
    /* Steps of 8 put the 24-byte head on every place before a page's end. */
    for (size_t i = 0; i < 3000; i++)
        last = fake_wal_filler(&wal, 27 + i * 5 % 1500);
    last = fake_wal_filler(&wal, 300000);
    const Lsn end = fake_wal_at(&wal);
    fake_wal_pad_page(&wal);
    const WalProgress progress = read_all(buf_span(&wal.bytes), &seen);
    assert_int_equal(seen.count, 3001);
    assert_int_equal(seen.last.start.at, last.at);
    assert_int_equal(seen.last.head.total_bytes, 300000);
    assert_int_equal(progress.first.at, wal.start.at + WAL_PAGE_LONG_HEAD_BYTES);
    assert_int_equal(progress.next.at, end.at);
    assert_int_equal(progress.end, WAL_END_ZERO);
    fake_wal_done(&wal);
}

static void test_wal_reader__sees_the_same_page_by_page(void **state)
{
    (void)state;
    for (uint32_t major = PG_MAJOR_FIRST; major <= PG_MAJOR_LAST; major++) {
        AUTO(buf_done) Buf wal = {0};
        Seen whole, paged;
        fake_wal_fixture(&wal, major);
        const Span first = span_of(wal.data, wal.len - FAKE_WAL_SEGMENT);
        const WalProgress progress = read_all(first, &whole);
        assert_int_equal(progress.end, WAL_END_NONE);
        AUTO(wal_reader_free) WalReader *reader = reader_at(first, &paged);
        for (size_t at = 0; at < first.len; at += PAGE_BYTES)
            ASSERT_OK(wal_reader_push(reader, span_cut(first, at, PAGE_BYTES)));
        assert_int_equal(paged.count, whole.count);
        assert_true(paged.digest == whole.digest);
    }
}

/* Counts as PostgreSQL's own readers gave them for the same files (tests/oracle/wal_oracle.py), less what lies in the
 * segment behind the work, which is not among the fixtures. */
static void test_wal_reader__joins_isolated_segments_by_their_seams(void **state)
{
    (void)state;
    for (uint32_t major = PG_MAJOR_FIRST; major <= PG_MAJOR_LAST; major++) {
        AUTO(buf_done) Buf wal = {0};
        AUTO(buf_done) Buf open = {0};
        Seen whole, part;
        fake_wal_fixture(&wal, major);
        const Span stream = span_of(wal.data, wal.len - FAKE_WAL_SEGMENT);
        (void)read_all(stream, &whole);
        unsigned total = 0, joined = 0;
        for (size_t at = 0; at < stream.len; at += FAKE_WAL_SEGMENT) {
            const Span segment = span_cut(stream, at, FAKE_WAL_SEGMENT);
            AUTO(wal_reader_free) WalReader *reader = reader_at(segment, &part);
            ASSERT_OK(wal_reader_push(reader, segment));
            const WalProgress progress = wal_reader_progress(reader);
            assert_int_equal(progress.end, WAL_END_NONE);
            total += part.count;
            if (progress.head_seam.len) {
                buf_add(&open, progress.head_seam.ptr, progress.head_seam.len);
                assert_int_equal(open.len, get_u32(open.data));
                assert_int_equal(wal_record_crc(buf_span(&open)), wal_record_head_decode(open.data).crc);
                joined++;
            }
            buf_clear(&open);
            buf_add(&open, progress.open_bytes.ptr, progress.open_bytes.len);
        }
        assert_true(joined > 0);
        assert_int_equal(total + joined, whole.count);
    }
}

static void test_wal_reader__crosses_the_switch_of_timelines(void **state)
{
    (void)state;
    for (uint32_t major = PG_MAJOR_FIRST; major <= PG_MAJOR_LAST; major++) {
        AUTO(buf_done) Buf wal = {0};
        Seen seen;
        fake_wal_fixture(&wal, major);
        const WalProgress progress =
            read_all(span_of(wal.data + wal.len - FAKE_WAL_SEGMENT, FAKE_WAL_SEGMENT), &seen);
        assert_int_equal(progress.end, WAL_END_NONE);
        assert_int_equal(seen.entry[0].timeline.id, 1);
        assert_int_equal(seen.last.head.manager, WAL_XLOG);
        assert_int_equal(seen.last.end.at % FAKE_WAL_SEGMENT, 0);
    }
}

static void test_wal_reader__refuses_a_timeline_that_goes_down(void **state)
{
    (void)state;
    FakeWal wal;
    Seen seen;
    fake_wal_begin(&wal, 14);
    wal.timeline.id = 2;
    (void)fake_wal_filler(&wal, 5000);
    wal.timeline.id = 3;
    (void)fake_wal_filler(&wal, 9000);
    wal.timeline.id = 2;
    (void)fake_wal_filler(&wal, 9000);
    fake_wal_pad_page(&wal);
    const WalProgress progress = read_all(buf_span(&wal.bytes), &seen);
    assert_int_equal(seen.count, 2);
    assert_int_equal(progress.end, WAL_END_PAGE);
    assert_non_null(strstr(progress.end_text, "timeline 2, after timeline 3"));
    fake_wal_done(&wal);
}

static void test_wal_reader__skips_the_rest_behind_a_switch(void **state)
{
    (void)state;
    FakeWal wal;
    Seen seen;
    fake_wal_begin(&wal, 15);
    (void)fake_wal_filler(&wal, 500);
    (void)fake_wal_main(&wal, WAL_XLOG, WAL_XLOG_SWITCH, (Xid){0}, (Span){0});
    fake_wal_pad_segment(&wal);
    const Lsn next = fake_wal_filler(&wal, 700);
    fake_wal_pad_page(&wal);
    (void)read_all(buf_span(&wal.bytes), &seen);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.entry[1].end.at, wal.start.at + FAKE_WAL_SEGMENT);
    assert_int_equal(seen.entry[2].start.at, next.at);
    fake_wal_done(&wal);
}

static void test_wal_reader__gives_up_what_a_crash_left_unfinished(void **state)
{
    (void)state;
    FakeWal wal;
    Seen seen;
    uint8_t main[16] = {0};
    fake_wal_begin(&wal, 13);
    const Lsn before = fake_wal_filler(&wal, 8000);
    const Lsn lost = fake_wal_filler(&wal, 9000);
    fake_wal_cut(&wal, (Lsn){wal.start.at + PAGE_BYTES}, before);
    wal.next_flags = WAL_PAGE_OVERWRITES;
    put_u64(main, lost.at);
    (void)fake_wal_main(&wal, WAL_XLOG, WAL_XLOG_OVERWRITE_CONTRECORD, (Xid){0}, span_of(main, sizeof main));
    (void)fake_wal_filler(&wal, 60);
    fake_wal_pad_page(&wal);
    (void)read_all(buf_span(&wal.bytes), &seen);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.entry[1].overwrites.at, lost.at);
    assert_int_equal(seen.entry[1].start.at, wal.start.at + PAGE_BYTES + WAL_PAGE_HEAD_BYTES);
    assert_int_equal(seen.entry[2].overwrites.at, 0);
    fake_wal_done(&wal);
}

static void test_wal_reader__reports_the_unfinished_record(void **state)
{
    (void)state;
    FakeWal wal;
    Seen seen;
    fake_wal_begin(&wal, 18);
    (void)fake_wal_filler(&wal, 100);
    const Lsn open = fake_wal_filler(&wal, 30000);
    AUTO(wal_reader_free) WalReader *reader = reader_at(buf_span(&wal.bytes), &seen);
    ASSERT_OK(wal_reader_push(reader, span_of(wal.bytes.data, 2 * PAGE_BYTES)));
    WalProgress progress = wal_reader_progress(reader);
    assert_int_equal(progress.open_start.at, open.at);
    assert_int_equal(progress.open_total_bytes, 30000);
    assert_int_equal(progress.next.at, open.at);
    assert_int_equal(seen.count, 1);
    /* The same reader goes on with what comes next. */
    fake_wal_pad_page(&wal);
    ASSERT_OK(wal_reader_push(reader, span_cut(buf_span(&wal.bytes), 2 * PAGE_BYTES, SIZE_MAX)));
    progress = wal_reader_progress(reader);
    assert_int_equal(progress.open_start.at, 0);
    assert_int_equal(seen.count, 2);
    fake_wal_done(&wal);
}

/* Bends one place of sound WAL: two records of 100 bytes, then one over the page's end, then another. */
static WalProgress bent(unsigned *count, size_t at, uint8_t mask)
{
    FakeWal wal;
    Seen seen;
    fake_wal_begin(&wal, 16);
    (void)fake_wal_filler(&wal, 100);
    (void)fake_wal_filler(&wal, 100);
    (void)fake_wal_filler(&wal, 9000);
    (void)fake_wal_filler(&wal, 100);
    fake_wal_pad_page(&wal);
    wal.bytes.data[at] ^= mask;
    const WalProgress progress = read_all(buf_span(&wal.bytes), &seen);
    *count = seen.count;
    fake_wal_done(&wal);
    return progress;
}

static void test_wal_reader__ends_at_every_kind_of_damage(void **state)
{
    (void)state;
    enum { SECOND = 40 + 104, THIRD = SECOND + 104 };
    static const struct {
        size_t at;
        uint8_t mask;
        WalEnd end;
        unsigned count;
    } cases[] = {
        {SECOND + 3, 0x80, WAL_END_LENGTH, 1},            /* total length */
        {SECOND + 0, 0x7C, WAL_END_CRC, 1},               /* a length that fits the page */
        {SECOND + 8, 0x01, WAL_END_PREV, 1},              /* prev */
        {SECOND + 4, 0x01, WAL_END_CRC, 1},               /* xid */
        {SECOND + 99, 0x01, WAL_END_CRC, 1},              /* last byte */
        {THIRD + 8, 0x01, WAL_END_PREV, 2},               /* prev of the record over two pages */
        {THIRD + 5000, 0x01, WAL_END_CRC, 2},             /* body of it */
        {PAGE_BYTES + 0, 0x01, WAL_END_PAGE, 2},          /* magic */
        {PAGE_BYTES + 2, 0x01, WAL_END_CONTINUATION, 2},  /* no continuation */
        {PAGE_BYTES + 2, 0x40, WAL_END_PAGE, 2},          /* unknown flag */
        {PAGE_BYTES + 10, 0x01, WAL_END_PAGE, 2},         /* address */
        {PAGE_BYTES + 16, 0x01, WAL_END_CONTINUATION, 2}, /* rest length */
        {PAGE_BYTES + 30, 0x01, WAL_END_CRC, 2},          /* body on the second page */
    };
    unsigned count = 0;
    assert_int_equal(bent(&count, 0, 0).end, WAL_END_ZERO);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const WalProgress progress = bent(&count, cases[i].at, cases[i].mask);
        assert_int_equal(progress.end, cases[i].end);
        assert_int_equal(count, cases[i].count);
        assert_int_not_equal(progress.end_text[0], 0);
        assert_int_equal(progress.open_start.at, 0);
        assert_int_equal(progress.next.at, UINT64_C(5) * FAKE_WAL_SEGMENT + (count == 1 ? SECOND : THIRD));
    }
}

static void test_wal_reader__delivers_nothing_behind_the_end(void **state)
{
    (void)state;
    FakeWal wal;
    Seen seen;
    fake_wal_begin(&wal, 16);
    (void)fake_wal_filler(&wal, 100);
    fake_wal_pad_page(&wal);
    (void)fake_wal_filler(&wal, 100);
    fake_wal_pad_page(&wal);
    AUTO(wal_reader_free) WalReader *reader = reader_at(buf_span(&wal.bytes), &seen);
    ASSERT_OK(wal_reader_push(reader, span_of(wal.bytes.data, PAGE_BYTES)));
    ASSERT_OK(wal_reader_push(reader, span_of(wal.bytes.data + PAGE_BYTES, PAGE_BYTES)));
    assert_int_equal(seen.count, 1);
    fake_wal_done(&wal);
}

static void test_wal_reader__follows_a_record_too_long_to_keep(void **state)
{
    (void)state;
    FakeWal wal;
    Seen seen;
    fake_wal_begin(&wal, 16);
    (void)fake_wal_filler(&wal, WAL_RECORD_KEPT_MAX + 100000);
    (void)fake_wal_filler(&wal, 100);
    fake_wal_pad_page(&wal);
    (void)read_all(buf_span(&wal.bytes), &seen);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.entry[0].bytes.len, WAL_RECORD_KEPT_MAX);
    assert_int_equal(seen.entry[0].head.total_bytes, WAL_RECORD_KEPT_MAX + 100000);
    fake_wal_done(&wal);
}

static void test_wal_reader__passes_on_what_the_callback_says(void **state)
{
    (void)state;
    FakeWal wal;
    Seen seen;
    fake_wal_begin(&wal, 16);
    (void)fake_wal_filler(&wal, 100);
    (void)fake_wal_filler(&wal, 100);
    fake_wal_pad_page(&wal);
    AUTO(wal_reader_free) WalReader *reader = reader_at(buf_span(&wal.bytes), &seen);
    seen.fail_at = 1;
    ASSERT_ERR_TEXT(CANCELED, "enough", wal_reader_push(reader, buf_span(&wal.bytes)));
    ASSERT_ERR(CORRUPT, wal_reader_push(reader, span_of(wal.bytes.data, 100)));
    fake_wal_done(&wal);
}

UNIT_MAIN(cmocka_unit_test(test_wal_reader__delivers_records_of_every_length),
          cmocka_unit_test(test_wal_reader__sees_the_same_page_by_page),
          cmocka_unit_test(test_wal_reader__joins_isolated_segments_by_their_seams),
          cmocka_unit_test(test_wal_reader__crosses_the_switch_of_timelines),
          cmocka_unit_test(test_wal_reader__refuses_a_timeline_that_goes_down),
          cmocka_unit_test(test_wal_reader__skips_the_rest_behind_a_switch),
          cmocka_unit_test(test_wal_reader__gives_up_what_a_crash_left_unfinished),
          cmocka_unit_test(test_wal_reader__reports_the_unfinished_record),
          cmocka_unit_test(test_wal_reader__ends_at_every_kind_of_damage),
          cmocka_unit_test(test_wal_reader__delivers_nothing_behind_the_end),
          cmocka_unit_test(test_wal_reader__follows_a_record_too_long_to_keep),
          cmocka_unit_test(test_wal_reader__passes_on_what_the_callback_says))
