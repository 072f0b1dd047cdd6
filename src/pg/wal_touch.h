/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * pg/wal_touch.h - the one form that most WAL records have
 *
 * Inserts, updates and deletes of rows, entries of indexes, pruning: one block without an image, its file, then short
 * main data, nothing else. That they have this form is told by few looks at fixed places, and what an index of WAL wants
 * of them stands at fixed places too. A segment holds hundreds of thousands; all that is asked for with each of them is
 * inline here and with those who take them.
 *
 * In this order: head of the record; id 0, flags and length of data of the block; its file and number; id 255 and length
 * of the main data; both data. src/include/access/xlogrecord.h.
 */
#pragma once

#include "pg/wal_record.h"

/* The block's reference, borrowed from the record. */
typedef struct WalTouch {
    const uint8_t *at;
} WalTouch;

/* False for a record of any other form, and for an unsound one: wal_record_decode() tells what those are. `bytes` is
 * exactly the record. */
MUST static inline bool wal_touch_matches(WalTouch *out, Span bytes)
{
    enum { HEADS = WAL_RECORD_HEAD_BYTES + 22, FORK = 0x03, HAS_DATA = 0x20, WILL_INIT = 0x40 };
    if (bytes.len <= HEADS)
        return false;
    const uint8_t *const p = bytes.ptr + WAL_RECORD_HEAD_BYTES;
    const unsigned flags = p[1];
    const size_t data_bytes = get_u16(p + 2), main_bytes = p[21];
    if (p[0] != 0 || flags & 0xFFU & ~(unsigned)(FORK | HAS_DATA | WILL_INIT) || p[20] != 255)
        return false;
    if (!(flags & HAS_DATA) != !data_bytes || !main_bytes || get_u32(p + 16) == UINT32_MAX ||
        bytes.len != HEADS + data_bytes + main_bytes)
        return false;
    out->at = p;
    return true;
}

static inline PgFork wal_touch_fork(WalTouch touch)
{
    return (PgFork)(touch.at[1] & 0x03);
}

static inline RelFile wal_touch_file(WalTouch touch)
{
    return (RelFile){{get_u32(touch.at + 4)}, {get_u32(touch.at + 8)}, {get_u32(touch.at + 12)}};
}

static inline uint32_t wal_touch_block(WalTouch touch)
{
    return get_u32(touch.at + 16);
}
