/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/buf.h"
#include "base/text.h"
#include "fake/folder.h"
#include "cluster/server_conf.h"
#include "os/file.h"
#include "os/folder.h"

#include <string.h>

static void put(const TestFolder *folder, const char *name, const char *text)
{
    ASSERT_OK(file_write_durable(test_path(folder, name), span_of(text, strlen(text)), 0600));
}

static ServerConf read_all(const TestFolder *folder, Arena *arena)
{
    ServerConf out;
    ASSERT_OK(server_conf_read(&out, test_path(folder, "postgresql.conf"), arena));
    return out;
}

static void test_server_conf_read__takes_what_is_included_where_it_stands(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    AUTO(arena_free) Arena *arena = arena_new();
    ASSERT_OK(folder_make(test_path(&folder, "conf.d"), 0700));
    put(&folder, "postgresql.conf",
        "a = 1\nb = 1\nc = 1\ninclude 'first.conf'\nb = 2\ninclude_dir = 'conf.d'\ninclude_if_exists "
        "'none.conf'\n");
    put(&folder, "first.conf", "a = 2\nb = 3\n");
    put(&folder, "conf.d/20.conf", "c = 20\n");
    put(&folder, "conf.d/10.conf", "c = 10\nd = 10\ninclude 'inner'\n");
    put(&folder, "conf.d/inner",
        "e = 'inner'\n"); /* relative to the file that includes; no *.conf of its own */
    put(&folder, "conf.d/.hidden.conf", "c = 99\n");
    put(&folder, "conf.d/30.conf~", "c = 99\n");
    const ServerConf conf = read_all(&folder, arena);
    assert_string_equal(pg_conf_find(&conf.conf, "a"), "2");
    assert_string_equal(pg_conf_find(&conf.conf, "b"), "2");
    assert_string_equal(pg_conf_find(&conf.conf, "c"), "20");
    assert_string_equal(pg_conf_find(&conf.conf, "d"), "10");
    assert_string_equal(pg_conf_find(&conf.conf, "e"), "inner");
    assert_int_equal(conf.file_count, 6);
    const ServerConfFile *const last = &conf.files[5];
    assert_true(text_ends(last->path, "/none.conf") && last->may_be_missing && last->fault);
    for (size_t i = 0; i < 5; i++)
        assert_null(conf.files[i].fault);
}

static void test_server_conf_read__lists_what_is_not_there(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    AUTO(arena_free) Arena *arena = arena_new();
    ServerConf conf = read_all(&folder, arena);
    assert_int_equal(conf.conf.count, 0);
    assert_int_equal(conf.file_count, 1);
    assert_non_null(conf.files[0].fault);
    put(&folder, "postgresql.conf", "include 'gone.conf'\ninclude_dir 'gone.d'\nport = 5433\n");
    conf = read_all(&folder, arena);
    assert_string_equal(pg_conf_find(&conf.conf, "port"), "5433");
    assert_int_equal(conf.file_count, 3);
    assert_true(text_ends(conf.files[1].path, "/gone.conf") && conf.files[1].fault &&
                !conf.files[1].may_be_missing);
    assert_true(text_ends(conf.files[2].path, "/gone.d") && conf.files[2].fault);
}

static void test_server_conf_read__ends_where_files_include_one_another(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    AUTO(arena_free) Arena *arena = arena_new();
    put(&folder, "postgresql.conf", "port = 5433\ninclude 'postgresql.conf'\n");
    assert_int_equal(read_all(&folder, arena).file_count, 11);
    put(&folder, "postgresql.conf",
        "include 'postgresql.conf'\ninclude 'postgresql.conf'\ninclude 'postgresql.conf'\n");
    ServerConf conf;
    ASSERT_ERR_TEXT(LIMIT, "postgresql.conf",
                    server_conf_read(&conf, test_path(&folder, "postgresql.conf"), arena));
}

UNIT_MAIN(cmocka_unit_test(test_server_conf_read__takes_what_is_included_where_it_stands),
          cmocka_unit_test(test_server_conf_read__lists_what_is_not_there),
          cmocka_unit_test(test_server_conf_read__ends_where_files_include_one_another))
