/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "pg/xact.h"

#include "base/buf.h"

#include <string.h>

static const PgVersion *version_of(uint32_t major)
{
    const PgVersion *version = NULL;
    ASSERT_OK(pg_version_of_major(&version, major));
    return version;
}

static WalRecord record_of(uint8_t info, uint32_t xid, const Buf *main)
{
    WalRecord record;
    memset(&record, 0, sizeof record);
    record.head = (WalRecordHead){.manager = WAL_XACT, .info = info, .xid = {xid}};
    record.main = buf_span(main);
    return record;
}

static void add_time_and_flags(Buf *main, uint32_t flags)
{
    buf_add_u64(main, 1000000);
    if (flags)
        buf_add_u32(main, flags);
}

static void add_zeros(Buf *main, size_t size)
{
    for (size_t i = 0; i < size; i++)
        buf_add_u8(main, 0);
}

/* Every part at once, in the order they stand in. */
static void add_all(Buf *main, size_t stats_item_bytes)
{
    add_time_and_flags(main, 0x1BF);
    buf_add_u32(main, 5); /* database */
    buf_add_u32(main, 1663);
    buf_add_u32(main, 2); /* subtransactions */
    buf_add_u32(main, 801);
    buf_add_u32(main, 802);
    buf_add_u32(main, 1); /* files */
    buf_add_u32(main, 1663);
    buf_add_u32(main, 5);
    buf_add_u32(main, 16384);
    buf_add_u32(main, 3); /* dropped statistics */
    add_zeros(main, 3 * stats_item_bytes);
    buf_add_u32(main, 2); /* invalidations */
    add_zeros(main, 32);
    buf_add_u32(main, 800); /* prepared */
    buf_add(main, "name", 5);
    buf_add_u64(main, 0xABCDEF0); /* origin */
    buf_add_u64(main, 2000000);
}

static void test_xact_end__reads_every_part(void **state)
{
    (void)state;
    for (uint32_t major = 15; major <= 18; major++) {
        AUTO(buf_done) Buf main = {0};
        add_all(&main, major < 18 ? 12 : 16);
        const WalRecord record = record_of(XACT_COMMIT_PREPARED | 0x80, 0, &main);
        XactEnd end;
        assert_true(xact_is_end(&record.head));
        ASSERT_OK(xact_end_decode(&end, version_of(major), &record));
        assert_int_equal(end.op, XACT_COMMIT_PREPARED);
        assert_int_equal(end.xid.id, 800);
        assert_string_equal(instant_text(end.time).text, "2000-01-01T00:00:01Z");
        assert_int_equal(end.database.id, 5);
        assert_int_equal(end.subxact_count, 2);
        assert_int_equal(xact_end_subxact(&end, 1).id, 802);
        assert_int_equal(end.file_count, 1);
        assert_int_equal(xact_end_file(&end, 0).number.id, 16384);
        assert_int_equal(end.dropped_stats_count, 3);
        assert_true(span_equal(end.prepared_name, span_of("name", 4)));
        assert_int_equal(end.origin_lsn.at, 0xABCDEF0);
        assert_string_equal(instant_text(end.origin_time).text, "2000-01-01T00:00:02Z");
    }
}

static void test_xact_end__is_plain_without_flags(void **state)
{
    (void)state;
    AUTO(buf_done) Buf main = {0};
    XactEnd end;
    add_time_and_flags(&main, 0);
    const WalRecord record = record_of(XACT_ABORT, 900, &main);
    ASSERT_OK(xact_end_decode(&end, version_of(13), &record));
    assert_int_equal(end.op, XACT_ABORT);
    assert_false(xact_op_is_commit(end.op));
    assert_int_equal(end.xid.id, 900);
    assert_int_equal(end.flags, 0);
    assert_true(instant_is_none(end.origin_time));
}

static void test_xact_end__refuses_every_wrong_length(void **state)
{
    (void)state;
    AUTO(buf_done) Buf main = {0};
    XactEnd end;
    add_all(&main, 12);
    WalRecord record = record_of(XACT_COMMIT_PREPARED | 0x80, 0, &main);
    for (size_t len = 0; len < main.len; len++) {
        record.main = span_of(main.data, len);
        ASSERT_ERR(CORRUPT, xact_end_decode(&end, version_of(17), &record));
    }
    buf_add_u8(&main, 0);
    record.main = buf_span(&main);
    ASSERT_ERR(CORRUPT, xact_end_decode(&end, version_of(17), &record));
}

