/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * tests/fuzz/fuzz_container.c - head, index and trailer of a container from any bytes
 *
 * The first byte chooses the decoder. A trailer gets its magic and CRC set right, or hardly any input would pass them;
 * an index gets a trailer that fits its list of frames. What a decoder accepts must obey its own promises.
 */
#include "base/buf.h"
#include "base/crc32c.h"
#include "base/limits.h"
#include "repo/container_layout.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void head_try(Span bytes)
{
    ContainerHead head;
    AUTO(err_free) Err *err = head_decode(&head, bytes);
    if (err)
        return;
    AUTO(buf_done) Buf again = {0};
    head_encode(&again, &head);
    assert(span_equal(buf_span(&again), bytes)); /* one head has one form */
}

static void trailer_try(Span bytes)
{
    uint8_t fixed[TRAILER_BYTES] = {0};
    memcpy(fixed, bytes.ptr, bytes.len < sizeof fixed ? bytes.len : sizeof fixed);
    memcpy(fixed + TRAILER_BYTES - 12, "PGSTREND", 8);
    put_u32(fixed + TRAILER_BYTES - 4, crc32c(span_of(fixed, TRAILER_BYTES - 4)));
    ContainerTrailer trailer;
    const uint64_t object_bytes = get_u64(fixed + 16) + get_u32(fixed) + SHA_FIELD_BYTES + TRAILER_BYTES;
    AUTO(err_free) Err *err = trailer_decode(&trailer, span_of(fixed, sizeof fixed), object_bytes);
    if (err)
        return;
    AUTO(buf_done) Buf again = {0};
    trailer_encode(&again, &trailer);
    assert(span_equal(buf_span(&again), span_of(fixed, sizeof fixed)));
}

static void index_try(Span bytes)
{
    /* The first section's length, wherever it came from, says how many frames there are. */
    const uint32_t list_bytes = bytes.len >= SECTION_HEAD_BYTES ? get_u32(bytes.ptr + 4) : 0;
    ContainerTrailer trailer = {.frame_count = list_bytes / FRAME_ENTRY_BYTES,
                                .index_bytes = (uint32_t)bytes.len};
    uint64_t stored = 0;
    for (size_t at = SECTION_HEAD_BYTES; at + FRAME_ENTRY_BYTES <= bytes.len; at += FRAME_ENTRY_BYTES) {
        if (at >= SECTION_HEAD_BYTES + (size_t)list_bytes)
            break;
        stored += get_u32(bytes.ptr + at);
        trailer.plain_bytes += get_u32(bytes.ptr + at + 4);
    }
    trailer.index_offset = stored + 100;
    AUTO(mem_free) FramePlace *frames = NULL;
    uint64_t head_bytes;
    AUTO(err_free) Err *err = index_decode(&frames, &head_bytes, bytes, &trailer);
    if (err)
        return;
    assert(head_bytes == 92);
    for (uint32_t i = 0; i < trailer.frame_count; i++) {
        const uint64_t end = frames[i].stored_offset + frames[i].info.stored_bytes;
        assert(end == (i + 1 < trailer.frame_count ? frames[i + 1].stored_offset : stored + 92));
    }
    for (unsigned type = 0; type < 32; type++) {
        Span section;
        if (index_section(&section, bytes, (SectionType)type))
            assert(section.ptr >= bytes.ptr && section.ptr + section.len <= bytes.ptr + bytes.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const Span bytes = span_of(data + 1, size - 1);
    if (data[0] % 3 == 0)
        head_try(bytes);
    else if (data[0] % 3 == 1)
        trailer_try(bytes);
    else
        index_try(bytes);
    return 0;
}
