/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/crc32c.h"
#include "pg/control.h"
#include "pg/fixture.h"

static ControlFile decoded(unsigned major, const char *name)
{
    AUTO(buf_done) Buf bytes = {0};
    fixture_read(&bytes, major, name);
    ControlFile file = {0};
    ControlCrc crc = {1, 2};
    ASSERT_OK(control_decode(&file, &crc, buf_span(&bytes)));
    assert_true(control_crc_is_good(crc));
    return file;
}

static void test_control_decode__reads_every_major(void **state)
{
    (void)state;
    FOR_EACH_MAJOR(major)
    {
        const ControlFile file = decoded(major, "pg_control.running");
        assert_int_equal(file.version->major, major);
        assert_true(file.system_id.id >> 32 > 1700000000); /* the second of initdb */
        assert_int_equal(file.state, CONTROL_IN_PRODUCTION);
        assert_true(file.time.us > INT64_C(1700000000000000));
        assert_true(file.checkpoint_lsn.at >= file.checkpoint.redo.at);
        assert_true(file.checkpoint.redo.at > 1 << 20);
        assert_int_equal(file.checkpoint.timeline.id, 1);
        assert_true(file.checkpoint.full_page_writes);
        assert_true(file.checkpoint.next_full_xid > 400);
        assert_true(file.checkpoint.next_oid.id >= 16384);
        assert_int_equal(file.wal_segment_bytes, 1 << 20);
        assert_int_equal(file.relation_segment_blocks, 131072);
        assert_int_equal(file.data_checksum_version, 1);
        assert_int_equal(file.backup_start.at, 0);
        assert_false(file.backup_end_required);
    }
}

static void test_control_decode__reads_settings(void **state)
{
    (void)state;
    FOR_EACH_MAJOR(major)
    {
        const ControlSettings s = decoded(major, "pg_control.running").settings;
        assert_int_equal(s.wal_level, 1);
        assert_int_equal(s.max_connections, 20);
        assert_int_equal(s.max_worker_processes, 8);
        assert_int_equal(s.max_wal_senders, 10);
        assert_int_equal(s.max_prepared_transactions, 0);
        assert_int_equal(s.max_locks_per_transaction, 64);
        assert_false(s.wal_log_hints);
        assert_false(s.track_commit_timestamp);
    }
}

static void test_control_decode__sees_shutdown_and_promotion(void **state)
{
    (void)state;
    FOR_EACH_MAJOR(major)
    {
        const ControlFile before = decoded(major, "pg_control.running"),
                          after = decoded(major, "pg_control.shut_down");
        assert_int_equal(after.system_id.id, before.system_id.id);
        assert_true(control_state_is_shut_down(after.state));
        assert_string_equal(control_state_text(after.state), "shut down");
        assert_int_equal(after.checkpoint.timeline.id, 3);
        assert_int_equal(after.checkpoint.redo.at, after.checkpoint_lsn.at);
        assert_true(after.checkpoint.redo.at > before.checkpoint.redo.at);
    }
}

static void test_control_decode__calls_any_flipped_byte_a_wrong_crc(void **state)
{
    (void)state;
    AUTO(buf_done) Buf bytes = {0};
    fixture_read(&bytes, 18, "pg_control.running");
    for (size_t at = 0; at < 296; at++) {
        bytes.data[at] ^= 0x10;
        ControlFile file = {.wal_segment_bytes = 77};
        ControlCrc crc = {0};
        ASSERT_OK(control_decode(&file, &crc, buf_span(&bytes)));
        assert_false(control_crc_is_good(crc));
        assert_int_equal(file.wal_segment_bytes, 77);
        bytes.data[at] ^= 0x10;
    }
    ASSERT_ERR_TEXT(CORRUPT, "0000000a, computed 0000000b", control_crc_error((ControlCrc){10, 11}));
}

