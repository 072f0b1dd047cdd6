/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "base/arena.h"

#include "base/buf.h"

#include <stdarg.h>
#include <string.h>

enum { ARENA_BLOCK_BYTES = 32 * 1024, ARENA_ALIGN = 16 };

typedef struct ArenaBlock {
    struct ArenaBlock *next;
    size_t size;
    size_t used;
    _Alignas(ARENA_ALIGN) uint8_t bytes[];
} ArenaBlock;

struct Arena {
    ArenaBlock *blocks; /* the first one is filled */
    size_t size;
};

Arena *arena_new(void)
{
    return mem_new(sizeof(Arena));
}

static void blocks_free(Arena *arena, ArenaBlock *keep)
{
    for (ArenaBlock *block = arena->blocks; block;) {
        ArenaBlock *next = block->next;
        if (block != keep) {
            arena->size -= block->size;
            mem_free(&block);
        }
        block = next;
    }
    arena->blocks = keep;
}

void arena_free(Arena **arena)
{
    if (!*arena)
        return;
    blocks_free(*arena, NULL);
    mem_free(arena);
}

void arena_clear(Arena *arena)
{
    ArenaBlock *const keep = arena->blocks;
    if (!keep)
        return;
    blocks_free(arena, keep);
    memset(keep->bytes, 0, keep->used);
    keep->used = 0;
    keep->next = NULL;
}

void *arena_alloc(Arena *arena, size_t size)
{
    const size_t rounded = (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    ArenaBlock *block = arena->blocks;
    if (!block || block->size - block->used < rounded) {
        const size_t block_size = rounded > ARENA_BLOCK_BYTES ? rounded : ARENA_BLOCK_BYTES;
        block = mem_new(sizeof *block + block_size);
        block->size = block_size;
        block->next = arena->blocks;
        arena->blocks = block;
        arena->size += block_size;
    }
    void *const place = block->bytes + block->used;
    block->used += rounded;
    return place;
}

char *arena_text(Arena *arena, const char *text)
{
    const size_t size = strlen(text) + 1;
    char *const copy = arena_alloc(arena, size);
    memcpy(copy, text, size);
    return copy;
}

char *arena_textf(Arena *arena, const char *format, ...)
{
    AUTO(buf_done) Buf text = {0};
    va_list args;
    va_start(args, format);
    buf_addv(&text, format, args);
    va_end(args);
    return arena_text(arena, buf_text(&text));
}

Span arena_bytes(Arena *arena, Span bytes)
{
    uint8_t *const copy = arena_alloc(arena, bytes.len);
    if (bytes.len)
        memcpy(copy, bytes.ptr, bytes.len);
    return (Span){copy, bytes.len};
}

size_t arena_size(const Arena *arena)
{
    return arena->size;
}
