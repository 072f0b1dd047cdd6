/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/page_hashes.h - the hashes of pages that older backups stored
 *
 * Every pack keeps a hash of each of its blocks, under a seed of its own. With them a page that was read again is told
 * from the stored one without reading that. Lookups go all over the packs of a parent, so the sections they need stay
 * in memory, PAGE_HASHES_BYTES_MAX of them; the ones that were not asked for longest make room.
 *
 * Ownership: borrows store and root. Threads: one PageHashes serves all workers; a pack that two of them open at the
 * same moment is read twice.
 */
#pragma once

#include "repo/keys.h"
#include "repo/manifest.h"
#include "store/store.h"

typedef struct PageHashes PageHashes;

MUST PageHashes *page_hashes_new(Store *store, const KeyRoot *root);
void page_hashes_free(PageHashes **hashes);

/* The hashes of the blocks of `extent`, extent->count of them, and the seed under which hash64_of() of a page gives the
 * same. NOT_FOUND, CORRUPT: the pack is missing or damaged, or has no such blocks. */
MUST Err *page_hashes_get(uint64_t *out, uint64_t *seed, PageHashes *hashes, const Extent *extent);
