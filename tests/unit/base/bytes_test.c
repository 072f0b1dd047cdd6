/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/buf.h"
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

static void test_varint__comes_back(void **state)
{
    (void)state;
    const uint64_t values[] = {0, 1, 127, 128, 300, 16383, 16384, UINT32_MAX, UINT64_C(1) << 63, UINT64_MAX};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        AUTO(buf_done) Buf bytes = {0};
        buf_add_varint(&bytes, values[i]);
        Dec d = dec_begin(buf_span(&bytes));
        assert_true(dec_varint(&d) == values[i]);
        ASSERT_OK(dec_end_exact(&d, "varint"));
        d = dec_begin(span_of(bytes.data, bytes.len - 1));
        assert_int_equal(dec_varint(&d), 0);
        ASSERT_ERR(CORRUPT, dec_end(&d, "varint"));
    }
}

static void test_varint__of_more_than_64_bits_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[11];
    memset(bytes, 0xFF, sizeof bytes);
    const uint8_t tenth[] = {2, 0x81};
    for (size_t i = 0; i < COUNT_OF(tenth); i++) {
        bytes[9] = tenth[i];
        Dec d = dec_begin(span_of(bytes, sizeof bytes));
        assert_int_equal(dec_varint(&d), 0);
        ASSERT_ERR(CORRUPT, dec_end(&d, "varint"));
    }
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
          cmocka_unit_test(test_dec_bytes__survives_a_huge_size), cmocka_unit_test(test_varint__comes_back),
          cmocka_unit_test(test_varint__of_more_than_64_bits_is_refused),
          cmocka_unit_test(test_span_cut__stays_inside),
          cmocka_unit_test(test_span_is_zero__sees_any_single_byte))
