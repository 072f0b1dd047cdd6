/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* job/info_priv.h - the steps of info_of_repo() */
#pragma once

#include "job/info.h"
#include "repo/hold_wal.h"

typedef struct InfoReading {
    Repo *repo;
    const Generation *generation;
    WalUnsound unsound;
    HoldList holds;
    bool has_wanted; /* an expiry has said which WAL it wants: */
    WalWantedList wanted;
    Report *report;
    Arena *arena;
} InfoReading;

/* Fills what was decided: holds, wanted. */
MUST Err *info_holds_read(InfoReading *reading);
/* Was this stretch of a line of descent let go on purpose? Then it is missing and no gap that matters. */
bool info_wal_expired(const InfoReading *reading, const Lineage *lineage, uint64_t first, uint64_t last);
/* What was decided about the backups, which were judged before. */
void info_holds_apply(InfoBackup *backups, size_t count, const InfoReading *reading);
/* Fills archive, timelines and production. */
MUST Err *info_timelines_read(Info *info, InfoReading *reading);
/* Fills windows, gaps and the archived end, and judges the committed `backups`, which are info->backups. */
MUST Err *info_branches_read(Info *info, InfoBackup *backups, InfoReading *reading);
