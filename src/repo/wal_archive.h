/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/wal_archive.h - the archive of WAL, one record per timeline of what is there and what is missing
 *
 * From names alone, without opening an object: which segments of which timeline are stored, as sorted ranges. A gap is
 * data, not an error: it lies between two ranges and closes when its segments arrive. A .partial never counts. A segment
 * of which there are only tails (repo/wal_cover.h) is in no range: it is told apart, with how far they reach.
 *
 * Ownership: everything in the arena given to wal_archive_list(). Memory is in ranges, not segments.
 */
#pragma once

#include "pg/history.h"
#include "repo/generation.h"

/* Segments first..last of one timeline, without a hole. */
typedef struct WalRange {
    uint64_t first_segment;
    uint64_t last_segment; /* inclusive */
} WalRange;

/* A segment that is stored as tails alone. */
typedef struct WalCovered {
    uint64_t segment;
    uint32_t bytes; /* from its begin on; 0: what is stored does not begin there */
} WalCovered;

typedef struct WalTimeline {
    Timeline timeline;
    const WalRange *ranges; /* ascending, never touching; none where only the history is stored */
    size_t range_count;
    const WalCovered *covered; /* ascending */
    size_t covered_count;
    uint64_t segments;
    uint64_t stored_bytes; /* of the segments, tails not counted */
    Instant newest; /* the store's time of the newest object among the segments; INSTANT_NONE without */
    bool has_history;
} WalTimeline;

typedef struct WalArchive {
    const WalTimeline *timelines; /* ascending */
    size_t count;
} WalArchive;

/* One listing pass. Names that do not belong where they stand are passed over: verify reports them. */
MUST Err *wal_archive_list(WalArchive *out, Repo *repo, const Generation *generation, Arena *arena);
/* Takes segments out again, tails included: they count as not stored. In the same arena. */
void wal_archive_leave_out(WalArchive *archive, const WalName *names, size_t count, Arena *arena);
const WalTimeline *wal_archive_timeline(const WalArchive *archive, Timeline timeline); /* NULL when absent */
bool wal_timeline_has(const WalTimeline *timeline, uint64_t segment);
/* Bytes of the segment that tails cover; 0 when there are none, or it is stored whole. `timeline` may be NULL. */
uint32_t wal_timeline_covered(const WalTimeline *timeline, uint64_t segment);
/* The first segment from `from` on that is stored, whole or as tails; false when there is none. */
bool wal_timeline_next(uint64_t *out, const WalTimeline *timeline, uint64_t from);
/* The segment behind the newest one that is stored, whole or as tails; 0 when there is none. */
uint64_t wal_timeline_end(const WalTimeline *timeline);

/* Is any segment of `first`..`last` missing? True sets the first one missing. `timeline` may be NULL: all are. */
bool wal_timeline_gap(uint64_t *missing, const WalTimeline *timeline, uint64_t first, uint64_t last);

/* The history of a timeline as stored, which has at least one entry; without entries when none is stored (timeline 1
 * never has a file). CORRUPT. */
MUST Err *wal_archive_history(History *out, Repo *repo, const KeyRoot *root, Timeline timeline, Arena *arena);
