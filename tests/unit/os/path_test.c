/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "os/path.h"

#include <string.h>
#include <stdlib.h>
#include <unistd.h>

static void test_path_join__puts_one_slash_between(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    assert_string_equal(path_join("a", "b", arena), "a/b");
    assert_string_equal(path_join("/", "b", arena), "/b");
    assert_string_equal(path_join("", "b", arena), "b");
}

static void test_path_parent__ends_at_root_and_at_dot(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    assert_string_equal(path_parent("/a/b", arena), "/a");
    assert_string_equal(path_parent("/a", arena), "/");
    assert_string_equal(path_parent("/", arena), "/");
    assert_string_equal(path_parent("a", arena), ".");
}

static void test_path_name__is_the_last_component(void **state)
{
    (void)state;
    assert_string_equal(path_name("/a/b"), "b");
    assert_string_equal(path_name("b"), "b");
}

static void test_path_is_inner__refuses_every_way_out(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "/a", "..",  "../a",  "a/..", "a/../b",
                                      "a//b", "a/", "./a", "a/./b", "."};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (path_is_inner(bad[i]))
            fail_msg("\"%s\" counts as inner", bad[i]);
    static const char *const good[] = {"a", "a/b", "..a", "a..", "a/...", ".a/b"};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        if (!path_is_inner(good[i]))
            fail_msg("\"%s\" does not count as inner", good[i]);
}

static void test_path_is_below__goes_by_whole_components(void **state)
{
    (void)state;
    assert_true(path_is_below("/a/b", "/a"));
    assert_true(path_is_below("/a", "/a"));
    assert_true(path_is_below("/a", "/"));
    assert_false(path_is_below("/ab", "/a"));
    assert_false(path_is_below("/", "/a"));
}

static void test_path_clean__takes_dots_and_slashes_out(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    static const char *const cases[][2] = {
        {"/", "/"},           {"/a/b", "/a/b"}, {"//a/./b/", "/a/b"},        {"/a/b/../c", "/a/c"},
        {"/a/../../..", "/"}, {"/../x", "/x"},  {"/a/..b/...", "/a/..b/..."}};
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(path_clean(cases[i][0], arena), cases[i][1]);
}

static void test_path_link__is_made_and_read_and_resolved(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    char folder[] = "/tmp/pgstrata-path-XXXXXX";
    assert_non_null(mkdtemp(folder));
    const char *const link = path_join(folder, "link", arena);
    char *target = NULL;
    ASSERT_OK(path_make_link(link, folder));
    ASSERT_OK(path_read_link(&target, link, arena));
    assert_string_equal(target, folder);
    ASSERT_OK(path_real(&target, link, arena));
    assert_string_equal(target, folder);
    ASSERT_ERR(EXISTS, path_make_link(link, "/"));
    unlink(link);
    ASSERT_ERR(NOT_FOUND, path_real(&target, link, arena));
    rmdir(folder);
}

UNIT_MAIN(cmocka_unit_test(test_path_clean__takes_dots_and_slashes_out),
          cmocka_unit_test(test_path_join__puts_one_slash_between),
          cmocka_unit_test(test_path_parent__ends_at_root_and_at_dot),
          cmocka_unit_test(test_path_name__is_the_last_component),
          cmocka_unit_test(test_path_is_inner__refuses_every_way_out),
          cmocka_unit_test(test_path_is_below__goes_by_whole_components),
          cmocka_unit_test(test_path_link__is_made_and_read_and_resolved))
