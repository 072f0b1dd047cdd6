/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * A list of indexes, the one that was asked for last at its head. An index that somebody reads is counted in `users`
 * and never dropped; the lock covers the list and the counts, never a request to the store.
 */
#include "repo/page_hashes.h"

#include "base/cache_limits.h"
#include "base/limits.h"
#include "flow/lock.h"
#include "repo/pack_index.h"

#include <string.h>

typedef struct HashIndex HashIndex;
struct HashIndex {
    BackupLabel label;
    uint32_t pack;
    Buf files, pages; /* copies of the pack's sections; `index` borrows them */
    PackIndex index;
    size_t users;
    HashIndex *next;
};

struct PageHashes {
    Store *store;
    const KeyRoot *root;
    Lock lock; /* over what follows */
    HashIndex *first;
    size_t bytes; /* of all indexes */
    size_t count;
};

PageHashes *page_hashes_new(Store *store, const KeyRoot *root)
{
    PageHashes *const hashes = mem_new(sizeof *hashes);
    hashes->store = store;
    hashes->root = root;
    lock_init(&hashes->lock);
    return hashes;
}

static void index_free(HashIndex **index)
{
    if (!*index)
        return;
    pack_index_done(&(*index)->index);
    buf_done(&(*index)->files);
    buf_done(&(*index)->pages);
    mem_free(index);
}

void page_hashes_free(PageHashes **hashes)
{
    if (!*hashes)
        return;
    while ((*hashes)->first) {
        HashIndex *index = (*hashes)->first;
        (*hashes)->first = index->next;
        index_free(&index);
    }
    lock_done(&(*hashes)->lock);
    mem_free(hashes);
}

static size_t index_bytes(const HashIndex *index)
{
    return sizeof *index + index->files.len + index->pages.len;
}

static Err *index_load(HashIndex **out, const PageHashes *hashes, const Extent *extent)
{
    const Key key = key_pack(hashes->root, extent->label, extent->pack);
    const ContainerExpect expect = {CONTAINER_PACK, key_object_name(key.text)};
    AUTO(container_close) ContainerReader *container = NULL;
    AUTO(index_free) HashIndex *index = mem_new(sizeof *index);
    Span files, pages;
    TRY(container_open(&container, hashes->store, key.text, &expect));
    TRY_AS(pack_sections_find(&files, &pages, container), "object %s", key.text);
    buf_add(&index->files, files.ptr, files.len);
    buf_add(&index->pages, pages.ptr, pages.len);
    TRY_AS(pack_index_decode(&index->index, buf_span(&index->files), buf_span(&index->pages),
                             container_info(container)->summary.plain_bytes),
           "object %s", key.text);
    index->label = extent->label;
    index->pack = extent->pack;
    *out = TAKE(index);
    return NULL;
}

/* Counts a user of the index and moves it to the head; NULL when it is not there. Under the lock. */
static HashIndex *index_find(PageHashes *hashes, const Extent *extent)
{
    for (HashIndex **at = &hashes->first; *at; at = &(*at)->next) {
        HashIndex *const index = *at;
        if (index->pack != extent->pack || memcmp(&index->label, &extent->label, sizeof index->label) != 0)
            continue;
        *at = index->next;
        index->next = hashes->first;
        hashes->first = index;
        index->users++;
        return index;
    }
    return NULL;
}

/* Drops the index that was not asked for longest among those that nobody reads; false when there is none. */
static bool index_drop(PageHashes *hashes)
{
    HashIndex **oldest = NULL;
    for (HashIndex **at = &hashes->first; *at; at = &(*at)->next) {
        if ((*at)->users == 0)
            oldest = at;
    }
    if (!oldest)
        return false;
    HashIndex *index = *oldest;
    *oldest = index->next;
    hashes->bytes -= index_bytes(index);
    hashes->count--;
    index_free(&index);
    return true;
}

/* Takes over an index that was just loaded, unless another worker was quicker. Under the lock. */
static HashIndex *index_keep(PageHashes *hashes, const Extent *extent, HashIndex **loaded)
{
    HashIndex *const there = index_find(hashes, extent);
    if (there)
        return there;
    const size_t bytes = index_bytes(*loaded);
    bool is_smaller = true;
    while (is_smaller &&
           (hashes->bytes + bytes > PAGE_HASHES_BYTES_MAX || hashes->count >= PAGE_HASHES_PACKS_MAX))
        is_smaller = index_drop(hashes);
    HashIndex *const index = TAKE(*loaded);
    index->users = 1;
    index->next = hashes->first;
    hashes->first = index;
    hashes->bytes += bytes;
    hashes->count++;
    return index;
}

static Err *index_take(HashIndex **out, PageHashes *hashes, const Extent *extent)
{
    lock_take(&hashes->lock);
    *out = index_find(hashes, extent);
    lock_release(&hashes->lock);
    if (*out)
        return NULL;
    AUTO(index_free) HashIndex *loaded = NULL;
    TRY(index_load(&loaded, hashes, extent));
    lock_take(&hashes->lock);
    *out = index_keep(hashes, extent, &loaded);
    lock_release(&hashes->lock);
    return NULL;
}

Err *page_hashes_get(uint64_t *out, uint64_t *seed, PageHashes *hashes, const Extent *extent)
{
    HashIndex *index = NULL;
    TRY(index_take(&index, hashes, extent));
    Err *const err = pack_index_hashes(out, &index->index, extent->offset, extent->count);
    if (!err)
        *seed = index->index.seed;
    lock_take(&hashes->lock);
    index->users--;
    lock_release(&hashes->lock);
    return err ? err_doing(err, "object %s", key_pack(hashes->root, extent->label, extent->pack).text) : NULL;
}
