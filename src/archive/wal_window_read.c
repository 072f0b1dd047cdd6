/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * The part of a window that reads WAL: records out of stored segments, joined over their borders, and summaries.
 *
 * A copy that is right only up to a switch LSN, or made of tails, is never taken at its summary's word: its records are
 * read, and those behind the end are left out.
 */
#include "archive/wal_window_priv.h"

#include "repo/wal_cover.h"

#include <stdio.h>

/* Pages that are pushed in pieces of any size. */
typedef struct PageSink {
    Sink sink;
    WalReader *reader;
    Buf rest; /* less than a page */
} PageSink;

static Err *pages_write(Sink *sink, Span bytes)
{
    PageSink *const pages = (PageSink *)sink;
    if (pages->rest.len) {
        const Span head = span_cut(bytes, 0, PAGE_BYTES - pages->rest.len);
        buf_add(&pages->rest, head.ptr, head.len);
        bytes = span_cut(bytes, head.len, bytes.len);
        if (pages->rest.len < PAGE_BYTES)
            return NULL;
        TRY(wal_reader_push(pages->reader, buf_span(&pages->rest)));
        buf_clear(&pages->rest);
    }
    const size_t whole = bytes.len - bytes.len % PAGE_BYTES;
    TRY(wal_reader_push(pages->reader, span_cut(bytes, 0, whole)));
    buf_add(&pages->rest, bytes.ptr + whole, bytes.len - whole);
    return NULL;
}

static Err *pages_finish(Sink *sink)
{
    (void)sink;
    return NULL;
}

static void pages_free(Sink *sink)
{
    buf_done(&((PageSink *)sink)->rest);
}

static void page_sink_done(PageSink *pages)
{
    buf_done(&pages->rest);
}

/* Reads bytes [from, to) of one stored segment, both on page borders. */
static Err *copy_read(WalReader *reader, const WalSource *source, WalName name, Lsn from, Lsn to)
{
    static const SinkOps ops = {.write = pages_write, .finish = pages_finish, .free = pages_free};
    AUTO(page_sink_done) PageSink pages = {.sink = {.ops = &ops}, .reader = reader};
    const Key key = key_wal(&source->generation->root, name);
    const ContainerExpect expect = {.kind = CONTAINER_WAL, .name = key_object_name(key.text)};
    AUTO(container_close) ContainerReader *object = NULL;
    TRY(container_open(&object, source->repo->store, key.text, &expect));
    return container_read(object, from.at - wal_name_start(name).at, to.at - from.at, &pages.sink);
}

/* The same of a segment made of tails, and zeros up to the end of its last page. */
static Err *cover_read(WalReader *reader, const WalSource *source, const LineageCopy *copy, Lsn from, Lsn to)
{
    const KeyRoot *const root = &source->generation->root;
    const uint64_t start = wal_name_start(copy->name).at;
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf plain = {0};
    WalCover cover;
    TRY(wal_cover_find(&cover, source->repo->store, root, copy->name, arena));
    if (start + cover.bytes < copy->end.at)
        return ERR(CORRUPT, "the tails of %s end at %s, they were listed up to %s",
                   wal_name_text(copy->name).text, lsn_text((Lsn){start + cover.bytes}).text,
                   lsn_text(copy->end).text);
    TRY(wal_cover_read(&plain, source->repo->store, root, &cover));
    static const uint8_t zeros[PAGE_BYTES];
    buf_add(&plain, zeros, (PAGE_BYTES - plain.len % PAGE_BYTES) % PAGE_BYTES);
    return wal_reader_push(reader, span_cut(buf_span(&plain), from.at - start, to.at - from.at));
}

/* The same of a segment that is not stored yet. */
static Err *local_read(WalReader *reader, const WalSource *source, WalName name, Lsn from, Lsn to)
{
    AUTO(buf_done) Buf plain = {0};
    TRY(wal_local_read(&plain, source->local, name, (uint32_t)(from.at - wal_name_start(name).at),
                       (uint32_t)(to.at - from.at)));
    return wal_reader_push(reader, buf_span(&plain));
}

static Err *segment_part_read(WalReader *reader, const WalSource *source, const LineageCopy *copy, Lsn from,
                              Lsn to)
{
    if (wal_local_bytes(source->local, copy->name))
        return local_read(reader, source, copy->name, from, to);
    return copy->is_cover ? cover_read(reader, source, copy, from, to)
                          : copy_read(reader, source, copy->name, from, to);
}

/* Records of the branch only: what a copy holds behind its end is another branch's. */
typedef struct RecordGate {
    Lsn copy_end;
    WalEntryFn *each;
    void *arg;
} RecordGate;

static Err *gate_entry(void *arg, const WalEntry *entry)
{
    const RecordGate *const gate = arg;
    return entry->start.at < gate->copy_end.at ? gate->each(gate->arg, entry) : NULL;
}

Err *wal_stretch_read(WalProgress *out, const WalWindow *window, WalStretch stretch, WalEntryFn *each,
                      void *arg)
{
    const WalSource *const source = &window->source;
    const uint32_t segment_bytes = source->generation->segment_bytes;
    RecordGate gate = {.each = each, .arg = arg};
    /* Any timeline may have written the first page: that the copies are the right ones was decided by their names. */
    WalSegmentHead head = {.system_id = source->generation->system_id,
                           .segment_bytes = segment_bytes,
                           .timeline = {1},
                           .address = stretch.from};
    TRY(pg_version_of_major(&head.version, source->generation->major));
    AUTO(wal_reader_free) WalReader *reader = wal_reader_new(&head, gate_entry, &gate);
    const Lsn end = lsn_min(stretch.to, window->end);
    for (Lsn at = stretch.from; at.at < end.at && !wal_reader_progress(reader).end;) {
        LineageCopy copy;
        if (!wal_source_copy(&copy, source, at.at / segment_bytes))
            break;
        const Lsn to = lsn_min(wal_name_end(copy.name), stretch.to);
        gate.copy_end = copy.end;
        TRY(segment_part_read(reader, source, &copy, at, to));
        at = to;
    }
    *out = wal_reader_progress(reader);
    out->open_bytes = out->head_seam = (Span){0};
    return NULL;
}

