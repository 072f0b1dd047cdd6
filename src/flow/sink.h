/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * flow/sink.h - one stage of a push chain
 *
 * Bytes are pushed: a source writes into the first sink, each sink writes what it made into `next`, the last one keeps
 * or stores. All three operations are always filled. `finish` says that no more bytes come: a sink flushes what it
 * holds and finishes `next`. Leaving without finish means abandon. One chain lives in one thread; sinks have no locks.
 *
 * Ownership: a sink does not own `next`; whoever built the chain frees its links, the first one first.
 */
#pragma once

#include "base/bytes.h"

typedef struct Sink Sink;

typedef struct SinkOps {
    Err *(*write)(Sink *sink, Span bytes); /* takes all of them or fails */
    Err *(*finish)(Sink *sink);            /* once, after the last write */
    void (*free)(Sink *sink);              /* at any time; abandons what was not finished */
} SinkOps;

/* The first member of every sink's own struct. */
struct Sink {
    const SinkOps *ops;
    Sink *next;
};

MUST static inline Err *sink_write(Sink *sink, Span bytes)
{
    return sink->ops->write(sink, bytes);
}

MUST static inline Err *sink_finish(Sink *sink)
{
    return sink->ops->finish(sink);
}

void sink_free(Sink **sink);

/* Keeps everything in a Buf that the caller owns, up to `limit_bytes` (then LIMIT). */
typedef struct BufSink {
    Sink sink;
    struct Buf *to;
    size_t limit_bytes;
} BufSink;
BufSink buf_sink(struct Buf *to, size_t limit_bytes);

/* Passes everything on to a sink that it does not own, counts what that took, and knows whether a failure was the
 * receiver's own: then the source is well. */
typedef struct CountSink {
    Sink sink;
    uint64_t passed;
    bool has_failed;
} CountSink;
CountSink count_sink(Sink *next);
