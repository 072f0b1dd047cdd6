/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* The part of a window that names alone decide. */
#include "archive/wal_window.h"

#define SEGMENT_LAST UINT64_MAX

/* The segments of which a part's copy is the best one: from the one in which it begins to the one before the next
 * part's first. False for a part that has none of its own. */
static bool part_segments(uint64_t *first, uint64_t *last, const Lineage *lineage, size_t at)
{
    *first = lineage_segment_at(lineage, lineage->parts[at].begin);
    *last = SEGMENT_LAST;
    if (at + 1 < lineage->count) {
        const uint64_t next = lineage_segment_at(lineage, lineage->parts[at].end);
        if (next <= *first)
            return false;
        *last = next - 1;
    }
    return true;
}

/* The first segment from `from` on of which the branch's best copies have something; false when there is none. */
static bool next_archived(uint64_t *out, const WalSource *source, uint64_t from)
{
    for (size_t i = 0; i < source->lineage->count; i++) {
        uint64_t first, last, found;
        if (!part_segments(&first, &last, source->lineage, i) || last < from)
            continue;
        const WalTimeline *const timeline =
            wal_archive_timeline(source->archive, source->lineage->parts[i].timeline);
        if (wal_timeline_next(&found, timeline, first > from ? first : from) && found <= last) {
            *out = found;
            return true;
        }
    }
    return false;
}

/* The first segment from `from` on without a best copy. */
static uint64_t first_missing(const WalSource *source, uint64_t from)
{
    for (size_t i = 0; i < source->lineage->count; i++) {
        uint64_t first, last, missing;
        if (!part_segments(&first, &last, source->lineage, i) || last < from)
            continue;
        const WalTimeline *const timeline =
            wal_archive_timeline(source->archive, source->lineage->parts[i].timeline);
        if (wal_timeline_gap(&missing, timeline, first > from ? first : from, last))
            return missing;
    }
    return SEGMENT_LAST; /* only an archive of 2^64 segments gets here */
}

bool wal_source_copy(LineageCopy *out, const WalSource *source, uint64_t segment)
{
    LineageCopy copy;
    for (size_t at = 0; lineage_copy(&copy, source->lineage, segment, at); at++) {
        const WalTimeline *const timeline = wal_archive_timeline(source->archive, copy.name.timeline);
        const uint32_t covered = source->is_whole_only ? 0 : wal_timeline_covered(timeline, segment);
        if (covered) {
            copy.is_cover = true;
            copy.end = lsn_min(copy.end, (Lsn){wal_name_start(copy.name).at + covered});
        }
        if (covered || wal_timeline_has(timeline, segment)) {
            *out = copy;
            return true;
        }
    }
    return false;
}

WalWindow wal_window_find(const WalSource *source, Lsn start)
{
    const Lineage *const lineage = source->lineage;
    WalWindow window = {
        .source = *source, .start = start, .first_segment = lineage_segment_at(lineage, start)};
    uint64_t missing = first_missing(source, window.first_segment);
    LineageCopy copy;
    (void)lineage_copy(&copy, lineage, missing, 0);
    window.missing = copy.name;
    window.end.at = missing * lineage->segment_bytes;
    window.is_gap = next_archived(&window.next_segment, source, missing + 1);
    /* A parent's copy of the switch segment serves up to the switch, tails up to their end. */
    if (wal_source_copy(&copy, source, missing)) {
        window.end = copy.end;
        missing++;
    }
    window.segments = missing - window.first_segment;
    if (window.segments == 0)
        window.end = start;
    else if (wal_source_copy(&copy, source, missing - 1))
        window.end_timeline = copy.name.timeline;
    return window;
}

bool wal_window_reaches(const WalWindow *window, Lsn lsn)
{
    return window->segments && lsn.at <= window->end.at;
}
