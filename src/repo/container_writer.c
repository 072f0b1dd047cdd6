/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Writing of containers. Bytes go out as they are made; the list of frames and the other sections of the index wait in
 * memory until the end. Every byte that leaves before the SHA-256 field passes through put(), which counts and hashes.
 */
#include "base/limits.h"
#include "repo/container.h"
#include "repo/container_layout.h"

#include <assert.h>
#include <string.h>

struct ContainerWriter {
    Sink *to;
    Codec *codec;
    Sha256Stream *sha;
    Hash128 head_hash;
    uint64_t written;
    uint64_t plain_bytes;
    uint32_t frame_count;
    Buf stored;   /* the frame being made */
    Buf frames;   /* entries of SECTION_FRAMES */
    Buf sections; /* the others, by type */
    unsigned last_section;
};

static Err *put(ContainerWriter *writer, Span bytes)
{
    TRY(sink_write(writer->to, bytes));
    sha256_stream_add(writer->sha, bytes);
    writer->written += bytes.len;
    return NULL;
}

static Err *put_head(ContainerWriter *writer, const ContainerSpec *spec)
{
    const ContainerHead head = {
        .kind = spec->kind,
        .codec = spec->codec,
        .name = span_of(spec->name, strlen(spec->name)),
        .facts = spec->facts,
    };
    AUTO(buf_done) Buf bytes = {0};
    head_encode(&bytes, &head);
    writer->head_hash = hash128_of(buf_span(&bytes));
    return put(writer, buf_span(&bytes));
}

Err *container_begin(ContainerWriter **out, const ContainerSpec *spec, Sink *to)
{
    AUTO(container_writer_free) ContainerWriter *writer = mem_new(sizeof *writer);
    writer->to = to;
    TRY(codec_new(&writer->codec, spec->codec, spec->level));
    writer->sha = sha256_stream_new();
    TRY(put_head(writer, spec));
    *out = TAKE(writer);
    return NULL;
}

Err *container_frame_ready(ContainerWriter *writer, Span stored, const FrameInfo *info)
{
    assert(stored.len == info->stored_bytes && stored.len <= FRAME_STORED_MAX);
    assert(info->plain_bytes >= 1 && info->plain_bytes <= FRAME_PLAIN_MAX);
    if (writer->frame_count == CONTAINER_FRAMES_MAX)
        return ERR(LIMIT, "object would have more than %d frames", CONTAINER_FRAMES_MAX);
    TRY(put(writer, stored));
    frame_entry_encode(&writer->frames, info);
    writer->frame_count++;
    writer->plain_bytes += info->plain_bytes;
    return NULL;
}

Err *container_frame(ContainerWriter *writer, Span plain)
{
    FrameInfo info;
    buf_clear(&writer->stored);
    TRY(frame_encode(&info, &writer->stored, writer->codec, plain));
    return container_frame_ready(writer, buf_span(&writer->stored), &info);
}

uint64_t container_stored_bytes(const ContainerWriter *writer)
{
    return writer->written;
}

uint64_t container_plain_bytes(const ContainerWriter *writer)
{
    return writer->plain_bytes;
}

Err *container_section(ContainerWriter *writer, SectionType type, Span bytes)
{
    assert((unsigned)type > writer->last_section && type != SECTION_FRAMES);
    const size_t frames_max = (size_t)CONTAINER_FRAMES_MAX * FRAME_ENTRY_BYTES;
    if (bytes.len > CONTAINER_INDEX_MAX - frames_max - writer->sections.len - 2 * (size_t)SECTION_HEAD_BYTES)
        return ERR(LIMIT, "section %d of %zu bytes makes the index larger than %d", (int)type, bytes.len,
                   CONTAINER_INDEX_MAX);
    section_encode(&writer->sections, type, bytes);
    writer->last_section = (unsigned)type;
    return NULL;
}

/* The last skippable frame: its head, the index, the SHA-256 of all that so far, the trailer. */
static Err *put_tail(Sha256 *sha, ContainerWriter *writer, Span index)
{
    AUTO(buf_done) Buf bytes = {0};
    buf_add_u32(&bytes, SKIP_MAGIC);
    buf_add_u32(&bytes, (uint32_t)(index.len + SHA_FIELD_BYTES + TRAILER_BYTES));
    TRY(put(writer, buf_span(&bytes)));

    const ContainerTrailer trailer = {
        .index_bytes = (uint32_t)index.len,
        .frame_count = writer->frame_count,
        .plain_bytes = writer->plain_bytes,
        .index_offset = writer->written,
        .head_hash = writer->head_hash,
        .index_hash = hash128_of(index),
    };
    TRY(put(writer, index));
    *sha = sha256_stream_end(writer->sha);

    buf_clear(&bytes);
    buf_add(&bytes, sha->bytes, sizeof sha->bytes);
    trailer_encode(&bytes, &trailer);
    writer->written += bytes.len;
    return sink_write(writer->to, buf_span(&bytes));
}

Err *container_finish(ContainerSummary *out, ContainerWriter *writer)
{
    AUTO(buf_done) Buf index = {0};
    section_encode(&index, SECTION_FRAMES, buf_span(&writer->frames));
    buf_add(&index, writer->sections.data, writer->sections.len);
    ContainerSummary summary = {.plain_bytes = writer->plain_bytes, .frames = writer->frame_count};
    TRY(put_tail(&summary.sha256, writer, buf_span(&index)));
    summary.stored_bytes = writer->written;
    *out = summary;
    return NULL;
}

void container_writer_free(ContainerWriter **writer)
{
    if (!*writer)
        return;
    codec_free(&(*writer)->codec);
    sha256_stream_free(&(*writer)->sha);
    buf_done(&(*writer)->stored);
    buf_done(&(*writer)->frames);
    buf_done(&(*writer)->sections);
    mem_free(writer);
}
