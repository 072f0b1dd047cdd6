/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "fake/wal.h"
#include "pg/wal_touch.h"

#include <string.h>

enum { DATA_BYTES = 9, MAIN_BYTES = 3, TOTAL_BYTES = 46 + DATA_BYTES + MAIN_BYTES };

/* A row inserted into block 77 of a table. */
static void insert_make(uint8_t *record)
{
    memset(record, 0xA5, TOTAL_BYTES);
    put_u32(record, TOTAL_BYTES);
    record[16] = 0;
    record[17] = WAL_HEAP;
    record[24] = 0;    /* id */
    record[25] = 0x20; /* main fork, data */
    put_u16(record + 26, DATA_BYTES);
    put_u32(record + 28, 1663);
    put_u32(record + 32, 5);
    put_u32(record + 36, 16384);
    put_u32(record + 40, 77);
    record[44] = 255;
    record[45] = MAIN_BYTES;
}

static void test_touch__names_file_and_block(void **state)
{
    (void)state;
    uint8_t record[TOTAL_BYTES];
    WalTouch touch;
    insert_make(record);
    assert_true(wal_touch_matches(&touch, span_of(record, TOTAL_BYTES)));
    assert_true(rel_file_equal(wal_touch_file(touch), (RelFile){{1663}, {5}, {16384}}));
    assert_int_equal(wal_touch_fork(touch), PG_FORK_MAIN);
    assert_int_equal(wal_touch_block(touch), 77);
    record[25] = 0x62;
    assert_true(wal_touch_matches(&touch, span_of(record, TOTAL_BYTES)));
    assert_int_equal(wal_touch_fork(touch), PG_FORK_VM);
}

/* What the whole decoder finds of the same record; false where it is no touch. */
static bool decoder_agrees(Span record, WalTouch touch)
{
    static WalRecord whole;
    const PgVersion *version = NULL;
    ASSERT_OK(pg_version_of_major(&version, 15));
    Err *err = wal_record_decode(&whole, version, record);
    const bool is_sound = !err;
    err_free(&err);
    const WalBlock *const block = &whole.blocks[0];
    return is_sound && whole.block_count == 1 && !whole.top_xid.id && !whole.origin && !block->has_image &&
           rel_file_equal(block->file, wal_touch_file(touch)) && block->fork == wal_touch_fork(touch) &&
           block->block == wal_touch_block(touch);
}

/* Every byte of the heads takes every value; where it is still a touch, the decoder says the same. */
static void test_touch__is_what_the_decoder_says(void **state)
{
    (void)state;
    unsigned touches = 0;
    for (unsigned place = WAL_RECORD_HEAD_BYTES; place < 46; place++) {
        for (unsigned value = 0; value < 256; value++) {
            uint8_t record[TOTAL_BYTES];
            WalTouch touch;
            insert_make(record);
            record[place] = (uint8_t)value;
            if (!wal_touch_matches(&touch, span_of(record, TOTAL_BYTES)))
                continue;
            touches++;
            assert_true(decoder_agrees(span_of(record, TOTAL_BYTES), touch));
        }
    }
    /* Sixteen bytes of file and block may be anything; all else has one value, the flags eight. */
    assert_int_equal(touches, 16 * 256 + 5 * 1 + 8);
}

static void test_touch__is_no_block_that_is_none_and_no_other_length(void **state)
{
    (void)state;
    uint8_t record[TOTAL_BYTES];
    WalTouch touch;
    insert_make(record);
    put_u32(record + 40, UINT32_MAX);
    assert_false(wal_touch_matches(&touch, span_of(record, TOTAL_BYTES)));
    insert_make(record);
    for (size_t len = WAL_RECORD_HEAD_BYTES; len < TOTAL_BYTES; len++)
        assert_false(wal_touch_matches(&touch, span_of(record, len)));
    /* Neither data nor main data: the heads alone. */
    record[25] = 0;
    put_u16(record + 26, 0);
    record[45] = 0;
    assert_false(wal_touch_matches(&touch, span_of(record, 46)));
}

UNIT_MAIN(cmocka_unit_test(test_touch__names_file_and_block),
          cmocka_unit_test(test_touch__is_what_the_decoder_says),
          cmocka_unit_test(test_touch__is_no_block_that_is_none_and_no_other_length))
