/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/container_layout.h - head, index and trailer of a container as bytes
 *
 * Pure functions between structs and bytes, for container.h and for the fuzz targets. FORMAT.md, "Container", has the
 * tables. Decoders take bytes from anywhere: they check every length and answer CORRUPT, or UNSUPPORTED where a sound
 * object needs a newer program.
 */
#pragma once

#include "repo/container.h"

enum {
    CONTAINER_VERSION = 1,
    SKIP_HEAD_BYTES = 8, /* magic and length of a skippable frame */
    TRAILER_BYTES = 76,
    SHA_FIELD_BYTES = 32,
    FRAME_ENTRY_BYTES = 24,
    SECTION_HEAD_BYTES = 8,
};

/* RFC 8878, 3.1.2 reserves sixteen magic numbers for frames that decoders skip; this is one of them. */
#define SKIP_MAGIC UINT32_C(0x184D2A5E)

/* The decoded form borrows `name` and `facts`. */
typedef struct ContainerHead {
    ContainerKind kind;
    CodecKind codec;
    Span name;
    Span facts;
} ContainerHead;

/* The whole skippable frame. */
void head_encode(Buf *out, const ContainerHead *head);
MUST Err *head_decode(ContainerHead *out, Span head);

typedef struct ContainerTrailer {
    uint32_t index_bytes;
    uint32_t frame_count;
    uint64_t plain_bytes;
    uint64_t index_offset; /* from the begin of the object */
    Hash128 head_hash;
    Hash128 index_hash;
} ContainerTrailer;

void trailer_encode(Buf *out, const ContainerTrailer *trailer);
/* `bytes` are the last TRAILER_BYTES of an object of `object_bytes`; the parts it tells of fit into that size. */
MUST Err *trailer_decode(ContainerTrailer *out, Span bytes, uint64_t object_bytes);

/* Where the last skippable frame begins: right behind the last frame. */
static inline uint64_t trailer_tail_offset(const ContainerTrailer *trailer)
{
    return trailer->index_offset - SKIP_HEAD_BYTES;
}

/* One section, with its type and length. */
void section_encode(Buf *out, SectionType type, Span bytes);
void frame_entry_encode(Buf *out, const FrameInfo *info);

/* A frame and where it lies. */
typedef struct FramePlace {
    uint64_t stored_offset; /* from the begin of the object */
    uint64_t plain_offset;
    FrameInfo info;
} FramePlace;

/* Says in which frame of the object `key` it happened. */
Err *frame_doing(Err *err, const char *key, const FramePlace *frame, size_t number);

/* Checks the sections and lays out the frames; `*frames` (mem_free) has trailer->frame_count of them, NULL for none.
 * `*head_bytes` is what the frames leave for the head. */
MUST Err *index_decode(FramePlace **frames, uint64_t *head_bytes, Span index,
                       const ContainerTrailer *trailer);
/* In an index that index_decode() accepted. False: it has no such section. */
bool index_section(Span *out, Span index, SectionType type);
