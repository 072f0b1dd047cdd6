/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/text.h"
#include "conf/option_value.h"

#include <ctype.h>
#include <string.h>

static void test_option_table__has_a_whole_row_for_every_id(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    for (OptionId id = 0; id < OPTION_COUNT; id++) {
        const Option *const option = &option_table[id];
        assert_non_null(option->name);
        assert_non_null(option->help);
        assert_true(islower((unsigned char)option->help[0]) || option->help[0] == '[');
        assert_false(text_ends(option->help, "."));
        assert_true(option->commands != 0);
        assert_int_equal(option->type == TYPE_FLAG, option->value == NULL);
        assert_int_equal(option->type == TYPE_ENUM, option->choices != NULL);
        if (option->type == TYPE_INT || option->type == TYPE_DURATION)
            assert_true(option->max > option->min);
        OptionValue value;
        if (option->initial)
            ASSERT_OK(option_value_parse(&value, id, option->initial, NULL, arena));
    }
}

static void test_option_table__names_letters_and_keys_are_unique(void **state)
{
    (void)state;
    for (OptionId id = 0; id < OPTION_COUNT; id++) {
        assert_int_equal(option_by_name(option_table[id].name, strlen(option_table[id].name)), id);
        assert_int_equal(option_by_key(option_key(id)), id);
        assert_int_equal(option_by_env_name(option_env_name(id).text), id);
        if (option_table[id].letter)
            assert_int_equal(option_by_letter(option_table[id].letter), id);
    }
}

static void test_option_env_name__is_upper_case_with_underscores(void **state)
{
    (void)state;
    assert_string_equal(option_env_name(OPT_RETRY_TIMEOUT).text, "PGSTRATA_RETRY_TIMEOUT");
}

static void test_option_fits_section__follows_the_scope(void **state)
{
    (void)state;
    assert_true(option_fits_section(OPT_JOBS, SCOPE_GLOBAL));
    assert_true(option_fits_section(OPT_JOBS, SCOPE_CLUSTER));
    assert_false(option_fits_section(OPT_JOBS, SCOPE_REPO));
    assert_true(option_fits_section(OPT_PGDATA, SCOPE_CLUSTER));
    assert_false(option_fits_section(OPT_PGDATA, SCOPE_GLOBAL));
    assert_false(option_fits_section(OPT_FORCE, SCOPE_CLUSTER));
    assert_false(option_fits_section(OPT_CONFIG, SCOPE_GLOBAL));
}

static void test_option_nearest__keeps_to_what_may_stand_there(void **state)
{
    (void)state;
    assert_string_equal(option_nearest_key("pgdta", SCOPE_CLUSTER), "pgdata");
    assert_string_equal(option_nearest_key("urll", SCOPE_REPO), "url");
    assert_null(option_nearest_key("target-tme", SCOPE_CLUSTER));
    assert_string_equal(option_nearest_name("target-tme", FOR_RESTORE), "target-time");
}

UNIT_MAIN(cmocka_unit_test(test_option_table__has_a_whole_row_for_every_id),
          cmocka_unit_test(test_option_table__names_letters_and_keys_are_unique),
          cmocka_unit_test(test_option_env_name__is_upper_case_with_underscores),
          cmocka_unit_test(test_option_fits_section__follows_the_scope),
          cmocka_unit_test(test_option_nearest__keeps_to_what_may_stand_there))
