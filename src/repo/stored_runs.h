/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/stored_runs.h - what interrupted backups have already stored
 *
 * A backup that never committed leaves packs that are whole, and each says which blocks of which files it holds. Here
 * these lists become one table in memory, so that the next backup can refer to blocks instead of reading and storing
 * them again. Which of them are still what the cluster holds is not known here.
 *
 * Paths are kept as 96 bits of hash under a random seed, so that memory is bounded and nobody can make two paths meet.
 * Of more runs than STORED_RUNS_MAX the rest is ignored: that costs time, nothing else.
 *
 * Threads: filled by one, then read by many.
 */
#pragma once

#include "repo/backup_set.h"
#include "repo/manifest.h"

typedef struct StoredRuns StoredRuns;

typedef struct StoredRun {
    uint64_t path_hash;
    uint32_t path_hash_more;
    uint32_t first_block; /* of the file */
    uint32_t bytes;       /* whole blocks, but for a last one that was the end of the file */
    uint32_t pack;
    uint64_t offset;     /* plain offset in the pack of the first block */
    uint64_t file_bytes; /* length of the whole file, as far as it was known then */
    uint16_t source;     /* number of its label, in the order of stored_runs_add() */
    bool is_complete, is_damaged;
} StoredRun;

/* Told of each pack that cannot be read and is passed over; the error is the callee's to free. */
typedef void StoredFaultFn(void *arg, Err *fault);

/* IO: no random bytes. */
MUST Err *stored_runs_new(StoredRuns **out);
void stored_runs_free(StoredRuns **runs);
/* Adds all that the label's packs in this store hold of files. Damaged, missing and newer packs are passed over and
 * told to `on_fault`. AWAY and other faults of the store. LIMIT: too many labels (UINT16_MAX). */
typedef struct StoredSource {
    Store *store;
    Store *const
        *members; /* a pack that is not in all of these, with one length, is passed over; may be NULL */
    size_t member_count;
    const KeyRoot *root;
    BackupLabel label;
    StoredFaultFn *on_fault; /* may be NULL */
    void *fault_arg;
} StoredSource;
MUST Err *stored_runs_add(StoredRuns *runs, const StoredSource *source);
/* After the last label, before the first look. */
void stored_runs_sort(StoredRuns *runs);

/* The runs of a file by their first block; of those that begin at the same one, the latest label's first. They may
 * overlap. */
const StoredRun *stored_runs_find(size_t *count, const StoredRuns *runs, const char *path);
/* Block `first` of the file and `count` - 1 behind it, which lie in the run. */
Extent stored_run_extent(const StoredRuns *runs, const StoredRun *run, uint32_t first, uint32_t count);

/* All runs, and all packs they lie in, for pack_tally_know(). Borrowed. */
size_t stored_runs_count(const StoredRuns *runs);
const PackUse *stored_runs_packs(size_t *count, const StoredRuns *runs);
