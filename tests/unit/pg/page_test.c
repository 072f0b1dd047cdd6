/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "pg/fixture.h"
#include "pg/page.h"

#include <stdlib.h>

static const PageRules at_rest = {.has_checksums = true};

/* A page of pg_proc's heap, whole and with its checksum. */
static void page_read(uint8_t page[PAGE_BYTES], size_t block)
{
    AUTO(buf_done) Buf bytes = {0};
    fixture_read(&bytes, 15, "heap_pages");
    memcpy(page, bytes.data + block * PAGE_BYTES, PAGE_BYTES);
}

static void page_seal(uint8_t *page, uint32_t block)
{
    put_u16(page + 8, page_checksum(page, block));
}

static void lsn_set(uint8_t *page, uint64_t lsn)
{
    put_u32(page, (uint32_t)(lsn >> 32));
    put_u32(page + 4, (uint32_t)lsn);
}

static void test_page_check__accepts_pages_of_every_major(void **state)
{
    (void)state;
    static const char *const files[] = {"heap_pages", "index_pages", "vm_page"};
    FOR_EACH_MAJOR(major)
    {
        for (size_t i = 0; i < COUNT_OF(files); i++) {
            AUTO(buf_done) Buf bytes = {0};
            fixture_read(&bytes, major, files[i]);
            assert_true(bytes.len >= PAGE_BYTES);
            assert_int_equal(pages_good(buf_span(&bytes), 0, &at_rest), bytes.len / PAGE_BYTES);
            assert_int_equal(page_check(bytes.data, 0, &at_rest), PAGE_GOOD);
        }
    }
}

static void test_page_checksum__is_the_same_with_and_without_vectors(void **state)
{
    (void)state;
    uint8_t page[PAGE_BYTES + 3];
    srandom(1);
    for (int round = 0; round < 200; round++) {
        uint8_t *const at = page + round % 4; /* at any alignment */
        for (size_t i = 0; i < PAGE_BYTES; i++)
            at[i] = (uint8_t)random();
        const uint32_t block = (uint32_t)random();
        assert_int_equal(page_checksum(at, block), page_checksum_portable(at, block));
    }
}

static void test_page_checksum__depends_on_every_byte_but_its_own_field(void **state)
{
    (void)state;
    uint8_t page[PAGE_BYTES];
    page_read(page, 1);
    const uint16_t sum = page_checksum(page, 1);
    for (size_t i = 0; i < PAGE_BYTES; i++) {
        page[i] ^= 0x40;
        const bool is_own = i == 8 || i == 9;
        assert_true((page_checksum(page, 1) == sum) == is_own);
        assert_true((page_checksum_portable(page, 1) == sum) == is_own);
        page[i] ^= 0x40;
    }
    assert_int_not_equal(page_checksum(page, 0), sum);
}

static void test_page_header__is_decoded(void **state)
{
    (void)state;
    uint8_t page[PAGE_BYTES];
    page_read(page, 0);
    const PageHeader h = page_header(page);
    assert_true(lsn_is_valid(h.lsn) && h.lsn.at < UINT64_C(1) << 32);
    assert_int_equal(h.checksum, page_checksum(page, 0));
    assert_int_equal(h.page_bytes, PAGE_BYTES);
    assert_int_equal(h.layout_version, 4);
    assert_int_equal(h.special, PAGE_BYTES);
    assert_true(h.lower > 24 && h.lower <= h.upper);
}

static void test_page_check__finds_a_flipped_bit_and_a_swapped_block(void **state)
{
    (void)state;
    uint8_t page[PAGE_BYTES];
    page_read(page, 2);
    assert_int_equal(page_check(page, 2, &at_rest), PAGE_GOOD);
    assert_int_equal(page_check(page, 131072 + 2, &at_rest), PAGE_BAD_CHECKSUM);
    page[5000] ^= 1;
    assert_int_equal(page_check(page, 2, &at_rest), PAGE_BAD_CHECKSUM);
    assert_int_equal(page_check(page, 2, &(PageRules){0}),
                     PAGE_GOOD); /* nothing tells it without checksums */
}

