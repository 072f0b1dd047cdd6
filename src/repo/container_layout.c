/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/container_layout.h"

#include "base/crc32c.h"
#include "base/limits.h"

#include <assert.h>
#include <string.h>

static const char head_magic[8] = {'P', 'G', 'S', 'T', 'R', 'A', 'T', 'A'};
static const char trailer_magic[8] = {'P', 'G', 'S', 'T', 'R', 'E', 'N', 'D'};

enum { SECTION_MUST_UNDERSTAND = 1 << 0 };

static const char *const kind_names[CONTAINER_KIND_END] = {
    [CONTAINER_REPOSITORY] = "repository",
    [CONTAINER_CLUSTER] = "cluster",
    [CONTAINER_BRANCH] = "branch",
    [CONTAINER_HISTORY] = "history",
    [CONTAINER_WAL] = "wal",
    [CONTAINER_WAL_PARTIAL] = "wal partial",
    [CONTAINER_BACKUP_HISTORY] = "backup history",
    [CONTAINER_WAL_TAIL] = "wal tail",
    [CONTAINER_BEGIN] = "begin",
    [CONTAINER_PACK] = "pack",
    [CONTAINER_PACKS] = "packs",
    [CONTAINER_BACKUP] = "backup",
    [CONTAINER_HOLD] = "hold",
    [CONTAINER_LOCK] = "lock",
    [CONTAINER_KEY] = "key",
};

static bool kind_is_known(unsigned number)
{
    return number >= 1 && number < CONTAINER_KIND_END;
}

const char *container_kind_name(ContainerKind kind)
{
    assert(kind_is_known(kind));
    return kind_names[kind];
}

static Err *newer(Err *err)
{
    return err_hint(err, "use a newer pgstrata for this repository");
}

void head_encode(Buf *out, const ContainerHead *head)
{
    assert(head->name.len <= STORE_KEY_MAX && head->facts.len <= CONTAINER_FACTS_MAX);
    const size_t fixed_bytes = sizeof head_magic + 12;
    buf_add_u32(out, SKIP_MAGIC);
    buf_add_u32(out, (uint32_t)(fixed_bytes + head->name.len + head->facts.len));
    buf_add(out, head_magic, sizeof head_magic);
    buf_add_u16(out, CONTAINER_VERSION);
    buf_add_u8(out, (uint8_t)head->kind);
    buf_add_u8(out, (uint8_t)head->codec);
    buf_add_u16(out, 0); /* flags */
    buf_add_u16(out, (uint16_t)head->name.len);
    buf_add(out, head->name.ptr, head->name.len);
    buf_add_u16(out, 0); /* sealing */
    buf_add_u16(out, (uint16_t)head->facts.len);
    buf_add(out, head->facts.ptr, head->facts.len);
}

/* The part whose meaning no version changes: is this one of our objects, and of which version? */
static Err *head_prefix_decode(Dec *dec)
{
    const uint32_t skip_magic = dec_u32(dec), payload_bytes = dec_u32(dec);
    const Span magic = dec_bytes(dec, sizeof head_magic);
    const unsigned version = dec_u16(dec);
    TRY(dec_end(dec, "head"));
    if (skip_magic != SKIP_MAGIC || payload_bytes != dec->bytes.len - SKIP_HEAD_BYTES)
        return ERR(CORRUPT, "head of %zu bytes does not begin with its skippable frame", dec->bytes.len);
    if (!span_equal(magic, span_of(head_magic, sizeof head_magic)))
        return ERR(CORRUPT, "head has not the magic PGSTRATA");
    if (version != CONTAINER_VERSION)
        return newer(ERR(UNSUPPORTED, "written by a newer pgstrata: format %u; this program reads %d",
                         version, CONTAINER_VERSION));
    return NULL;
}

Err *head_decode(ContainerHead *out, Span head)
{
    Dec dec = dec_begin(head);
    TRY(head_prefix_decode(&dec));
    const unsigned kind = dec_u8(&dec), codec = dec_u8(&dec), flags = dec_u16(&dec);
    const Span name = dec_bytes(&dec, dec_u16(&dec));
    const Span sealing = dec_bytes(&dec, dec_u16(&dec));
    const Span facts = dec_bytes(&dec, dec_u16(&dec));
    TRY(dec_end_exact(&dec, "head"));
    if (!kind_is_known(kind))
        return newer(ERR(UNSUPPORTED, "written by a newer pgstrata: kind %u is not known", kind));
    if (!codec_is_known(codec))
        return newer(ERR(UNSUPPORTED, "written by a newer pgstrata: codec %u is not known", codec));
    if (flags != 0 || sealing.len != 0)
        return newer(ERR(UNSUPPORTED,
                         "written by a newer pgstrata: flags %04x and %zu bytes of sealing are not known",
                         flags, sealing.len));
    if (name.len == 0 || name.len > STORE_KEY_MAX || memchr(name.ptr, 0, name.len))
        return ERR(CORRUPT, "head holds a name of %zu bytes that is no object name", name.len);
    if (facts.len > CONTAINER_FACTS_MAX)
        return ERR(CORRUPT, "head holds %zu bytes of facts, at most %d", facts.len, CONTAINER_FACTS_MAX);
    *out = (ContainerHead){(ContainerKind)kind, (CodecKind)codec, name, facts};
    return NULL;
}

