/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/manifest.h - every file of a backup and where its bytes are
 *
 * A manifest is a root and leaves. A leaf is up to LEAF_PLAIN_MAX bytes of NDJSON: a first line with the labels its
 * extents name, then an entry a line in bytewise path order. It is stored in a pack like data, and a later backup
 * refers to an unchanged leaf where it lies. The root lists the leaves by path range and is stored the same way; the
 * backup object holds the root's place. Writer and reader stream: memory is a leaf, the root and one entry's extents.
 *
 * A manifest made upon an older one gets all entries, as any other, and the older one's list of leaves. Its writer ends
 * a leaf where an older one begins, and a leaf that comes out byte for byte as an older one is not stored again. So
 * nobody has to know which leaves are unchanged, and none is kept by mistake. Leaves do not dwindle over a chain of
 * such manifests: one that is less than half full is ended only when what follows would not fit into it.
 *
 * Extents cover a file's blocks in order without overlap; blocks no extent covers are zeros. The file's size cuts the
 * last block. Paths are relative to the data directory; a tablespace's files stand below pg_tblspc/<oid>/. A path that
 * is not UTF-8 is written in hexadecimal (field "path_hex").
 *
 * Invariants of what manifest_next() gives out
 *   1. Paths are safe (pg/pgdata_path.h), strictly ascending bytewise, so a folder comes before what is in it.
 *   2. Nothing stands below a link, but for pg_wal and pg_tblspc/<oid>.
 *   3. Extents ascend, do not overlap, lie within the file and within the largest pack.
 *
 * Threads: a writer or reader belongs to one thread.
 * Format:  repo/FORMAT.md, "Manifest".
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/instant.h"
#include "repo/label.h"
#include "repo/place.h"

typedef struct Extent {
    uint32_t first_block; /* of the file; PAGE_BYTES each */
    uint32_t count;       /* at least 1 */
    BackupLabel label;
    uint32_t pack;
    uint64_t offset; /* plain offset in the pack of the first block */
} Extent;

/* Adds an extent to those of a file (a Buf of Extent), or makes the last one longer where it goes right on. */
void extents_add(Buf *extents, const Extent *extent);

typedef enum ManifestKind { MANIFEST_FILE, MANIFEST_FOLDER, MANIFEST_LINK } ManifestKind;

typedef struct ManifestEntry {
    ManifestKind kind;
    const char *path;
    uint32_t mode;           /* permission bits, at most 07777 */
    Instant modified;        /* not written when it has no text */
    uint64_t size_bytes;     /* MANIFEST_FILE; else 0 */
    const char *link_target; /* MANIFEST_LINK; else NULL */
    const Extent *extents;   /* MANIFEST_FILE */
    size_t extent_count;
} ManifestEntry;

/* A leaf as its root lists it. */
typedef struct ManifestLeaf {
    PlainPlace place;
    const char *first, *last; /* paths of its first and last line */
    uint32_t lines;
} ManifestLeaf;

/* Where the writer puts a finished leaf or root: the job appends it to a pack and says where it went (label, pack and
 * offset; length and hash the writer knows). */
typedef struct LeafOut {
    Err *(*put)(void *arg, PlainPlace *out, Span bytes);
    void *arg;
    /* May an older leaf with the same bytes serve as it lies? NULL: it may. */
    Err *(*keep)(void *arg, bool *is_kept, const PlainPlace *place);
} LeafOut;

typedef struct ManifestWriter ManifestWriter;
MUST ManifestWriter *manifest_writer_new(LeafOut out);
/* Makes the manifest upon an older one with these leaves (manifest_leaves()), which must outlive the writer. Before the
 * first entry; later with fewer of the same, when the others turn out to be damaged. */
void manifest_writer_reuse(ManifestWriter *writer, const ManifestLeaf *leaves, size_t count);
/* Entries in strictly ascending bytewise path order. Another order, or an entry that the reader would refuse, is BUG;
 * LIMIT: more extents than EXTENTS_PER_ENTRY_MAX. */
MUST Err *manifest_add(ManifestWriter *writer, const ManifestEntry *entry);
/* Writes the last leaf and the root. Once. */
MUST Err *manifest_finish(PlainPlace *root, ManifestWriter *writer);
void manifest_writer_free(ManifestWriter **writer);

/* How the reader gets a leaf's bytes, into an empty buffer; the reader checks the hash. */
typedef struct LeafIn {
    Err *(*get)(void *arg, Buf *out, const PlainPlace *place);
    void *arg;
} LeafIn;

typedef struct ManifestReader ManifestReader;

/* Totals of a manifest, as its root gives them and the reader proves by its end. */
typedef struct ManifestTotals {
    uint64_t entries;
    uint64_t files;
    uint64_t size_bytes; /* of all files */
} ManifestTotals;

/* Reads the root. CORRUPT, UNSUPPORTED. */
MUST Err *manifest_open(ManifestReader **out, LeafIn in, const PlainPlace *root);
/* The next entry, in path order; `*is_end` when there is none. The entry lives until the next call. What breaks an
 * invariant is CORRUPT, an unknown kind of entry or version UNSUPPORTED, with the leaf's place and the line. */
MUST Err *manifest_next(ManifestEntry *out, bool *is_end, ManifestReader *reader);
void manifest_close(ManifestReader **reader);
ManifestTotals manifest_totals(const ManifestReader *reader);
/* The places of all leaves: with the root's, what the manifest itself draws on. */
size_t manifest_leaf_count(const ManifestReader *reader);
PlainPlace manifest_leaf_place(const ManifestReader *reader, size_t at);
/* All leaves in path order, for manifest_writer_reuse(). They live as long as the reader. */
const ManifestLeaf *manifest_leaves(const ManifestReader *reader, size_t *count);
/* How many of them have been read so far and are whole. */
size_t manifest_leaves_read(const ManifestReader *reader);
