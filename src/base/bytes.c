/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "base/bytes.h"

#include <string.h>

Span span_cut(Span span, size_t offset, size_t len)
{
    if (offset > span.len)
        return (Span){0};
    const size_t left = span.len - offset;
    return (Span){span.ptr + offset, len < left ? len : left};
}

bool span_equal(Span a, Span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool span_is_zero(Span span)
{
    /* All bytes equal their neighbour and the first is zero: memcmp is the fastest loop the C library has. */
    return span.len == 0 || (span.ptr[0] == 0 && memcmp(span.ptr, span.ptr + 1, span.len - 1) == 0);
}

Dec dec_begin(Span bytes)
{
    return (Dec){.bytes = bytes};
}

static const uint8_t *dec_next(Dec *dec, size_t size)
{
    if (dec->is_short || size > dec->bytes.len - dec->at) {
        dec->is_short = true;
        return NULL;
    }
    const uint8_t *const place = dec->bytes.ptr + dec->at;
    dec->at += size;
    return place;
}

uint8_t dec_u8(Dec *dec)
{
    const uint8_t *const p = dec_next(dec, 1);
    return p ? *p : 0;
}

uint16_t dec_u16(Dec *dec)
{
    const uint8_t *const p = dec_next(dec, 2);
    return p ? get_u16(p) : 0;
}

uint32_t dec_u32(Dec *dec)
{
    const uint8_t *const p = dec_next(dec, 4);
    return p ? get_u32(p) : 0;
}

uint64_t dec_u64(Dec *dec)
{
    const uint8_t *const p = dec_next(dec, 8);
    return p ? get_u64(p) : 0;
}

Span dec_bytes(Dec *dec, size_t size)
{
    const uint8_t *const p = dec_next(dec, size);
    return p ? (Span){p, size} : (Span){0};
}

void dec_skip(Dec *dec, size_t size)
{
    (void)dec_next(dec, size);
}

size_t dec_left(const Dec *dec)
{
    return dec->is_short ? 0 : dec->bytes.len - dec->at;
}

Err *dec_end(const Dec *dec, const char *what)
{
    if (dec->is_short)
        return ERR(CORRUPT, "%s is cut short: %zu bytes are not enough", what, dec->bytes.len);
    return NULL;
}

Err *dec_end_exact(const Dec *dec, const char *what)
{
    TRY(dec_end(dec, what));
    if (dec->at != dec->bytes.len)
        return ERR(CORRUPT, "%s has %zu bytes too many", what, dec->bytes.len - dec->at);
    return NULL;
}

void put_u16(uint8_t *p, uint16_t value)
{
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
}

void put_u32(uint8_t *p, uint32_t value)
{
    put_u16(p, (uint16_t)value);
    put_u16(p + 2, (uint16_t)(value >> 16));
}

void put_u64(uint8_t *p, uint64_t value)
{
    put_u32(p, (uint32_t)value);
    put_u32(p + 4, (uint32_t)(value >> 32));
}