static void test_page_check__excuses_only_pages_changed_since_the_start(void **state)
{
    (void)state;
    uint8_t page[PAGE_BYTES];
    page_read(page, 0);
    lsn_set(page, 0x5000000);
    page[5000] ^= 1;
    const PageRules before = {.has_checksums = true, .start = {0x5000001}};
    const PageRules since = {.has_checksums = true, .start = {0x5000000}};
    const PageRules ended = {.has_checksums = true, .start = {0x4000000}, .end = {0x4ffffff}};
    assert_int_equal(page_check(page, 0, &before), PAGE_BAD_CHECKSUM);
    assert_int_equal(page_check(page, 0, &since), PAGE_REWRITTEN);
    assert_int_equal(page_check(page, 0, &ended), PAGE_BAD_CHECKSUM);
    page_seal(page, 0);
    assert_int_equal(page_check(page, 0, &since), PAGE_GOOD);
    assert_int_equal(page_check(page, 0, &ended), PAGE_FUTURE);
    assert_int_equal(page_check(page, 0, &(PageRules){.end = {0x5000000}}), PAGE_GOOD);
}

static void test_page_check__takes_a_new_page_only_when_it_is_zero(void **state)
{
    (void)state;
    uint8_t page[PAGE_BYTES] = {0};
    assert_int_equal(page_check(page, 0, &at_rest), PAGE_NEW);
    page[PAGE_BYTES - 1] = 1;
    assert_int_equal(page_check(page, 0, &at_rest), PAGE_NOT_ZERO);
    assert_int_equal(page_check(page, 0, &(PageRules){0}), PAGE_NOT_ZERO);
}

static void test_page_check__sees_an_impossible_header_without_checksums(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint16_t value;
    } bad[] = {
        {10, 8},              /* a flag that does not exist */
        {12, 23},             /* lower inside of the header */
        {12, 8192},           /* lower behind upper */
        {14, 8193},           /* upper behind special */
        {16, 8200},           /* special behind the page */
        {16, 8191},           /* special unaligned */
        {18, 4 | 16384},      /* another page size */
        {18, 3 | PAGE_BYTES}, /* another version */
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        uint8_t page[PAGE_BYTES];
        page_read(page, 0);
        put_u16(page + bad[i].at, bad[i].value);
        assert_int_equal(page_check(page, 0, &(PageRules){0}), PAGE_BAD_HEADER);
        page_seal(page, 0);
        assert_int_equal(page_check(page, 0, &at_rest), PAGE_BAD_HEADER);
    }
}

static void test_pages_good__stops_at_the_first_page_to_look_at(void **state)
{
    (void)state;
    uint8_t pages[4 * PAGE_BYTES] = {0};
    for (uint32_t block = 0; block < 3; block++) {
        page_read(pages + block * PAGE_BYTES, block);
        page_seal(pages + block * PAGE_BYTES, 70 + block);
    }
    const Span all = span_of(pages, sizeof pages);
    assert_int_equal(pages_good(all, 70, &at_rest), 4); /* the last one is new */
    assert_int_equal(pages_good(all, 71, &at_rest), 0);
    pages[2 * PAGE_BYTES + 100] ^= 1;
    assert_int_equal(pages_good(all, 70, &at_rest), 2);
    assert_int_equal(pages_good(span_cut(all, 3 * PAGE_BYTES, PAGE_BYTES), 73, &at_rest), 1);
}

UNIT_MAIN(cmocka_unit_test(test_page_check__accepts_pages_of_every_major),
          cmocka_unit_test(test_page_checksum__is_the_same_with_and_without_vectors),
          cmocka_unit_test(test_page_checksum__depends_on_every_byte_but_its_own_field),
          cmocka_unit_test(test_page_header__is_decoded),
          cmocka_unit_test(test_page_check__finds_a_flipped_bit_and_a_swapped_block),
          cmocka_unit_test(test_page_check__excuses_only_pages_changed_since_the_start),
          cmocka_unit_test(test_page_check__takes_a_new_page_only_when_it_is_zero),
          cmocka_unit_test(test_page_check__sees_an_impossible_header_without_checksums),
          cmocka_unit_test(test_pages_good__stops_at_the_first_page_to_look_at))
