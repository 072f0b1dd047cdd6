/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * restore/restore_files.h - what has to be written, by pack
 *
 * A manifest tells its files in path order, packs are read in theirs. So the files are gathered first, as pieces under
 * the pack that has them; then each pack is read once, front to back, cut into units for the workers. Memory: about 100
 * bytes a file.
 *
 * Threads: the list is made by one thread; while workers run it does not change.
 */
#pragma once

#include "flow/pool.h"
#include "restore/restore_priv.h"
#include "repo/manifest.h"

typedef struct RestoreFile {
    const char *path; /* below the data directory */
    uint64_t size_bytes;
    uint32_t mode; /* in the end; until then the owner may read and write it too */
    bool has_old;  /* it was there before: its pages are compared first */
    bool is_made;  /* it is there, in its full size */
} RestoreFile;

/* Blocks in a row that stand so in the pack too. */
typedef struct RestorePiece {
    uint64_t offset; /* plain offset in the pack */
    uint32_t file;   /* number in the list */
    uint32_t first_block;
    uint32_t count;
} RestorePiece;

typedef struct RestorePack {
    BackupLabel label;
    uint32_t pack;
    Buf pieces;            /* RestorePiece */
    uint64_t blocks;       /* of the pieces */
    uint64_t label_blocks; /* of all packs of this label, once they are sorted */
} RestorePack;

typedef struct RestoreFiles {
    Restore *restore;
    Arena *arena; /* paths */
    Buf files;    /* RestoreFile */
    Buf packs;    /* RestorePack *, in the order in which they were met, then sorted */
    Buf labels;   /* per label a table from pack number to place in `packs` */
    Counter written_bytes;
} RestoreFiles;

void restore_files_init(RestoreFiles *files, Restore *restore);
void restore_files_done(RestoreFiles *files);
/* Adds a file with its extents. */
void restore_files_add(RestoreFiles *files, const RestoreFile *file, const Extent *extents, size_t count);
static inline const RestoreFile *restore_file(const RestoreFiles *files, uint32_t number)
{
    return (const RestoreFile *)(const void *)files->files.data + number;
}
/* Brings the packs into the order of reading, once all files are there: the label that has the bulk comes last. What
 * other backups changed in it lies in the files by then, so that the bulk can go to the disk as it is written. */
void restore_files_sort(RestoreFiles *files);
/* Bytes of the file that the piece holds: the file's size cuts the last block. */
uint64_t restore_piece_bytes(const RestoreFile *file, const RestorePiece *piece);

/* What the file has while it is written. */
static inline mode_t restore_file_mode_open(uint32_t mode)
{
    return (mode_t)mode | 0600;
}

/* ---- restore_pack.c: reads the pieces (RestorePiece, sorted by offset) from the pack that has them, and writes what the
 * target has not got. */
MUST Err *restore_pieces_write(RestoreFiles *files, PackReader *pack, Span pieces, const Pool *pool);

/* ---- restore_units.c: reads every pack and writes the pieces, then sets the modes. */
MUST Err *restore_files_write(RestoreFiles *files);
