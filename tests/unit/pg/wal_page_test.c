/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "fake/wal.h"
#include "pg/wal_page.h"

#include <string.h>

typedef struct Bytes {
    uint8_t b[WAL_PAGE_LONG_HEAD_BYTES];
} Bytes;

static Bytes head_bytes(void)
{
    FakeWal wal;
    Bytes bytes;
    fake_wal_begin(&wal, 16);
    (void)fake_wal_filler(&wal, 100);
    memcpy(bytes.b, wal.bytes.data, sizeof bytes.b);
    fake_wal_done(&wal);
    return bytes;
}

static Span span(const Bytes *bytes)
{
    return span_of(bytes->b, sizeof bytes->b);
}

static void test_wal_segment_head__tells_what_real_servers_wrote(void **state)
{
    (void)state;
    for (uint32_t major = PG_MAJOR_FIRST; major <= PG_MAJOR_LAST; major++) {
        AUTO(buf_done) Buf wal = {0};
        WalSegmentHead first, last;
        fake_wal_fixture(&wal, major);
        ASSERT_OK(wal_segment_head_decode(&first, buf_span(&wal)));
        ASSERT_OK(wal_segment_head_decode(&last, span_of(wal.data + wal.len - FAKE_WAL_SEGMENT, PAGE_BYTES)));
        assert_int_equal(first.version->major, major);
        assert_int_equal(first.segment_bytes, FAKE_WAL_SEGMENT);
        assert_int_equal(first.timeline.id, 1);
        assert_true(first.address.at > 0 && first.address.at % FAKE_WAL_SEGMENT == 0);
        /* The first segment of timeline 2 begins with a page of its parent. */
        assert_int_equal(last.timeline.id, 1);
        assert_int_equal(last.system_id.id, first.system_id.id);
    }
}

static void test_wal_segment_head__refuses_each_wrong_field(void **state)
{
    (void)state;
    WalSegmentHead head;
    Bytes good = head_bytes();
    ASSERT_OK(wal_segment_head_decode(&head, span(&good)));

    Bytes bad = good;
    put_u16(bad.b, 0xD122);
    ASSERT_ERR_TEXT(UNSUPPORTED, "D122", wal_segment_head_decode(&head, span(&bad)));
    bad = good;
    put_u16(bad.b + 2, 0);
    ASSERT_ERR_TEXT(CORRUPT, "long header", wal_segment_head_decode(&head, span(&bad)));
    bad = good;
    put_u16(bad.b + 2, 0x12);
    ASSERT_ERR_TEXT(CORRUPT, "0012", wal_segment_head_decode(&head, span(&bad)));
    bad = good;
    put_u32(bad.b + 4, 0);
    ASSERT_ERR_TEXT(CORRUPT, "timeline 0", wal_segment_head_decode(&head, span(&bad)));
    bad = good;
    put_u64(bad.b + 8, 0x5002000);
    ASSERT_ERR_TEXT(CORRUPT, "0/5002000", wal_segment_head_decode(&head, span(&bad)));
    bad = good;
    put_u32(bad.b + 32, 3 << 20);
    ASSERT_ERR_TEXT(CORRUPT, "3145728", wal_segment_head_decode(&head, span(&bad)));
    bad = good;
    put_u32(bad.b + 36, 16384);
    ASSERT_ERR_TEXT(UNSUPPORTED, "16384", wal_segment_head_decode(&head, span(&bad)));
    ASSERT_ERR_TEXT(CORRUPT, "39", wal_segment_head_decode(&head, span_of(good.b, 39)));
}

static void test_wal_segment_head_check__names_both_values(void **state)
{
    (void)state;
    const PgVersion *other = NULL;
    WalSegmentHead head;
    const Bytes good = head_bytes();
    ASSERT_OK(wal_segment_head_decode(&head, span(&good)));
    ASSERT_OK(pg_version_of_major(&other, 15));
    WalSegmentHead want = head;
    want.timeline.id = 3;
    ASSERT_OK(wal_segment_head_check(&head, &want));

    want = head;
    want.version = other;
    ASSERT_ERR_TEXT(CORRUPT, "PostgreSQL 16, expected 15", wal_segment_head_check(&head, &want));
    want = head;
    want.system_id.id = 42;
    ASSERT_ERR_TEXT(CORRUPT, "7654321098765432101, expected 42", wal_segment_head_check(&head, &want));
    want = head;
    want.segment_bytes = 16 << 20;
    ASSERT_ERR_TEXT(CORRUPT, "1048576, expected 16777216", wal_segment_head_check(&head, &want));
    want = head;
    want.address.at += FAKE_WAL_SEGMENT;
    ASSERT_ERR_TEXT(CORRUPT, "0/500000, expected 0/600000", wal_segment_head_check(&head, &want));
    want = head;
    head.timeline.id = 2;
    ASSERT_ERR_TEXT(CORRUPT, "timeline 2, expected 1", wal_segment_head_check(&head, &want));
}

UNIT_MAIN(cmocka_unit_test(test_wal_segment_head__tells_what_real_servers_wrote),
          cmocka_unit_test(test_wal_segment_head__refuses_each_wrong_field),
          cmocka_unit_test(test_wal_segment_head_check__names_both_values))
