/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/limits.h"
#include "cli/exit_status.h"

static int status_of(Err *err, int signal)
{
    const int status = exit_status_of_err(err, signal);
    err_free(&err);
    return status;
}

static void test_exit_status_of_err__follows_the_table(void **state)
{
    (void)state;
    assert_int_equal(status_of(ERR(CORRUPT, "x"), 0), 5);
    assert_int_equal(status_of(ERR(GAP, "x"), 0), 6);
    assert_int_equal(status_of(ERR(REFUSED, "x"), 0), 7);
    assert_int_equal(status_of(ERR(BUSY, "x"), 0), 8);
    assert_int_equal(status_of(ERR(USAGE, "x"), 0), 2);
    assert_int_equal(status_of(ERR(IO, "x"), 0), 1);
    assert_int_equal(status_of(ERR(LIMIT, "x"), 0), 1);
    assert_int_equal(status_of(ERR(UNSUPPORTED, "x"), 0), 1);
    assert_int_equal(status_of(ERR(CANCELED, "x"), 15), 143);
    assert_int_equal(status_of(ERR(CANCELED, "x"), 0), 1);
    assert_int_equal(status_of(err_new(ERR_AWAY, "src/store/posix.c", 1, "x"), 0), 9);
    assert_int_equal(status_of(err_new(ERR_AWAY, "src/db/session.c", 1, "x"), 0), 10);
}

static void test_exit_status_graver__keeps_the_order(void **state)
{
    (void)state;
    static const int order[] = {143, 2, 5, 6, 7, 9, 10, 8, 1, 4, 3, 0};
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        for (size_t j = i; j < COUNT_OF(order); j++) {
            assert_int_equal(exit_status_graver(order[i], order[j]), order[i]);
            assert_int_equal(exit_status_graver(order[j], order[i]), order[i]);
        }
    }
}

static void test_exit_status_of_report__is_the_gravest_notice(void **state)
{
    (void)state;
    AUTO(report_done) Report report = {0};
    report_note(&report, "a/A", "x");
    assert_int_equal(exit_status_of_report(&report), 0);
    report_warn(&report, "a/A", "x");
    assert_int_equal(exit_status_of_report(&report), 3);
    report_stale(&report, "a/A", "x");
    assert_int_equal(exit_status_of_report(&report), 4);
    report_fault(&report, err_new(ERR_AWAY, "src/db/session.c", 1, "x"));
    assert_int_equal(exit_status_of_report(&report), 10);
    while (report.count < REPORT_NOTICES_MAX)
        report_warn(&report, "a/A", "x");
    report_fault(&report, ERR(CORRUPT, "not kept, still counts"));
    assert_int_equal(exit_status_of_report(&report), 5);
}

static void test_exit_status_map__archive_push_fails_within_1_to_125(void **state)
{
    (void)state;
    assert_int_equal(exit_status_map(0, EXIT_RULE_ARCHIVE_PUSH), 0);
    for (int status = 1; status <= EXIT_WAL_ABSENT; status++)
        assert_in_range(exit_status_map(status, EXIT_RULE_ARCHIVE_PUSH), 1, 125);
}

static void test_exit_status_map__archive_get_has_three_answers(void **state)
{
    (void)state;
    assert_int_equal(exit_status_map(0, EXIT_RULE_ARCHIVE_GET), 0);
    for (int status = 1; status < EXIT_WAL_ABSENT; status++)
        assert_int_equal(exit_status_map(status, EXIT_RULE_ARCHIVE_GET), 200);
    assert_int_equal(exit_status_map(EXIT_WAL_ABSENT, EXIT_RULE_ARCHIVE_GET), 1);
    assert_int_equal(exit_status_map(143, EXIT_RULE_PLAIN), 143);
}

static ExitRule guess(char *first, char *second, char *third)
{
    char *const argv[] = {first, second, third};
    return exit_rule_guess(3, argv);
}

static void test_exit_rule_guess__knows_the_archive_commands_in_any_state(void **state)
{
    (void)state;
    assert_int_equal(guess("--clutser=x", "archive-get", "a"), EXIT_RULE_ARCHIVE_GET);
    assert_int_equal(guess("archiveget", "a", "b"), EXIT_RULE_ARCHIVE_GET);
    assert_int_equal(guess("get", "000000010000000000000001", "pg_wal/RECOVERYXLOG"), EXIT_RULE_ARCHIVE_GET);
    assert_int_equal(guess("archive-push", "00000002.history", "pg_wal/RECOVERYHISTORY"),
                     EXIT_RULE_ARCHIVE_GET);
    assert_int_equal(guess("-x", "archive-push", "pg_wal/000000010000000000000001"), EXIT_RULE_ARCHIVE_PUSH);
    assert_int_equal(guess("restore", "--delta", "--yes"), EXIT_RULE_PLAIN);
}

UNIT_MAIN(cmocka_unit_test(test_exit_status_of_err__follows_the_table),
          cmocka_unit_test(test_exit_status_graver__keeps_the_order),
          cmocka_unit_test(test_exit_status_of_report__is_the_gravest_notice),
          cmocka_unit_test(test_exit_status_map__archive_push_fails_within_1_to_125),
          cmocka_unit_test(test_exit_status_map__archive_get_has_three_answers),
          cmocka_unit_test(test_exit_rule_guess__knows_the_archive_commands_in_any_state))
