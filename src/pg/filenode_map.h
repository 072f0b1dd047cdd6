/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * pg/filenode_map.h - pg_filenode.map: where the catalogs are that cannot look themselves up
 *
 * pg_class and a few dozen others have no file number in pg_class; this file of each database folder, and of global/
 * for the shared ones, maps their OID to it. Layout: src/backend/utils/cache/relmapper.c.
 */
#pragma once

#include "base/bytes.h"
#include "base/ids.h"

/* 62 in 13 to 15, 64 from 16. */
enum { FILENODE_MAP_MAX = 64 };

typedef struct FilenodeMap {
    struct {
        Oid relation;
        Oid file;
    } entries[FILENODE_MAP_MAX];
    uint32_t count;
} FilenodeMap;

/* CORRUPT for a wrong size, magic, count or CRC. */
MUST Err *filenode_map_decode(FilenodeMap *out, Span bytes);

/* The file number of a mapped catalog; false when `relation` is not mapped here. */
bool filenode_map_find(Oid *file, const FilenodeMap *map, Oid relation);
