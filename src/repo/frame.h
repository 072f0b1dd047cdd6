/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/frame.h - the unit of compression and of checking
 *
 * A frame is 1 to FRAME_PLAIN_MAX plain bytes, compressed on their own. What the index of a container says of it is
 * enough to find it and to prove it: nothing of a frame is used before its XXH3-128 was compared. Frames may be made
 * ahead, in other threads, and handed to a container in order (container_frame_ready).
 */
#pragma once

#include "codec/codec.h"
#include "codec/hash.h"

typedef struct FrameInfo {
    uint32_t stored_bytes;
    uint32_t plain_bytes;
    Hash128 hash; /* XXH3-128 of the plain bytes */
} FrameInfo;

/* Appends the stored form of `plain` to `stored`. */
MUST Err *frame_encode(FrameInfo *out, Buf *stored, Codec *codec, Span plain);

/* Writes info->plain_bytes bytes to `to`; CORRUPT unless they are the ones that were stored. After an error `to` holds
 * nothing of use. */
MUST Err *frame_decode(uint8_t *to, Codec *codec, Span stored, const FrameInfo *info);