static void test_xact_end__refuses_counts_beyond_the_record(void **state)
{
    (void)state;
    AUTO(buf_done) Buf main = {0};
    XactEnd end;
    add_time_and_flags(&main, 0x02);
    buf_add_u32(&main, UINT32_MAX);
    add_zeros(&main, 400);
    const WalRecord record = record_of(XACT_COMMIT | 0x80, 900, &main);
    ASSERT_ERR(CORRUPT, xact_end_decode(&end, version_of(17), &record));
}

static void test_xact_end__wants_the_number_of_a_prepared_one(void **state)
{
    (void)state;
    AUTO(buf_done) Buf main = {0};
    XactEnd end;
    add_time_and_flags(&main, 0);
    const WalRecord record = record_of(XACT_ABORT_PREPARED, 0, &main);
    ASSERT_ERR_TEXT(CORRUPT, "names no transaction", xact_end_decode(&end, version_of(14), &record));
}

static void test_xact_is_end__tells_ends_from_the_rest(void **state)
{
    (void)state;
    static const uint8_t others[] = {XACT_PREPARE, XACT_ASSIGNMENT, XACT_INVALIDATIONS};
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_false(xact_is_end(&(WalRecordHead){.manager = WAL_XACT, .info = others[i] | 0x80}));
    assert_false(xact_is_end(&(WalRecordHead){.manager = WAL_HEAP, .info = XACT_COMMIT}));
    assert_true(xact_is_end(&(WalRecordHead){.manager = WAL_XACT, .info = XACT_ABORT_PREPARED | 0x80}));
}

/* A commit of transaction 800 as it stands in WAL, with its time alone. */
static void plain_end_make(uint8_t *record)
{
    memset(record, 0, 34);
    put_u32(record, 34);
    put_u32(record + 4, 800);
    record[17] = WAL_XACT;
    record[24] = 255;
    record[25] = 8;
    put_u64(record + 26, 1000000);
}

static bool plain_end_matches(XactEnd *end, const uint8_t *record, size_t size)
{
    const WalRecordHead head = wal_record_head_decode(record);
    return xact_end_matches(end, &head, span_of(record, size));
}

static void test_plain_end__is_what_the_decoder_says(void **state)
{
    (void)state;
    uint8_t bytes[34];
    XactEnd end, expected;
    WalRecord record;
    for (unsigned info = 0; info <= 0x20; info += 0x20) {
        plain_end_make(bytes);
        bytes[16] = (uint8_t)info;
        assert_true(plain_end_matches(&end, bytes, sizeof bytes));
        ASSERT_OK(wal_record_decode(&record, version_of(15), span_of(bytes, sizeof bytes)));
        ASSERT_OK(xact_end_decode(&expected, version_of(15), &record));
        assert_int_equal(end.op, expected.op);
        assert_int_equal(end.xid.id, 800);
        assert_int_equal(end.time.us, expected.time.us);
        assert_int_equal(end.origin_time.us, expected.origin_time.us);
        assert_int_equal(end.subxact_count + end.file_count + end.dropped_stats_count + end.flags, 0);
    }
}

static void test_plain_end__is_nothing_else(void **state)
{
    (void)state;
    static const struct {
        uint8_t place, value;
    } bends[] = {{16, 0x80}, {16, 0x10},     {16, 0x30}, {16, 0x40},
                 {16, 0x50}, {17, WAL_HEAP}, {24, 254},  {25, 7}};
    uint8_t bytes[35] = {0};
    XactEnd end;
    for (size_t i = 0; i < COUNT_OF(bends); i++) {
        plain_end_make(bytes);
        bytes[bends[i].place] = bends[i].value;
        assert_false(plain_end_matches(&end, bytes, 34));
    }
    plain_end_make(bytes);
    assert_false(plain_end_matches(&end, bytes, 33));
    assert_false(plain_end_matches(&end, bytes, 35));
}

UNIT_MAIN(cmocka_unit_test(test_plain_end__is_what_the_decoder_says),
          cmocka_unit_test(test_plain_end__is_nothing_else),
          cmocka_unit_test(test_xact_end__reads_every_part),
          cmocka_unit_test(test_xact_end__is_plain_without_flags),
          cmocka_unit_test(test_xact_end__refuses_every_wrong_length),
          cmocka_unit_test(test_xact_end__refuses_counts_beyond_the_record),
          cmocka_unit_test(test_xact_end__wants_the_number_of_a_prepared_one),
          cmocka_unit_test(test_xact_is_end__tells_ends_from_the_rest))
