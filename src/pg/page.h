/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * pg/page.h - the page of a relation: its header, its checksum, and whether it is sound
 *
 * A page copied while the server runs may be torn, half old and half new. That is harmless when the page changed after
 * the start of the backup, because recovery then writes it again as a whole; such a page has an LSN from the start on.
 * So a wrong checksum is only bad on a page whose LSN is older. A caller reads a page once more before it believes that
 * it is bad (src/backend/backup/basebackup.c does the same).
 *
 * Layout: src/include/storage/bufpage.h; checksum: src/include/storage/checksum_impl.h; the rules of soundness:
 * PageIsVerified() in src/backend/storage/page/bufpage.c.
 *
 * Threads: everything here works on its arguments only.
 */
#pragma once

#include "base/bytes.h"
#include "base/ids.h"
#include "base/limits.h"

typedef struct PageHeader {
    Lsn lsn; /* end of the last record that changed it */
    uint16_t checksum;
    uint16_t flags;
    uint16_t lower;
    uint16_t upper; /* 0: a new page, all zero */
    uint16_t special;
    uint16_t page_bytes;
    uint8_t layout_version;
    Xid prune_xid;
} PageHeader;

typedef enum PageState {
    PAGE_GOOD,
    PAGE_NEW,          /* all zero: the relation was extended, nothing is on it yet */
    PAGE_REWRITTEN,    /* its checksum is wrong, but it changed after the start: recovery writes it again */
    PAGE_BAD_CHECKSUM, /* torn, or damaged: read again */
    PAGE_BAD_HEADER,   /* the fields contradict each other: the same */
    PAGE_NOT_ZERO,     /* the header is that of a new page, and the rest is not zero: the same */
    PAGE_FUTURE,       /* its LSN is behind the end: WAL that this cluster has not written */
    PAGE_STATE_COUNT
} PageState;

typedef struct PageRules {
    bool has_checksums;
    Lsn start; /* of the backup; 0 when the cluster stands still: then no page is excused */
    Lsn end;   /* no page can be newer; 0 when it is not known yet */
} PageRules;

/* `page` has PAGE_BYTES. */
PageHeader page_header(const uint8_t *page);

/* The checksum that this page has to carry as block `block_no` of its fork (counted over all segments). Not for new
 * pages. */
uint16_t page_checksum(const uint8_t *page, uint32_t block_no);
/* The same without vector instructions; here so that a test can compare. */
uint16_t page_checksum_portable(const uint8_t *page, uint32_t block_no);

PageState page_check(const uint8_t *page, uint32_t block_no, const PageRules *rules);

/* How many pages at the begin of `pages` (whole pages, the first is block `first_block`) are PAGE_GOOD or PAGE_NEW? The
 * way to go through a chunk: ask, look at the page where it stopped with page_check(), go on behind it. */
size_t pages_good(Span pages, uint32_t first_block, const PageRules *rules);

/* "checksum is wrong": what to say about a page in this state. */
const char *page_state_text(PageState state);
