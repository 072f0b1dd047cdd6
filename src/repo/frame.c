/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/frame.h"

Err *frame_encode(FrameInfo *out, Buf *stored, Codec *codec, Span plain)
{
    const size_t before = stored->len;
    TRY(codec_compress(stored, codec, plain));
    *out = (FrameInfo){
        .stored_bytes = (uint32_t)(stored->len - before),
        .plain_bytes = (uint32_t)plain.len,
        .hash = hash128_of(plain),
    };
    return NULL;
}

Err *frame_decode(uint8_t *to, Codec *codec, Span stored, const FrameInfo *info)
{
    TRY(codec_decompress(to, info->plain_bytes, codec, stored));
    const Hash128 hash = hash128_of(span_of(to, info->plain_bytes));
    if (!hash128_equal(&hash, &info->hash))
        return ERR(CORRUPT, "frame's XXH3-128 is %s, the index says %s", hash128_text(&hash).text,
                   hash128_text(&info->hash).text);
    return NULL;
}
