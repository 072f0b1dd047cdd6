/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "pg/xact.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum { OP_MASK = 0x70, HAS_FLAGS = 0x80 };

/* XACT_XINFO_HAS_* of src/include/access/xact.h. The parts stand in this order, not in that of the numbers. */
enum {
    HAS_DATABASE = 0x001,
    HAS_SUBXACTS = 0x002,
    HAS_FILES = 0x004,
    HAS_DROPPED_STATS = 0x100, /* 15 and later */
    HAS_INVALIDATIONS = 0x008, /* commits only */
    HAS_PREPARED = 0x010,
    HAS_PREPARED_NAME = 0x080, /* only together with HAS_PREPARED */
    HAS_ORIGIN = 0x020,
};

enum { SUBXACT_BYTES = 4, FILE_BYTES = 12, INVALIDATION_BYTES = 16 };

static XactOp op_of(const WalRecordHead *head)
{
    return (XactOp)(head->info & OP_MASK);
}

/* A count and so many items; the product cannot overflow 64 bits. */
static Span counted(uint32_t *count, Dec *dec, size_t item_bytes)
{
    *count = dec_u32(dec);
    const uint64_t bytes = (uint64_t)*count * item_bytes;
    return dec_bytes(dec, bytes);
}

static size_t stats_item_bytes(const PgVersion *version)
{
    return version->major < 18 ? 12 : 16;
}

static Err *prepared_part(XactEnd *x, Dec *dec)
{
    x->xid.id = dec_u32(dec);
    if (!(x->flags & HAS_PREPARED_NAME))
        return NULL;
    const Span left = {dec->bytes.ptr + dec->at, dec_left(dec)};
    const uint8_t *const end = left.len ? memchr(left.ptr, 0, left.len) : NULL;
    if (!end)
        return ERR(CORRUPT, "the name of a prepared transaction does not end in its WAL record");
    x->prepared_name = span_of(left.ptr, (size_t)(end - left.ptr));
    dec_skip(dec, x->prepared_name.len + 1);
    return NULL;
}

/* The record: head, id 255 of short main data, their length, the time. */
bool xact_end_matches(XactEnd *out, const WalRecordHead *head, Span bytes)
{
    enum { TIME_AT = WAL_RECORD_HEAD_BYTES + 2, TIME_BYTES = 8 };
    const int op = head->info & (OP_MASK | HAS_FLAGS);
    if (head->manager != WAL_XACT || (op != XACT_COMMIT && op != XACT_ABORT) ||
        bytes.len != TIME_AT + TIME_BYTES || bytes.ptr[WAL_RECORD_HEAD_BYTES] != 255 ||
        bytes.ptr[TIME_AT - 1] != TIME_BYTES)
        return false;
    *out = (XactEnd){
        .op = (XactOp)op,
        .xid = head->xid,
        .time = instant_from_pg((int64_t)get_u64(bytes.ptr + TIME_AT)),
        .origin_time = INSTANT_NONE,
    };
    return true;
}

Err *xact_end_decode(XactEnd *out, const PgVersion *version, const WalRecord *record)
{
    assert(xact_is_end(&record->head));
    XactEnd x = {.op = op_of(&record->head), .xid = record->head.xid, .origin_time = INSTANT_NONE};
    Dec dec = dec_begin(record->main);
    x.time = instant_from_pg((int64_t)dec_u64(&dec));
    x.flags = record->head.info & HAS_FLAGS ? dec_u32(&dec) : 0;
    if (x.flags & HAS_DATABASE) {
        x.database.id = dec_u32(&dec);
        dec_skip(&dec, 4); /* its tablespace */
    }
    if (x.flags & HAS_SUBXACTS)
        x.subxacts = counted(&x.subxact_count, &dec, SUBXACT_BYTES);
    if (x.flags & HAS_FILES)
        x.files = counted(&x.file_count, &dec, FILE_BYTES);
    if (x.flags & HAS_DROPPED_STATS)
        x.dropped_stats = counted(&x.dropped_stats_count, &dec, stats_item_bytes(version));
    if (x.flags & HAS_INVALIDATIONS && xact_op_is_commit(x.op)) {
        uint32_t ignored;
        (void)counted(&ignored, &dec, INVALIDATION_BYTES);
    }
    if (x.flags & HAS_PREPARED)
        TRY(prepared_part(&x, &dec));
    if (x.flags & HAS_ORIGIN) {
        x.origin_lsn.at = dec_u64(&dec);
        x.origin_time = instant_from_pg((int64_t)dec_u64(&dec));
    }
    TRY(dec_end_exact(&dec, xact_op_is_commit(x.op) ? "WAL record of a commit" : "WAL record of an abort"));
    if ((x.op == XACT_COMMIT_PREPARED || x.op == XACT_ABORT_PREPARED) && !(x.flags & HAS_PREPARED))
        return ERR(CORRUPT,
                   "WAL record of a prepared transaction's end names no transaction, flags %04" PRIx32,
                   x.flags);
    *out = x;
    return NULL;
}

Xid xact_end_subxact(const XactEnd *end, uint32_t index)
{
    assert(index < end->subxact_count);
    return (Xid){get_u32(end->subxacts.ptr + (size_t)index * SUBXACT_BYTES)};
}

RelFile xact_end_file(const XactEnd *end, uint32_t index)
{
    assert(index < end->file_count);
    const uint8_t *const p = end->files.ptr + (size_t)index * FILE_BYTES;
    return (RelFile){{get_u32(p)}, {get_u32(p + 4)}, {get_u32(p + 8)}};
}
