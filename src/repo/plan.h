/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/plan.h - what a restored data directory may ask the archive for
 *
 * `restore` and `standby create` write the file pgstrata.plan into the new data directory; archive-get obeys it while
 * that directory recovers. It says which repositories to ask, which line of descent is the right one, and where the
 * known WAL ends, so that a fault is never mistaken for the end of WAL.
 *
 * Reading is strict, because a plan that is misread could end a recovery too early: a plan that is not sound in every
 * part is an error, on which archive-get stops.
 *
 * Invariants of a parsed plan
 *   1. Timelines of the branch ascend; each stretch begins in the segment where the one before was left, and all but
 *      the last have a switch LSN.
 *   2. A standby's plan has no end; every other has one, on the last timeline and not before its first segment.
 *
 * Ownership: what is parsed or made lives in the arena.
 * Format:    repo/FORMAT.md, "Plan".
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "pg/history.h"
#include "repo/keys.h"

#define PLAN_FILE_NAME "pgstrata.plan"

typedef enum PlanRole {
    PLAN_CLONE,  /* a copy beside the cluster */
    PLAN_OWNER,  /* the rightful owner after a restore in place or a takeover */
    PLAN_STANDBY /* follows every new timeline that descends from its branch */
} PlanRole;

typedef struct PlanRepo {
    const char *name, *url, *id;
} PlanRepo;

/* The part of one timeline that belongs to the branch. */
typedef struct PlanStretch {
    Timeline timeline;
    uint64_t first_segment;
    uint64_t last_segment; /* holds the last byte before `switch_lsn`; PLAN_OPEN for the last timeline */
    Lsn switch_lsn;        /* first byte that is not of this timeline any more; 0 for the last timeline */
} PlanStretch;
#define PLAN_OPEN UINT64_MAX

typedef struct PlanBranch {
    const PlanStretch *stretches; /* at least one */
    size_t count;
} PlanBranch;

typedef struct Plan {
    PlanRole role;
    KeyRoot root; /* cluster and generation */
    SystemId system_id;
    uint32_t segment_bytes;
    const PlanRepo *repos; /* at least one */
    size_t repo_count;
    PlanBranch branch;
    bool has_end;
    uint64_t end_segment; /* the last one known, on the branch's last timeline */
    BackupLabel backup;
    const char *target; /* what was asked for, in the user's words */
    const char *host;
    const char *data_directory;
    Instant created;
} Plan;

/* The stretches of the line of descent that `history` tells, from the segment with the byte `from` on. */
PlanBranch plan_branch_make(const History *history, Lsn from, uint32_t segment_bytes, Arena *arena);
/* The stretch of the timeline; NULL: the branch does not go over it. */
const PlanStretch *plan_stretch(const Plan *plan, Timeline timeline);

/* The whole file, for people too. BUG when the plan breaks an invariant. */
MUST Err *plan_format(Buf *out, const Plan *plan);
/* CORRUPT; UNSUPPORTED: of a newer program; LIMIT above PLAN_BYTES_MAX. */
MUST Err *plan_parse(Plan *out, Span text, Arena *arena);
