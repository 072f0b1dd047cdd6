/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/hold_wal.h - which WAL was wanted
 *
 * WAL has no begin and no commit, so segments are not condemned one by one. Instead expiry writes down what it wants:
 * WAL goes when it is not wanted now, and was not in any record of the last grace, nor in the one before that. So a
 * promise that was shortened by mistake can be put right for as long as the grace lasts.
 *
 * Format: repo/FORMAT.md, "Holds".
 */
#pragma once

#include "repo/hold.h"

/* Segments first..last of a timeline. */
typedef struct WalWanted {
    Timeline timeline;
    uint64_t first;
    uint64_t last; /* inclusive; WAL_WANTED_OPEN: whatever follows */
} WalWanted;

#define WAL_WANTED_OPEN UINT64_MAX

typedef struct WalWantedList {
    const WalWanted *ranges; /* in no order; may overlap */
    size_t count;
} WalWantedList;

bool wal_wanted_has(const WalWantedList *list, Timeline timeline, uint64_t segment);

/* NOT_FOUND, CORRUPT, UNSUPPORTED. */
MUST Err *hold_wal_load(WalWantedList *out, Repo *repo, const KeyRoot *root, uint32_t number, Arena *arena);
/* EXISTS: somebody else has taken the number. */
MUST Err *hold_wal_write(Repo *repo, const KeyRoot *root, uint32_t number, const WalWantedList *list);
MUST Err *hold_wal_remove(Repo *repo, const KeyRoot *root, uint32_t number);
