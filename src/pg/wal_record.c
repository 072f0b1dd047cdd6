/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "pg/wal_record.h"

#include "base/crc32c.h"
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

/* Of a reference: flags and length behind the id; the file, where it is named. */
enum { BLOCK_HEAD_BYTES = 3, BLOCK_FILE_BYTES = 12 };

/* Flags of an image. The first is common; the others were renumbered in 15, when lz4 and zstd came. */
enum { IMAGE_HOLE = 0x01 };
enum { IMAGE_14_COMPRESSED = 0x02, IMAGE_14_APPLY = 0x04 };
enum { IMAGE_15_APPLY = 0x02, IMAGE_15_PGLZ = 0x04, IMAGE_15_LZ4 = 0x08, IMAGE_15_ZSTD = 0x10 };

/* The headers announce data that lie behind the last of them; `announced` adds them up, and where it equals what is
 * left, the headers end. */
typedef struct Headers {
    Dec dec;
    const PgVersion *version;
    size_t announced;
    size_t main_bytes;
    bool has_file; /* some block named its file, so that the next may repeat it */
} Headers;

uint32_t wal_record_crc(Span bytes)
{
    const uint32_t body =
        crc32c_add(CRC32C_INIT, bytes.ptr + WAL_RECORD_HEAD_BYTES, bytes.len - WAL_RECORD_HEAD_BYTES);
    return crc32c_end(crc32c_add(body, bytes.ptr, WAL_RECORD_HEAD_BYTES - 4));
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

/* Lengths only; the bytes are cut out when all headers are read. */
static Err *image_head(WalImage *image, Headers *h)
{
    const uint16_t length = dec_u16(&h->dec);
    image->hole_offset = dec_u16(&h->dec);
    const unsigned flags = dec_u8(&h->dec);
    const bool has_hole = flags & IMAGE_HOLE;
    TRY(image_codec(image, h->version, flags));
    if (image->codec != WAL_IMAGE_PLAIN)
        image->hole_bytes = has_hole ? dec_u16(&h->dec) : 0;
    else
        image->hole_bytes = length <= PAGE_BYTES ? (uint16_t)(PAGE_BYTES - length) : 0;
    image->bytes.len = length;
    h->announced += length;

    const bool is_sound = has_hole ? image->hole_offset && image->hole_bytes && length < PAGE_BYTES &&
                                         image->hole_offset + image->hole_bytes <= PAGE_BYTES
                                   : !image->hole_offset && !image->hole_bytes;
    const bool length_fits = image->codec == WAL_IMAGE_PLAIN ? length <= PAGE_BYTES : length < PAGE_BYTES;
    if (!h->dec.is_short && (!is_sound || !length_fits))
        return ERR(CORRUPT, "WAL image of %u bytes does not fit its hole of %u bytes at %u, flags %02X",
                   length, image->hole_bytes, image->hole_offset, flags);
    return NULL;
}

static Err *block_head(WalRecord *out, Headers *h, uint8_t id)
{
    const WalBlock *const before = out->block_count ? &out->blocks[out->block_count - 1] : NULL;
    if (before && id <= before->id)
        return ERR(CORRUPT, "WAL block reference %u follows reference %u", id, before->id);
    WalBlock *const b = &out->blocks[out->block_count];
    *b = (WalBlock){.id = id};
    const uint8_t *const head = dec_next(&h->dec, BLOCK_HEAD_BYTES);
    if (!head)
        return NULL;
    const unsigned flags = head[0];
    if ((flags & BLOCK_FORK) >= PG_FORK_COUNT)
        return ERR(CORRUPT, "WAL block reference %u names fork %u, expected 0 to 3", id, flags & BLOCK_FORK);
    b->fork = (PgFork)(flags & BLOCK_FORK);
    b->is_initialised = flags & BLOCK_WILL_INIT;
    b->has_image = flags & BLOCK_IMAGE;
    b->data.len = get_u16(head + 1);
    h->announced += b->data.len;
    if (!(flags & BLOCK_DATA) != !b->data.len)
        return ERR(CORRUPT, "WAL block reference %u has %zu bytes of data and the flags %02X", id,
                   b->data.len, flags);
    if (b->has_image)
        TRY(image_head(&b->image, h));
    if (!(flags & BLOCK_SAME_FILE)) {
        const uint8_t *const file = dec_next(&h->dec, BLOCK_FILE_BYTES);
        if (!file)
            return NULL;
        b->file = (RelFile){{get_u32(file)}, {get_u32(file + 4)}, {get_u32(file + 8)}};
        h->has_file = true;
    } else if (!h->has_file) {
        return ERR(CORRUPT, "WAL block reference %u repeats a file that none before it named", id);
    } else {
        b->file = before->file;
    }
    b->block = dec_u32(&h->dec);
    if (b->block == NO_BLOCK)
        return ERR(CORRUPT, "WAL block reference %u names no block", id);
    out->block_count++;
    return NULL;
}

static Err *main_head(Headers *h, size_t bytes)
{
    h->main_bytes = bytes;
    h->announced += bytes;
    return NULL;
}

static Err *one_head(WalRecord *out, Headers *h)
{
    const uint8_t id = dec_u8(&h->dec);
    if (id < WAL_RECORD_BLOCKS_MAX)
        return block_head(out, h, id);
    switch (id) {
    case ID_MAIN_SHORT:
        return main_head(h, dec_u8(&h->dec));
    case ID_MAIN_LONG:
        return main_head(h, dec_u32(&h->dec));
    case ID_ORIGIN:
        out->origin = dec_u16(&h->dec);
        return NULL;
    case ID_TOP_XID:
        out->top_xid.id = dec_u32(&h->dec);
        return NULL;
    default:
        return ERR(CORRUPT, "WAL record has a part with the unknown id %u", id);
    }
}

Err *wal_record_decode(WalRecord *out, const PgVersion *version, Span bytes)
{
    if (bytes.len < WAL_RECORD_HEAD_BYTES || get_u32(bytes.ptr) != bytes.len)
        return ERR(CORRUPT, "WAL record of %zu bytes says it has %" PRIu32, bytes.len,
                   bytes.len < 4 ? 0 : get_u32(bytes.ptr));
    out->head = wal_record_head_decode(bytes.ptr);
    out->top_xid.id = 0;
    out->origin = 0;
    out->block_count = 0;

    Headers h = {.dec = dec_begin(span_cut(bytes, WAL_RECORD_HEAD_BYTES, bytes.len)), .version = version};
    /* The main data's header is the last one: what follows it is data. */
    while (!h.main_bytes && dec_left(&h.dec) > h.announced)
        TRY(one_head(out, &h));
    TRY(dec_end(&h.dec, "WAL record"));
    if (dec_left(&h.dec) != h.announced)
        return ERR(CORRUPT, "WAL record has %zu bytes of data, its headers announce %zu", dec_left(&h.dec),
                   h.announced);

    /* All of it is there: the lengths add up. */
    const uint8_t *data = h.dec.bytes.ptr + h.dec.at;
    for (unsigned i = 0; i < out->block_count; i++) {
        WalBlock *const b = &out->blocks[i];
        b->image.bytes.ptr = data;
        b->data.ptr = data + b->image.bytes.len;
        data = b->data.ptr + b->data.len;
    }
    out->main = (Span){data, h.main_bytes};
    return NULL;
}
