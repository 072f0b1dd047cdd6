/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * pg/xact.h - records that end a transaction: commit and abort, plain and prepared
 *
 * Main data: the time, then, as flagged, database, subtransactions, dropped files, dropped statistics, cache
 * invalidations, the prepared transaction's number and name, the origin (src/include/access/xact.h,
 * src/backend/access/rmgrdesc/xactdesc.c). COMMIT PREPARED and ABORT PREPARED carry the transaction's number only there:
 * their record's own xid is another's or none.
 *
 * Ownership: spans borrow the record.
 */
#pragma once

#include "base/instant.h"
#include "pg/wal_record.h"

/* `info & 0x70` of a WAL_XACT record. */
typedef enum XactOp {
    XACT_COMMIT = 0x00,
    XACT_PREPARE = 0x10,
    XACT_ABORT = 0x20,
    XACT_COMMIT_PREPARED = 0x30,
    XACT_ABORT_PREPARED = 0x40,
    XACT_ASSIGNMENT = 0x50,
    XACT_INVALIDATIONS = 0x60, /* 14 and later */
} XactOp;

typedef struct XactEnd {
    XactOp op; /* one of the four that end a transaction */
    Xid xid;   /* the transaction's, also when it was prepared */
    Instant time;
    uint32_t flags; /* the record's own, as they stand there */
    Oid database;   /* invalid when not given */
    uint32_t subxact_count;
    uint32_t
        file_count; /* relations whose files are dropped now: by the commit, or created in what is aborted */
    uint32_t dropped_stats_count;
    Span subxacts;      /* read with xact_end_subxact() */
    Span files;         /* read with xact_end_file() */
    Span dropped_stats; /* 12 bytes each in 15 to 17, 16 in 18 */
    Span prepared_name; /* without the closing NUL; empty when not given */
    Lsn origin_lsn;     /* where a subscriber's transaction came from; invalid when not given */
    Instant origin_time;
} XactEnd;

/* True for a commit or abort; the head is enough to tell. */
static inline bool xact_is_end(const WalRecordHead *head)
{
    if (head->manager != WAL_XACT)
        return false;
    const XactOp op = (XactOp)(head->info & 0x70);
    return op == XACT_COMMIT || op == XACT_ABORT || op == XACT_COMMIT_PREPARED || op == XACT_ABORT_PREPARED;
}

/* A commit or abort that tells its time and nothing else, as nearly all do. False for any other record, and for an
 * unsound one. `bytes` is exactly the record. */
MUST bool xact_end_matches(XactEnd *out, const WalRecordHead *head, Span bytes);

/* True for a commit, plain or prepared. */
static inline bool xact_op_is_commit(XactOp op)
{
    return op == XACT_COMMIT || op == XACT_COMMIT_PREPARED;
}

/* `record` is one for which xact_is_end() is true. CORRUPT when lengths do not add up. */
MUST Err *xact_end_decode(XactEnd *out, const PgVersion *version, const WalRecord *record);

/* `index` below the count. */
Xid xact_end_subxact(const XactEnd *end, uint32_t index);
RelFile xact_end_file(const XactEnd *end, uint32_t index);
