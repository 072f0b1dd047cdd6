/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * backup/backup_resume.h - going on with backups that were interrupted
 *
 * A backup that died has stored packs, and each says which blocks of which files it holds. A block that no WAL has
 * touched since that backup started is still what the cluster has: it is neither read nor stored again. Of files that
 * no WAL tells about the blocks are read and compared, and those that are the same are not stored again.
 *
 * Interrupted backups count when they were begun after the newest backup that exists, on the timeline of this one. Their
 * blocks may be newer than their start, but not than the end of this backup, which recovery has to reach; that is certain
 * of a primary that goes on writing its own timeline and not of a standby, so a standby's backup begins anew. Pages that
 * looked damaged are read again. After a start of the server everything is compared: it may lead another life. A backup
 * that is in fact still running on another host serves as well as a dead one.
 *
 * Threads: found by one, then asked by one.
 */
#pragma once

#include "backup/backup_priv.h"
#include "pg/wal_changes.h"
#include "repo/page_hashes.h"
#include "repo/stored_runs.h"

struct Resume {
    StoredRuns *runs;
    WalChanges *changes;       /* since the first of them started; NULL: unknown, compare */
    const BackupLabel *labels; /* ascending; in the backup's arena */
    size_t label_count;
    Repo *repo;
    PageHashes *hashes;
};

/* Finds what serves a backup that starts where backup->record says; NULL when there is nothing. AWAY. */
MUST Err *resume_find(Resume **out, Backup *backup);
void resume_free(Resume **resume);

/* What is known about a file before it is copied: of its plan, and of the older bytes that the plan refers to. */
typedef struct ResumeFile {
    const char *path;
    const PlanInput *input;
    FilePlan *plan;
    const ManifestEntry *base; /* NULL: none */
} ResumeFile;

/* Changes plan and base where an interrupted backup has blocks of the file: what no longer has to be read stands in the
 * base then. `changes` may be NULL. Pure; in the arena. */
void resume_plan(ResumeFile *file, const StoredRuns *runs, const WalChanges *changes, Arena *arena);
