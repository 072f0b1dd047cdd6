/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * backup/backup_merge.h - the parent's manifest beside the listing
 *
 * Both are in path order, so one pass over the two tells of every file what the parent knows. Memory holds one leaf.
 *
 * A leaf of the parent's that no repository has whole is no reason for having no backup: from there on the parent tells
 * of nothing, so everything is stored again, and no leaf that was not read serves again.
 *
 * Threads: one.
 */
#pragma once

#include "backup/backup_base.h"

typedef struct Merge Merge;

/* Reads the root of the parent's manifest. `base` and `root` must outlive it. AWAY. */
MUST Err *merge_new(Merge **out, const Base *base, const KeyRoot *root);
void merge_free(Merge **merge);
/* The entry and all it points to, in the arena. */
const ManifestEntry *merge_entry_copy(const ManifestEntry *entry, Arena *arena);
/* The parent's file `path`, all of it in the arena; NULL when it has none. Paths must ascend. */
MUST Err *merge_find(const ManifestEntry **out, Merge *merge, const char *path, Arena *arena);
/* Lets the writer, before its first entry, refer to the parent's leaves; damage is told in the report. */
void merge_serve(Merge *merge, ManifestWriter *writer, Report *report);
