/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* repo/container_priv.h - what the reading of parts and of whole containers share */
#pragma once

#include "repo/container.h"
#include "repo/container_layout.h"
#include "store/mirror.h"

#define NO_FRAME SIZE_MAX

struct ContainerReader {
    Store *store; /* of this copy */
    char *key;
    Copies copies;          /* those that may be asked when this one turns out bad */
    ContainerReader *other; /* the one that was asked then */
    ContainerInfo info;
    char *name;
    Buf last; /* while opening: the bytes of the object from `last_begin` on */
    uint64_t last_begin;
    Buf head;
    Buf index;
    FramePlace *frames; /* info.summary.frames of them */
    uint64_t head_bytes, tail_offset, sha_offset;
    Codec *codec;
    Buf pending;      /* the first bytes of a frame that arrives in pieces */
    uint8_t *plain;   /* the frame decoded last; room for the largest of this object */
    size_t plain_for; /* its number, or NO_FRAME */
};

/* Nothing is read yet. */
ContainerReader *container_reader_new(Store *store, const char *key);
/* Everything about the object but its frames. reader->last holds the bytes from last_begin to the end. */
MUST Err *container_reader_decode(ContainerReader *reader, const ContainerExpect *expect);

/* Takes the stored bytes of frames next..end-1, in pieces of any size, and pushes the plain bytes of [from, until) that
 * lie in them into `to`; NULL: only checks. */
typedef struct FrameSink {
    Sink sink;
    ContainerReader *reader;
    size_t next, end;
    uint64_t from, until;
    Sink *to;
} FrameSink;
/* Of frames first..end-1, all their bytes into `to`. It lives on the stack of its user. */
FrameSink frame_sink(ContainerReader *reader, size_t first, size_t end, Sink *to);
void frame_sink_free(Sink *base);
