/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* job/info_priv.h - the steps of info_of_repo() */
#pragma once

#include "job/info.h"

typedef struct InfoReading {
    Repo *repo;
    const Generation *generation;
    WalUnsound unsound;
    Report *report;
    Arena *arena;
} InfoReading;

/* Fills what was decided about the backups, which were judged before. */
MUST Err *info_holds_read(InfoBackup *backups, size_t count, InfoReading *reading);
/* Fills archive, timelines and production. */
MUST Err *info_timelines_read(Info *info, InfoReading *reading);
/* Fills windows, gaps and the archived end, and judges the committed `backups`, which are info->backups. */
MUST Err *info_branches_read(Info *info, InfoBackup *backups, InfoReading *reading);
