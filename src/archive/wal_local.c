/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "archive/wal_local.h"

#include "os/file.h"
#include "os/path.h"

#include <stdlib.h>
#include <string.h>

static const WalLocalFile *file_find(const WalLocal *local, WalName name)
{
    for (size_t i = 0; local && i < local->count; i++) {
        const WalLocalFile *const file = &local->files[i];
        if (file->name.timeline.id == name.timeline.id && file->name.segment == name.segment)
            return file;
    }
    return NULL;
}

uint32_t wal_local_bytes(const WalLocal *local, WalName name)
{
    const WalLocalFile *const file = file_find(local, name);
    return file ? file->bytes : 0;
}

Err *wal_local_read(Buf *out, const WalLocal *local, WalName name, uint32_t from, uint32_t len)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(file_close) File *file = NULL;
    const char *const path = path_join(local->folder, wal_name_text(name).text, arena);
    const uint32_t end = wal_local_bytes(local, name);
    const uint32_t wanted = from >= end ? 0 : end - from < len ? end - from : len;
    uint8_t *const bytes = arena_alloc(arena, (size_t)len + 1);
    size_t got;
    memset(bytes, 0, len);
    TRY(file_open_read(&file, path));
    TRY(file_read_at(&got, file, bytes, wanted, from));
    if (got != wanted)
        return ERR(CORRUPT, "%s ends after %zu bytes, it had %u", path, from + got, end);
    buf_add(out, bytes, len);
    return NULL;
}

/* ---- joined with the archive's names */

static int by_first(const void *a, const void *b)
{
    const WalRange *const x = a, *const y = b;
    return x->first_segment < y->first_segment ? -1 : x->first_segment > y->first_segment;
}

static int by_segment(const void *a, const void *b)
{
    const WalCovered *const x = a, *const y = b;
    return x->segment < y->segment ? -1 : x->segment > y->segment;
}

static int by_timeline(const void *a, const void *b)
{
    const WalTimeline *const x = a, *const y = b;
    return x->timeline.id < y->timeline.id ? -1 : x->timeline.id > y->timeline.id;
}

static bool is_whole(const WalLocalFile *file)
{
    return file->bytes == file->name.segment_bytes;
}

/* Sorted, those that touch as one. */
static size_t ranges_settle(WalRange *ranges, size_t count)
{
    qsort(ranges, count, sizeof *ranges, by_first);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        WalRange *const last = kept ? &ranges[kept - 1] : NULL;
        if (!last || ranges[i].first_segment > last->last_segment + 1)
            ranges[kept++] = ranges[i];
        else if (ranges[i].last_segment > last->last_segment)
            last->last_segment = ranges[i].last_segment;
    }
    return kept;
}

static void ranges_join(WalTimeline *timeline, const WalLocal *local, Arena *arena)
{
    WalRange *const ranges = arena_alloc(arena, (timeline->range_count + local->count + 1) * sizeof *ranges);
    size_t count = timeline->range_count;
    if (count)
        memcpy(ranges, timeline->ranges, count * sizeof *ranges);
    for (size_t i = 0; i < local->count; i++) {
        const WalLocalFile *const file = &local->files[i];
        if (file->name.timeline.id == timeline->timeline.id && is_whole(file))
            ranges[count++] = (WalRange){file->name.segment, file->name.segment};
    }
    timeline->ranges = ranges;
    timeline->range_count = ranges_settle(ranges, count);
}

/* Tails of the archive count only for what no file here tells more of. */
static void covered_join(WalTimeline *timeline, const WalLocal *local, Arena *arena)
{
    WalCovered *const covered =
        arena_alloc(arena, (timeline->covered_count + local->count + 1) * sizeof *covered);
    size_t count = 0;
    for (size_t i = 0; i < timeline->covered_count; i++) {
        const WalCovered *const old = &timeline->covered[i];
        bool is_here = false;
        for (size_t k = 0; k < local->count; k++)
            is_here |= local->files[k].name.timeline.id == timeline->timeline.id &&
                       local->files[k].name.segment == old->segment;
        if (!is_here)
            covered[count++] = *old;
    }
    for (size_t i = 0; i < local->count; i++) {
        const WalLocalFile *const file = &local->files[i];
        if (file->name.timeline.id == timeline->timeline.id && !is_whole(file))
            covered[count++] = (WalCovered){file->name.segment, file->bytes};
    }
    qsort(covered, count, sizeof *covered, by_segment);
    timeline->covered = covered;
    timeline->covered_count = count;
}

WalArchive wal_local_join(const WalArchive *archive, const WalLocal *local, Arena *arena)
{
    WalTimeline *const timelines =
        arena_alloc(arena, (archive->count + local->count + 1) * sizeof *timelines);
    size_t count = archive->count;
    if (count)
        memcpy(timelines, archive->timelines, count * sizeof *timelines);
    for (size_t i = 0; i < local->count; i++) {
        const Timeline timeline = local->files[i].name.timeline;
        if (!wal_archive_timeline(&(WalArchive){timelines, count}, timeline))
            timelines[count++] = (WalTimeline){.timeline = timeline, .newest = INSTANT_NONE};
    }
    qsort(timelines, count, sizeof *timelines, by_timeline);
    for (size_t i = 0; i < count; i++) {
        ranges_join(&timelines[i], local, arena);
        covered_join(&timelines[i], local, arena);
    }
    return (WalArchive){timelines, count};
}
