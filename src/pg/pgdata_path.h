/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * pg/pgdata_path.h - what a path of the data directory is, and whether a backup takes it
 *
 * Paths are relative to the data directory, '/'-separated, without a slash at either end. What stands below
 * pg_tblspc/OID is the content of that tablespace. The rules are those of the server's own base backup
 * (src/backend/backup/basebackup.c; replication/basebackup.c in 13 and 14); the same for all majors but for
 * pg_wal/summaries, which came with 17. A path says nothing about whether it is a folder: the caller knows.
 *
 * One rule needs more than the path, see pgdata_relation_is_unlogged().
 */
#pragma once

#include "base/bytes.h"
#include "pg/relation.h"

typedef enum PgdataKind {
    PGDATA_OTHER, /* a plain file or folder */
    PGDATA_RELATION,
    PGDATA_CONTROL,      /* global/pg_control: read last from a standby, written last by a restore */
    PGDATA_CONFIG,       /* postgresql.conf, postgresql.auto.conf, pg_hba.conf, pg_ident.conf */
    PGDATA_TABLESPACE,   /* pg_tblspc/OID: a link, or the folder of a tablespace in place */
    PGDATA_WAL_FOLDER,   /* pg_wal and its folders, which are kept; they must exist after a restore */
    PGDATA_WAL_FILE,     /* anything else in there: the archive has it */
    PGDATA_EMPTY_FOLDER, /* kept without its content, which is PGDATA_EXCLUDED */
    PGDATA_TEMPORARY,    /* a temporary relation */
    PGDATA_EXCLUDED,
} PgdataKind;

typedef struct PgdataPath {
    PgdataKind kind;
    RelationFile relation; /* of PGDATA_RELATION */
    Oid tablespace;        /* of PGDATA_TABLESPACE, and of all that is below it; 0 outside of pg_tblspc */
} PgdataPath;

PgdataPath pgdata_path_classify(const char *path, const PgVersion *version);

/* Does a backup of a running server take it? (One of a stopped server takes WAL files too.) */
bool pgdata_kind_is_backed_up(PgdataKind kind);

/* Is it a fork of an unlogged relation that recovery makes anew, everything but the init fork? `names` are the file
 * names of its folder, sorted bytewise; those that end in _init will do. */
bool pgdata_relation_is_unlogged(const RelationFile *relation, const char *const *names, size_t count);

/* May a file of this name be written below a data directory? Refuses what leads out of it (absolute, "..") or has two
 * spellings ("." and empty parts), NUL bytes, and more than PGDATA_PATH_MAX bytes. `path` needs no NUL at its end. */
bool pgdata_path_is_safe(Span path);
