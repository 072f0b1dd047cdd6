/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * pg/wal_record.h - one whole WAL record taken apart
 *
 * A record is a 24-byte head, then small headers without alignment: block references, replication origin, top-level
 * transaction, length of the main data; then, in the same order, the data they announced: per block its page image and
 * its payload, last the main data (src/include/access/xlogrecord.h, src/backend/access/transam/xlogreader.c). The
 * shape is the same for every resource manager, so unknown ones decode too; what the data mean is not decided here.
 *
 * Ownership: all spans borrow the record's bytes.
 */
#pragma once

#include "base/crc32c.h"
#include "base/ids.h"
#include "pg/relation.h"
#include "pg/version.h"

enum {
    WAL_RECORD_HEAD_BYTES = 24,
    WAL_RECORD_BLOCKS_MAX = 33, /* ids 0 to 32 */
};

/* Resource managers (src/include/access/rmgrlist.h), the same numbers in 13 to 18; 128 to 255 belong to extensions. */
typedef enum WalManager {
    WAL_XLOG = 0,
    WAL_XACT = 1,
    WAL_SMGR = 2,
    WAL_DBASE = 4,
    WAL_TBLSPC = 5,
    WAL_RELMAP = 7,
    WAL_STANDBY = 8,
    WAL_HEAP2 = 9,
    WAL_HEAP = 10,
    WAL_LOGICAL_MESSAGE = 21,
} WalManager;

/* Is it one of the managers below 32 whose bits are set? */
static inline bool wal_manager_is_in(uint8_t manager, uint32_t bits)
{
    return manager < 32 && bits >> manager & 1;
}

/* Operations of WAL_XLOG, `info & 0xF0` (src/include/catalog/pg_control.h). */
enum {
    WAL_XLOG_CHECKPOINT_SHUTDOWN = 0x00,
    WAL_XLOG_CHECKPOINT_ONLINE = 0x10,
    WAL_XLOG_SWITCH = 0x40,
    WAL_XLOG_BACKUP_END = 0x50,
    WAL_XLOG_PARAMETER_CHANGE = 0x60,
    WAL_XLOG_RESTORE_POINT = 0x70,
    WAL_XLOG_FPW_CHANGE = 0x80,
    WAL_XLOG_END_OF_RECOVERY = 0x90,
    WAL_XLOG_OVERWRITE_CONTRECORD = 0xD0,
    WAL_XLOG_CHECKPOINT_REDO = 0xE0, /* 17 and later */
};

/* Of `info`: the record changes files in a way of its own (src/include/access/xlogrecord.h). */
enum { WAL_RECORD_SPECIAL = 0x01 };

/* Operations of WAL_HEAP and WAL_HEAP2, `info & 0x70` (src/include/access/heapam_xlog.h). */
enum {
    WAL_HEAP_INSERT = 0x00,
    WAL_HEAP_DELETE = 0x10,
    WAL_HEAP_UPDATE = 0x20,
    WAL_HEAP_TRUNCATE = 0x30,
    WAL_HEAP_HOT_UPDATE = 0x40,
    WAL_HEAP2_MULTI_INSERT = 0x50,
};

typedef struct WalRecordHead {
    uint32_t total_bytes; /* with this head, without the padding to 8 that follows */
    Xid xid;              /* 0: belongs to no transaction */
    Lsn prev;             /* start of the record before */
    uint8_t info;         /* high four bits the manager's, low four the WAL layer's */
    uint8_t manager;      /* a WalManager, or another number */
    uint32_t crc;
} WalRecordHead;

typedef enum WalImageCodec { WAL_IMAGE_PLAIN, WAL_IMAGE_PGLZ, WAL_IMAGE_LZ4, WAL_IMAGE_ZSTD } WalImageCodec;

/* A page as it was. The hole between its lower and upper part, zeros, is left out. */
typedef struct WalImage {
    Span bytes; /* as they stand in the record, perhaps compressed */
    WalImageCodec codec;
    uint16_t hole_offset;
    uint16_t hole_bytes;
    bool is_applied; /* replay restores it; else it serves checking only */
} WalImage;

typedef struct WalBlock {
    uint8_t id; /* ascending, with gaps */
    PgFork fork;
    bool is_initialised; /* replay builds the page anew */
    bool has_image;
    RelFile file;
    uint32_t block;
    WalImage image; /* zero without has_image */
    Span data;
} WalBlock;

typedef struct WalRecord {
    WalRecordHead head;
    Xid top_xid;     /* 14 and later, for logical decoding; 0 when not given */
    uint16_t origin; /* replication origin; 0 when not given */
    unsigned block_count;
    Span main;
    WalBlock blocks[WAL_RECORD_BLOCKS_MAX]; /* the first block_count are set */
} WalRecord;

/* `bytes` points to at least WAL_RECORD_HEAD_BYTES. Nothing is judged. */
static inline WalRecordHead wal_record_head_decode(const uint8_t *bytes)
{
    return (WalRecordHead){
        .total_bytes = get_u32(bytes),
        .xid = {get_u32(bytes + 4)},
        .prev = {get_u64(bytes + 8)},
        .info = bytes[16],
        .manager = bytes[17],
        .crc = get_u32(bytes + 20),
    };
}

/* The checksum over a whole record, to be compared with head.crc. `bytes` has at least WAL_RECORD_HEAD_BYTES. */
static inline uint32_t wal_record_crc(Span bytes)
{
    return crc32c_wal_record(bytes.ptr, bytes.len);
}

/* Takes a whole record apart; `bytes` is exactly the record, its checksum is the caller's business. CORRUPT when it
 * does not add up; *out is then undefined (it is large and filled in place). */
MUST Err *wal_record_decode(WalRecord *out, const PgVersion *version, Span bytes);
