/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/wal_index.h - the sections that tell what a stored WAL segment holds
 *
 * The index of a WAL object carries typed sections beside the frames (SECTION_WAL_… of container.h): the summary
 * (pg/wal_summary.h as bytes), the changed blocks (pg/wal_changes.h), the activity (pg/wal_activity.h) and the seams,
 * which let neighbours be joined without reading their frames. Whoever does not know a section passes it over; a kind
 * of event that is not known counts as dropped, so that a reader knows it has to look at the records.
 *
 * Format: repo/FORMAT.md, "WAL index".
 */
#pragma once

#include "pg/wal_activity.h"
#include "pg/wal_changes.h"
#include "pg/wal_summary.h"

/* Format: the longest text of an event (a tablespace's path) and of a reason. */
#define WAL_INDEX_TEXT_MAX PGDATA_PATH_MAX

/* Appends the section's bytes. */
void wal_index_summary_encode(Buf *out, const WalSummary *summary);
/* End `*out` with wal_summary_done(). CORRUPT, UNSUPPORTED. */
MUST Err *wal_index_summary_decode(WalSummary *out, Span section);

/* Appends the section of changed blocks; sorts `changes` on the way. */
void wal_index_blocks_encode(Buf *out, WalChanges *changes);
/* The map is yours. CORRUPT, UNSUPPORTED. */
MUST Err *wal_index_blocks_decode(WalChanges **out, Span section);

/* Appends the section of activity. */
void wal_index_activity_encode(Buf *out, const WalActivity *activity);
/* End it with wal_activity_done(). Kinds of acts that are not known are kept as they are. CORRUPT, UNSUPPORTED. */
MUST Err *wal_index_activity_decode(WalActivity *out, Span section);

/* Both ends of a segment: the bytes of records that cross its borders, and the names of the neighbours. */
typedef struct WalSeams {
    Lsn first_prev; /* the record before the first one that begins here, as that one says; invalid: none begins */
    Lsn last;       /* the last record that begins and ends here; invalid: none does */
    uint32_t head_total_bytes; /* the end of a record begun before takes so many; 0: none does */
    Span head;                 /* the first WAL_SEAM_MAX of them */
    uint32_t tail_total_bytes; /* length of the whole record that begins here and goes on; 0: none does */
    Span tail;                 /* the first WAL_SEAM_MAX bytes of it that lie here */
    uint32_t tail_bytes;       /* how many lie here in all */
} WalSeams;

/* Borrows the reader's bytes. */
WalSeams wal_seams_of(const WalProgress *progress);
void wal_index_seams_encode(Buf *out, const WalSeams *seams);
/* Borrows the section. CORRUPT, UNSUPPORTED. */
MUST Err *wal_index_seams_decode(WalSeams *out, Span section);

/* The sections of one segment, as bytes. End them with wal_sections_done(). */
typedef struct WalSections {
    Buf summary, blocks, activity, seams;
} WalSections;

void wal_sections_done(WalSections *sections);
/* Indexes the plain bytes of a segment, of which the last page may be filled up. CORRUPT: its first page is no WAL. */
MUST Err *wal_sections_of(WalSections *out, Span plain);

/* Makes all sections in one pass over a segment, or over its first part, that comes in pieces. */
typedef struct WalIndexer WalIndexer;

/* `head` begins the segment. CORRUPT when its first page is no WAL. */
MUST Err *wal_indexer_new(WalIndexer **out, Span head);
void wal_indexer_free(WalIndexer **indexer);
/* The next piece: whole pages; a last one that ends inside a page is filled up with zeros. What lies behind the end of
 * WAL is no error. */
MUST Err *wal_indexer_push(WalIndexer *indexer, Span piece);
/* Only wal_indexer_free() may follow. */
void wal_indexer_finish(WalSections *out, WalIndexer *indexer);

/* What the map of changes needs to know of one segment. End it with wal_index_done(). */
typedef struct WalIndex {
    WalSummary summary;
    WalChanges *changes;
    WalSeams seams;
    Buf seam_bytes; /* what `seams` borrows */
} WalIndex;

void wal_index_done(WalIndex *index);
/* Spans of the sections of types 16, 17 and 19. CORRUPT, UNSUPPORTED. */
MUST Err *wal_index_decode(WalIndex *out, Span summary, Span blocks, Span seams);
/* Indexes the plain bytes of a segment, of which the last page may be filled up. CORRUPT: its first page is no WAL. */
MUST Err *wal_index_of(WalIndex *out, Span plain);
