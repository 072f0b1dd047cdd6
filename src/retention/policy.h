/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * retention/policy.h - which backups the promises want, and from where on the WAL
 *
 * Pure: what there is, what was promised, what time it is; no store, no clock. The order of backups is that of their WAL
 * on the production branch. A clock only says how old one is, and it may have been wrong: the server's when the backup
 * was made, the store's when it was committed. So each backup has a row of bounds, read off both clocks:
 *
 *   earliest   no reading of this backup or of a later one is before it
 *   latest     no reading of this backup or of an earlier one is after it
 *
 * Where all clocks were right the two are the same moment. Where they are not, a promise for days, weeks, months or years
 * keeps what it would keep by either, and by each of the clocks alone. And a backup opens the window of `pitr` only
 * when it certainly is old enough: a reading from the future says nothing, nor does one that is before an earlier
 * backup's; then it is only certain that the backup is not younger than the next one.
 *
 * Invariants
 *   1. The newest good backup of the production branch stays, whatever is promised, and all WAL from its start on.
 *   2. A pinned backup stays, and one that is not on the production branch, unless it was given up.
 *   3. A backup whose WAL is incomplete fulfils no promise. It stays for as long as it would if it were good: what is
 *      missing may be found again.
 *   4. One that was given up by hand fulfils no promise, and stays only as the last good one.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/ids.h"
#include "cluster/promises.h"
#include "repo/label.h"

typedef struct PolicyBackup {
    BackupLabel label;
    Lsn start_lsn, stop_lsn;
    Instant start_time, stop_time; /* by the server's clock */
    Instant stored;                /* the commit, by the store's; INSTANT_NONE: not known */
    bool is_on_production;
    bool is_good; /* its WAL from start to stop is there */
    bool is_pinned;
    bool is_given_up; /* by hand, itself or its timeline */
    bool is_forced;   /* given up although it may be the last good one, or pinned */
} PolicyBackup;

struct BackupRecord;
/* What the record says, and `stored`; all else is false, for the caller to judge. */
PolicyBackup policy_backup(const struct BackupRecord *record, Instant stored);

/* Why a backup stays, the gravest first. */
typedef enum PolicyReason {
    POLICY_LAST,
    POLICY_PIN,
    POLICY_FOREIGN,
    POLICY_PITR,
    POLICY_DAILY,
    POLICY_WEEKLY,
    POLICY_MONTHLY,
    POLICY_YEARLY,
    POLICY_BACKUPS,
    POLICY_REASON_COUNT
} PolicyReason;

typedef struct PolicyAsk {
    const PolicyBackup *backups;
    size_t count;
    Promises promises;
    Instant now;
} PolicyAsk;

typedef struct Policy {
    const unsigned *reasons; /* of each backup, bits 1 << PolicyReason; 0: nothing wants it */
    bool has_last;           /* a backup of the production branch that is good */
    Lsn wal_from;            /* all WAL of the production branch from here on is wanted; with has_last */
} Policy;

void policy_judge(Policy *out, const PolicyAsk *ask, Arena *arena);

const char *policy_reason_name(PolicyReason reason); /* "daily"; stable */
/* "pinned, pitr, daily": the reasons for people. */
void policy_reasons_text(Buf *to, unsigned reasons);

/* Is a full backup due, as `full-every` says? Pure as well; of the production branch's good backups. */
typedef struct FullDue {
    bool is_due;
    char why[160]; /* with is_due */
} FullDue;
void full_is_due(FullDue *out, const PolicyAsk *ask);
