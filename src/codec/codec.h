/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * codec/codec.h - one frame in, one standalone compressed frame out
 *
 * A frame holds 1 to FRAME_PLAIN_MAX plain bytes. Whatever the codec, the result is a frame that the stock tools read,
 * alone or joined to others, with skippable frames between them:
 *   zstd  a Zstandard frame with its content size (RFC 8878)                     zstd -d
 *   none  a Zstandard frame of raw blocks, so the plain bytes stand in it as is  zstd -d
 *   lz4   an LZ4 frame with its content size, independent blocks                 lz4 -d
 * No frame carries the codec's own checksum: the container keeps an XXH3-128 of the plain bytes.
 *
 * Invariants
 *   1. codec_decompress() yields exactly the announced number of bytes from exactly one frame, or CORRUPT.
 *   2. It never reads or writes past the given bytes, whatever they are.
 *
 * Threads: a Codec keeps the library's contexts between calls and belongs to one thread.
 */
#pragma once

#include "base/buf.h"

/* Format: these numbers stand in every container. */
typedef enum CodecKind {
    CODEC_NONE = 0,
    CODEC_LZ4 = 1,
    CODEC_ZSTD = 2,
} CodecKind;

/* Is `number`, read from outside, one of CodecKind? */
bool codec_is_known(unsigned number);
const char *codec_name(CodecKind kind); /* "none", "lz4", "zstd" */
/* USAGE on anything else; the hint lists the names. */
MUST Err *codec_parse(CodecKind *out, const char *name);

/* none 0, lz4 1, zstd 1 */
int codec_level_default(CodecKind kind);
/* USAGE unless the codec has this level: none 0, lz4 1..12, zstd 1..22. */
MUST Err *codec_level_check(CodecKind kind, int level);

typedef struct Codec Codec;

/* `level` only matters for compression. USAGE as codec_level_check(). */
MUST Err *codec_new(Codec **out, CodecKind kind, int level);
void codec_free(Codec **codec);

/* Appends the frame of `plain` to `to`: at most FRAME_STORED_MAX bytes. */
MUST Err *codec_compress(Buf *to, Codec *codec, Span plain);

/* Writes the plain bytes of `frame` to `to`, which has room for the `plain_bytes` that are expected. CORRUPT unless
 * `frame` is one frame of this codec's format, whole, with nothing behind it, and holds that many. */
MUST Err *codec_decompress(uint8_t *to, size_t plain_bytes, Codec *codec, Span frame);

/* The frame that `bytes` begin with, measured by its own headers; nothing is decoded. */
typedef struct CodecFrame {
    CodecKind kind; /* CODEC_ZSTD for a frame of CODEC_NONE too: they are told apart by nobody who decodes */
    size_t stored_bytes;
    size_t plain_bytes; /* as it announces */
} CodecFrame;
/* False when no whole frame of a known codec begins here. */
bool codec_frame_find(CodecFrame *out, Span bytes);
