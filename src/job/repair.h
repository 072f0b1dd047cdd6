/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * job/repair.h - puts right what verify found wrong, where that is possible
 *
 * Every repository is verified whole. What is damaged, or missing and needed, is then made good, in this order:
 *
 *   mended    computed anew from what is left of the object (repo/container_mend.h)
 *   copied    from another repository of the cluster that has it sound
 *   rebuilt   a WAL object whose frames are whole and proven, with a new head and index
 *
 * A sound segment that was stored without index gets one (indexed), with the same plain bytes and facts; not the newest of a
 * timeline, so that nobody takes the moment in which it is replaced for the end of WAL.
 *
 * The object at a repository's root, without which it cannot be opened, comes first: mended, or written anew with the id under
 * which this host remembers its commits, or with a new one.
 *
 * Then everything is verified again, but for what was read before and good, and that is what counts. An object is never
 * changed: the damaged one is set aside under "quarantine/", removed under its own key, and the good one is created
 * there. It is not touched before the good one is at hand.
 *
 * Invariants
 *   1. What is good is not touched.
 *   2. Broken off at any moment, a repair is ended by the next one: what was set aside and has not come back yet is found
 *      in the quarantine, and nothing was lost that could not be lost.
 *   3. Nothing comes back that was removed on purpose: missing objects are made good only where something needs them.
 *   4. Nothing is taken from a repository whose generation has another system id, nor made to look as if it had not.
 */
#pragma once

#include "job/verify.h"

typedef enum RepairHow {
    REPAIR_LEFT,
    REPAIR_MENDED,
    REPAIR_COPIED,
    REPAIR_REBUILT,
    REPAIR_INDEXED
} RepairHow;

typedef struct RepairDeed {
    const char *repo; /* its name; these texts are in the arena */
    const char *key;
    RepairHow how;
    bool was_missing, had_no_index; /* neither: it was damaged */
    const char *from;               /* REPAIR_COPIED: the repository; REPAIR_LEFT: why; else "" */
} RepairDeed;

typedef struct RepairOptions {
    bool dry_run; /* say what would be done, and do nothing */
} RepairOptions;

typedef struct RepairWork {
    const ClusterOptions *cluster;
    RepairOptions options;
    Progress *progress;
    Report *report;
} RepairWork;

typedef struct RepairResult {
    const RepairDeed *deeds; /* in the arena */
    size_t deed_count;
    VerifyResult after; /* what the last look found; of a dry run, the only one */
} RepairResult;

/* What is still wrong in the end is in the report, as verify tells it. Errors: only what ends the work: AWAY (also of one
 * repository of several: which copy is good would not be known), CANCELED. */
MUST Err *repair_run(RepairResult *out, const RepairWork *work, Arena *arena);
/* The same with repositories that are open. */
MUST Err *repair_repos(RepairResult *out, Repo *const *repos, size_t count, const RepairWork *work,
                       Arena *arena);
