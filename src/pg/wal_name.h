/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * pg/wal_name.h - the names of WAL files, and where in the WAL stream they are
 *
 * A segment's name is 24 upper-case hexadecimal digits: timeline, and the segment number split in two, where the lower
 * part counts the segments of 4 GiB. So a name says nothing without the segment size, which is fixed for a cluster
 * (initdb, pg_resetwal). Facts: src/include/access/xlog_internal.h, src/include/postmaster/pgarch.h.
 *
 * A WalName is a value and carries its segment size.
 */
#pragma once

#include "base/ids.h"

/* Powers of two from 1 MiB to 1 GiB (IsValidWalSegSize). */
#define WAL_SEGMENT_BYTES_MIN (UINT32_C(1) << 20)
#define WAL_SEGMENT_BYTES_MAX (UINT32_C(1) << 30)

typedef enum WalNameKind {
    WAL_NAME_SEGMENT, /* 00000001000000000000000A */
    WAL_NAME_PARTIAL, /* 00000001000000000000000A.partial: the last segment of a timeline that was left */
    WAL_NAME_BACKUP,  /* 00000001000000000000000A.00000028.backup: start and stop of a backup */
    WAL_NAME_HISTORY, /* 00000002.history */
} WalNameKind;

typedef struct WalName {
    WalNameKind kind;
    Timeline timeline;
    uint64_t segment;       /* number from the start of WAL; 0 for a history file */
    uint32_t offset;        /* of the backup's start within its segment; 0 for the other kinds */
    uint32_t segment_bytes; /* of the cluster */
} WalName;

typedef struct WalNameText {
    char text[48];
} WalNameText;

bool wal_segment_bytes_is_valid(uint64_t segment_bytes);

/* A file name, without folder. False when it is none of the four kinds. `segment_bytes` must be valid. */
bool wal_name_matches(WalName *out, const char *text, uint32_t segment_bytes);
/* The same with an error: USAGE. */
MUST Err *wal_name_parse(WalName *out, const char *text, uint32_t segment_bytes);
WalNameText wal_name_text(WalName name);

WalName wal_name_of_history(Timeline timeline, uint32_t segment_bytes);
/* The segment that holds the byte at `lsn`. */
WalName wal_name_of_lsn(Timeline timeline, Lsn lsn, uint32_t segment_bytes);
/* The segment that holds the last byte before `end`, which is a position to stop at. `end` is not 0. */
WalName wal_name_before_lsn(Timeline timeline, Lsn end, uint32_t segment_bytes);
/* The plain segment that a .partial or .backup belongs to. */
WalName wal_name_segment(WalName name);

/* First byte of the segment, and first byte behind it. Not for history files. */
Lsn wal_name_start(WalName name);
Lsn wal_name_end(WalName name);

/* The neighbours on the same timeline, as plain segments. There is none before segment 0 and none behind the end of
 * the 64-bit stream: asking is a bug. */
WalName wal_name_next(WalName name);
WalName wal_name_prev(WalName name);

/* By timeline, segment, kind, offset: <0, 0, >0. */
int wal_name_compare(WalName a, WalName b);

/* May `name` stand in archive_status, that is: may PostgreSQL ask to archive it? 16 to 40 characters out of
 * "0123456789ABCDEF.history.backup.partial". */
bool wal_name_is_archivable(const char *name);
