/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/place_store.h - puts what is no file into packs, and gets it back
 *
 * Manifest leaves, manifest roots and side data lie in packs between the files. A PlaceReader keeps the packs it opened
 * last, because leaves come in an order that visits few packs at a time.
 *
 * Ownership: a reader borrows store and root. Threads: a reader, as a pack writer, belongs to one thread.
 */
#pragma once

#include "repo/manifest.h"
#include "repo/pack.h"
#include "repo/pack_tally.h"

/* Adds `bytes` in one piece of one pack and fills in the whole place. No bytes take no room: their place is the begin
 * of pack 1. LIMIT above MANIFEST_ROOT_MAX. */
MUST Err *place_put(PlainPlace *out, PackWriter *packs, BackupLabel label, Span bytes);

/* Where a manifest's writer puts its leaves: `arg` is a PlaceWriter. */
typedef struct PlaceWriter {
    PackWriter *packs;
    BackupLabel label;
    PackUses unwanted; /* packs, in order, in which no older leaf may stay */
    PackTally *tally;  /* counts leaves and root, older leaves that serve again included; may be NULL */
} PlaceWriter;
LeafOut place_leaf_out(PlaceWriter *writer);

typedef struct PlaceReader PlaceReader;
MUST PlaceReader *place_reader_new(Store *store, const KeyRoot *root);
void place_reader_free(PlaceReader **reader);
/* Appends the bytes to `out`, checked against the place. CORRUPT, also when the pack is not there. */
MUST Err *place_get(Buf *out, PlaceReader *reader, const PlainPlace *place);
LeafIn place_leaf_in(PlaceReader *reader);

typedef Err *ManifestEntryFn(void *arg, const ManifestEntry *entry);
/* Every entry of the manifest whose root lies at `place`, in path order; it lives until `each` returns. Ends early with
 * what `each` returns. CORRUPT, AWAY, as manifest_next(); CANCELED when a stop signal came. */
MUST Err *manifest_each(Store *store, const KeyRoot *root, const PlainPlace *place, ManifestEntryFn *each,
                        void *arg);

/* Plain bytes of a pack that no place names, such as a page of a file. */
typedef struct PackRange {
    BackupLabel label;
    uint32_t pack;
    uint64_t offset;
    uint64_t size_bytes;
} PackRange;
/* Appends them to `out`, checked as frames are. CORRUPT, also when the pack is not there or shorter. */
MUST Err *place_get_range(Buf *out, PlaceReader *reader, const PackRange *range);
