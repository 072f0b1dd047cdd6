/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "os/clock.h"
#include "os/process.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(literal) span_of(literal, sizeof(literal) - 1)

static void test_process_run__hands_over_input_output_and_status(void **state)
{
    (void)state;
    AUTO(buf_done) Buf output = {0};
    AUTO(buf_done) Buf messages = {0};
    const char *const argv[] = {"sh", "-c",  "cat; echo \"$LC_ALL $X $1\"; echo oops >&2; exit 3",
                                "sh", "a b", NULL};
    const char *const env[] = {"X=y", NULL};
    setenv("LC_ALL", "de_DE.UTF-8", 1);
    ProcessEnd end;
    ASSERT_OK(process_run(
        &end, argv,
        &(ProcessOptions){.input = TEXT("in\n"), .output = &output, .messages = &messages, .env = env}));
    assert_int_equal(end.status, 3);
    assert_int_equal(end.signal, 0);
    assert_string_equal(buf_text(&output), "in\nC y a b\n");
    assert_string_equal(buf_text(&messages), "oops\n");
}

static void test_process_run__moves_more_than_a_pipe_holds(void **state)
{
    (void)state;
    AUTO(buf_done) Buf output = {0};
    AUTO(buf_done) Buf input = {0};
    memset(buf_reserve(&input, 500000), 'x', 500000);
    buf_grown(&input, 500000);
    const char *const argv[] = {"cat", NULL};
    ProcessEnd end;
    ASSERT_OK(process_run(&end, argv, &(ProcessOptions){.input = buf_span(&input), .output = &output}));
    assert_true(process_succeeded(end));
    assert_int_equal(output.len, 500000);
    ASSERT_ERR(LIMIT,
               process_run(&end, argv,
                           &(ProcessOptions){
                               .input = buf_span(&input), .output = &output, .output_bytes_max = 499999}));
}

static void test_process_run__joins_both_outputs_when_asked_for_one(void **state)
{
    (void)state;
    AUTO(buf_done) Buf output = {0};
    const char *const argv[] = {"sh", "-c", "pwd; echo b >&2", NULL};
    ProcessEnd end;
    ASSERT_OK(process_run(&end, argv, &(ProcessOptions){.output = &output, .folder = "/usr"}));
    assert_string_equal(buf_text(&output), "/usr\nb\n");
}

static void test_process_run__says_when_there_is_no_such_program(void **state)
{
    (void)state;
    const char *const argv[] = {"/no/such/program", NULL};
    ProcessEnd end;
    ASSERT_ERR_TEXT(NOT_FOUND, "/no/such/program", process_run(&end, argv, &(ProcessOptions){0}));
}

static void test_process_run__ends_at_the_timeout(void **state)
{
    (void)state;
    const char *const argv[] = {"sleep", "60", NULL};
    ProcessEnd end;
    const int64_t begin = clock_monotonic_us();
    ASSERT_ERR_TEXT(IO, "did not end", process_run(&end, argv, &(ProcessOptions){.timeout_ms = 50}));
    assert_true(clock_monotonic_us() - begin < 10000000);
}

static void test_process_run__tells_the_signal_that_ended_it(void **state)
{
    (void)state;
    const char *const argv[] = {"sh", "-c", "kill -KILL $$", NULL};
    ProcessEnd end;
    ASSERT_OK(process_run(&end, argv, &(ProcessOptions){0}));
    assert_int_equal(end.signal, SIGKILL);
    assert_false(process_succeeded(end));
}

/* As pg_ctl start does: the program ends, its child lives on with our pipe. */
static void test_process_run__does_not_wait_for_what_was_left_behind(void **state)
{
    (void)state;
    AUTO(buf_done) Buf output = {0};
    const char *const argv[] = {"sh", "-c", "sleep 5 & echo started", NULL};
    ProcessEnd end;
    const int64_t begin = clock_monotonic_us();
    ASSERT_OK(process_run(&end, argv, &(ProcessOptions){.output = &output}));
    assert_true(clock_monotonic_us() - begin < 3000000);
    assert_string_equal(buf_text(&output), "started\n");
}

UNIT_MAIN(cmocka_unit_test(test_process_run__hands_over_input_output_and_status),
          cmocka_unit_test(test_process_run__moves_more_than_a_pipe_holds),
          cmocka_unit_test(test_process_run__joins_both_outputs_when_asked_for_one),
          cmocka_unit_test(test_process_run__says_when_there_is_no_such_program),
          cmocka_unit_test(test_process_run__ends_at_the_timeout),
          cmocka_unit_test(test_process_run__tells_the_signal_that_ended_it),
          cmocka_unit_test(test_process_run__does_not_wait_for_what_was_left_behind))
