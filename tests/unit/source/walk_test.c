/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "tree.h"

#include "base/limits.h"

#include <sys/stat.h>

static const WalkOptions everything = {0};
static const FilterOptions online = {.version = {.major = 15, .catalog_version = 1}};

static Source *source_of(const TestFolder *top, const char *path)
{
    Source *source = NULL;
    ASSERT_OK(source_local_open(&source, test_path(top, path)));
    return source;
}

static void test_walk__goes_in_bytewise_order_of_whole_paths(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder top = test_folder();
    static const char *const files[] = {"d/a/c", "d/a/b/x", "d/a.b",   "d/a-/y",    "d/a0",
                                        "d/a b", "d/B",     "d/a/b.x", "d/\xc3\xa4"};
    for (size_t i = 0; i < COUNT_OF(files); i++)
        tree_file(&top, files[i], "");
    AUTO(source_free) Source *source = source_of(&top, "d");
    AUTO(buf_done) Buf shown = {0};
    ASSERT_OK(tree_walk(&shown, source, &everything));
    assert_string_equal(buf_text(&shown),
                        "B\na/\na b\na-/\na-/y\na.b\na/b/\na/b.x\na/b/x\na/c\na0\n\xc3\xa4\n");
}

static void test_walk__shows_size_mode_and_time(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder top = test_folder();
    tree_file(&top, "d/f", "12345");
    assert_int_equal(chmod(test_path(&top, "d/f"), 0640), 0);
    AUTO(source_free) Source *source = source_of(&top, "d");
    AUTO(walk_free) Walk *walk = NULL;
    ASSERT_OK(walk_new(&walk, source, &everything));
    bool is_entry = false;
    SourceEntry entry;
    ASSERT_OK(walk_next(&is_entry, &entry, walk));
    assert_true(is_entry);
    assert_string_equal(entry.path, "f");
    assert_int_equal(entry.item->size_bytes, 5);
    assert_int_equal(entry.item->mode, 0640);
    EntryInfo info;
    ASSERT_OK(entry_stat(&info, test_path(&top, "d/f")));
    assert_true(entry.item->modified.us == info.modified.us);
    ASSERT_OK(walk_next(&is_entry, &entry, walk));
    assert_false(is_entry);
    ASSERT_OK(walk_next(&is_entry, &entry, walk));
    assert_false(is_entry);
}

static void test_walk__enters_tablespaces_and_linked_wal(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder top = test_folder();
    tree_file(&top, "space/PG_15_1/5/100", "");
    tree_file(&top, "space/PG_13_1/5/100", "");
    tree_folder(&top, "space/lost+found");
    tree_file(&top, "wal/000000010000000000000001", "");
    tree_folder(&top, "wal/archive_status");
    tree_file(&top, "d/pg_tblspc/17/PG_15_1/5/200", ""); /* in place */
    tree_link(&top, "d/pg_tblspc/16", test_path(&top, "space"));
    tree_link(&top, "d/pg_wal", "../wal");
    tree_link(&top, "d/other", test_path(&top, "space"));
    AUTO(source_free) Source *source = source_of(&top, "d");
    AUTO(buf_done) Buf shown = {0};
    ASSERT_OK(tree_walk(&shown, source, &(WalkOptions){.filter = &online}));
    assert_string_equal(buf_text(&shown),
                        "other@\npg_tblspc/\npg_tblspc/16/@\npg_tblspc/16/PG_15_1/\n"
                        "pg_tblspc/16/PG_15_1/5/\npg_tblspc/16/PG_15_1/5/100\npg_tblspc/17/\n"
                        "pg_tblspc/17/PG_15_1/\npg_tblspc/17/PG_15_1/5/\n"
                        "pg_tblspc/17/PG_15_1/5/200\npg_wal/@\npg_wal/archive_status/\n");
}

static void test_walk__reads_a_tablespace_inside_the_data_directory_once(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder top = test_folder();
    tree_file(&top, "d/mine/space/PG_15_1/5/100", "");
    tree_file(&top, "d/mine/other", "");
    tree_file(&top, "d/top/PG_15_1/5/7", "");
    tree_link(&top, "d/pg_tblspc/16", test_path(&top, "d/mine/space"));
    tree_link(&top, "d/pg_tblspc/17", test_path(&top, "d/top"));
    AUTO(source_free) Source *source = source_of(&top, "d");
    AUTO(buf_done) Buf shown = {0};
    ASSERT_OK(tree_walk(&shown, source, &everything));
    assert_string_equal(buf_text(&shown),
                        "mine/\nmine/other\nmine/space/\npg_tblspc/\npg_tblspc/16/@\npg_tblspc/16/PG_15_1/\n"
                        "pg_tblspc/16/PG_15_1/5/\npg_tblspc/16/PG_15_1/5/100\npg_tblspc/17/@\n"
                        "pg_tblspc/17/PG_15_1/\npg_tblspc/17/PG_15_1/5/\npg_tblspc/17/PG_15_1/5/7\ntop/\n");
}

