/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "repo/branch.h"
#include "repo/repo_unit.h"

static void test_branch__is_read_back_as_written(void **state)
{
    (void)state;
    Repo *a, *b;
    AUTO(repo_set_free) RepoSet *set = new_set(&a, &b);
    const KeyRoot root = {"main", 1};
    const BranchRecord first = {.timeline = {1},
                                .origin = BRANCH_SETUP,
                                .host = "db1",
                                .data_directory = "/srv/\xff",
                                .created = {1795000000000000}};
    BranchRecord second = {.timeline = {0x1a},
                           .parent = {1},
                           .switch_lsn = {0x3000060},
                           .origin = BRANCH_FAILOVER,
                           .host = "db2",
                           .data_directory = "/srv/x",
                           .created = {1795000001000000}};
    ASSERT_OK(branch_write(set, &root, &second));
    ASSERT_OK(branch_write(set, &root, &first));
    AUTO(arena_free) Arena *arena = arena_new();
    const BranchRecord *list;
    size_t count;
    ASSERT_OK(branch_list(&list, &count, b, &root, arena));
    assert_int_equal(count, 2);
    assert_int_equal(list[0].timeline.id, 1);
    assert_string_equal(list[0].data_directory, "/srv/\xff");
    assert_int_equal(list[1].parent.id, 1);
    assert_int_equal(list[1].switch_lsn.at, 0x3000060);
    assert_int_equal(list[1].origin, BRANCH_FAILOVER);
    assert_int_equal(list[1].created.us, second.created.us);
}

static void test_branch_write__minds_where_it_branched_off_and_nothing_else(void **state)
{
    (void)state;
    Repo *a, *b;
    AUTO(repo_set_free) RepoSet *set = new_set(&a, &b);
    const KeyRoot root = {"main", 1};
    BranchRecord record = {
        .timeline = {2}, .parent = {1}, .switch_lsn = {0x3000060}, .origin = BRANCH_FAILOVER};
    ASSERT_OK(branch_write(set, &root, &record));
    record.created.us = 5;
    ASSERT_OK(branch_write(set, &root, &record));
    record.switch_lsn.at = 0x3000068;
    ASSERT_ERR_TEXT(EXISTS, "0/3000060", branch_write(set, &root, &record));
}

UNIT_MAIN(cmocka_unit_test(test_branch__is_read_back_as_written),
          cmocka_unit_test(test_branch_write__minds_where_it_branched_off_and_nothing_else))
