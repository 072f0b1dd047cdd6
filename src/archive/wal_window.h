/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * archive/wal_window.h - how far a backup can be rolled forward, and what lies on the way
 *
 * A window is the unbroken stretch of archived WAL along a line of descent, from a backup's first segment on. Finding
 * it takes names only. What lies in it is asked of the segments' summaries (a few range reads each); a segment without
 * one, or with one that left something out, is read whole. A record that straddles the border of two segments is in no
 * summary: it is read from its two pages and counted with the segment in which it begins, so answers are exact.
 *
 * A segment that is stored as tails alone is the end of a window: it goes up to the end of its last record. Where the
 * timeline goes on behind it, the finished segment is missing, a gap like any other.
 *
 * Commit times are not monotonic in WAL: every search goes forward through the window, none halves it.
 *
 * Memory: one summary, one segment. Ownership: a window borrows lineage, archive, repository and generation.
 */
#pragma once

#include "archive/lineage.h"
#include "archive/wal_local.h"
#include "pg/wal_target.h"
#include "repo/wal_archive.h"
#include "repo/wal_index.h"

/* Where the WAL is. */
typedef struct WalSource {
    Repo *repo;
    const Generation *generation;
    const WalArchive *archive;
    const Lineage *lineage;
    bool is_whole_only;    /* tails do not count: for a standby, which archive-get gives none */
    const WalLocal *local; /* what of `archive` is not stored yet; NULL: all is */
} WalSource;

typedef struct WalWindow {
    WalSource source;
    Lsn start; /* as asked */
    uint64_t first_segment;
    uint64_t segments; /* without a hole from first_segment on; 0: the first one is missing */
    Lsn end; /* first byte that is not there: the end of a segment; inside one, a switch LSN or the end of its
                   tails */
    Timeline end_timeline; /* of the last copy; 0 when there is none */
    WalName missing;       /* the name with which the archive would go on */
    bool is_gap;           /* and some of this line is archived behind it; else the archive just ends here */
    uint64_t next_segment; /* for a gap: where the archive goes on */
} WalWindow;

/* The stretch from the segment of `start` on. */
WalWindow wal_window_find(const WalSource *source, Lsn start);
/* Are all bytes before `lsn` there? */
bool wal_window_reaches(const WalWindow *window, Lsn lsn);
/* The copy of a segment that is archived and right, whole or as tails; false when there is none. */
bool wal_source_copy(LineageCopy *out, const WalSource *source, uint64_t segment);

/* Called with each segment's summary in order; `*is_enough` ends the walk. The summary ends with the call. */
typedef Err *WalSegmentFn(void *arg, const LineageCopy *copy, const WalSummary *summary, bool *is_enough);
/* Segments [first, first + count) of the window. CORRUPT, AWAY. */
MUST Err *wal_window_each(const WalWindow *window, uint64_t first, uint64_t count, WalSegmentFn *each,
                          void *arg);
/* One segment's summary, complete. End it with wal_summary_done(). */
MUST Err *wal_window_summary(WalSummary *out, const WalWindow *window, uint64_t segment);

/* The end of what can be replayed. */
typedef struct WindowTip {
    Lsn record;      /* start of the last whole record; 0 when the window holds none */
    Lsn end;         /* end of that record */
    bool has_commit; /* in the last WINDOW_LOOK_BACK_MAX segments of the window */
    Lsn commit;      /* start of the last commit */
    Xid commit_xid;
    Instant commit_time;
} WindowTip;
MUST Err *wal_window_tip(WindowTip *out, const WalWindow *window);
/* Time of the last commit in the window's segments, by summaries alone; INSTANT_NONE as above. */
MUST Err *wal_window_last_commit(Instant *out, const WalWindow *window);

/* Records that do not go on although the archive does: recovery ends there, whatever is behind. */
typedef struct WindowBreak {
    bool is_there;
    Lsn at; /* of the record that is not to be had */
    char text[160];
} WindowBreak;

/* Where recovery from the window's start stops for a target. For WAL_TARGET_END the tip. */
typedef struct WindowStop {
    bool is_found;
    WalMatcher match;    /* with is_found; last_time counts from the window's start on */
    Instant last_time;   /* without is_found: of the last commit in the window, by LSN */
    Instant latest_time; /* without is_found: the latest time of any commit or abort seen */
    WindowBreak broken;  /* without is_found */
} WindowStop;
MUST Err *wal_window_target(WindowStop *out, const WalWindow *window, const WalTarget *target);

/* A tablespace that is created on the way. */
typedef struct WindowTablespace {
    Oid oid;
    Lsn lsn;
    const char *path; /* in the arena; "" for one in place, a folder in pg_tblspc */
} WindowTablespace;

/* What recovery to `until` meets. */
typedef struct WindowFacts {
    bool has_parameters;
    WalParameters parameters; /* the highest of each that was set; wal_level the lowest */
    Lsn minimal;              /* of the first record written with wal_level minimal; 0: none */
    const WindowTablespace *tablespaces;
    size_t tablespace_count;
    uint64_t unread; /* records that could not be taken apart: what they did is not known */
    WindowBreak broken;
} WindowFacts;
/* From the window's start to `until` (records that begin before it), or to a break on the way. */
MUST Err *wal_window_facts(WindowFacts *out, const WalWindow *window, Lsn until, Arena *arena);
