/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Whatever call fails while a tree is walked: the list is whole, or there is an error. */
#include "tree.h"

#include "fake/fault.h"

#include <errno.h>

static Err *open_and_walk(Buf *shown, const char *pgdata)
{
    AUTO(source_free) Source *source = NULL;
    TRY(source_local_open(&source, pgdata));
    const FilterOptions filter = {.version = {.major = 15, .catalog_version = 1}};
    TRY(tree_walk(shown, source, &(WalkOptions){.filter = &filter}));
    return source_check(source);
}

static void test_walk__is_whole_or_fails(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder top = test_folder();
    tree_file(&top, "d/base/5/100", "");
    tree_file(&top, "space/PG_15_1/5/100", "");
    tree_link(&top, "d/pg_tblspc/16", test_path(&top, "space"));
    tree_link(&top, "d/link", "base");
    AUTO(buf_done) Buf whole = {0};
    ASSERT_OK(open_and_walk(&whole, test_path(&top, "d")));
    bool is_hit = true;
    for (int nth = 1; is_hit; nth++) {
        AUTO(buf_done) Buf shown = {0};
        fake_fault_at(nth, EIO);
        AUTO(err_free) Err *err = open_and_walk(&shown, test_path(&top, "d"));
        is_hit = fake_fault_hit();
        fake_fault_at(0, 0);
        assert_true(!is_hit == !err);
        if (!err)
            assert_string_equal(buf_text(&shown), buf_text(&whole));
        assert_true(nth < 1000);
    }
}

UNIT_MAIN(cmocka_unit_test(test_walk__is_whole_or_fails))
