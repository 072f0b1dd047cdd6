/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/mem.h"

static void test_take__hands_on_and_nulls(void **state)
{
    (void)state;
    char *text = mem_text("text");
    AUTO(mem_free) char *taken = TAKE(text);
    assert_null(text);
    assert_string_equal(taken, "text");
}

static void test_take__evaluates_its_argument_once(void **state)
{
    (void)state;
    const char *texts[] = {"a", "b"};
    size_t at = 0;
    assert_string_equal(TAKE(texts[at++]), "a");
    assert_int_equal(at, 1);
    assert_null(texts[0]);
    assert_string_equal(texts[1], "b");
}

UNIT_MAIN(cmocka_unit_test(test_take__hands_on_and_nulls),
          cmocka_unit_test(test_take__evaluates_its_argument_once))
