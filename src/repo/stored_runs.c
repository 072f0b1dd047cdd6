/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/stored_runs.h"

#include "base/cache_limits.h"
#include "base/limits.h"
#include "os/random.h"
#include "repo/pack.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct StoredRuns {
    uint64_t seeds[2];
    Buf runs;   /* of StoredRun */
    Buf labels; /* of BackupLabel, by source */
    Buf packs;  /* of PackUse */
    bool is_sorted;
};

Err *stored_runs_new(StoredRuns **out)
{
    AUTO(stored_runs_free) StoredRuns *runs = mem_new(sizeof *runs);
    TRY(random_bytes(runs->seeds, sizeof runs->seeds));
    *out = TAKE(runs);
    return NULL;
}

void stored_runs_free(StoredRuns **runs)
{
    if (!*runs)
        return;
    buf_done(&(*runs)->runs);
    buf_done(&(*runs)->labels);
    buf_done(&(*runs)->packs);
    mem_free(runs);
}

size_t stored_runs_count(const StoredRuns *runs)
{
    return runs->runs.len / sizeof(StoredRun);
}

const PackUse *stored_runs_packs(size_t *count, const StoredRuns *runs)
{
    *count = runs->packs.len / sizeof(PackUse);
    return (const PackUse *)(const void *)runs->packs.data;
}

/* The fields of a run that say of which file it is. */
static StoredRun run_of_path(const StoredRuns *runs, const char *path)
{
    const Span bytes = span_of(path, strlen(path));
    return (StoredRun){.path_hash = hash64_of(bytes, runs->seeds[0]),
                       .path_hash_more = (uint32_t)hash64_of(bytes, runs->seeds[1])};
}

/* -- filling --------------------------------------------------------------------------------------------------------- */

typedef struct ListedPack {
    uint32_t pack;
    uint64_t stored_bytes;
} ListedPack;

static Err *listed_add(void *arg, const ObjectEntry *object)
{
    ListedPack listed = {.stored_bytes = object->info.size_bytes};
    const char *const slash = strrchr(object->key, '/');
    if (slash && key_pack_matches(&listed.pack, slash + 1))
        buf_add(arg, &listed, sizeof listed);
    return NULL;
}

/* Keeps of `packs` what is in `others` too. Both are sorted by number. */
static void listed_keep(Buf *packs, const Buf *others)
{
    ListedPack *const kept = (ListedPack *)(void *)packs->data;
    const ListedPack *const other = (const ListedPack *)(const void *)others->data;
    const size_t count = packs->len / sizeof *kept, other_count = others->len / sizeof *other;
    size_t n = 0;
    for (size_t i = 0, k = 0; i < count; i++) {
        while (k < other_count && other[k].pack < kept[i].pack)
            k++;
        if (k < other_count && other[k].pack == kept[i].pack && other[k].stored_bytes == kept[i].stored_bytes)
            kept[n++] = kept[i];
    }
    buf_cut(packs, n * sizeof *kept);
}

/* A pack goes into all members, but a crash may have come between two of them. */
static Err *packs_list(Buf *out, const StoredSource *from)
{
    const Key prefix = key_backup_object(from->root, from->label, "pack-");
    TRY(store_list(from->store, prefix.text, (ListOpts){0}, listed_add, out));
    for (size_t i = 0; i < from->member_count; i++) {
        AUTO(buf_done) Buf others = {0};
        TRY(store_list(from->members[i], prefix.text, (ListOpts){0}, listed_add, &others));
        listed_keep(out, &others);
    }
    return NULL;
}

static void pack_runs_add(StoredRuns *runs, const PackReader *reader, const PackUse *use, uint16_t source)
{
    AUTO(pack_runs_free) PackRuns *walk = pack_runs_new(reader);
    PackRunEntry entry;
    bool is_used = false;
    while (pack_runs_next(&entry, walk) && stored_runs_count(runs) < STORED_RUNS_MAX) {
        if (!entry.path[0])
            continue;
        StoredRun run = run_of_path(runs, entry.path);
        run.first_block = (uint32_t)(entry.file_offset / PAGE_BYTES);
        run.bytes = (uint32_t)entry.bytes;
        run.pack = use->pack;
        run.offset = entry.plain_offset;
        run.file_bytes = entry.file_bytes;
        run.source = source;
        run.is_complete = entry.is_complete;
        run.is_damaged = entry.is_damaged;
        buf_add(&runs->runs, &run, sizeof run);
        is_used = true;
    }
    if (is_used)
        buf_add(&runs->packs, use, sizeof *use);
}

