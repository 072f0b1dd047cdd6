/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "os/errno.h"

#include <string.h>

static Err *made(int errnum)
{
    errno = errnum;
    return ERR_OS("opening %s", "/x");
}

static void test_err_os__maps_errno_to_what_the_caller_may_do(void **state)
{
    (void)state;
    ASSERT_ERR(NOT_FOUND, made(ENOENT));
    ASSERT_ERR(NOT_FOUND, made(ENOTDIR));
    ASSERT_ERR(EXISTS, made(EEXIST));
    ASSERT_ERR(DENIED, made(EACCES));
    ASSERT_ERR(DENIED, made(EROFS));
    ASSERT_ERR(LIMIT, made(ENOSPC));
    ASSERT_ERR(LIMIT, made(EDQUOT));
    ASSERT_ERR(AWAY, made(ESTALE));
    ASSERT_ERR(AWAY, made(ECONNREFUSED));
    ASSERT_ERR(REFUSED, made(ELOOP));
    ASSERT_ERR(IO, made(EIO));
}

static void test_err_os__says_what_the_system_said(void **state)
{
    (void)state;
    AUTO(err_free) Err *err = made(ENOENT);
    assert_string_equal(err_text(err), "opening /x: No such file or directory");
    assert_ptr_equal(strstr(err_code(err), "/NOT_FOUND"), err_code(err) + strlen("os"));
}

static void test_err_os__tells_what_to_do_about_a_full_disk(void **state)
{
    (void)state;
    AUTO(err_free) Err *err = made(ENOSPC);
    assert_non_null(strstr(err_hint_text(err), "free space"));
}

UNIT_MAIN(cmocka_unit_test(test_err_os__maps_errno_to_what_the_caller_may_do),
          cmocka_unit_test(test_err_os__says_what_the_system_said),
          cmocka_unit_test(test_err_os__tells_what_to_do_about_a_full_disk))
