/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "pg/fixture.h"
#include "pg/page.h"
#include "pg/page_mask.h"

#include <stdlib.h>

/* Two items of 61 bytes each, the second one first. */
enum { ITEM_BYTES = 61, ITEM_ROOM = 64, ITEM_1 = 6000, ITEM_2 = ITEM_1 - ITEM_ROOM, LOWER = 32 };
enum { NORMAL = 1, REDIRECT = 2, DEAD = 3 };
enum { AT_COMMAND = 8, AT_CTID = 12, AT_INFOMASK2 = 18, AT_INFOMASK = 20 };

static void pointer_put(uint8_t *page, size_t item, uint32_t offset, uint32_t state, uint32_t len)
{
    put_u32(page + 24 + 4 * item, offset | state << 15 | len << 17);
}

/* A page with a special area of this size that ends in `id`; all of it but the pointers has some value. */
static void page_make(uint8_t *page, size_t special_bytes, uint16_t id)
{
    memset(page, 0x11, PAGE_BYTES);
    put_u32(page, 0);
    put_u32(page + 4, 0x5000028);
    put_u16(page + 8, 0x1234);
    put_u16(page + 10, 0);
    put_u16(page + 12, LOWER);
    put_u16(page + 14, ITEM_2);
    put_u16(page + 16, (uint16_t)(PAGE_BYTES - special_bytes));
    put_u16(page + 18, PAGE_BYTES | 4);
    put_u32(page + 20, 0);
    pointer_put(page, 0, ITEM_1, NORMAL, ITEM_BYTES);
    pointer_put(page, 1, ITEM_2, NORMAL, ITEM_BYTES);
    put_u16(page + ITEM_1 + AT_INFOMASK, 0x0002);
    put_u16(page + ITEM_2 + AT_INFOMASK, 0x0002);
    if (special_bytes >= 2)
        put_u16(page + PAGE_BYTES - 2, id);
}

/* Both orders must give the same. */
static PageDiff diff(const uint8_t *a, const uint8_t *b)
{
    const PageDiff there = page_diff(a, b);
    assert_int_equal(there, page_diff(b, a));
    return there;
}

/* What is said when the bits of `change` flip in the two bytes at `at`? */
static PageDiff diff_of(const uint8_t *page, size_t at, uint16_t change)
{
    uint8_t other[PAGE_BYTES];
    memcpy(other, page, sizeof other);
    put_u16(other + at, get_u16(other + at) ^ change);
    return diff(page, other);
}

static void test_page_diff__knows_a_page_equal_to_itself(void **state)
{
    (void)state;
    uint8_t page[PAGE_BYTES];
    page_make(page, 0, 0);
    assert_int_equal(diff(page, page), PAGE_EQUAL);
    memset(page, 0, sizeof page);
    assert_int_equal(diff(page, page), PAGE_EQUAL);
}

static void test_page_diff__tells_hints_of_the_header_from_the_rest(void **state)
{
    (void)state;
    uint8_t page[PAGE_BYTES];
    page_make(page, 0, 0);
    assert_int_equal(diff_of(page, 4, 1), PAGE_DIFFERS_LSN);
    assert_int_equal(diff_of(page, 0, 1), PAGE_DIFFERS_LSN);
    assert_int_equal(diff_of(page, 8, 0xffff), PAGE_DIFFERS_HINTS); /* checksum */
    assert_int_equal(diff_of(page, 10, 1), PAGE_DIFFERS_HINTS);     /* has free lines */
    assert_int_equal(diff_of(page, 10, 2), PAGE_DIFFERS_HINTS);     /* full */
    assert_int_equal(diff_of(page, 10, 4), PAGE_DIFFERS_FLAGS);     /* all visible */
    assert_int_equal(diff_of(page, 12, 4), PAGE_DIFFERS_HEADER);
    assert_int_equal(diff_of(page, 20, 0xffff), PAGE_DIFFERS_HINTS); /* prune xid */
    assert_int_equal(diff_of(page, LOWER, 0xffff), PAGE_DIFFERS_HINTS);
    assert_int_equal(diff_of(page, ITEM_2 - 2, 0xffff), PAGE_DIFFERS_HINTS);
    assert_int_equal(diff_of(page, ITEM_2, 1), PAGE_DIFFERS_CONTENT);
    page_make(page, 16, 1); /* gin keeps a transaction where the heap has a hint */
    assert_int_equal(diff_of(page, 20, 1), PAGE_DIFFERS_HEADER);
    assert_int_equal(diff_of(page, PAGE_BYTES - 16, 1), PAGE_DIFFERS_SPECIAL);
}

