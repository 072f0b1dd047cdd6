/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "archive/change_map.h"

#include "base/limits.h"
#include "os/file.h"
#include "os/path.h"
#include "pg/wal_page.h"
#include "repo/wal_object.h"

#include <string.h>

/* The record that is open at a border: it began in an earlier segment. */
typedef struct OpenRecord {
    Lsn start; /* invalid: none */
    uint32_t total_bytes;
    uint32_t got_bytes; /* in the segments so far */
    Buf bytes;          /* the first of those; all of them while the seams are long enough */
} OpenRecord;

typedef struct Walk {
    const ChangeRange *range;
    const PgVersion *version;
    WalChanges *map;
    OpenRecord open;
    Lsn next; /* where the next record begins when none is open; invalid before the first segment */
    Lsn last; /* start of the last record that ended, which the next one names; invalid: none did yet */
} Walk;

static void walk_done(Walk *walk)
{
    wal_changes_free(&walk->map);
    buf_done(&walk->open.bytes);
}

/* ---- one segment */

static Err *segment_check(Span plain, const ChangeRange *range, WalName name)
{
    const Generation *const generation = range->generation;
    WalSegmentHead head, expected = {.system_id = generation->system_id,
                                     .segment_bytes = generation->segment_bytes,
                                     .timeline = name.timeline,
                                     .address = wal_name_start(name)};
    TRY(pg_version_of_major(&expected.version, generation->major));
    TRY(wal_segment_head_decode(&head, plain));
    return wal_segment_head_check(&head, &expected);
}

/* The segment's plain bytes: from the archive, or else from pg_wal. NOT_FOUND when it is in neither. */
static Err *segment_plain(Buf *out, const ChangeRange *range, WalName name)
{
    if (wal_timeline_has(wal_archive_timeline(range->archive, name.timeline), name.segment))
        return wal_object_read(out, range->repo->store, &range->generation->root, name);
    if (!range->wal_folder)
        return ERR(NOT_FOUND, "WAL segment %s is not archived", wal_name_text(name).text);
    AUTO(arena_free) Arena *arena = arena_new();
    const char *const path = path_join(range->wal_folder, wal_name_text(name).text, arena);
    AUTO(err_free) Err *err = file_read_all(out, path, name.segment_bytes);
    if (err_is(err, ERR_NOT_FOUND)) /* archived and recycled since the archive was listed? */
        return wal_object_read(out, range->repo->store, &range->generation->root, name);
    TRY(TAKE(err));
    TRY_AS(segment_check(buf_span(out), range, name), "reading %s", path);
    return NULL;
}

static Err *segment_index(WalIndex *out, const ChangeRange *range, WalName name)
{
    bool has_index = false;
    if (wal_timeline_has(wal_archive_timeline(range->archive, name.timeline), name.segment))
        TRY(wal_object_index(out, &has_index, range->repo->store, &range->generation->root, name));
    if (has_index)
        return NULL;
    AUTO(buf_done) Buf plain = {0};
    TRY(segment_plain(&plain, range, name));
    return wal_index_of(out, buf_span(&plain));
}

/* ---- records over borders */

/* Bytes of records that fit a segment: all but the heads of its pages. */
static uint32_t segment_room(uint32_t segment_bytes)
{
    return segment_bytes - segment_bytes / PAGE_BYTES * WAL_PAGE_HEAD_BYTES -
           (WAL_PAGE_LONG_HEAD_BYTES - WAL_PAGE_HEAD_BYTES);
}

/* What a summary would say of the one record: no segment's does. */
static void level_judge(Walk *walk, Lsn start, const WalRecord *record, const XactEnd *end)
{
    const WalEntry entry = {.start = start, .head = record->head};
    WalSummary summary;
    wal_summary_init(&summary, walk->version);
    wal_summary_record(&summary, &entry, record, end);
    if (summary.unread)
        wal_changes_give_up(walk->map, "%s", summary.unread_text);
    if (summary.wal_level_min == WAL_LEVEL_MINIMAL)
        wal_changes_give_up(walk->map, "wal_level was minimal from %s on: not every change was logged",
                            lsn_text(start).text);
    wal_summary_done(&summary);
}

