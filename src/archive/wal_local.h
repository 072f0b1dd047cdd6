/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * archive/wal_local.h - WAL that lies in a pg_wal and not in the archive yet
 *
 * Joined with the archive's names it answers how far a restore could go once that WAL is archived, without a byte being
 * stored: for a look before a restore, and for the one who asks for a moment that is too new.
 *
 * Ownership: all in the arena of whoever made the list. Names are of segments, each once.
 */
#pragma once

#include "repo/wal_archive.h"

typedef struct WalLocalFile {
    WalName name;
    uint32_t bytes; /* from its begin on that are WAL; the segment's size: it is finished */
} WalLocalFile;

typedef struct WalLocal {
    const char *folder; /* pg_wal */
    const WalLocalFile *files;
    size_t count;
} WalLocal;

/* Bytes of the segment that are there; 0: none. `local` may be NULL. */
uint32_t wal_local_bytes(const WalLocal *local, WalName name);
/* Bytes [from, from + len) of the segment, zeros behind its end. CORRUPT: the file has become shorter. NOT_FOUND. */
MUST Err *wal_local_read(Buf *out, const WalLocal *local, WalName name, uint32_t from, uint32_t len);
/* The archive as it will be with all of them: a finished segment as a whole one, another as tails. */
WalArchive wal_local_join(const WalArchive *archive, const WalLocal *local, Arena *arena);
