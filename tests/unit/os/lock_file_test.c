/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "fake/folder.h"
#include "os/lock_file.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_lock_file__is_held_by_one_and_names_it(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    const char *const path = test_path(&folder, "job.lock");
    AUTO(lock_file_free) LockFile *first = NULL;
    AUTO(lock_file_free) LockFile *second = NULL;
    char holder[40];
    snprintf(holder, sizeof holder, "process %ld", (long)getpid());
    ASSERT_OK(lock_file_take(&first, path));
    ASSERT_ERR_TEXT(BUSY, holder, lock_file_take(&second, path));
    lock_file_free(&first);
    ASSERT_OK(lock_file_take(&second, path));
}

static void test_lock_file__dies_with_its_process(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    const char *const path = test_path(&folder, "job.lock");
    const pid_t child = fork();
    if (child == 0) {
        LockFile *lock = NULL;
        _exit(lock_file_take(&lock, path) == NULL ? 0 : 1); /* without freeing it */
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    AUTO(lock_file_free) LockFile *lock = NULL;
    ASSERT_OK(lock_file_take(&lock, path));
}

UNIT_MAIN(cmocka_unit_test(test_lock_file__is_held_by_one_and_names_it),
          cmocka_unit_test(test_lock_file__dies_with_its_process))
