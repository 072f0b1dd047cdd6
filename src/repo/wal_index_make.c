/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* All sections in one pass over the records; each record is taken apart once. */
#include "base/limits.h"
#include "repo/wal_index.h"

#include <string.h>

struct WalIndexer {
    const PgVersion *version;
    WalReader *reader;
    WalSummary summary;
    WalChanges *changes;
    ActivityGather *activity;
};

void wal_indexer_free(WalIndexer **indexer)
{
    if (!*indexer)
        return;
    wal_reader_free(&(*indexer)->reader);
    wal_summary_done(&(*indexer)->summary);
    wal_changes_free(&(*indexer)->changes);
    activity_gather_free(&(*indexer)->activity);
    mem_free(indexer);
}

static Err *record_decode(WalRecord *record, XactEnd *end, const WalIndexer *indexer, const WalEntry *entry)
{
    if (entry->bytes.len < entry->head.total_bytes)
        return ERR(LIMIT, "its %u bytes are more than this program keeps", entry->head.total_bytes);
    TRY(wal_record_decode(record, indexer->version, entry->bytes));
    return end ? xact_end_decode(end, indexer->version, record) : NULL;
}

/* Nearly all records are of one form, and say no more than that a block has changed. */
static inline bool is_plain(const WalRecordHead *head)
{
    return wal_summary_is_plain(head) && wal_changes_is_plain(head) && activity_is_plain(head);
}

static inline void plain_take(WalIndexer *indexer, const WalRecordHead *head, WalTouch touch)
{
    wal_summary_count(&indexer->summary, head->xid);
    wal_changes_plain(indexer->changes, touch);
    activity_gather_plain(indexer->activity, head, touch);
}

static void unread_take(WalIndexer *indexer, const WalEntry *entry, Err *err)
{
    wal_changes_give_up(indexer->changes, "record at %s: %s", lsn_text(entry->start).text, err_text(err));
    activity_gather_unread(indexer->activity);
    wal_summary_unread(&indexer->summary, entry, err);
}

static Err *other_take(WalIndexer *indexer, const WalEntry *entry)
{
    WalRecord record;
    XactEnd xact_end;
    /* Messages of applications change no file, and they alone may be longer than what is kept. */
    if (entry->head.manager == WAL_LOGICAL_MESSAGE)
        return wal_summary_entry(&indexer->summary, entry);
    XactEnd *const end = xact_is_end(&entry->head) ? &xact_end : NULL;
    Err *const err = record_decode(&record, end, indexer, entry);
    if (err) {
        unread_take(indexer, entry, err);
        return NULL;
    }
    wal_summary_record(&indexer->summary, entry, &record, end);
    wal_changes_record(indexer->changes, indexer->version, entry->start, &record, end);
    activity_gather_record(indexer->activity, entry->start, &record, end);
    return NULL;
}

/* The end of a transaction that touches no file, as most do not. */
__attribute__((noinline)) static Err *end_take(WalIndexer *indexer, const WalEntry *entry)
{
    XactEnd end;
    if (!xact_end_matches(&end, &entry->head, entry->bytes))
        return other_take(indexer, entry);
    wal_summary_xact(&indexer->summary, &entry->head, &end);
    activity_gather_end(indexer->activity, entry->start, &end);
    return NULL;
}

static Err *entry_take(void *arg, const WalEntry *entry)
{
    WalIndexer *const indexer = arg;
    WalTouch touch;
    if (!is_plain(&entry->head) || !wal_touch_matches(&touch, entry->bytes))
        return xact_is_end(&entry->head) ? end_take(indexer, entry) : other_take(indexer, entry);
    plain_take(indexer, &entry->head, touch);
    return NULL;
}

Err *wal_indexer_new(WalIndexer **out, Span head)
{
    WalSegmentHead segment;
    TRY(wal_segment_head_decode(&segment, head));
    WalIndexer *const indexer = mem_new(sizeof *indexer);
    indexer->version = segment.version;
    indexer->changes = wal_changes_new();
    indexer->activity = activity_gather_new(segment.version);
    wal_summary_init(&indexer->summary, segment.version);
    indexer->reader = wal_reader_new(&segment, entry_take, indexer);
    *out = indexer;
    return NULL;
}

Err *wal_indexer_push(WalIndexer *indexer, Span piece)
{
    const size_t whole = piece.len - piece.len % PAGE_BYTES;
    const Span rest = span_cut(piece, whole, SIZE_MAX);
    TRY(wal_reader_push(indexer->reader, span_cut(piece, 0, whole)));
    if (!rest.len)
        return NULL;
    uint8_t page[PAGE_BYTES] = {0};
    memcpy(page, rest.ptr, rest.len);
    return wal_reader_push(indexer->reader, span_of(page, sizeof page));
}

void wal_indexer_finish(WalSections *out, WalIndexer *indexer)
{
    const WalProgress progress = wal_reader_progress(indexer->reader);
    const WalSeams seams = wal_seams_of(&progress);
    wal_index_seams_encode(&out->seams, &seams);
    wal_summary_finish(&indexer->summary, indexer->reader);
    wal_index_summary_encode(&out->summary, &indexer->summary);
    wal_index_blocks_encode(&out->blocks, indexer->changes);
    AUTO(wal_activity_done) WalActivity activity;
    activity_gather_finish(&activity, indexer->activity);
    wal_index_activity_encode(&out->activity, &activity);
}

void wal_sections_done(WalSections *sections)
{
    buf_done(&sections->summary);
    buf_done(&sections->blocks);
    buf_done(&sections->activity);
    buf_done(&sections->seams);
}

Err *wal_sections_of(WalSections *out, Span plain)
{
    AUTO(wal_indexer_free) WalIndexer *indexer = NULL;
    TRY(wal_indexer_new(&indexer, plain));
    TRY(wal_indexer_push(indexer, plain));
    wal_indexer_finish(out, indexer);
    return NULL;
}

/* ---- the whole index */

void wal_index_done(WalIndex *index)
{
    wal_summary_done(&index->summary);
    wal_changes_free(&index->changes);
    buf_done(&index->seam_bytes);
}

Err *wal_index_decode(WalIndex *out, Span summary, Span blocks, Span seams)
{
    AUTO(wal_index_done) WalIndex index = {.changes = NULL};
    TRY(wal_index_summary_decode(&index.summary, summary));
    TRY(wal_index_blocks_decode(&index.changes, blocks));
    buf_add(&index.seam_bytes, seams.ptr, seams.len);
    TRY(wal_index_seams_decode(&index.seams, buf_span(&index.seam_bytes)));
    *out = index;
    index = (WalIndex){.changes = NULL};
    return NULL;
}

Err *wal_index_of(WalIndex *out, Span plain)
{
    AUTO(wal_sections_done) WalSections sections = {.summary = {0}};
    TRY(wal_sections_of(&sections, plain));
    return wal_index_decode(out, buf_span(&sections.summary), buf_span(&sections.blocks),
                            buf_span(&sections.seams));
}
