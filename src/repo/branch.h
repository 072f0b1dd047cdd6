/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/branch.h - which timelines are rightful
 *
 * The object "branch/<TLI>" says that a timeline is written by the archive's rightful owner: who made it, from which
 * parent, at which LSN, how. A timeline without one is a clone's or a stranger's, and archive-push refuses it. The
 * production branch is the line of descent that ends in the highest rightful timeline: PostgreSQL always takes a new
 * number above all it can see, so the newest life has the highest.
 *
 * Format: repo/FORMAT.md, "Branch objects".
 */
#pragma once

#include "repo/generation.h"

typedef enum BranchOrigin {
    BRANCH_SETUP,    /* the timeline the cluster had when its generation began */
    BRANCH_FAILOVER, /* a standby promoted at the archived tip */
    BRANCH_RESTORE,  /* restored in place */
    BRANCH_TAKEOVER  /* said so by a person */
} BranchOrigin;

typedef struct BranchRecord {
    Timeline timeline;
    Timeline parent; /* below `timeline`; 0: none, or not known (the first timeline of a generation) */
    Lsn switch_lsn;  /* 0 exactly when there is no parent */
    BranchOrigin origin;
    char host[HOST_NAME_MAX_BYTES];
    char data_directory[PGDATA_PATH_MAX];
    Instant created;
} BranchRecord;

const char *branch_origin_name(BranchOrigin origin);

/* All records of a generation in one repository, by timeline; in the arena. */
MUST Err *branch_list(const BranchRecord **out, size_t *count, Repo *repo, const KeyRoot *root, Arena *arena);
/* Writes to every repository; one that is there with the same parent and switch point is fine, another is EXISTS. */
MUST Err *branch_write(RepoSet *set, const KeyRoot *root, const BranchRecord *record);
