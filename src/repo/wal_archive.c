/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Keys come sorted bytewise: "wal/00000002.history" right before "wal/00000002/…", and the segments of a timeline in
 * their order. So one pass with the range being extended in hand is enough. The tails of a segment come before its
 * ".wal", sorted by where they begin.
 */
#include "repo/wal_archive.h"

#include "base/text.h"
#include "repo/json_object.h"

#include <string.h>

typedef struct Listing {
    const Generation *generation;
    Arena *arena;
    Buf timelines; /* of WalTimeline; the last one grows */
    Buf ranges;    /* of WalRange, of the last one */
    Buf covered;   /* of WalCovered, of the last one */
} Listing;

static void listing_done(Listing *listing)
{
    buf_done(&listing->timelines);
    buf_done(&listing->ranges);
    buf_done(&listing->covered);
}

static WalTimeline *last_timeline(Listing *listing)
{
    return listing->timelines.len
               ? (WalTimeline *)(void *)(listing->timelines.data + listing->timelines.len) - 1
               : NULL;
}

/* No more segments for the last timeline: its ranges move to the arena. */
static void timeline_close(Listing *listing)
{
    WalTimeline *const last = last_timeline(listing);
    if (!last)
        return;
    last->range_count = listing->ranges.len / sizeof(WalRange);
    last->ranges =
        (const WalRange *)(const void *)arena_bytes(listing->arena, buf_span(&listing->ranges)).ptr;
    last->covered_count = listing->covered.len / sizeof(WalCovered);
    last->covered =
        (const WalCovered *)(const void *)arena_bytes(listing->arena, buf_span(&listing->covered)).ptr;
    buf_clear(&listing->ranges);
    buf_clear(&listing->covered);
}

static WalTimeline *timeline_of(Listing *listing, Timeline timeline)
{
    WalTimeline *const last = last_timeline(listing);
    if (last && last->timeline.id == timeline.id)
        return last;
    timeline_close(listing);
    const WalTimeline fresh = {.timeline = timeline, .newest = INSTANT_NONE};
    buf_add(&listing->timelines, &fresh, sizeof fresh);
    return last_timeline(listing);
}

static WalCovered *last_covered(Listing *listing, uint64_t segment)
{
    WalCovered *const last = listing->covered.len
                                 ? (WalCovered *)(void *)(listing->covered.data + listing->covered.len) - 1
                                 : NULL;
    return last && last->segment == segment ? last : NULL;
}

/* `timeline` is the last one. */
static Err *segment_add(WalTimeline *timeline, Listing *listing, uint64_t segment, const ObjectInfo *info)
{
    Buf *const ranges = &listing->ranges;
    WalRange *const last = ranges->len ? (WalRange *)(void *)(ranges->data + ranges->len) - 1 : NULL;
    if (last && segment <= last->last_segment)
        return ERR(CORRUPT, "the store lists WAL of timeline %u out of order", timeline->timeline.id);
    if (last && segment == last->last_segment + 1) {
        last->last_segment = segment;
    } else {
        const WalRange fresh = {segment, segment};
        buf_add(ranges, &fresh, sizeof fresh);
    }
    if (last_covered(listing, segment)) /* the whole one wins */
        listing->covered.len -= sizeof(WalCovered);
    timeline->segments++;
    timeline->stored_bytes += info->size_bytes;
    if (info->modified.us > timeline->newest.us)
        timeline->newest = info->modified;
    return NULL;
}

static void tail_add(Listing *listing, const WalTail *tail, const char *key)
{
    if (!text_equal(key_wal_tail(&listing->generation->root, tail).text, key))
        return;
    (void)timeline_of(listing, tail->name.timeline);
    WalCovered *covered = last_covered(listing, tail->name.segment);
    if (!covered) {
        const WalCovered fresh = {.segment = tail->name.segment};
        buf_add(&listing->covered, &fresh, sizeof fresh);
        covered = last_covered(listing, tail->name.segment);
    }
    if (tail->from <= covered->bytes && tail->to > covered->bytes)
        covered->bytes = tail->to;
}

