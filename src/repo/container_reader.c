/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Reading of containers, from the end: the trailer tells where the index lies and what it hashes to, the index tells
 * where the frames lie, what they leave at the begin of the object is the head. Opening usually takes two requests:
 * the last OPEN_READ_BYTES, then the head; a small object comes whole with the first.
 */
#include "repo/container_priv.h"

#include <assert.h>
#include <string.h>

/* The index of a pack of 2700 frames fits; larger ones cost a third request. */
enum { OPEN_READ_BYTES = 64 * 1024 };

ContainerReader *container_reader_new(Store *store, const char *key)
{
    ContainerReader *const reader = mem_new(sizeof *reader);
    reader->store = store;
    reader->key = mem_text(key);
    reader->last_begin = UINT64_MAX; /* nothing has been read */
    reader->plain_for = NO_FRAME;
    return reader;
}

void container_close(ContainerReader **reader)
{
    if (!*reader)
        return;
    ContainerReader *const r = *reader;
    container_close(&r->other);
    copies_done(&r->copies);
    mem_free(&r->key);
    mem_free(&r->name);
    buf_done(&r->last);
    buf_done(&r->head);
    buf_done(&r->index);
    mem_free(&r->frames);
    codec_free(&r->codec);
    buf_done(&r->pending);
    mem_free(&r->plain);
    mem_free(reader);
}

/* Appends [offset, offset + size) of the object, from what was read already or by a request. */
static Err *part_get(Buf *to, ContainerReader *reader, uint64_t offset, uint64_t size)
{
    if (offset >= reader->last_begin) {
        const Span part =
            span_cut(buf_span(&reader->last), (size_t)(offset - reader->last_begin), (size_t)size);
        assert(part.len == size);
        buf_add(to, part.ptr, part.len);
        return NULL;
    }
    const size_t before = to->len;
    TRY(store_get_all(to, reader->store, reader->key, (Range){offset, size}, (size_t)size));
    if (to->len - before != size)
        return ERR(CORRUPT, "object %s gave %zu of %lu bytes at %lu", reader->key, to->len - before,
                   (unsigned long)size, (unsigned long)offset);
    return NULL;
}

static Err *hash_check(const char *what, Span bytes, const Hash128 *expected)
{
    const Hash128 hash = hash128_of(bytes);
    if (!hash128_equal(&hash, expected))
        return ERR(CORRUPT, "%s of %zu bytes has XXH3-128 %s, the trailer says %s", what, bytes.len,
                   hash128_text(&hash).text, hash128_text(expected).text);
    return NULL;
}

/* The last skippable frame spans from the last frame to the end of the object. */
static Err *tail_head_check(Span bytes, uint64_t tail_bytes)
{
    const uint32_t magic = get_u32(bytes.ptr), payload_bytes = get_u32(bytes.ptr + 4);
    if (magic != SKIP_MAGIC || payload_bytes != tail_bytes - SKIP_HEAD_BYTES)
        return ERR(CORRUPT, "index is not framed by a skippable frame of %lu bytes",
                   (unsigned long)(tail_bytes - SKIP_HEAD_BYTES));
    return NULL;
}

static Err *index_read(ContainerReader *reader, const ContainerTrailer *trailer, uint64_t object_bytes)
{
    AUTO(buf_done) Buf tail = {0};
    reader->tail_offset = trailer_tail_offset(trailer);
    reader->sha_offset = trailer->index_offset + trailer->index_bytes;
    TRY(part_get(&tail, reader, reader->tail_offset,
                 SKIP_HEAD_BYTES + (uint64_t)trailer->index_bytes + SHA_FIELD_BYTES));
    TRY_AS(tail_head_check(buf_span(&tail), object_bytes - reader->tail_offset), "object %s", reader->key);
    buf_add(&reader->index, tail.data + SKIP_HEAD_BYTES, trailer->index_bytes);
    memcpy(reader->info.summary.sha256.bytes, tail.data + SKIP_HEAD_BYTES + trailer->index_bytes,
           SHA_FIELD_BYTES);

    const Span index = buf_span(&reader->index);
    TRY_AS(hash_check("index", index, &trailer->index_hash), "object %s", reader->key);
    TRY_AS(index_decode(&reader->frames, &reader->head_bytes, index, trailer), "object %s", reader->key);
    return NULL;
}

static Err *expect_check(const ContainerReader *reader, const ContainerHead *head,
                         const ContainerExpect *expect)
{
    if (head->kind == expect->kind && span_equal(head->name, span_of(expect->name, strlen(expect->name))))
        return NULL;
    return err_hint(ERR(CORRUPT, "object %s calls itself %s \"%.*s\", expected is %s \"%s\"", reader->key,
                        container_kind_name(head->kind), (int)head->name.len, (const char *)head->name.ptr,
                        container_kind_name(expect->kind), expect->name),
                    "objects were swapped or renamed in the store; another repository may have a good copy");
}

