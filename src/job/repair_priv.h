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
    bool has_no_index; /* it is sound */
    VerifyObject object;
    KeyRoot root;
    const Generation *generation; /* NULL: none of the repositories tells */
} RepairTask;

/* Makes it good, or would. What cannot be is REPAIR_LEFT. */
MUST Err *repair_object(RepairDeed *out, const RepairTask *task);

/* The repository objects, before the repositories are opened; appends to `deeds` (of RepairDeed). Errors: those of opening
 * them. */
MUST Err *repair_roots(Buf *deeds, const RepairWork *work, Arena *arena);
typedef enum RootStep {
    ROOT_OF_NOBODY,  /* the store does not have the cluster: nothing is done */
    ROOT_TAKEN_AWAY, /* what was damaged; to be called once more, with the store opened anew */
    ROOT_DONE,
} RootStep;
/* Of one. */
MUST Err *repair_root(RepairDeed *out, RootStep *step, Repo *headless, const RepairWork *work, Arena *arena);

RepairSite *repair_site(const RepairTask *task);
/* Reads the whole object in one repository; `*is_good` false where it is not sound, or not there. */
MUST Err *repair_read(bool *is_good, ContainerSummary *out, Repo *repo, const RepairTask *task);
/* The object's place is taken by `bytes`, or by the copy of another repository; a dry run does nothing. What was there is set
 * aside; it does not stay there where it was sound. */
MUST Err *repair_write(const RepairTask *task, Span bytes);
MUST Err *repair_write_copy(const RepairTask *task, const RepairSite *from);

/* Is a sound copy the object that is missed? `*why` says why not (in the arena), or is NULL. */
MUST Err *repair_copy_check(const char **why, const RepairTask *task, const RepairSite *from,
                            const ContainerSummary *copy);
