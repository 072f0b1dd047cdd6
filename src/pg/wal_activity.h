/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * pg/wal_activity.h - who did how much to which relation in a stretch of WAL
 *
 * Kept beside each segment, so that "when was this table dropped, and by which transaction?" is answered without reading
 * WAL. Three lists:
 *   - per relation file, rows inserted, updated and deleted, by anybody;
 *   - the transactions that ended here, committed and aborted apart, subtransactions among them; but not the one with the
 *     highest number there is, which no NumberSet holds;
 *   - transactions *of note*. One that committed here is when it dropped, cut or truncated a file or a database, or updated
 *     or deleted WAL_NOTE_ROWS rows of one relation here. One that is still open at the end is when it did any of it
 *     at all, with whatever it did. A transaction that works in several segments so adds up from its parts; only of the
 *     last part, less than WAL_NOTE_ROWS rows may be missing, and the segment's own records then tell.
 *
 * Rows are counted by record, not by page: an update names one or two pages. Deletes of a catalog's rows count as well.
 * A transaction counts under its own number; when a commit names its subtransactions, theirs are added to it.
 *
 * Facts: src/include/access/heapam_xlog.h, src/include/storage/standbydefs.h, src/include/catalog/storage_xlog.h.
 *
 * Threads: a gatherer belongs to one at a time.
 */
#pragma once

#include "base/arena.h"
#include "base/number_set.h"
#include "pg/wal_reader.h"
#include "pg/wal_touch.h"
#include "pg/xact.h"

/* An accident is 1,000 rows; a part of it that is kept must be far smaller. */
#define WAL_NOTE_ROWS 128

typedef enum WalActKind {
    WAL_ACT_ROWS = 1,      /* file; counts */
    WAL_ACT_CREATE,        /* file: made */
    WAL_ACT_DROP,          /* file: removed by the commit */
    WAL_ACT_CUT,           /* file: shortened in place */
    WAL_ACT_LOCK,          /* file.number: OID of a relation locked exclusively, in file.database */
    WAL_ACT_TRUNCATE,      /* the same of one truncated (only with wal_level logical) */
    WAL_ACT_DROP_RELATION, /* the same of one dropped (15 and later) */
    WAL_ACT_DROP_DATABASE, /* file.tablespace, file.database */
} WalActKind;

typedef enum WalRowKind { WAL_ROW_INSERT, WAL_ROW_UPDATE, WAL_ROW_DELETE, WAL_ROW_KINDS } WalRowKind;

/* Something a transaction did. */
typedef struct WalAct {
    WalActKind kind;
    RelFile file;
    union {
        struct {
            uint32_t inserts, updates, deletes;
        };
        uint32_t counts[WAL_ROW_KINDS];
    };
} WalAct;

typedef enum WalXactState {
    WAL_XACT_OPEN = 0, /* at the end of the stretch; prepared ones too */
    WAL_XACT_COMMITTED = 1,
} WalXactState;

typedef struct WalXactNote {
    Xid xid;
    Xid top; /* of an open subtransaction, where a record told; else invalid */
    WalXactState state;
    Oid database; /* where a record told */
    Lsn end;      /* start of the record that committed it: as a target, exclusive, it is the moment before */
    Instant time; /* of the commit */
    uint32_t act_count;
    uint32_t acts_dropped; /* beyond WAL_ACTS_MAX, and as many again of those that bring data to an end */
    const WalAct *acts;    /* live as long as the WalActivity */
} WalXactNote;

/* Rows changed in one file. */
typedef struct WalRows {
    RelFile file;
    union {
        struct {
            uint64_t inserts, updates, deletes;
        };
        uint64_t counts[WAL_ROW_KINDS];
    };
} WalRows;

/* End it with wal_activity_done(). */
typedef struct WalActivity {
    WalRows *rows; /* by tablespace, database, number */
    size_t row_count;
    NumberSet committed, aborted;
    WalXactNote *notes; /* committed ones in the order of their ends, then open ones by number */
    size_t note_count;
    uint32_t
        notes_dropped; /* beyond WAL_NOTES_MAX; and what transactions did beyond WAL_XACTS_OPEN_MAX open ones */
    uint32_t unread;   /* records that could not be taken apart */
    Arena *arena;      /* holds the lists */
} WalActivity;

void wal_activity_done(WalActivity *activity);

typedef struct ActivityGather ActivityGather;

MUST ActivityGather *activity_gather_new(const PgVersion *version);
void activity_gather_free(ActivityGather **gather);
/* Takes what the record at `start` did; `end` is what it says of a transaction's end, or NULL. Records must come in LSN
 * order. */
void activity_gather_record(ActivityGather *gather, Lsn start, const WalRecord *record, const XactEnd *end);
/* True when such a record changes one row of the block it names, or none. */
static inline bool activity_is_plain(const WalRecordHead *head)
{
    enum { OTHERS = 1 << WAL_XACT | 1 << WAL_SMGR | 1 << WAL_STANDBY | 1 << WAL_DBASE };
    const int op = head->info & 0x70;
    return !wal_manager_is_in(head->manager, OTHERS) &&
           !(head->manager == WAL_HEAP && op == WAL_HEAP_TRUNCATE) &&
           !(head->manager == WAL_HEAP2 && op == WAL_HEAP2_MULTI_INSERT);
}
/* Takes what such a record did. */
void activity_gather_plain(ActivityGather *gather, const WalRecordHead *head, WalTouch touch);
/* The same for a record of which `end` is all that matters. */
void activity_gather_end(ActivityGather *gather, Lsn start, const XactEnd *end);
/* One more record that could not be taken apart. */
void activity_gather_unread(ActivityGather *gather);
/* No more records come: what is open now stays open. Only activity_gather_free() may follow. */
void activity_gather_finish(WalActivity *out, ActivityGather *gather);
