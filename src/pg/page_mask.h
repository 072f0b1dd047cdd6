/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * pg/page_mask.h - does a page differ only in what the server may change without WAL?
 *
 * A backup that trusts WAL to name every changed block misses a few changes on purpose: hints, which the server can find
 * again at any time and therefore does not log. A page with and a page without them are equally right. Everything else
 * is logged, so any other difference in a block that no record names is a hole in our map or damage.
 *
 * Taken for hints, on pages of a main fork:
 *   all       checksum; PD_HAS_FREE_LINES and PD_PAGE_FULL; the unused space between lower and upper, unless lower says
 *             that nothing stands before it (some index pages never set it)
 *   heap      pd_prune_xid; the commit and abort bits of xmin and xmax, but not both bits of xmin, which say frozen; the
 *             command id and its combo bit, which replay does not keep; the bytes that align the next tuple; an empty
 *             page of LSN 0 instead of a new one
 *   btree     BTP_HAS_GARBAGE, BTP_SPLIT_END, cycle id; dead line pointers on leaves; what a deleted page of 13 holds
 *   hash      LH_PAGE_HAS_DEAD_TUPLES; dead line pointers on bucket and overflow pages
 *   gist      F_HAS_GARBAGE; dead line pointers on leaves
 *   spgist    the cache of last used pages on the metapage
 *   brin      BRIN_EVACUATE_PAGE
 *   gin       all that a deleted page holds; not when it was deleted
 * PD_ALL_VISIBLE is none: index-only scans believe it. Nor is the LSN: a hint moves it only together with a full page
 * image (checksums, wal_log_hints), which names the block.
 *
 * Facts: src/backend/access/common/bufmask.c and the mask functions beside each access method's replay; bufpage.h,
 * htup_details.h, nbtree.h, hash.h, gist.h, ginblock.h, spgist_private.h, brin_page.h. A page whose header makes no sense
 * is compared byte by byte. What replay leaves otherwise counts as a hint, because the older backup may be a standby's.
 *
 * Threads: everything here works on its arguments only.
 */
#pragma once

#include <stdint.h>

typedef enum PageDiff {
    PAGE_EQUAL,
    PAGE_DIFFERS_HINTS, /* in nothing that is logged */
    /* What is the first that differs? */
    PAGE_DIFFERS_LSN,
    PAGE_DIFFERS_FLAGS, /* PD_ALL_VISIBLE */
    PAGE_DIFFERS_HEADER,
    PAGE_DIFFERS_POINTERS,
    PAGE_DIFFERS_CONTENT,
    PAGE_DIFFERS_SPECIAL,
    PAGE_DIFF_COUNT
} PageDiff;

/* Both have PAGE_BYTES. Which of them is the older one makes no difference. */
PageDiff page_diff(const uint8_t *a, const uint8_t *b);

/* Gives every hint one value, so that pages can be compared by their bytes. The result is for comparing only. */
void page_mask(uint8_t *page);

/* "line pointers": what differs. */
const char *page_diff_text(PageDiff diff);
