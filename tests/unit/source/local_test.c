/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "tree.h"

#include <sys/stat.h>
#include <unistd.h>

static Source *source_of(const TestFolder *top, const char *path)
{
    Source *source = NULL;
    ASSERT_OK(source_local_open(&source, test_path(top, path)));
    return source;
}

static void test_source_read__gives_ranges_and_ends_where_the_file_ends(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder top = test_folder();
    tree_file(&top, "d/base/f", "0123456789");
    AUTO(source_free) Source *source = source_of(&top, "d");
    AUTO(source_close) SourceFile *file = NULL;
    ASSERT_OK(source_open(&file, source, "base/f"));
    char bytes[16] = "";
    size_t got = 99;
    ASSERT_OK(source_read(&got, file, bytes, 4, 3));
    assert_int_equal(got, 4);
    assert_memory_equal(bytes, "3456", 4);
    assert_int_equal(truncate(test_path(&top, "d/base/f"), 5), 0);
    ASSERT_OK(source_read(&got, file, bytes, 4, 3));
    assert_int_equal(got, 2);
    ASSERT_OK(source_read(&got, file, bytes, 4, 8));
    assert_int_equal(got, 0);
}

static void test_source_open__answers_vanished(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder top = test_folder();
    tree_file(&top, "d/f", "");
    AUTO(source_free) Source *source = source_of(&top, "d");
    SourceFile *file = (SourceFile *)&top;
    ASSERT_OK(source_open(&file, source, "gone"));
    assert_null(file);
    file = (SourceFile *)&top;
    ASSERT_OK(source_open(&file, source, "gone/too"));
    assert_null(file);
    AUTO(arena_free) Arena *arena = arena_new();
    SourceFolder folder;
    ASSERT_OK(source_list(&folder, source, "gone", arena));
    assert_false(folder.is_there);
    assert_int_equal(folder.count, 0);
}

static void test_source_open__does_not_follow_links_or_open_pipes(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder top = test_folder();
    tree_file(&top, "d/f", "");
    tree_link(&top, "d/l", "f");
    assert_int_equal(mkfifo(test_path(&top, "d/p"), 0600), 0);
    AUTO(source_free) Source *source = source_of(&top, "d");
    SourceFile *file = NULL;
    ASSERT_ERR(REFUSED, source_open(&file, source, "l"));
    ASSERT_ERR(REFUSED, source_open(&file, source, "p"));
}

static void test_source_list__says_away_when_the_data_directory_goes(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder top = test_folder();
    tree_folder(&top, "d");
    AUTO(source_free) Source *source = source_of(&top, "d");
    ASSERT_OK(source_check(source));
    ASSERT_OK(folder_remove(test_path(&top, "d")));
    AUTO(arena_free) Arena *arena = arena_new();
    SourceFolder folder;
    ASSERT_ERR_TEXT(AWAY, "is gone", source_list(&folder, source, "", arena));
    ASSERT_ERR(AWAY, source_check(source));
}

static void test_source_check__notices_another_folder_in_the_same_place(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder top = test_folder();
    tree_folder(&top, "space/PG_15_1");
    tree_link(&top, "d/pg_tblspc/16", test_path(&top, "space"));
    AUTO(source_free) Source *source = source_of(&top, "d");
    ASSERT_OK(source_check(source));
    ASSERT_OK(file_rename(test_path(&top, "space"), test_path(&top, "space.old")));
    tree_folder(&top, "space");
    ASSERT_ERR_TEXT(AWAY, "pg_tblspc/16", source_check(source));
    ASSERT_OK(file_remove(test_path(&top, "d/pg_tblspc/16"))); /* dropped: that is no fault */
    ASSERT_OK(source_check(source));
}

static void test_source_local_open__refuses_circles_and_strange_places(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder top = test_folder();
    Source *source = NULL;
    ASSERT_ERR_TEXT(NOT_FOUND, "is not there", source_local_open(&source, test_path(&top, "none")));
    tree_file(&top, "file", "");
    ASSERT_ERR_TEXT(NOT_FOUND, "is a file", source_local_open(&source, test_path(&top, "file")));
    tree_folder(&top, "own/base");
    tree_link(&top, "own/pg_tblspc/16", "../base");
    ASSERT_ERR_TEXT(REFUSED, "the folder base of the data directory",
                    source_local_open(&source, test_path(&top, "own")));
    assert_null(source);

    static const char *const targets[] = {".", "..", "../..", "/"};
    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        AUTO(arena_free) Arena *arena = arena_new();
        const char *const name = arena_textf(arena, "c%zu/d", i);
        tree_link(&top, arena_textf(arena, "%s/pg_wal", name), targets[i]);
        AUTO(source_free) Source *circle = source_of(&top, name);
        SourceFolder folder;
        ASSERT_ERR_TEXT(REFUSED, "contains the data directory", source_list(&folder, circle, "", arena));
    }
}

/* Root may read everything: as root we look with somebody else's eyes. */
static void test_source_local__says_who_may_not_read_what(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder top = test_folder();
    tree_file(&top, "d/secret", "x");
    tree_folder(&top, "d/closed");
    assert_int_equal(chmod(test_path(&top, "d/secret"), 0), 0);
    assert_int_equal(chmod(test_path(&top, "d/closed"), 0), 0);
    assert_int_equal(chmod(test_path(&top, "d"), 0755), 0);
    assert_int_equal(chmod(top.path, 0755), 0);
    const bool is_root = geteuid() == 0;
    if (is_root)
        assert_int_equal(seteuid(65534), 0);
    Source *source = source_of(&top, "d");
    SourceFile *file = NULL;
    AUTO(err_free) Err *read = source_open(&file, source, "secret");
    AUTO(arena_free) Arena *arena = arena_new();
    SourceFolder folder;
    AUTO(err_free) Err *list = source_list(&folder, source, "closed", arena);
    source_free(&source);
    if (is_root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(test_path(&top, "d/closed"), 0700), 0);
    assert_true(err_is(read, ERR_DENIED));
    assert_non_null(strstr(err_text(read), "/d/secret"));
    assert_non_null(strstr(err_hint_text(read), "user "));
    assert_true(err_is(list, ERR_DENIED));
}

UNIT_MAIN(cmocka_unit_test(test_source_read__gives_ranges_and_ends_where_the_file_ends),
          cmocka_unit_test(test_source_open__answers_vanished),
          cmocka_unit_test(test_source_open__does_not_follow_links_or_open_pipes),
          cmocka_unit_test(test_source_list__says_away_when_the_data_directory_goes),
          cmocka_unit_test(test_source_check__notices_another_folder_in_the_same_place),
          cmocka_unit_test(test_source_local_open__refuses_circles_and_strange_places),
          cmocka_unit_test(test_source_local__says_who_may_not_read_what))
