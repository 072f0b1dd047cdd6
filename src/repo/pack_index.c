/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/pack_index.h"

#include <assert.h>
#include <string.h>

enum { RUN_COMPLETE = 1 << 0, RUN_DAMAGED = 1 << 1, HASH_BYTES = 8 };

static size_t prefix_common(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t n = 0;
    while (n < a_len && n < b_len && a[n] == b[n])
        n++;
    return n;
}

void run_encode(Buf *files, RunWalk *walk, const PackRunEntry *entry)
{
    const size_t path_bytes = strlen(entry->path);
    assert(path_bytes <= PGDATA_PATH_MAX && entry->file_offset % PAGE_BYTES == 0 && entry->bytes > 0);
    const size_t shared = prefix_common(walk->path, walk->path_bytes, entry->path, path_bytes);
    buf_add_u16(files, (uint16_t)shared);
    buf_add_u16(files, (uint16_t)(path_bytes - shared));
    buf_add(files, entry->path + shared, path_bytes - shared);
    buf_add_u8(files,
               (uint8_t)((entry->is_complete ? RUN_COMPLETE : 0) | (entry->is_damaged ? RUN_DAMAGED : 0)));
    buf_add_u32(files, (uint32_t)(entry->file_offset / PAGE_BYTES));
    buf_add_u32(files, (uint32_t)entry->bytes);
    buf_add_u64(files, entry->file_bytes);

    memcpy(walk->path + shared, entry->path + shared, path_bytes - shared + 1);
    walk->path_bytes = path_bytes;
    walk->plain_offset += entry->bytes;
    walk->first_hash += pages_of(entry->bytes);
}

static Err *run_path_decode(RunWalk *walk, Dec *dec)
{
    const size_t shared = dec_u16(dec);
    const Span rest = dec_bytes(dec, dec_u16(dec));
    TRY(dec_end(dec, "list of files"));
    if (shared > walk->path_bytes || shared + rest.len > PGDATA_PATH_MAX)
        return ERR(CORRUPT, "list of files has a path that shares %zu bytes with one of %zu and adds %zu",
                   shared, walk->path_bytes, rest.len);
    if (rest.len && memchr(rest.ptr, 0, rest.len))
        return ERR(CORRUPT, "list of files has a path with a zero byte behind \"%.*s\"", (int)shared,
                   walk->path);
    if (rest.len)
        memcpy(walk->path + shared, rest.ptr, rest.len);
    walk->path_bytes = shared + rest.len;
    walk->path[walk->path_bytes] = 0;
    return NULL;
}

Err *run_decode(PackRunEntry *out, RunWalk *walk, Dec *dec)
{
    TRY(run_path_decode(walk, dec));
    PackRunEntry entry = {.path = walk->path, .plain_offset = walk->plain_offset};
    const unsigned flags = dec_u8(dec);
    entry.is_complete = flags & RUN_COMPLETE;
    entry.is_damaged = flags & RUN_DAMAGED;
    entry.file_offset = (uint64_t)dec_u32(dec) * PAGE_BYTES;
    entry.bytes = dec_u32(dec);
    entry.file_bytes = dec_u64(dec);
    TRY(dec_end(dec, "list of files"));
    if (flags & ~(unsigned)(RUN_COMPLETE | RUN_DAMAGED))
        return ERR(UNSUPPORTED, "written by a newer pgstrata: flags %02x for \"%s\" are not known", flags,
                   entry.path);
    if (entry.bytes == 0 || entry.bytes > PACK_PLAIN_MAX)
        return ERR(CORRUPT, "list of files has %lu bytes of \"%s\"", (unsigned long)entry.bytes, entry.path);
    walk->plain_offset += entry.bytes;
    walk->first_hash += pages_of(entry.bytes);
    *out = entry;
    return NULL;
}

void pages_encode(Buf *pages, Span bytes, uint64_t seed)
{
    for (size_t at = 0; at < bytes.len; at += PAGE_BYTES)
        buf_add_u64(pages, hash64_of(span_cut(bytes, at, PAGE_BYTES), seed));
}

