/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "pg/control.h"

#include "base/crc32c.h"
#include "base/limits.h"
#include "pg/wal_name.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* Byte offsets in the file; the same in 13 to 18 up to the data checksum version. */
enum {
    AT_SYSTEM_ID = 0,
    AT_CONTROL_VERSION = 8,
    AT_CATALOG_VERSION = 12,
    AT_STATE = 16,
    AT_TIME = 24,
    AT_CHECKPOINT_LSN = 32,
    AT_CHECKPOINT = 40,
    AT_MIN_RECOVERY_POINT = 136,
    AT_MIN_RECOVERY_TIMELINE = 144,
    AT_BACKUP_START = 152,
    AT_BACKUP_END = 160,
    AT_BACKUP_END_REQUIRED = 168,
    AT_SETTINGS = 172,
    AT_MAX_ALIGN = 204,
    AT_FLOAT = 208,
    AT_BLOCK_BYTES = 216,
    AT_RELATION_SEGMENT = 220,
    AT_WAL_BLOCK_BYTES = 224,
    AT_WAL_SEGMENT = 228,
    AT_CHECKSUM_VERSION = 252,
    AT_CRC_13_TO_17 = 288,
    AT_CRC_18 = 292,
    /* Where majors we do not know may have it: 19 has it at 308. */
    AT_CRC_UNKNOWN_LAST = 384,
};

/* Offsets within the copy of the checkpoint record. */
enum {
    AT_REDO = 0,
    AT_TIMELINE = 8,
    AT_PREVIOUS_TIMELINE = 12,
    AT_FULL_PAGE_WRITES = 16,
    AT_NEXT_XID = 24,
    AT_NEXT_OID = 32,
    AT_OLDEST_XID = 44,
    AT_CHECKPOINT_TIME = 64,
};

static const char *const state_texts[CONTROL_STATE_COUNT] = {
    "starting up",       "shut down",           "shut down in recovery", "shutting down",
    "in crash recovery", "in archive recovery", "in production",
};

const char *control_state_text(ControlState state)
{
    assert(state < CONTROL_STATE_COUNT);
    return state_texts[state];
}

bool control_state_is_shut_down(ControlState state)
{
    return state == CONTROL_SHUT_DOWN || state == CONTROL_SHUT_DOWN_IN_RECOVERY;
}

Err *control_crc_error(ControlCrc crc)
{
    return err_hint(
        ERR(CORRUPT, "control file CRC is %08" PRIx32 ", computed %08" PRIx32, crc.stored, crc.computed),
        "global/pg_control is damaged; restore a backup, or take the file from a good copy");
}

/* pg_time_t counts seconds. A value outside of what an Instant holds is no time at all. */
static Instant instant_of_seconds(uint64_t raw)
{
    int64_t us;
    if (__builtin_mul_overflow((int64_t)raw, INT64_C(1000000), &us))
        return INSTANT_NONE;
    return (Instant){us};
}

static ControlCrc crc_at(Span bytes, size_t offset)
{
    return (ControlCrc){.stored = get_u32(bytes.ptr + offset),
                        .computed = crc32c(span_cut(bytes, 0, offset))};
}

/* A major that we do not know is told from a damaged file by a good CRC at any place where it could be. */
static bool is_sound_at_any_place(Span bytes)
{
    for (size_t offset = AT_CRC_13_TO_17; offset <= AT_CRC_UNKNOWN_LAST; offset += 4) {
        if (control_crc_is_good(crc_at(bytes, offset)))
            return true;
    }
    return false;
}

static Checkpoint checkpoint_decode(const uint8_t *p)
{
    return (Checkpoint){
        .redo = {get_u64(p + AT_REDO)},
        .timeline = {get_u32(p + AT_TIMELINE)},
        .previous_timeline = {get_u32(p + AT_PREVIOUS_TIMELINE)},
        .full_page_writes = p[AT_FULL_PAGE_WRITES] != 0,
        .next_full_xid = get_u64(p + AT_NEXT_XID),
        .next_oid = {get_u32(p + AT_NEXT_OID)},
        .oldest_xid = {get_u32(p + AT_OLDEST_XID)},
        .time = instant_of_seconds(get_u64(p + AT_CHECKPOINT_TIME)),
    };
}

static ControlSettings settings_decode(const uint8_t *p)
{
    return (ControlSettings){
        .wal_level = get_u32(p),
        .wal_log_hints = p[4] != 0,
        .max_connections = get_u32(p + 8),
        .max_worker_processes = get_u32(p + 12),
        .max_wal_senders = get_u32(p + 16),
        .max_prepared_transactions = get_u32(p + 20),
        .max_locks_per_transaction = get_u32(p + 24),
        .track_commit_timestamp = p[28] != 0,
    };
}

