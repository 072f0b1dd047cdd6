/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * job/info.h - what the repositories hold of a cluster, and to which moments it can be brought back
 *
 * Reads names, the small objects of backups and branches, and for the times at the ends of windows the indexes of a few
 * WAL segments. Nothing is verified here and nothing is written. The first repository that answers and knows the
 * cluster tells; of the others their state is told.
 *
 * Ownership: everything lives in the arena given to info_gather().
 */
#pragma once

#include "archive/lineage.h"
#include "cluster/options.h"
#include "cluster/report.h"
#include "repo/backup_set.h"
#include "repo/wal_archive.h"

typedef struct InfoRepo {
    const char *name;
    const char *url;
    const char *fault; /* why it does not answer; NULL: it does */
    bool is_known;     /* it has the cluster */
    bool is_told;      /* everything below is from this one */
} InfoRepo;

typedef enum InfoBackupState {
    INFO_BACKUP_GOOD,
    INFO_BACKUP_BROKEN,      /* WAL that it needs is missing: `missing`, unless it is on no known branch */
    INFO_BACKUP_INTERRUPTED, /* begun and never committed: running, or broken off */
    INFO_BACKUP_DAMAGED,     /* its record cannot be read */
    INFO_BACKUP_EXPIRED,     /* removed but for packs on which others draw */
    INFO_BACKUP_LOST, /* this host committed it, and the commit is not there; only info_gather() knows */
} InfoBackupState;

typedef struct InfoBackup {
    BackupLabel label;
    InfoBackupState state;
    BackupEntry entry;
    BackupRecord record; /* of a committed one; zero else */
    WalName missing;
    bool is_on_production;
    Lsn to_lsn;                                /* of a good one: the end of its window; 0 else */
    Instant to_time;                           /* the same in time, as InfoWindow has it */
    bool is_pinned, is_condemned, is_given_up; /* the last: by hand, itself or its timeline */
    const char *pin_note;                      /* "" for none */
    Instant condemned;                         /* since when, by the store's time; none unless it is */
    const char *condemned_by;                  /* the host; "" unless it is, or when it cannot be read */
} InfoBackup;

typedef struct InfoTimeline {
    Timeline timeline;
    Timeline parent; /* 0: none, or not known */
    Lsn switch_lsn;
    const BranchRecord *record; /* NULL: not rightful, a clone's or a stranger's */
    const WalTimeline *wal;     /* NULL: nothing archived */
    bool is_on_production;
} InfoTimeline;

/* An unbroken way to roll forward along a branch: from where the first of its backups is consistent. */
typedef struct InfoWindow {
    Timeline branch;
    BackupLabel first_backup, last_backup;
    size_t backups;
    Lsn from_lsn, to_lsn;
    Instant from_time; /* the first backup's end */
    Instant to_time;   /* the last commit; the last backup's end where none came after it */
    bool ends_in_gap;
    WalName missing; /* with which it would go on */
} InfoWindow;

typedef struct InfoGap {
    Timeline branch;
    WalName first, last;
    uint64_t segments;
    const BackupLabel *breaks; /* backups that cannot be restored for it */
    size_t break_count;
    bool is_harmless; /* breaks no backup; and no good one begins before it, or it has expired */
} InfoGap;

typedef struct InfoGeneration {
    Generation generation;
    size_t backups; /* committed */
} InfoGeneration;

typedef struct Info {
    const char *cluster;
    const InfoRepo *repos;
    size_t repo_count;
    const InfoGeneration *generations; /* the last one is today's, of which the rest tells */
    size_t generation_count;
    const InfoBackup *backups; /* by label */
    size_t backup_count;
    Timeline production; /* 0: no branch is recorded */
    const InfoTimeline *timelines;
    size_t timeline_count;
    const InfoWindow *windows; /* the production branch first; by LSN */
    size_t window_count;
    const InfoGap *gaps;
    size_t gap_count;
    WalArchive archive;
    Lsn archived_end;        /* first byte of the production branch that is not archived; 0: none is */
    Instant archived_commit; /* time of the last commit before it; none when not known */
} Info;

/* AWAY and other errors only when no repository answers; what cannot be read becomes a fault in the report. */
MUST Err *info_gather(Info *out, const ClusterOptions *cluster, Report *report, Arena *arena);
/* The same of one repository that is open. */
MUST Err *info_of_repo(Info *out, Repo *repo, const char *cluster, Report *report, Arena *arena);

/* Segments that are stored and cannot be read. */
typedef struct WalUnsound {
    const WalName *names;
    size_t count;
} WalUnsound;

typedef struct InfoAsk {
    Repo *repo;
    const Generation *generation;
    WalUnsound unsound; /* counts as not stored */
} InfoAsk;

/* Of one generation, which counts as today's; info->generations is left empty. */
MUST Err *info_of_generation(Info *out, const InfoAsk *ask, Report *report, Arena *arena);

/* Why each of info->backups stays: bits 1 << PolicyReason (retention/policy.h), 0 for one that no promise wants. */
const unsigned *info_reasons(const Info *info, const Promises *promises, Arena *arena);

/* NULL when there is none of that label. */
const InfoBackup *info_backup(const Info *info, const char *label);
