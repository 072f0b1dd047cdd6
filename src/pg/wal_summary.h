/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * pg/wal_summary.h - what a stretch of WAL holds, in few words
 *
 * Gathered from the records of one segment (or any stretch) and kept beside it, a summary answers without the segment:
 * from which point to which can it be replayed, which times and transactions end in it, which named points and which
 * changes of the server lie in it. Restore's preflight and the recoverable windows are made of summaries.
 *
 * Times are not monotonic in WAL: a minimum and maximum bound them, an order cannot be assumed.
 *
 * Ownership: events and their texts live as long as the summary.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/instant.h"
#include "pg/wal_reader.h"
#include "pg/xact.h"

/* wal_level as PostgreSQL numbers it since 9.6 (src/include/access/xlog.h). */
typedef enum WalLevel {
    WAL_LEVEL_UNKNOWN = -1,
    WAL_LEVEL_MINIMAL = 0,
    WAL_LEVEL_REPLICA = 1,
    WAL_LEVEL_LOGICAL = 2,
} WalLevel;

/* Values of XLOG_PARAMETER_CHANGE: a standby or restored cluster must have at least these limits. */
typedef struct WalParameters {
    int32_t max_connections;
    int32_t max_worker_processes;
    int32_t max_wal_senders;
    int32_t max_prepared_transactions;
    int32_t max_locks_per_transaction;
    int32_t wal_level;
    bool wal_log_hints;
    bool track_commit_timestamp;
} WalParameters;

typedef enum WalEventKind {
    WAL_EVENT_CHECKPOINT = 1, /* lsn: redo point; is_shutdown, timeline, previous; wal_level from 17 */
    WAL_EVENT_CHECKPOINT_REDO, /* 17 and later; wal_level. Its own start is the redo point of a later checkpoint. */
    WAL_EVENT_END_OF_RECOVERY,   /* time, timeline, previous; wal_level from 17 */
    WAL_EVENT_PARAMETERS,        /* parameters, wal_level */
    WAL_EVENT_RESTORE_POINT,     /* text: its name, time */
    WAL_EVENT_BACKUP_END,        /* lsn: start of the backup that ended */
    WAL_EVENT_FULL_PAGE_WRITES,  /* is_on */
    WAL_EVENT_SWITCH,            /* the rest of the segment is empty */
    WAL_EVENT_OVERWRITE,         /* lsn: the unfinished record that is void; time */
    WAL_EVENT_TABLESPACE_CREATE, /* tablespace, text: its path */
    WAL_EVENT_TABLESPACE_DROP,   /* tablespace */
} WalEventKind;

/* The kind says which of the others are set; they are zero, or "none", else. */
typedef struct WalEvent {
    WalEventKind kind;
    Lsn start;
    Lsn end;
    Lsn lsn;
    Instant time;
    Timeline timeline; /* from here on */
    Timeline previous; /* the one it branched off, or the same */
    Oid tablespace;
    WalLevel wal_level;
    bool is_shutdown;
    bool is_on;
    WalParameters parameters;
    const char *text; /* NULL for an empty one, such as the path of a tablespace in place */
} WalEvent;

/* Of commits, or of aborts. */
typedef struct WalXactTimes {
    uint64_t count;
    Instant min, max;
    Instant last; /* of the one with the highest LSN */
} WalXactTimes;

typedef struct WalSummary {
    uint64_t records;
    WalXactTimes commits, aborts;
    Xid xid_min,
        xid_max; /* of all transactions that wrote here, in their circular order; invalid when none did */
    WalLevel wal_level_min;  /* lowest that a record here proves; unknown when none does */
    uint32_t event_count;    /* at most WAL_EVENTS_MAX; wal_summary_event() */
    uint32_t events_dropped; /* beyond the limit: read the segment to know them */
    uint32_t unread;         /* records of a known kind that could not be taken apart */
    char unread_text[160];   /* why, for the first of them */
    WalProgress progress;    /* what wal_summary_finish() was given, without its spans */
    const PgVersion *version;
    Buf events; /* of WalEvent */
    Arena *arena;
} WalSummary;

/* End with wal_summary_done(). */
void wal_summary_init(WalSummary *summary, const PgVersion *version);
void wal_summary_done(WalSummary *summary);

/* A WalEntryFn; `arg` is the WalSummary. Never fails: what cannot be taken apart is counted as unread. */
MUST Err *wal_summary_entry(void *arg, const WalEntry *entry);

/* True when such a record only counts: wal_summary_count() does for it. */
static inline bool wal_summary_is_plain(const WalRecordHead *head)
{
    return !wal_manager_is_in(head->manager, 1 << WAL_XLOG | 1 << WAL_XACT | 1 << WAL_TBLSPC);
}

/* A transaction that wrote here and lies outside what was met. */
void wal_summary_widen(WalSummary *summary, Xid xid);

static inline void wal_summary_xid(WalSummary *s, Xid xid)
{
    /* Below 3 stand the invalid, the bootstrap and the frozen transaction (src/include/access/transam.h). Records of
     * none stand between others as chance will have it: no branch asks. */
    const uint32_t id = xid.id < 3 ? s->xid_min.id : xid.id;
    const uint32_t width = s->xid_max.id - s->xid_min.id;
    if (id - s->xid_min.id > width || (int32_t)width < 0)
        wal_summary_widen(s, (Xid){id});
}

static inline void wal_summary_count(WalSummary *summary, Xid xid)
{
    summary->records++;
    wal_summary_xid(summary, xid);
}

/* The same for a record that is taken apart already; `end` is what it says of a transaction's end, or NULL. */
void wal_summary_record(WalSummary *summary, const WalEntry *entry, const WalRecord *record,
                        const XactEnd *end);

/* The same for a record of which `end` is all that matters. */
void wal_summary_xact(WalSummary *summary, const WalRecordHead *head, const XactEnd *end);

/* One that could not be taken apart, and why; consumes `err`. */
void wal_summary_unread(WalSummary *summary, const WalEntry *entry, Err *err);

/* In LSN order; `index` below event_count. Borrowed until the next entry. */
const WalEvent *wal_summary_event(const WalSummary *summary, uint32_t index);

/* Keeps where the reading began and ended. */
void wal_summary_finish(WalSummary *summary, const WalReader *reader);
