/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * db/server.h - what a live server says about itself
 *
 * Everything here is one or two statements on system views that exist alike in PostgreSQL 13 to 18. Texts live in the
 * arena of the caller. A role needs pg_monitor (or pg_read_all_settings) to see paths; without, DENIED says so.
 */
#pragma once

#include "db/connection.h"

/* What the connected role may do; has_function_privilege() and its like. */
typedef struct ServerRights {
    bool is_superuser;
    bool can_backup; /* start and stop */
    bool can_switch_wal;
    bool can_mark_restore; /* pg_create_restore_point */
    bool can_set; /* ALTER SYSTEM on archive_command (a right that 13 and 14 give to superusers only) */
    bool can_reload;
} ServerRights;

typedef struct ServerInfo {
    int version;              /* server_version_num */
    int major;                /* 13..18 */
    const char *version_text; /* "15.20 (Debian …)" */
    SystemId system_id;
    uint32_t catalog_version;
    uint32_t wal_segment_bytes;
    uint32_t block_bytes, wal_block_bytes;
    uint32_t segment_blocks; /* blocks of a relation segment file */
    Timeline timeline;       /* inserting into; in recovery: that of the last restartpoint */
    bool is_in_recovery;
    bool has_checksums;
    bool has_full_page_writes;
    Instant started; /* the postmaster */

    const char *data_directory;
    const char *config_file, *hba_file, *ident_file;
    const char *socket_directories; /* comma-separated, as set */
    int port;

    const char *wal_level;
    const char *archive_mode;    /* off, on, always */
    const char *archive_command; /* NULL when empty, as the next */
    const char *archive_library; /* from 15 on */
    int archive_timeout_s;
    ServerRights rights;
} ServerInfo;

MUST Err *server_info_read(ServerInfo *out, Connection *connection, Arena *arena);

/* Positions at one moment. Primary: insert, written, flushed. Standby: received (0 without streaming), replayed. */
typedef struct ServerPosition {
    bool is_in_recovery;
    Lsn inserted, written, flushed;
    Lsn received, replayed;
    Instant last_replayed_commit; /* INSTANT_NONE on a primary, or when nothing was replayed */
    Instant now;                  /* the server's clock */
} ServerPosition;

MUST Err *server_position_read(ServerPosition *out, Connection *connection);

/* pg_stat_archiver: what the server itself thinks of its archiving. */
typedef struct ServerArchiver {
    uint64_t archived_count, failed_count;
    const char *last_archived, *last_failed; /* file names; NULL for none */
    Instant last_archived_time, last_failed_time;
    Instant stats_reset;
    Instant now;
} ServerArchiver;

MUST Err *server_archiver_read(ServerArchiver *out, Connection *connection, Arena *arena);

typedef struct ServerTablespace {
    Oid oid;
    const char *name;
    const char *location; /* absolute, or "pg_tblspc/OID" for one in place */
} ServerTablespace;

/* All but pg_default and pg_global, by OID. */
MUST Err *server_tablespaces_read(const ServerTablespace **out, size_t *count, Connection *connection,
                                  Arena *arena);

typedef struct ServerDatabase {
    Oid oid;
    const char *name;
    Oid tablespace;
    const char *encoding; /* "UTF8" */
    const char *collate, *ctype;
    const char *locale;            /* of ICU or the builtin provider; NULL for libc */
    const char *provider;          /* c libc, i ICU, b builtin (17); "c" before 15 */
    const char *collation_version; /* recorded at creation; NULL before 15 or when there is none */
    const char *actual_version;    /* of the library now */
    bool is_template;
    bool can_connect;
} ServerDatabase;

/* Every database, by OID. What lives inside each needs a connection of its own (DbOptions.dbname). */
MUST Err *server_databases_read(const ServerDatabase **out, size_t *count, Connection *connection,
                                Arena *arena);
