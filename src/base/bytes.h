/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * base/bytes.h - borrowed bytes and the cursor that decodes them
 *
 * A Span borrows; it never outlives its source. A Dec walks a Span: a read past the end yields zero and is remembered,
 * so a decoder reads all its fields and asks once, with dec_end(), whether they were there. Integers are little-endian.
 */
#pragma once

#include "base/err.h"

#include <stdint.h>

typedef struct Span {
    const uint8_t *ptr;
    size_t len;
} Span;

static inline Span span_of(const void *ptr, size_t len)
{
    return (Span){ptr, len};
}

/* [offset, offset + len) of `span`, cut at its end. */
Span span_cut(Span span, size_t offset, size_t len);
bool span_equal(Span a, Span b);
bool span_is_zero(Span span);

typedef struct Dec {
    Span bytes;
    size_t at;
    bool is_short; /* something was read past the end */
} Dec;

/* Fixed places in a buffer whose length was checked before. */
static inline uint16_t get_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)get_u16(p) | (uint32_t)get_u16(p + 2) << 16;
}

static inline uint64_t get_u64(const uint8_t *p)
{
    return (uint64_t)get_u32(p) | (uint64_t)get_u32(p + 4) << 32;
}

/* Readers stand here because the records of WAL are taken apart with them, a million times a second. */
static inline Dec dec_begin(Span bytes)
{
    return (Dec){.bytes = bytes};
}

/* The next `size` bytes, borrowed; NULL when there are fewer. */
static inline const uint8_t *dec_next(Dec *dec, size_t size)
{
    if (dec->is_short || size > dec->bytes.len - dec->at) {
        dec->is_short = true;
        return NULL;
    }
    const uint8_t *const place = dec->bytes.ptr + dec->at;
    dec->at += size;
    return place;
}

static inline uint8_t dec_u8(Dec *dec)
{
    const uint8_t *const p = dec_next(dec, 1);
    return p ? *p : 0;
}

static inline uint16_t dec_u16(Dec *dec)
{
    const uint8_t *const p = dec_next(dec, 2);
    return p ? get_u16(p) : 0;
}

static inline uint32_t dec_u32(Dec *dec)
{
    const uint8_t *const p = dec_next(dec, 4);
    return p ? get_u32(p) : 0;
}

static inline uint64_t dec_u64(Dec *dec)
{
    const uint8_t *const p = dec_next(dec, 8);
    return p ? get_u64(p) : 0;
}

/* An unsigned number in groups of seven bits, the low ones first; the highest bit of a byte says that more follow
 * (LEB128). One that does not fit 64 bits counts as a read past the end. */
uint64_t dec_varint(Dec *dec);
/* The next `size` bytes, borrowed; an empty span when there are fewer. */
static inline Span dec_bytes(Dec *dec, size_t size)
{
    const uint8_t *const p = dec_next(dec, size);
    return p ? (Span){p, size} : (Span){0};
}

static inline void dec_skip(Dec *dec, size_t size)
{
    (void)dec_next(dec, size);
}

static inline size_t dec_left(const Dec *dec)
{
    return dec->is_short ? 0 : dec->bytes.len - dec->at;
}

/* CORRUPT when anything was read past the end; `what` names the thing decoded. */
MUST Err *dec_end(const Dec *dec, const char *what);
/* Also CORRUPT when bytes are left over. */
MUST Err *dec_end_exact(const Dec *dec, const char *what);

void put_u16(uint8_t *p, uint16_t value);
void put_u32(uint8_t *p, uint32_t value);
void put_u64(uint8_t *p, uint64_t value);
