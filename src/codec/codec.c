/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "codec/codec.h"

#include "base/limits.h"
#include "base/text.h"

#include <assert.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

/* Contexts are made on first use: a reader needs no compressor. */
#define LZ4F_MAGIC UINT32_C(0x184D2204) /* lz4_Frame_format.md */

struct Codec {
    CodecKind kind;
    int level;
    ZSTD_CCtx *zstd_to;
    ZSTD_DCtx *zstd_from;
    LZ4F_cctx *lz4_to;
    LZ4F_dctx *lz4_from;
};

static const struct {
    const char *name;
    int level_lowest, level_highest, level_default;
} codecs[] = {
    [CODEC_NONE] = {"none", 0, 0, 0},
    [CODEC_LZ4] = {"lz4", 1, 12, 1},
    [CODEC_ZSTD] = {"zstd", 1, 22, 1},
};

bool codec_is_known(unsigned number)
{
    return number < COUNT_OF(codecs);
}

const char *codec_name(CodecKind kind)
{
    assert(codec_is_known(kind));
    return codecs[kind].name;
}

Err *codec_parse(CodecKind *out, const char *name)
{
    for (unsigned kind = 0; kind < COUNT_OF(codecs); kind++) {
        if (text_equal(name, codecs[kind].name)) {
            *out = (CodecKind)kind;
            return NULL;
        }
    }
    return err_hint(ERR(USAGE, "unknown compression \"%s\"", name), "choose zstd, lz4 or none");
}

int codec_level_default(CodecKind kind)
{
    assert(codec_is_known(kind));
    return codecs[kind].level_default;
}

Err *codec_level_check(CodecKind kind, int level)
{
    assert(codec_is_known(kind));
    if (level >= codecs[kind].level_lowest && level <= codecs[kind].level_highest)
        return NULL;
    Err *const err = ERR(USAGE, "compression level %d does not exist for %s", level, codecs[kind].name);
    return err_hint(err, "choose a level from %d to %d", codecs[kind].level_lowest,
                    codecs[kind].level_highest);
}

Err *codec_new(Codec **out, CodecKind kind, int level)
{
    TRY(codec_level_check(kind, level));
    Codec *const codec = mem_new(sizeof *codec);
    codec->kind = kind;
    codec->level = level;
    *out = codec;
    return NULL;
}

void codec_free(Codec **codec)
{
    if (!*codec)
        return;
    ZSTD_freeCCtx((*codec)->zstd_to);
    ZSTD_freeDCtx((*codec)->zstd_from);
    LZ4F_freeCompressionContext((*codec)->lz4_to);
    LZ4F_freeDecompressionContext((*codec)->lz4_from);
    mem_free(codec);
}

/*
 * none: a Zstandard frame written by hand. RFC 8878, 3.1.1: magic number, frame header (descriptor 0xA0: content size
 * in 4 bytes, single segment, no checksum, no dictionary; then the content size), raw blocks of at most 128 KiB, each
 * behind a 3-byte header: bit 0 last block, bits 1-2 type (0: raw), bits 3-23 size.
 */
enum { RAW_HEAD_BYTES = 9, RAW_BLOCK_HEAD_BYTES = 3, RAW_BLOCK_MAX = 128 * 1024, RAW_DESCRIPTOR = 0xA0 };

static void raw_frame_add(Buf *to, Span plain)
{
    buf_reserve(to, RAW_HEAD_BYTES + plain.len + RAW_BLOCK_HEAD_BYTES * (plain.len / RAW_BLOCK_MAX + 1));
    buf_add_u32(to, ZSTD_MAGICNUMBER);
    buf_add_u8(to, RAW_DESCRIPTOR);
    buf_add_u32(to, (uint32_t)plain.len);
    for (size_t at = 0; at < plain.len; at += RAW_BLOCK_MAX) {
        const Span block = span_cut(plain, at, RAW_BLOCK_MAX);
        const uint32_t is_last = at + block.len == plain.len;
        const uint32_t head = is_last | (uint32_t)block.len << 3;
        buf_add_u16(to, (uint16_t)head);
        buf_add_u8(to, (uint8_t)(head >> 16));
        buf_add(to, block.ptr, block.len);
    }
}

