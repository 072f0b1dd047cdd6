/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * pg/wal_page.h - page headers of WAL, and what the first forty bytes of a segment say about it
 *
 * WAL is cut into pages of 8192 bytes. Each starts with a short header; the first page of a segment has a long one that
 * also names the cluster and the sizes (src/include/access/xlog_internal.h: XLogPageHeaderData,
 * XLogLongPageHeaderData). The magic changes with every major and so names it.
 */
#pragma once

#include "base/ids.h"
#include "base/limits.h"
#include "pg/version.h"

enum {
    WAL_PAGE_HEAD_BYTES = 24,
    WAL_PAGE_LONG_HEAD_BYTES = 40,
};

/* Bits of WalPageHead.flags. */
enum {
    WAL_PAGE_CONTINUES = 1, /* begins with the rest of a record from earlier pages */
    WAL_PAGE_LONG = 2,      /* long header */
    WAL_PAGE_REMOVABLE = 4, /* no backup was running; of no use to us. Until 18. */
    WAL_PAGE_OVERWRITES =
        8, /* the record left unfinished on the page before is void; this page begins a new one */
    WAL_PAGE_FLAGS_KNOWN = 15,
};

typedef struct WalPageHead {
    uint16_t magic;
    uint16_t flags;
    Timeline timeline; /* of the first record that begins on the page */
    Lsn address;
    uint32_t rest_bytes; /* of the continued record, from here to its end */
    uint32_t head_bytes; /* 24 or 40 */
    SystemId system_id;  /* this and the next two: long header only, else zero */
    uint32_t segment_bytes;
    uint32_t page_bytes;
} WalPageHead;

/* `page` holds at least WAL_PAGE_LONG_HEAD_BYTES. Nothing is judged. */
WalPageHead wal_page_head_decode(const uint8_t *page);

/* What a segment says about itself. */
typedef struct WalSegmentHead {
    const PgVersion *version;
    SystemId system_id;
    uint32_t segment_bytes;
    Timeline timeline; /* of its first page: right after a switch still the parent's */
    Lsn address;       /* of its first byte */
} WalSegmentHead;

/* Reads the first WAL_PAGE_LONG_HEAD_BYTES of a segment and checks what it says for itself. UNSUPPORTED for an unknown
 * major or page size; CORRUPT for a short header, an impossible segment size, timeline or address. */
MUST Err *wal_segment_head_decode(WalSegmentHead *out, Span first_bytes);

/* Compares with what its file name and the cluster promise: major, system id, segment size, address must be equal, and
 * the page's timeline must not be above the name's (whether it is an ancestor only the history tells). CORRUPT, naming
 * both values: the content is recycled, of another cluster, or misnamed. */
MUST Err *wal_segment_head_check(const WalSegmentHead *head, const WalSegmentHead *expected);
