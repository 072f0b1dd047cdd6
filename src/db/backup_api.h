/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * db/backup_api.h - between start and stop the server guarantees that a copy of its files can be recovered
 *
 * start: the server checkpoints, forces full-page images, and names the LSN where recovery of the copy begins. stop:
 * it names the LSN that recovery must reach and hands over backup_label and tablespace_map, to be stored byte for
 * byte. The non-exclusive form is used on every major (pg_start_backup/pg_stop_backup in 13 and 14, pg_backup_start/
 * pg_backup_stop from 15 on; src/backend/access/transam/xlogfuncs.c): nothing is written into the data directory,
 * and a session that ends takes its backup with it, so a killed backup never leaves the server in backup mode.
 *
 * The server is not asked to wait for archiving (it sleeps a second even when there is nothing to wait for): the
 * caller proves by itself that the WAL is there.
 *
 * Ownership: the session borrows its Connection, which must outlive it and must not be closed in between; other
 * queries may run on it. Errors: DENIED names the GRANT; IO with the server's words when it is not in a state for
 * backups (wal_level, promoted meanwhile, full_page_writes off on a standby).
 */
#pragma once

#include "base/buf.h"
#include "db/connection.h"

typedef struct BackupSession BackupSession;

typedef struct BackupStartOptions {
    const char *label; /* at most 1024 bytes, no newline (the server refuses others) */
    bool is_fast;      /* checkpoint at once instead of spread over checkpoint_completion_target */
    DbWaitFn *on_wait; /* called every second while the checkpoint is awaited; may be NULL */
    void *wait_arg;
} BackupStartOptions;

typedef struct BackupStart {
    Lsn lsn; /* START WAL LOCATION */
    /* The timeline of that LSN. On a standby taken from pg_control; backup_label has the last word. */
    Timeline timeline;
    bool is_standby;
    Instant time; /* the server's clock after the start */
} BackupStart;

typedef struct BackupStop {
    Lsn lsn;   /* what recovery must reach */
    Buf label; /* backup_label, tablespace_map */
    Buf map;   /* empty without tablespaces */
    Instant time;
} BackupStop;

void backup_stop_done(BackupStop *stop);

/* Begins; a CANCELED start leaves the server as it was and the connection ended. */
MUST Err *backup_api_start(BackupSession **out, Connection *connection, const BackupStartOptions *options);
const BackupStart *backup_session_start(const BackupSession *session);

/* Ends the backup for good. Consumes `session`: backup_api_stop(&stop, TAKE(session)). */
MUST Err *backup_api_stop(BackupStop *out, BackupSession *session);
/* Abandons: ends the connection's session, and with it the backup. */
void backup_api_abandon(BackupSession **session);
