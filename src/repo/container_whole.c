/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Reading of whole containers: the object is fetched once, in one stream or into memory, and beside what every frame
 * says of itself the SHA-256 over all of them is compared.
 */
#include "repo/container_priv.h"

#include "base/limits.h"
#include "repo/frame_pool.h"

/* Takes the whole object: hashes what the SHA-256 covers and hands the frames on. */
typedef struct WholeSink {
    Sink sink;
    FrameSink frames;
    Sha256Stream *sha;
    uint64_t at;
} WholeSink;

/* What `bytes`, which lie at `at`, have of [from, until). */
static Span span_between(Span bytes, uint64_t at, uint64_t from, uint64_t until)
{
    const uint64_t end = at + bytes.len;
    const uint64_t first = from > at ? from : at, last = until < end ? until : end;
    return first < last ? span_cut(bytes, (size_t)(first - at), (size_t)(last - first)) : (Span){0};
}

static Err *whole_sink_write(Sink *base, Span bytes)
{
    WholeSink *const sink = (WholeSink *)base;
    const ContainerReader *const reader = sink->frames.reader;
    sha256_stream_add(sink->sha, span_between(bytes, sink->at, 0, reader->sha_offset));
    const Span stored = span_between(bytes, sink->at, reader->head_bytes, reader->tail_offset);
    sink->at += bytes.len;
    return sink_write(&sink->frames.sink, stored);
}

static Err *sha_check(ContainerReader *reader, Sha256Stream *sha)
{
    const Sha256 computed = sha256_stream_end(sha);
    if (!sha256_equal(&computed, &reader->info.summary.sha256))
        return ERR(CORRUPT, "object %s has SHA-256 %s, its tail says %s", reader->key,
                   sha256_text(&computed).text, sha256_text(&reader->info.summary.sha256).text);
    return NULL;
}

static Err *whole_sink_finish(Sink *base)
{
    WholeSink *const sink = (WholeSink *)base;
    TRY(sink_finish(&sink->frames.sink));
    return sha_check(sink->frames.reader, sink->sha);
}

static const SinkOps whole_sink_ops = {
    .write = whole_sink_write, .finish = whole_sink_finish, .free = frame_sink_free};

static WholeSink whole_sink(ContainerReader *reader, Sha256Stream *sha, Sink *to)
{
    return (WholeSink){
        .sink = {.ops = &whole_sink_ops},
        .frames = frame_sink(reader, 0, reader->info.summary.frames, to),
        .sha = sha,
    };
}

Err *container_check(ContainerReader *reader, Sink *to)
{
    AUTO(sha256_stream_free) Sha256Stream *sha = sha256_stream_new();
    WholeSink whole = whole_sink(reader, sha, to);
    TRY(store_get(reader->store, reader->key, RANGE_ALL, &whole.sink));
    return sink_finish(&whole.sink);
}

Err *container_verify_bytes(Buf *facts, Span object, const ContainerExpect *expect)
{
    AUTO(container_close) ContainerReader *reader = container_reader_new(NULL, expect->name);
    AUTO(sha256_stream_free) Sha256Stream *sha = sha256_stream_new();
    buf_add(&reader->last, object.ptr, object.len);
    reader->last_begin = 0;
    TRY(container_reader_decode(reader, expect));
    WholeSink whole = whole_sink(reader, sha, NULL);
    TRY(sink_write(&whole.sink, object));
    TRY(sink_finish(&whole.sink));
    buf_add(facts, reader->info.facts.ptr, reader->info.facts.len);
    return NULL;
}

Err *container_verify(ContainerSummary *out, Store *store, const char *key, const ContainerExpect *expect)
{
    AUTO(container_close) ContainerReader *reader = NULL;
    TRY(container_open(&reader, store, key, expect));
    TRY(container_check(reader, NULL));
    *out = reader->info.summary;
    return NULL;
}

typedef struct ShaWork {
    ContainerReader *reader;
    Sha256Stream *stream;
} ShaWork;

/* The SHA-256 of an object that is in reader->last as a whole. */
static Err *sha_work(void *arg)
{
    const ShaWork *const work = arg;
    sha256_stream_add(work->stream,
                      span_cut(buf_span(&work->reader->last), 0, (size_t)work->reader->sha_offset));
    return sha_check(work->reader, work->stream);
}

static Err *frames_land(Landing *to, ContainerReader *reader, int jobs)
{
    AUTO(sha256_stream_free) Sha256Stream *stream = sha256_stream_new();
    ShaWork sha = {reader, stream};
    TRY(land_begin(to, reader->info.summary.plain_bytes));
    return frame_list_land(to, &(FrameReading){.key = reader->key,
                                               .object = buf_span(&reader->last),
                                               .codec = reader->info.codec,
                                               .frames = reader->frames,
                                               .count = reader->info.summary.frames,
                                               .jobs = jobs,
                                               .aside = sha_work,
                                               .arg = &sha});
}

Err *container_land(Landing *to, Store *store, const char *key, const ContainerExpect *expect,
                    ContainerLandOpts opts)
{
    AUTO(container_close) ContainerReader *reader = container_reader_new(store, key);
    /* Stored bytes exceed the plain ones by head, tail and 1 part in 16 at most. */
    const size_t stored_max = opts.limit_bytes + opts.limit_bytes / 16 + 2 * (size_t)CONTAINER_HEAD_MAX;
    TRY(store_get_all(&reader->last, store, key, RANGE_ALL, stored_max));
    reader->last_begin = 0;
    TRY(container_reader_decode(reader, expect));
    if (reader->info.summary.plain_bytes > opts.limit_bytes)
        return ERR(LIMIT, "object %s has %lu plain bytes, at most %zu are read", key,
                   (unsigned long)reader->info.summary.plain_bytes, opts.limit_bytes);
    return frames_land(to, reader, opts.jobs);
}

static Err *copy_load(Buf *plain, Store *store, const char *key, const ContainerExpect *expect,
                      size_t limit_bytes)
{
    BufLanding to = buf_landing(plain);
    Err *const err =
        container_land(&to.landing, store, key, expect, (ContainerLandOpts){.limit_bytes = limit_bytes});
    if (err)
        buf_cut(plain, to.before);
    return err;
}

Err *container_load(Buf *plain, Store *store, const char *key, const ContainerExpect *expect,
                    size_t limit_bytes)
{
    AUTO(copies_done) Copies copies = copies_of(store, key);
    Store *copy;
    while (copies_next(&copy, &copies)) {
        Err *const err = copy_load(plain, copy, key, expect, limit_bytes);
        if (!err)
            return NULL;
        copies_bad(&copies, err);
    }
    return copies_none(&copies);
}
