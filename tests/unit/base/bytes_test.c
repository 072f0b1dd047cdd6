/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/bytes.h"

#include <string.h>

static const uint8_t sample[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static void test_dec__reads_little_endian(void **state)
{
    (void)state;
    Dec d = dec_begin(span_of(sample, sizeof sample));
    assert_int_equal(dec_u8(&d), 1);
    assert_int_equal(dec_u16(&d), 0x0302);
    assert_int_equal(dec_u32(&d), 0x07060504);
    assert_int_equal(dec_u64(&d), UINT64_C(0x0f0e0d0c0b0a0908));
    ASSERT_OK(dec_end_exact(&d, "sample"));
}

static void test_dec__remembers_a_read_past_the_end(void **state)
{
    (void)state;
    Dec d = dec_begin(span_of(sample, 5));
    assert_int_equal(dec_u32(&d), 0x04030201);
    assert_int_equal(dec_u32(&d), 0);
    assert_int_equal(dec_u8(&d), 0); /* one byte is left, but the cursor has failed */
    ASSERT_ERR_TEXT(CORRUPT, "page header", dec_end(&d, "page header"));
}

static void test_dec_end_exact__refuses_bytes_left_over(void **state)
{
    (void)state;
    Dec d = dec_begin(span_of(sample, 5));
    dec_skip(&d, 4);
    ASSERT_OK(dec_end(&d, "sample"));
    ASSERT_ERR(CORRUPT, dec_end_exact(&d, "sample"));
}

static void test_dec_bytes__survives_a_huge_size(void **state)
{
    (void)state;
    Dec d = dec_begin(span_of(sample, sizeof sample));
    dec_u8(&d);
    assert_null(dec_bytes(&d, SIZE_MAX).ptr);
    ASSERT_ERR(CORRUPT, dec_end(&d, "sample"));
}

static void test_span_cut__stays_inside(void **state)
{
    (void)state;
    const Span whole = span_of(sample, sizeof sample);
    assert_int_equal(span_cut(whole, 10, 100).len, 5);
    assert_int_equal(span_cut(whole, 100, 1).len, 0);
}

static void test_span_is_zero__sees_any_single_byte(void **state)
{
    (void)state;
    uint8_t bytes[257] = {0};
    assert_true(span_is_zero(span_of(bytes, sizeof bytes)));
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = 1;
        assert_false(span_is_zero(span_of(bytes, sizeof bytes)));
        bytes[i] = 0;
    }
}

UNIT_MAIN(cmocka_unit_test(test_dec__reads_little_endian),
          cmocka_unit_test(test_dec__remembers_a_read_past_the_end),
          cmocka_unit_test(test_dec_end_exact__refuses_bytes_left_over),
          cmocka_unit_test(test_dec_bytes__survives_a_huge_size),
          cmocka_unit_test(test_span_cut__stays_inside),
          cmocka_unit_test(test_span_is_zero__sees_any_single_byte))
