/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * archive/change_map.h - which blocks changed between two points of a line of descent
 *
 * An incremental backup may leave out what no WAL since its parent's start has touched. The map is joined from the WAL
 * indexes of the archived segments; a segment that is not archived yet is read from pg_wal and indexed on the spot, as is
 * one whose object has no index. Records that cross a border are in no segment's map: they are put together from the
 * seams, or, when longer than those, read from the segments.
 *
 * A map is worth nothing with a hole in it. Every record of the range is proven to be there: each segment is read to its
 * end and goes on where the one before ended. What breaks that, or makes the marks meaningless, is an answer and no
 * error: wal_changes_fault() of the map says why every block has to be read.
 *
 * Memory: the map, and one segment.
 */
#pragma once

#include "archive/lineage.h"
#include "pg/wal_changes.h"
#include "repo/wal_archive.h"

typedef struct ChangeRange {
    Repo *repo;
    const Generation *generation;
    const WalArchive *archive; /* of `repo` */
    const Lineage *lineage;    /* that ends in the timeline of `to` */
    const char *wal_folder;    /* the server's pg_wal; NULL: archived segments only */
    Lsn from;                  /* where the parent backup starts: its redo point */
    Lsn to;                    /* where this one does */
} ChangeRange;

/* The map is yours; look at its fault first. AWAY, CORRUPT: a segment's object. */
MUST Err *change_map_make(WalChanges **out, const ChangeRange *range);
