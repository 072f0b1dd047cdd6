/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "archive/lineage.h"

#include "repo/wal_archive.h"

#include <string.h>

/* What is gathered going back from the youngest timeline: for each, where it branched off its parent. */
typedef struct Ancestry {
    Buf parts; /* of LineagePart, youngest first; begin is set */
    bool is_told;
} Ancestry;

static void ancestry_done(Ancestry *ancestry)
{
    buf_done(&ancestry->parts);
}

static void ancestor_add(Ancestry *ancestry, Timeline timeline, Lsn begin)
{
    const LineagePart part = {.timeline = timeline, .begin = begin};
    buf_add(&ancestry->parts, &part, sizeof part);
}

static void history_add(Ancestry *ancestry, const History *history)
{
    Timeline timeline = history->timeline;
    for (size_t i = history->count; i-- > 0;) {
        ancestor_add(ancestry, timeline, history->entries[i].end);
        timeline = history->entries[i].timeline;
    }
    ancestor_add(ancestry, timeline, (Lsn){0});
    ancestry->is_told = true;
}

static Lineage ancestry_lineage(const Ancestry *ancestry, uint32_t segment_bytes, Arena *arena)
{
    const size_t count = ancestry->parts.len / sizeof(LineagePart);
    const LineagePart *const found = (const LineagePart *)(const void *)ancestry->parts.data;
    LineagePart *const parts = arena_alloc(arena, count * sizeof *parts);
    Lsn end = LINEAGE_OPEN;
    for (size_t i = 0; i < count; i++) {
        LineagePart *const part = &parts[count - 1 - i];
        *part = found[i];
        part->end = end;
        /* What the young ones left is the old ones' only up to there: see pg/history.h. */
        part->begin = lsn_min(part->begin, end);
        end = part->begin;
    }
    return (Lineage){.timeline = found[0].timeline,
                     .parts = parts,
                     .count = count,
                     .segment_bytes = segment_bytes,
                     .is_told = ancestry->is_told};
}

Lineage lineage_until(const Lineage *lineage, Lsn end, Arena *arena)
{
    Lineage cut = *lineage;
    while (cut.count > 1 && end.at <= cut.parts[cut.count - 1].begin.at)
        cut.count--;
    LineagePart *const parts = arena_alloc(arena, cut.count * sizeof *parts);
    memcpy(parts, cut.parts, cut.count * sizeof *parts);
    parts[cut.count - 1].end = LINEAGE_OPEN;
    cut.parts = parts;
    cut.timeline = parts[cut.count - 1].timeline;
    return cut;
}

Lineage lineage_of_history(const History *history, uint32_t segment_bytes, Arena *arena)
{
    AUTO(ancestry_done) Ancestry ancestry = {0};
    history_add(&ancestry, history);
    return ancestry_lineage(&ancestry, segment_bytes, arena);
}

static const BranchRecord *record_find(const BranchRecord *records, size_t count, Timeline timeline)
{
    for (size_t i = 0; i < count; i++) {
        if (records[i].timeline.id == timeline.id)
            return &records[i];
    }
    return NULL;
}

/* One step back by the branch records: false when nothing tells of a parent. */
static bool record_add(Timeline *parent, Ancestry *ancestry, const BranchRecord *record, Timeline timeline)
{
    if (!record || !record->parent.id) {
        ancestor_add(ancestry, timeline, (Lsn){0});
        ancestry->is_told = record != NULL;
        return false;
    }
    ancestor_add(ancestry, timeline, record->switch_lsn);
    *parent = record->parent;
    return true;
}

Err *lineage_load(Lineage *out, Repo *repo, const Generation *generation, Timeline timeline, Arena *arena)
{
    AUTO(ancestry_done) Ancestry ancestry = {0};
    const BranchRecord *records = NULL;
    size_t record_count = 0;
    /* A parent's number is below its child's, so this ends. */
    for (;;) {
        History history;
        TRY(wal_archive_history(&history, repo, &generation->root, timeline, arena));
        if (history.count || timeline.id == 1) {
            history_add(&ancestry, &history);
            break;
        }
        if (!records)
            TRY(branch_list(&records, &record_count, repo, &generation->root, arena));
        if (!record_add(&timeline, &ancestry, record_find(records, record_count, timeline), timeline))
            break;
    }
    *out = ancestry_lineage(&ancestry, generation->segment_bytes, arena);
    return NULL;
}

Timeline lineage_production(const BranchRecord *records, size_t count)
{
    Timeline tip = {0};
    for (size_t i = 0; i < count; i++) {
        if (records[i].timeline.id > tip.id)
            tip = records[i].timeline;
    }
    return tip;
}

const LineagePart *lineage_part(const Lineage *lineage, Timeline timeline)
{
    for (size_t i = 0; i < lineage->count; i++) {
        if (lineage->parts[i].timeline.id == timeline.id)
            return &lineage->parts[i];
    }
    return NULL;
}

Timeline lineage_timeline_at(const Lineage *lineage, Lsn lsn)
{
    for (size_t i = 0; i + 1 < lineage->count; i++) {
        if (lsn.at < lineage->parts[i].end.at)
            return lineage->parts[i].timeline;
    }
    return lineage->timeline;
}

bool lineage_has_backup(const Lineage *lineage, Timeline timeline, Lsn stop_lsn)
{
    const Lsn last = {stop_lsn.at - 1};
    return lsn_is_valid(stop_lsn) && lineage_timeline_at(lineage, last).id == timeline.id;
}

bool lineage_copy(LineageCopy *out, const Lineage *lineage, uint64_t segment, size_t at)
{
    const Lsn start = {segment * lineage->segment_bytes};
    const Lsn end = {start.at + lineage->segment_bytes};
    for (size_t i = lineage->count; i-- > 0;) {
        const LineagePart *const part = &lineage->parts[i];
        if (part->begin.at >= end.at)
            continue;
        if (part->end.at <= start.at)
            return false; /* so have all older ones */
        if (at-- > 0)
            continue;
        out->name = wal_name_of_lsn(part->timeline, start, lineage->segment_bytes);
        out->end = lsn_min(part->end, end);
        out->is_cover = false;
        return true;
    }
    return false;
}

Lsn lineage_fork(const Lineage *a, const Lineage *b)
{
    Lsn fork = {0};
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        if (a->parts[i].timeline.id != b->parts[i].timeline.id)
            break;
        fork = lsn_min(a->parts[i].end, b->parts[i].end);
        if (a->parts[i].end.at != b->parts[i].end.at)
            break;
    }
    return fork;
}
