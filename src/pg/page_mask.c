/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "pg/page_mask.h"

#include "pg/page.h"

#include <assert.h>
#include <string.h>

enum {
    HEADER_BYTES = 24,
    AT_CHECKSUM = 8,
    AT_FLAGS = 10,
    AT_LOWER = 12,
    AT_PRUNE_XID = 20,
    PD_HAS_FREE_LINES = 1,
    PD_PAGE_FULL = 2,
};

/* A line pointer: offset in bits 0 to 14, state in 15 and 16, length above. */
enum { POINTER_BYTES = 4, LP_NORMAL = 1, LP_DEAD = 3 };
#define POINTER_STATE UINT32_C(0x00018000)

enum {
    TUPLE_HEADER_BYTES = 23,
    TUPLE_AT_COMMAND = 8,
    TUPLE_AT_INFOMASK = 20,
    XMIN_COMMITTED = 0x0100,
    XMIN_INVALID = 0x0200,
    XMIN_FROZEN = XMIN_COMMITTED | XMIN_INVALID,
    XMAX_COMMITTED = 0x0400,
    XMAX_INVALID = 0x0800,
    COMBO_COMMAND = 0x0020, /* the command id stands for two, in the memory of the transaction */
    MOVED = 0xc000,         /* by VACUUM FULL before 9.0: then the command id is a transaction's */
    TUPLE_ALIGNMENT = 8,
};

/* What the last bytes of a page say about its access method. Btree has no id: its cycle ids stay below all others. */
enum {
    HASH_PAGE_ID = 0xff80,
    GIST_PAGE_ID = 0xff81,
    SPGIST_PAGE_ID = 0xff82,
    BRIN_META_ID = 0xf091,
    BRIN_REGULAR_ID = 0xf093,
    GIN_FLAGS_MAX = 0x00ff, /* it has flags there and no id */
};

typedef enum PageKind {
    KIND_HEAP,
    KIND_BTREE,
    KIND_HASH,
    KIND_GIST,
    KIND_SPGIST,
    KIND_BRIN,
    KIND_GIN,   /* also sequences and what extensions make with a special area like it */
    KIND_OTHER, /* nothing of their own is a hint */
} PageKind;

static PageKind kind_of(const uint8_t *page, const PageHeader *h)
{
    const uint16_t id = get_u16(page + PAGE_BYTES - 2);
    switch (PAGE_BYTES - h->special) {
    case 0:
        return KIND_HEAP;
    case 8:
        if (id == SPGIST_PAGE_ID)
            return KIND_SPGIST;
        if (id >= BRIN_META_ID && id <= BRIN_REGULAR_ID)
            return KIND_BRIN;
        return id <= GIN_FLAGS_MAX ? KIND_GIN : KIND_OTHER;
    case 16:
        if (id == HASH_PAGE_ID)
            return KIND_HASH;
        if (id == GIST_PAGE_ID)
            return KIND_GIST;
        return id < HASH_PAGE_ID ? KIND_BTREE : KIND_OTHER;
    default:
        return KIND_OTHER;
    }
}

static bool bounds_are_sound(const PageHeader *h)
{
    return h->lower >= HEADER_BYTES && h->lower <= h->upper && h->upper <= h->special &&
           h->special <= PAGE_BYTES;
}

/* A page found in the free space map is initialised before a tuple goes there; when the statement ends between the two,
 * the page stays like that, and no WAL says so (src/backend/access/heap/hio.c). */
static bool is_merely_initialised(const PageHeader *h)
{
    return h->lsn.at == 0 && h->lower == HEADER_BYTES && h->upper == PAGE_BYTES &&
           !(h->flags & ~(PD_HAS_FREE_LINES | PD_PAGE_FULL));
}

static void bits_clear(uint8_t *at, unsigned bits)
{
    put_u16(at, (uint16_t)(get_u16(at) & ~bits));
}

