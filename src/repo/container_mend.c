/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/container_mend.h"

#include "base/limits.h"
#include "repo/container_layout.h"

#include <string.h>

/* Where the parts lie, as far as what is whole tells. */
typedef struct Parts {
    Span object;
    size_t head_bytes;
    size_t tail_at; /* the skippable frame with the index */
    size_t index_bytes;
    bool has_trailer; /* it can be believed */
    ContainerTrailer trailer;
} Parts;

static size_t index_at(const Parts *parts)
{
    return parts->tail_at + SKIP_HEAD_BYTES;
}

static size_t sha_at(const Parts *parts)
{
    return index_at(parts) + parts->index_bytes;
}

static Span head_of(const Parts *parts)
{
    return span_cut(parts->object, 0, parts->head_bytes);
}

static Span index_of(const Parts *parts)
{
    return span_cut(parts->object, index_at(parts), parts->index_bytes);
}

/* The head's length: what the frames leave, where the index tells, else its own word. */
static bool head_find(Parts *parts)
{
    uint64_t head_bytes = 0;
    if (parts->has_trailer) {
        const Hash128 hash = hash128_of(index_of(parts));
        FramePlace *frames = NULL;
        Err *err = hash128_equal(&hash, &parts->trailer.index_hash)
                       ? index_decode(&frames, &head_bytes, index_of(parts), &parts->trailer)
                       : NULL;
        mem_free(&frames);
        err_free(&err);
    }
    if (!head_bytes && parts->object.len > SKIP_HEAD_BYTES)
        head_bytes = (uint64_t)SKIP_HEAD_BYTES + get_u32(parts->object.ptr + 4);
    if (!head_bytes || head_bytes > CONTAINER_HEAD_MAX || head_bytes > parts->tail_at)
        return false;
    parts->head_bytes = (size_t)head_bytes;
    return true;
}

/* Without a trailer the tail is found by its own head: a skippable frame that goes up to the end of the object. */
static bool tail_search(Parts *parts)
{
    const size_t least = SKIP_HEAD_BYTES + SHA_FIELD_BYTES + TRAILER_BYTES;
    if (parts->object.len < least)
        return false;
    for (size_t at = parts->object.len - least + 1; at-- > 0;) {
        const uint8_t *const here = parts->object.ptr + at;
        if (get_u32(here) != SKIP_MAGIC || get_u32(here + 4) != parts->object.len - at - SKIP_HEAD_BYTES)
            continue;
        parts->tail_at = at;
        parts->index_bytes = parts->object.len - at - least;
        return true;
    }
    return false;
}

static bool parts_find(Parts *out, Span object)
{
    Parts parts = {.object = object};
    const size_t trailer_bytes = object.len < TRAILER_BYTES ? object.len : TRAILER_BYTES;
    Err *err = trailer_decode(&parts.trailer, span_cut(object, object.len - trailer_bytes, TRAILER_BYTES),
                              object.len);
    parts.has_trailer = !err;
    err_free(&err);
    if (parts.has_trailer) {
        parts.tail_at = (size_t)trailer_tail_offset(&parts.trailer);
        parts.index_bytes = parts.trailer.index_bytes;
    } else if (!tail_search(&parts)) {
        return false;
    }
    if (!head_find(&parts))
        return false;
    *out = parts;
    return true;
}

/* ---- parts, computed anew. Each appends the whole object with that part replaced; false: it cannot be computed. */

typedef struct Mending {
    const Parts *parts;
    const ContainerExpect *expect;
} Mending;

static void put_with(Buf *out, const Parts *parts, size_t at, Span part)
{
    const Span object = parts->object;
    buf_add(out, object.ptr, at);
    buf_add(out, part.ptr, part.len);
    buf_add(out, object.ptr + at + part.len, object.len - at - part.len);
}

/* A flipped bit of a frame may change none of its plain bytes. Then the old SHA-256 was right, and a new one would make
 * another object: not of those whose hash others name. */
