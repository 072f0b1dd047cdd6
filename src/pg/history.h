/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * pg/history.h - timeline history files: from which timeline another one branched off, and where
 *
 * `0000000A.history` lists the ancestors of timeline 10, oldest first; each with the LSN from which on its bytes are
 * no longer part of this line of descent. Timeline 1 has no file: a History of it has no entries.
 * Format and rules: src/backend/access/transam/timeline.c.
 *
 * A recovery along timeline 2 that stops before timeline 2 began makes a timeline whose file says that it left timeline 2
 * before timeline 1 was left. The server reads such a file from the youngest line on, so that timeline 2 has no part in
 * the line of descent and timeline 1 ends where the new one begins. So do we.
 *
 * Invariants of a parsed History
 *   1. Timelines ascend strictly and stay below `timeline`; switch LSNs never descend: one that stands above a lower one
 *      in the file has become that one.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/ids.h"

typedef struct HistoryEntry {
    Timeline timeline;
    Lsn end;            /* first LSN that is not of this timeline any more */
    const char *reason; /* free text, may be "" */
} HistoryEntry;

typedef struct History {
    Timeline timeline;           /* the one that this is the history of */
    const HistoryEntry *entries; /* its ancestors */
    size_t count;
} History;

/* Reads the content of <timeline>.history; comments and empty lines are skipped. CORRUPT on anything else, naming the
 * line; LIMIT above HISTORY_BYTES_MAX. Everything in `out` lives in `arena`. */
MUST Err *history_parse(History *out, Timeline timeline, Span text, Arena *arena);

/* Adds the content of the file, as PostgreSQL writes it. A newline in a reason becomes a blank. */
void history_format(Buf *to, const History *history);

/* Is `timeline` on this line of descent (an ancestor, or the timeline itself)? Then [begin, end) is its part of it; the
 * youngest has no end (UINT64_MAX). An ancestor's part may be empty. */
bool history_find(Lsn *begin, Lsn *end, const History *history, Timeline timeline);

/* The timeline whose bytes stand at `lsn` on this line of descent. */
Timeline history_timeline_at(const History *history, Lsn lsn);