static Err *head_read(ContainerReader *reader, const ContainerTrailer *trailer, const ContainerExpect *expect)
{
    TRY(part_get(&reader->head, reader, 0, reader->head_bytes));
    TRY_AS(hash_check("head", buf_span(&reader->head), &trailer->head_hash), "object %s", reader->key);
    ContainerHead head;
    TRY_AS(head_decode(&head, buf_span(&reader->head)), "object %s", reader->key);
    TRY(expect_check(reader, &head, expect));
    reader->name = mem_new(head.name.len + 1);
    memcpy(reader->name, head.name.ptr, head.name.len);
    reader->info.kind = head.kind;
    reader->info.codec = head.codec;
    reader->info.name = reader->name;
    reader->info.facts = head.facts;
    return codec_new(&reader->codec, head.codec, codec_level_default(head.codec));
}

Err *container_reader_decode(ContainerReader *reader, const ContainerExpect *expect)
{
    const uint64_t object_bytes = reader->last_begin + reader->last.len;
    const size_t trailer_bytes = reader->last.len < TRAILER_BYTES ? reader->last.len : TRAILER_BYTES;
    const Span trailer_span =
        span_cut(buf_span(&reader->last), reader->last.len - trailer_bytes, TRAILER_BYTES);
    ContainerTrailer trailer;
    TRY_AS(trailer_decode(&trailer, trailer_span, object_bytes), "object %s", reader->key);
    TRY(index_read(reader, &trailer, object_bytes));
    TRY(head_read(reader, &trailer, expect));
    reader->info.summary.stored_bytes = object_bytes;
    reader->info.summary.plain_bytes = trailer.plain_bytes;
    reader->info.summary.frames = trailer.frame_count;
    return NULL;
}

/* One copy. */
static Err *copy_open(ContainerReader **out, Store *store, const char *key, const ContainerExpect *expect)
{
    AUTO(container_close) ContainerReader *reader = container_reader_new(store, key);
    ObjectInfo object;
    TRY(store_stat(&object, store, key));
    const uint64_t last_bytes = object.size_bytes < OPEN_READ_BYTES ? object.size_bytes : OPEN_READ_BYTES;
    AUTO(buf_done) Buf last = {0};
    TRY(part_get(&last, reader, object.size_bytes - last_bytes, last_bytes));
    buf_swap(&last, &reader->last);
    reader->last_begin = object.size_bytes - last_bytes;
    TRY(container_reader_decode(reader, expect));
    buf_done(&reader->last);
    *out = TAKE(reader);
    return NULL;
}

/* Two copies may be compressed in different ways; what they hold is the same. */
static Err *copy_compare(const ContainerReader *copy, const ContainerReader *first)
{
    if (copy->info.summary.plain_bytes == first->info.summary.plain_bytes &&
        span_equal(copy->info.facts, first->info.facts))
        return NULL;
    return ERR(CORRUPT, "object %s has other content than a copy elsewhere", copy->key);
}

/* The next copy that opens; `first` is the one begun with, NULL for none. */
static Err *copies_open(ContainerReader **out, Copies *copies, const ContainerExpect *expect,
                        const ContainerReader *first)
{
    Store *store;
    while (copies_next(&store, copies)) {
        AUTO(container_close) ContainerReader *reader = NULL;
        Err *err = copy_open(&reader, store, copies->key, expect);
        if (!err && first)
            err = copy_compare(reader, first);
        if (!err) {
            *out = TAKE(reader);
            return NULL;
        }
        copies_bad(copies, err);
    }
    return copies_none(copies);
}

Err *container_open(ContainerReader **out, Store *store, const char *key, const ContainerExpect *expect)
{
    AUTO(copies_done) Copies copies = copies_of(store, key);
    TRY(copies_open(out, &copies, expect, NULL));
    copies.key = (*out)->key;
    (*out)->copies = copies;
    copies = (Copies){.store = store};
    return NULL;
}

const ContainerInfo *container_info(const ContainerReader *reader)
{
    return &reader->info;
}

bool container_section_find(Span *out, const ContainerReader *reader, SectionType type)
{
    return index_section(out, buf_span(&reader->index), type);
}

