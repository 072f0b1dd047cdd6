/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/pack_index.h - the sections FILES and PAGES of a pack as bytes
 *
 * FILES lists the runs in plain order; a run's path is given as the length of what it shares with the path before and
 * the rest. Its plain offset is the sum of the lengths before it. PAGES has a hash for each block of each run, in the
 * same order; a run of n bytes has n / PAGE_BYTES blocks, and one more for a rest.
 */
#pragma once

#include "repo/pack.h"

#include "base/limits.h"

/* What both sides carry from run to run. Zero-initialised it stands before the first. */
typedef struct RunWalk {
    char path[PGDATA_PATH_MAX + 1]; /* of the run before */
    size_t path_bytes;
    uint64_t plain_offset; /* of the next run */
    uint64_t first_hash;   /* number of the next run's first block */
} RunWalk;

/* Appends a run; entry->plain_offset is the walk's, entry->path at most PGDATA_PATH_MAX bytes. */
void run_encode(Buf *files, RunWalk *walk, const PackRunEntry *entry);
/* Decodes the next run; out->path is the walk's. CORRUPT. */
MUST Err *run_decode(PackRunEntry *out, RunWalk *walk, Dec *dec);

/* Appends the hash of each block of `bytes`. */
void pages_encode(Buf *pages, Span bytes, uint64_t seed);

/* A mark in FILES, so that looking up a plain offset walks a few runs only. */
typedef struct RunMark {
    uint64_t plain_offset;
    uint64_t first_hash;
    size_t at; /* byte position in FILES */
} RunMark;

enum { RUNS_PER_MARK = 64 };

typedef struct PackIndex {
    Span files;
    Span hashes; /* 8 bytes a block */
    uint64_t seed;
    uint64_t plain_bytes;
    RunMark *marks; /* one every RUNS_PER_MARK runs, ascending */
    size_t mark_count;
} PackIndex;

/* Both sections of an open pack, borrowed from it. CORRUPT when one is missing. */
MUST Err *pack_sections_find(Span *files, Span *pages, const ContainerReader *container);
/* Checks both sections whole against each other and the pack's plain length. `files` and `pages` are borrowed. */
MUST Err *pack_index_decode(PackIndex *out, Span files, Span pages, uint64_t plain_bytes);
void pack_index_done(PackIndex *index);
/* As pack_page_hashes(). */
MUST Err *pack_index_hashes(uint64_t *out, const PackIndex *index, uint64_t offset, size_t count);
