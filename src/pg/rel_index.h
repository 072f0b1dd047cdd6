/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * pg/rel_index.h - numbers the relation files that are met, from 0 on
 *
 * Whoever keeps something per relation keeps it in an array and asks here for the place. WAL names few relations very
 * often, a table and its indexes in turn: the last answers are remembered.
 *
 * A RelIndex is a value: zero is empty; end it with rel_index_done().
 */
#pragma once

#include "base/ids.h"
#include "base/mem.h"

enum { REL_INDEX_LATEST = 16 };

/* A file and its place + 1; 0: none. */
typedef struct RelLatest {
    RelFile file;
    uint32_t place;
} RelLatest;

typedef struct RelIndex {
    RelFile *files; /* by their number */
    uint32_t count, room;
    uint32_t *slots;                    /* number + 1; 0: free. Linear probing, at most half full */
    size_t slot_count;                  /* a power of two, or 0 */
    RelLatest latest[REL_INDEX_LATEST]; /* asked for last, by the low bits of the file's number */
} RelIndex;

void rel_index_done(RelIndex *index);

/* The file's number; a file met for the first time gets `count`, which grows. */
uint32_t rel_index_add(RelIndex *index, RelFile file);

/* The file's number if it was asked for lately; UINT32_MAX else. Asked for with every record of WAL. */
static inline uint32_t rel_index_latest(const RelIndex *index, RelFile file)
{
    const RelLatest *const latest = &index->latest[file.number.id % REL_INDEX_LATEST];
    return rel_file_equal(latest->file, file) ? latest->place - 1 : UINT32_MAX;
}

/* False when it was never met. */
MUST bool rel_index_find(uint32_t *out, const RelIndex *index, RelFile file);

/* All numbers, ordered by tablespace, database and number of their files; yours (mem_free). */
MUST uint32_t *rel_index_order(const RelIndex *index);
