/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/buf.h"
#include "fake/fault.h"
#include "fake/folder.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"
#include "store/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TEXT(literal) span_of(literal, sizeof(literal) - 1)

static Store *open_at(const char *url)
{
    Store *store = NULL;
    ASSERT_OK(store_open(&store, store_drivers, &(StoreOptions){.url = url}));
    return store;
}

static Err *append(void *arg, const ObjectEntry *entry)
{
    buf_addf(arg, "%s ", entry->key);
    return NULL;
}

static void assert_list(Store *store, const char *expected)
{
    AUTO(buf_done) Buf keys = {0};
    ASSERT_OK(store_list(store, "", (ListOpts){0}, append, &keys));
    assert_string_equal(buf_text(&keys), expected);
}

static size_t entries_of(const char *folder)
{
    AUTO(arena_free) Arena *arena = arena_new();
    FolderList list;
    ASSERT_OK(folder_list(&list, folder, arena));
    return list.count;
}

static mode_t mode_of(const char *path)
{
    EntryInfo info;
    ASSERT_OK(entry_stat(&info, path));
    return info.mode;
}

static void assert_away(Store *store, const char *part)
{
    AUTO(buf_done) Buf bytes = {0};
    ObjectInfo info;
    ASSERT_ERR_TEXT(AWAY, part, store_get_all(&bytes, store, "a/k", RANGE_ALL, 10));
    ASSERT_ERR_TEXT(AWAY, part, store_stat(&info, store, "a/k"));
    ASSERT_ERR_TEXT(AWAY, part, store_put_all(store, "a/l", TEXT("x")));
    ASSERT_ERR_TEXT(AWAY, part, store_list(store, "", (ListOpts){0}, append, &bytes));
    ASSERT_ERR_TEXT(AWAY, part, store_list(store, "a/", (ListOpts){0}, append, &bytes));
    ASSERT_ERR_TEXT(AWAY, part, store_remove(store, "a/k"));
    ASSERT_ERR_TEXT(AWAY, part, store_settle(store, "a/k"));
    assert_int_equal(bytes.len, 0);
}

static void test_posix_open__wants_its_folder_to_be_there(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    AUTO(store_free) Store *store = NULL;
    const char *const root = test_path(&folder, "deep/repo");
    StoreOptions options = {.url = root};
    AUTO(err_free) Err *err = store_open(&store, store_drivers, &options);
    assert_true(err_is(err, ERR_AWAY));
    assert_non_null(strstr(err_hint_text(err), "mounted"));
    options.create = true;
    ASSERT_OK(store_open(&store, store_drivers, &options));
    assert_int_equal(mode_of(root), 0750);
}

static void test_posix_open__takes_paths_and_file_urls_only(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    AUTO(store_free) Store *store = NULL;
    char url[100];
    snprintf(url, sizeof url, "file://%s//", folder.path);
    ASSERT_OK(store_open(&store, store_drivers, &(StoreOptions){.url = url}));
    assert_string_equal(store->name, folder.path);
    Store *other = NULL;
    ASSERT_ERR(USAGE, store_open(&other, store_drivers, &(StoreOptions){.url = "file://relative"}));
    AUTO(err_free) Err *err = store_open(&other, store_drivers, &(StoreOptions){.url = "gopher://x"});
    assert_true(err_is(err, ERR_USAGE));
    assert_non_null(strstr(err_hint_text(err), "file://"));
}

static void test_posix__a_root_that_vanished_is_away(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    const char *const root = test_path(&folder, "repo"), *const aside = test_path(&folder, "aside");
    ASSERT_OK(folder_make(root, 0750));
    AUTO(store_free) Store *store = open_at(root);
    ASSERT_OK(store_put_all(store, "a/k", TEXT("x")));
    assert_int_equal(rename(root, aside), 0);
    assert_away(store, "is missing");
    /* As after an unmount: the mount point is there, and empty. */
    ASSERT_OK(folder_make(root, 0750));
    assert_away(store, "another folder");
    assert_int_equal(entries_of(root), 0);
    ASSERT_OK(folder_remove(root));
    assert_int_equal(rename(aside, root), 0);
    assert_list(store, "a/k ");
}

static void test_posix__a_marker_that_vanished_is_away(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    AUTO(store_free) Store *store = open_at(folder.path);
    ASSERT_OK(store_put_all(store, "pgstrata", TEXT("id")));
    assert_list(store, "pgstrata ");
    ASSERT_OK(file_remove(test_path(&folder, "pgstrata")));
    assert_away(store, "no longer holds");
}

