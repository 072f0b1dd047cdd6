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

uint64_t dec_varint(Dec *dec)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        const uint8_t byte = dec_u8(dec);
        const uint64_t bits = byte & 0x7F;
        value |= bits << shift;
        if (shift == 63 && bits > 1)
            break;
        if (!(byte & 0x80))
            return dec->is_short ? 0 : value;
    }
    dec->is_short = true;
    return 0;
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
