/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "cli/help.h"

static void test_help_format__names_every_option_of_every_command(void **state)
{
    (void)state;
    for (const Command *command = command_table; command->name; command++) {
        AUTO(buf_done) Buf help = {0};
        AUTO(buf_done) Buf man = {0};
        help_format(&help, command);
        man_format(&man, command);
        assert_non_null(strstr(buf_text(&help), command->summary));
        assert_non_null(strstr(buf_text(&man), ".SH SYNOPSIS"));
        for (OptionId id = 0; id < OPTION_COUNT; id++) {
            AUTO(buf_done) Buf name = {0};
            buf_addf(&name, "--%s", option_table[id].name);
            const bool is_shown =
                option_table[id].commands & command->set && !(option_table[id].flags & OPTION_HIDDEN);
            if (is_shown)
                assert_non_null(strstr(buf_text(&help), buf_text(&name)));
        }
        assert_null(strstr(buf_text(&help), "--completion"));
    }
}

static void test_help_format__lists_the_commands(void **state)
{
    (void)state;
    AUTO(buf_done) Buf help = {0};
    help_format(&help, NULL);
    for (const Command *command = command_table; command->name; command++)
        assert_non_null(strstr(buf_text(&help), command->summary));
}

static void test_completion_format__offers_commands_options_and_choices(void **state)
{
    (void)state;
    static const char *const shells[] = {"bash", "zsh", "fish"};
    for (size_t i = 0; i < COUNT_OF(shells); i++) {
        AUTO(buf_done) Buf script = {0};
        completion_format(&script, shells[i]);
        assert_non_null(strstr(buf_text(&script), "version"));
        assert_non_null(strstr(buf_text(&script), "pgdata"));
        assert_non_null(strstr(buf_text(&script), "zstd lz4 none"));
    }
}

UNIT_MAIN(cmocka_unit_test(test_help_format__names_every_option_of_every_command),
          cmocka_unit_test(test_help_format__lists_the_commands),
          cmocka_unit_test(test_completion_format__offers_commands_options_and_choices))
