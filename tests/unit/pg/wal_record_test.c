/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "fake/wal.h"
#include "pg/wal_record.h"

#include <string.h>

static const PgVersion *version_of(uint32_t major)
{
    const PgVersion *version = NULL;
    ASSERT_OK(pg_version_of_major(&version, major));
    return version;
}

/* A record under construction: `head` for the small headers, `data` for what they announce. */
typedef struct Draft {
    Buf head, data, whole;
} Draft;

static void draft_block(Draft *d, uint8_t id, uint8_t flags, uint16_t data_bytes)
{
    buf_add_u8(&d->head, id);
    buf_add_u8(&d->head, flags);
    buf_add_u16(&d->head, data_bytes);
}

static void draft_place(Draft *d, uint32_t file, uint32_t block)
{
    if (file) {
        buf_add_u32(&d->head, 1663);
        buf_add_u32(&d->head, 5);
        buf_add_u32(&d->head, file);
    }
    buf_add_u32(&d->head, block);
}

static void draft_data(Draft *d, size_t size, uint8_t fill)
{
    memset(buf_reserve(&d->data, size), fill, size);
    buf_grown(&d->data, size);
}

static Span draft_record(Draft *d)
{
    const size_t total = WAL_RECORD_HEAD_BYTES + d->head.len + d->data.len;
    buf_clear(&d->whole);
    memset(buf_reserve(&d->whole, WAL_RECORD_HEAD_BYTES), 0, WAL_RECORD_HEAD_BYTES);
    buf_grown(&d->whole, WAL_RECORD_HEAD_BYTES);
    put_u32(d->whole.data, (uint32_t)total);
    put_u32(d->whole.data + 4, 777);
    put_u64(d->whole.data + 8, 0x123456789A);
    d->whole.data[16] = 0x20;
    d->whole.data[17] = WAL_HEAP;
    if (d->head.len)
        buf_add(&d->whole, d->head.data, d->head.len);
    if (d->data.len)
        buf_add(&d->whole, d->data.data, d->data.len);
    fake_wal_seal(d->whole.data, total);
    return buf_span(&d->whole);
}

static void draft_done(Draft *d)
{
    buf_done(&d->head);
    buf_done(&d->data);
    buf_done(&d->whole);
}

static void test_wal_record__is_taken_apart_in_every_part(void **state)
{
    (void)state;
    AUTO(draft_done) Draft d = {0};
    draft_block(&d, 0, 0x20, 3);
    draft_place(&d, 16384, 7);
    draft_block(&d, 2, 0x80 | 0x40 | 2, 0); /* the same file, visibility map, built anew */
    draft_place(&d, 0, 9);
    buf_add_u8(&d.head, 253);
    buf_add_u16(&d.head, 44);
    buf_add_u8(&d.head, 252);
    buf_add_u32(&d.head, 770);
    buf_add_u8(&d.head, 255);
    buf_add_u8(&d.head, 5);
    draft_data(&d, 3, 'b');
    draft_data(&d, 5, 'm');

    WalRecord r;
    const Span bytes = draft_record(&d);
    ASSERT_OK(wal_record_decode(&r, version_of(16), bytes));
    assert_int_equal(r.head.total_bytes, bytes.len);
    assert_int_equal(r.head.xid.id, 777);
    assert_int_equal(r.head.prev.at, 0x123456789A);
    assert_int_equal(r.head.info, 0x20);
    assert_int_equal(r.head.manager, WAL_HEAP);
    assert_int_equal(r.head.crc, wal_record_crc(bytes));
    assert_int_equal(r.origin, 44);
    assert_int_equal(r.top_xid.id, 770);
    assert_int_equal(r.block_count, 2);
    assert_int_equal(r.blocks[0].file.tablespace.id, 1663);
    assert_int_equal(r.blocks[0].file.number.id, 16384);
    assert_int_equal(r.blocks[0].block, 7);
    assert_true(span_equal(r.blocks[0].data, span_of("bbb", 3)));
    assert_int_equal(r.blocks[1].id, 2);
    assert_int_equal(r.blocks[1].fork, PG_FORK_VM);
    assert_int_equal(r.blocks[1].file.number.id, 16384);
    assert_true(r.blocks[1].is_initialised && !r.blocks[0].is_initialised);
    assert_true(span_equal(r.main, span_of("mmmmm", 5)));
}

static void draft_image(Draft *d, uint16_t length, uint16_t hole_offset, uint8_t flags, int hole_bytes)
{
    draft_block(d, 0, 0x10, 0);
    buf_add_u16(&d->head, length);
    buf_add_u16(&d->head, hole_offset);
    buf_add_u8(&d->head, flags);
    if (hole_bytes >= 0)
        buf_add_u16(&d->head, (uint16_t)hole_bytes);
    draft_place(d, 16384, 1);
    draft_data(d, length, 'i');
}

