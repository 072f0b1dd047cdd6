/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "conf/conf_fixture.h"

static void assert_setting(Fixture *f, OptionId id, const char *section, const char *text, const char *origin)
{
    const Setting setting = settings_get(f->settings, id, section);
    assert_string_equal(setting.value.text, text);
    assert_string_equal(setting.origin, origin[0] == '/' ? fixture_path(f, origin + 1) : origin);
}

static void test_settings_get__follows_the_order_of_precedence(void **state)
{
    Fixture *const f = *state;
    fixture_write(f, "main.conf", "[global]\njobs = 1\n[cluster a]\npgdata = /a\njobs = 2\n");
    ASSERT_OK(fixture_load(f, "", ""));
    assert_setting(f, OPT_JOBS, "a", "2", "/main.conf:5");
    assert_setting(f, OPT_JOBS, "b", "1", "/main.conf:2");
    assert_setting(f, OPT_RPO, "a", "5min", "default");
    assert_true(settings_get(f->settings, OPT_RPO, "a").is_default);

    fixture_write(f, "conf.d/10-a.conf", "[cluster a]\njobs = 3\n");
    fixture_write(f, "conf.d/20-b.conf", "[cluster a]\njobs = 4\n[global]\njobs = 9\n");
    fixture_write(f, "conf.d/30-c.txt", "not ours\n");
    ASSERT_OK(fixture_load(f, "", ""));
    assert_setting(f, OPT_JOBS, "a", "4", "/conf.d/20-b.conf:2");
    assert_setting(f, OPT_JOBS, "b", "9", "/conf.d/20-b.conf:4");

    ASSERT_OK(fixture_load(f, "", "PGSTRATA_JOBS=5"));
    assert_setting(f, OPT_JOBS, "a", "5", "environment (PGSTRATA_JOBS)");
    ASSERT_OK(fixture_load(f, "-j 6", "PGSTRATA_JOBS=5"));
    assert_setting(f, OPT_JOBS, "a", "6", "command line (-j)");
    assert_int_equal(settings_number(f->settings, OPT_JOBS, "a"), 6);
}

static void test_settings_load__lists_what_it_read(void **state)
{
    Fixture *const f = *state;
    fixture_write(f, "main.conf", "[cluster a]\n[repo x]\n[cluster b]\n[repo x]\nurl=/x\n");
    fixture_write(f, "conf.d/10-a.conf", "[cluster a]\n");
    ASSERT_OK(fixture_load(f, "", ""));
    assert_string_equal(settings_clusters(f->settings)[0], "a");
    assert_string_equal(settings_clusters(f->settings)[1], "b");
    assert_null(settings_clusters(f->settings)[2]);
    assert_string_equal(settings_repos(f->settings)[0], "x");
    assert_null(settings_repos(f->settings)[1]);
    assert_string_equal(settings_files(f->settings)[1], fixture_path(f, "conf.d/10-a.conf"));
    assert_null(settings_files(f->settings)[2]);
}

static void test_settings_load__no_file_at_all_is_fine(void **state)
{
    Fixture *const f = *state;
    ASSERT_OK(fixture_load(f, "--pgdata=/pg", "PGSTRATA_REPO_URL=/srv/r PGSTRATA_HOST="));
    assert_string_equal(settings_clusters(f->settings)[0], "main");
    assert_string_equal(settings_repos(f->settings)[0], "main");
    assert_null(settings_text(f->settings, OPT_HOST, "main"));
    ASSERT_OK(fixture_load(f, "", ""));
    assert_null(settings_clusters(f->settings)[0]);
}

static void test_settings_load__a_file_asked_for_must_exist(void **state)
{
    Fixture *const f = *state;
    ASSERT_ERR_TEXT(USAGE, "configuration file /nowhere/x.conf cannot be read: No such file",
                    fixture_load(f, "--config=/nowhere/x.conf", ""));
    ASSERT_ERR_TEXT(USAGE, "configuration file /nowhere/y.conf",
                    fixture_load(f, "", "PGSTRATA_CONFIG=/nowhere/y.conf"));
    fixture_write(f, "main.conf", "[bad]\n");
    fixture_write(f, "other.conf", "[cluster o]\n");
    ASSERT_OK(fixture_load(f, arena_textf(f->arena, "--config %s", fixture_path(f, "other.conf")), ""));
    assert_string_equal(settings_clusters(f->settings)[0], "o");
}

static void assert_file_error(Fixture *f, const char *text, const char *message, const char *hint)
{
    fixture_write(f, "main.conf", text);
    Err *err = fixture_load(f, "", "");
    assert_non_null(err);
    assert_int_equal(err_class(err), ERR_USAGE);
    assert_string_equal(err_text(err), arena_textf(f->arena, "%s/main.conf:%s", f->folder, message));
    assert_string_equal(err_hint_text(err), hint);
    err_free(&err);
}