static void test_page_diff__takes_the_bits_of_ended_transactions_for_hints(void **state)
{
    (void)state;
    uint8_t page[PAGE_BYTES];
    page_make(page, 0, 0);
    const size_t at = ITEM_1 + AT_INFOMASK;
    static const uint16_t hints[] = {0x0020, 0x0100, 0x0200, 0x0400, 0x0800, 0x0900};
    for (size_t i = 0; i < COUNT_OF(hints); i++)
        assert_int_equal(diff_of(page, at, hints[i]), PAGE_DIFFERS_HINTS);
    static const uint16_t logged[] = {0x0300, 0x0001, 0x0010, 0x0080, 0x1000, 0x2000};
    for (size_t i = 0; i < COUNT_OF(logged); i++)
        assert_int_equal(diff_of(page, at, logged[i]), PAGE_DIFFERS_CONTENT);

    put_u16(page + at, 0x0902); /* committed, and nobody deleted it: freezing it is logged */
    assert_int_equal(diff_of(page, at, 0x0200), PAGE_DIFFERS_CONTENT);
    put_u16(page + at, 0x0302);
    assert_int_equal(diff_of(page, at, 0x0800), PAGE_DIFFERS_HINTS);
    assert_int_equal(diff_of(page, at, 0x0200), PAGE_DIFFERS_CONTENT);
}

static void test_page_diff__sees_every_other_field_of_a_tuple(void **state)
{
    (void)state;
    uint8_t page[PAGE_BYTES];
    page_make(page, 0, 0);
    assert_int_equal(diff_of(page, ITEM_1, 1), PAGE_DIFFERS_CONTENT);     /* xmin */
    assert_int_equal(diff_of(page, ITEM_1 + 4, 1), PAGE_DIFFERS_CONTENT); /* xmax */
    assert_int_equal(diff_of(page, ITEM_1 + AT_COMMAND, 1), PAGE_DIFFERS_HINTS);
    assert_int_equal(diff_of(page, ITEM_1 + AT_CTID, 1), PAGE_DIFFERS_CONTENT);
    assert_int_equal(diff_of(page, ITEM_1 + AT_INFOMASK2, 0x2000), PAGE_DIFFERS_CONTENT);
    assert_int_equal(diff_of(page, ITEM_1 + ITEM_BYTES - 2, 0x0100), PAGE_DIFFERS_CONTENT);
    assert_int_equal(diff_of(page, ITEM_1 + ITEM_BYTES, 1), PAGE_DIFFERS_HINTS); /* alignment */
    assert_int_equal(diff_of(page, ITEM_1 + ITEM_ROOM, 1), PAGE_DIFFERS_CONTENT);
    put_u16(page + ITEM_1 + AT_INFOMASK, 0x4002); /* moved: the field is a transaction id */
    assert_int_equal(diff_of(page, ITEM_1 + AT_COMMAND, 1), PAGE_DIFFERS_CONTENT);
}

static void test_page_diff__believes_dead_pointers_of_a_heap(void **state)
{
    (void)state;
    uint8_t page[PAGE_BYTES], other[PAGE_BYTES];
    page_make(page, 0, 0);
    memcpy(other, page, sizeof page);
    pointer_put(other, 1, ITEM_2, DEAD, ITEM_BYTES);
    assert_int_equal(diff(page, other), PAGE_DIFFERS_POINTERS);
    pointer_put(other, 1, 1, REDIRECT, 0);
    assert_int_equal(diff(page, other), PAGE_DIFFERS_POINTERS);
}