static void mark_add(PackIndex *index, const RunWalk *walk, size_t at)
{
    if ((index->mark_count & (index->mark_count - 1)) == 0) /* full at each power of two */
        index->marks =
            mem_resize(index->marks, (index->mark_count ? 2 * index->mark_count : 1) * sizeof(RunMark));
    index->marks[index->mark_count++] = (RunMark){walk->plain_offset, walk->first_hash, at};
}

Err *pack_sections_find(Span *files, Span *pages, const ContainerReader *container)
{
    if (!container_section_find(files, container, SECTION_FILES) ||
        !container_section_find(pages, container, SECTION_PAGES))
        return ERR(CORRUPT, "index has not both a list of files and page hashes");
    return NULL;
}

Err *pack_index_decode(PackIndex *out, Span files, Span pages, uint64_t plain_bytes)
{
    AUTO(pack_index_done) PackIndex index = {.files = files, .plain_bytes = plain_bytes};
    Dec pages_dec = dec_begin(pages);
    index.seed = dec_u64(&pages_dec);
    TRY(dec_end(&pages_dec, "page hashes"));
    index.hashes = dec_bytes(&pages_dec, dec_left(&pages_dec));

    RunWalk walk = {0};
    Dec dec = dec_begin(files);
    for (size_t number = 0; dec_left(&dec) > 0; number++) {
        if (number % RUNS_PER_MARK == 0)
            mark_add(&index, &walk, dec.at);
        PackRunEntry entry;
        TRY(run_decode(&entry, &walk, &dec));
    }
    if (walk.plain_offset != plain_bytes)
        return ERR(CORRUPT, "list of files has %lu bytes, the pack %lu", (unsigned long)walk.plain_offset,
                   (unsigned long)plain_bytes);
    if (index.hashes.len != walk.first_hash * HASH_BYTES)
        return ERR(CORRUPT, "pack has %zu bytes of page hashes, its %lu blocks need %lu", index.hashes.len,
                   (unsigned long)walk.first_hash, (unsigned long)(walk.first_hash * HASH_BYTES));
    *out = index;
    index.marks = NULL;
    return NULL;
}

void pack_index_done(PackIndex *index)
{
    mem_free(&index->marks);
}

/* The last mark at or before `offset`. There is one: the pack is not empty. */
static const RunMark *mark_find(const PackIndex *index, uint64_t offset)
{
    size_t low = 0, high = index->mark_count;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (index->marks[middle].plain_offset <= offset)
            low = middle;
        else
            high = middle;
    }
    return &index->marks[low];
}

static Err *no_such_blocks(uint64_t offset, size_t count)
{
    return ERR(CORRUPT, "pack has no %zu blocks in a row at plain offset %lu", count, (unsigned long)offset);
}

/* Passes over the next run and returns its length. Paths play no part here: the walk began in the middle. */
static uint64_t run_pass(Dec *dec)
{
    dec_skip(dec, 2);
    dec_skip(dec, (size_t)dec_u16(dec) + 5);
    const uint64_t bytes = dec_u32(dec);
    dec_skip(dec, 8);
    return bytes;
}

Err *pack_index_hashes(uint64_t *out, const PackIndex *index, uint64_t offset, size_t count)
{
    if (offset >= index->plain_bytes)
        return no_such_blocks(offset, count);
    const RunMark *const mark = mark_find(index, offset);
    uint64_t run_begin = mark->plain_offset, first_hash = mark->first_hash;
    Dec dec = dec_begin(index->files);
    dec.at = mark->at;
    uint64_t bytes = run_pass(&dec);
    while (offset >= run_begin + bytes) { /* ends: the runs cover all plain bytes */
        run_begin += bytes;
        first_hash += pages_of(bytes);
        bytes = run_pass(&dec);
    }
    const uint64_t block = (offset - run_begin) / PAGE_BYTES;
    uint64_t there = pages_of(bytes) - block;
    while (there < count && bytes % PAGE_BYTES == 0 && dec_left(&dec) > 0) {
        bytes = run_pass(&dec);
        there += pages_of(bytes);
    }
    if ((offset - run_begin) % PAGE_BYTES != 0 || count > there)
        return no_such_blocks(offset, count);
    for (size_t i = 0; i < count; i++)
        out[i] = get_u64(index->hashes.ptr + (first_hash + block + i) * HASH_BYTES);
    return NULL;
}
