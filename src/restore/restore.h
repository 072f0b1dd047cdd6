/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * restore/restore.h - brings a cluster back to a moment
 *
 * First the way is looked at: the backup, the WAL from there to the target, what the server will meet on it. What cannot
 * be reached is refused before a byte is copied, with the segment that is missing and the last moment that can be had.
 * Then the order of safety:
 *
 *   1. The marker RESTORE_MARKER is durable before the first file changes, and gone only after the last.
 *   2. global/pg_control is removed first and written last. Without it no server starts, so a restore that was cut off
 *      can never be taken for a cluster.
 *   3. A second run over a marked folder goes on: what is right already stays, by the hash of every page.
 *   4. A running server, a folder of another cluster and one that is no data directory are refused.
 *   5. Where a whole data directory is restored over, what differs in it is lost: a person is asked first.
 *
 * A copy that is restored elsewhere is a clone: it archives nothing and carries RESTORE_CLONE_MARKER.
 */
#pragma once

#include "flow/progress.h"
#include "cluster/options.h"
#include "cluster/report.h"
#include "pg/wal_target.h"
#include "repo/backup_set.h"

/* What the server does when the target is reached. */
typedef enum RestoreAction { RESTORE_PROMOTE, RESTORE_PAUSE, RESTORE_SHUTDOWN } RestoreAction;

/* Where a tablespace goes. */
typedef struct RestoreTablespace {
    const char *name; /* NULL: by number */
    Oid oid;
    const char *folder; /* absolute */
} RestoreTablespace;

struct RestoreResult;
/* Told what will be done, once it is known and before anything in the folder changes; a dry run tells it too. Its facts
 * about copying and the server are still empty. An error ends the restore. */
typedef Err *RestoreAnnounceFn(void *arg, const struct RestoreResult *planned);

/* Asks whether to go on, behind the announcement; `loss` says what is lost: "/srv/data holds cluster main (shut down,
 * …)". NULL is yes, and an error ends the restore before anything in the folder has changed. WAL that was salvaged from
 * it stays in the archive. */
typedef Err *RestoreConfirmFn(void *arg, const char *loss);

typedef struct RestoreOptions {
    WalTarget target;        /* WAL_TARGET_END: the latest there is */
    const char *target_text; /* in the user's words: "time 2026-11-21 08:33:12+09" */
    Timeline timeline;       /* 0: the production branch */
    RestoreAction action;
    const char *backup; /* a label; NULL: the newest that fits */
    const char *to_dir; /* absolute; NULL: in place */
    const char *repos;  /* as they were chosen for this restore, "r1,r2"; NULL: the cluster's own */
    const RestoreTablespace *tablespaces;
    size_t tablespace_count;
    const char *restore_command;  /* for the server */
    const char *primary_conninfo; /* for a standby; NULL: it follows the archive alone */
    bool standby;
    bool start;
    uint16_t
        port; /* where a copy shall listen; 0: with `start` one that is free, else as the backup has it */
    bool isolate;
    bool takeover;
    bool delta; /* over what is in to_dir already */
    bool no_salvage;
    bool dry_run;
    bool is_forced;              /* also from a backup that is being removed, while it is still there */
    RestoreAnnounceFn *announce; /* may be NULL */
    RestoreConfirmFn *confirm;   /* NULL: everything is agreed to */
    void *person;                /* for both */
    Progress *progress;
} RestoreOptions;

/* What was, or with dry_run would be, done. Texts and records live in the arena. */
typedef struct RestoreResult {
    BackupRecord backup;
    Timeline timeline;
    const char *data_directory;
    bool is_clone;
    uint64_t needed_bytes; /* room for the copy in the data directory's file system, at most; … */
    uint64_t free_bytes;   /* … and what is free there */
    uint64_t copied_bytes; /* written; the rest was right already */
    uint64_t wal_segments; /* that recovery will ask for */
    Lsn end_lsn;           /* what is replayed ends here */
    Instant end_time; /* of the last commit before; INSTANT_NONE: no commit on the way, or not looked for */
    Xid stop_xid;     /* the transaction at which it stops; 0: none */
    bool stop_is_before; /* … is not replayed */
    bool is_pinned;      /* the end stands in recovery_target_lsn instead of the target */
    uint64_t salvaged_segments;
    bool is_started;
    uint16_t port;    /* that was set for it; 0: it listens where the backup says */
    bool has_reached; /* the server has answered: */
    Lsn reached_lsn;
    Instant reached_time; /* INSTANT_NONE: it has replayed no commit */
    Timeline reached_timeline;
} RestoreResult;

/* GAP: the target cannot be reached. REFUSED: the folder. CORRUPT: the repository. The arena outlives the result. */
MUST Err *restore_run(RestoreResult *out, const ClusterOptions *cluster, const RestoreOptions *options,
                      Report *report, Arena *arena);