/* An index page with these flags; what a dead pointer on it, and each flag in `hints`, is taken for. */
static void index_check(uint16_t id, uint16_t flags, PageDiff dead, uint16_t hints)
{
    uint8_t page[PAGE_BYTES], other[PAGE_BYTES];
    page_make(page, 16, id);
    put_u16(page + PAGE_BYTES - 4, flags);
    memcpy(other, page, sizeof page);
    pointer_put(other, 0, ITEM_1, DEAD, ITEM_BYTES);
    assert_int_equal(diff(page, other), dead);
    pointer_put(other, 0, ITEM_1, REDIRECT, ITEM_BYTES);
    assert_int_equal(diff(page, other), PAGE_DIFFERS_POINTERS);
    for (uint16_t flag = 1; flag; flag = (uint16_t)(flag << 1))
        assert_true((diff_of(page, PAGE_BYTES - 4, flag) == PAGE_DIFFERS_HINTS) == ((flag & hints) != 0));
    assert_int_equal(diff_of(page, ITEM_1 + AT_INFOMASK, 0x0100), PAGE_DIFFERS_CONTENT);
    assert_int_equal(diff_of(page, ITEM_1 + ITEM_BYTES, 1), PAGE_DIFFERS_CONTENT);
    assert_int_equal(diff_of(page, LOWER, 1), PAGE_DIFFERS_HINTS);
}

static void test_page_diff__knows_the_hints_of_each_index(void **state)
{
    (void)state;
    index_check(0x0001, 1, PAGE_DIFFERS_HINTS, 32 | 64);    /* btree: a leaf */
    index_check(0x0000, 2, PAGE_DIFFERS_POINTERS, 32 | 64); /* its root above leaves */
    index_check(0xff80, 1, PAGE_DIFFERS_HINTS, 128);        /* hash: an overflow page */
    index_check(0xff80, 2, PAGE_DIFFERS_HINTS, 128);
    index_check(0xff80, 4, PAGE_DIFFERS_POINTERS, 128); /* a bitmap page */
    index_check(0xff81, 1, PAGE_DIFFERS_HINTS, 16);     /* gist: a leaf */
    index_check(0xff81, 0, PAGE_DIFFERS_POINTERS, 16);
}

static void test_page_diff__knows_a_cycle_id_from_a_page_id(void **state)
{
    (void)state;
    uint8_t page[PAGE_BYTES];
    page_make(page, 16, 0x0001);
    assert_int_equal(diff_of(page, PAGE_BYTES - 2, 0x7f7e), PAGE_DIFFERS_HINTS);
    assert_int_equal(diff_of(page, PAGE_BYTES - 2, 0xff80 ^ 1), PAGE_DIFFERS_SPECIAL);
    page_make(page, 16, 0xff81);
    assert_int_equal(diff_of(page, PAGE_BYTES - 16, 1), PAGE_DIFFERS_SPECIAL); /* NSN */
}

static void test_page_diff__knows_the_cache_of_spgist(void **state)
{
    (void)state;
    uint8_t page[PAGE_BYTES];
    page_make(page, 8, 0xff82);
    put_u16(page + 12, 92);
    put_u16(page + PAGE_BYTES - 8, 1); /* the metapage */
    assert_int_equal(diff_of(page, 26, 1), PAGE_DIFFERS_POINTERS);
    assert_int_equal(diff_of(page, 28, 1), PAGE_DIFFERS_HINTS);
    assert_int_equal(diff_of(page, 90, 0xffff), PAGE_DIFFERS_HINTS);
    put_u16(page + PAGE_BYTES - 8, 4); /* a leaf */
    assert_int_equal(diff_of(page, 28, 1), PAGE_DIFFERS_POINTERS);
}

static void test_page_diff__knows_the_flag_of_brin(void **state)
{
    (void)state;
    uint8_t page[PAGE_BYTES];
    for (uint16_t id = 0xf091; id <= 0xf093; id++) {
        page_make(page, 8, id);
        assert_int_equal(diff_of(page, PAGE_BYTES - 4, 1), PAGE_DIFFERS_HINTS);
        assert_int_equal(diff_of(page, PAGE_BYTES - 4, 2), PAGE_DIFFERS_SPECIAL);
        assert_int_equal(diff_of(page, PAGE_BYTES - 6, 1), PAGE_DIFFERS_SPECIAL);
    }
    page_make(page, 8, 0xf094);
    assert_int_equal(diff_of(page, PAGE_BYTES - 4, 1), PAGE_DIFFERS_SPECIAL);
}

