/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * base/ids.h - PostgreSQL's numbers as types of their own
 *
 * One-member structs, so that an LSN never lands where a timeline belongs. Values are plain data: compare and compute
 * on the member. Text forms are PostgreSQL's: LSN "16/B374D848", timeline in decimal for people.
 */
#pragma once

#include "base/err.h"

#include <stdint.h>

typedef struct Lsn {
    uint64_t at; /* byte position in the WAL stream; 0 is invalid */
} Lsn;

typedef struct Timeline {
    uint32_t id; /* from 1; 0 is invalid */
} Timeline;

typedef struct Oid {
    uint32_t id;
} Oid;

typedef struct Xid {
    uint32_t id; /* 0 is invalid; wraps around */
} Xid;

typedef struct SystemId {
    uint64_t id;
} SystemId;

/* A relation's file name: tablespace, database (0 for shared), relfilenode. */
typedef struct RelFile {
    Oid tablespace;
    Oid database;
    Oid number;
} RelFile;

static inline bool rel_file_equal(RelFile a, RelFile b)
{
    /* One branch, for whoever compares with every record of WAL. */
    return ((a.number.id ^ b.number.id) | (a.database.id ^ b.database.id) |
            (a.tablespace.id ^ b.tablespace.id)) == 0;
}

typedef struct LsnText {
    char text[20];
} LsnText;

typedef struct SystemIdText {
    char text[24];
} SystemIdText;

LsnText lsn_text(Lsn lsn);
/* "X/X", each part 1 to 8 hexadecimal digits. USAGE on anything else. */
MUST Err *lsn_parse(Lsn *out, const char *text);

static inline bool lsn_is_valid(Lsn lsn)
{
    return lsn.at != 0;
}

static inline Lsn lsn_min(Lsn a, Lsn b)
{
    return a.at < b.at ? a : b;
}

static inline Lsn lsn_max(Lsn a, Lsn b)
{
    return a.at > b.at ? a : b;
}

SystemIdText system_id_text(SystemId system_id);
/* Decimal digits. USAGE on anything else. */
MUST Err *system_id_parse(SystemId *out, const char *text);
