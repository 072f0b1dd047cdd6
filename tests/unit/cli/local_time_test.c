/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "cli/local_time.h"

#include <stdlib.h>
#include <time.h>

static void local_zone_set(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

static void assert_moment(const char *utc, const char *text)
{
    Moment moment;
    ASSERT_OK(moment_parse(&moment, text));
    assert_string_equal(instant_text(moment.at).text, utc);
}

static void assert_refused(const char *part, const char *text)
{
    Moment moment;
    ASSERT_ERR_TEXT(USAGE, part, moment_parse(&moment, text));
}

static void test_moment_parse__takes_offsets_zones_and_abbreviations(void **state)
{
    (void)state;
    local_zone_set("America/New_York");
    assert_moment("2026-11-20T23:33:12Z", "2026-11-21 08:33:12+09");
    assert_moment("2026-11-20T23:33:12Z", "2026-11-21T08:33:12 +09:00");
    assert_moment("2026-11-20T23:33:12Z", "2026-11-21 08:33:12+0900");
    assert_moment("2026-11-20T23:33:12Z", "2026-11-21 08:33:12 Asia/Seoul");
    assert_moment("2026-11-20T23:33:12Z", "2026-11-21 08:33:12 KST");
    assert_moment("2026-11-20T23:33:12Z", "2026-11-21 08:33:12 JST");
    assert_moment("2026-11-21T12:03:00.500000Z", "2026-11-21 08:33:00.5-03:30");
    assert_moment("2026-11-21T08:33:00Z", "2026-11-21 08:33Z");
    assert_moment("2026-11-21T08:33:00Z", "2026-11-21 08:33 UTC");
    /* CET says +01, in summer too; the zone says what its clocks showed. */
    assert_moment("2026-07-01T09:00:00Z", "2026-07-01 10:00 CET");
    assert_moment("2026-07-01T08:00:00Z", "2026-07-01 10:00 CEST");
    assert_moment("2026-07-01T08:00:00Z", "2026-07-01 10:00 Europe/Berlin");
    assert_moment("2024-02-29T00:00:00Z", "2024-02-29 00:00:00Z");
    /* Nothing of this has moved us. */
    assert_moment("2026-11-21T13:33:12Z", "2026-11-21 08:33:12");
}

static void test_moment_parse__zoneless_is_local_and_says_so(void **state)
{
    (void)state;
    local_zone_set("Asia/Seoul");
    Moment moment;
    ASSERT_OK(moment_parse(&moment, "2026-11-21 08:33:12"));
    assert_true(moment.is_zoneless);
    assert_string_equal(moment_text(&moment).text, "2026-11-21 08:33:12+09 (2026-11-20 23:33:12 UTC)");
    ASSERT_OK(moment_parse(&moment, "2026-11-21 08:33:12Z"));
    assert_false(moment.is_zoneless);
    assert_string_equal(moment_text(&moment).text, "2026-11-21 08:33:12+00");
}

static void test_moment_parse__refuses_ambiguous_abbreviations(void **state)
{
    (void)state;
    local_zone_set("UTC");
    assert_refused("\"IST\" can mean ", "2026-11-21 08:33:12 IST");
    assert_refused("+05:30 in Asia/Kolkata", "2026-11-21 08:33:12 IST");
    assert_refused("\"CST\" can mean ", "2026-11-21 08:33:12 CST");
    assert_refused("+08 in Asia/", "2026-11-21 08:33:12 CST");
    assert_refused("\"BST\" can mean +01 in Europe/London, +06 in Asia/Dhaka", "2026-07-01 08:33:12 BST");
    assert_refused("time zone database has no zone \"XYZ\"", "2026-11-21 08:33:12 XYZ");
    assert_refused("has no zone \"Asia/Soul\"", "2026-11-21 08:33:12 Asia/Soul");
    assert_refused("has no zone \"../../etc/passwd\"", "2026-11-21 08:33:12 ../../etc/passwd");
}

static void test_moment_parse__is_exact_where_clocks_change(void **state)
{
    (void)state;
    local_zone_set("UTC");
    assert_moment("2026-03-08T06:59:59Z", "2026-03-08 01:59:59 America/New_York");
    assert_refused("2026-03-08 02:00:00 does not exist in America/New_York",
                   "2026-03-08 02:00:00 America/New_York");
    assert_refused("2026-03-08 02:59:59 does not exist", "2026-03-08 02:59:59 America/New_York");
    assert_moment("2026-03-08T07:00:00Z", "2026-03-08 03:00:00 America/New_York");

    assert_moment("2026-11-01T04:59:59Z", "2026-11-01 00:59:59 America/New_York");
    assert_refused("2026-11-01 01:00:00 comes twice in America/New_York: at -04 and at -05",
                   "2026-11-01 01:00:00 America/New_York");
    assert_refused("comes twice", "2026-11-01 01:59:59 America/New_York");
    assert_moment("2026-11-01T07:00:00Z", "2026-11-01 02:00:00 America/New_York");

    /* Half an hour, and a whole day that never was. */
    assert_refused("2026-10-04 02:15:00 does not exist in Australia/Lord_Howe",
                   "2026-10-04 02:15:00 Australia/Lord_Howe");
    assert_moment("2026-10-03T15:30:00Z", "2026-10-04 02:30:00 Australia/Lord_Howe");
    assert_refused("does not exist in Pacific/Apia", "2011-12-30 12:00:00 Pacific/Apia");

    local_zone_set("Europe/Berlin");
    assert_refused("2026-10-25 02:30:00 comes twice in the local time zone", "2026-10-25 02:30:00");
    assert_moment("2026-10-25T01:30:00Z", "2026-10-25 02:30:00 CET");
    assert_moment("2026-10-25T00:30:00Z", "2026-10-25 02:30:00 CEST");
}

static void test_moment_parse__refuses_what_is_no_time(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "now",
                                      "2026-11-21",
                                      "2026-11-21 24:00",
                                      "2026-11-21 08:60",
                                      "2026-02-29 08:00",
                                      "2026-11-21 08:33:60",
                                      "26-11-21 08:33",
                                      "2026-11-21  08:33",
                                      "2026-13-01 08:33",
                                      "2026-11-21 08:33:12.",
                                      "2026-11-21 08:33:12.1234567",
                                      "1969-12-31 00:00",
                                      "2026-11-00 08:00",
                                      "2026-04-31 08:00"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_refused("is not a time", bad[i]);
    assert_refused("\"+9\" is not an offset", "2026-11-21 08:33+9");
    assert_refused("\"+16:00\" is not an offset", "2026-11-21 08:33+16:00");
    assert_refused("\"+09:000\" is not an offset", "2026-11-21 08:33+09:000");
}

static void test_local_time_text__shows_local_and_utc(void **state)
{
    (void)state;
    Instant at;
    ASSERT_OK(instant_parse(&at, "2026-11-21T08:33:12.120000Z"));
    local_zone_set("Asia/Seoul");
    assert_string_equal(local_time_text(at).text, "2026-11-21 17:33:12.12+09 (08:33:12.12 UTC)");
    local_zone_set("UTC");
    assert_string_equal(local_time_text(at).text, "2026-11-21 08:33:12.12+00");
    assert_string_equal(local_time_text(INSTANT_NONE).text, "none");
}

static void assert_localized(const char *text, const char *wanted)
{
    AUTO(buf_done) Buf out = {0};
    local_times_add(&out, text);
    assert_string_equal(buf_text(&out), wanted);
}

static void test_local_times_add__finds_times_among_words(void **state)
{
    (void)state;
    local_zone_set("Asia/Seoul");
    assert_localized("", "");
    assert_localized("ended at 2026-11-21T08:33:12Z, late",
                     "ended at 2026-11-21 17:33:12+09 (08:33:12 UTC), late");
    assert_localized("2026-11-21T08:33:12.500000Z.", "2026-11-21 17:33:12.5+09 (08:33:12.5 UTC).");
    assert_localized("--target-time=2026-11-21T08:33:12Z", "--target-time=2026-11-21T08:33:12Z");
    assert_localized("20261121-083312F Z 2026-13-21T08:33:12Z 2026-11-21T08:33:12",
                     "20261121-083312F Z 2026-13-21T08:33:12Z 2026-11-21T08:33:12");
}

UNIT_MAIN(cmocka_unit_test(test_moment_parse__takes_offsets_zones_and_abbreviations),
          cmocka_unit_test(test_moment_parse__zoneless_is_local_and_says_so),
          cmocka_unit_test(test_moment_parse__refuses_ambiguous_abbreviations),
          cmocka_unit_test(test_moment_parse__is_exact_where_clocks_change),
          cmocka_unit_test(test_moment_parse__refuses_what_is_no_time),
          cmocka_unit_test(test_local_time_text__shows_local_and_utc),
          cmocka_unit_test(test_local_times_add__finds_times_among_words))
