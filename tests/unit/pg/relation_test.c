/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "pg/relation.h"

#include <string.h>

static RelationFile file_of(uint32_t tablespace, uint32_t database, uint32_t number)
{
    return (RelationFile){.rel = {{tablespace}, {database}, {number}}};
}

static void test_relation_path__puts_each_tablespace_in_its_folder(void **state)
{
    (void)state;
    const PgVersion *v15 = NULL;
    ASSERT_OK(pg_version_of_major(&v15, 15));
    RelationFile file = file_of(TABLESPACE_DEFAULT, 5, 16384);
    assert_string_equal(relation_path(&file, v15).text, "base/5/16384");
    file.fork = PG_FORK_FSM;
    file.segment = 2;
    assert_string_equal(relation_path(&file, v15).text, "base/5/16384_fsm.2");
    file = file_of(TABLESPACE_GLOBAL, 0, 1262);
    file.fork = PG_FORK_VM;
    assert_string_equal(relation_path(&file, v15).text, "global/1262_vm");
    file = file_of(UINT32_MAX, UINT32_MAX, UINT32_MAX);
    file.fork = PG_FORK_INIT;
    file.segment = UINT32_MAX;
    assert_string_equal(relation_path(&file, v15).text,
                        "pg_tblspc/4294967295/PG_15_202209061/4294967295/4294967295_init.4294967295");
}

static void test_relation_name__is_read_with_fork_and_segment(void **state)
{
    (void)state;
    RelationFile file = {0};
    assert_true(relation_name_parse(&file, "16384_vm.3"));
    assert_int_equal(file.rel.number.id, 16384);
    assert_int_equal(file.fork, PG_FORK_VM);
    assert_int_equal(file.segment, 3);
    assert_true(relation_name_parse(&file, "4294967295"));
    assert_int_equal(file.rel.number.id, UINT32_MAX);
    assert_int_equal(file.fork, PG_FORK_MAIN);
    assert_int_equal(file.segment, 0);
}

static void test_relation_name__refuses_everything_else(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "0",
                                      "016384",
                                      "16384_",
                                      "16384_foo",
                                      "16384_fsmx",
                                      "16384.",
                                      "1.0",
                                      "1.01",
                                      "4294967296",
                                      "1.4294967296",
                                      "pg_filenode.map",
                                      "1 ",
                                      "-1",
                                      "1_vm.",
                                      "1.1.1",
                                      "1_fsm_vm",
                                      "t3_16384",
                                      "99999999999999999999999"};
    RelationFile file;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (relation_name_parse(&file, bad[i]))
            fail_msg("\"%s\" was taken", bad[i]);
}

static void test_relation_name__tells_temporary_ones(void **state)
{
    (void)state;
    static const char *const good[] = {"t3_16384", "t0_1_fsm", "t12_16384_vm.1", "t003_16384.4"};
    static const char *const bad[] = {"16384", "t_16384",    "t3",       "t3_",
                                      "t3_x",  "t3_16384_x", "T3_16384", "t3_16384."};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        if (!relation_name_is_temporary(good[i]))
            fail_msg("\"%s\" was not taken", good[i]);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (relation_name_is_temporary(bad[i]))
            fail_msg("\"%s\" was taken", bad[i]);
}

UNIT_MAIN(cmocka_unit_test(test_relation_path__puts_each_tablespace_in_its_folder),
          cmocka_unit_test(test_relation_name__is_read_with_fork_and_segment),
          cmocka_unit_test(test_relation_name__refuses_everything_else),
          cmocka_unit_test(test_relation_name__tells_temporary_ones))
