/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * archive/wal_rights.h - may this data directory archive this timeline?
 *
 * A timeline is rightful when the generation has a branch record of it (repo/branch.h). One without is judged once, by
 * the history file that its server wrote. It becomes rightful when
 *   - its switch point is at the archived tip of the production branch: a standby took over, nothing archived is lost; or
 *   - the data directory's plan says that pgstrata restored it as the rightful owner, here, on a branch over the parent.
 * Anything else is a copy that must not write into the archive, until a person says otherwise (takeover).
 */
#pragma once

#include "archive/wal_store.h"
#include "repo/branch.h"

/* Says "this directory is not whole yet" and "this directory is a copy". Restore writes them; archive-push and backup
 * refuse a folder with one of the two; no backup has them. */
#define RESTORE_MARKER       "pgstrata.restoring"
#define RESTORE_CLONE_MARKER "pgstrata.clone"

typedef struct WalClaim {
    const char *data_directory;
    const char *wal_folder; /* its pg_wal */
    Timeline timeline;
} WalClaim;

/* REFUSED when the data directory carries a marker. */
MUST Err *wal_rights_markers(const char *data_directory);

/* NULL when the timeline is rightful, or has just become so: then what the archive lacks of its ancestors and is still in
 * pg_wal was stored first, whatever its status file says. Stores the history files of the line where they are missing.
 * REFUSED with the way out. */
MUST Err *wal_rights_check(const WalStore *to, const WalClaim *claim);

/* Where the timeline of the claim stands. NOT_FOUND: no history file says where it comes from. */
typedef struct WalStanding {
    bool is_rightful;
    Timeline parent; /* 0: none */
    Lsn switch_lsn;
    Timeline production; /* the youngest rightful one; 0: none */
} WalStanding;
MUST Err *wal_rights_standing(WalStanding *out, const WalStore *to, const WalClaim *claim);

/* A person decides: makes the timeline of the claim rightful, and its ancestors as far as they are not. */
MUST Err *wal_rights_take(const WalStore *to, const WalClaim *claim);

/* The records of all repositories together, by timeline. */
typedef struct Branches {
    const BranchRecord *records;
    size_t count;
} Branches;
MUST Err *branches_load(Branches *out, RepoSet *set, const KeyRoot *root, Arena *arena);
const BranchRecord *branches_find(const Branches *branches, Timeline timeline);
