/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * source/walk.h - all entries of a source, in bytewise order of their paths
 *
 * The order is that of strcmp() over whole paths, which is not that of a plain descent: "a" < "a.b" < "a/c". A list
 * of this order merges with a parent's manifest in one pass. Entries are pulled one at a time; memory holds one folder
 * per level of depth, so millions of files cost what the largest folder costs. Nothing recurses; depth and length of
 * paths are bounded (LIMIT).
 *
 * A folder comes before its contents; folders and files that vanish on the way are left out. The data directory
 * itself is not an entry. With a filter, a tablespace without the folder of the cluster's own version is AWAY, unless
 * it is being dropped: its disk is not mounted.
 */
#pragma once

#include "source/filter.h"

typedef struct Walk Walk;

typedef struct SourceEntry {
    const char *path;       /* valid until the next call */
    const SourceItem *item; /* likewise; its name is the path's last part */
} SourceEntry;

/* Tells of an entry that a backup cannot hold (a socket, a pipe, a device) and that is left out. */
typedef void WalkNoteFn(void *arg, const char *path);

typedef struct WalkOptions {
    const FilterOptions *filter; /* NULL: everything */
    WalkNoteFn *on_note;         /* may be NULL */
    void *note_arg;
} WalkOptions;

/* The options are copied; `source` must outlive the walk. */
MUST Err *walk_new(Walk **out, Source *source, const WalkOptions *options);
/* `*is_entry` is false at the end. */
MUST Err *walk_next(bool *is_entry, SourceEntry *out, Walk *walk);
void walk_free(Walk **walk);
