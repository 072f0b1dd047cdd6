/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "fake/folder.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT(literal) span_of(literal, sizeof(literal) - 1)

static void write_new(const char *path, const char *text)
{
    AUTO(file_close) File *file = NULL;
    ASSERT_OK(file_create(&file, path, 0600));
    ASSERT_OK(file_write(file, span_of(text, strlen(text))));
}

static void assert_content(const char *path, const char *expected)
{
    AUTO(buf_done) Buf content = {0};
    ASSERT_OK(file_read_all(&content, path, 1000));
    assert_string_equal(buf_text(&content), expected);
}

static size_t entries_of(const char *folder)
{
    AUTO(arena_free) Arena *arena = arena_new();
    FolderList list;
    ASSERT_OK(folder_list(&list, folder, arena));
    return list.count;
}

static void test_file__reads_what_was_written_at_any_place(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    AUTO(file_close) File *file = NULL;
    ASSERT_OK(file_create(&file, test_path(&folder, "f"), 0600));
    ASSERT_OK(file_write(file, TEXT("hello ")));
    ASSERT_OK(file_write(file, TEXT("world")));
    ASSERT_OK(file_write_at(file, TEXT("W"), 6));
    ASSERT_OK(file_sync(file));

    char bytes[20] = {0};
    size_t got = 0;
    uint64_t size = 0;
    ASSERT_OK(file_read_at(&got, file, bytes, sizeof bytes, 6));
    assert_int_equal(got, 5);
    assert_string_equal(bytes, "World");
    ASSERT_OK(file_read_at(&got, file, bytes, sizeof bytes, 100));
    assert_int_equal(got, 0);
    ASSERT_OK(file_set_size(file, 5));
    ASSERT_OK(file_size(&size, file));
    assert_int_equal(size, 5);
}

static void test_file_create__never_takes_an_existing_name(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    AUTO(file_close) File *file = NULL;
    write_new(test_path(&folder, "f"), "old");
    ASSERT_ERR(EXISTS, file_create(&file, test_path(&folder, "f"), 0600));
    ASSERT_OK(path_make_link(test_path(&folder, "link"), "nowhere"));
    ASSERT_ERR(EXISTS, file_create(&file, test_path(&folder, "link"), 0600));
    assert_content(test_path(&folder, "f"), "old");
}

static void test_file_create__gives_the_mode_whatever_the_umask(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    AUTO(file_close) File *file = NULL;
    const mode_t before = umask(077);
    ASSERT_OK(file_create(&file, test_path(&folder, "f"), 0640));
    umask(before);
    EntryInfo info;
    ASSERT_OK(file_info(&info, file));
    assert_int_equal(info.mode, 0640);
}

static void test_file_open__wants_a_regular_file(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    AUTO(file_close) File *file = NULL;
    const char *const pipe_path = test_path(&folder, "pipe");
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    ASSERT_ERR(REFUSED, file_open_read(&file, pipe_path)); /* and does not wait for a writer */
    ASSERT_ERR(REFUSED, file_open_read(&file, folder.path));
    ASSERT_ERR_TEXT(NOT_FOUND, "absent", file_open_read(&file, test_path(&folder, "absent")));
    assert_null(file);
}

static void test_file_open__follows_a_link_only_where_allowed(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    AUTO(file_close) File *file = NULL;
    write_new(test_path(&folder, "f"), "x");
    const char *const link = test_path(&folder, "link");
    ASSERT_OK(path_make_link(link, "f"));
    ASSERT_ERR(REFUSED, file_open_read_opts(&file, link, (FileReadOpts){.no_follow = true}));
    ASSERT_ERR(REFUSED, file_open_write(&file, link));
    ASSERT_OK(file_open_read(&file, link));
}

static void test_file_read_all__keeps_to_its_limit(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    AUTO(buf_done) Buf content = {0};
    const char *const path = test_path(&folder, "f");
    write_new(path, "12345678");
    ASSERT_ERR(LIMIT, file_read_all(&content, path, 7));
    buf_clear(&content);
    buf_add_text(&content, "0");
    ASSERT_OK(file_read_all(&content, path, 8));
    assert_string_equal(buf_text(&content), "012345678");
}