/* A standby has made it new when it replayed the deletion. */
static void test_page_diff__ignores_what_a_deleted_page_of_gin_holds(void **state)
{
    (void)state;
    uint8_t page[PAGE_BYTES], other[PAGE_BYTES];
    page_make(page, 8, 4);
    memcpy(other, page, sizeof page);
    memset(other + 24, 0, PAGE_BYTES - 2 - 24);
    put_u16(other + 12, 24);
    put_u16(other + 14, PAGE_BYTES - 8);
    assert_int_equal(diff(page, other), PAGE_DIFFERS_HINTS);
    assert_int_equal(diff_of(page, PAGE_BYTES - 8, 1), PAGE_DIFFERS_HINTS);
    assert_int_equal(diff_of(page, PAGE_BYTES - 2, 1), PAGE_DIFFERS_SPECIAL);
    assert_int_equal(diff_of(page, 20, 1), PAGE_DIFFERS_HEADER);
    page_make(page, 8, 1); /* not deleted */
    memcpy(other + PAGE_BYTES - 8, page + PAGE_BYTES - 8, 8);
    assert_true(diff(page, other) > PAGE_DIFFERS_HINTS);
}

static void test_page_diff__ignores_what_a_deleted_page_of_btree_13_holds(void **state)
{
    (void)state;
    uint8_t page[PAGE_BYTES], other[PAGE_BYTES];
    page_make(page, 16, 0);
    put_u16(page + PAGE_BYTES - 4, 1 | 4);
    memcpy(other, page, sizeof page);
    memset(other + 24, 0, PAGE_BYTES - 16 - 24);
    put_u16(other + 12, 24);
    put_u16(other + 14, PAGE_BYTES - 16);
    put_u16(other + PAGE_BYTES - 4, 4);
    assert_int_equal(diff(page, other), PAGE_DIFFERS_HINTS);
    assert_int_equal(diff_of(page, PAGE_BYTES - 16, 1), PAGE_DIFFERS_SPECIAL);
    put_u16(page + PAGE_BYTES - 4, 4 | 256); /* 14 and later keep when it was deleted there */
    assert_int_equal(diff_of(page, 26, 1), PAGE_DIFFERS_POINTERS);
}

/* A revmap page of brin and an old page of gin never move lower: what stands behind it is no hole. */
static void test_page_diff__trusts_lower_only_where_it_was_set(void **state)
{
    (void)state;
    uint8_t page[PAGE_BYTES];
    page_make(page, 8, 0xf092);
    assert_int_equal(diff_of(page, 3000, 1), PAGE_DIFFERS_HINTS);
    put_u16(page + 12, 24);
    assert_int_equal(diff_of(page, 3000, 1), PAGE_DIFFERS_CONTENT);
    page_make(page, 8, 0x0003);
    put_u16(page + 12, 24);
    assert_int_equal(diff_of(page, 3000, 1), PAGE_DIFFERS_CONTENT);
}

static void test_page_diff__takes_an_empty_heap_page_for_a_new_one(void **state)
{
    (void)state;
    uint8_t fresh[PAGE_BYTES] = {0}, page[PAGE_BYTES] = {0};
    put_u16(page + 12, 24);
    put_u16(page + 14, PAGE_BYTES);
    put_u16(page + 16, PAGE_BYTES);
    put_u16(page + 18, PAGE_BYTES | 4);
    assert_int_equal(diff(fresh, page), PAGE_DIFFERS_HINTS);
    put_u16(page + 8, 7);
    assert_int_equal(diff(fresh, page), PAGE_DIFFERS_HINTS);
    put_u16(page + 10, 4);
    assert_int_not_equal(diff(fresh, page), PAGE_DIFFERS_HINTS); /* vacuum logs that it is visible */
    put_u16(page + 10, 0);
    put_u32(page + 4, 1);
    assert_int_equal(diff(fresh, page), PAGE_DIFFERS_LSN);
}