/* Puts `value` at `at` and a CRC that fits at `crc_at`; decoding must then fail with UNSUPPORTED or CORRUPT. */
static Err *decode_changed(unsigned major, size_t at, uint32_t value, size_t crc_at)
{
    AUTO(buf_done) Buf bytes = {0};
    fixture_read(&bytes, major, "pg_control.running");
    put_u32(bytes.data + at, value);
    put_u32(bytes.data + crc_at, crc32c(span_of(bytes.data, crc_at)));
    ControlFile file;
    ControlCrc crc;
    return control_decode(&file, &crc, buf_span(&bytes));
}

static void test_control_decode__names_what_it_does_not_know(void **state)
{
    (void)state;
    ASSERT_ERR_TEXT(UNSUPPORTED, "202610061", decode_changed(18, 12, 202610061, 308));
    ASSERT_ERR_TEXT(UNSUPPORTED, "201909212", decode_changed(13, 12, 201909212, 288));
    ASSERT_ERR_TEXT(UNSUPPORTED, "1299", decode_changed(15, 8, 1299, 288));
    ASSERT_ERR_TEXT(UNSUPPORTED, "block size is 32768", decode_changed(15, 216, 32768, 288));
    ASSERT_ERR_TEXT(UNSUPPORTED, "WAL block size is 4096", decode_changed(15, 224, 4096, 288));
    ASSERT_ERR_TEXT(UNSUPPORTED, "alignment is 4", decode_changed(15, 204, 4, 288));
    ASSERT_ERR_TEXT(UNSUPPORTED, "floating", decode_changed(15, 208, 1, 288));
    ASSERT_ERR_TEXT(CORRUPT, "state is 7", decode_changed(18, 16, 7, 292));
    ASSERT_ERR_TEXT(CORRUPT, "3145728", decode_changed(18, 228, 3 << 20, 292));
    ASSERT_ERR_TEXT(CORRUPT, "relation segment", decode_changed(18, 220, 0, 292));
}

static void test_control_decode__refuses_another_size(void **state)
{
    (void)state;
    static const uint8_t zeros[CONTROL_FILE_BYTES + 1];
    ControlFile file;
    ControlCrc crc = {0};
    ASSERT_ERR_TEXT(CORRUPT, "8191", control_decode(&file, &crc, span_of(zeros, CONTROL_FILE_BYTES - 1)));
    ASSERT_ERR_TEXT(CORRUPT, "8193", control_decode(&file, &crc, span_of(zeros, CONTROL_FILE_BYTES + 1)));
    ASSERT_ERR(CORRUPT, control_decode(&file, &crc, span_of(zeros, 0)));
    ASSERT_OK(control_decode(&file, &crc, span_of(zeros, CONTROL_FILE_BYTES)));
    assert_false(control_crc_is_good(crc));
}

static void test_control_decode__has_no_time_where_seconds_do_not_fit(void **state)
{
    (void)state;
    AUTO(buf_done) Buf bytes = {0};
    fixture_read(&bytes, 15, "pg_control.running");
    put_u64(bytes.data + 24, UINT64_C(1) << 62);
    put_u32(bytes.data + 288, crc32c(span_of(bytes.data, 288)));
    ControlFile file;
    ControlCrc crc;
    ASSERT_OK(control_decode(&file, &crc, buf_span(&bytes)));
    assert_true(instant_is_none(file.time));
    assert_false(instant_is_none(file.checkpoint.time));
}

UNIT_MAIN(cmocka_unit_test(test_control_decode__reads_every_major),
          cmocka_unit_test(test_control_decode__reads_settings),
          cmocka_unit_test(test_control_decode__sees_shutdown_and_promotion),
          cmocka_unit_test(test_control_decode__calls_any_flipped_byte_a_wrong_crc),
          cmocka_unit_test(test_control_decode__names_what_it_does_not_know),
          cmocka_unit_test(test_control_decode__refuses_another_size),
          cmocka_unit_test(test_control_decode__has_no_time_where_seconds_do_not_fit))
