/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * archive/wal_show.h - what one segment of WAL holds, stored or as a file
 */
#pragma once

#include "cluster/options.h"
#include "pg/wal_summary.h"
#include "repo/wal_object.h"

typedef struct WalShown {
    WalName name;
    SystemId system_id;
    unsigned major;
    char repo[KEY_NAME_MAX + 1]; /* where it was read; "" for a file */
    bool has_summary;            /* false: stored without an index */
    WalSummary summary;          /* end it with wal_shown_done() */
} WalShown;

/* A file of pg_wal, also one that is still being written. CORRUPT: no WAL. */
MUST Err *wal_show_file(WalShown *out, const char *path);
/* A stored segment by its name, in the newest generation; of one that is there only as a tail, the tail. NOT_FOUND. */
MUST Err *wal_show_stored(WalShown *out, const ClusterOptions *cluster, const char *name);
void wal_shown_done(WalShown *shown);