static void test_posix_commit__notices_that_the_root_went_away(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    const char *const root = test_path(&folder, "repo");
    ASSERT_OK(folder_make(root, 0750));
    AUTO(store_free) Store *store = open_at(root);
    StorePut *put = NULL;
    ASSERT_OK(store_put(&put, store, "a/k", (PutOpts){0}));
    ASSERT_OK(store_put_write(put, TEXT("x")));
    assert_int_equal(rename(root, test_path(&folder, "aside")), 0);
    ASSERT_OK(folder_make(root, 0750));
    ASSERT_ERR(AWAY, store_put_commit(put));
    assert_int_equal(entries_of(root), 0);
}

static void test_posix__gives_modes_whatever_the_umask(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    AUTO(store_free) Store *store = open_at(folder.path);
    const mode_t before = umask(077);
    ASSERT_OK(store_put_all(store, "a/b/k", TEXT("x")));
    umask(before);
    assert_int_equal(mode_of(test_path(&folder, "a/b/k")), 0640);
    assert_int_equal(mode_of(test_path(&folder, "a/b")), 0750);
    assert_int_equal(mode_of(test_path(&folder, "a")), 0750);
}

static void test_posix__follows_no_symbolic_link_inside(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    AUTO(store_free) Store *store = open_at(folder.path);
    AUTO(buf_done) Buf bytes = {0};
    ASSERT_OK(store_put_all(store, "real/k", TEXT("x")));
    ASSERT_OK(path_make_link(test_path(&folder, "link"), "real"));
    ASSERT_OK(path_make_link(test_path(&folder, "real/l"), "k"));
    ASSERT_ERR(REFUSED, store_get_all(&bytes, store, "link/k", RANGE_ALL, 10));
    ASSERT_ERR(REFUSED, store_get_all(&bytes, store, "real/l", RANGE_ALL, 10));
    ASSERT_ERR(REFUSED, store_put_all(store, "link/new", TEXT("x")));
    ASSERT_ERR(REFUSED, store_put_all(store, "real/l", TEXT("x")));
    ASSERT_ERR(REFUSED, store_remove(store, "link/k"));
    ASSERT_ERR(REFUSED, store_list(store, "link/", (ListOpts){0}, append, &bytes));
    ASSERT_ERR_TEXT(REFUSED, "symbolic link", store_list(store, "real/l", (ListOpts){0}, append, &bytes));
    assert_int_equal(entries_of(test_path(&folder, "real")), 2);
}

static void test_posix_put__refuses_a_key_below_an_object_or_above_one(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    AUTO(store_free) Store *store = open_at(folder.path);
    ASSERT_OK(store_put_all(store, "a/k", TEXT("x")));
    ASSERT_ERR(REFUSED, store_put_all(store, "a/k/l", TEXT("x")));
    ASSERT_ERR(REFUSED, store_put_all(store, "a", TEXT("x")));
    /* The same when the object in the way appears between begin and commit. */
    StorePut *put = NULL;
    ASSERT_OK(store_put(&put, store, "b/k", (PutOpts){0}));
    ASSERT_OK(store_put_all(store, "b", TEXT("x")));
    ASSERT_ERR(REFUSED, store_put_commit(put));
    assert_list(store, "a/k b ");
}

static void test_posix_list__passes_over_what_is_not_ours(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    AUTO(store_free) Store *store = open_at(folder.path);
    AUTO(store_put_abort) StorePut *put = NULL;
    ASSERT_OK(store_put_all(store, "k", TEXT("x")));
    ASSERT_OK(store_put(&put, store, "l", (PutOpts){0}));
    ASSERT_OK(folder_make(test_path(&folder, "lost+found"), 0700));
    ASSERT_OK(folder_make(test_path(&folder, ".snapshot"), 0700));
    assert_int_equal(entries_of(test_path(&folder, ".tmp")), 1);
    assert_list(store, "k ");
}

