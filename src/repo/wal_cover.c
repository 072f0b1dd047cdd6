/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/wal_cover.h"

#include <string.h>

typedef struct Search {
    WalName name;
    WalTail best;   /* of those that join what is covered, the one that reaches furthest */
    Buf tails;      /* of WalTail: taken */
    uint32_t bytes; /* that the taken ones cover */
} Search;

static void search_done(Search *search)
{
    buf_done(&search->tails);
}

static void best_take(Search *search)
{
    if (search->best.to <= search->bytes)
        return;
    buf_add(&search->tails, &search->best, sizeof search->best);
    search->bytes = search->best.to;
}

/* They come sorted by `from`: behind the first one that leaves a hole all do. */
static Err *tail_see(void *arg, const ObjectEntry *entry)
{
    Search *const search = arg;
    WalTail tail;
    if (!key_wal_tail_matches(&tail, strrchr(entry->key, '/') + 1, search->name.segment_bytes))
        return NULL;
    if (tail.from > search->bytes)
        best_take(search);
    if (tail.from <= search->bytes && tail.to > search->best.to)
        search->best = tail;
    return NULL;
}

Err *wal_cover_find(WalCover *out, Store *store, const KeyRoot *root, WalName name, Arena *arena)
{
    AUTO(search_done) Search search = {.name = name};
    TRY(store_list(store, key_wal_stem(root, name).text, (ListOpts){0}, tail_see, &search));
    best_take(&search);
    out->count = search.tails.len / sizeof(WalTail);
    out->tails = (const WalTail *)(const void *)arena_bytes(arena, buf_span(&search.tails)).ptr;
    out->bytes = search.bytes;
    return NULL;
}

/* `segment` is what the tails before gave; adds what is new. */
static Err *tail_add(Buf *segment, Store *store, const KeyRoot *root, const WalTail *tail)
{
    AUTO(buf_done) Buf part = {0};
    TRY(wal_tail_read(&part, store, root, tail));
    const size_t again = segment->len - tail->from;
    if (!span_equal(span_cut(buf_span(segment), tail->from, SIZE_MAX), span_cut(buf_span(&part), 0, again)))
        return ERR(CORRUPT, "%s holds other bytes than the tail before it", key_wal_tail(root, tail).text);
    buf_add(segment, part.data + again, part.len - again);
    return NULL;
}

Err *wal_cover_read(Buf *plain, Store *store, const KeyRoot *root, const WalCover *cover)
{
    AUTO(buf_done) Buf segment = {0};
    for (size_t i = 0; i < cover->count; i++)
        TRY(tail_add(&segment, store, root, &cover->tails[i]));
    buf_add(plain, segment.data, segment.len);
    return NULL;
}