void trailer_encode(Buf *out, const ContainerTrailer *trailer)
{
    const size_t begin = out->len;
    buf_add_u32(out, trailer->index_bytes);
    buf_add_u32(out, trailer->frame_count);
    buf_add_u64(out, trailer->plain_bytes);
    buf_add_u64(out, trailer->index_offset);
    buf_add(out, trailer->head_hash.bytes, sizeof trailer->head_hash.bytes);
    buf_add(out, trailer->index_hash.bytes, sizeof trailer->index_hash.bytes);
    buf_add_u16(out, 0); /* bytes of signature */
    buf_add_u16(out, CONTAINER_VERSION);
    buf_add_u32(out, 0); /* reserved */
    buf_add(out, trailer_magic, sizeof trailer_magic);
    buf_add_u32(out, crc32c(span_of(out->data + begin, out->len - begin)));
    assert(out->len - begin == TRAILER_BYTES);
}

/* Index, SHA-256 and trailer end exactly where the object ends; before the index there is room for both frame heads. */
static Err *trailer_geometry_check(const ContainerTrailer *trailer, uint64_t object_bytes)
{
    const uint64_t behind = (uint64_t)trailer->index_bytes + SHA_FIELD_BYTES + TRAILER_BYTES;
    if (behind > object_bytes || trailer->index_offset != object_bytes - behind ||
        trailer->index_offset < 2 * (uint64_t)SKIP_HEAD_BYTES)
        return ERR(CORRUPT, "trailer puts an index of %u bytes at %lu, the object has %lu bytes",
                   trailer->index_bytes, (unsigned long)trailer->index_offset, (unsigned long)object_bytes);
    if (trailer->index_bytes > CONTAINER_INDEX_MAX || trailer->frame_count > CONTAINER_FRAMES_MAX)
        return ERR(CORRUPT, "trailer announces an index of %u bytes and %u frames, at most %d and %d",
                   trailer->index_bytes, trailer->frame_count, CONTAINER_INDEX_MAX, CONTAINER_FRAMES_MAX);
    return NULL;
}

Err *trailer_decode(ContainerTrailer *out, Span bytes, uint64_t object_bytes)
{
    Dec dec = dec_begin(bytes);
    ContainerTrailer trailer = {
        .index_bytes = dec_u32(&dec),
        .frame_count = dec_u32(&dec),
        .plain_bytes = dec_u64(&dec),
        .index_offset = dec_u64(&dec),
    };
    const Span head_hash = dec_bytes(&dec, sizeof trailer.head_hash.bytes);
    const Span index_hash = dec_bytes(&dec, sizeof trailer.index_hash.bytes);
    const unsigned signature_bytes = dec_u16(&dec), version = dec_u16(&dec);
    const uint32_t reserved = dec_u32(&dec);
    const Span magic = dec_bytes(&dec, sizeof trailer_magic);
    const uint32_t crc_stored = dec_u32(&dec);
    TRY(dec_end_exact(&dec, "trailer"));
    if (!span_equal(magic, span_of(trailer_magic, sizeof trailer_magic)))
        return ERR(CORRUPT, "object does not end in a trailer: cut short, or not an object of pgstrata");
    const uint32_t crc = crc32c(span_cut(bytes, 0, TRAILER_BYTES - 4));
    if (crc != crc_stored)
        return ERR(CORRUPT, "trailer's CRC is %08x, computed %08x", crc_stored, crc);
    if (version != CONTAINER_VERSION)
        return newer(ERR(UNSUPPORTED, "written by a newer pgstrata: format %u; this program reads %d",
                         version, CONTAINER_VERSION));
    if (signature_bytes != 0 || reserved != 0)
        return newer(
            ERR(UNSUPPORTED,
                "written by a newer pgstrata: a signature of %u bytes and reserved bits %08x are not known",
                signature_bytes, reserved));
    memcpy(trailer.head_hash.bytes, head_hash.ptr, head_hash.len);
    memcpy(trailer.index_hash.bytes, index_hash.ptr, index_hash.len);
    TRY(trailer_geometry_check(&trailer, object_bytes));
    *out = trailer;
    return NULL;
}

void section_encode(Buf *out, SectionType type, Span bytes)
{
    buf_add_u16(out, (uint16_t)type);
    buf_add_u16(out, 0); /* flags: readers that do not know the type skip it */
    buf_add_u32(out, (uint32_t)bytes.len);
    buf_add(out, bytes.ptr, bytes.len);
}

