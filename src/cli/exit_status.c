/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cli/exit_status.h"

#include "base/text.h"

static const int class_status[ERR_CLASS_COUNT] = {
    [ERR_NOT_FOUND] = EXIT_FAILED, [ERR_EXISTS] = EXIT_FAILED,   [ERR_BUSY] = EXIT_BUSY,
    [ERR_AWAY] = EXIT_STORE_AWAY,  [ERR_DENIED] = EXIT_FAILED,   [ERR_CORRUPT] = EXIT_CORRUPT,
    [ERR_GAP] = EXIT_GAP,          [ERR_REFUSED] = EXIT_REFUSED, [ERR_UNSUPPORTED] = EXIT_FAILED,
    [ERR_LIMIT] = EXIT_FAILED,     [ERR_CANCELED] = EXIT_FAILED, [ERR_USAGE] = EXIT_USAGE,
    [ERR_IO] = EXIT_FAILED,        [ERR_BUG] = EXIT_FAILED,
};

/* What is away is the server when the db room says so. */
static int status_of(ErrClass class, const char *code)
{
    return class == ERR_AWAY && text_starts(code, "db/") ? EXIT_DATABASE_AWAY : class_status[class];
}

int exit_status_of_err(const Err *err, int signal)
{
    if (err_is(err, ERR_CANCELED) && signal)
        return EXIT_SIGNAL + signal;
    return status_of(err_class(err), err_code(err));
}

int exit_status_of_report(const Report *report)
{
    int status = EXIT_DONE;
    if (report->has_level[NOTICE_WARNING])
        status = EXIT_WARNINGS;
    if (report->has_level[NOTICE_STALE])
        status = EXIT_STALE;
    for (size_t i = 0; i < report->count; i++) {
        if (report->notices[i].level == NOTICE_FAULT)
            status = exit_status_graver(status, status_of(report->notices[i].class, report->notices[i].code));
    }
    /* Faults that were counted but not kept; one that was kept says more about where. */
    for (ErrClass class = 0; class < ERR_CLASS_COUNT && report->dropped; class ++) {
        if (report->has_class[class])
            status = exit_status_graver(status, class_status[class]);
    }
    return status;
}

static unsigned gravity(int status)
{
    static const int order[] = {EXIT_DONE, EXIT_WARNINGS,      EXIT_STALE,      EXIT_FAILED,
                                EXIT_BUSY, EXIT_DATABASE_AWAY, EXIT_STORE_AWAY, EXIT_REFUSED,
                                EXIT_GAP,  EXIT_CORRUPT,       EXIT_USAGE};
    for (unsigned i = 0; i < COUNT_OF(order); i++) {
        if (order[i] == status)
            return i;
    }
    return COUNT_OF(order);
}

int exit_status_graver(int a, int b)
{
    return gravity(b) > gravity(a) ? b : a;
}

int exit_status_map(int status, ExitRule rule)
{
    switch (rule) {
    case EXIT_RULE_ARCHIVE_PUSH:
        return status > 125 ? EXIT_FAILED : status;
    case EXIT_RULE_ARCHIVE_GET:
        if (status == EXIT_WAL_ABSENT)
            return 1;
        return status == EXIT_DONE ? EXIT_DONE : EXIT_RECOVERY_STOP;
    case EXIT_RULE_PLAIN:
        break;
    }
    return status == EXIT_WAL_ABSENT ? EXIT_FAILED : status;
}

bool exit_is_recovery_asking(int argc, char *const *argv)
{
    for (int i = 0; i < argc; i++) {
        if (text_ends(argv[i], "RECOVERYXLOG") || text_ends(argv[i], "RECOVERYHISTORY"))
            return true;
    }
    return false;
}

ExitRule exit_rule_guess(int argc, char *const *argv)
{
    static const char *const get[] = {"archive-get", NULL};
    ExitRule rule = exit_is_recovery_asking(argc, argv) ? EXIT_RULE_ARCHIVE_GET : EXIT_RULE_PLAIN;
    for (int i = 0; i < argc && rule != EXIT_RULE_ARCHIVE_GET; i++) {
        if (text_equal(argv[i], "archive-push"))
            rule = EXIT_RULE_ARCHIVE_PUSH;
        else if (text_nearest(argv[i], get))
            rule = EXIT_RULE_ARCHIVE_GET;
    }
    return rule;
}
