/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* job/repair_priv.h - what the parts of repair share */
#pragma once

#include "job/repair.h"
#include "job/verify_priv.h"

/* One repository, as the last look found it. */
typedef struct RepairSite {
    Repo *repo;
    VerifyFindings findings;
    VerifySeen *seen; /* what was good; sorted */
    VerifyResult result;
    Report report;
} RepairSite;

typedef struct Repair {
    const RepairWork *work;
    RepairSite *sites;
    size_t site_count;
    Arena *arena;
    Buf deeds; /* of RepairDeed, of all rounds */
} Repair;

/* An object to be made good. */
typedef struct RepairTask {
    Repair *repair;
    size_t site;
    const char *key;
    bool is_missing;
    VerifyObject object;
    KeyRoot root;
    const Generation *generation; /* NULL: none of the repositories tells */
} RepairTask;

/* Makes it good, or would. What cannot be is REPAIR_LEFT. */
MUST Err *repair_object(RepairDeed *out, const RepairTask *task);

/* Is a sound copy the object that is missed? `*why` says why not (in the arena), or is NULL. */
MUST Err *repair_copy_check(const char **why, const RepairTask *task, const RepairSite *from,
                            const ContainerSummary *copy);
