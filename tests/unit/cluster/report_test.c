/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/limits.h"
#include "cluster/report.h"

static void test_report__keeps_order_levels_and_texts(void **state)
{
    (void)state;
    AUTO(report_done) Report report = {0};
    report_note(&report, "backup/WAITING", "waiting for %s", "checkpoint");
    report_warn(&report, "backup/BAD_PAGE", "page %d of base/1/2", 7);
    report_hint(&report, "look at %s", "the disk");
    report_fault(&report,
                 err_hint(err_detail(ERR(GAP, "no segment %d", 3), "it was recycled"), "take a backup"));
    assert_int_equal(report.count, 3);
    assert_string_equal(report.notices[0].text, "waiting for checkpoint");
    assert_string_equal(report.notices[0].hint, "");
    assert_string_equal(report.notices[1].code, "backup/BAD_PAGE");
    assert_string_equal(report.notices[1].hint, "look at the disk");
    assert_int_equal(report.notices[2].class, ERR_GAP);
    assert_string_equal(report.notices[2].detail, "it was recycled");
    assert_string_equal(report.notices[2].hint, "take a backup");
    assert_true(report.has_level[NOTICE_WARNING] && report.has_class[ERR_GAP]);
    assert_false(report.has_level[NOTICE_STALE] || report.has_class[ERR_CORRUPT]);
}

static void test_report__a_flood_is_counted_and_hides_nothing(void **state)
{
    (void)state;
    AUTO(report_done) Report report = {0};
    for (int i = 0; i < REPORT_NOTICES_MAX; i++)
        report_warn(&report, "backup/BAD_PAGE", "page %d", i);
    report_fault(&report, ERR(CORRUPT, "the last one"));
    report_hint(&report, "belongs to nobody");
    assert_int_equal(report.count, REPORT_NOTICES_MAX);
    assert_int_equal(report.dropped, 1);
    assert_true(report.has_class[ERR_CORRUPT]);
    assert_string_equal(report.notices[report.count - 1].hint, "");
}

static void test_report_join__moves_everything(void **state)
{
    (void)state;
    AUTO(report_done) Report all = {0};
    AUTO(report_done) Report part = {0};
    report_note(&all, "a/A", "first");
    report_stale(&part, "b/B", "second");
    report_survived(&part, ERR(AWAY, "third"));
    report_join(&all, &part);
    assert_int_equal(all.count, 3);
    assert_string_equal(all.notices[1].text, "second");
    assert_int_equal(all.notices[2].level, NOTICE_WARNING);
    assert_true(all.has_level[NOTICE_STALE]);
    assert_int_equal(part.count, 0);
}

static void test_report_join_of__says_whose_they_are(void **state)
{
    (void)state;
    AUTO(report_done) Report all = {0};
    AUTO(report_done) Report part = {0};
    report_warn(&part, "a/A", "50 %% of it");
    report_hint(&part, "look");
    report_join_of(&all, &part, "cluster x");
    assert_string_equal(all.notices[0].text, "cluster x: 50 % of it");
    assert_string_equal(all.notices[0].hint, "look");
    assert_int_equal(part.count, 0);
}

UNIT_MAIN(cmocka_unit_test(test_report__keeps_order_levels_and_texts),
          cmocka_unit_test(test_report__a_flood_is_counted_and_hides_nothing),
          cmocka_unit_test(test_report_join__moves_everything),
          cmocka_unit_test(test_report_join_of__says_whose_they_are))