static Err *object_add(void *arg, const ObjectEntry *entry)
{
    Listing *const listing = arg;
    WalName name;
    WalTail tail;
    if (key_wal_tail_matches(&tail, strrchr(entry->key, '/') + 1, listing->generation->segment_bytes)) {
        tail_add(listing, &tail, entry->key);
        return NULL;
    }
    if (!key_wal_matches(&name, strrchr(entry->key, '/') + 1, listing->generation->segment_bytes))
        return NULL;
    if (name.kind != WAL_NAME_SEGMENT && name.kind != WAL_NAME_HISTORY)
        return NULL;
    if (!text_equal(key_wal(&listing->generation->root, name).text, entry->key))
        return NULL;
    WalTimeline *const timeline = timeline_of(listing, name.timeline);
    if (name.kind == WAL_NAME_SEGMENT)
        return segment_add(timeline, listing, name.segment, &entry->info);
    timeline->has_history = true;
    return NULL;
}

Err *wal_archive_list(WalArchive *out, Repo *repo, const Generation *generation, Arena *arena)
{
    AUTO(listing_done) Listing listing = {.generation = generation, .arena = arena};
    TRY(store_list(repo->store, key_wal_root(&generation->root).text, (ListOpts){0}, object_add, &listing));
    timeline_close(&listing);
    out->count = listing.timelines.len / sizeof(WalTimeline);
    out->timelines = (const WalTimeline *)(const void *)arena_bytes(arena, buf_span(&listing.timelines)).ptr;
    return NULL;
}

static int segment_compare(const void *a, const void *b)
{
    const uint64_t *const x = a, *const y = b;
    return *x < *y ? -1 : *x > *y;
}

/* The segments of one timeline among the names, ascending, maybe twice. */
static const uint64_t *segments_of(size_t *out, Timeline timeline, const WalName *names, size_t count,
                                   Arena *arena)
{
    uint64_t *const segments = arena_alloc(arena, count * sizeof *segments);
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (names[i].timeline.id == timeline.id)
            segments[found++] = names[i].segment;
    }
    if (found)
        qsort(segments, found, sizeof *segments, segment_compare);
    *out = found;
    return segments;
}

/* Each segment that is taken out cuts a range in two at most. */
static void ranges_cut(WalTimeline *timeline, const uint64_t *segments, size_t count, Arena *arena)
{
    WalRange *const ranges = arena_alloc(arena, (timeline->range_count + count) * sizeof *ranges);
    size_t kept = 0, at = 0;
    for (size_t i = 0; i < timeline->range_count; i++) {
        WalRange rest = timeline->ranges[i];
        while (at < count && segments[at] < rest.first_segment)
            at++;
        for (; at < count && segments[at] <= rest.last_segment; at++) {
            if (segments[at] < rest.first_segment)
                continue; /* the same again */
            timeline->segments--;
            if (segments[at] > rest.first_segment)
                ranges[kept++] = (WalRange){rest.first_segment, segments[at] - 1};
            rest.first_segment = segments[at] + 1;
        }
        if (rest.first_segment <= rest.last_segment)
            ranges[kept++] = rest;
    }
    timeline->ranges = ranges;
    timeline->range_count = kept;
}

static void covers_cut(WalTimeline *timeline, const uint64_t *segments, size_t count, Arena *arena)
{
    WalCovered *const covered = arena_alloc(arena, timeline->covered_count * sizeof *covered);
    size_t kept = 0;
    for (size_t i = 0; i < timeline->covered_count; i++) {
        const uint64_t segment = timeline->covered[i].segment;
        if (!count || !bsearch(&segment, segments, count, sizeof segment, segment_compare))
            covered[kept++] = timeline->covered[i];
    }
    timeline->covered = covered;
    timeline->covered_count = kept;
}

