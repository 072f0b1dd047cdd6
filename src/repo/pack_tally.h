/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/pack_tally.h - which packs a backup draws on, and how much of each it needs
 *
 * Whoever writes a manifest tells the tally every entry, every place of a leaf, the root and side data. In the end it
 * knows, without a look into any pack, how many plain bytes of each are live: what the `packs` object says, and what
 * decides when a pack is worth rewriting. No two entries of a manifest share bytes of a pack, so a sum is exact.
 *
 * Length and SHA-256 of packs that older backups wrote are taken over from where they are known: the `packs` object of
 * the parent, the packs of an interrupted backup. A pack that nobody told of is CORRUPT: the manifest that led to it
 * and the list beside it do not fit.
 *
 * Threads: a tally belongs to one thread.
 * Format:  repo/FORMAT.md, "packs".
 */
#pragma once

#include "repo/backup_set.h"
#include "repo/manifest.h"
#include "repo/pack.h"

typedef struct PackTally PackTally;

/* Of the backup `label`. */
MUST PackTally *pack_tally_new(BackupLabel label);
void pack_tally_free(PackTally **tally);
/* Packs of other labels that may be drawn on; their live bytes do not matter. Before anything is counted; once told
 * twice is told once. */
void pack_tally_know(PackTally *tally, const PackUse *uses, size_t count);

/* Counts the bytes of all extents of an entry. CORRUPT: a pack that is not known. */
MUST Err *pack_tally_entry(PackTally *tally, const ManifestEntry *entry);
/* Counts the bytes of a leaf, a root or side data. A place of no bytes needs no pack. CORRUPT as above. */
MUST Err *pack_tally_place(PackTally *tally, const PlainPlace *place);

/* The backup's own packs as its writers made them, of any number of writers. */
void pack_tally_written(PackTally *tally, const PackWritten *packs, size_t count);
/* All packs that the backup needs, in order, for backup_packs_write(), and its own even where it needs nothing of them:
 * borrowed from the tally. BUG: more bytes of a pack are live than it holds, or one of its own was never written. */
MUST Err *pack_tally_uses(PackUses *out, PackTally *tally);
