/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * job/verify.h - is everything there, and is every byte what it was?
 *
 * Each repository of the cluster is looked through by itself: every object of the cluster, of all its generations, is
 * read and checked against its own sums, its name, and what it says of the cluster; then each committed backup is
 * followed: its packs by size and SHA-256, its manifest to the last extent, its WAL from start to stop; then the gaps.
 * What is wrong becomes a fault in the report, with what it breaks and what can be done. Corrupt or missing objects are
 * CORRUPT, missing WAL of a backup is GAP, what a newer program wrote is UNSUPPORTED and no damage; a gap that breaks no
 * backup is a warning, as is what does not belong here; one before the first backup is a note.
 *
 * Segments that are sound may still not belong together: a copy of the server wrote one of them. So each is held against the
 * one before it (repo/wal_joint.h), over timelines too. A break on the way of a backup is CORRUPT: no restore gets over it;
 * where no backup begins before it, it is a warning. Not with VERIFY_NAMES, which opens no WAL object.
 *
 * Pages of relations are checked as their backup checked them: one that it listed as bad, or that replay writes again, is
 * no damage; a bad page that it did not tell of is, and the object that holds it is whole.
 *
 * A repository in which nothing can be wrong because nothing is there is not good: one without an object of the cluster
 * is CORRUPT (who configured it expected some), one whose newest generation has no committed backup is GAP.
 *
 * A backup that was begun and not committed is no damage, nor is the end of the archive: whether newer objects were lost
 * only the host that wrote them can know. Where this is that host, its notes of commits (cluster/commit_note.h) are held
 * against the repository: a commit that is gone, or another, is damage.
 *
 * An expiry may run beside it: what is gone when its turn comes is missed by who needs it, and no damage by itself.
 *
 * Nothing is written but, at the end of a whole verify, what it read (job/verify_seen.h): one that is broken off leaves
 * nothing.
 *
 * Memory: an index a worker, 80 bytes a pack, 200 a WAL segment, the records of all backups, the manifest's leaf being read.
 */
#pragma once

#include "base/arena.h"
#include "flow/progress.h"
#include "cluster/options.h"
#include "cluster/report.h"
#include "repo/label.h"
#include "repo/repo.h"

typedef enum VerifyDepth {
    VERIFY_ALL,   /* every byte */
    VERIFY_NAMES, /* names, sizes and the small objects of backups; no data is read */
} VerifyDepth;

typedef struct VerifyOptions {
    VerifyDepth depth;
    const char *backup; /* label: only what this one needs; NULL: everything */
    bool
        since_last; /* objects that a verify of this host has read and that look the same are not read again */
} VerifyOptions;

typedef enum VerifyState {
    VERIFY_GOOD,
    VERIFY_BROKEN,      /* WAL is missing */
    VERIFY_DAMAGED,     /* something it needs is corrupt or missing */
    VERIFY_NEWER,       /* something it needs was written by a newer program */
    VERIFY_INTERRUPTED, /* running, or broken off: not committed */
} VerifyState;

typedef struct VerifyBackup {
    const char *repo;
    uint32_t generation;
    BackupLabel label;
    VerifyState state;
    /* Of a good one: every moment between these can be reached, with WAL that is there and, as far as it was read,
     * good. */
    Lsn from_lsn, to_lsn;
    Instant from_time, to_time;
} VerifyBackup;

typedef struct VerifyResult {
    uint64_t objects;
    uint64_t bytes;         /* stored bytes of these objects; read ones, unless VERIFY_NAMES */
    uint64_t faulty;        /* objects with a fault */
    uint64_t skipped;       /* since_last: objects of these that were not read again, */
    uint64_t skipped_bytes; /* their bytes, */
    Instant skipped_oldest; /* and when the one was read that was read longest ago; none without any */
    uint64_t bad_pages;     /* in packs, unknown to the backups that wrote them */
    uint64_t leftovers;     /* of writers: not objects yet */
    uint64_t strangers;     /* names that are no object of a repository */
    uint64_t gaps;          /* that cost something: not those before the first backup */
    uint64_t breaks;        /* neighbouring segments that do not belong together; none with VERIFY_NAMES */
    const VerifyBackup *backups; /* in the arena */
    size_t backup_count;
} VerifyResult;

typedef struct VerifyWork {
    const ClusterOptions *cluster;
    VerifyOptions options;
    Progress *progress;
    Report *report;
} VerifyWork;

/* Errors: only what ends the work (AWAY, CANCELED; NOT_FOUND: no such backup); findings are in the report, and so is a
 * repository that ended it while another was looked through. */
MUST Err *verify_run(VerifyResult *out, const VerifyWork *work, Arena *arena);
/* The same for one repository that is open. */
MUST Err *verify_repo(VerifyResult *out, Repo *repo, const VerifyWork *work, Arena *arena);
