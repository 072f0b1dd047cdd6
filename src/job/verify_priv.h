/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* job/verify_priv.h - what the parts of verify share while they look through one repository */
#pragma once

#include "flow/lock.h"
#include "cluster/commit_note.h"
#include "job/verify.h"
#include "job/verify_object.h"
#include "job/verify_seen.h"
#include "repo/backup_set.h"
#include "repo/hold.h"

typedef struct VerifyGeneration {
    Generation generation; /* without is_known only its root is set, and the common segment size */
    bool is_known;         /* its cluster object is good */
    /* Listed before the objects: every pack of a backup that was committed by then is seen after it. */
    const BackupEntry *backups;
    size_t backup_count;
    HoldList holds; /* listed before the backups */
} VerifyGeneration;

/* A pack that is there. */
typedef struct PackSeen {
    uint32_t generation;
    BackupLabel label;
    uint32_t pack;
    bool is_damaged;
    bool is_newer; /* damaged as far as we can tell: a newer program may read it */
    uint64_t stored_bytes;
    uint64_t plain_bytes; /* as the next one: not known with VERIFY_NAMES */
    Sha256 sha256;
} PackSeen;

/* A stored segment, or a tail of it, that cannot be read. */
typedef struct WalDamaged {
    uint32_t generation;
    WalName name;
    bool is_tail;
    bool is_newer;
} WalDamaged;

/* For who goes on with what was found: repair. All owned by it. */
typedef struct VerifyLoss {
    char *key; /* mem_free */
    ContainerKind kind;
    bool is_missing;   /* else it is there and damaged, */
    bool has_no_index; /* or sound but for this */
} VerifyLoss;

/* Segments that are missing, or may be. */
typedef struct VerifyHole {
    uint32_t generation;
    uint64_t first, last; /* segments, on whatever timeline */
} VerifyHole;

typedef struct VerifyFindings {
    Buf losses; /* of VerifyLoss */
    Buf holes;  /* of VerifyHole */
} VerifyFindings;
void verify_findings_done(VerifyFindings *findings);

/* Besides the work; each may be NULL. */
typedef struct VerifyExtras {
    const VerifySeen *before; /* what need not be read again */
    VerifySeen *after;        /* to be filled */
    VerifyFindings *findings; /* to be filled */
} VerifyExtras;

/* With --backup: what it needs. */
typedef struct VerifyScope {
    bool is_limited;
    uint32_t generation;
    BackupLabel label;
    PackUses packs;
    Lsn start, stop;
} VerifyScope;

typedef struct VerifyRun {
    const VerifyWork *work;
    Repo *repo;
    const VerifyGeneration *generations;
    size_t generation_count;
    CommitNotes notes; /* of this host; loaded before anything is listed */
    VerifyScope scope;
    VerifyResult *result;
    Buf backups; /* of VerifyBackup */
    Buf others;  /* text: the names of other clusters in the repository */
    Buf judges;  /* of every committed backup whose record is good; verify_pack.c */
    Arena *arena;
    VerifyExtras extras;
    Lock indexing; /* one segment at a time is read into memory */
    Lock lock;     /* of the next five and the extras, which the workers fill */
    Report found;
    Buf packs;       /* of PackSeen; sorted when the objects are done */
    Buf damaged_wal; /* of WalDamaged */
    Buf segments;    /* of SegmentSeen, job/verify_chain.h; sorted when the objects are done */
    Buf drawn;       /* of DrawnLabel */
    Buf breaks;      /* of SegmentBreak; filled while WAL is followed */
    Counter objects, bytes, faulty, bad_pages;
    uint64_t aside;                  /* objects that a repair has set aside */
    uint64_t skipped, skipped_bytes; /* under the lock, as the next one */
    Instant skipped_oldest;
} VerifyRun;

/* A label whose packs a committed backup, its own or another, draws on. */
typedef struct DrawnLabel {
    uint32_t generation;
    BackupLabel label;
} DrawnLabel;

/* Keeps what was found wrong. What ends the work (AWAY, CANCELED) comes back; anything else is corrupt or not there.
 * From any thread. Consumes `err`. */
MUST Err *verify_found(VerifyRun *run, Err *err);
/* Is a backup that lacks its commit one that was removed on purpose? */
bool verify_is_removed(const VerifyRun *run, uint32_t generation, BackupLabel label);
const VerifyGeneration *verify_generation(const VerifyRun *run, uint32_t number); /* NULL when unknown */
/* NULL when the pack is not there. Only after verify_objects(). */
const PackSeen *verify_pack(const VerifyRun *run, uint32_t generation, BackupLabel label, uint32_t pack);

/* An object that is damaged or missing, for the findings. From any thread. */
void verify_lost(VerifyRun *run, const char *key, ContainerKind kind, bool is_missing);

/* The rules by which the pages of each backup are judged. */
void verify_judges_load(VerifyRun *run);
/* Reads and checks a pack. */
MUST Err *verify_pack_read(ContainerSummary *out, VerifyRun *run, const VerifyObject *object, const Key *key);
/* From any thread. */
void verify_pack_seen(VerifyRun *run, const PackSeen *seen);
void verify_packs_sort(VerifyRun *run);

/* Every object by itself. */
MUST Err *verify_objects(VerifyRun *run);
/* The backups of a generation: packs, manifest. Appends to run->backups. */
MUST Err *verify_backups(VerifyRun *run, const VerifyGeneration *generation);
/* Joins the result of one repository to that of all; `backups` (of VerifyBackup) gets its backups. */
void verify_result_add(VerifyResult *all, Buf *backups, const VerifyResult *one);
/* The same as verify_repo(), with extras. */
MUST Err *verify_repo_with(VerifyResult *out, Repo *repo, const VerifyWork *work, const VerifyExtras *extras,
                           Arena *arena);
/* Its WAL: timelines, gaps and the backups they break. */
MUST Err *verify_wal(VerifyRun *run, const VerifyGeneration *generation);
