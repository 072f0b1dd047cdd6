/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * archive/wal_store.h - stores files of pg_wal in every repository of a cluster
 *
 * A file (segment, .partial, .history, .backup), or the begin of a segment as a tail, is judged, read and encoded for
 * each codec in use: a parcel. Storing the parcel makes it durable in every repository, or says why not. Parcels may be
 * made ahead by several threads and stored in the order that counts.
 *
 * Judged is the content against the generation: system id, major, sizes, the address of the first page against the
 * name, its timeline against the name's line of descent. Recycled and foreign content is refused before anything is
 * written. Whether the timeline is a rightful one is not asked here but in archive/wal_rights.h.
 *
 * Invariants
 *   1. Success means: in every repository there is an object of this name that was read back or written now with these
 *      very bytes (compared by size and XXH3-128), and it is durable.
 *   2. A name that is there with other bytes in any repository is EXISTS, and nothing was changed in any. A second
 *      .partial alone is kept beside the first.
 *   3. So is a tail that differs from what other tails of its segment hold. The whole segment may always follow.
 *
 * Ownership: a WalStore borrows all it points to. Threads: making and storing may run in parallel on one WalStore.
 */
#pragma once

#include "cluster/options.h"
#include "repo/wal_object.h"

typedef struct WalStore {
    RepoSet *set;
    const RepoOptions *options; /* codec and level, in the order of the set */
    const Generation *generation;
    int jobs; /* threads that compress one segment; 0: the calling one */
} WalStore;

typedef struct WalParcel WalParcel;

/* Reads, judges and encodes the file at `path`, whose last component is its name. USAGE: no name of a WAL file.
 * CORRUPT: the content does not belong under this name. NOT_FOUND. */
MUST Err *wal_parcel_make(WalParcel **out, const WalStore *to, const char *path);
/* Of a segment that its server will not finish, the bytes before `end`, which lies inside of it: a tail. */
MUST Err *wal_parcel_make_tail(WalParcel **out, const WalStore *to, const char *path, Lsn end);
Hash128 wal_parcel_hash(const WalParcel *parcel); /* of the plain bytes */
/* EXISTS: there with other bytes. CORRUPT: what is there is damaged. AWAY. */
MUST Err *wal_parcel_store(const WalParcel *parcel, const WalStore *to);
void wal_parcel_free(WalParcel **parcel);

/* Both in one. */
MUST Err *wal_store_file(const WalStore *to, const char *path);
