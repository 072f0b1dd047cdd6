/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * archive/segment_end.h - was a segment of pg_wal finished, and where does its last record end?
 *
 * Asked of the pg_wal of a server that does not run. A segment is finished when it is WAL to its last byte, when a switch
 * ends it, or when the one behind it was begun: its server writes into it no more. Else what stands behind the last whole
 * record is empty, the rest of an older life of the file, or half a record: the server will write there when it is
 * started again, so none of it may be taken for WAL.
 *
 * A record that begins in the segment before is checked together with it, where that is still there.
 */
#pragma once

#include "repo/generation.h"

typedef struct SegmentEnd {
    bool is_finished;
    bool has_record; /* at least one ends in it; where it is not finished */
    Lsn at;          /* the end of the last one, with has_record */
} SegmentEnd;

/* `name` is a segment's, a file in `folder`. CORRUPT: what is in it is not the segment of that name. NOT_FOUND. */
MUST Err *segment_end_find(SegmentEnd *out, const char *folder, WalName name, const Generation *generation);
