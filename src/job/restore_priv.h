/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* job/restore_priv.h - what the parts of a restore share */
#pragma once

#include "job/restore.h"
#include "job/wal_window.h"
#include "repo/plan.h"

/* The folder of tablespaces that a copy keeps below itself. */
#define RESTORE_TABLESPACES "pgstrata.tablespaces"

/* Where we restore from: the repositories that answer, the first one leads. */
typedef struct RestoreFrom {
    RepoSet *set;
    RepoOptions *options; /* of the set's members, in its order */
    Repo *repo;
    Generation generation;
    const PgVersion *version;
} RestoreFrom;

/* What is in the way of the target folder. */
typedef enum RestoreGround {
    GROUND_FREE,       /* absent or empty */
    GROUND_MARKED,     /* an earlier restore of this cluster was cut off */
    GROUND_CLUSTER,    /* this cluster's data directory, stopped */
    GROUND_UNREADABLE, /* a data directory, but nobody can say whose: it is moved aside */
} RestoreGround;

typedef struct RestorePlace {
    const char *folder; /* absolute, the future data directory */
    RestoreGround ground;
    PlanRole role;
    bool is_own_place;      /* the cluster's configured data directory */
    bool keeps_tablespaces; /* where they were; else below the folder, unless mapped */
    const char *aside;      /* where what is in the way is moved: beside the folder */
} RestorePlace;

/* The way that was found. */
typedef struct RestoreWay {
    BackupRecord backup;
    Lineage lineage;
    WalArchive archive;
    WalWindow window;
    WalTarget target; /* as the server is told; it may be pinned */
    bool is_pinned;
    Lsn end_lsn;
    Instant end_time;
    Xid stop_xid;
    bool stop_is_before;
    WindowFacts facts;
} RestoreWay;

typedef struct Restore {
    const ClusterOptions *cluster;
    const RestoreOptions *options;
    Report *report;
    Arena *arena;
    RestoreFrom from;
    RestorePlace place;
    RestoreWay way;
    RestoreResult result;
} Restore;

/* ---- restore_target.c: which backup, and is the way to the target whole? `restore->way` points into itself and stays
 * where it is. GAP with the last reachable moment. */
MUST Err *restore_way_find(Restore *restore);

/* ---- restore_place.c: the folder */
/* Finds the folder and becomes its owner when root. */
MUST Err *restore_place_rights(Restore *restore);
/* What is in the folder? REFUSED: somebody else's, or a running server's. */
MUST Err *restore_place_judge(Restore *restore);
/* Marker there, pg_control gone, all durable. */
MUST Err *restore_place_begin(Restore *restore);
/* pg_control there, marker gone, all durable. */
MUST Err *restore_place_end(Restore *restore, Span control);
/* Moves what is in the data directory at `path` beside it. */
MUST Err *restore_set_aside(Restore *restore, const char *path);
/* Absolute path of a file below the data directory, in `arena`. */
MUST char *restore_path(const Restore *restore, const char *path, Arena *arena);
/* Where the tablespace goes. */
MUST char *restore_tablespace_folder(const Restore *restore, Oid oid, const char *original);

/* ---- restore_copy.c: files, folders, links. Gives out the control file's content, which it does not write. */
MUST Err *restore_copy(Buf *out_control, Restore *restore);

/* ---- restore_settings.c: backup_label, tablespace_map, settings, signal file, plan */
MUST Err *restore_settings_write(Restore *restore, Span control);

/* ---- restore_salvage.c: newer WAL of the old data directory goes to the archive first */
MUST Err *restore_salvage(Restore *restore);

/* ---- restore_start.c: starts the server and asks what was reached */
MUST Err *restore_start(Restore *restore);
