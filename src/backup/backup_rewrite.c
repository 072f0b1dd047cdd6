/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "backup/backup_rewrite.h"

#include "base/limits.h"

#include <stdlib.h>
#include <string.h>

static int use_compare(const void *a, const void *b)
{
    const PackUse *const x = a, *const y = b;
    const int order = strcmp(x->label.text, y->label.text);
    return order ? order : (x->pack > y->pack) - (x->pack < y->pack);
}

/* The smaller share of live bytes first. Packs have at most 2^30 bytes, so the products fit. */
static int worse_first(const void *a, const void *b)
{
    const PackUse *const x = a, *const y = b;
    const uint64_t left = x->live_bytes * y->plain_bytes, right = y->live_bytes * x->plain_bytes;
    return left != right ? (left < right ? -1 : 1) : use_compare(a, b);
}

static bool is_mostly_dead(const PackUse *use)
{
    return use->live_bytes < use->plain_bytes / 2;
}

/* Would it be freed before long if this backup left it alone? */
static bool is_worth_it(const RewriteAsk *ask, const PackUse *pack)
{
    for (size_t i = 0; i < ask->holder_count; i++) {
        const PackUse *const use = pack_uses_find(ask->holders[i].packs, pack->label, pack->pack);
        if (use && (ask->holders[i].stays_long || !is_mostly_dead(use)))
            return false;
    }
    return true;
}

PackSet rewrite_choose(const RewriteAsk *ask, Arena *arena)
{
    AUTO(buf_done) Buf dead = {0};
    for (size_t i = 0; i < ask->packs.count; i++) {
        const PackUse *const use = &ask->packs.uses[i];
        if (is_mostly_dead(use) && is_worth_it(ask, use))
            buf_add(&dead, use, sizeof *use);
    }
    PackUse *const packs = (PackUse *)(void *)dead.data;
    const size_t count = dead.len / sizeof *packs;
    PackSet set = {.count = 0};
    if (count)
        qsort(packs, count, sizeof *packs, worse_first);
    while (set.count < count && packs[set.count].live_bytes <= ask->bytes_max - set.live_bytes)
        set.live_bytes += packs[set.count++].live_bytes;
    if (set.count)
        qsort(packs, set.count, sizeof *packs, use_compare);
    set.packs =
        (const PackUse *)(const void *)arena_bytes(arena, span_of(packs, set.count * sizeof *packs)).ptr;
    return set;
}

bool pack_set_has(const PackSet *set, const Extent *extent)
{
    return pack_uses_find((PackUses){set->packs, set->count}, extent->label, extent->pack) != NULL;
}

/* The runs of both, in one ascending row. */
static void reads_join(Buf *to, const FilePlan *plan, const Buf *more)
{
    const NumberRun *const other = (const NumberRun *)(const void *)more->data;
    const size_t count = more->len / sizeof *other;
    size_t i = 0, k = 0;
    while (i < plan->read_count || k < count) {
        const bool is_first = k == count || (i < plan->read_count && plan->reads[i].first <= other[k].first);
        reads_add(to, is_first ? plan->reads[i++] : other[k++]);
    }
}

/* The blocks of the file that lie in these packs. */
static void blocks_find(Buf *out, const PlanInput *input, const PackSet *set)
{
    const uint32_t end = (uint32_t)pages_of(input->size_bytes);
    for (size_t i = 0; i < input->base->extent_count; i++) {
        const Extent *const extent = &input->base->extents[i];
        const uint32_t below =
            extent->first_block + extent->count < end ? extent->first_block + extent->count : end;
        if (extent->first_block < below && pack_set_has(set, extent))
            reads_add(out, (NumberRun){extent->first_block, below - extent->first_block});
    }
}

void rewrite_plan(FilePlan *plan, const PlanInput *input, const PackSet *set, Arena *arena)
{
    if (!set->count || !input->base || plan->kind != PLAN_BLOCKS)
        return; /* what is read anyway is judged page by page */
    AUTO(buf_done) Buf more = {0};
    AUTO(buf_done) Buf reads = {0};
    blocks_find(&more, input, set);
    if (!more.len)
        return;
    if (input->path.relation.fork != PG_FORK_MAIN) {
        *plan = (FilePlan){.kind = PLAN_COMPARE, .read_bytes = input->size_bytes};
        return;
    }
    reads_join(&reads, plan, &more);
    *plan = reads_plan(&reads, arena);
}
