/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "conf/args.h"

/* Splits at blanks; enough for these tests. */
static Err *parse(Args *out, const char *line, Arena *arena)
{
    char *words[32];
    int count = 0;
    for (char *at = arena_text(arena, line); *at;) {
        words[count++] = at;
        while (*at && *at != ' ')
            at++;
        if (*at)
            *at++ = 0;
    }
    return args_parse(out, count, words, arena);
}

static void assert_hint(const char *hint, Err *err)
{
    assert_non_null(err);
    assert_string_equal(err_hint_text(err), hint);
    err_free(&err);
}

static void test_args_parse__takes_options_before_and_after_the_command(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    Args args;
    ASSERT_OK(parse(&args, "--cluster=main restore --target-xid 700 -j4 here -vn -p 5433", arena));
    assert_int_equal(args.word_count, 2);
    assert_string_equal(args.words[0], "restore");
    assert_string_equal(args.words[1], "here");
    assert_int_equal(args.option_count, 6);
    assert_string_equal(args_find(&args, OPT_CLUSTER)->value, "main");
    assert_string_equal(args_find(&args, OPT_TARGET_XID)->value, "700");
    assert_string_equal(args_find(&args, OPT_JOBS)->value, "4");
    assert_string_equal(args_find(&args, OPT_JOBS)->as_written, "-j");
    assert_string_equal(args_find(&args, OPT_DRY_RUN)->value, "on");
    assert_string_equal(args_find(&args, OPT_VERBOSE)->value, "on");
    assert_string_equal(args_find(&args, OPT_PORT)->value, "5433");
    assert_null(args_find(&args, OPT_HOST));
}

static void test_args_parse__two_dashes_end_options(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    Args args;
    ASSERT_OK(parse(&args, "info -- --cluster -", arena));
    assert_int_equal(args.word_count, 3);
    assert_string_equal(args.words[1], "--cluster");
    assert_int_equal(args.option_count, 0);
}

static void test_args_parse__the_last_one_counts(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    Args args;
    ASSERT_OK(parse(&args, "-j 2 backup --jobs=3", arena));
    assert_string_equal(args_find(&args, OPT_JOBS)->value, "3");
}

static void test_args_parse__unknown_option_names_the_nearest(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    Args args;
    ASSERT_ERR_TEXT(USAGE, "unknown option --tagret-time", parse(&args, "restore --tagret-time=now", arena));
    assert_hint("did you mean --target-time?", parse(&args, "restore --tagret-time=now", arena));
    assert_hint("", parse(&args, "restore --colour", arena));
    ASSERT_ERR_TEXT(USAGE, "unknown option -x in \"-vx\"", parse(&args, "-vx", arena));
    ASSERT_ERR_TEXT(USAGE, "unknown option --", parse(&args, "--=x", arena));
    /* Names are whole: what is short for one option today would be short for two tomorrow. */
    ASSERT_ERR_TEXT(USAGE, "unknown option --target-t", parse(&args, "--target-t=1", arena));
}

static void test_args_parse__a_missing_value_is_told(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    Args args;
    ASSERT_ERR_TEXT(USAGE, "--cluster needs a value: --cluster NAME", parse(&args, "info --cluster", arena));
    ASSERT_ERR_TEXT(USAGE, "-j needs a value: -j N", parse(&args, "backup -j", arena));
}

static void test_args_check__options_belong_to_commands(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    Args args;
    ASSERT_OK(parse(&args, "backup --offline --cluster=a", arena));
    ASSERT_OK(args_check(&args, FOR_BACKUP, "backup"));
    ASSERT_ERR_TEXT(USAGE, "--offline is not an option of restore",
                    args_check(&args, FOR_RESTORE, "restore"));
}

static void test_args_check__there_is_one_target(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    Args args;
    ASSERT_OK(parse(&args, "restore --target-xid=9 --target-immediate", arena));
    ASSERT_ERR_TEXT(USAGE, "--target-xid and --target-immediate exclude each other",
                    args_check(&args, FOR_RESTORE, "restore"));
    ASSERT_OK(parse(&args, "restore --target-xid=9 --target-xid=10 --target-timeline=3", arena));
    ASSERT_OK(args_check(&args, FOR_RESTORE, "restore"));
    ASSERT_OK(parse(&args, "info -q -v", arena));
    ASSERT_ERR_TEXT(USAGE, "-q and -v exclude each other", args_check(&args, FOR_INFO, "info"));
}

UNIT_MAIN(cmocka_unit_test(test_args_parse__takes_options_before_and_after_the_command),
          cmocka_unit_test(test_args_parse__two_dashes_end_options),
          cmocka_unit_test(test_args_parse__the_last_one_counts),
          cmocka_unit_test(test_args_parse__unknown_option_names_the_nearest),
          cmocka_unit_test(test_args_parse__a_missing_value_is_told),
          cmocka_unit_test(test_args_check__options_belong_to_commands),
          cmocka_unit_test(test_args_check__there_is_one_target))
