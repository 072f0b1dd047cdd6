/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include <string.h>

static Err *inner(void)
{
    return ERR(AWAY, "no answer from %s", "host");
}

static Err *outer(void)
{
    TRY_AS(inner(), "reading %s", "key");
    return NULL;
}

static void test_err__carries_context_from_inside_out(void **state)
{
    (void)state;
    AUTO(err_free) Err *err = outer();
    assert_string_equal(err_text(err), "reading key: no answer from host");
    assert_true(err_is(err, ERR_AWAY));
    assert_non_null(strstr(err_origin(err), "err_test.c:"));
}

static void test_err__names_its_room_and_class(void **state)
{
    (void)state;
    AUTO(err_free) Err *err = err_new(ERR_AWAY, "../src/store/posix.c", 12, "x");
    assert_string_equal(err_code(err), "store/AWAY");
    assert_string_equal(err_origin(err), "src/store/posix.c:12");
    err = err_become(err, ERR_CORRUPT);
    assert_string_equal(err_code(err), "store/CORRUPT");
}

static void test_err__appends_hints_as_lines(void **state)
{
    (void)state;
    AUTO(err_free) Err *err = ERR(USAGE, "x");
    assert_string_equal(err_hint_text(err), "");
    err = err_hint(err, "first");
    err = err_hint(err, "second %d", 2);
    assert_string_equal(err_hint_text(err), "first\nsecond 2");
}

static void test_err_first__frees_the_second(void **state)
{
    (void)state;
    AUTO(err_free) Err *err = err_first(ERR(IO, "one"), ERR(IO, "two"));
    assert_string_equal(err_text(err), "one");
    assert_null(err_first(NULL, NULL));
}

static void test_err_is__is_false_for_success(void **state)
{
    (void)state;
    assert_false(err_is(NULL, ERR_NOT_FOUND));
}

static void test_err_is_unreadable__knows_what_no_retry_helps(void **state)
{
    (void)state;
    for (ErrClass is = 0; is < ERR_CLASS_COUNT; is++) {
        AUTO(err_free) Err *err = err_new(is, __FILE__, __LINE__, "object x");
        assert_int_equal(err_is_unreadable(err),
                         is == ERR_NOT_FOUND || is == ERR_CORRUPT || is == ERR_UNSUPPORTED);
    }
    assert_false(err_is_unreadable(NULL));
}

static void test_err_copy__says_the_same_and_lives_on(void **state)
{
    (void)state;
    Err *err = err_hint(err_detail(ERR(AWAY, "no answer from %s", "r1"), "tried twice"), "mount it");
    AUTO(err_free) Err *copy = err_copy(err);
    assert_string_equal(err_code(copy), err_code(err));
    assert_string_equal(err_origin(copy), err_origin(err));
    err_free(&err);
    assert_true(err_is(copy, ERR_AWAY));
    assert_string_equal(err_text(copy), "no answer from r1");
    assert_string_equal(err_detail_text(copy), "tried twice");
    assert_string_equal(err_hint_text(copy), "mount it");
    AUTO(err_free) Err *bare = ERR(IO, "bare");
    AUTO(err_free) Err *again = err_copy(bare);
    assert_string_equal(err_hint_text(again), "");
}

UNIT_MAIN(cmocka_unit_test(test_err_copy__says_the_same_and_lives_on),
          cmocka_unit_test(test_err__carries_context_from_inside_out),
          cmocka_unit_test(test_err__names_its_room_and_class),
          cmocka_unit_test(test_err__appends_hints_as_lines),
          cmocka_unit_test(test_err_first__frees_the_second),
          cmocka_unit_test(test_err_is__is_false_for_success),
          cmocka_unit_test(test_err_is_unreadable__knows_what_no_retry_helps))