static void test_page_diff__compares_every_byte_of_a_page_without_sense(void **state)
{
    (void)state;
    uint8_t page[PAGE_BYTES];
    static const struct {
        size_t at;
        uint16_t value;
    } bad[] = {{12, 23}, {12, 8000}, {14, 8193}, {16, 9000}, {14, 0}};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        page_make(page, 0, 0);
        put_u16(page + bad[i].at, bad[i].value);
        assert_true(diff_of(page, 8, 1) > PAGE_DIFFERS_HINTS);
        assert_true(diff_of(page, 10, 1) > PAGE_DIFFERS_HINTS);
        assert_true(diff_of(page, 3000, 1) > PAGE_DIFFERS_HINTS);
    }
    page_make(page, 0, 0);
    pointer_put(page, 0, 8180, NORMAL, ITEM_BYTES); /* behind the page */
    pointer_put(page, 1, 0, NORMAL, ITEM_BYTES);    /* before the tuples */
    assert_int_equal(diff_of(page, 20, 1), PAGE_DIFFERS_HINTS);
    assert_int_equal(diff_of(page, ITEM_1 + AT_INFOMASK, 0x0100), PAGE_DIFFERS_CONTENT);
}

/* Pages that servers wrote: one flipped bit anywhere is either one of the few hints or seen. */
static void test_page_diff__sees_flipped_bits_on_pages_of_every_major(void **state)
{
    (void)state;
    static const char *const files[] = {"heap_pages", "index_pages"};
    FOR_EACH_MAJOR(major)
    {
        for (size_t i = 0; i < COUNT_OF(files); i++) {
            AUTO(buf_done) Buf bytes = {0};
            fixture_read(&bytes, major, files[i]);
            uint8_t page[PAGE_BYTES];
            memcpy(page, bytes.data + bytes.len - PAGE_BYTES, sizeof page);
            const PageHeader h = page_header(page);
            size_t seen = 0;
            for (size_t at = h.upper; at < PAGE_BYTES - 16; at++)
                seen += diff_of(page, at, 1) > PAGE_DIFFERS_HINTS;
            const size_t all = PAGE_BYTES - 16u - h.upper;
            assert_true(all > 1000 && seen > all * 9 / 10);
            assert_int_equal(diff_of(page, h.lower, 0xffff), PAGE_DIFFERS_HINTS);
        }
    }
}

static void test_page_diff_text__names_every_part(void **state)
{
    (void)state;
    for (PageDiff d = 0; d < PAGE_DIFF_COUNT; d++)
        assert_true(*page_diff_text(d));
    assert_string_equal(page_diff_text(PAGE_DIFFERS_FLAGS), "all-visible flag");
}

UNIT_MAIN(cmocka_unit_test(test_page_diff__knows_a_page_equal_to_itself),
          cmocka_unit_test(test_page_diff__tells_hints_of_the_header_from_the_rest),
          cmocka_unit_test(test_page_diff__takes_the_bits_of_ended_transactions_for_hints),
          cmocka_unit_test(test_page_diff__sees_every_other_field_of_a_tuple),
          cmocka_unit_test(test_page_diff__believes_dead_pointers_of_a_heap),
          cmocka_unit_test(test_page_diff__knows_the_hints_of_each_index),
          cmocka_unit_test(test_page_diff__knows_a_cycle_id_from_a_page_id),
          cmocka_unit_test(test_page_diff__knows_the_cache_of_spgist),
          cmocka_unit_test(test_page_diff__knows_the_flag_of_brin),
          cmocka_unit_test(test_page_diff__ignores_what_a_deleted_page_of_gin_holds),
          cmocka_unit_test(test_page_diff__ignores_what_a_deleted_page_of_btree_13_holds),
          cmocka_unit_test(test_page_diff__trusts_lower_only_where_it_was_set),
          cmocka_unit_test(test_page_diff__takes_an_empty_heap_page_for_a_new_one),
          cmocka_unit_test(test_page_diff__compares_every_byte_of_a_page_without_sense),
          cmocka_unit_test(test_page_diff__sees_flipped_bits_on_pages_of_every_major),
          cmocka_unit_test(test_page_diff_text__names_every_part))
