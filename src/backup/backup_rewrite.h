/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * backup/backup_rewrite.h - winning back the space of mostly dead packs
 *
 * A pack stays for as long as one of its blocks is needed. In a cluster that changes evenly nearly all packs would stay
 * for years. So an incremental backup stores some blocks again that did not change: those that are left of packs of which
 * little is left. From then on no new backup draws on these, and they go when the last older one goes.
 *
 * That pays only where it frees something before long, and it must not cost more than the backup itself. A pack is
 * rewritten when less than half of it serves this backup and less than half each backup that stays when promises have
 * been applied, and none of these stays for months (by a pin, a monthly or yearly promise, or off the line of descent).
 * The worst are taken first, at most a tenth of what this backup reads anyway or REWRITE_FLOOR_BYTES a worker. The
 * blocks come from the cluster like any other, so a rewritten pack is never even opened.
 */
#pragma once

#include "backup/backup_plan.h"
#include "repo/backup_set.h"

#define REWRITE_FLOOR_BYTES (64 * 1024 * 1024)

/* A backup that stays. */
typedef struct RewriteHolder {
    PackUses packs;
    bool stays_long;
} RewriteHolder;

typedef struct RewriteAsk {
    PackUses packs; /* what this backup would draw on: the parent's */
    const RewriteHolder *holders;
    size_t holder_count;
    uint64_t bytes_max; /* of live bytes to store again */
} RewriteAsk;

/* Packs by label and number. */
typedef struct PackSet {
    const PackUse *packs;
    size_t count;
    uint64_t live_bytes;
} PackSet;

/* Pure. In the arena. */
PackSet rewrite_choose(const RewriteAsk *ask, Arena *arena);
bool pack_set_has(const PackSet *set, const Extent *extent);

/* Adds to the plan what a file has in these packs. `base` is the file in the parent. Pure; in the arena. */
void rewrite_plan(FilePlan *plan, const PlanInput *input, const PackSet *set, Arena *arena);