static Err *zstd_compress(Buf *to, Codec *codec, Span plain)
{
    if (!codec->zstd_to) {
        codec->zstd_to = ZSTD_createCCtx();
        if (!codec->zstd_to)
            abort();
    }
    uint8_t *const place = buf_reserve(to, FRAME_STORED_MAX);
    const size_t size =
        ZSTD_compressCCtx(codec->zstd_to, place, FRAME_STORED_MAX, plain.ptr, plain.len, codec->level);
    if (ZSTD_isError(size))
        return ERR(BUG, "zstd compresses no frame of %zu bytes: %s", plain.len, ZSTD_getErrorName(size));
    buf_grown(to, size);
    return NULL;
}

/* One of the three calls that make an LZ4 frame; adds what it wrote. */
static Err *lz4_add(Buf *to, size_t written, const char *what)
{
    if (LZ4F_isError(written))
        return ERR(BUG, "lz4 makes no %s: %s", what, LZ4F_getErrorName(written));
    buf_grown(to, written);
    return NULL;
}

static Err *lz4_compress(Buf *to, Codec *codec, Span plain)
{
    if (!codec->lz4_to && LZ4F_isError(LZ4F_createCompressionContext(&codec->lz4_to, LZ4F_VERSION)))
        abort();
    /* One block a frame: blocks of 256 KiB are the smallest size that holds FRAME_PLAIN_MAX. */
    const LZ4F_preferences_t preferences = {
        .frameInfo = {.blockSizeID = LZ4F_max256KB,
                      .blockMode = LZ4F_blockIndependent,
                      .contentSize = plain.len},
        .compressionLevel = codec->level,
        .autoFlush = 1,
    };
    const LZ4F_compressOptions_t options = {.stableSrc = 1};
    const size_t before = to->len;
    buf_reserve(to, FRAME_STORED_MAX);
    TRY(lz4_add(to, LZ4F_compressBegin(codec->lz4_to, to->data + to->len, FRAME_STORED_MAX, &preferences),
                "frame header"));
    size_t room = FRAME_STORED_MAX - (to->len - before);
    TRY(lz4_add(to,
                LZ4F_compressUpdate(codec->lz4_to, to->data + to->len, room, plain.ptr, plain.len, &options),
                "block"));
    room = FRAME_STORED_MAX - (to->len - before);
    return lz4_add(to, LZ4F_compressEnd(codec->lz4_to, to->data + to->len, room, &options), "frame end");
}

Err *codec_compress(Buf *to, Codec *codec, Span plain)
{
    assert(plain.len >= 1 && plain.len <= FRAME_PLAIN_MAX);
    switch (codec->kind) {
    case CODEC_NONE:
        raw_frame_add(to, plain);
        return NULL;
    case CODEC_LZ4:
        return lz4_compress(to, codec, plain);
    case CODEC_ZSTD:
        return zstd_compress(to, codec, plain);
    }
    return ERR(BUG, "codec %d does not exist", (int)codec->kind);
}

/* Reads zstd and none: both are Zstandard frames. */
static Err *zstd_decompress(uint8_t *to, size_t plain_bytes, Codec *codec, Span frame)
{
    if (!codec->zstd_from) {
        codec->zstd_from = ZSTD_createDCtx();
        if (!codec->zstd_from)
            abort();
    }
    /* The one-shot call would also take several frames and skip skippable ones. */
    const size_t frame_bytes = ZSTD_findFrameCompressedSize(frame.ptr, frame.len);
    if (ZSTD_isError(frame_bytes))
        return ERR(CORRUPT, "zstd frame of %zu bytes: %s", frame.len, ZSTD_getErrorName(frame_bytes));
    if (frame_bytes != frame.len)
        return ERR(CORRUPT, "zstd frame ends after %zu of %zu bytes", frame_bytes, frame.len);
    const unsigned long long content = ZSTD_getFrameContentSize(frame.ptr, frame.len);
    if (content != plain_bytes)
        return ERR(CORRUPT, "zstd frame announces %lld plain bytes, expected %zu", (long long)content,
                   plain_bytes);
    const size_t got = ZSTD_decompressDCtx(codec->zstd_from, to, plain_bytes, frame.ptr, frame.len);
    if (ZSTD_isError(got))
        return ERR(CORRUPT, "zstd frame of %zu bytes: %s", frame.len, ZSTD_getErrorName(got));
    if (got != plain_bytes)
        return ERR(CORRUPT, "zstd frame holds %zu plain bytes, expected %zu", got, plain_bytes);
    return NULL;
}

