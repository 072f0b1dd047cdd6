/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * backup/backup_merge.h - the parent's manifest beside the listing
 *
 * Both are in path order, so one pass over the two tells of every file what the parent knows. Memory holds one leaf.
 *
 * Threads: one.
 */
#pragma once

#include "backup/backup_base.h"

typedef struct Merge Merge;

/* Reads the root of the parent's manifest. `base` and `root` must outlive it. */
MUST Err *merge_new(Merge **out, const Base *base, const KeyRoot *root);
void merge_free(Merge **merge);
/* The entry and all it points to, in the arena. */
const ManifestEntry *merge_entry_copy(const ManifestEntry *entry, Arena *arena);
/* The parent's entry for `path`, all of it in the arena; NULL when it has none. Paths must ascend. */
MUST Err *merge_find(const ManifestEntry **out, Merge *merge, const char *path, Arena *arena);
/* The parent's leaves, for manifest_writer_reuse(); they live as long as `merge`. */
const ManifestLeaf *merge_leaves(size_t *count, const Merge *merge);
