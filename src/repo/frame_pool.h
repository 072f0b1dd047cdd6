/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/frame_pool.h - cuts bytes into frames and compresses them in several threads
 *
 * The container gets them in order; its bytes are the same with any number of threads.
 */
#pragma once

#include "repo/container.h"

typedef struct FramePool {
    CodecKind codec; /* as the container's */
    int level;
    int jobs; /* threads; 0 and 1: the calling one alone */
    /* Something else to do at the same time, in one of the threads; NULL: nothing. */
    Err *(*aside)(void *arg);
    void *arg;
} FramePool;

MUST Err *frame_pool_write(ContainerWriter *writer, Span plain, const FramePool *how);
