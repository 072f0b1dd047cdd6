/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/manifest_line.h - a line of a manifest's leaf
 *
 * Two readers. manifest_line_parse() takes everything the format allows. manifest_line_scan() knows nothing but lines as
 * our writer makes them, and says no to all others, be they right or wrong: a parser for all of JSON costs a cluster of a
 * million files seconds. What the scanner takes, the parser would take too and read the same.
 *
 * Format: repo/FORMAT.md, "Manifest".
 */
#pragma once

#include "repo/json_lines.h"
#include "repo/manifest_priv.h"

typedef struct LabelList {
    const BackupLabel *labels;
    size_t count;
} LabelList;

/* Where lines come from, and where goes what they say. */
typedef struct LineIn {
    const JsonLines *lines; /* for messages */
    LabelList labels;       /* of the leaf */
    Arena *arena;           /* of texts */
    Buf *extents;           /* of Extent; each line appends its own */
} LineIn;

typedef enum LineKind { LINE_ENTRY, LINE_MORE } LineKind;

typedef struct ManifestLine {
    ManifestEntry entry; /* without extents; of LINE_MORE only the path */
    size_t extents;      /* how many the line has */
    bool has_more;       /* the next line goes on with the entry */
} ManifestLine;

/* The line cut last from `in->lines`. CORRUPT, UNSUPPORTED: then extents may have been appended. */
MUST Err *manifest_line_read(ManifestLine *out, const LineIn *in, Span text, LineKind kind);

MUST Err *manifest_line_parse(ManifestLine *out, const LineIn *in, Span text, LineKind kind);
/* False: it is no such line, and nothing was appended. */
bool manifest_line_scan(ManifestLine *out, const LineIn *in, Span text, LineKind kind);

/* Appends extent `at` of a line, counted from 0: what its columns say counts on from the one appended before it. False
 * when there is no such extent, or the entry has too many. */
bool line_extent_add(const LineIn *in, size_t at, const int64_t values[COLUMNS]);
