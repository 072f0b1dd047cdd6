/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * pg/wal_target.h - where recovery stops for a target
 *
 * Fed with the records that recovery would replay, in their order, a matcher answers where it stops, by PostgreSQL's
 * own rules (src/backend/access/transam/xlogrecovery.c: recoveryStopsBefore, recoveryStopsAfter; the same in xlog.c
 * before 15):
 *   time         before the first commit or abort, plain or prepared, whose time is later; exclusive: not earlier.
 *                Commit times are not monotonic, so the first match in LSN order counts, not the best one.
 *   transaction  after its commit or abort; exclusive: before. Subtransactions are not compared.
 *   LSN          after the first record that begins at or behind it; exclusive: before.
 *   name         after the first restore point of that name, inclusive or not.
 *   immediate    after the record with which the backup becomes consistent.
 */
#pragma once

#include "base/instant.h"
#include "pg/wal_reader.h"

typedef enum WalTargetKind {
    WAL_TARGET_END, /* all there is: never stops */
    WAL_TARGET_TIME,
    WAL_TARGET_XID,
    WAL_TARGET_LSN,
    WAL_TARGET_NAME,
    WAL_TARGET_IMMEDIATE,
} WalTargetKind;

enum { WAL_TARGET_NAME_BYTES = 64 }; /* with the closing NUL */

typedef struct WalTarget {
    WalTargetKind kind;
    bool is_exclusive; /* recovery_target_inclusive = off */
    Instant time;
    Xid xid;
    Lsn lsn; /* for immediate: where the backup is consistent, its stop LSN */
    char name[WAL_TARGET_NAME_BYTES];
} WalTarget;

typedef struct WalMatcher {
    WalTarget target;
    const PgVersion *version;
    bool is_found;
    bool is_before;    /* the record at `record` is not replayed */
    Lsn record;        /* start of the record at which it stops */
    Lsn end;           /* end of what is replayed */
    Xid xid;           /* of the transaction, for time and transaction */
    Instant time;      /* of that commit, abort or restore point; none for others */
    Instant last_time; /* of the last commit replayed; none before the first */
} WalMatcher;

WalMatcher wal_matcher(const WalTarget *target, const PgVersion *version);

/* A WalEntryFn; `arg` is the WalMatcher. After the match nothing changes. CORRUPT when a commit, abort or restore point
 * cannot be taken apart: the answer would be a guess. */
MUST Err *wal_matcher_entry(void *arg, const WalEntry *entry);
