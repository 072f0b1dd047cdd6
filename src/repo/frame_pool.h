/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/frame_pool.h - compresses and decompresses the frames of one object in several threads
 *
 * Bytes are read in the calling thread, in order, while other threads compress what was read before; the frames come
 * out in order and are the same with any number of threads. Decompressed frames land wherever their thread comes to them.
 * Either way only a few MiB of plain bytes are in memory at a time.
 */
#pragma once

#include "flow/landing.h"
#include "repo/container_layout.h"

typedef struct FrameMaking {
    CodecKind codec;
    int level;
    int jobs;            /* threads, the calling one included; 0 and 1: that alone */
    uint64_t size_bytes; /* of all */
    /* Gives the next `size` bytes. Called in order, in the calling thread. */
    Err *(*read)(void *arg, uint8_t *to, size_t size);
    void *arg;
} FrameMaking;

typedef struct FrameList FrameList;

MUST Err *frame_list_make(FrameList **out, const FrameMaking *how);
MUST Err *frame_list_put(ContainerWriter *writer, const FrameList *list);
void frame_list_free(FrameList **list);

typedef struct FrameReading {
    const char *key; /* of the object, for messages */
    Span object;     /* its bytes, at least up to the last frame's end */
    CodecKind codec;
    const FramePlace *frames;
    size_t count;
    int jobs; /* threads; 0 and 1: the calling one */
    /* Something else to do at the same time; NULL: nothing. */
    Err *(*aside)(void *arg);
    void *arg;
} FrameReading;

/* Decodes and checks every frame and lands it. With one thread they land in order. CORRUPT. */
MUST Err *frame_list_land(Landing *to, const FrameReading *what);
