/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "fake/fault.h"
#include "fake/folder.h"
#include "os/file.h"
#include "os/folder.h"

#include <errno.h>
#include <string.h>

#define TEXT(literal) span_of(literal, sizeof(literal) - 1)

/* Whatever fails, and wherever: the old content or the new, and no other file in the folder. */
static void test_file_write_durable__survives_a_fault_at_every_call(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    AUTO(arena_free) Arena *arena = arena_new();
    const char *const path = test_path(&folder, "f");
    ASSERT_OK(file_write_durable(path, TEXT("old"), 0600));
    for (int nth = 1;; nth++) {
        fake_fault_at(nth, ENOSPC);
        AUTO(err_free) Err *err = file_write_durable(path, TEXT("new"), 0600);
        const bool was_hit = fake_fault_hit();
        fake_fault_at(0, 0);
        assert_int_equal(err != NULL, was_hit);
        AUTO(buf_done) Buf content = {0};
        ASSERT_OK(file_read_all(&content, path, 100));
        if (!was_hit) {
            assert_string_equal(buf_text(&content), "new");
            assert_true(nth >= 5); /* create, write, sync, rename, sync of the folder were all failed once */
            break;
        }
        assert_true(strcmp(buf_text(&content), "old") == 0 || strcmp(buf_text(&content), "new") == 0);
        assert_true(err_is(err, ERR_LIMIT));
        FolderList list;
        ASSERT_OK(folder_list(&list, folder.path, arena));
        assert_int_equal(list.count, 1);
    }
}

static void test_file_create__leaves_nothing_on_a_fault(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    AUTO(file_close) File *file = NULL;
    fake_fault_at(1, EDQUOT);
    ASSERT_ERR(LIMIT, file_create(&file, test_path(&folder, "f"), 0600));
    fake_fault_at(0, 0);
    bool is_empty = false;
    ASSERT_OK(folder_is_empty(&is_empty, folder.path));
    assert_true(is_empty);
}

UNIT_MAIN(cmocka_unit_test(test_file_write_durable__survives_a_fault_at_every_call),
          cmocka_unit_test(test_file_create__leaves_nothing_on_a_fault))
