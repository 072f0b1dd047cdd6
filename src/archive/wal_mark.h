/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * archive/wal_mark.h - does a server still live the life in which something was written down?
 *
 * A machine that was rolled back to a snapshot writes other WAL at places where it has written before. The record of a
 * checkpoint has the second of the day in it, and its CRC is among the first bytes: the bytes at its place tell one life
 * from another (PostgreSQL: CheckPoint in pg_control.h, XLogRecord in xlogrecord.h).
 */
#pragma once

#include "archive/lineage.h"
#include "repo/backup_set.h"

typedef struct WalPlaces {
    const char *data_directory;
    Repo *repo; /* asked when the server has removed the segment */
    const Generation *generation;
    Timeline timeline;
} WalPlaces;

/* Of the checkpoint that a control file names: its record was written before the file was. Its LSN is 0 where the record
 * lies over the end of a segment, or the segment is not in pg_wal. */
MUST Err *wal_mark_take(WalMark *out, const WalPlaces *places, Lsn checkpoint);

/* False as well when nobody has the place any more, or nothing was marked. AWAY. */
MUST Err *wal_mark_holds(bool *out, const WalPlaces *places, const WalMark *mark);
