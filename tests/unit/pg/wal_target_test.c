/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "fake/wal.h"
#include "pg/wal_target.h"
#include "pg/xact.h"

#include <string.h>

/* A stretch of WAL whose commit times are not in order. */
typedef struct Story {
    FakeWal wal;
    Lsn insert, commit_10, abort_20, prepared_20, commit_15, point, point_again, commit_30;
} Story;

static Lsn add_end(FakeWal *wal, uint8_t op, uint32_t xid, uint64_t seconds)
{
    uint8_t main[8];
    put_u64(main, seconds * 1000000);
    return fake_wal_main(wal, WAL_XACT, op, (Xid){xid}, span_of(main, sizeof main));
}

static Lsn add_prepared(FakeWal *wal, uint32_t xid, uint64_t seconds)
{
    uint8_t main[16];
    put_u64(main, seconds * 1000000);
    put_u32(main + 8, 0x10);
    put_u32(main + 12, xid);
    return fake_wal_main(wal, WAL_XACT, XACT_COMMIT_PREPARED | 0x80, (Xid){0}, span_of(main, sizeof main));
}

static Lsn add_point(FakeWal *wal, const char *name, uint64_t seconds)
{
    uint8_t main[72] = {0};
    put_u64(main, seconds * 1000000);
    memcpy(main + 8, name, strlen(name));
    return fake_wal_main(wal, WAL_XLOG, WAL_XLOG_RESTORE_POINT, (Xid){0}, span_of(main, sizeof main));
}

static Story story(void)
{
    Story s;
    fake_wal_begin(&s.wal, 15);
    s.insert = fake_wal_filler(&s.wal, 100);
    s.commit_10 = add_end(&s.wal, XACT_COMMIT, 700, 10);
    s.abort_20 = add_end(&s.wal, XACT_ABORT, 701, 20);
    s.prepared_20 = add_prepared(&s.wal, 699, 20);
    s.commit_15 = add_end(&s.wal, XACT_COMMIT, 703, 15);
    s.point = add_point(&s.wal, "here", 16);
    s.point_again = add_point(&s.wal, "here", 17);
    s.commit_30 = add_end(&s.wal, XACT_COMMIT, 702, 30);
    fake_wal_pad_page(&s.wal);
    return s;
}

static Instant at(uint64_t seconds)
{
    return instant_from_pg((int64_t)seconds * 1000000);
}

static WalMatcher match(WalTarget target)
{
    Story s = story();
    WalSegmentHead head;
    ASSERT_OK(wal_segment_head_decode(&head, buf_span(&s.wal.bytes)));
    WalMatcher matcher = wal_matcher(&target, head.version);
    AUTO(wal_reader_free) WalReader *reader = wal_reader_new(&head, wal_matcher_entry, &matcher);
    ASSERT_OK(wal_reader_push(reader, buf_span(&s.wal.bytes)));
    fake_wal_done(&s.wal);
    return matcher;
}

static Story places(void)
{
    Story s = story();
    fake_wal_done(&s.wal);
    return s;
}

static void test_wal_matcher__stops_before_the_first_later_end(void **state)
{
    (void)state;
    const Story s = places();
    WalMatcher m = match((WalTarget){.kind = WAL_TARGET_TIME, .time = at(12)});
    assert_true(m.is_found && m.is_before);
    assert_int_equal(m.record.at, s.abort_20.at); /* aborts count */
    assert_int_equal(m.end.at, s.abort_20.at);
    assert_int_equal(m.last_time.us, at(10).us);
    assert_int_equal(m.time.us, at(20).us);

    /* Inclusive: the same time goes by. Restore points do not stop it. */
    m = match((WalTarget){.kind = WAL_TARGET_TIME, .time = at(20)});
    assert_int_equal(m.record.at, s.commit_30.at);
    assert_int_equal(m.last_time.us, at(15).us);
    /* Exclusive: the first of that time stops it, and nothing after it counts, not even the earlier 15. */
    m = match((WalTarget){.kind = WAL_TARGET_TIME, .time = at(20), .is_exclusive = true});
    assert_int_equal(m.record.at, s.abort_20.at);
    assert_int_equal(m.xid.id, 701);
    m = match((WalTarget){.kind = WAL_TARGET_TIME, .time = at(30)});
    assert_false(m.is_found);
    assert_int_equal(m.last_time.us, at(30).us);
    assert_true(m.end.at > s.commit_30.at);
}

