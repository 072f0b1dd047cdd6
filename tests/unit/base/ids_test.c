/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/ids.h"

#include <string.h>

static void test_lsn__is_read_back_as_written(void **state)
{
    (void)state;
    Lsn lsn = {0};
    ASSERT_OK(lsn_parse(&lsn, "16/B374D848"));
    assert_int_equal(lsn.at, UINT64_C(0x16B374D848));
    assert_string_equal(lsn_text(lsn).text, "16/B374D848");
    assert_string_equal(lsn_text((Lsn){UINT64_MAX}).text, "FFFFFFFF/FFFFFFFF");
    ASSERT_OK(lsn_parse(&lsn, "0/0"));
}

static void test_lsn_parse__refuses_anything_else(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    "/",    "0/",  "/0", "1", "1/2/3", "123456789/0", "0/123456789",
                                      "G/0", " 1/2", "1/2 "};
    Lsn lsn = {7};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        ASSERT_ERR(USAGE, lsn_parse(&lsn, bad[i]));
    assert_int_equal(lsn.at, 7);
}

static void test_system_id__keeps_all_64_bits(void **state)
{
    (void)state;
    SystemId id = {0};
    ASSERT_OK(system_id_parse(&id, "18446744073709551615"));
    assert_string_equal(system_id_text(id).text, "18446744073709551615");
    ASSERT_ERR(USAGE, system_id_parse(&id, "18446744073709551616"));
}

UNIT_MAIN(cmocka_unit_test(test_lsn__is_read_back_as_written),
          cmocka_unit_test(test_lsn_parse__refuses_anything_else),
          cmocka_unit_test(test_system_id__keeps_all_64_bits))
