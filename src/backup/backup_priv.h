/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* backup/backup_priv.h - what the parts of one backup share: the use case, copying, WAL, side data */
#pragma once

#include "db/server.h"
#include "flow/pool.h"
#include "archive/wal_mark.h"
#include "archive/wal_store.h"
#include "backup/backup.h"
#include "backup/backup_plan.h"
#include "pg/control.h"
#include "pg/page.h"
#include "repo/backup_set.h"
#include "repo/place_store.h"
#include "source/walk.h"

typedef struct Base Base;     /* backup_base.h */
typedef struct Resume Resume; /* backup_resume.h */

typedef struct Backup {
    const ClusterOptions *cluster;
    const BackupOptions *options;
    Progress *progress;
    Report *report;
    Arena *arena;

    RepoSet *set;
    Generation generation;
    WalStore wal;
    ControlFile control; /* as it was before the start */
    Source *source;
    FilterOptions filter;
    PageRules rules;

    BackupRecord record;    /* filled on the way */
    Instant server_started; /* INSTANT_NONE of a stopped one */
    BackupCommit commit;
    Counter packs_begun;
    PackWriter *own_packs; /* of the main thread: manifest and side data */

    Base *base;         /* what this backup builds on; NULL: it takes everything */
    Resume *resume;     /* what interrupted ones have stored; NULL: nothing */
    Counter read_bytes; /* of files of the cluster */
    BackupChecked checked;
    Counter session_lost; /* not 0: the server has ended the backup, and the copy is worth nothing */

    Lock lock;        /* over what workers leave behind when they end: */
    PackTally *tally; /* packs, and what of them is needed */
    Buf bad_pages;    /* of BadPage, at most BAD_PAGES_LISTED_MAX; texts in the arena */
    Buf suspects;     /* of Suspect: to be held against the stop LSN */

    WalName wal_next; /* the first segment that is not known to be in every repository */
    int64_t wal_looked_us;
} Backup;

/* Where WAL of the server that is backed up is found; `repo` may be NULL for what has just been written. */
WalPlaces backup_wal_places(const Backup *backup, Repo *repo);

/* -- backup_copy.c: all files, in parallel, into packs and manifest ---------------------------------------------- */

/* Copies everything and writes the manifest; sets record.manifest_root, files and size_bytes. */
MUST Err *backup_copy(Backup *backup);
/* Keeps what a pack writer has made. */
void backup_packs_keep(Backup *backup, const PackWriter *packs);

/* -- backup_measure.c: how much there is to do --------------------------------------------------------------------- */

/* Only looks: sets record.files, record.size_bytes and read_bytes. */
MUST Err *backup_measure(Backup *backup);

/* -- backup_wal.c: the WAL that makes the copy consistent --------------------------------------------------------- */

/* To be called again and again during the copy; looks once a second. What the server believes to be archived and is not
 * in a repository is stored now: the server may remove it at any time, and a long backup would miss it in the end. */
MUST Err *backup_wal_watch(Backup *backup);
/* Is the WAL before the start the archive's? REFUSED: the archive has that of another server, or of another life of this
 * one, under the same names. The newest segment that both have tells; none is no objection. */
MUST Err *backup_wal_recognise(const Backup *backup);
/* Returns when every segment of [start, stop] is in every repository. REFUSED as above, by the last one. */
MUST Err *backup_wal_prove(Backup *backup);

/* -- backup_side.c: what the data directory does not hold -------------------------------------------------------- */

typedef struct BackupSide {
    Backup *backup;
    Buf items; /* of SideItem */
} BackupSide;
/* Puts what is no file into a pack. */
MUST Err *backup_place_put(PlainPlace *out, Backup *backup, Span bytes);
/* At most FRAME_PLAIN_MAX bytes, so that a piece costs one frame. */
MUST Err *backup_side_add(BackupSide *side, const char *name, Span bytes);

/* Stores configuration files outside the data directory and what the server says about names and versions. Sets
 * record.side. What a role may not read is a note, not an error. */
MUST Err *backup_side_store(Backup *backup, Connection *connection);
/* Finds the relation's name of every page, as far as the server tells. Quick when they are sorted by path. */
void backup_pages_name(const Backup *backup, BadPage *pages, size_t count);

/* -- backup_conf.c: configuration files outside the data directory, and what they include ------------------------ */

MUST Err *backup_conf_store(BackupSide *side, const ServerInfo *server);

/* -- backup_self_check.c: is what was taken from older backups right? ------------------------------------------------ */

/* Only when asked for, and only with a parent. `connection` is NULL for a stopped server. CORRUPT: a block changed that
 * no WAL names; the report says which. */
MUST Err *backup_self_check(Backup *backup, Connection *connection);

/* -- backup_commit.c: the end ------------------------------------------------------------------------------------- */

/* Writes `packs` and the commit: every object they name is in every repository. */
MUST Err *backup_commit(Backup *backup);
