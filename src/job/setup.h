/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * job/setup.h - brings a running cluster under protection
 *
 * Three steps, each of which may be repeated at will: the repositories get the cluster's generation, its rightful
 * timeline and the histories of the timelines before it; the server gets the settings that archiving needs; it is
 * restarted where they need it. Whether it all works is proven by archive/proof.h. Nothing is changed while planning.
 *
 * An archive_command (or archive_library) that is not ours may be somebody's only backup: it stays unless
 * SetupOptions.take_over says otherwise.
 */
#pragma once

#include "db/server.h"
#include "cluster/options.h"
#include "repo/generation.h"

typedef struct SetupOptions {
    const ClusterOptions *cluster;
    const char *archive_command; /* what the server shall run */
    const char *own_marks[3]; /* an archive_command with all of these is an older one of ours; end in NULL */
    bool take_over;           /* replace one that is not */
} SetupOptions;

enum { SETUP_CHANGES_MAX = 5 };

typedef struct SetupChange {
    const char *name;
    const char *before; /* in force now; "" for nothing */
    const char *after;
    bool needs_restart;
} SetupChange;

typedef struct SetupPlan {
    SetupChange changes[SETUP_CHANGES_MAX];
    size_t count;
    bool needs_restart;
    bool is_ours; /* archive_command is ours already, perhaps an older one: the repositories were made */
} SetupPlan;

/* What the server's settings need. REFUSED: an archive_command of somebody else; UNSUPPORTED: a standby, sizes. */
MUST Err *setup_plan(SetupPlan *out, const ServerInfo *server, const SetupOptions *options, Arena *arena);

typedef struct SetupArchive {
    Generation generation;
    bool is_new_repository; /* any of them */
    bool is_new_generation;
    bool is_new_branch;
} SetupArchive;

/* Repositories, generation, branch record, histories. As the owner of the data directory. REFUSED: the server's timeline
 * is not a rightful one. */
MUST Err *setup_archive(SetupArchive *out, const ServerInfo *server, const ClusterOptions *cluster);

/* Changes the settings, reloads, and makes sure that what needs no restart is in force. */
MUST Err *setup_settings(Connection *connection, const SetupPlan *plan);

/* Restarts the server: by pg_ctl as its owner (we are that owner or root), a Debian cluster by pg_ctlcluster. */
MUST Err *setup_restart(const char *data_directory);
