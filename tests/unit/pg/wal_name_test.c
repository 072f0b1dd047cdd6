/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "pg/wal_name.h"

#include <string.h>

enum { MB = 1 << 20 };

static WalName parsed(const char *text, uint32_t segment_bytes)
{
    WalName name = {0};
    ASSERT_OK(wal_name_parse(&name, text, segment_bytes));
    assert_string_equal(wal_name_text(name).text, text);
    return name;
}

static void test_wal_name__reads_and_writes_each_kind(void **state)
{
    (void)state;
    WalName name = parsed("00000003000000160000000B", 16 * MB);
    assert_int_equal(name.kind, WAL_NAME_SEGMENT);
    assert_int_equal(name.timeline.id, 3);
    assert_int_equal(name.segment, 0x160B);
    assert_int_equal(parsed("00000003000000160000000B.partial", 16 * MB).kind, WAL_NAME_PARTIAL);
    name = parsed("00000003000000160000000B.00000028.backup", 16 * MB);
    assert_int_equal(name.kind, WAL_NAME_BACKUP);
    assert_int_equal(name.offset, 0x28);
    name = parsed("FFFFFFFF.history", 16 * MB);
    assert_int_equal(name.kind, WAL_NAME_HISTORY);
    assert_int_equal(name.timeline.id, UINT32_MAX);
}

static void test_wal_name__counts_by_segment_size(void **state)
{
    (void)state;
    const Lsn lsn = {UINT64_C(0x16C0000028)};
    assert_string_equal(wal_name_text(wal_name_of_lsn((Timeline){1}, lsn, MB)).text,
                        "000000010000001600000C00");
    assert_string_equal(wal_name_text(wal_name_of_lsn((Timeline){1}, lsn, 16 * MB)).text,
                        "0000000100000016000000C0");
    assert_string_equal(wal_name_text(wal_name_of_lsn((Timeline){1}, lsn, 1024 * MB)).text,
                        "000000010000001600000003");
    assert_int_equal(wal_name_start(parsed("0000000100000016000000C0", 16 * MB)).at, UINT64_C(0x16C0000000));
    assert_int_equal(wal_name_end(parsed("0000000100000016000000FF", 16 * MB)).at, UINT64_C(0x1700000000));
}

static void test_wal_name__refuses_other_names(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "00000001000000000000000",
        "00000001000000000000000a",
        "0000000100000000000000010",
        "000000010000000000000100", /* only 256 segments of 16 MB in 4 GiB */
        "000000000000000000000001", /* timeline 0 */
        "00000000.history",
        "0000001.history",
        "00000001.history.bak",
        "000000010000000000000001.part",
        "000000010000000000000001.0000028.backup",
        "000000010000000000000001.01000000.backup", /* behind the segment's end */
        "000000010000000000000001.00000028.backup.gz",
        "00000001FFFFFFFF000000FF", /* the last one of 64 bits: nothing could follow */
        "archive_status",
    };
    WalName name = {.segment = 7};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        ASSERT_ERR(USAGE, wal_name_parse(&name, bad[i], 16 * MB));
    assert_int_equal(name.segment, 7);
}

static void test_wal_name__has_neighbours_across_4_gib(void **state)
{
    (void)state;
    const WalName last = parsed("0000000100000016000000FF.partial", 16 * MB);
    assert_string_equal(wal_name_text(wal_name_next(last)).text, "000000010000001700000000");
    assert_string_equal(wal_name_text(wal_name_prev(wal_name_next(last))).text, "0000000100000016000000FF");
    assert_string_equal(wal_name_text(wal_name_segment(last)).text, "0000000100000016000000FF");
}

static void test_wal_name_before_lsn__does_not_step_over_a_border(void **state)
{
    (void)state;
    const Lsn border = {32 * MB};
    assert_int_equal(wal_name_before_lsn((Timeline){1}, border, 16 * MB).segment, 1);
    assert_int_equal(wal_name_of_lsn((Timeline){1}, border, 16 * MB).segment, 2);
    assert_int_equal(wal_name_before_lsn((Timeline){1}, (Lsn){32 * MB + 1}, 16 * MB).segment, 2);
}

static void test_wal_name_compare__orders_by_timeline_first(void **state)
{
    (void)state;
    const WalName a = parsed("0000000100000016000000FF", 16 * MB),
                  b = parsed("000000020000000000000001", 16 * MB);
    assert_true(wal_name_compare(a, b) < 0);
    assert_true(wal_name_compare(wal_name_next(a), a) > 0);
    assert_int_equal(wal_name_compare(a, a), 0);
    assert_true(wal_name_compare(a, parsed("0000000100000016000000FF.partial", 16 * MB)) < 0);
}

static void test_wal_segment_bytes__is_a_power_of_two_from_1_mb_to_1_gb(void **state)
{
    (void)state;
    assert_true(wal_segment_bytes_is_valid(MB));
    assert_true(wal_segment_bytes_is_valid(1024 * MB));
    static const uint64_t bad[] = {0, 1, MB / 2, 3 * MB, UINT64_C(2048) * MB, (UINT64_C(1) << 32) | MB};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(wal_segment_bytes_is_valid(bad[i]));
}

static void test_wal_name_is_archivable__follows_postgresql(void **state)
{
    (void)state;
    assert_true(wal_name_is_archivable("00000002.history"));
    assert_true(wal_name_is_archivable("00000003000000160000000B.00000028.backup"));
    assert_true(wal_name_is_archivable("00000003000000160000000B"));
    assert_false(wal_name_is_archivable("0000002.history"));
    assert_false(wal_name_is_archivable("00000003000000160000000B.000000028.backup"));
    assert_false(wal_name_is_archivable("../../../../etc/passwd"));
    assert_false(wal_name_is_archivable("00000003000000160000000B/"));
}

UNIT_MAIN(cmocka_unit_test(test_wal_name__reads_and_writes_each_kind),
          cmocka_unit_test(test_wal_name__counts_by_segment_size),
          cmocka_unit_test(test_wal_name__refuses_other_names),
          cmocka_unit_test(test_wal_name__has_neighbours_across_4_gib),
          cmocka_unit_test(test_wal_name_before_lsn__does_not_step_over_a_border),
          cmocka_unit_test(test_wal_name_compare__orders_by_timeline_first),
          cmocka_unit_test(test_wal_segment_bytes__is_a_power_of_two_from_1_mb_to_1_gb),
          cmocka_unit_test(test_wal_name_is_archivable__follows_postgresql))
