/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/pack_verify.h - reads a pack once and checks everything that is known of it
 *
 * Beyond what every container proves, each block must have the hash that PAGES says, and each page of a relation must be
 * one that its backup could take for good. That the object is whole and that its pages are sound are two findings: a
 * whole pack with a bad page is as its backup wrote it, and no other copy is better.
 *
 * Which pages were fine is the backup's to say: one with an LSN from the backup's start on may be torn, because replay
 * writes it again (pg/page.h); those that the backup has listed as bad, or whose run it has marked as damaged, are
 * known to its owner. Where the rules are not known (a backup that was never committed), pages are not judged.
 */
#pragma once

#include "pg/page.h"
#include "pg/version.h"
#include "repo/backup_set.h"
#include "repo/pack.h"

/* How the pages of one backup's packs are judged. The same for all threads; borrowed. */
typedef struct PageJudge {
    PageRules rules;
    uint32_t segment_blocks;  /* of one file of a relation */
    const PgVersion *version; /* NULL: not judged */
    const BadPage *known;     /* found bad by the backup itself */
    size_t known_count;
    bool is_known_all; /* it listed them all; else those that are not listed are passed over */
} PageJudge;

/* The judge for packs that `record`'s backup wrote. The record must outlive it. UNSUPPORTED: its major. */
MUST Err *page_judge_of(PageJudge *out, const BackupRecord *record, const Generation *generation);

typedef struct PackProof {
    ContainerSummary summary;
    uint64_t bad_pages; /* that nobody knew of */
    char first_bad[PGDATA_PATH_MAX +
                   128]; /* the first of them, and why: "base/5/16384, block 7: checksum is wrong" */
} PackProof;

/* Errors as container_verify(). `judge` may be NULL. */
MUST Err *pack_verify(PackProof *out, Store *store, const Key *key, const PageJudge *judge);
