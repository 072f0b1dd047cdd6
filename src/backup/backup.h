/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * backup/backup.h - a copy of the cluster from which it can be rebuilt
 *
 * The server guarantees that a copy made between start and stop can be recovered, whatever is written meanwhile, once
 * all WAL from start to stop is there too. So the order is: start, `begin` object, list and copy, stop, prove that the
 * WAL is in every repository, then commit by writing the `backup` object. What fails or dies before that leaves no
 * backup and harms none; the server leaves backup mode because the session ends.
 *
 * A backup that builds on an older one (diff: on the newest full one; incr: on the newest) reads only the blocks that WAL
 * says were changed since, and refers to the older packs for the others. It is as whole as any: nothing but the packs is
 * needed of the parent.
 *
 * A server that was cleanly stopped can be backed up without start and stop (`offline`); the WAL it needs to start
 * again is in its own pg_wal, which is then part of the copy.
 *
 * Errors a caller may test for: BUSY (another backup of this cluster runs here), REFUSED (offline, and the server runs
 * or was not shut down cleanly), NOT_FOUND (no generation: setup was not run), CANCELED. Bad pages are warnings in the
 * report: the backup is made and marked.
 */
#pragma once

#include "flow/progress.h"
#include "cluster/options.h"
#include "cluster/report.h"
#include "repo/backup_set.h"

typedef struct BackupOptions {
    BackupType type; /* without a parent to build on, diff and incr become full */
    bool offline;
    bool dry_run;
    bool
        self_check; /* prove that what was taken from the parent is right; without a parent there is nothing to prove */
    const char *note; /* NULL for none */
} BackupOptions;

/* What a self-check found: pages taken from older backups, held against the server's files. */
typedef struct BackupChecked {
    uint64_t blocks;
    uint64_t hints;       /* differ in what is never logged */
    uint64_t later;       /* changed while the backup was made, as WAL says */
    uint64_t differences; /* neither: the backup fails */
    uint64_t unproven;    /* nobody can tell */
} BackupChecked;

typedef struct BackupResult {
    BackupLabel label;  /* none after a dry run */
    BackupType type;    /* what it became */
    BackupLabel parent; /* what it builds on; none for a full backup */
    uint64_t files;
    uint64_t size_bytes;
    uint64_t read_bytes; /* of the cluster's files; what a dry run says would be read */
    uint64_t stored_bytes;
    uint64_t bad_pages;
    Lsn start_lsn, stop_lsn;
    Instant stop_time;
    int64_t duration_us;
    BackupChecked checked; /* zeros unless asked for */
} BackupResult;

MUST Err *backup_run(BackupResult *out, const ClusterOptions *cluster, const BackupOptions *options,
                     Progress *progress, Report *report);
