/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "backup/backup_plan.h"

#include "base/limits.h"

#include <string.h>

static FilePlan plan_of(PlanKind kind, const PlanInput *input)
{
    return (FilePlan){.kind = kind, .read_bytes = input->size_bytes};
}

/* A segment file as PostgreSQL leaves it: whole pages, and no more of them than a segment has. */
static bool is_regular(uint64_t size_bytes, uint32_t segment_blocks)
{
    return size_bytes % PAGE_BYTES == 0 && size_bytes / PAGE_BYTES <= segment_blocks;
}

void reads_add(Buf *reads, NumberRun run)
{
    if (!run.count)
        return;
    NumberRun *const last = reads->len ? (NumberRun *)(void *)(reads->data + reads->len) - 1 : NULL;
    if (!last || last->first + last->count < run.first)
        buf_add(reads, &run, sizeof run);
    else if (last->first + last->count < run.first + run.count)
        last->count = run.first + run.count - last->first;
}

/* The marked blocks among [first, first + below), numbered from 0. */
static void marks_add(Buf *reads, const NumberSet *marks, uint32_t first, uint32_t below)
{
    NumberRun run;
    for (uint32_t from = 0; from < below && number_set_next(&run, marks, first + from);
         from = run.first + run.count) {
        run.first -= first;
        if (run.first >= below)
            return;
        if (run.count > below - run.first)
            run.count = below - run.first;
        reads_add(reads, run);
    }
}

FilePlan reads_plan(const Buf *reads, Arena *arena)
{
    FilePlan plan = {.kind = PLAN_BLOCKS, .read_count = reads->len / sizeof(NumberRun)};
    plan.reads = (NumberRun *)(void *)(uintptr_t)arena_bytes(arena, buf_span(reads)).ptr;
    for (size_t i = 0; i < plan.read_count; i++)
        plan.read_bytes += (uint64_t)plan.reads[i].count * PAGE_BYTES;
    return plan;
}

static FilePlan main_plan(const PlanInput *input, const WalChange *change, Arena *arena)
{
    if (!is_regular(input->size_bytes, input->segment_blocks) ||
        !is_regular(input->base->size_bytes, input->segment_blocks))
        return plan_of(PLAN_WHOLE, input);
    const uint32_t blocks = (uint32_t)pages_of(input->size_bytes);
    const uint32_t first = input->path.relation.segment * input->segment_blocks;
    uint32_t same = (uint32_t)pages_of(input->base->size_bytes); /* below this the parent's may be taken */
    if (same > blocks)
        same = blocks;
    AUTO(buf_done) Buf reads = {0};
    if (change) {
        if (change->limit <= first)
            return plan_of(PLAN_WHOLE, input);
        if (change->limit - first < same)
            same = change->limit - first;
        marks_add(&reads, &change->blocks, first, same);
    }
    reads_add(&reads, (NumberRun){same, blocks - same});
    return reads_plan(&reads, arena);
}

static FilePlan relation_plan(const PlanInput *input, Arena *arena)
{
    const RelationFile *const relation = &input->path.relation;
    const WalDatabase database = {relation->rel.tablespace, relation->rel.database};
    if (wal_changes_has_database(input->changes, database))
        return plan_of(PLAN_WHOLE, input);
    const WalChange *const change = wal_changes_find(input->changes, relation->rel);
    if (relation->fork == PG_FORK_MAIN)
        return main_plan(input, change, arena);
    const bool is_map = relation->fork == PG_FORK_FSM || relation->fork == PG_FORK_VM;
    if (is_map && !change && input->size_bytes == input->base->size_bytes)
        return (FilePlan){.kind = PLAN_BLOCKS};
    return plan_of(PLAN_COMPARE, input);
}

FilePlan file_plan(const PlanInput *input, Arena *arena)
{
    if (!input->base)
        return plan_of(PLAN_WHOLE, input);
    if (input->path.kind != PGDATA_RELATION || !input->changes)
        return plan_of(PLAN_COMPARE, input);
    return relation_plan(input, arena);
}

/* The first extent that ends behind `block`. */
static size_t extent_find(const ManifestEntry *base, uint32_t block)
{
    size_t low = 0, high = base->extent_count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const Extent *const extent = &base->extents[middle];
        if (extent->first_block + extent->count <= block)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void base_extents_add(Buf *extents, const ManifestEntry *base, NumberRun run)
{
    const uint32_t end = run.first + run.count;
    for (size_t i = extent_find(base, run.first);
         run.count && i < base->extent_count && base->extents[i].first_block < end; i++) {
        Extent piece = base->extents[i];
        const uint32_t before = piece.first_block < run.first ? run.first - piece.first_block : 0;
        piece.first_block += before;
        piece.offset += (uint64_t)before * PAGE_BYTES;
        piece.count -= before;
        if (piece.count > end - piece.first_block)
            piece.count = end - piece.first_block;
        extents_add(extents, &piece);
    }
}
