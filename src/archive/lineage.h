/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * archive/lineage.h - the line of descent of a timeline: which timeline wrote which stretch of its WAL
 *
 * A branch is one timeline and its ancestors, each up to the LSN at which the next one branched off. Everything that
 * asks "is this of the same life?" asks here: which archived copy of a segment is right, whether a backup can be rolled
 * forward to a point, where a branch left another.
 *
 * What is known comes from the stored history file, which PostgreSQL itself follows; where it is missing, from the
 * branch records. Segments behind a switch point that the parent went on to write are never of the branch.
 *
 * Ownership: parts live in the arena given to lineage_load().
 */
#pragma once

#include "pg/history.h"
#include "repo/branch.h"

/* The bytes [begin, end) of the branch are this timeline's. */
typedef struct LineagePart {
    Timeline timeline;
    Lsn begin; /* 0 for the oldest */
    Lsn end;   /* where the next one branched off; LINEAGE_OPEN for the youngest */
} LineagePart;

#define LINEAGE_OPEN ((Lsn){UINT64_MAX})

typedef struct Lineage {
    Timeline timeline;        /* the youngest */
    const LineagePart *parts; /* oldest first; begin and end join without a hole, a part may be empty */
    size_t count;             /* at least 1 */
    uint32_t segment_bytes;
    /* The ancestors are known: timeline 1, a stored history file, or a branch record. Else the line is the timeline
     * alone, and nothing is promised about what came before. */
    bool is_told;
} Lineage;

/* The line that ends in `timeline`, as this repository knows it. CORRUPT: a history file that is none. */
MUST Err *lineage_load(Lineage *out, Repo *repo, const Generation *generation, Timeline timeline,
                       Arena *arena);
/* The line of the timeline that wrote the byte before `end`: younger ones are left out. */
Lineage lineage_until(const Lineage *lineage, Lsn end, Arena *arena);
Lineage lineage_of_history(const History *history, uint32_t segment_bytes, Arena *arena);

/* The youngest rightful timeline, the tip of the production branch; 0 without any record. */
Timeline lineage_production(const BranchRecord *records, size_t count);

/* NULL when the timeline is not on this line. */
const LineagePart *lineage_part(const Lineage *lineage, Timeline timeline);
/* The timeline whose byte stands at `lsn`. */
Timeline lineage_timeline_at(const Lineage *lineage, Lsn lsn);

/* Can what is consistent at `stop_lsn` on `timeline` be rolled forward along this line? The last byte before must be of
 * the line and of that timeline (xlogrecovery.c: tliOfPointInHistory(minRecoveryPoint - 1) must be its timeline). */
bool lineage_has_backup(const Lineage *lineage, Timeline timeline, Lsn stop_lsn);

/* One archived copy of a segment, and how much of it is of the branch. */
typedef struct LineageCopy {
    WalName name;
    Lsn end; /* its bytes from here on are not of the branch; the segment's end, or a switch LSN inside it */
    bool is_cover; /* made of tails; only of what an archive was asked for */
} LineageCopy;

/* The copies that can hold `segment`, best first: PostgreSQL's XLogFileReadAnyTLI() takes the youngest timeline that had
 * begun before the segment's end. That one is whole. An older one, for as long as the younger one's is not archived,
 * is right up to the switch point. Sets `*out` and answers true for `at` = 0, 1, … until there is none. */
bool lineage_copy(LineageCopy *out, const Lineage *lineage, uint64_t segment, size_t at);

/* The segment that holds `lsn`; the one that holds the last byte before `end`, which is not 0. */
static inline uint64_t lineage_segment_at(const Lineage *lineage, Lsn lsn)
{
    return lsn.at / lineage->segment_bytes;
}

static inline uint64_t lineage_segment_before(const Lineage *lineage, Lsn end)
{
    return (end.at - 1) / lineage->segment_bytes;
}

/* Where two lines part: the first LSN that is not of both. */
Lsn lineage_fork(const Lineage *a, const Lineage *b);
