/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* job/info_details.h - what a backup draws on, for the one who asks for it by label */
#pragma once

#include "job/info.h"
#include "pg/tablespace_map.h"

/* What it needs of one backup's packs, its own included. */
typedef struct InfoDraw {
    BackupLabel label;
    size_t packs;
    uint64_t stored_bytes;
    uint64_t plain_bytes; /* what the packs hold */
    uint64_t live_bytes;  /* what of it this backup needs */
} InfoDraw;

typedef struct InfoDetails {
    const InfoDraw *draws; /* by label */
    size_t draw_count;
    TablespaceMap tablespaces;
} InfoDetails;

/* Of a backup of `info`, from the repository that told; empty unless it is committed and readable. */
MUST Err *info_details(InfoDetails *out, const ClusterOptions *cluster, const Info *info,
                       const InfoBackup *backup, Arena *arena);
