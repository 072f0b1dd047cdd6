/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * cli/exit_status.h - the one table from what happened to the exit status
 *
 * 0 done · 1 failed · 2 usage or configuration · 3 done, with warnings that need a human · 4 not fresh · 5 corrupt or
 * missing data found · 6 gap · 7 refused for safety · 8 busy · 9 storage unreachable · 10 database unreachable ·
 * 128+n ended by signal n.
 *
 * PostgreSQL judges the archive commands by their status. archive_command: above 125 ends the archiver itself (all
 * failures stay within 1..125). restore_command: 1..125 means "there is no such file" and ends recovery, above that
 * stops it (xlogarchive.c, RestoreArchivedFile()). So archive-get knows 0, 1 = proven absent, 200 = stop, and nothing
 * else, from the very first argument on.
 */
#pragma once

#include "cluster/report.h"

enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_WARNINGS = 3,
    EXIT_STALE = 4,
    EXIT_CORRUPT = 5,
    EXIT_GAP = 6,
    EXIT_REFUSED = 7,
    EXIT_BUSY = 8,
    EXIT_STORE_AWAY = 9,
    EXIT_DATABASE_AWAY = 10,
    EXIT_SIGNAL = 128,
    EXIT_RECOVERY_STOP = 200,
    /* What archive-get's function answers when the file is proven absent; no other way leads to its exit status 1. */
    EXIT_WAL_ABSENT = 1000,
};

typedef enum ExitRule { EXIT_RULE_PLAIN, EXIT_RULE_ARCHIVE_PUSH, EXIT_RULE_ARCHIVE_GET } ExitRule;

/* `signal` is the stop signal that came, or 0. */
int exit_status_of_err(const Err *err, int signal);
/* The gravest of a report's notices. */
int exit_status_of_report(const Report *report);
/* Of two, what the caller must know: a signal, 2, 5, 6, 7, 9, 10, 8, 1, 4, 3, 0. */
int exit_status_graver(int a, int b);
/* The mapper: the number to exit with. */
int exit_status_map(int status, ExitRule rule);

/* Which rule holds for a command line, before and whether or not it can be understood. A line that does not parse counts
 * as archive-get as soon as it could be one: the word, one near it, or the file that restore_command asks for. */
ExitRule exit_rule_guess(int argc, char *const *argv);
/* Does restore_command ask: is there an argument that its %p can be? Then whatever the command, its rule is
 * archive-get's. */
bool exit_is_recovery_asking(int argc, char *const *argv);
