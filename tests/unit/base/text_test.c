/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/text.h"

static void test_text_nearest__finds_a_slip_and_no_stranger(void **state)
{
    (void)state;
    static const char *const words[] = {"pgdata", "retention", "compress-level", NULL};
    assert_string_equal(text_nearest("pgdta", words), "pgdata");
    assert_string_equal(text_nearest("compresslevel", words), "compress-level");
    assert_null(text_nearest("colour", words));
}

static void test_text_u64__takes_digits_only(void **state)
{
    (void)state;
    uint64_t value = 0;
    assert_true(text_u64(&value, "18446744073709551615"));
    assert_int_equal(value, UINT64_MAX);
    assert_false(text_u64(&value, "18446744073709551616"));
    assert_false(text_u64(&value, ""));
    assert_false(text_u64(&value, "-1"));
    assert_false(text_u64(&value, "1 "));
}

static void test_text_hex__goes_both_ways(void **state)
{
    (void)state;
    uint8_t bytes[3];
    char text[7];
    assert_true(text_hex_parse(bytes, 3, "00aBff"));
    text_hex_format(text, bytes, 3);
    assert_string_equal(text, "00abff");
    assert_false(text_hex_parse(bytes, 3, "00ab"));
    assert_false(text_hex_parse(bytes, 3, "00abfg"));
    uint64_t value;
    assert_true(text_hex_upper(&value, "0000002A", 8));
    assert_int_equal(value, 42);
    assert_false(text_hex_upper(&value, "0000002a", 8));
}

static void test_size_text__keeps_three_digits(void **state)
{
    (void)state;
    assert_string_equal(size_text(0).text, "0 B");
    assert_string_equal(size_text(999).text, "999 B");
    assert_string_equal(size_text(1000).text, "1.00 kB");
    assert_string_equal(size_text(41200000000).text, "41.2 GB");
    assert_string_equal(size_text(999999).text, "1.00 MB");
}

static void test_duration_text__fits_its_size(void **state)
{
    (void)state;
    assert_string_equal(duration_text(800000).text, "0.8s");
    assert_string_equal(duration_text(59000000).text, "59s");
    assert_string_equal(duration_text(190000000).text, "3m10s");
    assert_string_equal(duration_text(INT64_C(7500000000)).text, "2h05m");
}

UNIT_MAIN(cmocka_unit_test(test_text_nearest__finds_a_slip_and_no_stranger),
          cmocka_unit_test(test_text_u64__takes_digits_only), cmocka_unit_test(test_text_hex__goes_both_ways),
          cmocka_unit_test(test_size_text__keeps_three_digits),
          cmocka_unit_test(test_duration_text__fits_its_size))
