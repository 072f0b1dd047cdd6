/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/pack.h - a container of file data
 *
 * The plain bytes of a pack are runs of files, one behind the other. Its index says which path and blocks each run is
 * (section FILES) and has a 64-bit hash of every block under the pack's own random seed (section PAGES). FORMAT.md,
 * "Pack", has every byte.
 *
 * Invariants
 *   1. The bytes of one pack_add() lie in one frame: a page costs one decompression, a manifest leaf is a frame.
 *   2. A pack is closed at PACK_STORED_TARGET stored bytes, PACK_PLAIN_MAX plain bytes or PACK_FILES_MAX bytes of FILES,
 *      whichever comes first.
 *   3. No byte of a pack may be referred to before pack_finish(), or a later pack of the writer, made it durable.
 *
 * Ownership: a writer borrows its stores, root and counter. After an error it can only be freed.
 * Threads: one writer a worker; the counter is shared.
 */
#pragma once

#include "flow/lock.h"
#include "repo/container.h"
#include "repo/keys.h"

/* Where bytes went: a plain offset in a pack of this backup. */
typedef struct PackPlace {
    uint32_t pack; /* 1 to PACK_NUMBER_MAX */
    uint64_t offset;
} PackPlace;

/* What the bytes of one pack_add() are. */
typedef struct PackRun {
    const char *path;     /* below the data directory; "" for data that is no file, such as a manifest leaf */
    uint64_t file_offset; /* a multiple of PAGE_BYTES */
    uint64_t file_bytes;  /* length of the file, as far as it is known */
    bool is_complete;     /* with these bytes the whole file has been read */
    bool is_damaged;      /* among these pages is one that looks damaged */
} PackRun;

/* A pack that was written, for the backup's list of packs. */
typedef struct PackWritten {
    uint32_t pack;
    ContainerSummary summary;
} PackWritten;

typedef struct PackWriterSpec {
    Store *const *stores; /* a pack goes to all of them, the same bytes */
    size_t store_count;
    const KeyRoot *root;
    BackupLabel label;
    Counter *packs_begun; /* shared by the writers of a backup: the next pack has this number plus one */
    CodecKind codec;
    int level;
} PackWriterSpec;

typedef struct PackWriter PackWriter;

MUST Err *pack_writer_new(PackWriter **out, const PackWriterSpec *spec);
/* Adds 1 to FRAME_PLAIN_MAX bytes. Bytes that continue those of the call before (same path, next offset) extend its
 * run, unless one of both is damaged: the rest of a file is not distrusted with its damaged pages. Pages of zeros are
 * not given to a pack: the manifest knows them. LIMIT: no pack number is left. */
MUST Err *pack_add(PackPlace *out, PackWriter *writer, const PackRun *run, Span bytes);
/* Makes the last pack durable. The writer is empty then and may go on. */
MUST Err *pack_finish(PackWriter *writer);
/* The packs that are durable, in the order of writing; borrowed from the writer. */
const PackWritten *pack_writer_packs(const PackWriter *writer, size_t *count);
/* Stored bytes so far, those of an open pack included. */
uint64_t pack_writer_stored_bytes(const PackWriter *writer);
void pack_writer_free(PackWriter **writer);

typedef struct PackReader PackReader;

/* Errors as container_open(); the sections are checked as a whole. */
MUST Err *pack_open(PackReader **out, Store *store, const Key *key);
void pack_close(PackReader **reader);
/* For container_read(), container_info() and container_frame_at(); lives as long as `reader`. */
ContainerReader *pack_container(PackReader *reader);

/* The hashes of `count` blocks in a row, the first of which begins at plain offset `offset`; all of them are whole but
 * the last, which may end its run. CORRUPT when the pack has no such blocks. Compare with hash64_of(page,
 * pack_seed(reader)). */
MUST Err *pack_page_hashes(uint64_t *out, const PackReader *reader, uint64_t offset, size_t count);
uint64_t pack_seed(const PackReader *reader);

/* One run as the index tells it. */
typedef struct PackRunEntry {
    const char *path; /* lives until the next call */
    uint64_t file_offset;
    uint64_t bytes;
    uint64_t plain_offset;
    uint64_t file_bytes;
    bool is_complete, is_damaged;
} PackRunEntry;

/* Walks the runs in plain order. */
typedef struct PackRuns PackRuns;
MUST PackRuns *pack_runs_new(const PackReader *reader);
/* False at the end. */
bool pack_runs_next(PackRunEntry *out, PackRuns *runs);
void pack_runs_free(PackRuns **runs);
