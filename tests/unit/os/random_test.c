/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "os/random.h"

#include <string.h>

static void test_random_bytes__differ_from_call_to_call(void **state)
{
    (void)state;
    unsigned char a[600] = {0}, b[600] = {0}; /* more than the 256 bytes that come in one piece */
    ASSERT_OK(random_bytes(a, sizeof a));
    ASSERT_OK(random_bytes(b, sizeof b));
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a + 500, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
}

static void test_random_uuid__has_the_form_of_version_4(void **state)
{
    (void)state;
    UuidText a, b;
    ASSERT_OK(random_uuid(&a));
    ASSERT_OK(random_uuid(&b));
    assert_int_equal(strlen(a.text), 36);
    assert_int_equal(a.text[8], '-');
    assert_int_equal(a.text[23], '-');
    assert_int_equal(a.text[14], '4');
    assert_non_null(strchr("89ab", a.text[19]));
    assert_string_not_equal(a.text, b.text);
}

UNIT_MAIN(cmocka_unit_test(test_random_bytes__differ_from_call_to_call),
          cmocka_unit_test(test_random_uuid__has_the_form_of_version_4))