static Err *pack_add_runs(StoredRuns *runs, const StoredSource *from, uint32_t pack, uint16_t source)
{
    const Key key = key_pack(from->root, from->label, pack);
    AUTO(pack_close) PackReader *reader = NULL;
    AUTO(err_free) Err *err = pack_open(&reader, from->store, &key);
    if (err && !err_is_unreadable(err))
        return TAKE(err);
    if (err && from->on_fault)
        from->on_fault(from->fault_arg, TAKE(err));
    if (!reader)
        return NULL;
    const ContainerSummary *const summary = &container_info(pack_container(reader))->summary;
    const PackUse use = {.label = from->label,
                         .pack = pack,
                         .stored_bytes = summary->stored_bytes,
                         .plain_bytes = summary->plain_bytes,
                         .sha256 = summary->sha256};
    pack_runs_add(runs, reader, &use, source);
    return NULL;
}

Err *stored_runs_add(StoredRuns *runs, const StoredSource *from)
{
    assert(!runs->is_sorted);
    const size_t source = runs->labels.len / sizeof(BackupLabel);
    if (source > UINT16_MAX)
        return ERR(LIMIT, "more than %d interrupted backups", UINT16_MAX);
    AUTO(buf_done) Buf packs = {0};
    TRY(packs_list(&packs, from));
    buf_add(&runs->labels, &from->label, sizeof from->label);
    const ListedPack *const listed = (const ListedPack *)(const void *)packs.data;
    for (size_t i = 0; i < packs.len / sizeof *listed && stored_runs_count(runs) < STORED_RUNS_MAX; i++)
        TRY(pack_add_runs(runs, from, listed[i].pack, (uint16_t)source));
    return NULL;
}

/* -- looking --------------------------------------------------------------------------------------------------------- */

static int path_compare(const StoredRun *a, const StoredRun *b)
{
    if (a->path_hash != b->path_hash)
        return a->path_hash < b->path_hash ? -1 : 1;
    return (a->path_hash_more > b->path_hash_more) - (a->path_hash_more < b->path_hash_more);
}

static int run_compare(const void *a, const void *b)
{
    const StoredRun *const x = a, *const y = b;
    const int order = path_compare(x, y);
    if (order)
        return order;
    if (x->first_block != y->first_block)
        return x->first_block < y->first_block ? -1 : 1;
    if (x->source != y->source)
        return x->source > y->source ? -1 : 1;
    if (x->pack != y->pack)
        return x->pack < y->pack ? -1 : 1;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

void stored_runs_sort(StoredRuns *runs)
{
    if (runs->runs.len)
        qsort(runs->runs.data, stored_runs_count(runs), sizeof(StoredRun), run_compare);
    runs->is_sorted = true;
}

const StoredRun *stored_runs_find(size_t *count, const StoredRuns *runs, const char *path)
{
    assert(runs->is_sorted);
    const StoredRun *const all = (const StoredRun *)(const void *)runs->runs.data;
    const size_t all_count = stored_runs_count(runs);
    const StoredRun wanted = run_of_path(runs, path);
    size_t low = 0, high = all_count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (path_compare(&all[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    size_t end = low;
    while (end < all_count && path_compare(&all[end], &wanted) == 0)
        end++;
    *count = end - low;
    return all + low;
}

Extent stored_run_extent(const StoredRuns *runs, const StoredRun *run, uint32_t first, uint32_t count)
{
    assert(first >= run->first_block && count >= 1);
    const uint64_t before = (uint64_t)(first - run->first_block) * PAGE_BYTES;
    assert(before + (uint64_t)(count - 1) * PAGE_BYTES < run->bytes);
    return (Extent){.first_block = first,
                    .count = count,
                    .label = ((const BackupLabel *)(const void *)runs->labels.data)[run->source],
                    .pack = run->pack,
                    .offset = run->offset + before};
}
