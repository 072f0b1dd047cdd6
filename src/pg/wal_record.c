/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "pg/wal_record.h"

#include "base/limits.h"

#include <inttypes.h>

/* Ids of the small headers that are no block reference. */
enum { ID_TOP_XID = 252, ID_ORIGIN = 253, ID_MAIN_LONG = 254, ID_MAIN_SHORT = 255 };

/* Flags of a block reference; the low four bits are the fork. */
enum {
    BLOCK_FORK = 0x0F,
    BLOCK_IMAGE = 0x10,
    BLOCK_DATA = 0x20,
    BLOCK_WILL_INIT = 0x40,
    BLOCK_SAME_FILE = 0x80
};

/* InvalidBlockNumber, src/include/storage/block.h. */
#define NO_BLOCK UINT32_MAX

/* Behind the id of a reference: flags and length; of its image length, offset of the hole and flags, and for a compressed
 * one the length of the hole; the file where it is named; the block. */
enum {
    BLOCK_HEAD_BYTES = 3,
    IMAGE_HEAD_BYTES = 5,
    IMAGE_HOLE_BYTES = 2,
    BLOCK_FILE_BYTES = 12,
    BLOCK_NUMBER_BYTES = 4
};

/* Flags of an image. The first is common; the others were renumbered in 15, when lz4 and zstd came. */
enum { IMAGE_HOLE = 0x01 };
enum { IMAGE_14_COMPRESSED = 0x02, IMAGE_14_APPLY = 0x04 };
enum { IMAGE_15_APPLY = 0x02, IMAGE_15_PGLZ = 0x04, IMAGE_15_LZ4 = 0x08, IMAGE_15_ZSTD = 0x10 };

/* The headers announce data that lie behind the last of them; `announced` adds them up, and where it equals what is
 * left, the headers end. A block's lies between `at` and `end`. */
typedef struct Headers {
    const uint8_t *at, *end;
    size_t announced;
    size_t main_bytes;
    unsigned block_count;
    bool has_file; /* some block named its file, so that the next may repeat it */
} Headers;

static size_t left_of(const Headers *h)
{
    return (size_t)(h->end - h->at);
}

__attribute__((cold, noinline)) static Err *short_record(void)
{
    return ERR(CORRUPT, "WAL record ends amid its headers");
}

static Err *image_codec(WalImage *image, const PgVersion *version, unsigned flags)
{
    if (version->major < 15) {
        image->is_applied = flags & IMAGE_14_APPLY;
        image->codec = flags & IMAGE_14_COMPRESSED ? WAL_IMAGE_PGLZ : WAL_IMAGE_PLAIN;
        return NULL;
    }
    image->is_applied = flags & IMAGE_15_APPLY;
    switch (flags & (IMAGE_15_PGLZ | IMAGE_15_LZ4 | IMAGE_15_ZSTD)) {
    case 0:
        image->codec = WAL_IMAGE_PLAIN;
        return NULL;
    case IMAGE_15_PGLZ:
        image->codec = WAL_IMAGE_PGLZ;
        return NULL;
    case IMAGE_15_LZ4:
        image->codec = WAL_IMAGE_LZ4;
        return NULL;
    case IMAGE_15_ZSTD:
        image->codec = WAL_IMAGE_ZSTD;
        return NULL;
    default:
        return ERR(CORRUPT, "WAL image has the flags %02X, which name two ways of compression", flags);
    }
}

static bool image_fits(const WalImage *image, bool has_hole)
{
    const size_t length = image->bytes.len;
    if (image->codec == WAL_IMAGE_PLAIN ? length > PAGE_BYTES : length >= PAGE_BYTES)
        return false;
    if (!has_hole)
        return !image->hole_offset && !image->hole_bytes;
    return image->hole_offset && image->hole_bytes && length < PAGE_BYTES &&
           image->hole_offset + image->hole_bytes <= PAGE_BYTES;
}

/* Lengths only; the bytes are cut out when all headers are read. *taken: the bytes that the image's header took. */
__attribute__((noinline)) static Err *image_head(size_t *taken, WalImage *image, const PgVersion *version,
                                                 Span left)
{
    if (left.len < IMAGE_HEAD_BYTES)
        return short_record();
    const uint16_t length = get_u16(left.ptr);
    const unsigned flags = left.ptr[4];
    const bool has_hole = flags & IMAGE_HOLE;
    *taken = IMAGE_HEAD_BYTES;
    image->bytes.len = length;
    image->hole_offset = get_u16(left.ptr + 2);
    TRY(image_codec(image, version, flags));
    if (image->codec == WAL_IMAGE_PLAIN) {
        image->hole_bytes = length <= PAGE_BYTES ? (uint16_t)(PAGE_BYTES - length) : 0;
    } else if (has_hole) {
        *taken += IMAGE_HOLE_BYTES;
        if (left.len < *taken)
            return short_record();
        image->hole_bytes = get_u16(left.ptr + IMAGE_HEAD_BYTES);
    }
    if (!image_fits(image, has_hole))
        return ERR(CORRUPT, "WAL image of %u bytes does not fit its hole of %u bytes at %u, flags %02X",
                   length, image->hole_bytes, image->hole_offset, flags);
    return NULL;
}

