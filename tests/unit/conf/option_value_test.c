/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "conf/option_value.h"

#include <string.h>

static Err *parse(OptionValue *out, OptionId id, const char *text, Arena *arena)
{
    return option_value_parse(out, id, text, NULL, arena);
}

static void test_duration_parse__knows_five_units(void **state)
{
    (void)state;
    int64_t ms = 0;
    ASSERT_OK(duration_parse(&ms, "250ms"));
    assert_int_equal(ms, 250);
    ASSERT_OK(duration_parse(&ms, "60s"));
    assert_int_equal(ms, 60000);
    ASSERT_OK(duration_parse(&ms, "5 min"));
    assert_int_equal(ms, 300000);
    ASSERT_OK(duration_parse(&ms, "1h"));
    assert_int_equal(ms, 3600000);
    ASSERT_OK(duration_parse(&ms, "7d"));
    assert_int_equal(ms, 604800000);
}

static void test_duration_parse__refuses_everything_else(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "60",
                                      "s",
                                      "-1s",
                                      "1.5h",
                                      "5m",
                                      "5 minutes",
                                      "60s ",
                                      "1h30min",
                                      "999999999999999999d",
                                      "99999999999999999999s",
                                      "106751991167301d"};
    int64_t ms = 42;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        ASSERT_ERR_TEXT(USAGE, "is not a length of time", duration_parse(&ms, bad[i]));
    assert_int_equal(ms, 42);
}

static void test_option_value_parse__checks_bounds_and_names_them(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    OptionValue value;
    ASSERT_OK(parse(&value, OPT_PORT, "5432", arena));
    assert_int_equal(value.number, 5432);
    ASSERT_ERR_TEXT(USAGE, "port: 99999 is out of range 1 to 65535", parse(&value, OPT_PORT, "99999", arena));
    ASSERT_ERR_TEXT(USAGE, "port: \"54x\" is not a whole number", parse(&value, OPT_PORT, "54x", arena));
    ASSERT_ERR_TEXT(USAGE, "archive-timeout: 10ms is out of range 1s to 86400s",
                    parse(&value, OPT_ARCHIVE_TIMEOUT, "10ms", arena));
    ASSERT_ERR_TEXT(USAGE, "user has no value", parse(&value, OPT_USER, "", arena));
}

static void test_option_value_parse__enum_knows_its_choices(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    OptionValue value;
    ASSERT_OK(parse(&value, OPT_COMPRESS, "lz4", arena));
    assert_int_equal(value.number, 1);
    Err *err = parse(&value, OPT_COMPRESS, "zst", arena);
    assert_string_equal(err_text(err), "compress: \"zst\" is none of zstd, lz4, none");
    assert_string_equal(err_hint_text(err), "did you mean \"zstd\"?");
    err_free(&err);
}

static void test_option_value_parse__refuses_what_later_versions_have(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    OptionValue value;
    ASSERT_OK(parse(&value, OPT_SOURCE, "local", arena));
    ASSERT_ERR_TEXT(USAGE, "source: \"sql\" is not available in this version",
                    parse(&value, OPT_SOURCE, "sql", arena));
}

static void test_option_value_parse__promises_are_read_where_they_stand(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    OptionValue value;
    ASSERT_OK(parse(&value, OPT_RETENTION, "pitr 14d, daily 7", arena));
    assert_string_equal(value.text, "pitr 14d, daily 7");
    ASSERT_ERR_TEXT(USAGE, "retention: \"dayly\" is no promise",
                    parse(&value, OPT_RETENTION, "dayly 7", arena));
}

static void test_option_value_parse__flag_is_on_or_off(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    OptionValue value;
    ASSERT_OK(parse(&value, OPT_QUIET, "yes", arena));
    assert_int_equal(value.number, 1);
    ASSERT_OK(parse(&value, OPT_QUIET, "0", arena));
    assert_int_equal(value.number, 0);
    ASSERT_ERR_TEXT(USAGE, "quiet: \"maybe\" is neither on nor off",
                    parse(&value, OPT_QUIET, "maybe", arena));
}

static void test_option_value_parse__path_is_absolute(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    OptionValue value;
    ASSERT_OK(option_value_parse(&value, OPT_PGDATA, "data", "/home/me", arena));
    assert_string_equal(value.text, "/home/me/data");
    ASSERT_OK(parse(&value, OPT_PGDATA, "/srv/pg", arena));
    assert_string_equal(value.text, "/srv/pg");
    ASSERT_ERR_TEXT(USAGE, "pgdata: \"data\" is a relative path", parse(&value, OPT_PGDATA, "data", arena));
    char long_path[2000];
    memset(long_path, 'x', sizeof long_path);
    long_path[0] = '/';
    long_path[1999] = 0;
    ASSERT_ERR_TEXT(USAGE, "the path has 1999 bytes, at most 1023",
                    parse(&value, OPT_PGDATA, long_path, arena));
}

static void test_names_parse__splits_and_refuses_doubles(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    const char *const *names = NULL;
    size_t count = 0;
    ASSERT_OK(names_parse(&names, &count, "a, b-2 ,c_3", arena));
    assert_int_equal(count, 3);
    assert_string_equal(names[0], "a");
    assert_string_equal(names[1], "b-2");
    assert_string_equal(names[2], "c_3");
    ASSERT_ERR_TEXT(USAGE, "\"a\" is named twice", names_parse(&names, &count, "a,b,a", arena));
    ASSERT_ERR_TEXT(USAGE, "\"\" is not a name", names_parse(&names, &count, "a,,b", arena));
    ASSERT_ERR_TEXT(USAGE, "\"Main\" is not a name", names_parse(&names, &count, "Main", arena));
}

static void test_conf_name_check__has_forty_letters_at_most(void **state)
{
    (void)state;
    ASSERT_OK(conf_name_check("0123456789012345678901234567890123456789", "cluster"));
    ASSERT_ERR_TEXT(USAGE, "is not a name for a cluster",
                    conf_name_check("01234567890123456789012345678901234567890", "cluster"));
    ASSERT_ERR(USAGE, conf_name_check("", "cluster"));
    ASSERT_ERR(USAGE, conf_name_check("a/b", "cluster"));
    ASSERT_ERR(USAGE, conf_name_check("..", "cluster"));
}

UNIT_MAIN(cmocka_unit_test(test_duration_parse__knows_five_units),
          cmocka_unit_test(test_duration_parse__refuses_everything_else),
          cmocka_unit_test(test_option_value_parse__checks_bounds_and_names_them),
          cmocka_unit_test(test_option_value_parse__enum_knows_its_choices),
          cmocka_unit_test(test_option_value_parse__refuses_what_later_versions_have),
          cmocka_unit_test(test_option_value_parse__promises_are_read_where_they_stand),
          cmocka_unit_test(test_option_value_parse__flag_is_on_or_off),
          cmocka_unit_test(test_option_value_parse__path_is_absolute),
          cmocka_unit_test(test_names_parse__splits_and_refuses_doubles),
          cmocka_unit_test(test_conf_name_check__has_forty_letters_at_most))
