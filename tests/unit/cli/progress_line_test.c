/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "cli/progress_line.h"

static void assert_line(const char *expected, const ProgressNow *now, int64_t elapsed_us)
{
    AUTO(buf_done) Buf line = {0};
    progress_line_format(&line, now, elapsed_us);
    assert_string_equal(buf_text(&line), expected);
}

static void test_progress_line_format__says_what_is_known(void **state)
{
    (void)state;
    assert_line("starting", &(ProgressNow){.phase = ""}, 0);
    assert_line("waiting for checkpoint", &(ProgressNow){.phase = "waiting for checkpoint"}, 9000000);
    assert_line("copying: 5.00 MB", &(ProgressNow){.phase = "copying", .bytes_done = 5000000}, 10);
    assert_line("copying: 100 MB of 400 MB (25 %), 10.0 MB/s, 30s left",
                &(ProgressNow){.phase = "copying", .bytes_done = 100000000, .bytes_total = 400000000},
                10000000);
    assert_line("copying: 100 MB of 100 MB (100 %), 10.0 MB/s",
                &(ProgressNow){.phase = "copying", .bytes_done = 100000000, .bytes_total = 100000000},
                10000000);
}

UNIT_MAIN(cmocka_unit_test(test_progress_line_format__says_what_is_known))