void frame_entry_encode(Buf *out, const FrameInfo *info)
{
    buf_add_u32(out, info->stored_bytes);
    buf_add_u32(out, info->plain_bytes);
    buf_add(out, info->hash.bytes, sizeof info->hash.bytes);
}

typedef struct Section {
    unsigned type;
    unsigned flags;
    Span bytes;
} Section;

static Section section_next(Dec *dec)
{
    Section section = {.type = dec_u16(dec), .flags = dec_u16(dec)};
    section.bytes = dec_bytes(dec, dec_u32(dec));
    return section;
}

static bool section_is_known(unsigned type)
{
    return (type >= SECTION_FRAMES && type <= SECTION_PAGES) ||
           (type >= SECTION_WAL_SUMMARY && type <= SECTION_WAL_SEAMS);
}

/* Walks all sections: whole, in ascending order of type (so each at most once), FRAMES first. */
static Err *sections_check(Span index)
{
    Dec dec = dec_begin(index);
    unsigned last_type = 0;
    while (dec_left(&dec) > 0) {
        const Section section = section_next(&dec);
        TRY(dec_end(&dec, "index"));
        if (section.type <= last_type || (last_type == 0 && section.type != SECTION_FRAMES))
            return ERR(CORRUPT, "index has section %u after section %u", section.type, last_type);
        if (section.flags & SECTION_MUST_UNDERSTAND && !section_is_known(section.type))
            return newer(ERR(UNSUPPORTED, "written by a newer pgstrata: section %u of the index is not known",
                             section.type));
        last_type = section.type;
    }
    if (last_type == 0)
        return ERR(CORRUPT, "index has no list of frames");
    return NULL;
}

bool index_section(Span *out, Span index, SectionType type)
{
    Dec dec = dec_begin(index);
    while (dec_left(&dec) > 0) {
        const Section section = section_next(&dec);
        if (section.type == (unsigned)type) {
            *out = section.bytes;
            return true;
        }
    }
    return false;
}

/* One entry of the list of frames, laid out behind the one before it. */
static Err *frame_entry_decode(FramePlace *out, Dec *dec, uint64_t *stored_at, uint64_t *plain_at)
{
    FramePlace place = {.stored_offset = *stored_at, .plain_offset = *plain_at};
    place.info.stored_bytes = dec_u32(dec);
    place.info.plain_bytes = dec_u32(dec);
    const Span hash = dec_bytes(dec, sizeof place.info.hash.bytes);
    TRY(dec_end(dec, "list of frames"));
    memcpy(place.info.hash.bytes, hash.ptr, hash.len);
    if (place.info.plain_bytes < 1 || place.info.plain_bytes > FRAME_PLAIN_MAX ||
        place.info.stored_bytes < 1 || place.info.stored_bytes > FRAME_STORED_MAX)
        return ERR(CORRUPT, "index has a frame of %u plain and %u stored bytes", place.info.plain_bytes,
                   place.info.stored_bytes);
    *stored_at += place.info.stored_bytes;
    *plain_at += place.info.plain_bytes;
    *out = place;
    return NULL;
}

Err *frame_doing(Err *err, const char *key, const FramePlace *frame, size_t number)
{
    return err_doing(err, "object %s, frame %zu at %lu (plain bytes %lu to %lu)", key, number,
                     (unsigned long)frame->stored_offset, (unsigned long)frame->plain_offset,
                     (unsigned long)(frame->plain_offset + frame->info.plain_bytes));
}

Err *index_decode(FramePlace **frames, uint64_t *head_bytes, Span index, const ContainerTrailer *trailer)
{
    TRY(sections_check(index));
    Span list = {0};
    index_section(&list, index, SECTION_FRAMES);
    if (list.len != (size_t)trailer->frame_count * FRAME_ENTRY_BYTES)
        return ERR(CORRUPT, "list of frames has %zu bytes, the trailer announces %u frames", list.len,
                   trailer->frame_count);

    AUTO(mem_free)
    FramePlace *places = trailer->frame_count ? mem_new(trailer->frame_count * sizeof *places) : NULL;
    Dec dec = dec_begin(list);
    uint64_t stored = 0, plain = 0;
    for (uint32_t i = 0; i < trailer->frame_count; i++)
        TRY(frame_entry_decode(&places[i], &dec, &stored, &plain));

    const uint64_t tail = trailer_tail_offset(trailer);
    if (plain != trailer->plain_bytes || stored + SKIP_HEAD_BYTES > tail ||
        tail - stored > CONTAINER_HEAD_MAX)
        return ERR(CORRUPT,
                   "frames have %lu plain and %lu stored bytes, the trailer says %lu and %lu with the head",
                   (unsigned long)plain, (unsigned long)stored, (unsigned long)trailer->plain_bytes,
                   (unsigned long)tail);
    const uint64_t head = tail - stored;
    for (uint32_t i = 0; i < trailer->frame_count; i++)
        places[i].stored_offset += head;
    *frames = TAKE(places);
    *head_bytes = head;
    return NULL;
}