static bool sha_remake(Buf *out, const Mending *mending)
{
    const Parts *const parts = mending->parts;
    if (mending->expect->kind == CONTAINER_PACK || mending->expect->kind == CONTAINER_BACKUP)
        return false;
    AUTO(sha256_stream_free) Sha256Stream *stream = sha256_stream_new();
    sha256_stream_add(stream, span_cut(parts->object, 0, sha_at(parts)));
    const Sha256 sha = sha256_stream_end(stream);
    put_with(out, parts, sha_at(parts), span_of(sha.bytes, sizeof sha.bytes));
    return true;
}

static bool tail_head_remake(Buf *out, const Mending *mending)
{
    const Parts *const parts = mending->parts;
    AUTO(buf_done) Buf head = {0};
    buf_add_u32(&head, SKIP_MAGIC);
    buf_add_u32(&head, (uint32_t)(parts->object.len - parts->tail_at - SKIP_HEAD_BYTES));
    put_with(out, parts, parts->tail_at, buf_span(&head));
    return true;
}

static uint64_t plain_bytes_of(Span frames)
{
    uint64_t plain = 0;
    for (size_t at = 0; at < frames.len; at += FRAME_ENTRY_BYTES)
        plain += get_u32(frames.ptr + at + 4);
    return plain;
}

static bool trailer_remake(Buf *out, const Mending *mending)
{
    const Parts *const parts = mending->parts;
    AUTO(buf_done) Buf trailer = {0};
    Span frames;
    if (parts->has_trailer || !index_section(&frames, index_of(parts), SECTION_FRAMES) ||
        frames.len % FRAME_ENTRY_BYTES)
        return false;
    trailer_encode(&trailer, &(ContainerTrailer){.index_bytes = (uint32_t)parts->index_bytes,
                                                 .frame_count = (uint32_t)(frames.len / FRAME_ENTRY_BYTES),
                                                 .plain_bytes = plain_bytes_of(frames),
                                                 .index_offset = index_at(parts),
                                                 .head_hash = hash128_of(head_of(parts)),
                                                 .index_hash = hash128_of(index_of(parts))});
    put_with(out, parts, parts->object.len - TRAILER_BYTES, buf_span(&trailer));
    return true;
}

/* Of an object without facts everything in the head is known, but for the codec: the hash tells which one it was. */
static bool head_remake(Buf *out, const Mending *mending)
{
    const Parts *const parts = mending->parts;
    const ContainerExpect *const expect = mending->expect;
    for (unsigned codec = 0; parts->has_trailer && codec_is_known(codec); codec++) {
        AUTO(buf_done) Buf head = {0};
        head_encode(&head, &(ContainerHead){expect->kind, (CodecKind)codec,
                                            span_of(expect->name, strlen(expect->name)), (Span){0}});
        const Hash128 hash = hash128_of(buf_span(&head));
        if (head.len != parts->head_bytes || !hash128_equal(&hash, &parts->trailer.head_hash))
            continue;
        put_with(out, parts, 0, buf_span(&head));
        return true;
    }
    return false;
}

/* Goes from frame to frame between head and tail by their own headers, decodes them and lists them. */
static Err *frames_walk(bool *is_whole, Buf *list, Buf *plain, const Parts *parts, CodecKind *kind)
{
    AUTO(codec_free) Codec *codec = NULL;
    CodecFrame frame;
    bool is_good = true;
    for (size_t at = parts->head_bytes; at < parts->tail_at && is_good; at += frame.stored_bytes) {
        const Span rest = span_cut(parts->object, at, parts->tail_at - at);
        is_good = plain->len <= PACK_PLAIN_MAX && codec_frame_find(&frame, rest);
        if (!is_good)
            break;
        if (!codec)
            TRY(codec_new(&codec, frame.kind, codec_level_default(frame.kind)));
        *kind = frame.kind;
        uint8_t *const to = buf_reserve(plain, frame.plain_bytes);
        Err *err = codec_decompress(to, frame.plain_bytes, codec, span_cut(rest, 0, frame.stored_bytes));
        is_good = !err;
        err_free(&err);
        const FrameInfo info = {(uint32_t)frame.stored_bytes, (uint32_t)frame.plain_bytes,
                                hash128_of(span_of(to, frame.plain_bytes))};
        frame_entry_encode(list, &info);
        buf_grown(plain, frame.plain_bytes);
    }
    *is_whole = is_good;
    return NULL;
}