static Err *record_take(Walk *walk, Lsn start, Span bytes)
{
    WalRecord record;
    XactEnd end;
    TRY(wal_record_decode(&record, walk->version, bytes));
    const bool is_end = xact_is_end(&record.head);
    if (is_end)
        TRY(xact_end_decode(&end, walk->version, &record));
    level_judge(walk, start, &record, is_end ? &end : NULL);
    wal_changes_record(walk->map, walk->version, start, &record, is_end ? &end : NULL);
    return NULL;
}

/* Out of a stretch, the one record. */
typedef struct Sought {
    Walk *walk;
    Lsn start;
    bool is_found;
} Sought;

static Err *sought_entry(void *arg, const WalEntry *entry)
{
    Sought *const sought = arg;
    if (entry->start.at != sought->start.at || sought->is_found)
        return NULL;
    sought->is_found = true;
    if (entry->head.manager == WAL_LOGICAL_MESSAGE)
        return NULL;
    if (entry->bytes.len < entry->head.total_bytes) {
        wal_changes_give_up(sought->walk->map, "record at %s: its %u bytes are more than this program keeps",
                            lsn_text(entry->start).text, entry->head.total_bytes);
        return NULL;
    }
    return record_take(sought->walk, entry->start, entry->bytes);
}

static WalName segment_name(const Walk *walk, uint64_t segment)
{
    LineageCopy copy;
    (void)lineage_copy(&copy, walk->range->lineage, segment, 0);
    return copy.name;
}

/* A record longer than the seams, from its first page to the end of segment `last`. */
static Err *long_record_read(Walk *walk, uint64_t last)
{
    const Lsn start = walk->open.start;
    const ChangeRange *const range = walk->range;
    const uint32_t segment_bytes = range->generation->segment_bytes;
    const WalSegmentHead head = {.system_id = range->generation->system_id,
                                 .segment_bytes = segment_bytes,
                                 .timeline = {1},
                                 .address = {start.at - start.at % PAGE_BYTES},
                                 .version = walk->version};
    Sought sought = {.walk = walk, .start = start};
    AUTO(wal_reader_free) WalReader *reader = wal_reader_new(&head, sought_entry, &sought);
    uint64_t at = head.address.at;
    for (uint64_t segment = start.at / segment_bytes; segment <= last && !sought.is_found; segment++) {
        AUTO(buf_done) Buf plain = {0};
        TRY(segment_plain(&plain, range, segment_name(walk, segment)));
        TRY(wal_reader_push(reader, span_cut(buf_span(&plain), at % segment_bytes, segment_bytes)));
        at = (segment + 1) * segment_bytes;
    }
    if (!sought.is_found)
        wal_changes_give_up(walk->map, "the record at %s does not go on in the next segment",
                            lsn_text(start).text);
    return NULL;
}

/* The server crashed within the record and declared it void. */
static bool is_void(const WalSummary *summary, Lsn start)
{
    for (uint32_t i = 0; i < summary->event_count; i++) {
        const WalEvent *const event = wal_summary_event(summary, i);
        if (event->kind == WAL_EVENT_OVERWRITE && event->lsn.at == start.at)
            return true;
    }
    return false;
}

/* The open record ends in this segment. */
static Err *open_finish(Walk *walk, const WalSeams *seams, uint64_t segment)
{
    OpenRecord *const open = &walk->open;
    const bool is_short = open->bytes.len == open->got_bytes && seams->head.len == seams->head_total_bytes;
    if (!is_short)
        return long_record_read(walk, segment);
    buf_add(&open->bytes, seams->head.ptr, seams->head.len);
    const Span bytes = buf_span(&open->bytes);
    if (wal_record_crc(bytes) != wal_record_head_decode(bytes.ptr).crc) {
        wal_changes_give_up(walk->map,
                            "the record at %s and its end in the next segment do not belong together",
                            lsn_text(open->start).text);
        return NULL;
    }
    return record_take(walk, open->start, bytes);
}