static void test_walk__takes_an_unmounted_tablespace_for_away(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder top = test_folder();
    tree_link(&top, "d/pg_tblspc/16", test_path(&top, "gone"));
    AUTO(source_free) Source *source = source_of(&top, "d");
    AUTO(buf_done) Buf shown = {0};
    ASSERT_ERR_TEXT(AWAY, "which is not there", tree_walk(&shown, source, &everything));
    tree_folder(&top, "gone"); /* the mount point without its disk */
    ASSERT_ERR_TEXT(AWAY, "has no folder PG_15_1",
                    tree_walk(&shown, source, &(WalkOptions){.filter = &online}));
}

static void note_add(void *arg, const char *path)
{
    buf_addf(arg, "%s\n", path);
}

static void test_walk__notes_what_no_backup_can_hold(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder top = test_folder();
    tree_file(&top, "d/f", "");
    assert_int_equal(mkfifo(test_path(&top, "d/pipe"), 0600), 0);
    AUTO(source_free) Source *source = source_of(&top, "d");
    AUTO(buf_done) Buf shown = {0}, notes = {0};
    ASSERT_OK(tree_walk(&shown, source, &(WalkOptions){.on_note = note_add, .note_arg = &notes}));
    assert_string_equal(buf_text(&shown), "f\n");
    assert_string_equal(buf_text(&notes), "pipe\n");
}

static void test_walk__leaves_out_folders_that_vanish(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder top = test_folder();
    tree_file(&top, "d/a/x", "");
    tree_file(&top, "d/b", "");
    AUTO(source_free) Source *source = source_of(&top, "d");
    AUTO(walk_free) Walk *walk = NULL;
    ASSERT_OK(walk_new(&walk, source, &everything));
    ASSERT_OK(folder_remove_all(test_path(&top, "d/a")));
    bool is_entry = false;
    SourceEntry entry;
    ASSERT_OK(walk_next(&is_entry, &entry, walk)); /* "a" was seen before it went */
    ASSERT_OK(walk_next(&is_entry, &entry, walk));
    assert_true(is_entry);
    assert_string_equal(entry.path, "b");
}

/* "<top>/<name>" and then `count` times "/<part>". */
static void deep_path(Buf *path, const TestFolder *top, const char *name, const char *part, int count)
{
    buf_clear(path);
    buf_addf(path, "%s/%s", top->path, name);
    for (int i = 0; i < count; i++)
        buf_addf(path, "/%s", part);
}

static void test_walk__refuses_what_is_too_deep(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder top = test_folder();
    AUTO(buf_done) Buf path = {0}, shown = {0};
    deep_path(&path, &top, "d", "x", FOLDER_DEPTH_MAX);
    ASSERT_OK(folder_make_all(buf_text(&path), 0700));
    AUTO(source_free) Source *source = source_of(&top, "d");
    ASSERT_ERR_TEXT(LIMIT, "levels deep", tree_walk(&shown, source, &everything));
    /* Cut in half, so that what cleans up can reach it all. */
    deep_path(&path, &top, "d", "x", FOLDER_DEPTH_MAX / 2);
    ASSERT_OK(file_rename(buf_text(&path), test_path(&top, "half")));
}

static void test_walk__refuses_paths_that_are_too_long(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder top = test_folder();
    char part[201];
    memset(part, 'y', sizeof part - 1);
    part[sizeof part - 1] = '\0';
    AUTO(buf_done) Buf path = {0}, shown = {0};
    deep_path(&path, &top, "d", part, 6);
    ASSERT_OK(folder_make_all(buf_text(&path), 0700));
    AUTO(source_free) Source *source = source_of(&top, "d");
    ASSERT_ERR_TEXT(LIMIT, "bytes, at most", tree_walk(&shown, source, &everything));
}

UNIT_MAIN(cmocka_unit_test(test_walk__goes_in_bytewise_order_of_whole_paths),
          cmocka_unit_test(test_walk__shows_size_mode_and_time),
          cmocka_unit_test(test_walk__enters_tablespaces_and_linked_wal),
          cmocka_unit_test(test_walk__reads_a_tablespace_inside_the_data_directory_once),
          cmocka_unit_test(test_walk__takes_an_unmounted_tablespace_for_away),
          cmocka_unit_test(test_walk__notes_what_no_backup_can_hold),
          cmocka_unit_test(test_walk__leaves_out_folders_that_vanish),
          cmocka_unit_test(test_walk__refuses_what_is_too_deep),
          cmocka_unit_test(test_walk__refuses_paths_that_are_too_long))
