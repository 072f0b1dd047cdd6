/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "pg/version.h"

#include <string.h>

static Span text_span(const char *text)
{
    return span_of(text, strlen(text));
}

static void test_pg_version__is_found_by_each_key(void **state)
{
    (void)state;
    for (uint32_t major = PG_MAJOR_FIRST; major <= PG_MAJOR_LAST; major++) {
        const PgVersion *v = NULL, *same = NULL;
        ASSERT_OK(pg_version_of_major(&v, major));
        assert_int_equal(v->major, major);
        ASSERT_OK(pg_version_of_catalog(&same, v->catalog_version));
        assert_ptr_equal(same, v);
        ASSERT_OK(pg_version_of_wal_magic(&same, v->wal_page_magic));
        assert_ptr_equal(same, v);
    }
}

static void test_pg_version__names_the_unknown_value(void **state)
{
    (void)state;
    const PgVersion *v = NULL;
    ASSERT_ERR_TEXT(UNSUPPORTED, "12", pg_version_of_major(&v, 12));
    ASSERT_ERR_TEXT(UNSUPPORTED, "19", pg_version_of_major(&v, 19));
    ASSERT_ERR_TEXT(UNSUPPORTED, "202610061", pg_version_of_catalog(&v, 202610061));
    ASSERT_ERR_TEXT(UNSUPPORTED, "D122", pg_version_of_wal_magic(&v, 0xD122));
    assert_null(v);
}

static void test_pg_version_parse__takes_the_file_as_servers_write_it(void **state)
{
    (void)state;
    const PgVersion *v = NULL;
    ASSERT_OK(pg_version_parse(&v, text_span("15\n")));
    assert_int_equal(v->major, 15);
    ASSERT_OK(pg_version_parse(&v, text_span("18")));
    assert_int_equal(v->major, 18);
}

static void test_pg_version_parse__refuses_what_is_no_number(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    "\n",     "9.6\n",       "15\n\n",
                                      " 15", "15\r\n", "99999999999", "4294967311"};
    const PgVersion *v = NULL;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        ASSERT_ERR(CORRUPT, pg_version_parse(&v, text_span(bad[i])));
    ASSERT_ERR(CORRUPT, pg_version_parse(&v, span_of("15\0", 3)));
    ASSERT_ERR(UNSUPPORTED, pg_version_parse(&v, text_span("12\n")));
    assert_null(v);
}

UNIT_MAIN(cmocka_unit_test(test_pg_version__is_found_by_each_key),
          cmocka_unit_test(test_pg_version__names_the_unknown_value),
          cmocka_unit_test(test_pg_version_parse__takes_the_file_as_servers_write_it),
          cmocka_unit_test(test_pg_version_parse__refuses_what_is_no_number))
