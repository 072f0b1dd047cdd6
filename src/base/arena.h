/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * base/arena.h - many small things that die together
 *
 * An Arena is passed by hand, as the last parameter, to functions whose results share one life: a listing, a manifest
 * leaf, a request. Everything allocated from it ends with arena_free(); nothing is freed singly.
 */
#pragma once

#include "base/bytes.h"

typedef struct Arena Arena;

MUST Arena *arena_new(void);
void arena_free(Arena **arena);
/* Forgets everything allocated so far and keeps one block for reuse. */
void arena_clear(Arena *arena);

/* Zeroed, aligned for any type. */
MUST void *arena_alloc(Arena *arena, size_t size);
MUST char *arena_text(Arena *arena, const char *text);
MUST char *arena_textf(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
MUST Span arena_bytes(Arena *arena, Span bytes);

/* Bytes allocated from the system. */
size_t arena_size(const Arena *arena);