static void age(const char *path, int hours)
{
    const time_t then = time(NULL) - hours * 3600;
    const struct timespec times[2] = {{then, 0}, {then, 0}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void test_posix_put__sweeps_what_dead_writers_left(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    const char *const old = test_path(&folder, ".tmp/old"), *const young = test_path(&folder, ".tmp/young");
    ASSERT_OK(folder_make(test_path(&folder, ".tmp"), 0750));
    ASSERT_OK(file_write_durable(old, TEXT("x"), 0640));
    ASSERT_OK(file_write_durable(young, TEXT("x"), 0640));
    age(old, 25);
    age(young, 23);
    AUTO(store_free) Store *store = open_at(folder.path);
    assert_list(store, "");
    assert_int_equal(entries_of(test_path(&folder, ".tmp")), 2); /* readers sweep nothing */
    StoreLeftovers left;
    ASSERT_OK(store_leftovers(&left, store));
    assert_int_equal(left.count, 2);
    assert_true(left.oldest.us < clock_now().us - INT64_C(86400) * 1000000);
    ASSERT_OK(store_put_all(store, "k", TEXT("x")));
    assert_int_equal(entries_of(test_path(&folder, ".tmp")), 1);
    EntryInfo info;
    ASSERT_OK(entry_stat(&info, young));
    assert_int_equal(info.kind, ENTRY_FILE);
}

/* Whatever call fails: the object is there whole or not at all, nothing else remains, and doing it again works. */
static void test_posix_put__survives_a_fault_at_every_call(void **state)
{
    (void)state;
    int nth = 1;
    for (bool was_hit = true; was_hit; nth++) {
        AUTO(test_folder_done) TestFolder folder = test_folder();
        AUTO(store_free) Store *store = open_at(folder.path);
        fake_fault_at(nth, nth % 2 ? ENOSPC : EIO);
        AUTO(err_free) Err *err = store_put_all(store, "a/b/k", TEXT("content"));
        was_hit = fake_fault_hit();
        fake_fault_at(0, 0);
        AUTO(buf_done) Buf bytes = {0};
        AUTO(err_free) Err *get_err = store_get_all(&bytes, store, "a/b/k", RANGE_ALL, 100);
        if (get_err) {
            assert_non_null(err);
            assert_true(err_is(get_err, ERR_NOT_FOUND));
            ASSERT_OK(store_put_all(store, "a/b/k", TEXT("content")));
        }
        buf_clear(&bytes);
        ASSERT_OK(store_get_all(&bytes, store, "a/b/k", RANGE_ALL, 100));
        assert_string_equal(buf_text(&bytes), "content");
        ASSERT_OK(store_settle(store, "a/b/k"));
        assert_int_equal(entries_of(test_path(&folder, ".tmp")), 0);
    }
    assert_true(nth > 15);
}

static void test_posix_put__names_a_used_up_quota(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    AUTO(store_free) Store *store = open_at(folder.path);
    ASSERT_OK(store_put_all(store, "a/first", TEXT("makes the folders")));
    int told = 0;
    for (int nth = 1;; nth++) {
        fake_fault_at(nth, EDQUOT);
        AUTO(err_free) Err *err = store_put_all(store, "a/b/k", TEXT("content"));
        const bool was_hit = fake_fault_hit();
        fake_fault_at(0, 0);
        if (!was_hit)
            break;
        if (err_is(err, ERR_LIMIT)) {
            told++;
            assert_non_null(strstr(err_text(err), "Disk quota exceeded"));
            assert_non_null(strstr(err_hint_text(err), "the quota of this user"));
        }
        assert_int_equal(entries_of(test_path(&folder, ".tmp")), 0);
        ASSERT_OK(store_remove(store, "a/b/k"));
    }
    assert_true(told > 5);
}

static void test_posix_get__passes_every_fault_on(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    AUTO(store_free) Store *store = open_at(folder.path);
    ASSERT_OK(store_put_all(store, "a/k", TEXT("content")));
    for (int nth = 1;; nth++) {
        AUTO(buf_done) Buf bytes = {0};
        fake_fault_at(nth, EIO);
        AUTO(err_free) Err *err = store_get_all(&bytes, store, "a/k", RANGE_ALL, 100);
        const bool was_hit = fake_fault_hit();
        fake_fault_at(0, 0);
        if (!was_hit) {
            assert_null(err);
            assert_true(nth > 4);
            return;
        }
        assert_true(err_is(err, ERR_IO));
    }
}

/* In a child, for good: 0 when all is as it must be. Not root, because root may do everything. */
static int try_as_nobody(const char *closed, const char *readable)
{
    const struct passwd *const nobody = getpwnam("nobody");
    if (setgid(nobody->pw_gid) != 0 || setuid(nobody->pw_uid) != 0)
        return 1;
    Store *store = NULL;
    AUTO(err_free) Err *no_entry = store_open(&store, store_drivers, &(StoreOptions){.url = closed});
    if (!err_is(no_entry, ERR_DENIED) || !strstr(err_hint_text(no_entry), "we run as nobody"))
        return 2;
    AUTO(err_free) Err *opened = store_open(&store, store_drivers, &(StoreOptions){.url = readable});
    if (opened)
        return 3;
    AUTO(err_free) Err *no_write = store_put_all(store, "a/k", TEXT("x"));
    if (!err_is(no_write, ERR_DENIED) || !strstr(err_hint_text(no_write), "belongs to root"))
        return 4;
    AUTO(buf_done) Buf bytes = {0};
    AUTO(err_free) Err *no_read = store_get_all(&bytes, store, "secret", RANGE_ALL, 10);
    return err_is(no_read, ERR_DENIED) ? 0 : 5;
}

static void test_posix__says_who_lacks_permission(void **state)
{
    (void)state;
    if (geteuid() != 0 || !getpwnam("nobody")) {
        print_message("only root can become nobody: skipped\n");
        skip();
    }
    AUTO(test_folder_done) TestFolder folder = test_folder();
    const char *const closed = test_path(&folder, "closed"), *const readable = test_path(&folder, "readable");
    ASSERT_OK(entry_set_mode(folder.path, 0755));
    ASSERT_OK(folder_make(closed, 0700));
    ASSERT_OK(folder_make(readable, 0755));
    ASSERT_OK(file_write_durable(test_path(&folder, "readable/secret"), TEXT("x"), 0600));
    const pid_t child = fork();
    if (child == 0)
        _exit(try_as_nobody(closed, readable));
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void unmount(const char **path)
{
    umount2(*path, MNT_DETACH);
}

static Err *put_megabytes(Store *store, const char *key, int count)
{
    static const uint8_t megabyte[1024 * 1024] = {1};
    AUTO(store_put_abort) StorePut *put = NULL;
    TRY(store_put(&put, store, key, (PutOpts){0}));
    for (int i = 0; i < count; i++)
        TRY(store_put_write(put, span_of(megabyte, sizeof megabyte)));
    return store_put_commit(TAKE(put));
}

static void test_posix__leaves_nothing_half_on_a_full_or_readonly_disk(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    const char *const disk = test_path(&folder, "disk");
    ASSERT_OK(folder_make(disk, 0750));
    if (mount("pgstrata-test", disk, "tmpfs", 0, "size=3m") != 0) {
        print_message("cannot mount a small file system (%s): skipped\n", strerror(errno));
        skip();
    }
    AUTO(unmount) const char *mounted = disk;
    AUTO(store_free) Store *store = open_at(disk);
    AUTO(err_free) Err *full = put_megabytes(store, "a/large", 5);
    assert_true(err_is(full, ERR_LIMIT));
    assert_non_null(strstr(err_text(full), "a/large"));
    assert_non_null(strstr(err_hint_text(full), "free space"));
    assert_list(store, "");
    assert_int_equal(entries_of(test_path(&folder, "disk/.tmp")), 0);
    ASSERT_OK(put_megabytes(store, "a/small", 1));

    assert_int_equal(mount(NULL, disk, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
    AUTO(err_free) Err *readonly = put_megabytes(store, "a/other", 1);
    assert_true(err_is(readonly, ERR_DENIED));
    assert_non_null(strstr(err_hint_text(readonly), "read-only"));
    assert_list(store, "a/small ");
}

UNIT_MAIN(cmocka_unit_test(test_posix_open__wants_its_folder_to_be_there),
          cmocka_unit_test(test_posix_open__takes_paths_and_file_urls_only),
          cmocka_unit_test(test_posix__a_root_that_vanished_is_away),
          cmocka_unit_test(test_posix__a_marker_that_vanished_is_away),
          cmocka_unit_test(test_posix_commit__notices_that_the_root_went_away),
          cmocka_unit_test(test_posix__gives_modes_whatever_the_umask),
          cmocka_unit_test(test_posix__follows_no_symbolic_link_inside),
          cmocka_unit_test(test_posix_put__refuses_a_key_below_an_object_or_above_one),
          cmocka_unit_test(test_posix_list__passes_over_what_is_not_ours),
          cmocka_unit_test(test_posix_put__sweeps_what_dead_writers_left),
          cmocka_unit_test(test_posix_put__survives_a_fault_at_every_call),
          cmocka_unit_test(test_posix_put__names_a_used_up_quota),
          cmocka_unit_test(test_posix_get__passes_every_fault_on),
          cmocka_unit_test(test_posix__says_who_lacks_permission),
          cmocka_unit_test(test_posix__leaves_nothing_half_on_a_full_or_readonly_disk))