/* Does the segment go on where the one before ended? */
static Err *border_cross(Walk *walk, const WalIndex *index, WalName name)
{
    OpenRecord *const open = &walk->open;
    const WalSeams *const seams = &index->seams;
    if (lsn_is_valid(open->start) && is_void(&index->summary, open->start)) {
        open->start = (Lsn){0};
        return NULL;
    }
    const uint32_t left = lsn_is_valid(open->start) ? open->total_bytes - open->got_bytes : 0;
    if (seams->head_total_bytes != left || (!left && walk->next.at < wal_name_start(name).at)) {
        wal_changes_give_up(walk->map, "WAL segment %s does not go on where the one before ends",
                            wal_name_text(name).text);
        return NULL;
    }
    if (!left)
        return NULL;
    const uint32_t room = segment_room(name.segment_bytes);
    if (left > room) {
        buf_clear(&open->bytes); /* longer than any seam */
        open->got_bytes += room;
        return NULL;
    }
    TRY(open_finish(walk, seams, name.segment));
    walk->last = open->start;
    open->start = (Lsn){0};
    return NULL;
}

/* Segments that a switch ended hold no part of their neighbours: only the names of records tell that these belong
 * together. */
static void chain_check(Walk *walk, const WalIndex *index, WalName name)
{
    const Lsn prev = index->seams.first_prev;
    if (lsn_is_valid(prev) && lsn_is_valid(walk->last) && prev.at != walk->last.at)
        wal_changes_give_up(
            walk->map, "WAL segment %s goes on behind a record at %s, the one before ends with that at %s",
            wal_name_text(name).text, lsn_text(prev).text, lsn_text(walk->last).text);
    if (lsn_is_valid(index->seams.last))
        walk->last = index->seams.last;
}

static void open_begin(Walk *walk, const WalIndex *index)
{
    OpenRecord *const open = &walk->open;
    const WalProgress *const progress = &index->summary.progress;
    walk->next = progress->next;
    if (!lsn_is_valid(progress->open_start))
        return;
    open->start = progress->open_start;
    open->total_bytes = index->seams.tail_total_bytes;
    open->got_bytes = index->seams.tail_bytes;
    buf_clear(&open->bytes);
    buf_add(&open->bytes, index->seams.tail.ptr, index->seams.tail.len);
}

/* ---- the way */

static void segment_judge(Walk *walk, const WalIndex *index, WalName name)
{
    const WalSummary *const summary = &index->summary;
    const WalProgress *const progress = &summary->progress;
    if (summary->unread)
        wal_changes_give_up(walk->map, "%s", summary->unread_text);
    if (summary->wal_level_min == WAL_LEVEL_MINIMAL)
        wal_changes_give_up(walk->map, "wal_level was minimal in WAL segment %s: not every change was logged",
                            wal_name_text(name).text);
    if (progress->end != WAL_END_NONE && progress->next.at < walk->range->to.at)
        wal_changes_give_up(walk->map, "the records of WAL segment %s end early: %s",
                            wal_name_text(name).text, progress->end_text);
}

static Err *segment_walk(Walk *walk, uint64_t segment, bool is_first)
{
    const WalName name = segment_name(walk, segment);
    AUTO(wal_index_done) WalIndex index = {.changes = NULL};
    Err *const err = segment_index(&index, walk->range, name);
    if (err_is(err, ERR_NOT_FOUND)) {
        AUTO(err_free) Err *gap = err;
        wal_changes_give_up(walk->map, "WAL segment %s is missing", wal_name_text(name).text);
        return NULL;
    }
    TRY(err);
    segment_judge(walk, &index, name);
    if (!is_first)
        TRY(border_cross(walk, &index, name));
    chain_check(walk, &index, name);
    wal_changes_join(walk->map, index.changes);
    open_begin(walk, &index);
    return NULL;
}

/* The segment that holds the last record before `to`. A server that begins a backup has just begun a segment. */
static uint64_t last_segment(const ChangeRange *range)
{
    const uint32_t size = range->generation->segment_bytes;
    const uint64_t segment = range->to.at / size;
    return range->to.at % size <= WAL_PAGE_LONG_HEAD_BYTES && segment > 0 ? segment - 1 : segment;
}

Err *change_map_make(WalChanges **out, const ChangeRange *range)
{
    AUTO(walk_done) Walk walk = {.range = range, .map = wal_changes_new()};
    TRY(pg_version_of_major(&walk.version, range->generation->major));
    const uint64_t first = range->from.at / range->generation->segment_bytes;
    for (uint64_t segment = first; segment <= last_segment(range) && !wal_changes_fault(walk.map); segment++)
        TRY(segment_walk(&walk, segment, segment == first));
    *out = TAKE(walk.map);
    return NULL;
}
