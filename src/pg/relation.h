/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * pg/relation.h - which file holds which part of a relation
 *
 * A relation is a set of forks, a fork a row of segment files of at most relseg_size blocks each. Names and folders:
 * src/common/relpath.c, src/include/common/relpath.h. Paths are relative to the data directory and '/'-separated.
 */
#pragma once

#include "base/ids.h"
#include "pg/version.h"

/* The numbers are those of block references in WAL (ForkNumber). */
typedef enum PgFork { PG_FORK_MAIN, PG_FORK_FSM, PG_FORK_VM, PG_FORK_INIT, PG_FORK_COUNT } PgFork;

/* pg_tablespace.dat: the data directory's own two. */
enum { TABLESPACE_DEFAULT = 1663, TABLESPACE_GLOBAL = 1664 };

/* One segment file of one fork. */
typedef struct RelationFile {
    RelFile rel;
    PgFork fork;
    uint32_t segment; /* 0 has no suffix */
} RelationFile;

/* Long enough for any relation_path(). */
typedef struct RelationPath {
    char text[96];
} RelationPath;

/* "main", "fsm", "vm", "init" */
const char *pg_fork_name(PgFork fork);

/* "base/5/16384_fsm", "global/1262", "pg_tblspc/16385/PG_15_202209061/5/16390.1". */
RelationPath relation_path(const RelationFile *file, const PgVersion *version);

/* What a file name says, without its folder; `rel` gets only its number. False when it is no relation's. */
bool relation_name_parse(RelationFile *out, const char *name);

/* t<backend>_<number>[_fork][.segment]: a temporary relation's file. */
bool relation_name_is_temporary(const char *name);