static Err *unsupported_size(const char *what, uint32_t is, uint32_t expected)
{
    return err_hint(
        ERR(UNSUPPORTED, "the cluster's %s is %" PRIu32 ", expected %" PRIu32, what, is, expected),
        "only servers built with the default block sizes for x86-64 are read");
}

/* The CRC is good, so what does not fit is another build of PostgreSQL, or nonsense that was written with care. */
static Err *values_check(const uint8_t *p, const PgVersion *version)
{
    static const uint8_t float_bytes[8] = {0, 0, 0, 0, 0x87, 0xd6, 0x32, 0x41}; /* 1234567.0 */
    const uint32_t control_version = get_u32(p + AT_CONTROL_VERSION);
    if (control_version != version->control_version)
        return ERR(UNSUPPORTED, "control file version is %" PRIu32 ", PostgreSQL %" PRIu32 " has %" PRIu32,
                   control_version, version->major, version->control_version);
    if (get_u32(p + AT_BLOCK_BYTES) != PAGE_BYTES)
        return unsupported_size("block size", get_u32(p + AT_BLOCK_BYTES), PAGE_BYTES);
    if (get_u32(p + AT_WAL_BLOCK_BYTES) != PAGE_BYTES)
        return unsupported_size("WAL block size", get_u32(p + AT_WAL_BLOCK_BYTES), PAGE_BYTES);
    if (get_u32(p + AT_MAX_ALIGN) != 8)
        return unsupported_size("alignment", get_u32(p + AT_MAX_ALIGN), 8);
    if (memcmp(p + AT_FLOAT, float_bytes, sizeof float_bytes) != 0)
        return ERR(UNSUPPORTED, "the cluster's floating point format is not that of x86-64");
    if (get_u32(p + AT_STATE) >= CONTROL_STATE_COUNT)
        return ERR(CORRUPT, "control file state is %" PRIu32 ", the highest known is %d",
                   get_u32(p + AT_STATE), CONTROL_STATE_COUNT - 1);
    if (!wal_segment_bytes_is_valid(get_u32(p + AT_WAL_SEGMENT)))
        return ERR(CORRUPT,
                   "control file WAL segment size is %" PRIu32 ", no power of two from 1 MiB to 1 GiB",
                   get_u32(p + AT_WAL_SEGMENT));
    if (get_u32(p + AT_RELATION_SEGMENT) == 0)
        return ERR(CORRUPT, "control file relation segment size is 0 blocks");
    return NULL;
}

static ControlFile file_decode(const uint8_t *p, const PgVersion *version)
{
    return (ControlFile){
        .version = version,
        .system_id = {get_u64(p + AT_SYSTEM_ID)},
        .state = (ControlState)get_u32(p + AT_STATE),
        .time = instant_of_seconds(get_u64(p + AT_TIME)),
        .checkpoint_lsn = {get_u64(p + AT_CHECKPOINT_LSN)},
        .checkpoint = checkpoint_decode(p + AT_CHECKPOINT),
        .min_recovery_point = {get_u64(p + AT_MIN_RECOVERY_POINT)},
        .min_recovery_timeline = {get_u32(p + AT_MIN_RECOVERY_TIMELINE)},
        .backup_start = {get_u64(p + AT_BACKUP_START)},
        .backup_end = {get_u64(p + AT_BACKUP_END)},
        .backup_end_required = p[AT_BACKUP_END_REQUIRED] != 0,
        .settings = settings_decode(p + AT_SETTINGS),
        .relation_segment_blocks = get_u32(p + AT_RELATION_SEGMENT),
        .wal_segment_bytes = get_u32(p + AT_WAL_SEGMENT),
        .data_checksum_version = get_u32(p + AT_CHECKSUM_VERSION),
    };
}

Err *control_decode(ControlFile *out, ControlCrc *crc, Span bytes)
{
    if (bytes.len != CONTROL_FILE_BYTES)
        return ERR(CORRUPT, "control file has %zu bytes, expected %d", bytes.len, CONTROL_FILE_BYTES);
    const PgVersion *version = NULL;
    Err *unknown = pg_version_of_catalog(&version, get_u32(bytes.ptr + AT_CATALOG_VERSION));
    if (unknown && is_sound_at_any_place(bytes))
        return unknown;
    err_free(&unknown);

    const bool is_18 = version && version->major >= 18;
    const ControlCrc found = crc_at(bytes, is_18 ? AT_CRC_18 : AT_CRC_13_TO_17);
    if (control_crc_is_good(found)) {
        TRY(values_check(bytes.ptr, version));
        *out = file_decode(bytes.ptr, version);
    }
    *crc = found;
    return NULL;
}
