/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/buf.h"

#include <string.h>

static void test_buf__is_empty_text_before_anything_was_added(void **state)
{
    (void)state;
    AUTO(buf_done) Buf buf = {0};
    assert_string_equal(buf_text(&buf), "");
    char *text = buf_take_text(&buf);
    assert_string_equal(text, "");
    mem_free(&text);
}

static void test_buf__grows_and_stays_terminated(void **state)
{
    (void)state;
    AUTO(buf_done) Buf buf = {0};
    for (int i = 0; i < 1000; i++)
        buf_addf(&buf, "%d,", i);
    assert_int_equal(buf.len, strlen(buf_text(&buf)));
    assert_true(strstr(buf_text(&buf), ",999,") != NULL);
}

static void test_buf__writes_integers_little_endian(void **state)
{
    (void)state;
    AUTO(buf_done) Buf buf = {0};
    buf_add_u8(&buf, 1);
    buf_add_u16(&buf, 0x0302);
    buf_add_u32(&buf, 0x07060504);
    buf_add_u64(&buf, UINT64_C(0x0f0e0d0c0b0a0908));
    for (uint8_t i = 0; i < 15; i++)
        assert_int_equal(buf.data[i], i + 1);
}

static void test_buf_cut__takes_the_end_off(void **state)
{
    (void)state;
    AUTO(buf_done) Buf buf = {0};
    buf_cut(&buf, 0);
    buf_add_text(&buf, "base/1");
    buf_cut(&buf, 4);
    assert_string_equal(buf_text(&buf), "base");
    assert_int_equal(buf.len, 4);
}

static void test_buf_add_path__needs_no_slash_behind_nothing(void **state)
{
    (void)state;
    AUTO(buf_done) Buf buf = {0};
    buf_add_path(&buf, "", "base");
    assert_string_equal(buf_text(&buf), "base");
    buf_add_path(&buf, "/5", "1259");
    assert_string_equal(buf_text(&buf), "base/5/1259");
}

UNIT_MAIN(cmocka_unit_test(test_buf_cut__takes_the_end_off),
          cmocka_unit_test(test_buf_add_path__needs_no_slash_behind_nothing),
          cmocka_unit_test(test_buf__is_empty_text_before_anything_was_added),
          cmocka_unit_test(test_buf__grows_and_stays_terminated),
          cmocka_unit_test(test_buf__writes_integers_little_endian))
