/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * pg/tablespace_map.h - which folder each tablespace lies in, as the server hands it out with backup_label
 *
 * "OID path" a line. A newline or carriage return in a path has a backslash before it. So has a backslash, but only in
 * the newer minor releases of 14 and later; older ones, and all of 13, leave backslashes bare, when they write and when
 * they read. The two ways differ only for paths with a backslash. At recovery the server makes the links of pg_tblspc
 * from this file. Source: xlog.c (read_tablespace_map), from 15 xlogbackup.c and xlogrecovery.c.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/ids.h"

typedef enum TablespaceMapStyle {
    TABLESPACE_MAP_ESCAPED, /* backslashes are doubled */
    TABLESPACE_MAP_BARE,    /* they are not */
} TablespaceMapStyle;

typedef struct TablespaceLink {
    Oid tablespace;
    const char *path;
} TablespaceLink;

typedef struct TablespaceMap {
    const TablespaceLink *links;
    size_t count;
} TablespaceMap;

/* What the text itself tells: a backslash that escapes nothing is never written by the newer releases. */
TablespaceMapStyle tablespace_map_style(Span text);

/* CORRUPT for a line without OID or path; LIMIT above TABLESPACE_MAP_BYTES_MAX. `out` lives in `arena`. */
MUST Err *tablespace_map_parse(TablespaceMap *out, Span text, TablespaceMapStyle style, Arena *arena);

/* Adds the file's content. UNSUPPORTED for a path that the style cannot carry (bare, and it ends in a backslash). */
MUST Err *tablespace_map_format(Buf *to, const TablespaceMap *map, TablespaceMapStyle style);
