/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * retention/expire.h - what no promise wants goes, after a grace
 *
 * Each repository of the cluster, and each generation in it, is judged by what it holds itself. What nothing wants is
 * condemned; what was condemned at least a grace ago, by the store's time, is judged anew after a fresh listing and then
 * removed: the commit first. Packs stay for as long as a backup draws on them or one that has begun may; WAL as long as a
 * promise or a backup wants it, and a grace longer. History files and branch records stay for ever.
 *
 * It may be broken off at any point and run several times at once, on several hosts, beside backups: repo/hold.h says
 * why.
 *
 * Errors: CANCELED; USAGE, NOT_FOUND, REFUSED for what was asked by hand. That a repository does not answer, or holds
 * what cannot be read, is a fault in the report; the others are looked after.
 *
 * Ownership: the result lives in the arena.
 */
#pragma once

#include "base/arena.h"
#include "cluster/options.h"
#include "cluster/report.h"
#include "repo/generation.h"

typedef struct ExpireOptions {
    bool dry_run;
    bool lists_objects;       /* fills result.objects */
    const char *backup;       /* a label: this one by hand, and nothing else; NULL: what the promises say */
    bool is_forced;           /* also the last good one, a pinned one, one that may be running */
    Timeline drop_timeline;   /* given up from now on, in each generation that knows it; 0: none */
    uint32_t drop_generation; /* all timelines of this one, which is not today's and has no backup; 0: none */
} ExpireOptions;

typedef enum ExpireState {
    EXPIRE_KEPT,      /* `why`: by what */
    EXPIRE_RUNNING,   /* begun and not committed */
    EXPIRE_CONDEMNED, /* goes at `due` */
    EXPIRE_REMOVED,   /* in a dry run: would be */
    EXPIRE_REMAINS,   /* of an expired backup packs are left, on which others draw */
} ExpireState;

const char *expire_state_name(ExpireState state); /* "kept" */

typedef struct ExpireBackup {
    const char *repo;
    uint32_t generation;
    BackupLabel label;
    ExpireState state;
    unsigned reasons; /* bits 1 << PolicyReason of a kept one */
    const char *why;
    Instant due; /* INSTANT_NONE unless EXPIRE_CONDEMNED */
    uint64_t stored_bytes;
} ExpireBackup;

typedef enum ExpireObjectState {
    EXPIRE_OBJECT_KEPT,
    EXPIRE_OBJECT_LATER,
    EXPIRE_OBJECT_REMOVED
} ExpireObjectState;

typedef struct ExpireObject {
    const char *repo;
    const char *key;
    uint64_t stored_bytes;
    ExpireObjectState state;
    const char *why;
} ExpireObject;

typedef struct ExpireSum {
    uint64_t objects, bytes;
} ExpireSum;

/* By what they are: packs and whatever else a backup has, and WAL. */
typedef struct ExpireResult {
    const ExpireBackup *backups;
    size_t backup_count;
    const ExpireObject *objects;
    size_t object_count;
    ExpireSum backups_removed, wal_removed; /* in a dry run: what would be */
    ExpireSum wal_later;                    /* wanted no more, but still in its grace */
    ExpireSum wal_kept;
} ExpireResult;

typedef struct ExpireWork {
    const ClusterOptions *cluster; /* its retention and expire_grace_us count */
    ExpireOptions options;
    Report *report;
} ExpireWork;

MUST Err *expire_run(ExpireResult *out, const ExpireWork *work, Arena *arena);
/* The same for repositories that are open. */
MUST Err *expire_repos(ExpireResult *out, Repo *const *repos, size_t count, const ExpireWork *work,
                       Arena *arena);