static Lsn segment_start(const WalWindow *window, uint64_t segment)
{
    return (Lsn){segment * window->source.generation->segment_bytes};
}

static Err *segment_read(WalSummary *out, const WalWindow *window, uint64_t segment)
{
    const WalStretch stretch = {segment_start(window, segment), segment_start(window, segment + 1)};
    AUTO(wal_summary_done) WalSummary summary = {0};
    const PgVersion *version;
    TRY(pg_version_of_major(&version, window->source.generation->major));
    wal_summary_init(&summary, version);
    TRY(wal_stretch_read(&summary.progress, window, stretch, wal_summary_entry, &summary));
    *out = summary;
    summary = (WalSummary){0};
    return NULL;
}

/* One record out of a stretch. */
typedef struct BorderRecord {
    WalSummary *summary;
    Lsn start;
    bool is_found;
} BorderRecord;

static Err *border_entry(void *arg, const WalEntry *entry)
{
    BorderRecord *const border = arg;
    if (entry->start.at != border->start.at)
        return NULL;
    border->is_found = true;
    return wal_summary_entry(border->summary, entry);
}

/* How far behind the segment the record that is open at its end may reach: every page gives at least its size less a
 * long header. */
static Lsn border_end(const WalSummary *summary, Lsn segment_end)
{
    const uint64_t pages =
        lsn_is_valid(summary->progress.open_start)
            ? summary->progress.open_total_bytes / (PAGE_BYTES - WAL_PAGE_LONG_HEAD_BYTES) + 1
            : 0;
    return (Lsn){segment_end.at + pages * PAGE_BYTES};
}

/* The record that begins in the segment and ends behind it. When the next segment does not go on with it and does not
 * declare it void, recovery ends here, and the summary says so. */
static Err *border_add(WalSummary *summary, const WalWindow *window, uint64_t segment)
{
    const Lsn open = summary->progress.open_start;
    if (!lsn_is_valid(open) || segment + 1 >= window->first_segment + window->segments)
        return NULL;
    const WalStretch stretch = {{open.at - open.at % PAGE_BYTES},
                                border_end(summary, segment_start(window, segment + 1))};
    BorderRecord border = {.summary = summary, .start = open};
    WalProgress progress;
    TRY(wal_stretch_read(&progress, window, stretch, border_entry, &border));
    if (!border.is_found && progress.end && progress.next.at <= open.at) {
        summary->progress.end = progress.end;
        (void)snprintf(summary->progress.end_text, sizeof summary->progress.end_text, "%s",
                       progress.end_text);
    }
    return NULL;
}

Err *wal_window_summary(WalSummary *out, const WalWindow *window, uint64_t segment)
{
    const WalSource *const source = &window->source;
    LineageCopy copy;
    if (!wal_source_copy(&copy, source, segment)) {
        (void)lineage_copy(&copy, source->lineage, segment, 0);
        return ERR(GAP, "WAL segment %s is not in the repository %s", wal_name_text(copy.name).text,
                   source->repo->name);
    }
    AUTO(wal_summary_done) WalSummary summary = {0};
    bool has_summary = false;
    if (copy.end.at == wal_name_end(copy.name).at && !wal_local_bytes(source->local, copy.name))
        TRY(wal_object_summary(&summary, &has_summary, source->repo->store, &source->generation->root,
                               copy.name));
    if (!has_summary) {
        wal_summary_done(&summary);
        TRY(segment_read(&summary, window, segment));
    }
    TRY(border_add(&summary, window, segment));
    *out = summary;
    summary = (WalSummary){0};
    return NULL;
}

Err *wal_window_each(const WalWindow *window, uint64_t first, uint64_t count, WalSegmentFn *each, void *arg)
{
    bool is_enough = false;
    for (uint64_t segment = first; segment < first + count && !is_enough; segment++) {
        AUTO(wal_summary_done) WalSummary summary = {0};
        LineageCopy copy;
        TRY(wal_window_summary(&summary, window, segment));
        (void)wal_source_copy(&copy, &window->source, segment);
        TRY(each(arg, &copy, &summary, &is_enough));
    }
    return NULL;
}

/* Records that begin in [from, to). */
typedef struct StartGate {
    Lsn from;
    Lsn to;
    WalEntryFn *each;
    void *arg;
} StartGate;

static Err *start_gate_entry(void *arg, const WalEntry *entry)
{
    const StartGate *const gate = arg;
    return entry->start.at >= gate->from.at && entry->start.at < gate->to.at ? gate->each(gate->arg, entry)
                                                                             : NULL;
}

Err *wal_segment_records(const WalWindow *window, uint64_t segment, const WalSummary *summary,
                         WalEntryFn *each, void *arg)
{
    const Lsn start = segment_start(window, segment), end = segment_start(window, segment + 1);
    StartGate gate = {.from = lsn_max(start, window->start), .to = end, .each = each, .arg = arg};
    WalProgress progress;
    return wal_stretch_read(&progress, window, (WalStretch){start, border_end(summary, end)},
                            start_gate_entry, &gate);
}
