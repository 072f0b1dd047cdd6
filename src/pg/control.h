/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * pg/control.h - the control file, global/pg_control
 *
 * The one file that says what a data directory is: whose cluster, which version, in which state, from which checkpoint
 * recovery starts. A running server rewrites it in place, so a reader can meet half of the old and half of the new
 * content. A wrong CRC is therefore an outcome and no error yet: read again, and believe it is damaged when the same
 * wrong CRC shows twice (as src/common/controldata_utils.c does), then ask control_crc_error() for the words.
 *
 * Layout: src/include/catalog/pg_control.h; field by field in pg/FORMATS.md.
 */
#pragma once

#include "base/ids.h"
#include "base/instant.h"
#include "pg/version.h"

/* The file's size; what is behind the structure is zero. */
enum { CONTROL_FILE_BYTES = 8192 };

typedef enum ControlState {
    CONTROL_STARTING_UP,
    CONTROL_SHUT_DOWN,
    CONTROL_SHUT_DOWN_IN_RECOVERY,
    CONTROL_SHUTTING_DOWN,
    CONTROL_IN_CRASH_RECOVERY,
    CONTROL_IN_ARCHIVE_RECOVERY,
    CONTROL_IN_PRODUCTION,
    CONTROL_STATE_COUNT
} ControlState;

typedef struct Checkpoint {
    Lsn redo; /* where recovery starts to read */
    Timeline timeline;
    Timeline previous_timeline; /* other than `timeline` only at the end of a recovery */
    bool full_page_writes;
    uint64_t next_full_xid; /* epoch in the upper half */
    Oid next_oid;
    Xid oldest_xid;
    Instant time; /* whole seconds */
} Checkpoint;

/* Settings that a standby or a restored cluster must have at least as high, and two that change what WAL says. */
typedef struct ControlSettings {
    uint32_t wal_level; /* 0 minimal, 1 replica, 2 logical */
    bool wal_log_hints;
    bool track_commit_timestamp;
    uint32_t max_connections;
    uint32_t max_worker_processes;
    uint32_t max_wal_senders;
    uint32_t max_prepared_transactions;
    uint32_t max_locks_per_transaction;
} ControlSettings;

typedef struct ControlFile {
    const PgVersion *version;
    SystemId system_id;
    ControlState state;
    Instant time; /* of the last update, whole seconds */
    Lsn checkpoint_lsn;
    Checkpoint checkpoint;
    Lsn min_recovery_point; /* 0 outside of archive recovery */
    Timeline min_recovery_timeline;
    Lsn backup_start; /* 0 unless recovering from a backup whose end was not reached yet */
    Lsn backup_end;
    bool backup_end_required;
    ControlSettings settings;
    uint32_t relation_segment_blocks;
    uint32_t wal_segment_bytes;
    uint32_t data_checksum_version; /* 0: pages carry no checksums */
} ControlFile;

typedef struct ControlCrc {
    uint32_t stored;
    uint32_t computed;
} ControlCrc;

static inline bool control_crc_is_good(ControlCrc crc)
{
    return crc.stored == crc.computed;
}

/* Decodes the whole file. `*crc` is always set on success, `*out` only when the CRC is good. CORRUPT for another size
 * or values that cannot be; UNSUPPORTED for another major, block size or byte layout, naming the value. */
MUST Err *control_decode(ControlFile *out, ControlCrc *crc, Span bytes);

/* CORRUPT, naming both values. */
MUST Err *control_crc_error(ControlCrc crc);

/* "in production", "shut down": the words of pg_controldata. */
const char *control_state_text(ControlState state);

/* Was the server stopped in order, as primary or as standby? */
bool control_state_is_shut_down(ControlState state);