static void dead_pointers_mask(uint8_t *page, const PageHeader *h)
{
    for (size_t at = HEADER_BYTES; at + POINTER_BYTES <= h->lower; at += POINTER_BYTES) {
        const uint32_t pointer = get_u32(page + at);
        if ((pointer & POINTER_STATE) == (uint32_t)LP_DEAD << 15)
            put_u32(page + at, (pointer & ~POINTER_STATE) | (uint32_t)LP_NORMAL << 15);
    }
}

static void tuple_mask(uint8_t *tuple, size_t len, size_t room)
{
    const uint16_t infomask = get_u16(tuple + TUPLE_AT_INFOMASK);
    const bool is_frozen = (infomask & XMIN_FROZEN) == XMIN_FROZEN;
    bits_clear(tuple + TUPLE_AT_INFOMASK, (is_frozen ? 0 : XMIN_FROZEN) | XMAX_COMMITTED | XMAX_INVALID);
    if (!(infomask & MOVED)) {
        put_u32(tuple + TUPLE_AT_COMMAND, 0);
        bits_clear(tuple + TUPLE_AT_INFOMASK, COMBO_COMMAND);
    }
    size_t padding = (TUPLE_ALIGNMENT - len % TUPLE_ALIGNMENT) % TUPLE_ALIGNMENT;
    if (padding > room - len)
        padding = room - len;
    memset(tuple + len, 0, padding);
}

static void tuples_mask(uint8_t *page, const PageHeader *h)
{
    for (size_t at = HEADER_BYTES; at + POINTER_BYTES <= h->lower; at += POINTER_BYTES) {
        const uint32_t pointer = get_u32(page + at);
        const size_t offset = pointer & 0x7fff, len = pointer >> 17;
        const bool is_normal = (pointer & POINTER_STATE) == (uint32_t)LP_NORMAL << 15;
        if (is_normal && offset >= h->upper && len >= TUPLE_HEADER_BYTES && offset + len <= h->special)
            tuple_mask(page + offset, len, h->special - offset);
    }
}

static void heap_mask(uint8_t *page, const PageHeader *h)
{
    put_u32(page + AT_PRUNE_XID, 0);
    tuples_mask(page, h);
}

/* What a page holds that nobody will read again: all between header and the last bytes of its special area. */
static void deleted_mask(uint8_t *page, size_t end)
{
    memset(page + AT_LOWER, 0, 4); /* and upper */
    memset(page + HEADER_BYTES, 0, end - HEADER_BYTES);
}

static void btree_mask(uint8_t *page, const PageHeader *h)
{
    enum { AT_BTREE_FLAGS = 12, AT_CYCLE_ID = 14 };
    enum { LEAF = 1, DELETED = 4, SPLIT_END = 32, HAS_GARBAGE = 64, HAS_FULL_XID = 256 };
    uint8_t *const special = page + h->special;
    const uint16_t flags = get_u16(special + AT_BTREE_FLAGS);
    if (flags & LEAF)
        dead_pointers_mask(page, h);
    bits_clear(special + AT_BTREE_FLAGS, SPLIT_END | HAS_GARBAGE);
    put_u16(special + AT_CYCLE_ID, 0);
    if (flags & DELETED && !(flags & HAS_FULL_XID)) { /* in 13 replay makes it new */
        deleted_mask(page, h->special);
        bits_clear(special + AT_BTREE_FLAGS, LEAF);
    }
}

static void hash_mask(uint8_t *page, const PageHeader *h)
{
    enum { AT_HASH_FLAGS = 12, OVERFLOW_PAGE = 1, BUCKET_PAGE = 2, HAS_DEAD_TUPLES = 128 };
    uint8_t *const special = page + h->special;
    if (get_u16(special + AT_HASH_FLAGS) & (OVERFLOW_PAGE | BUCKET_PAGE))
        dead_pointers_mask(page, h);
    bits_clear(special + AT_HASH_FLAGS, HAS_DEAD_TUPLES);
}

static void gist_mask(uint8_t *page, const PageHeader *h)
{
    enum { AT_GIST_FLAGS = 12, LEAF = 1, HAS_GARBAGE = 16 };
    uint8_t *const special = page + h->special;
    if (get_u16(special + AT_GIST_FLAGS) & LEAF)
        dead_pointers_mask(page, h);
    bits_clear(special + AT_GIST_FLAGS, HAS_GARBAGE);
}

