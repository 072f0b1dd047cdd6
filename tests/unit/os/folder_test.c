/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "fake/folder.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void touch(const char *path)
{
    AUTO(file_close) File *file = NULL;
    ASSERT_OK(file_create(&file, path, 0600));
}

static void test_folder_make_all__makes_what_is_missing(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    const mode_t before = umask(077);
    ASSERT_OK(folder_make_all(test_path(&folder, "a/b/c"), 0750));
    umask(before);
    ASSERT_OK(folder_make_all(test_path(&folder, "a/b/c"), 0700));
    EntryInfo info;
    ASSERT_OK(entry_stat(&info, test_path(&folder, "a/b")));
    assert_int_equal(info.mode, 0750);
    ASSERT_OK(entry_stat(&info, test_path(&folder, "a/b/c")));
    assert_int_equal(info.mode, 0750);
}

static void test_folder_make_all__stops_at_a_file(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    touch(test_path(&folder, "f"));
    ASSERT_ERR_TEXT(EXISTS, "is a file", folder_make_all(test_path(&folder, "f"), 0750));
    ASSERT_ERR(EXISTS, folder_make_all(test_path(&folder, "f/a/b"), 0750));
}

static void test_folder_list__sorts_bytewise(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    AUTO(arena_free) Arena *arena = arena_new();
    static const char *const names[] = {"b", "a", "B", "a.b", "a-b", "\xc3\xa4", "aa", ".x"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        touch(test_path(&folder, names[i]));
    ASSERT_OK(folder_make(test_path(&folder, "c"), 0700));
    ASSERT_OK(path_make_link(test_path(&folder, "d"), "c"));
    static const char *const sorted[] = {".x", "B", "a", "a-b", "a.b", "aa", "b", "c", "d", "\xc3\xa4"};
    FolderList list;
    ASSERT_OK(folder_list(&list, folder.path, arena));
    assert_int_equal(list.count, COUNT_OF(sorted));
    for (size_t i = 0; i < list.count; i++)
        assert_string_equal(list.entries[i].name, sorted[i]);
    assert_int_equal(list.entries[0].kind, ENTRY_FILE);
    assert_int_equal(list.entries[7].kind, ENTRY_FOLDER);
    assert_int_equal(list.entries[8].kind, ENTRY_LINK);
}

static void test_folder_is_empty__does_not_count_dots(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    bool is_empty = false;
    ASSERT_OK(folder_is_empty(&is_empty, folder.path));
    assert_true(is_empty);
    touch(test_path(&folder, ".hidden"));
    ASSERT_OK(folder_is_empty(&is_empty, folder.path));
    assert_false(is_empty);
    ASSERT_ERR(NOT_FOUND, folder_is_empty(&is_empty, test_path(&folder, "absent")));
}

static void test_folder_remove_all__never_follows_a_link(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    ASSERT_OK(folder_make_all(test_path(&folder, "gone/a/b"), 0700));
    ASSERT_OK(folder_make(test_path(&folder, "kept"), 0700));
    touch(test_path(&folder, "kept/f"));
    touch(test_path(&folder, "gone/a/f"));
    ASSERT_OK(path_make_link(test_path(&folder, "gone/link"), "../kept"));
    ASSERT_OK(path_make_link(test_path(&folder, "top"), "kept"));

    ASSERT_OK(folder_remove_all(test_path(&folder, "gone")));
    ASSERT_OK(folder_remove_all(test_path(&folder, "gone")));
    ASSERT_ERR(REFUSED, folder_remove_all(test_path(&folder, "top")));
    EntryInfo info;
    ASSERT_OK(entry_stat(&info, test_path(&folder, "kept/f")));
    assert_int_equal(info.kind, ENTRY_FILE);
    ASSERT_OK(entry_stat(&info, test_path(&folder, "gone")));
    assert_int_equal(info.kind, ENTRY_ABSENT);
}

static void test_folder_remove_all__empties_a_big_folder(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    ASSERT_OK(folder_make(test_path(&folder, "big"), 0700));
    for (int i = 0; i < 3000; i++) {
        char name[32];
        snprintf(name, sizeof name, "big/%d", i);
        touch(test_path(&folder, name));
    }
    ASSERT_OK(folder_remove_all(test_path(&folder, "big")));
    EntryInfo info;
    ASSERT_OK(entry_stat(&info, test_path(&folder, "big")));
    assert_int_equal(info.kind, ENTRY_ABSENT);
}

static void test_folder_sync_all__needs_a_folder(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    touch(test_path(&folder, "file"));
    ASSERT_OK(folder_sync_all(test_path(&folder, "")));
    ASSERT_ERR(NOT_FOUND, folder_sync_all(test_path(&folder, "absent")));
    ASSERT_ERR(NOT_FOUND, folder_sync_all(test_path(&folder, "file")));
}

static void test_folder_stat__looks_without_following(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    AUTO(folder_close) Folder *opened = NULL;
    touch(test_path(&folder, "f"));
    ASSERT_OK(path_make_link(test_path(&folder, "link"), "f"));
    ASSERT_ERR(NOT_FOUND, folder_open(&opened, test_path(&folder, "nothing")));
    ASSERT_OK(folder_open(&opened, folder.path));
    EntryInfo info;
    ASSERT_OK(folder_stat(&info, opened, "f"));
    assert_int_equal(info.kind, ENTRY_FILE);
    assert_int_equal(info.mode, 0600);
    ASSERT_OK(folder_stat(&info, opened, "link"));
    assert_int_equal(info.kind, ENTRY_LINK);
    ASSERT_OK(folder_stat(&info, opened, "nothing"));
    assert_int_equal(info.kind, ENTRY_ABSENT);
    ASSERT_OK(folder_stat(&info, opened, "f/below"));
    assert_int_equal(info.kind, ENTRY_ABSENT);
}

static void test_folder_stat__finds_what_is_in_it_wherever_it_goes(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    AUTO(folder_close) Folder *opened = NULL;
    ASSERT_OK(folder_make(test_path(&folder, "a"), 0700));
    touch(test_path(&folder, "a/f"));
    ASSERT_OK(folder_open(&opened, test_path(&folder, "a")));
    ASSERT_OK(file_rename(test_path(&folder, "a"), test_path(&folder, "b")));
    EntryInfo info;
    ASSERT_OK(folder_stat(&info, opened, "f"));
    assert_int_equal(info.kind, ENTRY_FILE);
}

UNIT_MAIN(cmocka_unit_test(test_folder_make_all__makes_what_is_missing),
          cmocka_unit_test(test_folder_make_all__stops_at_a_file),
          cmocka_unit_test(test_folder_list__sorts_bytewise),
          cmocka_unit_test(test_folder_stat__looks_without_following),
          cmocka_unit_test(test_folder_stat__finds_what_is_in_it_wherever_it_goes),
          cmocka_unit_test(test_folder_is_empty__does_not_count_dots),
          cmocka_unit_test(test_folder_sync_all__needs_a_folder),
          cmocka_unit_test(test_folder_remove_all__never_follows_a_link),
          cmocka_unit_test(test_folder_remove_all__empties_a_big_folder))
