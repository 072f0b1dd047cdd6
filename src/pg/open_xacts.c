/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

#include "pg/open_xacts_priv.h"

#include "base/limits.h"

#include <stdlib.h>

enum { BUCKETS_FIRST = 64, ACTS_FIRST = 4 };

const uint32_t open_rows_of_note[WAL_ROW_KINDS] = {
    [WAL_ROW_INSERT] = UINT32_MAX, [WAL_ROW_UPDATE] = WAL_NOTE_ROWS, [WAL_ROW_DELETE] = WAL_NOTE_ROWS};

void open_xacts_init(OpenXacts *x)
{
    *x = (OpenXacts){.bucket_count = BUCKETS_FIRST};
    x->buckets = mem_new(x->bucket_count * sizeof *x->buckets);
}

void open_xacts_done(OpenXacts *x)
{
    for (uint32_t i = 0; i < x->slot_count; i++)
        mem_free(&x->slots[i].acts);
    mem_free(&x->slots);
    mem_free(&x->buckets);
}

static uint32_t *bucket_of(const OpenXacts *x, Xid xid)
{
    return &x->buckets[xid.id & (x->bucket_count - 1)];
}

/* The place that names the transaction's slot, or the end of its chain. */
static uint32_t *link_of(const OpenXacts *x, Xid xid)
{
    uint32_t *link = bucket_of(x, xid);
    while (*link && x->slots[*link - 1].xid.id != xid.id)
        link = &x->slots[*link - 1].next;
    return link;
}

OpenXact *open_xacts_find(const OpenXacts *x, Xid xid)
{
    const uint32_t found = *link_of(x, xid);
    return found ? &x->slots[found - 1] : NULL;
}

static void buckets_grow(OpenXacts *x)
{
    uint32_t *const old = x->buckets;
    const uint32_t old_count = x->bucket_count;
    x->bucket_count *= 2;
    x->buckets = mem_new(x->bucket_count * sizeof *x->buckets);
    for (uint32_t i = 0; i < old_count; i++) {
        for (uint32_t at = old[i]; at;) {
            OpenXact *const slot = &x->slots[at - 1];
            const uint32_t next = slot->next;
            uint32_t *const bucket = bucket_of(x, slot->xid);
            slot->next = *bucket;
            *bucket = at;
            at = next;
        }
    }
    uint32_t *done = old;
    mem_free(&done);
}

static uint32_t slot_take(OpenXacts *x)
{
    if (x->free_slot) {
        const uint32_t at = x->free_slot;
        x->free_slot = x->slots[at - 1].next;
        return at;
    }
    if (x->slot_count == x->slot_room) {
        x->slot_room = x->slot_room ? x->slot_room * 2 : BUCKETS_FIRST;
        x->slots = mem_resize(x->slots, x->slot_room * sizeof *x->slots);
    }
    x->slots[x->slot_count] = (OpenXact){.next = 0};
    return ++x->slot_count;
}

OpenXact *open_xacts_add(OpenXacts *x, Xid xid)
{
    if (x->count++ == x->bucket_count)
        buckets_grow(x);
    const uint32_t at = slot_take(x);
    OpenXact *const slot = &x->slots[at - 1];
    uint32_t *const bucket = bucket_of(x, xid);
    /* Not the rows: they are behind row_count. */
    slot->xid = xid;
    slot->top.id = 0;
    slot->act_count = slot->acts_dropped = slot->latest = slot->row_count = 0;
    slot->is_of_note = false;
    slot->next = *bucket;
    *bucket = at;
    return slot;
}

void open_xacts_remove(OpenXacts *x, Xid xid)
{
    uint32_t *const link = link_of(x, xid);
    const uint32_t at = *link;
    if (!at)
        return;
    OpenXact *const slot = &x->slots[at - 1];
    *link = slot->next;
    slot->next = x->free_slot;
    x->free_slot = at;
    x->count--;
}

static int by_xid(const void *a, const void *b)
{
    const uint32_t x = (*(OpenXact *const *)a)->xid.id, y = (*(OpenXact *const *)b)->xid.id;
    return x < y ? -1 : x > y;
}

OpenXact **open_xacts_list(const OpenXacts *x)
{
    OpenXact **const list = mem_new((x->count + (size_t)1) * sizeof *list);
    uint32_t count = 0;
    for (uint32_t i = 0; i < x->bucket_count; i++) {
        for (uint32_t at = x->buckets[i]; at; at = x->slots[at - 1].next)
            list[count++] = &x->slots[at - 1];
    }
    qsort(list, count, sizeof *list, by_xid);
    return list;
}

/* ---- what one did */

/* What brings data to an end is of note by itself, and has room of its own: a long list of locks must not hide it. */
static bool is_destructive(WalActKind kind)
{
    return kind != WAL_ACT_ROWS && kind != WAL_ACT_CREATE && kind != WAL_ACT_LOCK;
}

/* Without counts; NULL when there is no room for another one. */
static WalAct *act_add(OpenXact *xact, uint32_t place, WalActKind kind, RelFile file)
{
    if (xact->act_count >= (is_destructive(kind) ? 2 * WAL_ACTS_MAX : WAL_ACTS_MAX)) {
        xact->acts_dropped++;
        xact->is_of_note = true; /* nobody knows: then it is */
        return NULL;
    }
    if (xact->act_count == xact->act_room) {
        xact->act_room = xact->act_room ? xact->act_room * 2 : ACTS_FIRST;
        xact->acts = mem_resize(xact->acts, xact->act_room * sizeof *xact->acts);
    }
    xact->is_of_note |= is_destructive(kind);
    xact->latest = xact->act_count++;
    OpenAct *const act = &xact->acts[xact->latest];
    *act = (OpenAct){.place = place, .act = {.kind = kind, .file = file}};
    return &act->act;
}

static bool act_is(const OpenAct *act, uint32_t place, WalActKind kind, RelFile file)
{
    return act->place == place && act->act.kind == kind && rel_file_equal(act->act.file, file);
}

static WalAct *act_get(OpenXact *xact, uint32_t place, WalActKind kind, RelFile file)
{
    for (uint32_t i = 0; i < xact->act_count; i++) {
        if (act_is(&xact->acts[i], place, kind, file)) {
            xact->latest = i;
            return &xact->acts[i].act;
        }
    }
    return act_add(xact, place, kind, file);
}

void open_xact_settle(OpenXact *xact, const RelIndex *index)
{
    const uint32_t count = xact->row_count;
    xact->row_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t place = xact->rows[i] >> OPEN_ROW_KIND_BITS;
        const uint32_t kind = xact->rows[i] & ((1 << OPEN_ROW_KIND_BITS) - 1);
        WalAct *const act = act_get(xact, place, WAL_ACT_ROWS, index->files[place]);
        if (act)
            open_xact_count(xact, act, kind, 1);
    }
}

void open_xact_act(OpenXact *xact, const OpenAct *added)
{
    const WalAct from = added->act; /* `added` may be one of this transaction's, which move */
    WalAct *const act = act_get(xact, added->place, from.kind, from.file);
    for (uint32_t kind = 0; act && kind < WAL_ROW_KINDS; kind++)
        open_xact_count(xact, act, kind, from.counts[kind]);
}