/* Reads the header: it must announce an ordinary frame of the expected size. `*used` gets its length. */
static Err *lz4_head_check(size_t *used, LZ4F_dctx *from, size_t plain_bytes, Span frame)
{
    LZ4F_frameInfo_t info;
    size_t head_bytes = frame.len;
    const size_t code = LZ4F_getFrameInfo(from, &info, frame.ptr, &head_bytes);
    if (LZ4F_isError(code))
        return ERR(CORRUPT, "lz4 frame of %zu bytes: %s", frame.len, LZ4F_getErrorName(code));
    if (info.frameType != LZ4F_frame || info.contentSize != plain_bytes)
        return ERR(CORRUPT, "lz4 frame announces %llu plain bytes, expected %zu", info.contentSize,
                   plain_bytes);
    *used = head_bytes;
    return NULL;
}

static Err *lz4_decompress(uint8_t *to, size_t plain_bytes, Codec *codec, Span frame)
{
    if (!codec->lz4_from && LZ4F_isError(LZ4F_createDecompressionContext(&codec->lz4_from, LZ4F_VERSION)))
        abort();
    LZ4F_resetDecompressionContext(codec->lz4_from);
    size_t used = 0, made = 0;
    TRY(lz4_head_check(&used, codec->lz4_from, plain_bytes, frame));

    const LZ4F_decompressOptions_t options = {.stableDst = 1};
    for (size_t wanted = 1; wanted != 0;) { /* zero says that the frame is complete */
        size_t out = plain_bytes - made, in = frame.len - used;
        wanted = LZ4F_decompress(codec->lz4_from, to + made, &out, frame.ptr + used, &in, &options);
        if (LZ4F_isError(wanted))
            return ERR(CORRUPT, "lz4 frame of %zu bytes: %s", frame.len, LZ4F_getErrorName(wanted));
        made += out;
        used += in;
        if (wanted != 0 && out == 0 && in == 0)
            return ERR(CORRUPT, "lz4 frame of %zu bytes stops short after %zu plain bytes", frame.len, made);
    }
    if (used != frame.len || made != plain_bytes)
        return ERR(CORRUPT, "lz4 frame ends after %zu of %zu bytes, %zu of %zu plain", used, frame.len, made,
                   plain_bytes);
    return NULL;
}

Err *codec_decompress(uint8_t *to, size_t plain_bytes, Codec *codec, Span frame)
{
    assert(plain_bytes >= 1 && plain_bytes <= FRAME_PLAIN_MAX);
    if (codec->kind == CODEC_LZ4)
        return lz4_decompress(to, plain_bytes, codec, frame);
    return zstd_decompress(to, plain_bytes, codec, frame);
}

static bool zstd_frame_find(CodecFrame *out, Span bytes)
{
    const size_t stored = ZSTD_findFrameCompressedSize(bytes.ptr, bytes.len);
    if (ZSTD_isError(stored))
        return false;
    const unsigned long long content = ZSTD_getFrameContentSize(bytes.ptr, bytes.len);
    if (content < 1 || content > FRAME_PLAIN_MAX) /* the codes for "unknown" are large */
        return false;
    *out = (CodecFrame){CODEC_ZSTD, stored, (size_t)content};
    return true;
}

/* As codec_compress() writes them: content size, no checksums, no dictionary (lz4_Frame_format.md). */
static bool lz4_frame_find(CodecFrame *out, Span bytes)
{
    enum { FLAGS_MASK = 0x1d, FLAGS_CONTENT_SIZE = 0x08 };
    Dec dec = dec_begin(bytes);
    dec_skip(&dec, 4);
    const unsigned flags = dec_u8(&dec);
    dec_skip(&dec, 1);
    const uint64_t content = dec_u64(&dec);
    dec_skip(&dec, 1); /* checksum of the header */
    if ((flags & FLAGS_MASK) != FLAGS_CONTENT_SIZE || content < 1 || content > FRAME_PLAIN_MAX)
        return false;
    for (;;) {
        const uint32_t block = dec_u32(&dec);
        Err *err = dec_end(&dec, "lz4 frame");
        if (err) {
            err_free(&err);
            return false;
        }
        if (block == 0)
            break;
        dec_skip(&dec, block & INT32_MAX);
    }
    *out = (CodecFrame){CODEC_LZ4, dec.at, (size_t)content};
    return true;
}

bool codec_frame_find(CodecFrame *out, Span bytes)
{
    if (bytes.len < 4)
        return false;
    if (get_u32(bytes.ptr) == ZSTD_MAGICNUMBER)
        return zstd_frame_find(out, bytes);
    return get_u32(bytes.ptr) == LZ4F_MAGIC && lz4_frame_find(out, bytes);
}
