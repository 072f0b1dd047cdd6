/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "base/buf.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { BUF_ROOM_MIN = 64 };

uint8_t *buf_reserve(Buf *buf, size_t size)
{
    const size_t needed = buf->len + size + 1; /* one for the closing NUL */
    assert(needed > size);
    if (needed > buf->room) {
        size_t room = buf->room ? buf->room : BUF_ROOM_MIN;
        while (room < needed)
            room *= 2;
        buf->data = mem_resize(buf->data, room);
        buf->room = room;
    }
    return buf->data + buf->len;
}

void buf_grown(Buf *buf, size_t size)
{
    assert(buf->room > buf->len + size);
    buf->len += size;
    buf->data[buf->len] = 0;
}

void buf_add(Buf *buf, const void *bytes, size_t size)
{
    uint8_t *const to = buf_reserve(buf, size);
    if (size)
        memcpy(to, bytes, size);
    buf_grown(buf, size);
}

void buf_add_text(Buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_add_path(Buf *buf, const char *folder, const char *name)
{
    buf_add_text(buf, folder);
    if (*folder)
        buf_add(buf, "/", 1);
    buf_add_text(buf, name);
}

void buf_addf(Buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_addv(buf, format, args);
    va_end(args);
}

void buf_addv(Buf *buf, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    const int size = vsnprintf(NULL, 0, format, args);
    assert(size >= 0);
    char *const to = (char *)buf_reserve(buf, (size_t)size);
    vsnprintf(to, (size_t)size + 1, format, again);
    va_end(again);
    buf_grown(buf, (size_t)size);
}

const char *buf_text(const Buf *buf)
{
    return buf->data ? (const char *)buf->data : "";
}

Span buf_span(const Buf *buf)
{
    return (Span){buf->data, buf->len};
}

void buf_cut(Buf *buf, size_t len)
{
    assert(len <= buf->len);
    buf->len = len;
    if (buf->data)
        buf->data[len] = 0;
}

void buf_clear(Buf *buf)
{
    buf->len = 0;
    if (buf->data)
        buf->data[0] = 0;
}

void buf_swap(Buf *a, Buf *b)
{
    const Buf kept = *a;
    *a = *b;
    *b = kept;
}

char *buf_take_text(Buf *buf)
{
    buf_reserve(buf, 0);
    buf_grown(buf, 0);
    char *const text = (char *)buf->data;
    *buf = (Buf){0};
    return text;
}

void buf_done(Buf *buf)
{
    mem_free(&buf->data);
    *buf = (Buf){0};
}

void buf_add_u8(Buf *buf, uint8_t value)
{
    buf_add(buf, &value, 1);
}

void buf_add_u16(Buf *buf, uint16_t value)
{
    const uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    buf_add(buf, bytes, sizeof bytes);
}

void buf_add_u32(Buf *buf, uint32_t value)
{
    buf_add_u16(buf, (uint16_t)value);
    buf_add_u16(buf, (uint16_t)(value >> 16));
}

void buf_add_u64(Buf *buf, uint64_t value)
{
    buf_add_u32(buf, (uint32_t)value);
    buf_add_u32(buf, (uint32_t)(value >> 32));
}

void buf_add_varint(Buf *buf, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        buf_add_u8(buf, (uint8_t)(value | 0x80));
    buf_add_u8(buf, (uint8_t)value);
}
