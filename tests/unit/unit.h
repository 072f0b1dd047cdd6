/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* tests/unit/unit.h - cmocka with a few words of our own for errors. A test program includes this first. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

/* The call must succeed; otherwise its error text is shown. */
#define ASSERT_OK(call)                                                                                      \
    do {                                                                                                     \
        Err *err_ = (call);                                                                                  \
        if (err_)                                                                                            \
            fail_msg("%s: %s [%s %s]", #call, err_text(err_), err_code(err_), err_origin(err_));             \
    } while (0)

/* The call must fail with this class. */
#define ASSERT_ERR(class, call)                                                                              \
    do {                                                                                                     \
        Err *err_ = (call);                                                                                  \
        if (!err_)                                                                                           \
            fail_msg("%s succeeded, expected %s", #call, #class);                                            \
        if (err_class(err_) != ERR_##class)                                                                  \
            fail_msg("%s: %s [%s], expected %s", #call, err_text(err_), err_code(err_), #class);             \
        err_free(&err_);                                                                                     \
    } while (0)

/* The call must fail with this class, and its text must contain `part`. */
#define ASSERT_ERR_TEXT(class, part, call)                                                                   \
    do {                                                                                                     \
        Err *err_ = (call);                                                                                  \
        if (!err_)                                                                                           \
            fail_msg("%s succeeded, expected %s", #call, #class);                                            \
        if (err_class(err_) != ERR_##class || !strstr(err_text(err_), (part)))                               \
            fail_msg("%s: %s [%s], expected %s with \"%s\"", #call, err_text(err_), err_code(err_), #class,  \
                     (part));                                                                                \
        err_free(&err_);                                                                                     \
    } while (0)

#define UNIT_MAIN(...)                                                                                       \
    int main(void)                                                                                           \
    {                                                                                                        \
        const struct CMUnitTest tests[] = {__VA_ARGS__};                                                     \
        return cmocka_run_group_tests(tests, NULL, NULL);                                                    \
    }
