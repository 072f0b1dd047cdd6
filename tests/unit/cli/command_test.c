/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/text.h"
#include "cli/command.h"

static Err *find(const Command **out, size_t *used, const char *first, const char *second)
{
    const char *const words[] = {first, second};
    return command_find(out, used, words, second ? 2 : 1);
}

static void assert_hint(const char *first, const char *second, const char *hint)
{
    const Command *command = NULL;
    size_t used;
    Err *err = find(&command, &used, first, second);
    assert_non_null(err);
    assert_int_equal(err_class(err), ERR_USAGE);
    assert_string_equal(err_hint_text(err), hint);
    err_free(&err);
}

static void test_command_find__takes_one_word_or_two(void **state)
{
    (void)state;
    const Command *command = NULL;
    size_t used = 0;
    ASSERT_OK(find(&command, &used, "config", "show"));
    assert_string_equal(command->name, "config show");
    assert_int_equal(used, 2);
    ASSERT_OK(find(&command, &used, "help", "version"));
    assert_string_equal(command->name, "help");
    assert_int_equal(used, 1);
    ASSERT_ERR_TEXT(USAGE, "no command given", command_find(&command, &used, NULL, 0));
    ASSERT_ERR_TEXT(USAGE, "unknown command \"hel\"", find(&command, &used, "hel", NULL));
}

static void test_command_find__names_the_nearest(void **state)
{
    (void)state;
    assert_hint("versin", NULL, "did you mean \"version\"?");
    assert_hint("config", NULL, "did you mean \"config show\"?");
    assert_hint("config", "shwo", "did you mean \"config show\"?");
    assert_hint("frobnicate", NULL, "\"pgstrata help\" lists the commands");
}

static void test_command_table__rows_are_whole_and_sorted(void **state)
{
    (void)state;
    for (const Command *command = command_table; command->name; command++) {
        assert_non_null(command->run);
        assert_true(command->summary && command->about && command->arguments);
        assert_int_equal(__builtin_popcount(command->set), 1);
        assert_true(command->words_max >= command->words_min);
        if (command[1].name)
            assert_true(strcmp(command->name, command[1].name) < 0);
    }
}

UNIT_MAIN(cmocka_unit_test(test_command_find__takes_one_word_or_two),
          cmocka_unit_test(test_command_find__names_the_nearest),
          cmocka_unit_test(test_command_table__rows_are_whole_and_sorted))