static void test_wal_record__knows_the_images_of_each_major(void **state)
{
    (void)state;
    static const struct {
        uint32_t major;
        uint16_t length, offset;
        uint8_t flags;
        int stored_hole; /* -1: not stored */
        WalImageCodec codec;
        uint16_t hole;
        bool is_applied;
    } cases[] = {
        {13, 8192, 0, 0x04, -1, WAL_IMAGE_PLAIN, 0, true},
        {14, 8000, 100, 0x05, -1, WAL_IMAGE_PLAIN, 192, true},
        {14, 500, 100, 0x07, 4000, WAL_IMAGE_PGLZ, 4000, true},
        {14, 500, 0, 0x02, -1, WAL_IMAGE_PGLZ, 0, false},
        {15, 8000, 100, 0x03, -1, WAL_IMAGE_PLAIN, 192, true},
        {15, 500, 100, 0x07, 4000, WAL_IMAGE_PGLZ, 4000, true},
        {16, 500, 100, 0x0B, 4000, WAL_IMAGE_LZ4, 4000, true},
        {18, 500, 0, 0x10, -1, WAL_IMAGE_ZSTD, 0, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(draft_done) Draft d = {0};
        WalRecord r;
        draft_image(&d, cases[i].length, cases[i].offset, cases[i].flags, cases[i].stored_hole);
        ASSERT_OK(wal_record_decode(&r, version_of(cases[i].major), draft_record(&d)));
        const WalImage *const image = &r.blocks[0].image;
        assert_true(r.blocks[0].has_image);
        assert_int_equal(image->codec, cases[i].codec);
        assert_int_equal(image->hole_bytes, cases[i].hole);
        assert_int_equal(image->hole_offset, cases[i].offset);
        assert_int_equal(image->bytes.len, cases[i].length);
        assert_int_equal(image->is_applied, cases[i].is_applied);
    }
}

static void test_wal_record__refuses_impossible_images(void **state)
{
    (void)state;
    static const struct {
        uint16_t length, offset;
        uint8_t flags;
        int stored_hole;
    } cases[] = {
        {8192, 100, 0x01, -1},  /* a hole in a whole page */
        {8000, 0, 0x01, -1},    /* a hole at offset 0 */
        {8000, 0, 0x00, -1},    /* bytes are missing, no hole */
        {8193, 0, 0x00, -1},    /* longer than a page */
        {8192, 0, 0x04, -1},    /* compressed to nothing less */
        {500, 8000, 0x05, 400}, /* the hole leaves the page */
        {500, 0, 0x0C, -1},     /* pglz and lz4 at once */
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(draft_done) Draft d = {0};
        WalRecord r;
        draft_image(&d, cases[i].length, cases[i].offset, cases[i].flags, cases[i].stored_hole);
        ASSERT_ERR(CORRUPT, wal_record_decode(&r, version_of(15), draft_record(&d)));
    }
}

static void test_wal_record__refuses_headers_that_do_not_add_up(void **state)
{
    (void)state;
    WalRecord r;
    AUTO(draft_done) Draft order = {0};
    draft_block(&order, 1, 0, 0);
    draft_place(&order, 16384, 1);
    draft_block(&order, 1, 0, 0);
    draft_place(&order, 16384, 2);
    ASSERT_ERR_TEXT(CORRUPT, "follows", wal_record_decode(&r, version_of(15), draft_record(&order)));

    AUTO(draft_done) Draft same = {0};
    draft_block(&same, 0, 0x80, 0);
    draft_place(&same, 0, 1);
    ASSERT_ERR_TEXT(CORRUPT, "none before it", wal_record_decode(&r, version_of(15), draft_record(&same)));

    AUTO(draft_done) Draft fork = {0};
    draft_block(&fork, 0, 4, 0);
    draft_place(&fork, 16384, 1);
    ASSERT_ERR_TEXT(CORRUPT, "fork 4", wal_record_decode(&r, version_of(15), draft_record(&fork)));

    AUTO(draft_done) Draft nowhere = {0};
    draft_block(&nowhere, 0, 0, 0);
    draft_place(&nowhere, 16384, UINT32_MAX);
    ASSERT_ERR_TEXT(CORRUPT, "no block", wal_record_decode(&r, version_of(15), draft_record(&nowhere)));

    AUTO(draft_done) Draft flag = {0};
    draft_block(&flag, 0, 0x20, 0);
    draft_place(&flag, 16384, 1);
    ASSERT_ERR(CORRUPT, wal_record_decode(&r, version_of(15), draft_record(&flag)));

    AUTO(draft_done) Draft id = {0};
    buf_add_u8(&id.head, 33);
    ASSERT_ERR_TEXT(CORRUPT, "id 33", wal_record_decode(&r, version_of(15), draft_record(&id)));

    AUTO(draft_done) Draft less = {0};
    buf_add_u8(&less.head, 255);
    buf_add_u8(&less.head, 9);
    draft_data(&less, 8, 'm');
    ASSERT_ERR_TEXT(CORRUPT, "announce 9", wal_record_decode(&r, version_of(15), draft_record(&less)));
    ASSERT_ERR(CORRUPT, wal_record_decode(&r, version_of(15), span_cut(draft_record(&less), 0, 30)));
    ASSERT_ERR(CORRUPT, wal_record_decode(&r, version_of(15), span_cut(draft_record(&less), 0, 3)));
}

static void test_wal_record__refuses_every_shorter_form_of_itself(void **state)
{
    (void)state;
    AUTO(draft_done) Draft d = {0};
    WalRecord r;
    draft_image(&d, 600, 100, 0x07, 4000);
    const Span whole = draft_record(&d);
    ASSERT_OK(wal_record_decode(&r, version_of(18), whole));
    for (uint32_t len = WAL_RECORD_HEAD_BYTES + 1; len < whole.len; len++) {
        put_u32(d.whole.data, len);
        ASSERT_ERR(CORRUPT, wal_record_decode(&r, version_of(18), span_cut(whole, 0, len)));
    }
}

UNIT_MAIN(cmocka_unit_test(test_wal_record__is_taken_apart_in_every_part),
          cmocka_unit_test(test_wal_record__knows_the_images_of_each_major),
          cmocka_unit_test(test_wal_record__refuses_impossible_images),
          cmocka_unit_test(test_wal_record__refuses_headers_that_do_not_add_up),
          cmocka_unit_test(test_wal_record__refuses_every_shorter_form_of_itself))
