/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * pg/wal_reader.h - finds the records in WAL that is pushed page by page
 *
 * Made for one segment read alone, or for several in a row. Every whole, checked record is handed to a callback in LSN
 * order. A record that was begun before the first page is stepped over; one that ends behind the last page stays open;
 * both keep their bytes as seams, so that neighbours can be joined without reading them again.
 *
 * What is no valid continuation is the *end of WAL*, an outcome with a reason and never an error: the unwritten rest of
 * a segment, old content of a recycled file, and damage look alike to a reader, as they do to PostgreSQL, and only the
 * caller knows whether WAL had to go on. The rules are those of src/backend/access/transam/xlogreader.c.
 *
 * Invariants
 *   1. A record is delivered only when its checksum is right, its `prev` names the record delivered before it, and it
 *      lies on pages of this cluster, major and address whose timelines do not decrease.
 *   2. Behind the end of WAL nothing is delivered, whatever is pushed.
 *   3. Memory: at most what was pushed, WAL_RECORD_KEPT_MAX of a record, WAL_SEAM_MAX of the head seam.
 *
 * Ownership: an entry's bytes borrow the pushed pages or the reader's buffer and end with the callback.
 */
#pragma once

#include "pg/wal_page.h"
#include "pg/wal_record.h"

typedef struct WalReader WalReader;

typedef struct WalEntry {
    Lsn start;
    Lsn end;           /* where the next record may begin: padded to 8; after a switch, the next segment */
    Timeline timeline; /* of the page on which it begins */
    WalRecordHead head;
    Span bytes;     /* shorter than head.total_bytes for a record above WAL_RECORD_KEPT_MAX */
    Lsn overwrites; /* the unfinished record that was given up right before this one; else invalid */
} WalEntry;

typedef Err *WalEntryFn(void *arg, const WalEntry *entry);

typedef enum WalEnd {
    WAL_END_NONE,         /* all that was pushed is WAL */
    WAL_END_ZERO,         /* zeros where a page or record should begin */
    WAL_END_PAGE,         /* page header of other WAL, mostly an older life of a recycled file */
    WAL_END_CONTINUATION, /* the next page does not go on with the record, or does with one never begun */
    WAL_END_LENGTH,       /* impossible record length */
    WAL_END_PREV,         /* not the successor of the record before */
    WAL_END_CRC,
} WalEnd;

typedef struct WalProgress {
    Lsn first;         /* start of the first record delivered; invalid when none was */
    Lsn first_prev;    /* the record before it, as it says itself */
    Lsn last;          /* start of the last record delivered */
    Lsn next;          /* where the next record begins; invalid while that is not known */
    Timeline timeline; /* of the last page read */
    WalEnd end;
    char end_text[160]; /* why and where, for people; "" for WAL_END_NONE */
    /* The record that began but has not ended yet; invalid start when there is none. */
    Lsn open_start;
    uint32_t open_total_bytes;
    Span open_bytes; /* borrowed from the reader until the next push */
    /* The rest of a record begun before the first page. */
    uint32_t head_seam_total_bytes; /* as announced by the first page; 0 when a record begins there */
    Span
        head_seam; /* borrowed; the first WAL_SEAM_MAX bytes of it, fewer while it goes on or when it was given up */
} WalProgress;

/* `start` tells the cluster, sizes and the address of the first byte that will be pushed, the start of any page; its
 * timeline is the lowest that is accepted. */
MUST WalReader *wal_reader_new(const WalSegmentHead *start, WalEntryFn *each, void *arg);
void wal_reader_free(WalReader **reader);

/* The next whole pages of the stream; fill up an unfinished last page with zeros. CORRUPT when they end inside a page;
 * otherwise only what the callback returned. */
MUST Err *wal_reader_push(WalReader *reader, Span pages);

WalProgress wal_reader_progress(const WalReader *reader);