/* The frame that holds the plain byte at `offset`, which exists. */
static size_t frame_find(const ContainerReader *reader, uint64_t offset)
{
    size_t low = 0, high = reader->info.summary.frames;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (reader->frames[middle].plain_offset <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

bool container_frame_at(FrameSpan *out, const ContainerReader *reader, uint64_t offset)
{
    if (offset >= reader->info.summary.plain_bytes)
        return false;
    const FramePlace *const frame = &reader->frames[frame_find(reader, offset)];
    *out = (FrameSpan){frame->plain_offset, frame->info.plain_bytes, frame->info.stored_bytes};
    return true;
}

static size_t frame_plain_largest(const ContainerReader *reader)
{
    size_t largest = 0;
    for (size_t i = 0; i < reader->info.summary.frames; i++) {
        const size_t plain_bytes = reader->frames[i].info.plain_bytes;
        largest = plain_bytes > largest ? plain_bytes : largest;
    }
    return largest;
}

/* Decodes frame `number` into reader->plain. */
static Err *frame_take(ContainerReader *reader, size_t number, Span stored)
{
    if (!reader->plain)
        reader->plain = mem_new(frame_plain_largest(reader));
    reader->plain_for = NO_FRAME;
    Err *const err = frame_decode(reader->plain, reader->codec, stored, &reader->frames[number].info);
    if (err)
        return frame_doing(err, reader->key, &reader->frames[number], number);
    reader->plain_for = number;
    return NULL;
}

/* Pushes what the frame in reader->plain has of [from, until). */
static Err *plain_push(ContainerReader *reader, uint64_t from, uint64_t until, Sink *to)
{
    const FramePlace *const frame = &reader->frames[reader->plain_for];
    const uint64_t frame_end = frame->plain_offset + frame->info.plain_bytes;
    const uint64_t begin = from > frame->plain_offset ? from : frame->plain_offset;
    const uint64_t end = until < frame_end ? until : frame_end;
    return sink_write(to, span_of(reader->plain + (begin - frame->plain_offset), (size_t)(end - begin)));
}

static Err *frame_sink_frame(FrameSink *sink, Span stored)
{
    TRY(frame_take(sink->reader, sink->next++, stored));
    return sink->to ? plain_push(sink->reader, sink->from, sink->until, sink->to) : NULL;
}

static Err *frame_sink_write(Sink *base, Span bytes)
{
    FrameSink *const sink = (FrameSink *)base;
    Buf *const pending = &sink->reader->pending;
    while (bytes.len > 0) {
        if (sink->next == sink->end)
            return ERR(CORRUPT, "object %s gave more bytes than were asked for", sink->reader->key);
        const size_t whole = sink->reader->frames[sink->next].info.stored_bytes;
        const Span piece = span_cut(bytes, 0, whole - pending->len);
        bytes = span_cut(bytes, piece.len, bytes.len);
        if (piece.len == whole) { /* the usual way: no copy */
            TRY(frame_sink_frame(sink, piece));
            continue;
        }
        buf_add(pending, piece.ptr, piece.len);
        if (pending->len == whole) {
            TRY(frame_sink_frame(sink, buf_span(pending)));
            buf_clear(pending);
        }
    }
    return NULL;
}

static Err *frame_sink_finish(Sink *base)
{
    const FrameSink *const sink = (const FrameSink *)base;
    if (sink->next != sink->end)
        return ERR(CORRUPT, "object %s ended in frame %zu", sink->reader->key, sink->next);
    return NULL;
}

void frame_sink_free(Sink *base)
{
    (void)base;
}

static const SinkOps frame_sink_ops = {
    .write = frame_sink_write, .finish = frame_sink_finish, .free = frame_sink_free};

FrameSink frame_sink(ContainerReader *reader, size_t first, size_t end, Sink *to)
{
    buf_clear(&reader->pending);
    return (FrameSink){.sink = {.ops = &frame_sink_ops},
                       .reader = reader,
                       .next = first,
                       .end = end,
                       .until = UINT64_MAX,
                       .to = to};
}

/* [from, until) is not empty and none of it lies in reader->plain. */
static Err *frames_read(ContainerReader *reader, uint64_t from, uint64_t until, Sink *to)
{
    const size_t first = frame_find(reader, from), last = frame_find(reader, until - 1);
    FrameSink frames = frame_sink(reader, first, last + 1, to);
    frames.from = from;
    frames.until = until;
    const uint64_t begin = reader->frames[first].stored_offset;
    const uint64_t end = reader->frames[last].stored_offset + reader->frames[last].info.stored_bytes;
    TRY(store_get(reader->store, reader->key, (Range){begin, end - begin}, &frames.sink));
    return sink_finish(&frames.sink);
}

/* Out of this copy. */
static Err *copy_read(ContainerReader *reader, uint64_t offset, uint64_t size, Sink *to)
{
    const uint64_t plain_bytes = reader->info.summary.plain_bytes;
    if (offset > plain_bytes || size > plain_bytes - offset)
        return ERR(CORRUPT, "object %s has %lu plain bytes, asked were %lu from %lu on", reader->key,
                   (unsigned long)plain_bytes, (unsigned long)size, (unsigned long)offset);
    uint64_t from = offset;
    const uint64_t until = offset + size;
    if (size > 0 && frame_find(reader, from) == reader->plain_for) {
        TRY(plain_push(reader, from, until, to));
        const FramePlace *const frame = &reader->frames[reader->plain_for];
        from = frame->plain_offset + frame->info.plain_bytes;
    }
    return from < until ? frames_read(reader, from, until, to) : NULL;
}

/* The copy in use is bad, as `err` says. */
static Err *other_open(ContainerReader *reader, Err *err)
{
    const ContainerExpect expect = {.kind = reader->info.kind, .name = reader->name};
    container_close(&reader->other);
    copies_bad(&reader->copies, err);
    return copies_open(&reader->other, &reader->copies, &expect, reader);
}

Err *container_read(ContainerReader *reader, uint64_t offset, uint64_t size, Sink *to)
{
    CountSink passed = count_sink(to);
    for (;;) {
        ContainerReader *const copy = reader->other ? reader->other : reader;
        Err *const err = copy_read(copy, offset + passed.passed, size - passed.passed, &passed.sink);
        if (!err || passed.has_failed)
            return err;
        TRY(other_open(reader, err));
    }
}