static void test_file_write_durable__makes_and_replaces(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    const char *const path = test_path(&folder, "f");
    ASSERT_OK(file_write_durable(path, TEXT("one"), 0600));
    ASSERT_OK(file_write_durable(path, TEXT("two"), 0640));
    assert_content(path, "two");
    EntryInfo info;
    ASSERT_OK(entry_stat(&info, path));
    assert_int_equal(info.mode, 0640);
    assert_int_equal(entries_of(folder.path), 1);
}

static void test_file_write_durable__leaves_nothing_when_it_cannot(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    const char *const path = test_path(&folder, "taken");
    ASSERT_OK(folder_make(path, 0700));
    write_new(test_path(&folder, "taken/f"), "x");
    ASSERT_ERR(IO, file_write_durable(path, TEXT("one"), 0600)); /* EISDIR */
    assert_int_equal(entries_of(folder.path), 1);
    ASSERT_ERR(NOT_FOUND, file_write_durable(test_path(&folder, "no/where"), TEXT("one"), 0600));
}

static void assert_published_once(Err *(*publish)(const char *temp, const char *path))
{
    AUTO(test_folder_done) TestFolder folder = test_folder();
    const char *const first = test_path(&folder, "t1"), *const second = test_path(&folder, "t2");
    const char *const path = test_path(&folder, "f");
    write_new(first, "first");
    write_new(second, "second");
    ASSERT_OK(publish(first, path));
    ASSERT_ERR(EXISTS, publish(second, path));
    assert_content(path, "first");
    assert_content(second, "second");
    assert_int_equal(entries_of(folder.path), 2);
}

static void test_file_publish__gives_the_name_once(void **state)
{
    (void)state;
    assert_published_once(file_publish);
    assert_published_once(file_publish_by_link);
}

/* As over NFS, when the answer to the first request got lost. */
static void test_file_publish_by_link__knows_its_own_link(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    const char *const temp = test_path(&folder, "t"), *const path = test_path(&folder, "f");
    write_new(temp, "mine");
    assert_int_equal(link(temp, path), 0);
    ASSERT_OK(file_publish_by_link(temp, path));
    assert_content(path, "mine");
    assert_int_equal(entries_of(folder.path), 1);
}

static void test_entry_stat__tells_kinds_apart(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    EntryInfo info;
    ASSERT_OK(entry_stat(&info, test_path(&folder, "f")));
    assert_int_equal(info.kind, ENTRY_ABSENT);
    write_new(test_path(&folder, "f"), "abc");
    ASSERT_OK(entry_stat(&info, test_path(&folder, "f")));
    assert_int_equal(info.kind, ENTRY_FILE);
    assert_int_equal(info.size_bytes, 3);
    ASSERT_OK(entry_stat(&info, test_path(&folder, "f/below")));
    assert_int_equal(info.kind, ENTRY_ABSENT);
    ASSERT_OK(path_make_link(test_path(&folder, "l"), "nowhere"));
    ASSERT_OK(entry_stat(&info, test_path(&folder, "l")));
    assert_int_equal(info.kind, ENTRY_LINK);
    ASSERT_OK(entry_stat_follow(&info, test_path(&folder, "l")));
    assert_int_equal(info.kind, ENTRY_ABSENT);
}

static void test_file_remove__is_content_with_nothing_there(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    write_new(test_path(&folder, "f"), "x");
    ASSERT_OK(file_remove(test_path(&folder, "f")));
    ASSERT_OK(file_remove(test_path(&folder, "f")));
    assert_int_equal(entries_of(folder.path), 0);
}

UNIT_MAIN(cmocka_unit_test(test_file__reads_what_was_written_at_any_place),
          cmocka_unit_test(test_file_create__never_takes_an_existing_name),
          cmocka_unit_test(test_file_create__gives_the_mode_whatever_the_umask),
          cmocka_unit_test(test_file_open__wants_a_regular_file),
          cmocka_unit_test(test_file_open__follows_a_link_only_where_allowed),
          cmocka_unit_test(test_file_read_all__keeps_to_its_limit),
          cmocka_unit_test(test_file_write_durable__makes_and_replaces),
          cmocka_unit_test(test_file_write_durable__leaves_nothing_when_it_cannot),
          cmocka_unit_test(test_file_publish__gives_the_name_once),
          cmocka_unit_test(test_file_publish_by_link__knows_its_own_link),
          cmocka_unit_test(test_entry_stat__tells_kinds_apart),
          cmocka_unit_test(test_file_remove__is_content_with_nothing_there))