static void test_settings_load__bad_files_are_told_by_line(void **state)
{
    Fixture *const f = *state;
    assert_file_error(f, "[cluster a]\n\npgdta = /x\n",
                      "3: unknown option \"pgdta\" in a section [cluster NAME]", "did you mean \"pgdata\"?");
    assert_file_error(f, "[cluster a]\nurl = /x\n", "2: \"url\" belongs in a section [repo NAME]", "");
    assert_file_error(f, "[global]\npgdata = /x\n", "2: \"pgdata\" belongs in a section [cluster NAME]", "");
    assert_file_error(f, "[global]\nforce = on\n", "2: \"force\" may be given on the command line only", "");
    assert_file_error(f, "[cluster a]\nport = 0\n", "2: port: 0 is out of range 1 to 65535", "");
    assert_file_error(f, "[cluster a]\nport =\n", "2: port has no value", "");
    assert_file_error(f, "[cluster a]\npgdata = data\n", "2: pgdata: \"data\" is a relative path",
                      "write it from the root on, beginning with \"/\"");
    fixture_write(f, "main.conf", "[cluster a]\njobs = 1\n[repo r]\n[cluster a]\njobs = 1\n");
    ASSERT_ERR_TEXT(USAGE, "main.conf:5: \"jobs\" is given twice, first at ", fixture_load(f, "", ""));
}

static void test_settings_load__bad_variables_are_told_by_name(void **state)
{
    Fixture *const f = *state;
    ASSERT_ERR_TEXT(USAGE, "environment variable PGSTRATA_PORT: port: \"x\" is not a whole number",
                    fixture_load(f, "", "PGSTRATA_PORT=x"));
    ASSERT_ERR_TEXT(USAGE,
                    "environment variable PGSTRATA_FORCE: --force may be given on the command line only",
                    fixture_load(f, "", "PGSTRATA_FORCE=on"));
    Err *err = fixture_load(f, "", "PGSTRATA_RETRY_TIMOUT=1s");
    assert_string_equal(err_text(err), "unknown environment variable PGSTRATA_RETRY_TIMOUT");
    assert_string_equal(err_hint_text(err), "did you mean PGSTRATA_RETRY_TIMEOUT?");
    err_free(&err);
}

static void test_settings_load__bad_options_are_told(void **state)
{
    Fixture *const f = *state;
    ASSERT_ERR_TEXT(USAGE, "command line: jobs: 0 is out of range 1 to 256", fixture_load(f, "--jobs=0", ""));
    ASSERT_ERR_TEXT(USAGE, "command line: quiet: \"perhaps\" is neither",
                    fixture_load(f, "--quiet=perhaps", ""));
}

static void test_settings_load__pgdata_of_the_environment_helps_one_cluster(void **state)
{
    Fixture *const f = *state;
    fixture_write(f, "main.conf", "[cluster a]\n");
    ASSERT_OK(fixture_load(f, "", "PGDATA=/env"));
    assert_setting(f, OPT_PGDATA, "a", "/env", "environment (PGDATA)");
    fixture_write(f, "main.conf", "[cluster a]\npgdata = /file\n");
    ASSERT_OK(fixture_load(f, "", "PGDATA=/env"));
    assert_setting(f, OPT_PGDATA, "a", "/file", "/main.conf:2");
    fixture_write(f, "main.conf", "[cluster a]\n[cluster b]\n");
    ASSERT_OK(fixture_load(f, "", "PGDATA=/env"));
    assert_null(settings_text(f->settings, OPT_PGDATA, "a"));
}

static void test_settings_load__sections_to_be_written_need_not_be_there(void **state)
{
    Fixture *const f = *state;
    fixture_write(f, "main.conf", "[repo r]\nurl = /r\n[cluster a]\npgdata = /a\n");
    const char *const options = "--cluster=b --pgdata=/b --repo=s --repo-url=/s";
    ASSERT_OK(fixture_load(f, options, ""));
    assert_null(settings_clusters(f->settings)[1]);
    assert_null(settings_repos(f->settings)[1]);
    ASSERT_OK(fixture_load_for(f, options, "", true));
    assert_string_equal(settings_clusters(f->settings)[1], "b");
    assert_string_equal(settings_repos(f->settings)[1], "s");
    /* A name without a place, or several names, make no repository. */
    ASSERT_OK(fixture_load_for(f, "--cluster=b --pgdata=/b --repo=s", "", true));
    assert_null(settings_repos(f->settings)[1]);
    ASSERT_OK(fixture_load_for(f, "--repo=s,t --repo-url=/s", "", true));
    assert_null(settings_repos(f->settings)[1]);
}

static void test_settings_texts__keeps_all_in_order(void **state)
{
    Fixture *const f = *state;
    ASSERT_OK(fixture_load(f, "--tablespace-map=1=/a --tablespace-map 2=/b", ""));
    size_t count;
    const char *const *const texts = settings_texts(&count, f->settings, OPT_TABLESPACE_MAP, f->arena);
    assert_int_equal(count, 2);
    assert_string_equal(texts[0], "1=/a");
    assert_string_equal(texts[1], "2=/b");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

UNIT_MAIN(TEST(test_settings_get__follows_the_order_of_precedence),
          TEST(test_settings_load__lists_what_it_read), TEST(test_settings_load__no_file_at_all_is_fine),
          TEST(test_settings_load__a_file_asked_for_must_exist),
          TEST(test_settings_load__bad_files_are_told_by_line),
          TEST(test_settings_load__bad_variables_are_told_by_name),
          TEST(test_settings_load__bad_options_are_told),
          TEST(test_settings_load__pgdata_of_the_environment_helps_one_cluster),
          TEST(test_settings_load__sections_to_be_written_need_not_be_there),
          TEST(test_settings_texts__keeps_all_in_order))
