/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * backup/backup_plan.h - what has to be read of one file when there is an older backup of it
 *
 * A backup that builds on a parent leaves out what no WAL since the parent's start has touched. That holds for blocks of
 * main forks alone:
 *
 *   - A main fork that the map does not know is the parent's, up to the parent's length. What lies behind is read
 *     whatever the map says: relations grow by pages of zeros that no WAL names.
 *   - Of one that it knows, the marked blocks are read and everything from its limit on, because what lay there was cut
 *     off once. A segment file that begins at the limit or behind it is new as a whole.
 *   - Visibility and free space maps are never taken by block. Heap records clear bits of the visibility map without
 *     naming its page (before 17.11 and 18.6), and cutting a relation zeroes the end of its last page unlogged where
 *     there are no checksums. A relation whose heap nobody touched has neither changed; else they are compared.
 *   - Init forks and everything that is no relation are compared: no WAL tells of a configuration file.
 *   - What the map cannot speak for is read and stored whole: a file the parent does not have, one whose length is no
 *     multiple of a page, everything in a database that was made or dropped on the way.
 *
 * Without a map every file is compared. Comparing is by the hash of each block that the parent's packs keep.
 *
 * Pure: it looks at nothing but its input.
 */
#pragma once

#include "pg/pgdata_path.h"
#include "pg/wal_changes.h"
#include "repo/manifest.h"

typedef enum PlanKind {
    PLAN_WHOLE,   /* read and stored */
    PLAN_COMPARE, /* read; a block with the hash of the parent's is not stored again */
    PLAN_BLOCKS, /* only some blocks are read; the others are the parent's. Of none, the file is not even opened */
} PlanKind;

typedef struct PlanInput {
    PgdataPath path;
    uint64_t size_bytes;       /* as it was listed */
    const ManifestEntry *base; /* the file in the parent; NULL when it is not there */
    uint32_t segment_blocks;   /* of a relation's segment file at most */
    const WalChanges
        *changes; /* between the starts of both backups; NULL when nothing can be said about it */
} PlanInput;

typedef struct FilePlan {
    PlanKind kind;
    NumberRun *reads; /* PLAN_BLOCKS: blocks of the file, ascending, not touching; in the arena */
    size_t read_count;
    uint64_t read_bytes; /* of the file, by its listed size */
} FilePlan;

FilePlan file_plan(const PlanInput *input, Arena *arena);

/* Adds a run to those of a plan (a Buf of NumberRun), or makes the last one longer where it touches or lies over it. An
 * empty run adds nothing. In ascending order of their first blocks. */
void reads_add(Buf *reads, NumberRun run);
/* The plan to read these blocks and take over the others. */
FilePlan reads_plan(const Buf *reads, Arena *arena);

/* Appends the parent's extents of the blocks `run`: those that are zeros there have none. */
void base_extents_add(Buf *extents, const ManifestEntry *base, NumberRun run);
