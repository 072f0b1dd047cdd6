/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/buf.h"
#include "flow/landing.h"

static void test_buf_landing__puts_pieces_in_their_places(void **state)
{
    (void)state;
    AUTO(buf_done) Buf kept = {0};
    buf_add_text(&kept, "before ");
    BufLanding to = buf_landing(&kept);
    ASSERT_OK(land_begin(&to.landing, 6));
    ASSERT_OK(land_write(&to.landing, 4, span_of("ef", 2)));
    ASSERT_OK(land_write(&to.landing, 0, span_of("abcd", 4)));
    assert_string_equal(buf_text(&kept), "before abcdef");
}

static void test_buf_landing__starts_over(void **state)
{
    (void)state;
    AUTO(buf_done) Buf kept = {0};
    buf_add_text(&kept, "before ");
    BufLanding to = buf_landing(&kept);
    ASSERT_OK(land_begin(&to.landing, 3));
    ASSERT_OK(land_write(&to.landing, 0, span_of("bad", 3)));
    ASSERT_OK(land_begin(&to.landing, 1));
    ASSERT_OK(land_write(&to.landing, 0, span_of("x", 1)));
    assert_string_equal(buf_text(&kept), "before x");
    ASSERT_OK(land_begin(&to.landing, 0));
    assert_string_equal(buf_text(&kept), "before ");
}

UNIT_MAIN(cmocka_unit_test(test_buf_landing__puts_pieces_in_their_places),
          cmocka_unit_test(test_buf_landing__starts_over))
