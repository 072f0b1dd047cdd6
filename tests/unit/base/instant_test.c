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
                                      "2026-11-21T08:33:12.1234567Z",
                                      "2026-11-21T08:33:12.12345",
                                      "2026-11-21T08:33:12.",
                                      "2026-11-21T08:33:60Z",
                                      "2026-11-21T08:60:12Z",
                                      "2026-00-21T08:33:12Z",
                                      " 026-11-21T08:33:12Z",
                                      "+026-11-21T08:33:12Z",
                                      "-001-11-21T08:33:12Z",
                                      "2026-1 -21T08:33:12Z",
                                      "2026-11-21 08:33:12Z",
                                      "12026-11-21T08:33:12Z",
                                      "2026-11-21T08:33:12Zx"};
    Instant instant;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        ASSERT_ERR(USAGE, instant_parse(&instant, bad[i]));
}

static void test_instant_text__shows_years_that_it_cannot_read(void **state)
{
    (void)state;
    static const struct {
        Civil civil;
        const char *text;
        bool is_read;
    } cases[] = {{{.year = 0, .month = 1, .day = 1}, "0000-01-01T00:00:00Z", true},
                 {{.year = -1, .month = 12, .day = 31}, "-001-12-31T00:00:00Z", false},
                 {{9999, 12, 31, 23, 59, 59, 999999}, "9999-12-31T23:59:59.999999Z", true},
                 {{.year = 10000, .month = 1, .day = 1}, "10000-01-01T00:00:00Z", false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const Instant instant = instant_from_civil(&cases[i].civil);
        assert_string_equal(instant_text(instant).text, cases[i].text);
        assert_int_equal(instant_has_text(instant), cases[i].is_read);
        Instant again;
        if (cases[i].is_read)
            ASSERT_OK(instant_parse(&again, cases[i].text));
        else
            ASSERT_ERR(USAGE, instant_parse(&again, cases[i].text));
    }
    assert_string_equal(instant_text((Instant){INT64_MAX}).text, "294247-01-10T04:00:54.775807Z");
    assert_string_equal(instant_text((Instant){INT64_MIN + 1}).text, "-290308-12-21T19:59:05.224193Z");
    assert_false(instant_has_text(INSTANT_NONE));
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
          cmocka_unit_test(test_instant_text__shows_years_that_it_cannot_read),
          cmocka_unit_test(test_instant__counts_from_postgresqls_epoch))