/* An index that was nothing but the list of frames: the trailer's hash tells whether it was. */
static Err *index_remake(Buf *out, bool *is_made, const Mending *mending)
{
    const Parts *const parts = mending->parts;
    AUTO(buf_done) Buf list = {0};
    AUTO(buf_done) Buf plain = {0};
    AUTO(buf_done) Buf index = {0};
    CodecKind kind = CODEC_ZSTD;
    bool is_whole;
    *is_made = false;
    TRY(frames_walk(&is_whole, &list, &plain, parts, &kind));
    section_encode(&index, SECTION_FRAMES, buf_span(&list));
    const Hash128 hash = hash128_of(buf_span(&index));
    if (!is_whole || !parts->has_trailer || index.len != parts->index_bytes ||
        !hash128_equal(&hash, &parts->trailer.index_hash))
        return NULL;
    put_with(out, parts, index_at(parts), buf_span(&index));
    *is_made = true;
    return NULL;
}

/* By the same reader that will read it. */
static bool object_is_good(Span object, const ContainerExpect *expect)
{
    AUTO(buf_done) Buf facts = {0};
    AUTO(err_free) Err *err = container_verify_bytes(&facts, object, expect);
    return !err;
}

static bool attempt_keep(Buf *out, const Buf *attempt, const ContainerExpect *expect)
{
    if (!object_is_good(buf_span(attempt), expect))
        return false;
    buf_add(out, attempt->data, attempt->len);
    return true;
}

Err *container_mend(Buf *out, bool *is_mended, Span object, const ContainerExpect *expect)
{
    static bool (*const remakes[])(Buf *, const Mending *) = {sha_remake, tail_head_remake, trailer_remake,
                                                              head_remake};
    Parts parts;
    bool is_good = false;
    const Mending mending = {&parts, expect};
    const bool is_laid_out = !object_is_good(object, expect) && parts_find(&parts, object);
    for (size_t i = 0; i < COUNT_OF(remakes) && is_laid_out && !is_good; i++) {
        AUTO(buf_done) Buf attempt = {0};
        is_good = remakes[i](&attempt, &mending) && attempt_keep(out, &attempt, expect);
    }
    if (is_laid_out && !is_good) {
        AUTO(buf_done) Buf attempt = {0};
        bool is_made;
        TRY(index_remake(&attempt, &is_made, &mending));
        is_good = is_made && attempt_keep(out, &attempt, expect);
    }
    *is_mended = is_good;
    return NULL;
}

/* ---- rescue */

void container_rescue_done(ContainerRescue *rescue)
{
    buf_done(&rescue->plain);
    buf_done(&rescue->facts);
}

static void facts_read(ContainerRescue *rescue, const Parts *parts)
{
    ContainerHead head;
    Err *err = head_decode(&head, head_of(parts));
    if (!err) {
        rescue->codec = head.codec;
        buf_add(&rescue->facts, head.facts.ptr, head.facts.len);
    }
    err_free(&err);
}

/* Do the frames, found one by one, have the hashes that a whole index lists? */
static bool index_proves(const Parts *parts, const Buf *list)
{
    Span frames;
    if (!parts->has_trailer)
        return false;
    const Hash128 hash = hash128_of(index_of(parts));
    return hash128_equal(&hash, &parts->trailer.index_hash) &&
           index_section(&frames, index_of(parts), SECTION_FRAMES) && span_equal(frames, buf_span(list));
}

Err *container_rescue(ContainerRescue *out, bool *is_whole, Span object)
{
    AUTO(container_rescue_done) ContainerRescue rescue = {.codec = CODEC_ZSTD};
    AUTO(buf_done) Buf list = {0};
    Parts parts;
    *is_whole = false;
    if (!parts_find(&parts, object))
        return NULL;
    TRY(frames_walk(is_whole, &list, &rescue.plain, &parts, &rescue.codec));
    if (!*is_whole)
        return NULL;
    rescue.is_proven = index_proves(&parts, &list);
    facts_read(&rescue, &parts);
    *out = rescue;
    rescue = (ContainerRescue){.codec = CODEC_ZSTD};
    return NULL;
}
