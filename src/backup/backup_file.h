/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * backup/backup_file.h - one part of one file, read, checked and stored as its plan says
 *
 * Threads: a worker belongs to one thread, a part to the worker that has it.
 */
#pragma once

#include "backup/backup_priv.h"

/* More damaged pages than this with an LSN from nowhere are counted low; their checksums tell them all. */
enum { SUSPECTS_PER_WORKER = 32 };

/* A page with one of the highest LSNs a worker saw. One above the stop LSN is damaged: nobody wrote that WAL. */
typedef struct Suspect {
    Lsn lsn;
    uint32_t block;
    const char *path;
} Suspect;

typedef struct CopyWorker {
    Backup *backup;
    const Pool *pool; /* NULL: nobody else works */
    PackWriter *packs;
    uint8_t *chunk; /* FRAME_PLAIN_MAX bytes */
    Buf bad_pages;  /* of BadPage */
    uint64_t bad_page_count;
    Suspect suspects[SUSPECTS_PER_WORKER];
    size_t suspect_count;
} CopyWorker;

/* A file and what to do with it. */
typedef struct FileJob {
    const char *path;
    uint64_t listed_bytes;
    const FilePlan *plan;      /* NULL: read and stored whole */
    const ManifestEntry *base; /* the file in the parent; NULL without */
} FileJob;

/* A stretch of a file that one worker copies, and what came of it. */
typedef struct FilePart {
    uint64_t offset; /* a multiple of PAGE_BYTES */
    uint64_t limit;  /* read up to here, or to where the file ends */

    Buf extents;   /* of Extent */
    uint64_t end;  /* how far it is known; `offset` when there was nothing */
    bool is_there; /* false: the file had vanished */
} FilePart;

MUST Err *backup_file_copy(FilePart *part, CopyWorker *worker, const FileJob *job);