static void test_wal_matcher__stops_at_the_end_of_a_transaction(void **state)
{
    (void)state;
    const Story s = places();
    WalMatcher m = match((WalTarget){.kind = WAL_TARGET_XID, .xid = {703}});
    assert_true(m.is_found && !m.is_before);
    assert_int_equal(m.record.at, s.commit_15.at);
    assert_int_equal(m.end.at, s.point.at);
    m = match((WalTarget){.kind = WAL_TARGET_XID, .xid = {703}, .is_exclusive = true});
    assert_true(m.is_found && m.is_before);
    assert_int_equal(m.end.at, s.commit_15.at);
    /* A prepared one by the number in its data; a filler's 700 is no end. */
    m = match((WalTarget){.kind = WAL_TARGET_XID, .xid = {699}});
    assert_int_equal(m.record.at, s.prepared_20.at);
    m = match((WalTarget){.kind = WAL_TARGET_XID, .xid = {700}});
    assert_int_equal(m.record.at, s.commit_10.at);
    assert_false(match((WalTarget){.kind = WAL_TARGET_XID, .xid = {12345}}).is_found);
}

static void test_wal_matcher__stops_at_an_lsn(void **state)
{
    (void)state;
    const Story s = places();
    WalMatcher m = match((WalTarget){.kind = WAL_TARGET_LSN, .lsn = s.abort_20});
    assert_true(m.is_found && !m.is_before);
    assert_int_equal(m.end.at, s.prepared_20.at);
    m = match((WalTarget){.kind = WAL_TARGET_LSN, .lsn = s.abort_20, .is_exclusive = true});
    assert_true(m.is_before);
    assert_int_equal(m.end.at, s.abort_20.at);
    /* Inside a record: the next one that begins behind it. */
    m = match((WalTarget){.kind = WAL_TARGET_LSN, .lsn = {s.commit_10.at + 1}});
    assert_int_equal(m.record.at, s.abort_20.at);
}

static void test_wal_matcher__stops_after_the_first_point_of_a_name(void **state)
{
    (void)state;
    const Story s = places();
    WalMatcher m = match((WalTarget){.kind = WAL_TARGET_NAME, .name = "here", .is_exclusive = true});
    assert_true(m.is_found && !m.is_before);
    assert_int_equal(m.record.at, s.point.at);
    assert_int_equal(m.end.at, s.point_again.at);
    assert_int_equal(m.time.us, at(16).us);
    assert_false(match((WalTarget){.kind = WAL_TARGET_NAME, .name = "her"}).is_found);
    assert_false(match((WalTarget){.kind = WAL_TARGET_NAME, .name = "here!"}).is_found);
}

static void test_wal_matcher__stops_once_the_backup_is_consistent(void **state)
{
    (void)state;
    const Story s = places();
    const WalMatcher m = match((WalTarget){.kind = WAL_TARGET_IMMEDIATE, .lsn = s.abort_20});
    assert_true(m.is_found && !m.is_before);
    assert_int_equal(m.record.at, s.commit_10.at);
    assert_int_equal(m.end.at, s.abort_20.at);
    assert_false(match((WalTarget){.kind = WAL_TARGET_END}).is_found);
}

static void test_wal_matcher__never_guesses(void **state)
{
    (void)state;
    FakeWal wal;
    WalSegmentHead head;
    fake_wal_begin(&wal, 15);
    (void)fake_wal_main(&wal, WAL_XACT, XACT_COMMIT, (Xid){700}, span_of("short", 5));
    fake_wal_pad_page(&wal);
    ASSERT_OK(wal_segment_head_decode(&head, buf_span(&wal.bytes)));
    WalMatcher matcher = wal_matcher(&(WalTarget){.kind = WAL_TARGET_TIME, .time = at(1)}, head.version);
    AUTO(wal_reader_free) WalReader *reader = wal_reader_new(&head, wal_matcher_entry, &matcher);
    ASSERT_ERR_TEXT(CORRUPT, "0/500028", wal_reader_push(reader, buf_span(&wal.bytes)));
    fake_wal_done(&wal);
}

UNIT_MAIN(cmocka_unit_test(test_wal_matcher__stops_before_the_first_later_end),
          cmocka_unit_test(test_wal_matcher__stops_at_the_end_of_a_transaction),
          cmocka_unit_test(test_wal_matcher__stops_at_an_lsn),
          cmocka_unit_test(test_wal_matcher__stops_after_the_first_point_of_a_name),
          cmocka_unit_test(test_wal_matcher__stops_once_the_backup_is_consistent),
          cmocka_unit_test(test_wal_matcher__never_guesses))