/* The file and the block of a reference. */
static inline Err *block_place(WalBlock *b, Headers *h, unsigned flags)
{
    const bool is_same = flags & BLOCK_SAME_FILE;
    if (left_of(h) < (is_same ? BLOCK_NUMBER_BYTES : BLOCK_FILE_BYTES + BLOCK_NUMBER_BYTES))
        return short_record();
    if (!is_same) {
        b->file = (RelFile){{get_u32(h->at)}, {get_u32(h->at + 4)}, {get_u32(h->at + 8)}};
        h->at += BLOCK_FILE_BYTES;
        h->has_file = true;
    } else if (!h->has_file) {
        return ERR(CORRUPT, "WAL block reference %u repeats a file that none before it named", b->id);
    } else {
        b->file = b[-1].file;
    }
    b->block = get_u32(h->at);
    h->at += BLOCK_NUMBER_BYTES;
    return b->block == NO_BLOCK ? ERR(CORRUPT, "WAL block reference %u names no block", b->id) : NULL;
}

static inline Err *block_head(WalBlock *b, Headers *h, const PgVersion *version, uint8_t id)
{
    if (h->block_count && id <= b[-1].id)
        return ERR(CORRUPT, "WAL block reference %u follows reference %u", id, b[-1].id);
    if (left_of(h) < BLOCK_HEAD_BYTES)
        return short_record();
    const unsigned flags = h->at[0];
    const uint16_t data_bytes = get_u16(h->at + 1);
    h->at += BLOCK_HEAD_BYTES;
    if ((flags & BLOCK_FORK) >= PG_FORK_COUNT)
        return ERR(CORRUPT, "WAL block reference %u names fork %u, expected 0 to 3", id, flags & BLOCK_FORK);
    if (!(flags & BLOCK_DATA) != !data_bytes)
        return ERR(CORRUPT, "WAL block reference %u has %u bytes of data and the flags %02X", id, data_bytes,
                   flags);
    *b = (WalBlock){
        .id = id,
        .fork = (PgFork)(flags & BLOCK_FORK),
        .is_initialised = flags & BLOCK_WILL_INIT,
        .has_image = flags & BLOCK_IMAGE,
        .data.len = data_bytes,
    };
    if (flags & BLOCK_IMAGE) {
        size_t taken;
        TRY(image_head(&taken, &b->image, version, span_of(h->at, left_of(h))));
        h->at += taken;
    }
    h->announced += data_bytes + b->image.bytes.len;
    h->block_count++;
    return block_place(b, h, flags);
}

/* A header with a number of `bytes` bytes, at most 4, little-endian. */
static inline Err *number_head(uint32_t *out, Headers *h, size_t bytes)
{
    uint32_t number = 0;
    if (left_of(h) < bytes)
        return short_record();
    for (size_t i = 0; i < bytes; i++)
        number |= (uint32_t)h->at[i] << 8 * i;
    h->at += bytes;
    *out = number;
    return NULL;
}

static inline Err *other_head(WalRecord *out, Headers *h, uint8_t id)
{
    uint32_t number = 0;
    switch (id) {
    case ID_MAIN_SHORT:
        TRY(number_head(&number, h, 1));
        break;
    case ID_MAIN_LONG:
        TRY(number_head(&number, h, 4));
        break;
    case ID_ORIGIN:
        TRY(number_head(&number, h, 2));
        out->origin = (uint16_t)number;
        return NULL;
    case ID_TOP_XID:
        return number_head(&out->top_xid.id, h, 4);
    default:
        return ERR(CORRUPT, "WAL record has a part with the unknown id %u", id);
    }
    h->main_bytes = number;
    h->announced += number;
    return NULL;
}

Err *wal_record_decode(WalRecord *out, const PgVersion *version, Span bytes)
{
    if (bytes.len < WAL_RECORD_HEAD_BYTES || get_u32(bytes.ptr) != bytes.len)
        return ERR(CORRUPT, "WAL record of %zu bytes says it has %" PRIu32, bytes.len,
                   bytes.len < 4 ? 0 : get_u32(bytes.ptr));
    out->head = wal_record_head_decode(bytes.ptr);
    out->top_xid.id = 0;
    out->origin = 0;

    Headers h = {.at = bytes.ptr + WAL_RECORD_HEAD_BYTES, .end = bytes.ptr + bytes.len};
    /* The main data's header is the last one: what follows it is data. */
    while (!h.main_bytes && left_of(&h) > h.announced) {
        const uint8_t id = *h.at++;
        if (id < WAL_RECORD_BLOCKS_MAX)
            TRY(block_head(&out->blocks[h.block_count], &h, version, id));
        else
            TRY(other_head(out, &h, id));
    }
    if (left_of(&h) != h.announced)
        return ERR(CORRUPT, "WAL record has %zu bytes of data, its headers announce %zu", left_of(&h),
                   h.announced);

    /* All of it is there: the lengths add up. */
    const uint8_t *data = h.at;
    for (unsigned i = 0; i < h.block_count; i++) {
        WalBlock *const b = &out->blocks[i];
        b->image.bytes.ptr = data;
        b->data.ptr = data + b->image.bytes.len;
        data = b->data.ptr + b->data.len;
    }
    out->block_count = h.block_count;
    out->main = (Span){data, h.main_bytes};
    return NULL;
}
