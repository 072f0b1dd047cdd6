/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* job/verify_priv.h - what the parts of verify share while they look through one repository */
#pragma once

#include "flow/lock.h"
#include "cluster/commit_note.h"
#include "job/verify.h"
#include "job/verify_object.h"
#include "repo/backup_set.h"

typedef struct VerifyGeneration {
    Generation generation; /* without is_known only its root is set, and the common segment size */
    bool is_known;         /* its cluster object is good */
    /* Listed before the objects: every pack of a backup that was committed by then is seen after it. */
    const BackupEntry *backups;
    size_t backup_count;
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

/* A stored segment that cannot be read. */
typedef struct WalDamaged {
    uint32_t generation;
    WalName name;
    bool is_newer;
} WalDamaged;

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
    Arena *arena;
    Lock lock; /* of the next three, which the workers fill */
    Report found;
    Buf packs;       /* of PackSeen; sorted when the objects are done */
    Buf damaged_wal; /* of WalDamaged */
    Counter objects, bytes, faulty;
} VerifyRun;

/* Keeps what was found wrong. What ends the work (AWAY, CANCELED) comes back; anything else is corrupt or not there.
 * From any thread. Consumes `err`. */
MUST Err *verify_found(VerifyRun *run, Err *err);
/* For pools: has the user asked to stop? */
bool verify_stop_asked(void);
const VerifyGeneration *verify_generation(const VerifyRun *run, uint32_t number); /* NULL when unknown */
/* NULL when the pack is not there. Only after verify_objects(). */
const PackSeen *verify_pack(const VerifyRun *run, uint32_t generation, BackupLabel label, uint32_t pack);

/* Every object by itself. */
MUST Err *verify_objects(VerifyRun *run);
/* The backups of a generation: packs, manifest. Appends to run->backups. */
MUST Err *verify_backups(VerifyRun *run, const VerifyGeneration *generation);
/* Its WAL: timelines, gaps and the backups they break. */
MUST Err *verify_wal(VerifyRun *run, const VerifyGeneration *generation);
