/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * archive/wal_show.h - what one segment of WAL holds, stored or as a file
 */
#pragma once

#include "cluster/options.h"
#include "repo/wal_object.h"

typedef struct WalShown {
    WalName name;
    SystemId system_id;
    unsigned major;
    char repo[KEY_NAME_MAX + 1]; /* where it was read; "" for a file */
    bool is_stored;              /* the index came with the object; else it was made on the spot */
    Err *fault;                  /* why there is no index, and none can be made; NULL: all below is set */
    WalSummary summary;
    WalChanges *changes;
    WalActivity activity;
    WalSeams seams;
    WalSections sections; /* what `seams` borrows */
} WalShown;

/* A file of pg_wal, also one that is still being written. CORRUPT: no WAL. End it with wal_shown_done(). */
MUST Err *wal_show_file(WalShown *out, const char *path);
/* A stored segment by its name, in the newest generation; of one that is there only as tails, what they cover. What is
 * stored without an index is read and indexed. NOT_FOUND. */
MUST Err *wal_show_stored(WalShown *out, const ClusterOptions *cluster, const char *name);
void wal_shown_done(WalShown *shown);
