/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* restore/restore_priv.h - what the parts of a restore share */
#pragma once

#include "restore/restore.h"
#include "archive/wal_rights.h"
#include "archive/wal_window.h"
#include "pg/conf_file.h"
#include "repo/pack.h"
#include "repo/plan.h"

/* The folder of tablespaces that a copy keeps below itself. */
#define RESTORE_TABLESPACES "pgstrata.tablespaces"
/* The folder of configuration files that lay outside of the data directory. Unlike "pgstrata.…" it belongs into backups:
 * the server needs it. */
#define RESTORE_CONF "pgstrata_config"

/* Where we restore from: the repositories that answer. All that is read comes through the mirror, so that a bad copy of
 * anything is made good by another; what is written goes to the set. */
typedef struct RestoreFrom {
    RepoSet *set;
    RepoOptions *options; /* of the set's members, in its order */
    Repo *repo;           /* the mirror of the set */
    Generation generation;
    const PgVersion *version;
} RestoreFrom;

/* What is in the way of the target folder. */
typedef enum RestoreGround {
    GROUND_FREE,    /* absent or empty */
    GROUND_MARKED,  /* an earlier restore of this cluster was cut off */
    GROUND_CLUSTER, /* this cluster's data directory, stopped */
    GROUND_UNREADABLE, /* a data directory, but nobody can say whose: it is moved aside; also where that was cut off */
} RestoreGround;

typedef struct RestorePlace {
    const char *folder; /* absolute, the future data directory */
    RestoreGround ground;
    PlanRole role;
    bool is_own_place;      /* the cluster's configured data directory */
    bool keeps_tablespaces; /* where they were; else below the folder, unless mapped */
    const char *loss;       /* what a person must agree to lose; NULL: nothing */
    const char *aside;      /* where what is in the way is moved: beside the folder */
} RestorePlace;

/* The way that was found. */
typedef struct RestoreWay {
    BackupRecord backup;
    Timeline followed; /* the line that was looked along; `lineage` may be cut shorter */
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

/* A tablespace of the backup that lies outside of the data directory. */
typedef struct RestoreLink {
    Oid oid;
    const char *name; /* NULL: not known */
    const char *original;
    const char *folder; /* where it goes */
} RestoreLink;

typedef struct Restore {
    const ClusterOptions *cluster;
    const RestoreOptions *options;
    Report *report;
    Arena *arena;
    RestoreFrom from;
    RestorePlace place;
    struct RestoreHolds *holds; /* restore_hold.h; NULL: not read, nothing counts as decided */
    const WalLocal *unarchived; /* counted as if it were archived; NULL: none is */
    RestoreWay way;
    const RestoreLink *links;
    size_t link_count;
    bool has_new_branch;    /* salvage has found a timeline that the archive did not know */
    const char **strangers; /* in pg_wal: they wait for the archiver and are of no rightful timeline */
    size_t stranger_count;
    bool has_inner_tablespaces; /* folders in pg_tblspc instead of links, in the backup or on the way */
    RestoreResult result;
} Restore;

/* ---- restore_target.c: which backup, and is the way to the target whole? `restore->way` points into itself and stays
 * where it is. GAP with the last reachable moment. */
MUST Err *restore_way_find(Restore *restore);

/* ---- restore_place.c: finds the folder and becomes its owner when root */
MUST Err *restore_place_rights(Restore *restore);
/* What is in the folder? REFUSED: somebody else's, or a running server's. */
MUST Err *restore_place_judge(Restore *restore);
/* Asks where something is lost. */
MUST Err *restore_place_confirm(const Restore *restore);
/* Marker there, pg_control gone, all durable. */
MUST Err *restore_place_begin(Restore *restore);
/* 0600, or 0640 where the folders of the backup are open to the group (initdb --allow-group-access). */
MUST Err *restore_file_mode(mode_t *out, const Restore *restore);
/* pg_control there, marker gone, all durable. */
MUST Err *restore_place_end(Restore *restore, Span control);
MUST Err *restore_set_aside(Restore *restore, const char *path); /* moves what is there beside it */
/* Absolute path of a file below the data directory, in `arena`. */
MUST char *restore_path(const Restore *restore, const char *path, Arena *arena);
/* ---- restore_tablespaces.c: where they go. Fills `links`. USAGE: a mapped one that the backup has not got. REFUSED:
 * somebody else's folder is in the way. */
MUST Err *restore_tablespaces_find(Restore *restore);
const char *restore_tablespace_folder(const Restore *restore, Oid oid);
/* In place: the server's files go from tablespaces that the backup has not; aside, in them, when nobody's. */
MUST Err *restore_tablespaces_leave(Restore *restore);

/* ---- restore_room.c: fills result.needed_bytes and free_bytes. REFUSED: the copy would not fit. */
MUST Err *restore_room_check(Restore *restore);

/* ---- restore_copy.c: files, folders, links. Gives out the control file's content, which it does not write. */
MUST Err *restore_copy(Buf *out_control, Restore *restore);

/* ---- restore_pack.c: a pack that the backup draws on. CORRUPT, also when it is not there. */
MUST Err *restore_pack_open(PackReader **out, const Restore *restore, BackupLabel label, uint32_t pack);

/* ---- restore_settings.c: backup_label, tablespace_map, settings, signal file, plan */
MUST Err *restore_settings_write(Restore *restore, Span control);

/* ---- restore_conf.c: configuration files of its own, for a cluster that is restored elsewhere */
MUST Err *restore_conf_write(Restore *restore);

/* ---- restore_salvage.c: newer WAL of the old data directory goes to the archive first */
MUST Err *restore_salvage(Restore *restore);
/* Moves `strangers`, which salvage has found, aside; once the marker is there. */
MUST Err *restore_strangers_keep(Restore *restore);
/* What it would store out of the data directory `folder`; nothing is stored. */
MUST Err *restore_salvage_look(WalLocal *out, Restore *restore, const char *folder);

/* ---- restore_ahead.c: restore_way_find() as it will be once the target's own pg_wal is salvaged */
MUST Err *restore_way_look(Restore *restore);

/* ---- restore_port.c: the port that must be set; 0: the one that the configuration has. LIMIT: none is free. */
MUST Err *restore_port_choose(uint16_t *out, const Restore *restore, const PgConf *conf,
                              const PgConf *automatic);

/* ---- restore_start.c: starts the server and asks what was reached */
/* postgresql.conf in Debian's place for a data directory ".../15/main"; NULL where the directory has its own. */
const char *restore_config_elsewhere(const Restore *restore, Arena *arena);
MUST Err *restore_start(Restore *restore);
