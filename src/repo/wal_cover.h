/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/wal_cover.h - a segment that its server never finished, put together from its tails
 *
 * Tails are parts of one segment (repo/keys.h). What they hold from its first byte on without a hole is the cover. It is
 * asked for only when the segment itself is not stored: that one wins. Whether WAL may end in a cover is not known here.
 *
 * Invariants
 *   1. A cover reaches as far as the names of the stored tails promise. One that is damaged is never left out for a
 *      shorter cover: that would pass damage off as the end of WAL.
 *   2. Bytes that two tails hold are the same, or none are handed out.
 *
 * Ownership: the tails lie in the arena given to wal_cover_find(). Format: repo/FORMAT.md, "Tails".
 */
#pragma once

#include "repo/wal_object.h"

typedef struct WalCover {
    const WalTail *tails; /* as few as cover it, ascending */
    size_t count;
    uint32_t bytes; /* covered from the segment's begin on; 0: none */
} WalCover;

/* By one listing of what is stored of the segment. */
MUST Err *wal_cover_find(WalCover *out, Store *store, const KeyRoot *root, WalName name, Arena *arena);
/* Appends the covered bytes, without the zeros that follow. NOT_FOUND; CORRUPT: a tail is damaged, or two differ. */
MUST Err *wal_cover_read(Buf *plain, Store *store, const KeyRoot *root, const WalCover *cover);
