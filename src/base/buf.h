/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * base/buf.h - a growing run of bytes, also used for text
 *
 * A Buf is a value: `AUTO(buf_done) Buf b = {0};` is empty and valid. Its bytes move when it grows, so a Span of them
 * ends with the next buf_add. A NUL always follows the bytes once something was added; buf_text() is never NULL.
 */
#pragma once

#include "base/bytes.h"

#include <stdarg.h>

typedef struct Buf {
    uint8_t *data;
    size_t len;
    size_t room; /* allocated */
} Buf;

void buf_add(Buf *buf, const void *bytes, size_t size);
void buf_add_text(Buf *buf, const char *text);
/* `name`, behind `folder` and a slash unless that is empty. */
void buf_add_path(Buf *buf, const char *folder, const char *name);
void buf_addf(Buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_addv(Buf *buf, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* Makes room for `size` more bytes, to be written by the caller at the returned place and then counted with
 * buf_grown(). */
uint8_t *buf_reserve(Buf *buf, size_t size);
void buf_grown(Buf *buf, size_t size);

const char *buf_text(const Buf *buf);
Span buf_span(const Buf *buf);
/* Takes the end off, down to `len` bytes. */
void buf_cut(Buf *buf, size_t len);
/* Empties it and keeps the memory. */
void buf_clear(Buf *buf);
void buf_swap(Buf *a, Buf *b);
/* Hands the bytes on as heap memory (mem_free) and empties the buffer; "" for an empty one. */
char *buf_take_text(Buf *buf);
void buf_done(Buf *buf);

/* Little-endian integers, as all our formats and PostgreSQL's on x86-64 have them. */
void buf_add_u8(Buf *buf, uint8_t value);
void buf_add_u16(Buf *buf, uint16_t value);
void buf_add_u32(Buf *buf, uint32_t value);
void buf_add_u64(Buf *buf, uint64_t value);
/* As dec_varint() reads it. */
void buf_add_varint(Buf *buf, uint64_t value);
