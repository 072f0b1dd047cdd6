/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/instant.h"

#include <string.h>

static void test_instant__is_read_back_as_written(void **state)
{
    (void)state;
    static const char *const texts[] = {"1970-01-01T00:00:00Z", "2026-11-21T08:33:12.000123Z",
                                        "2000-02-29T23:59:59Z", "1969-12-31T23:59:59.999999Z",
                                        "2100-03-01T00:00:00Z"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        Instant instant;
        ASSERT_OK(instant_parse(&instant, texts[i]));
        assert_string_equal(instant_text(instant).text, texts[i]);
    }
}

static void test_instant_parse__refuses_what_is_no_time(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "2026-11-21",
                                      "2026-11-21T08:33:12",
                                      "2026-13-01T00:00:00Z",
                                      "2026-02-29T00:00:00Z",
                                      "2026-11-21T24:00:00Z",
                                      "2026-11-21T08:33:12.12Z",
                                      "2026-11-21T08:33:12Zx"};
    Instant instant;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        ASSERT_ERR(USAGE, instant_parse(&instant, bad[i]));
}

static void test_instant__counts_from_postgresqls_epoch(void **state)
{
    (void)state;
    assert_string_equal(instant_text(instant_from_pg(0)).text, "2000-01-01T00:00:00Z");
    assert_int_equal(instant_to_pg(instant_from_pg(-5)), -5);
    assert_true(instant_is_none(instant_from_pg(INT64_MAX)));
}

UNIT_MAIN(cmocka_unit_test(test_instant__is_read_back_as_written),
          cmocka_unit_test(test_instant_parse__refuses_what_is_no_time),
          cmocka_unit_test(test_instant__counts_from_postgresqls_epoch))