void wal_archive_leave_out(WalArchive *archive, const WalName *names, size_t count, Arena *arena)
{
    WalTimeline *const timelines = arena_alloc(arena, archive->count * sizeof *timelines);
    for (size_t i = 0; i < archive->count; i++) {
        timelines[i] = archive->timelines[i];
        size_t found;
        const uint64_t *const segments = segments_of(&found, timelines[i].timeline, names, count, arena);
        ranges_cut(&timelines[i], segments, found, arena);
        covers_cut(&timelines[i], segments, found, arena);
    }
    archive->timelines = timelines;
}

const WalTimeline *wal_archive_timeline(const WalArchive *archive, Timeline timeline)
{
    for (size_t i = 0; i < archive->count; i++) {
        if (archive->timelines[i].timeline.id == timeline.id)
            return &archive->timelines[i];
    }
    return NULL;
}

/* The first range that does not end before `segment`; NULL: all do. */
static const WalRange *range_reaching(const WalTimeline *timeline, uint64_t segment)
{
    size_t low = 0, high = timeline ? timeline->range_count : 0;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (timeline->ranges[middle].last_segment < segment)
            low = middle + 1;
        else
            high = middle;
    }
    return timeline && low < timeline->range_count ? &timeline->ranges[low] : NULL;
}

bool wal_timeline_has(const WalTimeline *timeline, uint64_t segment)
{
    const WalRange *const range = range_reaching(timeline, segment);
    return range && range->first_segment <= segment;
}

uint32_t wal_timeline_covered(const WalTimeline *timeline, uint64_t segment)
{
    for (size_t i = 0; timeline && i < timeline->covered_count; i++) {
        if (timeline->covered[i].segment == segment)
            return timeline->covered[i].bytes;
    }
    return 0;
}

bool wal_timeline_next(uint64_t *out, const WalTimeline *timeline, uint64_t from)
{
    const WalRange *const range = range_reaching(timeline, from);
    bool is_found = range != NULL;
    uint64_t next = !range ? UINT64_MAX : range->first_segment > from ? range->first_segment : from;
    for (size_t i = 0; timeline && i < timeline->covered_count; i++) {
        const uint64_t segment = timeline->covered[i].segment;
        if (segment >= from && segment <= next) {
            next = segment;
            is_found = true;
        }
    }
    if (is_found)
        *out = next;
    return is_found;
}

uint64_t wal_timeline_end(const WalTimeline *timeline)
{
    uint64_t end = 0;
    if (timeline && timeline->range_count)
        end = timeline->ranges[timeline->range_count - 1].last_segment + 1;
    if (timeline && timeline->covered_count && timeline->covered[timeline->covered_count - 1].segment >= end)
        end = timeline->covered[timeline->covered_count - 1].segment + 1;
    return end;
}

bool wal_timeline_gap(uint64_t *missing, const WalTimeline *timeline, uint64_t first, uint64_t last)
{
    if (first > last)
        return false;
    const WalRange *const range = range_reaching(timeline, first);
    if (range && range->first_segment <= first && range->last_segment >= last)
        return false;
    *missing = range && range->first_segment <= first ? range->last_segment + 1 : first;
    return true;
}

Err *wal_archive_history(History *out, Repo *repo, const KeyRoot *root, Timeline timeline, Arena *arena)
{
    const Key key = key_history(root, timeline);
    AUTO(buf_done) Buf plain = {0};
    Err *err = object_load(&plain, repo->store, key.text, CONTAINER_HISTORY);
    if (err_is(err, ERR_NOT_FOUND)) {
        err_free(&err);
        *out = (History){.timeline = timeline};
        return NULL;
    }
    TRY(err);
    History history = {.count = 0};
    TRY_AS(history_parse(&history, timeline, buf_span(&plain), arena), "reading %s", key.text);
    if (history.count == 0)
        return ERR(CORRUPT, "%s names no ancestor", key.text);
    *out = history;
    return NULL;
}
