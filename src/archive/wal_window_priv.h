/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* archive/wal_window_priv.h - reading a stretch of a window's WAL, for its own files */
#pragma once

#include "archive/wal_window.h"

/* Both on page borders. */
typedef struct WalStretch {
    Lsn from;
    Lsn to;
} WalStretch;

/* Reads the records of [from, to), as far as it is archived, out of the right copies. `*out` says how it ended; its
 * spans are empty. */
MUST Err *wal_stretch_read(WalProgress *out, const WalWindow *window, WalStretch stretch, WalEntryFn *each,
                           void *arg);

/* The records that begin in one segment and not before the window's start. `summary` is the segment's. */
MUST Err *wal_segment_records(const WalWindow *window, uint64_t segment, const WalSummary *summary,
                              WalEntryFn *each, void *arg);
