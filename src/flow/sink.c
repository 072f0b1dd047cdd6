/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "flow/sink.h"

#include "base/buf.h"

void sink_free(Sink **sink)
{
    if (!*sink)
        return;
    (*sink)->ops->free(*sink);
    *sink = NULL;
}

static Err *keep(Sink *sink, Span bytes)
{
    BufSink *const self = (BufSink *)sink;
    if (bytes.len > self->limit_bytes)
        return ERR(LIMIT, "more bytes than the %zu that may still be kept", self->limit_bytes);
    self->limit_bytes -= bytes.len;
    buf_add(self->to, bytes.ptr, bytes.len);
    return NULL;
}

static Err *keep_finish(Sink *sink)
{
    (void)sink;
    return NULL;
}

static void keep_free(Sink *sink)
{
    (void)sink;
}

BufSink buf_sink(struct Buf *to, size_t limit_bytes)
{
    static const SinkOps ops = {keep, keep_finish, keep_free};
    return (BufSink){.sink = {.ops = &ops}, .to = to, .limit_bytes = limit_bytes};
}

static Err *count_write(Sink *sink, Span bytes)
{
    CountSink *const self = (CountSink *)sink;
    Err *const err = sink_write(sink->next, bytes);
    self->has_failed = err != NULL;
    if (!err)
        self->passed += bytes.len;
    return err;
}

static Err *count_finish(Sink *sink)
{
    return sink_finish(sink->next);
}

static void count_free(Sink *sink)
{
    (void)sink;
}

CountSink count_sink(Sink *next)
{
    static const SinkOps ops = {count_write, count_finish, count_free};
    return (CountSink){.sink = {.ops = &ops, .next = next}};
}