static void spgist_mask(uint8_t *page, const PageHeader *h)
{
    /* Behind the magic number: eight pairs of a block and its free space. */
    enum { META = 1, AT_CACHE = HEADER_BYTES + 4, CACHE_BYTES = 8 * 8 };
    if (get_u16(page + h->special) & META && h->special >= AT_CACHE + CACHE_BYTES)
        memset(page + AT_CACHE, 0, CACHE_BYTES);
}

static void brin_mask(uint8_t *page, const PageHeader *h)
{
    enum { AT_BRIN_FLAGS = 4, EVACUATE_PAGE = 1 };
    bits_clear(page + h->special + AT_BRIN_FLAGS, EVACUATE_PAGE);
}

/* Replay makes a deleted page new, the server that deleted it leaves what was there: a standby's differs. */
static void gin_mask(uint8_t *page, const PageHeader *h)
{
    enum { AT_GIN_FLAGS = 6, DELETED = 4 };
    const size_t flags = (size_t)h->special + AT_GIN_FLAGS;
    if (get_u16(page + flags) & DELETED)
        deleted_mask(page, flags);
}

void page_mask(uint8_t *page)
{
    static void (*const masks[])(uint8_t *, const PageHeader *) = {
        [KIND_HEAP] = heap_mask, [KIND_BTREE] = btree_mask,   [KIND_HASH] = hash_mask,
        [KIND_GIST] = gist_mask, [KIND_SPGIST] = spgist_mask, [KIND_BRIN] = brin_mask,
        [KIND_GIN] = gin_mask,
    };
    const PageHeader h = page_header(page);
    if (!bounds_are_sound(&h))
        return;
    const PageKind kind = kind_of(page, &h);
    if (kind == KIND_HEAP && is_merely_initialised(&h)) {
        memset(page, 0, PAGE_BYTES);
        return;
    }
    put_u16(page + AT_CHECKSUM, 0);
    bits_clear(page + AT_FLAGS, PD_HAS_FREE_LINES | PD_PAGE_FULL);
    if (h.lower > HEADER_BYTES || kind == KIND_HEAP)
        memset(page + h.lower, 0, (size_t)(h.upper - h.lower));
    if (kind != KIND_OTHER)
        masks[kind](page, &h);
}

static PageDiff part_at(size_t at, const PageHeader *h)
{
    if (at < AT_CHECKSUM)
        return PAGE_DIFFERS_LSN;
    if (at >= AT_FLAGS && at < AT_LOWER)
        return PAGE_DIFFERS_FLAGS;
    if (at < HEADER_BYTES)
        return PAGE_DIFFERS_HEADER;
    if (at < h->lower)
        return PAGE_DIFFERS_POINTERS;
    return at < h->special ? PAGE_DIFFERS_CONTENT : PAGE_DIFFERS_SPECIAL;
}

PageDiff page_diff(const uint8_t *a, const uint8_t *b)
{
    if (memcmp(a, b, PAGE_BYTES) == 0)
        return PAGE_EQUAL;
    uint8_t masked_a[PAGE_BYTES], masked_b[PAGE_BYTES];
    memcpy(masked_a, a, PAGE_BYTES);
    memcpy(masked_b, b, PAGE_BYTES);
    page_mask(masked_a);
    page_mask(masked_b);
    size_t at = 0;
    while (at < PAGE_BYTES && masked_a[at] == masked_b[at])
        at++;
    if (at == PAGE_BYTES)
        return PAGE_DIFFERS_HINTS;
    const PageHeader h = page_header(masked_a);
    return part_at(at, &h);
}

const char *page_diff_text(PageDiff diff)
{
    static const char *const texts[PAGE_DIFF_COUNT] = {
        "nothing",       "hints",         "LSN",     "all-visible flag",
        "header fields", "line pointers", "content", "special area",
    };
    assert(diff < PAGE_DIFF_COUNT);
    return texts[diff];
}
